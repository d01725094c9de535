"""Loads every data set, by its name or from a path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from clearprop.data import arrays, labelled_texts, pictures, series, tables, tagged_texts, texts
from clearprop.data.columns import Column, TakenColumn
from clearprop.data.dataset import Dataset
from clearprop.data.environment_names import gymnasium_names, is_gymnasium_name
from clearprop.data.frames import FRAME, check_eager, is_frame
from clearprop.data.mnist import STEMS, idx_files, read_idx_set
from clearprop.data.named_sets import NAMED, Row, random_play
from clearprop.data.new_rows import new_rows
from clearprop.data.new_texts import check_suffix, new_texts, reads_words
from clearprop.data.paths import existing
from clearprop.data.preprocessor import Preprocessor, Task, Transparency
from clearprop.data.pronunciations import Pronunciations
from clearprop.data.table_file import TABLE_SUFFIXES
from clearprop.data.vocabulary import Vocabulary
from clearprop.errors import ConfigurationError, DataError, kind_of, unknown_name

TEXT_SUFFIXES = (".txt", ".text", ".md")
KNOWN_SUFFIXES = (*TABLE_SUFFIXES, ".npz", *TEXT_SUFFIXES, *tagged_texts.SUFFIXES)

Loader: TypeAlias = tuple[tuple[str, ...], Callable[..., Dataset]]
"""The options of a kind of data, and the function that loads a path with them."""

FILE = ("encoding", "skiprows")
MARKS = ("decimal", "thousands", "na_values", *FILE)

AS_IN_TRAINING = ("columns", "class_names")
"""What a model of a table knows of its columns."""

KINDS: dict[str, Loader] = {
    "a folder of idx files": ((), lambda path: read_idx_set(idx_files(path), path.name)),
    "a folder of texts": (("sequence_length",), labelled_texts.load_folder),
    "a folder of pictures": (
        ("size", "channels", "stream", "transparency"),
        pictures.load_pictures,
    ),
    "a text with tags": (("tags", "sequence_length"), tagged_texts.load_tagged),
    "a series": (("target", "window", "horizon", "numeric", *MARKS), series.load_series_file),
    "a table of texts": (
        ("target", "text", "sequence_length", *FILE),
        labelled_texts.load_rows,
    ),
    "a table": (
        ("target", "task", "ignore", "categorical", "numeric", *MARKS, "dayfirst", *AS_IN_TRAINING),
        tables.load_table,
    ),
    "a .npz file": (("task",), arrays.load_arrays),
    "a text": (("sequence_length", "stride"), texts.load_text),
}


class LoadOptions(TypedDict, total=False):
    """The options of `load`; None is the same as an option that is not given.

    Attributes:
        folder: MNIST and Fashion-MNIST: where the idx files are.
        target: tables: the column to predict, by its name; for a frame also the column itself.
        task: tables and arrays: "classification" or "regression", where the guess is wrong.
        ignore: tables: columns to leave out.
        categorical: tables: columns to take as categories.
        numeric: tables: columns to take as numbers.
        decimal: tables and series: the decimal mark, "," or "."; None finds it out.
        thousands: tables and series: the mark between groups of three digits; None finds it out.
        dayfirst: tables: True reads 03/04/2024 as 3 April, False as March 4; None finds it out.
        na_values: tables and series: cells that stand for a missing value, such as "-999".
        encoding: tables and series: of the text, such as "cp1252"; None takes UTF-8, or the
            byte-order mark of the file.
        skiprows: tables and series: how many lines stand above the header, such as a title.
        columns: tables: ``preprocessor.raw_columns`` of a model, to read the cells as in training.
        class_names: tables: the classes of a model, with which the target is read.
        size: pictures: height and width to stretch to.
        channels: pictures: 1 for gray, 3 for color; 2 and 4 keep the transparency.
        transparency: pictures: ``preprocessor.transparency`` of a model, to read as in training.
        sequence_length: text: characters in a window; labelled and tagged texts: words to take of
            each text.
        stride: text: characters from the beginning of a window to the beginning of the next.
        window: series: values in a window; with it a table's ``target`` column is a series.
        horizon: series: values to predict.
        text: tables: the column of texts from which to predict the target.
        tags: ``.txt`` and ``.tsv``: True reads one word and its tag from each line.
        limit: cmudict, digit-captions, environments: how many examples to take.
        stress: cmudict: True distinguishes vowels by their stress.
        pronunciations: cmudict: "first" or "all" of a word.
        stream: pictures: True to read batch by batch, False to hold all in memory.
    """

    folder: str | Path | None
    target: str | object
    task: Task | None
    ignore: Sequence[str] | None
    categorical: Sequence[str] | None
    numeric: Sequence[str] | None
    decimal: str | None
    thousands: str | None
    dayfirst: bool | None
    na_values: Sequence[str] | None
    encoding: str | None
    skiprows: int | None
    columns: Sequence[Column] | None
    class_names: Sequence[str] | None
    size: int | tuple[int, int] | None
    channels: int | None
    transparency: Transparency | None
    sequence_length: int | None
    stride: int | None
    window: int | None
    horizon: int | None
    text: str | None
    tags: bool | None
    limit: int | None
    stress: bool | None
    pronunciations: Pronunciations | None
    stream: bool | None


def available() -> tuple[Row, ...]:
    """Return a row for each data set that has a name; nothing is loaded.

    >>> [row.name for row in available()][:2]
    ['digits', 'iris']
    """
    return tuple(NAMED.values())


def load(name_or_path: str | Path | object, **options: Unpack[LoadOptions]) -> Dataset:
    """Return a data set by its name, from a file or folder, or from a frame.

    Names: see ``clearprop.data.list()``. Files: ``.csv``, ``.tsv``, ``.parquet`` (tables), ``.npz``
    (arrays), ``.txt`` (text), ``.conll``, ``.tags``, ``.iob`` (words with their tags). Folders:
    pictures or ``.txt`` files by class, or the four idx files of MNIST's kind. Frames of pandas
    and polars are read by the rules of Parquet files; the page "Your own data" has them.

    Args:
        name_or_path: what to load.
        options: see `LoadOptions`.

    Raises:
        ConfigurationError: an unknown name, or an option that this kind of data does not have.
        DataError: a file is missing, damaged, or not what the task needs.

    >>> load("iris").class_names
    ('setosa', 'versicolor', 'virginica')
    """
    given = {name: value for name, value in options.items() if value is not None}
    kind, accepted, loader = _loader(name_or_path, given)
    _check_options(_called(name_or_path), kind, accepted, given)
    task = options.get("task")
    if task not in (None, "classification", "regression"):
        raise unknown_name("task", task, ("classification", "regression"))
    return loader(**given)


def columns_of(
    path: str | Path | object, **options: Unpack[LoadOptions]
) -> tuple[TakenColumn, ...]:
    """Return what each column of a table would be taken for; a target is not needed.

    Args:
        path: a ``.csv``, ``.tsv`` or ``.parquet`` file, or a frame.
        options: those of a table; see `LoadOptions`.

    Raises:
        ConfigurationError: an option that a table does not have, or a column that is not there.
        DataError: the file is missing, damaged, or no table.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not is_frame(path):
        check_eager(path)
        path = existing(_named_path(path))
        check_suffix(path, TABLE_SUFFIXES, "a table")
    _check_options(_called(path), "a table", KINDS["a table"][0], given)
    return tables.columns_of(path, **given)  # type: ignore[arg-type]  # checked by name above


