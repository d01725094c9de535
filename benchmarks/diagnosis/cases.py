"""The runs of the benchmark: healthy ones with common settings, and broken ones of every kind."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from benchmarks.diagnosis import breakers, misuses
from benchmarks.diagnosis.healthy import healthy
from benchmarks.diagnosis.setting import Setting

HEALTHY = 344
JUDGED = 2000
"""The runs with numbers from this one on judge, and no threshold was chosen on them. They have the
variants of the runs for tuning, with other splits, first values and drawn settings."""

EACH = 8
"""Number of broken runs of a kind, except those of `MORE`."""

MORE = {"last_layer": 16, "symmetric_weights": 12}

BREAKERS = breakers.BREAKERS | misuses.MISUSES

ALSO: dict[str, tuple[str, ...]] = {
    "non_finite": ("rate_too_high",),
    "saturated_units": ("initial_scale",),
    "exploding_by_depth": ("initial_scale",),
    "vanishing_through_time": ("initial_scale",),
    "exploding_through_time": ("initial_scale",),
    "below_linear_model": ("underfitting",),
    "underfitting": ("below_linear_model", "dropout_too_strong"),
    "mixed_examples": ("lost_information",),
    "dropout_too_strong": ("underfitting",),
}
"""Kinds that name the same cause. For example, the error signal explodes through time because the
initial recurrent weights were made too large."""

NOTED = ("development_noise", "too_few_epochs")
"""Kinds that are good to know and no fault, so a note is what should be found."""

REFUSALS = {
    "last_layer": r"softmax|sigmoid|tanh|relu",
    "invalid_targets": r"target|label",
    "unsuitable_loss": r"class numbers|one-hot|numbers of classes",
    "single_class": r"one class|all equal|same class",
}
"""What the error says with which `fit` refuses to begin, where it names the fault."""


def names_fault(kind: str, refusal: str) -> bool:
    """Return whether the error of a refused run names its fault.

    >>> names_fault("last_layer", "layers.1: softmax stands before the loss")
    True
    """
    return kind in REFUSALS and re.search(REFUSALS[kind], refusal) is not None


@dataclass(frozen=True)
class Case:
    """A run of the benchmark.

    Attributes:
        name: the name of its folder and file.
        kind: the kind of fault that was put in; "" for a healthy run.
        number: the seed of data, network and settings; see `JUDGED`.
        setting: the data, the network and the optimizer.
    """

    name: str
    kind: str
    number: int
    setting: Setting


def cases() -> list[Case]:
    """Return all runs, the same ones in every call: those for tuning, then the judged ones."""
    every = [Case(f"healthy-{n}", "", n, healthy(n, n % JUDGED)) for n in _numbers(HEALTHY)]
    for kind in BREAKERS:
        every += [broken(kind, n) for n in _numbers(MORE.get(kind, EACH))]
    return sorted(every, key=lambda case: case.number >= JUDGED)


def _numbers(count: int) -> list[int]:
    """Return the numbers of the runs of a kind: all variants, and one of two of them anew.

    >>> _numbers(4)
    [0, 1, 2, 3, 2000, 2003]
    """
    return [*range(count), *(JUDGED + n for n in range(count) if (n + n // 2) % 2 == 0)]


def broken(kind: str, number: int) -> Case:
    """Return a run with one kind of fault."""
    generator = np.random.default_rng([number, sum(map(ord, kind))])
    setting = BREAKERS[kind](Setting(seed=number), number % JUDGED, generator)
    return Case(f"{kind}-{number}", kind, number, setting)
