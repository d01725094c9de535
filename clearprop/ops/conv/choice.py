"""Which formulation of a convolution is fastest where."""

from __future__ import annotations

import math

import jax

from clearprop.errors import ConfigurationError, unknown_name
from clearprop.ops.conv import tiles
from clearprop.ops.conv.geometry import Geometry

FORMULATIONS = ("auto", "native", "pointwise", "tiles")

FEWEST_EXAMPLES = 16
FEW_CHANNELS = 16
MOST_TABLE_ENTRIES = 400_000


def batch_last_pays(batch: int, channels: int) -> bool:
    """Say whether arrays are best laid out with their examples last in memory.

    On a processor the innermost axis must be long to be worked on 8 or 16 numbers at a time. The
    products of `tiles` stand so, and pooling between them should follow.
    """
    return jax.default_backend() == "cpu" and batch >= FEWEST_EXAMPLES and channels < FEW_CHANNELS


def choose(
    asked: str, geometry: Geometry, batch: int, channels: int, features: int, groups: int
) -> str:
    """Return the formulation for these shapes, the one asked for unless that is "auto".

    Raises:
        ConfigurationError: the one asked for is unknown, or cannot compute this convolution.
    """
    if asked not in FORMULATIONS:
        raise unknown_name("formulation", asked, FORMULATIONS, where="convolution")
    g = geometry
    single = set(g.window) | set(g.stride) == {1} and groups == 1
    single = single and not any(map(sum, g.padding))
    if asked == "auto":
        if single:
            return "pointwise"
        few = groups == 1 and batch_last_pays(batch, channels)
        return "tiles" if few and _tables_stay_small(g, channels, features) else "native"
    if (asked == "pointwise" and not single) or (asked == "tiles" and groups > 1):
        raise ConfigurationError(
            f"the formulation {asked!r} cannot compute this convolution",
            where="convolution",
            given=f"window {g.window}, stride {g.stride}, padding {g.padding}, {groups} groups",
            expected="a window of one entry, stride 1, no padding, one group"
            if asked == "pointwise"
            else "one group",
        )
    return asked


def _tables_stay_small(geometry: Geometry, channels: int, features: int) -> bool:
    """Say whether the tables of `tiles` stay small: they become constants of the program."""
    tile = tiles.choose_tile(geometry, channels, features)
    axes = zip(tile, geometry.window, geometry.stride, geometry.dilation, strict=True)
    column = math.prod(len(tiles.seen_by_tile(*axis)) for axis in axes) * channels
    counts = math.prod(-(-n // t) for n, t in zip(geometry.outputs, tile, strict=True))
    return column * max(counts, math.prod(tile) * features) <= MOST_TABLE_ENTRIES
