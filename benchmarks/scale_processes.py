"""One and two processes over loopback: the part ``--processes`` of ``benchmarks.scale``.

Each process has one core, the only one of one process too, and one process's share of a batch and
of the examples stays the same (weak scaling). The sides take turns, each with processes of their
own:

* ``one``: one process,
* ``apart``: two processes at the same time that know nothing of each other; what they lose, they
  lose to the memory that the cores share and to other programs,
* ``two``: two processes that train one model,
* ``yielding``: the same, but the thread of Gloo, which carries the sums, runs only while the core
  has nothing else to do. Gloo's thread waits busily for the computing one to ask for what has
  arrived, and on a single core it takes the core from just that thread.

The time of the collectives is measured in a program of its own: two processes that do nothing but
sum arrays of the shapes that the compiled step sums, as often as it does.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.configurations import CONFIGURATIONS
from benchmarks.disturbance import Watch
from benchmarks.material import examples_of
from benchmarks.scale_model import Link
from benchmarks.scale_steps import loss_of
from benchmarks.sides.ours import model_of
from clearprop import backend, configure_cpu, processes
from clearprop.backend import DATA
from clearprop.training import Event, StepsDone, StopTraining, fit

LONGEST = 300
"""Seconds within which a process has to end."""

WARM = 1.5
"""So many seconds after the first call are not counted."""

QUIET, TRIES = 0.05, 3
"""A turn is repeated so many times at most, while other programs take more than this of a core."""

NAMES = ("mlp512", "lenet128", "gpt")

MESSAGES = (4, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
"""Bytes of the arrays from whose sums bandwidth and latency of loopback are read."""


class Rate(NamedTuple):
    """What the processes of a turn measured.

    Attributes:
        examples: per second, of all processes together.
        step: seconds of a step.
        others: the part of a core that other programs took, at most.
    """

    examples: float
    step: float
    others: float


def cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def run(tasks: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what processes found, started at the same time, each with its task.

    Raises:
        RuntimeError: one of them failed.
    """
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    members = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.scale_processes", json.dumps(task)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        for task in tasks
    ]  # fmt: skip
    try:
        texts = [one.communicate(timeout=LONGEST) for one in members]
    finally:
        for one in members:
            one.kill()
    for member, (_, errors) in zip(members, texts, strict=True):
        if member.returncode:
            raise RuntimeError(errors[-3000:])
    return [json.loads(out.splitlines()[-1]) for out, _ in texts]


