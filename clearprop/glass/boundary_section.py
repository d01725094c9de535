"""Inputs of one or two numbers, drawn: decision boundary, hidden units, fitted curve.

Shape letters: N examples, S points along a side of the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.boundary import first_units, frame, heaviest, margins
from clearprop.glass.chart import Chart
from clearprop.glass.colors import diverging, largest
from clearprop.glass.pictures import data_address
from clearprop.glass.subject import Subject
from clearprop.glass.wording import number

Floats = NDArray[np.float64]
ToRaw = Callable[[Floats], Floats]

SIDE = 121
MOST_POINTS = 600
SHAPES = 6
WHITE = 247.0
CLASS_COLORS = ((11, 63, 117), (194, 87, 12), (47, 125, 91), (122, 74, 158), (85, 96, 107),
                (163, 51, 106))  # fmt: skip
"""As in report.css, where the marks get them."""


@dataclass(frozen=True)
class BoundarySection:
    """A drawing of the inputs' space.

    Attributes:
        chart: the drawing.
        title: what it is.
        look: what to look for in it.
        classes: the classes with the number of their mark, for the legend.
        lines: whether the lines of the hidden units are drawn.
    """

    chart: Markup
    title: str
    look: str
    classes: tuple[tuple[str, int], ...]
    lines: bool


def boundary_section(subject: Subject) -> BoundarySection | None:
    """Return a drawing for inputs of one or two numbers, or None for all others."""
    if subject.input_shape == (2,) and subject.evaluation.outputs.ndim == 2:
        return _two_inputs(subject)
    outputs = subject.evaluation.outputs
    if subject.input_shape == (1,) and outputs.ndim == 2 and outputs.shape[1] == 1:
        return _one_input(subject)
    return None


def _two_inputs(subject: Subject) -> BoundarySection:
    rows = np.unique(np.linspace(0, len(subject) - 1, min(len(subject), MOST_POINTS)).astype(int))
    points = np.asarray(subject.model_examples(rows)[0], np.float64)
    to_raw = _to_raw(subject, points, rows)
    low, high = frame(points)
    side = [np.linspace(low[i], high[i], SIDE) for i in range(2)]
    grid = np.stack(np.meshgrid(side[0], side[1][::-1]), axis=-1)  # row 0 is the top
    outputs = np.asarray(_forward(subject.model, grid.reshape(-1, 2).astype(np.float32)))
    field, levels = _field(subject, outputs.reshape(SIDE, SIDE, -1))
    raw_low, raw_high = to_raw(low), to_raw(high)
    chart = Chart(
        (float(raw_low[0]), float(raw_high[0])),
        (float(raw_low[1]), float(raw_high[1])),
        f"The prediction over {subject.feature_name(0)} and {subject.feature_name(1)}, with the "
        "decision boundary and the examples",
        width=480,
        height=450,
    )
    _paint(chart, field)
    chart.axes(subject.feature_name(0), subject.feature_name(1), grid=False)
    lines = _unit_lines(subject, chart, low, high, to_raw)
    for level in levels:
        _contour(chart, level)
    _dots(subject, chart, rows, to_raw(points))
    classifies = subject.evaluation.confusion is not None
    look = (
        "The heavy line is the decision boundary. Each mark shows the true class; one with "
        "a ring has a wrong prediction."
        if classifies
        else "The color is the output of the network: blue below its middle value, orange above."
    )
    if lines:
        look += " A thin line is where one unit of the first layer changes from off to on."
    labels = sorted(set(subject.truths[rows].tolist())) if classifies else []
    return BoundarySection(
        chart.svg,
        "Decision boundary" if classifies else "The output over both inputs",
        look,
        tuple((subject.class_name(k), k % SHAPES) for k in labels),
        lines,
    )


@jax.jit
def _forward(model: nn.Module, x: jax.Array) -> jax.Array:
    outputs: jax.Array = model(x)
    return outputs


def _to_raw(subject: Subject, points: Floats, rows: NDArray[np.intp]) -> ToRaw:
    """Return the map from the model's inputs to the units of the data, entry by entry."""
    raw = np.asarray(subject.raw_inputs(rows), np.float64)
    width = points.max(axis=0) - points.min(axis=0)
    wide = np.where(width > 0, width, 1.0)
    scale = np.where(width > 0, (raw.max(axis=0) - raw.min(axis=0)) / wide, 1.0)
    shift = raw.min(axis=0) - points.min(axis=0) * scale
    return lambda x: np.asarray(x) * scale + shift


