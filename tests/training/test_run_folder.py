from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from clearprop.errors import RunError
from clearprop.training.events import Checkpointed, StepsDone
from clearprop.training.run_config import FORMAT, read_config
from clearprop.training.run_folder import EVENTS, LOSSES, RunFolder, read_events, read_losses
from clearprop.training.storage.summed import SummedFile

CONFIG = {"format": FORMAT, "loss": "cross_entropy"}


def test_a_folder_tells_what_was_written(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "runs" / "a", CONFIG)
    folder.log(StepsDone(2, 1, 0.5, 0.1))
    folder.log_losses(np.array([0.6, 0.4], np.float32))
    folder.sync()
    folder.close()
    assert read_config(folder.path) == CONFIG
    assert read_events(folder.path) == [StepsDone(2, 1, 0.5, 0.1)]
    assert read_losses(folder.path).tolist() == np.array([0.6, 0.4], np.float32).tolist()
    RunFolder.reopen(folder.path).close()


def test_a_folder_that_holds_a_run_is_never_overwritten(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a", CONFIG).close()
    before = {p: p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    with pytest.raises(RunError, match="holds a run already") as caught:
        RunFolder.create(tmp_path / "a", {"other": 1})
    assert "resume" in str(caught.value)
    assert {p: p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()} == before


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="not empty") as caught:
        RunFolder.create(tmp_path, CONFIG)
    assert "thesis.tex" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_killed_process_had_not_finished_is_swept_away(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a", CONFIG).close()
    (tmp_path / "a" / "checkpoints").mkdir(exist_ok=True)
    halves = [tmp_path / "a" / ".x.1.tmp", tmp_path / "a" / "checkpoints" / ".y.2.tmp"]
    for half in halves:
        half.write_text("half")
    RunFolder.reopen(tmp_path / "a").close()
    assert not any(half.exists() for half in halves)


def test_a_folder_in_use_is_locked(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    with pytest.raises(RunError, match="another process"):
        RunFolder.reopen(folder.path)
    folder.close()
    RunFolder.reopen(folder.path).close()


def tear(path: Path, part: bytes) -> None:
    """Append a part as a process does that is killed before it has written all of it."""
    file = SummedFile(path)
    file.append(part + b"the rest")
    file.close()
    os.truncate(path, path.stat().st_size - len(b"the rest"))


def test_logs_that_a_crash_cut_off_are_gone_on_with(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    folder.log(StepsDone(1, 1, 0.5, 0.1))
    folder.log_losses(np.array([0.5, 0.4, 0.3], np.float32))
    folder.close()
    tear(folder.path / EVENTS, b'{"event": "StepsDone", "st')
    tear(folder.path / LOSSES, b"\x01\x02")
    assert read_losses(folder.path).tolist() == np.array([0.5, 0.4, 0.3], np.float32).tolist()
    folder = RunFolder.reopen(folder.path)
    folder.rewind_losses(2)
    folder.log_losses(np.array([7.0], np.float32))
    folder.log(Checkpointed(3, "x"))
    folder.close()
    assert read_events(folder.path) == [StepsDone(1, 1, 0.5, 0.1), Checkpointed(3, "x")]
    assert read_losses(folder.path).tolist() == np.array([0.5, 0.4, 7.0], np.float32).tolist()


def test_losses_that_are_missing_are_noticed(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    with pytest.raises(RunError, match="missing"):
        folder.rewind_losses(1)
    folder.close()


@pytest.mark.parametrize("content", [None, "", '{"format": 1', "[]"])
def test_a_run_that_was_cut_off_before_it_began_says_so(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"no config\.json|damaged"):
        RunFolder.reopen(tmp_path)
    with pytest.raises(RunError, match="no such run folder"):
        read_config(tmp_path / "nowhere")


def test_a_run_of_an_older_format_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format": 1, "loss": "cross_entropy"}')
    with pytest.raises(RunError, match="another version of clearprop") as caught:
        read_config(tmp_path)
    assert caught.value.given == "format 1"
    assert caught.value.fix is not None


def test_a_full_disk_is_named_and_what_was_logged_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    folder.log(Checkpointed(1, "a"))

    class Full:
        def truncate(self, size: int) -> None:
            pass

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(folder._events, "_file", Full())
        with pytest.raises(RunError, match="the disk is full"):
            folder.log(Checkpointed(2, "b"))
    folder.close()
    assert read_events(folder.path) == [Checkpointed(1, "a")]


def test_a_log_that_was_deleted_is_told(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    folder.log(Checkpointed(1, "a"))
    folder.log_losses(np.zeros(2, np.float32))
    folder.close()
    for name in (EVENTS, LOSSES):
        (folder.path / name).unlink()
    with pytest.warns(UserWarning, match=rf"{EVENTS}: the last \d+ bytes are missing"):
        assert read_events(folder.path) == []
    with pytest.warns(UserWarning, match=rf"{LOSSES}: the last 8 bytes are missing"):
        assert len(read_losses(folder.path)) == 0


def test_a_torn_line_of_an_earlier_version_spoils_no_later_line(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    folder.close()
    (folder.path / f"{EVENTS}.crc32").unlink()
    (folder.path / EVENTS).write_text('{"event": "Checkpointed", "step": 1, "file": "a"}\n{"ev')
    folder = RunFolder.reopen(folder.path)
    folder.log(Checkpointed(2, "b"))
    folder.close()
    assert read_events(folder.path) == [Checkpointed(1, "a"), Checkpointed(2, "b")]


def test_foreign_bytes_behind_a_log_stay_untrusted(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", CONFIG)
    folder.log(Checkpointed(1, "a"))
    folder.close()
    with (folder.path / EVENTS).open("a") as file:
        file.write('{"event": "Stopped", "reason": "finished"')
    with pytest.warns(UserWarning, match="damaged"):
        folder = RunFolder.reopen(folder.path)
    folder.log(Checkpointed(2, "b"))
    folder.close()
    with pytest.warns(UserWarning, match="the line 2 damaged"):
        assert read_events(folder.path) == [Checkpointed(1, "a"), Checkpointed(2, "b")]


def test_names_that_are_no_utf8_are_written(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a", {**CONFIG, "notes": {"file": "caf\udce9.csv"}})
    folder.close()
    assert read_config(folder.path)["notes"] == {"file": "caf\udce9.csv"}
