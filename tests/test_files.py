from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from clearprop import files
from clearprop.errors import DataError, RunError


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


def test_a_link_is_followed_to_its_file_and_the_mode_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target.name)
    files.write_output(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_new_file_has_the_mode_that_the_process_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_output(tmp_path / "a.csv", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


def test_a_link_to_nothing_makes_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    files.write_output(tmp_path / "link", "x")
    assert (tmp_path / "target").read_text() == "x"


def test_a_pipe_and_a_device_are_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_output(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(RunError, match="the disk is full"):
        files.write_output(Path("/dev/full"), "x")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_file_of_a_folder_of_ours_never_follows_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("years of work")
    (tmp_path / "report.html").symlink_to(other)
    files.write_atomically(tmp_path / "report.html", "new")
    assert other.read_text() == "years of work"
    assert (tmp_path / "report.html").read_text() == "new"


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_is_no_plain_file_of_a_run_is_refused(tmp_path: Path, kind: str) -> None:
    other, losses = tmp_path / "other", tmp_path / "losses.f32"
    other.write_text("years of work")
    if kind == "link":
        losses.symlink_to(other)
    elif kind == "hard link":
        losses.hardlink_to(other)
    else:
        os.mkfifo(losses)
    with pytest.raises(RunError, match="plain files only") as caught:
        files.open_to_append(losses)
    assert caught.value.where == str(losses)
    assert other.read_text() == "years of work"


def test_temporary_names_cannot_be_guessed_and_are_swept_in_all_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def stop(source: Path, target: Path) -> None:
        names.append(Path(source).name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                files.write_atomically(tmp_path / "a.txt", "x")
    assert len(set(names)) == 2
    folder = tmp_path / "snapshots" / "deep"
    folder.mkdir(parents=True)
    (folder / names[0]).write_text("half")
    (folder / "notes.tmp").write_text("whole")
    files.sweep(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["notes.tmp"]


def test_values_that_were_changed_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    files.write_record(file, {"step": 12, "names": ("a", "b")})
    assert files.read_record(file, RunError, "damaged") == {"step": 12, "names": ["a", "b"]}
    changed = file.read_text().replace("12", "72")
    file.write_text(changed)
    with pytest.raises(RunError, match="damaged") as caught:
        files.read_record(file, RunError, "damaged")
    assert "checksum" in str(caught.value)
    # As the message says:
    file.write_text("\n".join(x for x in changed.splitlines() if "checksum" not in x))
    assert files.read_record(file, RunError, "damaged")["step"] == 72


@pytest.mark.parametrize("text", ["[1]", '{"a": ', "[" * 100_000, "\x00", '"x"'])
def test_what_is_no_record_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RunError, match="the search is damaged"):
        files.read_record(tmp_path / "a.json", RunError, "the search is damaged")


def test_reads_say_that_they_read(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(DataError, match="cannot be read"), files.read_errors(place):
            place.read_bytes()
    with pytest.raises(DataError, match="no such file"), files.read_errors(tmp_path / "a"):
        (tmp_path / "a").read_bytes()


def test_a_file_in_a_folder_of_devices_is_replaced() -> None:
    place = Path("/dev/shm")
    if not place.is_dir():
        pytest.skip("this system has no /dev/shm")
    file = place / f"clearprop-{os.getpid()}.csv"
    try:
        for text in ("first", "second"):
            files.write_output(file, text)
        assert file.read_text() == "second"
    finally:
        file.unlink()


def test_a_long_name_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("字" * 80)
    files.write_output(file, "x")
    assert file.read_text() == "x"
