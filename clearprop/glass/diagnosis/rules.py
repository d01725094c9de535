"""What a rule of a diagnosis is: facts in, a finding or nothing out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.finding import Finding, Grade

Look = Callable[[Facts], Finding | None]

NEEDS = {
    "history": "no pass has been finished",
    "run": "a model alone does not tell how it was trained",
    "model": "the run has no model yet",
    "signals": "no examples went through the model",
    "train": "the training examples were not given",
    "dev": "no development examples are known",
    "judged": "no development examples were held out",
    "changes": "the initial values were not stored",
}
"""What a rule may need to know, and what is said where it is not known."""


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        kind: of its findings.
        look: facts -> a finding, or None.
        needs: the facts without which it says nothing.
    """

    kind: str
    look: Look
    needs: tuple[str, ...]

    def lacks(self, facts: Facts) -> str:
        """Return why the rule cannot be asked, or ""."""
        for need in self.needs:
            known = getattr(facts, need)
            if need == "train" and known is None and facts.other is not None:
                return "these are not the examples that the run was trained on"
            if known is None or (isinstance(known, dict) and not known):
                return NEEDS[need]
        return ""


MOST_OF_A_NOTE = 0.49
"""A note stands behind every fault."""

RULES: list[Rule] = []


def rule(kind: str, *needs: str) -> Callable[[Look], Look]:
    """Return a decorator that enters a rule into the table."""

    def enter(look: Look) -> Look:
        RULES.append(Rule(kind, look, needs))
        return look

    return enter


def strength(value: float, threshold: float, certain: float) -> float:
    """Return the weight of a fault: 0.5 at its threshold, 1 where nobody would doubt it.

    In between it goes by the logarithm: from 10 to 100 is as far as from 100 to 1000.

    >>> [strength(x, 10, 1000) for x in (10, 100, 1e6)]
    [0.5, 0.75, 1.0]
    """
    if value == threshold:
        return 0.5
    if not math.isfinite(value) or value <= 0 or threshold <= 0:
        return 1.0
    fraction = math.log(value / threshold) / math.log(certain / threshold)
    return 0.5 + 0.5 * min(max(fraction, 0.0), 1.0)


def found(
    kind: str,
    where: str,
    evidence: dict[str, float],
    sentence: str,
    fix: str,
    weight: float,
    grade: Grade = "fault",
) -> Finding:
    """Return a finding; the weight of a note is halved, so that it stands behind every fault."""
    shown = weight if grade == "fault" else min(weight / 2, MOST_OF_A_NOTE)
    return Finding(kind, where, evidence, sentence, fix, round(shown, 3), grade)
