"""The receptive field of a unit: which inputs can reach it, and how much it depends on them.

Shape letters: N examples, H height, W width, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError
from clearprop.glass.drawings.choice import (
    Examples,
    Unit,
    examples_of,
    flat,
    output_shape,
    passed,
    pixels_of,
    place_of,
    ready,
)
from clearprop.glass.drawings.support import support
from clearprop.glass.drawings.tiles import Aspect, bare
from clearprop.glass.style import COLORS, Drawing, axes_grid, drawn, rising

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BATCH = 64
EDGE = 0.0455
"""Inputs above this fraction of the greatest influence form the effective field (Luo et al.)."""


@dataclass(frozen=True, eq=False)
class Field:
    """The receptive field of a unit.

    Attributes:
        place: all indices of the unit in one example's output.
        reached: which entries of an input can change the unit, bool (H, W, C) or as inputs are.
        influence: mean |d unit / d input| over the examples, of the same shape; None without any.
        examples: N.
    """

    place: tuple[int, ...]
    reached: NDArray[np.bool_]
    influence: NDArray[np.float64] | None
    examples: int

    @property
    def box(self) -> tuple[tuple[int, int], ...]:
        """The first and the last index that it reaches along each axis but the last."""
        marks = self.reached if self.reached.ndim == 1 else np.asarray(self.reached.any(axis=-1))
        return box_of(marks)

    @property
    def extent(self) -> tuple[int, ...]:
        """How many entries the box has along each axis."""
        return tuple(last - first + 1 for first, last in self.box)


def box_of(marks: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Return the first and the last marked index along each axis; 0 and -1 where none is marked."""
    found = [np.unique(indices) for indices in np.nonzero(marks)]
    return tuple((int(i[0]), int(i[-1])) if len(i) else (0, -1) for i in found)


def field_of(model: nn.Module, x: Examples | tuple[int, ...], layer: str, unit: Unit) -> Field:
    """Return the receptive field of a unit: which inputs can reach it, and how much they do.

    Args:
        model: with values.
        x: real examples as the model takes them, (N, ...); or the shape of one, for the wiring
            alone.
        layer: its path.
        unit: of the layer's output; one number is a unit, or a channel at the middle of its map.

    Raises:
        ConfigurationError: there is no such layer or unit.
        ShapeError: the examples do not fit the model, or are no floating-point numbers.

    >>> model = nn.Sequential([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, stride=2)]).init(0)
    >>> field_of(model, (9, 9, 1), "layers.1", 0).extent
    (5, 5)
    """
    ready(model)
    shape = tuple(size for size in x if isinstance(size, int)) if isinstance(x, tuple) else ()
    wiring = shape != () and shape == x
    given = jnp.zeros((1, *shape)) if wiring else examples_of(x, "receptive fields")
    if not isinstance(given, jax.Array):
        raise ShapeError("a receptive field lies in one array", given=type(x).__name__)
    reached = support(model, given[0], layer, unit)
    place = place_of(unit, output_shape(model, given[:1], layer), layer)
    if wiring:
        return Field(place, reached, None, 0)
    marks = np.zeros((1, *output_shape(model, given[:1], layer)), np.bool_)
    marks[(0, *place)] = True
    total = np.zeros(given.shape[1:])
    for i in range(0, len(given), BATCH):
        total += np.asarray(_influence(model, given[i : i + BATCH], marks, layer))
    return Field(place, reached, total / len(given), len(given))


# The unit is marked, not given as an index, so that all units of a layer have one program.
@partial(jax.jit, static_argnums=3)
def _influence(model: nn.Module, x: jax.Array, marks: jax.Array, layer: str) -> jax.Array:
    """Return the sum of |d unit / d input| over the examples."""

    def units(x: jax.Array) -> jax.Array:
        return ops.sum(ops.where(marks, passed(model, x, layer), 0.0))

    # Examples do not see each other in evaluation, so that one sweep gives the slopes of all.
    slopes: jax.Array = grad(units)(x)
    return jnp.abs(slopes).sum(axis=0)


@drawn
def receptive_field(
    model: nn.Module, x: Examples | tuple[int, ...], layer: str, unit: Unit = 0
) -> Drawing:
    """Draw which inputs can reach a unit, and how much the unit depends on them.

    The left picture frames all inputs that can reach the unit by the wiring. The right picture is
    the mean of |d unit / d input| over the examples: the effective field, which is mostly smaller
    and largest in its middle.

    Args:
        model: with values.
        x: real examples as the model takes them, (N, ...); or the shape of one, (28, 28, 1), for
            the left picture alone.
        layer: any layer's path.
        unit: of its output; one number is a unit, or a channel at the middle of its map; a tuple
            has all indices, (row, column, channel).

    Raises:
        ConfigurationError: there is no such layer or unit.
        ModelError: the layer gives no array.
        ShapeError: the examples do not fit the model, or are no floating-point numbers.

    >>> model = nn.Sequential([nn.Conv2d(1, 4, 3), "relu", nn.Conv2d(4, 4, 3)]).init(0)
    >>> receptive_field(model, (9, 9, 1), "layers.2").title
    'Receptive field of layers.2, unit (2, 2, 0)'

    Source: the effective field as in Luo, Li, Urtasun and Zemel (2016).
    """
    field = field_of(model, x, layer, unit)
    panels = 1 if field.influence is None else 2
    figure, grid = axes_grid(1, panels, width=3.2 * panels, height=3.2)
    marks = flat(field.reached.astype(np.float64)) > 0
    picture = 1.0 - marks if field.influence is None else pixels_of(np.asarray(x)[0])
    bare(grid[0])
    grid[0].imshow(picture, cmap="gray", aspect=_aspect(marks), interpolation="nearest")
    grid[0].set_title("what can reach it", fontsize=10)
    size = " x ".join(map(str, field.extent))
    whole = " x ".join(map(str, field.reached.shape[:-1] or field.reached.shape))
    seen = f"By its wiring the unit sees {size} of {whole}, framed"
    if field.influence is not None:
        strength = flat(field.influence)
        image = grid[1].imshow(strength, cmap=rising(), vmin=0, aspect=_aspect(marks),
                                  interpolation="nearest")  # fmt: skip
        bare(grid[1])
        grid[1].set_title("what it looks at", fontsize=10)
        bar = figure.colorbar(image, ax=grid, label="mean |d unit / d input|", shrink=0.8)
        bar.outline.set_visible(False)
        fraction = (strength > EDGE * strength.max()).sum() / max(1, marks.sum())
        seen += (
            f"; over {field.examples} examples {100 * fraction:.0f} % of that has more than a "
            "twentieth of the greatest influence" if strength.max() > 0 else
            f"; none of the {field.examples} examples moves it: the unit is dead, or saturated"
        )  # fmt: skip
    for axes in grid if marks.any() else ():
        _frame(axes, marks)
    place = field.place if len(field.place) > 1 else field.place[0]
    return Drawing(
        f"Receptive field of {layer or type(model).__name__}, unit {place}",
        figure,
        f"{seen}. The unit does not depend on anything outside the frame.",
    )


def _aspect(image: NDArray[np.generic]) -> Aspect:
    return "equal" if max(image.shape) <= 4 * min(image.shape) else "auto"


def _frame(axes: Axes, marks: NDArray[np.bool_]) -> None:
    """Frame the marked pixels of an image by their box."""
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = box_of(marks)
    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), right - left + 1, bottom - top + 1, fill=False,
                  edgecolor=COLORS[0], linewidth=2.2, clip_on=False)
    )  # fmt: skip
