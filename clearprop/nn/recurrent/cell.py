"""`Cell`, the base of the recurrent cells: one step of a recurrence, for one or many examples.

Shape letters: B batch, D input features, H hidden units, G units of all gates together.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.errors import ShapeError
from clearprop.nn import draws
from clearprop.nn.checks import last_axis, positive_sizes, probability
from clearprop.nn.dropout import Dropout
from clearprop.nn.fields import Array, Initializer, Shape, parameter, static
from clearprop.nn.initializers import zeros
from clearprop.nn.module import Module

State = TypeVar("State")
Gates = TypeVar("Gates")


class Cell(Module, Generic[State, Gates]):
    """One step of a recurrence: s_t = cell(x_t, s_{t-1}).

    What the input adds to the gates does not depend on the state, so a layer computes it for all
    steps in one product: s_t = step(project(x_t), s_{t-1}) with project(x) = x W + b.

    A cell defines `look` and `zero_state`. A state is an array, or a tuple of arrays whose
    first array is the output of the cell.

    In your own loop, `ops.scan(lambda s, x: 2 * (cell(x, s),), cell.zero_state(B), xs)` carries the
    state from step to step and returns all states. Dropout draws new numbers at every step.

    Attributes:
        dropout: of the hidden state before the recurrent product; None without dropout.
        input_size: D.
        hidden_size: H.
        weight: W, (D, G).
        recurrent_weight: U, with H columns for each gate.
        bias: b, (G,).
    """

    dropout: Dropout | None
    input_size: int = static()
    hidden_size: int = static()
    weight: Array
    recurrent_weight: Array
    bias: Array

    def _begin(
        self,
        input_size: int,
        hidden_size: int,
        dropout: float,
        gates: int,
        weight_init: Initializer,
        recurrent_init: Initializer,
        bias_init: Initializer = zeros,
    ) -> None:
        kind = type(self).__name__
        positive_sizes(kind, input_size=input_size, hidden_size=hidden_size)
        probability(kind, dropout=dropout)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.dropout = Dropout(dropout) if dropout else None
        units = gates * hidden_size
        self.weight = parameter((input_size, units), by_gate(weight_init, gates))
        self.recurrent_weight = parameter((hidden_size, units), by_gate(recurrent_init, gates))
        self.bias = parameter((units,), bias_init)

    def project(self, x: Array) -> Array:
        """Return x W + b, what the input adds to every gate, (..., G), of x (..., D)."""
        return ops.matmul(x, self.weight) + self.bias

    def step(self, projected: Array, state: State) -> State:
        """Return the next state from a projected input (B, G) and the state before."""
        return self.look(projected, state)[0]

    @abstractmethod
    def look(self, projected: Array, state: State) -> tuple[State, Gates]:
        """Return the next state and the gates that made it; None for a cell without gates."""

    @abstractmethod
    def zero_state(self, *batch: int, dtype: DTypeLike = jnp.float32) -> State:
        """Return the state of zeros, of arrays (*batch, H)."""

    def hidden(self, state: State) -> Array:
        """Return the part of a state that is the output of the cell, (B, H)."""
        shown: Array = jax.tree.leaves(state)[0]
        return shown

    def __call__(self, x: Array, state: State | None = None) -> State:
        last_axis(x, self.input_size)
        if state is None:
            state = self.zero_state(*x.shape[:-1], dtype=x.dtype)
        check_state(self, state, x.shape[:-1])
        return self.step(self.project(x), state)

    def _recurrent(self, hidden: Array) -> Array:
        return hidden if self.dropout is None else self.dropout(hidden)


def check_state(cell: Cell[State, Gates], state: State, batch: tuple[int, ...]) -> None:
    """Check that a state has the arrays of this cell for a batch of examples.

    Raises:
        ShapeError: it has another structure or other shapes.
    """
    wanted = jax.eval_shape(lambda: cell.zero_state(*batch))
    structure: Any = jax.tree.structure(state)
    given = [tuple(getattr(leaf, "shape", ())) for leaf in jax.tree.leaves(state)]
    expected = [leaf.shape for leaf in jax.tree.leaves(wanted)]
    if structure != jax.tree.structure(wanted) or given != expected:
        raise ShapeError(
            f"the state does not fit {type(cell).__name__} and this batch",
            given=f"{type(state).__name__} of arrays {given}",
            expected=f"{type(wanted).__name__} of arrays {expected}",
            fix="state = cell.zero_state(batch), or the state that an earlier call returned",
        )


def by_gate(initializer: Initializer, gates: int) -> Initializer:
    """Return an initializer that makes the columns of each gate of a weight separately.

    The spread of initial values depends on the sizes of a weight, and a weight that holds all gates
    side by side has more columns than the weight of one gate.

    >>> from clearprop.nn.initializers import orthogonal
    >>> weight = by_gate(orthogonal, 4)(jax.random.key(0), (3, 12), jnp.float32)
    >>> bool(jnp.allclose(weight[:, 3:6].T @ weight[:, 3:6], jnp.eye(3), atol=1e-5))
    True
    """
    if gates == 1:
        return initializer

    def make(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        one = (*shape[:-1], shape[-1] // gates)
        keys = draws.split(key, gates)
        return draws.joined([initializer(gate_key, one, dtype) for gate_key in keys], axis=-1)

    return make
