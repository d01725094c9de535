"""The line search by the strong Wolfe conditions, as a compiled loop.

Shape letters: P parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

DECREASE, CURVATURE = 1e-4, 0.9
"""c1 and c2: how much the objective has to fall, and how flat it has to be at the end."""

T = TypeVar("T")


class Point(NamedTuple):
    """A point on the line w + rate * direction.

    Attributes:
        rate: its distance from w in lengths of the direction.
        value: the objective there.
        gradient: of the objective there, (P,).
        slope: the derivative of the objective along the direction.
    """

    rate: Array
    value: Array
    gradient: Array
    slope: Array


class _LineSearch(NamedTuple):
    """The state of the search; before the bracket is known ``low`` is the point before the last."""

    rate: Array
    low: Point
    high: Point
    bracketed: Array
    crowded: Array
    trials: Array
    evaluations: Array
    done: Array


def search(
    function: Callable[[Array], tuple[Array, Array]],
    direction: Array,
    start: Point,
    rate: Array,
    most: Array,
    tolerance: float,
    skipped: Array,
) -> tuple[Point, Array]:
    """Return a point on a line where the objective has fallen enough and is flat enough.

        f(w + r p) <= f(w) + c1 r g p       (it has fallen enough)
        |g(w + r p) p| <= c2 |g p|          (it is flat enough)

    The search first moves away from w until two points enclose such a point, then makes the
    interval smaller; each trial is the lowest point of a cubic polynomial through two points. Where
    the trials run out, the result is the lowest point found, and never higher than w. A point whose
    objective is not finite counts as too high.

    Args:
        function: rate -> objective and gradient at w + rate * direction.
        direction: p, (P,).
        start: w itself, with the rate 0.
        rate: of the first trial.
        most: trials after the first one.
        tolerance: the search ends where the interval is shorter.
        skipped: whether to return the start at once.

    Returns:
        The point, and how often the function was evaluated.

    Source: Nocedal and Wright (2006), *Numerical optimization*, algorithms 3.5 and 3.6, in the form
    of PyTorch's L-BFGS, which has it from minFunc by Mark Schmidt.
    """
    size = jnp.abs(direction).max()

    def tried(now: _LineSearch) -> _LineSearch:
        value, gradient = function(now.rate)
        new = Point(now.rate, value, gradient, jnp.vdot(gradient, direction))
        high_above = _too_high(new, start)
        flat = jnp.abs(new.slope) <= -CURVATURE * start.slope
        after = _chosen(
            now.bracketed, _narrowed(now, new, high_above, flat), _moved(now, new, high_above, flat)
        )
        if_exhausted = after._replace(low=_lower(start, new), done=jnp.ones((), bool))
        after = _chosen(~now.bracketed & (now.trials >= most), if_exhausted, after)
        after = after._replace(evaluations=now.evaluations + 1)
        short = jnp.abs(after.high.rate - after.low.rate) * size < tolerance
        ends = after.bracketed & (short | (now.trials >= most))
        after = after._replace(done=after.done | ends)
        return _chosen(after.bracketed & ~after.done, _next_trial(after), after)._replace(
            trials=now.trials + 1
        )

    zero = jnp.zeros((), jnp.int32)
    no = jnp.zeros((), bool)
    begin = _LineSearch(rate, start, start, no, no, zero, zero, skipped)
    end = jax.lax.while_loop(lambda now: ~now.done, tried, begin)
    return end.low, end.evaluations


def _too_high(new: Point, start: Point) -> Array:
    return ~(new.value <= start.value + DECREASE * new.rate * start.slope)


def _moved(now: _LineSearch, new: Point, too_high: Array, flat: Array) -> _LineSearch:
    """Return the search after a trial while no interval is known yet."""
    before = now.low
    enclosed = too_high | ((now.trials > 1) & (new.value >= before.value))
    found = ~enclosed & flat
    enclosed = enclosed | (~found & (new.slope >= 0))
    further = _lowest_of_cubic(
        before, new, new.rate + 0.01 * (new.rate - before.rate), 10 * new.rate
    )
    return now._replace(
        rate=further,
        low=_chosen(enclosed, _lower(before, new), new),
        high=_higher(before, new),
        bracketed=enclosed,
        done=found,
    )


def _narrowed(now: _LineSearch, new: Point, too_high: Array, flat: Array) -> _LineSearch:
    """Return the search after a trial inside the interval."""
    too_high = too_high | (new.value >= now.low.value)
    turned = new.slope * (now.high.rate - now.low.rate) >= 0
    low = _chosen(too_high, _lower(now.low, new), new)
    high = _chosen(too_high, _higher(now.low, new), _chosen(turned & ~flat, now.low, now.high))
    return now._replace(low=low, high=high, done=~too_high & flat)


def _next_trial(now: _LineSearch) -> _LineSearch:
    """Return the search with the next trial; near a border of the interval only every other one."""
    first = jnp.minimum(now.low.rate, now.high.rate)
    last = jnp.maximum(now.low.rate, now.high.rate)
    rate = _lowest_of_cubic(now.low, now.high, first, last)
    margin = 0.1 * (last - first)
    at_border = jnp.minimum(last - rate, rate - first) < margin
    back = at_border & (now.crowded | (rate >= last) | (rate <= first))
    inside = jnp.where(jnp.abs(rate - last) < jnp.abs(rate - first), last - margin, first + margin)
    return now._replace(rate=jnp.where(back, inside, rate), crowded=at_border & ~back)


def _lowest_of_cubic(a: Point, b: Point, least: Array, most: Array) -> Array:
    """Return the lowest point of the cubic with the values and slopes of two points.

    Where it has none, this is the middle of the bounds.
    """
    near, far = _chosen(a.rate <= b.rate, a, b), _chosen(a.rate <= b.rate, b, a)
    bend = near.slope + far.slope - 3 * (near.value - far.value) / (near.rate - far.rate)
    square = bend**2 - near.slope * far.slope
    root = jnp.sqrt(jnp.maximum(square, 0))
    part = (far.slope + root - bend) / (far.slope - near.slope + 2 * root)
    lowest = far.rate - (far.rate - near.rate) * part
    exists = (square >= 0) & jnp.isfinite(lowest)
    return jnp.where(exists, jnp.clip(lowest, least, most), (least + most) / 2)


def _lower(a: Point, b: Point) -> Point:
    return _chosen(_falls(a, b), b, a)


def _higher(a: Point, b: Point) -> Point:
    return _chosen(_falls(a, b), a, b)


def _falls(a: Point, b: Point) -> Array:
    return b.value < a.value


def _chosen(condition: Array, yes: T, no: T) -> T:
    picked: Any = jax.tree.map(partial(jnp.where, condition), yes, no)
    found: T = picked
    return found
