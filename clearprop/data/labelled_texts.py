"""Labelled texts from a folder for each label, or from a table with a column of texts.

Shape letters: N texts, T words of a text that are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_at_least_one
from clearprop.data.dataset import About, Dataset
from clearprop.data.labels import labels_and_names
from clearprop.data.paths import listed
from clearprop.data.pictures import SUFFIXES as PICTURES
from clearprop.data.preprocessor import INPUTS
from clearprop.data.table_file import TableFile, read_table_file
from clearprop.data.texts import read_text
from clearprop.data.vocabulary import Vocabulary, split
from clearprop.errors import DataError

SEQUENCE_LENGTH = 100
SUFFIX = ".txt"


def load_folder(path: Path, *, sequence_length: int = SEQUENCE_LENGTH) -> Dataset:
    """Return the texts of ``path/<label>/*.txt``.

    Raises:
        DataError: there are no texts, a file is empty or not UTF-8, or there is only one label.
    """
    folders = [folder for folder in listed(path) if folder.is_dir()]
    files = [
        (file, folder.name)
        for folder in folders
        for file in listed(folder)
        if file.suffix == SUFFIX and file.name != SUFFIX
    ]
    if not files:
        raise DataError(
            "there is no text in this folder",
            where=str(path),
            expected="a folder for each label, with .txt files in it",
        )
    return labelled(
        [read_text(file) for file, _ in files],
        np.array([label for _, label in files]),
        path.name,
        sequence_length,
        place=lambda row: str(files[row][0]),
        source=str(path),
    )


def is_folder_of_texts(path: Path) -> bool:
    """Return whether a folder holds folders with .txt files and without pictures.

    Raises:
        DataError: one of the folders cannot be read.
    """
    folders = [folder for folder in listed(path) if folder.is_dir()]
    files = [file for folder in folders for file in listed(folder) if file.name[0] not in "._"]
    suffixes = {file.suffix.lower() for file in files}
    return SUFFIX in suffixes and not suffixes & PICTURES


def load_rows(
    path: Path | object,
    *,
    text: str,
    target: str | None = None,
    sequence_length: int = SEQUENCE_LENGTH,
    encoding: str | None = None,
    skiprows: int | None = None,
) -> Dataset:
    """Return the rows of a table file or a frame: texts of one column, labels of another.

    Raises:
        ConfigurationError: there is no such column, or no target is named.
        DataError: the file is damaged, a cell is empty, or there is only one label.
    """
    table = read_table_file(path, encoding, skiprows)
    text = table.column(text, "the text")
    target = table.column(target, "the label", besides=text)
    cells = {name: _cells(table, name) for name in (text, target)}
    return labelled(
        cells[text],
        np.array(cells[target]),
        table.path.name,
        sequence_length,
        place=lambda row: table.where(row, text),
        source=str(table.path),
        text_column=text,
    )


def read_texts(path: Path, column: str | None) -> list[str]:
    """Return new texts: the cells of a column of a table, or the lines of a text file.

    Raises:
        ConfigurationError: the table has no such column.
        DataError: the file is damaged or empty, or not UTF-8.
    """
    if path.suffix.lower() == SUFFIX:
        lines = [line for line in read_text(path).splitlines() if line.strip()]
        if not lines:
            raise DataError("the file is empty", where=str(path), expected="a text in each line")
        return lines
    table = read_table_file(path)
    return _cells(table, table.column(column or "text", "the text"))


def labelled(
    texts: Sequence[str],
    labels: NDArray[np.generic],
    name: str,
    sequence_length: int = SEQUENCE_LENGTH,
    *,
    place: Callable[[int], str] | None = None,
    **about: Unpack[About],
) -> Dataset:
    """Return texts as words, int32 (N, T), with their labels.

    Args:
        texts: N of them.
        labels: (N,), of any kind.
        name: the name of the data set.
        sequence_length: T; a longer text is cut, a shorter one filled up.
        place: returns the place of the text of a row, for messages.
        about: further fields of the data set, such as its source.

    Raises:
        ConfigurationError: a length below 1.
        DataError: there are no texts, a text has no word, or there is only one label.

    >>> made = labelled(["Good!", "bad, bad"], np.array(["+", "-"]), "two", 3)
    >>> made.inputs.tolist(), made.targets.tolist(), made.class_names
    ([[5, 3, 0], [2, 4, 2]], [0, 1], ('+', '-'))
    """
    check_at_least_one(name, sequence_length=sequence_length)
    words = [split(text, "word")[:sequence_length] for text in texts]
    for row, found in enumerate(words):
        if not found:
            raise DataError(
                "a text has no word",
                where=place(row) if place is not None else f"{name}, text {row + 1}",
                fix="leave it out",
            )
    targets, class_names = labels_and_names(labels, where=name)
    vocabulary = Vocabulary.from_texts(words)
    length = min(sequence_length, max(map(len, words)))
    return Dataset(
        name,
        vocabulary.encode_all(words, length),
        targets,
        "classification",
        class_names=class_names,
        vocabularies={INPUTS: vocabulary},
        **about,
    )


def _cells(table: TableFile, column: str) -> list[str]:
    import polars as pl

    cells = table.frame[column].cast(pl.String).fill_null("")
    table.check_none(
        cells.str.strip_chars() == "", column, "the cell is empty", fix="leave the row out"
    )
    return cells.to_list()
