"""Compare Boltzmann machines and self-organizing maps with scikit-learn, MiniSom and TorchSOM.

    python -m benchmarks.without_targets

Every pair has the same data, sizes, rates and radii. The two sides take turns, and the time of an
epoch is the median over the rounds, without compilation and without the first epoch. The seconds of
the processor are shown too: where other programs run, they are the better measure. A side whose
library is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM

from clearprop import optim
from clearprop.algorithms import ContrastiveDivergence, SelfOrganizing
from clearprop.data import load
from clearprop.models import RBM, SelfOrganizingMap
from clearprop.recipes.rbm import nudged
from clearprop.training import EpochDone, Event, Run, fit

Floats = NDArray[np.float32]

SIDE, FIRST, LAST = 12, 6.0, 0.7
"""Rows and columns of the maps; their radius at the beginning and at the end."""

RATE, LAST_RATE = 0.5, 0.01


class Result(NamedTuple):
    """What one round of one side gave.

    Attributes:
        seconds: of an epoch.
        processor: seconds of the processor of an epoch.
        quality: by name: the pseudo-log-likelihood, or the errors of a map.
    """

    seconds: float
    processor: float
    quality: dict[str, float]


class Stopwatch:
    """The time since it was made: on the clock, and of the processor."""

    def __init__(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def over(self, epochs: int) -> tuple[float, float]:
        """Return both times divided by a number of epochs."""
        now = time.perf_counter(), time.process_time()
        return (now[0] - self.began[0]) / epochs, (now[1] - self.began[1]) / epochs


def timed(train: Callable[[int, Callable[[Event], None]], Run], epochs: int) -> tuple[Run, Any]:
    """Return a run of ours, and the times of an epoch after the first, which compiles."""
    began: list[Stopwatch] = []
    times: list[tuple[float, float]] = []

    def look(event: Event) -> None:
        if isinstance(event, EpochDone):
            if event.epoch == 1:
                began.append(Stopwatch())
            elif event.epoch == epochs + 1:
                times.append(began[0].over(epochs))

    return train(epochs + 1, look), times[0]


Side = Callable[[Floats, int, int], Result]
"""Takes the examples, the epochs and the seed."""


class Pair(NamedTuple):
    """Two sides that do the same.

    Attributes:
        name: of what they do.
        peer: the name of the other library.
        ours: this library.
        theirs: the other one.
        epochs: of a round.
        goal: their time divided by ours.
        module: that the other side imports.
    """

    name: str
    peer: str
    ours: Side
    theirs: Side
    epochs: int
    goal: float
    module: str


def nudged_digits() -> Floats:
    """Return the digits, each also shifted in four directions, each pixel from 0 to 1."""
    x = np.asarray(nudged(load("digits")).inputs, np.float32).reshape(-1, 64)
    x = np.asarray(x / np.maximum(x.max(axis=0), 1), np.float32)
    # scikit-learn takes its batches in the order of the rows, so these must be mixed.
    return x[np.random.default_rng(0).permutation(len(x))]


def digits() -> Floats:
    """Return the digits from 0 to 1, (N, 64)."""
    return np.asarray(load_digits().data / 16, np.float32)


def score(machine: Any, x: Floats) -> dict[str, float]:
    """Return scikit-learn's pseudo-log-likelihood of a machine of either side."""
    known = machine
    if isinstance(machine, RBM):
        known = BernoulliRBM(n_components=machine.hidden.out_features, n_iter=0).fit(x[:10])
        known.components_ = np.asarray(machine.hidden.weight).T
        known.intercept_hidden_ = np.asarray(machine.hidden.bias)
        known.intercept_visible_ = np.asarray(machine.visible_bias)
    draws = [float(known.score_samples(x).mean()) for _ in range(4)]
    return {"pseudo-log-likelihood": float(np.mean(draws))}


def errors(codebook: Any, x: Floats) -> dict[str, float]:
    """Return the errors of a rectangular map, whatever made it."""
    points = np.asarray(codebook, np.float64).reshape(SIDE * SIDE, -1)
    squares = (x**2).sum(axis=1)[:, None] - 2 * x @ points.T + (points**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares, 0))
    first, second = np.argsort(distances, axis=1)[:, :2].T
    near = SelfOrganizingMap(SIDE, SIDE, 64, grid="rectangular").neighbors()
    torn = 1 - near[first, second].mean()
    return {"quantization": float(distances.min(axis=1).mean()), "topographic": float(torn)}


def boltzmann(x: Floats, epochs: int, seed: int) -> Result:
    """Train a machine with persistent chains."""

    def train(most: int, look: Callable[[Event], None]) -> Run:
        return fit(
            RBM(64, 100), x, algorithm=ContrastiveDivergence(persistent=True), on_event=look,
            optimizer=optim.sgd(0.06), epochs=most, batch_size=10, seed=seed, progress=False,
        )  # fmt: skip

    run, times = timed(train, epochs)
    return Result(*times, score(run.model, x))


def bernoulli_rbm(x: Floats, epochs: int, seed: int) -> Result:
    """Train scikit-learn's machine; it has persistent chains too."""
    machine = BernoulliRBM(
        n_components=100, learning_rate=0.06, batch_size=10, n_iter=epochs + 1, random_state=seed
    )
    spent = Stopwatch()
    machine.fit(x)
    return Result(*spent.over(epochs + 1), score(machine, x))


