"""The range test: one short run whose learning rate rises, to see which rates suit a model.

Shape letters: T steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clearprop import bounds, elsewhere, nn, optim
from clearprop.arguments import known_arguments
from clearprop.errors import ConfigurationError
from clearprop.nn.recording import LossLike
from clearprop.training.batch_stream import data_of
from clearprop.training.events import StepsDone
from clearprop.training.fit_config import FitConfig
from clearprop.training.run_setup import RunSetup
from clearprop.training.trainer import Trainer
from clearprop.training.training_data import Data, Development

SMOOTHING = 0.85
"""The weight of a loss in a mean shrinks by this factor with each step of distance."""

FIRST = 5
"""So many losses are taken for the level at the start, and for the level at the end."""

RISEN = 2.0
"""The test ends where the loss is so many times that at the start."""

FALLEN = 0.99
"""A mean that never falls below this fraction of the first says nothing of a good rate."""

STEPS_PER_CALL = 5

SAFE = 10.0
"""The suggested rate is so many times below the rate at the lowest loss."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What a range test found.

    Attributes:
        rates: the learning rate of each step, (T,); fewer steps than asked for where the loss rose
            far, or was not finite.
        losses: the mean loss of each step's batch, (T,).
        smoothed: the mean of the losses around each step, (T,); see `smoothed`.
    """

    rates: Numbers
    losses: Numbers
    smoothed: Numbers

    @property
    def falls(self) -> bool:
        """Whether the loss fell at any rate."""
        return bool(len(self.smoothed)) and bool(self.smoothed.min() < FALLEN * self.smoothed[0])

    @property
    def lowest(self) -> float | None:
        """The rate at the lowest smoothed loss; None where the loss did not fall."""
        return float(self.rates[self.smoothed.argmin()]) if self.falls else None

    @property
    def steepest(self) -> float | None:
        """The rate at which the smoothed loss falls fastest; None where it did not fall."""
        if not self.falls:
            return None
        before = max(2, int(self.smoothed.argmin()) + 1)
        slopes = np.gradient(self.smoothed[:before], np.log(self.rates[:before]))
        return float(self.rates[slopes.argmin()])

    @property
    def suggested(self) -> float | None:
        """A tenth of the rate at the lowest loss, with two digits; None where it did not fall.

        At the lowest loss itself the rate is already about to be too high.
        """
        return None if self.lowest is None else float(f"{self.lowest / SAFE:.2g}")


@known_arguments("find_learning_rate", elsewhere.FIT)
def find_learning_rate(
    model: nn.Module,
    x: Data | object,
    y: object = None,
    *,
    loss: LossLike = "cross_entropy",
    optimizer: str | optim.Optimizer | Mapping[str, object] = "adam",
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int | None = None,
    seed: int = 0,
    dev: Development = None,
) -> RangeTest:
    """Train for some steps while the learning rate rises, and return the loss at each rate.

    rate(t) = lowest * (highest / lowest) ** (t / (steps - 1))

    Where the rate is too low the loss stays, where it suits the loss falls, and where it is too
    high the loss rises or is not finite. The model itself is not changed.

    Args:
        model: as in `fit`.
        x: as in `fit`.
        y: as in `fit`.
        loss: as in `fit`.
        optimizer: as in `fit`; the rate inside it is replaced.
        lowest: the first rate, above 0.
        highest: the last rate, above the first.
        steps: how many, at least 10.
        batch_size: as in `fit`.
        seed: as in `fit`.
        dev: as in `fit`; what is held out is not used.

    Raises:
        ConfigurationError: a value out of its range, or an optimizer without a learning rate.
        ClearpropError: what `fit` says of model and data.

    >>> x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    >>> found = find_learning_rate(nn.Linear(3, 2), x, (x[:, 0] > 0).astype(int))
    >>> 1e-3 < found.steepest < found.lowest
    True

    Source: Smith (2017), *Cyclical learning rates for training neural networks*, section 3.3, with
    rates that rise by the same factor in each step instead of the same amount.
    """
    config = FitConfig(
        model,
        data_of(x, y, loss),
        loss,
        optimizer=optimizer,
        batch_size=batch_size,
        seed=seed,
        dev=dev,
    )
    return range_test(config, lowest, highest, steps)


def range_test(config: FitConfig, lowest: float, highest: float, steps: int) -> RangeTest:
    """Return the range test of a run with this configuration; see `find_learning_rate`."""
    lowest = bounds.positive(lowest, "lowest")
    highest = bounds.positive(highest, "highest")
    steps = bounds.count(steps, "steps", least=10)
    if highest <= lowest:
        raise ConfigurationError(
            "the highest rate is not above the lowest",
            where="highest",
            given=f"lowest={lowest:g}, highest={highest:g}",
            fix="lowest=1e-6, highest=10",
        )
    rising = optim.schedules.exponential(lowest, highest / lowest, every=steps - 1)
    config = replace(
        config.with_rate(rising),
        epochs=steps,  # an epoch has at least one step
        steps_per_call=STEPS_PER_CALL,
        patience=None,
        record=None,
        snapshots=None,
        folder=None,
        resume=False,
    )
    losses = _losses(config, steps)
    rates = np.asarray(rising(np.arange(len(losses))), np.float64)
    return RangeTest(rates, losses, smoothed(losses))


def smoothed(losses: Numbers) -> Numbers:
    """Return at each step the mean of the losses around it, (T,).

    mean(t) = sum_s 0.85^|t - s| * loss(s) / sum_s 0.85^|t - s|

    A mean of earlier losses alone would show a fall several steps late, at higher rates. Losses
    above those at the start count as the highest of the first five: a single huge one at the end
    would reach far back.

    >>> smoothed(np.array([4.0, 4.0, 4.0])).round(6).tolist()
    [4.0, 4.0, 4.0]
    """
    bounded = np.minimum(losses, losses[:FIRST].max(initial=-np.inf))
    distance = np.abs(np.subtract.outer(np.arange(len(losses)), np.arange(len(losses))))
    weights = SMOOTHING**distance
    means: Numbers = weights @ bounded / weights.sum(axis=1)
    return means


def _losses(config: FitConfig, steps: int) -> Numbers:
    """Return the loss of each step until the loss has risen far or is not finite."""
    setup = RunSetup.of(config)
    found = np.zeros(0)
    for event in Trainer(setup, setup.compiled(setup.plan())):
        if not isinstance(event, StepsDone):
            continue
        found = np.append(found, event.losses.astype(np.float64))[:steps]
        finite = np.isfinite(found)
        if not finite.all():
            return found[: int(finite.argmin())]
        if len(found) > FIRST and found[-FIRST:].mean() > RISEN * found[:FIRST].mean():
            return found
        if len(found) >= steps:
            break
    return found
