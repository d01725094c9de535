"""What every data set must satisfy, with the message that names the example at fault.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clearprop.data.sources import Inputs, Named
from clearprop.errors import DataError


def check_lengths(name: str, inputs: Inputs, targets: NDArray[np.generic]) -> None:
    """Raise unless there is at least one example and one target for each.

    Raises:
        DataError: the counts differ or are 0.
    """
    if len(inputs) != len(targets):
        raise DataError(
            "there must be one target for each example",
            where=name,
            given=f"{len(inputs)} examples and {len(targets)} targets",
        )
    if len(inputs) == 0:
        raise DataError("there are no rows", where=name, expected="at least one example")


def check_names(name: str, inputs: Named) -> None:
    """Raise unless inputs by name have names, and all of them the same number of examples.

    Raises:
        DataError: no input, a name that is no text, or counts that differ.
    """
    if not inputs or not all(isinstance(key, str) and key for key in inputs):
        raise DataError(
            "each input needs a name",
            where=name,
            given=f"names {sorted(map(repr, inputs))}",
            expected='inputs such as {"source": ..., "target": ...}',
        )
    counts = {key: len(inputs[key]) for key in sorted(inputs)}
    if len(set(counts.values())) > 1:
        raise DataError(
            "all inputs must have the same number of examples",
            where=name,
            given=", ".join(f"{count} of {key}" for key, count in counts.items()),
        )


def check_tokens(name: str, inputs: Inputs, tokens: int) -> None:
    """Raise unless inputs are whole numbers below the size of their vocabulary.

    Raises:
        DataError: other numbers, or a token that the vocabulary does not have.
    """
    if inputs.dtype.kind not in "iu":
        raise DataError("tokens are whole numbers", where=name, given=f"an array of {inputs.dtype}")
    if not isinstance(inputs, np.ndarray):
        return
    wrong = np.less(inputs, 0) | np.greater_equal(inputs, tokens)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            "a token is not in the vocabulary",
            where=name,
            given=f"{inputs[place]} in example {place[0]}",
            expected=f"from 0 to {tokens - 1}",
        )


def check_inputs(name: str, inputs: Inputs, *, may_miss_values: bool) -> None:
    """Raise unless the inputs are finite numbers, (N, ...); NaN passes where values may be missing.

    Raises:
        DataError: no axis for one example, nothing in it, no numbers, or a number not finite.
    """
    if len(inputs.shape) < 2:
        raise DataError(
            "each example needs at least one axis",
            where=name,
            given=f"inputs of shape {inputs.shape}",
            expected="(examples, features) or (examples, height, width, channels)",
            fix="one number for each example is inputs[:, None]",
        )
    if 0 in inputs.shape:
        raise DataError(
            "the examples are empty",
            where=name,
            given=f"inputs of shape {inputs.shape}",
            expected="at least one number for each example",
        )
    if inputs.dtype.kind not in "biuf":
        raise DataError("inputs must be numbers", where=name, given=f"an array of {inputs.dtype}")
    if not isinstance(inputs, np.ndarray) or inputs.dtype.kind != "f":
        return
    bad = np.isinf(inputs) if may_miss_values else ~np.isfinite(inputs)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            "an input is not a finite number",
            where=name,
            given=f"{inputs[place]} in example {place[0]}, at {place[1:]}",
            fix="fill or drop it, or load a CSV or Parquet table, whose gaps are filled",
        )


def checked_labels(
    name: str, task: str, targets: NDArray[np.number], class_names: tuple[str, ...] | None
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return labels as int32 with the names of their classes, numerals where they have none.

    Of a text -1 is a label too, of a place that is not counted.

    Raises:
        DataError: labels are no integers, not one for each example, out of range or of one class.

    >>> checked_labels("gate", "classification", np.array([0, 1]), None)
    (array([0, 1], dtype=int32), ('0', '1'))
    """
    if targets.dtype.kind not in "iu":
        fix = "targets.astype('int32')" if targets.dtype.kind in "bf" else None
        if targets.dtype.kind == "f" and not np.array_equal(targets, np.round(targets)):
            fix = "numbers to predict are task='regression'"
        raise DataError(
            f"the targets of {task} are whole-number labels",
            where=name,
            given=f"an array of {targets.dtype}",
            expected="integers from 0 to classes - 1",
            fix=fix,
        )
    if task == "classification" and targets.ndim != 1:
        raise DataError(
            "labels must be one number for each example",
            where=name,
            given=f"targets of shape {targets.shape}",
            expected="(examples,)",
            fix="one-hot rows become labels by targets.argmax(axis=1)",
        )
    if class_names is None:
        class_names = tuple(str(label) for label in range(max(int(targets.max()) + 1, 1)))
    _check_range(name, targets, class_names, -1 if task == "text" else 0)
    return targets.astype(np.int32, copy=False), class_names


def _check_range(
    name: str, targets: NDArray[np.number], class_names: tuple[str, ...], lowest: int
) -> None:
    wrong = (targets < lowest) | (targets >= len(class_names))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            "a label is out of range",
            where=name,
            given=f"{targets[place]} in example {place[0]}",
            expected=f"from 0 to {len(class_names) - 1}, for {len(class_names)} classes"
            + (", or -1 where none counts" if lowest else ""),
            fix="count labels from 0, and name every class",
        )
    if len(class_names) < 2:
        raise DataError(
            "there is only one class, so there is nothing to learn",
            where=name,
            given=f"every label is {class_names[0]!r}",
            expected="two classes or more",
        )


def checked_numbers(name: str, targets: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return regression targets as float32 (N, outputs).

    Raises:
        DataError: a target is no finite number.

    >>> checked_numbers("line", np.array([1, 2])).tolist()
    [[1.0], [2.0]]
    """
    if targets.dtype.kind not in "biuf":
        raise DataError(
            "the targets of regression are numbers",
            where=name,
            given=f"an array of {targets.dtype}",
        )
    bad = ~np.isfinite(targets)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            "a target is not a finite number",
            where=name,
            given=f"{targets[place]} in example {place[0]}",
            fix="drop the rows whose target is unknown",
        )
    large = np.abs(targets.astype(np.float64)) > np.finfo(np.float32).max
    if large.any():
        place = tuple(int(i) for i in np.argwhere(large)[0])
        raise DataError(
            "a target is too large for single precision",
            where=name,
            given=f"{targets[place]} in example {place[0]}",
            expected="numbers below 3.4e38",
            fix="divide the targets by a power of ten, or drop the row",
        )
    columns = targets[:, None] if targets.ndim == 1 else targets
    return columns.astype(np.float32, copy=False)
