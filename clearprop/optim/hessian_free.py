"""Hessian-free optimization: Newton's step by conjugate gradients, from products alone.

In the equations w are the parameters, g the gradient, G the Gauss-Newton matrix of the batch, and
q(p) = g p + p G p / 2 the change that a parabola with this gradient and curvature predicts.

Shape letters: P parameters, S kept points of the conjugate gradients.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.optim.arithmetic import zeros_like
from clearprop.optim.conjugate_gradients import solve
from clearprop.optim.optimizer import BatchObjective, Optimizer, Tree, register_second_order

RAISED, LOWERED = 3 / 2, 2 / 3
"""Damping is multiplied by these where the parabola predicts the objective badly, or well."""
SHRINK, LEAST_GAIN, MOST_SHRINKS = 0.8, 1e-2, 60
"""Of the line search: factor of each trial, sufficient fraction of the fall, most trials."""
EXPONENT = 0.75
"""The exponent of the preconditioner."""


class HessianFreeState(NamedTuple):
    """The state of `hessian_free`.

    Attributes:
        step: the number of updates made, int32.
        damping: lambda of the next update.
        direction: the last point of the conjugate gradients of the last update, shaped as the
            parameters.
        squares: running mean of the squared gradients of single examples, shaped as the
            parameters.
        iterations: of the conjugate gradients of the last update, int32.
        ratio: the fall of the objective in the last update, divided by the predicted fall.
    """

    step: Array
    damping: Array
    direction: Tree
    squares: Tree
    iterations: Array
    ratio: Array


class _Options(NamedTuple):
    iterations: int
    memory: float
    tolerance: float
    averaging: float


@register_second_order
def hessian_free(
    damping: float = 1.0,
    iterations: int = 100,
    memory: float = 0.95,
    tolerance: float = 5e-4,
    averaging: float = 0.9,
) -> Optimizer:
    """Take Newton's step with the Gauss-Newton matrix, without computing the matrix.

        solve (G + lambda I) p = -g by conjugate gradients, from memory * (the last p)
        of the kept points take the one with the lowest objective
        rho = (E(w + p) - E(w)) / q(p):  below 1/4 lambda *= 3/2, above 3/4 lambda *= 2/3
        w <- w + 0.8^k p with the first k for which E falls by 0.01 of 0.8^k g p

    Gradient, curvature and objective are those of the step's batch, so it needs batches of some
    hundred examples or more. There is no learning rate. The preconditioner is
    (squares + lambda)^(3/4), with the squared gradients of single examples.

    Args:
        damping: the initial lambda; it adapts.
        iterations: the largest number of iterations in one update.
        memory: the search starts at this fraction of the last solution, from 0 to below 1.
        tolerance: the search stops when an iteration gains less than this fraction on average, over
            the last tenth of the iterations and at least ten.
        averaging: decay of the running mean of squares.

    Raises:
        ConfigurationError: an option out of its range; or `Optimizer.update` is called, which gets
            gradients alone.

    >>> hessian_free(damping=10.0)
    hessian_free(damping=10.0, iterations=100, memory=0.95, tolerance=0.0005, averaging=0.9)

    Source: Martens (2010), *Deep learning via Hessian-free optimization*. Deviations: gradient and
    curvature are of one batch; the squares are estimated from one backward pass, in which every
    example has a random sign.
    """
    bounds.positive(damping, "damping")
    bounds.decay(memory, "memory")
    bounds.decay(averaging, "averaging")
    bounds.positive(tolerance, "tolerance")
    bounds.count(iterations, "iterations", least=1)

    def init(parameters: Tree) -> HessianFreeState:
        number = jnp.zeros((), jnp.float32)
        return HessianFreeState(
            jnp.zeros((), jnp.int32),
            number + damping,
            zeros_like(parameters),
            zeros_like(parameters),
            jnp.zeros((), jnp.int32),
            number,
        )

    options = _Options(iterations, memory, tolerance, averaging)

    def update(gradients: Tree, state: HessianFreeState, parameters: Tree) -> tuple[Tree, Tree]:
        raise ConfigurationError(
            "hessian_free needs more than gradients: the objective of the batch and its curvature",
            fix="fit(model, data, optimizer='hessian_free'), or update_on with a BatchObjective",
        )

    return Optimizer(init, update, update_on=functools.partial(_updated, options))


def _updated(
    options: _Options,
    gradients: Tree,
    state: HessianFreeState,
    parameters: Tree,
    batch: BatchObjective,
) -> tuple[Tree, HessianFreeState]:
    """Return the updates of one step, and the state after it."""
    product, pulled = batch.product, batch.pulled
    if product is None or pulled is None:
        raise ConfigurationError(
            "hessian_free needs products with the Gauss-Newton matrix of the whole batch",
            given="an objective without them, such as one of micro-batches",
            fix="leave micro_batch_size out, or take optimizer='lbfgs'",
        )
    point, shaped = ravel_pytree(parameters)
    g, _ = ravel_pytree(gradients)
    squares = _squares(pulled, batch.examples, state, options.averaging)
    strength = state.damping.astype(g.dtype)

    def curved(v: Array) -> Array:
        return ravel_pytree(product(shaped(v)))[0]

    def objective(p: Array) -> Array:
        return batch.value(shaped(point + p))

    # A running mean that starts at 0 is too small at first; this corrects it, as Adam does.
    seen = squares / (1 - options.averaging ** (state.step + 1).astype(g.dtype))
    solution = solve(
        lambda v: curved(v) + strength * v,
        -g,
        start=options.memory * ravel_pytree(state.direction)[0],
        scale=(seen + strength) ** EXPONENT,
        iterations=options.iterations,
        tolerance=options.tolerance,
    )
    before = objective(jnp.zeros_like(point))
    p, after = _lowest(objective, solution.last, solution.kept, solution.number)
    predicted = jnp.vdot(g, p) + jnp.vdot(p, curved(p)) / 2
    # With few iterations from a distant start the parabola may be higher at p than at w.
    sound = jnp.isfinite(after) & (predicted < 0)
    ratio = jnp.where(sound, (after - before) / predicted, -1.0)
    rate = _searched(objective, p, before, after, jnp.vdot(g, p))
    factor = jnp.where(ratio < 0.25, RAISED, jnp.where(ratio > 0.75, LOWERED, 1.0))
    moved = rate > 0
    new = HessianFreeState(
        state.step + 1,
        state.damping * factor.astype(state.damping.dtype),
        shaped(jnp.where(moved, solution.last, 0)),
        shaped(squares),
        solution.iterations,
        ratio.astype(jnp.float32),
    )
    return shaped(jnp.where(moved, rate * p, 0)), new


def _squares(
    pulled: Callable[[Array], Tree], examples: int, state: HessianFreeState, averaging: float
) -> Array:
    """Return the running mean of the squared gradients of single examples, (P,).

    With a random sign s_i for each example the mean square of sum s_i g_i is the sum of g_i^2.
    """
    key = jax.random.fold_in(jax.random.key(0), state.step)
    signs = jax.random.rademacher(key, (examples,), jnp.float32)
    drawn = ravel_pytree(pulled(signs / math.sqrt(examples)))[0]
    return averaging * ravel_pytree(state.squares)[0] + (1 - averaging) * drawn**2


def _lowest(
    objective: Callable[[Array], Array], last: Array, kept: Array, count: Array
) -> tuple[Array, Array]:
    """Return point and objective, going back from the last point while the objective falls."""

    def better(carry: tuple[Any, ...]) -> Any:
        place, _, value, before, _ = carry
        falls = (before <= value) | ~jnp.isfinite(value)
        return (place >= 0) & falls

    def back(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        place, _, _, before, candidate = carry
        earlier = kept[jnp.maximum(place - 1, 0)]
        return place - 1, candidate, before, objective(earlier), earlier

    first = kept[jnp.maximum(count - 1, 0)]
    start = (count - 1, last, objective(last), objective(first), first)
    _, point, value, _, _ = jax.lax.while_loop(better, back, start)
    return point, value


def _searched(
    objective: Callable[[Array], Array], p: Array, before: Array, after: Array, slope: Array
) -> Array:
    """Return the length of the step, 0.8^k, at which the objective falls enough; 0 for none."""

    def falls(rate: Array, value: Array) -> Any:
        return value <= before + jnp.minimum(LEAST_GAIN * rate * slope, 0)

    def shorter(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        k, rate, _ = carry
        rate = rate * SHRINK
        return k + 1, rate, objective(rate * p)

    def go_on(carry: tuple[Any, ...]) -> Any:
        k, rate, value = carry
        return ~falls(rate, value) & (k < MOST_SHRINKS)

    start = (jnp.zeros((), jnp.int32), jnp.ones((), p.dtype), after)
    _, rate, value = jax.lax.while_loop(go_on, shorter, start)
    return jnp.where(falls(rate, value), rate, 0)
