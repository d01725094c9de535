"""Which data a recipe trains on: a name or a path, or the best real set that is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from clearprop import data
from clearprop.data import Dataset, Splits
from clearprop.data.mnist import IDX_SETS, at_hand
from clearprop.data.truth_tables import GATES
from clearprop.errors import DataError
from clearprop.recipes.configuration import (
    Configuration,
    Fraction,
    Names,
    OptionalCount,
    OptionalName,
    OrNone,
)

NOT_FETCHED = "could not be downloaded"
"""How the message of a set ends that is nowhere here and could not be fetched either."""


class DataSource(Configuration):
    """What to load.

    Attributes:
        name: a name that ``clearprop data list`` shows, a file or a folder; None takes the
            recipe's own.
        target: tables: the column to predict.
        task: tables and arrays: "classification" or "regression", where the guess is wrong.
        ignore: tables: columns to leave out.
        categorical: tables: columns to take as categories.
        numeric: tables: columns to take as numbers.
        folder: MNIST and Fashion-MNIST: where the files are.
        size: folders of pictures: height and width to stretch to.
        channels: folders of pictures: 1 for gray, 3 for color.
        sequence_length: texts: characters in a window, or words of a labelled or tagged text.
        stride: texts: characters from the beginning of a window to the next one's.
        window: series: values in a window; with it a table's target column is taken as a series.
        horizon: series: values to predict.
        text: tables: the column of texts, from which to predict the target.
        tags: .txt and .tsv files: true reads a word and its tag a line.
        limit: cmudict and digit-captions: how many examples to take.
        stress: cmudict: true distinguishes vowels by their stress.
        pronunciations: cmudict: "first" or "all" of a word.
    """

    name: OptionalName = None
    target: OptionalName = None
    task: Annotated[Literal["classification", "regression"] | None, OrNone] = None
    ignore: Names = ()
    categorical: Names = ()
    numeric: Names = ()
    folder: OptionalName = None
    size: OptionalCount = None
    channels: Annotated[Literal[1, 3] | None, OrNone] = None
    sequence_length: OptionalCount = None
    stride: OptionalCount = None
    window: OptionalCount = None
    horizon: OptionalCount = None
    text: OptionalName = None
    tags: Annotated[bool | None, OrNone] = None
    limit: OptionalCount = None
    stress: Annotated[bool | None, OrNone] = None
    pronunciations: Annotated[Literal["first", "all"] | None, OrNone] = None

    def load(self, preferred: Sequence[str]) -> tuple[Dataset, str]:
        """Return the data set, and a line that says which it is and why.

        Args:
            preferred: the names to try, the best first, where none is chosen.

        Raises:
            ConfigurationError: an unknown name, or an option that this kind of data does not have.
            DataError: a file is missing or damaged, or none of the preferred sets is at hand.
        """
        if self.name is not None:
            dataset = self._loaded(self.name)
            return dataset, described(dataset)
        missing: list[str] = []
        for name in _at_hand_first(preferred):
            try:
                dataset = self._loaded(name)
            except DataError as error:
                if not error.problem.endswith(NOT_FETCHED):
                    raise
                missing.append(name)
                continue
            passed = preferred[: preferred.index(name)]
            without = f"; {' and '.join(passed)} not at hand" if passed else ""
            return dataset, f"{described(dataset)}{without}"
        raise DataError(
            "none of the data sets of this recipe is at hand",
            given=", ".join(missing),
            fix="name another: --data",
        )

    def _loaded(self, name: str) -> Dataset:
        options: dict[str, Any] = {
            key: value
            for key, value in self.model_dump(exclude={"name", "dev", "test"}).items()
            if value not in (None, ())
        }
        return data.load(name, **options)


class DataChoice(DataSource):
    """What to load, and what to hold out of it.

    Attributes:
        dev: fraction for the evaluation while training.
        test: fraction for the evaluation at the end, where the set has no official test part.
    """

    dev: Fraction = 0.1
    test: Fraction = 0.1

    def split(self, dataset: Dataset, seed: int) -> Splits:
        """Return training, development and test part; of a truth table all is for training."""
        if dataset.name in GATES:
            return dataset.split(dev=0, test=0, seed=seed)
        return dataset.split(dev=self.dev, test=self.test, seed=seed)


def _at_hand_first(names: Sequence[str]) -> list[str]:
    """Return the sets that need no download, then the others: the best of these, and bundled ones.

    A machine without a network waits for one download that fails, not for each in turn.
    """
    ready = [name for name in names if name not in IDX_SETS or at_hand(IDX_SETS[name])]
    fetched = [name for name in names if name not in ready]
    bundled = [name for name in ready if name not in IDX_SETS]
    return [name for name in ready if name not in bundled] + fetched[:1] + bundled


def described(dataset: Dataset) -> str:
    """Return name and size of a data set in a few words.

    >>> described(data.load("digits"))
    'digits (1,797 examples)'
    """
    test = f" + {len(dataset.test):,} test" if dataset.test is not None else ""
    noun = dataset.noun if len(dataset) == 1 and not test else f"{dataset.noun}s"
    return f"{dataset.name} ({len(dataset):,}{test} {noun})"
