"""The film of a generator: what it makes of the same noise at each step.

Shape letters: N points or pictures, H height, W width, C channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.recipes.adversarial import generated
from clearprop.studio.frames import pack
from clearprop.studio.runs.films.models import RunModels, some_rows

POINTS, PICTURES = 1_500, 40


def samples_frame(run: RunModels, step: int) -> bytes:
    """Return the frame "samples" of a generator after a step.

    Header: ``run``, ``step``, ``classes`` of a conditional generator, whose samples have them in
    turn, ``remark``. Arrays: ``points`` float32 (N, 2) and with data ``real`` (N, 2); or
    ``pictures`` uint8 (N, H, W, C), 255 is the ink.
    """
    pair: Any = run.at(step)
    samples = generated(pair, 1, run.seed)
    is_picture = samples.ndim == 4
    samples = generated(pair, PICTURES if is_picture else POINTS, run.seed)
    arrays: dict[str, NDArray[Any]] = {}
    experiment = run.experiment
    if is_picture:
        arrays["pictures"] = np.round(255 * np.clip(samples, 0, 1)).astype(np.uint8)
    else:
        arrays["points"] = _plane(samples)
        if experiment is not None:
            part, preprocessor = experiment.splits.train, experiment.splits.preprocessor
            rows = some_rows(len(part), POINTS)
            arrays["real"] = _plane(np.asarray(preprocessor.scaled(np.asarray(part.inputs)[rows])))
    names = experiment.dataset.class_names if experiment is not None else None
    fields = {
        "run": run.facts.place.name,
        "step": step,
        "classes": (names or ()) if pair.num_classes else (),
        "remark": run.remark,
    }
    return pack("samples", fields, arrays)


def _plane(points: NDArray[Any]) -> NDArray[np.float32]:
    """Return the first two numbers of each point; of points with one number 0 as the second."""
    flat = np.asarray(points, np.float32).reshape(len(points), -1)[:, :2]
    return flat if flat.shape[1] == 2 else np.pad(flat, ((0, 0), (0, 1)))
