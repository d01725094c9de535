from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clearprop.errors import RunError
from clearprop.training.lock import Holder, Lock, read_holder, start_of


def write(path: Path, holder: Holder) -> None:
    path.write_text(json.dumps(dataclasses.asdict(holder)))


def test_a_lock_names_its_holder_and_is_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = Lock(path)
    holder = read_holder(path)
    assert holder is not None
    assert holder.process == os.getpid()
    assert holder.is_alive()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_living_process_keeps_others_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    Lock(path)
    with pytest.raises(RunError, match="another process") as caught:
        Lock(path)
    assert f"process {os.getpid()}" in str(caught.value)
    assert read_holder(path) is not None


def test_the_lock_of_a_dead_process_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write(path, dataclasses.replace(Holder.this_process(), process=gone.pid, started="1"))
    Lock(path)
    holder = read_holder(path)
    assert holder is not None
    assert holder.process == os.getpid()


@pytest.mark.skipif(start_of(os.getpid()) is None, reason="the system tells no start times")
def test_a_number_given_to_another_process_since_does_not_count(tmp_path: Path) -> None:
    own = Holder.this_process()
    assert not dataclasses.replace(own, started=f"{own.started}0").is_alive()
    write(tmp_path / "lock", dataclasses.replace(own, started=f"{own.started}0"))
    Lock(tmp_path / "lock")


def test_another_machine_is_taken_to_be_alive(tmp_path: Path) -> None:
    write(tmp_path / "lock", dataclasses.replace(Holder.this_process(), host="elsewhere.invalid"))
    with pytest.raises(RunError, match=r"elsewhere\.invalid"):
        Lock(tmp_path / "lock")


def test_a_damaged_lock_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"host": "he')
    Lock(tmp_path / "lock")
    assert read_holder(tmp_path / "lock") is not None
