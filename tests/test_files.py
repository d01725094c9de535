from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from clearprop import files
from clearprop.errors import RunError


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    files.write_atomically(file, "old")
    files.write_atomically(file, b"new")
    assert file.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.txt"
    files.write_atomically(file, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="the disk is full") as caught:
        files.write_atomically(file, "new")
    assert str(file) in str(caught.value)
    assert file.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written") as caught:
        files.write_atomically(tmp_path / "missing" / "a.txt", "x")
    assert caught.value.where == str(tmp_path / "missing" / "a.txt")
