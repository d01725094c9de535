"""The gradient checker: compares the gradients of the rules with finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff.transforms import grad
from clearprop.errors import ConfigurationError
from clearprop.tree import flatten_with_paths, is_differentiable, replace


@dataclass(frozen=True)
class GradientCheck:
    """One compared entry.

    Attributes:
        path: the leaf, as ``argument.path``.
        index: which entry of the leaf.
        analytic: what back-propagation gives.
        numeric: what the finite difference gives.
        error: |analytic - numeric| / max(1, |analytic|, |numeric|).
        order: 1 for the gradient, 2 for a row of the Hessian along a random direction.
    """

    path: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    order: int


def check_gradients(
    function: Callable[..., object],
    *inputs: object,
    order: int = 2,
    entries: int = 20,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> list[GradientCheck]:
    """Compare the gradient of a scalar function with finite differences, in double precision.

    For each compared entry of each input x the central difference is
    (f(x + h) - f(x - h)) / 2h with h = ``step``, which is relative for entries above 1. For
    ``order`` 2 the function <gradient, v> with a random direction v is compared in the same way.
    This checks the derivatives of the gradient rules.

    Args:
        function: a scalar function built from clearprop operations.
        inputs: trees of arrays; leaves that carry no gradient reach the function unchanged.
        order: 1 or 2.
        entries: how many entries of each leaf to compare, chosen at random.
        step: the finite difference's h.
        tolerance: largest relative error that passes.
        seed: of the random choice of entries and directions.

    Returns:
        all comparisons, sorted by their errors, the largest first.

    Raises:
        AssertionError: an entry differs by more than the tolerance; the message names the entry and
            both numbers.
        ConfigurationError: the order is neither 1 nor 2.

    >>> checks = check_gradients(lambda x, y: x * y, jnp.array(4.0), jnp.array(-3.0))
    >>> sorted(round(check.analytic, 6) for check in checks if check.order == 1)
    [-3.0, 4.0]
    """
    if order not in (1, 2):
        raise ConfigurationError("gradients are checked at order 1 or 2", given=f"order={order}")
    random = np.random.default_rng(seed)
    with jax.enable_x64(True):
        doubled = jax.tree.map(
            lambda leaf: jnp.asarray(leaf, jnp.float64) if is_differentiable(leaf) else leaf, inputs
        )
        checks = _compare(function, doubled, 1, entries, step, random)
        if order == 2:
            directions = {
                path: jnp.asarray(random.standard_normal(np.shape(leaf)))
                for path, leaf in flatten_with_paths(doubled).items()
                if is_differentiable(leaf)
            }

            def slope(*at: Any) -> Any:
                gradients = flatten_with_paths(grad(lambda tree: function(*tree))(at))
                return sum((gradients[p] * d).sum() for p, d in directions.items())

            checks += _compare(slope, doubled, 2, entries, step, random)
    checks.sort(key=lambda check: -math.inf if math.isnan(check.error) else -check.error)
    if checks and not checks[0].error <= tolerance:
        worst = checks[0]
        raise AssertionError(
            f"the gradient of order {worst.order} is wrong at {worst.path}{list(worst.index)}: "
            f"back-propagation gives {worst.analytic:.10g}, finite differences "
            f"{worst.numeric:.10g} (relative error {worst.error:.2g} > {tolerance:g})"
        )
    return checks


def _compare(
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    order: int,
    entries: int,
    step: float,
    random: np.random.Generator,
) -> list[GradientCheck]:
    gradients = flatten_with_paths(grad(lambda tree: function(*tree))(inputs))
    checks = []
    for path, leaf in flatten_with_paths(inputs).items():
        if not is_differentiable(leaf):
            continue
        chosen = random.permutation(leaf.size)[:entries]
        for flat in sorted(int(i) for i in chosen):
            index = tuple(int(i) for i in np.unravel_index(flat, leaf.shape))
            h = step * max(1.0, abs(float(leaf[index])))
            up, down = (
                float(function(*replace(inputs, {path: leaf.at[index].add(sign * h)})))
                for sign in (1, -1)
            )
            numeric, analytic = (up - down) / (2 * h), float(gradients[path][index])
            error = abs(analytic - numeric) / max(1.0, abs(analytic), abs(numeric))
            checks.append(GradientCheck(path, index, analytic, numeric, error, order))
    return checks
