"""The modules of an imported model: one layer for each node of its graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.autodiff.tape import Traced, strip
from clearprop.errors import ModelError, ShapeError
from clearprop.interop.onnx.graph import (
    GraphSlot,
    OnnxGraph,
    dtype_name,
    dtype_named,
    graph_from_text,
)
from clearprop.interop.onnx.known import needed_inputs
from clearprop.interop.onnx.node import Attribute, GraphValue, OnnxNode
from clearprop.interop.onnx.rows import find_row
from clearprop.interop.onnx.running import (
    BITS_64,
    Scope,
    allowed,
    current_scope,
    evaluate,
    holds_in_32_bits,
    in_32_bits,
)
from clearprop.interop.onnx.table import unsupported
from clearprop.nn.fields import static


class OnnxScope(nn.Module):
    """Layers and parameters with one prefix of their paths, such as those of ``encoder.layer.0``.

    Args:
        parts: layers and arrays by name.
    """

    def __init__(self, **parts: object) -> None:
        for name, part in parts.items():
            setattr(self, name, part)


class OnnxLayer(OnnxScope):
    """One node of an ONNX graph, with the weights that it alone reads.

    Args:
        operator: its name, such as "Conv".
        domain: of the operator; empty for those of ONNX itself.
        version: of the operators of the domain (the opset).
        attributes: pairs of a name and a value.
        operands: for each input the name of the field that holds it; empty where it is given.
        outputs: how many outputs are read.
        parts: its weights, and the layers of its graphs.

    Raises:
        ModelError: the operator is not supported, or an input does not fit.
    """

    operator: str = static()
    domain: str = static()
    version: int = static()
    attributes: tuple[tuple[str, Attribute], ...] = static()
    operands: tuple[str, ...] = static()
    outputs: int = static()

    def __init__(
        self,
        operator: str,
        domain: str,
        version: int,
        attributes: tuple[tuple[str, Attribute], ...],
        operands: tuple[str, ...],
        outputs: int,
        **parts: object,
    ) -> None:
        self.operator = operator
        self.domain = domain
        self.version = version
        self.attributes = attributes
        self.operands = operands
        self.outputs = outputs
        super().__init__(**parts)

    def node(self, path: str) -> OnnxNode:
        """Return the node for its row."""
        return OnnxNode(
            self.operator,
            self.domain,
            self.version,
            path,
            dict(self.attributes),
            self.outputs,
        )

    def __call__(self, *inputs: Any) -> Any:
        scope = current_scope()
        path = scope.step.path if scope is not None and scope.step is not None else self.operator
        found = find_row(self.domain, self.operator, self.version)
        if found is None:
            raise unsupported(path, self.domain, self.operator, self.version)
        given = iter(inputs)
        operands = [getattr(self, name) if name else next(given, None) for name in self.operands]
        return evaluate(found, self.node(path), [*operands, *given])


class OnnxModel(OnnxScope):
    """A model that was read from an ONNX file.

    It is called with the inputs of its graph, in their order, by name, or as one dict, and returns
    its output or a tuple of them. `needed` names the inputs whose values decide shapes; they have
    to be arrays of NumPy where the model is compiled.

    Args:
        graph: what is computed from what, as JSON.
        parts: layers and arrays by name.

    Raises:
        ModelError: an input is missing or unknown.
        ShapeError: an input has another rank, size or type than the file says.
    """

    graph: str = static()

    def __init__(self, graph: str, **parts: object) -> None:
        self.graph = graph
        super().__init__(**parts)

    @property
    def plan(self) -> OnnxGraph:
        """The graph."""
        return graph_from_text(self.graph)

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the inputs whose values decide shapes."""
        return needed_inputs(self.graph, self)

    def __call__(self, *inputs: object, **named: object) -> Any:
        graph, needed = self.plan, self.needed
        given = given_by_name(graph, inputs, named)
        layers = nn.modules(self)
        values = {path: value_at(self, path) for path in graph.parameters.values()}
        values = {path: value for path, value in values.items() if value is not None}
        with _all_bits([*given.values(), *values.values()]):
            entered = [
                _entered(slot, given[slot.name], slot.name in needed) for slot in graph.inputs
            ]
            outputs = [
                _left(slot, output)
                for slot, output in zip(
                    graph.outputs, Scope(graph, layers, values).run(entered), strict=True
                )
            ]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


def value_at(model: nn.Module, path: str) -> Any:
    """Return the array at a path of a model; None where a replaced layer has none."""
    found: Any = model
    for name in path.split("."):
        found = vars(found).get(name)
        if found is None:
            return None
    return found


@contextmanager
def _all_bits(values: list[Any]) -> Iterator[None]:
    """Compute with 64 bits where the file says so, unless the call is part of a larger program."""
    if any(isinstance(value, Traced | jax.core.Tracer) for value in jax.tree.leaves(values)):
        yield
    else:
        with jax.enable_x64(True):
            yield


