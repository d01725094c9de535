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
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.optim.configuration import Configured, named, rebuild
from clearprop.optim.rate_arguments import standing_for

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


LAST_STEP = 2**31
"""No run has so many updates."""

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
    return Schedule(lambda t: jnp.full(t.shape, standing_for(value), t.dtype))


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

    Args:
        initial: the first rate.
        every: updates from one fall to the next.
        factor: by which the rate is multiplied then.

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

    Args:
        initial: the first rate.
        factor: by which the rate is multiplied in so many updates.
        every: so many updates.

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

    Args:
        initial: the first rate.
        steps: updates until the last rate.
        final: the last rate, 0 or above.

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

    Args:
        initial: the first rate.
        steps: updates until the last rate.
        power: of the fall: 1 is a line, more falls faster at first.
        final: the last rate, 0 or above.

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


@schedule
def cosine_restarts(initial: float, steps: int, multiply: int = 1, final: float = 0.0) -> Schedule:
    """Follow half a cosine from ``initial`` down to ``final``, then start again at ``initial``.

    rate(t) = final + (initial - final) * (1 + cos(pi * s / T)) / 2
    with T = steps * multiply^n in period n, and s updates since it began

    Args:
        initial: the rate at the start of every period.
        steps: updates in the first period.
        multiply: how many times longer each period is than the one before it: 1, 2, ...
        final: the rate that a period approaches; its last update is just above.

    Raises:
        ConfigurationError: a value out of its range.

    >>> [round(float(cosine_restarts(1.0, steps=2, multiply=2)(t)), 2) for t in range(7)]
    [1.0, 0.5, 1.0, 0.85, 0.5, 0.15, 1.0]

    Source: Loshchilov and Hutter (2017), *SGDR: Stochastic gradient descent with warm restarts*,
    equation 5. PyTorch's CosineAnnealingWarmRestarts.
    """
    initial = bounds.positive(initial, "initial")
    steps = bounds.count(steps, "steps", least=1)
    multiply = bounds.count(multiply, "multiply", least=1)
    final = bounds.not_negative(final, "final")
    begins, lengths = [0], [steps]
    while multiply > 1 and begins[-1] < LAST_STEP:
        begins.append(begins[-1] + lengths[-1])
        lengths.append(lengths[-1] * multiply)

    def rate(t: Array) -> Array:
        if multiply == 1:
            done = t % steps / steps
        else:
            period = jnp.searchsorted(jnp.asarray(begins, t.dtype), t, side="right") - 1
            since = t - jnp.asarray(begins, t.dtype)[period]
            done = since / jnp.asarray(lengths, t.dtype)[period]
        return final + (initial - final) * (1 + jnp.cos(jnp.pi * done)) / 2

    return Schedule(rate)


