"""Higher-order recurrent networks: a step takes the last K values of the state, not one.

Shape letters: B batch, T steps, D input features, H hidden units, K order.
"""

from __future__ import annotations

import functools
import math
from typing import Unpack

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.nn import draws
from clearprop.nn.checks import one_of, positive_sizes
from clearprop.nn.fields import Array, Initializer, Shape, parameter, static
from clearprop.nn.initializers import glorot_uniform, orthogonal
from clearprop.nn.recurrent.cell import Cell
from clearprop.nn.recurrent.layer import Recurrent, RecurrentOptions
from clearprop.nn.recurrent.rnn import NONLINEARITIES


class HigherOrderRNNCell(Cell[tuple[Array, ...], None]):
    """One step of a higher-order recurrent network: h_t = f(x_t W + sum_k h_{t-k} U_k + b).

    k goes from 1 to K. An error signal reaches h_{t-K} in one step instead of K, so that it fades
    more slowly. Order 1 is the plain `RNNCell`.

    Shapes: x (B, D); a state is the tuple (h_{t-1}, ..., h_{t-K}), each (B, H); W (D, H),
    U (K H, H) holds the U_k one below the other, b (H,).

    Args:
        input_size: D.
        hidden_size: H.
        order: K.
        nonlinearity: f, "tanh" or "relu".
        dropout: probability with which an entry of the states is dropped before the product, in
            training; every step draws new numbers.
        weight_init: makes W.
        recurrent_init: makes each U_k, which is then divided by the square root of K.

    Raises:
        ConfigurationError: a size is not positive, or f is another name.
        ShapeError: x or the state has another shape.

    >>> cell = HigherOrderRNNCell(3, 4, order=2).init(0)
    >>> [h.shape for h in cell(jnp.ones((5, 3)))]
    [(5, 4), (5, 4)]

    Source: Soltani and Jiang (2016), *Higher order recurrent neural networks*, without pooling.
    """

    order: int = static()
    nonlinearity: str = static()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        order: int = 2,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        weight_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = orthogonal,
    ) -> None:
        self._begin(input_size, hidden_size, dropout, 1, weight_init, recurrent_init)
        positive_sizes("HigherOrderRNNCell", order=order)
        one_of("HigherOrderRNNCell", NONLINEARITIES, nonlinearity=nonlinearity)

        def stacked(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
            square = (hidden_size, hidden_size)
            each = [recurrent_init(k, square, dtype) for k in draws.split(key, order)]
            return draws.joined(each, axis=0) / math.sqrt(order)

        self.order = order
        self.nonlinearity = nonlinearity
        self.recurrent_weight = parameter((order * hidden_size, hidden_size), stacked)

    def look(self, projected: Array, state: tuple[Array, ...]) -> tuple[tuple[Array, ...], None]:
        """Return (h_t, ..., h_{t-K+1}), and no gates."""
        states = self._recurrent(ops.concatenate(state, axis=-1))
        total = projected + ops.matmul(states, self.recurrent_weight)
        return (ops.ACTIVATIONS[self.nonlinearity](total), *state[:-1]), None

    def zero_state(self, *batch: int, dtype: DTypeLike = jnp.float32) -> tuple[Array, ...]:
        """Return K times h = 0, each (*batch, H)."""
        return (jnp.zeros((*batch, self.hidden_size), dtype),) * self.order


class HigherOrderRNN(Recurrent[tuple[Array, ...], None]):
    """A higher-order recurrent layer over time: y_t = h_t = f(x_t W + sum_k h_{t-k} U_k + b).

    K is ``order``; `Recurrent` describes all arguments. A state is the tuple of the last K values
    of h, the newest first.

    Shapes: x (B, T, D), y (B, T, F) with F = H, or 2 H for two directions side by side.

    Raises:
        ConfigurationError: a size, a rate or a name is out of its range.
        ShapeError: x, the state or the mask has another shape.

    >>> HigherOrderRNN(3, 4, order=3).init(0)(jnp.ones((2, 5, 3))).shape
    (2, 5, 4)

    Source: Soltani and Jiang (2016).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        order: int = 2,
        nonlinearity: str = "tanh",
        recurrent_dropout: float = 0.0,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        make = functools.partial(
            HigherOrderRNNCell,
            hidden_size=hidden_size,
            order=order,
            nonlinearity=nonlinearity,
            dropout=recurrent_dropout,
        )
        self._build(make, input_size, **options)
