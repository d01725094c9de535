"""The tables of what can be written: layers, operations of clearprop, and primitives of JAX.

A model is traced by JAX, so all that it computes is a list of primitives. Where a layer or an
operation has a row of its own, this row is written in place of the primitives inside it.

    @primitive("tanh")
    def _tanh(w, eqn):
        return w.node("Tanh", eqn.inputs[0])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np

from clearprop import nn
from clearprop.interop.onnx.export.writer import GraphWriter


@dataclass(frozen=True)
class Sized:
    """The shape and the number type of a value."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Applied:
    """A primitive or an operation as it was applied.

    Attributes:
        name: of it.
        inputs: names of values; None where an optional one is left out.
        sizes: of the inputs.
        outputs: sizes of the outputs.
        parameters: by name.
    """

    name: str
    inputs: tuple[str, ...]
    sizes: tuple[Sized, ...]
    outputs: tuple[Sized, ...]
    parameters: Mapping[str, Any]

    @property
    def size(self) -> Sized:
        """Of the first input."""
        return self.sizes[0]

    @property
    def output(self) -> Sized:
        """Of the first output."""
        return self.outputs[0]


@dataclass(frozen=True)
class Called:
    """A layer as it was called.

    Attributes:
        layer: the module.
        inputs: names of the arrays of its arguments, by argument; None where there is none.
        sizes: of these arrays.
        outputs: sizes of the arrays that it returned.
        options: its other arguments.
        parameters: names of the values of its parameters, by their paths below the layer.
    """

    layer: nn.Module
    inputs: Mapping[str, Sequence[str]]
    sizes: Mapping[str, Sequence[Sized]]
    outputs: tuple[Sized, ...]
    options: Mapping[str, Any]
    parameters: Mapping[str, str]


Names: TypeAlias = "str | Sequence[str]"
"""What a row returns: the name of its output, or of each of them."""

Row: TypeAlias = "Callable[[GraphWriter, Applied], Names]"
"""(writer, primitive or operation as it was applied) -> names of its outputs."""

LayerRow: TypeAlias = "Callable[[GraphWriter, Called], Names]"
"""(writer, layer as it was called) -> names of its outputs."""

R = TypeVar("R", bound=Row)
L = TypeVar("L", bound=LayerRow)

PRIMITIVES: dict[str, Row] = {}
"""The rows of JAX's primitives."""

OPERATIONS: dict[str, tuple[Row, Callable[[Applied, int], bool]]] = {}
"""The rows of clearprop's operations, each with a function (operation, opset) -> does it fit."""

LAYERS: dict[type, tuple[LayerRow, Callable[[Called, int], bool]]] = {}
"""The rows of layers, each with a function (call, opset) -> does it fit."""


def primitive(*names: str) -> Callable[[R], R]:
    """Add a row for one or more primitives."""

    def register(function: R) -> R:
        for name in names:
            _once(PRIMITIVES, name)
            PRIMITIVES[name] = function
        return function

    return register


def _always(*_: object) -> bool:
    return True


def operation_row(
    name: str, since: int = 1, fits: Callable[[Applied], bool] = _always
) -> Callable[[R], R]:
    """Add a row for an operation, from an opset on, for applications that fit."""

    def register(function: R) -> R:
        _once(OPERATIONS, name)
        OPERATIONS[name] = (
            function,
            lambda applied, opset: opset >= since and fits(applied),
        )
        return function

    return register


def layer_row(
    kind: type, since: int = 1, fits: Callable[[Called], bool] = _always
) -> Callable[[L], L]:
    """Add a row for a class of layers, from an opset on, for calls that fit."""

    def register(function: L) -> L:
        _once(LAYERS, kind)
        LAYERS[kind] = (function, lambda called, opset: opset >= since and fits(called))
        return function

    return register


def _once(table: Mapping[Any, object], key: object) -> None:
    if key in table:
        raise ValueError(f"two rows for {key}")
