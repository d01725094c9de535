"""The run of a graph: every step reads values by name, calls its layer, and names the outputs."""

from __future__ import annotations

import contextvars
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from clearprop.autodiff.tape import strip
from clearprop.errors import ClearpropError, ModelError
from clearprop.interop.onnx.graph import GraphStep, HostArray, OnnxGraph
from clearprop.interop.onnx.node import Empty, GraphValue, OnnxNode
from clearprop.interop.onnx.table import OperatorRow
from clearprop.nn.module import Module

_INT32 = np.iinfo(np.int32)


class Scope:
    """The values of one run of a graph; those of the graphs around it can be read too.

    Args:
        graph: whose steps are computed.
        layers: of the model, by path.
        parameters: of the model, by path.
        outer: the run of the graph around this one.
    """

    def __init__(
        self,
        graph: OnnxGraph,
        layers: Mapping[str, Module],
        parameters: Mapping[str, GraphValue],
        outer: Scope | None = None,
    ) -> None:
        self.graph, self.outer = graph, outer
        self.layers, self.parameters = layers, parameters
        self.values: dict[str, GraphValue] = {}
        self.step: GraphStep | None = None
        self._draws: Counter[str] = Counter() if outer is None else outer._draws

    def read(self, name: str) -> GraphValue:
        """Return a value by name, also one of a graph around this one.

        Raises:
            ModelError: no step has given it.
        """
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            if name in scope.graph.constants:
                return scope.graph.constants[name]
            path = scope.graph.parameters.get(name)
            if path is not None and path in self.parameters:
                return self.parameters[path]
            scope = scope.outer
        raise ModelError(
            f"the graph reads the value {name!r}, which nothing gives",
            where=self.step.path if self.step else None,
        )

    def run(self, inputs: Sequence[GraphValue]) -> list[GraphValue]:
        """Compute the graph.

        Raises:
            ModelError: a step cannot be computed; the error names it.
        """
        for slot, value in zip(self.graph.inputs, inputs, strict=True):
            self.values[slot.name] = value
        for step, freed in zip(self.graph.steps, self.graph.last_reads, strict=True):
            self.compute(step)
            for name in freed:
                self.values.pop(name, None)
        return [self.read(slot.name) for slot in self.graph.outputs]

    def compute(self, step: GraphStep) -> None:
        """Compute one step from the values that are there."""
        self.step = step
        with _within(self):
            output = self.layers[step.path](*self._given(step))
        outputs = output if isinstance(output, tuple) else (output,)
        if len(outputs) < len(step.outputs):
            raise ModelError(
                "a layer gave fewer outputs than the graph reads",
                where=step.path,
                given=str(len(outputs)),
                expected=str(len(step.outputs)),
            )
        for name, value in zip(step.outputs, outputs, strict=False):
            if name:
                self.values[name] = value

    def _given(self, step: GraphStep) -> list[GraphValue]:
        """Return the inputs of a step without those that its layer holds.

        A layer that took the place of one of the file holds weights of its own.
        """
        layer = self.layers[step.path]
        operands = getattr(layer, "operands", None)
        if operands is None:
            names = [name for name in step.inputs if name and not self._is_of(name, step.path)]
        else:
            pairs = zip(step.inputs, _padded(operands, len(step.inputs)), strict=True)
            names = [name for name, own in pairs if not own]
        return [self.read(name) if name else None for name in names]

    def _is_of(self, name: str, path: str) -> bool:
        """Say whether a value is a weight of the layer at a path."""
        scope: Scope | None = self
        while scope is not None:
            if (found := scope.graph.parameters.get(name)) is not None:
                return found.rpartition(".")[0] == path
            scope = scope.outer
        return False

    def draws(self, path: str) -> int:
        """Return how often the layer at a path has drawn in this run, and count one more."""
        self._draws[path] += 1
        return self._draws[path] - 1

    def inner(self, attribute: str) -> Scope:
        """Return a run of a graph of the step that is being computed.

        Raises:
            ModelError: the step has no such graph.
        """
        graph = self.step.graphs.get(attribute) if self.step is not None else None
        if graph is None:
            raise ModelError(
                f"the operator needs the graph {attribute!r}, and the file has none",
                where=self.step.path if self.step else None,
            )
        return Scope(graph, self.layers, self.parameters, self)


