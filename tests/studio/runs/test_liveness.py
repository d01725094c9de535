"""Whether a process holds the lock of a run, seen without taking the lock."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clearprop.errors import RunError
from clearprop.studio.runs import liveness
from clearprop.studio.runs.liveness import HeldLocks, named_holder
from clearprop.training.storage.lock import Holder, Lock

linux = pytest.mark.skipif(not Path("/proc/locks").is_file(), reason="no list of the locks here")
HERE = socket.gethostname()


def holder(folder: Path, held: HeldLocks | None = None, ended: bool = False) -> Holder | None:
    lock = folder / "lock"
    inode = lock.stat().st_ino if lock.is_file() else None
    return (held or HeldLocks.now()).holder(folder, named_holder(lock), inode, ended)


@linux
def test_a_lock_is_seen_while_it_is_held(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    lock = Lock(tmp_path / "lock")
    found = holder(tmp_path)
    assert found is not None
    assert (found.process, found.host) == (os.getpid(), HERE)
    assert holder(tmp_path, ended=True) is not None  # it writes its model
    lock.release()
    assert holder(tmp_path) is None


@linux
def test_looking_does_not_keep_a_run_out(tmp_path: Path) -> None:
    Lock(tmp_path / "lock").release()
    for _ in range(50):
        assert holder(tmp_path) is None
        Lock(tmp_path / "lock").release()


@linux
def test_the_lock_of_another_process_is_seen(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from clearprop.training.storage.lock import Lock;"
        "lock = Lock(pathlib.Path(sys.argv[1])); print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        found = holder(tmp_path)
        assert found is not None
        assert found.process == process.pid
        with pytest.raises(RunError, match="another process"):
            Lock(tmp_path / "lock")
        process.communicate(b"\n")
    assert holder(tmp_path) is None


def write(folder: Path, host: str, process: object, since: object = 0.0) -> None:
    text = f'{{"host": "{host}", "process": {process}, "since": {since}}}'
    (folder / "lock").write_text(text)


def test_where_no_locks_are_listed_the_process_counts(tmp_path: Path) -> None:
    unknown = HeldLocks(None)
    write(tmp_path, HERE, os.getpid())
    assert holder(tmp_path, unknown) is not None
    assert holder(tmp_path, unknown, ended=True) is None
    write(tmp_path, HERE, 2**22 + 12345)
    assert holder(tmp_path, unknown) is None


def test_of_another_machine_recent_files_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "another", 1)
    assert holder(tmp_path) is None
    (tmp_path / "events.jsonl").write_text("")
    assert holder(tmp_path) is not None
    assert holder(tmp_path, ended=True) is None
    monkeypatch.setattr(liveness, "RECENTLY", -time.time())
    assert holder(tmp_path) is None


@pytest.mark.parametrize("process", ['"x"', "null", "-1", "1.5", "true", "{}"])
def test_a_lock_file_that_says_nothing_is_not_believed(tmp_path: Path, process: str) -> None:
    write(tmp_path, HERE, process)
    assert named_holder(tmp_path / "lock") is None or process == "true"
    assert holder(tmp_path, HeldLocks({})) is None


def test_the_list_of_linux_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "locks"
    table.write_text(
        "1: FLOCK  ADVISORY  WRITE 31909 fe:00:2147593 0 EOF\n"
        "2: POSIX  ADVISORY  WRITE 7 fe:00:99 0 EOF\n"
        "2: -> FLOCK  ADVISORY  WRITE 8 fe:00:2147593 0 EOF\n"
        "3: FLOCK  ADVISORY  READ 9 fe:00:77 0 EOF\n"
    )
    monkeypatch.setattr(liveness, "TABLE", table)
    assert HeldLocks.now().processes == {2147593: frozenset({31909})}
