"""The recordings of a run: statistics of layers and parameters, step by step.

Shape letters: R recorded steps, S series, P parameters.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import RunError, unknown_name
from clearprop.files import content_errors, read_errors, read_record, write_errors, write_record
from clearprop.training.recording.observation import PARAMETER, STATISTICS, Recordable
from clearprop.training.storage.summed import Agreement, SummedFile, compared_with_sums

INDEX, ROWS = "index.json", "rows.bin"

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RecordedArray:
    """The statistics of one array of the network over the recorded steps, float32 (R,) each.

    Attributes:
        mean: of its entries.
        deviation: their standard deviation.
        smallest: the smallest entry.
        largest: the largest entry.
        zeros: fraction of entries that are 0.
        saturated: fraction of an activation's outputs that are saturated, see
            `clearprop.nn.definitions.is_saturated`; NaN for other arrays.
        nonfinite: fraction of entries that are infinite or NaN; they are in the other statistics
            too.
        arrays: the entries themselves, (R, ...), where ``what="arrays"``; else None. Where the last
            batch of an epoch is smaller, the missing examples are NaN.
    """

    mean: Floats
    deviation: Floats
    smallest: Floats
    largest: Floats
    zeros: Floats
    saturated: Floats
    nonfinite: Floats
    arrays: Floats | None = None


@dataclass(frozen=True, eq=False)
class Recorded:
    """The recordings of one layer or one parameter.

    Attributes:
        name: of the layer or parameter.
        kind: the layer's class, or the name of the activation that it applies; "parameter".
        steps: how many training steps were taken before each recorded one, (R,).
        shape: of the array, for a whole batch.
        output: of a layer.
        error: the error signal dE/d output of a layer; NaN where no parameter comes before it.
        value: of a parameter, before the step.
        gradient: dE/dw of a parameter.
        update_ratio: length of the update over the length of the parameter, (R,); NaN where the
            parameter is 0.
    """

    name: str
    kind: str
    steps: NDArray[np.int64]
    shape: tuple[int, ...]
    output: RecordedArray | None = None
    error: RecordedArray | None = None
    value: RecordedArray | None = None
    gradient: RecordedArray | None = None
    update_ratio: Floats | None = None

    @property
    def is_parameter(self) -> bool:
        """Whether it is a parameter, with a value and a gradient, or a layer."""
        return self.kind == PARAMETER


class Recordings(Mapping[str, Recorded]):
    """The recordings of a run by the names of layers and parameters.

    Args:
        layout: of the rows.
        rows: one for each recorded step.

    Attributes:
        steps: how many training steps were taken before each recorded one, int64 (R,): the losses
            are ``run.losses[steps - run.first_step]``. If a run diverged, its last step may be
            recorded although it has no loss.
    """

    def __init__(self, layout: Layout, rows: NDArray[np.void]) -> None:
        self._layout = layout
        self._rows = rows
        self._places = {one.name: i for i, one in enumerate(layout.recordables)}

    @property
    def steps(self) -> NDArray[np.int64]:
        """How many training steps were taken before each recorded one, int64 (R,)."""
        return np.asarray(self._rows["step"], np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """Layers in the order of their calls, then parameters."""
        return tuple(self._places)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names that are layers, in the order of their calls."""
        return tuple(s.name for s in self._layout.recordables if s.kind != PARAMETER)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that are parameters."""
        return tuple(s.name for s in self._layout.recordables if s.kind == PARAMETER)

    def __getitem__(self, name: str) -> Recorded:
        """Return the recordings of a layer or parameter.

        Raises:
            ConfigurationError: nothing of that name was recorded; the nearest is suggested.
        """
        if name not in self._places:
            raise unknown_name("recorded name", name, self._places)
        place = self._places[name]
        one = self._layout.recordables[place]
        of_value, of_error = (self._recorded(2 * place + k) for k in range(2))
        about = name, one.kind, self.steps, one.shape
        if one.kind != PARAMETER:
            return Recorded(*about, output=of_value, error=of_error)
        ratio = np.asarray(self._rows["ratios"][:, self.parameters.index(name)])
        return Recorded(*about, value=of_value, gradient=of_error, update_ratio=ratio)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"<Recordings of {len(self)} names at {len(self._rows)} steps>"

    def _recorded(self, place: int) -> RecordedArray:
        columns = np.asarray(self._rows["statistics"][:, place]).T
        arrays = self._rows[f"array{place}"] if self._layout.arrays else None
        return RecordedArray(**dict(zip(STATISTICS, columns, strict=True)), arrays=arrays)


@dataclass(frozen=True)
class Layout:
    """The layout of a row of recordings: step, statistics, update ratios, and whole arrays.

    Attributes:
        recordables: layers in the order of their calls, then parameters.
        arrays: whether rows hold whole arrays.
    """

    recordables: tuple[Recordable, ...]
    arrays: bool

    @property
    def row(self) -> np.dtype[np.void]:
        """The type of a row in memory and in the file: little-endian, unpadded."""
        series = 2 * len(self.recordables)
        ratios = sum(one.kind == PARAMETER for one in self.recordables)
        fields: list[Any] = [
            ("step", "<i8"),
            ("statistics", "<f4", (series, len(STATISTICS))),
            ("ratios", "<f4", (ratios,)),
        ]
        if self.arrays:
            shapes = [one.shape for one in self.recordables for _ in range(2)]
            fields += [(f"array{i}", "<f4", shape) for i, shape in enumerate(shapes)]
        return np.dtype(fields)

    @property
    def observed(self) -> int:
        """Bytes of the values and error signals from which the numbers of a row are computed."""
        return sum(2 * 4 * math.prod(one.shape) for one in self.recordables)

    def as_dict(self) -> dict[str, object]:
        """Return the layout as plain data."""
        recordables = [{**s._asdict(), "shape": list(s.shape)} for s in self.recordables]
        return {"arrays": self.arrays, "statistics": list(STATISTICS), "recordables": recordables}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Layout:
        """Return the layout from plain data.

        Raises:
            ValueError: the data is damaged.
        """
        try:
            if tuple(plain["statistics"]) != STATISTICS:
                raise ValueError("other statistics than this version knows")
            recordables = tuple(
                Recordable(str(s["name"]), str(s["kind"]), tuple(map(int, s["shape"])))
                for s in plain["recordables"]
            )
            return cls(recordables, bool(plain["arrays"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a layout of recordings: {error!r}") from error


class RowFile:
    """The rows of a run's recordings in its folder: an index, and rows appended while it runs.

    Args:
        folder: of the files; it is made if missing.
        layout: of the rows.
        rows: how many rows are kept: later ones are deleted, as their steps are taken again.

    Raises:
        RunError: rows of earlier steps are missing, or the disk is full.
    """

    def __init__(self, folder: Path, layout: Layout, rows: int) -> None:
        self._path = folder / ROWS
        with write_errors(folder):
            folder.mkdir(exist_ok=True)
        write_record(folder / INDEX, layout.as_dict(), indent=None)
        self._file = SummedFile(self._path)
        self._rewind(layout.row.itemsize, rows)

    def add(self, row: NDArray[np.void]) -> None:
        """Append a row; it is in the file even if this process ends now.

        Raises:
            RunError: the disk is full.
        """
        self._file.append(row.tobytes())

    def sync(self) -> None:
        """Force the rows to the disk."""
        self._file.sync()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rewind(self, size: int, rows: int) -> None:
        there = self._file.size
        if there < size * rows:
            self._file.close()
            raise RunError(
                "the recordings of some steps are missing",
                where=str(self._path),
                given=f"{there // size} recorded steps",
                expected=f"at least the {rows} before the checkpoint",
            )
        self._file.rewind(size * rows)


def read_recordings(folder: Path) -> Recordings | None:
    """Return the recordings in a folder; None where there are none.

    Rows are read from the disk when they are used; a row that a crash cut off is left out, and so
    is one that does not agree with its checksum, with a warning.

    Raises:
        RunError: the index is damaged, or the rows cannot be read.
    """
    file = folder / ROWS
    layout = read_layout(folder)
    if layout is None or not file.is_file():
        return None
    parts, size = compared_with_sums(file), layout.row.itemsize
    whole = parts.size // size
    if not whole:
        return Recordings(layout, np.zeros(0, layout.row))
    with read_errors(file, RunError):
        rows: NDArray[np.void] = np.memmap(file, layout.row, "r", shape=(whole,))
    for text in damage_of_rows(parts, size):
        warnings.warn(f"{file}: {text}", stacklevel=2)
    return Recordings(layout, rows[~damaged_rows(parts, size)] if parts.damaged else rows)


def read_layout(folder: Path) -> Layout | None:
    """Return the layout of the rows in a folder; None where there are none.

    Raises:
        RunError: the index is damaged.
    """
    index = folder / INDEX
    if not index.is_file():
        return None
    problem = "the index of the recordings is damaged"
    record = read_record(index, RunError, problem)
    with content_errors(index, RunError, problem):
        return Layout.of(record)


def damaged_rows(parts: Agreement, size: int) -> NDArray[np.bool_]:
    """Return which rows do not agree with their checksums.

    Args:
        parts: the file of the rows compared with its checksums.
        size: of a row in bytes.
    """
    places = range(parts.size // size)
    return np.array([parts.is_damaged(i * size, (i + 1) * size) for i in places], bool)


def damage_of_rows(parts: Agreement, size: int) -> list[str]:
    """Return in words what of the rows does not agree with its checksum, as `damaged_rows`.

    >>> damage_of_rows(Agreement(400, damaged=((40, 80),)), 40)
    ['1 of 10 recorded steps are damaged and left out']
    """
    told = []
    if parts.missing:
        missing = -(-parts.missing // size)
        told.append(f"the last {missing} recorded steps are missing: the file was cut off")
    if parts.damaged:
        damaged = damaged_rows(parts, size)
        told.append(
            f"{damaged.sum():,} of {len(damaged):,} recorded steps are damaged and left out"
        )
    return told


def joined(layout: Layout, rows: Sequence[NDArray[np.void]]) -> Recordings:
    """Return the recordings with these rows."""
    return Recordings(layout, np.array(list(rows), layout.row))
