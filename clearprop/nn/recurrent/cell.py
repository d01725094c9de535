"""What every recurrent cell is: one step of a recurrence, for one or many examples at a time.

Shape letters: B batch, D input features, H hidden units, G units of all gates together.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop.errors import ShapeError
from clearprop.nn import draws
from clearprop.nn.checks import positive_sizes, probability
from clearprop.nn.dropout import Dropout
from clearprop.nn.fields import Array, Initializer, static
from clearprop.nn.module import Module


class Cell(Module):
    """One step of a recurrence: s_t = cell(x_t, s_{t-1}).

    The part of the input, which no state waits for, is apart from the rest, so that a layer
    computes it for all steps in one product: s_t = step(project(x_t), s_{t-1}).

    In a loop of your own, `ops.scan(lambda s, x: 2 * (cell(x, s),), cell.zero_state(B), xs)` hands
    the state on and returns all of them. Dropout of a cell draws anew at every step of it.

    Attributes:
        dropout: of the hidden state on its way into the recurrent product; None for none.
    """

    dropout: Dropout | None
    input_size: int = static()
    hidden_size: int = static()

    def _begin(self, input_size: int, hidden_size: int, dropout: float) -> None:
        kind = type(self).__name__
        positive_sizes(kind, input_size=input_size, hidden_size=hidden_size)
        probability(kind, dropout=dropout)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.dropout = Dropout(dropout) if dropout else None

    @abstractmethod
    def project(self, x: Array) -> Array:
        """Return what the input adds to every gate, (..., G), of x (..., D)."""

    @abstractmethod
    def step(self, projected: Array, state: Any) -> Any:
        """Return the next state from a projected input (B, G) and the state before."""

    def look(self, projected: Array, state: Any) -> tuple[Any, Any]:
        """Return the next state and the gates that made it; None for a cell without gates."""
        return self.step(projected, state), None

    @abstractmethod
    def zero_state(self, *batch: int, dtype: DTypeLike = jnp.float32) -> Any:
        """Return a state that is nothing yet, of arrays (*batch, H)."""

    def hidden(self, state: Any) -> Array:
        """Return of a state what the cell shows to the outside, (B, H)."""
        shown: Array = state
        return shown

    def __call__(self, x: Array, state: Any = None) -> Any:
        if not x.shape or x.shape[-1] != self.input_size:
            raise ShapeError(
                "the last axis of the input is not as long as the cell has inputs",
                given=f"input {tuple(x.shape)}",
                expected=f"(..., {self.input_size})",
            )
        if state is None:
            state = self.zero_state(*x.shape[:-1], dtype=x.dtype)
        check_state(self, state, x.shape[:-1])
        return self.step(self.project(x), state)

    def _recurrent(self, hidden: Array) -> Array:
        return hidden if self.dropout is None else self.dropout(hidden)


def check_state(cell: Cell, state: Any, batch: tuple[int, ...]) -> None:
    """Raise unless a state is one of this cell, for so many examples.

    Raises:
        ShapeError: another structure or other shapes.
    """
    wanted = jax.eval_shape(lambda: cell.zero_state(*batch))
    structure: Any = jax.tree.structure(state)
    given = [tuple(getattr(leaf, "shape", ())) for leaf in jax.tree.leaves(state)]
    expected = [leaf.shape for leaf in jax.tree.leaves(wanted)]
    if structure != jax.tree.structure(wanted) or given != expected:
        raise ShapeError(
            f"this is no state of {type(cell).__name__} for this batch",
            given=f"{type(state).__name__} of arrays {given}",
            expected=f"{type(wanted).__name__} of arrays {expected}",
            fix="state = cell.zero_state(batch), or the state that an earlier call returned",
        )


def by_gate(initializer: Initializer, gates: int) -> Initializer:
    """Return an initializer that makes each gate's columns of a weight for themselves.

    The spread of first values follows from a weight's sizes; those of all gates side by side are
    not the sizes of any of them.

    >>> from clearprop.nn.initializers import orthogonal
    >>> weight = by_gate(orthogonal, 4)(jax.random.key(0), (3, 12), jnp.float32)
    >>> bool(jnp.allclose(weight[:, 3:6].T @ weight[:, 3:6], jnp.eye(3), atol=1e-5))
    True
    """

    def make(key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        one = (*shape[:-1], shape[-1] // gates)
        keys = draws.split(key, gates)
        return draws.joined([initializer(own, one, dtype) for own in keys], axis=-1)

    return make
