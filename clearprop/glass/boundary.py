"""Data space, drawn: decision boundary, the line of each hidden unit, and planes between classes.

Shape letters: N examples, F features, S points along a side of the grid, H units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import nn
from clearprop.data import Preprocessor
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass.style import COLORS, INK, MARKERS, SOFT, Drawing, canvas, drawn, line

SIDE = 161
MOST_POINTS = 1500
MOST_UNITS = 12

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


@drawn
def draw_boundary(
    model: nn.Module,
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    features: tuple[int, int] = (0, 1),
    threshold: float = 0.0,
    preprocessor: Preprocessor | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Drawing:
    """Draw data space over two inputs: a model's decision boundary and its hidden half-planes.

    The color is the model's answer at each point, the heavy line its decision boundary, and each
    thin line is where one unit of the first layer has the total input w x + b = 0: with a
    threshold there, the unit says on which side of that line a point lies. Of a model with more
    inputs a section is drawn, through the mean of all others; the examples lie before or behind it.

    Args:
        model: takes (N, F) and gives one output (label 1 at or above the threshold) or one for
            each class.
        inputs: the examples, (N, F), as the data has them.
        labels: class numbers, (N,).
        features: the two inputs to draw over.
        threshold: 0 for outputs before the sigmoid, 0.5 after it.
        preprocessor: scales the inputs for the model; None where it takes them as they are.
        feature_names: of the inputs.
        class_names: of the labels.

    Raises:
        ConfigurationError: the features are not two different inputs.
        ShapeError: the examples are no rows of two numbers at least.

    >>> from clearprop import data, models
    >>> table = data.load("xor")
    >>> model = models.MLP((2, 2, 1), activation="sigmoid").init(0)
    >>> draw_boundary(model, table.inputs, table.targets).file_name
    'decision-boundary-and-2-hidden-half-planes.png'
    """
    rows, truth = np.asarray(inputs, np.float64), np.asarray(labels).reshape(-1)
    _check_space(rows, features)
    points = rows[:, list(features)]
    low, high = frame(points)
    across, up = (np.linspace(low[i], high[i], SIDE) for i in range(2))
    grid = np.tile(rows.mean(axis=0), (SIDE * SIDE, 1))
    grid[:, list(features)] = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    seen = _as_seen(grid, preprocessor)
    outputs = np.asarray(jax.jit(lambda model, x: model(x))(model, seen), np.float64)
    fields = margins(outputs.reshape(SIDE, SIDE, -1), threshold)
    figure, axes = canvas(width=6.0, height=5.0)
    box = (low[0], high[0], low[1], high[1])
    # Outputs after a sigmoid differ by 1 at most: their colors would be too pale.
    colors = _tinted([field * (4 if threshold else 1) for field in fields])
    axes.imshow(colors, extent=box, origin="lower", aspect="auto", interpolation="bilinear")
    units = first_units(model)
    if units is not None:
        totals = (seen @ units[0] + units[1]).reshape(SIDE, SIDE, -1)
        for index, unit in enumerate(_heaviest(units[0])):
            style = line(index)
            axes.contour(across, up, totals[..., unit], levels=[0], linewidths=1.2,
                         colors=[style["color"]], linestyles=[style["linestyle"]])  # fmt: skip
    for field in fields:
        axes.contour(across, up, field, levels=[0], colors=[INK], linewidths=2.6)
    _scatter(axes, points, truth, class_names)
    names = feature_names or [f"x{i + 1}" for i in range(rows.shape[1])]
    _label(axes, low, high, [names[i] for i in features])
    hidden = 0 if units is None else units[0].shape[1]
    section = rows.shape[1] > 2
    return Drawing(
        f"Decision boundary and {hidden} hidden half-planes" if hidden else "Decision boundary",
        figure,
        "The heavy line is the decision boundary."
        + (" At each thin line one unit of the first layer changes sides." if hidden else "")
        + (f" {SECTION}" if section else ""),
    )


SECTION = (
    "It is a section: all other inputs stand at their mean, so that an example may seem to lie on "
    "the wrong side and be answered right."
)


def _check_space(rows: Floats, features: tuple[int, int]) -> None:
    if rows.ndim != 2 or rows.shape[1] < 2 or not len(rows):
        raise ShapeError(
            "data space is drawn for rows of two inputs at least",
            given=f"inputs {rows.shape}",
            expected="(N, 2), or (N, F) and two of the F features",
        )
    if len(set(features)) != 2 or not all(0 <= i < rows.shape[1] for i in features):
        raise ConfigurationError(
            "data space is drawn over two different inputs",
            given=f"features={tuple(features)}",
            expected=f"two numbers from 0 to {rows.shape[1] - 1}",
        )


def _as_seen(raw: Floats, preprocessor: Preprocessor | None) -> NDArray[np.float32]:
    if preprocessor is None:
        return np.asarray(raw, np.float32)
    # Points between the examples are no bytes, even where the examples are.
    scale = preprocessor.scaled if preprocessor.kind == "bytes" else preprocessor.apply
    return np.asarray(scale(raw), np.float32)


@drawn
def linear_boundary(
    inputs: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike,
    bias: float,
    *,
    conflict: NDArray[np.floating] | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> Drawing:
    """Draw two classes and a plane w x + b = 0; with the proof, where no plane parts them.

    Of one or two inputs all is seen. Of more the plane is looked at edgewise: to the right goes
    the distance from it, (w x + b) / |w|, and upwards the direction along it in which the examples
    differ most. An example on the wrong side in that picture is on the wrong side of the plane.

    Args:
        inputs: the examples, (N, F).
        labels: 0 or 1, (N,).
        weights: w, (F,).
        bias: b.
        conflict: shares of the examples, (N,), whose mixture is one point for both classes.
        feature_names: of the inputs.
        class_names: of the two labels.

    >>> xs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> linear_boundary(xs, [0, 1, 1, 0], [1, 1], -0.5, conflict=np.full(4, 0.5)).title
    'No linear boundary separates the classes'
    """
    points = np.asarray(inputs, np.float64)
    points = points.reshape(len(points), -1)
    truth = np.asarray(labels).reshape(-1)
    w = np.asarray(weights, np.float64).reshape(-1)
    wrong = (points @ w + bias >= 0) != (truth == 1)
    places, names, normal, offset = _seen_edgewise(points, w, float(bias), feature_names)
    low, high = frame(places)
    figure, axes = canvas(width=6.0, height=5.0)
    if normal.any():
        across, up = (np.linspace(low[i], high[i], 3) for i in range(2))
        total = across[None] * normal[0] + up[:, None] * normal[1] + offset
        far = np.abs(total).max() + 1
        axes.contourf(across, up, total, levels=[-far, 0, far], colors=COLORS[:2], alpha=0.13)
        axes.contour(across, up, total, levels=[0], colors=[INK], linewidths=2.2)
    kept = _thinned(len(points), conflict)
    _scatter(axes, places[kept], truth[kept], class_names)
    rings = kept[wrong[kept]]
    if len(rings):
        axes.scatter(
            places[rings, 0],
            places[rings, 1],
            s=130,
            facecolors="none",
            edgecolors=INK,
            label="answered wrong",
        )
    if conflict is not None:
        _meeting(axes, places, truth, np.asarray(conflict))
    _label(axes, low, high, names)
    if conflict is None:
        caption = "The heavy line is the plane of the perceptron; a ring marks a wrong answer."
        return Drawing("The decision boundary of the perceptron", figure, caption)
    return Drawing(
        "No linear boundary separates the classes",
        figure,
        "Mixed in the right shares the examples of one class that are tied to the star give the "
        "same point as those of the other: it would have to lie on both sides of a plane. The "
        "heavy line is where the perceptron stood at the end; a ring marks a wrong answer.",
    )


def margins(outputs: Floats, threshold: float = 0.0) -> list[Floats]:
    """Return the fields whose zero lines are decision boundaries.

    One output is above or below the threshold; of two classes there is one boundary, of more one
    around each class: its output less the greatest of the others.

    Args:
        outputs: (..., K).
        threshold: for a single output.

    >>> margins(np.array([[0.2], [0.9]]), 0.5)[0].round(1).tolist()
    [-0.3, 0.4]
    """
    if outputs.shape[-1] == 1:
        return [outputs[..., 0] - threshold]
    if outputs.shape[-1] == 2:
        return [outputs[..., 1] - outputs[..., 0]]
    return [
        outputs[..., k] - np.delete(outputs, k, axis=-1).max(axis=-1)
        for k in range(outputs.shape[-1])
    ]


def first_units(model: nn.Module) -> tuple[Floats, Floats] | None:
    """Return weights (F, H) and biases (H,) of the first layer, where others follow it.

    None where the first layer with parameters is not fully or partially connected, or is all there
    is: its lines are then the boundary itself.
    """
    layers = [m for m in nn.modules(model).values() if nn.parameters(m)]
    leaves = [m for m in layers if not any(nn.parameters(inner) for inner in _inside(m))]
    if len(leaves) < 2 or not isinstance(leaves[0], nn.Linear | nn.PartiallyConnected):
        return None
    first = leaves[0]
    weight = first.matrix() if isinstance(first, nn.PartiallyConnected) else first.weight
    bias = np.zeros(first.out_features) if first.bias is None else first.bias
    return np.asarray(weight, np.float64), np.asarray(bias, np.float64)


def frame(points: Floats) -> tuple[Floats, Floats]:
    """Return the corners of a box with room around the points, (2,) and (2,)."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.where(high > low, (high - low) * (0.35 if len(points) <= 8 else 0.12), 1.0)
    return low - room, high + room


