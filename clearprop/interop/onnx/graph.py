"""A graph of ONNX as plain data: what is computed from what, without the weights.

It is kept with a model as JSON, so that a saved model is read back without the library `onnx`.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from clearprop.errors import CheckpointError
from clearprop.nn.structure import Structure

HostArray = NDArray[Any]
"""An array of NumPy: a constant, a shape, a text; known before anything is compiled."""

TEXT = "string"
"""The name of the type of texts, which NumPy keeps as objects."""


@dataclass(frozen=True)
class GraphSlot:
    """An input or an output of a graph.

    Attributes:
        name: of the value.
        dtype: its type, as NumPy names it; empty where the file does not say it.
        shape: sizes, names of sizes that differ from call to call, or None where nothing is known.
    """

    name: str
    dtype: str = ""
    shape: tuple[int | str, ...] | None = None


@dataclass(frozen=True, eq=False)
class GraphStep:
    """One node of a graph: the layer at a path reads some values and gives others.

    Attributes:
        path: of the layer in the model.
        operator: name of the operator.
        inputs: names of the values that it reads; empty where an optional one is left out.
        outputs: names of the values that it gives; empty where nobody reads one.
        graphs: the graphs in its attributes, such as the branches of an If.
    """

    path: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    graphs: Mapping[str, OnnxGraph] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """Steps in the order in which they are computed, with what they begin and end with.

    Attributes:
        inputs: what a caller gives.
        outputs: what a caller gets.
        steps: every value is computed before it is read.
        constants: fixed values by name.
        parameters: paths of the parameters and statistics of the model, by the name of the value.
    """

    inputs: tuple[GraphSlot, ...]
    outputs: tuple[GraphSlot, ...]
    steps: tuple[GraphStep, ...]
    constants: Mapping[str, HostArray]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def last_reads(self) -> list[list[str]]:
        """For each step the values that nobody reads after it."""
        kept = {slot.name for slot in self.outputs} | set(self.constants)
        seen: set[str] = set()
        freed: list[list[str]] = []
        for step in reversed(self.steps):
            names = {*reads(step), *step.outputs} - {""}
            freed.append([name for name in names if name not in seen and name not in kept])
            seen |= names
        return freed[::-1]

    @functools.cached_property
    def by_output(self) -> dict[str, GraphStep]:
        """The step that gives each value."""
        return {name: step for step in self.steps for name in step.outputs if name}


def reads(step: GraphStep) -> Iterator[str]:
    """Yield the names of all values that a step reads, also inside its graphs."""
    yield from filter(None, step.inputs)
    for graph in step.graphs.values():
        yield from outer_reads(graph)


def outer_reads(graph: OnnxGraph) -> Iterator[str]:
    """Yield the names of the values that a graph reads from the graphs around it."""
    own = {slot.name for slot in graph.inputs} | set(graph.constants)
    for step in graph.steps:
        yield from (name for name in reads(step) if name not in own)
        own.update(step.outputs)
    yield from (slot.name for slot in graph.outputs if slot.name not in own)


def dtype_named(name: str) -> np.dtype[np.generic]:
    """Return a number type by its name, also one of those with few bits."""
    if name == TEXT:
        return np.dtype(object)
    own = getattr(ml_dtypes, name, None)
    return np.dtype(name if own is None else own)


def dtype_name(dtype: np.dtype[np.generic]) -> str:
    """Return the name under which a type is written; texts are kept as objects."""
    return TEXT if dtype.kind in "OUS" else dtype.name


def array_to_data(array: HostArray) -> list[Structure]:
    """Return an array as JSON: its type, its sizes, and its bytes or texts."""
    name, shape = dtype_name(array.dtype), list(array.shape)
    if name == TEXT:
        return [name, list[Structure](shape), [str(text) for text in array.reshape(-1)]]
    return [name, list[Structure](shape), base64.b64encode(array.tobytes()).decode()]


def array_from_data(data: object) -> HostArray:
    """Return the array that `array_to_data` has described.

    Raises:
        CheckpointError: the data are damaged.
    """
    try:
        match data:
            case [str(name), list(shape), list(texts)] if name == TEXT:
                return np.array(texts, object).reshape([int(size) for size in shape])
            case [str(name), list(shape), str(text)]:
                content = base64.b64decode(text, validate=True)
                flat = np.frombuffer(content, dtype_named(name))
                return flat.reshape([int(size) for size in shape])
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"a constant of the graph is damaged: {error}") from error
    raise CheckpointError("a constant of the graph is damaged", given=repr(data)[:80])


def graph_to_text(graph: OnnxGraph) -> str:
    """Return a graph as JSON."""
    return json.dumps(_graph_data(graph), separators=(",", ":"))


def _graph_data(graph: OnnxGraph) -> dict[str, object]:
    return {
        "inputs": [[slot.name, slot.dtype, slot.shape] for slot in graph.inputs],
        "outputs": [[slot.name, slot.dtype, slot.shape] for slot in graph.outputs],
        "steps": [
            [
                step.path,
                step.operator,
                step.inputs,
                step.outputs,
                {name: _graph_data(inner) for name, inner in step.graphs.items()},
            ]
            for step in graph.steps
        ],
        "constants": {name: array_to_data(array) for name, array in graph.constants.items()},
        "parameters": dict(graph.parameters),
    }


@functools.lru_cache(maxsize=8)
def graph_from_text(text: str) -> OnnxGraph:
    """Return the graph that `graph_to_text` has written.

    Raises:
        CheckpointError: the text is damaged.
    """
    try:
        return _read_graph(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"the graph of the model is damaged: {error!r}"[:300]) from error


def _read_graph(data: dict[str, object]) -> OnnxGraph:
    match data:
        case {
            "inputs": list(inputs),
            "outputs": list(outputs),
            "steps": list(steps),
            "constants": dict(constants),
            "parameters": dict(parameters),
        }:
            return OnnxGraph(
                tuple(_read_slot(*slot) for slot in inputs),
                tuple(_read_slot(*slot) for slot in outputs),
                tuple(_read_step(*step) for step in steps),
                {str(name): array_from_data(array) for name, array in constants.items()},
                {str(name): str(path) for name, path in parameters.items()},
            )
    raise ValueError("a part of a graph is missing")


def _read_slot(name: str, dtype: str, shape: list[int | str] | None) -> GraphSlot:
    return GraphSlot(str(name), str(dtype), None if shape is None else tuple(shape))


def _read_step(
    path: str, operator: str, inputs: list[str], outputs: list[str], graphs: dict[str, object]
) -> GraphStep:
    inner = {name: _read_graph(data) for name, data in graphs.items() if isinstance(data, dict)}
    return GraphStep(
        str(path), str(operator), tuple(map(str, inputs)), tuple(map(str, outputs)), inner
    )