def joined(number: int, task: dict[str, Any]) -> list[Any]:
    """Return what processes found that know of each other, on one core each if there are enough."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    own = cores()
    return run(
        [
            {**task, "core": own[i % len(own)], "join": [address, number, i]}
            for i in range(number)
        ]
    )  # fmt: skip


def turn(side: str, name: str, seconds: float, number: int) -> Rate:
    """Return what a side makes in its turn.

    Args:
        side: "one", "apart", "two" or "yielding".
        name: of a configuration.
        seconds: that are counted.
        number: of the turn; one process has each core in turn.
    """
    task = {"do": "train", "name": name, "seconds": seconds, "share": 1}
    own = cores()
    if side == "one":
        found = run([{**task, "core": own[number % len(own)]}])
    elif side == "apart":
        found = run([{**task, "core": core} for core in own[:2]])
    else:
        found = joined(2, {**task, "share": 2, "yields": side == "yielding"})[:1]
    examples = sum(one["examples"] / one["seconds"] for one in found)
    step = statistics.median(one["seconds"] / one["steps"] for one in found)
    return Rate(examples, step, max(one["others"] or 0.0 for one in found))


def quiet_turn(side: str, name: str, seconds: float, number: int) -> Rate:
    """Return what a side makes in its turn, the quietest of a few if other programs disturb it."""
    best: Rate | None = None
    for _ in range(TRIES):
        rate = turn(side, name, seconds, number)
        sys.stderr.write(f"{name} {side}: {rate.examples:.1f} a second, others {rate.others:.0%}\n")
        best = rate if best is None or rate.others < best.others else best
        if best.others <= QUIET:
            break
    assert best is not None
    return best


def losses(name: str, number: int, steps: int = 10) -> list[float]:
    """Return the losses of the first steps of a configuration with so many processes."""
    task = {"do": "train", "name": name, "steps": steps, "share": 1}
    if number == 1:
        return list(run([{**task, "core": cores()[0]}])[0]["losses"])
    return list(joined(number, task)[0]["losses"])


def sums(
    arrays: Mapping[str, Sequence[int]], repetitions: int, *, yields: bool
) -> dict[str, list[float]]:
    """Return the seconds that two processes take to sum arrays of so many bytes, by name."""
    task = {"do": "sum", "arrays": arrays, "repetitions": repetitions, "yields": yields}
    found = joined(2, task)
    return {name: list(found[0][name]) for name in arrays}


def loopback(repetitions: int, *, yields: bool) -> Link:
    """Return what loopback carries between two processes, from sums of arrays of several sizes.

    Of the line seconds = latency + bytes / bandwidth the relative errors are least.
    """
    found = sums({str(n): [n] for n in MESSAGES}, repetitions, yields=yields)
    seconds = np.array([statistics.median(found[str(n)]) for n in MESSAGES])
    columns = np.stack([np.ones(len(MESSAGES)), np.array(MESSAGES, float)], axis=1)
    line = np.linalg.lstsq(columns / seconds[:, None], np.ones(len(MESSAGES)), rcond=None)[0]
    latency, per_byte = map(float, line)
    return Link("loopback", 1 / per_byte, max(0.0, latency) / 2)  # a sum of two is two messages


# --- what each of the processes does -------------------------------------------------------------


class Counted:
    """Counts the steps of a run after its first calls, and ends it.

    Args:
        seconds: to count; None counts nothing.
        steps: after which the run ends.
    """

    def __init__(self, seconds: float | None, steps: int | None) -> None:
        self._seconds, self._last = seconds, steps
        self._first: float | None = None
        self._watch: Watch | None = None
        self.steps = 0
        self.began = self.ended = 0.0
        self.losses: list[float] = []
        self.others: float | None = None

    def __call__(self, event: Event) -> None:
        """Read an event."""
        if not isinstance(event, StepsDone):
            return
        now = time.perf_counter()
        self.losses += event.losses.tolist()
        if self._last is not None and event.step >= self._last:
            raise StopTraining
        if self._seconds is None:
            return
        if self._first is None:
            self._first = now
        if self._watch is None:
            if now - self._first > WARM:
                self.began, self._watch = now, Watch()
            return
        self.steps += len(event.losses)
        self.ended = now
        if now - self.began > self._seconds:
            self.others = self._watch.others()
            if processes.is_first():  # the others end with it
                raise StopTraining


def train(task: dict[str, Any]) -> dict[str, Any]:
    """Train a configuration: its batch and its examples for each share."""
    share, name, seconds = task["share"], task["name"], task.get("seconds")
    configuration = CONFIGURATIONS[name]
    size = configuration.batch_size * share
    steps = configuration.examples // (2 * configuration.batch_size)
    x, y = examples_of(configuration)
    counted = Counted(seconds, task.get("steps"))
    fit(
        model_of(configuration),
        (x[: steps * size], y[: steps * size]),
        loss=loss_of(configuration),
        optimizer=configuration.optimizer,
        learning_rate=configuration.learning_rate,
        batch_size=size,
        epochs=1_000_000,
        dev=0,
        seed=1,
        progress=False,
        on_event=counted,
    )
    return {
        "examples": counted.steps * size,
        "steps": counted.steps,
        "seconds": counted.ended - counted.began,
        "others": counted.others,
        "losses": counted.losses[: task.get("steps")],
    }


def add(task: dict[str, Any]) -> dict[str, list[float]]:
    """Sum arrays over all processes, again and again."""
    mesh = backend.mesh(len(jax.devices()))
    return {
        name: summed(mesh, sizes, task["repetitions"]) for name, sizes in task["arrays"].items()
    }


def summed(mesh: jax.sharding.Mesh, sizes: Sequence[int], repetitions: int) -> list[float]:
    """Return the seconds of one sum of arrays of so many bytes, once for each repetition."""
    rows = jax.sharding.PartitionSpec(DATA)

    @jax.jit
    @functools.partial(
        jax.shard_map, mesh=mesh, in_specs=(rows, jax.sharding.PartitionSpec()), out_specs=rows,
        check_vma=False,
    )  # fmt: skip
    def again(arrays: Any, rounds: Any) -> Any:
        # Zeros stay zeros, so that nothing but the sum has to be computed.
        return jax.lax.fori_loop(0, rounds, lambda _, x: jax.lax.psum(x, DATA), arrays)

    place = jax.sharding.NamedSharding(mesh, rows)
    shapes = [(mesh.size, -(-size // 4)) for size in sizes]
    zeros = [np.zeros(shape, np.float32) for shape in shapes]
    arrays = [jax.make_array_from_callback(x.shape, place, x.__getitem__) for x in zeros]

    def seconds(rounds: int) -> float:
        processes.meet()
        began = time.perf_counter()
        jax.block_until_ready(again(arrays, jnp.int32(rounds)))
        return time.perf_counter() - began

    seconds(1)  # compiles
    rounds = round(max(3, 1e8 / (sum(sizes) + 3e5 * len(sizes))))
    return [seconds(rounds) / rounds for _ in range(repetitions)]


def threads() -> dict[int, str]:
    """Return the names of the threads of this process by their numbers."""
    folder = Path("/proc/self/task")
    return {int(one.name): (one / "comm").read_text() for one in folder.iterdir()}


def main() -> None:
    """Do the task that is given, as one of several processes, and print what was found."""
    task = json.loads(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {task["core"]})  # before JAX starts its threads
    configure_cpu(1)
    if "join" in task:
        processes.initialize(*task["join"])
        before = threads()
        jax.devices()  # makes Gloo's threads, which have no name of their own
        if task.get("yields"):
            own = threads()
            for number in own.keys() - before.keys():
                if own[number] == own[os.getpid()]:
                    os.sched_setscheduler(number, os.SCHED_IDLE, os.sched_param(0))
    found = train(task) if task["do"] == "train" else add(task)
    print(json.dumps(found), flush=True)
    processes.leave()


if __name__ == "__main__":
    main()
