"""A picture of the user's own, laid out as the examples are: on their ground, as large, centered.

Only for examples on a plain ground, such as digits and clothes. All grays are from 0 to 255.

Shape letters: N pictures, H height, W width, C channels; h and w those of the user's picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError

Grays = NDArray[np.float64]

FULL = 255.0

NEAR = 0.1
"""Grays that differ by less than this fraction of the full range are alike."""

PLAIN = 0.8
"""The ground is plain where so many of the pictures have a border of one gray."""

FAINT = 0.15
"""Of the darkest ink: what is fainter does not count for its box."""

LARGEST = 99
"""The percentile of the boxes that is the largest one."""


class PictureLayout(NamedTuple):
    """How the pictures of a data set lie on their ground.

    Attributes:
        shape: (H, W, C).
        ground: the gray around the ink.
        ink: the gray of the strongest ink.
        sides: height and width of the largest box of ink.
        center: row and column at which the boxes, or the masses, have their center.
        by_mass: whether the centers of mass lie closer together than those of the boxes.
    """

    shape: tuple[int, int, int]
    ground: float
    ink: float
    sides: tuple[int, int]
    center: tuple[float, float]
    by_mass: bool

    @property
    def words(self) -> str:
        """What is done to a picture, in one sentence."""
        rows, columns = self.sides
        how = "its center of mass" if self.by_mass else "the middle of its box"
        light = "light on dark" if self.ink > self.ground else "dark on light"
        return (
            f"It is cut to its ink, scaled to fit {rows} x {columns} of {self.shape[0]} x "
            f"{self.shape[1]} pixels, placed by {how}, and drawn {light}, as the examples are."
        )


def layout_of(pictures: NDArray[np.number]) -> PictureLayout | None:
    """Return how pictures (N, H, W, C) lie on a plain ground; None where they have none.

    >>> picture = np.zeros((1, 8, 8, 1)); picture[0, 2:6, 3:5] = 255
    >>> found = layout_of(picture)
    >>> found.sides, found.center, found.ground
    ((4, 2), (3.5, 3.5), 0.0)
    """
    grays = np.asarray(pictures, np.float64).mean(axis=3)
    grounds = np.median(_borders(grays), axis=1)
    ground = float(np.median(grounds))
    alike = np.abs(_borders(grays) - ground) < NEAR * FULL
    if (alike.mean(axis=1) >= 0.5).mean() < PLAIN:
        return None
    inks = np.abs(grays - ground)
    tops = inks.max(axis=(1, 2))
    inks = inks[tops > NEAR * FULL]
    if not len(inks):
        return None
    boxes = np.array([_box(ink) for ink in inks])
    sizes = np.percentile(boxes[:, 1::2] - boxes[:, ::2] + 1, LARGEST, axis=0)
    middles = (boxes[:, 1::2] + boxes[:, ::2]) / 2
    masses = np.array([_mass(ink) for ink in inks])
    by_mass = bool(masses.std(axis=0).sum() < middles.std(axis=0).sum())
    center = (masses if by_mass else middles).mean(axis=0)
    is_light = np.median([g[np.abs(g - ground).argmax()] for g in grays.reshape(len(grays), -1)])
    top = float(np.median(tops))
    ink = ground + top if is_light > ground else ground - top
    return PictureLayout(
        (grays.shape[1], grays.shape[2], pictures.shape[3]),
        ground,
        ink,
        (int(np.ceil(sizes[0])), int(np.ceil(sizes[1]))),
        (float(center[0]), float(center[1])),
        by_mass,
    )


def fitted(picture: NDArray[np.uint8], layout: PictureLayout) -> NDArray[np.uint8]:
    """Return a picture (h, w, any channels) in the layout of others, (H, W, C).

    Its ground is the gray of its border; what differs from it is ink, light or dark.

    Raises:
        DataError: there is nothing on it.
    """
    from PIL import Image

    ink = _ink(picture)
    top, bottom, left, right = _box(ink)
    cut = ink[top : bottom + 1, left : right + 1]
    scale = min(layout.sides[0] / cut.shape[0], layout.sides[1] / cut.shape[1])
    rows, columns = (max(1, round(scale * side)) for side in cut.shape)
    filter_ = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = Image.fromarray(cut.astype(np.float32)).resize((columns, rows), filter_)
    scaled = np.asarray(small, np.float64)
    scaled = scaled / max(scaled.max(), 1e-9)
    height, width, channels = layout.shape
    own = _mass(scaled) if layout.by_mass else ((rows - 1) / 2, (columns - 1) / 2)
    first = (
        _inside(layout.center[0] - own[0], height, rows),
        _inside(layout.center[1] - own[1], width, columns),
    )
    whole = np.full((height, width), layout.ground)
    there = (slice(first[0], first[0] + rows), slice(first[1], first[1] + columns))
    part = whole[there]
    whole[there] = part + scaled[: part.shape[0], : part.shape[1]] * (layout.ink - layout.ground)
    plane = np.rint(np.clip(whole, 0, FULL)).astype(np.uint8)
    return np.asarray(plane[:, :, None].repeat(channels, axis=2))


def _ink(picture: NDArray[np.uint8]) -> Grays:
    """Return by how much each pixel differs from the ground, (h, w), the most being 1.

    Raises:
        DataError: none does.
    """
    colors = picture[:, :, :3] if picture.shape[2] >= 3 else picture[:, :, :1]
    gray = np.asarray(colors, np.float64).mean(axis=2)
    border = _borders(gray[None])[0]
    ground = float(np.median(border))
    # A photograph of a sheet is not of one gray: what its border varies by is no ink.
    noise = 3 * float(np.median(np.abs(border - ground)))
    lighter, darker = np.clip(gray - ground, 0, None), np.clip(ground - gray, 0, None)
    ink = lighter if lighter.sum() > darker.sum() else darker
    ink = np.clip(ink - min(noise, ink.max() / 2), 0, None)
    top = float(ink.max())
    if top < NEAR * FULL / 2:
        raise DataError(
            "there is nothing on the picture",
            given=f"a picture of {gray.shape[0]} x {gray.shape[1]} of one gray",
            expected="something light on dark, or dark on light",
        )
    return np.asarray(ink / top)


def _borders(grays: Grays) -> Grays:
    """Return the pixels along the edges of pictures, (N, ...)."""
    sides = (grays[:, 0], grays[:, -1], grays[:, 1:-1, 0], grays[:, 1:-1, -1])
    return np.concatenate(sides, axis=1)


def _box(ink: Grays) -> tuple[int, int, int, int]:
    """Return the first and last row, the first and last column of the ink that is not faint."""
    marks = ink > FAINT * ink.max()
    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def _mass(ink: Grays) -> tuple[float, float]:
    """Return row and column of the center of mass."""
    total = ink.sum()
    rows, columns = ink.sum(axis=1), ink.sum(axis=0)
    return (
        float((np.arange(len(rows)) * rows).sum() / total),
        float((np.arange(len(columns)) * columns).sum() / total),
    )


def _inside(first: float, whole: int, part: int) -> int:
    """Return a first row or column for which a part lies inside the whole."""
    return int(np.clip(round(first), 0, max(0, whole - part)))
