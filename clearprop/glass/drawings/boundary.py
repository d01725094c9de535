"""The decision boundary of a model, the line of each hidden unit, and linear boundaries.

Shape letters: N examples, F features, S points along a side of the grid, H units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import evenly_spaced
from clearprop.errors import ConfigurationError, ShapeError, unknown_name
from clearprop.glass.boundary import Floats, first_units, frame, heaviest, margins, outputs_over
from clearprop.glass.drawings.choice import ready
from clearprop.glass.drawings.snapshots import ExampleData, examples_for
from clearprop.glass.style import COLORS, INK, MARKERS, SOFT, Drawing, canvas, drawn, line
from clearprop.glass.subject import restored_inputs

SIDE = 161
MOST_POINTS = 1500

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@drawn
def decision_boundary(
    model: nn.Module,
    data: ExampleData,
    *,
    features: Sequence[int | str] | None = None,
    threshold: float = 0.0,
    preprocessor: Preprocessor | None = None,
) -> Drawing:
    """Draw the decision boundary of a classifier over two inputs, and its hidden units' lines.

    The color is the predicted class at each point, and the heavy line is the decision boundary. On
    each thin line the total input w x + b of one unit of the first layer is 0: its sign shows on
    which side of that line a point lies. For a model with more than two inputs the drawing is a
    section, on which all other inputs have their mean.

    Args:
        model: takes rows of numbers and gives one output, or one for each class.
        data: a data set, its splits (of which the training part is drawn), or (x, labels).
        features: the two inputs to draw over, by number or by name; the first two where None.
        threshold: of a single output; 0 before the sigmoid, 0.5 after it.
        preprocessor: of the run that trained the model, where the data is raw.

    Raises:
        ConfigurationError: there are no such features, or the targets are not classes.
        ModelError: the model has no values.
        ShapeError: the inputs are not rows of at least two numbers.

    >>> from clearprop import models
    >>> from clearprop.data import load
    >>> model = models.MLP((4, 6, 3)).init(0)
    >>> splits = load("iris").split()
    >>> names = ["petal length (cm)", "petal width (cm)"]
    >>> decision_boundary(model, splits, features=names).title
    'Decision boundary and 6 hidden half-planes'
    """
    ready(model)
    inputs, targets = (np.asarray(part) for part in examples_for(data, preprocessor))
    examples = data.train if isinstance(data, Splits) else data
    names: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    if isinstance(examples, Dataset):
        preprocessor = examples.preprocessor or preprocessor
        names, classes = examples.feature_names, examples.class_names
    if names is None or inputs.shape[1:] != (len(names),):
        names = [f"x{i + 1}" for i in range(inputs.shape[-1])]
    labels = _labels(targets)
    shown = _shown(features, inputs, names)
    seen = np.asarray(inputs, np.float64)
    surface = outputs_over(model, seen, shown, SIDE)
    fields = margins(surface.outputs, threshold)
    grid = restored_inputs(surface.inputs, preprocessor)[..., shown]
    across, up, low, high = grid[0, :, 0], grid[:, 0, 1], grid[0, 0], grid[-1, -1]
    figure, axes = canvas(width=6.0, height=5.0)
    # Outputs after a sigmoid differ by 1 at most: their colors would be too pale.
    colors = _tinted([field * (4 if threshold else 1) for field in fields])
    axes.imshow(colors, extent=(low[0], high[0], low[1], high[1]), origin="lower", aspect="auto",
                interpolation="bilinear")  # fmt: skip
    units = first_units(model)
    if units is not None:
        totals = surface.inputs @ units[0] + units[1]
        for index, unit in enumerate(heaviest(units[0])):
            style = line(index)
            axes.contour(across, up, totals[..., unit], levels=[0], linewidths=1.2,
                         colors=[style["color"]], linestyles=[style["linestyle"]])  # fmt: skip
    for field in fields:
        axes.contour(across, up, field, levels=[0], colors=[INK], linewidths=2.6)
    _scatter(axes, restored_inputs(seen, preprocessor)[:, shown], labels, classes)
    _label(axes, low, high, [names[i] for i in shown])
    hidden = 0 if units is None else units[0].shape[1]
    return Drawing(
        f"Decision boundary and {hidden} hidden half-planes" if hidden else "Decision boundary",
        figure,
        "The heavy line is the decision boundary."
        + (" At each thin line one unit of the first layer changes sides." if hidden else "")
        + (f" {SECTION}" if inputs.shape[1] > 2 else ""),
    )


SECTION = (
    "It is a section: all other inputs have their mean, so an example with a right prediction may "
    "seem to lie on the wrong side."
)


def _labels(targets: NDArray[np.number]) -> NDArray[np.intp]:
    labels = targets.reshape(len(targets), -1)
    if labels.shape[1] != 1 or not np.array_equal(labels, np.rint(labels)):
        raise ConfigurationError(
            "a decision boundary separates classes",
            given=f"targets {targets.shape} of {targets.dtype}",
            expected="one class number for each example",
        )
    return labels[:, 0].astype(np.intp)


def _shown(
    features: Sequence[int | str] | None, inputs: NDArray[np.number], names: Sequence[str]
) -> list[int]:
    """Return the numbers of the two inputs to draw over."""
    if inputs.ndim != 2 or inputs.shape[1] < 2:
        raise ShapeError(
            "a decision boundary needs rows of two inputs at least",
            given=f"inputs {inputs.shape}",
            expected="(N, 2), or (N, F) and two of the F features",
        )
    found = []
    for feature in (0, 1) if features is None else features:
        if isinstance(feature, str) and feature not in names:
            raise unknown_name("feature", feature, names)
        found.append(list(names).index(feature) if isinstance(feature, str) else int(feature))
    if len(found) != 2 or found[0] == found[1] or not 0 <= min(found) <= max(found) < len(names):
        raise ConfigurationError(
            "a decision boundary is drawn over two different inputs",
            given=f"features={tuple(found)}",
            expected=f"two numbers from 0 to {len(names) - 1}",
        )
    return found


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
    """Draw two classes and a linear boundary w x + b = 0, or the proof that none separates them.

    With one or two inputs the drawing shows all of them. With more inputs, the horizontal axis is
    the distance from the boundary, (w x + b) / |w|, and the vertical axis is the direction along
    the boundary in which the examples differ most. So an example on the wrong side in the drawing
    is on the wrong side of the boundary.

    Args:
        inputs: the examples, (N, F).
        labels: 0 or 1, (N,).
        weights: w, (F,).
        bias: b.
        conflict: weights of the examples, (N,), with which both classes have the same mean; None
            where a boundary may separate the classes.
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
    kept = evenly_spaced(np.arange(len(points)), MOST_POINTS).astype(np.intp)
    if conflict is not None:
        kept = np.union1d(kept, np.flatnonzero(conflict > 1e-9))
    _scatter(axes, places[kept], truth[kept], class_names)
    rings = kept[wrong[kept]]
    if len(rings):
        axes.scatter(places[rings, 0], places[rings, 1], s=130, facecolors="none", edgecolors=INK,
                     label="wrong prediction")  # fmt: skip
    if conflict is not None:
        _meeting(axes, places, truth, np.asarray(conflict))
    _label(axes, low, high, names)
    if conflict is None:
        caption = "The heavy line is the decision boundary; a ring marks a wrong prediction."
        return Drawing("The decision boundary of the perceptron", figure, caption)
    return Drawing(
        "No linear boundary separates the classes",
        figure,
        "The star is a weighted mean of the examples that are joined to it, for each class alone. "
        "It would have to lie on both sides of a linear boundary, so there is none. The heavy line "
        "is the last boundary of the perceptron; a ring marks a wrong prediction.",
    )


