"""Weights and error signals over training: a histogram of each for every snapshot.

Shape letters: T snapshots, B bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import nn, tree
from clearprop.data import Preprocessor
from clearprop.errors import ConfigurationError
from clearprop.glass.capture import capture
from clearprop.glass.drawings.choice import Batch
from clearprop.glass.drawings.snapshots import ExampleData, Training, examples_for, snapshots_of
from clearprop.glass.style import INK, SOFT, SURFACE, Drawing, axes_grid, drawn
from clearprop.nn.definitions import FEW_ZEROS
from clearprop.nn.recording import LossLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

LEAST_BINS, MOST_BINS = 8, 60
MOST_ROWS = 6
MOST_STEPS = 12
OUTSIDE = 0.005
"""The fraction of the entries that may lie outside a histogram, at each end."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """The distribution of the entries of an array at several steps of a training.

    Attributes:
        name: of the parameter, or of the layer for an error signal.
        steps: of the training, (T,).
        edges: of the bins, (B + 1,).
        fractions: of the entries, in each bin, (T, B). Entries outside of all bins, and the zeros
            of a bent scale, are counted in no bin.
        deviation: standard deviation of the entries, (T,).
        zeros: the fraction of the entries that are exactly 0, (T,).
        bend: the size at which a bent scale changes from linear to logarithmic; None for a linear
            scale.
    """

    name: str
    steps: NDArray[np.int64]
    edges: Floats
    fractions: Floats
    deviation: Floats
    zeros: Floats
    bend: float | None = None


def distribution(name: str, arrays: Mapping[int, ArrayLike], *, bent: bool = False) -> Distribution:
    """Return the distribution of the entries of arrays by step, over the same bins for all steps.

    Args:
        name: of the parameter or layer.
        arrays: by step.
        bent: whether the bins are even in asinh(x / bend). Error signals need it, because they
            range over powers of ten. Exact zeros are then counted in no bin.

    >>> spread = distribution("w", {0: np.full(4, 0.1), 5: np.array([-1.0, 1.0])})
    >>> spread.fractions.shape, spread.fractions[1].tolist()
    ((2, 8), [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5])
    """
    flat = {step: np.asarray(values, np.float64).ravel() for step, values in arrays.items()}
    finite = {step: values[np.isfinite(values)] for step, values in flat.items()}
    counted = {step: v[v != 0] if bent else v for step, v in finite.items()}
    ends = [
        (np.quantile(v, OUTSIDE, method="lower"), np.quantile(v, 1 - OUTSIDE, method="higher"))
        for v in counted.values()
        if v.size
    ]
    low, high = (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (0.0, 0.0)
    far = max(abs(low), abs(high)) or 1.0
    # An even number of bins around zero, so that both sides can be compared.
    most = max((v.size for v in counted.values()), default=0)
    bins = int(np.clip(2 * most ** (1 / 3), LEAST_BINS, MOST_BINS)) // 2 * 2
    medians = [float(np.median(np.abs(v))) for v in counted.values() if v.size]
    bend = max(min(medians, default=0.0), far / 1e6) if bent else None
    side = np.linspace(-1 if low < 0 else 0, 1, bins + 1)
    edges = far * side if bend is None else bend * np.sinh(np.arcsinh(far / bend) * side)
    edges[[0, -1]] = far * side[[0, -1]]  # sinh(arcsinh(x)) may differ in the last bit
    fractions = [
        np.histogram(values, edges)[0] / max(1, flat[step].size) for step, values in counted.items()
    ]
    return Distribution(
        name,
        np.array(list(flat), np.int64),
        edges,
        np.array(fractions),
        np.array([v.std() if v.size else np.nan for v in finite.values()]),
        np.array([(v == 0).mean() if v.size else np.nan for v in flat.values()]),
        bend,
    )


def distributions_of(
    training: Training,
    patterns: Sequence[str] | None = None,
    data: ExampleData | None = None,
    loss: LossLike = "cross_entropy",
    preprocessor: Preprocessor | None = None,
) -> tuple[list[Distribution], list[Distribution]]:
    """Return the distributions of parameters, and of the error signals at their layers.

    Args:
        training: a run with snapshots, or a list of (step, model).
        patterns: of parameter paths; weights of two axes or more, at most six, where None.
        data: examples whose error signals are counted; None for none.
        loss: of the error signals.
        preprocessor: of the run, where the data is raw.

    Returns:
        The distributions of parameters; and, where there is data, of the error signal dE/dh of the
        output h of each of their layers, where E is the loss of one example.

    Raises:
        ConfigurationError: a pattern matches no parameter, or there is no training.
    """
    snapshots = snapshots_of(training)
    picked = {round(i) for i in np.linspace(0, len(snapshots) - 1, MOST_STEPS)}
    snapshots = [pair for i, pair in enumerate(snapshots) if i in picked]
    known = nn.parameters(snapshots[-1][1])
    paths = (
        tree.match(known, patterns)
        if patterns is not None
        else [path for path, w in known.items() if w.ndim > 1][:MOST_ROWS]
    )
    if not paths:
        raise ConfigurationError("there are no weights to draw", expected="a layer with parameters")
    weights = [
        distribution(path, {step: nn.parameters(model)[path] for step, model in snapshots})
        for path in paths
    ]
    if data is None:
        return weights, []
    x, y = examples_for(data, preprocessor)
    chosen = nn.find_loss(loss)
    seen = {step: _errors(model, x, y, chosen) for step, model in snapshots}
    layers = dict.fromkeys(path.rpartition(".")[0] for path in paths)
    errors = [
        distribution(layer, {step: found[layer] for step, found in seen.items()}, bent=True)
        for layer in layers
        if all(layer in found for found in seen.values())
    ]
    return weights, errors


@partial(jax.jit, static_argnums=3)
def _errors(model: nn.Module, x: Batch, y: jax.Array, loss: nn.Loss) -> dict[str, jax.Array]:
    """Return the error signal, of each example's loss, of every layer with one output array."""
    seen = capture(model, x, y, loss)
    return {
        layer.name: layer.error * layer.error.shape[0]
        for layer in seen
        if hasattr(layer.error, "shape") and layer.error.ndim
    }


