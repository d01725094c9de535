"""What the recipes share that read one thing and write another: ``g2p`` and ``caption``."""

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

MOST = 2_000
"""How many examples of the test part are written out for the measures."""


class TranscribingRecipe(SequenceRecipe):
    """A network that writes a sequence about what it was given.

    Attributes:
        embedding_features: of a token.
        hidden_size: units of the decoder.
        dropout: rate on embeddings and before the last layer.
        beams: of the search beside the greedy one.
    """

    given: ClassVar[str]
    """The input that is read."""
    written: ClassVar[str]
    """The input that holds the token before each place."""
    token: ClassVar[str]
    """What one token of the answer is called."""
    whole: ClassVar[str]
    """What one answer is called."""

    learning_rate: Rate = 0.004
    embedding_features: Count = 64
    hidden_size: Count = 128
    dropout: Fraction = 0.1
    beams: Count = 4

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must have what the recipe reads and what it writes."""
        names = {self.given, self.written}
        if not isinstance(dataset.inputs, dict) or set(dataset.inputs) != names:
            raise ConfigurationError(
                f"the recipe needs inputs by name: {' and '.join(sorted(names))}",
                where=dataset.name,
                given=f"examples of shape {dataset.input_shape}",
                fix=f"--data {self.preferred[0]}",
            )
        return dataset

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy over the places that count."""
        return "sequence_cross_entropy"

    def answers(self, model: Any, part: Dataset, beams: int = 1) -> list[list[int]]:
        """Return what a model writes about each example of a part, as numbers of tokens."""
        kept = part.inputs[self.given]
        given = np.asarray(kept[np.arange(len(part))])
        preprocessor = part.preprocessor
        if preprocessor is not None:
            given = np.asarray(preprocessor.parts[self.given].scaled(given))
        first, last = ends(part)
        length = part.targets.shape[1]
        return transcribe(model, given, length=length, beams=beams, first=first, last=last)

    @abstractmethod
    def read(self, path: Path, preprocessor: Preprocessor) -> tuple[list[str], NDArray[np.generic]]:
        """Return the new examples of a file: what each is called, and what a model reads of them.

        Raises:
            DataError: the file is empty, damaged, or of another kind.
        """

    def longest(self, preprocessor: Preprocessor, given: NDArray[np.generic]) -> int:
        """Return how many tokens are written at most about new examples."""
        return int(preprocessor.parts[self.written].input_shape[0])

    @abstractmethod
    def called(self, part: Dataset) -> list[str]:
        """Return what each example of a prepared part is called."""

    def transcripts(
        self, model: Any, preprocessor: Preprocessor, new: Path | Dataset
    ) -> list[tuple[str, str]]:
        """Return new examples by what they are called, each with what a model writes about it.

        Args:
            model: trained.
            preprocessor: of its run.
            new: a file, or a part that is prepared.

        Raises:
            DataError: as `read`.
        """
        tokens = preprocessor.vocabularies["targets"]
        if isinstance(new, Dataset):
            names, told = self.called(new), self.answers(model, new, self.beams)
        else:
            names, given = self.read(new, preprocessor)
            length = self.longest(preprocessor, given)
            first, last = tokens.numbers[BEGIN], tokens.numbers[END]
            options = {"length": length, "first": first, "last": last}
            told = transcribe(model, given, beams=self.beams, **options)
        return [(name, tokens.decode(row)) for name, row in zip(names, told, strict=True)]

    def rates(self, answers: Sequence[Sequence[int]], part: Dataset) -> dict[str, float]:
        """Return the error rates of predictions: edits per token, and wrong sequences."""
        wanted = references(part)
        return {
            f"{self.token} error rate": token_error_rate(answers, wanted),
            f"{self.whole} error rate": sequence_error_rate(answers, wanted),
        }

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the error rates on the test part, of greedy search and of beam search."""
        if splits.test is None:
            return {}
        part = spread_rows(splits.test, MOST)
        greedy = self.rates(self.answers(model, part), part)
        beam = self.rates(self.answers(model, part, self.beams), part) if self.beams > 1 else {}
        return {
            **{f"greedy {name}": rate for name, rate in greedy.items()},
            **{f"beam {name}": rate for name, rate in beam.items()},
        }


def spread_rows(part: Dataset, most: int) -> Dataset:
    """Return at most so many rows of a part, evenly spread: its rows may be in some order."""
    if len(part) <= most:
        return part
    return part.take(np.arange(most) * len(part) // most)


def some(lines: Sequence[str], most: int) -> list[str]:
    """Return at most so many lines, evenly spread.

    >>> some(["a", "b", "c", "d"], 2)
    ['a', 'c']
    """
    count = min(most, len(lines))
    return [lines[place * len(lines) // count] for place in range(count)]


def references(part: Dataset) -> list[list[int]]:
    """Return what is wanted of each example: its labels up to "<eos>"."""
    _, last = ends(part)
    return [[int(label) for label in row if label >= 0 and label != last] for row in part.targets]


def ends(part: Dataset) -> tuple[int, int]:
    """Return the numbers of "<bos>" and "<eos>" among the targets of a part."""
    numbers = vocabulary(part).numbers
    return numbers[BEGIN], numbers[END]


def vocabulary(part: Dataset) -> Vocabulary:
    """Return what the numbers of a part's targets stand for."""
    return part.vocabularies["targets"]
