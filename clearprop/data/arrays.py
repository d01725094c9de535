"""NumPy's .npz files: arrays by name, never pickled objects."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset
from clearprop.data.labels import class_name, labels_and_names, task_of
from clearprop.data.preprocessor import Task
from clearprop.errors import DataError

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
    ``data, target``; an official test part ``x_test, y_test`` and the like. ``class_names`` and
    ``feature_names`` may stand beside them. Bytes of shape (N, height, width) are gray pictures.

    Raises:
        DataError: the file is damaged, holds pickled objects, or its arrays do not fit together.
    """
    arrays = _read(path)
    x_name, y_name = _names(path, arrays)
    _check_rank(path, arrays, x_name, y_name)
    inputs, targets = _pictures(arrays[x_name]), _column(arrays[y_name])
    if len(targets) == 0:
        raise DataError("there are no rows", where=f"{path}, array {y_name!r}")
    names = _text(arrays, "class_names")
    task = task or ("classification" if names else task_of(targets))
    if task == "classification" and names is None:
        _check_labels(path, y_name, targets)
        targets, names = labels_and_names(targets, where=f"{path}, array {y_name!r}")
    common: dict[str, Any] = {
        "task": task,
        "class_names": names if task == "classification" else None,
        "feature_names": _text(arrays, "feature_names"),
        "source": str(path),
    }
    test = None
    test_names = next((pair for pair in TEST_NAMES if set(pair) <= arrays.keys()), None)
    if test_names is not None:
        _check_rank(path, arrays, *test_names)
        test_inputs, test_targets = (arrays[name] for name in test_names)
        test_targets = _column(test_targets)
        if task == "classification" and _text(arrays, "class_names") is None:
            test_targets = _by_name(path, test_names[1], test_targets, names or ())
        test = Dataset(f"{path.name} (test)", _pictures(test_inputs), test_targets, **common)
    return Dataset(path.name, inputs, targets, test=test, **common)


def read_inputs(path: Path) -> NDArray[np.generic]:
    """Return the inputs alone, for a prediction.

    Raises:
        DataError: the file is damaged or has no array of inputs.
    """
    arrays = _read(path)
    for name in (pair[0] for pair in TRAIN_NAMES):
        if name in arrays:
            _check_rank(path, arrays, name)
            return _pictures(arrays[name])
    raise _unnamed(path, arrays, [pair[0] for pair in TRAIN_NAMES])


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise zipfile.BadZipFile("not a zip archive, which every .npz file is")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file}
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise _damaged(path, error) from error
        raise DataError(
            "the file holds pickled objects, which can run any code when they are read",
            where=str(path),
            fix="save arrays of numbers or text: numpy.savez(path, x=..., y=...)",
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        "the file is cut off, damaged or no .npz file",
        where=str(path),
        given=str(error),
        fix="write it again with numpy.savez(path, x=..., y=...)",
    )


def _names(path: Path, arrays: Mapping[str, Any]) -> tuple[str, str]:
    for pair in TRAIN_NAMES:
        if set(pair) <= arrays.keys():
            return pair
    raise _unnamed(path, arrays, [" and ".join(pair) for pair in TRAIN_NAMES])


def _unnamed(path: Path, arrays: Mapping[str, Any], expected: list[str]) -> DataError:
    return DataError(
        "the arrays are not named as inputs and targets",
        where=str(path),
        given=f"arrays named {', '.join(arrays) or 'nothing'}",
        expected=f"arrays named {'; or '.join(expected)}",
        fix="numpy.savez(path, x=inputs, y=targets)",
    )


def _check_rank(path: Path, arrays: Mapping[str, NDArray[np.generic]], *names: str) -> None:
    for name in names:
        if not arrays[name].ndim:
            raise DataError(
                "a single number is no array of examples",
                where=f"{path}, array {name!r}",
                given=str(arrays[name])[:80],
                expected="a first axis of one entry for each example",
            )


def _pictures(inputs: NDArray[np.generic]) -> NDArray[np.generic]:
    return inputs[..., None] if inputs.ndim == 3 and inputs.dtype == np.uint8 else inputs


def _column(targets: NDArray[Any]) -> NDArray[Any]:
    return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets


def _check_labels(path: Path, name: str, targets: NDArray[np.generic]) -> None:
    if targets.ndim != 1:
        raise DataError(
            "labels must be one for each example",
            where=f"{path}, array {name!r}",
            given=f"an array of shape {targets.shape}",
            expected="(examples,)",
            fix="one-hot rows become labels by targets.argmax(axis=1)",
        )
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        row = int((~np.isfinite(targets)).argmax())
        raise DataError(
            "a label is not a finite number",
            where=f"{path}, array {name!r}",
            given=f"{targets[row]} in example {row}",
        )


def _by_name(
    path: Path, array_name: str, targets: NDArray[np.generic], names: tuple[str, ...]
) -> NDArray[np.int32]:
    position = {name: index for index, name in enumerate(names)}
    _check_labels(path, array_name, targets)
    called = [class_name(target) for target in targets]
    strange = [name for name in called if name not in position]
    if strange:
        raise DataError(
            "a class of the test part is not in the training part",
            where=f"{path}, array {array_name!r}",
            given=strange[0],
            expected=f"one of {', '.join(names)}",
        )
    return np.array([position[name] for name in called], np.int32)


def _text(arrays: Mapping[str, NDArray[np.generic]], name: str) -> tuple[str, ...] | None:
    return tuple(str(entry) for entry in arrays[name].ravel()) if name in arrays else None
