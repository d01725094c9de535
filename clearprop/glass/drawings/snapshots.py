"""The states of a model along its training, and the examples for its drawings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, cast

import jax
import numpy as np
from numpy.typing import ArrayLike

from clearprop import nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import by_name, rows_of
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass.drawings.choice import Batch, Examples, ready
from clearprop.training import Run
from clearprop.training.model_inputs import ModelInputs

Snapshots = Sequence[tuple[int, nn.Module]]
"""Pairs of a training step and the model after it."""

ExampleData: TypeAlias = Splits | Dataset | tuple[Examples, ArrayLike]
"""Examples: a data set, its splits, or ``(inputs, targets)``."""

Training = Run | nn.Module | Snapshots


def snapshots_of(training: Training) -> list[tuple[int, nn.Module]]:
    """Return the models along a training by step: the snapshots of a run, or a model alone.

    For a run without snapshots it is the last model alone.

    Raises:
        ConfigurationError: the training is something else.
        ModelError: a model has no values, or another architecture than the others.

    >>> model = nn.Linear(2, 1).init(0)
    >>> snapshots_of([(10, model), (0, model)]) == [(0, model), (10, model)]
    True
    """
    if isinstance(training, nn.Module):
        training = [(0, training)]
    elif isinstance(training, Run):
        kept = getattr(training.machine, "steps", ())
        last = [(len(training.losses), training.model)]
        training = [(step, training.at(step)) for step in kept] or last
    pairs = list(training) if isinstance(training, Sequence) else []
    if not pairs or not all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], nn.Module)
        for pair in pairs
    ):
        raise ConfigurationError(
            "this is not a training that can be drawn",
            given=type(training).__name__,
            expected="a run with snapshots, or a list of (step, model)",
            fix="run = fit(..., snapshots=20)",
        )
    found = sorted(((int(step), model) for step, model in pairs), key=lambda pair: pair[0])
    shapes = [{path: w.shape for path, w in nn.parameters(m).items()} for _, m in found]
    for _, model in found:
        ready(model)
    if any(each != shapes[0] for each in shapes):
        raise ModelError("the models have different architectures")
    return found


def examples_for(
    data: ExampleData, preprocessor: Preprocessor | None = None
) -> tuple[Batch, jax.Array]:
    """Return inputs and targets as the model and the loss take them; of splits the training part.

    Args:
        data: a data set, its splits, or ``(inputs, targets)``.
        preprocessor: of the run that trained the model, where the data is raw.

    Raises:
        ConfigurationError: the data is something else.
        ShapeError: there are no examples.

    >>> x, y = examples_for((np.zeros((3, 2), np.uint8), np.zeros(3, np.int32)))
    >>> x.dtype, y.shape
    (dtype('float32'), (3,))
    """
    if isinstance(data, Splits):
        data, preprocessor = data.train, data.preprocessor
    if isinstance(data, Dataset):
        if preprocessor is not None and data.preprocessor is None:
            data = data.preprocessed(preprocessor)
        preprocessor = data.preprocessor
        inputs, targets = rows_of(data.inputs, np.arange(len(data))), data.targets
    elif isinstance(data, tuple | list) and len(data) == 2:
        given, targets = data[0], np.asarray(data[1])
        inputs = given if by_name(given) else np.asarray(given)
        inputs = inputs if preprocessor is None else preprocessor.encode(inputs)
    else:
        raise ConfigurationError(
            "these are no examples",
            given=type(data).__name__,
            expected="a Dataset, the Splits of one, or (inputs, targets)",
        )
    if not len(targets):
        raise ShapeError("there are no examples to look at", given="0 examples")
    x, y = ModelInputs(preprocessor).examples(inputs, targets, slice(None))
    return cast(Batch, x), y
