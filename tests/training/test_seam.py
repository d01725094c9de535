"""The seam between outputs, loss and targets is checked before the first step."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, models, nn, ops
from clearprop.errors import ClearpropError, DataError, ModelError, ShapeError
from clearprop.nn.fields import static
from clearprop.training import FitConfig, evaluate, fit, predict
from clearprop.training.run_setup import RunSetup
from clearprop.training.seam import Mismatch, find_mismatches

N = 60
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(N, 4)).astype(np.float32)
SEQUENCES = DRAW.normal(size=(N, 5, 4)).astype(np.float32)
LABELS = np.arange(N) % 3
SIDES = np.arange(N) % 2
NUMBERS = DRAW.normal(size=N).astype(np.float32)
POSITIVE = np.linspace(1, 4, N, dtype=np.float32)
SEVERAL = np.array([[1, 1, 0], [0, 1, 0]] * 30, np.float32)
TEN = np.eye(10, dtype=np.float32)[np.arange(N) % 10]
PIXELS = DRAW.uniform(size=(N, 3)).astype(np.float32)
TAIL = np.concatenate([np.linspace(-0.7, 0.7, N - 10), np.linspace(-4, 4, 10)], dtype=np.float32)
HEAVY = (TAIL - TAIL.mean()) / TAIL.std()
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


def network(units: int, *last: Any) -> nn.Module:
    return nn.Sequential([nn.Linear(4, 8), "tanh", nn.Linear(8, units), *last]).init(0)


class Own(nn.Module):
    """A model whose last operation is a line of its own."""

    linear: nn.Linear
    function: Any = static()

    def __init__(self, units: int, function: Any) -> None:
        self.linear = nn.Linear(4, units)
        self.function = function

    def __call__(self, x: Any) -> Any:
        return self.function(self.linear(x))


class LastStep(nn.Module):
    """The output of a recurrent layer at the last step."""

    reader: nn.Module

    def __init__(self, reader: nn.Module) -> None:
        self.reader = reader

    def __call__(self, x: Any) -> Any:
        return self.reader(x)[:, -1]


def own(units: int, function: Any) -> nn.Module:
    return Own(units, function).init(0)


def mse(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).mean()


def by_row(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).sum(axis=-1)


def nll_of(probabilities: Any, targets: Any) -> Any:
    picked = ops.take_along_axis(ops.log(probabilities), targets[:, None])
    return -picked[:, 0]


def logits_loss(outputs: Any, targets: Any) -> Any:
    return -ops.take_along_axis(ops.log_softmax(outputs), targets[:, None])[:, 0]


def sigmoid_loss(outputs: Any, targets: Any) -> Any:
    return ops.sigmoid_binary_cross_entropy(outputs, targets)


TWICE, ONE_SIDE = "applied_twice", "one_sided_scores"
REACH = "targets_out_of_reach"

ERRORS: list[tuple[str, nn.Module, Any, Any, str]] = [
    ("embeddings", network(3), "triplet", NUMBERS, "outputs (B, 3)"),
    # the loss applies softmax or sigmoid itself
    (TWICE, network(3, "softmax"), "cross_entropy", LABELS, "no probability can exceed 58%"),
    (TWICE, network(3, "softmax"), "cross_entropy", ONE_HOT, "cannot fall below 0.55"),
    (TWICE, network(3, "softmax"), "kl_divergence", ONE_HOT, "with 3 classes"),
    (TWICE, network(3, "softmax"), logits_loss, LABELS, "softmax gives 0 to 1"),
    (TWICE, network(3, "sigmoid"), "cross_entropy", LABELS, "sigmoid gives 0 to 1"),
    (TWICE, own(3, ops.softmax), "cross_entropy", LABELS, "softmax gives 0 to 1"),
    (TWICE, own(3, lambda z: ops.softmax(z[:, None])[:, 0]), "cross_entropy", LABELS, "0 to 1"),
    (TWICE, network(1, "sigmoid"), "binary_cross_entropy", SIDES, "50% of the targets are class 0"),
    (TWICE, network(3, "sigmoid"), "binary_cross_entropy", ONE_HOT, "67% of the targets"),
    (TWICE, network(1, "sigmoid"), sigmoid_loss, SIDES[:, None] / 1.0, "sigmoid gives 0 to 1"),
    (TWICE, own(1, lambda z: ops.sigmoid(z)), "binary_cross_entropy", SIDES, "sigmoid gives"),  # noqa: PLW0108 - a line of its own
    (TWICE, network(3), lambda y, t: ops.softmax_cross_entropy(ops.softmax(y), t), LABELS,
     "ops.softmax of outputs of shape (B, 3)"),
    (ONE_SIDE, network(1, "relu"), "binary_cross_entropy", SIDES, "relu gives 0 or more"),
    (ONE_SIDE, network(1, "softplus"), "hinge", SIDES, "softplus gives 0 or more"),
    (ONE_SIDE, network(1, "sigmoid"), "hinge", SIDES, "sigmoid gives 0 to 1"),
    (ONE_SIDE, network(1, "sigmoid"), "perceptron", SIDES, "sigmoid gives 0 to 1"),
    (ONE_SIDE, own(1, lambda z: -ops.relu(z)), "hinge", SIDES, "are class 1"),
    # softmax over one unit, and over the batch
    ("one_softmax_unit", network(1, "softmax"), "log_loss", SIDES, "targets from 0 to 1"),
    ("one_softmax_unit", network(1, "softmax"), "squared_error", NUMBERS, "(B, 1)"),
    ("one_softmax_unit", network(1, "softmax"), mse, LABELS, "targets from 0 to 2"),
    ("one_softmax_unit", network(1), "cross_entropy", NUMBERS[:, None], "(B, 1)"),
    ("one_softmax_unit", network(1), "cross_entropy", SIDES[:, None] / 1.0, "(B, 1)"),
    ("softmax_over_batch", own(3, lambda z: ops.softmax(z, axis=0)), "squared_error", ONE_HOT,
     "axis 0 of outputs of shape (B, 3)"),
    # targets that the last operation cannot reach
    (REACH, network(1, "tanh"), "squared_error", POSITIVE, "targets from 1 to 4; tanh gives -1 to"),
    (REACH, network(1, "sigmoid"), "mean_squared_error", POSITIVE, "sigmoid gives 0 to 1"),
    (REACH, network(1, "relu"), "squared_error", NUMBERS, "relu gives 0 or more"),
    (REACH, network(1, "relu"), mse, NUMBERS[:, None], "relu gives 0 or more"),
    (REACH, network(1, "softplus"), "squared_error", -POSITIVE, "softplus gives 0 or more"),
    (REACH, own(1, lambda z: 2 * ops.tanh(z)), "squared_error", POSITIVE, "which are -2 to 2"),
    (REACH, own(1, lambda z: ops.clip(z, -1.0, 1.0)), "squared_error", POSITIVE, "-1 to 1"),
    (REACH, own(1, lambda z: ops.square(z)[:, 0]), "squared_error", NUMBERS, "0 or more"),
    (REACH, network(3, "softmax"), "squared_error", np.eye(3)[LABELS] * 5, "softmax gives 0 to 1"),
    (REACH, network(3, "softmax"), "squared_error", np.ones((N, 3)) / 2, "another sum, 1.5 to 1.5"),
    (REACH, network(3, "sigmoid"), "squared_error", 255 * (PIXELS > 0.9), "11% of the targets"),
    (REACH, network(10, "softmax"), "squared_error", 5 * TEN, "10% of the targets"),
    (REACH, network(1, "relu"), "squared_error", HEAVY, "relu gives 0 or more"),
    (REACH, network(1, "sigmoid"), "squared_error", HEAVY, "sigmoid gives 0 to 1"),
    (REACH, network(1, "tanh"), "squared_error", 3 * HEAVY, "tanh gives -1 to 1"),
    (REACH, models.MLP((4, 5, 1), output="tanh").init(0), "squared_error", POSITIVE, "tanh gives"),
    # losses that need probabilities
    ("no_probabilities", network(1), "log_loss", SIDES, "the outputs can be any number"),
    ("no_probabilities", network(1, "relu"), "log_loss", SIDES, "relu gives 0 or more"),
    ("no_probabilities", network(1, "tanh"), "log_loss", SIDES, "tanh gives -1 to 1"),
    ("logarithm", network(3), nll_of, LABELS, "any number"),
    ("logarithm", network(3, "relu"), nll_of, LABELS, "relu gives 0 or more"),
    # labels
    ("labels", network(3), "cross_entropy", LABELS + 1, "label 3 of example 2"),
    ("labels", network(2), "cross_entropy", 2 * SIDES - 1, "label -1 of example 0"),
    ("labels", network(3), "cross_entropy", LABELS + 2, "label 3 of example 1"),
    ("labels", network(1), "binary_cross_entropy", 2 * SIDES - 1, "target -1 of example 0"),
    ("labels", network(1), "binary_cross_entropy", SIDES + 1, "target 2 of example 1"),
    ("labels", network(1), "hinge", 2 * SIDES - 1, "target -1 of example 0"),
    ("labels", network(1), sigmoid_loss, 2.0 * SIDES[:, None] - 1, "target -1.0 of example 0"),
    # class numbers, one-hot rows, numbers
    ("class_numbers", network(3), "squared_error", LABELS, "outputs (B, 3), targets (B,)"),
    ("class_numbers", network(3), "squared_error", LABELS + 1, "targets from 1 to 3"),
    ("class_numbers", network(3), "kl_divergence", LABELS, "outputs (B, 3), targets (B,)"),
    ("class_numbers", network(2), "binary_cross_entropy", SIDES, "outputs (B, 2), targets (B,)"),
    ("class_numbers", network(3), "cross_entropy", np.float32(LABELS), "of type float32"),
    ("class_numbers", network(2), "cross_entropy", SIDES == 1, "of type bool"),
    ("class_numbers", network(3), "cross_entropy", LABELS[:, None], "targets (B, 1)"),
    ("one_hot_targets", network(3), "cross_entropy", ONE_HOT.astype(int), "a single 1 in each row"),
    ("one_hot_targets", network(1), "binary_cross_entropy", np.eye(2)[SIDES], "targets (B, 2)"),
    ("one_hot_targets", network(1), "squared_error", ONE_HOT, "targets (B, 3)"),
    ("numbers_as_classes", network(3), "cross_entropy", NUMBERS, "targets (B,)"),
    ("several_labels", network(3), "cross_entropy", np.array([[1, 1, 0], [0, 1, 0]] * 30),
     "a sum of 1 to 2"),
    ("rows_of_probabilities", network(3), "cross_entropy", 2 * ONE_HOT - 1, "targets from -1 to 1"),
    ("rows_of_probabilities", network(3), "kl_divergence", 2 * ONE_HOT, "sum, 2 to 2"),
    # an own loss that broadcasts
    ("broadcast_targets", network(1), mse, NUMBERS, "outputs (B, 1) and targets (B,)"),
    ("broadcast_targets", network(1, nn.Reshape(())), mse, NUMBERS[:, None], "targets (B, 1)"),
    ("broadcast_targets", network(1), lambda y, t: ops.abs(y - t / 2).mean(), NUMBERS, "(B, B)"),
    # no gradient
    ("no_error_signal", own(1, ops.binary_step), "binary_squared_error", SIDES, "(B, 1)"),
]  # fmt: skip

WARNINGS: list[tuple[str, nn.Module, Any, Any, str]] = [
    ("wrong_sign", network(3), lambda z, t: -logits_loss(z, t), LABELS, "100% of the targets"),
    ("cancelling_errors", network(1), lambda y, t: (y - t).mean() ** 2, NUMBERS[:, None],
     "half of them are"),
    ("limited_scores", network(3, "tanh"), "cross_entropy", LABELS, "can exceed 79%"),
    ("limited_scores", network(1, "tanh"), "binary_cross_entropy", SIDES, "can exceed 73%"),
    (REACH, network(1, "relu"), "squared_error", np.where(np.arange(N) == 7, -2.0, POSITIVE),
     "2% of the targets"),
    (REACH, network(1, "tanh"), "squared_error", HEAVY, "13% of the targets are out of reach"),
    ("class_numbers", network(1), "squared_error", LABELS, "3 different whole numbers in 60"),
    ("class_numbers", network(1), "mean_squared_error", LABELS[:, None] / 1.0, "from 0 to 2"),
    ("labels", network(4), "cross_entropy", LABELS + 1, "labels from 1 to 3 for 4 outputs"),
    ("several_labels", network(3), "cross_entropy", SEVERAL,
     "50% of the rows"),
    ("rows_of_probabilities", network(3), "cross_entropy", 4 * ONE_HOT + 1, "sum, 7 to 7"),
]  # fmt: skip

HEALTHY: list[tuple[nn.Module, Any, Any]] = [
    (network(3), "cross_entropy", LABELS),
    (network(3), "cross_entropy", ONE_HOT),
    (network(3), "cross_entropy", ONE_HOT * 0.9 + 0.1 / 3),
    (network(3, "log_softmax"), "cross_entropy", LABELS),
    (network(3, "log_softmax"), logits_loss, LABELS),
    (network(3, "softmax"), nll_of, LABELS),
    (own(3, lambda z: 30 * ops.tanh(z / 30)), "cross_entropy", LABELS),
    (network(3), "kl_divergence", ONE_HOT),
    (network(1), "binary_cross_entropy", SIDES),
    (network(3), "binary_cross_entropy", SEVERAL),
    (network(1, "leaky_relu"), "binary_cross_entropy", SIDES),
    (network(1), sigmoid_loss, SIDES[:, None] / 1.0),
    (network(1, "sigmoid"), "log_loss", SIDES),
    (network(3, "sigmoid"), "log_loss", ONE_HOT),
    (network(1, "sigmoid"), "binary_squared_error", SIDES),
    (network(1, "tanh"), "binary_squared_error", SIDES),
    (network(1), "hinge", SIDES),
    (network(1, "tanh"), "hinge", SIDES),
    (network(1), lambda z, t: ops.hinge(z, t), 2.0 * SIDES[:, None] - 1),  # noqa: PLW0108 - no name
    (network(1), "perceptron", SIDES),
    (network(1), "squared_error", NUMBERS),
    (network(1), "squared_error", SIDES),
    (network(1), "squared_error", np.arange(N)),
    (network(1), "squared_error", DRAW.poisson(30, N)),
    (network(1, "relu"), "squared_error", abs(NUMBERS)),
    (network(1, "softplus"), "squared_error", POSITIVE),
    (network(1, "elu"), "squared_error", abs(NUMBERS)),
    (network(1, "tanh"), "squared_error", 2.0 * SIDES - 1),
    (network(4, "sigmoid"), "squared_error", DRAW.uniform(0, 1, (N, 4))),
    (network(4, "sigmoid"), "log_loss", DRAW.uniform(0, 1, (N, 4))),
    (network(4), "binary_cross_entropy", DRAW.uniform(0, 1, (N, 4))),
    (network(3, "softmax"), "squared_error", ONE_HOT),
    (network(1), mse, NUMBERS[:, None]),
    (network(3), by_row, np.ones((N, 3))),
    (network(1), lambda y, t: ops.square(y - y.T).mean() + 0 * t.mean(), NUMBERS),
    (network(1, "softplus"), lambda y, t: (y - t * ops.log(y)).mean(), DRAW.poisson(3, (N, 1))),
    (network(1, "relu"), lambda y, t: (y - t * ops.log(y + 1e-6)).mean(), DRAW.poisson(3, (N, 1))),
    (own(1, lambda z: 5 * ops.sigmoid(z)), "squared_error", POSITIVE),
    (network(3, "softmax"), lambda p, t: -(t * ops.log(ops.maximum(p, 1e-7))).sum(-1), ONE_HOT),
    (own(1, lambda z: ops.sigmoid(z) + 0.5 - ops.sigmoid(z) / 2), "log_loss", SIDES),
    (network(1, "sigmoid"), lambda y, t: ((y - t) * (t >= 0)) ** 2, 2.0 * SIDES[:, None] - 1),
    (network(3), lambda y, t: ops.softmax_cross_entropy(y, t) * (t >= 0), LABELS - 1),
    (network(1, "tanh"), lambda y, t: ops.clip((y - t) ** 2, high=1.0), 3 * HEAVY[:, None]),
    (network(1, "tanh"), "squared_error", 1.05 * np.sin(NUMBERS)),
    (network(3, "relu"), "cross_entropy", LABELS),
    (network(3), "cross_entropy", np.array([1, 2, 4], np.float32) * ONE_HOT),
    (network(1, "softplus"), "squared_error", LABELS),
    (network(1), mse, LABELS[:, None]),
    (models.Perceptron(4).init(0), "perceptron", SIDES),
    (models.MLP((4, 5, 3), dropout=0.5).init(0), "cross_entropy", LABELS),
]


def found(model: nn.Module, loss: Any, targets: Any, x: Any = X) -> list[Mismatch]:
    return find_mismatches(model, loss, x, targets)


def named(cases: list[Any]) -> list[Any]:
    return [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(cases)]


@pytest.mark.parametrize(("kind", "model", "loss", "targets", "told"), named(ERRORS))
def test_what_cannot_be_meant_is_an_error_with_the_numbers_of_the_examples(
    kind: str, model: nn.Module, loss: Any, targets: Any, told: str
) -> None:
    first = found(model, loss, targets)[0]
    assert (first.kind, first.severity) == (kind, "error")
    assert told in first.given
    with pytest.raises(ClearpropError) as caught:
        RunSetup.of(FitConfig(model, (X, targets), loss=loss))
    assert str(caught.value) == str(first.as_error())
    assert caught.value.fix


@pytest.mark.parametrize(("kind", "model", "loss", "targets", "told"), named(WARNINGS))
def test_what_may_be_meant_is_one_warning(
    kind: str, model: nn.Module, loss: Any, targets: Any, told: str
) -> None:
    [only] = found(model, loss, targets)
    assert (only.kind, only.severity) == (kind, "warning")
    assert told in only.given
    with pytest.warns(UserWarning, match=re.escape(only.problem)) as seen:
        RunSetup.of(FitConfig(model, (X, targets), loss=loss))
    assert [str(one.message) for one in seen] == [str(only.as_error())]
    assert seen[0].filename == __file__


@pytest.mark.parametrize(("kind", "model", "loss", "targets", "told"), named(ERRORS + WARNINGS))
def test_the_fix_can_be_pasted_and_mends(
    kind: str, model: nn.Module, loss: Any, targets: Any, told: str
) -> None:
    first = found(model, loss, targets)[0]
    if first.fix.startswith(
        ("in Own.", "in the loss", "in the model", "end the model", "ops.softmax(x")
    ):
        return  # a line of the user's own, which no code can change from outside
    names = {"model": model, "loss": loss, "y": targets, "np": np, "nn": nn}
    exec(first.fix, names)
    assert first.kind not in {one.kind for one in found(names["model"], names["loss"], names["y"])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        RunSetup.of(FitConfig(names["model"], (X, names["y"]), loss=names["loss"]))


@pytest.mark.parametrize(
    ("model", "loss", "targets"),
    [pytest.param(*case, id=str(number)) for number, case in enumerate(HEALTHY)],
)
def test_healthy_models_losses_and_targets_pass(model: nn.Module, loss: Any, targets: Any) -> None:
    assert found(model, loss, targets) == []


@pytest.mark.parametrize(("layer", "limited"), [(nn.RNN(4, 1), True), (nn.LSTM(4, 1), True)])
def test_a_recurrent_layer_at_the_end_is_seen(layer: nn.Module, limited: bool) -> None:
    model = LastStep(layer).init(0)
    [first] = found(model, "squared_error", POSITIVE, SEQUENCES)
    assert (first.kind, first.where) == (REACH, "reader")
    assert "gives -1 to 1" in first.given
    names: dict[str, Any] = {"model": model, "nn": nn}
    exec(first.fix, names)
    assert found(names["model"], "squared_error", POSITIVE, SEQUENCES) == []


def test_scaled_targets_beyond_the_values_of_a_recurrent_layer_may_be_meant() -> None:
    """Most lie from -1 to 1, and the few others hold most of the variance."""
    model = LastStep(nn.LSTM(4, 1)).init(0)
    [first] = found(model, "squared_error", HEAVY, SEQUENCES)
    assert (first.kind, first.severity) == (REACH, "warning")
    assert first.evidence["variance outside"] > 0.2
    [first] = found(model, "squared_error", HEAVY + 1, SEQUENCES)
    assert first.severity == "error"
    spoiled = np.where(np.arange(N) == 5, -999.0, TAIL / 4).astype(np.float32)
    [first] = found(model, "squared_error", spoiled, SEQUENCES)
    assert first.severity == "warning"


def test_a_loss_that_fits_by_chance_is_refused() -> None:
    """Seven examples and seven outputs: each output of an example meets another's target."""
    model, y = network(7), NUMBERS[:7]
    [first] = found(model, by_row, y, X[:7])
    assert first.kind == "broadcast_targets"
    assert found(model, by_row, DRAW.normal(size=(7, 7)), X[:7]) == []


