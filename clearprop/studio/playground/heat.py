"""The output of every unit over the square of the playground, as bytes, by one compiled call.

Shape letters: F features, O units of a layer, G cells along a side of the square.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.studio.playground.messages import DenseLayer
from clearprop.studio.playground.point_set import SQUARE, features

HIDDEN_CELLS = 40
"""Cells along a side in the picture of a hidden unit."""

OUTPUT_CELLS = 100
"""Cells along a side in the picture of an output."""

STEPS = 127
"""Codes between 0 and the largest value, on each side."""

NOT_FINITE = 255


class Heat(NamedTuple):
    """The outputs of the units of a layer over the square.

    Attributes:
        codes: uint8 (O, G, G); row 0 has the highest x2. The value of a cell is (code - 127) / 127
            times the limit; 255 stands for one that is not finite.
        limit: the largest absolute value of each unit, float32 (O,).
    """

    codes: NDArray[np.uint8]
    limit: NDArray[np.float32]


def cells(side: int) -> NDArray[np.float64]:
    """Return the middles of the cells of the square, (side * side, 2), row by row from the top.

    >>> cells(2).tolist()
    [[-3.0, 3.0], [3.0, 3.0], [-3.0, -3.0], [3.0, -3.0]]
    """
    along = (np.arange(side) + 0.5) / side * 2 * SQUARE - SQUARE
    across, up = np.meshgrid(along, -along)
    return np.stack([across.ravel(), up.ravel()], axis=1)


class HeatMaps:
    """Pictures of the units of one network.

    Args:
        names: of the features that the network gets.
        layers: of the network.
    """

    def __init__(self, names: Sequence[str], layers: tuple[DenseLayer, ...]) -> None:
        self.layers = layers
        small, large = (features(cells(side), names) for side in (HIDDEN_CELLS, OUTPUT_CELLS))
        self.features = Heat(*jax.device_get(_quantized(small, HIDDEN_CELLS)))
        """The features themselves over the square."""
        self._grids = jax.device_put((small, large))

    def of(self, model: nn.Module) -> tuple[Heat, ...]:
        """Return the pictures of all layers, the output last; dropout is off."""
        small, large = self._grids
        found: tuple[Heat, ...] = jax.device_get(_maps(model, small, large, layers=self.layers))
        return found


@functools.partial(jax.jit, static_argnames="layers")
def _maps(
    model: nn.Module, small: jax.Array, large: jax.Array, *, layers: tuple[DenseLayer, ...]
) -> tuple[Heat, ...]:
    outputs: dict[str, Any] = {}

    def note(path: str, module: object, inputs: tuple[object, ...], output: object) -> None:
        outputs[path] = output

    nn.apply(model, small, hook=note)
    hidden = [outputs[f"layers.{2 * k + 1}"] for k in range(len(layers) - 1)]
    output, _ = nn.apply(model, large)
    maps = [_quantized(values, HIDDEN_CELLS) for values in hidden]
    return (*maps, _quantized(output, OUTPUT_CELLS))


@functools.partial(jax.jit, static_argnames="side")
def _quantized(values: Any, side: int) -> Any:
    """Return the `Heat` of values at all cells, (side * side, O)."""
    of_units = jnp.asarray(values).T.reshape(-1, side, side)
    finite = jnp.isfinite(of_units)
    limit = jnp.where(finite, jnp.abs(of_units), 0).max(axis=(1, 2))
    share = of_units / jnp.where(limit > 0, limit, 1)[:, None, None]
    codes = jnp.where(finite, jnp.round(share * STEPS) + STEPS, NOT_FINITE)
    return cast(Any, Heat)(codes.astype(jnp.uint8), limit)
