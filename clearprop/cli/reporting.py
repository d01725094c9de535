"""``clearprop report``: what happened inside a run, as one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from clearprop import nn
from clearprop.cli.output import say
from clearprop.cli.runs import existing_run, trained
from clearprop.glass.style import Drawing
from clearprop.recipes.experiment import Experiment, of_run
from clearprop.training import History, Run, read_run


class Told(NamedTuple):
    """What a recipe has to tell of a run beside its numbers and curves."""

    measures: dict[str, float]
    remarks: list[str]
    drawings: list[Drawing]


def run(arguments: argparse.Namespace) -> int:
    """Write the report of a run; returns the exit code."""
    folder = existing_run(arguments.RUN)
    record = read_run(folder)
    experiment = of_run(record.config, str(folder))
    model, _ = trained(folder)
    told = tell(experiment, model, record.history)
    say(f"report  {write(folder, experiment, told)}")
    return 0


def tell(experiment: Experiment, model: nn.Module, history: History) -> Told:
    """Return what a recipe has to tell of a trained model."""
    recipe, splits = experiment.recipe, experiment.splits
    return Told(
        recipe.measures(model, splits),
        recipe.remarks(model, history, splits),
        recipe.drawings(model, history, splits),
    )


def write(done: Run | Path, experiment: Experiment, told: Told) -> Path:
    """Write the report of a run into its folder and return its path.

    Args:
        done: the run, or its folder.
        experiment: gives the examples to judge by.
        told: what else there is to say and to show.
    """
    from clearprop import glass  # it draws, and what draws is slow to import

    return glass.write_report(
        done,
        experiment.splits,
        remarks=told.remarks,
        measures=told.measures,
        drawings=told.drawings,
    )
