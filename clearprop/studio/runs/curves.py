"""The curves of a run as a binary frame, thinned so that no peak is lost.

Shape letters: E points of epochs, L points of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.studio.frames import pack
from clearprop.studio.problems import plain
from clearprop.studio.runs.reader import RunReader
from clearprop.studio.runs.thinned import thinned, thinned_together
from clearprop.training import History

CURVES = (
    *("objective", "training_error", "development_error", "development_objective"),
    "learning_rate",
)
"""The columns of a history that are curves."""

MOST_METRICS = 12


def curves_frame(reader: RunReader, version: int, before: float = 0.0) -> bytes:
    """Return the frame "curves" of a run.

    Header: ``run``, ``version``, ``first_step``, ``error``, ``task``,
    ``metrics`` (their names), ``epochs`` and ``steps`` (how many points there are in all).
    Arrays: ``epoch`` and ``step`` int32 (E,); ``seconds`` since the beginning and the curves
    float32 (E,), those of metrics as ``metric.k``; ``loss_step`` int32 and ``loss`` float32 (L,),
    the mean loss of single steps.

    Args:
        reader: of the run.
        version: of the list.
        before: how long the parent of a fork, and the parents of that, had been trained when the
            fork left it.
    """
    history, begun = reader.history, reader.begun
    metrics = list(history.metrics)[:MOST_METRICS]
    columns = {name: getattr(history, name) for name in CURVES}
    columns |= {f"metric.{k}": history.metrics[name] for k, name in enumerate(metrics)}
    kept = thinned_together([column for column in columns.values() if np.isfinite(column).any()])
    if not len(kept):
        kept = np.arange(len(history))
    arrays: dict[str, NDArray[Any]] = {
        "epoch": history.epoch[kept].astype(np.int32),
        "step": history.step[kept].astype(np.int32),
        "seconds": _single(before + np.nancumsum(history.seconds)[kept]),
        **{name: _single(column[kept]) for name, column in columns.items()},
    }
    places = thinned(reader.losses)
    arrays["loss_step"] = (places + reader.first_step + 1).astype(np.int32)
    arrays["loss"] = reader.losses[places]
    fields: Mapping[str, object] = {
        "run": reader.place.name,
        "version": version,
        "first_step": reader.first_step,
        "error": plain(begun.error) if begun is not None else "error",
        "task": plain(begun.task) if begun is not None else "",
        "metrics": [plain(name) for name in metrics],
        "epochs": len(history),
        "steps": len(reader.losses),
    }
    return pack("curves", fields, arrays)


def seconds_at(history: History, step: int) -> float:
    """Return how long the epochs up to a step took.

    >>> from clearprop.training import EpochDone
    >>> point = EpochDone(1, 10, 0.7, 0.25, None, None, 0.1, 2.0, 50.0)
    >>> seconds_at(History.of([point]), 10), seconds_at(History.of([point]), 9)
    (2.0, 0.0)
    """
    return float(np.nansum(history.seconds[history.step <= step]))


def _single(values: NDArray[np.floating]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is too large for 32 bits is infinite
        return values.astype(np.float32)
