"""Learning-rate schedules: functions of the number of updates made so far.

A schedule is computed inside the compiled step. The rate of the first update is
``schedule(0)``. In every equation t is that number of updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ParamSpec

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.optim.configuration import Configured, named, rebuild

P = ParamSpec("P")


@dataclass(frozen=True, eq=False, repr=False)
class Schedule(Configured):
    """A learning rate that depends on the number of updates made so far.

    Called with a number of updates (an integer, or an array of them), it returns the rate as an
    array of the same shape in the default floating dtype.

    Attributes:
        function: the rate of an array of update numbers (floating, whole-numbered).
    """

    function: Callable[[Array], Array]

    def __call__(self, step: ArrayLike) -> Array:
        return jnp.asarray(self.function(jnp.asarray(step, dtype=float)), dtype=float)


Rate = float | Schedule | Callable[[Array], Array]
"""A learning rate: a number, a schedule, or any function from an update number to a rate."""


def schedule(make: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Register a function that makes a schedule, so that runs can record it by name."""
    return named("schedule")(make)


def as_schedule(rate: Rate, where: str = "learning_rate") -> Schedule:
    """Return a rate as a schedule; a number becomes a constant one.

    Raises:
        ConfigurationError: the number is zero, negative or not finite.
    """
    if isinstance(rate, Schedule):
        return rate
    if callable(rate):
        return Schedule(rate)
    value = bounds.positive(rate, where)
    return Schedule(lambda t: jnp.full(t.shape, value, t.dtype))


def from_config(config: Mapping[str, object]) -> Schedule:
    """Return the schedule that `Schedule.to_config` recorded.

    Raises:
        ConfigurationError: an unknown name, an unknown option or a value out of its range.

    >>> from_config({"name": "exponential", "initial": 0.1, "factor": 0.5, "every": 10})
    exponential(initial=0.1, factor=0.5, every=10)
    """
    return rebuild(config, Schedule)


@schedule
def constant(value: float) -> Schedule:
    """Keep the rate constant.

    rate(t) = value

    Raises:
        ConfigurationError: ``value`` is not above 0.

    >>> float(constant(0.5)(1000))
    0.5

    Source: Robbins and Monro (1951) let the rate fall; a constant rate is the default in practice.
    """
    return as_schedule(value, "value")


