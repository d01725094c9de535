"""Which inputs can reach a unit at all: back-propagation of marks in place of error signals.

The model's operations are read from its tape. The gradient rule of each operation shows on which
entries of its inputs the marked entries of its output depend. The rule is evaluated at positive
values, for which no unit is silent, because only the wiring counts, not the weights.

Shape letters: H height, W width, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import nn
from clearprop.autodiff import OPERATIONS, Tape
from clearprop.autodiff.tape import Node, Operation, Value, strip
from clearprop.errors import ModelError, ShapeError
from clearprop.glass.drawings.choice import Unit, output_shape, passed, place_of
from clearprop.nn.recording import recorded
from clearprop.ops.pool import geometry_of_pool
from clearprop.tree import is_differentiable

Marks = jax.Array
"""The entries of a value on which the unit depends, bool."""

GOLDEN = (math.sqrt(5) - 1) / 2

SPREADING = {"max": "mean", "min": "mean"}
"""Operations that select one entry, and operations that read all of the same entries."""


def support(model: nn.Module, x: ArrayLike, layer: str, unit: Unit) -> NDArray[np.bool_]:
    """Return which entries of one input can change a unit: bool, shaped like the input.

    Args:
        model: with values, of which only the wiring counts.
        x: one input as the model takes it, (H, W, C) or another shape; its values have no effect.
        layer: path of the layer.
        unit: which of its units, as in `receptive_field`.

    Raises:
        ConfigurationError: there is no such layer or unit.
        ModelError: the unit does not depend on the input by any known rule.
        ShapeError: the input is not one array of floating-point numbers.

    >>> model = nn.Sequential([nn.Conv2d(1, 4, 3), "relu", nn.MaxPool2d(2)]).init(0)
    >>> marks = support(model, np.zeros((8, 8, 1)), "layers.2", (0, 1, 2))
    >>> marks[..., 0].astype(int)[:4, 1:7].tolist()
    [[0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 0]]
    """
    if not hasattr(x, "dtype") or not is_differentiable(x):
        raise ShapeError(
            "a receptive field lies in an input of floating-point numbers",
            given=str(getattr(x, "dtype", type(x).__name__)),
            fix="tokens are integers: take a layer after the embedding, or attention_maps",
        )
    batch = jnp.asarray(x)[None]
    shape = output_shape(model, batch, layer)
    seed = np.zeros((1, *shape), np.bool_)
    seed[(0, *place_of(unit, shape, layer))] = True
    return np.asarray(_support(model, batch, seed, layer)[0])


# Run once: optimizing it would take longer than it saves.
@partial(jax.jit, static_argnums=3, compiler_options={"xla_backend_optimization_level": 0})
def _support(model: nn.Module, x: jax.Array, seed: jax.Array, layer: str) -> jax.Array:
    with recorded() as recording:
        output = passed(model, recording.variables(x), layer)
    place = recording.place(output)
    if place is None:
        raise ModelError("this layer does not depend on the input", where=layer)
    return _swept(recording.tape, place, seed)


def _swept(tape: Tape, place: tuple[int, int], seed: Marks) -> Marks:
    """Return the marks of the tape's first value, given those of one of its values."""
    marks: dict[tuple[int, int], Marks] = {place: seed}
    for index in range(place[0], 0, -1):
        node = tape.nodes[index]
        arrived = [marks.pop((index, k), None) for k in range(len(node.outputs))]
        if node.operation is None or all(mark is None for mark in arrived):
            continue
        for parent, mark in zip(node.parents, _before(node, arrived), strict=True):
            if parent is not None and mark is not None:
                marks[parent] = marks[parent] | mark if parent in marks else mark
    return marks.get((0, 0), jnp.zeros(tape.nodes[0].outputs[0].shape, bool))


def _before(node: Node, arrived: list[Marks | None]) -> list[Marks | None]:
    """Return the marks of a node's inputs, given those of its outputs."""
    operation = node.operation
    assert operation is not None
    shapes = [np.shape(strip(x)) if parent is not None else None
              for x, parent in zip(node.inputs, node.parents, strict=True)]  # fmt: skip
    if operation.stacks is True:  # an elementwise operation
        return [None if s is None else _unbroadcast(arrived[0], s) for s in shapes]
    if operation.name not in OPERATIONS:  # of a loop or a user's function all inputs may count
        return [None if s is None else jnp.ones(s, bool) for s in shapes]
    inputs = tuple(_spread(x) for x in node.inputs)
    rule, inputs, parameters = _reading_all(operation.name, inputs, node.parameters)
    output = rule.forward(*inputs, **parameters)
    outputs = output if isinstance(output, tuple) else (output,)
    # Equal error signals would cancel in a softmax, so they all differ.
    errors = tuple(
        jnp.zeros(value.shape, value.dtype) if mark is None else mark * _spread(value)
        for mark, value in zip(arrived, outputs, strict=True)
    )
    wanted = [i < len(shapes) and shapes[i] is not None for i in range(len(inputs))]
    error = node.as_returned(errors)
    found = rule.errors_of_inputs(error, output, inputs, parameters, wanted)
    return [
        None if e is None or s is None else _unbroadcast(e != 0, s)
        for e, s in zip(found[: len(shapes)], shapes, strict=True)
    ]


def _reading_all(
    name: str, inputs: tuple[jax.Array, ...], parameters: Mapping[str, Any]
) -> tuple[Operation[..., Any], tuple[jax.Array, ...], Mapping[str, Any]]:
    """Return an operation that reads all entries of which the named one selects, with its inputs.

    The largest entry of a window becomes the sum of the window: a kernel of ones for each channel.
    """
    if name != "max_pool":
        return OPERATIONS[SPREADING.get(name, name)], inputs, parameters
    (x,) = inputs
    windows = geometry_of_pool(x.shape, name, parameters)
    channels = x.shape[-1]
    kernel = jnp.ones((*windows.window, 1, channels), x.dtype)
    options = {
        "stride": windows.stride,
        "padding": windows.padding,
        "dilation": windows.dilation,
        "groups": channels,
    }
    return OPERATIONS["convolution"], (x, kernel, jnp.zeros(channels, x.dtype)), options


def _spread(value: Value) -> jax.Array:
    """Return different numbers from 1 to 2 in the shape of a value; integers and bools unchanged.

    They are the fractional parts of the multiples of an irrational number, so no two are equal.
    """
    plain = strip(value)
    if not is_differentiable(plain):
        return plain
    shape = np.shape(plain)
    numbers = jnp.arange(1, math.prod(shape) + 1, dtype=jnp.float32).reshape(shape)
    return (1.0 + (numbers * GOLDEN) % 1.0).astype(jnp.result_type(plain))


def _unbroadcast(mark: Marks | None, shape: tuple[int, ...]) -> Marks | None:
    """Return marks over the axes of a value that was broadcast."""
    if mark is None or mark.shape == shape:
        return mark
    summed = mark.any(axis=tuple(range(mark.ndim - len(shape))))
    axes = tuple(i for i, size in enumerate(shape) if size == 1)
    return summed.any(axis=axes, keepdims=True)