@drawn
def histograms(
    training: Training,
    patterns: Sequence[str] | None = None,
    *,
    data: ExampleData | None = None,
    loss: LossLike = "cross_entropy",
    preprocessor: Preprocessor | None = None,
) -> Drawing:
    """Draw the distributions of weights, and of the error signals at their layers, over training.

    Each line is a histogram of one snapshot, the first at the bottom. All lines of a panel have
    the same bins; each line has its own height.

    Args:
        training: a run with snapshots (``fit(..., snapshots=[0, 100, 500])``), or a list of
            (step, model).
        patterns: of parameter paths, such as ``["layers.*.weight"]``; weights of two axes or more,
            at most six, where None.
        data: examples whose error signals are drawn too: a data set, its splits or (x, y).
        loss: of the error signals.
        preprocessor: of the run that trained the model, where the data is raw.

    Raises:
        ConfigurationError: a pattern matches no parameter, or there is no training.
        ModelError: a model has no values or another architecture.

    >>> models = [(step, nn.Linear(3, 2).init(step)) for step in (0, 10)]
    >>> histograms(models).title
    'Weights over training'
    """
    weights, errors = distributions_of(training, patterns, data, loss, preprocessor)
    rows = max(len(weights), len(errors))
    columns = 2 if errors else 1
    lines = len(weights[0].steps)
    tall = max(1.1, min(2.4, 0.24 * lines + 0.6))
    figure, grid = axes_grid(rows, columns, width=6.4 if columns == 2 else 4.6,
                          height=rows * (tall + 0.25) + 0.3)  # fmt: skip
    for place, axes in enumerate(grid):
        row, column = divmod(place, columns)
        spreads = (weights, errors)[column]
        if row < len(spreads):
            _ridges(axes, spreads[row], "error signal at " if column else "")
        else:
            axes.set_axis_off()
    figure.supylabel("training step", fontsize=10)
    both = " and error signals" if errors else ""
    errors_text = (
        " On the right are the error signals, on a logarithmic scale; the percentages are exact "
        "zeros, of silent units. Error signals shrink as the network learns; where they are much "
        "smaller at the first layer than at the last, they vanish on the way."
        if errors
        else ""
    )
    return Drawing(
        f"Weights{both} over training",
        figure,
        "Each line is the histogram at one step, the first at the bottom. Weights that learn "
        f"spread and move; a layer whose lines are all alike has not learned.{errors_text} At most "
        f"{100 * OUTSIDE:g} % of the entries lie outside on either side.",
    )


def _ridges(axes: Axes, spread: Distribution, before: str) -> None:
    """Draw a histogram for each step, one above the other, from dark to bright."""
    from matplotlib import colormaps

    colors = colormaps[SURFACE](np.linspace(0.05, 0.85, len(spread.steps)))
    bend = spread.bend
    edges = spread.edges if bend is None else np.arcsinh(spread.edges / bend)
    middles = (edges[:-1] + edges[1:]) / 2
    tops = spread.fractions.max(axis=1)
    count = len(spread.steps)
    for index in range(count - 1, -1, -1):
        heights = index + 1.5 * spread.fractions[index] / (tops[index] or 1.0)
        axes.fill_between(middles, index, heights, color=colors[index], linewidth=0,
                          zorder=2 * (count - index))  # fmt: skip
        axes.plot(middles, heights, color="white", linewidth=0.8, zorder=2 * (count - index) + 1)
        if bend is not None and spread.zeros[index] > FEW_ZEROS:
            axes.text(1.02, index, f"{100 * spread.zeros[index]:.0f} %", fontsize=7, color=SOFT,
                      transform=axes.get_yaxis_transform(), va="bottom")  # fmt: skip
    axes.axvline(0, color=SOFT, linewidth=0.6, zorder=0)
    if bend is not None:
        ends = _powers(spread.edges, bend)
        axes.set_xticks(np.arcsinh(ends / bend), [f"{end:g}" for end in ends])
    axes.set_xlim(edges[0], edges[-1])
    named = np.unique(np.linspace(0, len(spread.steps) - 1, min(6, len(spread.steps))).round())
    axes.set_yticks(named, [str(spread.steps[int(i)]) for i in named], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(visible=False)
    axes.set_title(f"{before}{spread.name}", fontsize=9, color=INK)


def _powers(edges: Floats, bend: float) -> Floats:
    """Return powers of ten for the ticks of a bent scale: the largest, and one nearer to zero."""
    top = np.floor(np.log10(edges[-1]))
    near = np.ceil((top + np.log10(bend)) / 2)
    sizes = np.unique([10.0**top, 10.0 ** max(near, top - 3)] if near < top else [10.0**top])
    below = -sizes[::-1] if edges[0] < 0 else np.zeros(0)
    return np.concatenate([below, [0.0], sizes])
