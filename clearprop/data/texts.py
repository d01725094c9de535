"""Text files as tokens, one for each character, in windows that predict the next character.

Shape letters: N windows, T characters in a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset
from clearprop.errors import ConfigurationError, DataError

SEQUENCE_LENGTH = 64


def load_text(path: Path, *, sequence_length: int = SEQUENCE_LENGTH) -> Dataset:
    """Return windows of a text, tokens (N, T), and as targets the same moved on by one character.

    ``class_names`` is the vocabulary: every character of the file, sorted. Split, the text stays in
    order: its beginning trains, what follows judges.

    Raises:
        ConfigurationError: the sequence length is not a positive whole number.
        DataError: the file is not UTF-8, or too short for one window.
    """
    if isinstance(sequence_length, bool) or sequence_length < 1:
        raise ConfigurationError(
            "a window holds at least one character", given=f"sequence_length={sequence_length}"
        )
    text = read_text(path)
    windows = (len(text) - 1) // sequence_length
    if windows < 1:
        raise DataError(
            "the text is too short for one window",
            where=str(path),
            given=f"{len(text)} characters",
            expected=f"at least {sequence_length + 1}, as the last one is only predicted",
            mend=f"sequence_length={max(len(text) - 1, 1)}" if len(text) > 1 else None,
        )
    points = _code_points(text)
    characters, tokens = np.unique(points, return_inverse=True)
    tokens = tokens.astype(np.int32)
    used = windows * sequence_length
    return Dataset(
        name=path.name,
        inputs=tokens[:used].reshape(windows, sequence_length),
        targets=tokens[1 : used + 1].reshape(windows, sequence_length),
        task="text",
        class_names=tuple(chr(point) for point in characters),
        source=str(path),
    )


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, with line ends as one character.

    Raises:
        DataError: the file cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            "the file is not UTF-8 text",
            where=str(path),
            given=f"byte {error.object[error.start]:#04x} at position {error.start}",
            mend="save it again with encoding UTF-8",
        ) from error
    except OSError as error:
        raise DataError("the file cannot be read", where=str(path), given=str(error)) from error


def encode_text(
    text: str, vocabulary: Sequence[str], where: str | None = None
) -> NDArray[np.int32]:
    """Return the token of each character, (len(text),).

    Raises:
        DataError: a character is not in the vocabulary.

    >>> encode_text("abba", ["a", "b"]).tolist()
    [0, 1, 1, 0]
    """
    token = {character: index for index, character in enumerate(vocabulary)}
    for position, character in enumerate(text):
        if character not in token:
            raise DataError(
                f"the character {character!r} is not in the vocabulary",
                where=where,
                given=f"at position {position}",
                expected=f"one of the {len(vocabulary)} characters that the model was trained on",
            )
    return np.array([token[character] for character in text], np.int32)


def decode_text(tokens: NDArray[np.integer], vocabulary: Sequence[str]) -> str:
    """Return the text of tokens.

    >>> decode_text(np.array([0, 1, 1, 0]), ["a", "b"])
    'abba'
    """
    return "".join(vocabulary[int(token)] for token in tokens.ravel())


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint32)
