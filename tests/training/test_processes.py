"""Several processes on loopback train one model: same losses, deaths, pauses, and bad input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.training.run_folder import read_losses

ROOT = Path(__file__).parents[2]
LONGEST = 150
"""Seconds: a test of processes that wait for each other must end."""


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Group:
    """The processes of a case."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        at, cases = free_address(), "tests.training.process_cases"
        self.members = [
            subprocess.Popen(
                [sys.executable, "-m", cases, at, str(number), str(i), name, str(folder)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for i in range(number)
        ]  # fmt: skip

    def results(self) -> list[dict[str, Any]]:
        """Return what each process found."""
        texts = [one.communicate(timeout=LONGEST) for one in self.members]
        for member, (_, errors) in zip(self.members, texts, strict=True):
            assert member.returncode == 0, errors[-3000:]
        lines = [line for out, _ in texts for line in out.splitlines() if line.startswith("found")]
        assert len(lines) == len(self.members)
        return [json.loads(line.removeprefix("found ")) for line in lines]

    def kill(self) -> None:
        for one in self.members:
            one.kill()
            with contextlib.suppress(ValueError):  # its output was read already
                one.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Group]]:
    groups: list[Group] = []

    def begin(name: str, number: int, folder: Path | None = None) -> Group:
        groups.append(Group(name, number, folder or tmp_path / f"{name}-{number}"))
        return groups[-1]

    yield begin
    for group in groups:
        group.kill()


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in ("curves", "losses"):
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-5, atol=2e-6)
    for path, size in expected["weights"].items():
        assert found["weights"][path] == pytest.approx(size, rel=2e-5, abs=1e-5), path


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    [
        "everything",
        "attended full",
        *[
            pytest.param(name, marks=SLOW)
            for name in ("dense data", "dense full", "convolved full", "recurrent data",
                         "attended model", "loader")
        ],
    ],
)  # fmt: skip
def test_two_processes_have_the_losses_of_one(name: str, start: Callable[..., Group]) -> None:
    expected = start(name, 1).results()[0]
    found = start(name, 2).results()
    for one in found:
        assert_same(one, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["everything", "attended full", "convolved full"])
def test_four_processes_have_the_losses_of_one(name: str, start: Callable[..., Group]) -> None:
    expected = start(name, 1).results()[0]
    for one in start(name, 4).results():
        assert_same(one, expected)


def test_a_process_that_is_interrupted_ends_all_and_the_run_goes_on(
    start: Callable[..., Group], tmp_path: Path
) -> None:
    found = start("interrupted", 2, tmp_path / "run").results()
    assert found[0]["curves"] == found[1]["curves"]
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names[-3:] == [
        "step-000000000020.piece-0-of-2.safetensors",
        "step-000000000020.piece-1-of-2.safetensors",
        "step-000000000020.safetensors",
    ]


def test_a_broken_step_and_different_data_are_said_by_all(start: Callable[..., Group]) -> None:
    one = start("diverged", 1).results()
    assert start("diverged", 2).results() == one * 2
    for found in start("different", 2).results():
        assert "the processes differ in data fingerprint" in found["error"]
        assert "process 1 has" in found["error"]


def until_step(step: int, folder: Path) -> dict[int, int]:
    """Wait until every process has come to a step; return their process ids by number."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        said = {i: folder.with_name(f"said-{i}") for i in range(2)}
        if all(path.is_file() for path in said.values()):
            texts = {i: path.read_text(encoding="utf-8").split() for i, path in said.items()}
            if all(len(text) == 2 and int(text[1]) >= step for text in texts.values()):
                return {i: int(text[0]) for i, text in texts.items()}
        time.sleep(0.02)
    raise AssertionError("no step was taken")


def undisturbed(start: Callable[..., Group], tmp_path: Path, name: str = "lenet") -> dict[str, Any]:
    """Return what LeNet-5 comes to in one process."""
    (tmp_path / "alone").mkdir()
    return start(name, 1, tmp_path / "alone" / "run").results()[0]


@pytest.mark.parametrize("victim", [pytest.param(0, marks=SLOW), 1])
def test_lenet_goes_on_in_one_process_after_one_of_two_was_killed(
    victim: int, start: Callable[..., Group], tmp_path: Path
) -> None:
    expected = undisturbed(start, tmp_path)
    folder = tmp_path / "run"
    group = start("lenet", 2, folder)
    os.kill(until_step(22, folder)[victim], signal.SIGKILL)
    _, errors = group.members[1 - victim].communicate(timeout=LONGEST)
    assert group.members[1 - victim].returncode not in (0, None)
    assert f"process {victim} of 2 has ended, so process {1 - victim} ends too" in errors
    kept = len(read_losses(folder))
    assert 20 <= kept < 60
    found = start("lenet", 1, folder).results()[0]
    assert_same(found, expected)


@pytest.mark.slow
def test_a_process_that_stands_still_for_twenty_seconds_harms_nothing(
    start: Callable[..., Group], tmp_path: Path
) -> None:
    expected = undisturbed(start, tmp_path)
    folder = tmp_path / "run"
    group = start("lenet", 2, folder)
    stopped = until_step(6, folder)[1]
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(20)
    os.kill(stopped, signal.SIGCONT)
    for found in group.results():
        assert_same(found, expected)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing(
    start: Callable[..., Group], tmp_path: Path
) -> None:
    expected = undisturbed(start, tmp_path, "long lenet")
    folder, draw, kept = tmp_path / "run", np.random.default_rng(0), 0
    for _ in range(20):
        for said in tmp_path.glob("said-*"):
            said.unlink()
        group = start("long lenet", 2, folder)
        if draw.random() < 0.2:  # while they compile
            until_step(0, folder)
            time.sleep(draw.uniform(0, 4))
        else:
            until_step(kept + int(draw.integers(1, 15)), folder)
            time.sleep(draw.uniform(0, 0.1))
        victim = int(draw.integers(2))
        group.members[victim].kill()
        _, errors = group.members[1 - victim].communicate(timeout=LONGEST)
        assert group.members[1 - victim].returncode not in (0, None), errors
        steps = [int(path.name[5:17]) for path in (folder / "checkpoints").glob("step-*[0-9].s*")]
        assert max(steps, default=0) >= kept
        kept = max(steps, default=0)
    assert_same(start("long lenet", 1, folder).results()[0], expected)
