"""Train the playground's known tasks from several seeds, beside TensorFlow Playground's own rules.

    python -m benchmarks.playground [--seeds 100] [--json]

Both sides have the same points, the same split, batch size, rate and number of epochs. The loss is
that of TensorFlow Playground: the mean of (y - t)^2 / 2 over the test part, after the last epoch.
clearprop is run through the settings of the page, with their initial weights and a new order of
the examples in every epoch. The other side is a NumPy program of the rules of TensorFlow
Playground: weights from U(-0.5, 0.5), biases of 0.1, and the same order in every epoch.

It also prints how many pictures and steps a session makes in a second, and how much of the cores
other programs took meanwhile. `--json` writes ``results/playground.json``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import queue
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.disturbance import Watch
from clearprop.studio.frames import unpack
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.point_set import FEATURES
from clearprop.studio.playground.prepared import Prepared, prepared
from clearprop.studio.playground.session import Session
from clearprop.training import LiveRun

RESULTS = Path(__file__).parent / "results" / "playground.json"
OURS, THEIRS = "clearprop", "rules of TensorFlow Playground"

Doubles = NDArray[np.float64]


class Task(NamedTuple):
    """A task that both sides learn.

    Attributes:
        name: for the table.
        settings: of the page, for one seed.
        levels: losses; it is counted how many seeds reach each.
        goal: how many of the first 20 seeds are to reach the last level; None: of all seeds as
            many as on the other side.
    """

    name: str
    settings: Callable[[int], m.Settings]
    levels: tuple[float, ...]
    goal: int | None


def _settings(
    kind: m.DataKind, units: Sequence[int], activation: str, epochs: int, every_feature: bool
) -> Callable[[int], m.Settings]:
    def of_seed(seed: int) -> m.Settings:
        names: Any = tuple(FEATURES) if every_feature else ("x1", "x2")
        return m.Settings(
            data=m.DataSettings(kind, seed=seed),
            features=names,
            layers=tuple(m.LayerSettings(n, activation) for n in units),
            epochs=epochs,
            seed=seed,
        )

    return of_seed


TASKS = (
    Task(
        "circle, tanh 4-2, 100 epochs",
        _settings("circle", (4, 2), "tanh", 100, every_feature=False),
        (0.1, 0.05, 0.02),
        15,
    ),
    Task(
        "exclusive-or, ReLU 8, 100 epochs",
        _settings("xor", (8,), "relu", 100, every_feature=False),
        (0.05, 0.02, 0.01),
        None,
    ),
    Task(
        "spiral, seven features, tanh 8-8, 200 epochs",
        _settings("spiral", (8, 8), "tanh", 200, every_feature=True),
        (0.2, 0.1, 0.05),
        None,
    ),
)


# --- clearprop -----------------------------------------------------------------------------------


def trained(ready: Prepared) -> float:
    """Train as the page does, and return the test loss."""
    live = LiveRun(ready.config)
    while live.ended is None:
        for _ in live.advance(1_000_000):
            pass
    loss = live.epochs[-1].development_objective
    assert loss is not None
    return loss


# --- the rules of TensorFlow Playground ----------------------------------------------------------

ACTIVATIONS: dict[str, tuple[Callable[[Doubles], Doubles], Callable[[Doubles], Doubles]]] = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "relu": (lambda z: np.maximum(z, 0), lambda y: (y > 0).astype(np.float64)),
}
"""An activation, and its derivative as a function of the value."""


def their_weights(ready: Prepared) -> tuple[list[Doubles], list[Doubles]]:
    """Return weights and biases as TensorFlow Playground draws them."""
    rng = np.random.default_rng(ready.settings.seed)
    sizes = [len(ready.settings.features), *(layer.units for layer in ready.layers)]
    weights = [rng.uniform(-0.5, 0.5, shape) for shape in itertools.pairwise(sizes)]
    return weights, [np.full(units, 0.1) for units in sizes[1:]]


def by_their_rules(ready: Prepared) -> float:
    """Train as TensorFlow Playground does, and return the test loss."""
    settings = ready.settings
    weights, biases = their_weights(ready)
    kinds = [ACTIVATIONS[layer.activation] for layer in ready.layers]
    assert ready.test is not None
    x, y = (np.asarray(part, np.float64) for part in ready.train)
    x_test, y_test = (np.asarray(part, np.float64) for part in ready.test)

    def forward(inputs: Doubles) -> list[Doubles]:
        values = [inputs]
        for weight, bias, (activate, _) in zip(weights, biases, kinds, strict=True):
            values.append(activate(values[-1] @ weight + bias))
        return values

    for _ in range(settings.epochs):
        for start in range(0, len(x), settings.batch_size):
            rows = slice(start, start + settings.batch_size)
            values = forward(x[rows])
            error = values[-1] - y[rows]
            for k in reversed(range(len(weights))):
                delta = error * kinds[k][1](values[k + 1])
                error = delta @ weights[k].T
                weights[k] -= settings.learning_rate * values[k].T @ delta / len(delta)
                biases[k] -= settings.learning_rate * delta.mean(axis=0)
    return float(np.mean((forward(x_test)[-1] - y_test) ** 2) / 2)


# --- the stream of pictures ----------------------------------------------------------------------


class Stream(NamedTuple):
    """What a session sends while it trains as fast as it can.

    Attributes:
        pictures: in a second.
        steps: in a second.
        epochs: in a second.
        kilobytes: of a picture.
        others: the fraction of the cores that other programs took; None where it is unknown.
    """

    pictures: float
    steps: float
    epochs: float
    kilobytes: float
    others: float | None


def streamed(settings: m.Settings, seconds: float) -> Stream:
    """Play for a time, after everything was compiled, and count the pictures."""
    sent: queue.SimpleQueue[msgspec.Struct | bytes] = queue.SimpleQueue()
    session = Session(sent.put)
    session.ask(m.Configure(settings))
    session.ask(m.Play())
    found: list[dict[str, Any]] = []
    size, begun, watch = 0, None, Watch()
    while begun is None or time.perf_counter() - begun < seconds:
        item = sent.get(timeout=300)
        if not isinstance(item, bytes):
            continue
        header = unpack(item)[0]
        if begun is None and header["seconds"] > 1:
            begun, watch = time.perf_counter(), Watch()
        if begun is not None:
            found.append(header)
            size = len(item)
    others = watch.others()
    session.close()
    return Stream(
        (len(found) - 1) / seconds,
        (found[-1]["step"] - found[0]["step"]) / seconds,
        (found[-1]["epoch"] - found[0]["epoch"]) / seconds,
        size / 1000,
        others,
    )


# --- the table -----------------------------------------------------------------------------------


def compared(task: Task, seeds: int) -> dict[str, Any]:
    """Train a task from several seeds on both sides; return the losses and the counts."""
    every = [prepared(task.settings(seed), {}) for seed in range(seeds)]
    losses = {
        OURS: [trained(ready) for ready in every],
        THEIRS: [by_their_rules(ready) for ready in every],
    }
    reached = {
        side: {f"{level:g}": sum(loss <= level for loss in found) for level in task.levels}
        for side, found in losses.items()
    }
    return {"seeds": seeds, "reached": reached, "losses": losses}


def said(task: Task, found: dict[str, Any]) -> str:
    """Return whether the goal of a task is met, in words."""
    level = task.levels[-1]
    ours, theirs = (np.asarray(found["losses"][side]) <= level for side in (OURS, THEIRS))
    if task.goal is not None:
        met = int(ours[:20].sum())
        words = "met" if met >= task.goal else "missed"
        return f"goal: {task.goal} of the first 20 seeds at {level:g}, {words} with {met}"
    lead, alone = int(ours.sum()) - int(theirs.sum()), int((ours != theirs).sum())
    # Seeds that only one side solves fall to either by chance: twice their deviation is usual.
    words = "met" if lead >= 0 else "missed" if lead < -2 * alone**0.5 else "equal within chance"
    counts = f"{ours.sum()} and {theirs.sum()}, {alone} of them by one side alone"
    return f"goal: as many as the other side at {level:g}, {words} ({counts})"


def main(given: Sequence[str] | None = None) -> None:
    """Run the tasks and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.playground", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="of each task")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the stream of pictures")
    parser.add_argument("--json", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args(given)
    written: dict[str, Any] = {"tasks": {}}
    with tempfile.TemporaryDirectory() as folder:
        # The programs of all seeds are the same: the compiler makes them once.
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        for task in TASKS:
            found = written["tasks"][task.name] = compared(task, arguments.seeds)
            print(f"\n{task.name}: test loss reached by so many of {arguments.seeds} seeds")
            print(f"{'':32}", *(f"{level:>8g}" for level in task.levels), f"{'median':>10}")
            for side, counts in found["reached"].items():
                median = float(np.median(found["losses"][side]))
                print(f"{side:32}", *(f"{n:>8}" for n in counts.values()), f"{median:>10.4f}")
            print(said(task, found), flush=True)
        stream = streamed(m.Settings(), arguments.seconds)
    written["stream"] = stream._asdict()
    others = "unknown" if stream.others is None else f"{stream.others:.0%}"
    print(
        f"\na session that plays as fast as it can, in a second: {stream.pictures:.0f} pictures of "
        f"{stream.kilobytes:.0f} kB, {stream.steps:,.0f} steps, {stream.epochs:,.0f} epochs; "
        f"other programs took {others} of the cores"
    )
    if arguments.json:
        RESULTS.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