def _field(subject: Subject, outputs: Floats) -> tuple[NDArray[np.uint8], list[Floats]]:
    """Return the colors of all points, and the fields whose zero lines are boundaries."""
    outputs = outputs.astype(np.float64)
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
    # Not in full color, so that marks and lines stand out.
    return diverging(field, 1.7 * largest(field))


def _paint(chart: Chart, pixels: NDArray[np.uint8]) -> None:
    wide = chart.width - chart.left - chart.right
    high = chart.height - chart.top - chart.bottom
    chart.parts.append(
        f'<image class="signal" x="{chart.left:g}" y="{chart.top:g}" width="{wide:g}" '
        f'height="{high:g}" preserveAspectRatio="none" href="{data_address(pixels)}"/>'
    )


def _contour(chart: Chart, field: Floats) -> None:
    """Draw the zero line of a field by marching squares: one short stroke in each cell it meets."""
    columns = np.linspace(chart.left, chart.width - chart.right, field.shape[1])
    rows = np.linspace(chart.top, chart.height - chart.bottom, field.shape[0])
    strokes = []
    for i, j in np.argwhere(_is_crossed(field)):
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


def _is_crossed(field: Floats) -> NDArray[np.bool_]:
    on = field >= 0
    together = np.stack([on[:-1, :-1], on[:-1, 1:], on[1:, 1:], on[1:, :-1]])
    return np.asarray(together.any(axis=0) & ~together.all(axis=0))


def _unit_lines(subject: Subject, chart: Chart, low: Floats, high: Floats, to_raw: ToRaw) -> bool:
    """Draw where the units of the first layer change sign; say whether there are such lines."""
    units = first_units(subject.model)
    if units is None:
        return False
    weight, bias = units
    for unit in heaviest(weight):
        ends = _clipped(weight[:, unit], float(bias[unit]), low, high)
        if ends is not None:
            places = to_raw(np.array(ends))
            xs, ys = chart.px(places[:, 0]), chart.py(places[:, 1])
            line = f"M{xs[0]:.1f} {ys[0]:.1f}L{xs[1]:.1f} {ys[1]:.1f}"
            chart.parts.append(
                f'<path class="unit" d="{line}">'
                f"<title>unit {int(unit)}: {escape(_equation(weight[:, unit], bias[unit]))}"
                "</title></path>"
            )
    return True


def _equation(w: Floats, b: float) -> str:
    return f"{number(float(w[0]))} x1 + {number(float(w[1]))} x2 + {number(float(b))} = 0"


def _clipped(w: Floats, b: float, low: Floats, high: Floats) -> list[tuple[float, float]] | None:
    """Return where the line w x + b = 0 enters and leaves a box, or None."""
    found: list[tuple[float, float]] = []
    for axis in (0, 1):
        other = 1 - axis
        if w[other] == 0:
            continue
        for edge in (low[axis], high[axis]):
            at = -(b + w[axis] * edge) / w[other]
            if low[other] <= at <= high[other]:
                found.append((edge, at) if axis == 0 else (at, edge))
    distinct = [p for i, p in enumerate(found) if not any(np.allclose(p, q) for q in found[:i])]
    return distinct[:2] if len(distinct) >= 2 else None