def test_sequences_are_checked_too() -> None:
    model = own(3, ops.softmax)
    labels = np.arange(N * 5).reshape(N, 5) % 3
    assert found(model, "sequence_cross_entropy", labels, SEQUENCES)[0].kind == TWICE
    plain = nn.Sequential([nn.Linear(4, 3)]).init(0)
    assert found(plain, "sequence_cross_entropy", labels, SEQUENCES) == []
    hidden = np.where(labels == 1, -1, labels)  # -1 is not counted
    assert found(plain, "sequence_cross_entropy", hidden, SEQUENCES) == []
    rows = np.eye(3)[labels]
    [first] = found(plain, "sequence_cross_entropy", rows, SEQUENCES)
    assert (first.kind, first.fix) == ("one_hot_targets", "y = y.argmax(axis=-1)")


def test_named_classes_are_no_numbers() -> None:
    """A data set whose classes have names is refused under a loss of numbers."""
    splits = data.load("iris").split()
    with pytest.raises(DataError, match="class numbers"):
        fit(models.MLP((4, 8, 1)), splits, loss="squared_error", progress=False)


def test_scaled_targets_are_said_to_be_scaled() -> None:
    splits = data.load("diabetes").split()
    model = models.MLP((10, 8, 1), output="sigmoid")
    with pytest.raises(ModelError, match="scaled to mean 0 and deviation 1; sigmoid gives 0 to 1"):
        fit(model, splits, loss="squared_error", progress=False)


