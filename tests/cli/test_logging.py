"""``--log tensorboard``: event files beside the run, of train, resume and fork."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.cli.conftest import IRIS, Command, is_clear


def curve(folder: Path) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder / "tensorboard"))
    log.Reload()
    return [(event.step, event.value) for event in log.Scalars("objective/training")]


@pytest.mark.slow
def test_train_resume_and_fork(clearprop: Command, tmp_path: Path) -> None:
    run, fork = tmp_path / "run", tmp_path / "fork"
    values = ("--set", "epochs=3", "--set", "snapshots=0,4")
    words = ("train", "mlp", "--data", "iris", "--no-report", *values)
    done = clearprop(*words, "--log", "tensorboard", "--folder", str(run))
    assert done.code == 0, done.err
    assert f"log     tensorboard --logdir {run / 'tensorboard'}" in done.out
    before = curve(run)
    assert len(before) == 3
    done = clearprop("resume", str(run), "--no-report", "--log", "tensorboard")
    assert done.code == 0, done.err
    assert curve(run)[:3] == before
    options = ("--step", "4", "--no-report", "--folder", str(fork), "--log", "tensorboard")
    done = clearprop("fork", str(run), *options)
    assert done.code == 0, done.err
    assert curve(fork) == before[-len(curve(fork)) :]


def test_what_cannot_be_logged(
    clearprop: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_clear(clearprop(*IRIS, "--log", "tensorbord"), "did you mean 'tensorboard'")
    is_clear(clearprop("train", "descent", "--log", "tensorboard"), "a study has several or none")
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    answer = clearprop(*IRIS, "--log", "tensorboard", "--folder", "run")
    is_clear(answer, "pip install 'clearprop[tensorboard]'")
    assert not (tmp_path / "run").exists()
