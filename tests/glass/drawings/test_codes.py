"""Pictures in rows and on a map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop.errors import ShapeError
from clearprop.glass.drawings.codes import apart, code_map, in_grid, picture_rows

RANDOM = np.random.default_rng(0)


def test_pictures_stand_side_by_side_in_their_order() -> None:
    pictures = np.stack([np.full((2, 3, 1), value) for value in (0.0, 0.25, 0.5, 2.0)])
    whole = in_grid(pictures, 3)
    assert whole.shape == (5, 11, 1)
    assert whole[0, ::4, 0].tolist() == [0.0, 0.25, 0.5]
    assert whole[3, 0] == 1.0  # clipped
    assert (whole[2] == 1).all()  # the line between the rows


def test_points_that_are_kept_lie_apart() -> None:
    points = RANDOM.random((500, 2))
    kept = points[apart(points, 0.1)]
    distances = np.abs(kept[:, None] - kept).max(axis=2) + np.eye(len(kept))
    assert distances.min() >= 0.1
    others = np.abs(points[:, None] - kept).max(axis=2).min(axis=1)
    assert others.max() < 0.1
    assert len(apart(points, 0.01, most=7)) == 7


@pytest.mark.parametrize("channels", [1, 3])
def test_a_map_has_its_classes_and_its_pictures(channels: int) -> None:
    codes, names = RANDOM.normal(size=(200, 2)), [f"class {i % 10}" for i in range(200)]
    drawing = code_map(codes, RANDOM.random((200, 4, 4, channels)), names)
    axes = drawing.figure.axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines) == 200  # type: ignore[arg-type]
    looks = {(str(line.get_color()), str(line.get_marker())) for line in axes.lines}
    assert len(looks) == 10
    assert 10 < len(axes.child_axes) <= 60
    assert drawing.png()[:4] == b"\x89PNG"


def test_rows_have_their_names() -> None:
    rows = [RANDOM.random((5, 4, 4, 1)) for _ in range(3)]
    drawing = picture_rows(rows, ["noisy", "de-noised", "clean"], "Three rows", "look")
    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels == ["noisy", "de-noised", "clean"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: in_grid(np.zeros((4, 5)), 2), "no pictures"),
        (lambda: code_map(np.zeros((4, 3)), np.zeros((4, 2, 2, 1))), "two numbers"),
    ],
)
def test_other_shapes_are_refused(call: Any, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        call()
