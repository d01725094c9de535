"""``clearprop report``, ``diagnose`` and ``explain``: look inside a run."""

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
from clearprop.files import check_own
from clearprop.glass.diagnosis import Diagnosis, diagnose
from clearprop.glass.explain import Glass, explain
from clearprop.glass.style import Drawing
from clearprop.glass.subject import Subject, gather
from clearprop.recipes.experiment import Experiment, of_run
from clearprop.training import History, open_run, read_run
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.run import Machine
from clearprop.training.run_config import read_config
from clearprop.training.run_setup import RunSetup


class Extras(NamedTuple):
    """What a recipe adds to the report of a run."""

    measures: dict[str, float]
    remarks: list[str]
    drawings: list[Drawing]


def run_report(arguments: argparse.Namespace) -> int:
    """Write the report of a run; return the exit code."""
    folder = existing_run(arguments.RUN)
    record = read_run(folder)
    experiment = of_run(record.config, str(folder))
    model, _ = trained(folder)
    machine = open_run(folder, experiment.config())
    extras = extras_of(experiment, model, record.history, machine)
    say(f"report  {glass.write_report(folder, experiment.splits, **extras._asdict())}")
    return 0


def extras_of(
    experiment: Experiment, model: nn.Module, history: History, machine: Machine | None = None
) -> Extras:
    """Return what the recipe of an experiment adds to the report of a trained model.

    Args:
        experiment: the recipe and its data.
        model: as it was trained.
        history: of the run.
        machine: goes back to the states that the run has kept; None where it kept none.
    """
    recipe, splits = experiment.recipe, experiment.splits
    over_time = recipe.drawings_over_time(machine, splits) if machine is not None else []
    return Extras(
        recipe.measures(model, splits),
        recipe.remarks(model, history, splits),
        [*recipe.drawings(model, history, splits), *over_time],
    )


def run_diagnose(arguments: argparse.Namespace) -> int:
    """Diagnose a run and print the findings; return the exit code."""
    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    data: Splits | None = None
    try:
        data = of_run(config, str(folder)).splits
    except (RunError, DataError) as error:
        complain(f"the diagnosis goes without the data of the run: {error.problem}")
    show_diagnosis(diagnose(folder, data))
    return 0


def show_diagnosis(found: Diagnosis) -> None:
    """Print a diagnosis: with colors and frames on a terminal, else as plain lines."""
    if sys.stdout is None or not sys.stdout.isatty():
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
            parts.append(Text(f"A likely cause is: {finding.cause}.", style="italic"))
        parts.append(Syntax(finding.fix, "python", word_wrap=True, background_color="default"))
        title = Text(f"{finding.grade} {finding.weight:.2f}  {finding.place}")
        style = "red" if fault else "blue"
        console.print(Panel(Group(*parts), title=title, title_align="left", border_style=style))
    console.print(Text(found.checked_text(), style="dim"))


EXPLAIN_PAGE = "explain.html"

MOST_LOOKED_AT = 1000
"""Among so many examples the one with the largest E is looked for."""


def run_explain(arguments: argparse.Namespace) -> int:
    """Write the page of one forward and backward pass, and print it; return the exit code."""
    folder = existing_run(arguments.RUN)
    trained(folder)  # raises a clear error if the run has no model yet
    experiment = of_run(read_config(folder), str(folder))
    if experiment.algorithm is None:
        glass, name = _with_targets(gather(folder, experiment.splits), arguments.example)
    else:
        glass, name = _without_targets(folder, experiment, arguments.example)
    shown = _shown(glass, arguments.node)  # before the page is written: a pattern may be wrong
    place = Path(arguments.output) if arguments.output is not None else folder / EXPLAIN_PAGE
    if arguments.output is None:
        check_own(place)
    glass.to_html(place, title=f"{folder.name}: {name}", opened=arguments.node)
    say(f"{name}: E = {glass.objective:.6g}\n")
    say(shown)
    say(f"\npage  {place}")
    return 0


def _with_targets(subject: Subject, wish: str | None) -> tuple[Glass, str]:
    """Return the pass of an example whose target is compared with the output, and its name."""
    if wish is None and len(subject):
        row, why = subject.worst()
    else:
        row, why = _number(wish or "0", len(subject), subject.part), ""
    glass = explain(subject.model, *subject.model_examples(np.array([row])), subject.loss)
    name = f"{subject.part} {subject.noun} {subject.called(row)}"
    return glass, f"{name} of {subject.data_name}{why}"


def _without_targets(folder: Path, experiment: Experiment, wish: str | None) -> tuple[Glass, str]:
    """Return the pass of an example by what its algorithm follows, and the name of the example."""
    algorithm = RunSetup.of(experiment.config()).own_algorithm
    assert algorithm is not None
    model, preprocessor = trained(folder)
    part, dataset = experiment.splits.evaluated[-1]
    inputs, few = ModelInputs(preprocessor), slice(min(len(dataset), MOST_LOOKED_AT))
    if wish is None:
        losses = algorithm.losses_of(model, *inputs.examples(dataset.inputs, dataset.targets, few))
        row, why = int(np.argmax(losses)), f", the one with the largest {algorithm.followed_name}"
    else:
        row, why = _number(wish, len(dataset), part), ""
    x, y = inputs.examples(dataset.inputs, dataset.targets, np.array([row]))
    glass = explain(model, x, y, algorithm.as_objective)
    return glass, f"{part} {dataset.noun} {row} of {dataset.name}{why}"


def _number(text: str, count: int, part: str) -> int:
    """Return the number of an example that is asked for.

    Raises:
        ConfigurationError: there is no such example.
    """
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < count:
        raise ConfigurationError(
            "there is no such example",
            where="--example",
            given=text,
            expected=f"a number from 0 to {count - 1}, of the {part} part",
        )
    return number


def _shown(glass: Glass, wanted: str | None) -> str:
    """Return the table of all nodes; for one named node also its equations and its reasons."""
    if wanted is None:
        return str(glass.table())
    table = str(glass.table(wanted))
    found = glass[wanted]
    if isinstance(found, tuple):
        return table
    if found.inputs:
        table += f"\n\n{glass.equations(found)}"
    if found.carries_error:
        table += f"\n\n{glass.why(found.name)}"
    return table