@schedule
def cyclic(
    lowest: float,
    highest: float,
    steps_up: int = 2000,
    steps_down: int | None = None,
    mode: str = "triangular",
    factor: float = 1.0,
) -> Schedule:
    """Rise in a line from ``lowest`` to ``highest`` and fall again, over and over.

    rate(t) = lowest + (highest - lowest) * height(t) * scale(t)

    height(t) rises from 0 to 1 in ``steps_up`` updates and falls to 0 in ``steps_down``. scale(t)
    is 1 with "triangular", 1 / 2^n in cycle n = 0, 1, ... with "triangular2", and factor^t with
    "exp_range".

    Args:
        lowest: the rate at the start of every cycle.
        highest: the highest rate of the first cycle.
        steps_up: updates from the lowest rate to the highest.
        steps_down: updates from there to the lowest; None takes as many as up.
        mode: "triangular", "triangular2" or "exp_range".
        factor: by which "exp_range" shrinks the height in every update, above 0 and at most 1.

    Raises:
        ConfigurationError: a value out of its range, or the highest rate is below the lowest.

    >>> [float(cyclic(1.0, 3.0, steps_up=2, mode="triangular2")(t)) for t in range(8)]
    [1.0, 2.0, 3.0, 2.0, 1.0, 1.5, 2.0, 1.5]

    Source: Smith (2017), *Cyclical learning rates for training neural networks*. PyTorch's
    CyclicLR, which cycles the momentum too unless told otherwise.
    """
    lowest, highest = _rising(lowest, highest)
    up = bounds.count(steps_up, "steps_up", least=1)
    down = up if steps_down is None else bounds.count(steps_down, "steps_down", least=1)
    factor = bounds.chance(factor, "factor")
    _one_of(mode, "mode", ("triangular", "triangular2", "exp_range"))

    def rate(t: Array) -> Array:
        place = t % (up + down)
        height = jnp.where(place <= up, place / up, (up + down - place) / down)
        if mode == "triangular2":
            height = height * 0.5 ** (t // (up + down))
        elif mode == "exp_range":
            height = height * factor**t
        return lowest + (highest - lowest) * height

    return Schedule(rate)


@schedule
def one_cycle(
    highest: float,
    steps: int,
    rise: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    shape: str = "cosine",
    three_phases: bool = False,
) -> Schedule:
    """Rise to ``highest``, then fall far below the first rate; the whole run is one cycle.

    first = highest / div_factor,  last = first / final_div_factor
    rate: first -> highest at t = rise * steps - 1 -> last at t = steps - 1, and stays there

    Each arrow is half a cosine or a line. With ``three_phases`` the rate is back at the first one
    at t = 2 * rise * steps - 2, before it falls to the last.

    Args:
        highest: the highest rate.
        steps: updates of the run.
        rise: the fraction of the run over which the rate rises; with three phases below 0.5.
        div_factor: the first rate is so many times lower than the highest, 1 or above.
        final_div_factor: the last rate is so many times lower than the first, above 0.
        shape: "cosine" or "linear".
        three_phases: whether the fall has two parts.

    Raises:
        ConfigurationError: a value out of its range.

    >>> schedule = one_cycle(1.0, steps=10, rise=0.4, shape="linear")
    >>> [round(float(schedule(t)), 2) for t in range(10)]
    [0.04, 0.36, 0.68, 1.0, 0.83, 0.67, 0.5, 0.33, 0.17, 0.0]

    Source: Smith and Topin (2018), *Super-convergence: Very fast training of neural networks using
    large learning rates*, which has three phases. PyTorch's OneCycleLR, which cycles the momentum
    too unless told otherwise.
    """
    highest = bounds.positive(highest, "highest")
    steps = bounds.count(steps, "steps", least=2)
    rise = bounds.fraction(rise, "rise")
    divided = bounds.positive(div_factor, "div_factor")
    first = highest / divided
    last = first / bounds.positive(final_div_factor, "final_div_factor")
    _one_of(shape, "shape", ("cosine", "linear"))
    is_cosine = shape == "cosine"
    top = rise * steps - 1
    ends, rates = [top, steps - 1.0], [first, highest, last]
    if three_phases:
        if rise >= 0.5:
            raise ConfigurationError(
                "three phases need a rise below half of the run",
                where="rise",
                given=repr(rise),
                expected="a number above 0 and below 0.5",
            )
        ends, rates = [top, 2 * top, steps - 1.0], [first, highest, first, last]

    def rate(t: Array) -> Array:
        found, begin = jnp.full(t.shape, last, t.dtype), 0.0
        arcs = []
        for end, before, after in zip(ends, rates, rates[1:], strict=False):
            # A phase of no length has no rates.
            done = jnp.clip((t - begin) / (end - begin), 0, 1) if end > begin else jnp.ones_like(t)
            wave = jnp.cos(jnp.pi * done)
            # Not before + (after - before) * share: the last rate is too small for this sum.
            left, share = ((1 + wave) / 2, (1 - wave) / 2) if is_cosine else (1 - done, done)
            arcs.append((end, before * left + after * share))
            begin = end
        for end, arc in reversed(arcs):
            found = jnp.where(t <= end, arc, found)
        return found

    return Schedule(rate)


def _rising(lowest: float, highest: float) -> tuple[float, float]:
    lowest = bounds.positive(lowest, "lowest")
    highest = bounds.positive(highest, "highest")
    if highest < lowest:
        raise ConfigurationError(
            "the highest rate is below the lowest",
            where="highest",
            given=f"lowest={lowest:g}, highest={highest:g}",
            fix=f"lowest={highest:g}, highest={lowest:g}",
        )
    return lowest, highest


def _one_of(value: str, name: str, known: Sequence[str]) -> None:
    if value not in known:
        raise unknown_name(name, str(value), known, where=name)


def _falling(initial: float, steps: int, final: float, curve: Callable[[Array], Array]) -> Schedule:
    """Return the fall from ``initial`` to ``final`` along a curve from 1 at 0 to 0 at 1."""
    initial = bounds.positive(initial, "initial")
    steps = bounds.count(steps, "steps", least=1)
    final = bounds.not_negative(final, "final")
    fall = initial - final
    return Schedule(lambda t: final + fall * curve(jnp.minimum(t / steps, 1)))
