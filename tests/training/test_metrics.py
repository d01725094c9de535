"""Metrics: scikit-learn's numbers of the whole development set, wherever a run shows them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn import metrics as sklearn_metrics

import clearprop as cp
from clearprop import data, nn, training
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.training.events import EpochDone, from_line, to_line
from clearprop.training.metrics import OF_CLASSES, OF_NUMBERS, compute, find_metrics
from clearprop.training.progress import Reporter

random = np.random.default_rng(0)
X = random.normal(size=(700, 3)).astype(np.float32)
Y = np.digitize(X[:, 0] + random.normal(size=700) / 2, [-0.5, 0.8]).astype(np.int32)
NUMBERS = (X @ random.normal(size=(3, 2)) + random.normal(size=(700, 2)) / 3).astype(np.float32)
Z = random.normal(size=(200, 4))
LABELS = random.integers(0, 4, 200)
P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)


def _fit(y: Any = Y, units: int = 3, **options: Any) -> training.Run:
    return training.fit(
        nn.Linear(3, units), X, y, progress=False,
        **{"epochs": 3, "dev": (X[:600], y[:600]), **options},
    )  # fmt: skip


def _of(names: Any, z: Any, t: Any, loss: str = "cross_entropy") -> dict[str, float]:
    return compute(find_metrics(names), np.asarray(z), np.asarray(t), nn.find_loss(loss))


def test_metrics_of_several_classes_are_those_of_scikit_learn() -> None:
    guess, one_hot, m = Z.argmax(1), np.eye(4)[LABELS], sklearn_metrics
    expected = {
        "accuracy": (guess == LABELS).mean(),
        "balanced_accuracy": m.balanced_accuracy_score(LABELS, guess),
        "precision_macro": m.precision_score(LABELS, guess, average="macro"),
        "recall_macro": m.recall_score(LABELS, guess, average="macro"),
        "f1_macro": m.f1_score(LABELS, guess, average="macro"),
        "f1_weighted": m.f1_score(LABELS, guess, average="weighted"),
        "matthews_corrcoef": m.matthews_corrcoef(LABELS, guess),
        "cohen_kappa": m.cohen_kappa_score(LABELS, guess),
        "roc_auc": np.mean([m.roc_auc_score(k == LABELS, P[:, k]) for k in range(4)]),
        "average_precision": np.mean(
            [m.average_precision_score(k == LABELS, P[:, k]) for k in range(4)]
        ),
        "log_loss": -np.log(P[np.arange(200), LABELS]).mean(),
        "brier_score": np.square(P - one_hot).sum(1).mean(),
        "top_2_accuracy": m.top_k_accuracy_score(LABELS, Z, k=2),
    }
    ours = _of(list(expected), Z, LABELS)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, rel=1e-9), name
    assert _of("accuracy", Z, np.eye(4, dtype=np.float32)[LABELS]) == _of("accuracy", Z, LABELS)


@pytest.mark.parametrize("form", ["two", "one"])
def test_metrics_of_two_classes_are_those_of_scikit_learn(form: str) -> None:
    z, t, m = Z[:, :2], LABELS % 2, sklearn_metrics
    score = z[:, 1] - z[:, 0]
    p, guess = 1 / (1 + np.exp(-score)), (score > 0).astype(int)
    names = ["precision", "recall", "f1", "roc_auc", "average_precision", "log_loss", "brier_score"]
    if form == "two":
        ours = _of(names, z, t)
    else:
        ours = _of(names, score[:, None], t[:, None].astype(np.float32), "binary_cross_entropy")
    assert ours == {
        "precision": pytest.approx(m.precision_score(t, guess)),
        "recall": pytest.approx(m.recall_score(t, guess)),
        "f1": pytest.approx(m.f1_score(t, guess)),
        "roc_auc": pytest.approx(m.roc_auc_score(t, p)),
        "average_precision": pytest.approx(m.average_precision_score(t, p)),
        "log_loss": pytest.approx(m.log_loss(t, p)),
        "brier_score": pytest.approx(m.brier_score_loss(t, p)),
    }


def test_metrics_of_several_labels_of_an_example() -> None:
    t, m = (random.uniform(size=(200, 4)) > 0.6).astype(np.float32), sklearn_metrics
    guess, p = (Z >= 0).astype(int), 1 / (1 + np.exp(-Z))
    ours = _of(["accuracy", "f1_macro", "roc_auc", "average_precision", "log_loss"], Z, t,
               "binary_cross_entropy")  # fmt: skip
    assert ours == {
        "accuracy": pytest.approx(m.accuracy_score(t, guess)),
        "f1_macro": pytest.approx(m.f1_score(t, guess, average="macro")),
        "roc_auc": pytest.approx(m.roc_auc_score(t, p, average="macro")),
        "average_precision": pytest.approx(m.average_precision_score(t, p, average="macro")),
        "log_loss": pytest.approx(np.mean([m.log_loss(t[:, k], p[:, k]) for k in range(4)])),
    }


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.4, 0.6], [0.6, 0.4]])
    right = np.array([0, 1, 1, 0])
    # Two answers with confidence 0.95, of which one is right; two with 0.6, both right.
    expected = 2 / 4 * abs(0.95 - 0.5) + 2 / 4 * abs(0.6 - 1.0)
    ours = _of("expected_calibration_error", np.log(p), right)
    assert ours["expected_calibration_error"] == pytest.approx(expected)


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    t, made, m = NUMBERS, NUMBERS + random.normal(size=NUMBERS.shape), sklearn_metrics
    assert _of(list(OF_NUMBERS), made, t, "squared_error") == {
        "r2": pytest.approx(m.r2_score(t, made)),
        "mean_absolute_error": pytest.approx(m.mean_absolute_error(t, made)),
        "mean_squared_error": pytest.approx(m.mean_squared_error(t, made)),
        "root_mean_squared_error": pytest.approx(m.root_mean_squared_error(t, made)),
        "median_absolute_error": pytest.approx(m.median_absolute_error(t, made)),
        "mean_absolute_percentage_error": pytest.approx(m.mean_absolute_percentage_error(t, made)),
        "explained_variance": pytest.approx(m.explained_variance_score(t, made)),
        "max_error": pytest.approx(np.abs(t - made).max(), rel=1e-6),
    }


def test_places_without_a_label_do_not_count() -> None:
    z, t = Z.reshape(50, 4, 4), LABELS.reshape(50, 4).copy()
    t[:, 2:] = -1
    counted = _of(["accuracy", "f1_macro"], z[:, :2].reshape(-1, 4), t[:, :2].ravel())
    assert _of(["accuracy", "f1_macro"], z, t, "sequence_cross_entropy") == counted


def test_what_is_not_defined_is_nan() -> None:
    assert np.isnan(_of("roc_auc", Z[:, :2], np.zeros(200, int))["roc_auc"])
    assert np.isnan(_of("accuracy", np.full((200, 4), np.nan), LABELS)["accuracy"])
    assert _of("f1", np.array([[1.0, 0.0]] * 3), [1, 1, 0])["f1"] == 0


def _distance(outputs: Any, targets: Any) -> float:
    assert outputs.shape == (600, 3)
    assert targets.shape == (600,)
    return float(np.abs(outputs[np.arange(600), targets]).mean())


def test_a_run_has_the_metrics_of_the_whole_development_set(tmp_path: Path) -> None:
    seen: list[EpochDone] = []
    run = _fit(
        metrics=["roc_auc", "f1_macro", _distance],
        folder=tmp_path / "run",
        on_event=lambda event: seen.append(event) if isinstance(event, EpochDone) else None,
    )
    made, truth = run.predict(X[:600]), Y[:600]
    powers = np.exp(made.astype(np.float64))
    chances = powers / powers.sum(1, keepdims=True)
    expected = sklearn_metrics.roc_auc_score(truth, chances, multi_class="ovr")
    assert run.history.metrics["roc_auc"][-1] == pytest.approx(expected, rel=1e-6)
    f1 = sklearn_metrics.f1_score(truth, made.argmax(1), average="macro")
    assert run.history.metrics["f1_macro"][-1] == pytest.approx(f1)
    assert run.history.metrics["_distance"][-1] == pytest.approx(_distance(made, truth), rel=1e-5)
    assert dict(seen[-1].metrics) == {k: v[-1] for k, v in run.history.metrics.items()}
    scored = run.evaluate((X[:600], truth), metrics=["roc_auc", "f1_macro"])
    assert scored.metrics["f1_macro"] == pytest.approx(f1)
    header, *rows = (tmp_path / "run" / "curves.csv").read_text().splitlines()
    assert header.endswith("seconds,roc_auc,f1_macro,_distance")
    assert len(rows) == 3
    stored = training.read_run(tmp_path / "run").history.metrics
    assert {k: v.tolist() for k, v in stored.items()} == {
        k: v.tolist() for k, v in run.history.metrics.items()
    }
    assert run.config["metrics"] == ["roc_auc", "f1_macro", "_distance"]


def test_metrics_change_no_bit_of_the_weights_where_epochs_are_calls() -> None:
    plain, measured = _fit(steps_per_call=5), _fit(steps_per_call=5, metrics="accuracy")
    np.testing.assert_array_equal(plain.model.weight, measured.model.weight)
    assert plain.history.metrics == {}
    np.testing.assert_allclose(
        measured.history.metrics["accuracy"], 1 - measured.history.development_error, rtol=1e-6
    )


def test_streamed_examples_have_the_same_metrics() -> None:
    found = []
    for stream in (False, True):
        made = data.Dataset("made", X, Y, "classification", stream=stream)
        splits = made.split(dev=0.8, test=0.0, seed=0)
        run = training.fit(
            nn.Linear(3, 3), splits, epochs=2, metrics=["log_loss", "roc_auc"], progress=False
        )
        assert run.config["plan"]["epochs_per_call"] == 0
        found.append(run.history.metrics)
    for name in ("log_loss", "roc_auc"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-5)


def test_metrics_of_scaled_targets_are_in_their_units() -> None:
    made = data.Dataset("made", X, NUMBERS[:, 0] * 1000 + 5000, "regression")
    splits = made.split(dev=0.5, test=0.0, seed=0)
    run = training.fit(
        nn.Linear(3, 1), splits, loss="mean_squared_error", epochs=2,
        metrics="root_mean_squared_error", progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(
        run.history.metrics["root_mean_squared_error"], run.history.development_error, rtol=1e-4
    )
    assert run.history.metrics["root_mean_squared_error"][-1] > 50


def test_a_resumed_run_and_a_fork_have_metrics(tmp_path: Path) -> None:
    whole = _fit(epochs=4, metrics="f1_macro", snapshots=[0])
    _fit(epochs=2, metrics="f1_macro", folder=tmp_path / "run")
    again = _fit(epochs=4, metrics="f1_macro", folder=tmp_path / "run", resume=True)
    np.testing.assert_array_equal(
        whole.history.metrics["f1_macro"], again.history.metrics["f1_macro"]
    )
    fork = _fit(epochs=4, snapshots=[0]).fork(0, metrics=["accuracy"])
    assert len(fork.history.metrics["accuracy"]) == 4


def test_metrics_stand_on_the_bar_and_in_the_report(tmp_path: Path) -> None:
    from clearprop.glass.report import write_report

    text = io.StringIO()
    with Reporter(Console(file=text, width=200)) as report:
        report(EpochDone(1, 10, 0.5, 0.25, 0.2, 0.4, 0.1, 2.0, 160.0, {"roc_auc": 0.8125}))
    assert "roc_auc 0.8125" in text.getvalue()
    page = write_report(_fit(metrics="roc_auc"), (X, Y), path=tmp_path / "page.html").read_text()
    assert "roc auc" in page
    assert "after epoch 3" in page


def test_an_event_without_metrics_is_written_as_before() -> None:
    plain = EpochDone(1, 10, 0.5, 0.25, None, None, 0.1, 2.0, 160.0)
    assert "metrics" not in to_line(plain)
    assert from_line(to_line(plain)) == plain
    measured = EpochDone(1, 10, 0.5, 0.25, 0.1, 0.2, 0.1, 2.0, 1.0, {"a": 0.5, "b": float("inf")})
    assert from_line(to_line(measured)) == measured


@pytest.mark.parametrize(
    ("metrics", "problem", "fix"),
    [
        ("auc", "unknown metric", "roc_auc"),
        ("f1_makro", "unknown metric", "f1_macro"),
        ("f1", "one of two classes", "f1_macro"),
        ("r2", "metric of regression", "accuracy"),
        ("top_3_accuracy", "always among", "top_2_accuracy"),
        (["accuracy", "accuracy"], "one name", "first"),
        (3, "name or a function", "accuracy"),
        ([4], "name or a function", "accuracy"),
        (lambda z, t: z, "one number", "mean"),
        (lambda z: 1.0, "the metric failed", "outputs, targets"),
    ],
)
def test_wrong_metrics_are_refused_before_the_first_step(
    metrics: Any, problem: str, fix: str
) -> None:
    def fail(event: object) -> None:
        pytest.fail("a step was taken")

    with pytest.raises(ClearpropError, match=problem) as caught:
        _fit(metrics=metrics, on_event=fail)
    assert fix in str(caught.value.fix)


def test_metrics_need_development_examples_and_probabilities() -> None:
    with pytest.raises(ConfigurationError, match="development set") as caught:
        _fit(metrics="accuracy", dev=None)
    assert "dev=0.1" in str(caught.value.fix)
    with pytest.raises(ConfigurationError, match="needs probabilities"):
        _fit((Y > 0).astype(np.float32)[:, None], 1, loss="hinge", metrics="log_loss")


def test_every_word_of_other_libraries_names_one_of_ours() -> None:
    from clearprop import elsewhere

    for word, ours in elsewhere.METRICS.items():
        if word not in {**OF_CLASSES, **OF_NUMBERS}:
            with pytest.raises(ConfigurationError, match="unknown metric") as caught:
                find_metrics(word)
            assert ours in str(caught.value.fix)
        assert find_metrics(ours)


def test_a_bare_model_is_evaluated_with_metrics() -> None:
    scored = cp.evaluate(nn.Linear(3, 3).init(0), (X, Y), metrics="accuracy")
    assert scored.metrics["accuracy"] == pytest.approx(1 - scored.error)
