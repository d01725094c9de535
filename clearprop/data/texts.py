"""Text files as tokens, one for each character, in windows that predict the next character.

Shape letters: N windows, T characters in a window.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import ConfigurationError, DataError

SEQUENCE_LENGTH = 64


TOPICS_SOURCE = (
    "pydoc_data.topics: the reference topics of the Python that runs this, as help() has"
)
TOPICS_LICENCE = "PSF-2.0 (documentation of Python)"


def load_text(
    path: Path, *, sequence_length: int = SEQUENCE_LENGTH, stride: int | None = None
) -> Dataset:
    """Return windows of a text, tokens (N, T), and as targets the same moved on by one character.

    ``class_names`` is the vocabulary: every character of the file, sorted. Split, the text stays in
    order: the beginning is the training part, the rest is for evaluation.

    Args:
        path: a UTF-8 file.
        sequence_length: T.
        stride: characters from the beginning of a window to the next one's; None takes T. Where
            windows overlap, a split leaves out between the parts those that would share characters.

    Raises:
        ConfigurationError: the sequence length or the stride is not a positive whole number.
        DataError: the file is not UTF-8, or too short for one window.
    """
    stride = _stride(sequence_length, stride)
    return text_windows(read_text(path), path.name, sequence_length, stride, source=str(path))


def load_topics(*, sequence_length: int = SEQUENCE_LENGTH, stride: int | None = None) -> Dataset:
    """Return Python's own reference topics as one text in windows; always at hand.

    The text is that of the Python version that runs, so it differs a little from one to another.
    """
    version = ".".join(platform.python_version_tuple()[:2])
    return text_windows(
        topics_text(),
        "python-topics",
        sequence_length,
        stride,
        source=f"{TOPICS_SOURCE}; Python {version}",
        licence=TOPICS_LICENCE,
    )


def topics_text() -> str:
    """Return the topics in the order of their names.

    >>> "exception" in topics_text()
    True
    """
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name].strip() for name in sorted(topics)) + "\n"


def text_windows(
    text: str,
    name: str,
    sequence_length: int = SEQUENCE_LENGTH,
    stride: int | None = None,
    *,
    source: str = "made in memory",
    licence: str = "not stated",
) -> Dataset:
    """Return a text in windows, as `load_text` describes them.

    Raises:
        ConfigurationError: the sequence length or the stride is not a positive whole number.
        DataError: the text is too short for one window.

    >>> made = text_windows("abcdef", "letters", sequence_length=2, stride=1)
    >>> [decode_text(row, made.class_names) for row in made.inputs]
    ['ab', 'bc', 'cd', 'de']
    """
    stride = _stride(sequence_length, stride)
    if len(text) <= sequence_length:
        raise DataError(
            "the text is too short for one window",
            where=name,
            given=f"{len(text)} characters",
            expected=f"at least {sequence_length + 1}, as the last one is only predicted",
            fix=f"sequence_length={max(len(text) - 1, 1)}" if len(text) > 1 else None,
        )
    characters, tokens = np.unique(_code_points(text), return_inverse=True)
    both = np.lib.stride_tricks.sliding_window_view(tokens.astype(np.int32), sequence_length + 1)[
        ::stride
    ]
    names = tuple(chr(point) for point in characters)
    return Dataset(
        name=name,
        inputs=np.ascontiguousarray(both[:, :-1]),
        targets=np.ascontiguousarray(both[:, 1:]),
        task="text",
        class_names=names,
        source=source,
        licence=licence,
        vocabularies={"inputs": Vocabulary(names, "character")},
        gap=-(-sequence_length // stride) - 1,
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
            fix="save it again with encoding UTF-8",
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


def _stride(sequence_length: int, stride: int | None) -> int:
    stride = sequence_length if stride is None else stride
    for option, size, problem in (
        ("sequence_length", sequence_length, "a window holds at least one character"),
        ("stride", stride, "windows begin at least one character apart"),
    ):
        if isinstance(size, bool) or size < 1:
            raise ConfigurationError(problem, given=f"{option}={size}")
    return stride
