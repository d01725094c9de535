"""L-BFGS: Newton's direction from the last steps and the changes of the gradient along them.

Shape letters: P parameters, H pairs that are kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.optim.arithmetic import accumulated
from clearprop.optim.optimizer import BatchObjective, Optimizer, Tree, register_second_order
from clearprop.optim.schedules import Rate, as_schedule
from clearprop.optim.wolfe import Point, search

LEAST_CURVATURE = 1e-10
"""A pair whose product is not above this says nothing of a valley, and is not kept."""

FEWEST_EVALUATIONS = 10
"""In an update of few iterations, unless their number is given."""

STRONG_WOLFE = "strong_wolfe"

Evaluated = Callable[[Array], tuple[Array, Array]]
"""A point (P,) -> the objective and its gradient there."""


class LbfgsState(NamedTuple):
    """The state of `lbfgs`. Parameters are one vector (P,) in the order of their paths.

    Attributes:
        step: the number of updates made, int32.
        iterations: the number of iterations made in all updates, int32.
        moved: the last step, (P,).
        gradient: the gradient before the last step, (P,).
        steps: the last steps, (H, P); the pair number n is in row n modulo H.
        changes: the changes of the gradient in these steps, (H, P).
        products: of both, (H,).
        pairs: how many pairs were stored so far, int32.
        curvature: y y / s y of the last pair, by which the first direction is divided.
    """

    step: Array
    iterations: Array
    moved: Array
    gradient: Array
    steps: Array
    changes: Array
    products: Array
    pairs: Array
    curvature: Array


class _Choice(NamedTuple):
    iterations: int
    evaluations: int
    tolerance_gradient: float
    tolerance_change: float
    searches: bool


class _Progress(NamedTuple):
    """What changes in the iterations of one update."""

    point: Array
    value: Array
    gradient: Array
    state: LbfgsState
    iterations: Array
    evaluations: Array
    done: Array


@register_second_order
def lbfgs(
    learning_rate: Rate = 1.0,
    *,
    iterations: int = 20,
    evaluations: int | None = None,
    history: int = 10,
    line_search: str | None = STRONG_WOLFE,
    tolerance_gradient: float = 1e-7,
    tolerance_change: float = 1e-9,
) -> Optimizer:
    """Descend along an estimate of Newton's direction, several iterations on the same batch.

        s = the last step, y = the change of the gradient in it; (s, y) is kept if s y > 0
        d = -H g, where H is the estimate of the inverse Hessian from the kept pairs
        r = a rate along d by the strong Wolfe conditions, first trial learning_rate(t)
        w <- w + r d

    w are the parameters, g is the gradient, and t the number of updates made so far. One update is
    up to ``iterations`` of these lines. The pairs compare gradients at different points, so the
    objective must not change: train on all examples at once, with
    ``batch_size=len(x)``, without dropout and augmentation. The first direction is -g, and its
    first trial is divided by the sum of |g| where that is above 1.

    The state holds 2 * ``history`` + 2 vectors of the size of all parameters.

    Args:
        learning_rate: the first trial of the rate, or the rate itself without a line search: a
            number above 0, or a schedule.
        iterations: the largest number of iterations in an update.
        evaluations: the largest number of evaluations of the objective in an update; an update may
            need a few more to end its last search. By default 5/4 of the iterations, at least 10.
        history: how many pairs are kept, H.
        line_search: "strong_wolfe", or None for steps of a fixed rate, which may diverge.
        tolerance_gradient: an update ends where no derivative is larger.
        tolerance_change: an update ends where neither a parameter nor the objective changes more.

    Raises:
        ConfigurationError: an option out of its range; or `Optimizer.update` is called, which gets
            gradients alone.

    >>> lbfgs(iterations=5)
    lbfgs(learning_rate=1.0, iterations=5, evaluations=None, history=10,
     line_search='strong_wolfe', tolerance_gradient=1e-07, tolerance_change=1e-09)

    Source: Liu and Nocedal (1989), *On the limited memory BFGS method for large scale
    optimization*, with the two loops of Nocedal (1980), *Updating quasi-Newton matrices with
    limited storage*. The iterations are those of PyTorch's LBFGS, whose defaults are 100 pairs, no
    line search and always 5/4 of the iterations.
    """
    rate = as_schedule(learning_rate)
    iterations = bounds.count(iterations, "iterations", least=1)
    if evaluations is not None:
        evaluations = bounds.count(evaluations, "evaluations", least=2)
    rows = bounds.count(history, "history", least=1)
    if line_search not in (STRONG_WOLFE, None):
        raise ConfigurationError(
            "the line search is unknown",
            where="line_search",
            given=repr(line_search),
            expected=f"{STRONG_WOLFE!r} or None",
        )
    options = _Choice(
        iterations,
        max(FEWEST_EVALUATIONS, iterations * 5 // 4) if evaluations is None else evaluations,
        bounds.not_negative(tolerance_gradient, "tolerance_gradient"),
        bounds.not_negative(tolerance_change, "tolerance_change"),
        line_search is not None,
    )

    def init(parameters: Tree) -> LbfgsState:
        vector = jnp.zeros_like(ravel_pytree(_widened(parameters))[0])
        # Each array has its own buffer: one buffer under two names could not be donated.
        zero, table = jnp.zeros((), jnp.int32), jnp.zeros((rows, vector.size), vector.dtype)
        return LbfgsState(
            step=zero,
            iterations=jnp.array(zero),
            moved=vector,
            gradient=jnp.array(vector),
            steps=table,
            changes=jnp.array(table),
            products=jnp.ones(rows, vector.dtype),
            pairs=jnp.array(zero),
            curvature=jnp.ones((), vector.dtype),
        )

    def update(gradients: Tree, state: LbfgsState, parameters: Tree) -> tuple[Tree, LbfgsState]:
        raise ConfigurationError(
            "lbfgs needs more than gradients: the objective of the batch, to evaluate it again",
            fix="fit(model, x, y, optimizer='lbfgs', batch_size=len(x)), or update_on with a "
            "BatchObjective",
        )

    def update_on(
        gradients: Tree, state: LbfgsState, parameters: Tree, batch: BatchObjective
    ) -> tuple[Tree, LbfgsState]:
        return _updated(options, rate(state.step), gradients, state, parameters, batch)

    return Optimizer(
        init, update, learning_rate=lambda state: rate(state.step), update_on=update_on
    )


def _updated(
    options: _Choice,
    rate: Array,
    gradients: Tree,
    state: LbfgsState,
    parameters: Tree,
    batch: BatchObjective,
) -> tuple[Tree, LbfgsState]:
    """Return the updates of one batch, and the state after it."""
    begin, shaped = ravel_pytree(_widened(parameters))
    gradient = ravel_pytree(gradients)[0].astype(begin.dtype)

    def as_parameters(point: Array) -> Any:
        return jax.tree.map(lambda x, w: x.astype(w.dtype), shaped(point), parameters)

    def evaluated(point: Array) -> tuple[Array, Array]:
        value, slopes = batch.value_and_gradient(as_parameters(point))
        return value.astype(begin.dtype), ravel_pytree(slopes)[0].astype(begin.dtype)

    begun = _Progress(
        begin,
        batch.value(parameters).astype(begin.dtype),
        gradient,
        state,
        jnp.zeros((), jnp.int32),
        jnp.ones((), jnp.int32),
        jnp.abs(gradient).max() <= options.tolerance_gradient,
    )
    once = functools.partial(_iterated, options, rate.astype(begin.dtype), evaluated)
    end = jax.lax.while_loop(lambda now: ~now.done, once, begun)
    return shaped(end.point - begin), end.state._replace(step=state.step + 1)


def _iterated(options: _Choice, rate: Array, evaluated: Evaluated, now: _Progress) -> _Progress:
    """Return the progress of an update after one more iteration."""
    number = now.iterations + 1
    known = _remembered(now.state, now.gradient)
    direction = _direction(known, now.gradient)
    steepest = jnp.minimum(1, 1 / jnp.abs(now.gradient).sum())
    first = jnp.where(known.iterations == 0, steepest, 1) * rate
    slope = jnp.vdot(now.gradient, direction)
    stuck = slope > -options.tolerance_change
    if options.searches:
        here = Point(jnp.zeros((), rate.dtype), now.value, now.gradient, slope)
        most = options.evaluations - now.evaluations

        def on_line(length: Array) -> tuple[Array, Array]:
            return evaluated(now.point + length * direction)

        found, count = search(
            on_line, direction, here, first, most, options.tolerance_change, stuck
        )
        moved, value, slopes = found.rate * direction, found.value, found.gradient
    else:
        moved = jnp.where(stuck, 0, first * direction)
        # Nothing uses the objective after the last iteration.
        unused = stuck | (number == options.iterations)
        value, slopes = jax.lax.cond(
            unused, lambda point: (now.value, now.gradient), evaluated, now.point + moved
        )
        count = jnp.where(unused, 0, 1)
    total = now.evaluations + count
    ends = (
        stuck
        | (number == options.iterations)
        | (total >= options.evaluations)
        | (jnp.abs(slopes).max() <= options.tolerance_gradient)
        | (jnp.abs(moved).max() <= options.tolerance_change)
        | (jnp.abs(value - now.value) < options.tolerance_change)
    )
    after = known._replace(iterations=known.iterations + 1, moved=moved, gradient=now.gradient)
    return _Progress(now.point + moved, value, slopes, after, number, total, ends)


def _remembered(state: LbfgsState, gradient: Array) -> LbfgsState:
    """Return the state with the pair of the last step, if it says something of the curvature."""
    change = gradient - state.gradient
    product = jnp.vdot(change, state.moved)
    row = state.pairs % len(state.products)
    added = state._replace(
        steps=state.steps.at[row].set(state.moved),
        changes=state.changes.at[row].set(change),
        products=state.products.at[row].set(product),
        pairs=state.pairs + 1,
        curvature=jnp.vdot(change, change) / product,
    )
    keeps = product > LEAST_CURVATURE
    found: LbfgsState = jax.tree.map(functools.partial(jnp.where, keeps), added, state)
    return found


def _direction(state: LbfgsState, gradient: Array) -> Array:
    """Return -H g by two loops over the pairs: to the oldest, and back to the newest."""
    rows = len(state.products)
    count = jnp.minimum(state.pairs, rows)

    def to_oldest(k: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        row, (q, shares) = (state.pairs - 1 - k) % rows, carry
        share = jnp.vdot(state.steps[row], q) / state.products[row]
        return q - share * state.changes[row], shares.at[row].set(share)

    def to_newest(k: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        row, (r, shares) = (state.pairs - count + k) % rows, carry
        back = jnp.vdot(state.changes[row], r) / state.products[row]
        return r + (shares[row] - back) * state.steps[row], shares

    q, shares = jax.lax.fori_loop(0, count, to_oldest, (-gradient, jnp.zeros_like(state.products)))
    r: Array
    r, _ = jax.lax.fori_loop(0, count, to_newest, (q / state.curvature, shares))
    return r


def _widened(parameters: Tree) -> Tree:
    return jax.tree.map(lambda x: x.astype(accumulated(x)), parameters)