def _padded(operands: Sequence[str], length: int) -> list[str]:
    return [*operands, *[""] * (length - len(operands))]


_under_way: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("scope", default=None)


@contextmanager
def _within(scope: Scope) -> Iterator[None]:
    token = _under_way.set(scope)
    try:
        yield
    finally:
        _under_way.reset(token)


def current_scope() -> Scope | None:
    """Return the run in which a layer is called; None where it is called by itself."""
    return _under_way.get()


def is_known(value: GraphValue) -> bool:
    """Say whether a value is known while a graph is compiled."""
    if isinstance(value, list):
        return all(is_known(part) for part in value)
    return value is None or isinstance(value, np.ndarray | Empty)


def evaluate(
    found: OperatorRow, node: OnnxNode, inputs: Sequence[GraphValue]
) -> GraphValue | tuple[object, ...]:
    """Compute a node: on the host if all its inputs are known, else as part of the program.

    What is known is computed by the same row, at once and with 64 bits.

    Raises:
        ModelError: the inputs do not fit; the error names the node.
    """
    try:
        if found.whole:
            return cast(GraphValue, found.function(node, *inputs))
        if all(is_known(value) for value in inputs) and not found.random:
            with jax.ensure_compile_time_eval(), jax.enable_x64(True):
                return _hosted(found.function(node, *inputs))
        given = [
            value if found.needs(place) else entered(value, node)
            for place, value in enumerate(inputs)
        ]
        return cast(GraphValue, found.function(node, *given))
    except ClearpropError as error:
        if error.where is None or node.path not in error.where:
            error.where = f"{node}: {error.where}" if error.where else str(node)
        raise
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise ModelError("there is not enough memory", where=str(node)) from error
        raise
    except (TypeError, ValueError, IndexError, ArithmeticError, NotImplementedError) as error:
        shapes = ", ".join(_described(value) for value in inputs)
        said = str(error).splitlines()[0] if str(error) else repr(error)
        raise ModelError(
            f"the operator cannot be computed: {said}", where=str(node), given=f"inputs {shapes}"
        ) from error


def _described(value: GraphValue) -> str:
    if value is None or isinstance(value, Empty):
        return "none"
    if isinstance(value, list):
        return f"a sequence of {len(value)}"
    return f"{value.dtype}{list(value.shape)}"


def entered(value: GraphValue, node: OnnxNode) -> GraphValue:
    """Return a value as the compiled program takes it.

    Without JAX's 64 bits, whole numbers enter with 32.

    Raises:
        ModelError: a number needs more bits.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind in "OUS":
        return value
    return jnp.asarray(in_32_bits(value, "a constant", str(node)))


BITS_64 = 'jax.config.update("jax_enable_x64", True) at the start of the program'


def in_32_bits(value: HostArray, what: str, where: str) -> HostArray:
    """Return an array whose whole numbers have 32 bits, unless JAX's 64 bits are on.

    Raises:
        ModelError: a number needs more bits.
    """
    wide = value.dtype.kind in "iu" and value.dtype.itemsize == 8
    if jax.config.jax_enable_x64 or not wide:
        return value
    if not holds_in_32_bits(value):
        raise ModelError(
            f"{what} needs 64 bits, and whole numbers have 32 in a larger compiled program",
            where=where,
            given=f"{value.min()} to {value.max()}",
            expected=f"{_INT32.min} to {_INT32.max}, or a call of the model by itself",
            fix=BITS_64,
        )
    return value.astype(np.int32)


def holds_in_32_bits(value: HostArray) -> bool:
    """Say whether whole numbers of 32 bits hold those of an array."""
    return not value.size or bool(_INT32.min <= value.min() and value.max() <= _INT32.max)


def _hosted(output: object) -> GraphValue | tuple[object, ...]:
    if isinstance(output, tuple):
        return tuple(_hosted(part) for part in output)
    if isinstance(output, list):
        return [cast(GraphValue, _hosted(part)) for part in output]
    if output is None or isinstance(output, np.ndarray):
        return output
    return np.asarray(strip(output))


def allowed(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a type as this call can compute it: whole numbers have 32 bits without JAX's 64."""
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


def plain(value: Any) -> Any:
    """Return a value without its tape: no error signal passes through what reads it."""
    return strip(value)
