"""Charts place their points correctly, and label their axes with round numbers."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.glass.boundary_section import _contour
from clearprop.glass.chart import Chart, log_ticks, ticks
from clearprop.glass.colors import diverging


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 12))
def test_ticks_are_few_round_and_inside(low: float, width: float, most: int) -> None:
    found = ticks(low, low + width, most)
    assert len(found) <= most
    assert all(low - 1e-6 * width <= t <= low + 1.000001 * width for t in found)
    steps = np.diff(found)
    if len(steps):
        np.testing.assert_allclose(steps, steps[0], rtol=1e-3)


@given(st.floats(-12, 6), st.floats(0.5, 12))
def test_logarithmic_ticks_are_inside(first: float, decades: float) -> None:
    low, high = 10.0**first, 10.0 ** (first + decades)
    found = log_ticks(low, high)
    assert len(found) <= 13
    assert all(low * 0.99 <= t <= high * 1.01 for t in found)


def test_a_chart_maps_its_corners_to_the_frame() -> None:
    chart = Chart((0, 10), (1, 100), "t", log=True)
    assert float(chart.px(0)) == chart.left
    assert float(chart.px(10)) == chart.width - chart.right
    assert float(chart.py(100)) == pytest.approx(chart.top)
    assert float(chart.py(10)) == pytest.approx((chart.top + chart.height - chart.bottom) / 2)


def test_a_line_leaves_out_what_is_not_finite() -> None:
    chart = Chart((0, 2), (0, 1), "t")
    chart.line(np.arange(3.0), np.array([0.0, np.nan, 1.0]), "k", marks=["a", "b", "c"])
    assert "nan" not in chart.svg
    assert "<title>c</title>" in chart.svg
    assert "<title>b</title>" not in chart.svg


@pytest.mark.parametrize("span", [(0, 950_000), (-4e6, 4e6), (0.0001, 0.0009), (1890, 2022)])
def test_labels_of_ticks_do_not_collide(span: tuple[float, float]) -> None:
    chart = Chart(span, span, "t", width=460, height=430)
    chart.axes("x", "y")
    found = re.findall(r'class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)">([^<]+)<',
                       chart.svg)  # fmt: skip
    below = [(float(x), text) for x, anchor, text in found if anchor == "middle"]
    beside = [(float(x), text) for x, anchor, text in found if anchor == "end"]
    assert len(below) >= 2
    for (one, text), (other, next_text) in pairwise(below):
        assert other - one > 7 * (len(text) + len(next_text)) / 2  # a digit is 7 pixels wide
    assert all(x - 7 * len(text) >= 0 for x, text in beside)
    for labels in (below, beside):
        assert len({text for _, text in labels}) == len(labels)


def test_years_have_no_separators() -> None:
    chart = Chart((1980, 2001), (0, 90_000), "t")
    chart.axes("year", "value")
    assert ">1985<" in chart.svg
    assert ">1,98" not in chart.svg
    assert ">20,000<" in chart.svg


def test_words_from_outside_are_escaped() -> None:
    chart = Chart((0, 1), (0, 1), 'a "b"')
    chart.axes("<x>", "y & z")
    chart.text(1, 1, "<i>", "k")
    assert "<x>" not in chart.svg
    assert "<i>" not in chart.svg
    assert "y &amp; z" in chart.svg
    assert 'aria-label="a &#34;b&#34;"' in chart.svg


def test_names_of_lines_do_not_overlap() -> None:
    chart = Chart((0, 1), (0, 1), "t")
    chart.end_labels([(0.5, "one", "k"), (0.5, "two", "k"), (0.51, "three", "k")])
    heights = [float(part.split(' y="')[1].split('"')[0]) for part in chart.parts]
    assert np.diff(heights).min() >= 16
    chart = Chart((0, 1), (0, 1), "t")
    chart.end_labels([(0.0, "one", "k"), (0.01, "two", "k")])
    heights = [float(part.split(' y="')[1].split('"')[0]) for part in chart.parts]
    assert max(heights) <= chart.height - chart.bottom
    assert np.diff(heights).min() >= 16


def test_the_contour_is_where_the_field_is_zero() -> None:
    chart = Chart((0, 1), (0, 1), "t", left=0, right=0, top=0, bottom=0, width=100, height=100)
    _contour(chart, np.tile(np.linspace(-1, 3, 9), (9, 1)))
    (path,) = chart.parts
    places = path.split('d="')[1].split('"')[0].replace("M", "L").split("L")[1:]
    assert len(places) == 2 * 8
    assert {float(place.split()[0]) for place in places} == {25.0}


def test_colors_keep_the_order_of_numbers_in_gray() -> None:
    pixels = diverging(np.linspace(-1, 1, 41)).astype(float) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(pixels[:21]) > 0).all()
    assert (np.diff(pixels[20:]) < 0).all()
    assert pixels[0] < pixels[-1] - 40
    assert diverging(np.array([np.nan, 1.0]))[0].tolist() == [128, 128, 128]