def given_by_name(
    graph: OnnxGraph, inputs: tuple[object, ...], named: Mapping[str, object]
) -> dict[str, object]:
    """Return the inputs of a call by name.

    Raises:
        ModelError: one is missing, or is no input of the graph.
    """
    names = [slot.name for slot in graph.inputs]
    if len(inputs) == 1 and isinstance(inputs[0], Mapping):
        return given_by_name(graph, (), {**inputs[0], **named})
    given = {**dict(zip(names, inputs, strict=False)), **named}
    twice = set(names[: len(inputs)]) & set(named)
    if len(inputs) > len(names) or set(given) != set(names) or twice:
        raise ModelError(
            "the inputs are not those of the graph",
            given=f"{len(inputs)} inputs" + "".join(f", {name!r}" for name in named),
            expected=", ".join(names) or "no inputs",
        )
    return given


def _entered(slot: GraphSlot, value: Any, needed: bool) -> GraphValue:
    """Return an input as the graph takes it, with the type that the file declares.

    Raises:
        ModelError: its whole numbers need 64 bits, and the program around has 32.
        ShapeError: its rank, a size or the kind of its type is another one.
    """
    if isinstance(value, list) or value is None:
        return cast(GraphValue, value)
    if not hasattr(value, "dtype"):
        value = np.asarray(value, dtype_named(slot.dtype) if slot.dtype else None)
    _check(slot, value)
    if not slot.dtype or value.dtype.kind in "OUS":
        return cast(GraphValue, value)
    wanted = dtype_named(slot.dtype)
    if isinstance(value, np.ndarray | np.generic):
        _check_range(slot, value, wanted)
        value = np.asarray(value, wanted)
        return value if needed else jnp.asarray(_narrowed(slot, value))
    if value.dtype.kind in "iu" and value.dtype.itemsize == 8 and not jax.config.jax_enable_x64:
        value = _narrowed(slot, value)
    if jnp.dtype(value.dtype) != jax.dtypes.canonicalize_dtype(wanted):
        value = value.astype(jax.dtypes.canonicalize_dtype(wanted))
    return cast(GraphValue, value)


def _narrowed(slot: GraphSlot, value: Any) -> Any:
    """Return whole numbers with the bits of the program around.

    Raises:
        ModelError: one needs more, or they are not known and have more.
    """
    if isinstance(strip(value), jax.core.Tracer):
        raise ModelError(
            f"the input {slot.name!r} has 64 bits, and whole numbers have 32 in a larger compiled "
            "program",
            where=slot.name,
            given=str(value.dtype),
            expected=str(allowed(value.dtype)),
            fix=BITS_64,
        )
    return in_32_bits(np.asarray(strip(value)), f"the input {slot.name!r}", slot.name)


def _left(slot: GraphSlot, output: GraphValue) -> GraphValue:
    """Return an output as the caller gets it: JAX would cut known numbers to 32 bits in silence.

    Raises:
        ModelError: its whole numbers need 64 bits, and the program around has 32.
    """
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "iu":
        return output
    if holds_in_32_bits(output):
        return output
    return jnp.asarray(in_32_bits(output, f"the output {slot.name!r}", slot.name))


def _check_range(slot: GraphSlot, value: Any, wanted: np.dtype[Any]) -> None:
    """Raise where a whole number does not fit into the type that the file declares."""
    if wanted.kind not in "iu" or not value.size or value.dtype == wanted:
        return
    limits = np.iinfo(wanted)
    if value.min() < limits.min or value.max() > limits.max:
        raise ShapeError(
            f"the input {slot.name!r} has numbers that its type does not hold",
            where=slot.name,
            given=f"{value.min()} to {value.max()}",
            expected=f"{slot.dtype}, {limits.min} to {limits.max}",
        )


_KINDS = {"f": "floats", "i": "whole numbers", "u": "whole numbers", "b": "booleans", "O": "texts"}


def _kind(dtype: Any) -> str:
    kind = (
        "b"
        if np.dtype(dtype).kind == "b"
        else "f"
        if jnp.issubdtype(dtype, jnp.floating)
        else dtype.kind
    )
    return _KINDS.get("O" if kind in "US" else kind, "numbers")


def _check(slot: GraphSlot, value: Any) -> None:
    fits = slot.shape is None or (
        len(slot.shape) == len(value.shape)
        and all(isinstance(n, str) or n == m for n, m in zip(slot.shape, value.shape, strict=True))
    )
    alike = not slot.dtype or _kind(dtype_named(slot.dtype)) == _kind(np.dtype(value.dtype))
    if not fits or not alike:
        shape = "any shape" if slot.shape is None else f"[{', '.join(map(str, slot.shape))}]"
        raise ShapeError(
            f"the input {slot.name!r} is not what the file declares",
            where=slot.name,
            given=f"{dtype_name(np.dtype(value.dtype))} [{', '.join(map(str, value.shape))}]",
            expected=f"{slot.dtype} {shape}",
        )
