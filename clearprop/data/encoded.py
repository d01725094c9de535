"""Rows that are encoded when they are asked for.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import Column, arrange
from clearprop.data.preprocessor import INPUTS, Preprocessor
from clearprop.data.sources import Indices, Inputs, Named
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import ClearpropError, DataError, ShapeError


class EncodedRows:
    """A source whose rows are encoded when they are asked for.

    Args:
        source: raw rows.
        preprocessor: what encodes them.
        columns: the columns of the raw rows, where they are a table.
        vocabularies: that of the raw tokens and that of the preprocessor, where they are tokens.
        where: what an error should name.
    """

    def __init__(
        self,
        source: Inputs,
        preprocessor: Preprocessor,
        columns: tuple[Column, ...] | None = None,
        vocabularies: tuple[Vocabulary, Vocabulary] | None = None,
        where: str | None = None,
    ) -> None:
        self.source = source
        self.preprocessor = preprocessor
        self.columns = columns
        self.vocabularies = None
        if vocabularies is not None and vocabularies[0] != vocabularies[1]:
            self.vocabularies = vocabularies
            self._numbers = vocabularies[0].numbers_in(vocabularies[1])
        self.where = where

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all encoded rows, (N, ...)."""
        return (len(self.source), *self.preprocessor.encoded_shape)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the encoded numbers."""
        kinds: dict[str, Any] = {"bytes": np.uint8, "tokens": np.int32}
        dtype: np.dtype[np.generic] = np.dtype(kinds.get(self.preprocessor.kind, np.float32))
        return dtype

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: Indices, /) -> NDArray[np.generic]:
        raw = np.asarray(self.source[rows])
        try:
            if self.preprocessor.raw_columns is not None and self.columns is not None:
                raw = arrange(raw, self.columns, self.preprocessor.raw_columns)
            if self.vocabularies is not None:
                raw = self._renumbered(raw, self.vocabularies[0])
            encoded: NDArray[np.generic] = self.preprocessor.encode(raw)
            return encoded
        except ClearpropError as error:
            error.where = error.where or self.where
            raise

    def _renumbered(self, raw: NDArray[np.generic], old: Vocabulary) -> NDArray[np.int32]:
        tokens: NDArray[np.int32] = self._numbers[raw]
        if (tokens < 0).any():
            raise DataError(
                f"the token {old.tokens[int(raw[tokens < 0][0])]!r} is not one that the model was "
                "trained on"
            )
        return tokens


def encoded_inputs(
    inputs: Inputs | Named,
    preprocessor: Preprocessor,
    columns: tuple[Column, ...] | None,
    vocabularies: Mapping[str, Vocabulary],
    where: str,
) -> EncodedRows | dict[str, EncodedRows]:
    """Return inputs that are encoded when asked for; of several by name, each by its name.

    Args:
        inputs: raw.
        preprocessor: what encodes them.
        columns: of a table.
        vocabularies: of the raw tokens, by the names of the inputs.
        where: what an error should name.

    Raises:
        ShapeError: inputs by name have other names than the preprocessor knows.
    """

    def pair(name: str) -> tuple[Vocabulary, Vocabulary] | None:
        if name not in vocabularies or name not in preprocessor.vocabularies:
            return None
        return vocabularies[name], preprocessor.vocabularies[name]

    if preprocessor.kind != "named" and not isinstance(inputs, Mapping):
        return EncodedRows(inputs, preprocessor, columns, pair(INPUTS), where)
    names = sorted(inputs) if isinstance(inputs, Mapping) else ["one input without a name"]
    if not isinstance(inputs, Mapping) or names != sorted(preprocessor.parts):
        raise ShapeError(
            "these inputs are not those that the model was trained on",
            where=where,
            given=", ".join(names),
            expected=", ".join(sorted(preprocessor.parts)) or "one input without a name",
        )
    return {
        name: EncodedRows(inputs[name], preprocessor.parts[name], None, pair(name), where)
        for name in names
    }
