"""Turns raw inputs into the inputs of a model; it is fitted on the training part only.

Shape letters: N examples, C columns of a table, F last axis (features, or channels of an image).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.data import records
from clearprop.data.checks import errors_at, in_32_bits
from clearprop.data.columns import Column
from clearprop.data.fitted_columns import FittedColumn, encode_columns, features_of, fit_columns
from clearprop.data.readings import PLAIN, Reading
from clearprop.data.records import NO_RECORD, JsonRecord
from clearprop.data.sources import Inputs, Named, by_name, evenly_spaced
from clearprop.data.statistics import Scaling, center_and_spread
from clearprop.data.vocabulary import Level, Vocabulary
from clearprop.errors import DataError, ShapeError, kind_of
from clearprop.files import content_errors

Task: TypeAlias = Literal["classification", "regression", "text"]
Kind: TypeAlias = Literal["numbers", "bytes", "table", "tokens", "named"]
Transparency: TypeAlias = Literal["white", "dropped"]

if TYPE_CHECKING:
    import jax

Numbers: TypeAlias = "NDArray[np.number] | jax.Array"
"""Numbers in memory or on a device."""

INPUTS, TARGETS = "inputs", "targets"
"""The names of the vocabularies of inputs without a name, and of targets."""

# Statistics of a set that is too large for memory come from this many of its training rows.
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Preprocessor:
    """How raw inputs become a model's inputs; it is saved with the model.

    All its statistics come from the training rows alone. The names of the classes and the
    characters of a text come from all rows, because they define the task and the size of the model.

    It works in two steps, so that pictures can stay bytes in memory:

    1. ``encode``, once, on the host: it fills missing values, turns categories into one-hot
       features and standardizes numbers in double precision. Bytes and tokens stay as they are.
    2. ``scaled``, on each batch, on any device: ``x = kept * scale + shift`` in float32. This
       standardizes bytes and leaves all other inputs unchanged.

    If an example has several inputs by name, each has its own preprocessor in ``parts``, and all
    methods take and return dicts by name.

    Args:
        kind: "bytes" (uint8, such as pictures), "numbers", "table", "tokens" or "named".
        input_shape: the shape of one raw example; () for several inputs by name.
        center: the numbers to subtract, one for each entry of the last axis of encoded inputs.
        spread: the numbers to divide by afterwards.
        columns: the columns of a table.
        task: what the targets are.
        class_names: names of the labels 0, 1, ...; for text, the vocabulary.
        target_center: mean of each regression target in training.
        target_spread: standard deviation of each regression target in training.
        parts: the preprocessor of each input, if there are several by name.
        vocabularies: the vocabularies of inputs that are tokens, by the name of the input
            ("inputs" for one without a name), and of targets that are tokens ("targets"). Those of
            words hold only words of the training part.
        text_column: for texts from a table, the column of the texts.
        transparency: for bytes, what new pictures become where they are transparent: "white", or
            "dropped" (the hidden colors are seen) for runs of versions without this record.

    >>> pixels = np.array([[0], [100], [200]], np.uint8)
    >>> preprocessor = Preprocessor.fit(pixels, scaling="unit")
    >>> preprocessor.encode(pixels).dtype, preprocessor.apply(pixels).ravel().tolist()
    (dtype('uint8'), [0.0, 0.5, 1.0])
    >>> Preprocessor.from_json(preprocessor.to_json()) == preprocessor
    True
    """

    kind: Kind
    input_shape: tuple[int, ...]
    center: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    columns: tuple[FittedColumn, ...] = ()
    task: Task = "classification"
    class_names: tuple[str, ...] | None = None
    target_center: tuple[float, ...] = ()
    target_spread: tuple[float, ...] = ()
    parts: Mapping[str, Preprocessor] = field(default_factory=dict)
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    text_column: str | None = None
    transparency: Transparency = "white"

    @classmethod
    def fit(
        cls,
        inputs: Inputs | Named,
        targets: NDArray[np.generic] | None = None,
        *,
        columns: tuple[Column, ...] | None = None,
        scaling: Scaling = "standard",
        task: Task = "classification",
        class_names: tuple[str, ...] | None = None,
        vocabularies: Mapping[str, Vocabulary] | None = None,
        text_column: str | None = None,
    ) -> Preprocessor:
        """Return the preprocessor that is fitted on the training rows.

        Args:
            inputs: (N, ...); with ``columns`` float (N, C), NaN where a value is missing. Several
                inputs by name are fitted one by one; those of whole numbers are tokens.
            targets: float (N, outputs) for regression, of which mean and deviation are kept. The
                same array as the inputs stands for targets that are the inputs as they are kept.
            columns: names and categories of the columns of a table.
            scaling: "standard" (mean 0, deviation 1), "unit" (from 0 to 1) or "none".
            task: what the targets are; "text" takes the inputs as tokens.
            class_names: kept as they are.
            vocabularies: by the names of inputs and targets; an input with one is tokens.
            text_column: kept as it is.

        Raises:
            DataError: a column of a table has no value in these rows.
        """
        known = _learned(vocabularies or {}, inputs)
        if isinstance(inputs, Mapping):
            parts = {
                name: _fit_input(inputs[name], None, scaling, inputs[name].dtype.kind in "ib")
                for name in sorted(inputs)
            }
            fitted = cls("named", (), parts=parts)
        else:
            fitted = _fit_input(inputs, columns, scaling, task == "text" or INPUTS in known)
        if task == "regression" and targets is inputs:
            fitted = fitted.reconstructing()
        elif task == "regression" and targets is not None:
            center, spread = center_and_spread(targets, "standard")
            fitted = replace(fitted, target_center=center, target_spread=spread)
        return replace(
            fitted,
            task=task,
            class_names=class_names,
            vocabularies=known,
            text_column=text_column,
        )

    def __repr__(self) -> str:
        shape = self.encoded_shape
        shown = shape if isinstance(shape, dict) else {"": shape}
        parts = [f"{name} {'x'.join(map(str, s))}".strip() for name, s in shown.items()]
        classes = f", {len(self.class_names)} classes" if self.class_names is not None else ""
        return f"Preprocessor({self.kind} {', '.join(parts)}, {self.task}{classes})"

    @property
    def changes_numbers(self) -> bool:
        """Whether the model's inputs or targets differ from the raw ones, as numbers."""
        if self.kind == "named":
            return any(part.changes_numbers for part in self.parts.values())
        scaled = any(self.center) or any(spread != 1 for spread in self.spread)
        coded = any(c.categories is not None or c.reading != PLAIN for c in self.columns)
        return scaled or coded or bool(self.target_center)

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
    def encoded_shape(self) -> Any:
        """The shape of one example as the model sees it; a dict of shapes for inputs by name."""
        if self.kind == "named":
            return {name: part.encoded_shape for name, part in self.parts.items()}
        if self.kind == "table":
            return (len(self.center),)
        return self.input_shape

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of a table's encoded features: ``age``, ``color=red``; None for other kinds."""
        if self.kind != "table":
            return None
        return tuple(name for column in self.columns for name in features_of(column))

    @property
    def raw_columns(self) -> tuple[Column, ...] | None:
        """The raw columns and the category codes that ``encode`` expects; None if not a table."""
        if self.kind != "table":
            return None
        return tuple(Column(c.name, c.categories, c.reading) for c in self.columns)

    def encode(self, raw: Any) -> Any:
        """Return the numbers to keep in memory: step 1.

        Args:
            raw: (N, ...) of ``input_shape``; a table's categories are codes into ``raw_columns``.
                A dict for several inputs by name.

        Raises:
            DataError: a token needs more than 32 bits.
            ShapeError: one example does not have ``input_shape``, or a name is missing.
        """
        if self.kind == "named":
            return {name: part.encode(raw[name]) for name, part in self._named(raw)}
        self._check_shape(raw)
        if self.kind == "tokens":
            return in_32_bits(raw)
        if self.kind == "bytes":
            return self._as_bytes(raw)
        numbers = encode_columns(raw, self.columns) if self.kind == "table" else raw
        scaled = numbers.astype(np.float64)
        scaled -= np.array(self.center, np.float64)
        scaled /= np.array(self.spread, np.float64)
        return scaled.astype(np.float32)

    def scaled(self, kept: Any) -> Any:
        """Return a batch of kept numbers as the model sees it: step 2, ``kept * scale + shift``.

        It works on NumPy and on JAX arrays, also inside a compiled step. Tokens stay as they are.
        """
        if self.kind == "named":
            return {name: part.scaled(kept[name]) for name, part in self._named(kept)}
        if self.kind == "tokens":
            return kept
        if self.kind == "bytes":
            return kept.astype(np.float32) * self.scale + self.shift
        return kept.astype(np.float32)

    def apply(self, raw: Any) -> Any:
        """Return raw inputs as the model sees them: both steps.

        Raises:
            ShapeError: one example does not have ``input_shape``.
        """
        return self.scaled(self.encode(raw))

    def scaled_targets(self, targets: Numbers) -> Numbers:
        """Return regression targets with mean 0 and deviation 1 over the training part, float32."""
        center, spread = self._target_arrays()
        return (targets.astype(np.float32) - center) / spread

    def restored_targets(self, outputs: Numbers) -> Numbers:
        """Return a model's scaled regression outputs in the units of the targets."""
        center, spread = self._target_arrays()
        return outputs * spread + center

    def reconstructing(self) -> Preprocessor:
        """Return the preprocessor whose targets are the inputs as they are kept.

        Kept bytes are scaled at each batch, their targets alike; other inputs are scaled already.
        """
        if self.kind != "bytes":
            return replace(self, target_center=(), target_spread=())
        return replace(self, target_center=self.center, target_spread=self.spread)

    @property
    def repeats_inputs(self) -> bool:
        """Whether the targets may be the inputs as they are kept; see `reconstructing`."""
        return self.task == "regression" and self.reconstructing() == self

    def _target_arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if not self.target_center:
            return np.zeros((), np.float32), np.ones((), np.float32)
        center = np.asarray(self.target_center, np.float32)
        return center, np.asarray(self.target_spread, np.float32)

    def _named(self, given: Any) -> list[tuple[str, Preprocessor]]:
        names = sorted(given) if by_name(given) else None
        if names != sorted(self.parts):
            raise ShapeError(
                "the inputs do not have the names that the preprocessor was fitted on",
                given=", ".join(names) if names is not None else kind_of(given),
                expected=f"inputs by name: {', '.join(sorted(self.parts))}",
            )
        return sorted(self.parts.items())

    def _check_shape(self, raw: NDArray[np.generic]) -> None:
        # A model of sequences takes sequences of any length.
        if self.kind != "tokens" and tuple(raw.shape[1:]) != self.input_shape:
            raise ShapeError(
                "the inputs do not have the shape that the preprocessor was fitted on",
                given=f"examples of shape {tuple(raw.shape[1:])}",
                expected=f"examples of shape {self.input_shape}",
                fix="add the batch axis: inputs[None]" if raw.shape == self.input_shape else None,
            )

    def _as_bytes(self, raw: NDArray[np.generic]) -> NDArray[np.uint8]:
        kept = raw.astype(np.uint8, copy=False)
        if raw.dtype != np.uint8 and not np.array_equal(kept, raw):
            raise DataError(
                "the model was trained on bytes",
                given=f"{raw.dtype} from {raw.min()} to {raw.max()}",
                expected="whole numbers from 0 to 255",
                fix="pass the raw pixels, not scaled ones",
            )
        return kept

    def to_json(self) -> str:
        """Return the record as JSON text, exact to the last bit."""
        return json.dumps(_record(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str | None = None) -> Preprocessor:
        """Return the record that ``to_json`` wrote.

        Args:
            text: what ``to_json`` returned.
            where: the file that an error names.

        Raises:
            DataError: the text is damaged or not such a record.
        """
        place = where or "the record"
        with content_errors(place, problem=NO_RECORD):
            record = json.loads(text)
        return _of_record(record, place)


def _learned(
    vocabularies: Mapping[str, Vocabulary], inputs: Inputs | Named
) -> dict[str, Vocabulary]:
    known = dict(vocabularies)
    for name in vocabularies.keys() - {TARGETS}:
        source = inputs[name] if isinstance(inputs, Mapping) else inputs
        rows = source[np.arange(len(source))]
        known[name] = vocabularies[name].learned(rows.astype(np.int32, copy=False))
    return known


def _fit_input(
    inputs: Inputs, columns: tuple[Column, ...] | None, scaling: Scaling, tokens: bool
) -> Preprocessor:
    shape = tuple(inputs.shape[1:])
    if tokens:
        return Preprocessor("tokens", shape)
    raw = inputs if isinstance(inputs, np.ndarray) else evenly_spaced(inputs, SAMPLE_ROWS)
    if columns is None:
        kind: Kind = "bytes" if raw.dtype == np.uint8 else "numbers"
        return Preprocessor(kind, shape, *center_and_spread(raw, scaling))
    fitted = fit_columns(raw, columns)
    center, spread = center_and_spread(encode_columns(raw, fitted), scaling)
    # A 0/1 feature of a category stays 0 and 1.
    is_number = [column.categories is None for column in fitted for _ in features_of(column)]
    return Preprocessor(
        "table",
        shape,
        center=tuple(c if n else 0.0 for c, n in zip(center, is_number, strict=True)),
        spread=tuple(s if n else 1.0 for s, n in zip(spread, is_number, strict=True)),
        columns=fitted,
    )


def _record(preprocessor: Preprocessor) -> dict[str, Any]:
    record = asdict(preprocessor)
    for column, plain in zip(preprocessor.columns, record["columns"], strict=True):
        del plain["reading"]
        if column.reading != PLAIN:
            plain["reading"] = column.reading.to_record()
    if preprocessor.kind != "bytes":
        del record["transparency"]
    record["parts"] = {name: _record(part) for name, part in preprocessor.parts.items()}
    return record


_NEEDED = (
    *("kind", "input_shape", "center", "spread", "columns", "task", "class_names"),
    *("target_center", "target_spread", "parts", "vocabularies"),
)
_MORE = ("text_column", "transparency")


def _of_record(value: object, where: str, is_part: bool = False) -> Preprocessor:
    record = JsonRecord.of(value, where, _NEEDED, _MORE)
    kinds = tuple(kind for kind in get_args(Kind) if kind != "named" or not is_part)
    kind: Any = record.take("kind", records.one_of(kinds))
    task: Any = record.take("task", records.one_of(get_args(Task)))
    known: Any = record.take("transparency", records.one_of(get_args(Transparency)), "dropped")
    made = Preprocessor(
        kind,
        record.take("input_shape", records.several(records.whole)),
        center=record.take("center", records.several(records.number)),
        spread=record.take("spread", records.several(records.spread)),
        columns=record.take("columns", records.several(_column_of)),
        task=task,
        class_names=record.take("class_names", records.optional(records.several(records.text))),
        target_center=record.take("target_center", records.several(records.number)),
        target_spread=record.take("target_spread", records.several(records.spread)),
        parts=record.take("parts", records.named(lambda part, at: _of_record(part, at, True))),
        vocabularies=record.take("vocabularies", records.named(_vocabulary_of)),
        text_column=record.take("text_column", records.optional(records.text)),
        transparency=known if kind == "bytes" else "white",
    )
    _check_lengths(made, where)
    return made


def _column_of(value: object, where: str) -> FittedColumn:
    record = JsonRecord.of(value, where, ("name", "fill", "categories"), ("reading",))
    categories = record.take("categories", records.optional(records.several(records.text)))
    fill: float | str
    if categories is None:
        fill = record.take("fill", records.number)
    else:
        fill = record.take("fill", records.one_of(categories))
    name = record.take("name", records.text)
    return FittedColumn(name, fill, categories, record.take("reading", Reading.from_record))


def _vocabulary_of(value: object, where: str) -> Vocabulary:
    record = JsonRecord.of(value, where, ("tokens", "level"))
    level: Any = record.take("level", records.one_of(get_args(Level)))
    tokens = record.take("tokens", records.several(records.text))
    with errors_at(where):
        return Vocabulary(tokens, level)


def _check_lengths(made: Preprocessor, where: str) -> None:
    """Raise unless the statistics of a record have the lengths that its kind needs."""
    shape, statistics = made.input_shape, len(made.center)
    fits = {
        "bytes": statistics in {1, *shape[-1:]} and bool(shape),
        "numbers": statistics in {1, *shape[-1:]} and bool(shape),
        "table": shape == (len(made.columns),) and statistics == len(made.feature_names or ()),
        "tokens": bool(shape),
        "named": bool(made.parts),
    }
    pairs = len(made.spread) == statistics and len(made.target_spread) == len(made.target_center)
    if not (fits[made.kind] and pairs) or (made.parts and made.kind != "named"):
        raise DataError(
            NO_RECORD,
            where=where,
            given=f"{made.kind} of shape {shape}, {len(made.columns)} columns, "
            f"{len(made.parts)} parts, {statistics} centers and {len(made.spread)} spreads",
            expected="lengths that belong together",
        )
