"""Pictures drawn by matplotlib, and the page of a study."""

import io
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from clearprop.glass import write_findings
from clearprop.glass.style import COLORS, DASHES, MARKERS, Drawing, canvas, drawn, marked_line
from tests.glass.page import read


@drawn
def parabola(title: str = "A parabola, x^2") -> Drawing:
    figure, axes = canvas(width=4, height=3)
    x = np.linspace(-1, 1, 20)
    axes.plot(x, x**2)
    axes.set_xlabel("x")
    return Drawing(title, figure, "its lowest point is at 0")


def test_a_drawing_is_a_png_of_the_size_asked_for() -> None:
    drawing = parabola()
    picture = Image.open(io.BytesIO(drawing.png()))
    assert picture.size == (640, 480)
    assert drawing.file_name == "a-parabola-x-2.png"
    assert np.asarray(picture.convert("L")).std() > 5


def test_the_style_holds_inside_a_drawing_function_and_not_outside() -> None:
    before = matplotlib.rcParams["axes.spines.right"]
    axes = parabola().figure.axes[0]
    assert not axes.spines["right"].get_visible()
    assert axes.lines[0].get_color() == COLORS[0]
    assert matplotlib.rcParams["axes.spines.right"] == before


def test_lines_differ_in_color_dash_and_marker_at_once() -> None:
    for kind in (COLORS, DASHES, MARKERS):
        assert len(set(kind)) == len(kind) == 8
    styles = [marked_line(i) for i in range(8)]
    assert len({str(style) for style in styles}) == 8


def test_the_page_of_a_study_is_whole_and_escapes_its_text(tmp_path: Path) -> None:
    place = write_findings(
        tmp_path / "report.html",
        title="descent <1>",
        lines=["a  b", "<script>"],
        drawings=[parabola(), parabola("Another")],
        configuration={"seed": 3, "data": {"name": "iris"}},
    )
    page, faults = read(place.read_text(encoding="utf-8"))
    assert faults == []
    assert [heading.text for heading in page.all("h2")] == [
        "A parabola, x^2",
        "Another",
        "Configuration",
    ]
    assert "".join(page.all("pre", "remarks")[0].own_text) == "a  b\n<script>"
    assert len(page.all("img", "drawing")) == 2
