"""Rules about the game of two players: mode collapse, and a generator that gets no error signal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.recipe_command import recipe_command
from clearprop.glass.diagnosis.rules import rule_of, strength
from clearprop.glass.wording import number, percent
from clearprop.training import History

ALGORITHM = "adversarial"

LOOKED_AT = 3
"""So many of the last epochs are judged by their median: samples of one epoch vary."""

REAL = 0.3
"""Precision from which enough samples look real to ask how much of the data they cover."""

UNCOVERED = 0.45
"""Coverage divided by precision. In runs that reach all modes of a mixture it was 0.66 to 0.9, as
the modes do not get exactly equal numbers of samples."""

ALIKE, BEEN = 0.1, 3.0
"""Variance of the samples divided by that of the data, and how many times as large it has been
before. At first, the samples of a fresh generator are alike too."""

CERTAIN = 0.98
"""Share of real and of generated examples that a discriminator judges rightly, which learned to
tell all apart."""

FADED = 0.02
"""The error signal at the generator's output divided by that of the first epoch."""


@rule_of(ALGORITHM)
def mode_collapse(facts: Facts, history: History) -> Finding | None:
    """Samples that look real and cover little of the data, or that have become all alike."""
    measured = _last(history, "precision", "coverage", "spread")
    if measured is None:
        return None
    precision, coverage, spread = measured
    widest = float(np.nanmax(history.metrics["spread"]))
    evidence = {"precision": precision, "coverage": coverage, "spread": spread}
    total, covered = _modes(facts, history)
    if covered < total and measured[0] >= REAL:
        evidence |= {"modes": total, "modes covered": covered}
        said = (
            f"{percent(precision)} of the samples look real, but they come from only {covered} of "
            f"the {total} modes of the mixture."
        )
        weight = strength(total / max(covered, 1), 1.0, total)
    elif precision >= REAL and coverage < UNCOVERED * precision:
        said = (
            f"{percent(precision)} of the samples look real, but they reach only "
            f"{percent(coverage)} of the development examples."
        )
        weight = strength(UNCOVERED * precision / max(coverage, 1e-3), 1.0, 6.0)
    elif spread < ALIKE and widest > BEEN * max(spread, 1e-9):
        said = (
            f"The variance of the samples is {percent(spread)} of that of the data, and has been "
            f"{percent(widest)}: they have become alike."
        )
        weight = strength(ALIKE / max(spread, 1e-6), 1.0, 100.0)
    else:
        return None
    return Finding("generator", evidence, said, _smoother(facts), weight)


@rule_of(ALGORITHM)
def generator_without_signal(facts: Facts, history: History) -> Finding | None:
    """A discriminator that is certain of everything, and an error signal that has faded."""
    name = "error at the generator"
    measured = _last(history, "real accuracy", "generated accuracy", name)
    if measured is None:
        return None
    real, generated, error = measured
    first = float(history.metrics[name][0])
    if min(real, generated) < CERTAIN or error > FADED * first:
        return None
    share = error / first if first > 0 else 0.0
    said = (
        f"The discriminator judges {percent(real)} of the real and {percent(generated)} of the "
        f"generated examples rightly. The error signal that reaches the generator's output is "
        f"{number(error)}, {percent(share)} of that in the first epoch."
    )
    line = _changed(facts, game="non-saturating")
    evidence = {"error": error, "share": share, "accuracy": min(real, generated)}
    return Finding("generator", evidence, said, line, strength(FADED / max(share, 1e-9), 1.0, 1e3))


def _modes(facts: Facts, history: History) -> tuple[int, int]:
    """Return the number of modes of the mixture, and of those that samples cover; 0 and 0 where no
    mixture is known.
    """
    judge = (facts.config.get("algorithm") or {}).get("samples_measures")
    mixture = judge.get("mode_coverage") if isinstance(judge, Mapping) else None
    found = _last(history, "modes covered")
    if mixture is None or found is None:
        return 0, 0
    return len(mixture["centers"]), round(found[0])


def _last(history: History, *names: str) -> list[float] | None:
    """Return the medians of the last epochs; None where one is not known."""
    columns = [history.metrics.get(name) for name in names]
    found = [float(np.median(c[-LOOKED_AT:])) for c in columns if c is not None and len(c)]
    return found if len(found) == len(names) and np.isfinite(found).all() else None


def _smoother(facts: Facts) -> str:
    own = facts.config.get("algorithm") or {}
    if not own.get("gradient_penalty"):
        return _changed(facts, game="non-saturating", gradient_penalty=1.0, penalty_at="real")
    return _changed(facts, game="wasserstein", gradient_penalty=10.0, penalty_at="between",
                    critic_steps=5)  # fmt: skip


def _changed(facts: Facts, **options: object) -> str:
    """Return code that trains again with other options of the game."""
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    recipe = facts.config.get("notes", {}).get("recipe") or {}
    command = f"\n# {recipe_command(recipe, options)}" if "name" in recipe else ""
    change = f"import dataclasses\nalgorithm = dataclasses.replace(algorithm, {given})"
    return f"{change}\n{fix.fit_line(facts)}{command}"
