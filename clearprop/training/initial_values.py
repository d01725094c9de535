"""The initial values of parameters, as a run stores them, and how far they have moved since."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn

ENTRIES = 8
"""So many entries of each array are kept. How far all went together is known from them within a
few percent, and a configuration stays short enough to be read."""


@dataclass(frozen=True)
class Change:
    """What became of one parameter in training.

    Attributes:
        same: whether no bit of it has changed.
        deviation: of its initial values, the square root of their mean square deviation.
        distance: root mean square of how far its entries went, estimated from the entries kept.
        still: fraction of the entries kept of which no bit has changed.
        size: number of entries.
    """

    same: bool
    deviation: float
    distance: float
    still: float
    size: int


def describe_initial_values(model: nn.Module) -> dict[str, dict[str, object]]:
    """Return what is to be remembered of a model's parameters, as plain data by path.

    >>> noted = describe_initial_values(nn.Linear(2, 3).init(0))
    >>> sorted(noted), len(noted["weight"]["entries"].split())
    (['bias', 'weight'], 6)
    """
    return {path: _noted(np.asarray(w)) for path, w in nn.parameters(model).items()}


def changes(noted: Mapping[str, Mapping[str, Any]], model: nn.Module) -> dict[str, Change]:
    """Return how each parameter has changed whose initial values are stored, by path.

    >>> layer = nn.Linear(2, 3).init(0)
    >>> changes(describe_initial_values(layer), layer)["weight"].same
    True
    """
    found = {}
    for path, w in nn.parameters(model).items():
        first = noted.get(path)
        if first is None:
            continue
        now = np.asarray(w)
        before = np.array([float(text) for text in str(first["entries"]).split()])
        after = _entries(now)
        went = after - before if len(before) == len(after) else np.full(1, np.nan)
        found[path] = Change(
            same=_fingerprint(now) == first["crc32"],
            deviation=float(first["deviation"]),
            distance=float(np.sqrt(np.mean(np.square(went)))) if len(went) else 0.0,
            still=float(np.mean(went == 0)) if len(went) else 1.0,
            size=int(now.size),
        )
    return found


def _noted(values: NDArray[Any]) -> dict[str, Any]:
    wide = values.astype(np.float64)
    return {
        "crc32": _fingerprint(values),
        "deviation": float(wide.std()) if wide.size else 0.0,
        "entries": " ".join(f"{x:.9g}" for x in _entries(values)),
    }


def _fingerprint(values: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(values).tobytes())


def _entries(values: NDArray[Any]) -> NDArray[np.float64]:
    flat = values.reshape(-1)
    rows = np.linspace(0, max(flat.size - 1, 0), min(flat.size, ENTRIES)).astype(np.intp)
    return np.asarray(flat[rows], np.float64)
