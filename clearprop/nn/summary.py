"""What a model is made of: layers, output shapes, parameters and operations per example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop.autodiff import Tape, stop_gradient
from clearprop.nn.fields import Parameter
from clearprop.nn.module import Module, apply, modules, parameters
from clearprop.tree import is_differentiable, replace

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class LayerSummary:
    """One row of a summary.

    Attributes:
        path: of the layer; the model itself has ``""``.
        name: the path below the layer that it stands in.
        kind: the layer's class, or the activation's name.
        calls: how often one pass uses it.
        output_shape: of one example, without the batch axis, at its last call.
        parameters: learned numbers in this layer, inner layers not counted.
        operations: arithmetic operations (a multiply-add is two) for one example, likewise.
        depth: how many layers it stands inside of.
    """

    path: str
    name: str
    kind: str
    calls: int
    output_shape: tuple[int, ...]
    parameters: int
    operations: int
    depth: int


@dataclass(frozen=True)
class Summary:
    """The layers of a model in the order in which they are called."""

    name: str
    input_shape: Shape | Mapping[str, Shape]
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """Learned numbers in the whole model."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def operations(self) -> int:
        """Arithmetic operations of one forward pass of one example."""
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
    model: Module, input_shape: Shape | Mapping[str, Shape], *, dtype: DTypeLike = jnp.float32
) -> Summary:
    """Return the layers of a model with shapes, parameters and operations; computes no values.

    Args:
        model: with or without values in its parameters.
        input_shape: of one example, without the batch axis; of several inputs by name, a shape for
            each name.
        dtype: of the input: integers for models that look words up; by name likewise.

    Raises:
        ShapeError: the shapes do not fit; names the first layer where they do not.

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
    shaped = jax.tree.map(
        lambda leaf: (
            jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, Parameter) else leaf
        ),
        model,
    )
    counted: dict[str, int] = {}
    called: dict[str, tuple[Module, tuple[int, ...], int]] = {}

    def note_layer(path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        times = called[path][2] + 1 if path in called else 1
        # Layers with a memory return it behind what they answer.
        answer = output[0] if isinstance(output, tuple) and output else output
        called[path] = (module, tuple(getattr(answer, "shape", ()))[1:], times)

    def run(values: Module, x: Any) -> Any:
        # On a tape every operation is written down with its layer, Python's operators too.
        tape = Tape()
        boxed = {path: tape.variable(w) for path, w in parameters(values).items()}
        x = jax.tree.map(lambda part: tape.variable(part) if is_differentiable(part) else part, x)
        output = apply(replace(values, boxed), x, hook=note_layer)[0]
        for node in tape.nodes:
            if node.operation is not None:
                result = node.outputs if len(node.outputs) > 1 else node.outputs[0]
                number = node.operation.count(result, node.inputs, node.parameters)
                counted[node.layer] = counted.get(node.layer, 0) + number
        return stop_gradient(output)

    jax.eval_shape(run, shaped, _inputs(input_shape, dtype))
    order = [path for path in modules(model) if path in called]
    order += [path for path in called if path not in order]  # layers made on the way
    own = _own_parameters(model, order)
    layers = tuple(
        LayerSummary(
            path=path,
            name=path.removeprefix(_around(path, order)).removeprefix("."),
            kind=_kind(called[path][0]),
            calls=called[path][2],
            output_shape=called[path][1],
            parameters=own.get(path, 0),
            operations=counted.get(path, 0),
            depth=_depth(path, order),
        )
        for path in order
    )
    shape = dict(input_shape) if isinstance(input_shape, Mapping) else tuple(input_shape)
    return Summary(type(model).__name__, shape, layers)


def _inputs(shape: Shape | Mapping[str, Shape], dtype: DTypeLike) -> Any:
    """Return a batch of one example, of shapes and types alone."""
    if not isinstance(shape, Mapping):
        return jax.ShapeDtypeStruct((1, *shape), dtype)
    types = dtype if isinstance(dtype, Mapping) else dict.fromkeys(shape, dtype)
    return {name: jax.ShapeDtypeStruct((1, *shape[name]), types[name]) for name in sorted(shape)}


def _around(path: str, called: list[str]) -> str:
    """Return the path of the innermost called layer around one."""
    outer = path.rpartition(".")[0]
    while outer and outer not in called:
        outer = outer.rpartition(".")[0]
    return outer


def _depth(path: str, called: list[str]) -> int:
    return 0 if not path else 1 + _depth(_around(path, called), called)


def _own_parameters(model: Module, called: list[str]) -> dict[str, int]:
    """Count the learned numbers of each called layer, with those of uncalled layers inside it."""
    own: dict[str, int] = {}
    for path, leaf in parameters(model).items():
        layer = _around(path, called)
        own[layer] = own.get(layer, 0) + leaf.size
    return own


def _kind(module: Module) -> str:
    function = getattr(module, "function", None)
    return getattr(function, "name", None) or type(module).__name__


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
