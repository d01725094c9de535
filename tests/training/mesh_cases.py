"""Runs on meshes of eight devices, for `test_mesh.py`: prints what it found as JSON.

The devices of the CPU are made before JAX computes anything, so this is a process of its own.
"""

from __future__ import annotations

import functools
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sklearn.datasets import load_digits

import clearprop as cp
from benchmarks.scale_steps import transfers
from clearprop import nn, tree
from clearprop.models import GPT
from clearprop.training import EpochDone, Event, RunStarted, StopTraining
from clearprop.training.fit_config import FitConfig
from clearprop.training.live_run import LiveRun
from clearprop.training.run_setup import RunSetup

MESHES: list[dict[str, Any]] = [
    {"mesh": {"data": 2}},
    {"mesh": {"data": 4}},
    {"mesh": {"data": -1}},
    {"mesh": {"model": 4}},
    {"mesh": {"data": 2, "model": 4}},
    {"mesh": {"data": 4}, "fully_sharded": True},
    {"mesh": {"data": 4, "model": 2}, "fully_sharded": True},
]
PLACED = (0, 4, 6, 7)
"""Of one device and those meshes, those whose arrays are looked at."""

DIGITS = load_digits()
X, Y = (DIGITS.data / 16).astype(np.float32), DIGITS.target
FEW: dict[str, Any] = {"epochs": 2, "batch_size": 32, "progress": False, "seed": 1}


def network() -> nn.Module:
    """Return a network with statistics over the whole batch, and dropout."""
    # A bias before normalization has no gradient but rounding, of which Adam makes whole steps.
    first = nn.Linear(64, 32, bias=False)
    rest = [nn.Linear(32, 16), "relu", nn.Linear(16, 10)]
    return nn.Sequential(first, nn.BatchNorm(32), "relu", nn.Dropout(0.1), *rest)


def trained(model: nn.Module, x: Any, y: Any, **options: Any) -> Any:
    return cp.fit(model, (x[:320], y[:320]), dev=(x[320:448], y[320:448]), **{**FEW, **options})


def dense(**options: Any) -> Any:
    return trained(network(), X, Y, **options)


def convolved(**options: Any) -> Any:
    pictures = X.reshape(-1, 8, 8, 1)
    convolutions = [nn.Conv2d(1, 8, 3), "relu", nn.Conv2d(8, 8, 3), "relu"]
    model = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(128, 10))
    return trained(model, pictures, Y, **options)


def attended(**options: Any) -> Any:
    """A small GPT reads the rows of the pictures as a text of 17 letters."""
    rows = DIGITS.data.astype(np.int32).reshape(-1, 16)
    model = GPT(17, 15, 16, layers=1, heads=4)
    given = {"loss": "sequence_cross_entropy", **options}
    return trained(model, rows[:, :-1], rows[:, 1:], **given)


def recurrent(**options: Any) -> Any:
    class Reader(nn.Module):
        def __init__(self) -> None:
            self.lstm = nn.LSTM(8, 16)
            self.output = nn.Linear(16, 10)

        def __call__(self, x: Any) -> Any:
            return self.output(self.lstm(x)[:, -1])

    return trained(Reader(), X.reshape(-1, 8, 8), Y, **options)


MODELS: dict[str, Callable[..., Any]] = {
    "dense": dense, "convolved": convolved, "attended": attended, "recurrent": recurrent,
}  # fmt: skip


def losses(name: str) -> list[list[float]]:
    """Train a network on one device and on meshes: the first on every one, the others on two."""
    meshes, train = MESHES if name == "dense" else [MESHES[4], MESHES[6]], MODELS[name]
    return [curves(train(devices=1)), *(curves(train(**mesh)) for mesh in meshes)]


def curves(run: Any) -> list[float]:
    history = run.history
    return [*history.objective, *history.development_objective, *history.development_error]