def options_of(name_or_path: str | Path, given: Mapping[str, object]) -> tuple[str, ...]:
    """Return the options that `load` takes for this data.

    Args:
        name_or_path: what would be loaded.
        given: options by name; some of them say what kind of data a file holds.

    Raises:
        ConfigurationError: an unknown name.
        DataError: a file is missing, or of a kind that cannot be read.

    >>> options_of("sunspots", {"target": "year"})
    ('window', 'horizon')
    """
    return _loader(name_or_path, given)[1]


def options_as_in_training(preprocessor: Preprocessor) -> LoadOptions:
    """Return the options of `load` that read cells and pictures as in the training of a model.

    Args:
        preprocessor: of the model. White behind transparent pictures is what `load` does anyway.
    """
    if preprocessor.kind == "bytes" and preprocessor.transparency == "dropped":
        return LoadOptions(transparency="dropped")
    if preprocessor.kind != "table":
        return LoadOptions()
    options = LoadOptions(columns=preprocessor.raw_columns, task=preprocessor.task)
    if preprocessor.class_names is not None:
        options["class_names"] = preprocessor.class_names
    return options


def load_inputs(path: str | Path, preprocessor: Preprocessor) -> NDArray[np.generic]:
    """Return raw examples from a file for a prediction, as ``preprocessor.apply`` takes them.

    A table does not need the target; `new_rows` says which categories are unknown. A text becomes
    one example (1, T), its last T characters. For a model of words each line is a text or a
    sentence; `new_texts` says which words are unknown.

    Raises:
        DataError: the file is missing, damaged, or not of the kind that the model was trained on.
    """
    path = existing(path)
    if preprocessor.kind == "table":
        return new_rows(path, preprocessor).inputs
    if reads_words(preprocessor):
        return new_texts(path, preprocessor).tokens
    if preprocessor.kind == "tokens":
        check_suffix(path, TEXT_SUFFIXES, "a text")
        text = texts.read_text(path)[-preprocessor.input_shape[0] :]
        if not text:
            raise DataError("the file is empty", where=str(path), expected="a text")
        characters = Vocabulary(preprocessor.class_names or (), "character")
        return characters.encode(text, where=str(path))[None]
    if path.suffix.lower() == ".npz":
        return arrays.read_inputs(path)
    if preprocessor.kind == "bytes" and len(preprocessor.input_shape) == 3:
        return pictures.read_inputs(path, preprocessor.input_shape, preprocessor.transparency)
    of_columns = preprocessor.kind == "numbers" and len(preprocessor.input_shape) == 1
    if of_columns and path.suffix.lower() in TABLE_SUFFIXES:
        return tables.read_numbers(path, preprocessor.input_shape[0])
    raise _unreadable_kind(path, ".npz files and tables" if of_columns else ".npz files")


