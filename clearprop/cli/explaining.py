"""``clearprop explain``: every number of a trained model's pass over one example."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clearprop.cli.output import say
from clearprop.cli.runs import existing_run, trained
from clearprop.errors import ConfigurationError
from clearprop.recipes.experiment import of_run
from clearprop.training.run_folder import read_config

if TYPE_CHECKING:
    from clearprop.glass.explain import Glass
    from clearprop.glass.subject import Subject

NAME = "explain.html"


def run(arguments: argparse.Namespace) -> int:
    """Write the page of a pass and say what is in it; returns the exit code."""
    from clearprop.glass.explain import explain  # only now: it brings all of the glass
    from clearprop.glass.subject import gather

    folder = existing_run(arguments.RUN)
    trained(folder)  # says what is missing where the run has no model yet
    config = read_config(folder)
    subject = gather(folder, of_run(config, str(folder)).splits)
    row = _row(arguments.example, subject)
    rows = np.array([row])
    glass = explain(subject.model, *subject.model_examples(rows), subject.loss)
    told = _told(glass, arguments.node)  # before the page, that no pattern is wrong in vain
    name = f"{subject.part} {subject.noun} {subject.called(row)}"
    place = Path(arguments.output) if arguments.output is not None else folder / NAME
    title = f"{folder.name}: {name} of {subject.data_name}"
    glass.to_html(place, title=title, opened=arguments.node)
    say(f"{name} of {subject.data_name}: E = {glass.objective:.6g}\n")
    say(told)
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


def _told(glass: Glass, wanted: str | None) -> str:
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