def our_map(mode: Any, size: int | None = None) -> Side:
    """Return the side of our map in one of its modes; None takes all examples in one step."""

    def train(x: Floats, epochs: int, seed: int) -> Result:
        rule = SelfOrganizing(
            mode=mode, radius=FIRST, last_radius=LAST, rate=RATE, last_rate=LAST_RATE,
            decay="linear", start="random",
        )  # fmt: skip

        def organize(most: int, look: Callable[[Event], None]) -> Run:
            return fit(
                SelfOrganizingMap(SIDE, SIDE, 64, grid="rectangular"), x, algorithm=rule,
                epochs=most, batch_size=size or len(x), seed=seed, progress=False,
                on_event=look,
            )  # fmt: skip

        run, times = timed(organize, epochs - 1)
        model: Any = run.model
        return Result(*times, errors(model.codebook, x))

    return train


def falling(first: float, last: float) -> Callable[[float, int, int], float]:
    """Return a linear decay as MiniSom takes it."""
    return lambda _, t, most: first + (last - first) * t / max(1, most - 1)


def minisom(mode: str) -> Side:
    """Return the side of MiniSom: its batch map, or its online map."""

    def train(x: Floats, epochs: int, seed: int) -> Result:
        module = importlib.import_module("minisom")
        rate = falling(1.0, 1.0) if mode == "batch" else falling(RATE, LAST_RATE)
        som = module.MiniSom(SIDE, SIDE, 64, sigma=FIRST, learning_rate=RATE, random_seed=seed)
        # Its own decays end at 1 or 0, and others are refused by its constructor.
        som._learning_rate_decay_function = rate
        som._sigma_decay_function = falling(FIRST, LAST)
        som.random_weights_init(x)
        spent = Stopwatch()
        if mode == "batch":
            som.train_batch_offline(x, epochs)
        else:
            som.train_random(x, epochs * len(x))
        return Result(*spent.over(epochs), errors(som.get_weights(), x))

    return train


def torchsom(x: Floats, epochs: int, seed: int) -> Result:
    """Train TorchSOM, which has mini-batches."""
    torch, module = importlib.import_module("torch"), importlib.import_module("torchsom")
    torch.set_num_threads(2)
    som = module.SOM(
        x=SIDE, y=SIDE, num_features=64, epochs=epochs, batch_size=64, sigma=FIRST,
        learning_rate=RATE, initialization_mode="random", device="cpu", random_seed=seed,
    )  # fmt: skip
    parts = torch.linspace(0, 1, epochs)
    som.lr_schedule = RATE + (LAST_RATE - RATE) * parts
    som.sigma_schedule = FIRST + (LAST - FIRST) * parts
    data = torch.from_numpy(x)
    som.initialize_weights(data, "random")
    spent = Stopwatch()
    som.fit(data, verbose=False)
    return Result(*spent.over(epochs), errors(som.weights.detach(), x))


PAIRS = (
    Pair("Boltzmann machine 64-100, batch 10", "scikit-learn", boltzmann, bernoulli_rbm, 10, 5.0,
         "sklearn"),
    Pair("batch map", "MiniSom", our_map("batch"), minisom("batch"), 6, 20.0, "minisom"),
    Pair("online map", "MiniSom", our_map("online", 256), minisom("online"), 4, 20.0, "minisom"),
    Pair("map in mini-batches of 64", "TorchSOM", our_map("mini-batch", 64), torchsom, 10, 1.5,
         "torchsom"),
)  # fmt: skip


def compare(pair: Pair, rounds: int, epochs: int | None = None) -> str:
    """Return a line with the time of an epoch of both sides, and how good they are.

    Args:
        pair: what is compared.
        rounds: of both sides, in turn.
        epochs: of a round; None takes those of the pair.
    """
    try:
        importlib.import_module(pair.module)
    except ImportError:
        return f"{pair.name}: {pair.peer} is not installed"
    x = digits() if pair.module == "torchsom" else nudged_digits()
    count = pair.epochs if epochs is None else epochs
    sides: dict[str, list[Result]] = {"clearprop": [], pair.peer: []}
    for seed in range(rounds):
        sides["clearprop"].append(pair.ours(x, count, seed))
        sides[pair.peer].append(pair.theirs(x, count, seed))
    clock, processor = (
        np.divide(*(np.median([one[i] for one in results]) for results in reversed(sides.values())))
        for i in (0, 1)
    )
    lines = [
        f"{pair.name}: {clock:.2f} times as fast as {pair.peer} (goal {pair.goal:g}), "
        f"{processor:.2f} times by the processor"
    ]
    for name, results in sides.items():
        seconds, cpu = (float(np.median([one[i] for one in results])) for i in (0, 1))
        quality = ", ".join(
            f"{key} {np.mean([one.quality[key] for one in results]):.4g}"
            for key in results[0].quality
        )
        spent = f"{1000 * seconds:.2f} ms an epoch, {1000 * cpu:.2f} of the processor"
        lines.append(f"  {name:<13}{spent}; {quality}")
    return "\n".join(lines)


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for pair in PAIRS:
        print(compare(pair, rounds), flush=True)


if __name__ == "__main__":
    main()
