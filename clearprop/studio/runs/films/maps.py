"""The film of a self-organizing map: its points, distances, hits and classes at each step.

Shape letters: M units, N examples, D numbers of an example.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.sources import rows_of
from clearprop.glass.drawings.organized_map import (
    MOST_PLANES,
    class_counts,
    hits,
    unit_distances,
)
from clearprop.models.self_organizing_map import as_map
from clearprop.studio.frames import pack
from clearprop.studio.runs.films.models import RunModels, some_rows
from clearprop.studio.runs.films.weights import picture_shape

MOST_EXAMPLES = 5_000


def map_frame(run: RunModels, step: int) -> bytes:
    """Return the frame "map" of a self-organizing map after a step.

    Header: ``run``, ``step``, ``rows``, ``columns``, ``grid``, ``picture`` (height and width of a
    point that is a picture; else []), ``names`` of the components, ``classes``, ``examples`` (how
    many were looked at; 0 without data), ``remark``. Arrays: ``place`` float32 (M, 2), down and
    right; ``distance`` float32 (M,); ``points`` float32 (M, H, W), or (M, D) of at most 12
    components; with data ``hits`` int32 (M,); with classes ``class`` int32 (M,), the most frequent
    one or -1, and ``purity`` float32 (M,), its fraction.
    """
    som = as_map(run.at(step), "the run")
    shape = picture_shape(run.facts.config)
    is_picture = len(shape) == 3 and shape[2] == 1 and math.prod(shape) == som.features
    points = np.asarray(som.codebook, np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "place": som.places().astype(np.float32),
        "distance": unit_distances(som).astype(np.float32),
        "points": points.reshape(-1, *shape[:2]) if is_picture else points[:, :MOST_PLANES],
    }
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    count = 0
    if run.experiment is not None:
        part, preprocessor = run.experiment.splits.train, run.experiment.splits.preprocessor
        rows = some_rows(len(part), MOST_EXAMPLES)
        kept = np.asarray(rows_of(part.inputs, rows))
        x = np.asarray(preprocessor.scaled(kept), np.float32).reshape(len(rows), -1)
        count, names = len(rows), part.feature_names or ()
        arrays["hits"] = hits(som, x).astype(np.int32)
        if part.task == "classification":
            classes = part.class_names or ()
            counts = class_counts(som, x, np.asarray(part.targets)[rows])
            total = counts.sum(axis=1)
            arrays["class"] = np.where(total > 0, counts.argmax(axis=1), -1).astype(np.int32)
            arrays["purity"] = (counts.max(axis=1) / np.maximum(total, 1)).astype(np.float32)
    fields = {
        "run": run.facts.place.name,
        "step": step,
        "rows": som.rows,
        "columns": som.columns,
        "grid": som.grid,
        "picture": list(shape[:2]) if is_picture else [],
        "names": names[:MOST_PLANES],
        "classes": classes,
        "examples": count,
        "remark": run.remark,
    }
    return pack("map", fields, arrays)
