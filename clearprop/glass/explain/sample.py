"""The part of an array that a page can show, and which part it is.

Shape letters: R rows and C columns of a panel, P panels.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.glass.colors import largest
from clearprop.glass.nodes.node import GlassNode

EXACT = 64
"""Up to how many entries are written as numbers; larger arrays are 16-bit fractions."""

FRACTIONS = 32_000
NAN, PLUS, MINUS = -32_768, 32_767, -32_767
"""The codes of entries that are not finite."""

MOST_PANELS = 12
GRIDS: dict[str, tuple[int, int]] = {"picture": (1, 2), "kernel": (0, 1)}
"""The axes that are the rows and columns of a panel; for other arrays the last two."""


def sampled(array: ArrayLike, room: int, layout: str = "") -> dict[str, Any]:
    """Return an array as plain data: panels of numbers, which part they show, the largest size.

    Args:
        array: of any shape and real type.
        room: how many entries may be shown.
        layout: "picture" (B, R, C, P), "kernel" (R, C, in, out), or "" for (..., R, C).

    >>> made = sampled(np.arange(6.0).reshape(2, 3), 100)
    >>> made["panels"], made["cut"]
    ([{'rows': 2, 'columns': 3, 'numbers': [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}], '')
    >>> sampled(np.ones((4, 30, 30)), 900)["cut"]
    '[0, :, :]'
    """
    values = np.asarray(array, np.float64)
    limit = largest(values)
    grids, cut = _panels(values, room, layout if values.ndim == 4 else "")
    panels = []
    for grid in grids:
        panel: dict[str, Any] = {"rows": grid.shape[0], "columns": grid.shape[1]}
        if sum(each.size for each in grids) <= EXACT:
            panel["numbers"] = [_plain(x) for x in grid.ravel()]
        else:
            panel["fractions"] = _fractions(grid, limit)
        panels.append(panel)
    return {"panels": panels, "cut": cut, "limit": float(f"{limit:.4g}")}


def layouts(nodes: Sequence[GlassNode]) -> dict[int, str]:
    """Return which nodes are pictures or kernels, by index: the inputs of convolutions and pools.

    Args:
        nodes: of a pass, in the order of computation.
    """
    found: dict[int, str] = {}
    for node in nodes:
        sources = [x for x in node.inputs if isinstance(x, GlassNode)]
        if len(node.shape) != 4:
            continue
        if node.operation.startswith("conv") or node.operation.endswith("pool"):
            found[node.index] = "picture"
            for source, layout in zip(sources, ("picture", "kernel"), strict=False):
                found.setdefault(source.index, layout)
        elif any(found.get(s.index) == "picture" and s.shape == node.shape for s in sources):
            found[node.index] = "picture"
    return found


def _panels(
    values: NDArray[np.float64], room: int, layout: str
) -> tuple[list[NDArray[np.float64]], str]:
    if values.ndim < 2:
        flat = values.reshape(1, -1)
        return [flat[:, :room]], f"[:{room}]" if flat.size > room else ""
    first, second = GRIDS.get(layout, (values.ndim - 2, values.ndim - 1))
    R, C = values.shape[first], values.shape[second]
    rest = [axis for axis in range(values.ndim) if axis not in (first, second)]
    # The last other axis (channels, units or heads) gives the panels, side by side.
    along = rest[-1] if rest else None
    rows, columns = _fitting(R, C, room)
    panels = 1 if along is None else values.shape[along]
    many = min(panels, MOST_PANELS, max(1, room // max(1, rows * columns)))
    said = {first: _slice(rows, R), second: _slice(columns, C)}
    if along is not None and many > 1:
        said[along] = _slice(many, panels)
    shown: dict[int, Any] = {first: slice(rows), second: slice(columns)}
    grids = []
    for number in range(many):
        place = (shown.get(a, number if a == along else 0) for a in range(values.ndim))
        grids.append(values[tuple(place)] if values.size else np.zeros((0, 0)))
    whole = (rows, columns) == (R, C) and sum(g.size for g in grids) == values.size
    cut = "" if whole else f"[{', '.join(said.get(a, '0') for a in range(values.ndim))}]"
    return grids, cut


def _fitting(R: int, C: int, room: int) -> tuple[int, int]:
    """Return how many rows and columns fit, as near to a square as the array allows.

    >>> _fitting(10, 10, 200), _fitting(1000, 1000, 400), _fitting(4, 1000, 400)
    ((10, 10), (20, 20), (4, 100))
    """
    if room >= R * C:
        return R, C
    side = max(1, math.isqrt(room))
    rows = min(R, max(side, room // C))
    return rows, min(C, max(1, room // rows))


def _slice(shown: int, of: int) -> str:
    return ":" if shown == of else f":{shown}"


def _plain(x: float) -> float | str:
    return float(f"{x:.4g}") if math.isfinite(x) else "nan" if math.isnan(x) else f"{x:+}"


def _fractions(values: NDArray[np.float64], limit: float) -> str:
    finite = np.isfinite(values)
    fractions = np.round(np.where(finite, values, 0) / (limit or 1.0) * FRACTIONS)
    fractions = np.where(finite, fractions, np.where(values > 0, PLUS, MINUS))
    fractions = np.where(np.isnan(values), NAN, fractions).astype("<i2")
    return base64.b64encode(fractions.tobytes()).decode("ascii")
