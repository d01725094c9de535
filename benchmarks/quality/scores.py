"""Numbers of a test part from a network's outputs: the same arithmetic for every side."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.recipes.experiment import Experiment


def scores(experiment: Experiment, outputs: NDArray[Any]) -> dict[str, float]:
    """Return objective and error of the test part; for a text also bits per token.

    Args:
        experiment: gives the targets and the loss.
        outputs: of the network for every test example, before any restoring of units.
    """
    test, preparation = experiment.splits.test, experiment.splits.preparation
    assert test is not None
    loss, targets = nn.find_loss(experiment.loss), test.targets
    scaled = preparation.scaled_targets(targets) if preparation.target_center else targets
    losses = np.asarray(loss.per_example(jnp.asarray(outputs), jnp.asarray(scaled)))
    if preparation.target_center:
        outputs = np.asarray(preparation.restored_targets(outputs))
    errors = np.asarray(loss.error(jnp.asarray(outputs), jnp.asarray(targets)))
    objective = float(losses.mean(dtype=np.float64))
    found = {
        "objective": objective,
        loss.error_name: float(loss.finish(np.asarray(errors.mean(dtype=np.float64)))),
    }
    if test.task == "text":
        found["bits per token"] = objective / math.log(2)
    return found
