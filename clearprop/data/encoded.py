"""Rows that are encoded when they are read.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import errors_at
from clearprop.data.columns import Column, arrange
from clearprop.data.preprocessor import INPUTS, Preprocessor
from clearprop.data.sources import Indices, Inputs, Named
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """A source whose rows are encoded when they are read.

    Args:
        source: raw rows.
        preprocessor: encodes them.
        columns: the columns of the raw rows, if they are a table.
        renumbering: the vocabulary of raw tokens, and the number of each of them in that of the
            preprocessor, -1 for an unknown one; None if no token changes its number.
        where: the place that an error names.
    """

    source: Inputs
    preprocessor: Preprocessor
    columns: tuple[Column, ...] | None = None
    renumbering: tuple[Vocabulary, NDArray[np.int32]] | None = None
    where: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all encoded rows, (N, ...)."""
        return (len(self.source), *self.preprocessor.encoded_shape)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the encoded numbers."""
        kinds = {"bytes": "uint8", "tokens": "int32"}
        return np.dtype(kinds.get(self.preprocessor.kind, "float32"))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: Indices, /) -> NDArray[np.generic]:
        raw = np.asarray(self.source[rows])
        with errors_at(self.where):
            if self.preprocessor.raw_columns is not None and self.columns is not None:
                raw = arrange(raw, self.columns, self.preprocessor.raw_columns)
            if self.renumbering is not None:
                vocabulary, numbers = self.renumbering
                unknown = raw[numbers[raw] < 0]
                if unknown.size:
                    token = vocabulary.tokens[int(unknown[0])]
                    raise DataError(f"the model was not trained on the token {token!r}")
                raw = numbers[raw]
            encoded: NDArray[np.generic] = self.preprocessor.encode(raw)
            return encoded


def encoded_inputs(
    inputs: Inputs | Named,
    preprocessor: Preprocessor,
    columns: tuple[Column, ...] | None,
    vocabularies: Mapping[str, Vocabulary],
    where: str,
) -> EncodedRows | dict[str, EncodedRows]:
    """Return inputs that are encoded when they are read; a dict for several inputs by name.

    Args:
        inputs: raw inputs.
        preprocessor: encodes them.
        columns: the columns of a table.
        vocabularies: those of the raw tokens, by the names of the inputs.
        where: the place that an error names.

    Raises:
        ShapeError: the inputs have other names than the preprocessor knows.
    """

    def renumbering(name: str) -> tuple[Vocabulary, NDArray[np.int32]] | None:
        old, new = vocabularies.get(name), preprocessor.vocabularies.get(name)
        return None if old is None or new is None or old == new else (old, old.numbers_in(new))

    if preprocessor.kind != "named" and not isinstance(inputs, Mapping):
        return EncodedRows(inputs, preprocessor, columns, renumbering(INPUTS), where)
    names = sorted(inputs) if isinstance(inputs, Mapping) else ["one input without a name"]
    if not isinstance(inputs, Mapping) or names != sorted(preprocessor.parts):
        raise ShapeError(
            "the inputs have other names than in training",
            where=where,
            given=", ".join(names),
            expected=", ".join(sorted(preprocessor.parts)) or "one input without a name",
        )
    return {
        name: EncodedRows(inputs[name], preprocessor.parts[name], None, renumbering(name), where)
        for name in names
    }