def _dots(subject: Subject, chart: Chart, rows: NDArray[np.intp], raw: Floats) -> None:
    classifies = subject.evaluation.confusion is not None
    for row, (x, y) in zip(rows, raw, strict=True):
        px, py = float(chart.px(x)), float(chart.py(y))
        truth = int(subject.truths[row]) if classifies else 0
        wrong = classifies and int(subject.predictions[row]) != truth
        said = f"true {subject.class_name(truth)}" if classifies else "example"
        word = f"({number(float(x))}, {number(float(y))}): {said}"
        radius = 8 if len(rows) <= 8 else 4
        kind = f"place class{truth % SHAPES}"
        chart.parts.append(marked(px, py, truth % SHAPES, radius, kind, word))
        if wrong:
            chart.point(px, py, "ring", word, radius + 4)


def marked(px: float, py: float, shape: int, r: float, kind: str, word: str) -> str:
    """Return the mark of a class: disk, square, triangle, diamond, cross or down triangle."""
    points = {
        1: f"M{px - r:.1f} {py - r:.1f}h{2 * r:g}v{2 * r:g}h{-2 * r:g}Z",
        2: f"M{px:.1f} {py - 1.2 * r:.1f}l{1.2 * r:g} {2.1 * r:g}h{-2.4 * r:g}Z",
        3: f"M{px:.1f} {py - 1.3 * r:.1f}l{1.3 * r:g} {1.3 * r:g}l{-1.3 * r:g} {1.3 * r:g}"
        f"l{-1.3 * r:g} {-1.3 * r:g}Z",
        4: f"M{px - r / 3:.1f} {py - r:.1f}h{r / 1.5:.2f}v{r / 1.5:.2f}h{r / 1.5:.2f}"
        f"v{r / 1.5:.2f}h{-r / 1.5:.2f}v{r / 1.5:.2f}h{-r / 1.5:.2f}v{-r / 1.5:.2f}"
        f"h{-r / 1.5:.2f}v{-r / 1.5:.2f}h{r / 1.5:.2f}Z",
        5: f"M{px:.1f} {py + 1.2 * r:.1f}l{1.2 * r:g} {-2.1 * r:g}h{-2.4 * r:g}Z",
    }
    title = f"<title>{escape(word)}</title>" if word else ""
    if shape not in points:
        return f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="{r:g}">{title}</circle>'
    return f'<path class="{kind}" d="{points[shape]}">{title}</path>'


def _one_input(subject: Subject) -> BoundarySection:
    rows = np.unique(np.linspace(0, len(subject) - 1, min(len(subject), MOST_POINTS)).astype(int))
    points = np.asarray(subject.model_examples(rows)[0], np.float64)
    to_raw = _to_raw(subject, points, rows)
    low, high = float(points.min()), float(points.max())
    xs = np.linspace(low, high, 400)
    outputs = np.asarray(_forward(subject.model, xs[:, None].astype(np.float32)), np.float64)
    if subject.preprocessor is not None and subject.preprocessor.target_center:
        outputs = np.asarray(subject.preprocessor.restored_targets(outputs))
    raw_xs, ys = to_raw(xs[:, None])[:, 0], outputs[:, 0]
    targets = np.asarray(subject.targets, np.float64).reshape(len(subject), -1)[rows, 0]
    bottom, top = min(ys.min(), targets.min()), max(ys.max(), targets.max())
    room = float(top - bottom) * 0.06 or 1.0
    chart = Chart(
        (float(raw_xs[0]), float(raw_xs[-1])),
        (float(bottom) - room, float(top) + room),
        f"The output of the network as a function of {subject.feature_name(0)}, with the examples",
        width=560,
        height=340,
    )
    chart.axes(subject.feature_name(0), "output")
    for x, y in zip(to_raw(points)[:, 0], targets, strict=True):
        chart.point(float(chart.px(x)), float(chart.py(y)), "dot", f"{number(x)}: {number(y)}", 3)
    chart.line(raw_xs, ys, "development")
    look = (
        "The line is the output of the network, the dots are the examples. Look for bends that "
        "the line misses, and for oscillations between the dots."
    )
    return BoundarySection(chart.svg, "The learned function", look, (), False)
