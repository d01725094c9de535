"""Numbers of a test part from a network's outputs: the same arithmetic for every side."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.quality.transcribers import greedy
from clearprop import nn
from clearprop.data import Dataset
from clearprop.recipes.experiment import Experiment
from clearprop.recipes.transcribing import MOST, TranscribingRecipe, ends, spread_rows, vocabulary


def scores(experiment: Experiment, outputs: NDArray[Any]) -> dict[str, float]:
    """Return objective and error of the test part; for tokens also bits, and how many are right.

    Args:
        experiment: gives the targets and the loss.
        outputs: of the network for every test example, before any restoring of units.
    """
    test = experiment.splits.test
    assert test is not None
    loss = nn.find_loss(experiment.loss)
    objective, error = judged(experiment, outputs, test)
    found = {"objective": objective, loss.error_name: error}
    if test.task == "text":
        counted = test.targets >= 0
        right = (outputs.argmax(axis=-1) == test.targets)[counted]
        found["bits per token"] = objective / math.log(2)
        found["token accuracy"] = float(right.mean())
    return found


def judged(experiment: Experiment, outputs: NDArray[Any], part: Dataset) -> tuple[float, float]:
    """Return mean loss and error of outputs on a part, as `clearprop.training.evaluate` would."""
    preprocessor = experiment.splits.preprocessor
    loss, targets = nn.find_loss(experiment.loss), part.targets
    scaled = preprocessor.scaled_targets(targets) if preprocessor.target_center else targets
    losses = np.asarray(loss.per_example(jnp.asarray(outputs), jnp.asarray(scaled)))
    if preprocessor.target_center:
        outputs = np.asarray(preprocessor.restored_targets(outputs))
    errors = np.asarray(loss.error(jnp.asarray(outputs), jnp.asarray(targets)))
    error = float(loss.finish(np.asarray(errors.mean(dtype=np.float64))))
    return float(losses.mean(dtype=np.float64)), error


def written(experiment: Experiment, network: torch.nn.Module) -> dict[str, float]:
    """Return how wrong a PyTorch network writes where the recipe is one that writes."""
    recipe, test = experiment.recipe, experiment.splits.test
    if not isinstance(recipe, TranscribingRecipe) or test is None:
        return {}
    part = spread_rows(test, MOST)
    first, last = ends(vocabulary(part))
    options = {"length": part.targets.shape[1], "first": first, "last": last}
    answers = greedy(network, tensors(experiment, part), **options)
    return {f"greedy {name}": rate for name, rate in recipe.rates(answers, part).items()}


def tensors(experiment: Experiment, part: Dataset) -> dict[str, torch.Tensor]:
    """Return the inputs of a part by name as the model sees them."""
    scaled = experiment.splits.preprocessor.scaled(part.inputs)
    return {name: torch.from_numpy(np.array(x)) for name, x in scaled.items()}
