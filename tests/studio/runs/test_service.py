"""Heavy work about runs that change while it is done."""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clearprop.studio.problems import RequestError
from clearprop.studio.runs import service as services
from clearprop.studio.runs.reader import RunReader
from clearprop.training.storage.lock import Holder
from tests.studio.runs.conftest import Shelf


class Slow:
    """A diagnosis that waits until it may go on."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Semaphore(0), threading.Event()
        self.count = 0
        self._made = services.diagnose_folder

    def __call__(self, *given: Any) -> Any:
        self.count += 1
        self.begun.release()
        assert self.may_end.wait(60)
        return self._made(*given)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Slow()
    monkeypatch.setattr(services, "diagnose_folder", made)
    yield made
    made.may_end.set()


def grow(folder: Path) -> None:
    """Let a run change, as a live one does."""
    config = folder / "config.json"
    os.utime(config, ns=(0, config.stat().st_mtime_ns + 10**9))


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all runs be held by a process."""
    holder = Holder("somewhere", 1, 0.0)
    monkeypatch.setattr(RunReader, "_holder", lambda self, held, signature: holder)


def version(shelf: Shelf, name: str = "xor") -> int:
    return shelf.library.reader(name).version


@pytest.mark.usefixtures("live")
def test_a_diagnosis_outlasts_the_changes_of_its_run(
    shelf: Shelf, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelf.put("xor")
    monkeypatch.setattr(services, "PATIENCE", 0.01)
    first = version(shelf)
    for _ in range(3):
        assert not shelf.service.diagnosis("xor", False).ready
        grow(folder)
    assert version(shelf) > first
    slow.may_end.set()
    monkeypatch.setattr(services, "PATIENCE", 60.0)
    found = shelf.service.diagnosis("xor", False)
    assert (found.ready, found.version, slow.count) == (True, first, 1)
    # Who asks again gets the newest.
    found = shelf.service.diagnosis("xor", False)
    assert (found.ready, found.version, slow.count) == (True, version(shelf), 2)
    assert shelf.service.diagnosis("xor", False) is found


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_what_was_made_between_two_questions_is_handed_out(
    shelf: Shelf, slow: Slow, monkeypatch: pytest.MonkeyPatch, is_forgotten: bool
) -> None:
    folder = shelf.put("xor")
    monkeypatch.setattr(services, "PATIENCE", 0.01)
    first = version(shelf)
    assert not shelf.service.diagnosis("xor", False).ready
    slow.may_end.set()
    shelf.service._diagnoses["xor", False].future.result(60)
    grow(folder)
    monkeypatch.setattr(services, "PATIENCE", 60.0)
    monkeypatch.setattr(services, "FORGOTTEN", 0.0 if is_forgotten else 60.0)
    found = shelf.service.diagnosis("xor", False)
    assert (found.ready, found.version) == (True, version(shelf) if is_forgotten else first)


def test_a_run_that_has_ended_gets_its_newest_diagnosis(
    shelf: Shelf, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelf.put("xor")
    monkeypatch.setattr(services, "PATIENCE", 0.01)
    assert not shelf.service.diagnosis("xor", False).ready
    grow(folder)
    slow.may_end.set()
    monkeypatch.setattr(services, "PATIENCE", 60.0)
    assert shelf.service.diagnosis("xor", False).version == version(shelf) > 1


def test_who_waits_for_a_run_that_another_replaces_is_told_to_ask_again(
    shelf: Shelf, slow: Slow
) -> None:
    shelf.put("digits")
    shelf.put("xor")
    with ThreadPoolExecutor(3) as pool:
        pool.submit(shelf.service.diagnosis, "digits", False)  # the one thread is busy with it
        assert slow.begun.acquire(timeout=60)
        waiting = pool.submit(shelf.service.diagnosis, "xor", False)
        while ("xor", False) not in shelf.service._diagnoses:
            assert not waiting.done()
        shutil.rmtree(shelf.root / "xor")
        shelf.library.changes()
        shelf.put("xor")
        again = pool.submit(shelf.service.diagnosis, "xor", False)
        assert not waiting.result(60).ready
        slow.may_end.set()
        assert again.result(60).ready


def test_commands_are_quoted_for_a_shell(shelf: Shelf) -> None:
    name = "it's; rm -rf ~"
    shelf.put("xor", name)
    command = shelf.service.detail(name).resume
    assert shlex.split(command) == ["clearprop", "resume", name]
    with pytest.raises(RequestError) as told:
        shelf.service.report(name)
    assert told.value.fix is not None
    assert shlex.split(told.value.fix) == ["clearprop", "report", name]
