"""NumPy's .npz files: arrays by name. Pickled objects are refused."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_none, check_one_label_each
from clearprop.data.dataset import Dataset
from clearprop.data.labels import class_name, labels_and_names, labels_by_name, task_of
from clearprop.data.npz import NpzFile
from clearprop.data.preprocessor import Task
from clearprop.errors import MOST_NAMES, DataError

TRAIN_NAMES = (
    ("x", "y"),
    ("inputs", "targets"),
    ("x_train", "y_train"),
    ("images", "labels"),
    ("data", "target"),
)
TEST_NAMES = (
    ("x_test", "y_test"),
    ("inputs_test", "targets_test"),
    ("test_inputs", "test_targets"),
    ("test_images", "test_labels"),
)


def load_arrays(path: Path, *, task: Task | None = None) -> Dataset:
    """Return the data set of a .npz file.

    The arrays are called ``x, y``, ``inputs, targets``, ``x_train, y_train``, ``images, labels`` or
    ``data, target``. An official test part is called ``x_test, y_test`` and the like. The file may
    also hold ``class_names`` and ``feature_names``. Bytes of shape (N, height, width) are gray
    pictures.

    Raises:
        DataError: the file is damaged, holds pickled objects, or its arrays do not fit together.
    """
    arrays = NpzFile(path)
    pairs = [pair for pair in TRAIN_NAMES if set(pair) <= set(arrays.names)]
    if not pairs:
        raise _unnamed(arrays, [" and ".join(pair) for pair in TRAIN_NAMES])
    inputs, targets, where = _pair(arrays, pairs[0])
    if len(targets) == 0:
        raise DataError("there are no rows", where=where)
    given = _text(arrays, "class_names")
    task = task or ("classification" if given else task_of(targets))
    names = given if task == "classification" else None
    if task == "classification" and names is None:
        _check_labels(where, targets)
        targets, names = labels_and_names(targets, where=where)
    make = functools.partial(
        Dataset,
        task=task,
        class_names=names,
        feature_names=_text(arrays, "feature_names"),
        source=str(path),
    )
    test = None
    test_names = next((pair for pair in TEST_NAMES if set(pair) <= set(arrays.names)), None)
    if test_names is not None:
        test_inputs, test_targets, where = _pair(arrays, test_names)
        if names is not None and given is None:
            _check_labels(where, test_targets)
            test_targets = labels_by_name(list(map(class_name, test_targets)), names, where)
        test = make(f"{path.name} (test)", test_inputs, test_targets)
    return make(path.name, inputs, targets, test=test)


def read_inputs(path: Path) -> NDArray[np.generic]:
    """Return the inputs of a .npz file, for a prediction.

    Raises:
        DataError: the file is damaged or has no array of inputs.
    """
    arrays = NpzFile(path)
    for name, _ in TRAIN_NAMES:
        if name in arrays.names:
            return _inputs(arrays, name)
    raise _unnamed(arrays, [name for name, _ in TRAIN_NAMES])


def _unnamed(arrays: NpzFile, expected: list[str]) -> DataError:
    return DataError(
        "no arrays are named as inputs and targets",
        where=str(arrays.path),
        given=f"arrays named {', '.join(arrays.names[:MOST_NAMES]) or 'nothing'}",
        expected=f"arrays named {'; or '.join(expected)}",
        fix="numpy.savez(path, x=inputs, y=targets)",
    )


def _array(arrays: NpzFile, name: str) -> NDArray[Any]:
    array = arrays.read(name)
    if not array.ndim:
        raise DataError(
            "the array is a single number, not an array of examples",
            where=f"{arrays.path}, array {name!r}",
            given=str(array)[:80],
            expected="a first axis with one entry for each example",
        )
    return array


def _inputs(arrays: NpzFile, name: str) -> NDArray[Any]:
    inputs = _array(arrays, name)
    return inputs[..., None] if inputs.ndim == 3 and inputs.dtype == np.uint8 else inputs


def _pair(arrays: NpzFile, names: tuple[str, str]) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Return inputs and targets, and the place of the targets for messages."""
    inputs, targets = _inputs(arrays, names[0]), _array(arrays, names[1])
    is_column = targets.ndim == 2 and targets.shape[1] == 1
    return inputs, targets[:, 0] if is_column else targets, f"{arrays.path}, array {names[1]!r}"


def _check_labels(where: str, targets: NDArray[np.generic]) -> None:
    check_one_label_each(targets, where)
    if targets.dtype.kind == "f":
        check_none(~np.isfinite(targets), targets, "a label is not a finite number", where=where)


def _text(arrays: NpzFile, name: str) -> tuple[str, ...] | None:
    return tuple(map(class_name, arrays.read(name).ravel())) if name in arrays.names else None