def _tinted(fields: list[Floats]) -> Floats:
    """Return colors of the classes, (S, S, 3), the fuller the surer the answer."""
    from matplotlib.colors import to_rgb

    scores = [-fields[0], fields[0]] if len(fields) == 1 else fields
    colors = np.array([to_rgb(COLORS[k % len(COLORS)]) for k in range(len(scores))])
    sure = 0.35 * np.tanh(np.max(scores, axis=0))[..., None]
    return np.asarray(1 + (colors[np.argmax(scores, axis=0)] - 1) * sure, np.float64)


def _inside(module: nn.Module) -> list[nn.Module]:
    return [inner for path, inner in nn.modules(module).items() if path]


def _heaviest(weights: Floats) -> NDArray[np.intp]:
    return np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[:MOST_UNITS]


def _seen_edgewise(
    points: Floats, w: Floats, b: float, names: Sequence[str] | None
) -> tuple[Floats, tuple[str, str], Floats, float]:
    """Return places (N, 2), names of the axes, and the plane there: normal (2,) and offset."""
    F = points.shape[1]
    if F == 1:
        places = np.column_stack([points[:, 0], np.zeros(len(points))])
        return places, ((names or ["x1"])[0], ""), np.array([w[0], 0.0]), b
    if F == 2:
        named = tuple(names) if names else ("x1", "x2")
        return points, (named[0], named[1]), w, b
    centered = points - points.mean(axis=0)
    length = float(np.linalg.norm(w))
    if length == 0:
        directions = np.linalg.svd(centered, full_matrices=False)[2][:2]
        named = ("greatest spread", "second greatest spread")
        return points @ directions.T, named, np.zeros(2), b
    unit = w / length
    along = centered - np.outer(centered @ unit, unit)
    # Nearly flat sets leave nothing along the plane; the second axis is then nearly constant.
    spread = np.linalg.svd(along, full_matrices=False)[2][0]
    places = np.column_stack([points @ unit + b / length, centered @ spread])
    return places, ("distance from the plane", "greatest spread along it"), np.array([1.0, 0]), 0.0


