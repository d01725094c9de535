"""``clearprop data list``: the data sets that have a name."""

from __future__ import annotations

import argparse

from clearprop import data
from clearprop.cli.output import aligned, say


def run(arguments: argparse.Namespace) -> int:
    """List the data sets; returns the exit code."""
    rows = [("name", "kind", "examples x shape", "licence")]
    rows += [(row.name, row.kind, row.size, row.licence) for row in data.list()]
    say("\n".join(aligned(rows)))
    say()
    say("Files and folders do as well: tables (.csv, .tsv, .parquet), arrays (.npz), texts (.txt),")
    say("pictures in a folder for each class, idx files in a folder.")
    return 0
