"""Curves with fewer points, on which no peak and no gap is lost.

Shape letters: N points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 2_000


def thinned(values: NDArray[np.floating], most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Return the places of the points that are kept, in their order.

    The points are parted into equal groups. Of each group the smallest and the largest number are
    kept, and the first one that is not finite; so are the first and the last point of all.

    Args:
        values: the curve, (N,).
        most: so many points are kept at most, from 8 on.

    >>> x = np.zeros(10_000)
    >>> x[[77, 5_000]] = 9.0, -9.0
    >>> kept = thinned(x, 100)
    >>> len(kept) <= 100, 77 in kept, 5_000 in kept, kept[0], kept[-1]
    (True, True, True, np.int64(0), np.int64(9999))
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    groups = (most - 2) // 3
    edges = np.linspace(0, count, groups + 1).astype(np.intp)
    finite = np.isfinite(values)
    low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
    kept = {0, count - 1}
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if finite[first:end].any():
            kept.add(first + int(low[first:end].argmin()))
            kept.add(first + int(high[first:end].argmax()))
        if not finite[first:end].all():
            kept.add(first + int(finite[first:end].argmin()))
    return np.array(sorted(kept), np.intp)


def thinned_together(
    columns: list[NDArray[np.floating]], most: int = MOST_POINTS
) -> NDArray[np.intp]:
    """Return places that are kept of several curves over the same points.

    Each curve gets its share of the points; where curves share them, others fill up the rest.

    >>> len(thinned_together([np.sin(np.arange(9_000.0)), np.zeros(9_000)], 300)) <= 300
    True
    """
    if not columns or len(columns[0]) <= most:
        return np.arange(len(columns[0]) if columns else 0)
    share = max(8, most // len(columns))
    kept = np.unique(np.concatenate([thinned(column, share) for column in columns]))
    room = max(0, most - len(kept))
    others = np.linspace(0, len(columns[0]) - 1, room).astype(np.intp)
    return np.unique(np.concatenate([kept, others]))
