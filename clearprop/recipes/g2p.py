"""The recipe ``g2p``: from the letters of a word to its sounds (graphemes to phonemes)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import rows_of
from clearprop.data.texts import read_text
from clearprop.data.vocabulary import BEGIN, END
from clearprop.errors import DataError
from clearprop.glass.drawings.attention import over_tokens
from clearprop.glass.style import Drawing
from clearprop.models.transcription import transcribe
from clearprop.recipes.configuration import Count
from clearprop.recipes.transcribing import TranscribingRecipe, references, some, spread_rows
from clearprop.training import History

WORDS = 30_000
"""How many words of the dictionary are taken unless it is said: a quarter of them."""

SHOWN = 4


class G2PRecipe(TranscribingRecipe):
    """Words of the CMU Pronouncing Dictionary, read letter by letter, written sound by sound.

    Of the dictionary's words some are drawn, once for all, unless ``data.limit`` says how many.

    Attributes:
        network: "lstm" (reads both ways, writes with attention) or "transformer".
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

    network: Literal["lstm", "transformer"] = "lstm"
    attention: Literal["dot", "additive"] = "dot"
    layers: Count = 2
    heads: Count = 4

    def dataset(self) -> tuple[Dataset, str]:
        """Return the data set, of `WORDS` words unless it is said how many, and what it is."""
        if self.data.limit is not None or self.data.name not in (None, *self.preferred):
            return super().dataset()
        return self.loaded(self.data.model_copy(update={"limit": WORDS}))

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
        """Return the words of a text file, one a line, and their letters.

        Raises:
            DataError: the file is empty, no text, or has a letter that was never seen.
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
        """Return how many phonemes are written at most: long words may have many."""
        return max(super().longest(preprocessor, given), 2 * int(given.shape[1]))

    def called(self, part: Dataset) -> list[str]:
        """Return the words of a part."""
        spelling = part.vocabularies["source"]
        return [
            spelling.decode(row) for row in rows_of(part.inputs, np.arange(len(part)))["source"]
        ]

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return some words of the test part with how they are pronounced, right and wrong."""
        if splits.test is None:
            return []
        part = spread_rows(splits.test, 200)
        spelling, sounds = (
            splits.preprocessor.vocabularies[name] for name in ("source", "targets")
        )
        right, wrong = [], []
        answers = self.answers(model, part)
        for row, (told, wanted) in enumerate(zip(answers, references(part), strict=True)):
            word, said = spelling.decode(part.inputs["source"][row]), sounds.decode(told)
            if told == wanted:
                right.append(f"  {word:<16} {said}")
            else:
                wrong.append(f"  {word:<16} {said}   (it is {sounds.decode(wanted)})")
        shown = [("said right:", right), ("said wrong:", wrong)]
        return [line for head, lines in shown if lines for line in (head, *some(lines, SHOWN))]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return where the decoder looked while it said one word."""
        if splits.test is None or not isinstance(model, models.Seq2Seq):
            return []
        part = spread_rows(splits.test, 50)
        spelling = splits.preprocessor.vocabularies["source"]
        words = [spelling.decode(row) for row in part.inputs["source"]]
        return [draw_attention(model, splits.preprocessor, max(words, key=len))]


def pronounce(
    model: Any, preprocessor: Preprocessor, words: Sequence[str], *, beams: int = 4
) -> list[tuple[str, ...]]:
    """Return the phonemes of words, as a trained network says them.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run, such as ``clearprop.training.load_preprocessor`` reads.
        words: in letters that were seen in training; capitals count as small letters.
        beams: 1 takes the likeliest phoneme at each step; more search for likelier words.

    Raises:
        DataError: an empty word, or a letter that was never seen.
    """
    if not len(words):
        return []
    sounds = preprocessor.vocabularies["targets"]
    first, last = (sounds.numbers[token] for token in (BEGIN, END))
    length = preprocessor.parts["target"].input_shape[0]
    rows = spelled(preprocessor, words)
    options = {"beams": beams, "first": first, "last": last}
    told = transcribe(model, rows, length=max(length, 2 * rows.shape[1]), **options)
    return [tuple(sounds.tokens[number] for number in row) for row in told]


def spelled(preprocessor: Preprocessor, words: Sequence[str]) -> NDArray[np.int32]:
    """Return words as numbers of letters, (N, S).

    Raises:
        DataError: an empty word, or a letter that was never seen.
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
    """Draw how much the decoder looked at each letter of a word for each sound.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run.
        word: in letters that were seen in training.

    Raises:
        DataError: an empty word, or a letter that was never seen.
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
        "Each row sums to 1: which letters the decoder looked at for a sound. Letters that make "
        "one sound together share its row.",
        ("sound", "letter"),
    )
