"""One graph from a function of named arrays, for all sizes of its inputs that may differ."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from clearprop.errors import ModelError
from clearprop.interop.onnx.export import rows as rows  # which fill the tables
from clearprop.interop.onnx.export.dynamic import merged, sizes_to_try, symbol_for
from clearprop.interop.onnx.export.emitting import sized
from clearprop.interop.onnx.export.tracing import Notes, trace
from clearprop.interop.onnx.export.writer import GraphWriter
from clearprop.interop.onnx.graph import GraphSlot, HostArray

DynamicAxes = Mapping[str, Mapping[int, str] | Sequence[int]]
"""For an input the axes whose size may differ, with or without a name of the size."""


class WithNotes(Protocol):
    """A function of arrays by name that passes on the calls of its layers."""

    def __call__(self, values: Mapping[str, jax.Array], notes: Notes) -> object:
        """Return a tree of arrays."""


@dataclass(frozen=True)
class Exported:
    """A function that is written.

    Attributes:
        function: (arrays by name, notes) -> a tree of arrays.
        weights: arrays that are constants of the graph, or inputs of a fixed size, by name.
        inputs: examples of the inputs, by name.
        whole_layers: whether layers are written as one operator where there is one.
    """

    function: WithNotes
    weights: Mapping[str, HostArray]
    inputs: Mapping[str, jax.Array]
    whole_layers: bool = True


@dataclass(frozen=True)
class Result:
    """What was written.

    Attributes:
        writer: its nodes and constants.
        inputs: their types and shapes, with names for sizes that may differ.
        outputs: alike.
    """

    writer: GraphWriter
    inputs: tuple[GraphSlot, ...]
    outputs: tuple[GraphSlot, ...]


def written(
    subject: Exported,
    opset: int,
    dynamic_axes: DynamicAxes | None,
    name_outputs: Callable[[int], Sequence[str]],
) -> Result:
    """Return the graph of a function; it is traced for several sizes where sizes may differ.

    Args:
        subject: the function with its arrays.
        opset: of the operators.
        dynamic_axes: as of `save`.
        name_outputs: (number of outputs) -> their names.

    Raises:
        ModelError: an operation has no counterpart, or the graph would hold for one size alone.
    """
    axes = axes_of(subject.inputs, dynamic_axes)
    names = list(dict.fromkeys(name for each in axes.values() for name in each.values()))
    tried = sizes_to_try(names)
    writers, values, shapes = [], [], []
    for sizes in tried:
        w = GraphWriter(opset)
        notes = Notes(opset, subject.whole_layers)
        given = {**subject.weights, **_of_sizes(subject.inputs, axes, sizes)}
        found = trace(
            functools.partial(subject.function, notes=notes),
            given,
            notes,
            {path: path for path in subject.weights},
        )
        values.append(found.write(w))
        shapes.append([sized(v) for v in found.outputs])
        writers.append(w)
    sources = {name: (key, a) for key, each in axes.items() for a, name in each.items()}
    whole = merged(writers, tried, sources) if names else writers[0]
    unnamed = (f"size_{i}" for i in itertools.count())
    outputs = []
    for place, name in enumerate(name_outputs(len(values[0]))):
        sizes_of = zip(*(each[place].shape for each in shapes), strict=True)
        shape = tuple(symbol_for(numbers, tried, unnamed) for numbers in sizes_of)
        outputs.append(GraphSlot(name, np.dtype(shapes[0][place].dtype).name, shape))
        _rename(whole, values[0][place], name)
    slots = tuple(
        GraphSlot(
            name, np.dtype(x.dtype).name, tuple(axes[name].get(a, n) for a, n in enumerate(x.shape))
        )
        for name, x in subject.inputs.items()
    )
    return Result(whole, slots, tuple(outputs))


def _of_sizes(
    inputs: Mapping[str, Any], axes: Mapping[str, Mapping[int, str]], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """Return the shapes of the inputs for some sizes."""
    found = {}
    for name, array in inputs.items():
        own = axes[name]
        shape = tuple(sizes[own[a]] if a in own else n for a, n in enumerate(array.shape))
        found[name] = jax.ShapeDtypeStruct(shape, array.dtype)
    return found


def _rename(w: GraphWriter, value: str, name: str) -> None:
    """Give a value the name of an output."""
    w.path = ""
    w.node("Identity", value)
    w.nodes[-1].outputs[0] = name


def axes_of(
    arrays: Mapping[str, jax.Array], given: DynamicAxes | None
) -> dict[str, dict[int, str]]:
    """Return for each input the names of the sizes that may differ.

    Raises:
        ModelError: an input is unknown, or it has no such axis.
    """
    if given is None:
        return {name: ({0: "batch"} if array.ndim else {}) for name, array in arrays.items()}
    found: dict[str, dict[int, str]] = {name: {} for name in arrays}
    for name, axes in given.items():
        named = axes if isinstance(axes, Mapping) else {a: f"{name}_axis_{a}" for a in axes}
        rank = arrays[name].ndim if name in arrays else 0
        if name not in arrays or not all(-rank <= axis < rank for axis in named):
            raise ModelError(
                "there is no such input or axis",
                given=f"dynamic_axes={dict(given)!r}",
                expected=", ".join(f"{n} with {a.ndim} axes" for n, a in arrays.items()),
            )
        found[name] = {axis % rank: str(size) for axis, size in named.items()}
    return found
