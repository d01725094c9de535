"""Activation maximization: the input for which a unit has its largest value.

Shape letters: U units, H height, W width, C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, ops
from clearprop.autodiff import value_and_grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass.drawings.choice import (
    Unit,
    output_shape,
    passed,
    pixels_of,
    place_of,
    ready,
)
from clearprop.glass.drawings.tiles import tiled
from clearprop.glass.style import Drawing, drawn
from clearprop.glass.wording import number

NOISE = 0.01
"""Standard deviation of the numbers of the first input."""


@dataclass(frozen=True, eq=False)
class Ascent:
    """The result of gradient ascent.

    Attributes:
        inputs: for each unit its input, (U, ...).
        values: of each unit at the beginning and after every step, (T + 1, U).
    """

    inputs: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """The rules of an ascent; decay and blur keep the input small and smooth.

    Attributes:
        rate: length of a step, as a fraction of the gradient scaled to mean square 1.
        decay: the fraction of the input that is subtracted at every step.
        blur: the fraction of every pixel that the mean of its four neighbors replaces at every
            step.
        jitter: by how many pixels at most the picture is shifted before each step, and back after.
        limits: the smallest and the largest number of an input; None for none.
    """

    rate: float = 0.1
    decay: float = 0.01
    blur: float = 0.1
    jitter: int = 1
    limits: tuple[float, float] | None = None


def ascend(
    model: nn.Module,
    layer: str,
    units: Sequence[Unit],
    shape: Sequence[int],
    *,
    steps: int = 200,
    rules: Rules | None = None,
    seed: int = 0,
) -> Ascent:
    """Return for each unit an input for which its value is large, found by gradient ascent.

    x <- x + rate g / sqrt(mean g^2) with g = d unit / d x, then decay, blur and limits; all units
    and all steps in one compiled call, the gradient by clearprop's own back-propagation.

    Args:
        model: with values.
        layer: its path.
        units: of the layer; one number of a feature map is its whole channel, averaged.
        shape: of one input.
        steps: T.
        rules: of the ascent.
        seed: of the first input, which is faint noise, and of the jitter.

    Raises:
        ConfigurationError: there is no such layer or unit, or a number is out of range.
        ShapeError: inputs of this shape do not fit the model.
    """
    ready(model)
    rules = rules or Rules()
    if steps < 1 or not 0 <= rules.decay < 1 or not 0 <= rules.blur <= 1 or rules.jitter < 0:
        raise ConfigurationError(
            "an ascent cannot have these settings",
            given=f"steps={steps}, {rules}",
            expected="steps from 1, decay from 0 to below 1, blur from 0 to 1, jitter from 0",
        )
    if not units:
        raise ConfigurationError("there is no unit to maximize", given="units=()")
    if not shape or any(size < 1 for size in shape):
        raise ShapeError("an input needs numbers", given=f"shape={tuple(shape)}")
    start = NOISE * jax.random.normal(jax.random.key(seed), (len(units), *shape))
    outputs = output_shape(model, start, layer)
    counted = np.stack([_counted(unit, outputs, layer) for unit in units])
    key = jax.random.key(seed + 1)
    inputs, values = _ascended(model, start, key, counted, layer, steps, rules)
    return Ascent(np.asarray(inputs, np.float64), np.asarray(values, np.float64))


def _counted(unit: Unit, outputs: tuple[int, ...], layer: str) -> NDArray[np.float32]:
    """Return how much each entry of a layer's output counts: one unit, or the mean of a channel."""
    place = place_of(unit, outputs, layer)
    counted = np.zeros(outputs, np.float32)
    if isinstance(unit, tuple):
        counted[place] = 1.0
    else:
        counted[..., place[-1]] = 1.0 / np.prod(outputs[:-1])
    return counted


