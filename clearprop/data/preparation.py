"""What turns raw inputs into the numbers a model sees, fitted on the training part only.

Shape letters: N examples, C columns of a table, F last axis (features, or channels of an image).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import UNSEEN, Column
from clearprop.data.sources import Inputs, evenly_spaced
from clearprop.data.statistics import center_and_spread
from clearprop.errors import DataError, ShapeError

Task: TypeAlias = Literal["classification", "regression", "text"]
Scaling: TypeAlias = Literal["standard", "unit", "none"]
Kind: TypeAlias = Literal["numbers", "bytes", "table", "tokens"]

# Statistics of a set that is too large for memory come from this many of its training rows.
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class PreparedColumn:
    """What the training rows say about one column of a table.

    Args:
        name: as in the file's header.
        fill: stands in for a missing value: the median number, or the most frequent category.
        categories: the names seen in training, each of which becomes one 0/1 feature; None for a
            column of numbers. A name seen only later becomes all zeros.
    """

    name: str
    fill: float | str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Preparation:
    """How raw inputs become a model's inputs; a record that is saved beside the model.

    Every statistic in it comes from the training rows alone. The names of the classes and the
    vocabulary of a text do not: they say what the task is and fix the size of the model.

    It acts in two steps, so that pictures can stay bytes in memory:

    1. ``encode``, once, on the host: missing values filled, categories one-hot, numbers
       standardized in double precision. Bytes and tokens stay as they are.
    2. ``scaled``, on each batch, on any device: ``x = kept * scale + shift`` in float32, which
       standardizes bytes and leaves everything else unchanged.

    Args:
        kind: "bytes" (uint8, such as pictures), "numbers", "table" or "tokens".
        input_shape: the shape of one raw example.
        center: what is subtracted: a number for each entry of the encoded inputs' last axis.
        spread: what it is then divided by.
        columns: the columns of a table.
        task: what the targets are.
        class_names: names of the labels 0, 1, ...; for text, the vocabulary.
        target_center: mean of each regression target in training.
        target_spread: standard deviation of each regression target in training.

    >>> pixels = np.array([[0], [100], [200]], np.uint8)
    >>> preparation = Preparation.fit(pixels, scaling="unit")
    >>> preparation.encode(pixels).dtype, preparation.apply(pixels).ravel().tolist()
    (dtype('uint8'), [0.0, 0.5, 1.0])
    >>> Preparation.from_json(preparation.to_json()) == preparation
    True
    """

    kind: Kind
    input_shape: tuple[int, ...]
    center: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    columns: tuple[PreparedColumn, ...] = ()
    task: Task = "classification"
    class_names: tuple[str, ...] | None = None
    target_center: tuple[float, ...] = ()
    target_spread: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        inputs: Inputs,
        targets: NDArray[Any] | None = None,
        *,
        columns: tuple[Column, ...] | None = None,
        scaling: Scaling = "standard",
        task: Task = "classification",
        class_names: tuple[str, ...] | None = None,
    ) -> Preparation:
        """Return the preparation that these rows, the training rows, call for.

        Args:
            inputs: (N, ...); with ``columns`` float (N, C), NaN where a value is missing.
            targets: float (N, outputs) for regression, whose center and spread are noted.
            columns: names and categories of a table's columns.
            scaling: "standard" (mean 0, deviation 1), "unit" (from 0 to 1) or "none".
            task: what the targets are; "text" takes the inputs as tokens.
            class_names: kept in the record.

        Raises:
            DataError: a column of a table has no value at all in these rows.
        """
        common = cls("tokens", tuple(inputs.shape[1:]), task=task, class_names=class_names)
        if task == "regression" and targets is not None:
            center, spread = center_and_spread(targets, "standard")
            common = replace(common, target_center=center, target_spread=spread)
        if task == "text":
            return common
        raw = inputs if isinstance(inputs, np.ndarray) else evenly_spaced(inputs, SAMPLE_ROWS)
        if columns is not None:
            return _fit_table(common, raw, columns, scaling)
        center, spread = center_and_spread(raw, scaling)
        kind: Kind = "bytes" if raw.dtype == np.uint8 else "numbers"
        return replace(common, kind=kind, center=center, spread=spread)

    @cached_property
    def scale(self) -> NDArray[np.float32]:
        """The factor of step 2, float32, shaped to broadcast over the last axis."""
        if self.kind != "bytes":
            return np.ones((), np.float32)
        return (1.0 / np.array(self.spread, np.float64)).astype(np.float32)

    @cached_property
    def shift(self) -> NDArray[np.float32]:
        """The summand of step 2, float32, shaped to broadcast over the last axis."""
        if self.kind != "bytes":
            return np.zeros((), np.float32)
        center, spread = np.array(self.center, np.float64), np.array(self.spread, np.float64)
        return (-center / spread).astype(np.float32)

    @property
    def encoded_shape(self) -> tuple[int, ...]:
        """The shape of one example as the model sees it."""
        if self.kind == "table":
            return (len(self.center),)
        return self.input_shape

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of a table's encoded features: ``age``, ``color=red``; None for other kinds."""
        if self.kind != "table":
            return None
        return tuple(name for column in self.columns for name in _features(column))

    @property
    def raw_columns(self) -> tuple[Column, ...] | None:
        """The raw columns and the category codes that ``encode`` expects; None if not a table."""
        if self.kind != "table":
            return None
        return tuple(Column(column.name, column.categories) for column in self.columns)

    def encode(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers to keep in memory: step 1.

        Args:
            raw: (N, ...) of ``input_shape``; a table's categories are codes into ``raw_columns``.

        Raises:
            ShapeError: one example does not have ``input_shape``.
        """
        self._check_shape(raw)
        if self.kind == "tokens":
            return raw.astype(np.int32, copy=False)
        if self.kind == "bytes":
            return self._as_bytes(raw)
        numbers = _encode_table(raw, self.columns) if self.kind == "table" else raw
        scaled = numbers.astype(np.float64)
        scaled -= np.array(self.center, np.float64)
        scaled /= np.array(self.spread, np.float64)
        return scaled.astype(np.float32)

    def scaled(self, kept: Any) -> Any:
        """Return a batch of kept numbers as the model sees it: step 2, ``kept * scale + shift``.

        Works on NumPy and on JAX arrays, inside a compiled step too. Tokens pass as they are.
        """
        if self.kind == "tokens":
            return kept
        if self.kind == "bytes":
            return kept.astype(np.float32) * self.scale + self.shift
        return kept.astype(np.float32)

    def apply(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return raw inputs as the model sees them: both steps.

        Raises:
            ShapeError: one example does not have ``input_shape``.
        """
        return np.asarray(self.scaled(self.encode(raw)))

    def scaled_targets(self, targets: Any) -> Any:
        """Return regression targets with mean 0 and deviation 1 over the training part, float32."""
        center, spread = self._target_arrays()
        return (targets.astype(np.float32) - center) / spread

    def restored_targets(self, outputs: Any) -> Any:
        """Return a model's scaled regression outputs in the units of the targets."""
        center, spread = self._target_arrays()
        return outputs * spread + center

    def _target_arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if not self.target_center:
            return np.zeros((), np.float32), np.ones((), np.float32)
        center = np.asarray(self.target_center, np.float32)
        return center, np.asarray(self.target_spread, np.float32)

    def _check_shape(self, raw: NDArray[Any]) -> None:
        # A model of sequences takes them at any length.
        if self.kind != "tokens" and tuple(raw.shape[1:]) != self.input_shape:
            raise ShapeError(
                "these inputs are not of the shape that the preparation was fitted on",
                given=f"examples of shape {tuple(raw.shape[1:])}",
                expected=f"examples of shape {self.input_shape}",
                mend="add the batch axis: inputs[None]" if raw.shape == self.input_shape else None,
            )

    def _as_bytes(self, raw: NDArray[Any]) -> NDArray[np.uint8]:
        kept = raw.astype(np.uint8, copy=False)
        if raw.dtype != np.uint8 and not np.array_equal(kept, raw):
            raise DataError(
                "the model was trained on bytes",
                given=f"{raw.dtype} from {raw.min()} to {raw.max()}",
                expected="whole numbers from 0 to 255",
                mend="give the raw pixels, not scaled ones",
            )
        return kept

    def to_json(self) -> str:
        """Return the record as JSON text, exact to the last bit."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str | None = None) -> Preparation:
        """Return the record that ``to_json`` wrote.

        Args:
            text: what ``to_json`` returned.
            where: the file that an error should name.

        Raises:
            DataError: the text is damaged or of another make.
        """
        try:
            record = json.loads(text)
            unknown = record.keys() - {field.name for field in fields(cls)}
            if unknown:
                raise ValueError(f"unknown entries {sorted(unknown)}")
            if record["kind"] not in get_args(Kind) or record["task"] not in get_args(Task):
                raise ValueError(f"unknown kind {record['kind']!r} or task {record['task']!r}")
            columns = tuple(
                PreparedColumn(c["name"], c["fill"], _strings(c["categories"]))
                for c in record["columns"]
            )
            return cls(
                kind=record["kind"],
                input_shape=tuple(int(size) for size in record["input_shape"]),
                center=_floats(record["center"]),
                spread=_floats(record["spread"]),
                columns=columns,
                task=record["task"],
                class_names=_strings(record["class_names"]),
                target_center=_floats(record["target_center"]),
                target_spread=_floats(record["target_spread"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise DataError(
                "this is not the record of a preparation",
                where=where,
                given=f"{type(problem).__name__}: {problem}",
                expected="the JSON text that Preparation.to_json wrote",
            ) from problem


def _fit_table(
    common: Preparation, raw: NDArray[Any], columns: Sequence[Column], scaling: Scaling
) -> Preparation:
    prepared = tuple(_fit_column(column, raw[:, index]) for index, column in enumerate(columns))
    center, spread = center_and_spread(_encode_table(raw, prepared), scaling)
    # A 0/1 feature of a category stays 0 and 1.
    is_number = [column.categories is None for column in prepared for _ in _features(column)]
    return replace(
        common,
        kind="table",
        columns=prepared,
        center=tuple(c if n else 0.0 for c, n in zip(center, is_number, strict=True)),
        spread=tuple(s if n else 1.0 for s, n in zip(spread, is_number, strict=True)),
    )


def _fit_column(column: Column, values: NDArray[Any]) -> PreparedColumn:
    present = values[~np.isnan(values)]
    if not present.size:
        raise DataError(
            f"column {column.name!r} has no value in the training rows",
            mend=f"leave it out: ignore=[{column.name!r}]",
        )
    if column.categories is None:
        return PreparedColumn(column.name, float(np.median(present)))
    codes, counts = np.unique(present.astype(np.intp), return_counts=True)
    names = [column.categories[code] for code in codes]
    return PreparedColumn(column.name, names[int(np.argmax(counts))], tuple(names))


def _features(column: PreparedColumn) -> list[str]:
    if column.categories is None:
        return [column.name]
    return [f"{column.name}={category}" for category in column.categories]


def _encode_table(raw: NDArray[Any], columns: tuple[PreparedColumn, ...]) -> NDArray[np.float64]:
    parts: list[NDArray[np.float64]] = []
    for index, column in enumerate(columns):
        values = raw[:, index].astype(np.float64)
        missing = np.isnan(values)
        if column.categories is None:
            parts.append(np.where(missing, column.fill, values)[:, None])
        else:
            codes = np.where(missing, column.categories.index(str(column.fill)), values)
            one_hot = codes[:, None] == np.arange(len(column.categories))
            parts.append(np.where(codes[:, None] == UNSEEN, 0.0, one_hot.astype(np.float64)))
    return np.concatenate(parts, axis=1)


def _floats(values: list[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _strings(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(str(value) for value in values)
