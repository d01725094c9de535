"""The shapes of learning curves, measured here for both the report and the diagnosis.

Shape letters: E epochs.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clearprop.training import History, Stopped
from clearprop.training.monitor import ERROR

Shape = Literal["none", "one", "broken", "rose", "still", "falling", "level"]
Gap = Literal["unknown", "grown", "none", "somewhat", "well"]

RISE = 1.02
"""The last objective divided by the lowest one. Means over hundreds of examples differ by less than
2 % from epoch to epoch."""

MOVED = 0.98
"""The last objective divided by the first one, for the same reason."""

STILL_FALLING = 0.02
"""The fraction of the whole fall that happened in the last fifth of the epochs."""

WAITED, WORSE = 2, 1.03
"""Number of epochs since the lowest development error, and the last error divided by the lowest."""

STILL_FALLS = 0.03
"""Fraction of the objective that each of the last passes takes away. Below it, many more passes
change little."""

WINDOW = 10
"""Number of epochs whose rises are added. It is short enough for the first epochs to stand out."""

STIR = 0.1
"""The sum of these rises divided by the first objective. Where nothing is learned, the noise of the
batches alone makes small rises."""

LIKE_TRAINING, WELL_BELOW = 0.1, 0.5
"""The gap between development and training error divided by the development error. Up to a tenth
the two are alike; above half the training error is well below."""


def objective_shape(objective: NDArray[np.floating]) -> Shape:
    """Return the shape of an objective, (E,).

    It is "none" without an epoch, "one" after a single epoch, "broken" where the last value is not
    finite, "rose", "still" where it hardly changed, "falling" or "level" at the end.

    >>> import numpy as np
    >>> objective_shape(np.array([1.0, 0.5, 0.4])), objective_shape(np.array([1.0, 0.8, 1.5]))
    ('falling', 'rose')
    """
    if not len(objective):
        return "none"
    first, last = float(objective[0]), float(objective[-1])
    if len(objective) == 1:
        return "one"
    if not math.isfinite(last):
        return "broken"
    if last > first and last > RISE * float(np.nanmin(objective)):
        return "rose"
    if last >= MOVED * first:  # also where it was 0 from the first to the last
        return "still"
    tail = end_of(objective)
    falls = (tail[0] - tail[-1]) / (first - last) > STILL_FALLING and tail[-1] <= tail.min()
    return "falling" if falls else "level"


def end_of(objective: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the last fifth of an objective, of two epochs at least: what says where it leads.

    >>> import numpy as np
    >>> end_of(np.arange(20.0)), end_of(np.arange(3.0))
    (array([16., 17., 18., 19.]), array([1., 2.]))
    """
    return objective[-max(2, len(objective) // 5) :]


def gap(
    last_training: float,
    last: float,
    at_best: float,
    waited: int,
    noise: float = 0.0,
    training_at_best: float = math.inf,
) -> Gap:
    """Return how far the development error is above the training error.

    It is "unknown" where the development error is not finite, and "grown" where it has risen while
    the training error has fallen. Otherwise "none", "somewhat" or "well" says how far the training
    error is below it.

    Args:
        last_training: the training error of the last epoch.
        last: the development error of the last epoch.
        at_best: the development error of the best epoch.
        waited: number of epochs since the best one.
        noise: how much the development error varies by chance; a rise must be larger.
        training_at_best: the training error of the best epoch. Where it has risen since, training
            has failed, and that is not overfitting.

    >>> gap(0.05, 0.4, 0.3, waited=3), gap(0.25, 0.26, 0.26, waited=0)
    ('grown', 'none')
    """
    if not math.isfinite(last):
        return "unknown"
    risen = last > WORSE * at_best and last - at_best > noise
    if waited >= WAITED and risen and last_training < min(last, training_at_best):
        return "grown"
    between = last - last_training
    if not between > LIKE_TRAINING * last:
        return "none"
    return "well" if between > WELL_BELOW * last else "somewhat"


def best_of(
    history: History, stopped: Stopped | None = None, monitor: str | None = None
) -> tuple[int, int] | None:
    """Return the rows of the best epoch and of the last epoch that have a development error.

    The best epoch is the one whose weights the run kept, otherwise the one with the lowest
    development error; of equal ones the one with the lowest development objective. None where no
    epoch has a development error.

    Args:
        history: of the run.
        stopped: its end.
        monitor: what the run watched in place of the development error: its best epoch is then
            not the one with the lowest error.
    """
    stopped = stopped if monitor in (None, ERROR) else None
    errors = np.where(np.isfinite(history.development_error), history.development_error, math.inf)
    known = np.flatnonzero(np.isfinite(errors))
    if not len(known):
        return None
    kept = np.flatnonzero(history.epoch == stopped.best_epoch) if stopped is not None else known[:0]
    if len(kept) and kept[0] in known:
        return int(kept[0]), int(known[-1])
    objectives = np.nan_to_num(history.development_objective, nan=math.inf)
    return int(np.lexsort((objectives, errors))[0]), int(known[-1])


def chance_deviation(fraction: float, n: int) -> float:
    """Return the standard deviation of a fraction of n examples, sqrt(p (1 - p) / n).

    It is 0 for n = 0, an unknown number.

    >>> chance_deviation(0.5, 100)
    0.05
    """
    return math.sqrt(max(fraction * (1 - fraction), 0.0) / n) if n else 0.0


def chance(fraction: float, n: int) -> float:
    """Return how much a fraction of n examples may rise by chance alone.

    It is a standard deviation, or 1.5 examples where that is more; 0 for n = 0, an unknown number.

    >>> chance(0.0, 100), chance(0.5, 100)
    (0.015, 0.05)
    """
    return max(chance_deviation(fraction, n), 1.5 / n) if n else 0.0


def roughness(objective: NDArray[np.floating]) -> float:
    """Return the sum of the rises in the worst ten epochs, divided by the whole fall.

    So it does not grow with the length of a run: a small rise in every second epoch is the same
    after 30 epochs and after 300, and the unrest of the first epochs is not averaged away by a
    long quiet end. It is 0 where there are hardly any rises.

    >>> import numpy as np
    >>> roughness(np.array([1.0, 0.5, 0.75, 0.5]))
    0.5
    """
    finite = objective[np.isfinite(objective)]
    if len(finite) < 2:
        return 0.0
    fall = float(finite[0] - finite.min())
    added = np.cumsum([0.0, *np.maximum(np.diff(finite), 0)])
    rises = float(
        np.max(added[WINDOW:] - added[:-WINDOW], initial=added[min(WINDOW, len(added) - 1)])
    )
    if rises <= STIR * abs(finite[0]):
        return 0.0
    return rises / fall if fall > 0 else math.inf


def fall_of_a_pass(objective: NDArray[np.floating]) -> float:
    """Return by which fraction the objective fell with each of the last passes; 0 where it did not.

    The last fifth of the passes counts, at least three.

    >>> import numpy as np
    >>> round(fall_of_a_pass(np.array([4.0, 2.0, 1.0, 0.5])), 3)
    0.5
    """
    tail = objective[-max(4, len(objective) // 5) :]
    if len(tail) < 2 or not (tail[0] > tail[-1] > 0):
        return 0.0
    return float(1 - (tail[-1] / tail[0]) ** (1 / (len(tail) - 1)))


def peak(
    losses: NDArray[np.floating], width: int = 5, first: int | None = None
) -> tuple[float, float]:
    """Return the mean loss of the first steps, and the highest mean of ``width`` steps.

    Args:
        losses: of every step, (steps,); those that are not finite are left out.
        width: number of steps of each mean, at most half the steps of the run.
        first: number of steps of the first mean; ``width`` by default, because the loss of a few
            examples varies by chance.

    >>> import numpy as np
    >>> peak(np.array([1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0]), first=1)
    (1.0, 9.0)
    """
    finite = np.asarray(losses, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return math.nan, math.nan
    width = max(1, min(width, len(finite) // 2))
    means = np.convolve(finite, np.ones(width) / width, mode="valid")
    return float(finite[: min(first or width, width)].mean()), float(means.max())
