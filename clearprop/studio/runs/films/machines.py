"""The film of a Boltzmann machine: its filters, its reconstructions and its own samples.

Shape letters: O filters, N examples, T times, H height, W width, V visible units.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.data.sources import rows_of
from clearprop.glass.drawings.boltzmann import gibbs_means
from clearprop.models.rbm import as_machine
from clearprop.recipes.pictures import drawn_evenly
from clearprop.studio.frames import pack
from clearprop.studio.runs.films.models import RunModels
from clearprop.studio.runs.films.tiles import shown_units
from clearprop.studio.runs.films.weights import picture_shape

SHOWN = 8
"""So many examples are reconstructed, and so many chains begin there."""

TIMES = (1, 10, 100)
"""After so many steps the chains are shown."""


def machine_frame(run: RunModels, step: int, last: int) -> bytes:
    """Return the frame "machine" of a restricted Boltzmann machine after a step.

    Header: ``run``, ``step``, ``labels`` of the filters, ``times`` of the chains, ``error``, the
    mean squared error of the reconstructions (null without data), ``remark``. Arrays: ``filters``
    float32 (O, H, W); with data ``given`` and ``made`` float32 (N, H, W), and ``chains`` float32
    (T, N, H, W).

    Args:
        run: of the machine.
        step: of the frame.
        last: the last step of the film: the hidden units with the longest weights there are shown.
    """
    machine = as_machine(run.at(step), "the run")
    weight = np.asarray(machine.hidden.weight)
    shape = picture_shape(run.facts.config)
    if len(shape) != 3 or shape[2] != 1 or math.prod(shape) != len(weight):
        shape = (1, len(weight), 1)
    chosen = shown_units(np.asarray(as_machine(run.at(last), "the run").hidden.weight))
    tiles = np.asarray(weight[:, chosen].T, np.float32).reshape(-1, *shape[:2])
    arrays: dict[str, NDArray[Any]] = {"filters": tiles}
    error = None
    if run.experiment is not None:
        splits = run.experiment.splits
        part = splits.test or splits.train
        rows = drawn_evenly(np.asarray(part.targets), SHOWN, run.seed)
        kept = np.asarray(rows_of(part.inputs, rows))
        v = np.asarray(splits.preprocessor.scaled(kept), np.float32).reshape(len(rows), -1)
        made = np.asarray(machine.reconstruction(jnp.asarray(v)), np.float32)
        error = float(((v - made) ** 2).mean())
        chains = gibbs_means(machine, v, TIMES, seed=run.seed)
        arrays["given"] = v.reshape(-1, *shape[:2])
        arrays["made"] = made.reshape(-1, *shape[:2])
        arrays["chains"] = chains.astype(np.float32).reshape(len(TIMES), -1, *shape[:2])
    fields = {
        "run": run.facts.place.name,
        "step": step,
        "labels": chosen,
        "times": TIMES,
        "error": error,
        "remark": run.remark,
    }
    return pack("machine", fields, arrays)
