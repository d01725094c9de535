"""The choice of the fastest formulation of a convolution."""

from __future__ import annotations

import jax

from clearprop.errors import ConfigurationError, unknown_name
from clearprop.ops.conv import tiles
from clearprop.ops.conv.geometry import Geometry

FORMULATIONS = ("auto", "native", "patches", "pointwise", "shifts", "tiles")

FEWEST_EXAMPLES = 16
FEW_CHANNELS = 16
MOST_TABLE_ENTRIES = 400_000

MOST_SHIFTS = 64
"""Up to this many taps, a sum of shifted copies is compiled in little time. `benchmarks.depthwise`
compares it with XLA's convolution in groups of one channel."""

LONGEST_PATCH = 32
"""Up to this many numbers in a window, a product of patches is faster than XLA's convolution."""


def batch_last_pays(batch: int, channels: int) -> bool:
    """Say whether the layout with the examples last in memory is faster.

    A processor computes 8 or 16 numbers of the innermost axis at a time, so this axis must be long.
    The products of `tiles` have this layout, and pooling between them should have it too.
    """
    return jax.default_backend() == "cpu" and batch >= FEWEST_EXAMPLES and channels < FEW_CHANNELS


def choose(
    asked: str, geometry: Geometry, batch: int, channels: int, features: int, groups: int
) -> str:
    """Return the formulation that the user asked for, or for "auto" the fastest for these shapes.

    Raises:
        ConfigurationError: that formulation is unknown, or cannot compute this convolution.
    """
    if asked not in FORMULATIONS:
        raise unknown_name("formulation", asked, FORMULATIONS, where="convolution")
    if asked == "auto":
        return _fastest(geometry, batch, channels, features, groups)
    fitting = _fitting(geometry, channels, groups)
    if not fitting.get(asked, True):
        raise ConfigurationError(
            f"the formulation {asked!r} cannot compute this convolution",
            where="convolution",
            given=f"window {geometry.window}, stride {geometry.stride}, "
            f"padding {geometry.padding}, dilation {geometry.dilation}, {channels} channels, "
            f"{groups} groups",
            expected=EXPECTED[asked],
        )
    return asked


EXPECTED = {
    "patches": "one group",
    "pointwise": "a window of one entry, stride 1, no padding, one group",
    "shifts": "one channel in each group",
    "tiles": "one group",
}


def _fitting(geometry: Geometry, channels: int, groups: int) -> dict[str, bool]:
    """Say which formulations can compute a convolution."""
    single = set(geometry.window) | set(geometry.stride) == {1} and groups == 1
    return {
        "patches": groups == 1,
        "pointwise": single and not any(map(sum, geometry.padding)),
        "shifts": groups == channels,
        "tiles": groups == 1,
    }


def _fastest(geometry: Geometry, batch: int, channels: int, features: int, groups: int) -> str:
    g = geometry
    fitting = _fitting(g, channels, groups)
    if fitting["pointwise"]:
        return "pointwise"
    on_cpu = jax.default_backend() == "cpu"
    if on_cpu and groups > 1 and fitting["shifts"] and g.taps <= MOST_SHIFTS:
        return "shifts"
    if groups > 1 or not on_cpu or batch < FEWEST_EXAMPLES:
        return "native"
    if g.taps * channels <= LONGEST_PATCH and features >= FEW_CHANNELS:
        return "patches"
    if batch_last_pays(batch, channels) and _tables_stay_small(g, channels, features):
        return "tiles"
    return "native"


def _tables_stay_small(geometry: Geometry, channels: int, features: int) -> bool:
    """Say whether the tables of `tiles` stay small: they become constants of the program."""
    tile = tiles.choose_tile(geometry, channels, features)
    counts, column, row = tiles.product_sizes(geometry, channels, features, tile)
    return column * max(counts, row) <= MOST_TABLE_ENTRIES
