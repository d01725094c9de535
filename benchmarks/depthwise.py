"""Convolutions of each channel by itself: shifted copies beside XLA's convolution in groups.

    python -m benchmarks.depthwise [--rounds 9]

Both take turns in one process. A ratio is the median time of XLA's convolution divided by that of
the shifted copies, for the output, the error of the input and the error of the kernel.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.ops.conv import native, shifts
from clearprop.ops.conv.geometry import Geometry

SHAPES = (
    # batch, height, width, channels, window, stride
    (1, 2, 96, 200, 5, 1),
    (1, 24, 96, 8, 3, 2),
    (1, 56, 56, 128, 3, 1),
    (8, 28, 28, 256, 3, 1),
    (32, 28, 28, 64, 3, 1),
    (32, 14, 14, 32, 5, 2),
    (64, 28, 28, 8, 3, 1),
    (4, 112, 112, 32, 3, 2),
)


def ratio(ours: Callable[..., Any], theirs: Callable[..., Any], given: Any, rounds: int) -> float:
    """Return how many times longer XLA's convolution takes."""
    times: dict[bool, list[float]] = {True: [], False: []}
    sides = {True: jax.jit(ours), False: jax.jit(theirs)}
    np.testing.assert_allclose(*(side(*given) for side in sides.values()), rtol=1e-3, atol=1e-2)
    for _ in range(rounds):
        for own, side in sides.items():
            begun = time.perf_counter()
            jax.block_until_ready(side(*given))
            times[own].append(time.perf_counter() - begun)
    return statistics.median(times[False]) / statistics.median(times[True])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the ratios of every shape."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.depthwise", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of turns")
    rounds = parser.parse_args(arguments).rounds
    draw = np.random.default_rng(0)
    for batch, height, width, channels, window, stride in SHAPES:
        g = Geometry.of(
            (height, width), (window, window), stride=stride, padding=window // 2, where="shape"
        )
        x, kernel, error = (
            jnp.asarray(draw.normal(size=shape), jnp.float32)
            for shape in (
                (batch, height, width, channels),
                (window, window, 1, channels),
                (batch, *g.outputs, channels),
            )
        )
        found = [
            ratio(lambda x, w, g=g: shifts.forward(x, w, g),
                  lambda x, w, g=g, n=channels: native.forward(x, w, g, n), (x, kernel), rounds),
            ratio(lambda e, w, g=g, n=channels: shifts.input_error(e, w, g, n),
                  lambda e, w, g=g, n=channels: native.input_error(e, w, g, n),
                  (error, kernel), rounds),
            ratio(lambda x, e, g=g: shifts.kernel_error(x, e, g),
                  lambda x, e, g=g, n=channels: native.kernel_error(x, e, g, n),
                  (x, error), rounds),
        ]  # fmt: skip
        shape = f"{batch} x {height} x {width} x {channels}, {window} x {window}, stride {stride}"
        print(f"{shape}: output {found[0]:.1f}, input {found[1]:.1f}, kernel {found[2]:.1f}")


if __name__ == "__main__":
    main()
