"""The definitions of saturated, dead, near zero, vanishing and exploding, each in one place.

Recordings of a training, `diagnose`, `explain` and the report all take them from here.

Shape letters: N examples, U units.
"""

from __future__ import annotations

from typing import overload

import jax
import numpy as np
from numpy.typing import NDArray

# --- saturated and dead --------------------------------------------------------------------------

ENDS: dict[str, tuple[float, float | None]] = {
    "relu": (0.0, None),
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
}
"""The smallest and the largest output of an activation; relu has only a smallest one."""

MARGIN = 0.01
"""A unit is saturated where its output is within this fraction of the range from an end."""

SATURATED_SLOPE = 4 * MARGIN * (1 - MARGIN)
"""A unit is saturated where its slope is below this fraction of the steepest slope. For sigmoid and
tanh it is the same definition as `MARGIN`: sigmoid has the slope y (1 - y), at most 1/4."""

STEEPEST = {"sigmoid": 0.25}
"""The largest slope of an activation, where it is not 1."""


@overload
def is_saturated(kind: str, outputs: jax.Array) -> jax.Array | None: ...


@overload
def is_saturated(kind: str, outputs: NDArray[np.float32]) -> NDArray[np.bool_] | None: ...


def is_saturated(
    kind: str, outputs: jax.Array | NDArray[np.float32]
) -> jax.Array | NDArray[np.bool_] | None:
    """Say which outputs of an activation are at an end of its range; None for an unbounded one.

    A unit of relu is at its only end where its output is 0: it passes no error signal.

    Args:
        kind: name of the activation.
        outputs: of any shape.

    >>> is_saturated("tanh", np.float32([-0.99, 0.0, 0.97, 1.0]))
    array([ True, False, False,  True])
    """
    if kind not in ENDS:
        return None
    low, high = ENDS[kind]
    margin = MARGIN * (high - low) if high is not None else 0.0
    at_end = outputs <= low + margin
    return at_end if high is None else at_end | (outputs >= high - margin)


def is_dead(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which units are dead, (U,): their output is exactly 0 for every example.

    Args:
        outputs: (N, ..., U).

    >>> is_dead(np.float32([[0, 1], [0, 0]]))
    array([ True, False])
    """
    dead: NDArray[np.bool_] = (outputs.reshape(-1, outputs.shape[-1]) == 0).all(axis=0)
    return dead


# --- near zero -----------------------------------------------------------------------------------

FEW_ZEROS = 0.005
"""Fraction of entries that are exactly 0. A smaller fraction is not reported, because float32 has
some zeros by chance."""

TINY, HUGE = 1e-4, 1e4
"""Norms of an error signal that are tiny and huge, relative to the norm at the model's output."""

NEAR_ZERO, TOO_LARGE = 1e-9, 1e3
"""Norms of an error signal that are tiny and huge for every norm at the model's output."""

# --- vanishing and exploding ---------------------------------------------------------------------

VANISHES = EXPLODES = 1000.0
"""The error signal of the last layer over that of the first, or the inverse. A factor of 100 is
common in healthy deep networks; with a factor of 1000 the first layers hardly learn."""

VANISHES_THROUGH_TIME, EXPLODES_THROUGH_TIME = 1e4, 1e2
"""The error signal of the last step over that of the first, and the inverse. Most tasks depend more
on near steps, so it may shrink a thousandfold; in a healthy network it grows tenfold at most."""
