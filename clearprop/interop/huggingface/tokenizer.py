"""Texts as the tokens that a model of Hugging Face reads, by the library ``tokenizers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import CheckpointError, ConfigurationError, DataError
from clearprop.files import content_errors, read_errors
from clearprop.interop.huggingface.folder import CONFIG, read_object

TOKENIZER = "tokenizer.json"

_LENGTHS = (
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
    (CONFIG, "max_position_embeddings"),
    (CONFIG, "n_positions"),
)
"""Files and settings that limit the tokens of a text."""


class Tokenizer:
    """The tokenizer of a folder: texts -> ``{"segments": ..., "tokens": ...}``, int32 (B, T).

    Each text begins and ends with the tokens that the model expects. Shorter texts are filled up
    with the padding token to the longest of the call; longer texts than ``length`` are cut.

    Args:
        folder: with ``tokenizer.json`` and ``config.json``.
        length: the most tokens of a text; None takes the least of what the folder says.

    Attributes:
        length: the most tokens of a text.
        padding: the token that fills short texts; None where there is none.

    Raises:
        CheckpointError: a file is missing or damaged.
        ConfigurationError: the library is not installed, or the length is beyond that of the model.
    """

    def __init__(self, folder: Path | str, length: int | None = None) -> None:
        folder = Path(folder)
        try:
            import tokenizers
        except ImportError as error:
            raise ConfigurationError(
                "tokenizers of Hugging Face need the library tokenizers, which is not installed",
                fix="pip install 'clearprop[huggingface]'",
            ) from error
        file = folder / TOKENIZER
        with read_errors(file, CheckpointError):
            text = file.read_text(encoding="utf-8")
        with content_errors(file, CheckpointError, "the tokenizer is damaged"):
            self._library = tokenizers.Tokenizer.from_str(text)
        most = _most(folder)
        if length is not None and not 0 < length <= (most or length):
            raise ConfigurationError(
                "the model reads fewer tokens at once",
                where=str(folder),
                given=f"length={length}",
                expected=f"1 to {most}",
            )
        self.length = length or most
        self.padding = _padding(folder)
        self._library.no_padding()
        if self.length is None:
            self._library.no_truncation()
        else:
            self._library.enable_truncation(self.length)

    def __call__(
        self, texts: Sequence[str] | Sequence[tuple[str, str]]
    ) -> dict[str, NDArray[np.int32]]:
        """Return the tokens of texts, or of pairs of texts, and the segments they belong to.

        Raises:
            DataError: there is no text; the texts have several lengths and there is no padding
                token; or a text contains the padding token, which the model would ignore.
        """
        if isinstance(texts, str) or not len(texts):
            raise DataError(
                "the tokenizer takes a list of texts",
                given=repr(texts)[:60],
                fix="tokenizer([text])",
            )
        rows = self._library.encode_batch(list(texts))
        longest = max(len(row.ids) for row in rows)
        if self.padding is None and any(len(row.ids) < longest for row in rows):
            raise DataError(
                "the texts have several lengths, and this model has no token that fills them up",
                given=f"{min(len(row.ids) for row in rows)} to {longest} tokens",
                fix="give texts one by one, or in parts of the same length",
            )
        tokens = np.full((len(rows), longest), self.padding or 0, np.int32)
        segments = np.zeros((len(rows), longest), np.int32)
        for number, row in enumerate(rows):
            if self.padding in row.ids:
                raise DataError(
                    "a text contains the padding token, which the model ignores",
                    where=f"text {number}",
                    given=repr(texts[number])[:80],
                )
            tokens[number, : len(row.ids)] = row.ids
            segments[number, : len(row.ids)] = row.type_ids
        return {"segments": segments, "tokens": tokens}

    def decode(self, tokens: NDArray[np.integer]) -> list[str]:
        """Return the texts of tokens (B, T), without those that begin, end or fill a text."""
        rows = [[int(token) for token in row] for row in np.atleast_2d(tokens)]
        return list(self._library.decode_batch(rows))


def _most(folder: Path) -> int | None:
    """Return the least of the lengths that a folder says; None where it says none."""
    found = []
    for name, setting in _LENGTHS:
        if (folder / name).is_file():
            value = read_object(folder, name).get(setting)
            # Tokenizers without a limit say a number such as 10^30.
            if type(value) is int and 0 < value < 2**31:
                found.append(value)
    return min(found, default=None)


def _padding(folder: Path) -> int | None:
    config: Mapping[str, object] = read_object(folder, CONFIG)
    value = config.get("pad_token_id", 0 if config.get("model_type") == "bert" else None)
    return value if type(value) is int else None
