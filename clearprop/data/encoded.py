"""Rows that are encoded when they are asked for.

Shape letters: N examples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.columns import Column, arrange
from clearprop.data.preparation import Preparation
from clearprop.data.sources import Indices, Inputs
from clearprop.errors import ClearpropError


class EncodedRows:
    """A source whose rows are encoded when they are asked for.

    Args:
        source: raw rows.
        preparation: what encodes them.
        columns: the columns of the raw rows, where they are a table.
        where: what an error should name.
    """

    def __init__(
        self,
        source: Inputs,
        preparation: Preparation,
        columns: tuple[Column, ...] | None = None,
        where: str | None = None,
    ) -> None:
        self.source = source
        self.preparation = preparation
        self.columns = columns
        self.where = where

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all encoded rows, (N, ...)."""
        return (len(self.source), *self.preparation.encoded_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the encoded numbers."""
        kinds: dict[str, Any] = {"bytes": np.uint8, "tokens": np.int32}
        dtype: np.dtype[Any] = np.dtype(kinds.get(self.preparation.kind, np.float32))
        return dtype

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: Indices, /) -> NDArray[Any]:
        raw = np.asarray(self.source[rows])
        try:
            if self.preparation.raw_columns is not None and self.columns is not None:
                raw = arrange(raw, self.columns, self.preparation.raw_columns)
            return self.preparation.encode(raw)
        except ClearpropError as error:
            error.where = error.where or self.where
            raise
