"""The cost of looking inside: the time of `explain` and of recording, divided by that of a step.

    python -m benchmarks.glass [lenet128 gpt] [--passes 8]

For recording, a step of a run that records every 50th step is compared with one without recording.

Both take turns in one process: after each epoch of `fit`, which uses every core, one batch is
explained repeatedly for the same time. Every value and every error signal is computed. The ratio
is that of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp

from benchmarks import material
from benchmarks.configurations import CONFIGURATIONS, Configuration
from benchmarks.sides.ours import model_of
from clearprop.glass.explain import Glass, explain
from clearprop.training import EpochDone, Event, Record, fit
from clearprop.training.recording.recorder import EVERY

GOAL = 2.0
"""The largest time of `explain`, in training steps."""

RECORDING_GOAL = 1.15
"""The largest mean time of a step with recording, in steps without recording."""


class Cost(NamedTuple):
    """The cost of one operation, compared with a training step.

    Attributes:
        network: its configuration.
        what: the operation.
        step: median seconds of a training step.
        seconds: median seconds of the operation.
        goal: the largest allowed ratio.
    """

    network: str
    what: str
    step: float
    seconds: float
    goal: float

    @property
    def ratio(self) -> float:
        """Its time divided by that of a step."""
        return self.seconds / self.step


class Turns:
    """Explains a batch after every epoch of a run, and keeps the times of both.

    Args:
        configuration: of the run.
        explained: explains the batch.
    """

    def __init__(self, configuration: Configuration, explained: Any) -> None:
        self._steps = configuration.steps_per_pass
        self._explained = explained
        self.steps: list[float] = []
        self.seconds: list[float] = []

    def __call__(self, event: Event) -> None:
        """Take a turn after each epoch."""
        if not isinstance(event, EpochDone):
            return
        self.steps.append(event.seconds / self._steps)
        until = time.perf_counter() + event.seconds
        while time.perf_counter() < until:
            began = time.perf_counter()
            self._explained()
            self.seconds.append(time.perf_counter() - began)


def cost_of_explain(name: str, passes: int) -> Cost:
    """Return the cost of explaining a batch, compared with a training step on it."""
    configuration = CONFIGURATIONS[name].shortened(100)
    with tempfile.TemporaryDirectory() as folder:
        material.write(configuration, Path(folder))
        given = material.read(Path(folder), 1)
    loss = "sequence_cross_entropy" if configuration.network == "gpt" else "cross_entropy"
    model = model_of(configuration)
    ready = model.init(0)
    x, y = (jnp.asarray(a[: configuration.batch_size]) for a in (given.inputs, given.targets))

    def explained() -> Glass:
        glass = explain(ready, x, y, loss)
        assert glass.values.fits  # one call computes everything
        assert glass.objective > 0  # reading one number waits for the end of the call
        return glass

    explained()
    turns = Turns(configuration, explained)
    fit(
        model,
        (given.inputs, given.targets),
        loss=loss,
        optimizer=configuration.optimizer,
        learning_rate=configuration.learning_rate,
        epochs=passes,
        batch_size=configuration.batch_size,
        dev=0,
        progress=False,
        on_event=turns,
    )
    step = statistics.median(turns.steps[1:])
    return Cost(configuration.title, "explain", step, statistics.median(turns.seconds), GOAL)


def cost_of_recording(name: str, passes: int) -> Cost:
    """Return the cost of a step that records every layer and parameter.

    Every second epoch of one run has one recorded step; the other epochs have none.
    """
    configuration = CONFIGURATIONS[name].shortened(100)
    with tempfile.TemporaryDirectory() as folder:
        material.write(configuration, Path(folder))
        given = material.read(Path(folder), 1)
    steps, seconds = configuration.steps_per_pass, list[float]()

    def note(event: Event) -> None:
        if isinstance(event, EpochDone):
            seconds.append(event.seconds)

    fit(
        model_of(configuration),
        (given.inputs, given.targets),
        loss="sequence_cross_entropy" if configuration.network == "gpt" else "cross_entropy",
        optimizer=configuration.optimizer,
        learning_rate=configuration.learning_rate,
        epochs=2 * passes,
        batch_size=configuration.batch_size,
        dev=0,
        record=Record("*", every=2 * steps),
        progress=False,
        on_event=note,
    )
    plain = statistics.median(seconds[3::2])
    recorded = statistics.median(seconds[2::2])
    what = f"a step, every {EVERY}th recorded"
    step = plain / steps
    return Cost(configuration.title, what, step, step + (recorded - plain) / EVERY, RECORDING_GOAL)


def main() -> None:
    """Print the cost of looking inside."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("networks", nargs="*", default=["lenet128", "gpt"])
    parser.add_argument("--passes", type=int, default=8)
    options = parser.parse_args()
    print(f"{'':<16}  {'what':<28}  {'step':>9}  {'it':>9}  {'ratio':>6}  {'goal':>6}")
    for name in options.networks:
        passes = options.passes
        for cost in (cost_of_explain(name, passes), cost_of_recording(name, passes)):
            times = f"{cost.step * 1e3:>6.1f} ms  {cost.seconds * 1e3:>6.1f} ms"
            figures = f"{times}  {cost.ratio:>6.2f}  {cost.goal:>6.2f}"
            print(f"{name:<16}  {cost.what:<28}  {figures}")


if __name__ == "__main__":
    main()