def _tinted(fields: list[Floats]) -> Floats:
    """Return colors of the classes, (S, S, 3), stronger where the margin is larger."""
    from matplotlib.colors import to_rgb

    scores = [-fields[0], fields[0]] if len(fields) == 1 else fields
    colors = np.array([to_rgb(COLORS[k % len(COLORS)]) for k in range(len(scores))])
    sure = 0.35 * np.tanh(np.max(scores, axis=0))[..., None]
    return np.asarray(1 + (colors[np.argmax(scores, axis=0)] - 1) * sure, np.float64)


def _seen_edgewise(
    points: Floats, w: Floats, b: float, names: Sequence[str] | None
) -> tuple[Floats, tuple[str, str], Floats, float]:
    """Return places (N, 2), names of the axes, and the boundary there: normal (2,) and offset."""
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
    # Where all examples lie on one line across the boundary, the second axis is nearly constant.
    spread = np.linalg.svd(along, full_matrices=False)[2][0]
    places = np.column_stack([points @ unit + b / length, centered @ spread])
    return (
        places,
        ("distance from the boundary", "greatest spread along it"),
        np.array([1.0, 0]),
        0.0,
    )


def _scatter(
    axes: Axes, places: NDArray[np.number], truth: NDArray[np.number], names: Sequence[str] | None
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


def _label(axes: Axes, low: Floats, high: Floats, names: Sequence[str]) -> None:
    axes.set(xlabel=names[0], ylabel=names[1], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if not names[1]:
        axes.set_yticks([])
    axes.grid(visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
