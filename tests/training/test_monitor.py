"""A metric of the development set decides when a run stops and which weights it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import f1_score

from clearprop import models, nn
from clearprop.algorithms import DeepQLearning
from clearprop.errors import ConfigurationError
from clearprop.glass.diagnosis.fix import fit_line
from clearprop.glass.diagnosis.gathering import facts_of_run
from clearprop.glass.diagnosis.shapes import best_of
from clearprop.glass.report import write_report
from clearprop.training import EpochDone, Event, Run, StopTraining, fit
from clearprop.training.metrics import OF_CLASSES, OF_NUMBERS, find_metrics
from clearprop.training.monitor import find_monitor

X, Y = load_breast_cancer(return_X_y=True)
X = ((X - X.mean(axis=0)) / X.std(axis=0))[:, 4:10].astype(np.float32)  # a hard part of it
TRAIN, DEV = (X[:120], Y[:120]), (X[120:320], Y[120:320])
OPTIONS: dict[str, Any] = {
    "dev": DEV, "epochs": 40, "batch_size": 16, "learning_rate": 0.02, "progress": False,
}  # fmt: skip


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 2))


def trained(**options: Any) -> Run:
    return fit(network(), *TRAIN, **{**OPTIONS, **options})


def best_row(run: Run, values: Any) -> int:
    """Return the row of the lowest value; the development objective decides between equal ones."""
    objectives = run.history.development_objective.astype(np.float32)
    return int(np.lexsort((objectives, np.asarray(values, np.float32)))[0])


@pytest.mark.parametrize("name", ["f1", "recall", "log_loss", "roc_auc"])
def test_the_best_epoch_is_that_of_the_metric(name: str) -> None:
    metrics = ["f1", "recall", "log_loss", "roc_auc"]
    run = trained(metrics=metrics, monitor=name, keep_best=True)
    sign = 1 if name == "log_loss" else -1
    best = best_row(run, sign * run.history.metrics[name])
    assert run.stopped.best_epoch == best + 1
    kept = run.evaluate(DEV, metrics=name).metrics[name]
    assert kept == pytest.approx(run.history.metrics[name][best], abs=1e-6)


def test_the_metrics_of_this_run_have_different_best_epochs() -> None:
    run = trained(metrics=["f1", "recall", "log_loss"])
    rows = {name: best_row(run, -run.history.metrics[name]) for name in ("f1", "recall")}
    rows["error"] = best_row(run, run.history.development_error)
    assert len(set(rows.values())) > 1, rows


def test_a_run_stops_when_the_metric_is_no_longer_better() -> None:
    run = trained(metrics="recall", monitor="recall", patience=3)
    assert run.stopped.reason == "early"
    best = best_row(run, -run.history.metrics["recall"])
    assert run.stopped.best_epoch == best + 1
    assert len(run.history) == best + 1 + 3
    truth, predicted = DEV[1], run.labels(DEV[0])
    kept = run.evaluate(DEV, metrics="f1").metrics["f1"]
    assert kept == pytest.approx(f1_score(truth, predicted))


def test_the_error_by_its_name_is_what_is_watched_without_a_name() -> None:
    plain, named = trained(patience=4), trained(patience=4, monitor="development_error")
    assert plain.stopped == named.stopped
    for path, w in nn.parameters(plain.model).items():
        assert_array_equal(w, nn.parameters(named.model)[path])


def test_the_objective_may_be_watched() -> None:
    run = trained(monitor="development_objective", keep_best=True)
    assert run.stopped.best_epoch == int(run.history.development_objective.argmin()) + 1


@pytest.mark.parametrize("name", ["own_score", "own_error"])
def test_the_name_of_a_function_tells_its_direction(name: str) -> None:
    values = iter([0.0, 0.5, 0.9, 0.2, 0.7])  # the first is asked for before the first step

    def own(outputs: Any, targets: Any) -> float:
        return next(values)

    run = trained(metrics={name: own}, monitor=name, keep_best=True, epochs=4)
    assert run.stopped.best_epoch == {"own_score": 2, "own_error": 3}[name]


def test_a_number_that_is_not_defined_is_never_the_best() -> None:
    values = iter([0.0, np.nan, 0.3, np.nan, 0.2])

    def one_score(outputs: Any, targets: Any) -> float:
        return next(values)

    run = trained(metrics=one_score, monitor="one_score", keep_best=True, epochs=4)
    assert run.stopped.best_epoch == 2


def after_five(event: Event) -> None:
    if isinstance(event, EpochDone) and event.epoch == 5:
        raise StopTraining


def test_a_resumed_run_ends_bit_for_bit_as_one_that_was_not_interrupted(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "metrics": ["f1", "recall"], "monitor": "recall", "patience": 6, "checkpoint_every": 3,
    }  # fmt: skip
    whole = trained(**options)
    folder = tmp_path / "run"
    begun = trained(**options, folder=folder, on_event=after_five)
    assert begun.stopped.reason == "interrupted"
    resumed = trained(**options, folder=folder, resume=True)
    assert resumed.stopped == whole.stopped
    assert resumed.losses.tobytes() == whole.losses.tobytes()
    assert resumed.history.metrics["recall"].tobytes() == whole.history.metrics["recall"].tobytes()
    for path, w in nn.parameters(whole.model).items():
        assert_array_equal(w, nn.parameters(resumed.model)[path])
    with pytest.raises(ConfigurationError, match="continues only") as caught:
        trained(**{**options, "monitor": "f1"}, folder=folder, resume=True)
    assert "settings.monitor was 'recall', is 'f1'" in (caught.value.given or "")


def test_a_fork_with_another_monitor_begins_the_search_anew() -> None:
    run = trained(metrics=["f1", "recall"], monitor="recall", keep_best=True, epochs=8,
                  snapshots=[40])  # fmt: skip
    fork = run.fork(40, monitor="f1", epochs=10)
    steps_per_epoch = 8
    rows = fork.history.epoch > 40 // steps_per_epoch
    best = fork.history.metrics["f1"][rows].max()
    assert fork.stopped.best_epoch in fork.history.epoch[fork.history.metrics["f1"] == best]


def test_the_direction_of_every_metric() -> None:
    less = {"log_loss", "brier_score", "expected_calibration_error", "max_error"}
    for name in [*OF_CLASSES, *OF_NUMBERS, "top_5_accuracy"]:
        found = find_monitor(name, find_metrics(name), patience=1, keeps_best=True)
        assert found.more_is_better == (name not in less and not name.endswith("error")), name


def test_a_regression_by_its_explained_variance() -> None:
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    run = fit(nn.Linear(10, 1), x * 20, y, loss="squared_error", dev=0.3, metrics="r2",
              monitor="r2", keep_best=True, epochs=5, progress=False)  # fmt: skip
    assert run.stopped.best_epoch == int(run.history.metrics["r2"].argmax()) + 1


@pytest.mark.parametrize(
    ("options", "problem", "fix"),
    [
        ({"monitor": "f1x", "metrics": "f1"}, "unknown monitor 'f1x'", "did you mean 'f1'?"),
        ({"monitor": "f1"}, "unknown monitor 'f1'", "metrics=['f1'], monitor='f1'"),
        ({"monitor": "val_loss"}, "unknown monitor 'val_loss'", "'development_objective'"),
        ({"monitor": "val_accuracy"}, "unknown monitor", "'development_error'"),
        ({"monitor": 3}, "what is monitored has a name", None),
        (
            {"monitor": "f1", "metrics": "f1", "patience": None},
            "neither stops early nor keeps the best",
            "monitor='f1', patience=10",
        ),
        (
            {"monitor": "own", "metrics": {"own": lambda outputs, targets: 1.0}},
            "does not tell whether more or less",
            "metrics={'own_score': own}, monitor='own_score'",
        ),
        (
            {"monitor": "development_objective", "dev": None, "patience": None, "keep_best": True},
            "what is monitored is a number of the development set",
            "hold some examples out: dev=0.1",
        ),
    ],
)
def test_what_cannot_be_watched(options: dict[str, Any], problem: str, fix: str | None) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        trained(**{"patience": 3, **options})
    assert caught.value.fix == fix


def test_reports_and_printed_calls_name_what_is_watched(tmp_path: Path) -> None:
    run = trained(metrics=["f1", "recall"], monitor="recall", patience=3, folder=tmp_path / "run")
    page = write_report(run, (*TRAIN,), tmp_path / "report.html").read_text(encoding="utf-8")
    assert "as recall was no longer better" in page
    assert f"the weights of epoch {run.stopped.best_epoch}, the best one by recall." in page
    found = best_of(run.history, run.stopped, "recall")
    assert found is not None
    assert found[0] == best_row(run, run.history.development_error)
    line = fit_line(facts_of_run(run))
    assert 'patience=3, monitor="recall"' in line
    assert 'metrics=["f1", "recall"]' in line
    kept = trained(metrics="f1", monitor="f1", keep_best=True, epochs=1)
    assert "keep_best=True" in fit_line(facts_of_run(kept))


def test_what_an_algorithm_measures_can_be_monitored(tmp_path: Path) -> None:
    """The best epoch of deep Q-learning has the highest return; there is no development set."""
    algorithm = DeepQLearning(epoch_steps=400, warmup=200, evaluation_episodes=5)
    options: dict[str, Any] = {
        "algorithm": algorithm,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "monitor": "evaluation return",
        "keep_best": True,
        "progress": False,
    }
    network = models.QNetwork(4, 2, hidden_sizes=(16,))
    whole = fit(network, "CartPole-v1", epochs=6, snapshots=50, **options)
    returns = whole.history.metrics["evaluation return"]
    best = int(np.argmax(returns)) + 1
    assert whole.stopped.best_epoch == best
    kept = nn.parameters(whole.model)
    for path, value in nn.parameters(whole.at(50 * best)).items():
        np.testing.assert_array_equal(kept[path], value)
    fit(network, "CartPole-v1", epochs=3, folder=tmp_path / "run", **options)
    rest = fit(network, "CartPole-v1", epochs=6, folder=tmp_path / "run", resume=True, **options)
    assert rest.stopped.best_epoch == best
    with pytest.raises(ConfigurationError, match="unknown monitor 'episodes'"):
        fit(network, "CartPole-v1", epochs=1, **{**options, "monitor": "episodes"})
