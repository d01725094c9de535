"""Compare Hessian-free optimization with SGD with momentum on a deep autoencoder, by epoch.

    python -m benchmarks.hessian_free

The network is 64-100-50-25-6-25-50-100-64 with sigmoid units, on scikit-learn's handwritten digits;
the objective is the cross-entropy of the pixels, summed over them. Momentum is run
with several rates. An epoch of Hessian-free costs more, so the processor seconds are shown too.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from clearprop import nn, ops, optim
from clearprop.training import fit

SIZES = (64, 100, 50, 25, 6, 25, 50, 100, 64)
RATES = (0.01, 0.03, 0.1, 0.3)
EXAMPLES = 1700


class Way(NamedTuple):
    """The result of one optimizer.

    Attributes:
        name: of the optimizer, with its learning rate.
        objective: after each epoch.
        seconds: of the processor, with compilation.
    """

    name: str
    objective: NDArray[np.float64]
    seconds: float


def autoencoder(sizes: tuple[int, ...] = SIZES) -> nn.Sequential:
    """Return the autoencoder: sigmoid units, a linear code in the middle, logits at the end."""
    layers: list[Any] = []
    pairs = list(itertools.pairwise(sizes))
    for index, (inputs, outputs) in enumerate(pairs):
        layers.append(nn.Linear(inputs, outputs))
        if index not in (len(pairs) // 2 - 1, len(pairs) - 1):
            layers.append(ops.sigmoid)
    return nn.Sequential(layers)


def digits() -> NDArray[np.float32]:
    """Return the pictures, from 0 to 1, (N, 64)."""
    pictures = load_digits().images.reshape(-1, 64)[:EXAMPLES]
    return np.asarray(pictures / 16, np.float32)


def descend(
    name: str,
    optimizer: optim.Optimizer,
    batch_size: int,
    epochs: int,
    sizes: tuple[int, ...] = SIZES,
) -> Way:
    """Train the autoencoder with one optimizer."""
    x, began = digits(), time.process_time()
    run = fit(
        autoencoder(sizes),
        (x, x),
        loss="binary_cross_entropy",
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        progress=False,
    )
    return Way(name, run.history.objective, time.process_time() - began)


def compare(
    epochs: int, rates: tuple[float, ...] = RATES, sizes: tuple[int, ...] = SIZES
) -> tuple[Way, list[Way]]:
    """Return the results of Hessian-free optimization, and of momentum at every rate."""
    optimizer = optim.hessian_free(damping=1.0, iterations=50)
    ours = descend("hessian-free, batch 850", optimizer, 850, epochs, sizes)
    others = [
        descend(f"momentum {rate:g}, batch 50", optim.momentum(rate, 0.9), 50, epochs, sizes)
        for rate in rates
    ]
    return ours, others


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    epochs = parser.parse_args().epochs
    ours, others = compare(epochs)
    shown = sorted({1, epochs // 4, epochs // 2, 3 * epochs // 4, epochs} - {0})
    print(f"{'objective after epoch':<26}" + "".join(f"{e:>9}" for e in shown) + f"{'cpu s':>9}")
    for way in (*others, ours):
        points = "".join(f"{way.objective[e - 1]:>9.3f}" for e in shown)
        print(f"{way.name:<26}{points}{way.seconds:>9.1f}")
    best = min(others, key=lambda way: way.objective[-1])
    print(f"best of momentum: {best.objective[-1]:.3f}; hessian-free: {ours.objective[-1]:.3f}")


if __name__ == "__main__":
    main()
