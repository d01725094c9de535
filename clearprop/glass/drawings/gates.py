"""The gates of an LSTM or GRU over time, for one example.

Shape letters: T steps, H hidden units.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass.drawings.attention import MOST_NAMED, Names, axis_names
from clearprop.glass.drawings.choice import Batch, Examples, chosen, one_example
from clearprop.glass.drawings.tiles import bare, show
from clearprop.glass.style import Drawing, axes_grid, drawn, rising
from clearprop.nn.recurrent.layer import Recurrent

Floats = NDArray[np.float64]

MOST_UNITS = 24
GATES = ("reset", "update", "input", "forget", "output")
"""Panels of numbers between 0 and 1."""
PANELS = (*GATES, "candidate", "cell", "hidden")


@dataclass(frozen=True, eq=False)
class Gates:
    """The gates and states of a recurrent layer at every step of one sequence.

    Attributes:
        path: of the layer.
        values: by name, each (T, H): of an LSTM input, forget, output, candidate, cell and hidden;
            of a GRU reset, update, candidate and hidden.
        steps: the number of each step that counts, (T,).
    """

    path: str
    values: dict[str, Floats]
    steps: NDArray[np.intp]


def gates_of(
    model: nn.Module,
    x: Examples,
    layer: str | None = None,
    *,
    depth: int = 0,
    backward: bool = False,
    example: int = 0,
) -> Gates:
    """Return gates and states of a layer at every step of one example that counts.

    Args:
        model: with values: a recurrent layer, or a model with one.
        x: inputs as the model takes them.
        layer: path of an LSTM or GRU; the first one where None.
        depth: the number of the layer inside it, where several are stacked.
        backward: whether to take the cell that reads from the end.
        example: which of the inputs.

    Raises:
        ConfigurationError: there is no such layer, depth, direction or example.
        ModelError: the layer has no gates, or is not called in a pass of the model.

    >>> found = gates_of(nn.LSTM(3, 4).init(0), np.ones((2, 5, 3), np.float32))
    >>> {name: values.shape for name, values in found.values.items()}["forget"]
    (5, 4)
    """
    found: nn.LSTM | nn.GRU
    named, found = chosen(model, layer, (nn.LSTM, nn.GRU), "gates")
    given: list[dict[str, Any]] = []

    def listen(path: str, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if path == named and not given:
            options = nn.current().options
            bound = inspect.signature(Recurrent.__call__).bind(module, *inputs, **options)
            given.append(bound.arguments)

    nn.apply(model, one_example(x, example, "gates"), hook=listen)
    if not given:
        raise ModelError("the layer is not called in a pass of this model", where=named)
    seen: dict[str, Any] = {name: given[0].get(name) for name in ("x", "state", "mask")}
    states, gates = found.watch(**seen, layer=depth, backward=backward)
    parts = states._asdict() if isinstance(states, tuple) else {"hidden": states}
    shown = {**gates._asdict(), **parts}
    values = {name: np.asarray(shown[name][0], np.float64) for name in PANELS if name in shown}
    mask = seen["mask"]
    counts = np.flatnonzero(np.ones(len(values["hidden"])) if mask is None else np.asarray(mask[0]))
    if not len(counts):
        raise ShapeError("no step of this example counts", where=named, given="0 steps")
    return Gates(named, {name: each[counts] for name, each in values.items()}, counts)


@drawn
def gates(
    model: nn.Module,
    x: Examples,
    layer: str | None = None,
    *,
    units: int | Sequence[int] | None = None,
    vocabulary: Names = None,
    depth: int = 0,
    backward: bool = False,
    example: int = 0,
) -> Drawing:
    """Draw the gates of an LSTM or GRU over the steps of one example, a row for each unit.

    Args:
        model: with values: a recurrent layer, or a model with one.
        x: inputs as the model takes them, (N, ...), or several by name.
        layer: path of an LSTM or GRU; the first one where None.
        units: which to draw; where None, up to 24 whose hidden value changes most.
        vocabulary: names of the tokens: of all of them, or for each input by its name.
        depth: the number of the layer inside it, where several are stacked.
        backward: whether to take the cell that reads from the end.
        example: which of the inputs.

    Raises:
        ConfigurationError: there is no such layer, depth, direction, unit or example.
        ModelError: the layer has no gates, or is not called in a pass of the model.
        ShapeError: the inputs do not fit the model, or no step of the example counts.

    >>> gates(nn.GRU(3, 4).init(0), np.ones((2, 5, 3), np.float32)).title
    'Gates of GRU over 5 steps'
    """
    found = gates_of(model, x, layer, depth=depth, backward=backward, example=example)
    hidden = found.values["hidden"]
    T, H = hidden.shape
    rows = _rows(units, hidden)
    one = jax.tree.map(lambda a: np.asarray(a)[0], one_example(x, example, "gates"))
    whole = int(found.steps[-1]) + 1
    names = axis_names(one, _length(one, whole), "encoder", 1, vocabulary)
    names = [names[step] for step in found.steps] if len(names) >= whole else []
    tall = max(0.55, 0.055 * len(rows) + 0.25)
    figure, grid = axes_grid(
        len(found.values), 1, width=max(6.4, min(11.0, 0.17 * T + 2.0)),
        height=len(found.values) * tall + 0.7, sharex=True,
    )  # fmt: skip
    for axes, (name, values) in zip(grid, found.values.items(), strict=True):
        bare(axes)
        part = values[:, rows].T
        if name in GATES:
            image = axes.imshow(part, cmap=rising(), vmin=0, vmax=1, aspect="auto",
                                interpolation="nearest")  # fmt: skip
        else:
            image = show(axes, part, aspect="auto")
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=7)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7)
    last = grid[-1]
    if names and T <= 2 * MOST_NAMED:
        last.set_xticks(range(T), names, fontsize=8, rotation=0 if max(map(len, names)) < 3 else 60)
    else:
        step = max(1, T // 10)
        last.set_xticks(range(0, T, step), [str(found.steps[i]) for i in range(0, T, step)])
        last.set_xlabel("step")
    kind = type(model if not found.path else nn.layer_at(model, found.path)).__name__
    lstm = "cell" in found.values
    return Drawing(
        f"Gates of {found.path or kind} over {T} steps",
        figure,
        f"A row is one of {len(rows)} units{'' if len(rows) == H else f' of {H}'}, a column is a "
        "step. "
        + (
            "Where forget is dark the cell keeps its value; where input is dark it takes in the "
            "candidate; output shows how much of the cell becomes the hidden value."
            if lstm
            else "Where update is dark the unit keeps its old value; where reset is pale the "
            "candidate does not depend on the past."
        ),
    )


def _rows(units: int | Sequence[int] | None, hidden: Floats) -> NDArray[np.intp]:
    H = hidden.shape[1]
    if units is None:
        return np.sort(np.argsort(-hidden.std(axis=0), kind="stable")[:MOST_UNITS])
    rows = np.atleast_1d(np.asarray(units))
    if rows.dtype.kind not in "iu" or not rows.size or rows.min() < 0 or rows.max() >= H:
        raise ConfigurationError(
            "there are no such units", given=f"units={units!r}", expected=f"some of 0 to {H - 1}"
        )
    return rows.astype(np.intp)


def _length(one: Batch, least: int) -> int:
    """Return the length of an example's tokens with their padding."""
    lengths = [len(a) for a in jax.tree.leaves(one) if a.ndim == 1 and len(a) >= least]
    return min(lengths, default=least)
