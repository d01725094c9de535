"""A recurrent layer over time: any cell, in one direction or two, in one layer or several.

Shape letters: B batch, T steps, D input features, H hidden units, F output features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Literal, TypedDict, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from clearprop import ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.checks import one_of, positive_sizes, sequences
from clearprop.nn.dropout import Dropout
from clearprop.nn.fields import Array, parameter, static
from clearprop.nn.initializers import zeros
from clearprop.nn.masks import counted
from clearprop.nn.module import Module
from clearprop.nn.recurrent.cell import Cell, Gates, State, check_state


class RecurrentOptions(TypedDict, total=False):
    """The arguments by name of every recurrent layer; see `Recurrent`."""

    layers: int
    bidirectional: bool
    merge: Literal["concatenate", "sum"]
    dropout: float
    start: Literal["zero", "learned"]
    truncate: int | None


class Recurrent(Module, Generic[State, Gates]):
    """A cell applied to every step of a sequence: s_t = cell(x_t, s_{t-1}), y_t = h_t.

    With several layers each layer reads the outputs of the layer below. With two directions a
    second cell reads from the last step to the first, and both outputs are merged.

    Called as ``layer(x, state=None, mask=None, return_state=False)``:

    - x: (B, T, D); y: (B, T, F), where F is H, or 2 H where two directions are concatenated.
    - state: the state before the first step, such as an earlier call returned; None for zeros or
      the learned state. It is the state of the cell; with two directions the pair (forward,
      backward); with several layers the tuple of the layers' states, the lowest first.
    - mask: bool (B, T), True where a step counts. At a step that does not count the state stays
      unchanged and y is zero; its x has no influence, and gets no error signal.
    - return_state: return (y, state) with the state after the last step that counts; of a backward
      cell, after the first one.

    A sequence may have no step (T = 0): y is empty, and the state is the first state.

    Args:
        input_size: D.
        hidden_size: H.
        layers: number of layers.
        bidirectional: whether there is a second direction.
        merge: of two directions: "concatenate" or "sum".
        dropout: probability with which an entry of a layer's output is dropped before the layer
            above, in training; every step draws new numbers.
        recurrent_dropout: the same for the hidden state before the recurrent product.
        start: the state before the first step: "zero" or "learned", one for all sequences.
        truncate: error signals do not pass from step t to t - 1 where t is a multiple of this
            number (steps counted from 0; of a backward cell, from the end). With None they pass
            through all steps. The forward pass is the same.

    Raises:
        ConfigurationError: a size, a rate or a name is out of its range.
        ShapeError: x, the state or the mask has another shape.

    Source: back-propagation through time (Werbos 1990), truncated (Williams and Peng 1990), in
    blocks; two directions as Schuster and Paliwal (1997); dropout between layers as Zaremba,
    Sutskever and Vinyals (2014).
    """

    cells: tuple[Cell[State, Gates], ...]
    backward_cells: tuple[Cell[State, Gates], ...] | None
    starts: tuple[tuple[Array, ...], ...] | None
    dropout: Dropout | None
    merge: str = static()
    truncate: int | None = static()

    def _build(
        self,
        make: Callable[[int], Cell[State, Gates]],
        input_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        merge: str = "concatenate",
        dropout: float = 0.0,
        start: str = "zero",
        truncate: int | None = None,
    ) -> None:
        kind = type(self).__name__
        positive_sizes(kind, layers=layers, **({} if truncate is None else {"truncate": truncate}))
        one_of(kind, ("concatenate", "sum"), merge=merge)
        one_of(kind, ("zero", "learned"), start=start)
        if dropout and layers == 1:
            raise ConfigurationError(
                "dropout acts between layers, and there is only one layer",
                where=kind,
                given=f"dropout={dropout}, layers=1",
                fix="layers=2, or recurrent_dropout, or nn.Dropout before or after the layer",
            )
        first = make(input_size)
        width = first.hidden_size * (2 if bidirectional and merge == "concatenate" else 1)
        sizes = [width] * (layers - 1)
        self.cells = (first, *map(make, sizes))
        self.backward_cells = tuple(map(make, (input_size, *sizes))) if bidirectional else None
        self.starts = self._first_starts() if start == "learned" else None
        self.dropout = Dropout(dropout) if dropout else None
        self.merge = merge
        self.truncate = truncate

    @overload
    def __call__(self, x: Array, state: object = None, mask: Array | None = None) -> Array: ...

    @overload
    def __call__(
        self, x: Array, state: object = None, mask: Array | None = None, *, return_state: bool
    ) -> Any: ...

    def __call__(
        self, x: Array, state: object = None, mask: Array | None = None, return_state: bool = False
    ) -> object:
        y, mask = self._by_time(x, mask)
        states = self._begin(state, x)
        last: list[list[State]] = []
        for number, (cells, before) in enumerate(zip(self._layers(), states, strict=True)):
            if number and self.dropout is not None:
                y = ops.moveaxis(self.dropout(ops.moveaxis(y, 0, 1)), 1, 0)
            ways = [
                self._along(cell, y, s, mask, reverse=bool(direction))
                for direction, (cell, s) in enumerate(zip(cells, before, strict=True))
            ]
            y = self._merged([way for way, _ in ways])
            last.append([after for _, after in ways])
        y = ops.moveaxis(y, 0, 1)
        return (y, self._outer(last)) if return_state else y

    def watch(
        self,
        x: Array,
        state: object = None,
        mask: Array | None = None,
        *,
        layer: int = 0,
        backward: bool = False,
    ) -> tuple[State, Gates]:
        """Return the states of a cell after every step, and its gates at every step.

        Both have arrays (B, T, H); gates are None for a cell without gates. At a step that does not
        count the state stays unchanged, and the gates are computed as at any other step.

        Args:
            x: (B, T, D).
            state: before the first step.
            mask: bool (B, T), True where a step counts.
            layer: number of the layer, from 0.
            backward: whether to take the cell that reads from the end.

        Raises:
            ConfigurationError: there is no such layer or direction.
            ShapeError: as in the call of the layer.

        >>> from clearprop import nn
        >>> states, gates = nn.LSTM(3, 4, layers=2).init(0).watch(jnp.ones((2, 5, 3)), layer=1)
        >>> states.cell.shape, gates.forget.shape
        ((2, 5, 4), (2, 5, 4))
        """
        if not 0 <= layer < len(self.cells) or (backward and self.backward_cells is None):
            raise ConfigurationError(
                "there is no such layer or direction",
                given=f"layer={layer}, backward={backward}",
                expected=f"a layer below {len(self.cells)}, "
                f"of {'one direction' if self.backward_cells is None else 'two directions'}",
            )
        y, mask = self._by_time(x, mask)
        for number, (cells, before) in enumerate(
            zip(self._layers(), self._begin(state, x), strict=True)
        ):
            if number == layer:
                way = int(backward)
                seen, _ = self._along(
                    cells[way], y, before[way], mask, reverse=backward, watched=True
                )
                break
            ways = zip(cells, before, (False, True), strict=False)
            y = self._merged([self._along(c, y, s, mask, reverse=r)[0] for c, s, r in ways])
        states, gates = jax.tree.map(lambda values: ops.moveaxis(values, 0, 1), seen)
        return states, gates

    def _by_time(self, x: Array, mask: Array | None) -> tuple[Array, Array | None]:
        """Return x (T, B, D) and the mask (T, B, 1)."""
        sequences(x, mask, self.cells[0].input_size)
        by_time = None if mask is None else jnp.asarray(mask).T[:, :, None]
        return ops.moveaxis(counted(x, mask), 1, 0), by_time

    def _along(
        self,
        cell: Cell[State, Gates],
        x: Array,
        state: State,
        mask: Array | None,
        *,
        reverse: bool,
        watched: bool = False,
    ) -> tuple[Any, Any]:
        """Return y (T, B, H), or all states and gates, and the last state of one cell along x."""
        steps = x.shape[0]

        def body(before: Any, at: Any) -> tuple[Any, Any]:
            projected, counts, cut = at
            if cut is not None:
                before = jax.tree.map(lambda s: ops.where(cut, stop_gradient(s), s), before)
            after, gates = cell.look(projected, before)
            y = cell.hidden(after)
            if counts is not None:
                after = jax.tree.map(lambda new, old: ops.where(counts, new, old), after, before)
                y = ops.where(counts, y, jnp.zeros((), y.dtype))
            return after, ((after, gates) if watched else y)

        cuts = None
        if self.truncate is not None:
            passed = np.arange(steps)[::-1] if reverse else np.arange(steps)
            cuts = jnp.asarray((passed % self.truncate == 0) & (passed > 0))
        last, y = ops.scan(body, state, (cell.project(x), mask, cuts), reverse=reverse)
        return y, last

    def _merged(self, ways: list[Array]) -> Array:
        if len(ways) == 1:
            return ways[0]
        if self.merge == "sum":
            return ways[0] + ways[1]
        return ops.concatenate(ways, axis=-1)

    # -- states ---------------------------------------------------------------------------------

    def zero_state(self, batch: int, dtype: DTypeLike = jnp.float32) -> Any:
        """Return the state of zeros for a batch of sequences.

        >>> from clearprop import nn
        >>> [h.shape for h in nn.GRU(3, 4, layers=2).zero_state(5)]
        [(5, 4), (5, 4)]
        """
        return self._outer(
            [[cell.zero_state(batch, dtype=dtype) for cell in cells] for cells in self._layers()]
        )

    def _layers(self) -> Iterator[tuple[Cell[State, Gates], ...]]:
        """Yield the cells of each layer, one for each direction."""
        if self.backward_cells is None:
            return ((cell,) for cell in self.cells)
        return zip(self.cells, self.backward_cells, strict=True)

    def _begin(self, state: object, x: Array) -> list[list[State]]:
        """Return the first state of each layer and direction."""
        batch = x.shape[0]
        dtype = jnp.result_type(x.dtype, *(leaf.dtype for leaf in jax.tree.leaves(self.cells)))
        if state is not None:
            states = self._inner(state)
            for cells, of_layer in zip(self._layers(), states, strict=True):
                for cell, each in zip(cells, of_layer, strict=True):
                    check_state(cell, each, (batch,))
            return states
        states = self._inner(self.zero_state(batch, dtype))
        if self.starts is None:
            return states
        learned = iter(self.starts)
        return [
            [
                jax.tree.unflatten(
                    jax.tree.structure(zero),
                    [
                        ops.broadcast_to(ops.astype(s, dtype), (batch, *s.shape))
                        for s in next(learned)
                    ],
                )
                for zero in of_layer
            ]
            for of_layer in states
        ]

    def _first_starts(self) -> tuple[tuple[Array, ...], ...]:
        return tuple(
            tuple(
                parameter(tuple(leaf.shape), zeros) for leaf in jax.tree.leaves(cell.zero_state())
            )
            for cells in self._layers()
            for cell in cells
        )

    def _outer(self, states: list[list[State]]) -> Any:
        """Return the states as callers get them: without tuples for one layer or one direction."""
        pairs = [of_layer[0] if len(of_layer) == 1 else tuple(of_layer) for of_layer in states]
        return pairs[0] if len(pairs) == 1 else tuple(pairs)

    def _inner(self, state: Any) -> list[list[Any]]:
        """Return states as lists of layers and directions."""
        directions = 1 if self.backward_cells is None else 2

        def parts(value: Any, count: int, what: str) -> list[Any]:
            if count == 1:
                return [value]
            if not isinstance(value, tuple | list) or len(value) != count:
                raise ShapeError(
                    f"the state of this layer is a tuple of {count} {what}",
                    given=f"{type(value).__name__}"
                    + (f" of {len(value)}" if isinstance(value, tuple | list) else ""),
                    fix="state = layer.zero_state(batch), or what return_state=True returned",
                )
            return list(value)

        of_layers = parts(state, len(self.cells), "layers")
        return [parts(each, directions, "directions") for each in of_layers]
