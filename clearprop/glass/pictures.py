"""Pictures as text inside a page: PNG files as data addresses."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def data_address(pixels: Pixels) -> str:
    """Return a picture (height, width) or (height, width, 1 or 3) of uint8 as a data address.

    >>> data_address(np.zeros((2, 2), np.uint8))[:22]
    'data:image/png;base64,'
    """
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(file, "PNG", optimize=True)
    return png_address(file.getvalue())


def png_address(png: bytes) -> str:
    """Return a PNG file as a data address."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def is_picture(shape: tuple[int, ...]) -> bool:
    """Say whether examples of this shape are pictures: height, width and 1 or 3 channels.

    >>> is_picture((28, 28, 1)), is_picture((4,)), is_picture((100, 12))
    (True, False, False)
    """
    return len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) > 1


def mosaic(tiles: Pixels, columns: int, enlarge: int = 8, gap: int = 9) -> Pixels:
    """Return RGB tiles (n, height, width, 3) side by side as one RGBA picture, enlarged.

    Between the tiles it is transparent, so that the page shows through.

    >>> mosaic(np.zeros((5, 2, 2, 3), np.uint8), columns=3, enlarge=2, gap=1).shape
    (9, 14, 4)
    """
    large = tiles.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    n, height, width, _ = large.shape
    rows = -(-n // columns)
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for i, tile in enumerate(large):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        place = whole[top : top + height, left : left + width]
        place[..., :3], place[..., 3] = tile, 255
    return whole
