"""Loops and branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.interop.onnx.export.emitting import sized, write_closed
from clearprop.interop.onnx.export.table import Applied, primitive
from clearprop.interop.onnx.export.writer import GraphWriter, WrittenGraph


def _graph(w: GraphWriter, closed: Any, outside: Sequence[str], own: Sequence[Any]) -> WrittenGraph:
    """Return the graph of a list of primitives; its first inputs are values around it."""

    def write(inner: GraphWriter) -> WrittenGraph:
        names = [inner.free("step") for _ in own]
        outputs = write_closed(inner, closed, [*outside, *names])
        # A graph returns values of its own, each once.
        outputs = [inner.node("Identity", name) for name in outputs]
        sizes = [sized(v) for v in closed.jaxpr.outvars]
        return WrittenGraph(
            inner.nodes,
            [(name, (s := sized(v)).dtype, s.shape) for name, v in zip(names, own, strict=True)],
            [(name, s.dtype, s.shape) for name, s in zip(outputs, sizes, strict=True)],
        )

    return w.child(write)


def _loop_parts(named: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many inputs of a loop stay the same, and how many are carried.

    JAX 0.10 counts them, and 0.12 keeps their trees.
    """
    if "num_consts" in named:
        return named["num_consts"], named["num_carry"]
    fixed, carried, _ = named["ft_in"].unpack()
    return len(fixed), len(carried)


@primitive("scan")
def _scan(w: GraphWriter, eqn: Applied) -> list[str]:
    named = eqn.parameters
    fixed, carried = _loop_parts(named)
    closed, backward = named["jaxpr"], named["reverse"]
    outside, states = eqn.inputs[:fixed], eqn.inputs[fixed : fixed + carried]
    sequences = eqn.inputs[fixed + carried :]
    if not sequences:
        # Scan needs a sequence, by whose length it goes.
        return _counted(w, eqn)
    body = _graph(w, closed, outside, closed.jaxpr.invars[fixed:])
    ways = [int(backward)] * len(sequences)
    given: dict[str, Any] = {"num_scan_inputs": len(sequences)}
    stacked = len(eqn.outputs) - carried
    if backward:
        given["scan_input_directions"] = ways
        if stacked:
            given["scan_output_directions"] = [1] * stacked
    return w.nodes_of("Scan", [*states, *sequences], len(eqn.outputs), {"body": body}, **given)


def _counted(w: GraphWriter, eqn: Applied) -> list[str]:
    """Write a loop without sequences: its steps are those of a Loop."""
    named = eqn.parameters
    (fixed, carried), closed = _loop_parts(named), named["jaxpr"]
    if named["reverse"] and len(eqn.outputs) > carried:
        raise w.refuse(
            "a loop backward without a sequence",
            "Loop goes forward",
            fix="give the loop a sequence, such as the numbers of its steps: jnp.arange(length)",
        )

    def write(inner: GraphWriter) -> WrittenGraph:
        own = closed.jaxpr.invars[fixed:]
        names = [inner.free("step") for _ in own]
        number, going = inner.free("number"), inner.free("going")
        outputs = write_closed(inner, closed, [*eqn.inputs[:fixed], *names])
        outputs = [inner.node("Identity", name) for name in [going, *outputs]]
        sizes = [sized(v) for v in closed.jaxpr.outvars]
        boolean = np.dtype(np.bool_)
        return WrittenGraph(
            inner.nodes,
            [
                (number, np.dtype(np.int64), ()),
                (going, boolean, ()),
                *((n, sized(v).dtype, sized(v).shape) for n, v in zip(names, own, strict=True)),
            ],
            [
                (outputs[0], boolean, ()),
                *((n, s.dtype, s.shape) for n, s in zip(outputs[1:], sizes, strict=True)),
            ],
        )

    count = w.constant(named["length"], np.int64)
    states = eqn.inputs[fixed:]
    body = w.child(write)
    return w.nodes_of("Loop", [count, w.constant(True), *states], len(eqn.outputs), {"body": body})


@primitive("while")
def _while(w: GraphWriter, eqn: Applied) -> list[str]:
    named = eqn.parameters
    of_test, of_body = named["cond_nconsts"], named["body_nconsts"]
    test, closed = named["cond_jaxpr"], named["body_jaxpr"]
    test_given, body_given = eqn.inputs[:of_test], eqn.inputs[of_test : of_test + of_body]
    states = eqn.inputs[of_test + of_body :]
    (first,) = write_closed(w, test, [*test_given, *states])

    def write(inner: GraphWriter) -> WrittenGraph:
        own = closed.jaxpr.invars[of_body:]
        names = [inner.free("step") for _ in own]
        number, going = inner.free("number"), inner.free("going")
        made = write_closed(inner, closed, [*body_given, *names])
        (again,) = write_closed(inner, test, [*test_given, *made])
        outputs = [inner.node("Identity", name) for name in [again, *made]]
        sizes = [sized(v) for v in own]
        boolean = np.dtype(np.bool_)
        return WrittenGraph(
            inner.nodes,
            [
                (number, np.dtype(np.int64), ()),
                (going, boolean, ()),
                *((n, s.dtype, s.shape) for n, s in zip(names, sizes, strict=True)),
            ],
            [
                (outputs[0], boolean, ()),
                *((n, s.dtype, s.shape) for n, s in zip(outputs[1:], sizes, strict=True)),
            ],
        )

    body = w.child(write)
    return w.nodes_of("Loop", [None, first, *states], len(eqn.outputs), {"body": body})


@primitive("cond")
def _cond(w: GraphWriter, eqn: Applied) -> list[str]:
    index, *operands = eqn.inputs
    branches = eqn.parameters["branches"]
    if len(branches) != 2:
        raise w.refuse(
            "a choice between several branches",
            "If has two",
            fix="jax.lax.cond inside jax.lax.cond",
        )
    chosen = index if eqn.size.dtype == np.bool_ else w.cast(index, np.bool_)
    no, yes = (_graph(w, branch, operands, ()) for branch in branches)
    return w.nodes_of("If", [chosen], len(eqn.outputs), {"then_branch": yes, "else_branch": no})
