"""``clearprop report``, ``diagnose`` and ``explain``: what happened inside a run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from clearprop import glass, nn
from clearprop.cli.output import complain, say
from clearprop.cli.runs import existing_run, trained
from clearprop.data import Splits
from clearprop.errors import ConfigurationError, DataError, RunError
from clearprop.glass.diagnosis import Diagnosis, diagnose
from clearprop.glass.explain import Glass, explain
from clearprop.glass.style import Drawing
from clearprop.glass.subject import Subject, gather
from clearprop.recipes.experiment import Experiment, of_run
from clearprop.training import History, Run, read_run
from clearprop.training.run_folder import read_config


class Told(NamedTuple):
    """What a recipe says about a run in addition to its numbers and curves."""

    measures: dict[str, float]
    remarks: list[str]
    drawings: list[Drawing]


def run_report(arguments: argparse.Namespace) -> int:
    """Write the report of a run; returns the exit code."""
    folder = existing_run(arguments.RUN)
    record = read_run(folder)
    experiment = of_run(record.config, str(folder))
    model, _ = trained(folder)
    told = tell(experiment, model, record.history)
    say(f"report  {write_report(folder, experiment, told)}")
    return 0


def tell(experiment: Experiment, model: nn.Module, history: History) -> Told:
    """Return what a recipe says about a trained model."""
    recipe, splits = experiment.recipe, experiment.splits
    return Told(
        recipe.measures(model, splits),
        recipe.remarks(model, history, splits),
        recipe.drawings(model, history, splits),
    )


def write_report(done: Run | Path, experiment: Experiment, told: Told) -> Path:
    """Write the report of a run into its folder and return its path.

    Args:
        done: the run, or its folder.
        experiment: gives the examples to judge by.
        told: what else there is to say and to show.
    """
    return glass.write_report(
        done,
        experiment.splits,
        remarks=told.remarks,
        measures=told.measures,
        drawings=told.drawings,
    )


def run_diagnose(arguments: argparse.Namespace) -> int:
    """Diagnose a run and say what was found; returns the exit code."""
    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    data: Splits | None = None
    try:
        data = of_run(config, str(folder)).splits
    except (RunError, DataError) as error:
        complain(f"without its data, as: {error.problem}")
    show_diagnosis(diagnose(folder, data))
    return 0


def show_diagnosis(found: Diagnosis) -> None:
    """Write a diagnosis: with colors and frames on a terminal, else as plain lines."""
    if not sys.stdout.isatty():
        say(str(found))
        return
    from rich.console import Console, Group, RenderableType
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    console = Console()
    console.print(Text(found.summary, style="bold"))
    for finding in found:
        fault = finding.grade == "fault"
        parts: list[RenderableType] = [Text(finding.sentence), Text(finding.reason, style="dim")]
        if finding.follows:
            parts.append(Text(f"It may well follow from: {finding.cause}.", style="italic"))
        parts.append(Syntax(finding.fix, "python", word_wrap=True, background_color="default"))
        title = Text(f"{finding.grade} {finding.weight:.2f}  {finding.place}")
        style = "red" if fault else "blue"
        console.print(Panel(Group(*parts), title=title, title_align="left", border_style=style))
    console.print(Text(found.checked_text(), style="dim"))


EXPLAIN_PAGE = "explain.html"


def run_explain(arguments: argparse.Namespace) -> int:
    """Write the page of a pass and say what is in it; returns the exit code."""
    folder = existing_run(arguments.RUN)
    trained(folder)  # says what is missing where the run has no model yet
    config = read_config(folder)
    subject = gather(folder, of_run(config, str(folder)).splits)
    row = _row(arguments.example, subject)
    rows = np.array([row])
    glass = explain(subject.model, *subject.model_examples(rows), subject.loss)
    shown = _shown(glass, arguments.node)  # before the page: a wrong pattern then costs nothing
    name = f"{subject.part} {subject.noun} {subject.called(row)}"
    place = Path(arguments.output) if arguments.output is not None else folder / EXPLAIN_PAGE
    title = f"{folder.name}: {name} of {subject.data_name}"
    glass.to_html(place, title=title, opened=arguments.node)
    say(f"{name} of {subject.data_name}: E = {glass.objective:.6g}\n")
    say(shown)
    say(f"\npage  {place}")
    return 0


def _row(text: str, subject: Subject) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < len(subject):
        raise ConfigurationError(
            "there is no such example",
            where="--example",
            given=text,
            expected=f"a number from 0 to {len(subject) - 1}, of the {subject.part} part",
        )
    return number


def _shown(glass: Glass, wanted: str | None) -> str:
    """Return the table of all nodes; of one that is named its equations and why they are so."""
    if wanted is None:
        return str(glass.table())
    table = str(glass.table(wanted))
    found = glass[wanted]
    if isinstance(found, tuple):
        return table
    parts = [table]
    if found.inputs:
        parts.append(str(glass.equations(found)))
    if found.carries_error:
        parts.append(str(glass.why(found.name)))
    return "\n\n".join(parts)