def test_the_trained_weights_are_the_same_with_a_warning_and_without() -> None:
    """The check computes nothing that a training could see."""
    model = network(3, "tanh")
    with pytest.warns(UserWarning, match="tanh limits the scores"):
        run = fit(model, (X, LABELS), epochs=2, batch_size=8, progress=False)
    unseen = lambda y, t: nn.cross_entropy.per_example(ops.identity(y), t)  # noqa: E731
    with pytest.warns(UserWarning, match="tanh limits the scores"):
        other = fit(model, (X, LABELS), loss=unseen, epochs=2, batch_size=8, progress=False)
    for path, w in nn.parameters(run.model).items():
        assert np.array_equal(w, nn.parameters(other.model)[path])


def test_an_activation_that_is_used_twice_is_not_replaced() -> None:
    class Shared(nn.Module):
        first: nn.Linear
        second: nn.Linear
        activation: nn.Activation

        def __init__(self) -> None:
            self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 1)
            self.activation = nn.Activation("tanh")

        def __call__(self, x: Any) -> Any:
            return self.activation(self.second(self.activation(self.first(x))))

    [first] = found(Shared().init(0), "squared_error", POSITIVE)
    assert "replace_layer" not in first.fix


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        (lambda z: {"mean": z[:, :1], "deviation": z[:, 1:]}, ("['deviation']", "['mean']")),
        (lambda z: (z[:, :1], z[:, 1:]), ("[0]", "[1]")),
    ],
)
def test_outputs_that_are_not_one_array_are_told_with_the_columns_of_one(
    parts: Any, names: tuple[str, str]
) -> None:
    model = own(2, parts)
    assert found(model, lambda y, t: (y[0][:, 0] - t) ** 2, NUMBERS) == []
    for run in (
        lambda: fit(model, (X, NUMBERS), loss=mse, progress=False),
        lambda: evaluate(model, (X, NUMBERS), mse),
        lambda: predict(model, X),
        lambda: predict(model, X[:0]),
    ):
        with pytest.raises(ModelError, match=r"does not return one array") as caught:
            run()
        assert caught.value.where == "Own.__call__"
    fix = caught.value.fix or ""
    code = re.search(r"return (ops\.concatenate\(.*\)), and in the loss", fix)
    assert code is not None
    joined = own(2, lambda z: eval(code[1], {"ops": ops, "jax": jax, "parts": parts(z)}))
    y, one = joined(X), parts(nn.modules(joined)["linear"](X))
    for name in names:
        columns = re.search(r"(y\[[^]]*\]) for parts" + re.escape(name), fix)
        assert columns is not None
        given = eval(f"one{name}", {"one": one})
        assert np.array_equal(eval(columns[1], {"y": y}), given)
    assert len(fit(joined, (X, np.c_[NUMBERS, NUMBERS]), loss=mse, epochs=1, progress=False).losses)


