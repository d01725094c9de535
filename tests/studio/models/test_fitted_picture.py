"""A user's picture is laid out as the examples are: their own pictures come back, however drawn."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clearprop import data, models, nn
from clearprop.errors import DataError
from clearprop.studio.models.fitted_picture import PictureLayout, fitted, layout_of
from clearprop.studio.models.messages import Pixels
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import Seen, viewed


@pytest.fixture(scope="module")
def digits() -> NDArray[np.uint8]:
    """Digits of 8 x 8 with grays to 255."""
    return np.asarray(np.minimum(data.load("digits").inputs[:200].astype(int) * 16, 255), np.uint8)


@pytest.fixture(scope="module")
def layout(digits: NDArray[np.uint8]) -> PictureLayout:
    found = layout_of(digits)
    assert found is not None
    return found


def enlarged(picture: NDArray[np.uint8], factor: int = 12, border: int = 0) -> NDArray[np.uint8]:
    """A picture drawn large, on a sheet with a border."""
    large = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.pad(large, [(border, border), (border, 3 * border), (0, 0)])


def alike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The correlation of the grays of two pictures."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_the_layout_of_digits(layout: PictureLayout) -> None:
    assert layout.shape == (8, 8, 1)
    assert (layout.ground, layout.sides[0]) == (0, 8)
    assert layout.ink > 200
    assert not layout.by_mass  # they were cut to their boxes
    assert layout.words.endswith("drawn light on dark, as the examples are.")


def test_a_drawn_digit_comes_back(digits: NDArray[np.uint8], layout: PictureLayout) -> None:
    drawn = [fitted(enlarged(one, 5 + k % 9, 20 + k), layout) for k, one in enumerate(digits)]
    assert np.mean([alike(one, other) for one, other in zip(drawn, digits, strict=True)]) > 0.9
    # What knows the other digits still knows them.
    known = data.load("digits").inputs[200:].reshape(-1, 64).astype(float)
    labels = data.load("digits").targets
    flat = np.array(drawn).reshape(-1, 64) / 16.0
    nearest = ((flat[:, None] - known[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (labels[200:][nearest] == labels[:200]).mean() > 0.85


def test_ink_on_white_paper_is_the_same(digits: NDArray[np.uint8], layout: PictureLayout) -> None:
    drawn = enlarged(digits[3], border=30)
    np.testing.assert_array_equal(fitted(255 - drawn, layout), fitted(drawn, layout))


def test_colors_and_an_uneven_sheet(digits: NDArray[np.uint8], layout: PictureLayout) -> None:
    random = np.random.default_rng(0)
    drawn = 255 - enlarged(digits[3], border=30)
    shade = np.linspace(0.85, 1.0, drawn.shape[1])[None, :, None]
    sheet = drawn * shade + random.normal(0, 2, drawn.shape)
    photo = np.clip(sheet, 0, 255).astype(np.uint8).repeat(3, axis=2)
    assert alike(fitted(photo, layout), fitted(drawn, layout)) > 0.95


def test_size_and_place_on_the_sheet_do_not_matter(layout: PictureLayout) -> None:
    disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 18
    sheet = np.zeros((200, 300, 1), np.uint8)
    sheet[10:51, 200:241, 0] = 255 * disc
    found = fitted(sheet, layout)
    other = np.zeros((90, 90, 1), np.uint8)
    other[20:61, 30:71, 0] = 90 * disc  # a pencil that draws faintly
    np.testing.assert_allclose(fitted(other, layout).astype(int), found.astype(int), atol=1)
    rows = np.flatnonzero(found[..., 0].any(axis=1))
    assert rows[-1] - rows[0] + 1 == min(layout.sides)
    assert found.max() == round(layout.ink)


def test_masses_are_centered_where_those_of_the_examples_are() -> None:
    random = np.random.default_rng(0)
    pictures = np.zeros((60, 28, 28, 1), np.uint8)
    for one in pictures:  # as in MNIST: the center of mass in the middle, boxes anywhere around it
        height, width = random.integers(10, 20, 2)
        part = (random.random((height, width)) < np.linspace(0.05, 0.95, width)) * 255
        rows, columns = np.nonzero(part)
        top, left = round(13.5 - rows.mean()), round(13.5 - columns.mean())
        one[top : top + height, left : left + width, 0] = part
    layout = layout_of(pictures)
    assert layout is not None
    assert layout.by_mass
    wedge = np.tri(30, 30, dtype=np.uint8)[:, :, None] * 255
    found = fitted(np.pad(wedge, [(9, 3), (1, 20), (0, 0)]), layout)[..., 0].astype(float)
    rows, columns = np.mgrid[:28, :28]
    assert (found * rows).sum() / found.sum() == pytest.approx(13.5, abs=0.8)
    assert (found * columns).sum() / found.sum() == pytest.approx(13.5, abs=0.8)


def test_pictures_that_fill_their_frame_have_no_layout() -> None:
    random = np.random.default_rng(0)
    assert layout_of(random.integers(0, 256, (50, 16, 16, 3))) is None
    assert layout_of(np.zeros((5, 8, 8, 1))) is None


def test_an_empty_sheet_is_refused(layout: PictureLayout) -> None:
    with pytest.raises(DataError, match="nothing on the picture"):
        fitted(np.full((50, 50, 1), 30, np.uint8), layout)


@pytest.fixture(scope="module")
def network() -> Seen:
    splits = data.load("digits").split(test=0.2)
    model = nn.Sequential(
        [models.Enlarge(4), nn.Conv2d(1, 2, 5), "relu", nn.Flatten(), nn.Linear(1568, 10)]
    )
    return viewed(Offer("digits", model.init(0), data=splits))


def pixels(picture: NDArray[np.uint8]) -> Pixels:
    height, width, channels = picture.shape
    return Pixels((height, width, channels), base64.b64encode(picture.tobytes()).decode())


def test_the_network_gets_the_grays_of_its_examples(network: Seen) -> None:
    opened = network.viewer.opened(network.source)
    raw = np.asarray(opened.subject.inputs[7])
    drawn = enlarged(255 - (raw * 15).astype(np.uint8), 20)
    seen = network.seen(pixels=pixels(drawn), fitted=True)
    x, own = np.asarray(seen.aim.x)[0], np.asarray(opened.pair(7)[0])[0]
    assert np.corrcoef(x.ravel(), own.ravel())[0, 1] > 0.9
    assert x.max() == pytest.approx(own.max(), abs=0.3)
    assert x.min() == pytest.approx(own.min(), abs=1e-5)
    assert any(remark.startswith("It is cut to its ink") for remark in seen.aim.remarks)
    plain = network.seen(pixels=pixels(drawn))
    assert np.corrcoef(np.asarray(plain.aim.x).ravel(), own.ravel())[0, 1] < 0


def test_a_file_is_cut_before_it_is_scaled(network: Seen, tmp_path: object) -> None:
    import io

    opened = network.viewer.opened(network.source)
    raw = (np.asarray(opened.subject.inputs[7]) * 15).astype(np.uint8)
    sheet = np.zeros((900, 1400, 1), np.uint8)
    sheet[100:420, 900:1220] = enlarged(raw, 40)
    file = io.BytesIO()
    Image.fromarray(sheet[..., 0]).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    x = np.asarray(network.seen(picture=text, fitted=True).aim.x)
    own = np.asarray(opened.pair(7)[0])
    assert np.corrcoef(x.ravel(), own.ravel())[0, 1] > 0.9
