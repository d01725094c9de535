"""The data of a recipe: a name or a path, or the best real data set that is available."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from clearprop import data
from clearprop.data import Dataset, Splits
from clearprop.data.catalog import is_named
from clearprop.data.environment_names import is_environment
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
    Size,
)

NOT_FETCHED = "could not be downloaded"
"""The end of the error message for a data set that is not stored and cannot be downloaded."""


class DataSource(Configuration):
    """Which data to load.

    Attributes:
        name: a name of ``clearprop data list``, a file or a folder; none takes that of the recipe.
        target: tables: the column to predict.
        task: tables and arrays: "classification" or "regression", if the guess is wrong.
        ignore: tables: columns to leave out.
        categorical: tables: columns to read as categories.
        numeric: tables: columns to read as numbers.
        decimal: tables and series: the decimal mark, ``,`` or ``.``, if it cannot be found out.
        thousands: tables and series: the mark between groups of three digits.
        dayfirst: tables: true reads 03/04/2024 as 3 April, false as March 4.
        na_values: tables and series: cells that stand for a missing value, such as -999.
        encoding: tables and series: of the text, such as cp1252, where it is not UTF-8.
        skiprows: tables and series: how many lines stand above the header, such as a title.
        folder: MNIST and Fashion-MNIST: the folder of the files.
        size: folders of pictures: height and width after scaling, ``32`` or ``32x48``.
        channels: folders of pictures: 1 for gray, 3 for color; 2 and 4 keep the transparency.
        stream: folders of pictures: true reads them batch by batch.
        sequence_length: texts: characters in a window, or words of a labelled or tagged text.
        stride: texts: characters from the start of one window to the start of the next.
        window: series: values in a window; a table's target column is then read as a series.
        horizon: series: number of values to predict.
        text: tables: the column of texts that predict the target.
        tags: .txt and .tsv files: true reads a word and its tag in each line.
        limit: cmudict, digit-captions and environments: number of examples to take.
        stress: cmudict: true distinguishes vowels by their stress.
        pronunciations: cmudict: "first" or "all" of a word.
    """

    name: OptionalName = None
    target: OptionalName = None
    task: Annotated[Literal["classification", "regression"] | None, OrNone] = None
    ignore: Names = ()
    categorical: Names = ()
    numeric: Names = ()
    decimal: Annotated[Literal[",", "."] | None, OrNone] = None
    thousands: Annotated[Literal[",", ".", " ", "'", "_"] | None, OrNone] = None
    dayfirst: Annotated[bool | None, OrNone] = None
    na_values: Names = ()
    encoding: OptionalName = None
    skiprows: Annotated[Annotated[int, Field(ge=0)] | None, OrNone] = None
    folder: OptionalName = None
    size: Size = None
    channels: Annotated[Literal[1, 2, 3, 4] | None, OrNone] = None
    stream: Annotated[bool | None, OrNone] = None
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
        """Return the data set, and a line that describes it.

        Args:
            preferred: the names to try, the best first, if no name is given.

        Raises:
            ConfigurationError: a name is unknown, or this kind of data does not have an option.
            DataError: a file is missing or damaged, or no preferred data set is available.
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
            better = preferred[: preferred.index(name)]
            without = f"; {' and '.join(better)} not at hand" if better else ""
            return dataset, f"{described(dataset)}{without}"
        raise DataError(
            "no data set of this recipe is available",
            given=", ".join(missing),
            fix="choose another: --data",
        )

    def settled(self, dataset: Dataset, preferred: Sequence[str]) -> Self:
        """Return the choice that finds the same data again, from any folder and on any machine.

        Which of the preferred sets is at hand depends on the machine, and a path on the folder.

        Args:
            dataset: what `load` returned.
            preferred: the names that were tried.
        """
        name, folder = self.name, self.folder
        if name is None and dataset.name in preferred:
            name = dataset.name
        elif name is not None and not is_named(name) and Path(name).exists():
            name = str(Path(name).resolve())
        if folder is not None and Path(folder).exists():
            folder = str(Path(folder).resolve())
        return self.model_copy(update={"name": name, "folder": folder})

    def options(self) -> dict[str, Any]:
        """Return the options that are given, for `clearprop.data.load`."""
        every = self.model_dump(exclude={"name", "dev", "test"})
        return {key: value for key, value in every.items() if value not in (None, ())}

    def _loaded(self, name: str) -> Dataset:
        return data.load(name, **self.options())


class DataChoice(DataSource):
    """Which data to load, and which fraction to hold out.

    Attributes:
        dev: fraction for the evaluation during training.
        test: fraction for the evaluation at the end, if the data set has no official test part.
    """

    dev: Fraction = 0.1
    test: Fraction = 0.1

    def split(self, dataset: Dataset, seed: int) -> Splits:
        """Return training, development and test part.

        A truth table is all training part, and so is random play: its test are whole episodes.
        """
        if dataset.name in GATES or is_environment(dataset.name):
            return dataset.split(dev=0, test=0, seed=seed)
        return dataset.split(dev=self.dev, test=self.test, seed=seed)


def _at_hand_first(names: Sequence[str]) -> list[str]:
    """Return the stored sets, then the best set that needs a download, then the bundled sets.

    So a machine without a network waits for only one failing download.
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
