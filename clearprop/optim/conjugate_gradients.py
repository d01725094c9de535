"""Conjugate gradients: a linear system solved by products with its matrix alone.

Shape letters: P unknowns, S kept points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

SMALLEST = 1e-37
"""Of what is left to solve, squared: nothing."""

LOOKED_BACK, LEAST_LOOKED_BACK = 0.1, 10
"""Progress is judged over this part of the iterations made, and over at least so many."""


class Solution(NamedTuple):
    """What came of it.

    Attributes:
        last: (P,), the point of the last iteration.
        kept: (S, P), points of some iterations on the way, as `kept_iterations` has it.
        number: how many of them there are, int32.
        iterations: how many were made, int32.
    """

    last: Array
    kept: Array
    number: Array
    iterations: Array


class _Iterate(NamedTuple):
    i: Array
    x: Array
    residual: Array
    direction: Array
    length: Array
    parabola: Array
    kept: Array
    number: Array
    stopped: Array


def solve(
    product: Callable[[Array], Array],
    b: Array,
    *,
    start: Array | None = None,
    scale: Array | None = None,
    iterations: int = 100,
    tolerance: float = 5e-4,
) -> Solution:
    """Solve A x = b for a symmetric, positive definite A; that is, make x A x / 2 - b x lowest.

    It ends where the parabola's value phi fell by less than a part ``tolerance`` an iteration over
    the last k ones, k = max(10, i / 10), and is negative; where nothing is left to solve; or where
    the matrix proves not to be positive definite. P iterations solve it exactly, but for rounding.

    Args:
        product: v -> A v.
        b: (P,).
        start: (P,), zeros unless given.
        scale: (P,), positive: the diagonal of the preconditioner, a rough picture of A's.
        iterations: the most.
        tolerance: the least relative fall of phi in one iteration.

    Returns:
        the last point, the kept points and the number of iterations; see `Solution`.

    >>> A = jnp.array([[4.0, 1.0], [1.0, 3.0]])
    >>> found = solve(lambda v: A @ v, jnp.array([1.0, 2.0]))
    >>> print([f"{x:.4f}" for x in found.last])
    ['0.0909', '0.6364']

    Source: Hestenes and Stiefel (1952); the end and the kept points after Martens (2010).
    """
    x = jnp.zeros_like(b) if start is None else start.astype(b.dtype)
    scale = jnp.ones_like(b) if scale is None else scale
    keeps = kept_iterations(iterations)
    is_kept = jnp.asarray(keeps)
    residual = product(x) - b
    values = jnp.zeros(iterations + 1, b.dtype).at[0].set(jnp.vdot(x, residual - b) / 2)
    zero = jnp.zeros((), jnp.int32)
    length = jnp.vdot(residual, residual / scale)
    begin = _Iterate(
        zero,
        x,
        residual,
        -residual / scale,
        length,
        values,
        jnp.zeros((int(keeps.sum()), len(b)), b.dtype),
        zero,
        length <= 0,
    )

    def one(at: _Iterate) -> _Iterate:
        curved = product(at.direction)
        bend = jnp.vdot(at.direction, curved)
        sound = bend > 0
        step = jnp.where(sound, at.length / bend, 0)
        x = at.x + step * at.direction
        residual = at.residual + step * curved
        scaled = residual / scale
        length = jnp.vdot(residual, scaled)
        i = at.i + 1
        value = jnp.vdot(x, residual - b) / 2
        values = at.parabola.at[i].set(value)
        k = jnp.maximum(LEAST_LOOKED_BACK, (LOOKED_BACK * i).astype(jnp.int32))
        gained = (value - values[jnp.maximum(i - k, 0)]) / value
        slow = (i > k) & (value < 0) & (gained < k * tolerance)
        done = length <= SMALLEST
        kept = jnp.where(is_kept[i], at.kept.at[at.number].set(x), at.kept)
        return _Iterate(
            i,
            x,
            residual,
            -scaled + length / jnp.where(at.length > 0, at.length, 1) * at.direction,
            length,
            values,
            kept,
            at.number + is_kept[i],
            ~sound | slow | done,
        )

    end = jax.lax.while_loop(lambda at: (at.i < iterations) & ~at.stopped, one, begin)
    return Solution(end.x, end.kept, end.number, end.i)


def kept_iterations(most: int) -> NDArray[np.bool_]:
    """Return which iterations' points are kept: the numbers 1.3^j, rounded up.

    >>> kept_iterations(10).nonzero()[0].tolist()
    [1, 2, 3, 4, 5, 7, 9]
    """
    kept = np.zeros(most + 1, bool)
    number = 1.0
    while math.ceil(number) <= most:
        kept[math.ceil(number)] = True
        number *= 1.3
    return kept
