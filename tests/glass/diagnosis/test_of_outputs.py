"""A last layer that does not fit, layers without a nonlinearity, and the linear model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from benchmarks.diagnosis.applied import applied
from clearprop import data, nn, ops
from clearprop.data import Splits, baselines
from clearprop.errors import DataError
from clearprop.glass.diagnosis import diagnose
from clearprop.glass.diagnosis.gathering import facts_of_run
from clearprop.glass.diagnosis.of_outputs import _by_numbers
from clearprop.glass.diagnosis.outputs import Outputs, ranking
from clearprop.glass.diagnosis.reference import linear
from clearprop.nn.fields import Array
from clearprop.training import Run, fit
from tests.glass.diagnosis.conftest import Parts, network, of, with_curves

Trained = Callable[..., Run]


class Own(nn.Module):
    """A network whose activations are lines of its own call."""

    first: nn.Linear
    second: nn.Linear
    between: bool = nn.static(default=True)

    def __init__(self, between: bool) -> None:
        self.first, self.second, self.between = nn.Linear(64, 16), nn.Linear(16, 10), between

    def __call__(self, x: Array) -> Array:
        z = self.first(x)
        return self.second(ops.relu(z) if self.between else z)


def behind(*last: str, units: int = 10) -> nn.Sequential:
    return nn.Sequential([nn.Linear(64, 16), "relu", nn.Linear(16, units), *last]).init(0)


@pytest.mark.parametrize(
    ("model", "loss", "targets"),
    [
        (behind("softmax"), "cross_entropy", "labels"),
        (behind("sigmoid"), "cross_entropy", "labels"),
        (behind("softmax", units=1), "binary_squared_error", "even"),
        (behind("relu", units=1), "binary_cross_entropy", "even"),
        (behind(units=1), "log_loss", "even"),
        (behind("tanh", units=1), "squared_error", "1 to 4"),
        (behind("relu", units=1), "squared_error", "negative"),
    ],
)
def test_a_last_layer_that_does_not_fit(
    model: nn.Sequential, loss: str, targets: str, digits: Parts
) -> None:
    (x, y), _ = digits
    numbers = np.random.default_rng(0).uniform(1.3, 4, (len(y), 1)).astype(np.float32)
    known = {"labels": y, "even": y % 2, "1 to 4": numbers, "negative": -numbers}
    pair = (x, known[targets])
    finding = of("last_layer", diagnose(model, pair, loss))
    assert finding.grade == "fault"
    after = applied(finding.fix, model, pair)
    again = diagnose(after.model, after.data, after.arguments["loss"])
    assert "last_layer" not in again.kinds


def test_the_numbers_show_it_where_the_operation_is_not_known(
    trained: Trained, iris: Splits
) -> None:
    bad = with_curves(trained(), objective=[1.0, 1.0], training_error=[0.6, 0.6])
    facts = facts_of_run(dataclasses.replace(bad, model=bad.model.init(1)))
    assert facts.loss is not None
    draw = np.random.default_rng(0)
    z = draw.normal(size=(200, 3))
    softmax = np.exp(3 * z) / np.exp(3 * z).sum(1, keepdims=True)
    for values, said in (
        (softmax, "sum to 1"), (1 / (1 + np.exp(-4 * z)), "between 0 and 1"),
        (np.tanh(3 * z), "between -1 and 1"), (np.maximum(z, 0), "exactly 0"), (z, ""),
    ):  # fmt: skip
        seen = Outputs(values, np.zeros(200, int), 0.6, 1.0, facts.loss)
        found = _by_numbers(facts, seen)
        assert (found is None) == (not said)
        assert found is None or said in found.sentence


def test_targets_at_the_ends_of_tanh_are_within_its_reach() -> None:
    x = np.random.default_rng(0).uniform(-5, 5, (250, 2)).astype(np.float32)
    y = np.where(np.linalg.norm(x, axis=1, keepdims=True) < 2.8, 1, -1).astype(np.float32)
    model = nn.Sequential(nn.Linear(2, 8), "tanh", nn.Linear(8, 2), "tanh", nn.Linear(2, 1), "tanh")
    run = fit(
        model, (x, y), loss="squared_error", learning_rate=0.03, epochs=100, batch_size=10, seed=1,
        progress=False,
    )  # fmt: skip
    outputs = run.predict(x)
    assert outputs.min() < -0.95
    assert 0.95 < outputs.max() < 1
    assert "last_layer" not in diagnose(run, (x, y)).kinds


def test_two_layers_without_a_nonlinearity(digits: Parts) -> None:
    layers = [nn.Linear(64, 16), nn.Linear(16, 16), "relu", nn.Linear(16, 10)]
    finding = of("missing_nonlinearity", diagnose(nn.Sequential(layers), digits[0]))
    assert finding.where == "layers.0 and layers.1"
    model = nn.Sequential(layers)
    after = applied(finding.fix, model, digits[0]).model
    assert "missing_nonlinearity" not in diagnose(after, digits[0]).kinds


def test_an_activation_may_be_a_line_of_code(digits: Parts) -> None:
    assert "missing_nonlinearity" not in diagnose(Own(True), digits[0]).kinds
    finding = of("missing_nonlinearity", diagnose(Own(False), digits[0]))
    assert finding.where == "first and second"
    assert "the whole network is one linear layer" in finding.sentence


@pytest.mark.parametrize("between", ["tanh", nn.LayerNorm(16), nn.Residual(nn.Linear(16, 16))])
def test_what_is_not_linear_or_has_another_path_is_left_alone(between: Any, digits: Parts) -> None:
    model = nn.Sequential([nn.Linear(64, 16), between, "relu", nn.Linear(16, 10)])
    assert "missing_nonlinearity" not in diagnose(model, digits[0]).kinds


def test_a_narrow_product_is_meant(digits: Parts) -> None:
    model = nn.Sequential([nn.Linear(64, 4), nn.Linear(4, 32), "relu", nn.Linear(32, 10)])
    assert "missing_nonlinearity" not in diagnose(model, digits[0]).kinds
    normed = nn.Sequential([nn.Linear(64, 16), nn.BatchNorm(16), nn.Linear(16, 10)])
    of("missing_nonlinearity", diagnose(normed, digits[0]))


def test_worse_than_a_line(trained: Trained, iris: Splits) -> None:
    level = np.array([1.0, 0.95, 0.94, 0.94, 0.94, 0.94])
    untrained = dataclasses.replace(trained(), model=network(4, 8, 3, activation="tanh").init(3))
    run = with_curves(untrained, objective=level, training_error=np.full(6, 0.6),
                      development_error=np.full(6, 0.6))  # fmt: skip
    found = diagnose(run, iris)
    finding = of("below_linear_model", found)
    assert finding.evidence["error of the simple prediction"] < 0.1
    assert "underfitting" not in found.kinds  # more units are not what is missing
    call = applied(finding.fix, network(4, 8, 3), iris).arguments
    assert (call["optimizer"], call["learning_rate"]) == ("adam", 0.001)
    assert "below_linear_model" not in diagnose(trained(), iris).kinds


def test_a_ranking_does_not_depend_on_the_ratio_of_the_classes() -> None:
    draw = np.random.default_rng(0)
    for ones in (20, 500):
        labels = np.r_[np.zeros(1000, int), np.ones(ones, int)]
        scores = draw.normal(size=(len(labels), 1)) + labels[:, None]
        deviations, _, fraction = ranking(np.concatenate([-scores, scores], 1), labels)
        assert deviations > 4
        assert 0.65 < fraction < 0.9
    assert ranking(np.zeros((4, 2)), np.array([0, 0, 0, 1])) == (0.0, 0, 0.5)


def test_a_linear_model_of_more_columns_than_examples(digits: Parts) -> None:
    (x, y), _ = digits
    few, labels = x[:200], y[:200]
    wide = np.kron(few.reshape(-1, 8, 8), np.ones((1, 3, 3))).reshape(len(few), -1)  # 576 columns
    narrow = linear(few, labels, True)
    found = linear(wide, labels, True)
    assert narrow is not None
    assert found is not None
    assert found.error < 0.15
    assert abs(found.error - narrow.error) < 0.05
    numbers = linear(wide, few[:, 20:21].astype(np.float64), False)
    assert numbers is not None
    assert numbers.error < 0.5 * few[:, 20].std()


def test_baselines_in_python() -> None:
    found = baselines(data.load("iris").split(dev=0.2, test=0.0))
    assert found["error of logistic regression"] < 0.15
    assert found["error of the most frequent class"] > 0.5
    assert found["log loss of logistic regression"] < found["log loss of the class frequencies"]
    numbers = baselines(data.load("diabetes").split(dev=0.2))
    assert numbers["RMSE of ridge regression"] < 0.9 * numbers["RMSE of the mean"]
    wave = data.series.windows(np.sin(np.arange(400) / 9), window=12, horizon=1)
    series = baselines(wave.split(dev=0.2))
    assert series["RMSE of ridge regression"] < series["RMSE of persistence"] < 0.5
    with pytest.raises(DataError, match="no development examples"):
        baselines((np.ones((4, 2)), np.ones(4)))


def test_a_linear_end_is_not_taken_for_an_activation_by_chance() -> None:
    """Outputs that hardly moved may lie between 0 and 1, and are still those of a linear layer."""
    x, y = load_diabetes(return_X_y=True)
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    run = fit(model, x, y, loss="squared_error", progress=False)
    low, high = run.predict(x).min(), run.predict(x).max()
    assert 0 <= low < high <= 1, "the case that this test is about"
    found = diagnose(run, (x, y))
    assert [one.kind for one in found.faults] == ["targets_not_scaled"]
