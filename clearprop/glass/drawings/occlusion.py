"""Which parts of an input a prediction depends on: occlusion by a patch, and gradients of scores.

Shape letters: H height, W width, C channels, P places of the patch, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import nn, ops
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass.drawings.choice import (
    Batch,
    Examples,
    flat,
    one_example,
    output_shape,
    outputs_of,
    pixels_of,
    ready,
)
from clearprop.glass.drawings.tiles import Aspect, bare, show
from clearprop.glass.style import Drawing, axes_grid, drawn
from clearprop.glass.wording import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH = 256


@dataclass(frozen=True, eq=False)
class Occluded:
    """How a score changes when a patch of a picture is covered.

    Attributes:
        label: the class that is scored.
        score: of the whole picture.
        rows: first row of the patch at each of its places, (R,).
        columns: first column of the patch at each of its places, (Q,).
        drops: score of the whole picture less that of the covered one, (R, Q).
        by_pixel: mean drop of the patches that cover each pixel, (H, W).
    """

    label: int
    score: float
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    drops: NDArray[np.float64]
    by_pixel: NDArray[np.float64]


def score_of(outputs: jax.Array, label: int) -> jax.Array:
    """Return the score (N,) of a class in outputs (N, K): its output.

    A single output is the score of class 1, and its negative is the score of class 0.
    """
    if outputs.shape[-1] == 1:
        return outputs[:, 0] if label else -outputs[:, 0]
    return outputs[:, label]


def label_of(model: nn.Module, x: Batch, y: ArrayLike | None, threshold: float = 0.0) -> int:
    """Return the class to be scored: the one given, or the predicted one.

    For a single output class 1 is predicted at or above the threshold.

    Raises:
        ConfigurationError: there is no such class.
        ShapeError: the model does not give one score a class.
    """
    shape = output_shape(model, x, "")
    if len(shape) != 1:
        raise ShapeError(
            "the model gives no score for each class",
            given=f"outputs (batch, {', '.join(map(str, shape))})",
            expected="(batch, classes)",
        )
    classes = max(2, shape[0])
    if y is None:
        outputs = np.asarray(outputs_of(model, x, ""))[0]
        return int(outputs.argmax()) if len(outputs) > 1 else int(outputs[0] >= threshold)
    label = np.asarray(y).reshape(-1)
    if len(label) != 1 or label[0] != int(label[0]) or not 0 <= label[0] < classes:
        raise ConfigurationError(
            "there is no such class", given=f"y={y!r}", expected=f"0 to {classes - 1}"
        )
    return int(label[0])


def covered(
    model: nn.Module,
    x: Examples,
    y: int | None,
    patch: int,
    stride: int,
    fill: float,
    example: int = 0,
    threshold: float = 0.0,
) -> Occluded:
    """Return how the score of a class drops with a patch over each place of one picture.

    The arguments and errors are those of `occlusion`.
    """
    ready(model)
    one = one_example(x, example, "occlusion")
    if not isinstance(one, jax.Array) or one.ndim != 4:
        raise ShapeError(
            "patches cover pictures",
            given=str(tuple(getattr(one, "shape", ()))),
            expected="(N, height, width, channels)",
        )
    height, width = one.shape[1:3]
    if not 1 <= patch <= min(height, width) or stride < 1:
        raise ConfigurationError(
            "the patch or its stride is out of range",
            given=f"patch={patch}, stride={stride}",
            expected=f"patch from 1 to {min(height, width)}, stride from 1",
        )
    label = label_of(model, one, y, threshold)
    rows, columns = (_places(size, patch, stride) for size in (height, width))
    corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    whole = float(score_of(outputs_of(model, one, ""), label)[0])
    # Batches of one size, so that one compiled program does for all: the last place fills the last.
    count = min(BATCH, len(corners))
    filled = corners[np.minimum(np.arange(len(corners) + -len(corners) % count), len(corners) - 1)]
    scores = [
        np.asarray(_covered_scores(model, one, batch, patch, fill, label))
        for batch in filled.reshape(-1, count, 2)
    ]
    drops = whole - np.concatenate(scores)[: len(corners)].astype(np.float64)
    total, times = np.zeros((2, height, width))
    for (top, left), drop in zip(corners, drops, strict=True):
        total[top : top + patch, left : left + patch] += drop
        times[top : top + patch, left : left + patch] += 1
    # With a stride beyond the patch some pixels are never covered, so they have no value.
    by_pixel = np.where(times > 0, total / np.maximum(times, 1), np.nan)
    return Occluded(label, whole, rows, columns, drops.reshape(len(rows), -1), by_pixel)


def _places(size: int, patch: int, stride: int) -> NDArray[np.intp]:
    return np.unique(np.append(np.arange(0, size - patch + 1, stride), size - patch))


@partial(jax.jit, static_argnums=(3, 4, 5))
def _covered_scores(
    model: nn.Module, one: jax.Array, corners: jax.Array, patch: int, fill: float, label: int
) -> jax.Array:
    def inside(size: int, first: jax.Array) -> jax.Array:
        at = jnp.arange(size)
        return (at >= first[:, None]) & (at < first[:, None] + patch)

    down = inside(one.shape[1], corners[:, 0])[:, :, None, None]
    right = inside(one.shape[2], corners[:, 1])[:, None, :, None]
    return score_of(model(jnp.where(down & right, fill, one)), label)


@drawn
def occlusion(
    model: nn.Module,
    x: Examples,
    y: int | None = None,
    *,
    patch: int = 4,
    stride: int = 1,
    fill: float = 0.0,
    example: int = 0,
    threshold: float = 0.0,
) -> Drawing:
    """Draw how much the score of a class drops where a patch covers a part of a picture.

    Args:
        model: with values; takes (N, H, W, C) and gives (N, classes).
        x: pictures as the model takes them.
        y: the class that is scored; the predicted one where None.
        patch: side of the square that covers.
        stride: from one place of the patch to the next.
        fill: the value of the covered pixels; 0 is the mean of standardized pictures.
        example: which of the pictures.
        threshold: of a single output; 0 before the sigmoid, 0.5 after it.

    Raises:
        ConfigurationError: patch or stride is out of range, or there is no such class or example.
        ModelError: the model has no values.
        ShapeError: the inputs are no pictures, or the model gives no scores.

    >>> model = nn.Sequential([nn.Flatten(), nn.Linear(64, 3)]).init(0)
    >>> occlusion(model, np.ones((1, 8, 8, 1), np.float32), 2).title
    'Occlusion for class 2'

    Source: Zeiler and Fergus (2014), *Visualizing and understanding convolutional networks*.
    """
    found = covered(model, x, y, patch, stride, fill, example, threshold)
    figure = _beside(x, example, found.by_pixel, "mean drop of the score", "covered")
    top, left = np.unravel_index(np.argmax(found.drops), found.drops.shape)
    greatest = float(found.drops.max())
    return Drawing(
        f"Occlusion for class {found.label}",
        figure,
        f"In orange places, a patch of {patch} x {patch} lowers the score of class {found.label}, "
        f"which is {number(found.score)} for the whole picture; in blue places, it raises the "
        f"score. The greatest drop, {number(greatest)}, comes from the patch at row "
        f"{found.rows[top]}, column {found.columns[left]}.",
    )


def slopes_of(
    model: nn.Module, x: Examples, y: int | None, example: int = 0, threshold: float = 0.0
) -> tuple[int, NDArray[np.float64]]:
    """Return the scored class, and d score / d input for one example; see `saliency`."""
    ready(model)
    one = one_example(x, example, "saliency")
    label = label_of(model, one, y, threshold)
    return label, np.asarray(_slopes(model, one, label)[0], np.float64)


@partial(jax.jit, static_argnums=2)
def _slopes(model: nn.Module, one: jax.Array, label: int) -> jax.Array:
    slopes: jax.Array = grad(lambda x: ops.sum(score_of(model(x), label)))(one)
    return slopes


@drawn
def saliency(
    model: nn.Module,
    x: Examples,
    y: int | None = None,
    *,
    example: int = 0,
    threshold: float = 0.0,
) -> Drawing:
    """Draw the slope of a class's score along every pixel: d score / d input.

    Args:
        model: with values; gives (N, classes).
        x: pictures as the model takes them.
        y: the class that is scored; the predicted one where None.
        example: which of the pictures.
        threshold: of a single output; 0 before the sigmoid, 0.5 after it.

    Raises:
        ConfigurationError: no such class or example.
        ModelError: the model has no values.
        ShapeError: there are no examples, or the model gives no scores.

    >>> model = nn.Sequential([nn.Flatten(), nn.Linear(64, 3)]).init(0)
    >>> saliency(model, np.ones((1, 8, 8, 1), np.float32), 2).title
    'Slope of the score of class 2'

    Source: Simonyan, Vedaldi and Zisserman (2014).
    """
    label, slopes = slopes_of(model, x, y, example, threshold)
    figure = _beside(x, example, flat(slopes), "d score / d input", "slope")
    return Drawing(
        f"Slope of the score of class {label}",
        figure,
        f"Brighter pixels raise the score of class {label} where the map is orange, and lower it "
        "where it is blue. It is the slope at this picture; at another one it may differ.",
    )


def _beside(
    x: Examples, example: int, values: NDArray[np.float64], label: str, title: str
) -> Figure:
    """Return a figure of an input with a map of numbers beside it."""
    figure, axes = axes_grid(1, 2, width=6.4, height=3.0)
    seen = pixels_of(np.asarray(x)[example])
    bare(axes[0])
    stretched: Aspect = "equal" if seen.shape[0] > 1 else "auto"
    axes[0].imshow(seen, cmap="gray", interpolation="nearest", aspect=stretched)
    axes[0].set_title("input", fontsize=10)
    image = show(axes[1], values, aspect=stretched)
    axes[1].set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, label=label, shrink=0.8).outline.set_visible(False)
    return figure
