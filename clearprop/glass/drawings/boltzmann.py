"""What a restricted Boltzmann machine makes itself: reconstructions, and samples over time.

Shape letters: N pictures, V visible units, C chains, T times, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.errors import ShapeError
from clearprop.glass.drawings.tiles import bare
from clearprop.glass.style import Drawing, canvas, drawn
from clearprop.models.rbm import RBM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TIMES = (0, 1, 3, 10, 30, 100, 1000)
"""After so many steps of Gibbs sampling the chains are drawn."""

Pictures = NDArray[np.float64]


def gibbs_means(
    machine: RBM, v: ArrayLike, times: Sequence[int] = TIMES, *, seed: int = 0
) -> Pictures:
    """Return the mean of the visible units of chains at several times, (T, C, V).

    Args:
        machine: with values.
        v: where the chains begin, (C, ...).
        times: numbers of steps, rising; 0 is the beginning itself.
        seed: of the chains.

    >>> gibbs_means(RBM(6, 3).init(0), np.zeros((2, 6)), (0, 1, 5)).shape
    (3, 2, 6)
    """
    now = jnp.asarray(v, jnp.float32).reshape(len(np.asarray(v)), -1)
    shown, done = [], 0
    for time in times:
        key = jax.random.fold_in(jax.random.key(seed), time)
        if time == 0:
            shown.append(np.asarray(now, np.float64))
            continue
        if time - done > 1:
            now = machine.gibbs(now, key, time - done - 1)
        last = jax.random.fold_in(key, 1)
        # The chances of the last step are shown: they are less noisy than what is drawn from them.
        drawn_hidden = jax.random.bernoulli(last, machine.hidden_chance(now)).astype(jnp.float32)
        mean = machine.visible_mean(drawn_hidden)
        shown.append(np.asarray(mean, np.float64))
        noise = jax.random.fold_in(last, 1)
        if machine.units == "gaussian":
            now = mean + jax.random.normal(noise, mean.shape)
        else:
            now = jax.random.bernoulli(noise, mean).astype(jnp.float32)
        done = time
    return np.stack(shown)


@drawn
def gibbs_samples(
    machine: RBM,
    v: ArrayLike,
    shape: Sequence[int],
    times: Sequence[int] = TIMES,
    *,
    seed: int = 0,
) -> Drawing:
    """Draw chains of Gibbs sampling over time: a row for each chain, a column for each time.

    Args:
        machine: with values.
        v: where the chains begin, (C, ...).
        shape: of a picture, (height, width) or (height, width, 1).
        times: numbers of steps.
        seed: of the chains.

    Raises:
        ShapeError: the machine has not as many visible units as the picture has pixels.

    >>> gibbs_samples(RBM(64, 9).init(0), np.zeros((2, 64)), (8, 8), (0, 1)).title
    'Samples over Gibbs steps'
    """
    means = gibbs_means(machine, v, times, seed=seed)
    rows = [_pictures(means[:, chain], shape) for chain in range(means.shape[1])]
    names = ["start" if time == 0 else f"{time:,}" for time in times]
    return Drawing(
        "Samples over Gibbs steps",
        _sheet(rows, columns=names, label="steps of the chain"),
        "Each row is a Markov chain that begins at an example (left). A machine that has learned "
        "the data goes on to other pictures like it; one that has not stays, or falls into noise.",
    )


@drawn
def machine_reconstructions(machine: RBM, v: ArrayLike, shape: Sequence[int]) -> Drawing:
    """Draw examples, and below each what the machine makes of its hidden chances.

    Args:
        machine: with values.
        v: examples, (N, ...).
        shape: of a picture, (height, width) or (height, width, 1).

    Raises:
        ShapeError: the machine has not as many visible units as the picture has pixels.

    >>> machine_reconstructions(RBM(64, 9).init(0), np.zeros((5, 64)), (8, 8)).title
    'Reconstructions'
    """
    flat = jnp.asarray(v, jnp.float32).reshape(len(np.asarray(v)), -1)
    made = machine.reconstruction(flat)
    error = float(((flat - made) ** 2).mean())
    rows = [_pictures(np.asarray(flat), shape), _pictures(np.asarray(made), shape)]
    return Drawing(
        "Reconstructions",
        _sheet(rows, names=["given", "made"]),
        "Above are examples, below what the visible units are expected to be, given the chances "
        f"of the hidden units. The mean squared error of these is {error:.3g}.",
    )


def _pictures(values: ArrayLike, shape: Sequence[int]) -> Pictures:
    found = np.asarray(values, np.float64)
    picture = tuple(shape[:2])
    if math.prod(shape) != found.shape[1] or math.prod(picture) != found.shape[1]:
        raise ShapeError(
            "the visible units are no picture of this shape",
            given=f"shape={tuple(shape)} for {found.shape[1]} visible units",
            expected="(height, width), or (height, width, 1)",
        )
    return found.reshape(-1, *picture)


def _sheet(
    rows: Sequence[Pictures],
    *,
    columns: Sequence[str] = (),
    names: Sequence[str] = (),
    label: str = "",
) -> Figure:
    """Return a figure of pictures in rows, dark where they are bright, as on paper."""
    H, W = rows[0].shape[1:]
    gap = max(1, round(0.12 * W))
    across, down = len(rows[0]), len(rows)
    sheet = np.full((down * (H + gap) - gap, across * (W + gap) - gap), np.nan)
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            sheet[i * (H + gap) : i * (H + gap) + H, j * (W + gap) : j * (W + gap) + W] = tile
    side = min(0.9, 6.4 / across)
    figure, axes = canvas(width=across * side + 0.8, height=down * side * H / W + 0.5)
    low, high = float(np.nanmin(sheet)), float(np.nanmax(sheet))
    axes.imshow(sheet, cmap="gray_r", vmin=min(low, 0), vmax=max(high, 1), interpolation="nearest")
    bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if columns:
        axes.set_xticks(np.arange(across) * (W + gap) + (W - 1) / 2, list(columns), fontsize=8)
    if names:
        axes.set_yticks(np.arange(down) * (H + gap) + (H - 1) / 2, list(names), fontsize=8)
    axes.tick_params(length=0)
    axes.set_xlabel(label)
    return figure
