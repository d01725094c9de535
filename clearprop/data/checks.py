"""Checks of examples and options; their messages name the first wrong example.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from clearprop import bounds, memory
from clearprop.data.sources import Inputs, Named
from clearprop.errors import ClearpropError, DataError, option


@contextmanager
def errors_at(where: str | None) -> Iterator[None]:
    """Give the errors that are raised inside a place, unless they name one."""
    try:
        yield
    except ClearpropError as error:
        error.where = error.where or where
        raise


def check_lengths(name: str, inputs: Inputs, targets: NDArray[np.generic]) -> None:
    """Raise unless there is at least one example, and one target for each example.

    Raises:
        DataError: the numbers of examples and targets differ, or they are 0.
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
    """Raise unless every input has a name, and all inputs have the same number of examples.

    Raises:
        DataError: there is no input, a name is not a text, or the numbers of examples differ.
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


def check_none(
    wrong: NDArray[np.bool_], values: NDArray[np.generic], problem: str, **about: str | None
) -> None:
    """Raise if a value is wrong; the message names the first wrong value and its example.

    Args:
        wrong: (N, ...), True where a value is wrong.
        values: (N, ...), the values themselves.
        problem: what is wrong with such a value.
        about: further parts of the error: ``where``, ``expected``, ``fix``.

    Raises:
        DataError: a value is wrong.
    """
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        inside = f", at {place[1:]}" if len(place) > 1 else ""
        given = f"{values[place]} in example {place[0]}{inside}"
        raise DataError(problem, given=given, **about)


def check_at_least_one(where: str | None = None, **sizes: int | None) -> None:
    """Raise unless every size that is given is at least 1.

    Args:
        where: the place that the error names.
        sizes: the sizes by the names of their options; None is not checked.

    Raises:
        ConfigurationError: a size is not a whole number of 1 or above.
    """
    for name, size in sizes.items():
        if size is not None:
            bounds.whole(size, name, where=where)


def check_classes(names: Sequence[str], where: str | None) -> None:
    """Raise unless there are two classes or more.

    Raises:
        DataError: there is one class.
    """
    if len(names) < 2:
        raise DataError(
            "there is only one class, so there is nothing to learn",
            where=where,
            given=f"every target is {names[0]!r}",
            expected="two classes or more",
        )


def check_one_label_each(targets: NDArray[np.generic], where: str) -> None:
    """Raise unless the targets are one label for each example, (N,).

    Raises:
        DataError: the targets have more axes or none.
    """
    if targets.ndim != 1:
        raise DataError(
            "there must be one label for each example",
            where=where,
            given=f"targets of shape {targets.shape}",
            expected="(examples,)",
            fix="turn one-hot rows into labels: targets.argmax(axis=1)",
        )


def check_tokens(name: str, inputs: Inputs, tokens: int) -> None:
    """Raise unless the inputs are whole numbers below the size of their vocabulary.

    Raises:
        DataError: the inputs are other numbers, or a token is not in the vocabulary.
    """
    if inputs.dtype.kind not in "iu":
        raise DataError(
            "tokens must be whole numbers", where=name, given=f"an array of {inputs.dtype}"
        )
    if isinstance(inputs, np.ndarray):
        check_none(
            np.less(inputs, 0) | np.greater_equal(inputs, tokens),
            inputs,
            "a token is not in the vocabulary",
            where=name,
            expected=f"from 0 to {tokens - 1}",
        )


def check_inputs(name: str, inputs: Inputs, *, may_miss_values: bool) -> None:
    """Raise unless the inputs are finite numbers, (N, ...).

    Args:
        name: the place that the error names.
        inputs: what is checked.
        may_miss_values: True allows NaN.

    Raises:
        DataError: an example has no axis, is empty or is not made of finite numbers.
    """
    if len(inputs.shape) < 2:
        raise DataError(
            "each example needs at least one axis",
            where=name,
            given=f"inputs of shape {inputs.shape}",
            expected="(examples, features) or (examples, height, width, channels)",
            fix="add an axis if an example is one number: inputs[:, None]",
        )
    if 0 in inputs.shape:
        raise DataError(
            "the examples are empty",
            where=name,
            given=f"inputs of shape {inputs.shape}",
            expected="at least one number for each example",
        )
    if inputs.dtype.kind not in "biuf":
        raise DataError(f"inputs must be numbers, not {inputs.dtype}", where=name)
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind == "f":
        check_none(
            np.isinf(inputs) if may_miss_values else ~np.isfinite(inputs),
            inputs,
            "an input is not a finite number",
            where=name,
            fix="fill or drop it, or load a CSV or Parquet table, whose gaps are filled",
        )


def in_32_bits(numbers: NDArray[np.integer], where: str | None = None) -> NDArray[np.int32]:
    """Return whole numbers as int32.

    Raises:
        DataError: one needs more bits, and would become another number.

    >>> in_32_bits(np.array([1, 2])).dtype
    dtype('int32')
    """
    limits = np.iinfo(np.int32)
    if numbers.size and not np.can_cast(numbers.dtype, np.int32):
        least, most = numbers.min(), numbers.max()
        if least < limits.min or most > limits.max:
            raise DataError(
                "a whole number needs more than 32 bits",
                where=where,
                given=f"{least} to {most}",
                expected=f"{limits.min} to {limits.max}",
                fix="x.astype(float) for quantities; for names, "
                "x = np.unique(x, return_inverse=True)[1]",
            )
    return numbers.astype(np.int32, copy=False)


def check_reconstructible(
    name: str, *, named: bool, tokens: bool, streamed: bool, prepared: bool
) -> None:
    """Raise unless the inputs can be targets: one array of numbers in memory, not yet prepared.

    Raises:
        DataError: they are something else.
    """
    reasons = {
        "several inputs by name": named,
        "tokens": tokens,
        "inputs that are read batch by batch": streamed,
        "inputs that are prepared already": prepared,
    }
    fixes = {
        "inputs that are read batch by batch": option("stream", False),
        "inputs that are prepared already": "dataset.reconstruction().split()",
    }
    for given, is_so in reasons.items():
        if is_so:
            raise DataError(
                "the inputs cannot be the targets too",
                where=name,
                given=given,
                expected="one array of numbers in memory, before it is split",
                fix=fixes.get(given),
            )


def checked_labels(
    name: str, task: str, targets: NDArray[np.number], class_names: tuple[str, ...] | None
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return labels as int32, and the names of their classes: "0", "1", ... unless given.

    In a text the label -1 marks a place that is not counted.

    Raises:
        DataError: a label is not an integer or out of range, an example has not exactly one label,
            or there is only one class.

    >>> checked_labels("gate", "classification", np.array([0, 1]), None)
    (array([0, 1], dtype=int32), ('0', '1'))
    """
    if targets.dtype.kind not in "iu":
        fix = "targets.astype('int32')" if targets.dtype.kind in "bf" else None
        if targets.dtype.kind == "f" and not np.array_equal(targets, np.round(targets)):
            fix = option("task", "regression") + ", if numbers are to be predicted"
        raise DataError(
            f"the targets of {task} must be whole-number labels",
            where=name,
            given=f"an array of {targets.dtype}",
            expected="integers from 0 to classes - 1",
            fix=fix,
        )
    if task == "classification":
        check_one_label_each(targets, name)
    if class_names is None:
        class_names = tuple(map(str, range(max(int(targets.max()) + 1, 1))))
    lowest = -1 if task == "text" else 0
    check_none(
        (targets < lowest) | (targets >= len(class_names)),
        targets,
        "a label is out of range",
        where=name,
        expected=f"from 0 to {len(class_names) - 1}, for {len(class_names)} classes"
        + (", or -1 where a place is not counted" if lowest else ""),
        fix="count labels from 0, and name every class",
    )
    check_classes(class_names, name)
    return targets.astype(np.int32, copy=False), class_names


