"""One class against the rest, and truth tables as text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clearprop.data import Dataset
from clearprop.errors import ConfigurationError, unknown_name


def refuse_texts(dataset: Dataset, recipe: str) -> None:
    """Check that a data set is not a text, whose token numbers are no measurements.

    Raises:
        ConfigurationError: the data set is a text.
    """
    if dataset.task == "text" or dataset.vocabularies:
        raise ConfigurationError(
            f"the recipe {recipe} takes pictures, measurements or tables",
            where=dataset.name,
            given="texts, which are no measurements",
            fix="for labelled texts: clearprop train text-classify",
        )


def against_the_rest(dataset: Dataset, positive: str | None, recipe: str) -> Dataset:
    """Return a data set with label 1 for one class and 0 for all others.

    A set of two classes keeps its labels unless a class is named.

    Args:
        dataset: of any number of classes.
        positive: the class with label 1; None takes the first of several.
        recipe: its name, for messages.

    Raises:
        ConfigurationError: the data has no classes, or not the class ``positive``.

    >>> from clearprop import data
    >>> against_the_rest(data.load("iris"), "setosa", "perceptron").class_names
    ('not setosa', 'setosa')
    """
    names = dataset.class_names
    if dataset.task != "classification" or names is None:
        raise ConfigurationError(
            f"the recipe {recipe} needs data in classes",
            where=dataset.name,
            given=f"a data set for {dataset.task}",
        )
    refuse_texts(dataset, recipe)
    if positive is None and len(names) == 2:
        return dataset
    chosen = names[0] if positive is None else positive
    if chosen not in names:
        raise unknown_name("class", chosen, names, where=dataset.name)
    label = names.index(chosen)

    def parted(part: Dataset) -> Dataset:
        targets = (np.asarray(part.targets) == label).astype(np.int32)
        return replace(
            part,
            targets=targets,
            class_names=(f"not {chosen}", chosen),
            test=None if part.test is None else parted(part.test),
        )

    return parted(dataset)


def truth_table_lines(
    inputs: NDArray[np.generic], targets: NDArray[np.generic], outputs: NDArray[np.generic]
) -> list[str]:
    """Return a truth table with the outputs of a model, as lines.

    >>> for line in truth_table_lines(np.eye(2), np.array([1, 0]), np.array([0.9, 0.2])):
    ...     print(line)
    x1 x2  target  output
     1  0       1   0.900
     0  1       0   0.200
    """
    head = " ".join(f"x{index + 1}" for index in range(inputs.shape[1]))
    lines = [f"{head}  target  output"]
    for row, target, output in zip(inputs, targets, outputs, strict=True):
        cells = " ".join(f"{value:2g}" for value in row)
        lines.append(f"{cells}  {int(target):6d}  {output:6.3f}")
    return lines
