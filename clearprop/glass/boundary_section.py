"""The report's drawings over one or two inputs: decision boundary, hidden units, fitted curve.

Shape letters: N examples, S points along a side of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from clearprop.data.sources import evenly_spaced
from clearprop.glass.boundary import (
    Floats,
    first_units,
    forward,
    heaviest,
    margins,
    outputs_over,
)
from clearprop.glass.chart import Chart
from clearprop.glass.colors import diverging, largest
from clearprop.glass.pictures import data_address
from clearprop.glass.subject import Subject, restored_inputs
from clearprop.glass.wording import cell, count, number
from clearprop.training.model_inputs import ModelInputs

SIDE = 121
MOST_POINTS = 600
SHAPES = 6
WHITE = 247.0
CLASS_COLORS = ((11, 63, 117), (194, 87, 12), (47, 125, 91), (122, 74, 158), (85, 96, 107),
                (163, 51, 106))  # fmt: skip
"""The colors of the marks in report.css."""


@dataclass(frozen=True)
class BoundarySection:
    """A drawing of all inputs of a model with one or two of them.

    Attributes:
        chart: the drawing.
        title: of the drawing.
        look: what to look for.
        classes: the classes with the number of their mark, for the legend.
    """

    chart: Markup
    title: str
    look: str
    classes: tuple[tuple[str, int], ...]


def boundary_section(subject: Subject) -> BoundarySection | None:
    """Return a drawing for inputs of one or two numbers, or None for all others."""
    outputs = subject.evaluation.outputs
    if outputs.ndim != 2:
        return None
    if subject.input_shape == (2,):
        return _two_inputs(subject)
    if subject.input_shape == (1,) and outputs.shape[1] == 1:
        return _one_input(subject)
    return None


def _examples(subject: Subject) -> tuple[NDArray[np.intp], Floats]:
    """Return the drawn examples: their numbers, and their inputs as the model takes them."""
    rows = evenly_spaced(np.arange(len(subject)), MOST_POINTS).astype(np.intp)
    return rows, np.asarray(subject.model_examples(rows)[0], np.float64)


def _drawn_of(subject: Subject, rows: NDArray[np.intp]) -> str:
    """Return how many of the examples are drawn; "" where all are."""
    if len(rows) == len(subject):
        return ""
    return f" {len(rows)} of the {count(len(subject), subject.noun)} are drawn."


def _two_inputs(subject: Subject) -> BoundarySection:
    rows, points = _examples(subject)
    surface = outputs_over(subject.model, points, (0, 1), SIDE)
    raw = restored_inputs(surface.inputs, subject.preprocessor)
    names = subject.feature_name(0), subject.feature_name(1)
    chart = Chart(
        (float(raw[0, 0, 0]), float(raw[-1, -1, 0])),
        (float(raw[0, 0, 1]), float(raw[-1, -1, 1])),
        f"The prediction over {names[0]} and {names[1]}, with the decision boundary and the "
        "examples",
        width=480,
        height=450,
    )
    field, levels = _field(subject, surface.outputs[::-1])  # row 0 of a picture is its top
    (left, right), (bottom, top) = chart.px(chart.x), chart.py(chart.y)
    chart.parts.append(
        f'<image class="signal" x="{left:g}" y="{top:g}" width="{right - left:g}" '
        f'height="{bottom - top:g}" preserveAspectRatio="none" href="{data_address(field)}"/>'
    )
    chart.axes(*names, grid=False)
    has_units = _unit_lines(subject, chart, surface.inputs)
    for level in levels:
        _contour(chart, level)
    _dots(subject, chart, rows, restored_inputs(points, subject.preprocessor))
    classifies = subject.evaluation.confusion is not None
    look = (
        "The heavy line is the decision boundary. Each mark shows the true class; one with "
        "a ring has a wrong prediction."
        if classifies
        else "The color is the output of the network: blue below its middle value, orange above."
    )
    look += _drawn_of(subject, rows)
    if has_units:
        look += " A thin line is where one unit of the first layer changes from off to on."
    labels = sorted(set(subject.truths[rows].tolist())) if classifies else []
    return BoundarySection(
        chart.svg,
        "Decision boundary" if classifies else "The output over both inputs",
        look,
        tuple((subject.class_name(k), k % SHAPES) for k in labels),
    )


def _field(subject: Subject, outputs: Floats) -> tuple[NDArray[np.uint8], list[Floats]]:
    """Return the colors of all points, and the fields whose zero lines are boundaries."""
    if subject.evaluation.confusion is None:
        values = outputs[..., 0]
        return _pale(values - (values.max() + values.min()) / 2), []
    fields = margins(outputs, subject.loss.threshold or 0.0)
    if len(fields) == 1:
        slope = 0.5 if outputs.shape[-1] == 2 else 4.0 if subject.loss.threshold else 1.0
        return _pale(np.tanh(fields[0] * slope)), fields
    sure = np.tanh(np.max(fields, axis=0) / 2)[..., None] * 0.5
    colors = np.array(CLASS_COLORS, np.float64)[outputs.argmax(axis=-1) % SHAPES]
    return (WHITE + (colors - WHITE) * sure).astype(np.uint8), fields


def _pale(field: Floats) -> NDArray[np.uint8]:
    # Colors are pale, so that marks and lines stand out.
    return diverging(field, 1.7 * largest(field))


def _contour(chart: Chart, field: Floats) -> None:
    """Draw the zero line of a field by marching squares: a short line in each cell."""
    (left, right), (bottom, top) = chart.px(chart.x), chart.py(chart.y)
    columns = np.linspace(left, right, field.shape[1])
    rows = np.linspace(top, bottom, field.shape[0])
    strokes = []
    on = field >= 0
    cells = np.stack([on[:-1, :-1], on[:-1, 1:], on[1:, 1:], on[1:, :-1]])
    for i, j in np.argwhere(cells.any(axis=0) & ~cells.all(axis=0)):
        corners = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
        crossings = []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            va, vb = field[a], field[b]
            if (va >= 0) != (vb >= 0):
                t = va / (va - vb)
                x = columns[a[1]] + t * (columns[b[1]] - columns[a[1]])
                y = rows[a[0]] + t * (rows[b[0]] - rows[a[0]])
                crossings.append(f"{x:.1f} {y:.1f}")
        strokes += [f"M{p}L{q}" for p, q in zip(crossings[::2], crossings[1::2], strict=True)]
    if strokes:
        chart.parts.append(f'<path class="boundary" d="{"".join(strokes)}"/>')


def _unit_lines(subject: Subject, chart: Chart, grid: Floats) -> bool:
    """Draw where the units of the first layer change sign; say whether there are such units."""
    units = first_units(subject.model)
    if units is None:
        return False
    weight, bias = units
    for unit in heaviest(weight).tolist():
        w, b = weight[:, unit], float(bias[unit])
        ends = _clipped(w, b, grid[0, 0], grid[-1, -1])
        if ends is not None:
            places = restored_inputs(ends, subject.preprocessor)
            xs, ys = chart.px(places[:, 0]), chart.py(places[:, 1])
            line = f"M{xs[0]:.1f} {ys[0]:.1f}L{xs[1]:.1f} {ys[1]:.1f}"
            equation = f"{number(float(w[0]))} x1 + {number(float(w[1]))} x2 + {number(b)} = 0"
            chart.parts.append(
                f'<path class="unit" d="{line}"><title>unit {unit}: {equation}</title></path>'
            )
    return True


def _clipped(w: Floats, b: float, low: Floats, high: Floats) -> Floats | None:
    """Return where the line w x + b = 0 enters and leaves a box, (2, 2), or None."""
    along = np.array([-w[1], w[0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        foot = -b * w / (w @ w)
        times = np.sort([(low - foot) / along, (high - foot) / along], axis=0)
    first, last = times[0].max(), times[1].min()
    return foot + np.outer([first, last], along) if first < last else None


def _dots(subject: Subject, chart: Chart, rows: NDArray[np.intp], raw: NDArray[np.number]) -> None:
    classifies = subject.evaluation.confusion is not None
    radius = 8 if len(rows) <= 8 else 4
    for row, x, y in zip(rows, *raw.T.tolist(), strict=True):
        px, py = float(chart.px(x)), float(chart.py(y))
        truth = int(subject.truths[row]) if classifies else 0
        name = f"true {subject.class_name(truth)}" if classifies else "example"
        word = f"({cell(x)}, {cell(y)}): {name}"
        shape = truth % SHAPES
        chart.point(px, py, f"place class{shape}", word, radius, shape)
        if classifies and subject.predictions[row] != truth:
            chart.point(px, py, "ring", word, radius + 4)


def _one_input(subject: Subject) -> BoundarySection:
    rows, points = _examples(subject)
    line = np.linspace(points.min(), points.max(), 400)[:, None]
    outputs = np.asarray(forward(subject.model, line.astype(np.float32)), np.float64)
    ys = np.asarray(ModelInputs(subject.preprocessor).restored(outputs))[:, 0]
    xs, places = (restored_inputs(x, subject.preprocessor)[:, 0] for x in (line, points))
    targets = np.asarray(subject.targets, np.float64).reshape(len(subject), -1)[rows, 0]
    bottom, top = min(ys.min(), targets.min()), max(ys.max(), targets.max())
    room = float(top - bottom) * 0.06 or 1.0
    chart = Chart(
        (float(xs[0]), float(xs[-1])),
        (float(bottom) - room, float(top) + room),
        f"The output of the network as a function of {subject.feature_name(0)}, with the examples",
        width=560,
        height=340,
    )
    chart.axes(subject.feature_name(0), "output")
    for x, y in zip(places, targets, strict=True):
        chart.point(float(chart.px(x)), float(chart.py(y)), "dot", f"{cell(x)}: {cell(y)}", 3)
    chart.line(xs, ys, "development")
    look = (
        "The line is the output of the network, the dots are the examples. Look for bends that "
        "the line misses, and for oscillations between the dots."
    ) + _drawn_of(subject, rows)
    return BoundarySection(chart.svg, "The learned function", look, ())