@schedule
def step(initial: float, every: int, factor: float = 0.1) -> Schedule:
    """Multiply the rate by ``factor`` after every ``every`` updates.

    rate(t) = initial * factor ** floor(t / every)

    Raises:
        ConfigurationError: a value out of its range.

    >>> [round(float(step(1.0, every=2)(t)), 3) for t in range(5)]
    [1.0, 1.0, 0.1, 0.1, 0.01]

    Source: PyTorch's StepLR, which counts epochs where this schedule counts updates.
    """
    initial = bounds.positive(initial, "initial")
    every = bounds.count(every, "every", least=1)
    factor = bounds.positive(factor, "factor")
    return Schedule(lambda t: initial * factor ** (t // every))


@schedule
def piecewise(values: Sequence[float], boundaries: Sequence[int]) -> Schedule:
    """Hold one rate until each boundary, then the next: one more value than boundaries.

    rate(t) = values[number of boundaries b with b <= t]

    Raises:
        ConfigurationError: a value that is not above 0, boundaries that do not rise, or numbers of
            values and boundaries that do not fit.

    >>> [round(float(piecewise((0.1, 0.01), boundaries=(2,))(t)), 3) for t in range(4)]
    [0.1, 0.1, 0.01, 0.01]

    Source: Keras's PiecewiseConstantDecay, which changes the rate one update later.
    """
    rates = [bounds.positive(x, "values") for x in values]
    edges = [bounds.count(x, "boundaries", least=1) for x in boundaries]
    if len(rates) != len(edges) + 1 or edges != sorted(set(edges)):
        raise ConfigurationError(
            "values and boundaries do not fit",
            where="piecewise",
            given=f"{len(rates)} values, boundaries {edges}",
            expected="rising boundaries, and one more value than boundaries",
        )

    def rate(t: Array) -> Array:
        passed = jnp.searchsorted(jnp.asarray(edges, t.dtype), t, side="right")
        return jnp.asarray(rates, t.dtype)[passed]

    return Schedule(rate)


@schedule
def exponential(initial: float, factor: float, every: float = 1) -> Schedule:
    """Shrink the rate smoothly, by ``factor`` in each ``every`` updates.

    rate(t) = initial * factor ** (t / every)

    Raises:
        ConfigurationError: a value out of its range.

    >>> [float(exponential(1.0, factor=0.5, every=10)(t)) for t in (0, 10, 20)]
    [1.0, 0.5, 0.25]

    Source: Keras's ExponentialDecay; PyTorch's ExponentialLR counts epochs.
    """
    initial = bounds.positive(initial, "initial")
    factor = bounds.positive(factor, "factor")
    every = bounds.positive(every, "every")
    return Schedule(lambda t: initial * factor ** (t / every))


@schedule
def cosine(initial: float, steps: int, final: float = 0.0) -> Schedule:
    """Follow half a cosine from ``initial`` down to ``final``, and stay there.

    rate(t) = final + (initial - final) * (1 + cos(pi * min(t / steps, 1))) / 2

    Raises:
        ConfigurationError: a value out of its range.

    >>> [round(float(cosine(1.0, steps=10)(t)), 3) for t in (0, 5, 10, 20)]
    [1.0, 0.5, 0.0, 0.0]

    Source: Loshchilov and Hutter (2017), *SGDR: Stochastic gradient descent with warm restarts*,
    equation 5, without the restarts. PyTorch's CosineAnnealingLR rises again after ``steps``.
    """
    return _falling(initial, steps, final, lambda x: (1 + jnp.cos(jnp.pi * x)) / 2)


@schedule
def polynomial(initial: float, steps: int, power: float = 1.0, final: float = 0.0) -> Schedule:
    """Fall from ``initial`` to ``final`` along a polynomial (a line with power 1), and stay there.

    rate(t) = final + (initial - final) * (1 - min(t / steps, 1)) ** power

    Raises:
        ConfigurationError: a value out of its range.

    >>> [float(polynomial(1.0, steps=4)(t)) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]

    Source: Keras's PolynomialDecay, whose end is ``final`` and whose default is not 0 but 0.0001.
    """
    power = bounds.positive(power, "power")
    return _falling(initial, steps, final, lambda x: (1 - x) ** power)


@schedule
def warmup(steps: int, then: Rate, start: float = 0.0) -> Schedule:
    """Rise in a line to the first rate of another schedule, then follow that from its beginning.

    rate(t) = then(0) * (start + (1 - start) * t / steps)   for t < steps, else then(t - steps)

    Args:
        steps: updates until the other schedule begins.
        then: the schedule, or the rate, that follows.
        start: the first rate, as a fraction of ``then(0)``. With 0 the first update is 0.

    Raises:
        ConfigurationError: a value out of its range.

    >>> [float(warmup(4, then=1.0)(t)) for t in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    Source: Goyal et al. (2017), *Accurate, large minibatch SGD*, section 2.2 (gradual warmup).
    """
    steps = bounds.count(steps, "steps", least=1)
    following = as_schedule(then, "then")
    start = bounds.decay(start, "start")

    def rate(t: Array) -> Array:
        rising = following(0) * (start + (1 - start) * t / steps)
        return jnp.where(t < steps, rising, following(jnp.maximum(t - steps, 0)))

    return Schedule(rate)


def _falling(initial: float, steps: int, final: float, curve: Callable[[Array], Array]) -> Schedule:
    """Return the fall from ``initial`` to ``final`` along a curve from 1 at 0 to 0 at 1."""
    initial = bounds.positive(initial, "initial")
    steps = bounds.count(steps, "steps", least=1)
    final = bounds.not_negative(final, "final")
    fall = initial - final
    return Schedule(lambda t: final + fall * curve(jnp.minimum(t / steps, 1)))
