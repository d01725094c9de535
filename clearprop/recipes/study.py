"""A study: a named experiment of several runs, whose result is text and drawings."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clearprop import glass
from clearprop.errors import RunError
from clearprop.files import write_atomically, write_errors, write_record
from clearprop.glass.style import Drawing
from clearprop.recipes.configuration import Configuration, Seed

CONFIG, RESULTS, FIGURES = "config.json", "results.json", "figures"


@dataclass(frozen=True)
class Findings:
    """The results of a study.

    Attributes:
        lines: the results as text.
        measures: the results as numbers, by name.
        drawings: for the report.
    """

    lines: list[str]
    measures: dict[str, float] = field(default_factory=dict)
    drawings: list[Drawing] = field(default_factory=list)


class Study(Configuration):
    """An experiment that is not one training run: a subclass carries it out.

    Attributes:
        seed: of all random numbers.
    """

    seed: Seed = 0

    @abstractmethod
    def carry_out(self, progress: bool = True) -> Findings:
        """Carry out the study.

        Args:
            progress: whether to show the progress.
        """

    def write(
        self, folder: Path, name: str, found: Findings, *, report: bool = True
    ) -> Path | None:
        """Write the configuration and the results into a folder; return the path of the report.

        Args:
            folder: a new or an empty one.
            name: of the study.
            found: its results.
            report: whether to write the report.

        Raises:
            RunError: the folder is not empty, or cannot be written.
        """
        claim(folder)
        note = {"recipe": {"name": name, "values": self.model_dump(mode="json")}}
        write_record(folder / CONFIG, {"study": True, "notes": note})
        write_results(folder, found.measures)
        if found.drawings:
            with write_errors(folder):
                (folder / FIGURES).mkdir()
        for drawing in found.drawings:
            write_atomically(folder / FIGURES / drawing.file_name, drawing.png())
        if not report:
            return None
        return glass.write_findings(
            folder / "report.html",
            title=name,
            lines=found.lines,
            drawings=found.drawings,
            configuration=self.model_dump(mode="json"),
        )


def claim(folder: Path) -> None:
    """Make a folder, or use an empty one.

    Raises:
        RunError: the folder is not empty.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise RunError(
                "the folder is not empty",
                where=str(folder),
                expected="a new or an empty folder: nothing is ever overwritten",
                fix="choose another folder",
            )


def write_results(folder: Path, numbers: Mapping[str, float]) -> None:
    """Write the final numbers of a run or a study into its folder, by name."""
    write_atomically(folder / RESULTS, json.dumps(dict(numbers), indent=2) + "\n")
