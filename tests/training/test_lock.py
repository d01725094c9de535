from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clearprop.errors import RunError
from clearprop.training.storage.lock import Lock, read_holder

HOLD = """
import sys, time
from pathlib import Path
from clearprop.training.storage.lock import Lock
Lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_names_its_holder_and_is_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock(path)
    holder = read_holder(path)
    assert holder is not None
    assert holder.process == os.getpid()
    lock.release()
    lock.release()
    Lock(path).release()


def test_a_second_lock_is_refused_and_the_holder_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock(path)
    with pytest.raises(RunError, match="another process") as caught:
        Lock(path)
    assert f"process {os.getpid()}" in str(caught.value)
    lock.release()


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"process {other.pid} on"):
            Lock(path)
    finally:
        other.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        other.wait()
        other.stdout.close()
    Lock(path).release()


def test_of_many_that_ask_at_once_one_gets_it(tmp_path: Path) -> None:
    # The lock file of an older process must not admit two processes.
    (tmp_path / "lock").write_text('{"host": "he')
    others = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        deadline = time.monotonic() + 60
        while sum(other.poll() is None for other in others) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        holder = read_holder(tmp_path / "lock")
        assert holder is not None
        assert [other.pid for other in others if other.poll() is None] == [holder.process]
    finally:
        for other in others:
            other.kill()
            other.wait()
            assert other.stdout is not None
            other.stdout.close()


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import fcntl

    def refuse(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="this file system has no locks"):
        Lock(tmp_path / "lock").release()


def test_a_lock_whose_folder_was_renamed_is_no_longer_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock = Lock(folder / "lock")
    lock.check_in_place()
    folder.rename(tmp_path / "other")
    with pytest.raises(RunError, match="removed or renamed"):
        lock.check_in_place()
    folder.mkdir()
    (folder / "lock").write_text("another run's")
    with pytest.raises(RunError, match="removed or renamed"):
        lock.check_in_place()
    lock.release()
