"""The diagnosis benchmark: its broken runs are broken, mends are judged, and the table counts."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis import __main__ as command
from benchmarks.diagnosis import examples, healthy, mends, rows
from benchmarks.diagnosis.applied import Applied
from benchmarks.diagnosis.cases import ALSO, BREAKERS, EACH, JUDGED, MORE, Case, broken, cases
from benchmarks.diagnosis.setting import SENSIBLE, Setting
from benchmarks.diagnosis.table import _row, is_found, show_markdown, summary
from benchmarks.diagnosis.trial import diagnosed
from clearprop.errors import DataError
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.kinds import KINDS
from clearprop.glass.diagnosis.rules import EVERY, RULES
from clearprop.training import load_model
from clearprop.training.run_folder import MODEL

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SAMPLE = [("symmetric_weights", 8), ("penalty_too_strong", 0), ("development_differs", 2),
          ("last_layer", 5)]  # fmt: skip
SLOW = [(kind, n) for kind in BREAKERS for n in range(MORE.get(kind, EACH)) if n % 4 in (0, 3)]
"""Every variant of every kind."""


def test_the_benchmark_is_large_and_has_every_kind() -> None:
    every = cases()
    assert len({case.name for case in every}) == len(every)
    for runs in ("tuning", "judged"):
        chosen = [case for case in every if command.is_counted(case.number, runs)]
        assert sum(not case.kind for case in chosen) >= 150
        assert {case.kind for case in chosen if case.kind} == set(BREAKERS)
        for kind in BREAKERS:  # every variant of every kind
            variants = {c.number % JUDGED // 2 % 4 for c in chosen if c.kind == kind}
            assert variants == {0, 1, 2, 3}
    # Its runs are supervised, with classes or numbers as targets: no game, no environment, no code.
    other = {rule.kind for rule in RULES if rule.algorithm not in ("", EVERY)}
    assert set(KINDS) - other - {"unfinished", "wide_code"} == set(BREAKERS)
    assert {kind for kinds in ALSO.values() for kind in kinds} <= set(BREAKERS)


def test_all_kinds_of_healthy_runs_are_judged() -> None:
    judged = [c.number % JUDGED for c in cases() if not c.kind and c.number >= JUDGED]
    kinds = {(n - healthy.PLAIN) // 2 % len(healthy.KINDS) for n in judged if n >= healthy.PLAIN}
    assert len(kinds) == len(healthy.KINDS)
    drawn = [case.setting for case in cases() if not case.kind]
    assert {s.data for s in drawn} == set(examples.TASKS) - {"severe"}
    assert {s.network for s in drawn} == {"mlp", "conv", "RNN", "LSTM", "GRU"}
    assert sum(callable(s.loss) for s in drawn) >= 20
    assert sum(s.epochs >= 300 for s in drawn) >= 20


@pytest.mark.parametrize("name", ["words", "topics", "sunspots", "co2", "even", "attributes"])
def test_data_are_finite_and_no_text_is_in_both_parts(name: str) -> None:
    form = "tfidf" if name in ("words", "topics") else "flat"
    (x, y), (a, b) = examples.load(name, 1, form)
    assert len(x) == len(y)
    assert len(a) == len(b) >= 40
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()
    if form == "tfidf":
        assert not set(map(bytes, x)) & set(map(bytes, a))
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-5)


def test_a_series_is_given_as_differences_in_order_of_time() -> None:
    (x, y), (a, _) = examples.load("sunspots", 0)
    steps = examples.load("sunspots", 5, "rows")[0][0]
    assert steps.shape == (*x.shape, 1)
    # Window i + 1 begins one value later: its first difference and last value agree with window i.
    np.testing.assert_allclose(np.diff(x[1])[:-1], np.diff(x[0])[1:], atol=1e-5)
    assert abs(x.std() - 1) < 0.01
    assert abs(y.std() - 1) < 0.01
    assert len(a) < len(x)


def without_leak(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs in which the column that is the target holds its mean, and the targets."""
    target = y.reshape(-1).astype(float)
    columns = [abs(np.corrcoef(column, target)[0, 1]) for column in x.T]
    place = int(np.argmax(columns))
    assert columns[place] > 0.999
    x = x.copy()
    x[:, place] = x[:, place].mean()
    return x, y


