"""``clearprop data list`` and ``clearprop data show``: list the data sets, or describe one."""

from __future__ import annotations

import argparse

from clearprop import data
from clearprop.cli.output import say
from clearprop.recipes.columns import aligned


def run_list(arguments: argparse.Namespace) -> int:
    """List the data sets; return the exit code."""
    rows = [("name", "kind", "examples x shape", "licence")]
    rows += [(row.name, row.kind, row.size, row.licence) for row in data.list()]
    say("\n".join(aligned(rows)))
    say()
    say("Files and folders do as well: tables (.csv, .tsv, .parquet), arrays (.npz), texts (.txt),")
    say("pictures in a folder for each class, idx files in a folder.")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Describe a data set; return the exit code."""
    options = {"target": arguments.target} if arguments.target is not None else {}
    say(str(data.describe(data.load(arguments.NAME, **options))))
    return 0
