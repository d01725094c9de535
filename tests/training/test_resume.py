"""A run that was killed and resumed ends bit for bit like one that was never killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import data, nn, ops, tree
from clearprop.errors import CheckpointError, ConfigurationError, RunError
from clearprop.training import Event, StepsDone, fit, read_run

SCRIPT = """
import sys
from clearprop import data, nn, ops, training

training.fit(
    nn.Sequential([
        nn.Flatten(), nn.Linear(64, 256), nn.BatchNorm(256), ops.relu, nn.Dropout(0.2),
        nn.Linear(256, 10),
    ]),
    data.load("digits").split(),
    epochs=12, batch_size=16, learning_rate=0.003, patience=9, average=0.99,
    folder=sys.argv[1], resume=True, checkpoint_every=13, progress=False,
)
"""


def start(folder: Path, compilations: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(compilations),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def outcome(folder: Path) -> dict[str, bytes]:
    record = read_run(folder)
    curves = {
        name: getattr(record.history, name).tobytes()
        for name in ("epoch", "step", "objective", "training_error", "learning_rate")
    }
    development = record.history.development_error.tobytes()
    model = (folder / "model.safetensors").read_bytes()
    return {**curves, "dev": development, "losses": record.losses.tobytes(), "model": model}


@pytest.mark.optimized
def test_a_process_killed_at_random_moments(tmp_path: Path, compilations: Path) -> None:
    straight = start(tmp_path / "straight", compilations)
    assert straight.wait() == 0, straight.stderr.read()  # type: ignore[union-attr]
    straight.stderr.close()  # type: ignore[union-attr]

    folder, chance, kills = tmp_path / "killed", random.Random(time.time_ns()), 0
    while True:
        losses = folder / "losses.f32"
        before = losses.stat().st_size if losses.exists() else 0
        child = start(folder, compilations)
        while child.poll() is None and kills < 3:
            if losses.exists() and losses.stat().st_size > before:  # it is training: kill it soon
                time.sleep(chance.uniform(0, 0.15))
                child.kill()
                break
            time.sleep(0.001)
        status = child.wait()
        message = child.stderr.read()  # type: ignore[union-attr]
        child.stderr.close()  # type: ignore[union-attr]
        if status == 0:
            break
        assert status == -signal.SIGKILL, message
        kills += 1
    assert kills >= 1
    assert outcome(folder) == outcome(tmp_path / "straight")


class Crash(BaseException):
    """An exception that no code catches."""


def model() -> nn.Module:
    return nn.Sequential(
        [
            nn.Flatten(),
            nn.Linear(64, 32),
            nn.BatchNorm(32),
            ops.relu,
            nn.Dropout(0.1),
            nn.Linear(32, 10),
        ]
    )


@pytest.mark.optimized
@pytest.mark.parametrize("crash_at", [1, 40, 47, 95])
def test_a_crash_in_the_middle_of_a_pass(
    digits: data.Splits, tmp_path: Path, crash_at: int
) -> None:
    def crash(event: Event) -> None:
        if isinstance(event, StepsDone) and event.step >= crash_at:
            raise Crash

    options: dict[str, Any] = {"epochs": 3, "checkpoint_every": 10, "progress": False, "seed": 4}
    fit(model(), digits, folder=tmp_path / "straight", **options)
    with pytest.raises(Crash):
        fit(model(), digits, folder=tmp_path / "crashed", on_event=crash, **options)
    fit(model(), digits, folder=tmp_path / "crashed", resume=True, **options)
    assert outcome(tmp_path / "crashed") == outcome(tmp_path / "straight")


def test_a_run_that_ended_can_be_given_more_epochs(digits: data.Splits, tmp_path: Path) -> None:
    options: dict[str, Any] = {"steps_per_call": 45, "progress": False}
    fit(model(), digits, epochs=4, folder=tmp_path / "straight", **options)
    fit(model(), digits, epochs=2, folder=tmp_path / "longer", **options)
    run = fit(model(), digits, epochs=4, folder=tmp_path / "longer", resume=True, **options)
    assert run.history.epoch.tolist() == [1, 2, 3, 4]
    assert outcome(tmp_path / "longer") == outcome(tmp_path / "straight")


def test_resuming_a_finished_run_changes_nothing(digits: data.Splits, tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 2, "folder": tmp_path / "run", "progress": False}
    fit(model(), digits, **options)
    before = outcome(tmp_path / "run")
    run = fit(model(), digits, resume=True, **options)
    assert run.stopped.reason == "finished"
    assert outcome(tmp_path / "run") == before


def test_the_frozen_weights_are_those_of_the_beginning(digits: data.Splits, tmp_path: Path) -> None:
    options: dict[str, Any] = {"freeze": ["layers.1"], "folder": tmp_path / "run"}
    first = fit(model().init(7), digits, epochs=1, progress=False, **options)
    again = fit(model().init(8), digits, epochs=2, resume=True, progress=False, **options)
    one, other = nn.parameters(first.model), nn.parameters(again.model)
    assert np.array_equal(one["layers.1.weight"], other["layers.1.weight"])
    assert not np.array_equal(one["layers.5.weight"], other["layers.5.weight"])


def test_a_run_without_its_frozen_weights_is_not_resumed(
    digits: data.Splits, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"freeze": ["layers.1"], "folder": tmp_path / "run"}
    fit(model().init(7), digits, epochs=1, progress=False, **options)
    (tmp_path / "run" / "frozen.safetensors").unlink()
    with pytest.raises(CheckpointError, match="not trained are missing"):
        fit(model().init(8), digits, epochs=2, resume=True, progress=False, **options)


def test_a_damaged_last_checkpoint_costs_only_its_steps(
    digits: data.Splits, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"epochs": 3, "checkpoint_every": 10, "progress": False}
    fit(model(), digits, folder=tmp_path / "straight", **options)

    def crash(event: Event) -> None:
        if isinstance(event, StepsDone) and event.step > 70:
            raise Crash

    folder = tmp_path / "damaged"
    with pytest.raises(Crash):
        fit(model(), digits, folder=folder, on_event=crash, **options)
    last = max((folder / "checkpoints").iterdir())
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=rf"{last.name}: .* step-0+55.safetensors is used"):
        fit(model(), digits, folder=folder, resume=True, **options)
    assert outcome(folder) == outcome(tmp_path / "straight")


def test_another_architecture_is_refused(digits: data.Splits, tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 1, "folder": tmp_path / "run", "progress": False}
    fit(model(), digits, **options)
    other = nn.Sequential([nn.Flatten(), nn.Linear(64, 10)])
    with pytest.raises(CheckpointError, match="another architecture") as caught:
        fit(other, digits, resume=True, **options)
    assert "layers.1.weight is (64, 32) float32 in the file" in str(caught.value)


@pytest.mark.parametrize("change", [{"batch_size": 16}, {"learning_rate": 0.1}, {"seed": 3}])
def test_another_configuration_is_refused(
    digits: data.Splits, tmp_path: Path, change: dict[str, Any]
) -> None:
    options: dict[str, Any] = {"epochs": 1, "folder": tmp_path / "run", "progress": False}
    fit(model(), digits, **options)
    with pytest.raises(ConfigurationError, match="continues only with"):
        fit(model(), digits, resume=True, **options, **change)


def test_resume_where_there_is_no_run_begins_one(digits: data.Splits, tmp_path: Path) -> None:
    run = fit(model(), digits, epochs=1, folder=tmp_path / "new", resume=True, progress=False)
    assert run.stopped.reason == "finished"


def test_a_folder_in_use_is_refused(digits: data.Splits, tmp_path: Path) -> None:
    from clearprop.training.storage.lock import Lock

    options: dict[str, Any] = {"epochs": 1, "folder": tmp_path / "run", "progress": False}
    fit(model(), digits, **options)
    lock = Lock(tmp_path / "run" / "lock")
    with pytest.raises(RunError, match="another process"):
        fit(model(), digits, resume=True, **options)
    lock.release()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_well(
    digits: data.Splits, tmp_path: Path, number: signal.Signals
) -> None:
    def ask(event: Event) -> None:
        if isinstance(event, StepsDone) and event.step >= 60:
            os.kill(os.getpid(), number)

    options: dict[str, Any] = {"epochs": 3, "steps_per_call": 10, "progress": False}
    before = signal.getsignal(number)
    run = fit(model(), digits, folder=tmp_path / "run", on_event=_once(ask), **options)
    assert signal.getsignal(number) is before
    assert run.stopped.reason == "interrupted"
    assert run.stopped.step == 65  # an epoch has 45 steps; calls end at 44, 45, 55, 65
    assert len(run.losses) == 65
    fit(model(), digits, folder=tmp_path / "straight", **options)
    fit(model(), digits, folder=tmp_path / "run", resume=True, **options)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "straight")


def test_a_second_signal_ends_it_at_once(digits: data.Splits) -> None:
    def ask(event: Event) -> None:
        if isinstance(event, StepsDone):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    # A shell starts background processes with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(model(), digits, epochs=2, progress=False, on_event=ask)
    finally:
        signal.signal(signal.SIGINT, before)


def _once(reader: Any) -> Any:
    def read(event: Event) -> None:
        if not done:
            try:
                reader(event)
            finally:
                if isinstance(event, StepsDone) and event.step >= 60:
                    done.append(True)

    done: list[bool] = []
    return read


def test_a_full_disk_leaves_a_run_that_can_go_on(
    digits: data.Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from clearprop import files

    options: dict[str, Any] = {"epochs": 3, "checkpoint_every": 10, "progress": False}
    fit(model(), digits, folder=tmp_path / "straight", **options)
    replace, compiled = os.replace, []

    def full(source: Any, target: Any) -> None:
        compiled.append(target)
        if len(compiled) > 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", full)
        with pytest.raises(RunError, match="the disk is full"):
            fit(model(), digits, folder=tmp_path / "full", **options)
    fit(model(), digits, folder=tmp_path / "full", resume=True, **options)
    assert outcome(tmp_path / "full") == outcome(tmp_path / "straight")


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_run_without_a_whole_checkpoint_does_not_begin_anew(
    digits: data.Splits, tmp_path: Path, damage: str
) -> None:
    options: dict[str, Any] = {"folder": tmp_path / "run", "progress": False}
    fit(model(), digits, epochs=1, **options)
    losses = (tmp_path / "run" / "losses.f32").read_bytes()
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="another folder"):
        fit(model(), digits, epochs=2, resume=True, **options)
    assert (tmp_path / "run" / "losses.f32").read_bytes() == losses


def test_another_preprocessor_or_development_set_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)).astype(np.float32), rng.integers(0, 2, 40)
    options: dict[str, Any] = {"epochs": 1, "batch_size": 8, "progress": False}
    fit(nn.Linear(3, 2), (x, y), dev=(x[:8], y[:8]), folder=tmp_path / "a", **options)
    other = (x[8:16], y[:8])
    with pytest.raises(ConfigurationError, match=r"data\.development_fingerprint"):
        fit(nn.Linear(3, 2), (x, y), dev=other, folder=tmp_path / "a", resume=True, **options)

    raw = data.Dataset("bytes", rng.integers(0, 256, (40, 3)).astype(np.uint8), y, "classification")
    fit(nn.Linear(3, 2), raw.split(), folder=tmp_path / "b", **options)
    unit = raw.split(scaling="unit")
    with pytest.raises(ConfigurationError, match=r"preprocessor\."):
        fit(nn.Linear(3, 2), unit, folder=tmp_path / "b", resume=True, **options)


@pytest.mark.parametrize("change", [{"plan": None}, {"plan": {"devices": 1}}, {"notes": 5}])
def test_a_damaged_configuration_is_named(tmp_path: Path, xor: Any, change: dict[str, Any]) -> None:
    options: dict[str, Any] = {"batch_size": 4, "folder": tmp_path / "run", "progress": False}
    fit(nn.Linear(2, 2), xor, epochs=1, **options)
    file = tmp_path / "run" / "config.json"
    config = {**json.loads(file.read_text()), **change}
    del config["checksum"]
    file.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    with pytest.raises(RunError, match="damaged"):
        fit(nn.Linear(2, 2), xor, epochs=2, resume=True, **options)


def test_a_best_error_of_nothing_stays_the_best(tmp_path: Path) -> None:
    x = np.array([[-1.0], [1.0]], np.float32)
    kept = tree.replace(nn.Linear(1, 2).init(0), {"weight": np.array([[-1.0, 1.0]], np.float32)})
    answers = np.array([0, 1])
    wrong_later: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 2,
        "steps_per_call": 1,
        "checkpoint_every": 1,
    }
    run = fit(
        kept,
        (x, 1 - answers),
        dev=(x, answers),
        optimizer="sgd",
        learning_rate=1.0,
        folder=tmp_path / "run",
        progress=False,
        **wrong_later,
    )
    errors = run.history.development_error.tolist()
    assert errors[0] == 0.0
    assert errors[-1] > 0
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names[0] == "step-000000000001.safetensors"