def is_broken(case: Case, folder: Path) -> bool:
    """Return whether a fault really harms: an error well above that of a run without it."""
    setting = case.setting
    done = setting.run(folder)
    train, dev = done.train, done.dev
    if case.kind == "leaking_duplicates":
        return bool(set(map(bytes, dev[0])) & set(map(bytes, train[0])))
    if case.kind == "development_noise":
        return len(dev[1]) < 20
    if done.refusal is not None or not (folder / MODEL).is_file():
        return True
    error = setting.error(load_model(folder), setting.truth())
    if case.kind == "overfitting":
        return setting.error(load_model(folder), train) < 0.7 * error
    if setting.data == "severe":
        return error > 0.4  # a half is that of a network that always gives the same answer
    if setting.balanced:
        whole = dataclasses.replace(mends.plain(setting), balanced=True)
        run = whole.run(folder.with_name("plain"))
        return error > 1.5 * whole.error(load_model(run.folder), whole.truth())
    reference, reasonable = mends.unbroken(setting)
    if case.kind == "leaking_targets":  # in use the column is not known: the error was too good
        return error < setting.error(load_model(folder), without_leak(*setting.truth()))
    return error > min(reasonable, 1.5 * reference) or math.isnan(error)


@pytest.mark.parametrize(("kind", "number"), SAMPLE)
def test_a_breaker_breaks(kind: str, number: int, tmp_path: Path) -> None:
    assert is_broken(broken(kind, number), tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "number"), SLOW)
def test_every_breaker_breaks(kind: str, number: int, tmp_path: Path) -> None:
    assert is_broken(broken(kind, number), tmp_path / "run")


# "weak" is for lines, and no run on "severe" is healthy.
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SENSIBLE) - {"weak", "severe"}))
def test_a_run_without_a_fault_reaches_a_reasonable_error(name: str) -> None:
    form = "counts" if name in ("words", "topics") else "flat"
    setting = Setting(data=name, form=form, seed=2)
    error, reasonable = mends.unbroken(setting)
    assert error <= reasonable


def test_a_mend_is_applied_and_judged(tmp_path: Path) -> None:
    case = broken("rate_too_low", 0)
    setting, done = case.setting, case.setting.run(tmp_path / "run")
    error = setting.error(load_model(done.folder), setting.truth())
    good = "run = cp.fit(model, data, optimizer='adam', learning_rate=0.005, epochs=12)"
    for fix, repaired in ((good, True), ("pass", False)):
        run, after = mends.followed(setting, done, Finding("", {"x": 1.0}, "It is so.", fix, 0.9))
        assert mends.is_repaired(case.kind, setting, error, run, after) is repaired


def test_the_error_of_a_refusal_is_followed_in_both_parts(tmp_path: Path) -> None:
    setting = Setting(data="breast-cancer", loss="binary_cross_entropy", epochs=20,
                      recode=lambda y: 2.0 * y.reshape(-1, 1) - 1)  # fmt: skip
    train, dev = setting.parts()
    done = setting.run(tmp_path / "run")
    done.refusal = DataError("labels", fix="y = (y + 1) / 2")
    run, after = mends.followed(setting, done, None)
    assert set(np.unique(after.data[1])) == set(np.unique(after.arguments["dev"][1])) == {0, 1}
    assert set(np.unique(train[1])) == set(np.unique(dev[1])) == {-1, 1}
    assert mends.is_repaired("invalid_targets", setting, math.nan, run, after)


def test_copies_that_are_left_are_not_repaired() -> None:
    setting = broken("leaking_duplicates", 0).setting
    train, dev = setting.parts()
    known = set(map(bytes, dev[0]))
    new = np.array([row.tobytes() not in known for row in train[0]])
    left, gone = (
        Applied(None, data, {"dev": dev})  # type: ignore[arg-type]  # the model is not looked at
        for data in (train, (train[0][new], train[1][new]))
    )
    run: Any = None
    assert not mends.is_repaired("leaking_duplicates", setting, 0.1, run, left)
    assert mends.is_repaired("leaking_duplicates", setting, 0.1, run, gone)


def test_a_run_with_a_new_development_part_is_judged_on_that() -> None:
    setting = broken("development_differs", 4).setting  # the largest targets are held out
    (x, y), (a, b) = setting.parts()
    assert y.max() <= b.min()
    pooled = np.concatenate([x, a]), np.concatenate([y, b])
    history = SimpleNamespace(development_error=np.array([3.0, 0.7]))
    run: Any = SimpleNamespace(history=history)
    after = Applied(None, pooled, {"dev": 0.2})  # type: ignore[arg-type]  # not looked at
    found = mends.mended_error("development_differs", setting, run, after)
    assert found == pytest.approx(0.7 / pooled[1].std())


