"""One and two processes over loopback: the part ``--processes`` of ``benchmarks.scale``.

Each process has one core, the only one of one process too, and one process's share of a batch and
of the examples stays the same (weak scaling). The sides take turns, each with processes of their
own:

* ``one``: one process,
* ``apart``: two processes at the same time that know nothing of each other; what they lose, they
  lose to the memory that the cores share and to other programs,
* ``two``: two processes that train one model,
* ``yielding``: the same, but the thread of Gloo, which carries the sums, runs only while the core
  has nothing else to do. Gloo's thread is busy most of the time that it waits, and on a single core
  it takes the core from the thread that computes.

The time of the collectives is measured in a program of its own: two processes that do nothing but
sum arrays of the shapes that the compiled step sums, as often as it does.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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

FIRST = 6
"""Calls that are not counted: among them those that compile."""

QUIET = 0.1
"""A turn is quiet if other programs take at most this of a core."""

FOUND = "found "
"""Begins a line of what a process found."""

SIDES = ("one", "apart", "two", "yielding")
NAMES = ("mlp512", "lenet128", "gpt")

MESSAGES = (4, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
"""Bytes of the arrays from whose sums bandwidth and latency of loopback are read."""


class Rate(NamedTuple):
    """What the processes of a turn measured.

    Attributes:
        examples: per second, of all processes together.
        step: seconds of a step.
        call: seconds of a compiled call.
        others: the part of a core that other programs took, at most.
    """

    examples: float
    step: float
    call: float
    others: float


def cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def started(tasks: Sequence[dict[str, Any]]) -> list[subprocess.Popen[str]]:
    """Start processes at the same time, each with its task."""
    pipe, environment = subprocess.PIPE, {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.scale_processes"]
    return [
        subprocess.Popen(
            [*command, json.dumps(task)], stdin=pipe, stdout=pipe, stderr=sys.stderr, text=True,
            env=environment,
        )
        for task in tasks
    ]  # fmt: skip


def run(tasks: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what processes found.

    Raises:
        RuntimeError: one of them failed.
    """
    members = started(tasks)
    try:
        texts = [one.communicate(timeout=LONGEST)[0] for one in members]
    finally:
        for one in members:
            one.kill()
    if any(one.returncode for one in members):
        raise RuntimeError(f"a process failed: {tasks}")
    return [json.loads(out.rpartition(FOUND)[2]) for out in texts]


