"""The list of runs: whole, live, cut off and damaged ones, and the names that it knows."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.studio.problems import RequestError
from clearprop.studio.runs import library as libraries
from clearprop.studio.runs.library import DEPTH
from clearprop.studio.runs.messages import RunSummary
from clearprop.training import EpochDone, fit, read_run
from clearprop.training.run_folder import EVENTS, LOSSES, RunFolder
from tests.studio.runs.conftest import Shelf


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def only(shelf: Shelf) -> RunSummary:
    (found,) = shelf.library.changes().runs
    return found


def test_a_finished_run_has_the_numbers_of_its_files(shelf: Shelf) -> None:
    folder = shelf.put("digits")
    found, record = only(shelf), read_run(folder)
    history = record.history
    assert (found.name, found.state, found.live) == ("digits", "finished", False)
    assert (found.recipe, found.data, found.model) == ("mlp", "digits", "MLP")
    assert found.objective == history.objective[-1]
    assert found.training_error == history.training_error[-1]
    assert found.development_error == history.development_error[-1]
    assert found.best_error == history.development_error.min()
    assert (found.step, found.last_step) == (len(record.losses), len(record.losses))
    assert (found.epoch, found.epochs) == (2, 2)
    assert found.seconds == pytest.approx(history.seconds.sum())
    assert found.sparkline == history.objective.tolist()
    assert found.parameters == 64 * 8 + 8 + 8 * 10 + 10


def test_nothing_is_written_into_a_run(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    shelf.library.changes()
    shelf.service.curves("xor")
    for film in shelf.service.detail("xor").films:
        name = film.names[0] if film.names else ""
        shelf.service.frame("xor", film.kind, film.steps[0], of=name)
    shelf.service.diagnosis("xor", with_data=True)
    shelf.service.damage("xor")
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))} == before


def test_only_what_changed_is_told(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    first = shelf.library.changes()
    assert first.whole
    assert shelf.library.changes(first.version).runs == []
    shelf.put("xor", "xor-2")
    second = shelf.library.changes(first.version)
    assert [run.name for run in second.runs] == ["xor-2"]
    assert not second.whole
    shutil.rmtree(folder)
    third = shelf.library.changes(second.version)
    assert (third.runs, third.gone) == ([], ["xor"])
    shutil.move(shelf.root / "xor-2", folder)
    fourth = shelf.library.changes(third.version)
    assert ([run.name for run in fourth.runs], fourth.gone) == (["xor"], ["xor-2"])


def test_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    library = libraries.RunLibrary(tmp_path / "later")
    assert library.changes().runs == []


def test_new_runs_wait_when_there_is_no_time(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(4):
        os.utime(shelf.put("xor", f"xor-{k}"), (1000 * k, 1000 * k))
    monkeypatch.setattr(libraries, "BUDGET", 0.0)
    found = shelf.library.changes()
    assert len(found.runs) + found.waiting == 4
    assert found.waiting
    assert [run.name for run in found.runs] in ([], ["xor-3"])  # the newest come first
    assert shelf.library.summary("xor-0").name == "xor-0"  # a run that is asked for does not wait
    assert shelf.library.changes().waiting == 0


# --- runs that go on -----------------------------------------------------------------------------


def epoch(number: int, steps: int = 5) -> EpochDone:
    return EpochDone(number, steps * number, 1 / number, 0.5, None, None, 0.1, 0.25, 50.0)


@pytest.fixture
def begun(shelf: Shelf, tmp_path: Path) -> dict[str, Any]:
    """Return the configuration of a run, without its checksum."""
    config: dict[str, Any] = json.loads((shelf.put("xor") / "config.json").read_text())
    shutil.rmtree(shelf.root / "xor")
    return {name: value for name, value in config.items() if name != "checksum"}


def test_a_run_that_goes_on_is_followed(shelf: Shelf, begun: dict[str, Any]) -> None:
    writer = RunFolder.create(shelf.root / "live", begun)
    try:
        found = only(shelf)
        assert (found.state, found.live, found.step) == ("running", True, 0)
        assert "compiled" in found.about
        assert str(os.getpid()) in found.holder
        version = shelf.library.changes().version
        for number in (1, 2, 3):
            writer.log_losses(np.full(5, 1 / number, np.float32))
            writer.log(epoch(number))
            writer.flush()
            (found,) = shelf.library.changes(version).runs
            version = found.version
            assert (found.step, found.epoch, found.objective) == (5 * number, number, 1 / number)
        assert shelf.library.changes(version).runs == []
        reader = shelf.library.reader("live")
        assert reader.history.objective.tolist() == [1, 1 / 2, 1 / 3]
        assert reader.losses.tolist() == read_run(shelf.root / "live").losses.tolist()
    finally:
        writer.close()
    found = only(shelf)
    assert (found.state, found.live) == ("interrupted", False)
    assert "clearprop resume live" in found.about


def test_steps_of_the_first_epoch_count(shelf: Shelf, begun: dict[str, Any]) -> None:
    writer = RunFolder.create(shelf.root / "live", begun)
    try:
        writer.log_losses(np.array([3.0, 2.0, 1.0], np.float32))
        writer.flush()
        found = only(shelf)
        assert (found.step, found.epoch, found.objective) == (3, 0, 2.0)
        assert found.sparkline == [3.0, 2.0, 1.0]
    finally:
        writer.close()


def test_a_resumed_run_loses_what_was_taken_back(shelf: Shelf) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    folder = shelf.root / "again"

    def train(epochs: int, resume: bool) -> None:
        fit(
            nn.Linear(4, 4),
            data,
            epochs=epochs,
            folder=folder,
            resume=resume,
            progress=False,
        )

    train(3, resume=False)
    assert only(shelf).epoch == 3
    train(5, resume=True)
    found = only(shelf)
    assert (found.epoch, found.epochs, found.state) == (5, 5, "finished")
    assert shelf.library.reader("again").history.epoch.tolist() == [1, 2, 3, 4, 5]


# --- damaged runs --------------------------------------------------------------------------------


def test_cut_off_losses_are_told(shelf: Shelf) -> None:
    folder = shelf.put("digits")
    losses = folder / LOSSES
    losses.write_bytes(losses.read_bytes()[:40])
    found = only(shelf)
    assert found.state == "damaged"
    assert found.about.startswith("losses.f32: the l")
    assert "missing" in found.about
    assert len(shelf.library.reader("digits").losses) <= 10


def test_a_flipped_bit_is_told_and_what_agrees_is_shown(shelf: Shelf) -> None:
    folder = shelf.put("digits")
    assert only(shelf).state == "finished"
    flip(folder / LOSSES, 8)
    found = only(shelf)
    assert found.state == "damaged"
    assert (
        "losses.f32: the losses 3 to" in found.about or "losses.f32: the losses 1 to" in found.about
    )
    assert np.isnan(shelf.library.reader("digits").losses).any()
    assert found.objective is not None


def test_a_damaged_event_is_left_out(shelf: Shelf) -> None:
    folder = shelf.put("digits")
    flip(folder / EVENTS, 30)
    found = only(shelf)
    assert found.state == "damaged"
    assert "the line 1" in found.about


@pytest.mark.parametrize("content", ["", "{", '{"settings": 3}', "[]", '{"format": 99}'])
def test_a_damaged_configuration_is_told(shelf: Shelf, content: str) -> None:
    folder = shelf.put("xor")
    (folder / "config.json").write_text(content)
    found = only(shelf)
    assert found.state == "damaged"
    assert found.about
    detail = shelf.service.detail("xor")
    assert (detail.readable, detail.films) == (False, [])
    with pytest.raises(Exception, match=r"config|version"):
        shelf.service.diagnosis("xor", with_data=False)


def test_a_missing_configuration_is_told(shelf: Shelf) -> None:
    (shelf.put("xor") / "config.json").unlink()
    assert only(shelf).state == "damaged"
    assert only(shelf).about == "config.json is missing."


def test_mended_files_are_read_again(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    content = (folder / "config.json").read_bytes()
    (folder / "config.json").write_bytes(content[:100])
    assert only(shelf).state == "damaged"
    (folder / "config.json").write_bytes(content)
    assert only(shelf).state == "finished"


# --- names and links -----------------------------------------------------------------------------


def test_runs_in_folders_of_folders(shelf: Shelf) -> None:
    shelf.put("xor", "group/a/xor")
    deep = "/".join("x" * (DEPTH + 1))
    shelf.put("xor", f"{deep}/xor")
    assert [run.name for run in shelf.library.changes().runs] == ["group/a/xor"]
    assert shelf.service.detail("group/a/xor").summary.state == "finished"


@pytest.mark.parametrize(
    "name",
    [
        *("..", ".", "", "/", "../runs/xor", "xor/..", "xor/", "./xor", "xor/config.json"),
        *("/etc", "xor\0", "%2e%2e", "\\xor", "xor/snapshots", "XOR"),
    ],
)
def test_only_names_of_the_list_are_known(shelf: Shelf, name: str) -> None:
    shelf.put("xor")
    for ask in (
        shelf.service.detail,
        shelf.service.curves,
        shelf.service.report,
        shelf.service.damage,
        lambda run: shelf.service.diagnosis(run, with_data=False),
        lambda run: shelf.service.frame(run, "weights", 0),
        lambda run: shelf.service.compare(["xor", run]),
    ):
        with pytest.raises(RequestError) as caught:
            ask(name)
        assert caught.value.status in (400, 404)


def test_links_to_folders_are_not_followed(shelf: Shelf, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(shelf.put("xor"), outside)
    (shelf.root / "link").symlink_to(outside)
    (shelf.root / "inside").symlink_to(shelf.root / "xor")
    found = shelf.library.changes()
    assert [run.name for run in found.runs] == ["xor"]
    assert sorted(found.refused) == ["inside: a link", "link: a link"]


@pytest.mark.parametrize("name", ["config.json", "events.jsonl", "losses.f32", "snapshots"])
def test_links_to_files_outside_are_refused(shelf: Shelf, tmp_path: Path, name: str) -> None:
    folder = shelf.put("xor")
    outside = tmp_path / "outside"
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside)
    found = only(shelf)
    assert found.state == "damaged"
    assert "outside the folder of the runs" in found.about


def test_a_report_that_is_a_link_is_not_sent(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.put("xor")
    secret = tmp_path / "secret.html"
    secret.write_text("secret")
    (folder / "report.html").symlink_to(secret)
    with pytest.raises(Exception, match="does not follow a link"):
        shelf.service.report("xor")


def test_a_pipe_is_not_opened(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    (folder / EVENTS).unlink()
    os.mkfifo(folder / EVENTS)
    found = only(shelf)
    assert found.state == "damaged"
    assert "plain files only" in found.about


# --- forks and studies ---------------------------------------------------------------------------


def test_a_fork_knows_its_parent(shelf: Shelf) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    parent = fit(
        nn.Linear(4, 4), data, epochs=4, folder=shelf.root / "one", snapshots=1, progress=False
    )
    parent.fork(2, learning_rate=0.5, folder=shelf.root / "two", epochs=6)
    runs = {run.name: run for run in shelf.library.changes().runs}
    assert (runs["one"].parent, runs["one"].left_at) == (None, None)
    assert (runs["two"].parent, runs["two"].left_at) == ("one", 2)
    assert shelf.service.detail("one").forks == ["two"]
    assert runs["two"].step == 6
    shutil.rmtree(shelf.root / "one")
    assert only(shelf).left_at == 2
    config = read_run(shelf.root / "two").config
    assert config["parent"]["step"] == 2


def test_a_study_has_a_report_only(shelf: Shelf) -> None:
    folder = shelf.root / "study"
    folder.mkdir()
    (folder / "config.json").write_text(
        json.dumps({"study": True, "notes": {"recipe": {"name": "overfit", "values": {}}}})
    )
    (folder / "report.html").write_text("<p>result</p>")
    found = only(shelf)
    assert (found.state, found.recipe) == ("study", "overfit")
    detail = shelf.service.detail("study")
    assert detail.report
    assert detail.films == []