def placed() -> dict[str, Any]:
    """Return how many bytes a device holds, and what the parameters of a layer are divided by."""
    found = {}
    for i, options in enumerate([{"devices": 1}, *MESHES]):
        if i not in PLACED:
            continue
        setup = RunSetup.of(FitConfig(network(), (X[:320], Y[:320]), **{**FEW, **options}))
        plan = setup.plan()
        compiled = setup.compiled(plan)
        state = compiled.put_state(setup.state())
        weight = state.parameters["layers.4.weight"]
        shards = [x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(state)]
        after, _ = compiled.steps(state, *portion(setup, compiled), 1)
        same = [
            a.sharding.is_equivalent_to(b.sharding, a.ndim)
            for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True)
        ]
        found[str(i)] = {
            "held": sum(shards),
            "predicted": compiled.placement.size_on_device(setup.state_shapes),
            "weight": list(weight.addressable_shards[0].data.shape),
            "stays": all(same),
        }
    return found


def portion(setup: Any, compiled: Any) -> tuple[Any]:
    from clearprop.training.feed import Feed

    return (Feed(setup.data.train, compiled, setup.batch_size, 1).portion(0, 0, 1),)


def continued(folder: Path) -> dict[str, Any]:
    """Stop a run on one mesh after an epoch, and go on with it on others."""
    given: dict[str, Any] = {"epochs": 4, "checkpoint_every": 5, "record": ["layers.0"]}
    whole = dense(**given, mesh={"data": 4}, folder=folder / "whole", snapshots=[0, 15])
    found: dict[str, Any] = {"whole": curves(whole)}

    def stop(event: Event) -> None:
        if isinstance(event, EpochDone) and event.epoch == 2:
            raise StopTraining

    begun = dense(
        **given, mesh={"data": 4}, folder=folder / "begun", on_event=stop, snapshots=[0, 15]
    )
    for i, mesh in enumerate([MESHES[6], MESHES[2], {"mesh": None}]):
        path = folder / str(i)
        shutil.copytree(folder / "begun", path)
        again = dense(**given, **mesh, folder=path, resume=True, snapshots=[0, 15])
        found[str(i)] = [begun.stopped.reason, again.stopped.reason, *curves(again)]
        weights = [np.asarray(x) for x in nn.parameters(again.model).values()]
        others = [np.asarray(x) for x in nn.parameters(whole.model).values()]
        found[f"weights {i}"] = max(
            float(np.abs(a - b).max()) for a, b in zip(weights, others, strict=True)
        )
        found[f"recorded {i}"] = list(np.shape(again.recordings.steps))
        forked = again.fork(15, learning_rate=0.01)
        found[f"forked {i}"] = bool(forked.history.objective[-1] < 2)
    return found


def looked_into() -> dict[str, Any]:
    """Return what is found of one example after training on a mesh and on one device."""
    one, many = dense(devices=1), dense(mesh={"data": 2, "model": 4}, fully_sharded=True)
    values = [
        [float(np.abs(node.error).sum()) for node in cp.explain(run.model, X[:1], Y[:1]).nodes]
        for run in (one, many)
    ]
    started: list[int] = []

    def see(event: Event) -> None:
        if isinstance(event, RunStarted):
            started.append(event.devices)

    stopped = dense(
        mesh={"data": 4, "model": 2}, epochs=50, patience=2, learning_rate=0.05, on_event=see
    )
    return {
        "values": values,
        "predicted": [run.predict(X[:5]).tolist() for run in (one, many)],
        "reason": stopped.stopped.reason,
        "devices": started,
    }


def by_hand() -> dict[str, object]:
    """Take steps by hand on a mesh, fork to one device, and train what has named inputs."""
    config = FitConfig(network(), (X[:320], Y[:320]), **{**FEW, **MESHES[6]})
    live = LiveRun(config)
    list(live.advance(3))
    live.step_with(range(8))
    list(live.advance(2))
    run = dense(**MESHES[6], snapshots=[10])
    alone = run.fork(10, mesh=None, fully_sharded=None, devices=1, learning_rate=0.01)
    stays = run.fork(10, learning_rate=0.01)

    class Scaled(nn.Module):
        def __init__(self) -> None:
            self.gain = nn.Parameter(np.ones(16, np.float32))
            self.output = nn.Linear(16, 10)

        def __call__(self, given: Any) -> Any:
            return self.output(given["x"][:, :16] * self.gain) * given["gain"][:, None]

    named = {"x": X[:320], "gain": np.ones(320, np.float32)}
    given: dict[str, Any] = {**FEW, "dev": 0}
    rows = [
        list(cp.fit(Scaled(), (named, Y[:320]), **{**given, **options}).history.objective)
        for options in ({"devices": 1}, {"mesh": {"data": 8}, "fully_sharded": True})
    ]
    return {
        "steps": live.step,
        "plans": [run.config["plan"] for run in (alone, stays)],
        "named": rows,
    }


