"""Rules about what should not be known: copies in both parts, and inputs that hold the targets.

Shape letters: N examples, D numbers of an example, T steps of a sequence.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.data.sources import by_name, rows_of
from clearprop.glass.capture import compiled_capture, plain
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, spaced
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.probes import DIFFERENT
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.signals import PASS, Signals
from clearprop.glass.wording import count, percent
from clearprop.training.training_data import Split

LEAK = 0.02
"""Fraction of the development examples. It must also be twice the fraction of training examples
that occur more than once."""

MOST_COMPARED = 100_000

BY_CHANCE = 1e-6
"""The expected number of training examples that are equal to an example by chance alone."""

MOSTLY_EQUAL = 0.9
"""Where two examples have so many equal entries in the mean, such as the zeros of counted words,
the chance that all are equal is not known."""

SHIFTED = 0.95
"""The fraction of the targets that are the inputs of the next step."""

FEWEST_STEPS, FEWEST_EXAMPLES, FEWEST_COLUMNS = 4, 100, 3
"""With fewer, a target may well be one of the inputs: a truth table, or a straight line."""

SAME = 0.99999
"""The correlation of a column with the targets from which it is the target."""


@rule
def leaking_duplicates(facts: Facts, train: Split, dev: Split) -> Finding | None:
    """Development examples that are also training examples, bit for bit."""
    known_rows, dev_rows = _rows(train), _rows(dev)
    if known_rows is None or dev_rows is None:
        return None
    known, counts = np.unique(known_rows, return_counts=True)
    fraction = float(np.isin(dev_rows, known).mean())
    twins = float(counts[counts > 1].sum() / len(known_rows))
    copies = round(fraction * len(dev_rows))
    if fraction < LEAK or copies < 2:
        return None
    if fraction <= 2 * twins and not _are_copies(facts, train):
        return None
    return Finding(
        "development examples",
        {"fraction": fraction, "copies": copies, "twins within training": twins},
        f"{copies} of {count(len(dev_rows), 'development example')} ({percent(fraction)}) are also "
        f"training examples. Within the training part, {percent(twins)} of the examples occur more "
        "than once.",
        _without_copies(facts),
        strength(fraction, LEAK, 0.5),
    )


@rule
def leaking_targets(facts: Facts, train: Split, signals: Signals) -> Finding | None:
    """Inputs that hold the targets: a column, or the next step of a sequence."""
    return _sees_the_next_step(facts, train) or _target_among_inputs(facts, train)


def _sees_the_next_step(facts: Facts, train: Split) -> Finding | None:
    """Find a sequence model that reads ahead: its output changes with the steps behind it."""
    if by_name(train.inputs) or facts.model is None or facts.loss is None:
        return None
    rows = spaced(train, PASS)
    kept, wanted = np.asarray(rows_of(train.inputs, rows)), np.asarray(train.targets)[rows]
    if kept.shape != wanted.shape or kept.ndim < 2 or kept.shape[1] < FEWEST_STEPS:
        return None
    counted = wanted[:, :-1] >= 0 if wanted.dtype.kind in "iu" else np.ones(1, bool)
    follows = (kept[:, 1:] == wanted[:, :-1]) | ~counted
    if follows.mean() < SHIFTED or (kept == wanted).mean() >= SHIFTED:
        return None
    x, y = facts.batch(train, PASS)
    steps = kept.shape[1]
    middle = steps // 2
    later = jnp.arange(steps) > middle
    # The steps behind the middle come from another example; those up to it stay.
    other = jnp.where(later.reshape(-1, *[1] * (kept.ndim - 2)), jnp.roll(x, 1, axis=0), x)
    first, again = (
        plain(compiled_capture(facts.model, one, y, facts.loss).output) for one in (x, other)
    )
    if first.ndim < 2 or first.shape[1] != steps:
        return None
    away = np.abs(first[:, : middle + 1] - again[:, : middle + 1]).max(initial=0.0)
    size = float(np.abs(first).max(initial=0.0)) or 1.0
    if not away > DIFFERENT * size:
        return None
    return Finding(
        "the model",
        {"change": float(away / size), "step": middle},
        f"The target of a step is the input of the next step. If the inputs behind step {middle} "
        f"are exchanged, the outputs up to step {middle} change by up to "
        f"{percent(float(away / size))} of the largest output: the network reads its targets.",
        "# attend to the past only, nn.TransformerBlock(..., causal=True) or a mask; "
        f"read a sequence in one direction\n{fix.fit_line(facts)}",
        0.9,
    )


def _target_among_inputs(facts: Facts, train: Split) -> Finding | None:
    """Find a column that is the target itself, in the same units or in others."""
    x, y = facts.flat(train), facts.targets(train)
    if x is None or y is None or y.size != len(y) or x.shape[1] < FEWEST_COLUMNS:
        return None
    y = y.reshape(-1)[spaced(train)].astype(np.float64)
    if len(y) < FEWEST_EXAMPLES or y.std() == 0:
        return None
    if facts.classifies:
        place = _class_column(x, y)
    else:
        spread = x.std(axis=0) * y.std()
        together = np.abs(((x - x.mean(axis=0)) * (y - y.mean())[:, None]).mean(axis=0))
        alike = np.where(spread > 0, together / np.where(spread > 0, spread, 1), 0)
        place = int(alike.argmax()) if alike.max() >= SAME else None
    if place is None:
        return None
    names = facts.feature_names
    name = names[place] if names is not None and len(names) == x.shape[1] else f"entry {place}"
    change = (
        "# or leave the column out, and give the first layer one input less\n"
        f"inputs = inputs * (np.arange(inputs.shape[1]) != {place})\ndata = (inputs, targets)\n"
    )
    if fix.has_development_arrays(facts):
        change += f"dev = (dev[0] * (np.arange(dev[0].shape[1]) != {place}), dev[1])\n"
    return Finding(
        f"inputs, {name}",
        {"column": place},
        f"{name} tells the target of every training example: for each target it has a value of its "
        "own. Of new examples the target is not known.",
        f"{change}{fix.fit_line(facts)}",
        0.7,
    )


def _class_column(x: NDArray[np.float64], y: NDArray[np.float64]) -> int | None:
    """Return the column that has one value for each class, and another one for each other class."""
    classes = np.unique(y)
    first = np.stack([x[y == label][0] for label in classes])
    of_class = first[np.searchsorted(classes, y)]
    same = (x == of_class).all(axis=0)
    for place in np.flatnonzero(same):
        if len(np.unique(first[:, place])) == len(classes):
            return int(place)
    return None


def _are_copies(facts: Facts, train: Split) -> bool:
    """Whether equal examples must be copies: that numbers of their kind are equal is no chance."""
    x = facts.flat(train)
    if x is None or not x.size:
        return False
    chances = np.empty(x.shape[1])
    for place in range(x.shape[1]):
        _, counts = np.unique(x[:, place], return_counts=True)
        chances[place] = np.square(counts / len(x)).sum()
    if chances.mean() >= MOSTLY_EQUAL:
        return False
    return bool(len(train) * np.exp(np.log(chances).sum()) <= BY_CHANCE)


def _without_copies(facts: Facts) -> str:
    """Return code that removes training examples that are also development examples."""
    if facts.preprocessor is not None or facts.dev_fraction is not None or facts.dev is None:
        again = fix.split_anew(facts) if facts.preprocessor is not None else (
            f"data = (inputs, targets)\n{fix.fit_line(facts)}")  # fmt: skip
        return (
            "_, kept = np.unique(inputs, axis=0, return_index=True)\n"
            "inputs, targets = inputs[kept], targets[kept]  # before they are split\n"
            f"{again}"
        )
    return (
        "known = {row.tobytes() for row in np.asarray(dev[0], inputs.dtype)}\n"
        "kept = [i for i, row in enumerate(inputs) if row.tobytes() not in known]\n"
        "data = (inputs[kept], targets[kept])\n"
        f"{fix.fit_line(facts)}"
    )


def _rows(part: Split) -> NDArray[np.void] | None:
    """Return one value for each example, equal for equal inputs; None for several inputs."""
    if by_name(part.inputs):
        return None
    rows = np.arange(min(len(part), MOST_COMPARED))
    kept = np.ascontiguousarray(rows_of(part.inputs, rows)).reshape(len(rows), -1)
    if kept.dtype.kind == "f":
        kept = kept + 0.0  # makes -0.0 equal to 0.0
    return kept.view(np.dtype((np.void, kept.dtype.itemsize * kept.shape[1]))).ravel()