def together(number: int, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tasks of processes that know of each other, each on a core if there are enough."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    own = cores()
    return [
        {**task, "core": own[i % len(own)], "join": [address, number, i]} for i in range(number)
    ]


class Side:
    """The processes of a side, which wait for their turns after the same call of their run.

    Args:
        name: "one", "apart", "two" or "yielding".
        network: the name of a configuration.
        seconds: of a turn.
    """

    def __init__(self, name: str, network: str, seconds: float) -> None:
        task = {"do": "train", "name": network, "share": 1, "turns": True}
        own = cores()
        if name in ("one", "apart"):
            tasks = [{**task, "core": core} for core in own[: 1 if name == "one" else 2]]
        else:
            tasks = together(2, {**task, "share": 2, "yields": name == "yielding"})
        self._apart = name == "apart"
        self._members = started(tasks)
        self._answers()  # compiles
        self._calls = 4
        self._calls = max(2, round(seconds / self.turn().call))

    def turn(self) -> Rate:
        """Let the processes make some calls, and return what they measured."""
        for one in self._members:
            assert one.stdin is not None
            one.stdin.write(f"{self._calls}\n")
            one.stdin.flush()
        found = self._answers()
        rates = [one["examples"] / one["seconds"] for one in found]
        return Rate(
            sum(rates) if self._apart else rates[0],
            statistics.median(one["seconds"] / one["steps"] for one in found),
            found[0]["seconds"] / self._calls,
            max(one["others"] or 0.0 for one in found),
        )

    def _answers(self) -> list[dict[str, Any]]:
        found = []
        for one in self._members:
            assert one.stdout is not None
            said = (line for line in one.stdout if line.startswith(FOUND))  # Gloo prints too
            found.append(json.loads(next(said, FOUND).removeprefix(FOUND)))
        return found

    def end(self) -> None:
        """End the processes: they agree on it, so all are told first."""
        for one in self._members:
            assert one.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                one.stdin.write("0\n")
                one.stdin.flush()
        for one in self._members:
            one.communicate(timeout=LONGEST)


def measure(
    network: str, rounds: int, seconds: float, report: Callable[[str], None]
) -> dict[str, list[Rate]]:
    """Return what each side measured in each round, the sides in turn.

    Args:
        network: the name of a configuration.
        rounds: turns of each side.
        seconds: of a turn.
        report: is told of each round.
    """
    sides = {}
    try:
        for name in SIDES:
            sides[name] = Side(name, network, seconds)
        found: dict[str, list[Rate]] = {name: [] for name in SIDES}
        for number in range(rounds):
            first = number % len(SIDES)
            for name in SIDES[first:] + SIDES[:first]:
                found[name].append(sides[name].turn())
            each = (f"{k} {v[-1].examples:.4g} ({v[-1].others:.0%})" for k, v in found.items())
            report(f"{network}: {', '.join(each)}")
        return found
    finally:
        for side in sides.values():
            side.end()


def quietest(turns: Sequence[Rate]) -> list[Rate]:
    """Return the turns that other programs did not disturb, at least the three quietest."""
    ordered = sorted(turns, key=lambda one: one.others)
    return [one for i, one in enumerate(ordered) if i < 3 or one.others <= QUIET]


def losses(name: str, number: int, steps: int = 10) -> list[float]:
    """Return the losses of the first steps of a configuration with so many processes."""
    task = {"do": "train", "name": name, "steps": steps, "share": 1}
    if number == 1:
        return list(run([{**task, "core": cores()[0]}])[0]["losses"])
    return list(run(together(number, task))[0]["losses"])


def sums(
    arrays: Mapping[str, Sequence[int]], repetitions: int, *, yields: bool
) -> dict[str, list[float]]:
    """Return the seconds that two processes take to sum arrays of so many bytes, by name."""
    task = {"do": "sum", "arrays": arrays, "repetitions": repetitions, "yields": yields}
    found = run(together(2, task))
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
    """Counts the steps of a run; all of its processes end and pause after the same call.

    Args:
        size: of a batch.
        turns: whether the run waits for turns: a line of its input is a number of calls.
        last: step after which the run ends; None if it ends with its turns.
    """

    def __init__(self, size: int, *, turns: bool, last: int | None) -> None:
        self._size, self._turns, self._last = size, turns, last
        self._calls, self._steps = FIRST, 0
        self._began, self._watch = time.perf_counter(), Watch()
        self.losses: list[float] = []

    def __call__(self, event: Event) -> None:
        """Read an event."""
        if not isinstance(event, StepsDone):
            return
        self.losses += event.losses.tolist()
        if self._last is not None and event.step >= self._last:
            raise StopTraining
        self._calls -= 1
        self._steps += len(event.losses)
        if self._turns and self._calls == 0:
            self._next(time.perf_counter() - self._began)

    def _next(self, seconds: float) -> None:
        said = {
            "examples": self._steps * self._size,
            "steps": self._steps,
            "seconds": seconds,
            "others": self._watch.others(),
        }
        print(FOUND + json.dumps(said), flush=True)
        self._calls, self._steps = int(sys.stdin.readline() or 0), 0
        if not self._calls:
            raise StopTraining
        self._began, self._watch = time.perf_counter(), Watch()


def train(task: dict[str, Any]) -> dict[str, Any]:
    """Train a configuration: its batch and its examples for each share."""
    share, configuration = task["share"], CONFIGURATIONS[task["name"]]
    size = configuration.batch_size * share
    steps = configuration.examples // (2 * configuration.batch_size)
    x, y = examples_of(configuration)
    counted = Counted(size, turns="turns" in task, last=task.get("steps"))
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
    return {"losses": counted.losses[: task.get("steps")]}


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
    print(FOUND + json.dumps(found), flush=True)
    processes.leave()


if __name__ == "__main__":
    main()
