"""``clearprop train``: a recipe is trained, judged and reported."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from clearprop import nn
from clearprop.cli.output import aligned, complain, percent, say, shown_error
from clearprop.cli.reporting import write
from clearprop.cli.runs import new_run
from clearprop.errors import RunError
from clearprop.recipes.configuration import assigned
from clearprop.recipes.experiment import Experiment, prepare
from clearprop.training import Run

INTERRUPTED = 130


def run(arguments: argparse.Namespace) -> int:
    """Train a recipe; returns the exit code."""
    experiment = prepare(arguments.RECIPE, chosen_values(arguments))
    with new_run(arguments.folder, arguments.RECIPE) as folder:
        return train(experiment, folder, report=not arguments.no_report)


def chosen_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the values of ``--set``, with ``--data`` and ``--target`` among them.

    Raises:
        ConfigurationError: no assignment, or a key is given twice.
    """
    shortcuts = {"data.name": arguments.data, "data.target": arguments.target}
    return assigned(
        [*arguments.values, *(f"{key}={text}" for key, text in shortcuts.items() if text)]
    )


def train(experiment: Experiment, folder: Path, *, report: bool, resume: bool = False) -> int:
    """Train an experiment, judge it, say how it went, and write the report; returns the exit code.

    Args:
        experiment: the recipe and its data.
        folder: where to write the run, or where it is.
        report: whether to write the report.
        resume: whether to go on with the run in the folder.
    """
    model, shell_name = experiment.model(), shlex.quote(str(folder))
    size = sum(weights.size for weights in nn.parameters(model).values())
    rows = [
        ("recipe", experiment.name),
        ("data", experiment.data_line),
        ("model", f"{size:,} parameters"),
        ("run", str(folder)),
    ]
    say("\n".join(aligned(rows)))
    try:
        done = experiment.train(folder, resume=resume)
    except RunError as error:
        if error.mend and "resume=True" in error.mend:
            error.mend = f"choose another folder, or go on: clearprop resume {shell_name}"
        raise
    if done.stopped.reason == "interrupted":
        complain(
            f"interrupted after {done.stopped.step:,} steps; the model so far can be used: "
            f"{folder / 'model.safetensors'}\ngo on with: clearprop resume {shell_name}"
        )
        return INTERRUPTED
    say()
    remarks = experiment.recipe.remarks(done.model, done.curves, experiment.splits)
    say("\n".join([*results(experiment, done), *remarks]))
    if report:
        say(f"report  {write(done, experiment, remarks)}")
    return 0


def results(experiment: Experiment, done: Run) -> list[str]:
    """Return the final numbers of a run as lines: the three curves' last, and the test's.

    Where the best weights were kept the numbers are those of their epoch.
    """
    task = "regression" if experiment.dataset.task == "regression" else "classification"
    curves = done.curves
    rows: list[tuple[str, ...]] = []
    if len(curves):
        last = (done.stopped.best_epoch or len(curves)) - 1
        rows = [
            ("objective", f"{curves.objective[last]:.4f}"),
            ("training error", shown_error(float(curves.training_error[last]), task)),
        ]
        if experiment.splits.dev is not None:
            development = float(curves.development_error[last])
            rows.append(("development error", shown_error(development, task)))
    judged = experiment.judge(done.model, experiment.splits.test)
    if judged is not None:
        on = f"on {judged.examples:,} examples"
        rows.append(("test error", f"{shown_error(judged.error, task)} {on}"))
        if judged.accuracy is not None:
            rows.append(("test accuracy", percent(judged.accuracy)))
    return aligned(rows)
