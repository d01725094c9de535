"""``clearprop data show``: what is in a data set."""

from __future__ import annotations

import argparse

from clearprop import data
from clearprop.cli.output import say


def run(arguments: argparse.Namespace) -> int:
    """Describe a data set; returns the exit code."""
    options = {"target": arguments.target} if arguments.target is not None else {}
    say(str(data.describe(data.load(arguments.NAME, **options))))
    return 0