def checked_numbers(name: str, targets: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return regression targets as float32 (N, outputs).

    Raises:
        DataError: there are no targets, one is not a finite number, or one is too large for
            float32.

    >>> checked_numbers("line", np.array([1, 2])).tolist()
    [[1.0], [2.0]]
    """
    if targets.dtype.kind not in "biuf":
        raise DataError(f"regression targets must be numbers, not {targets.dtype}", where=name)
    if 0 in targets.shape:
        raise DataError(
            "the targets are empty", where=name, given=f"targets of shape {targets.shape}"
        )
    check_none(
        ~np.isfinite(targets),
        targets,
        "a target is not a finite number",
        where=name,
        fix="drop the rows whose target is unknown",
    )
    check_none(
        np.abs(targets.astype(np.float64)) > np.finfo(np.float32).max,
        targets,
        "a target is too large for single precision",
        where=name,
        expected="numbers below 3.4e38",
        fix="divide the targets by a power of ten, or drop the row",
    )
    columns = targets[:, None] if targets.ndim == 1 else targets
    return columns.astype(np.float32, copy=False)


def check_windows(name: str, count: int, size: int, given: str, fix: Callable[[int], str]) -> None:
    """Raise unless the windows of a text or a series fit into the memory.

    Args:
        name: of the data.
        count: of the windows.
        size: of one of them, in bytes.
        given: the options that make them.
        fix: the option that makes so many windows, or fewer.

    Raises:
        ConfigurationError: they do not fit.
    """
    memory.make_room(
        "the windows",
        count * size,
        where=name,
        given=f"{count:,} windows with {given}",
        fix=lambda limit: fix(max(1, limit // size // 2)),  # the parts of the data are copies
    )
