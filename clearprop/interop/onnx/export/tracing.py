"""The trace of a model: its primitives, and which of them belong to which operation and layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from clearprop import nn, tree
from clearprop.autodiff.tape import AnyOperation, Output, layer_path, observe
from clearprop.interop.onnx.export.emitting import (
    Maker,
    Place,
    Value,
    Write,
    refuse_draws,
    sized,
    write_trace,
)
from clearprop.interop.onnx.export.table import LAYERS, OPERATIONS, Applied, Called, Names, Sized
from clearprop.interop.onnx.export.writer import GraphWriter


@dataclass
class _Noted:
    """An operation or a layer as it was met during the trace.

    Of a layer that is written by its parts, only where its result is made is noted.
    """

    thing: Any
    path: str
    inputs: list[Any]
    outputs: list[Any]
    parameters: dict[str, Any]
    groups: dict[str, int]


class Notes:
    """What was computed during a trace, as far as it can be written by a row of its own.

    Args:
        opset: of the graph that is written.
        whole_layers: whether layers with a row are written as one operator; only in evaluation.
    """

    def __init__(self, opset: int, whole_layers: bool) -> None:
        self.opset = opset
        self.whole_layers = whole_layers
        self.noted: list[_Noted] = []

    def operation(
        self,
        row: AnyOperation,
        inputs: tuple[object, ...],
        output: Output,
        parameters: dict[str, object],
    ) -> None:
        """Note an operation; of one without a row, only where its result is made."""
        outputs = list(output) if isinstance(output, tuple) else [output]
        options: dict[str, Any] = {}
        known = row.name in OPERATIONS
        if known:
            signature = inspect.signature(row.forward).parameters.values()
            options = {p.name: p.default for p in signature if p.default is not p.empty}
            options |= parameters
        given = list(inputs) if known else []
        self.noted.append(_Noted(row, layer_path.get(), given, outputs, options, {}))

    def layer(
        self, path: str, module: nn.Module, inputs: tuple[object, ...], output: object
    ) -> None:
        """Note a layer; of one without a row, only where its result is made."""
        if not self.whole_layers or type(module) not in LAYERS:
            made = [leaf for leaf in jax.tree.leaves(output) if hasattr(leaf, "dtype")]
            self.noted.append(_Noted(None, path, [], made, {}, {}))
            return
        options = nn.current().options
        bound = inspect.signature(type(module).__call__).bind(module, *inputs, **options).arguments
        arrays, groups, rest = [], {}, {}
        for name, value in list(bound.items())[1:]:
            leaves = jax.tree.leaves(value)
            if leaves and all(hasattr(leaf, "dtype") for leaf in leaves):
                arrays += leaves
                groups[name] = len(leaves)
            elif value is not None:
                rest[name] = value
        outputs = jax.tree.leaves(output)
        self.noted.append(_Noted(module, path, arrays, outputs, rest, groups))


@dataclass(frozen=True)
class WholeTrace:
    """A function of named values as primitives.

    Attributes:
        jaxpr: the primitives.
        constants: values of its constants.
        inputs: names of the values, one for each input.
        outputs: variables of the outputs.
        makers: operations and layers with a row, layers first.
        places: of the results of operations.
    """

    jaxpr: core.Jaxpr
    constants: tuple[object, ...]
    inputs: tuple[str, ...]
    outputs: tuple[Value, ...]
    makers: tuple[Maker, ...]
    places: Mapping[core.Var, Place]

    def write(self, w: GraphWriter) -> list[str]:
        """Write what is computed, and return the names of the outputs."""
        jaxpr = self.jaxpr
        given = dict(zip(jaxpr.invars, self.inputs, strict=True))
        keys = []
        for variable, value in zip(jaxpr.constvars, self.constants, strict=True):
            if jnp.issubdtype(jnp.result_type(value), jax.dtypes.extended):
                keys.append(Maker(None, (), (variable,), _of_key, -1))
            else:
                given[variable] = w.constant(np.asarray(value))
        return write_trace(w, jaxpr, given, self.outputs, (*keys, *self.makers), self.places)


def _of_key(w: GraphWriter, _: object) -> Names:
    raise refuse_draws(w, "random key")


def trace(
    function: Callable[[Mapping[str, jax.Array]], object],
    values: Mapping[str, object],
    notes: Notes,
    paths: Mapping[str, str] | None = None,
) -> WholeTrace:
    """Return the trace of a function of named arrays.

    Args:
        function: called with the arrays by name; its operations are noted, and its layers if it
            passes ``notes.layer`` as a hook.
        values: arrays, or shapes with types, by name.
        notes: receives operations and layers.
        paths: of the parameters of the model: which value they are; needed for layers.
    """
    structure: list[Any] = []
    kept: list[_Noted] = []

    def run(given: list[Any]) -> tuple[list[Any], list[Any]]:
        by_name = dict(zip(values, given, strict=True))
        notes.noted.clear()
        with observe(notes.operation):
            output = function(by_name)
        leaves, form = jax.tree.flatten(output)
        structure.append(form)
        within = _here(given)
        kept[:] = [
            n
            for n in notes.noted
            if all(map(within, [*n.inputs, *n.outputs])) and _has_values(n, by_name, paths or {})
        ]
        extra = [_as_array(v) for n in kept for v in [*n.inputs, *n.outputs] if v is not None]
        return [_as_array(leaf) for leaf in leaves], extra

    closed = jax.make_jaxpr(run)(list(values.values()))
    number = structure[-1].num_leaves
    outputs, extra = closed.jaxpr.outvars[:number], iter(closed.jaxpr.outvars[number:])
    at = _numbers(closed.jaxpr)
    found, places = [], {}
    for noted in kept:
        inputs = [None if v is None else next(extra) for v in noted.inputs]
        made = [next(extra) for v in noted.outputs if v is not None]
        if not isinstance(noted.thing, nn.Module):
            name = "" if noted.thing is None else noted.thing.name
            own = (v for v in made if isinstance(v, core.Var))
            places.update({v: (noted.path, name) for v in own if v not in places})
        maker = _maker(noted, inputs, made, at, notes.opset, paths or {})
        if maker is not None:
            found.append((isinstance(noted.thing, nn.Module), maker))
    layers = [maker for whole, maker in found if whole]
    makers = (*layers, *(maker for whole, maker in found if not whole))
    return WholeTrace(
        closed.jaxpr, tuple(closed.consts), tuple(values), tuple(outputs), makers, places
    )


def _has_values(noted: _Noted, given: Mapping[str, Any], paths: Mapping[str, str]) -> bool:
    """Say whether a layer computes with the values of the model, and not with others made of them.

    A layer with a norm on its weights is called as a copy, whose weights were computed.
    """
    if not isinstance(noted.thing, nn.Module):
        return True
    prefix = f"{noted.path}." if noted.path else ""
    return all(
        given.get(paths.get(prefix + path, "")) is leaf
        for path, leaf in tree.flatten_with_paths(noted.thing).items()
    )


def _as_array(value: Any) -> Any:
    return value if isinstance(value, jax.Array | jax.core.Tracer) else jnp.asarray(value)


def _here(given: Sequence[Any]) -> Callable[[Any], bool]:
    """Return a function that says whether a value belongs to this trace, and not to one inside."""
    traces = {id(value._trace) for value in given if isinstance(value, jax.core.Tracer)}

    def within(value: Any) -> bool:
        return not isinstance(value, jax.core.Tracer) or id(value._trace) in traces

    return within


def _numbers(jaxpr: Any) -> dict[Any, int]:
    """Return for each variable the number of the primitive that makes it."""
    return {v: number for number, eqn in enumerate(jaxpr.eqns) for v in eqn.outvars}


def _maker(
    noted: _Noted,
    inputs: list[Any],
    made: list[Any],
    at: Mapping[Any, int],
    opset: int,
    paths: Mapping[str, str],
) -> Maker | None:
    """Return what writes an operation or a layer by its row; None where that is not possible."""
    if not all(type(v) is core.Var and v in at for v in made) or len(set(made)) < len(made):
        return None
    if any(v in made for v in inputs if isinstance(v, core.Var)):
        return None
    if noted.thing is None:
        return None
    if not isinstance(noted.thing, nn.Module) and noted.thing.name not in OPERATIONS:
        return None
    write = (
        _layer_writer(noted, inputs, made, opset, paths)
        if isinstance(noted.thing, nn.Module)
        else _operation_writer(noted, inputs, made, opset)
    )
    if write is None:
        return None
    reads = tuple(v for v in inputs if isinstance(v, core.Var))
    name = type(noted.thing).__name__ if isinstance(noted.thing, nn.Module) else noted.thing.name
    return Maker((noted.path, name), reads, tuple(made), write, max(at[v] for v in made))


def _operation_writer(
    noted: _Noted, inputs: list[Any], made: list[Any], opset: int
) -> Write | None:
    row, fits = OPERATIONS[noted.thing.name]
    nothing = Sized((), np.dtype(np.float32))
    sizes = tuple(nothing if v is None else sized(v) for v in inputs)

    def applied(names: Sequence[str]) -> Applied:
        outputs = tuple(map(sized, made))
        return Applied(noted.thing.name, tuple(names), sizes, outputs, noted.parameters)

    if not fits(applied(["" if v is None else "given" for v in inputs]), opset):
        return None

    def write(w: GraphWriter, name_of: Callable[[Value], str]) -> Names:
        return row(w, applied(["" if v is None else name_of(v) for v in inputs]))

    return write


def _layer_writer(
    noted: _Noted, inputs: list[Any], made: list[Any], opset: int, paths: Mapping[str, str]
) -> Write | None:
    row, fits = LAYERS[type(noted.thing)]
    prefix = f"{noted.path}." if noted.path else ""
    own = {path.removeprefix(prefix): n for path, n in paths.items() if path.startswith(prefix)}

    def called(names: Sequence[str]) -> Called:
        by_argument: dict[str, list[str]] = {}
        sizes: dict[str, list[Sized]] = {}
        left = iter(zip(names, inputs, strict=True))
        for argument, number in noted.groups.items():
            pairs = [next(left) for _ in range(number)]
            by_argument[argument] = [name for name, _ in pairs]
            sizes[argument] = [sized(v) for _, v in pairs]
        outputs = tuple(map(sized, made))
        return Called(noted.thing, by_argument, sizes, outputs, noted.parameters, own)

    if not fits(called(["given"] * len(inputs)), opset):
        return None

    def write(w: GraphWriter, name_of: Callable[[Value], str]) -> Names:
        return row(w, called([name_of(v) for v in inputs]))

    return write
