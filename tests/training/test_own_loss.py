"""Losses that are functions: classes stay classes, means stay means, and a lost sign is told.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn, ops
from clearprop.errors import ConfigurationError, ModelError
from clearprop.training.own_loss import suited
from clearprop.training.seam import find_mismatches

N = 60
DRAW = np.random.default_rng(0)
LABELS = np.arange(N) % 3
NUMBERS = DRAW.normal(size=(N, 1)).astype(np.float32)
SIDES = (np.arange(N) % 2).astype(np.float32)[:, None]
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
Loss = Callable[[Any, Any], Any]

OF_CLASSES: dict[str, tuple[Loss, Any]] = {
    "index": (lambda z, t: -ops.log_softmax(z)[np.arange(len(t)), t], LABELS),
    "mean": (lambda z, t: -ops.log_softmax(z)[np.arange(len(t)), t].mean(), LABELS),
    "one-hot": (lambda z, t: -(ops.one_hot(t, 3) * ops.log_softmax(z)).sum(-1), LABELS),
    "weighted": (
        lambda z, t: ops.softmax_cross_entropy(z, t) * np.array([1.0, 5.0, 0.1])[t], LABELS),
    "probabilities": (
        lambda p, t: -ops.log(ops.clip(p, low=1e-6))[np.arange(len(t)), t], LABELS),
    "rows": (lambda z, t: -(t * ops.log_softmax(z)).sum(-1), ONE_HOT),
}  # fmt: skip

OF_NUMBERS: dict[str, tuple[Loss, tuple[int, ...], Any]] = {
    "absolute": (lambda y, t: ops.abs(y - t).mean(-1), (1,), NUMBERS),
    "mean": (lambda y, t: ops.mean((y - t) ** 2), (1,), NUMBERS),
    "quantiles of counts": (
        lambda y, t: ops.maximum(0.5 * (t[:, None] - y), 0.5 * (y - t[:, None])).sum(-1),
        (3,), LABELS),
    "squared error of rows": (lambda y, t: ((y - t) ** 2).sum(-1), (3,), ONE_HOT),
    "two sides": (lambda z, t: ops.sigmoid_binary_cross_entropy(z, t).mean(-1), (1,), SIDES),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_loss_of_classes_is_classification(name: str) -> None:
    loss, y = OF_CLASSES[name]
    found = suited(nn.find_loss(loss), (3,), y)
    assert (found.task, found.error_name) == ("classification", "error rate")


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_another_loss_is_its_own_error(name: str) -> None:
    loss, shape, y = OF_NUMBERS[name]
    found = suited(nn.find_loss(loss), shape, y)
    assert (found.task, found.error_name) == ("regression", "loss")


def test_a_run_with_an_own_loss_counts_wrong_classes() -> None:
    digits = data.load("digits").split(dev=0.2, test=0)

    def own(z: Any, t: Any) -> Any:
        return -ops.log_softmax(z)[np.arange(len(t)), t]

    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    run = cp.fit(model, digits, loss=own, epochs=3, progress=False)
    named = cp.fit(model, digits, loss="cross_entropy", epochs=3, progress=False)
    np.testing.assert_allclose(
        run.history.development_error, named.history.development_error, atol=1e-6
    )
    assert digits.dev is not None
    assert run.evaluate(digits.dev).accuracy == named.evaluate(digits.dev).accuracy
    assert run.predictor.labels(digits.dev.inputs[:2]).shape == (2,)


def test_a_mean_is_not_biased_by_the_examples_that_fill_up_a_batch() -> None:
    x = DRAW.normal(size=(70, 4)).astype(np.float32)
    y = x[:, :1] ** 2
    train, dev = (x[:33], y[:33]), (x[33:], y[33:])  # 37 examples: one batch of 32, and 5 more
    curves = []
    for loss in (lambda z, t: ops.mean((z - t) ** 2), lambda z, t: ((z - t) ** 2).mean(-1)):
        run = cp.fit(nn.Linear(4, 1), train, loss=loss, dev=dev, epochs=2, progress=False)
        curves.append(run.history.development_objective)
        outputs = cp.predict(run.model, dev[0])
        exact = float(((outputs - dev[1]) ** 2).mean())
        np.testing.assert_allclose(run.history.development_objective[-1], exact, rtol=1e-5)
    np.testing.assert_allclose(*curves, rtol=1e-5)


def test_a_loss_that_mixes_its_batch_stays_as_it_is() -> None:
    def spread(z: Any, t: Any) -> Any:
        return ops.mean((z - t - ops.mean(z - t)) ** 2)

    assert suited(nn.find_loss(spread), (1,), NUMBERS).measured is None


WRONG: dict[str, tuple[Loss, int, Any]] = {
    "log likelihood": (lambda z, t: ops.log_softmax(z)[np.arange(len(t)), t], 3, LABELS),
    "its mean": (lambda z, t: ops.mean(ops.log_softmax(z)[np.arange(len(t)), t]), 3, LABELS),
    "focus on the easy": (
        lambda z, t: -ops.log_softmax(z)[np.arange(len(t)), t]
        * ops.softmax(z)[np.arange(len(t)), t] ** 2, 3, LABELS),
    "of two sides": (lambda z, t: -ops.sigmoid_binary_cross_entropy(z, t).mean(-1), 1, SIDES),
    "squared error": (lambda y, t: -((y - t) ** 2).mean(-1), 1, NUMBERS),
    "probabilities": (
        lambda p, t: ops.log(ops.clip(p, low=1e-6))[np.arange(len(t)), t], 3, LABELS),
}  # fmt: skip

CANCELLING: dict[str, tuple[Loss, int, Any]] = {
    "square of the mean": (lambda y, t: ops.mean(y - t) ** 2, 1, NUMBERS),
    "no square": (lambda y, t: ops.abs(ops.mean(y - t)), 1, NUMBERS),
}

MEANT: dict[str, tuple[Loss, int, Any]] = {
    "a critic": (lambda z, t: ops.mean(z * t), 1, 2 * SIDES - 1),
    "a distance that grows": (
        lambda z, t: t[:, 0] * z[:, 0] ** 2 + (1 - t[:, 0]) * ops.relu(1 - z[:, 0]) ** 2, 1, SIDES),
    "without a mean": (lambda y, t: ops.mean((y - t - ops.mean(y - t)) ** 2), 1, NUMBERS),
    "squared error": (lambda y, t: ops.mean((y - t) ** 2), 1, NUMBERS),
    "a likelihood": (lambda z, t: -ops.log_softmax(z)[np.arange(len(t)), t], 3, LABELS),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_loss_without_its_minus_sign(name: str) -> None:
    loss, outputs, y = WRONG[name]
    x = np.zeros((N, 4), np.float32)
    [found] = find_mismatches(nn.Linear(4, outputs).init(0), loss, x, y)
    assert (found.kind, found.severity) == ("wrong_sign", "warning")
    assert ("negative" in found.fix) is (name != "focus on the easy")


@pytest.mark.parametrize("name", CANCELLING)
def test_errors_that_cancel_each_other_out(name: str) -> None:
    loss, outputs, y = CANCELLING[name]
    x = np.zeros((N, 4), np.float32)
    [found] = find_mismatches(nn.Linear(4, outputs).init(0), loss, x, y)
    assert (found.kind, found.severity) == ("cancelling_errors", "warning")


@pytest.mark.parametrize("name", MEANT)
def test_other_losses_have_their_sign(name: str) -> None:
    loss, outputs, y = MEANT[name]
    x = np.zeros((N, 4), np.float32)
    kinds = [one.kind for one in find_mismatches(nn.Linear(4, outputs).init(0), loss, x, y)]
    assert not {"wrong_sign", "cancelling_errors"} & set(kinds)


def test_a_function_with_the_name_of_a_loss_is_not_that_loss() -> None:
    def cross_entropy(z: Any, t: Any) -> Any:
        return ops.softmax_cross_entropy(z, t) * np.array([1.0, 5.0, 0.1])[t]

    assert nn.find_loss(cross_entropy).name == "own cross_entropy"


POOLED: dict[str, Loss] = {
    "sum": lambda z, t: ops.sum((z - t) ** 2),
    "root mean square": lambda z, t: ops.sqrt(ops.mean((z - t) ** 2)),
    "mean": lambda z, t: ops.mean((z - t) ** 2),
}


@pytest.mark.parametrize("name", POOLED)
def test_a_value_for_the_whole_batch_has_no_weights(name: str) -> None:
    x = DRAW.normal(size=(N, 4)).astype(np.float32)
    options: dict[str, Any] = {"epochs": 1, "progress": False, "loss": POOLED[name]}
    with pytest.raises(ConfigurationError, match="loss of each example"):
        cp.fit(nn.Linear(4, 1), x, NUMBERS, sample_weight=np.arange(N) + 1.0, **options)
    if name == "mean":  # its parts add up
        cp.fit(nn.Linear(4, 1), x, NUMBERS, batch_size=16, micro_batch_size=4, **options)
        return
    with pytest.raises(ConfigurationError, match="do not add up"):
        cp.fit(nn.Linear(4, 1), x, NUMBERS, batch_size=16, micro_batch_size=4, **options)


def test_an_evaluation_weighs_a_mean_by_its_examples() -> None:
    x = DRAW.normal(size=(N, 4)).astype(np.float32)
    model, weights = nn.Linear(4, 1).init(0), np.linspace(0.01, 5, N)
    found = [
        cp.evaluate(model, (x, NUMBERS), loss, sample_weight=weights).objective
        for loss in (POOLED["mean"], lambda z, t: ((z - t) ** 2).mean(-1))
    ]
    np.testing.assert_allclose(*found, rtol=1e-5)
    with pytest.raises(ConfigurationError, match="loss of each example"):
        cp.evaluate(model, (x, NUMBERS), POOLED["root mean square"], sample_weight=weights)


def test_padding_of_an_own_loss_of_sequences_stays_out() -> None:
    x = DRAW.normal(size=(N, 5, 4)).astype(np.float32)
    y = np.where(np.arange(5) < 3, np.arange(N)[:, None] % 3, -1)

    def masked(z: Any, t: Any) -> Any:
        losses = ops.softmax_cross_entropy(z, np.maximum(t, 0) if isinstance(t, np.ndarray)
                                           else t.clip(0)) * (t >= 0)  # fmt: skip
        return losses.sum(-1) / 3

    run = cp.fit(nn.Linear(4, 3), x, y, loss=masked, epochs=2, progress=False)
    named = cp.fit(nn.Linear(4, 3), x, y, loss="sequence_cross_entropy", epochs=2, progress=False)
    assert run.loss is not None
    assert run.loss.skips_negative
    np.testing.assert_allclose(run.history.training_error, named.history.training_error, atol=0.02)


def test_outputs_of_an_own_loss_have_no_probabilities() -> None:
    x = DRAW.normal(size=(N, 4)).astype(np.float32)
    model = nn.Sequential(nn.Linear(4, 3), nn.Softmax())

    def nll(p: Any, t: Any) -> Any:
        return -ops.log(p[np.arange(len(t)), t])

    run = cp.fit(model, x, LABELS, loss=nll, epochs=1, progress=False)
    assert run.predictor.labels(x).shape == (N,)
    with pytest.raises(ModelError, match="no probabilities"):
        run.predictor.probabilities(x)
