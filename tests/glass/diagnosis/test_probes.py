"""Layers that mix the examples of a batch, and layers that lose what is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from benchmarks.diagnosis.networks import Averaged, Mixed
from clearprop import fit, models, nn, ops
from clearprop.glass.diagnosis import diagnose
from clearprop.glass.diagnosis.gathering import facts_of_model
from clearprop.nn.fields import Array
from tests.glass.diagnosis.conftest import Pair, Parts, network, of


class OverBatch(nn.Module):
    """Softmax over the examples in place of the classes."""

    def __call__(self, x: Array) -> Array:
        return ops.softmax(x, axis=0)


class Centered(nn.Module):
    """A network that subtracts the mean of the batch in its own code."""

    first: nn.Linear
    second: nn.Linear

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(64, 16), nn.Linear(16, 10)

    def __call__(self, x: Array) -> Array:
        z = self.first(x)
        return self.second(ops.relu(z - ops.mean(z, axis=0)))


class Similar(nn.Module):
    """How similar each example is to every other one of the batch."""

    inner: nn.Linear

    def __init__(self) -> None:
        self.inner = nn.Linear(64, 8)

    def __call__(self, x: Array) -> Array:
        z = self.inner(x)
        return z @ ops.transpose(z)


def behind(first: Any) -> nn.Sequential:
    return nn.Sequential([first, nn.Linear(64, 16), "relu", nn.Linear(16, 10)]).init(0)


@pytest.mark.parametrize(
    ("model", "where"),
    [
        (behind(Mixed()), "layers.0"),
        (nn.Sequential([nn.Linear(64, 16), OverBatch(), nn.Linear(16, 10)]).init(0), "layers.1"),
        (Centered().init(0), "the code before second"),
    ],
)
def test_a_layer_that_mixes_examples(model: nn.Module, where: str, digits: Parts) -> None:
    finding = of("mixed_examples", diagnose(model, digits[0]))
    assert finding.where == where
    assert finding.grade == "fault"
    after = applied(finding.fix, model, digits[0]).model
    if where.startswith("layers"):
        assert "mixed_examples" not in diagnose(after, digits[0]).kinds


@pytest.mark.parametrize(
    "model",
    [
        network(64, 16, 10),
        nn.Sequential([nn.Linear(64, 16), nn.BatchNorm(16), "relu", nn.Linear(16, 10)]),
        nn.Sequential([nn.Reshape((8, 8)), nn.GRU(8, 8), nn.Flatten(), nn.Linear(64, 10)]),
        nn.Sequential([nn.Reshape((8, 8)), nn.MultiHeadAttention(8, 2), nn.Flatten(),
                       nn.Linear(64, 10)]),
    ],
)  # fmt: skip
def test_a_layer_that_does_not(model: nn.Module, digits: Parts) -> None:
    assert "mixed_examples" not in diagnose(model, digits[0]).kinds


def test_an_output_for_each_other_example_is_meant(digits: Parts) -> None:
    x = digits[0][0][:64]
    same = np.eye(64, dtype=np.float32)
    found = diagnose(Similar(), (x, same), "squared_error")
    assert "mixed_examples" in found.checked
    assert "mixed_examples" not in found.kinds


def poor_run(model: nn.Module, pair: Pair, epochs: int = 30) -> Any:
    return fit(model, pair, epochs=epochs, learning_rate=0.003, progress=False)


def test_the_layer_that_loses_what_is_needed(digits: Parts) -> None:
    model = behind(Averaged())
    assert of("lost_information", diagnose(model, digits[0])).where == "layers.0"
    finding = of("lost_information", diagnose(poor_run(model, digits[0]), digits[0]))
    after = applied(finding.fix, model, digits[0])
    repaired = fit(after.model, after.data, progress=False, **after.arguments)
    assert "lost_information" not in diagnose(repaired, after.data).kinds
    assert repaired.history.training_error[-1] < 0.1


def test_where_a_model_branches_no_input_of_a_layer_is_claimed(digits: Parts) -> None:
    model = nn.Sequential([nn.Residual(Averaged()), nn.Linear(64, 10)]).init(0)
    assert not facts_of_model(model, digits[0]).is_chain
    assert "lost_information" not in diagnose(model, digits[0]).kinds


def test_a_bottleneck_is_named(digits: Parts) -> None:
    train, dev = digits
    model = network(64, 1, 10, activation="tanh")
    run = fit(model, train, dev=dev, epochs=20, learning_rate=0.01, progress=False)
    found = diagnose(run, train, dev=dev)
    finding = of("below_linear_model", found)
    assert finding.where == "layers.0"
    assert "passes 1 unit there" in finding.sentence
    assert finding.follows == "underfitting"
    after = applied(of("underfitting", found).fix, model, train, dev=dev)
    assert {layer.out_features for layer in nn.modules(after.model).values()
            if isinstance(layer, nn.Linear)} == {64, 10}  # fmt: skip
    assert "overfitting" not in [one.kind for one in found.faults]


class Around(nn.Module):
    """A narrow layer with a path around it."""

    narrow: nn.Sequential
    wide: nn.Linear

    def __init__(self) -> None:
        self.narrow = nn.Sequential([nn.Linear(64, 1), nn.Linear(1, 10)])
        self.wide = nn.Linear(64, 10)

    def __call__(self, x: Array) -> Array:
        return self.narrow(x) + self.wide(x)


def test_a_branch_and_a_code_are_no_bottleneck(digits: Parts) -> None:
    (x, y), _ = digits
    assert facts_of_model(network(64, 1, 10), (x, y)).bottleneck == ("layers.0", 1)
    assert facts_of_model(models.MLP((64, 1, 10)), (x, y)).bottleneck is not None
    assert facts_of_model(Around(), (x, y)).bottleneck is None
    code = network(64, 8, 64)  # an autoencoder
    assert facts_of_model(code, (x, x), None, "squared_error").bottleneck is None


def test_to_copy_the_inputs_is_no_reference_for_an_autoencoder(digits: Parts) -> None:
    (x, _), _ = digits
    noise = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    for inputs in (x, x + noise):
        run = fit(network(64, 8, 64), (inputs, x), loss="squared_error", epochs=20, progress=False)
        found = diagnose(run, (inputs, x))
        assert "below_linear_model" in found.checked
        assert "below_linear_model" not in found.kinds
    other = np.random.default_rng(1).permutation(x.T).T  # other numbers are to be predicted
    facts = facts_of_model(network(64, 8, 64), (x, other), None, "squared_error")
    assert facts.linear is not None


class Crossed(nn.Module):
    """A recurrent layer that reads from example to example: time and batch are exchanged."""

    reader: nn.GRU
    head: nn.Linear

    def __init__(self) -> None:
        self.reader, self.head = nn.GRU(8, 12), nn.Linear(12, 10)

    def __call__(self, x: Array) -> Array:
        return self.head(ops.moveaxis(self.reader(ops.moveaxis(x, 0, 1)), 0, 1)[:, -1])


def test_examples_that_are_read_one_after_the_other(digits: Parts) -> None:
    """Only what comes before shows: other examples behind change nothing."""
    (x, y), _ = digits
    rows = x.reshape(-1, 8, 8)
    finding = of("mixed_examples", diagnose(Crossed().init(0), (rows, y)))
    assert finding.grade == "fault"


@pytest.mark.parametrize(("kernel", "blind"), [(1, True), (3, False)])
def test_pixels_that_may_change_their_places(digits: Parts, kernel: int, blind: bool) -> None:
    (x, y), dev = digits
    train, dev = (x.reshape(-1, 8, 8, 1), y), (dev[0].reshape(-1, 8, 8, 1), dev[1])
    layers = [nn.Conv2d(1, 12, kernel), "relu", nn.GlobalAvgPool(), nn.Linear(12, 10)]
    run = fit(nn.Sequential(layers), train, dev=dev, epochs=30, learning_rate=0.01, progress=False)
    found = [fault.kind for fault in diagnose(run, train, dev=dev).faults]
    assert ("lost_information" in found) is blind


class At(nn.Module):
    """A recurrent layer, and one of its outputs."""

    reader: nn.GRU
    head: nn.Linear
    place: int = nn.static()

    def __init__(self, place: int) -> None:
        self.reader, self.head, self.place = nn.GRU(8, 12), nn.Linear(12, 10), place

    def __call__(self, x: Array) -> Array:
        return self.head(self.reader(x)[:, self.place])


@pytest.mark.parametrize(("place", "lost"), [(0, True), (-1, False)])
def test_steps_that_no_output_depends_on(digits: Parts, place: int, lost: bool) -> None:
    (x, y), dev = digits
    train, dev = (x.reshape(-1, 8, 8), y), (dev[0].reshape(-1, 8, 8), dev[1])
    run = fit(At(place), train, dev=dev, epochs=30, learning_rate=0.01, progress=False)
    found = diagnose(run, train, dev=dev)
    assert ("lost_information" in [fault.kind for fault in found.faults]) is lost
    if lost:
        assert "Of 8 steps of the inputs only 1" in of("lost_information", found).sentence
