"""Words and their tags: files with one word and its tag in each line.

Shape letters: N sentences, T words of the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np

from clearprop.data.checks import check_at_least_one
from clearprop.data.dataset import About, Dataset
from clearprop.data.labelled_texts import read_texts
from clearprop.data.preprocessor import INPUTS
from clearprop.data.texts import read_text
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import ConfigurationError, DataError

SUFFIXES = (".conll", ".tags", ".iob")
SEQUENCE_LENGTH = 80
LONGEST_SHOWN = 60


class Tagged(NamedTuple):
    """A sentence: its words, and a tag for each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


def load_tagged(
    path: Path, *, tags: bool = True, sequence_length: int = SEQUENCE_LENGTH
) -> Dataset:
    """Return the sentences of a file of words and tags.

    Args:
        path: see `read_tagged`.
        tags: must be True, because such a file is read in no other way.
        sequence_length: T; a longer sentence is cut.

    Raises:
        ConfigurationError: a length below 1, or tags=False.
        DataError: the file is empty, not UTF-8, or a line has no tag.
    """
    if not tags:
        raise ConfigurationError("this file has tags", where=str(path), given="tags=False")
    sentences = read_tagged(path)
    groups = np.arange(len(sentences))
    return tagged(sentences, path.name, sequence_length, source=str(path), groups=groups)


def read_tagged(path: Path) -> list[Tagged]:
    """Return the sentences of a file.

    A line begins with a word and ends with its tag; a tab or spaces separate them. Columns between
    the two are not read. An empty line ends a sentence, and so does a line ``-DOCSTART-``.

    Raises:
        DataError: the file is empty or not UTF-8, or a line has a word without a tag.
    """
    found: list[Tagged] = []
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*read_text(path).splitlines(), ""], start=1):
        cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
        if not any(cells) or cells[0] == "-DOCSTART-":
            if words:
                found.append(Tagged(tuple(words), tuple(tags)))
            words, tags = [], []
            continue
        if len(cells) < 2 or not cells[0] or not cells[-1]:
            raise DataError(
                "the line has no tag" if cells[0] else "the line has no word",
                where=f"{path}, line {number}",
                given=repr(line[:LONGEST_SHOWN]),
                expected="a word and its tag, separated by a tab or a space",
            )
        words.append(cells[0])
        tags.append(cells[-1])
    if not found:
        raise DataError(
            "the file is empty", where=str(path), expected="a word and its tag in each line"
        )
    return found


def read_sentences(path: Path) -> list[list[str]]:
    """Return new sentences to tag: the lines of a text file, or the sentences of a tagged file.

    Raises:
        DataError: the file is empty, damaged or not UTF-8.
    """
    if path.suffix.lower() in SUFFIXES:
        return [list(sentence.words) for sentence in read_tagged(path)]
    return [line.split() for line in read_texts(path, None)]


def tagged(
    sentences: Sequence[Tagged],
    name: str,
    sequence_length: int = SEQUENCE_LENGTH,
    **about: Unpack[About],
) -> Dataset:
    """Return sentences as words, int32 (N, T), and a label for each word, -1 behind the end.

    Raises:
        ConfigurationError: a length below 1.
        DataError: there is only one tag.

    >>> made = tagged([Tagged(("I", "see"), ("pronoun", "verb")), Tagged(("go",), ("verb",))], "me")
    >>> made.inputs.tolist(), made.targets.tolist(), made.class_names
    ([[2, 4], [3, 0]], [[0, 1], [1, -1]], ('pronoun', 'verb'))
    """
    check_at_least_one(name, sequence_length=sequence_length)
    words = Vocabulary.from_texts((sentence.words for sentence in sentences), "symbol")
    tags = Vocabulary(tuple(sorted({tag for sentence in sentences for tag in sentence.tags})))
    length = min(sequence_length, max(len(sentence.words) for sentence in sentences))
    return Dataset(
        name,
        words.encode_all([sentence.words for sentence in sentences], length),
        tags.encode_all([sentence.tags for sentence in sentences], length, filling=-1),
        "text",
        class_names=tags.tokens,
        vocabularies={INPUTS: words},
        **about,
    )
