"""The results of a diagnosis: findings, each with its evidence, its reason and its fix."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from clearprop.display import Shown
from clearprop.glass.diagnosis.kinds import KINDS

Grade = Literal["fault", "note"]
LINE = 96

MOST_OF_A_NOTE = 0.49
"""The largest weight of a note, so that every note stands behind every fault."""


@dataclass(frozen=True)
class Finding:
    """One thing that a diagnosis has found.

    Attributes:
        where: the layer, the parameter or the part of the data; "" for the whole run.
        evidence: what was measured, by name.
        sentence: the evidence in words.
        fix: Python code to paste where ``model`` and ``data`` are defined as they were given to
            `fit`; with arrays also ``inputs``, ``targets`` and ``dev``.
        weight: how strong the evidence is: from 0.5 to 1 for a fault, below 0.5 for a note.
        grade: a "fault" keeps the run from learning or makes its numbers wrong; a "note" is good
            to know.
        kind: one of `clearprop.glass.diagnosis.kinds.KINDS`; its rule fills it in.
        follows: the kind of the finding that probably causes this one; "" where none does.
    """

    where: str
    evidence: dict[str, float]
    sentence: str
    fix: str
    weight: float
    grade: Grade = "fault"
    kind: str = ""
    follows: str = ""

    @property
    def title(self) -> str:
        """The kind in words."""
        return KINDS[self.kind].title

    @property
    def reason(self) -> str:
        """Why it matters and what to do, from the lecture."""
        return KINDS[self.kind].reason

    @property
    def place(self) -> str:
        """Title and place, as a heading."""
        return f"{self.title}: {self.where}" if self.where else self.title

    def as_note(self, follows: str = "") -> Finding:
        """Return the finding as a note with half its weight."""
        weight = min(self.weight / 2, MOST_OF_A_NOTE)
        return dataclasses.replace(self, grade="note", weight=weight, follows=follows)

    @property
    def cause(self) -> str:
        """The title of the finding that probably causes this one; "" where none does."""
        return _plain(KINDS[self.follows].title) if self.follows else ""

    def __str__(self) -> str:
        mark = "FAULT" if self.grade == "fault" else "note "
        lines = [f"{mark} {self.weight:.2f}  {self.place}"]
        texts = [self.sentence, self.reason]
        if self.follows:
            texts.append(f"It may well follow from: {self.cause}.")
        for text in texts:
            lines += textwrap.wrap(text, LINE, initial_indent="  ", subsequent_indent="  ")
        return "\n".join([*lines, textwrap.indent(self.fix, "    ", lambda line: True)])


@dataclass(frozen=True)
class Diagnosis(Shown):
    """What was found about a run or a model.

    Attributes:
        findings: faults before notes, those with the strongest evidence first.
        checked: the kinds that were looked for.
        skipped: why each other kind could not be looked for.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: dict[str, str]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that keep the run from learning or make its numbers wrong."""
        return tuple(finding for finding in self.findings if finding.grade == "fault")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """The findings that are only good to know."""
        return tuple(finding for finding in self.findings if finding.grade == "note")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the findings in their order."""
        return tuple(finding.kind for finding in self.findings)

    @property
    def summary(self) -> str:
        """The whole diagnosis in one sentence."""
        if not self.findings:
            return f"No fault was found; {len(self.checked)} kinds of fault were looked for."
        counts = ((len(self.faults), "fault"), (len(self.notes), "note"))
        parts = [f"{n} {word}{'s' * (n > 1)}" for n, word in counts if n]
        return f"{' and '.join(parts)}; first: {_plain(self.findings[0].place)}."

    def checked_text(self) -> str:
        """What was looked for, and what could not be looked for, in sentences."""
        said = f"Looked for: {_titles(self.checked)}."
        for why in dict.fromkeys(self.skipped.values()):
            kinds = _titles(kind for kind, w in self.skipped.items() if w == why)
            said += f" Not looked for, because {why}: {kinds}."
        return said

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        blocks = [self.summary, *map(str, self.findings)]
        return "\n\n".join([*blocks, textwrap.fill(self.checked_text(), LINE)])


def _plain(title: str) -> str:
    """Return a title as part of a sentence."""
    return title[0].lower() + title[1:] if not title[1].isupper() else title


def _titles(kinds: Iterable[str]) -> str:
    return ", ".join(_plain(KINDS[kind].title) for kind in kinds)
