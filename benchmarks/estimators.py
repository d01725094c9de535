"""Compare the training of `NetworkClassifier` with that of scikit-learn's `MLPClassifier`.

    python -m benchmarks.estimators
    OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.estimators   # on one core

Both are the estimators as a user calls them: `fit` with all of Fashion-MNIST, the same hidden
layers, batch size, Adam with the same rate, epochs, and no penalty. The sides take turns in one
process on the same cores. In a turn a side trains for several epochs, then for one, then again for
several. The difference of the last two is the time of the epochs after the first. The first call
includes our compilation; the later one finds the compiled programs.

The search (`GridSearchCV`) trains with four learning rates, on three parts each, and then with the
best; its examples are the first 6,000.

Beside other programs only the time of the processor on one core means something: with two, the
threads of scikit-learn's products wait for each other and count as busy.

scikit-learn computes in the type of the numbers that it is given, clearprop in float32. Pixels
divided by 255 are float64, as most programs give them; a second row has float32 for both.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from benchmarks.disturbance import Watch
from clearprop.data import load
from clearprop.interop.sklearn import NetworkClassifier
from clearprop.programs import forget_programs

GOAL = 3.0
"""scikit-learn's time divided by ours."""


class Setting(NamedTuple):
    """What is the same for both sides.

    Attributes:
        name: in the table.
        hidden: sizes of the hidden layers.
        batch_size: examples of a step.
        dtype: of the inputs.
    """

    name: str
    hidden: tuple[int, ...]
    batch_size: int
    dtype: type[np.floating]


SETTINGS = (
    Setting("784-100-10, batch 200, float64", (100,), 200, np.float64),
    Setting("784-100-10, batch 200, float32", (100,), 200, np.float32),
    Setting("784-256-128-10, batch 64, float64", (256, 128), 64, np.float64),
    Setting("784-256-128-10, batch 64, float32", (256, 128), 64, np.float32),
)


RATES = (3e-4, 1e-3, 3e-3, 1e-2)
PARTS = 3
SEARCHED = 6_000
SEARCH_EPOCHS = 10

Seconds = tuple[float, float]
"""On the clock, and of the processor."""


class Turn(NamedTuple):
    """What a side took in one turn.

    Attributes:
        first: of the first whole call of `fit`.
        later: of the same call once more.
        epoch: of an epoch after the first.
        search: of a search over learning rates.
        others: the fraction of the cores that other programs used, if it is known.
        loss: of the last epoch.
        accuracy: of the first 10,000 training examples.
    """

    first: Seconds
    later: Seconds
    epoch: Seconds
    search: Seconds
    others: float | None
    loss: float
    accuracy: float


def ours(setting: Setting, epochs: int, seed: int) -> NetworkClassifier:
    """Return our estimator."""
    return NetworkClassifier(
        setting.hidden,
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=setting.batch_size,
        epochs=epochs,
        random_state=seed,
    )


def theirs(setting: Setting, epochs: int, seed: int) -> MLPClassifier:
    """Return scikit-learn's estimator; it does not end before its epochs are over."""
    return MLPClassifier(
        setting.hidden,
        solver="adam",
        alpha=0.0,
        learning_rate_init=1e-3,
        batch_size=setting.batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        random_state=seed,
    )


Side = Callable[[Setting, int, int], Any]
"""Returns an estimator of a setting that trains so many epochs, with a seed."""

SIDES: dict[str, Side] = {"clearprop": ours, "scikit-learn": theirs}


RATE = {"clearprop": "learning_rate", "scikit-learn": "learning_rate_init"}


