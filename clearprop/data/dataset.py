"""Data sets: inputs, targets and facts about them; and the three parts of a split.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypedDict, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.data import checks, splitting
from clearprop.data.columns import Column, TakenColumn, recode
from clearprop.data.encoded import encoded_inputs
from clearprop.data.preprocessor import INPUTS, Preprocessor, Task
from clearprop.data.sources import Indices, Inputs, Rows, by_name, rows_of, size_in_bytes
from clearprop.data.statistics import Scaling
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import DataError, unknown_name

STREAM_LIMIT_BYTES = 2 * 2**30


class About(TypedDict, total=False):
    """Fields of a data set that the functions which make one pass on."""

    source: str
    licence: str
    test: Dataset
    groups: NDArray[np.generic]
    text_column: str | None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their targets.

    Args:
        name: the name in messages and reports.
        inputs: (N, ...) numbers; pictures are (N, height, width, channels), best as uint8. A table
            is float (N, columns) with NaN for missing values and codes for categories. Several
            inputs of an example are a dict of arrays by name, ``{"source": ..., "target": ...}``.
        targets: classification: int32 labels (N,) from 0 to K-1. Regression: float32 (N, outputs);
            (N,) is taken as one output. Text: int32 labels (N, T), one for each place; -1 marks a
            place that is not counted. Regression to the inputs themselves, see `reconstruction`:
            the same array as the inputs.
        task: "classification", "regression" or "text".
        class_names: names of the labels, or the vocabulary of a text; None takes "0", "1", ...
        feature_names: names of the entries of the last axis, if they have names.
        source: where the data comes from.
        licence: under which terms it may be used.
        test: the official test part, if there is one.
        columns: names and categories of a table, whose inputs may have missing values.
        scaling: how ``split`` scales the inputs by default.
        stream: True to read batches from disk or host memory, False to keep all on the device; None
            decides by size.
        preprocessor: the preprocessor that encoded the inputs; None for raw inputs.
        vocabularies: the vocabularies of inputs that are tokens, by the name of the input
            ("inputs" for one without a name), and of targets that are tokens ("targets").
        groups: int (N,): examples with the same number stay in the same part of a split.
        gap: for windows of a text or series, how many windows a split leaves out between two parts,
            so that no two parts share a value; None if the rows are not such windows.
        text_column: for texts from a table, the column of the texts.
        row_names: the name of each example, such as the year that a window predicts, or the class
            of an example whose class is not the target.
        taken: for a table, what each column of its file was taken for.
        notes: what looks doubtful in the examples.

    Raises:
        DataError: there are no rows, the numbers of inputs and targets differ, a number is missing
            or infinite, or a label is out of range.

    >>> data = Dataset("gate", np.array([[0.0], [1.0]]), np.array([1, 0]), "classification")
    >>> data.class_names, data.targets.dtype, len(data)
    (('0', '1'), dtype('int32'), 2)
    """

    name: str
    inputs: Any
    targets: NDArray[np.number]
    task: Task
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    source: str = "made in memory"
    licence: str = "not stated"
    test: Dataset | None = None
    _: KW_ONLY
    columns: tuple[Column, ...] | None = None
    scaling: Scaling = "standard"
    stream: bool | None = None
    preprocessor: Preprocessor | None = None
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    groups: NDArray[np.generic] | None = None
    gap: int | None = None
    text_column: str | None = None
    row_names: tuple[str, ...] | None = None
    taken: tuple[TakenColumn, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise unknown_name("task", self.task, get_args(Task))
        if self.scaling not in get_args(Scaling):
            raise unknown_name("scaling", self.scaling, get_args(Scaling))
        if by_name(self.inputs):
            checks.check_names(self.name, self.inputs)
        for name, inputs in self._each_input():
            where = self.name if name == INPUTS else f"{self.name}, {name}"
            checks.check_lengths(where, inputs, self.targets)
            checks.check_inputs(where, inputs, may_miss_values=self.columns is not None)
            if name in self.vocabularies:
                checks.check_tokens(where, inputs, len(self.vocabularies[name]))
        if self.groups is not None:
            checks.check_lengths(self.name, self.groups, self.targets)
        if self.row_names is not None:
            checks.check_lengths(self.name, np.asarray(self.row_names), self.targets)
        if self.reconstructs:
            return
        targets, class_names = np.asarray(self.targets), self.class_names
        if self.task == "regression":
            targets = checks.checked_numbers(self.name, targets)
        else:
            targets, class_names = checks.checked_labels(self.name, self.task, targets, class_names)
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "class_names", class_names)

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{name} {'x'.join(map(str, inputs.shape[1:])) or 'numbers'}"
            for name, inputs in self._each_input()
        )
        classes = f", {len(self.class_names)} classes" if self.class_names is not None else ""
        return f"Dataset({self.name!r}, {len(self):,} {self.noun}s, {shapes}, {self.task}{classes})"

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the inputs themselves; see `reconstruction`."""
        return self.targets is self.inputs

    @property
    def noun(self) -> str:
        """The word for an example: "example", "text", "sentence" or "window" (of a text or series).

        >>> Dataset("r", np.zeros((3, 2)), np.zeros(3), "regression").noun
        'example'
        """
        vocabulary = self.vocabularies.get(INPUTS)
        if self.gap is not None or (vocabulary is not None and vocabulary.level == "character"):
            return "window"
        if vocabulary is None:
            return "example"
        return "sentence" if self.task == "text" else "text"

    @property
    def input_shape(self) -> Any:
        """The shape of one example; a dict of shapes for several inputs by name."""
        shapes = {name: tuple(inputs.shape[1:]) for name, inputs in self._each_input()}
        return shapes if by_name(self.inputs) else shapes[INPUTS]

    @property
    def size_in_bytes(self) -> int:
        """The memory that all inputs take at once."""
        return sum(size_in_bytes(inputs) for _, inputs in self._each_input())

    @property
    def streamed(self) -> bool:
        """Whether batches are read one by one, and not from a copy on the device."""
        for _, inputs in self._each_input():
            if not isinstance(inputs, np.ndarray) or isinstance(inputs, np.memmap):
                return True
        if self.stream is not None:
            return self.stream
        return self.size_in_bytes > STREAM_LIMIT_BYTES

    def take(self, rows: Indices) -> Dataset:
        """Return the data set of these rows; a streamed set is not copied.

        Raises:
            DataError: there are no rows.
        """
        views: Any = {name: Rows(source, rows) for name, source in self._each_input()}
        if not by_name(self.inputs):
            views = views[INPUTS]
        inputs = views if self.streamed else rows_of(self.inputs, rows)
        groups = None if self.groups is None else self.groups[rows]
        names = self.row_names
        if names is not None:
            names = tuple(names[i] for i in np.arange(len(self))[rows])
        return replace(
            self,
            inputs=inputs,
            targets=inputs if self.reconstructs else self.targets[rows],
            groups=groups,
            row_names=names,
            test=None,
        )

    def reconstruction(self) -> Dataset:
        """Return the regression of the inputs to themselves, which an autoencoder learns.

        Targets and inputs are one array, so the targets take no memory of their own. They are
        scaled as the inputs are. The name of its class stays the `row_names` of an example. Errors
        of bytes are in the units of bytes, those of other inputs in units of their deviation.

        Raises:
            DataError: the inputs are several by name, are tokens, are streamed, or have been
                prepared already.

        >>> data = Dataset("r", np.eye(4), np.array([0, 1, 0, 1]), "classification")
        >>> same = data.reconstruction()
        >>> same.targets is same.inputs, same.task, same.row_names
        (True, 'regression', ('0', '1', '0', '1'))

        Source: Rumelhart, Hinton and Williams 1986, where an encoder learns to repeat its input.
        """
        if self.reconstructs:
            return self
        checks.check_reconstructible(
            self.name,
            named=by_name(self.inputs),
            tokens=bool(self.vocabularies) or self.task == "text",
            streamed=self.streamed,
            prepared=self.preprocessor is not None,
        )
        names = self.row_names
        if self.task == "classification" and self.class_names is not None:
            names = tuple(self.class_names[label] for label in self.targets)
        return replace(
            self,
            targets=self.inputs,
            task="regression",
            class_names=None,
            row_names=names,
            test=None if self.test is None else self.test.reconstruction(),
        )

    def split(
        self,
        dev: float = 0.1,
        test: float = 0.1,
        seed: int = 0,
        *,
        shuffle: bool | None = None,
        scaling: Scaling | None = None,
    ) -> Splits:
        """Return training, development and test part, preprocessed.

        The preprocessor is fitted on the training part. Classes have the same fraction in all
        parts, groups stay in one part, and windows of a series stay in order, with a gap between
        the parts. If there is an official test part, it is taken and ``test`` is not used. A part
        with the fraction 0 is None.

        Args:
            dev: fraction of the examples for evaluation while training.
            test: fraction of the examples for evaluation at the end.
            seed: decides which examples; the same on every machine.
            shuffle: False takes train, dev and test in the order of the rows; None does so only for
                series and for texts without groups.
            scaling: "standard" (mean 0, deviation 1), "unit" (0 to 1) or "none"; None takes that of
                the data set.

        Raises:
            ConfigurationError: fractions outside [0, 1) or a negative seed.
            DataError: too few examples for the parts, or training rows that cannot be prepared.

        >>> rows = Dataset("r", np.arange(20.0)[:, None], np.arange(20.0), "regression")
        >>> parts = rows.split(dev=0.2, test=0.1)
        >>> len(parts.train), len(parts.dev), len(parts.test)
        (14, 4, 2)
        """
        splitting.check_fractions(dev, test)
        rows = self._rows_of_parts(dev, 0.0 if self.test is not None else test, seed, shuffle)
        train = self.take(rows.train)
        with checks.errors_at(self.name):
            preprocessor = Preprocessor.fit(
                train.inputs,
                train.targets,
                columns=self.columns,
                scaling=self.scaling if scaling is None else scaling,
                task=self.task,
                class_names=self.class_names,
                vocabularies=self.vocabularies,
                text_column=self.text_column,
            )
        held_test = self.test or (self.take(rows.test) if len(rows.test) else None)
        return Splits(
            train=train.preprocessed(preprocessor),
            dev=self.take(rows.dev).preprocessed(preprocessor) if len(rows.dev) else None,
            test=held_test.preprocessed(preprocessor) if held_test is not None else None,
            preprocessor=preprocessor,
        )

    def preprocessed(self, preprocessor: Preprocessor) -> Dataset:
        """Return this set with encoded inputs, and with labels by the preprocessor's class names.

        Raises:
            ShapeError: the examples have another shape than the preprocessor was fitted on.
            DataError: the preprocessor does not have a column or a class of this set.
        """
        if self.preprocessor == preprocessor:
            return self
        encoded = encoded_inputs(
            self.inputs, preprocessor, self.columns, self.vocabularies, self.name
        )
        inputs: Any = encoded if self.streamed else rows_of(encoded, np.arange(len(self)))
        return replace(
            self,
            inputs=inputs,
            targets=inputs if self.reconstructs else self._in_classes_of(preprocessor),
            class_names=preprocessor.class_names,
            feature_names=preprocessor.feature_names or self.feature_names,
            columns=None,
            test=None,
            preprocessor=preprocessor,
            vocabularies=preprocessor.vocabularies,
        )

    def _each_input(self) -> list[tuple[str, Inputs]]:
        if by_name(self.inputs):
            return sorted(self.inputs.items())
        return [(INPUTS, self.inputs)]

    def _rows_of_parts(
        self, dev: float, test: float, seed: int, shuffle: bool | None
    ) -> splitting.SplitRows:
        if shuffle is None:
            shuffle = self.gap is None and (self.task != "text" or self.groups is not None)
        with checks.errors_at(self.name):
            if not shuffle:
                return splitting.in_order(len(self), dev, test, self.gap or 0)
            if self.groups is not None:
                return splitting.grouped(self.groups, dev, test, seed)
            if self.task == "classification":
                return splitting.stratified(self.targets, dev, test, seed)
            return splitting.shuffled(len(self), dev, test, seed)

    def _in_classes_of(self, preprocessor: Preprocessor) -> NDArray[np.number]:
        old, new = self.class_names, preprocessor.class_names
        if self.task == "regression" or old is None or new is None or old == new:
            return self.targets
        labels = recode(self.targets, old, new)
        unseen = (labels < 0) & (self.targets >= 0)
        if unseen.any():
            lost = old[int(self.targets[unseen][0])]
            raise DataError(
                f"the model was not trained on the class {lost!r}",
                where=self.name,
                expected=f"one of {', '.join(new)}",
            )
        return labels.astype(np.int32)


@dataclass(frozen=True)
class Splits:
    """The three encoded parts of a data set, and the preprocessor of the training part.

    A batch of ``part.inputs`` becomes a model's input by ``preprocessor.scaled(batch)``.
    """

    train: Dataset
    dev: Dataset | None
    test: Dataset | None
    preprocessor: Preprocessor

    @property
    def input_shape(self) -> Any:
        """The shape of one example as the model sees it; a dict where inputs have names."""
        return self.preprocessor.encoded_shape

    @property
    def evaluated(self) -> tuple[tuple[str, Dataset], ...]:
        """Name and examples of the parts that judge a model: the held-out ones, or the training.

        >>> from clearprop import data
        >>> [name for name, _ in data.load("iris").split(dev=0.2, test=0.2).evaluated]
        ['development', 'test']
        """
        parts = (("development", self.dev), ("test", self.test))
        held_out = tuple((name, part) for name, part in parts if part is not None)
        return held_out or (("training", self.train),)

    @property
    def streamed(self) -> bool:
        """Whether the training part is read in batches rather than kept on the device."""
        return self.train.streamed
