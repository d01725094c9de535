"""Examples that are one array of numbers each, for recipes that learn without targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ConfigurationError


def check_numbers(dataset: Dataset, recipe: str) -> None:
    """Raise unless each example is one array of numbers: a picture, or the columns of a table.

    Raises:
        ConfigurationError: it is a text, a window of a series, or several inputs.
    """
    if dataset.vocabularies or dataset.gap is not None or isinstance(dataset.inputs, Mapping):
        raise ConfigurationError(
            f"the recipe {recipe} takes pictures or tables",
            where=dataset.name,
            given=f"{dataset.noun}s",
            fix="--data digits, a folder of pictures, or a table",
        )


def as_rows(part: Dataset, preprocessor: Preprocessor) -> NDArray[np.float32]:
    """Return the examples of a part as a model sees them, one row each."""
    kept = np.asarray(part.inputs[np.arange(len(part))])
    return np.asarray(preprocessor.scaled(kept), np.float32).reshape(len(part), -1)
