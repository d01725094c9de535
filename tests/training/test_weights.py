"""Weights of classes and examples, and ignored labels: what they change, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn, training
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.training.weights import class_weights

random = np.random.default_rng(0)
X = random.normal(size=(90, 3)).astype(np.float32)
Y = (X[:, 0] > 0.9).astype(np.int32)
MODEL = nn.Linear(3, 2).init(0)


def _fit(x: Any = X, y: Any = Y, model: nn.Module = MODEL, **options: Any) -> training.Run:
    return training.fit(model, x, y, progress=False, **{"epochs": 4, **options})


def test_balanced_is_that_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = random.integers(0, 4, 60)
    theirs = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_allclose(class_weights("balanced", labels, 4), theirs)


def test_equal_weights_change_nothing_but_rounding() -> None:
    plain, weighted = _fit(), _fit(sample_weight=np.full(90, 7.0))
    np.testing.assert_allclose(plain.history.objective, weighted.history.objective, rtol=1e-6)
    assert (plain.history.training_error == weighted.history.training_error).all()


def test_without_weights_no_array_is_added_to_a_batch() -> None:
    batch = training.training_data.arrays_split("data", X, Y).first(3)
    assert batch.weights is None
    assert len(jax.tree.leaves(batch)) == 2


def test_an_example_with_weight_0_teaches_nothing() -> None:
    wrong = Y.copy()
    wrong[:40] = 1 - wrong[:40]
    weights = np.where(np.arange(90) < 40, 0.0, 1.0)
    one = _fit(y=wrong, sample_weight=weights, batch_size=90)
    other = _fit(sample_weight=weights, batch_size=90)
    np.testing.assert_array_equal(one.model.weight, other.model.weight)


def test_development_objective_is_weighted_and_errors_are_not() -> None:
    weights = {0: 1.0, 1: 9.0}
    run = _fit(class_weight=weights, dev=(X[:50], Y[:50]))
    plain = run.evaluate((X[:50], Y[:50]))
    same = run.evaluate((X[:50], Y[:50]), class_weight=weights)
    assert run.history.development_objective[-1] == pytest.approx(same.objective, rel=1e-5)
    assert same.objective != pytest.approx(plain.objective, rel=1e-3)
    assert run.history.development_error[-1] == pytest.approx(plain.error)
    assert same.error == plain.error


def test_evaluation_is_the_weighted_mean_of_scikit_learn() -> None:
    from sklearn.metrics import log_loss

    run, weights = _fit(), random.uniform(0, 2, 90)
    theirs = log_loss(Y, run.predictor.probabilities(X), sample_weight=weights)
    ours = cp.evaluate(run, (X, Y), sample_weight=weights)
    assert ours.objective == pytest.approx(theirs, rel=1e-5)


def test_streamed_and_resident_data_give_the_same_run(tmp_path: Path) -> None:
    runs = []
    for stream in (False, True):
        made = data.Dataset("made", X, Y, "classification", stream=stream)
        splits = made.split(dev=0.2, test=0.0, seed=0)
        weights = np.linspace(0.5, 2, len(splits.train))
        runs.append(
            training.fit(
                MODEL, splits, epochs=3, sample_weight=weights, class_weight="balanced",
                progress=False,
            )
        )  # fmt: skip
    np.testing.assert_allclose(runs[0].history.objective, runs[1].history.objective, rtol=1e-5)
    for name in ("development_objective", "development_error"):
        np.testing.assert_allclose(
            getattr(runs[0].history, name), getattr(runs[1].history, name), rtol=1e-5
        )


def test_ignored_examples_are_not_counted_anywhere(tmp_path: Path) -> None:
    y = np.where(np.arange(90) % 3 == 0, -100, Y)
    run = _fit(y=y, dev=0.2, ignore_index=-100, folder=tmp_path / "run")
    for known in (run, cp.load(tmp_path / "run")):
        scored = known.evaluate((X, y))
        assert scored.examples == 60
        kept = known.evaluate((X[y >= 0], y[y >= 0]))
        assert scored.objective == kept.objective
        assert scored.error == kept.error


def test_an_ignored_label_of_places_is_not_counted() -> None:
    x = random.normal(size=(20, 5, 3)).astype(np.float32)
    y = random.integers(0, 2, (20, 5)).astype(np.int32)
    masked = np.where(y == 0, -1, y).astype(np.int32)
    options: dict[str, Any] = {"loss": "sequence_cross_entropy", "dev": 0.2}
    ours, same = _fit(x, y, ignore_index=0, **options), _fit(x, masked, **options)
    np.testing.assert_array_equal(ours.model.weight, same.model.weight)
    assert ours.evaluate((x, y)).objective == same.evaluate((x, masked)).objective


def test_class_weights_of_places_change_the_training() -> None:
    x = random.normal(size=(20, 5, 3)).astype(np.float32)
    y = random.integers(0, 2, (20, 5)).astype(np.int32)
    run = _fit(x, y, loss="sequence_cross_entropy", class_weight=[1.0, 40.0], epochs=60,
               learning_rate=0.1)  # fmt: skip
    assert (run.predict(x).argmax(-1) == 1).mean() > 0.9


def test_the_run_stores_its_weights_and_goes_on_only_with_the_same(tmp_path: Path) -> None:
    options = {"class_weight": "balanced", "folder": tmp_path / "run"}
    run = _fit(**options)
    noted = training.run_config.read_config(tmp_path / "run")["weights"]
    assert noted["class_weight"] == list(class_weights("balanced", Y, 2))
    assert run.config["weights"] == noted
    again = _fit(**options, epochs=6, resume=True)
    assert len(again.history) == 6
    with pytest.raises(ConfigurationError, match="class_weight"):
        _fit(epochs=8, resume=True, folder=tmp_path / "run", class_weight=[1.0, 2.0])
    with pytest.raises(ConfigurationError, match="weights"):
        _fit(epochs=8, resume=True, folder=tmp_path / "run")


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    options: dict[str, Any] = {"sample_weight": np.linspace(0, 1, 90), "dev": 0.2, "batch_size": 16}
    whole = _fit(epochs=6, **options)
    _fit(epochs=3, folder=tmp_path / "run", **options)
    again = _fit(epochs=6, folder=tmp_path / "run", resume=True, **options)
    np.testing.assert_array_equal(whole.model.weight, again.model.weight)


def test_pos_weight_belongs_to_the_loss_of_the_run(tmp_path: Path) -> None:
    y = Y[:, None].astype(np.float32)
    run = _fit(y=y, model=nn.Linear(3, 1), loss="binary_cross_entropy", pos_weight=5,
               dev=(X, y), folder=tmp_path / "run")  # fmt: skip
    expected = run.history.development_objective[-1]
    assert run.evaluate((X, y)).objective == pytest.approx(expected, rel=1e-5)
    assert cp.load(tmp_path / "run").evaluate((X, y)).objective == pytest.approx(expected, rel=1e-5)


def test_the_diagnosis_counts_what_a_class_weighs() -> None:
    y = np.zeros(90, np.int32)
    y[:3] = 1
    x = X.copy()
    x[:3] += 6

    def kinds(**options: Any) -> list[str]:
        found = cp.diagnose(_fit(x, y, epochs=20, learning_rate=0.05, **options), (x, y))
        return [one.kind for one in found.findings]

    assert "class_imbalance" in kinds()
    assert "class_imbalance" not in kinds(class_weight="balanced")


def test_an_error_above_that_of_a_constant_is_no_fault_where_classes_are_weighted() -> None:
    y = (X[:, 0] + random.normal(size=90) > 1.6).astype(np.int32)
    run = _fit(y=y, class_weight={0: 1.0, 1: 1000.0}, epochs=60, learning_rate=0.05)
    assert run.history.training_error[-1] > y.mean()
    kinds = [one.kind for one in cp.diagnose(run, (X, y)).findings]
    assert not {"underfitting", "below_linear_model", "labels_shuffled"} & set(kinds)


def test_the_report_names_the_weights(tmp_path: Path) -> None:
    from clearprop.glass.report import write_report

    y = np.where(np.arange(90) % 3 == 0, -100, Y)
    run = _fit(y=y, class_weight={1: 4.0}, dev=0.2, ignore_index=-100, metrics="f1")
    page = write_report(run, (X, y), path=tmp_path / "page.html").read_text()
    assert "class_weight" in page
    assert "ignore_index" in page
    assert "60" in page


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"class_weight": {7: 1.0}}, "no such class"),
        ({"class_weight": {"rain": 1.0}}, "no such class"),
        ({"class_weight": [1.0, 2.0, 3.0]}, "one weight for each class"),
        ({"class_weight": [-1.0, 2.0]}, "negative"),
        ({"class_weight": [0.0, 0.0]}, "all weights are 0"),
        ({"class_weight": "even"}, "unknown weights"),
        ({"class_weight": "balanced", "loss": "squared_error"}, "regression"),
        ({"class_weight": "balanced", "y": np.eye(2, dtype=np.float32)[Y]}, "label for each"),
        ({"sample_weight": np.ones(3)}, "one weight for each example"),
        ({"sample_weight": -np.ones(90)}, "negative"),
        ({"sample_weight": np.full(90, np.nan)}, "not finite"),
        ({"sample_weight": np.zeros(90)}, "all weights are 0"),
        ({"pos_weight": 2.0}, "pos_weight belongs"),
        ({"pos_weight": 2.0, "loss": "squared_error"}, "pos_weight belongs"),
        ({"ignore_index": 0, "loss": "squared_error"}, "no labels"),
        ({"ignore_index": 0.5}, "whole number"),
        ({"ignore_index": 0, "y": np.zeros(90, np.int32)}, "nothing is left"),
        ({"class_weight": "balanced", "augment": training.augmentation.Mixup(0.2)}, "mixed"),
        (
            {"sample_weight": np.ones(90), "loss": lambda z, t: 2 * nn.cross_entropy(z, t)},
            "one value for a batch",
        ),
    ],
)
def test_wrong_weights_are_refused_before_the_first_step(
    options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ClearpropError, match=problem) as caught:
        _fit(on_event=lambda event: pytest.fail("a step was taken"), **options)
    assert caught.value.fix


def test_mends_of_weights_work_as_printed() -> None:
    for options in ({"class_weight": {7: 1.0, 1: 3.0}}, {"class_weight": [1.0, 2.0, 3.0]}):
        with pytest.raises(ConfigurationError) as caught:
            _fit(**options)
        code = str(caught.value.fix).split(", or")[0]
        _fit(**eval(f"dict({code})"))  # what is printed is pasted
    with pytest.raises(ConfigurationError) as caught:
        _fit(sample_weight=np.ones(3))
    _fit(**eval(f"dict({str(caught.value.fix).split('  #')[0]})", {"np": np}))


def test_a_data_set_that_is_not_split_yet_takes_no_weights_of_examples() -> None:
    made = data.Dataset("made", X, Y, "classification")
    with pytest.raises(ConfigurationError, match="held out") as caught:
        training.fit(MODEL, made, sample_weight=np.ones(90), progress=False)
    assert "split" in str(caught.value.fix)


def test_classes_with_names_are_weighed_by_name() -> None:
    made = data.Dataset("made", X, Y, "classification", class_names=("dry", "wet"))
    run = training.fit(MODEL, made.split(seed=0), epochs=1, class_weight={"wet": 3}, progress=False)
    assert run.config["weights"]["class_weight"] == [1.0, 3.0]
    with pytest.raises(ConfigurationError, match="wett") as caught:
        training.fit(MODEL, made.split(seed=0), class_weight={"wett": 3}, progress=False)
    assert "'wet'" in str(caught.value.fix)


def test_names_of_classes_and_the_weight_of_a_side_come_from_the_run() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    names = np.where(x[:, 0] > 0, "yes", "no")
    run = cp.fit(nn.Linear(3, 2), x, names, epochs=2, progress=False)
    found = run.evaluate((x, names), class_weight={"yes": 3.0})
    assert found.class_names == ("no", "yes")
    sides = (x[:, 0] > 0).astype(int)
    run = cp.fit(nn.Linear(3, 1), x, sides, loss="binary_cross_entropy", pos_weight=7.0, epochs=2,
                 progress=False)  # fmt: skip
    by_name = run.evaluate((x, sides), loss="binary_cross_entropy").objective
    assert by_name == run.evaluate((x, sides)).objective
    assert by_name != run.evaluate((x, sides), pos_weight=1.0).objective
