"""The geometry of decision boundaries: fields that are zero on them, and lines of hidden units.

Shape letters: N examples, F features, H units, K classes, S points along a side of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.capture import outer_layers

MOST_UNITS = 12

Floats = NDArray[np.float64]


class OutputGrid(NamedTuple):
    """A grid over two inputs of a model, and the model's outputs on it.

    Attributes:
        inputs: points as the model takes them, (S, S, F): the first shown input grows along the
            second axis, the second shown input along the first axis.
        outputs: of the model, (S, S, K).
    """

    inputs: Floats
    outputs: Floats


def outputs_over(model: nn.Module, points: Floats, shown: Sequence[int], side: int) -> OutputGrid:
    """Return a model's outputs on a grid around some points; other inputs have their mean.

    Args:
        model: takes rows of numbers.
        points: inputs as the model takes them, (N, F).
        shown: the numbers of the two inputs that the grid spans.
        side: S.
    """
    across, up = np.linspace(*frame(points[:, shown]), side).T
    inputs = np.tile(points.mean(axis=0), (side, side, 1))
    inputs[..., shown] = np.stack(np.meshgrid(across, up), axis=-1)
    outputs = forward(model, inputs.reshape(side * side, -1).astype(np.float32))
    return OutputGrid(inputs, np.asarray(outputs, np.float64).reshape(side, side, -1))


@jax.jit
def forward(model: nn.Module, x: jax.Array) -> jax.Array:
    """Return the outputs of a model in evaluation, compiled."""
    outputs: jax.Array = model(x)
    return outputs


def margins(outputs: Floats, threshold: float = 0.0) -> list[Floats]:
    """Return the fields whose zero lines are decision boundaries.

    A single output has its boundary at the threshold. Two outputs have one boundary; more outputs
    have one around each class, whose field is its output less the greatest of the others.

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

    Return None where the first layer with parameters is not fully or partially connected, or is
    the only one: then its lines are the boundary itself.
    """
    layers = weighted_layers(model)
    if len(layers) < 2 or not isinstance(layers[0][1], nn.Linear | nn.PartiallyConnected):
        return None
    first = layers[0][1]
    weight = first.matrix() if isinstance(first, nn.PartiallyConnected) else first.weight
    bias = np.zeros(first.out_features) if first.bias is None else first.bias
    return np.asarray(weight, np.float64), np.asarray(bias, np.float64)


def weighted_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return path and layer of every layer with parameters that holds no other such layer."""
    found = {path: m for path, m in nn.modules(model).items() if nn.parameters(m)}
    outer = outer_layers(found)
    return [(path, layer) for path, layer in found.items() if path not in outer]


def frame(points: Floats) -> tuple[Floats, Floats]:
    """Return the corners of a box with room around the points, (2,) and (2,)."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.where(high > low, (high - low) * (0.35 if len(points) <= 8 else 0.12), 1.0)
    return low - room, high + room


def heaviest(weights: Floats, most: int = MOST_UNITS) -> NDArray[np.intp]:
    """Return the numbers of the units (F, H) with the longest weight vectors, longest first."""
    return np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[:most]