def _called(source: object) -> str:
    """Return what messages call a source of data."""
    return FRAME if is_frame(source) else str(source)


def is_named(name: str) -> bool:
    """Return whether a data set has this name; it comes before a file of the same name.

    >>> is_named("breast_cancer"), is_named("mine.csv")
    (True, False)
    """
    return _spelled(name) in NAMED or is_gymnasium_name(name)


def _spelled(name: str | Path) -> str:
    return str(name).lower().replace("_", "-")


def _loader(
    name_or_path: str | Path | object, given: Mapping[str, object]
) -> tuple[str, tuple[str, ...], Callable[..., Dataset]]:
    check_eager(name_or_path)
    if is_frame(name_or_path):
        kind = _table_kind(given)
        options, read = KINDS[kind]
        return kind, tuple(o for o in options if o not in FILE), partial(read, name_or_path)
    name_or_path = _named_path(name_or_path)
    row = NAMED.get(_spelled(name_or_path))
    if row is not None and isinstance(name_or_path, str):
        return row.name, row.options, row.load
    if is_gymnasium_name(str(name_or_path)):
        return str(name_or_path), ("limit",), partial(random_play, str(name_or_path))
    path = Path(name_or_path)
    if not path.suffix and len(path.parts) <= 1 and not os.path.lexists(path):
        others = [name for name in gymnasium_names() if name.lower() not in NAMED]
        error = unknown_name("data set", str(name_or_path), (*NAMED, *others))
        error.given = f"{name_or_path}, which is no file or folder here either"
        raise error
    path = existing(path)
    kind = _folder_kind(path) if path.is_dir() else _file_kind(path, given)
    options, read = KINDS[kind]
    return kind, options, partial(read, path)


def _named_path(given: object) -> str | Path:
    if not isinstance(given, str | Path):
        raise ConfigurationError(
            "this names no data",
            given=kind_of(given),
            expected="a name, a file, a folder, or a frame",
            fix="arrays go to fit as they are: fit(model, x, y)",
        )
    return given


def _check_options(
    where: str, kind: str, accepted: Sequence[str], given: Mapping[str, object]
) -> None:
    for option in given:
        if option not in accepted:
            raise ConfigurationError(
                f"{kind} has no option {option!r}",
                where=where,
                given=f"{option}={given[option]!r}",
                expected=f"one of {', '.join(accepted)}" if accepted else "no options",
            )


def _folder_kind(path: Path) -> str:
    if len(idx_files(path)) == len(STEMS):
        return "a folder of idx files"
    has_texts = labelled_texts.is_folder_of_texts(path)
    return "a folder of texts" if has_texts else "a folder of pictures"


def _file_kind(path: Path, given: Mapping[str, object]) -> str:
    suffix = path.suffix.lower()
    if suffix in tagged_texts.SUFFIXES or given.get("tags"):
        return "a text with tags"
    if suffix in TABLE_SUFFIXES:
        return _table_kind(given)
    if suffix == ".npz":
        return "a .npz file"
    if suffix in TEXT_SUFFIXES:
        return "a text"
    raise _unreadable_kind(path, f"{', '.join(KNOWN_SUFFIXES)}, or a folder of pictures")


def _table_kind(given: Mapping[str, object]) -> str:
    if "window" in given or "horizon" in given:
        return "a series"
    return "a table of texts" if "text" in given else "a table"


def _unreadable_kind(path: Path, expected: str) -> DataError:
    return DataError(
        "files of this kind cannot be read here",
        where=str(path),
        given=path.suffix or "no ending",
        expected=expected,
    )
