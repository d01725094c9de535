"""The plain recurrent network: the units take their last values as further inputs.

Shape letters: B batch, T steps, D input features, H hidden units.
"""

from __future__ import annotations

import functools
from typing import Unpack

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array, Initializer, static
from clearprop.nn.initializers import glorot_uniform, orthogonal
from clearprop.nn.recurrent.cell import Cell
from clearprop.nn.recurrent.layer import Recurrent, RecurrentOptions

NONLINEARITIES = ("tanh", "relu")


class RNNCell(Cell[Array, None]):
    """One step of a plain recurrent network: h_t = f(x_t W + h_{t-1} U + b).

    Shapes: x (B, D), state h (B, H), W (D, H), U (H, H), b (H,).

    Args:
        input_size: D.
        hidden_size: H.
        nonlinearity: f, "tanh" or "relu".
        dropout: probability with which an entry of h_{t-1} is dropped before the product, in
            training; every step draws new numbers.
        weight_init: makes W.
        recurrent_init: makes U.

    Raises:
        ConfigurationError: a size is not positive, or f is another name.
        ShapeError: x or the state has another shape.

    >>> cell = RNNCell(3, 4).init(0)
    >>> cell(jnp.ones((2, 3))).shape
    (2, 4)

    Source: Elman (1990), *Finding structure in time*. PyTorch has two biases; here they are one.
    """

    nonlinearity: str = static()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        weight_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = orthogonal,
    ) -> None:
        self._begin(input_size, hidden_size, dropout, 1, weight_init, recurrent_init)
        one_of("RNNCell", NONLINEARITIES, nonlinearity=nonlinearity)
        self.nonlinearity = nonlinearity

    def look(self, projected: Array, state: Array) -> tuple[Array, None]:
        """Return h_t = f(projected + h_{t-1} U), and no gates."""
        total = projected + ops.matmul(self._recurrent(state), self.recurrent_weight)
        return ops.ACTIVATIONS[self.nonlinearity](total), None

    def zero_state(self, *batch: int, dtype: DTypeLike = jnp.float32) -> Array:
        """Return h = 0, (*batch, H)."""
        return jnp.zeros((*batch, self.hidden_size), dtype)


class RNN(Recurrent[Array, None]):
    """A plain recurrent layer over time: y_t = h_t = f(x_t W + h_{t-1} U + b).

    f is ``nonlinearity``; `Recurrent` describes all arguments.

    Shapes: x (B, T, D), y (B, T, F) with F = H, or 2 H for two directions side by side.

    Raises:
        ConfigurationError: a size, a rate or a name is out of its range.
        ShapeError: x, the state or the mask has another shape.

    >>> RNN(3, 4).init(0)(jnp.ones((2, 5, 3))).shape
    (2, 5, 4)

    Source: Elman (1990); trained by back-propagation through time (Werbos 1990).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        recurrent_dropout: float = 0.0,
        **options: Unpack[RecurrentOptions],
    ) -> None:
        make = functools.partial(
            RNNCell, hidden_size=hidden_size, nonlinearity=nonlinearity, dropout=recurrent_dropout
        )
        self._build(make, input_size, **options)
