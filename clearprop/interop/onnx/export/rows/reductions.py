"""Primitives that make one entry of many, and those that sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.interop.onnx.export.table import Applied, primitive
from clearprop.interop.onnx.export.writer import GraphWriter

_REDUCED = {
    "reduce_sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd", "reduce_or": "ReduceMax", "reduce_and": "ReduceMin",
}  # fmt: skip


@primitive(*_REDUCED)
def _reduce(w: GraphWriter, eqn: Applied) -> str:
    x, boolean = eqn.inputs[0], eqn.size.dtype == np.bool_
    x = w.cast(x, np.int32) if boolean else x
    made = w.reduce(_REDUCED[eqn.name], x, eqn.parameters["axes"])
    return w.cast(made, np.bool_) if boolean else made


@primitive("argmax", "argmin")
def _argument(w: GraphWriter, eqn: Applied) -> str:
    (axis,) = eqn.parameters["axes"]
    operator = "ArgMax" if eqn.name == "argmax" else "ArgMin"
    x = w.cast(eqn.inputs[0], np.int32) if eqn.size.dtype == np.bool_ else eqn.inputs[0]
    return w.cast(w.node(operator, x, axis=axis, keepdims=0), eqn.output.dtype)


@primitive("cumsum")
def _cumsum(w: GraphWriter, eqn: Applied) -> str:
    axis = w.constant(eqn.parameters["axis"], np.int64)
    return w.node("CumSum", eqn.inputs[0], axis, reverse=int(eqn.parameters["reverse"]))


@primitive("sort")
def _sort(w: GraphWriter, eqn: Applied) -> list[str]:
    if eqn.parameters["num_keys"] != 1:
        raise w.refuse(
            "sorting",
            "it has several keys",
            fix="sort by one key after the other, the last one first: each sort keeps equal ones "
            "in their order",
        )
    axis = eqn.parameters["dimension"]
    number = w.ints([eqn.size.shape[axis]])
    keys, places = _ordered(w, eqn.inputs[0], number, axis, largest=False)
    others = [w.node("GatherElements", x, places, axis=axis) for x in eqn.inputs[1:]]
    return [keys, *others]


def _ordered(w: GraphWriter, x: str, number: str, axis: int, largest: bool) -> Any:
    return w.nodes_of("TopK", [x, number], 2, axis=axis, largest=int(largest), sorted=1)


@primitive("top_k")
def _top_k(w: GraphWriter, eqn: Applied) -> list[str]:
    number = w.ints([eqn.parameters["k"]])
    axis = eqn.parameters.get("axis", -1)
    values, places = _ordered(w, eqn.inputs[0], number, axis, largest=True)
    return [values, w.cast(places, eqn.outputs[1].dtype)]
