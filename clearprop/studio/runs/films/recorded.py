"""What a run recorded from inside: statistics of layers over its steps, and whole arrays.

Shape letters: R recorded steps, S statistics, B examples of a batch.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError, RunError
from clearprop.files import read_errors
from clearprop.glass.colors import largest
from clearprop.studio.frames import pack
from clearprop.studio.runs.films.tiles import output_tiles, parameter_tiles
from clearprop.studio.runs.films.weights import first_matrix, picture_shape
from clearprop.studio.runs.place import RunPlace
from clearprop.studio.runs.thinned import thinned_together
from clearprop.training.recording.observation import STATISTICS
from clearprop.training.recording.recordings import (
    INDEX,
    ROWS,
    Layout,
    Recorded,
    RecordedArray,
    Recordings,
    damage_of_rows,
    damaged_rows,
    read_layout,
)
from clearprop.training.run_folder import RECORDINGS
from clearprop.training.storage.summed import SUFFIX, compared_with_sums

MOST_STEPS = 500
"""So many recorded steps are shown of a statistic."""

WHAT = ("value", "error")


@dataclass(frozen=True, eq=False)
class RecordedRows:
    """The recordings of a run, read without mapping their file: a resumed run may cut it off.

    Attributes:
        file: of the rows.
        layout: of a row.
        numbers: the statistics, without whole arrays.
        places: of the rows in the file, those that are whole.
        damage: what is damaged, in sentences.
    """

    file: Path
    layout: Layout
    numbers: Recordings
    places: NDArray[np.intp]
    damage: tuple[str, ...]

    def row(self, step: int) -> NDArray[np.void] | None:
        """Return the row of a step with its arrays; None where it was not recorded."""
        found = np.flatnonzero(self.numbers.steps == step)
        if not len(found):
            return None
        size = self.layout.row.itemsize
        with read_errors(self.file, RunError), self.file.open("rb") as file:
            file.seek(int(self.places[found[-1]]) * size)
            content = file.read(size)
        return np.frombuffer(content, self.layout.row) if len(content) == size else None


def recorded_rows(place: RunPlace) -> RecordedRows | None:
    """Return the recordings of a run; None where it has none.

    Raises:
        RunError: their index is damaged, or the rows cannot be read.
    """
    for name in (INDEX, ROWS, ROWS + SUFFIX):
        place.inside(f"{RECORDINGS}/{name}")
    folder = place.path / RECORDINGS
    file = folder / ROWS
    if not file.is_file() or not (folder / INDEX).is_file():
        return None
    marks = [(one.stat().st_mtime_ns, one.stat().st_size) for one in (file, folder / INDEX)]
    return _read(folder, tuple(marks))


@functools.lru_cache(maxsize=4)
def _read(folder: Path, marks: tuple[object, ...]) -> RecordedRows | None:
    """Read the recordings in a folder, unless their files are as they were."""
    del marks
    layout, file = read_layout(folder), folder / ROWS
    if layout is None:
        return None
    size = layout.row.itemsize
    parts = compared_with_sums(file)
    whole = np.flatnonzero(~damaged_rows(parts, size))
    bare = replace(layout, arrays=False)  # whole arrays stand at the end of a row
    contents = []
    with read_errors(file, RunError), file.open("rb") as opened:
        for place_of_row in whole.tolist():
            opened.seek(place_of_row * size)
            contents.append(opened.read(bare.row.itemsize))
    kept = [k for k, content in enumerate(contents) if len(content) == bare.row.itemsize]
    rows = np.frombuffer(b"".join(contents[k] for k in kept), bare.row)
    damage = tuple(f"{RECORDINGS}/{ROWS}: {text}" for text in damage_of_rows(parts, size))
    return RecordedRows(file, layout, Recordings(bare, rows), whole[kept], damage)


def statistics_frame(place: RunPlace, name: str) -> bytes:
    """Return the frame "statistics" of a layer or parameter.

    Header: ``run``, ``name``, ``layer``, ``shape``, ``statistics`` (their names), ``is_parameter``.
    Arrays: ``step`` int32 (R,); ``value`` and ``error`` float32 (S, R), of a parameter its numbers
    and its gradient; ``ratio`` float32 (R,), length of the update over that of the parameter.

    Raises:
        ConfigurationError: nothing of this name was recorded.
        RunError: the run has no recordings.
    """
    recorded = _rows(place).numbers[name]
    value, error = _pair(recorded)
    kept = thinned_together([value.mean, value.largest, error.deviation], MOST_STEPS)
    ratio = recorded.update_ratio
    arrays = {
        "step": recorded.steps[kept].astype(np.int32),
        "value": _stacked(value, kept),
        "error": _stacked(error, kept),
        "ratio": np.zeros(0, np.float32) if ratio is None else ratio[kept].astype(np.float32),
    }
    fields = {
        "run": place.name,
        "name": name,
        "layer": recorded.kind,
        "shape": recorded.shape,
        "statistics": STATISTICS,
        "is_parameter": recorded.is_parameter,
    }
    return pack("statistics", fields, arrays)


def arrays_frame(
    place: RunPlace, config: Mapping[str, Any], name: str, step: int, what: str, example: int
) -> bytes:
    """Return the frame "arrays": a recorded array at a step.

    Header: ``run``, ``step``, ``name``, ``what``, ``examples`` of the batch, ``example``,
    ``film_limit``, and what `TiledArray.frame` adds.

    Args:
        place: of the run.
        config: of the run.
        name: of the layer or parameter.
        step: recorded.
        what: "value", or "error" for the error signal, of a parameter the gradient.
        example: of the batch of the step; ignored for a parameter.

    Raises:
        ConfigurationError: nothing of this name, or no arrays, were recorded at this step.
        RunError: the run has no recordings.
    """
    rows = _rows(place)
    first, last = (rows.row(int(rows.numbers.steps[k])) for k in (0, -1))
    row, recorded = rows.row(step), rows.numbers[name]
    number = WHAT.index(what) if what in WHAT else 0
    column = f"array{2 * rows.numbers.names.index(name) + number}"
    if row is None or not rows.layout.arrays:
        raise ConfigurationError(
            "nothing was recorded at this step"
            if rows.layout.arrays
            else "this run recorded statistics only",
            given=f"step {step}",
            fix='fit(..., record=Record("layers.*", what="arrays"))',
        )
    values = np.asarray(row[column][0])
    batch = 1
    if recorded.is_parameter:
        is_first = name == first_matrix(config)
        tiled = parameter_tiles(values, picture_shape(config) if is_first else ())
    else:
        batch = len(values)
        example = max(0, min(example, batch - 1))
        tiled = output_tiles(values[example])
    ends = [largest(end[column]) for end in (first, last) if end is not None]
    fields = {
        "run": place.name,
        "step": step,
        "name": name,
        "what": what,
        "examples": batch,
        "example": example,
        "film_limit": max(ends, default=0.0),
    }
    return tiled.frame("arrays", fields)


def _rows(place: RunPlace) -> RecordedRows:
    rows = recorded_rows(place)
    if rows is None or not len(rows.numbers.steps):
        raise RunError(
            "this run has recorded nothing",
            where=place.name,
            fix="clearprop train NAME --set 'record=layers.*'",
        )
    return rows


def _pair(recorded: Recorded) -> tuple[RecordedArray, RecordedArray]:
    """Return value and error signal of a layer, or value and gradient of a parameter."""
    first = recorded.value if recorded.is_parameter else recorded.output
    second = recorded.gradient if recorded.is_parameter else recorded.error
    assert first is not None
    assert second is not None
    return first, second


def _stacked(array: RecordedArray, kept: NDArray[np.intp]) -> NDArray[np.float32]:
    return np.stack([getattr(array, name)[kept] for name in STATISTICS]).astype(np.float32)
