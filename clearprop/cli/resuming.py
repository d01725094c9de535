"""``clearprop resume``: a run goes on where it was interrupted."""

from __future__ import annotations

import argparse

from clearprop.cli.runs import existing_run
from clearprop.cli.training import train
from clearprop.recipes.experiment import of_run
from clearprop.training.run_folder import read_config


def run(arguments: argparse.Namespace) -> int:
    """Go on with a run; returns the exit code."""
    folder = existing_run(arguments.RUN)
    experiment = of_run(read_config(folder), str(folder))
    return train(experiment, folder, report=not arguments.no_report, resume=True)
