"""Conjugate gradients: a linear system solved with products with its matrix alone.

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
"""The search stops where the squared residual is not above this number."""

LOOKED_BACK, LEAST_LOOKED_BACK = 0.1, 10
"""Progress is measured over this fraction of the iterations made, but at least over this number."""


class Solution(NamedTuple):
    """The result of `solve`.

    Attributes:
        last: (P,), the point of the last iteration.
        kept: (S, P), points of the iterations that `kept_iterations` lists.
        number: how many points are kept, int32.
        iterations: how many iterations were made, int32.
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
    """Solve A x = b for a symmetric, positive definite A: minimize phi(x) = x A x / 2 - b x.

    The search stops where phi is negative and fell by less than the fraction ``tolerance`` per
    iteration over the last k = max(10, i / 10) iterations; where the residual is zero; or where the
    matrix is found not to be positive definite. Without rounding P iterations give the solution.

    Args:
        product: v -> A v.
        b: (P,).
        start: (P,), zeros unless given.
        scale: (P,), positive: the diagonal of the preconditioner, which approximates that of A.
        iterations: the largest number of iterations.
        tolerance: the least relative fall of phi in one iteration.

    Returns:
        the last point, the kept points and the number of iterations; see `Solution`.

    >>> A = jnp.array([[4.0, 1.0], [1.0, 3.0]])
    >>> found = solve(lambda v: A @ v, jnp.array([1.0, 2.0]))
    >>> print([f"{x:.4f}" for x in found.last])
    ['0.0909', '0.6364']

    Source: Hestenes and Stiefel (1952); the stopping rule and the kept points as in Martens (2010).
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
    """Return whether each iteration's point is kept: the numbers 1.3^j, rounded up.

    >>> kept_iterations(10).nonzero()[0].tolist()
    [1, 2, 3, 4, 5, 7, 9]
    """
    kept = np.zeros(most + 1, bool)
    number = 1.0
    while math.ceil(number) <= most:
        kept[math.ceil(number)] = True
        number *= 1.3
    return kept
