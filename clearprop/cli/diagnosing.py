"""``clearprop diagnose``: what holds a run back, with the evidence, the reason and a fix."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from clearprop.cli.output import complain, say
from clearprop.cli.runs import existing_run
from clearprop.errors import DataError, RunError
from clearprop.recipes.experiment import of_run
from clearprop.training.run_folder import read_config

if TYPE_CHECKING:
    from clearprop.glass.diagnosis import Diagnosis


def run(arguments: argparse.Namespace) -> int:
    """Diagnose a run and say what was found; returns the exit code."""
    from clearprop.glass.diagnosis import diagnose  # only now: it brings all of the glass

    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    data: Any = None
    try:
        data = of_run(config, str(folder)).splits
    except (RunError, DataError) as error:
        complain(f"without its data, as: {error.problem}")
    show(diagnose(folder, data))
    return 0


def show(found: Diagnosis) -> None:
    """Write a diagnosis: with colors and frames on a terminal, else as plain lines."""
    if not sys.stdout.isatty():
        say(str(found))
        return
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    console = Console()
    console.print(Text(found.summary, style="bold"))
    for finding in found:
        fault = finding.grade == "fault"
        parts: list[Any] = [Text(finding.sentence), Text(finding.reason, style="dim")]
        if finding.follows:
            parts.append(Text(f"It may well follow from: {finding.cause}.", style="italic"))
        parts.append(Syntax(finding.fix, "python", word_wrap=True, background_color="default"))
        title = Text(f"{finding.grade} {finding.weight:.2f}  {finding.place}")
        style = "red" if fault else "blue"
        console.print(Panel(Group(*parts), title=title, title_align="left", border_style=style))
    console.print(Text(found.checked_text(), style="dim"))
