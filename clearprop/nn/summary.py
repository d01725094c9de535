"""The summary of a model: its layers, their output shapes, parameters and operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop.autodiff import stop_gradient
from clearprop.errors import ShapeError
from clearprop.nn.fields import Parameter, Shape
from clearprop.nn.module import Module, forward_pass, modules, parameters
from clearprop.nn.recording import LayerCall, recorded
from clearprop.tree import replace

Inputs: TypeAlias = jax.ShapeDtypeStruct | dict[str, jax.ShapeDtypeStruct]


@dataclass(frozen=True)
class LayerSummary:
    """One row of a summary.

    Attributes:
        path: of the layer; the model itself has ``""``.
        name: the path relative to the layer around it.
        kind: the layer's class, or the activation's name.
        calls: how many times one pass calls the layer.
        output_shape: the shape of the output of the last call, without the batch axis.
        parameters: the number of learned numbers of this layer, without those of inner layers.
        operations: the number of arithmetic operations for one example, without those of inner
            layers. A multiply-add counts as two operations.
        depth: the number of called layers around this layer.
    """

    path: str
    name: str
    kind: str
    calls: int
    output_shape: Shape
    parameters: int
    operations: int
    depth: int


@dataclass(frozen=True)
class Summary:
    """The summary of a model: one row for each layer, outer layers before inner ones.

    Attributes:
        name: the class of the model.
        input_shape: the shape of one example, or the shapes of several inputs by name.
        layers: the rows.
    """

    name: str
    input_shape: Shape | Mapping[str, Shape]
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """The number of learned numbers of the whole model."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def operations(self) -> int:
        """The number of arithmetic operations in one forward pass of one example."""
        return sum(layer.operations for layer in self.layers)

    def __str__(self) -> str:
        head = ("layer", "kind", "output", "parameters", "operations")
        shape = self.input_shape
        inputs = shape if isinstance(shape, Mapping) else {"": shape}
        rows = [
            (f"input {name}".rstrip(), "", _sizes(size), "", "") for name, size in inputs.items()
        ]
        rows += [
            (
                "  " * layer.depth + (layer.name or self.name),
                layer.kind if layer.calls == 1 else f"{layer.kind} (x{layer.calls})",
                _sizes(layer.output_shape),
                f"{layer.parameters:,}" if layer.parameters else "",
                f"{layer.operations:,}" if layer.operations else "",
            )
            for layer in self.layers
        ]
        rows.append(("total", "", "", f"{self.parameters:,}", f"{self.operations:,}"))
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(5)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 3 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [head, *rows]
        ]
        rule = "-" * max(len(line) for line in lines)
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def summary(
    model: Module,
    input_shape: Shape | Mapping[str, Shape],
    *,
    dtype: DTypeLike | Mapping[str, DTypeLike] = jnp.float32,
) -> Summary:
    """Return the layers of a model with shapes, parameters and operations; no value is computed.

    Of a model of several networks whose call does not use all of them, the pass is its method
    ``through``.

    Args:
        model: with or without values in its parameters.
        input_shape: the shape of one example, without the batch axis. For a model with several
            named inputs, a dict with one shape for each name.
        dtype: the dtype of the input, such as ``jnp.int32`` for tokens, or a dict with one dtype
            for each name.

    Raises:
        ShapeError: the input does not fit the model. The message names the layer where it fails.

    >>> from clearprop import nn
    >>> print(summary(nn.Sequential([nn.Linear(2, 8), "tanh", nn.Linear(8, 1)]), (2,)))
    layer       kind        output  parameters  operations
    ------------------------------------------------------
    input                   2
    Sequential  Sequential  1
      layers.0  Linear      8               24          40
      layers.1  tanh        8                            8
      layers.2  Linear      1                9          17
    ------------------------------------------------------
    total                                   33          65
    """
    if isinstance(input_shape, int):
        raise ShapeError(
            "the shape of an example is a tuple",
            where="input_shape",
            given=repr(input_shape),
            fix=f"nn.summary(model, ({input_shape},))",
        )
    shaped = jax.tree.map(
        lambda leaf: (
            jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, Parameter) else leaf
        ),
        model,
    )
    counted: Counter[str] = Counter()
    called: dict[str, LayerCall] = {}
    shapes: dict[str, Shape] = {}

    def run(values: Module, x: Inputs) -> object:
        # The tape records every operation with the path of its layer, also Python's operators.
        with recorded() as recording:
            boxed = replace(values, recording.variables(parameters(values)))
            with forward_pass(boxed, hook=recording):
                output = getattr(boxed, "through", boxed)(recording.variables(x))
        for node in recording.tape.nodes:
            if node.operation is not None:
                result = node.as_returned(node.outputs)
                counted[node.layer] += node.operation.count(result, node.inputs, node.parameters)
        for call in recording.calls:
            # A recurrent layer may return a tuple: its output, then its last state.
            first = call.output
            if isinstance(first, tuple) and first:
                first = first[0]
            called[call.path], shapes[call.path] = call, tuple(getattr(first, "shape", ()))[1:]
        return stop_gradient(output)

    jax.eval_shape(run, shaped, _inputs(input_shape, dtype))
    order = [path for path in modules(model) if path in called]
    order += [path for path in called if path not in order]  # layers that were made during the call
    # The numbers of an inner layer that is never called count for the called layer around it.
    learned: Counter[str] = Counter()
    for path, leaf in parameters(model).items():
        learned[_around(path, order)] += leaf.size
    layers = tuple(
        LayerSummary(
            path=path,
            name=path.removeprefix(_around(path, order)).removeprefix("."),
            kind=called[path].kind,
            calls=called[path].number,
            output_shape=shapes[path],
            parameters=learned[path],
            operations=counted[path],
            depth=_depth(path, order),
        )
        for path in order
    )
    shape = dict(input_shape) if isinstance(input_shape, Mapping) else tuple(input_shape)
    return Summary(type(model).__name__, shape, layers)


def _inputs(
    shape: Shape | Mapping[str, Shape], dtype: DTypeLike | Mapping[str, DTypeLike]
) -> Inputs:
    """Return the shapes and dtypes of a batch with one example."""
    if not isinstance(shape, Mapping):
        return jax.ShapeDtypeStruct((1, *shape), dtype)
    types = dict.fromkeys(shape, dtype) if not isinstance(dtype, Mapping) else dtype
    return {name: jax.ShapeDtypeStruct((1, *shape[name]), types[name]) for name in sorted(shape)}


def _around(path: str, called: list[str]) -> str:
    """Return the path of the innermost called layer that contains the layer at a path."""
    outer = path.rpartition(".")[0]
    while outer and outer not in called:
        outer = outer.rpartition(".")[0]
    return outer


def _depth(path: str, called: list[str]) -> int:
    return 0 if not path else 1 + _depth(_around(path, called), called)


def _sizes(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "scalar"
