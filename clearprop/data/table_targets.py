"""The target column of a table: classes, or numbers to predict.

Shape letters: N rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.column_notes import EXACT, number_notes
from clearprop.data.columns import TakenColumn
from clearprop.data.guess import FEWEST_ROWS, MOSTLY_DISTINCT, Guess, as_texts
from clearprop.data.labels import FEW, labels_and_names, task_of
from clearprop.data.notations import numbers_in
from clearprop.data.preprocessor import Task
from clearprop.data.readings import PLAIN
from clearprop.data.table_columns import joined, names_words, range_words
from clearprop.data.table_file import TableFile, shown
from clearprop.errors import DataError, option

if TYPE_CHECKING:
    import polars

MEASURED = 0.9
"""Targets are measured numbers if more than this fraction of them are numbers, and many differ."""


def targets_of(
    file: TableFile,
    guess: Guess,
    task: Task | None,
    known: Sequence[str] | None = None,
) -> tuple[NDArray[np.number], tuple[str, ...] | None, Task, TakenColumn]:
    """Return the targets, the names of the classes, the task, and what the column was taken for.

    Args:
        file: the table.
        guess: what the column is taken for.
        task: None finds it out.
        known: the classes of a model; None finds them out.

    Raises:
        DataError: a target is missing or not finite, is a date, or can be read in two ways; or
            there is only one class, or nearly every row has a class of its own.
    """
    name, values = guess.name, guess.values
    file.check_none(
        values.is_null() | (values.is_nan() if values.dtype.is_float() else False),
        name,
        "the target is missing",
        fix="drop the rows whose target is not known",
    )
    texts = as_texts(values) if known is not None else None
    if known is not None and texts is not None and texts.is_in(list(known)).all():
        labels = texts.replace_strict(list(known), list(range(len(known)))).to_numpy()
        about = f"{len(known):,} classes: {names_words(known)}"
        taken = TakenColumn(name, "target", about)
        return labels.astype(np.int32), tuple(known), "classification", taken
    numbers = _numbers(file, guess, task)
    if numbers is not None:
        file.check_none(np.isinf(numbers), name, "the target is infinite")
        task = task or task_of(numbers)
    else:
        task = task or "classification"
    if task == "regression" and numbers is not None:
        about = joined(range_words(numbers), guess.reading.words)
        notes = [*guess.notes, *number_notes(name, values, numbers)]
        notes = [note for note in notes if "ignore=" not in note]
        return numbers, None, task, TakenColumn(name, "target", about, tuple(notes))
    as_written = guess.reading != PLAIN or _has_zeros(values)
    classes = _texts(values) if numbers is None or as_written else numbers
    labels, names = labels_and_names(classes, where=f"{file.path}, column {name!r}")
    _check_classes(file, guess, names)
    about = f"{len(names):,} classes: {names_words(names)}"
    return labels, names, task, TakenColumn(name, "target", about)


def _numbers(file: TableFile, guess: Guess, task: Task | None) -> NDArray[Any] | None:
    """Return the targets as numbers, or None if they are names."""
    import polars as pl

    name, values = guess.name, guess.values
    if guess.error is not None and not guess.has_text and task != "classification":
        raise guess.error
    if values.dtype.is_numeric():
        return np.asarray(values.to_numpy())
    if values.dtype == pl.Boolean or (task == "classification" and guess.reading != PLAIN):
        return None
    if guess.kind in ("date", "time"):
        if task == "classification":
            return None
        raise DataError(
            f"the target is a {guess.kind}",
            where=f"{file.path}, column {name!r}",
            given=shown(str(values[0])),
            expected="numbers to predict, or classes",
            fix="name another column as the target, or "
            + option("task", "classification")
            + " makes every date a class",
        )
    if values.dtype != pl.String:
        return None
    numbers = numbers_in(values, guess.reading)
    if numbers.null_count() == 0:
        largest = float(numbers.abs().max() or 0)  # type: ignore[arg-type]  # of floats
        if task != "regression" and EXACT <= largest < np.inf:
            # As floats, different identifiers of many digits would be one class.
            exact = values.cast(pl.Int64, strict=False)
            if exact.null_count() == 0:
                return np.asarray(exact.to_numpy())
            if numbers.n_unique() < values.n_unique():
                return None
        return np.asarray(numbers.to_numpy())
    # Classes such as "1", "2", "x" are few; measurements with a wrong cell among them are many.
    share = 1 - numbers.null_count() / len(numbers)
    are_measured = share > MEASURED and numbers.drop_nulls().n_unique() > FEW
    if task == "regression" or (are_measured and task is None):
        file.check_none(
            numbers.is_null(),
            name,
            "text among the numbers to predict" if task is None else "text to predict",
            values,
            fix="correct the cell" if task is None else option("task", "classification"),
        )
    return None


def _check_classes(file: TableFile, guess: Guess, names: tuple[str, ...]) -> None:
    rows = len(guess.values)
    if not guess.is_chosen and rows >= FEWEST_ROWS and len(names) >= MOSTLY_DISTINCT * rows:
        raise DataError(
            "nearly every row has a class of its own, so there is nothing to learn",
            where=f"{file.path}, column {guess.name!r}",
            given=f"{len(names):,} classes in {rows:,} rows: {names_words(names)}",
            expected="classes that stand in several rows, or numbers to predict",
            fix="name another column as the target",
        )


def _texts(values: polars.Series) -> NDArray[np.str_]:
    return np.array(as_texts(values).to_list(), np.str_)


def _has_zeros(values: polars.Series) -> bool:
    import polars as pl

    return values.dtype == pl.String and bool(values.str.contains(r"^0[0-9]").any())