def messages() -> dict[str, str]:
    """Return what is said of meshes that cannot be."""
    wrong: dict[str, dict[str, Any]] = {
        "unknown axis": {"mesh": {"dta": 2}},
        "too many": {"mesh": {"data": 16}},
        "two open axes": {"mesh": {"data": -1, "model": -1}},
        "no devices left": {"mesh": {"data": -1, "model": 3}},
        "no whole number": {"mesh": {"data": 2.5}},
        "nothing": {"mesh": {}},
        "odd batch": {"mesh": {"data": 3}},
        "two sizes": {"mesh": {"data": 2}, "devices": 2},
        "no mesh": {"fully_sharded": True},
        "no layer": {"mesh": {"model": 2}, "sharding": {"layer.0": (..., "model")}},
        "too many entries": {"mesh": {"model": 2}, "sharding": {"layers.4.bias": ("model", None)}},
        "does not divide": {"mesh": {"model": 4}, "sharding": {"layers.6.weight": (None, "model")}},
        "unknown name": {"mesh": {"model": 2}, "sharding": {"layers.4.bias": ("modl",)}},
        "text": {"mesh": "data=2"},
        "no patterns": {"mesh": {"model": 2}, "sharding": ("model",)},
        "a text": {"mesh": {"model": 2}, "sharding": {"layers.4.bias": "model"}},
        "two axes": {"mesh": {"model": 2}, "sharding": {"layers.4.bias": (("data", "model"),)}},
        "no truth": {"mesh": {"data": 2}, "fully_sharded": "no"},
        "twice": {"mesh": {"model": 2}, "sharding": {"layers.0.weight": ("model", "model")}},
    }
    found = {}
    for name, options in wrong.items():
        try:
            dense(**options)
        except cp.ClearpropError as error:
            found[name] = str(error)
    return found


def sent() -> dict[str, list[list[object]]]:
    """Return what a pass of a GPT of two blocks sends between the two parts of its layers."""
    found = {}
    rows = DIGITS.data.astype(np.int32).reshape(-1, 16)
    for parts in (1, 2):
        given = {**FEW, "mesh": {"data": 4, "model": parts}, "loss": "sequence_cross_entropy"}
        model = GPT(18, 15, 16, layers=2, heads=4)
        setup = RunSetup.of(FitConfig(model, (rows[:320, :-1], rows[:320, 1:]), **given))
        placement = setup.placement(setup.plan())
        learned = nn.parameters(model.init(0))
        given_arrays = jax.device_put(learned, placement.of(learned))
        x = jax.device_put(rows[:32, :-1], placement.examples)

        def outputs(arrays: Any, x: Any, model: Any = setup.model) -> Any:
            return tree.replace(model, arrays)(x)

        program = jax.jit(placement.tracing(outputs)).lower(given_arrays, x).compile()
        found[str(parts)] = [list(one) for one in transfers(program.as_text(), placement.mesh)]
    return found


def own_sharding() -> list[list[float]]:
    """Train with what a user says about a layer, over both of its axes."""
    given = {"layers.0.weight": ("data", "model"), "layers.4.*": (..., "model")}
    return [curves(dense(devices=1)), curves(dense(mesh={"data": 2, "model": 2}, sharding=given))]


def main() -> None:
    cp.configure_cpu(devices=8)
    with tempfile.TemporaryDirectory() as folder:
        cases: dict[str, Callable[[], object]] = {
            **{name: functools.partial(losses, name) for name in MODELS},
            "placed": placed,
            "continued": lambda: continued(Path(folder)),
            "looked into": looked_into,
            "messages": messages,
            "own sharding": own_sharding,
            "sent": sent,
            "by hand": by_hand,
        }
        wanted = sys.argv[1:] or list(cases)
        sys.stdout.write(json.dumps({name: cases[name]() for name in wanted}))


if __name__ == "__main__":
    main()
