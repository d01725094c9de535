"""Long short-term memory: a cell state, and gates that write, keep and show it.

Shape letters: B batch, T steps, D input features, H hidden units.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Unpack

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.nn.fields import Array, Initializer, Shape, parameter
from clearprop.nn.initializers import glorot_uniform, orthogonal, zeros
from clearprop.nn.recurrent.cell import Cell
from clearprop.nn.recurrent.layer import Recurrent, RecurrentOptions


class LSTMState(NamedTuple):
    """The state of an LSTM.

    Attributes:
        hidden: h, the output of the step, (B, H).
        cell: c, the memory, (B, H).
    """

    hidden: Array
    cell: Array


class LSTMGates(NamedTuple):
    """The gates i and f, the candidate g and the gate o of one step, each (B, H)."""

    input: Array
    forget: Array
    candidate: Array
    output: Array


class LSTMCell(Cell[LSTMState, LSTMGates]):
    """One step of long short-term memory.

        i = sigmoid(x W_i + h U_i + b_i)     f = sigmoid(x W_f + h U_f + b_f)
        g = tanh(x W_g + h U_g + b_g)        o = sigmoid(x W_o + h U_o + b_o)
        c' = f c + i g                       h' = o tanh(c')

    Peepholes add p_i c to the sum of i, p_f c to that of f and p_o c' to that of o.

    Shapes: x (B, D), h and c (B, H); W (D, 4 H), U (H, 4 H), b (4 H,) hold i, f, g, o side by side;
    peepholes (3, H).

    Args:
        input_size: D.
        hidden_size: H.
        peepholes: whether the gates see the cell state.
        forget_bias: initial value of b_f; with 1 a new network keeps most of the cell state.
        dropout: probability with which an entry of h is dropped before the product, in training;
            every step draws new numbers, and c is never dropped.
        weight_init: makes W, a gate at a time.
        recurrent_init: makes U, a gate at a time.

    Raises:
        ConfigurationError: a size is not positive, or a rate is not in [0, 1).
        ShapeError: x or the state has another shape.

    >>> cell = LSTMCell(3, 4).init(0)
    >>> state = cell(jnp.ones((2, 3)))
    >>> state.hidden.shape, state.cell.shape
    ((2, 4), (2, 4))

    Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins
    (2000), its bias as in Jozefowicz, Zaremba and Sutskever (2015), and the peepholes of Gers and
    Schmidhuber (2000). PyTorch has two biases; here they are one.
    """

    peepholes: Array | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        peepholes: bool = False,
        forget_bias: float = 1.0,
        dropout: float = 0.0,
        weight_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = orthogonal,
    ) -> None:
        def first_bias(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
            return jnp.zeros(shape, dtype).at[hidden_size : 2 * hidden_size].set(forget_bias)

        self._begin(input_size, hidden_size, dropout, 4, weight_init, recurrent_init, first_bias)
        self.peepholes = parameter((3, hidden_size), zeros) if peepholes else None

    def look(self, projected: Array, state: LSTMState) -> tuple[LSTMState, LSTMGates]:
        """Return the next state and the gates that made it.

        >>> cell = LSTMCell(3, 4).init(0)
        >>> _, gates = cell.look(cell.project(jnp.ones((2, 3))), cell.zero_state(2))
        >>> gates.forget.shape
        (2, 4)
        """
        hidden, cell = state
        total = projected + ops.matmul(self._recurrent(hidden), self.recurrent_weight)
        i, f, g, o = ops.split(total, 4, axis=-1)
        if self.peepholes is not None:
            i = i + cell * self.peepholes[0]
            f = f + cell * self.peepholes[1]
        gates = LSTMGates(ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), o)
        cell = gates.forget * cell + gates.input * gates.candidate
        if self.peepholes is not None:
            o = o + cell * self.peepholes[2]
        gates = gates._replace(output=ops.sigmoid(o))
        return LSTMState(gates.output * ops.tanh(cell), cell), gates

    def zero_state(self, *batch: int, dtype: DTypeLike = jnp.float32) -> LSTMState:
        """Return h = c = 0, each (*batch, H)."""
        zeros = jnp.zeros((*batch, self.hidden_size), dtype)
        return LSTMState(zeros, zeros)


class LSTM(Recurrent[LSTMState, LSTMGates]):
    """Long short-term memory over time: (y_t = h_t, c_t) = cell(x_t, (h_{t-1}, c_{t-1})).

    The equations are those of `LSTMCell`; `Recurrent` describes all arguments. A state is an
    `LSTMState`; with several layers or two directions it is a tuple of them.

    Shapes: x (B, T, D), y (B, T, F) with F = H, or 2 H for two directions side by side.

    Raises:
        ConfigurationError: a size, a rate or a name is out of its range.
        ShapeError: x, the state or the mask has another shape.

    >>> layer = LSTM(3, 4).init(0)
    >>> y, state = layer(jnp.ones((2, 5, 3)), return_state=True)
    >>> y.shape, state.cell.shape
    ((2, 5, 4), (2, 4))

    Source: Hochreiter and Schmidhuber (1997); Gers, Schmidhuber and Cummins (2000).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        peepholes: bool = False,
        forget_bias: float = 1.0,
        recurrent_dropout: float = 0.0,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        make = functools.partial(
            LSTMCell,
            hidden_size=hidden_size,
            peepholes=peepholes,
            forget_bias=forget_bias,
            dropout=recurrent_dropout,
        )
        self._build(make, input_size, **options)

    def gates(self, x: Array) -> LSTMGates:
        """Return the gates at every step of the first layer, forward, each (B, T, H).

        >>> LSTM(3, 4).init(0).gates(jnp.ones((2, 5, 3))).forget.shape
        (2, 5, 4)
        """
        return self.watch(x)[1]
