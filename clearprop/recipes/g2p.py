"""The recipe ``g2p``: from the letters of a word to its sounds (graphemes to phonemes)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.texts import read_text
from clearprop.data.vocabulary import BEGIN
from clearprop.errors import DataError
from clearprop.glass.drawings.attention import over_tokens
from clearprop.glass.style import Drawing
from clearprop.recipes.configuration import Count
from clearprop.recipes.transcribing import TranscribingRecipe, spread_rows, write
from clearprop.training import History

WORDS = 30_000
"""How many words of the dictionary are taken by default: a quarter of them."""


class G2PRecipe(TranscribingRecipe):
    """Words of the CMU Pronouncing Dictionary, read letter by letter, written sound by sound.

    By default `WORDS` words of the dictionary are used, always the same; ``data.limit`` changes it.

    Attributes:
        network: "lstm" (a bidirectional encoder, a decoder with attention) or "transformer".
        attention: of the LSTM over the letters: "dot" or "additive".
        layers: of the Transformer's encoder, and of its decoder.
        heads: of the Transformer's attention.

    >>> G2PRecipe(epochs=3).beams
    4
    """

    preferred: ClassVar[tuple[str, ...]] = ("cmudict",)
    passes: ClassVar[int] = 8
    given: ClassVar[str] = "source"
    written: ClassVar[str] = "target"
    token: ClassVar[str] = "phoneme"
    whole: ClassVar[str] = "word"
    examples_shown: ClassVar[int] = 4

    network: Literal["lstm", "transformer"] = "lstm"
    attention: Literal["dot", "additive"] = "dot"
    layers: Count = 2
    heads: Count = 4

    def dataset(self) -> tuple[Dataset, str]:
        """Return the data set, of `WORDS` words by default, and a line that describes it."""
        if self.data.limit is not None or self.data.name not in (None, *self.preferred):
            return super().dataset()
        return self.loaded(limit=WORDS)

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for the letters and sounds of this data."""
        if self.network == "transformer":
            return models.Transformer(
                len(preprocessor.vocabularies["source"]),
                outputs,
                self.hidden_size,
                layers=self.layers,
                heads=self.heads,
                dropout=self.dropout,
            )
        return models.Seq2Seq(
            len(preprocessor.vocabularies["source"]),
            outputs,
            embedding_features=self.embedding_features,
            hidden_size=self.hidden_size,
            attention=self.attention,
            dropout=self.dropout,
        )

    def read(self, path: Path, preprocessor: Preprocessor) -> tuple[list[str], NDArray[np.generic]]:
        """Return the words of a text file, one in each line, and their letters.

        Raises:
            DataError: the file is empty, is not a text, or has a letter that training did not know.
        """
        if path.suffix.lower() != ".txt":
            raise DataError(
                "the model was trained on words",
                where=str(path),
                expected="a .txt file with a word in each line",
            )
        words = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        if not words:
            raise DataError("the file is empty", where=str(path), expected="a word in each line")
        return words, spelled(preprocessor, words)

    def longest(self, preprocessor: Preprocessor, given: NDArray[np.generic]) -> int:
        """Return the largest number of phonemes, which grows with the longest word."""
        return max(super().longest(preprocessor, given), 2 * int(given.shape[1]))

    def called(self, part: Dataset) -> list[str]:
        """Return the words of a part."""
        return [part.vocabularies["source"].decode(row) for row in part.inputs["source"]]

    def headings(self, part: Dataset) -> list[str]:
        """Return the words of a part in a column."""
        return [f"{word:<16} " for word in self.called(part)]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return a drawing of the attention for each phoneme of one long word."""
        if splits.test is None or not isinstance(model, models.Seq2Seq):
            return []
        words = self.called(spread_rows(splits.test, 50))
        return [draw_attention(model, splits.preprocessor, max(words, key=len))]


def pronounce(
    model: Any, preprocessor: Preprocessor, words: Sequence[str], *, beams: int = 4
) -> list[tuple[str, ...]]:
    """Return the phonemes that a trained network writes for words.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run, as ``clearprop.training.load_preprocessor`` reads it.
        words: of letters that occur in training; capitals count as small letters.
        beams: 1 takes the likeliest phoneme at each step; more beams find likelier sequences.

    Raises:
        DataError: a word is empty, or has a letter that training did not know.
    """
    if not len(words):
        return []
    sounds, rows = preprocessor.vocabularies["targets"], spelled(preprocessor, words)
    found = write(model, rows, sounds, G2PRecipe().longest(preprocessor, rows), beams)
    return [tuple(sounds.tokens[number] for number in row) for row in found]


def spelled(preprocessor: Preprocessor, words: Sequence[str]) -> NDArray[np.int32]:
    """Return the numbers of the letters of words, (N, S).

    Raises:
        DataError: a word is empty, or has a letter that training did not know.
    """
    spelling = preprocessor.vocabularies["source"]
    small = [word.strip().lower() for word in words]
    for word in small:
        if not word:
            raise DataError("an empty word has no sound", expected="at least one letter")
        if unknown := spelling.unknown(word):
            raise DataError(
                f"the letter {unknown[0]!r} was never seen in training",
                where=repr(word),
                expected=f"letters among {''.join(t for t in spelling.tokens if len(t) == 1)}",
            )
    return spelling.encode_all(small)


def draw_attention(model: Any, preprocessor: Preprocessor, word: str) -> Drawing:
    """Draw the attention of the decoder: how much each letter counts for each sound.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run.
        word: of letters that occur in training.

    Raises:
        DataError: a word is empty, or has a letter that training did not know.
    """
    rows = spelled(preprocessor, [word])
    (said,) = pronounce(model, preprocessor, [word])
    sounds = preprocessor.vocabularies["targets"]
    target = np.array([[sounds.numbers[token] for token in (BEGIN, *said)]], np.int32)
    looked = np.asarray(model.attention({"source": rows, "target": target}))[0]
    letters = list(word.strip().lower())
    return over_tokens(
        looked,
        [*said, "end"],
        letters,
        f"Attention over the letters of {''.join(letters)}",
        "Each row sums to 1: it shows how much each letter counts for one sound. Several letters "
        "that make one sound all have a high value in its row.",
        ("sound", "letter"),
    )