def test_answers_are_judged_by_the_loss_of_the_mended_run() -> None:
    from clearprop import nn

    setting = Setting(data="digits")
    x, y = setting.truth()
    perfect = nn.Linear(64, 1, weight_init=nn.initializers.zeros).init(0)
    assert setting.error(perfect, (x, 0 * y), "squared_error") == 0
    assert setting.error(perfect, (x, 0 * y + 1), "binary_cross_entropy") == 0
    even = dataclasses.replace(setting, balanced=True)
    assert even.error(perfect, (x, y % 2), "log_loss") == 0.5


def row(**changed: Any) -> dict[str, Any]:
    made = {"name": "a", "kind": "dead_units", "number": 1, "faults": ["dead_units"], "notes": [],
            "refusal": "", "named": False, "warnings": [], "sensible": True,
            "seconds": [1, 1, 1]}  # fmt: skip
    return made | changed


def test_recall_precision_and_repairs_are_counted() -> None:
    ours = [row(repaired=True), row(faults=[], notes=["dead_units"], repaired=False)]
    ours += [
        row(kind="non_finite"),
        row(kind="last_layer", faults=[], refusal="softmax", named=True),
    ]
    well = [row(kind="", faults=[]), row(kind="")]
    assert _row("dead_units", ours, well) == [2, 1, 0, 1, 2, 1, 0, 1, "0.50", "0.33", "1 of 2"]
    assert _row("last_layer", ours, well)[-3:] == ["1.00", "-", "-"]
    recall, precision, alarms, repaired, _ = summary(ours, well, 0)
    assert "2 of 4 broken runs" in recall
    assert "of 3 faults, 1 name" in precision
    assert "of 2 healthy runs, 1 have" in alarms
    assert "repairs 1 of 2" in repaired


def test_another_name_of_the_same_cause_counts_and_a_note_only_where_it_is_enough() -> None:
    assert is_found(row(kind="exploding_through_time", faults=["initial_scale"]))
    assert not is_found(row(kind="dead_units", faults=["initial_scale"]))
    assert is_found(row(kind="too_few_epochs", faults=[], notes=["too_few_epochs"]))
    assert not is_found(row(kind="overfitting", faults=[], notes=["overfitting"]))


def test_the_command_resumes_and_prints_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    made: list[str] = []

    def fake(case: Case, folder: Path, warned: list[str] | None) -> dict[str, Any]:
        made.append(case.name)
        return row(name=case.name, kind=case.kind, number=case.number)

    monkeypatch.setattr(rows, "diagnosed", fake)
    options = ["--only", "dead_units", "--runs", "judged"]
    command.main([*options, "--part", "1/2"])
    assert made == [f"dead_units-{JUDGED}", f"dead_units-{JUDGED + 4}"]
    command.main([*options, "--markdown"])
    assert made == [f"dead_units-{JUDGED + n}" for n in (0, 4, 3, 7)]
    assert "| `dead_units` | 4 | 4 | 0 | 0 | 4 |" in capsys.readouterr().out
    command.main([*options, "--again", "--seconds", "0"])
    assert "4 runs are still to be made" in capsys.readouterr().out
    show_markdown(rows.known(tmp_path), "all", wrong=True)
    assert capsys.readouterr().out.startswith("- Recall: the cause of 4 of 4")
    with pytest.raises(SystemExit, match="unknown kind"):
        command.main(["--only", "nonsense"])


@pytest.mark.slow
def test_two_processes_make_the_runs(tmp_path: Path) -> None:
    chosen = [broken("last_layer", 0), broken("last_layer", 2)]
    assert rows.make(chosen, tmp_path, 600, jobs=2) == 0
    assert [made["name"] for made in rows.known(tmp_path)] == ["last_layer-0", "last_layer-2"]
    assert rows.make(chosen, tmp_path, 0, jobs=2) == 0  # nothing is left to do
    assert rows.make(chosen, tmp_path, 0, again=True, jobs=2) == 2


@pytest.mark.slow
def test_a_whole_trial_is_plain_data(tmp_path: Path) -> None:
    made = diagnosed(broken("rate_too_low", 0), tmp_path / "run")
    assert json.loads(json.dumps(made)) == made
    assert made["faults"] == ["rate_too_low"]
    assert made["repaired"]
    assert diagnosed(broken("rate_too_low", 0), tmp_path / "run", ["x"])["warnings"] == ["x"]
