"""Targets of one class, of another form, of another kind of loss, rare or never predicted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from clearprop import ops, tree
from clearprop.data import Splits
from clearprop.glass.diagnosis import diagnose, of_targets
from clearprop.glass.diagnosis.gathering import facts_of_model, facts_of_run
from clearprop.glass.diagnosis.of_targets import _network_strength
from clearprop.glass.diagnosis.reference import is_ordered
from clearprop.training import Run, fit
from tests.glass.diagnosis.conftest import Parts, network, of, with_curves

Trained = Callable[..., Run]
ROWS = np.eye(10, dtype=np.float32)


def absolute(outputs: Any, targets: Any) -> Any:
    return ops.sum(ops.abs(outputs - targets), axis=1)


def test_targets_of_one_class(digits: Parts) -> None:
    (x, y), dev = digits
    finding = of("single_class", diagnose(network(64, 16, 10), (x, 0 * y)))
    assert finding.evidence == {"examples": 256, "different targets": 1}
    first = y == 3
    found = diagnose(network(64, 16, 10), (x[first], y[first]), dev=dev)
    finding = of("single_class", found)
    assert "the examples are sorted" in finding.sentence
    after = applied(finding.fix, network(64, 16, 10), (x[first], y[first]), dev=dev)
    assert len(set(after.data[1])) == 10
    assert 0 < after.arguments["dev"] < 1
    assert "single_class" not in diagnose(network(64, 16, 10), (x, y)).kinds


@pytest.mark.parametrize("scale", [100.0, 0.5])
def test_rows_that_are_no_probabilities(scale: float, digits: Parts) -> None:
    (x, y), _ = digits
    pair = (x, scale * ROWS[y])
    model = network(64, 16, 10)
    finding = of("invalid_targets", diagnose(model, pair, "cross_entropy"))
    after = applied(finding.fix, model, pair)
    loss = after.arguments["loss"]
    assert "invalid_targets" not in diagnose(model, after.data, loss).kinds
    assert "invalid_targets" not in diagnose(model, (x, ROWS[y]), "cross_entropy").kinds


def test_several_labels_are_no_classes(digits: Parts) -> None:
    (x, y), _ = digits
    labels = np.stack([y > 4, y % 2 == 0, y == 7], axis=1).astype(np.float32)
    labels[:, 2] *= np.arange(len(y)) < 40  # the third label is very rare
    found = diagnose(network(64, 16, 3), (x, labels), "binary_cross_entropy")
    assert found.faults == ()
    facts = facts_of_model(network(64, 16, 3), (x, labels), None, "binary_cross_entropy")
    assert facts.baseline == pytest.approx(np.minimum(labels.mean(0), 1 - labels.mean(0)).mean())
    assert facts.reference is not None
    assert facts.reference.strength > 6
    finding = of("invalid_targets", diagnose(network(64, 16, 3), (x, labels), "cross_entropy"))
    assert applied(finding.fix, network(64, 16, 3), (x, labels)).arguments["loss"] == (
        "binary_cross_entropy"
    )


@pytest.mark.parametrize(("loss", "kind"), [("squared_error", "squared"), (absolute, "absolute")])
def test_one_hot_classes_under_a_loss_of_numbers(loss: Any, kind: str, digits: Parts) -> None:
    (x, y), _ = digits
    model = network(64, 16, 10)
    finding = of("unsuitable_loss", diagnose(model, (x, ROWS[y]), loss))
    assert f"the {kind} error" in finding.sentence
    after = applied(finding.fix, model, (x, ROWS[y]), loss=loss)
    assert after.arguments["loss"] == "cross_entropy"
    numbers = np.random.default_rng(0).normal(size=(len(y), 10)).astype(np.float32)
    assert "unsuitable_loss" not in diagnose(model, (x, numbers), loss).kinds


def test_class_numbers_under_a_loss_of_numbers(digits: Parts) -> None:
    (x, y), _ = digits
    pair = (x, y.astype(np.float32)[:, None])
    model = network(64, 16, 1)
    finding = of("unsuitable_loss", diagnose(model, pair, "squared_error"))
    assert finding.grade == "fault"
    after = applied(finding.fix, model, pair)
    assert "unsuitable_loss" not in diagnose(after.model.init(0), after.data).kinds
    assert after.arguments["loss"] == "cross_entropy"


@pytest.mark.parametrize(
    "loss",
    [lambda y, t: ops.mean(ops.abs(y - t)), lambda y, t: ops.sum(ops.square(y - t), axis=1)],
)
def test_class_numbers_under_an_error_of_your_own(loss: Any, digits: Parts) -> None:
    (x, y), dev = digits
    pair = (x, y.astype(np.float32)[:, None])
    model = network(64, 16, 1)
    finding = of("unsuitable_loss", diagnose(model, pair, loss))
    assert finding.grade == "fault"
    after = applied(finding.fix, model, pair, dev=(dev[0], dev[1][:, None]), loss=loss)
    assert after.arguments["loss"] == "cross_entropy"
    call = {**after.arguments, "epochs": 40}
    run = fit(after.model.init(0), after.data, progress=False, **call)
    assert run.history.training_error[-1] < 0.1
    shifted = (x, pair[1] + 0.5)
    assert "unsuitable_loss" not in diagnose(model, shifted, loss).kinds


def test_grades_are_numbers() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    grades = np.clip(np.round(3 + x[:, 0] + x[:, 1] / 4), 1, 5).astype(np.int32)
    assert is_ordered(x, grades)
    found = diagnose(network(3, 16, 1), (x, grades), "squared_error")
    assert "unsuitable_loss" not in [finding.kind for finding in found.faults]


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_rare_class_with_a_weak_signal_is_not_shuffled(share: float) -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(1500, 12)).astype(np.float32)
    y = (draw.random(1500) < share).astype(np.int32)
    x[:, 0] += 1.0 * y
    model = network(12, 8, 2)
    assert "labels_shuffled" not in diagnose(model, (x, y)).kinds
    of("labels_shuffled", diagnose(model, (x, draw.permutation(y))))


def test_three_weak_signs_are_a_sure_one(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=(200, 4)).astype(np.float32), draw.permutation(np.arange(200) % 2)
    run = fit(network(4, 8, 2), (x, y), epochs=1, progress=False)
    found = {}
    for line, own in ((1.5, 1.5), (3.7, 3.7)):
        monkeypatch.setattr(of_targets, "_linear_strength", lambda *_, line=line: line)
        monkeypatch.setattr(of_targets, "_network_strength", lambda *_, own=own: own)
        found[line] = "labels_shuffled" in diagnose(run, (x, y)).kinds
    assert found == {1.5: True, 3.7: False}


def test_the_networks_own_ranking_counts_too(trained: Trained, iris: Splits) -> None:
    facts = facts_of_run(trained(), iris)
    assert facts.train is not None
    assert _network_strength(facts, facts.train) > 4
    unknown = facts_of_run(trained(), (np.zeros((60, 4)), np.zeros(60, int)))
    assert unknown.part is not None
    assert _network_strength(unknown, unknown.part) == 0


def test_a_class_that_is_never_predicted(trained: Trained, iris: Splits) -> None:
    run = trained()
    bias = np.array(run.model[2].bias)
    bias[1] = -100
    lost = dataclasses.replace(run, model=tree.replace(run.model, {"layers.2.bias": bias}))
    lost = with_curves(lost, objective=[1.0, 0.9], training_error=[0.3, 0.3])
    found = diagnose(lost, iris)
    finding = of("class_never_predicted", found)
    assert "versicolor" in finding.where
    assert finding.evidence["share"] == pytest.approx(1 / 3, abs=0.05)
    assert finding.evidence["ranking"] > 0.6
    assert "class_never_predicted" not in diagnose(run, iris).kinds


def test_a_loss_of_your_own_is_not_compared_with_other_errors(trained: Trained) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    y = x[:, :3].copy()
    run = dataclasses.replace(
        trained(), loss=None, config={**trained().config, "loss": "absolute", "task": "regression"}
    )
    facts = facts_of_run(run, (x, y), None, absolute)
    assert facts.own_loss
    assert facts.baseline is None
    assert facts.reference is None
    unknown = facts_of_run(run, (x, np.zeros(60, int)))
    assert not unknown.classifies
    assert "class_imbalance" not in diagnose(run, (x, np.arange(60) // 59)).kinds