def timed(estimator: Any, x: NDArray[Any], y: NDArray[Any]) -> Seconds:
    """Train, and return the seconds on the clock and of the processor."""
    watch, began = Watch(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are over, as asked
        estimator.fit(x, y)
    return time.perf_counter() - began, watch.own


def turn(name: str, setting: Setting, x: NDArray[Any], y: NDArray[Any], epochs: int) -> Turn:
    """Train with several epochs, with one, with several again, and search.

    Args:
        name: of the side.
        setting: of the training.
        x: the examples.
        y: their classes.
        epochs: of the first and the third training; at least 2.
    """
    watch, side = Watch(), SIDES[name]
    forget_programs()
    first = timed(side(setting, epochs, 0), x, y)
    single = timed(side(setting, 1, 0), x, y)
    estimator = side(setting, epochs, 0)
    later = timed(estimator, x, y)
    clock, processor = ((b - a) / (epochs - 1) for a, b in zip(single, later, strict=True))
    accuracy = float(estimator.score(x[:10_000], y[:10_000]))
    loss = float(estimator.loss_curve_[-1])
    searched = GridSearchCV(side(setting, SEARCH_EPOCHS, 0), {RATE[name]: RATES}, cv=PARTS)
    search = timed(searched, x[:SEARCHED], y[:SEARCHED])
    return Turn(first, later, (clock, processor), search, watch.others(), loss, accuracy)


def compare(
    setting: Setting, x: NDArray[Any], y: NDArray[Any], *, epochs: int, rounds: int
) -> dict[str, list[Turn]]:
    """Return the turns of both sides."""
    x = x.astype(setting.dtype)
    turns: dict[str, list[Turn]] = {name: [] for name in SIDES}
    for r in range(rounds):
        for name in sorted(SIDES, reverse=bool(r % 2)):
            turns[name].append(turn(name, setting, x, y, epochs))
    return turns


KINDS = {
    "an epoch": "epoch",
    "the first call": "first",
    "a later call": "later",
    "a search": "search",
}


def described(setting: Setting, turns: dict[str, list[Turn]]) -> str:
    """Return the ratios of the medians with the spread of the rounds, and both sides."""
    mine, other = turns["clearprop"], turns["scikit-learn"]
    lines = [f"{setting.name}: scikit-learn's time over ours (goal {GOAL:g})"]
    for what, of in KINDS.items():
        told = []
        for i, where in enumerate(("on the clock", "of the processor")):
            pairs = [
                (getattr(a, of)[i], getattr(b, of)[i]) for a, b in zip(mine, other, strict=True)
            ]
            ratios = [b / a for a, b in pairs]
            middle = _median(b for _, b in pairs) / _median(a for a, _ in pairs)
            told.append(f"{middle:.2f} ({min(ratios):.2f}-{max(ratios):.2f}) {where}")
        lines.append(f"  {what}: {', '.join(told)}")
    for name, side in turns.items():
        shares = [one.others for one in side if one.others is not None]
        busy = f"; others used {max(shares):.0%}" if shares else ""
        lines.append(
            f"  {name:<13}"
            + "; ".join(
                f"{what} {_median(getattr(t, of)[0] for t in side):.2f} s, "
                f"{_median(getattr(t, of)[1] for t in side):.2f} s of the processor"
                for what, of in KINDS.items()
            )
            + "; "
            f"loss {_median(t.loss for t in side):.4f}, "
            f"accuracy {_median(t.accuracy for t in side):.4f}{busy}"
        )
    return "\n".join(lines)


def _median(values: Any) -> float:
    return float(np.median(list(values)))


def pictures() -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return Fashion-MNIST, (60000, 784) from 0 to 1, and its classes."""
    data = load("fashion-mnist")
    x = np.asarray(data.inputs).reshape(len(data), -1)
    return x / 255, np.asarray(data.targets)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", type=int, action="append", help="the number of a setting")
    options = parser.parse_args(arguments)
    x, y = pictures()
    for i, setting in enumerate(SETTINGS):
        if options.only is None or i in options.only:
            turns = compare(setting, x, y, epochs=options.epochs, rounds=options.rounds)
            print(described(setting, turns), flush=True)


if __name__ == "__main__":
    main()
