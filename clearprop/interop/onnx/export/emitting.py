"""From a trace to nodes: each value that the outputs depend on is written by a row of its maker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
import numpy as np
from jax.extend import core

from clearprop.interop.onnx.export.table import PRIMITIVES, Applied, Names, Sized
from clearprop.interop.onnx.export.writer import Writer

INLINED = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call",
           "custom_vjp_call_jaxpr", "remat2", "checkpoint", "custom_lin"}  # fmt: skip
"""Primitives that only call another list of primitives."""


@dataclass(frozen=True)
class Maker:
    """What writes some variables of a trace.

    Attributes:
        path: of the layer; None where it is that of the reader.
        reads: variables that have to be written before.
        makes: variables that it writes.
        write: (writer, name of a variable or constant) -> names of what it makes.
        at: number of the primitive after which everything that it reads is there.
    """

    path: str | None
    reads: tuple[Any, ...]
    makes: tuple[Any, ...]
    write: Callable[[Writer, Callable[[Any], str]], Names]
    at: int


def sized(value: Any) -> Sized:
    """Return shape and type of a variable or an array."""
    aval = value.aval if isinstance(value, core.Var | core.Literal) else value
    return Sized(tuple(aval.shape), np.dtype(aval.dtype))


def write_trace(
    w: Writer,
    jaxpr: Any,
    given: Mapping[Any, str],
    wanted: Sequence[Any],
    makers: Sequence[Maker] = (),
) -> list[str]:
    """Write what some variables of a trace depend on, and return their names.

    Args:
        w: receives the nodes.
        jaxpr: the list of primitives.
        given: names of the variables that are there.
        wanted: variables or constants.
        makers: rows of layers and operations; the first one for a variable counts.
    """
    by_variable: dict[Any, Maker] = {}
    for maker in makers:
        for variable in maker.makes:
            if variable not in given:
                by_variable.setdefault(variable, maker)
    for number, eqn in enumerate(jaxpr.eqns):
        made = tuple(v for v in eqn.outvars if type(v) is core.Var)
        own = Maker(None, _variables(eqn.invars), made, _writes(eqn), number)
        for variable in made:
            by_variable.setdefault(variable, own)
    names: dict[Any, str] = dict(given)

    def name_of(variable: Any) -> str:
        if isinstance(variable, core.Literal):
            return w.constant(np.asarray(variable.val), variable.aval.dtype)
        return names[variable]

    outer = w.path
    for maker, path in _needed(_variables(wanted), by_variable, names, outer):
        w.path = path
        made_names = maker.write(w, name_of)
        made_names = [made_names] if isinstance(made_names, str) else made_names
        outputs = maker.makes
        for variable, name in zip(outputs, made_names, strict=True):
            if by_variable[variable] is maker and variable not in names:
                names[variable] = name
    w.path = outer
    return [name_of(variable) for variable in wanted]


def _variables(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(v for v in values if isinstance(v, core.Var))


def _needed(
    wanted: Sequence[Any], by_variable: Mapping[Any, Maker], given: Mapping[Any, str], outer: str
) -> list[tuple[Maker, str]]:
    """Return what has to be written, in order, each with the path of its layer."""
    found: dict[int, tuple[Maker, str]] = {}
    waiting = [(variable, outer) for variable in wanted]
    while waiting:
        variable, reader = waiting.pop()
        if variable in given:
            continue
        maker = by_variable[variable]
        if id(maker) in found:
            continue
        path = reader if maker.path is None else maker.path
        found[id(maker)] = (maker, path)
        waiting += [(read, path) for read in maker.reads]
    return sorted(found.values(), key=lambda pair: pair[0].at)


def _writes(eqn: Any) -> Callable[[Writer, Callable[[Any], str]], Names]:
    def write(w: Writer, name_of: Callable[[Any], str]) -> Names:
        made = write_equation(w, eqn, [name_of(v) for v in eqn.invars])
        return [name for name, v in zip(made, eqn.outvars, strict=True) if type(v) is core.Var]

    return write


def write_equation(w: Writer, eqn: Any, inputs: Sequence[str]) -> list[str]:
    """Write one primitive, and return the names of its outputs.

    Raises:
        ModelError: it has no row.
    """
    name = eqn.primitive.name
    if name in INLINED:
        return _write_call(w, eqn, inputs)
    found = PRIMITIVES.get(name)
    if found is None:
        raise w.refuse(f"the operation {name!r}", "it has no counterpart there")
    applied = Applied(
        name,
        tuple(inputs),
        tuple(map(sized, eqn.invars)),
        tuple(map(sized, eqn.outvars)),
        eqn.params,
    )
    made = found(w, applied)
    return [made] if isinstance(made, str) else list(made)


def _write_call(w: Writer, eqn: Any, inputs: Sequence[str]) -> list[str]:
    parameters = eqn.params
    inner = next(
        parameters[key]
        for key in ("jaxpr", "call_jaxpr", "fun_jaxpr")
        if parameters.get(key) is not None
    )
    return write_closed(w, inner, inputs)


def write_closed(w: Writer, closed: Any, inputs: Sequence[str]) -> list[str]:
    """Write a list of primitives with its constants in place, and return the output names."""
    jaxpr = closed.jaxpr if isinstance(closed, core.ClosedJaxpr) else closed
    constants = closed.consts if isinstance(closed, core.ClosedJaxpr) else ()
    given = dict(zip(jaxpr.invars, inputs, strict=True))
    for variable, value in zip(jaxpr.constvars, constants, strict=True):
        given[variable] = w.constant(np.asarray(value))
    return write_trace(w, jaxpr, given, jaxpr.outvars)


def write_function(
    w: Writer, function: Callable[..., object], inputs: Sequence[str], sizes: Sequence[Sized]
) -> list[str]:
    """Write what a function of arrays computes, in place."""
    closed = jax.make_jaxpr(function)(
        *(jax.ShapeDtypeStruct(size.shape, cast(Any, size.dtype)) for size in sizes)
    )
    return write_closed(w, closed, inputs)
