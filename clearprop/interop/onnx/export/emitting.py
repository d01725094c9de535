"""From a trace to nodes: each value that the outputs depend on is written by a row of its maker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
import numpy as np
from jax.extend import core

from clearprop.errors import ModelError
from clearprop.interop.onnx.export.table import PRIMITIVES, Applied, Names, Sized
from clearprop.interop.onnx.export.writer import GraphWriter

INLINED = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call",
           "custom_vjp_call_jaxpr", "remat2", "checkpoint", "custom_lin"}  # fmt: skip
"""Primitives that only call another list of primitives."""


Place = tuple[str, str]
"""The path of a layer, and the name of an operation in it."""


Value = core.Var | core.Literal
"""A variable of a trace, or a number in it."""

Write = Callable[[GraphWriter, Callable[[Value], str]], Names]
"""(writer, name of a variable or number) -> names of what is written."""


@dataclass(frozen=True)
class Maker:
    """What writes some variables of a trace.

    Attributes:
        place: path of the layer and name of the operation; None where they are those of the reader.
        reads: variables that have to be written before.
        makes: variables that it writes.
        write: (writer, name of a variable or constant) -> names of what it makes.
        at: number of the primitive after which everything that it reads is there.
    """

    place: Place | None
    reads: tuple[core.Var, ...]
    makes: tuple[core.Var, ...]
    write: Write
    at: int


def sized(value: object) -> Sized:
    """Return shape and type of a variable or an array."""
    aval: Any = value.aval if isinstance(value, Value) else value
    return Sized(tuple(aval.shape), np.dtype(aval.dtype))


def write_trace(
    w: GraphWriter,
    jaxpr: core.Jaxpr,
    given: Mapping[core.Var, str],
    wanted: Sequence[Value],
    makers: Sequence[Maker] = (),
    places: Mapping[core.Var, Place] | None = None,
) -> list[str]:
    """Write what some variables of a trace depend on, and return their names.

    Args:
        w: receives the nodes.
        jaxpr: the list of primitives.
        given: names of the variables that are there.
        wanted: variables or constants.
        makers: rows of layers and operations; the first one for a variable counts.
        places: of variables that are results of operations.
    """
    by_variable: dict[core.Var, Maker] = {}
    for maker in makers:
        for variable in maker.makes:
            if variable not in given:
                by_variable.setdefault(variable, maker)
    for number, eqn in enumerate(jaxpr.eqns):
        made = tuple(v for v in eqn.outvars if type(v) is core.Var)
        place = next((places[v] for v in made if places and v in places), None)
        own = Maker(place, _variables(eqn.invars), made, _writes(eqn), number)
        for variable in made:
            by_variable.setdefault(variable, own)
    names = dict(given)

    def name_of(variable: Value) -> str:
        if isinstance(variable, core.Literal):
            return w.constant(np.asarray(variable.val), sized(variable).dtype)
        return names[variable]

    outer = w.path, w.operation
    for maker, place in _needed(_variables(wanted), by_variable, names, outer):
        w.path, w.operation = place
        made_names = maker.write(w, name_of)
        made_names = [made_names] if isinstance(made_names, str) else made_names
        outputs = maker.makes
        for variable, name in zip(outputs, made_names, strict=True):
            if by_variable[variable] is maker and variable not in names:
                names[variable] = name
    w.path, w.operation = outer
    return [name_of(variable) for variable in wanted]


def _variables(values: Sequence[Value]) -> tuple[core.Var, ...]:
    return tuple(v for v in values if isinstance(v, core.Var))


def _needed(
    wanted: Sequence[core.Var],
    by_variable: Mapping[core.Var, Maker],
    given: Mapping[core.Var, str],
    outer: Place,
) -> list[tuple[Maker, Place]]:
    """Return what has to be written, in order, each with its place."""
    found: dict[int, tuple[Maker, Place]] = {}
    waiting = [(variable, outer) for variable in wanted]
    while waiting:
        variable, reader = waiting.pop()
        if variable in given:
            continue
        maker = by_variable[variable]
        if id(maker) in found:
            # Of several readers the place is that of one in a layer, if any is.
            inherited = maker.place is None and not found[id(maker)][1][0]
            if not inherited or not reader[0]:
                continue
        place = reader if maker.place is None else maker.place
        found[id(maker)] = (maker, place)
        waiting += [(read, place) for read in maker.reads]
    return sorted(found.values(), key=lambda pair: pair[0].at)


def _writes(eqn: core.JaxprEqn) -> Write:
    def write(w: GraphWriter, name_of: Callable[[Value], str]) -> Names:
        made = write_equation(w, eqn, [name_of(v) for v in eqn.invars])
        return [name for name, v in zip(made, eqn.outvars, strict=True) if type(v) is core.Var]

    return write


_DECOMPOSED = {"lu", "cholesky", "eigh", "eig", "svd", "qr", "geqrf", "householder_product",
               "schur", "hessenberg", "tridiagonal", "tridiagonal_solve",
               "triangular_solve"}  # fmt: skip
"""Primitives of systems of equations and of decompositions."""

_CALLBACKS = {"pure_callback", "io_callback", "debug_callback"}

_OUTSIDE = "compute it outside of the model, and give the result to the model as an input"


def refuse_draws(w: GraphWriter, primitive: str) -> ModelError:
    """Return the error about random numbers."""
    return w.refuse(
        f"{_called(w, primitive)}, which draws random numbers,",
        "a graph has no keys, and would not draw the numbers of clearprop",
        fix="give the numbers to the model as an input; dropout draws in training alone, so a step "
        "of training needs nn.Dropout(0)",
    )


def _refuse(w: GraphWriter, primitive: str) -> ModelError:
    """Return the error about a primitive without a row."""
    what = _called(w, primitive)
    if primitive in _DECOMPOSED:
        why = "it solves no systems of equations and decomposes no matrices; ops.det is written"
        return w.refuse(what, why, fix=_OUTSIDE)
    if primitive in _CALLBACKS:
        return w.refuse(what, "a graph calls no functions of Python", fix=_OUTSIDE)
    return w.refuse(
        what, "it has no counterpart there", fix=f"write it by other operations, or {_OUTSIDE}"
    )


def _called(w: GraphWriter, primitive: str) -> str:
    part = f"{w.operation!r} (its part {primitive!r})" if w.operation else repr(primitive)
    return f"the operation {part}"


def write_equation(w: GraphWriter, eqn: core.JaxprEqn, inputs: Sequence[str]) -> list[str]:
    """Write one primitive, and return the names of its outputs.

    Raises:
        ModelError: it has no row.
    """
    name = eqn.primitive.name
    if name in INLINED:
        return _write_call(w, eqn, inputs)
    if name.startswith(("random_", "threefry")):
        raise refuse_draws(w, name)
    found = PRIMITIVES.get(name)
    if found is None:
        raise _refuse(w, name)
    applied = Applied(
        name,
        tuple(inputs),
        tuple(map(sized, eqn.invars)),
        tuple(map(sized, eqn.outvars)),
        eqn.params,
    )
    made = found(w, applied)
    return [made] if isinstance(made, str) else list(made)


def _write_call(w: GraphWriter, eqn: Any, inputs: Sequence[str]) -> list[str]:
    parameters = eqn.params
    inner = next(
        parameters[key]
        for key in ("jaxpr", "call_jaxpr", "fun_jaxpr")
        if parameters.get(key) is not None
    )
    return write_closed(w, inner, inputs)


def write_closed(w: GraphWriter, closed: object, inputs: Sequence[str]) -> list[str]:
    """Write a list of primitives with its constants in place, and return the output names."""
    jaxpr: Any = getattr(closed, "jaxpr", closed)
    constants = getattr(closed, "consts", ())
    given = dict(zip(jaxpr.invars, inputs, strict=True))
    for variable, value in zip(jaxpr.constvars, constants, strict=True):
        given[variable] = w.constant(np.asarray(value))
    return write_trace(w, jaxpr, given, jaxpr.outvars)


def write_function(
    w: GraphWriter, function: Callable[..., object], inputs: Sequence[str], sizes: Sequence[Sized]
) -> list[str]:
    """Write what a function of arrays computes, in place."""
    closed = jax.make_jaxpr(function)(
        *(jax.ShapeDtypeStruct(size.shape, cast(Any, size.dtype)) for size in sizes)
    )
    return write_closed(w, closed, inputs)
