"""The user's own table as points: two of its columns, or its two principal components.

Shape letters: N examples, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import data
from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ConfigurationError, DataError, unknown_name
from clearprop.studio.playground.point_set import SQUARE, PointSet, shuffled_parts

PCA = "PCA"
"""Stands in the place of columns for the two principal components of all of them."""

FILLED = 5.0
"""The points reach from -5 to 5 on both axes, so that some of the square is around them."""

MOST_CLASSES_OF_TABLES = 10
"""More colors cannot be told apart."""

Doubles: TypeAlias = NDArray[np.float64]


class Seen(NamedTuple):
    """Two numbers of each row, before they are scaled.

    Attributes:
        numbers: (N, 2).
        axes: what they are.
        about: one sentence.
        columns: the columns that were taken, or PCA.
    """

    numbers: Doubles
    axes: tuple[str, str]
    about: str
    columns: tuple[str, ...]


def of_table(
    table: Any,
    *,
    target: str | None,
    columns: Sequence[str] = (),
    examples: int = 500,
    test: float = 0.5,
    seed: int = 0,
) -> PointSet:
    """Return a table's rows as points of the playground.

    Args:
        table: a file or a frame, as `clearprop.data.load` takes it.
        target: the column of the targets, by its name.
        columns: two columns of numbers; or ["PCA"] for the two principal components of all columns
            that are not the target; none for the first two columns of numbers.
        examples: how many rows are taken at most; if there are more, the seed decides which.
        test: the fraction that is held out.
        seed: decides which rows are taken and held out.

    Returns:
        The points, scaled so that they reach from -5 to 5. The numbers of a regression are scaled
        to reach from -1 to 1 in the training part. Gaps are filled with the mean of the training
        part, which also decides the principal components.

    Raises:
        ConfigurationError: an unknown column, or one that holds no numbers.
        DataError: the table cannot be read, has too many classes, or a column has one value only.

    >>> import polars as pl
    >>> rows = {"height": [1.2, 1.8, 1.5], "age": [6, 30, 12], "name": ["a", "b", "a"]}
    >>> points = of_table(pl.DataFrame(rows), target="name", test=0.0)
    >>> points.axes, points.class_names, points.places.max()
    (('height', 'age'), ('a', 'b'), np.float32(5.0))
    """
    dataset = data.load(table, target=target)
    if dataset.columns is None:
        raise DataError("this is not a table", where="data.table", given=repr(dataset))
    rows = np.random.default_rng((seed, 2)).permutation(len(dataset))[:examples]
    order, training = shuffled_parts(len(rows), test, seed)
    dataset = dataset.take(rows[order])
    seen = _seen(dataset, training, tuple(columns))
    places, low, high = _scaled(seen)
    names = _class_names(dataset)
    targets = dataset.targets.reshape(len(dataset))
    about = seen.about
    if not names:
        targets, words = _scaled_targets(targets.astype(np.float64), training)
        about = f"{about} {words}"
    return PointSet(
        places.astype(np.float32),
        targets.astype(np.int32 if names else np.float32),
        training,
        names,
        seen.axes,
        low,
        high,
        about,
    )


def _class_names(dataset: Dataset) -> tuple[str, ...]:
    if dataset.task == "regression":
        return ()
    names = dataset.class_names or ()
    if not 2 <= len(names) <= MOST_CLASSES_OF_TABLES:
        raise DataError(
            "the playground draws 2 to 10 classes",
            where="data.target",
            given=f"{len(names)} classes",
            fix="choose another column as the target",
        )
    return names


def _seen(dataset: Dataset, training: int, columns: tuple[str, ...]) -> Seen:
    """Return two numbers of each row."""
    known = dataset.columns or ()
    numbers = [column.name for column in known if column.categories is None]
    if not columns:
        columns = tuple(numbers[:2]) if len(numbers) >= 2 else (PCA,)
    if columns == (PCA,):
        return _components(dataset, training)
    names = [column.name for column in known]
    for name in columns:
        if name not in names:
            raise unknown_name("column", name, names, where="data.columns")
        if name not in numbers:
            raise ConfigurationError(
                "this column holds categories, and an axis needs numbers",
                where="data.columns",
                given=name,
                expected=f"columns of numbers: {', '.join(numbers) or 'there are none'}",
                fix=f'columns=["{PCA}"]',
            )
    if len(columns) != 2 or columns[0] == columns[1]:
        raise ConfigurationError(
            "the picture has two axes",
            where="data.columns",
            given=", ".join(columns),
            expected=f'two different columns, or "{PCA}"',
        )
    raw = np.asarray(dataset.inputs, np.float64)[:, [names.index(name) for name in columns]]
    filled = np.where(np.isnan(raw), _means(raw[:training], columns), raw)
    about = f"The columns {columns[0]} and {columns[1]} of {dataset.name}."
    return Seen(filled, (columns[0], columns[1]), about, columns)


def _means(raw: Doubles, columns: Sequence[str]) -> Doubles:
    for name, of_column in zip(columns, raw.T, strict=True):
        if np.isnan(of_column).all():
            raise DataError("a column has no value in the training part", where=name)
    return np.asarray(np.nanmean(raw, axis=0), np.float64)


def _components(dataset: Dataset, training: int) -> Seen:
    """Return the two principal components of the columns, each of mean 0 and deviation 1."""
    keeper = Preprocessor.fit(dataset.inputs[:training], columns=dataset.columns)
    encoded = np.asarray(keeper.encode(dataset.inputs), np.float64)
    if encoded.shape[1] < 2 or training < 2:
        raise DataError(
            "there are no two principal components",
            where="data.columns",
            given=f"{encoded.shape[1]} columns of numbers, {training} rows to train with",
        )
    centered = encoded - encoded[:training].mean(axis=0)
    _, sizes, directions = np.linalg.svd(centered[:training], full_matrices=False)
    largest = np.abs(directions).argmax(axis=1)
    # The sign of a component is free: its largest entry is made positive.
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-300)
    first, second = (
        f"{word} principal component ({share:.0%} of the variance)"
        for word, share in zip(("first", "second"), shares, strict=False)
    )
    about = f"The two principal components of the {len(dataset.columns or ())} columns of "
    return Seen(centered @ directions[:2].T, (first, second), f"{about}{dataset.name}.", (PCA,))


def _scaled(seen: Seen) -> tuple[Doubles, tuple[float, float], tuple[float, float]]:
    """Return places in the square, and what its corners are in the units of the columns."""
    low, high = seen.numbers.min(axis=0), seen.numbers.max(axis=0)
    for name, least, most in zip(seen.axes, low, high, strict=True):
        if not most > least:
            raise DataError(
                "all rows have the same value, so there is nothing to see along this axis",
                where=name,
                given=f"{least:g}",
                fix="choose another column",
            )
    middle, half = (low + high) / 2, (high - low) / 2 * (SQUARE / FILLED)
    places = (seen.numbers - middle) / half * SQUARE
    corners = (middle - half).tolist(), (middle + half).tolist()
    return places, (corners[0][0], corners[0][1]), (corners[1][0], corners[1][1])


def _scaled_targets(targets: Doubles, training: int) -> tuple[Doubles, str]:
    low, high = float(targets[:training].min()), float(targets[:training].max())
    if not high > low:
        raise DataError(
            "all targets of the training part are the same, so there is nothing to learn",
            where="data.target",
            given=f"{low:g}",
        )
    words = f"Targets from {low:g} to {high:g} are scaled to -1 to 1."
    return (targets - (low + high) / 2) / ((high - low) / 2), words
