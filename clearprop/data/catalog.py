"""Every data set by name or path: ``load``, ``list`` and ``describe``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data import arrays, pictures, tables, texts
from clearprop.data.bundled import BUNDLED, bundled
from clearprop.data.dataset import Dataset
from clearprop.data.mnist import IDX_SETS, STEMS, idx_files, load_idx_set, read_idx_set
from clearprop.data.preparation import Preparation, Task
from clearprop.data.table_file import CSV_SUFFIXES, PARQUET_SUFFIXES
from clearprop.data.truth_tables import GATES, truth_table
from clearprop.errors import ConfigurationError, DataError, nearest, unknown_name

TABLE_SUFFIXES = (*CSV_SUFFIXES, *PARQUET_SUFFIXES)
TEXT_SUFFIXES = (".txt", ".text", ".md")
KNOWN_SUFFIXES = (*TABLE_SUFFIXES, ".npz", *TEXT_SUFFIXES)


@dataclass(frozen=True)
class Row:
    """One line of the list of named data sets."""

    name: str
    kind: str
    size: str
    source: str
    licence: str


def available() -> tuple[Row, ...]:
    """Return a row for each data set that has a name here; nothing is loaded.

    >>> [row.name for row in available()][:2]
    ['digits', 'iris']
    """
    rows = [
        Row(
            name,
            about.task,
            f"{about.examples} x {_shape(about.shape)}",
            about.source,
            about.licence,
        )
        for name, about in BUNDLED.items()
    ]
    rows += [
        Row(name, "classification", "60000 + 10000 x 28x28x1", about.source, about.licence)
        for name, about in IDX_SETS.items()
    ]
    rows += [
        Row(
            name,
            "classification",
            f"{len(values)} x {len(values) // 2}",
            "truth table",
            "public domain",
        )
        for name, values in GATES.items()
    ]
    return tuple(rows)


def load(
    name_or_path: str | Path,
    *,
    folder: str | Path | None = None,
    target: str | None = None,
    task: Task | None = None,
    ignore: Sequence[str] | None = None,
    categorical: Sequence[str] | None = None,
    numeric: Sequence[str] | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    sequence_length: int | None = None,
    stream: bool | None = None,
) -> Dataset:
    """Return a data set by its name, or from a file or folder.

    Names: see ``clearprop.data.list()``. Files: ``.csv``, ``.tsv``, ``.parquet`` (tables), ``.npz``
    (arrays), ``.txt`` (text). Folders: pictures by class, or the four idx files of MNIST's kind.

    Args:
        name_or_path: what to load.
        folder: MNIST and Fashion-MNIST: where the idx files are.
        target: tables: the column to predict.
        task: tables and arrays: "classification" or "regression", where the guess is wrong.
        ignore: tables: columns to leave out.
        categorical: tables: columns to take as categories.
        numeric: tables: columns to take as numbers.
        size: pictures: height and width to stretch to.
        channels: pictures: 1 for gray, 3 for color.
        sequence_length: text: characters in a window.
        stream: pictures: True to read batch by batch, False to hold all in memory.

    Raises:
        ConfigurationError: an unknown name, or an option that this kind of data does not have.
        DataError: a file is missing, damaged, or not what the task needs.

    >>> load("iris").class_names
    ('setosa', 'versicolor', 'virginica')
    """
    options = {
        "folder": folder,
        "target": target,
        "task": task,
        "ignore": ignore,
        "categorical": categorical,
        "numeric": numeric,
        "size": size,
        "channels": channels,
        "sequence_length": sequence_length,
        "stream": stream,
    }
    given = {name: value for name, value in options.items() if value is not None}
    kind, accepted, loader = _loader(name_or_path)
    for option in given:
        if option not in accepted:
            raise ConfigurationError(
                f"{kind} has no option {option!r}",
                where=str(name_or_path),
                given=f"{option}={given[option]!r}",
                expected=f"one of {', '.join(accepted)}" if accepted else "no options",
            )
    if task is not None and task not in ("classification", "regression"):
        raise unknown_name("task", task, ("classification", "regression"))
    return loader(**given)


def load_inputs(path: str | Path, preparation: Preparation) -> NDArray[Any]:
    """Return new examples from a file, raw, as ``preparation.apply`` takes them: for a prediction.

    A table may lack the target; a text becomes one example (1, T) of its last T characters.

    Raises:
        DataError: the file is missing, damaged, or not of the kind that the model was trained on.
    """
    path = Path(path)
    if not path.exists():
        raise _missing(path)
    if preparation.kind == "table":
        _check_suffix(path, TABLE_SUFFIXES, "a table")
        return tables.read_inputs(path, preparation)
    if preparation.kind == "tokens":
        _check_suffix(path, TEXT_SUFFIXES, "a text")
        return _last_window(path, preparation)
    if path.suffix.lower() == ".npz":
        return arrays.read_inputs(path)
    if preparation.kind == "bytes" and len(preparation.input_shape) == 3:
        return pictures.read_inputs(path, preparation.input_shape)
    raise _unreadable_kind(path, ".npz files")


@dataclass(frozen=True)
class Description:
    """What there is to know of a data set at a glance; ``str`` gives it as lines."""

    name: str
    task: str
    examples: int
    test_examples: int
    input_shape: tuple[int, ...]
    dtype: str
    megabytes: float
    streamed: bool
    classes: tuple[tuple[str, int], ...]
    target_range: tuple[float, float] | None
    features: tuple[tuple[str, str], ...]
    source: str
    licence: str

    def __str__(self) -> str:
        test = f" + {self.test_examples} official test" if self.test_examples else ""
        where = "read batch by batch" if self.streamed else "held in memory"
        lines = [
            f"{self.name}: {self.task}",
            f"  examples:  {self.examples}{test}",
            f"  input:     {_shape(self.input_shape)} of {self.dtype}, "
            f"{self.megabytes:.1f} MB, {where}",
        ]
        if self.task == "text":
            lines.append(f"  alphabet:  {len(self.classes)} characters")
        elif self.classes:
            counts = ", ".join(f"{name} {count}" for name, count in self.classes)
            lines.append(f"  classes:   {counts}")
        if self.target_range is not None:
            lines.append(f"  target:    from {self.target_range[0]:g} to {self.target_range[1]:g}")
        lines += [f"  {name}: {summary}" for name, summary in self.features]
        return "\n".join([*lines, f"  source:    {self.source}", f"  licence:   {self.licence}"])


def describe(dataset: Dataset) -> Description:
    """Return a summary: sizes, classes with their counts, features with their range.

    >>> print(describe(load("xor")))
    xor: classification
      examples:  4
      input:     2 of float32, 0.0 MB, held in memory
      classes:   0 2, 1 2
      x1: 0 to 1, mean 0.5
      x2: 0 to 1, mean 0.5
      source:    the definition of the gate
      licence:   public domain
    """
    names = dataset.class_names or ()
    counts = np.bincount(dataset.targets.ravel(), minlength=len(names)) if names else ()
    is_number = dataset.task == "regression"
    return Description(
        name=dataset.name,
        task=dataset.task,
        examples=len(dataset),
        test_examples=len(dataset.test) if dataset.test is not None else 0,
        input_shape=dataset.input_shape,
        dtype=str(dataset.inputs.dtype),
        megabytes=dataset.size_in_bytes / 1e6,
        streamed=dataset.streamed,
        classes=tuple((name, int(count)) for name, count in zip(names, counts, strict=True)),
        target_range=(float(dataset.targets.min()), float(dataset.targets.max()))
        if is_number
        else None,
        features=_features(dataset),
        source=dataset.source,
        licence=dataset.licence,
    )


def _features(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    inputs = dataset.inputs
    if dataset.feature_names is None or not isinstance(inputs, np.ndarray) or inputs.ndim != 2:
        return ()
    columns = dataset.columns or (None,) * inputs.shape[1]
    summaries: list[tuple[str, str]] = []
    for name, column, values in zip(dataset.feature_names, columns, inputs.T, strict=True):
        present = values[~np.isnan(values)]
        missing = len(values) - len(present)
        if column is not None and column.categories is not None:
            text = f"{len(column.categories)} categories: {', '.join(column.categories[:5])}"
            text += ", ..." if len(column.categories) > 5 else ""
        elif len(present):
            text = f"{present.min():g} to {present.max():g}, mean {present.mean():g}"
        else:
            text = "no value"
        summaries.append((name, f"{text}, {missing} missing" if missing else text))
    return tuple(summaries)


def _loader(name_or_path: str | Path) -> tuple[str, tuple[str, ...], Callable[..., Dataset]]:
    name = str(name_or_path).lower().replace("_", "-")
    if isinstance(name_or_path, str):
        if name in BUNDLED:
            return name, (), lambda: bundled(name)
        if name in GATES:
            return name, (), lambda: truth_table(name)
        if name in IDX_SETS:
            known = IDX_SETS[name]
            return name, ("folder",), lambda folder=None: load_idx_set(known, folder)
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return _folder_loader(path)
    suffix = path.suffix.lower()
    if not path.exists():
        if suffix or len(path.parts) > 1:
            raise _missing(path)
        names = [row.name for row in available()]
        raise unknown_name("data set", str(name_or_path), names)
    if suffix in TABLE_SUFFIXES:
        options = ("target", "task", "ignore", "categorical", "numeric")
        return "a table", options, lambda **given: tables.load_table(path, **given)
    if suffix == ".npz":
        return "a .npz file", ("task",), lambda **given: arrays.load_arrays(path, **given)
    if suffix in TEXT_SUFFIXES:
        return "a text", ("sequence_length",), lambda **given: texts.load_text(path, **given)
    raise _unreadable_kind(path, f"{', '.join(KNOWN_SUFFIXES)}, or a folder of pictures")


def _folder_loader(path: Path) -> tuple[str, tuple[str, ...], Callable[..., Dataset]]:
    files = idx_files(path)
    if len(files) == len(STEMS):
        return "a folder of idx files", (), lambda: read_idx_set(files, name=path.name)
    return (
        "a folder of pictures",
        ("size", "channels", "stream"),
        lambda **given: pictures.load_pictures(path, **given),
    )


def _last_window(path: Path, preparation: Preparation) -> NDArray[np.int32]:
    text = texts.read_text(path)[-preparation.input_shape[0] :]
    return texts.encode_text(text, preparation.class_names or (), where=str(path))[None]


def _missing(path: Path) -> DataError:
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    return DataError(
        "there is no such file or folder",
        where=str(path),
        mend=f"did you mean {str(path.parent / close)!r}?" if close else None,
    )


def _check_suffix(path: Path, suffixes: Sequence[str], kind: str) -> None:
    if path.suffix.lower() not in suffixes:
        raise DataError(
            f"the model was trained on {kind}",
            where=str(path),
            expected=f"a file that ends in {', '.join(suffixes)}",
        )


def _unreadable_kind(path: Path, expected: str) -> DataError:
    return DataError(
        "files of this kind cannot be read here",
        where=str(path),
        given=path.suffix or "no ending",
        expected=expected,
    )


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)
