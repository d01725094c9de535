"""Curves, comparisons and the diagnosis of runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clearprop import nn
from clearprop.glass.diagnosis.diagnose import diagnose
from clearprop.recipes.experiment import of_run
from clearprop.studio.problems import RequestError
from clearprop.studio.runs.compare import settings_table
from clearprop.studio.runs.thinned import thinned, thinned_together
from clearprop.training import fit, read_run
from tests.studio.runs.conftest import Shelf, frame_of

floats = st.floats(width=32) | st.just(float("nan")) | st.just(float("inf"))


@given(arrays(np.float32, st.integers(0, 400), elements=floats), st.integers(8, 60))
def test_no_peak_and_no_gap_is_lost(values: np.ndarray, most: int) -> None:
    kept = thinned(values, most)
    assert len(kept) <= max(most, 0) or len(values) <= most
    assert (np.diff(kept) > 0).all()
    if not len(values):
        return
    assert (kept[0], kept[-1]) == (0, len(values) - 1)
    shown, finite = values[kept], np.isfinite(values)
    if finite.any():
        assert shown[np.isfinite(shown)].max() == values[finite].max()
        assert shown[np.isfinite(shown)].min() == values[finite].min()
    if not finite.all():
        assert not np.isfinite(shown).all()
        assert int(np.argmin(finite)) in kept


def test_several_curves_share_their_points() -> None:
    x = np.zeros((3, 10_000))
    x[0, 1234], x[1, 5678], x[2, 42] = 1.0, -1.0, np.nan
    kept = thinned_together(list(x), 300)
    assert len(kept) <= 300
    assert {1234, 5678, 42} <= set(kept.tolist())
    assert len(thinned_together([])) == 0


def test_the_curves_are_those_of_the_run(shelf: Shelf) -> None:
    folder = shelf.put("digits")
    record = read_run(folder)
    frame = frame_of(shelf.service.curves("digits"))
    assert frame.header["kind"] == "curves"
    assert frame.arrays["epoch"].tolist() == [1, 2]
    assert frame.arrays["step"].tolist() == record.history.step.tolist()
    np.testing.assert_allclose(frame.arrays["seconds"], np.cumsum(record.history.seconds))
    for name in ("objective", "training_error", "development_error", "learning_rate"):
        np.testing.assert_allclose(frame.arrays[name], getattr(record.history, name), rtol=1e-6)
    np.testing.assert_array_equal(frame.arrays["loss"], record.losses)
    assert frame.arrays["loss_step"].tolist() == list(range(1, len(record.losses) + 1))


def test_many_points_are_thinned(shelf: Shelf) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    fit(nn.Linear(4, 4), data, epochs=3000, folder=shelf.root / "long", progress=False)
    frame = frame_of(shelf.service.curves("long"))
    assert 500 < len(frame.arrays["epoch"]) <= 2000
    assert 500 < len(frame.arrays["loss"]) <= 2000
    assert (frame.header["epochs"], frame.header["steps"]) == (3000, 3000)


def test_metrics_have_their_names(shelf: Shelf) -> None:
    shelf.put("som")
    frame = frame_of(shelf.service.curves("som"))
    history = read_run(shelf.root / "som").history
    assert frame.header["metrics"] == list(history.metrics)
    for k, name in enumerate(frame.header["metrics"]):
        np.testing.assert_allclose(frame.arrays[f"metric.{k}"], history.metrics[name], rtol=1e-6)


def test_a_fork_begins_at_the_time_of_its_parent(shelf: Shelf) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    parent = fit(
        nn.Linear(4, 4), data, epochs=4, folder=shelf.root / "one", snapshots=1, progress=False
    )
    parent.fork(2, learning_rate=0.5, folder=shelf.root / "two")
    first, second = (frame_of(shelf.service.curves(name)) for name in ("one", "two"))
    assert second.arrays["epoch"].tolist() == [3, 4]
    assert second.header["first_step"] == 2
    assert second.arrays["loss_step"].tolist() == [3, 4]
    own = read_run(shelf.root / "two").history.seconds
    np.testing.assert_allclose(
        second.arrays["seconds"], first.arrays["seconds"][1] + np.cumsum(own), rtol=1e-5
    )


def test_a_fork_of_a_fork_begins_at_the_time_of_both(shelf: Shelf) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    folders = [shelf.root / name for name in ("one", "two", "three")]
    model = nn.Linear(4, 4)
    run = fit(model, data, epochs=4, folder=folders[0], snapshots=1, progress=False)
    run = run.fork(2, learning_rate=0.5, folder=folders[1], snapshots=1)
    run.fork(3, learning_rate=0.25, folder=folders[2])
    seconds = [read_run(folder).history.seconds for folder in folders]
    third = frame_of(shelf.service.curves("three"))
    assert third.arrays["epoch"].tolist() == [4]
    whole = seconds[0][:2].sum() + seconds[1][:1].sum() + np.cumsum(seconds[2])
    np.testing.assert_allclose(third.arrays["seconds"], whole, rtol=1e-5)


# --- comparison ----------------------------------------------------------------------------------


def test_settings_that_differ(shelf: Shelf) -> None:
    shelf.put("xor", "one")
    two = shelf.put("xor", "two")
    config = json.loads((two / "config.json").read_text())
    config["notes"]["recipe"]["values"]["learning_rate"] = 0.5
    config["optimizer"]["learning_rate"] = 0.5
    config["optimizer"]["beta1"] = 0.8
    del config["checksum"]
    (two / "config.json").write_text(json.dumps(config))
    found = shelf.service.compare(["one", "two"])
    assert [(row.name, row.values, row.chosen) for row in found.settings] == [
        ("learning_rate", ["0.05", "0.5"], True),
        ("optimizer.beta1", ["0.9", "0.8"], False),
    ]
    assert found.remarks == []
    assert [run.name for run in found.runs] == ["one", "two"]
    rows = {row.name: row for row in found.results}
    assert rows["objective"].values[0] == rows["objective"].values[1]
    assert rows["objective"].best is None


def test_an_unfair_comparison_is_told_and_has_no_winner(shelf: Shelf) -> None:
    shelf.put("xor")
    shelf.put("digits")
    found = shelf.service.compare(["xor", "digits"])
    assert len(found.remarks) == 2
    assert all(row.best is None for row in found.results)
    names = [row.name for row in found.settings]
    assert "hidden_sizes" in names
    assert "layers.0.weight" in names


def test_the_best_of_several_is_marked(shelf: Shelf) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    for epochs in (2, 30):
        folder = shelf.root / str(epochs)
        fit(nn.Linear(4, 4), data, epochs=epochs, folder=folder, progress=False)
    rows = {row.name: row for row in shelf.service.compare(["2", "30"]).results}
    assert rows["objective"].best == 1
    assert rows["epochs"].best is None
    assert settings_table([shelf.library.reader(name).config for name in ("2", "30")])[
        0
    ].values == [
        "2",
        "30",
    ]


@pytest.mark.parametrize("names", [[], ["xor"], ["xor"] * 3, [f"xor-{k}" for k in range(7)]])
def test_a_comparison_takes_two_to_six_runs(shelf: Shelf, names: list[str]) -> None:
    for name in {"xor", *names}:
        shelf.put("xor", name)
    with pytest.raises(RequestError, match="comparison"):
        shelf.service.compare(names)


# --- diagnosis -----------------------------------------------------------------------------------


def test_the_diagnosis_is_that_of_the_library(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.put("digits")
    quick = shelf.service.diagnosis("digits", with_data=False)
    whole = shelf.service.diagnosis("digits", with_data=True)
    assert quick.ready
    assert whole.ready
    assert (quick.with_data, whole.with_data) == (False, True)
    for found, data in ((quick, None), (whole, of_run(read_run(folder).config, "x").splits)):
        expected = diagnose(folder, data)
        assert found.summary == expected.summary
        assert [one.code for one in found.findings] == [one.fix for one in expected]
        assert [one.evidence for one in found.findings] == [one.sentence for one in expected]
    assert quick.findings


def test_a_run_without_a_recipe_is_diagnosed_without_data(shelf: Shelf) -> None:
    shelf.put("arrays")
    found = shelf.service.diagnosis("arrays", with_data=True)
    assert found.ready
    assert not found.with_data
    assert "made in Python" in found.remark


def test_a_diagnosis_is_made_once(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop.studio.runs import service

    shelf.put("xor")
    asked = []
    real = service.diagnose_folder
    monkeypatch.setattr(
        service, "diagnose_folder", lambda *given: asked.append(given) or real(*given)
    )
    first = shelf.service.diagnosis("xor", with_data=False)
    assert shelf.service.diagnosis("xor", with_data=False) == first
    assert len(asked) == 1


def test_an_answer_does_not_wait_for_long(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop.studio.runs import service

    shelf.put("xor")
    monkeypatch.setattr(service, "PATIENCE", 0.0)
    first = shelf.service.diagnosis("xor", with_data=False)
    assert (first.ready, first.findings) == (False, [])
    monkeypatch.setattr(service, "PATIENCE", 60.0)
    assert shelf.service.diagnosis("xor", with_data=False).ready
