"""What shape a learning curve has: judged here once, for the report's words and the diagnosis.

Shape letters: E passes made.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clearprop.training import History, Stopped

Shape = Literal["none", "one", "broken", "rose", "still", "falling", "level"]
Gap = Literal["unknown", "grown", "none", "somewhat", "well"]

RISE = 1.02
"""Above its lowest value by two hundredths: more than the noise between two passes over the same
examples, as means over hundreds of them differ by less."""

MOVED = 0.98
"""Fallen by two hundredths, for the same reason."""

STILL_FALLING = 0.02
"""The last fifth of the passes brought at least a fiftieth of the whole fall."""

WAITED, WORSE = 2, 1.03
"""The development error has been above its lowest value, by three hundredths, for two passes."""

STIR = 0.1
"""Rises that are less than a tenth of where the objective began, in all, are no unrest: where
nothing is learned it goes to and fro by its batches' noise."""

LIKE_TRAINING, WELL_BELOW = 0.1, 0.5
"""Of the development error: within a tenth of it the training error is like it; below half, well
below it."""


def objective_shape(objective: NDArray[np.floating]) -> Shape:
    """Return the shape of an objective, (E,).

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
    tail = objective[-max(2, len(objective) // 5) :]
    falls = (tail[0] - tail[-1]) / (first - last) > STILL_FALLING and tail[-1] <= tail.min()
    return "falling" if falls else "level"


def gap(
    last_training: float,
    last: float,
    at_best: float,
    waited: int,
    noise: float = 0.0,
    training_at_best: float = math.inf,
) -> Gap:
    """Return how the development error stands to the training error.

    Args:
        last_training: the training error of the last pass.
        last: its development error.
        at_best: the development error of the best pass.
        waited: passes since that.
        noise: by how much the development error is off by chance; a rise must be larger.
        training_at_best: the training error of the best pass; where it has risen since, the network
            has come apart and not learned its examples by heart.

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


def best_of(history: History, stopped: Stopped | None = None) -> tuple[int, int] | None:
    """Return which row of the curves is the best pass, and which the last that was judged.

    The best is the pass whose weights were kept, where a run says so; else the one of the lowest
    development error, ties decided by the objective. None where no pass was judged.
    """
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
    """Return the deviation of a fraction of n examples, sqrt(p (1 - p) / n); 0 for an unknown n.

    >>> chance_deviation(0.5, 100)
    0.05
    """
    return math.sqrt(max(fraction * (1 - fraction), 0.0) / n) if n else 0.0


def chance(fraction: float, n: int) -> float:
    """Return what chance alone may add to a fraction of n examples: a deviation, or 1.5 examples.

    >>> chance(0.0, 100), chance(0.5, 100)
    (0.015, 0.05)
    """
    return max(chance_deviation(fraction, n), 1.5 / n) if n else 0.0


def roughness(objective: NDArray[np.floating]) -> float:
    """Return the sum of all rises over the whole fall: 0 for a curve that only falls, or rests.

    >>> import numpy as np
    >>> roughness(np.array([1.0, 0.5, 0.75, 0.5]))
    0.5
    """
    finite = objective[np.isfinite(objective)]
    if len(finite) < 2:
        return 0.0
    fall = float(finite[0] - finite.min())
    rises = float(np.maximum(np.diff(finite), 0).sum())
    if rises <= STIR * abs(finite[0]):
        return 0.0
    return rises / fall if fall > 0 else math.inf


def peak(
    losses: NDArray[np.floating], width: int = 5, first: int | None = None
) -> tuple[float, float]:
    """Return the mean loss of the first steps, and the highest mean of ``width`` steps.

    Args:
        losses: of every step; those that are not finite are left out.
        width: how many steps a mean is of; of a run shorter than two of them, half its steps.
        first: how many steps the first mean is of, by default as many: one example's loss is luck.

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
