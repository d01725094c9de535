"""The examples of a call as numbers, with what keeps the names of their columns and classes.

`fit` takes inputs and targets as they stand: nothing is scaled. Where a frame has names of columns,
or targets are names of classes, a preprocessor that changes no number keeps these names, so that
`predict` puts columns in order and reports say the names.

Shape letters: N examples.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data import Column, Preprocessor, Splits, new_rows
from clearprop.data.forms import as_array, as_kept
from clearprop.data.frames import as_polars, check_eager, check_same_index, is_frame, is_series
from clearprop.data.labels import labels_and_names
from clearprop.errors import DataError, kind_of
from clearprop.user_code import calls_to_user

Pair: TypeAlias = "tuple[object, object]"

PREPARED = "fit takes columns of numbers as they stand, and some have to be prepared"


def in_numbers(data: Pair, dev: object) -> tuple[Pair, Any, Preprocessor | None]:
    """Return inputs and targets, and those of the development set, as numbers.

    Args:
        data: inputs and targets in any form.
        dev: (inputs, targets) too; everything else is returned as it is.

    Returns:
        Both, and what keeps the names of columns and classes; None where there are none.

    Raises:
        DataError: a column holds texts, dates or gaps; or the indices of inputs and targets differ.
    """
    x, y = data
    check_pair(x, y)
    keeper = _of_columns(x, y)
    targets, names = _numbered(y)
    if names is not None:
        keeper = keeper or _of_arrays(x)
        keeper = replace(keeper, task="classification", class_names=names)
    if keeper is None:
        return data, dev, None
    if isinstance(dev, tuple | list) and len(dev) == 2:
        dev = pair_for((dev[0], dev[1]), keeper)
    return (encoded(x, keeper), targets), dev, keeper


def pair_of(data: object, loss: object = None) -> Pair:
    """Return ``(inputs, targets)`` as they were given for an evaluation.

    Args:
        data: what was given as the examples.
        loss: what was given as the loss.

    Raises:
        DataError: it is something else, such as all parts of a data set, or inputs alone.
    """
    if loss is not None and not (isinstance(loss, str | nn.Loss) or callable(loss)):
        raise DataError(
            "inputs and targets are one argument of evaluate, and the next one is the loss",
            given=f"{kind_of(data)} and {kind_of(loss)}",
            fix="run.evaluate((x, y))",
        )
    if isinstance(data, Splits):
        raise DataError(
            "an evaluation takes one part of a data set",
            given="all its parts",
            fix="run.evaluate(splits.test)",
        )
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[0], data[1]
    frame = is_frame(data)
    raise DataError(
        "an evaluation needs inputs and targets",
        given=kind_of(data),
        expected="a part of Splits, a data set, or (inputs, targets)",
        fix='run.evaluate((frame.drop(columns=["target"]), frame["target"]))'
        if frame
        else "run.evaluate((x, y))",
    )


def pair_for(data: Pair, keeper: Preprocessor | None) -> Pair:
    """Return inputs as a preprocessor keeps them, and targets by the numbers of its classes.

    Raises:
        DataError: a column is missing, a class is not known, or the indices differ.
    """
    x, y = data
    check_pair(x, y)
    kept = encoded(x, keeper, told=False)
    if y is x and keeper is not None and keeper.kind != "bytes" and keeper.repeats_inputs:
        return kept, kept
    return kept, numbered(y, keeper.class_names if keeper is not None else None)


def as_prepared(data: Pair, preprocessor: Preprocessor | None) -> Pair:
    """Return examples as reports and the diagnosis keep them.

    Arrays are taken as prepared; frames are raw, and class names are numbered.

    Args:
        data: inputs and targets in any form.
        preprocessor: of the run.

    Raises:
        DataError: a column is missing, a class is not known, or the indices differ.
    """
    x, y = data
    check_pair(x, y)
    raw = any(map(is_frame, x.values() if isinstance(x, Mapping) else [x]))
    names = preprocessor.class_names if preprocessor is not None else None
    return encoded(x, preprocessor if raw else None, told=False), numbered(y, names)


def check_pair(x: object, y: object) -> None:
    """Raise where the index of the targets is in another order than that of the inputs."""
    for name, part in x.items() if isinstance(x, Mapping) else [("", x)]:
        check_same_index(part, y, where=f"inputs {name}".rstrip())


def encoded(raw: Any, preprocessor: Preprocessor | None, *, told: bool = True) -> Any:
    """Return raw inputs in any form as a part of ``Splits`` keeps them.

    Without a preprocessor they become arrays. Columns of a frame are put in order by their names.

    Args:
        raw: inputs (N, ...), or several by name.
        preprocessor: of the run.
        told: whether columns that are left out, and cells that are filled, are warned of;
            categories that training did not have always are.

    Raises:
        DataError: a column is missing, or a cell is not as in training.
        ShapeError: the examples have another shape than the preprocessor was fitted on.
    """
    if preprocessor is None:
        if isinstance(raw, Mapping):
            return {name: as_kept(part, name) for name, part in raw.items()}
        return as_kept(raw, "inputs")
    if preprocessor.kind == "named" and isinstance(raw, Mapping):
        arrays = {
            name: _raw(part, preprocessor.parts[name], told) if name in preprocessor.parts else part
            for name, part in raw.items()
        }
        return preprocessor.encode(arrays)
    return preprocessor.encode(_raw(raw, preprocessor, told))


def numbered(targets: object, names: tuple[str, ...] | None) -> Any:
    """Return class names as the numbers of the classes; other targets as they are.

    Raises:
        DataError: a name is not one of the classes.

    >>> numbered(["b", "a"], ("a", "b")).tolist()
    [1, 0]
    """
    given = as_array(targets, "targets")
    if names is None:
        return given
    # Of classes "0", "1", "10", "2" the number 2 is the last one, and no place in this order.
    written = given.dtype.kind in "iu" and all(name.isdecimal() for name in names)
    if given.dtype.kind not in "UO" and (
        not written or names == tuple(str(number) for number in range(len(names)))
    ):
        return given
    numbers = {name: number for number, name in enumerate(names)}
    unknown = sorted({str(name) for name in given.ravel()} - set(numbers))
    if unknown:
        raise DataError(
            "a class was not there in training",
            where="targets",
            given=", ".join(unknown[:5]),
            expected=", ".join(names[:20]),
        )
    return np.array([numbers[str(name)] for name in given.ravel()], np.int32)


def _raw(values: Any, preprocessor: Preprocessor, told: bool) -> NDArray[Any]:
    """Return raw inputs as ``preprocessor.encode`` takes them."""
    check_eager(values)
    if not is_frame(values) or preprocessor.kind != "table":
        _check_rows(values, preprocessor)
        return as_array(values, "inputs")
    rows = new_rows(values, preprocessor)
    known = {column.source for column in preprocessor.raw_columns or ()}
    others = [str(name) for name in values.columns if str(name) not in known]
    if not preprocessor.changes_numbers and np.isnan(rows.inputs).any():
        check_numbers(values, "these inputs need a number in every cell, as those of training had")
    remarks = list(rows.remarks if told else rows.unseen)
    if others and told:
        remarks.append(
            "columns that the model was not trained with are left out: "
            + ", ".join(map(repr, others))
        )
    for remark in remarks:
        warnings.warn(f"the frame: {remark}", stacklevel=calls_to_user())
    return rows.inputs


def _check_rows(values: Any, preprocessor: Preprocessor) -> None:
    """Raise where the rows of a table come without the names of its columns."""
    if preprocessor.kind != "table":
        return
    names = list(dict.fromkeys(column.source for column in preprocessor.raw_columns or ()))
    fix = None
    if is_series(values):
        fix = "x = x.to_frame().T  # a frame of one row"
    elif isinstance(values, Mapping):
        fix = "x = pd.DataFrame([x])"
    elif isinstance(values, list) and values and isinstance(values[0], Mapping):
        fix = "x = pd.DataFrame(x)"
    elif np.shape(values)[1:] != preprocessor.input_shape:
        shown = names if np.shape(values)[1:] == (len(names),) else "[...]"
        fix = f"x = pd.DataFrame(x, columns={shown})"
    if fix is not None:
        raise DataError(
            "the model was trained on the columns of a table, and finds them by their names",
            where="inputs",
            given=kind_of(values),
            expected=f"a frame with the columns {', '.join(names)}",
            fix=fix,
        )


def _of_columns(x: object, y: object) -> Preprocessor | None:
    """Return what keeps the names of the columns of frames; None where there are none."""
    if isinstance(x, Mapping):
        if not any(map(is_frame, x.values())):
            return None
        parts = {name: _of_columns(part, y) or _of_array(part) for name, part in x.items()}
        return Preprocessor("named", (), parts=dict(sorted(parts.items())))
    if not is_frame(x):
        return None
    table = as_polars(x)
    check_numbers(x)
    columns = tuple(Column(name) for name in table.columns)
    raw = as_array(x).astype(np.float64)
    return Preprocessor.fit(raw, columns=columns, scaling="none", task=_task(y))


def _task(y: object) -> Any:
    return "regression" if as_array(y, "targets").dtype.kind == "f" else "classification"


def check_numbers(
    frame: Any,
    problem: str = PREPARED,
) -> None:
    """Raise unless all columns of a frame hold numbers or truth values, without gaps.

    Args:
        frame: of pandas or polars.
        problem: what the error says.

    Raises:
        DataError: a column does not; the error has the call that prepares the frame.
    """
    table = as_polars(frame)
    found = []
    for column in table:
        kind = column.dtype
        gaps = column.null_count() + (int(column.is_nan().sum()) if kind.is_float() else 0)
        if not (kind.is_numeric() or str(kind) == "Boolean"):
            found.append(f"{column.name!r} ({kind})")
        elif gaps:
            found.append(f"{column.name!r} ({gaps:,} of {len(column):,} missing)")
    if found:
        raise DataError(
            problem,
            where="the frame",
            given=", ".join(found[:8]) + (", ..." if len(found) > 8 else ""),
            expected="numbers without gaps, or the data set that is made of the frame",
            fix="x = x.dropna()  # leaves these rows out"
            if problem != PREPARED
            else "x = cp.data.load(x, target=y).split(); y = None  # x.input_shape is the model's",
        )


def _of_arrays(x: Any) -> Preprocessor:
    """Return a preprocessor that changes nothing, for inputs without names of columns."""
    if isinstance(x, Mapping):
        parts = {str(name): _of_array(part) for name, part in sorted(x.items())}
        return Preprocessor("named", (), parts=parts)
    return _of_array(x)


def _of_array(x: object) -> Preprocessor:
    array = as_array(x, "inputs")
    shape = tuple(array.shape[1:])
    # Whole numbers but bytes are tokens, as in `ModelInputs`.
    if array.dtype.kind in "iu" and array.dtype.itemsize > 1:
        return Preprocessor("tokens", shape)
    kind = "bytes" if array.dtype == np.uint8 else "numbers"
    return Preprocessor(kind, shape, (0.0,), (1.0,))  # type: ignore[arg-type]  # of two kinds


def _numbered(y: object) -> tuple[Any, tuple[str, ...] | None]:
    """Return targets, and the names of their classes where they are texts."""
    array = as_array(y, "targets")
    if array.dtype.kind != "U" or array.ndim != 1:
        return array, None
    return labels_and_names(array, where="targets")
