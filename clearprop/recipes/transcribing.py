"""The common part of the recipes that write a sequence for an input: ``g2p``, ``caption``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.vocabulary import BEGIN, END, Vocabulary
from clearprop.errors import ConfigurationError
from clearprop.models.transcription import transcribe
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.error_rates import sequence_error_rate, token_error_rate
from clearprop.recipes.recipe import SequenceRecipe
from clearprop.training import History

MOST = 2_000
"""The largest number of test examples for which the measures run the network."""


class TranscribingRecipe(SequenceRecipe):
    """A network that reads an input and writes a sequence of tokens.

    Attributes:
        embedding_features: of a token.
        hidden_size: units of the decoder.
        dropout: rate on embeddings and before the last layer.
        beams: of the beam search, which is compared with greedy search.
    """

    given: ClassVar[str]
    """Name of the input that the network reads."""
    written: ClassVar[str]
    """Name of the input that holds, at each position, the token before it."""
    token: ClassVar[str]
    """The word for one token of the output."""
    whole: ClassVar[str]
    """The word for one whole output."""
    examples_shown: ClassVar[int] = 3
    """How many right and how many wrong predictions the remarks show."""

    learning_rate: Rate = 0.004
    embedding_features: Count = 64
    hidden_size: Count = 128
    dropout: Fraction = 0.1
    beams: Count = 4

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must have the two inputs of the recipe."""
        names = {self.given, self.written}
        if not isinstance(dataset.inputs, dict) or set(dataset.inputs) != names:
            raise ConfigurationError(
                f"the recipe needs inputs by name: {' and '.join(sorted(names))}",
                where=dataset.name,
                given=f"examples of shape {dataset.input_shape}",
                fix=f"--data {self.preferred[0]}",
            )
        return dataset

    def predictions(self, model: Any, part: Dataset, beams: int = 1) -> list[list[int]]:
        """Return the sequence of token numbers that a model writes for each example of a part."""
        given = np.asarray(part.inputs[self.given][np.arange(len(part))])
        if part.preprocessor is not None:
            given = np.asarray(part.preprocessor.parts[self.given].scaled(given))
        return write(model, given, vocabulary(part), part.targets.shape[1], beams)

    @abstractmethod
    def read(self, path: Path, preprocessor: Preprocessor) -> tuple[list[str], NDArray[np.generic]]:
        """Return the new examples of a file: their names, and the prepared input of the model.

        Raises:
            DataError: the file is empty, damaged, or of another kind.
        """

    def longest(self, preprocessor: Preprocessor, given: NDArray[np.generic]) -> int:
        """Return the largest number of tokens that are written for a new example."""
        return int(preprocessor.parts[self.written].input_shape[0])

    def called(self, part: Dataset) -> list[str]:
        """Return a name for each example of a prepared part: its number, from 1."""
        return numbered(len(part))

    def headings(self, part: Dataset) -> list[str]:
        """Return what the remarks print before the prediction for each example."""
        return [""] * len(part)

    def transcripts(
        self, model: Any, preprocessor: Preprocessor, new: Path | Dataset
    ) -> list[tuple[str, str]]:
        """Return the name of each new example with the text that a model writes for it.

        Args:
            model: trained.
            preprocessor: of its run.
            new: a file, or a prepared part.

        Raises:
            DataError: as `read`.
        """
        tokens = preprocessor.vocabularies["targets"]
        if isinstance(new, Dataset):
            names, found = self.called(new), self.predictions(model, new, self.beams)
        else:
            names, given = self.read(new, preprocessor)
            found = write(model, given, tokens, self.longest(preprocessor, given), self.beams)
        return [(name, tokens.decode(row)) for name, row in zip(names, found, strict=True)]

    def rates(self, predictions: Sequence[Sequence[int]], part: Dataset) -> dict[str, float]:
        """Return the error rates of predictions: edits per token, and wrong sequences."""
        wanted = references(part)
        return {
            f"{self.token} error rate": token_error_rate(predictions, wanted),
            f"{self.whole} error rate": sequence_error_rate(predictions, wanted),
        }

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the error rates on the test part, of greedy search and of beam search."""
        if splits.test is None:
            return {}
        part = spread_rows(splits.test, MOST)
        searches = {"greedy": 1, "beam": self.beams} if self.beams > 1 else {"greedy": 1}
        return {
            f"{search} {name}": rate
            for search, beams in searches.items()
            for name, rate in self.rates(self.predictions(model, part, beams), part).items()
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return some predictions for the test part, right and wrong."""
        if splits.test is None:
            return []
        part = spread_rows(splits.test, 200)
        tokens, right, wrong = vocabulary(part), [], []
        found = self.predictions(model, part)
        for heading, row, wanted in zip(self.headings(part), found, references(part), strict=True):
            line = f"  {heading}{tokens.decode(row) or 'nothing'}"
            if row == wanted:
                right.append(line)
            else:
                wrong.append(f"{line}   (it is {tokens.decode(wanted)})")
        shown = [("said right:", right), ("said wrong:", wrong)]
        return [
            line
            for head, lines in shown
            if lines
            for line in (head, *some(lines, self.examples_shown))
        ]


def numbered(count: int) -> list[str]:
    """Return the numbers from 1 as names.

    >>> numbered(2)
    ['1', '2']
    """
    return [str(number) for number in range(1, count + 1)]


def write(
    model: Any, given: NDArray[np.generic], tokens: Vocabulary, length: int, beams: int = 1
) -> list[list[int]]:
    """Return the sequence of token numbers that a model writes for each prepared example.

    Args:
        model: trained.
        given: (N, ...), as the model reads it.
        tokens: the vocabulary of the output.
        length: the largest number of tokens.
        beams: 1 takes the likeliest token at each step; more beams find likelier sequences.
    """
    first, last = ends(tokens)
    return transcribe(model, given, length=length, beams=beams, first=first, last=last)


def spread_rows(part: Dataset, most: int) -> Dataset:
    """Return at most ``most`` rows of a part, evenly spread, because rows may be sorted."""
    if len(part) <= most:
        return part
    return part.take(np.arange(most) * len(part) // most)


def some(lines: Sequence[str], most: int) -> list[str]:
    """Return at most ``most`` lines, evenly spread.

    >>> some(["a", "b", "c", "d"], 2)
    ['a', 'c']
    """
    count = min(most, len(lines))
    return [lines[place * len(lines) // count] for place in range(count)]


def references(part: Dataset) -> list[list[int]]:
    """Return the right sequence of each example: its labels before "<eos>"."""
    _, last = ends(vocabulary(part))
    return [[int(label) for label in row if label >= 0 and label != last] for row in part.targets]


def ends(tokens: Vocabulary) -> tuple[int, int]:
    """Return the numbers of "<bos>" and "<eos>" in a vocabulary."""
    return tokens.numbers[BEGIN], tokens.numbers[END]


def vocabulary(part: Dataset) -> Vocabulary:
    """Return the vocabulary of a part's targets."""
    return part.vocabularies["targets"]
