"""Gated recurrent units: one state, a gate that keeps it and a gate that hides it from candidates.

Shape letters: B batch, T steps, D input features, H hidden units.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Unpack

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array, Initializer, parameter, static
from clearprop.nn.initializers import glorot_uniform, orthogonal, zeros
from clearprop.nn.recurrent.cell import Cell
from clearprop.nn.recurrent.layer import Recurrent, RecurrentOptions


class GRUGates(NamedTuple):
    """The gates r and z and the candidate n of one step, each (B, H)."""

    reset: Array
    update: Array
    candidate: Array


class GRUCell(Cell[Array, GRUGates]):
    """One step of gated recurrent units.

        r = sigmoid(x W_r + h U_r + b_r)        z = sigmoid(x W_z + h U_z + b_z)
        n = tanh(x W_n + b_n + r (h U_n + d))   reset "after" the product
        n = tanh(x W_n + b_n + (r h) U_n)       reset "before" it
        h' = (1 - z) n + z h

    Shapes: x (B, D), state h (B, H); W (D, 3 H), U (H, 3 H), b (3 H,) hold r, z, n side by side;
    d (H,), with reset "after" alone.

    Args:
        input_size: D.
        hidden_size: H.
        reset: "after" as in PyTorch, cuDNN, and ONNX with linear_before_reset=1; "before" as in the
            paper, and in ONNX with linear_before_reset=0.
        dropout: probability with which an entry of h is dropped before the product, in training;
            every step draws new numbers, and the h that z keeps is never dropped.
        weight_init: makes W, a gate at a time.
        recurrent_init: makes U, a gate at a time.

    Raises:
        ConfigurationError: a size is not positive, or reset is another name.
        ShapeError: x or the state has another shape.

    >>> GRUCell(3, 4).init(0)(jnp.ones((2, 3))).shape
    (2, 4)

    Source: Cho et al. (2014), *Learning phrase representations using RNN encoder-decoder*. PyTorch
    has two biases; those of r and z are one here.
    """

    candidate_bias: Array | None
    reset: str = static()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset: str = "after",
        dropout: float = 0.0,
        weight_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = orthogonal,
    ) -> None:
        self._begin(input_size, hidden_size, dropout, 3, weight_init, recurrent_init)
        one_of("GRUCell", ("after", "before"), reset=reset)
        self.reset = reset
        self.candidate_bias = parameter((hidden_size,), zeros) if reset == "after" else None

    def look(self, projected: Array, state: Array) -> tuple[Array, GRUGates]:
        """Return the next state and the gates that made it.

        >>> cell = GRUCell(3, 4).init(0)
        >>> _, gates = cell.look(cell.project(jnp.ones((2, 3))), cell.zero_state(2))
        >>> gates.update.shape
        (2, 4)
        """
        hidden = self._recurrent(state)
        x_r, x_z, x_n = ops.split(projected, 3, axis=-1)
        if self.candidate_bias is not None:
            h_r, h_z, h_n = ops.split(ops.matmul(hidden, self.recurrent_weight), 3, axis=-1)
            r = ops.sigmoid(x_r + h_r)
            n = ops.tanh(x_n + r * (h_n + self.candidate_bias))
        else:
            both = 2 * self.hidden_size
            h_r, h_z = ops.split(ops.matmul(hidden, self.recurrent_weight[:, :both]), 2, axis=-1)
            r = ops.sigmoid(x_r + h_r)
            n = ops.tanh(x_n + ops.matmul(r * hidden, self.recurrent_weight[:, both:]))
        z = ops.sigmoid(x_z + h_z)
        return n + z * (state - n), GRUGates(r, z, n)

    def zero_state(self, *batch: int, dtype: DTypeLike = jnp.float32) -> Array:
        """Return h = 0, (*batch, H)."""
        return jnp.zeros((*batch, self.hidden_size), dtype)


class GRU(Recurrent[Array, GRUGates]):
    """A layer of gated recurrent units over time: y_t = h_t = cell(x_t, h_{t-1}).

    The equations are those of `GRUCell`; `Recurrent` describes all arguments.

    Shapes: x (B, T, D), y (B, T, F) with F = H, or 2 H for two directions side by side.

    Raises:
        ConfigurationError: a size, a rate or a name is out of its range.
        ShapeError: x, the state or the mask has another shape.

    >>> GRU(3, 4).init(0)(jnp.ones((2, 5, 3))).shape
    (2, 5, 4)

    Source: Cho et al. (2014).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset: str = "after",
        recurrent_dropout: float = 0.0,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        make = functools.partial(
            GRUCell, hidden_size=hidden_size, reset=reset, dropout=recurrent_dropout
        )
        self._build(make, input_size, **options)

    def gates(self, x: Array) -> GRUGates:
        """Return the gates at every step of the first layer, forward, each (B, T, H).

        >>> GRU(3, 4).init(0).gates(jnp.ones((2, 5, 3))).update.shape
        (2, 5, 4)
        """
        return self.watch(x)[1]
