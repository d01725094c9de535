"""New texts for a model of words, as tokens of the vocabulary of its training.

Shape letters: N texts, T words of the longest text, or as many as the model reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.data.labelled_texts import read_texts
from clearprop.data.paths import check_room, existing
from clearprop.data.preprocessor import INPUTS, Preprocessor
from clearprop.data.table_file import TABLE_SUFFIXES
from clearprop.data.tagged_texts import SUFFIXES, read_sentences
from clearprop.errors import ConfigurationError, DataError

TEXT = ".txt"
NAMED = 5


@dataclass(frozen=True, eq=False)
class NewTexts:
    """Texts as a model of words takes them.

    Attributes:
        words: the words of each text that the model reads.
        tokens: int32 (N, T), filled up with 0.
        unknown: the words that the model does not know, and how often each occurs.
        cut: how many texts are longer than the model reads.
    """

    words: tuple[tuple[str, ...], ...]
    tokens: NDArray[np.int32]
    unknown: Counter[str]
    cut: int = 0

    @property
    def remarks(self) -> list[str]:
        """Sentences that say how many words are unknown and how many texts were cut."""
        found: list[str] = []
        if self.unknown:
            total = sum(map(len, self.words))
            names = ", ".join(repr(word) for word, _ in self.unknown.most_common(NAMED))
            more = ", ..." if len(self.unknown) > NAMED else ""
            found.append(
                f"{self.unknown.total():,} of {total:,} words were not seen in training and are "
                f"read as <unk>: {names}{more}"
            )
        if self.cut:
            found.append(f"{self.cut:,} texts are cut after their word {self.tokens.shape[1]}")
        return found


def reads_words(preprocessor: Preprocessor) -> bool:
    """Return whether the inputs of a model are words, so that it can read raw texts."""
    vocabulary = preprocessor.vocabularies.get(INPUTS)
    return vocabulary is not None and vocabulary.level != "character"


def check_suffix(path: Path, suffixes: Sequence[str], kind: str) -> None:
    """Raise unless the ending of a file is one of those that fit the model.

    Raises:
        DataError: the ending is another one.
    """
    if path.suffix.lower() not in suffixes:
        raise DataError(
            f"the model was trained on {kind}",
            where=str(path),
            expected=f"a file that ends in {', '.join(suffixes)}",
        )


def new_texts(path: str | Path, preprocessor: Preprocessor) -> NewTexts:
    """Return new texts from a file.

    A model that classifies texts takes the lines of a ``.txt`` file, or a table with the column of
    texts of its training. A model that tags words takes lines of words separated by spaces, or a
    file of words and tags, of which the tags are not read.

    Raises:
        ConfigurationError: the model does not read words, or the table has no such column.
        DataError: the file is empty, damaged, not UTF-8, or of another kind.
    """
    path = Path(path)
    if not reads_words(preprocessor):
        raise ConfigurationError(
            "this model does not read words", where=str(path), given=f"inputs: {preprocessor.kind}"
        )
    tags = preprocessor.task == "text"
    suffixes = (TEXT, *(SUFFIXES if tags else TABLE_SUFFIXES))
    check_suffix(path, suffixes, "texts")
    path = existing(path)
    vocabulary = preprocessor.vocabularies[INPUTS]
    if tags:
        texts = read_sentences(path)
        length = max(map(len, texts))
    else:
        texts = [vocabulary.split(text) for text in read_texts(path, preprocessor.text_column)]
        length = preprocessor.input_shape[0]
    check_room(len(texts) * length * np.dtype(np.int32).itemsize, path, "all its texts")
    words = tuple(tuple(text[:length]) for text in texts)
    unknown = Counter(word for text in words for word in vocabulary.unknown(text))
    return NewTexts(
        words,
        vocabulary.encode_all(words, length),
        unknown,
        sum(len(text) > length for text in texts),
    )
