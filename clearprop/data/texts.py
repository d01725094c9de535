"""Text files as tokens, one for each character, in windows that predict the next character.

Shape letters: N windows, T characters in a window.
"""

from __future__ import annotations

import platform
import stat
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np

from clearprop.data.checks import check_at_least_one, check_windows
from clearprop.data.dataset import About, Dataset
from clearprop.data.paths import check_room
from clearprop.data.preprocessor import INPUTS
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import DataError, option
from clearprop.files import look_at, read_errors
from clearprop.memory import shown_size

SEQUENCE_LENGTH = 64

LONGEST_STREAM = 1 << 26
BYTES_OF_A_CHARACTER = 16
"""What a character takes as text, as a code point and as a token."""

TOPICS_SOURCE = (
    "pydoc_data.topics: the reference topics of the Python that runs this, as help() has"
)
TOPICS_LICENCE = "PSF-2.0 (documentation of Python)"


def load_text(
    path: Path, *, sequence_length: int = SEQUENCE_LENGTH, stride: int | None = None
) -> Dataset:
    """Return windows of a text, tokens (N, T), and as targets the character after each token.

    ``class_names`` is the vocabulary: every character of the file, sorted. A split keeps the order
    of the text: its beginning is the training part, the rest is for evaluation.

    Args:
        path: a UTF-8 file.
        sequence_length: T.
        stride: characters from the beginning of a window to the beginning of the next; None takes
            T. If windows overlap, a split leaves out windows that two parts would share.

    Raises:
        ConfigurationError: the sequence length or the stride is below 1.
        DataError: the file is not UTF-8, or too short for one window.
    """
    return text_windows(read_text(path), path.name, sequence_length, stride, source=str(path))


def load_topics(*, sequence_length: int = SEQUENCE_LENGTH, stride: int | None = None) -> Dataset:
    """Return Python's own reference topics as one text in windows.

    Every Python has this text; it differs a little from one version of Python to another.
    """
    version = platform.python_version()
    made = text_windows(
        topics_text(),
        "python-topics",
        sequence_length,
        stride,
        source=f"{TOPICS_SOURCE}; Python {version}",
        licence=TOPICS_LICENCE,
    )
    note = f"the text is that of Python {version}; another one gives other figures"
    return replace(made, notes=(note,))


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
    **about: Unpack[About],
) -> Dataset:
    """Return a text in windows, as `load_text` describes them.

    Raises:
        ConfigurationError: the sequence length or the stride is below 1.
        DataError: the text is too short for one window.

    >>> made = text_windows("abcdef", "letters", sequence_length=2, stride=1)
    >>> [made.vocabularies["inputs"].decode(row) for row in made.inputs]
    ['ab', 'bc', 'cd', 'de']
    """
    stride = sequence_length if stride is None else stride
    check_at_least_one(name, sequence_length=sequence_length, stride=stride)
    if len(text) <= sequence_length:
        raise DataError(
            "the text is too short for one window",
            where=name,
            given=f"{len(text)} characters",
            expected=f"at least {sequence_length + 1}, because the last one is only predicted",
            fix=option("sequence_length", len(text) - 1) if len(text) > 1 else None,
        )
    count = -(-(len(text) - sequence_length) // stride)
    check_windows(
        name,
        count,
        2 * 4 * sequence_length,
        f"{sequence_length:,} characters, one at every {stride:,}",
        lambda fitting: option("stride", -(-len(text) // fitting)),
    )
    code_points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    characters, tokens = np.unique(code_points, return_inverse=True)
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
        vocabularies={INPUTS: Vocabulary(names, "character")},
        gap=-(-sequence_length // stride) - 1,
        **about,
    )


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file; each line end becomes one character.

    Of a pipe or a device, which may have no end, at most 64 MiB are read.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or does not fit into the memory.
    """
    found = look_at(path)
    is_file = stat.S_ISREG(found.st_mode)
    check_room(found.st_size * BYTES_OF_A_CHARACTER, path, "the text")
    with read_errors(path), path.open("rb") as file:
        content = file.read() if is_file else file.read(LONGEST_STREAM + 1)
    if not is_file and len(content) > LONGEST_STREAM:
        raise DataError(
            "the text has no end, or is too long to be read from a pipe or a device",
            where=str(path),
            expected=f"at most {shown_size(LONGEST_STREAM)}",
            fix="write it into a file first, and name that file",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            "the file is not UTF-8 text",
            where=str(path),
            given=f"byte {error.object[error.start]:#04x} at position {error.start}",
            fix="save it again with encoding UTF-8",
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