def _thinned(n: int, conflict: NDArray[np.floating] | None) -> NDArray[np.intp]:
    kept = np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(np.intp)
    return np.unique(kept if conflict is None else np.append(kept, np.flatnonzero(conflict > 1e-9)))


def _scatter(
    axes: Axes, places: Floats, truth: NDArray[np.number], names: Sequence[str] | None
) -> None:
    for label in np.unique(truth).astype(int):
        name = names[label] if names else str(label)
        of = truth == label
        axes.scatter(places[of, 0], places[of, 1], s=60 if len(places) <= 8 else 22, label=name,
                     color=COLORS[label % len(COLORS)], marker=MARKERS[label % len(MARKERS)],
                     edgecolors="white", linewidths=0.6, zorder=3)  # fmt: skip


def _meeting(axes: Axes, places: Floats, truth: NDArray[np.number], conflict: Floats) -> None:
    ones = conflict * (truth == 1)
    star = ones @ places / ones.sum()
    for row in np.flatnonzero(conflict > 1e-9):
        dash = "-" if truth[row] == 1 else "--"
        axes.plot(*np.stack([places[row], star]).T, dash, color=SOFT, linewidth=1.0, zorder=2)
    axes.scatter(star[0], star[1], s=190, marker="*", color="white", edgecolors=INK, zorder=4,
                 label="a mixture of both")  # fmt: skip


def _label(axes: Axes, low: Floats, high: Floats, names: Sequence[str] | None) -> None:
    named = names or ("x1", "x2")
    axes.set(xlabel=named[0], ylabel=named[1], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if not named[1]:
        axes.set_yticks([])
    axes.grid(visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