@partial(jax.jit, static_argnums=(4, 5, 6))
def _ascended(
    model: nn.Module,
    start: jax.Array,
    key: jax.Array,
    counted: jax.Array,
    layer: str,
    steps: int,
    rules: Rules,
) -> tuple[jax.Array, jax.Array]:
    pictures = start.ndim == 4 and min(start.shape[1:3]) > 1
    rest = tuple(range(1, counted.ndim))

    def values_of(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        # Each row has its own input, and sees no other in evaluation.
        values = ops.sum(passed(model, x, layer) * counted, axis=rest)
        return ops.sum(values), values

    def step(x: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        shift = jax.random.randint(key, (2,), -rules.jitter, rules.jitter + 1)
        moved = jnp.roll(x, shift, (1, 2)) if pictures else x
        (_, values), slopes = value_and_grad(values_of, has_aux=True)(moved)
        size = jnp.sqrt(jnp.mean(slopes**2, axis=tuple(range(1, x.ndim)), keepdims=True))
        moved = (1 - rules.decay) * (moved + rules.rate * slopes / (size + 1e-12))
        if pictures:
            moved = jnp.roll(_blurred(moved, rules.blur), -shift, (1, 2))
        return moved if rules.limits is None else jnp.clip(moved, *rules.limits), values

    last, values = jax.lax.scan(step, start, jax.random.split(key, steps))
    return last, jnp.concatenate([values, values_of(last)[1][None]])


def _blurred(x: jax.Array, fraction: float) -> jax.Array:
    """Mix every pixel of (U, H, W, C) with its four neighbors; at the edge with itself."""
    wide = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    around = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]
    return (1 - fraction) * x + fraction * around / 4


@drawn
def maximize_activation(
    model: nn.Module,
    layer: str,
    unit: Unit | list[Unit] | range,
    shape: Sequence[int],
    *,
    steps: int = 200,
    rate: float = 0.1,
    decay: float = 0.01,
    blur: float = 0.1,
    jitter: int = 1,
    limits: tuple[float, float] | None = None,
    seed: int = 0,
) -> Drawing:
    """Draw inputs for which some units have large values, found by gradient ascent from noise.

    Args:
        model: with values.
        layer: any layer's path.
        unit: one unit, or a list of several; one number of a feature map is its whole channel, a
            tuple (row, column, channel) one place of it.
        shape: of one input as the model takes it, (28, 28, 1).
        steps: of the ascent.
        rate: length of a step.
        decay: the fraction of the input that is subtracted at every step (L2).
        blur: the fraction of every pixel that its four neighbors replace at every step.
        jitter: by how many pixels at most the picture is shifted before each step, and back after.
        limits: the smallest and the largest number of an input, such as (0, 1).
        seed: of the noise and the jitter.

    Raises:
        ConfigurationError: there is no such layer or unit, or a number is out of range.
        ShapeError: inputs of this shape do not fit the model.

    >>> model = nn.Sequential([nn.Conv2d(1, 4, 3), "relu"]).init(0)
    >>> maximize_activation(model, "layers.0", [0, 1], (5, 5, 1), steps=3).title
    'Inputs that maximize 2 units of layers.0'

    Source: Simonyan, Vedaldi and Zisserman (2014); jitter as Mordvintsev, Olah and Tyka (2015).
    """
    units: list[Unit] = list(unit) if isinstance(unit, list | range) else [unit]
    found = ascend(
        model, layer, units, shape, steps=steps, seed=seed,
        rules=Rules(rate, decay, blur, jitter, limits),
    )  # fmt: skip
    tiles = [pixels_of(each) for each in found.inputs]
    ends = found.values[-1]
    names = [f"{u}: {number(v, 2)}" for u, v in zip(units, ends, strict=True)]
    figure, _ = tiled(tiles, names, columns=min(5, len(tiles)), label="input")
    noun = f"unit {units[0]} of {layer}" if len(units) == 1 else f"{len(units)} units of {layer}"
    return Drawing(
        f"Inputs that maximize {noun}",
        figure,
        f"Above each picture stand the unit and its value after {steps} steps of gradient ascent, "
        f"which began at {number(float(found.values[0].mean()), 2)} on average. Look for strokes "
        "and corners that excite the unit; parts that look like noise occur in no real input.",
    )
