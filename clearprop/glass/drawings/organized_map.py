"""Pictures of a self-organizing map: distances, components, hits and classes of its units.

Shape letters: N examples, M units, D numbers of an example, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.errors import ShapeError
from clearprop.glass.colors import stretched
from clearprop.glass.drawings.tiles import bare
from clearprop.glass.style import COLORS, INK, LINE, Drawing, axes_grid, canvas, drawn, rising
from clearprop.models.self_organizing_map import ROW, SelfOrganizingMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Patch

Floats = NDArray[np.float64]

MOST_PLANES = 12
"""So many components are drawn."""


def unit_distances(som: SelfOrganizingMap) -> Floats:
    """Return how far the point of each unit is from those of its neighbors in the mean, (M,).

    >>> unit_distances(SelfOrganizingMap(3, 3, 2).init(0)).shape
    (9,)
    """
    points, neighbors = np.asarray(som.codebook, np.float64), som.neighbors()
    apart = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))
    return np.asarray((apart * neighbors).sum(axis=1) / np.maximum(neighbors.sum(axis=1), 1))


def hits(som: SelfOrganizingMap, x: ArrayLike) -> NDArray[np.int64]:
    """Return of how many examples each unit is the best, (M,)."""
    best = np.asarray(som.best_units(jnp.asarray(x)))
    return np.asarray(np.bincount(best, minlength=som.units))


def class_counts(som: SelfOrganizingMap, x: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """Return how many examples of each class each unit is the best of, (M, K)."""
    best, classes = np.asarray(som.best_units(jnp.asarray(x))), np.asarray(labels)
    counts = np.zeros((som.units, int(classes.max()) + 1), np.int64)
    np.add.at(counts, (best, classes), 1)
    return counts


@drawn
def u_matrix(som: SelfOrganizingMap) -> Drawing:
    """Draw how far the points of neighboring units are apart: dark ridges part groups of examples.

    >>> u_matrix(SelfOrganizingMap(3, 3, 2).init(0)).title
    'Distances of neighboring units'
    """
    figure, axes = canvas(**_size(som))
    cells = _cells(axes, som, unit_distances(som))
    figure.colorbar(cells, ax=axes, label="mean distance", shrink=0.8).outline.set_visible(False)
    return Drawing(
        "Distances of neighboring units",
        figure,
        "The U-matrix. Where neighbors on the map are far apart in the data (dark), there is a "
        "border between groups; light fields are groups of similar examples.",
    )


@drawn
def component_planes(som: SelfOrganizingMap, names: Sequence[str] | None = None) -> Drawing:
    """Draw each number of the units' points as a map; only the first `MOST_PLANES` are drawn.

    Args:
        som: with values.
        names: of the D numbers.

    >>> component_planes(SelfOrganizingMap(3, 3, 2).init(0), ["a", "b"]).title
    'Component planes'
    """
    points = np.asarray(som.codebook, np.float64)
    shown = min(points.shape[1], MOST_PLANES)
    across = min(4, math.ceil(math.sqrt(shown)))
    down = -(-shown // across)
    tall = som.rows / som.columns * (ROW if som.grid == "hexagonal" else 1.0)
    height = down * (6.8 / across * tall * 0.75 + 0.3)
    figure, grid = axes_grid(down, across, width=6.8, height=min(9.0, max(1.6, height)))
    for axes in grid[shown:]:
        axes.set_axis_off()
    for index in range(shown):
        cells = _cells(grid[index], som, points[:, index])
        name = names[index] if names is not None and index < len(names) else f"x{index + 1}"
        grid[index].set_title(name, fontsize=8, weight="normal", loc="center", pad=2)
        bar = figure.colorbar(cells, ax=grid[index], shrink=0.7)
        bar.ax.tick_params(labelsize=6)
        bar.outline.set_visible(False)
    more = f" The first {shown} of {points.shape[1]} are shown." if shown < points.shape[1] else ""
    return Drawing(
        "Component planes",
        figure,
        "Each map shows one number of the points of the units. Two maps with the same pattern "
        f"belong to numbers that rise and fall together.{more}",
    )


@drawn
def codebook_pictures(som: SelfOrganizingMap, shape: Sequence[int]) -> Drawing:
    """Draw the point of each unit as a picture, at the place of the unit.

    Args:
        som: with values.
        shape: of a picture, (height, width) or (height, width, 1 or 3).

    Raises:
        ShapeError: the points are no pictures of this shape.

    >>> codebook_pictures(SelfOrganizingMap(3, 3, 64).init(0), (8, 8)).title
    'The points of the units'
    """
    if math.prod(shape) != som.features:
        raise ShapeError(
            "the points of the units are no pictures of this shape",
            given=f"shape={tuple(shape)} for {som.features} numbers",
        )
    pictures = stretched(np.asarray(som.codebook, np.float64).reshape(som.units, *shape[:2], -1))
    height, width = shape[0] + 1, shape[1] + 1
    half = width // 2 if som.grid == "hexagonal" else 0
    sheet = np.ones((som.rows * height, som.columns * width + half, pictures.shape[-1]))
    for unit, picture in enumerate(pictures):
        down, right = divmod(unit, som.columns)
        top, left = down * height, right * width + (half if down % 2 else 0)
        sheet[top : top + shape[0], left : left + shape[1]] = 1 - picture
    figure, axes = canvas(width=6.4, height=min(8.0, 6.4 * sheet.shape[0] / sheet.shape[1]))
    axes.imshow(sheet if sheet.shape[-1] == 3 else sheet[..., 0], cmap="gray", vmin=0, vmax=1)
    bare(axes)
    return Drawing(
        "The points of the units",
        figure,
        "Each unit's point in the space of the data, as a picture. Neighbors are alike, and the "
        "map passes from one kind of picture to the next.",
    )


@drawn
def hit_map(som: SelfOrganizingMap, x: ArrayLike) -> Drawing:
    """Draw of how many examples each unit is the best.

    Args:
        som: with values.
        x: examples as the map takes them, (N, ...).

    >>> hit_map(SelfOrganizingMap(3, 3, 2).init(0), np.zeros((4, 2), np.float32)).title
    'Hits'
    """
    found = hits(som, x)
    figure, axes = canvas(**_size(som))
    cells = _cells(axes, som, found.astype(np.float64))
    figure.colorbar(cells, ax=axes, label="examples", shrink=0.8).outline.set_visible(False)
    silent = int((found == 0).sum())
    return Drawing(
        "Hits",
        figure,
        f"How many of {len(np.asarray(x)):,} examples each unit is the best of. {silent} of "
        f"{som.units} units are the best of none.",
    )


@drawn
def class_map(
    som: SelfOrganizingMap,
    x: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str] | None = None,
) -> Drawing:
    """Draw the most frequent class of the examples of each unit; the labels took no part before.

    Args:
        som: with values.
        x: examples as the map takes them, (N, ...).
        labels: of the examples, (N,), from 0.
        class_names: of the labels.

    >>> class_map(SelfOrganizingMap(3, 3, 2).init(0), np.eye(2, dtype=np.float32), [0, 1]).title
    'Classes on the map'
    """
    counts = class_counts(som, x, labels)
    K = counts.shape[1]
    names = list(class_names) if class_names is not None else [str(k) for k in range(K)]
    figure, axes = canvas(**_size(som))
    patches = _shapes(som)
    total, most = counts.sum(axis=1), counts.argmax(axis=1)
    for unit, patch in enumerate(patches):
        purity = counts[unit].max() / max(total[unit], 1)
        patch.set_facecolor(COLORS[most[unit] % len(COLORS)] if total[unit] else "white")
        patch.set_alpha(0.15 + 0.45 * purity if total[unit] else 1.0)
        patch.set_edgecolor(LINE)
        axes.add_patch(patch)
    places = som.places()
    for unit in np.flatnonzero(total).tolist():
        axes.text(
            places[unit, 1], places[unit, 0], names[most[unit]][:3], ha="center", va="center",
            fontsize=min(9.0, 120 / max(som.columns, som.rows)), color=INK,
        )  # fmt: skip
    _frame(axes, som)
    right = counts.max(axis=1).sum() / max(1, total.sum())
    return Drawing(
        "Classes on the map",
        figure,
        "Each unit has the most frequent class of its examples; it is paler where they are mixed. "
        f"The map was trained without the classes, and {100 * right:.1f} % of the examples have "
        "the class of their unit.",
    )


def _size(som: SelfOrganizingMap) -> dict[str, float]:
    tall = som.rows * (ROW if som.grid == "hexagonal" else 1.0) / (som.columns + 0.5)
    return {"width": 6.0, "height": min(7.5, max(1.8, 4.8 * tall + 0.3))}


def _shapes(som: SelfOrganizingMap) -> list[Patch]:
    from matplotlib.patches import Rectangle, RegularPolygon

    if som.grid == "hexagonal":
        return [RegularPolygon((x, y), 6, radius=1 / math.sqrt(3)) for y, x in som.places()]
    return [Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in som.places()]


def _cells(axes: Axes, som: SelfOrganizingMap, values: Floats) -> PatchCollection:
    """Draw a number for each unit as the color of its cell."""
    from matplotlib.collections import PatchCollection

    cells = PatchCollection(_shapes(som), cmap=rising(), edgecolor="white", linewidth=0.4)
    cells.set_array(values)
    axes.add_collection(cells)
    _frame(axes, som)
    return cells


def _frame(axes: Axes, som: SelfOrganizingMap) -> None:
    places = som.places()
    low, high = places.min(axis=0) - 0.65, places.max(axis=0) + 0.65
    bare(axes)
    axes.set(xlim=(low[1], high[1]), ylim=(high[0], low[0]), aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
