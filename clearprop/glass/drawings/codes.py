"""Drawings of codes: pictures in rows, and pictures on the map of their codes.

Shape letters: R rows, N pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ShapeError
from clearprop.glass.drawings.tiles import bare
from clearprop.glass.style import Drawing, canvas, drawn, marked_line

PLACED = 60
"""At most so many pictures lie on a map."""

SIDE = 0.052
"""The side of a picture on a map, as a fraction of the map's width."""

GAP = 1
"""Pixels between two pictures."""


def in_grid(pictures: NDArray[np.number], columns: int) -> NDArray[np.float64]:
    """Return pictures side by side as one, (height, width, C), with a white line between them.

    Args:
        pictures: (N, H, W, C) from 0 to 1; what lies outside is clipped.
        columns: pictures in a row.

    Raises:
        ShapeError: these are no pictures.

    >>> in_grid(np.zeros((5, 2, 2, 1)), 3).shape
    (5, 8, 1)
    """
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3):
        raise ShapeError(
            "these are no pictures",
            given=f"an array of shape {pictures.shape}",
            expected="(N, height, width, 1 or 3)",
        )
    N, H, W, C = pictures.shape
    rows = -(-N // columns)
    whole = np.ones((rows * (H + GAP) - GAP, columns * (W + GAP) - GAP, C))
    for i, picture in enumerate(np.clip(pictures, 0, 1)):
        top, left = i // columns * (H + GAP), i % columns * (W + GAP)
        whole[top : top + H, left : left + W] = picture
    return whole


@drawn
def picture_rows(
    rows: Sequence[NDArray[np.number]], names: Sequence[str], title: str, caption: str
) -> Drawing:
    """Draw rows of pictures, one below the other, such as inputs and their reconstructions.

    Args:
        rows: R times (N, H, W, C) from 0 to 1.
        names: one beside each row; none for rows that continue each other.
        title: of the drawing.
        caption: what to look for.
    """
    across = len(rows[0])
    whole = in_grid(np.concatenate(list(rows)), across)
    left = 1.2 if names else 0.1
    side = (6.4 - left) / across
    figure, axes = canvas(width=6.4, height=len(rows) * side * rows[0].shape[1] / rows[0].shape[2]
                          + 0.15)  # fmt: skip
    axes.imshow(whole.squeeze(axis=2) if whole.shape[2] == 1 else whole, cmap="gray", vmin=0,
                vmax=1, interpolation="nearest")  # fmt: skip
    bare(axes)
    height = rows[0].shape[1] + GAP
    if names:
        axes.set_yticks([row * height + height / 2 for row in range(len(names))], list(names))
        axes.tick_params(length=0)
    return Drawing(title, figure, caption)


def apart(points: NDArray[np.floating], least: float, most: int = PLACED) -> NDArray[np.intp]:
    """Return the points that are kept if each must keep its distance from those before it.

    Args:
        points: (N, 2), in fractions of the map.
        least: distance, along one of the two axes.
        most: points that are kept.

    >>> apart(np.array([[0.0, 0.0], [0.1, 0.0], [0.5, 0.0]]), 0.2).tolist()
    [0, 2]
    """
    kept: list[int] = []
    for i, point in enumerate(points):
        if len(kept) == most:
            break
        if not kept or np.abs(points[kept] - point).max(axis=1).min() >= least:
            kept.append(i)
    return np.array(kept, np.intp)


@drawn
def code_map(
    codes: NDArray[np.floating],
    pictures: NDArray[np.number],
    names: Sequence[str] | None = None,
    *,
    axes_names: tuple[str, str] = ("first number of the code", "second number of the code"),
    caption: str = "",
) -> Drawing:
    """Draw examples at the places of their codes, and some of them as pictures.

    Args:
        codes: (N, 2).
        pictures: (N, H, W, C) from 0 to 1.
        names: the class of each, which decides on its color; None for one color.
        axes_names: what the two numbers are.
        caption: further sentences about what is seen.

    Raises:
        ShapeError: the codes are not two numbers each.
    """
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ShapeError(
            "a map is drawn of codes of two numbers",
            given=f"codes of shape {codes.shape}",
            expected="(N, 2)",
        )
    figure, axes = canvas(width=7.2, height=6.2)
    known = sorted(set(names)) if names is not None else []
    for number, name in enumerate(known):
        own = np.array([one == name for one in names or ()])
        axes.plot(
            *codes[own].T, linestyle="", markersize=3, alpha=0.6, label=name,
            color=marked_line(number)["color"], marker=marked_line(number)["marker"],
        )  # fmt: skip
    if not known:
        axes.plot(*codes.T, linestyle="", marker="o", markersize=3, alpha=0.6)
    # The few codes far away from all others would make the map of the others small.
    low, high = np.quantile(codes, [0.005, 0.995], axis=0)
    room = 0.06 * (high - low) + 1e-6
    low, high = low - room, high + room
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_xlabel(axes_names[0])
    axes.set_ylabel(axes_names[1])
    places = (codes - low) / (high - low)
    inside = np.flatnonzero(((places > SIDE / 2) & (places < 1 - SIDE / 2)).all(axis=1))
    for i in inside[apart(places[inside], 1.6 * SIDE)]:
        corner = places[i] - SIDE / 2
        box = axes.inset_axes((corner[0], corner[1], SIDE, SIDE))
        box.imshow(np.clip(pictures[i], 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1,
                   interpolation="nearest")  # fmt: skip
        bare(box)
    if known:
        figure.legend(loc="outside right upper", markerscale=2, fontsize=8)
    return Drawing(
        "The map of the codes",
        figure,
        f"Each point is the code of an example of the part that is evaluated. {caption}".strip(),
    )