def test_outputs_of_another_number_of_axes_are_told_without_columns() -> None:
    model = own(2, lambda z: {"a": z, "b": z[:, 0]})
    with pytest.raises(ModelError, match="return the one array that the loss needs"):
        fit(model, (X, NUMBERS), loss=mse, progress=False)


@pytest.mark.parametrize(
    ("units", "targets", "error", "told"),
    [
        (1, NUMBERS[:, None], ModelError, "softmax to one output"),
        (3, NUMBERS, DataError, "error rate are for classes, and the targets are numbers"),
        (3, LABELS / 1.0, ShapeError, "have to be integers"),
        (3, LABELS + 1, DataError, "out of range"),
    ],
)
def test_an_error_rate_of_numbers_is_not_measured(
    units: int, targets: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        evaluate(network(units), (X, targets))


def test_a_model_with_a_mistake_can_still_be_measured() -> None:
    assert evaluate(network(3, "softmax"), (X, LABELS)).examples == N
    assert evaluate(network(1, "tanh"), (X, POSITIVE), "squared_error").examples == N


def test_pictures_with_other_axes_are_not_mixed_up() -> None:
    """As many entries are not enough: the channels first and last are another picture."""
    y, t = jnp.zeros((2, 3, 4, 4)), jnp.zeros((2, 4, 4, 3))
    for name in ("squared_error", "mean_squared_error", "binary_cross_entropy"):
        with pytest.raises(ShapeError, match="different shapes"):
            nn.find_loss(name)(y, t)
    flat = jnp.arange(96.0).reshape(2, 48)
    assert float(nn.squared_error(flat, flat.reshape(2, 3, 4, 4))) == 0
    assert float(nn.squared_error(flat.reshape(2, 3, 16, 1), flat.reshape(2, 3, 4, 4))) == 0


def test_the_page_of_the_checks_has_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
    rows = {
        row[1]: (row[2], row[3]) for row in re.finditer(r"^\| `(\w+)` \|(.*)\|(.*)\|$", page, re.M)
    }
    assert {kind for kind, (error, _) in rows.items() if error.strip()} == {e[0] for e in ERRORS}
    warned = {w[0] for w in WARNINGS} | {"wrong_sign"}  # its cases are in test_own_loss.py
    assert {kind for kind, (_, told) in rows.items() if told.strip()} == warned
