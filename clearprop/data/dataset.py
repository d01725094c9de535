"""A data set: inputs, targets and what is known of them; and its three parts.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_inputs, check_lengths, checked_labels, checked_numbers
from clearprop.data.columns import Column, recode
from clearprop.data.encoded import EncodedRows
from clearprop.data.preparation import Preparation, Scaling, Task
from clearprop.data.sources import Indices, Inputs, Rows, size_in_bytes
from clearprop.data.splitting import SplitRows, check_fractions, in_order, shuffled, stratified
from clearprop.errors import ClearpropError, DataError, unknown_name

STREAM_LIMIT_BYTES = 2 * 2**30


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their targets.

    Args:
        name: what it is called in messages and reports.
        inputs: (N, ...) numbers; pictures are (N, height, width, channels), best as uint8. A table
            is float (N, columns) with NaN for what is missing and codes for categories.
        targets: classification: int32 labels (N,) from 0 to K-1. Regression: float32 (N, outputs);
            (N,) is taken as one output. Text: int32 tokens shaped like the inputs.
        task: "classification", "regression" or "text".
        class_names: names of the labels, or the vocabulary of a text; the numerals where None.
        feature_names: names of the entries of the last axis, where they have names.
        source: where it comes from.
        licence: under which terms.
        test: the official held-out part, where the set has one.
        columns: names and categories of a table whose inputs may have missing values.
        scaling: how ``split`` scales the inputs unless told otherwise.
        stream: True to read batches from disk or host memory, False to keep all on the device; None
            decides by size.
        preparation: what the inputs were encoded by; None while they are raw.

    Raises:
        DataError: no rows, counts that differ, missing or infinite numbers, labels out of range.

    >>> data = Dataset("gate", np.array([[0.0], [1.0]]), np.array([1, 0]), "classification")
    >>> data.class_names, data.targets.dtype, len(data)
    (('0', '1'), dtype('int32'), 2)
    """

    name: str
    inputs: Inputs
    targets: NDArray[Any]
    task: Task
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    source: str = "made in memory"
    licence: str = "not stated"
    test: Dataset | None = None
    columns: tuple[Column, ...] | None = field(default=None, kw_only=True)
    scaling: Scaling = field(default="standard", kw_only=True)
    stream: bool | None = field(default=None, kw_only=True)
    preparation: Preparation | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise unknown_name("task", self.task, get_args(Task))
        if self.scaling not in get_args(Scaling):
            raise unknown_name("scaling", self.scaling, get_args(Scaling))
        check_lengths(self.name, self.inputs, self.targets)
        check_inputs(self.name, self.inputs, may_miss_values=self.columns is not None)
        targets, class_names = np.asarray(self.targets), self.class_names
        if self.task == "regression":
            targets = checked_numbers(self.name, targets)
        else:
            targets, class_names = checked_labels(self.name, self.task, targets, class_names)
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "class_names", class_names)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.inputs.shape[1:])

    @property
    def size_in_bytes(self) -> int:
        """The memory that all inputs take at once."""
        return size_in_bytes(self.inputs)

    @property
    def streamed(self) -> bool:
        """Whether batches are fetched one by one rather than from a copy on the device."""
        if not isinstance(self.inputs, np.ndarray) or isinstance(self.inputs, np.memmap):
            return True
        if self.stream is not None:
            return self.stream
        return self.size_in_bytes > STREAM_LIMIT_BYTES

    def take(self, rows: Indices) -> Dataset:
        """Return the data set of these rows; a streamed set is not copied.

        Raises:
            DataError: no rows are asked for.
        """
        inputs = Rows(self.inputs, rows) if self.streamed else self.inputs[rows]
        return replace(self, inputs=inputs, targets=self.targets[rows], test=None)

    def split(
        self,
        dev: float = 0.1,
        test: float = 0.1,
        seed: int = 0,
        *,
        shuffle: bool | None = None,
        scaling: Scaling | None = None,
    ) -> Splits:
        """Return training, development and test part, prepared by what the training part says.

        Classification is stratified. An official test part is the test part, and ``test`` is then
        not used. With 0 a part is None.

        Args:
            dev: fraction of the examples to judge by while training.
            test: fraction of the examples to judge by at the end.
            seed: decides which examples; the same on every machine.
            shuffle: False takes train, dev and test in the order of the rows, as a series needs;
                None shuffles all but text.
            scaling: "standard" (mean 0, deviation 1), "unit" (0 to 1) or "none"; None takes the
                data set's own.

        Raises:
            ConfigurationError: fractions outside [0, 1) or a negative seed.
            DataError: too few examples for the parts.

        >>> rows = Dataset("r", np.arange(20.0)[:, None], np.arange(20.0), "regression")
        >>> parts = rows.split(dev=0.2, test=0.1)
        >>> len(parts.train), len(parts.dev), len(parts.test)
        (14, 4, 2)
        """
        check_fractions(dev, test)
        rows = self._rows_of_parts(dev, 0.0 if self.test is not None else test, seed, shuffle)
        train = self.take(rows.train)
        preparation = Preparation.fit(
            train.inputs,
            train.targets,
            columns=self.columns,
            scaling=self.scaling if scaling is None else scaling,
            task=self.task,
            class_names=self.class_names,
        )
        held_test = self.test or (self.take(rows.test) if len(rows.test) else None)
        return Splits(
            train=train.prepared(preparation),
            dev=self.take(rows.dev).prepared(preparation) if len(rows.dev) else None,
            test=held_test.prepared(preparation) if held_test is not None else None,
            preparation=preparation,
        )

    def prepared(self, preparation: Preparation) -> Dataset:
        """Return this set as a preparation keeps it: encoded inputs, labels by its class names.

        Raises:
            ShapeError: the examples have another shape than the preparation was fitted on.
            DataError: a column or a class is not known to the preparation.
        """
        if self.preparation == preparation:
            return self
        encoded = EncodedRows(self.inputs, preparation, self.columns, where=self.name)
        return replace(
            self,
            inputs=encoded if self.streamed else encoded[np.arange(len(self))],
            targets=self._in_classes_of(preparation),
            class_names=preparation.class_names,
            feature_names=preparation.feature_names or self.feature_names,
            columns=None,
            test=None,
            preparation=preparation,
        )

    def _rows_of_parts(self, dev: float, test: float, seed: int, shuffle: bool | None) -> SplitRows:
        if shuffle is None:
            shuffle = self.task != "text"
        try:
            if not shuffle:
                return in_order(len(self), dev, test)
            if self.task == "classification":
                return stratified(self.targets, dev, test, seed)
            return shuffled(len(self), dev, test, seed)
        except ClearpropError as error:
            error.where = self.name
            raise

    def _in_classes_of(self, preparation: Preparation) -> NDArray[Any]:
        old, new = self.class_names, preparation.class_names
        if self.task != "classification" or old is None or new is None or old == new:
            return self.targets
        labels = recode(self.targets, old, new)
        if (labels < 0).any():
            lost = old[int(self.targets[np.argmax(labels < 0)])]
            raise DataError(
                f"the class {lost!r} is not one that the model was trained on",
                where=self.name,
                expected=f"one of {', '.join(new)}",
            )
        return labels.astype(np.int32)


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set, encoded, and the preparation that the training part gave.

    A batch of ``part.inputs`` becomes a model's input by ``preparation.scaled(batch)``.
    """

    train: Dataset
    dev: Dataset | None
    test: Dataset | None
    preparation: Preparation

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example as the model sees it."""
        return self.preparation.encoded_shape

    @property
    def streamed(self) -> bool:
        """Whether the training part is read in batches rather than kept on the device."""
        return self.train.streamed
