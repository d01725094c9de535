"""Weights of other frameworks: PyTorch's state dictionaries and ONNX's tensors in a layer.

Shape letters: D input features, H hidden units, G gates, L layer, R directions (ONNX).

The columns of a weight here are gates side by side. PyTorch and ONNX keep:

    ================  ============  =====================  =========================================
    layer             here          PyTorch, rows          ONNX, rows
    ================  ============  =====================  =========================================
    RNN               one           one                    one
    LSTM              i, f, g, o    i, f, g, o             i, o, f, c; peepholes i, o, f
    GRU               r, z, n       r, z, n                z, r, h; linear_before_reset=1 is
                                                           reset="after", 0 is reset="before"
    ================  ============  =====================  =========================================

Both keep weights as (G H, D) and two biases; here a weight is the transpose, and the bias is the
sum. In a GRU with reset "after" the recurrent bias of the candidate is kept separately, because the
reset gate scales it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import tree
from clearprop.errors import ModelError
from clearprop.nn.module import is_initialized, parameters
from clearprop.nn.recurrent.cell import Cell
from clearprop.nn.recurrent.gru import GRUCell
from clearprop.nn.recurrent.layer import Recurrent
from clearprop.nn.recurrent.lstm import LSTMCell
from clearprop.nn.recurrent.rnn import RNNCell

Layer = TypeVar("Layer", bound=Recurrent[Any, Any])
Numbers = NDArray[np.floating]

ONNX_ORDERS = {RNNCell: (0,), LSTMCell: (0, 2, 3, 1), GRUCell: (1, 0, 2)}
"""For each gate of a cell, the number of its rows in ONNX."""

ONNX_PEEPHOLES = (0, 2, 1)


def from_pytorch(layer: Layer, state: Mapping[str, ArrayLike], prefix: str = "") -> Layer:
    """Return a layer with the weights of PyTorch's RNN, LSTM or GRU of the same sizes.

    Args:
        layer: with or without values; its GRU cells have reset "after", which is PyTorch's.
        state: arrays by PyTorch's names, such as weight_ih_l0, bias_hh_l1_reverse; for a module
            ``{name: value.numpy() for name, value in module.state_dict().items()}``.
        prefix: of the names, such as "encoder.".

    Raises:
        ModelError: a name is missing, a shape does not fit, there are more layers or directions
            than here, or PyTorch has no such cell.

    >>> from clearprop import nn
    >>> state = {
    ...     "weight_ih_l0": np.ones((4, 3)), "weight_hh_l0": np.eye(4),
    ...     "bias_ih_l0": np.ones(4), "bias_hh_l0": np.ones(4),
    ... }
    >>> print(from_pytorch(nn.RNN(3, 4), state).cells[0].bias)
    [2. 2. 2. 2.]
    """

    def found(name: str) -> Numbers:
        if prefix + name not in state:
            raise ModelError(
                f"the state has no {prefix + name!r}",
                given=", ".join(list(state)[:12]) or "an empty state",
                fix="state = {name: value.numpy() for name, value in module.state_dict().items()}",
            )
        return np.asarray(state[prefix + name])

    def arrays(number: int, suffix: str) -> list[Numbers]:
        end = f"l{number}{suffix}"
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        has_bias = f"{prefix}bias_ih_{end}" in state
        weights = [found(f"{kind}_{end}") for kind in kinds[: 4 if has_bias else 2]]
        return weights if has_bias else [*weights, *[np.zeros(len(weights[0]))] * 2]

    for end in (f"l{len(layer.cells)}", "l0_reverse" if layer.backward_cells is None else ""):
        if f"{prefix}weight_ih_{end}" in state:
            raise ModelError(
                "the state has more layers or directions than this layer",
                given=f"{prefix}weight_ih_{end}",
            )
    values: dict[str, Any] = {}
    ways = (("cells", layer.cells, ""), ("backward_cells", layer.backward_cells or (), "_reverse"))
    for field, cells, suffix in ways:
        for number, cell in enumerate(cells):
            if isinstance(cell, GRUCell) and cell.reset != "after":
                raise ModelError("PyTorch's GRU resets after the product", fix='reset="after"')
            of_cell = _of_cell(cell, *arrays(number, suffix))
            values |= {f"{field}.{number}.{name}": array for name, array in of_cell.items()}
    return _with(layer, values)


def from_onnx(
    layer: Layer,
    weight: ArrayLike,
    recurrent_weight: ArrayLike,
    bias: ArrayLike | None = None,
    peepholes: ArrayLike | None = None,
) -> Layer:
    """Return a layer with the tensors W, R, B and P of an ONNX node RNN, LSTM or GRU.

    Args:
        layer: of one layer (ONNX has a node for each); two directions where R is 2.
        weight: W, (R, G H, D).
        recurrent_weight: R, (R, G H, H).
        bias: B, (R, 2 G H), the input's before the state's; None for zero.
        peepholes: P, (R, 3 H), for an LSTM with peepholes; None for zero.

    Raises:
        ModelError: several layers, a shape does not fit, or peepholes for a cell without.

    >>> from clearprop import nn
    >>> W, R = np.arange(12.0).reshape(1, 3, 4), np.zeros((1, 3, 1))
    >>> print(from_onnx(nn.GRU(4, 1), W, R).cells[0].weight[0])  # r, z, n of ONNX's z, r, h
    [4. 0. 8.]
    """
    if len(layer.cells) != 1:
        raise ModelError("a node of ONNX is one layer", given=f"{len(layer.cells)} layers")
    weights, recurrent = np.asarray(weight), np.asarray(recurrent_weight)
    biases = np.zeros((len(weights), 2 * weights.shape[1])) if bias is None else np.asarray(bias)
    values: dict[str, Any] = {}
    ways: list[tuple[str, tuple[Cell[Any, Any], ...]]] = [("cells", layer.cells)]
    if layer.backward_cells is not None:
        ways.append(("backward_cells", layer.backward_cells))
    for direction, (field, (cell,)) in enumerate(ways):
        order = ONNX_ORDERS.get(type(cell))
        if order is None or len(weights) != len(ways):
            raise ModelError(
                "these tensors do not fit this layer",
                given=f"W {weights.shape} for {len(ways)} directions of {type(cell).__name__}",
            )
        halves = np.split(biases[direction], 2)
        pieces = [weights[direction], recurrent[direction], *halves]
        of_cell = _of_cell(cell, *(_ordered(piece, order) for piece in pieces))
        if peepholes is not None:
            if "peepholes" not in of_cell:
                raise ModelError(
                    "these weights have peepholes, and the layer has none",
                    fix="nn.LSTM(..., peepholes=True)",
                )
            rows = np.asarray(peepholes)[direction].reshape(3, -1)
            of_cell["peepholes"] = rows[list(ONNX_PEEPHOLES)]
        values |= {f"{field}.0.{name}": array for name, array in of_cell.items()}
    return _with(layer, values)


def _ordered(rows: Numbers, order: tuple[int, ...]) -> Numbers:
    gates = np.split(rows, len(order))
    return np.concatenate([gates[place] for place in order])


def _of_cell(
    cell: Cell[Any, Any], into: Numbers, again: Numbers, bias: Numbers, recurrent_bias: Numbers
) -> dict[str, Numbers]:
    """Return a cell's arrays by name, from rows of gates in the order of the cell."""
    if not isinstance(cell, RNNCell | LSTMCell | GRUCell):
        raise ModelError(f"{type(cell).__name__} is not a cell of PyTorch or ONNX")
    found = {"weight": into.T, "recurrent_weight": again.T, "bias": bias + recurrent_bias}
    if isinstance(cell, GRUCell) and cell.reset == "after":
        both = 2 * cell.hidden_size
        found["bias"] = np.concatenate([found["bias"][:both], bias[both:]])
        found["candidate_bias"] = recurrent_bias[both:]
    if isinstance(cell, LSTMCell) and cell.peepholes is not None:
        found["peepholes"] = np.zeros((3, cell.hidden_size))  # PyTorch has none
    return found


def _with(layer: Layer, values: dict[str, Numbers]) -> Layer:
    layer = layer if is_initialized(layer) else layer.init(0)
    known = parameters(layer)
    for path, array in values.items():
        if path not in known or tuple(known[path].shape) != array.shape:
            raise ModelError(
                "these weights do not fit the sizes of this layer",
                where=path,
                given=str(array.shape),
                expected=str(tuple(known[path].shape)) if path in known else "no such array",
            )
    return tree.replace(
        layer, {path: jnp.asarray(array, known[path].dtype) for path, array in values.items()}
    )
