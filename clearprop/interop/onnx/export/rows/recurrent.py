"""Recurrent layers, each layer and both of its directions as one RNN, GRU or LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.interop.onnx.export.table import Called, layer_row
from clearprop.interop.onnx.export.writer import GraphWriter
from clearprop.nn.recurrent.weights import ONNX_ORDERS, ONNX_PEEPHOLES


def _fits(call: Called) -> bool:
    """Say whether the operator begins from zeros and takes every step, as this call does."""
    given = call.inputs
    return (
        set(given) == {"x"}
        and call.layer.starts is None
        and all(size.dtype == np.float32 for size in call.sizes["x"])
        and all(value.dtype == np.float32 for value in call.layer.parameters().values())
        and call.sizes["x"][0].shape[1] > 0
    )


def _order_of(cell: Any) -> tuple[int, ...]:
    return next(order for kind, order in ONNX_ORDERS.items() if type(cell) is kind)


class _Weights:
    """The weights of a layer in the order of ONNX."""

    def __init__(self, w: GraphWriter, call: Called, cell: Any, prefix: str) -> None:
        self.w, self.cell = w, cell
        self.find: Callable[[str], str] = lambda name: call.parameters[f"{prefix}.{name}"]
        # The number of the gate that comes first in ONNX, then of the second, and so on.
        self.order = np.argsort(_order_of(cell)).tolist()
        self.units = cell.hidden_size

    def _ordered(self, rows: str, width: int | None) -> str:
        """Return rows of gates in the order of ONNX, with an axis for the direction in front."""
        gates, rest = len(self.order), [] if width is None else [width]
        if gates > 1:
            rows = self.w.reshape(rows, [gates, self.units, *rest])
            rows = self.w.node("Gather", rows, self.w.ints(self.order), axis=0)
        return self.w.reshape(rows, [1, gates * self.units, *rest])

    def matrix(self, name: str) -> str:
        """Return a weight, (1, G H, D)."""
        size = self.cell.input_size if name == "weight" else self.units
        return self._ordered(self.w.transpose(self.find(name), (1, 0)), size)

    def bias(self) -> str:
        """Return both biases, (1, 2 G H): the one of the state is 0, but for a candidate."""
        gates = len(self.order)
        of_input = self._ordered(self.find("bias"), None)
        zeros = np.zeros((1, gates * self.units), np.float32)
        if getattr(self.cell, "candidate_bias", None) is None:
            return self.w.node("Concat", of_input, self.w.constant(zeros), axis=1)
        candidate = self.w.reshape(self.find("candidate_bias"), [1, self.units])
        none = self.w.constant(zeros[:, : 2 * self.units])
        return self.w.node("Concat", of_input, none, candidate, axis=1)

    def peepholes(self) -> str | None:
        """Return the peepholes, (1, 3 H), or None where there are none."""
        if getattr(self.cell, "peepholes", None) is None:
            return None
        rows = self.w.node("Gather", self.find("peepholes"), self.w.ints(ONNX_PEEPHOLES), axis=0)
        return self.w.reshape(rows, [1, 3 * self.units])


def _joined(w: GraphWriter, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else w.node("Concat", *parts, axis=0)


def _attributes(cell: Any, ways: int) -> dict[str, Any]:
    given: dict[str, Any] = {"hidden_size": cell.hidden_size}
    if ways == 2:
        given["direction"] = "bidirectional"
    if isinstance(cell, nn.GRUCell):
        given["linear_before_reset"] = int(cell.reset == "after")
    if isinstance(cell, nn.RNNCell):
        given["activations"] = [cell.nonlinearity.capitalize()] * ways
    return given


@layer_row(nn.LSTM, fits=_fits)
@layer_row(nn.GRU, fits=_fits)
@layer_row(nn.RNN, fits=_fits)
def _recurrent(w: GraphWriter, call: Called) -> list[str]:
    layer = call.layer
    operator = type(layer).__name__
    backward = layer.backward_cells
    ways = 1 if backward is None else 2
    outputs = 3 if operator == "LSTM" else 2
    path = w.path
    y = w.transpose(call.inputs["x"][0], (1, 0, 2))
    states: list[str] = []
    for number, cell in enumerate(layer.cells):
        w.path = f"{path}.cells.{number}" if path else f"cells.{number}"
        prefixes = [f"cells.{number}", f"backward_cells.{number}"][:ways]
        cells = [cell, *([] if backward is None else [backward[number]])]
        kept = [_Weights(w, call, c, p) for c, p in zip(cells, prefixes, strict=True)]
        names = ("weight", "recurrent_weight")
        given = [_joined(w, [k.matrix(name) for k in kept]) for name in names]
        bias = _joined(w, [k.bias() for k in kept])
        looks = [k.peepholes() for k in kept]
        seen = None if looks[0] is None else _joined(w, [look or "" for look in looks])
        made = w.nodes_of(
            operator,
            [y, *given, bias, None, None, None, seen],
            outputs,
            **_attributes(cell, ways),
        )
        y = _merged(w, made[0], ways, layer.merge, cell.hidden_size)
        for way in range(ways):
            at = w.constant(way, np.int64)
            states += [w.node("Gather", state, at, axis=0) for state in made[1:]]
    w.path = path
    y = w.transpose(y, (1, 0, 2))
    return [y, *states] if len(call.outputs) > 1 else [y]


def _merged(w: GraphWriter, y: str, ways: int, merge: str, units: int) -> str:
    """Return the outputs (T, directions, B, H) of both directions as one, (T, B, F)."""
    if ways == 1:
        return w.node("Squeeze", y, w.ints([1]))
    if merge == "sum":
        return w.reduce("ReduceSum", y, [1])
    return w.reshape(w.transpose(y, (0, 2, 1, 3)), [0, 0, 2 * units])
