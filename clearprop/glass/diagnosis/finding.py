"""What a diagnosis says: findings, each with its evidence, its reason and its fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clearprop.glass.diagnosis.kinds import KINDS

Grade = Literal["fault", "note"]
LINE = 96


@dataclass(frozen=True)
class Finding:
    """One thing that a diagnosis has found.

    Attributes:
        kind: which of `clearprop.glass.diagnosis.kinds.KINDS`.
        where: the layer, the parameter or the part of the data; "" for the whole run.
        evidence: what was measured, by name.
        sentence: the evidence in words.
        fix: Python that can be pasted where ``model`` and ``data`` are at hand.
        weight: of the evidence: from 0.5 to 1 for a fault, below 0.5 for a note.
        grade: a "fault" holds the run back or makes its numbers untrue; a "note" is good to know.
        follows: the kind of the heavier finding that explains this one; "" where none does.
    """

    kind: str
    where: str
    evidence: dict[str, float]
    sentence: str
    fix: str
    weight: float
    grade: Grade = "fault"
    follows: str = ""

    @property
    def title(self) -> str:
        """The kind in words."""
        return KINDS[self.kind].title

    @property
    def reason(self) -> str:
        """Why it is so: the lecture's reason."""
        return KINDS[self.kind].reason

    @property
    def place(self) -> str:
        """Title and place, as a heading."""
        return f"{self.title}: {self.where}" if self.where else self.title

    @property
    def cause(self) -> str:
        """In words what it follows from; "" where nothing else explains it."""
        return _plain(self.follows) if self.follows else ""

    def __str__(self) -> str:
        mark = "FAULT" if self.grade == "fault" else "note "
        lines = [f"{mark} {self.weight:.2f}  {self.place}"]
        texts = [self.sentence, self.reason]
        if self.follows:
            texts.append(f"It may well follow from: {self.cause}.")
        for text in texts:
            lines += textwrap.wrap(text, LINE, initial_indent="  ", subsequent_indent="  ")
        return "\n".join([*lines, *(f"    {line}" for line in self.fix.splitlines())])


@dataclass(frozen=True)
class Diagnosis:
    """What was found about a run or a model, the weightiest first.

    Attributes:
        findings: faults before notes.
        checked: the kinds that were looked for.
        skipped: the kinds that could not be, and why.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: dict[str, str]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that hold the run back."""
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
        """All of it in a sentence."""
        faults, notes = len(self.faults), len(self.notes)
        if not self.findings:
            return f"Nothing was found amiss; {len(self.checked)} kinds of fault were looked for."
        parts = [f"{n} {word}{'s' * (n > 1)}" for n, word in ((faults, "fault"), (notes, "note"))
                 if n]  # fmt: skip
        first = self.findings[0]
        return f"{' and '.join(parts)}; first: {first.place[0].lower()}{first.place[1:]}."

    def checked_text(self) -> str:
        """What was looked for, and what could not be, in sentences."""
        said = f"Looked for: {', '.join(_plain(kind) for kind in self.checked)}."
        for why in dict.fromkeys(self.skipped.values()):
            kinds = ", ".join(_plain(kind) for kind, w in self.skipped.items() if w == why)
            said += f" Not looked for, as {why}: {kinds}."
        return said

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        blocks = [self.summary, *(str(finding) for finding in self.findings)]
        return "\n\n".join([*blocks, textwrap.fill(self.checked_text(), LINE)])


def _plain(kind: str) -> str:
    title = KINDS[kind].title
    return title[0].lower() + title[1:] if not title[1].isupper() else title
