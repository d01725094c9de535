"""The decision boundary of a model, with the line of each hidden unit, for a whole data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.glass.boundary import draw_boundary
from clearprop.glass.drawings.choice import ready
from clearprop.glass.drawings.snapshots import ExampleData
from clearprop.glass.style import Drawing


def decision_boundary(
    model: nn.Module,
    data: ExampleData,
    *,
    features: Sequence[int | str] | None = None,
    threshold: float = 0.0,
    preprocessor: Preprocessor | None = None,
) -> Drawing:
    """Draw data space for a classifier: its boundary and the line of each unit of its first layer.

    Args:
        model: takes rows of numbers and gives one output, or one for each class.
        data: a data set, its splits (of which the training part is drawn), or (x, labels).
        features: the two inputs to draw over, by number or by name; the first two where None. Of
            more inputs it is a section through the mean of the others.
        threshold: of a single output; 0 before the sigmoid, 0.5 after it.
        preprocessor: of the run that trained the model, where the data is raw.

    Raises:
        ConfigurationError: there are no such features, or the targets are no classes.
        ModelError: the model has no values.
        ShapeError: the inputs are no rows of two numbers at least.

    >>> from clearprop import models
    >>> from clearprop.data import load
    >>> model = models.MLP((4, 6, 3)).init(0)
    >>> splits = load("iris").split()
    >>> names = ["petal length (cm)", "petal width (cm)"]
    >>> decision_boundary(model, splits, features=names).title
    'Decision boundary and 6 hidden half-planes'
    """
    ready(model)
    names: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    if isinstance(data, Splits):
        preprocessor, data = data.preprocessor, data.train
    if isinstance(data, Dataset):
        names, classes = data.feature_names, data.class_names
        inputs, targets = np.asarray(data.inputs[np.arange(len(data))]), np.asarray(data.targets)
        if data.preprocessor is not None:
            preprocessor = data.preprocessor
            inputs, preprocessor = _restored(inputs, preprocessor)
    else:
        inputs, targets = (np.asarray(part) for part in data)
    if names is not None and inputs.ndim == 2 and len(names) != inputs.shape[1]:
        names = None  # of a table before its categories became columns
    labels = targets.reshape(len(targets), -1)
    if labels.shape[1] != 1 or not np.array_equal(labels, np.rint(labels)):
        raise ConfigurationError(
            "a decision boundary parts classes",
            given=f"targets {targets.shape} of {targets.dtype}",
            expected="one class number an example",
        )
    return draw_boundary(
        model,
        inputs,
        labels[:, 0].astype(int),
        features=_numbers(features, names),
        threshold=threshold,
        preprocessor=preprocessor,
        feature_names=names,
        class_names=classes,
    )


def _restored(
    kept: NDArray[np.number], preprocessor: Preprocessor
) -> tuple[NDArray[np.number], Preprocessor | None]:
    """Return examples in the units of the data, with what scales them again.

    Of a table with categories, the columns that the model sees stay as they are.
    """
    if preprocessor.kind not in ("numbers", "table"):
        return kept, preprocessor
    if any(column.categories for column in preprocessor.columns) or not preprocessor.spread:
        return kept, None
    return kept * np.asarray(preprocessor.spread) + np.asarray(preprocessor.center), preprocessor


def _numbers(features: Sequence[int | str] | None, names: Sequence[str] | None) -> tuple[int, int]:
    if features is None:
        return 0, 1
    found = []
    for feature in features:
        if isinstance(feature, str):
            if feature not in (names or ()):
                raise unknown_name("feature", feature, names or ())
            found.append(list(names or ()).index(feature))
        else:
            found.append(int(feature))
    if len(found) != 2:
        raise ConfigurationError(
            "data space is drawn over two inputs", given=f"{len(found)} features", expected="two"
        )
    return found[0], found[1]
