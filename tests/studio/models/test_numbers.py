"""Arrays as tiles of codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.studio.models import numbers
from clearprop.studio.models.numbers import axes_of, codes_of, pooled, shown


def entry_of(
    axes: numbers.Axes, shape: tuple[int, ...], tile: int, row: int, column: int
) -> tuple[int, ...]:
    """The index of the entry at a place of a tile, as the page computes it."""
    index = [0] * len(shape)
    parts = ((axes.tiles, tile), (axes.rows, row), (axes.columns, column))
    if axes.wrap:
        parts = ((axes.columns, row * axes.wrap + column),)  # type: ignore[assignment]
    for axis_list, number in parts:
        for axis in reversed(axis_list):
            number, index[axis] = divmod(number, shape[axis])
    return tuple(index)


@given(
    st.lists(st.integers(1, 6), min_size=0, max_size=5),
    st.sampled_from(["", "picture", "kernel"]),
)
def test_every_pixel_is_the_entry_that_the_axes_say(
    sizes: list[int], layout: numbers.Layout
) -> None:
    shape = tuple(sizes)
    values = np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)
    part = shown(values, layout)
    assert part.factor == 1
    seen = set()
    for place in np.ndindex(*part.entries.shape):
        if part.axes.wrap and place[1] * part.axes.wrap + place[2] >= values.size:
            continue
        index = entry_of(part.axes, shape, *place)
        assert part.entries[place] == values[index]
        seen.add(index)
    batch = shape[0] if layout == "picture" and len(shape) == 4 else 1
    assert len(seen) * batch == values.size


def test_long_vectors_are_wrapped() -> None:
    part = shown(np.arange(1000.0))
    assert part.axes.wrap == 32
    assert part.entries.shape == (1, 32, 32)
    assert part.entries[0, 1, 0] == 32
    assert part.entries[0, -1, 8:].max() == 0


def test_large_arrays_are_pooled_by_the_entry_of_the_largest_size() -> None:
    values = np.zeros((1, 1100, 1100), np.float32)
    values[0, 700, 900] = -5
    values[0, 10, 10] = np.nan
    part = shown(values)
    assert part.factor == 3
    assert part.entries[0, 700 // 3, 900 // 3] == -5
    assert np.isnan(part.entries[0, 3, 3])
    assert np.isnan(part.entries).sum() == 1


def test_many_tiles_come_in_parts() -> None:
    values = np.arange(3 * 3 * 20 * 50, dtype=np.float32).reshape(3, 3, 20, 50)
    part = shown(values, "kernel", first=999)
    assert (part.tiles, len(part.entries)) == (1000, 1)
    first = shown(values, "kernel")
    assert len(first.entries) == 256
    np.testing.assert_array_equal(first.entries[1], values[:, :, 0, 1])


def test_nothing_is_larger_than_a_frame() -> None:
    for shape, layout in (((1, 224, 224, 64), "picture"), ((2048, 1000), ""), ((10**6,), "")):
        part = shown(np.zeros(shape, np.float32), layout)  # type: ignore[arg-type]
        assert part.entries.size <= numbers.MOST_PIXELS


@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_codes_are_within_half_a_step(values: list[float]) -> None:
    array = np.array(values, np.float32)
    codes, limit = codes_of(array)
    finite = np.isfinite(array)
    assert (codes[~finite] == 255).all()
    assert (codes[finite] <= 254).all()
    decoded = (codes[finite].astype(float) - 127) / 127 * limit
    assert (np.abs(decoded - array[finite]) <= limit / 254 * 1.001).all()


def test_pooling_of_an_edge() -> None:
    tiles = -np.arange(15.0).reshape(1, 3, 5).astype(np.float32)
    np.testing.assert_array_equal(pooled(tiles, 2), [[[-6, -8, -9], [-11, -13, -14]]])


def test_an_empty_array() -> None:
    assert shown(np.zeros((0, 3))).entries.size == 0
    assert axes_of(()) == numbers.Axes((), (), ())
    with pytest.raises(Exception, match="no such tile"):
        shown(np.zeros((2, 2)), first=1)
