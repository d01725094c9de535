"""Pictures for recipes: check them, bring them to a size, choose some of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clearprop import models, nn
from clearprop.data import Dataset
from clearprop.errors import ConfigurationError


def check_pictures(dataset: Dataset, recipe: str) -> tuple[int, int, int]:
    """Return height, width and channels of a set of pictures in classes.

    Raises:
        ConfigurationError: the data is of another kind.
    """
    shape = dataset.input_shape
    if dataset.task != "classification" or len(shape) != 3:
        raise ConfigurationError(
            f"the recipe {recipe} takes pictures in classes",
            where=dataset.name,
            given=f"{dataset.task}, examples of shape {'x'.join(map(str, shape))}",
            expected="(height, width, channels)",
            fix="use a folder with a subfolder for each class; for other data: train mlp",
        )
    height, width, channels = shape
    return height, width, channels


def some(dataset: Dataset, number: int, seed: int, of_test: int) -> Dataset:
    """Return ``number`` random examples of a data set, and ``of_test`` of its test part.

    Where it has no more, or no test part, they are all that it has.
    """
    if len(dataset) <= number:
        return dataset
    test = dataset.test
    if test is not None:
        test = test.take(drawn_evenly(np.asarray(test.targets), of_test, seed))
    chosen = drawn_evenly(np.asarray(dataset.targets), number, seed)
    return replace(dataset.take(chosen), test=test)


def drawn_evenly(labels: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Return random rows, the same number from each class if there are enough.

    >>> rows = drawn_evenly(np.array([0, 0, 0, 0, 1, 1]), 4, 0)
    >>> np.array([0, 0, 0, 0, 1, 1])[rows].tolist()
    [0, 0, 1, 1]
    """
    random = np.random.default_rng(seed)
    classes = np.unique(labels)
    most = -(-number // len(classes))
    parts = [random.permutation(np.flatnonzero(labels == c))[:most] for c in classes]
    return np.sort(np.concatenate(parts))[:number]


def brought_to(size: int, shape: tuple[int, ...]) -> list[nn.Module]:
    """Return the layers that bring pictures to a size: enlarge by a whole factor, add a border.

    >>> [type(layer).__name__ for layer in brought_to(227, (28, 28, 1))]
    ['Enlarge', 'Border']
    """
    height, width = shape[:2]
    factor = max(1, size // max(height, width))
    layers: list[nn.Module] = [models.Enlarge(factor)] if factor > 1 else []
    if (height * factor, width * factor) != (size, size):
        layers.append(models.Border(size))
    return layers


def sized(network: nn.Module, size: int, shape: tuple[int, ...]) -> nn.Module:
    """Return a network for pictures of ``shape``, after layers that enlarge small ones."""
    before = brought_to(size, shape) if max(shape[:2]) <= size else []
    return nn.Sequential([*before, network]) if before else network
