"""The table of rules: a rule is a function from facts to a finding, or to None."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.finding import Finding

Look = Callable[..., Finding | None]

NEEDS = {
    "history": "no epoch was finished",
    "descent": "the perceptron's rule does not minimize its objective",
    "run": "a model alone does not say how it was trained",
    "model": "the run has no model yet",
    "signals": "no examples went through the model",
    "by_step": "no examples went through the model",
    "mismatches": "no examples went through the model",
    "beginning": "a fork begins with the weights of another run",
    "trials": "no trials were asked for",
    "train": "the training examples were not given",
    "other": "these are not the examples that the run was trained on",
    "dev": "no development examples are known",
    "development_error": "no development examples were held out",
}
"""Why a rule cannot look, by the fact that is not known."""


EVERY = "every"
"""Stands for all algorithms."""


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        kind: the kind of its findings.
        look: takes the facts, then each fact that it needs; returns a finding or None.
        needs: the names of the facts without which it cannot look.
        algorithm: the name of the algorithm whose runs it looks at; "" for supervised learning,
            `EVERY` for all.
    """

    kind: str
    look: Look
    needs: tuple[str, ...]
    algorithm: str = ""

    def concerns(self, facts: Facts) -> bool:
        """Return whether the rule is about runs of this algorithm."""
        own = facts.config.get("algorithm") or {}
        return self.algorithm in (EVERY, own.get("name", ""))

    def lacks(self, facts: Facts) -> str:
        """Return why the rule cannot look, or "" where it can."""
        for need in self.needs:
            if getattr(facts, need) is not None:
                continue
            if need == "train" and facts.part is not None:
                return NEEDS["other"]
            if need == "history" and (facts.run is None or len(facts.run.history)):
                return NEEDS["run" if facts.run is None else "descent"]
            return NEEDS[need]
        return ""

    def find(self, facts: Facts) -> Finding | None:
        """Return what the rule finds; the weight of a note is halved."""
        finding = self.look(facts, *(getattr(facts, need) for need in self.needs))
        if finding is None:
            return None
        if finding.grade == "note":
            finding = finding.as_note()
        return replace(finding, kind=self.kind, weight=round(finding.weight, 3))


RULES: list[Rule] = []


def rule(look: Look) -> Look:
    """Enter a function into the table of rules.

    Its name is the kind of its findings. Each parameter after the first one is the name of a fact
    that it needs, and the function is called only where that fact is known.
    """
    return rule_of("")(look)


def rule_of(algorithm: str) -> Callable[[Look], Look]:
    """Enter a function into the table of rules for the runs of an algorithm; see `rule`."""

    def enter(look: Look) -> Look:
        needs = tuple(inspect.signature(look).parameters)[1:]
        RULES.append(Rule(look.__name__, look, needs, algorithm))
        return look

    return enter


def strength(value: float, threshold: float, certain: float) -> float:
    """Return the weight of a fault: 0.5 at its threshold, 1 where nobody would doubt it.

    In between it grows with the logarithm: from 10 to 100 as much as from 100 to 1000.

    >>> [strength(x, 10, 1000) for x in (10, 100, 1e6)]
    [0.5, 0.75, 1.0]
    """
    if value == threshold:
        return 0.5
    if not math.isfinite(value) or value <= 0 or threshold <= 0:
        return 1.0
    fraction = math.log(value / threshold) / math.log(certain / threshold)
    return 0.5 + 0.5 * min(max(fraction, 0.0), 1.0)
