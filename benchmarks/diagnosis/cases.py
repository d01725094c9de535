"""The runs of the benchmark: healthy ones with common settings, and broken ones of every kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.diagnosis import breakers, misuses
from benchmarks.diagnosis.healthy import healthy
from benchmarks.diagnosis.setting import Setting

HEALTHY = 344
EACH = 8
"""Number of broken runs of a kind, except those of `MORE`."""

MORE = {"last_layer": 16, "symmetric_weights": 12}

BREAKERS = breakers.BREAKERS | misuses.MISUSES


@dataclass(frozen=True)
class Case:
    """A run of the benchmark.

    Attributes:
        name: the name of its folder and file.
        kind: the kind of fault that was put in; "" for a healthy run.
        number: the thresholds were chosen on even numbers; the figures are for odd numbers.
        setting: the data, the network and the optimizer.
    """

    name: str
    kind: str
    number: int
    setting: Setting


def cases() -> list[Case]:
    """Return all runs, the same ones in every call."""
    every = [Case(f"healthy-{n}", "", n, healthy(n)) for n in range(HEALTHY)]
    for kind in BREAKERS:
        every += [broken(kind, n) for n in range(MORE.get(kind, EACH))]
    return every


def broken(kind: str, number: int) -> Case:
    """Return a run with one kind of fault."""
    generator = np.random.default_rng([number, sum(map(ord, kind))])
    setting = BREAKERS[kind](Setting(seed=number), number, generator)
    return Case(f"{kind}-{number}", kind, number, setting)
