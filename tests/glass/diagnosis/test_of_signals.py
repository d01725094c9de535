"""Dead units, saturated units and vanishing or exploding error signals are found and fixed."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from clearprop import fit, nn, tree
from clearprop.glass.diagnosis import diagnose
from clearprop.glass.diagnosis.diagnose import diagnosis
from clearprop.glass.diagnosis.gathering import facts_of_model
from clearprop.nn import initializers
from clearprop.nn.fields import Array
from tests.glass.diagnosis.conftest import Parts, fixed, network, of


class LastStep(nn.Module):
    def __call__(self, x: Array) -> Array:
        return x[:, -1]


def reader(gain: float, nonlinearity: str = "tanh", last: bool = True) -> nn.Sequential:
    """Return a recurrent network whose recurrent weights are multiplied by ``gain``."""
    layers = [nn.RNN(8, 16, nonlinearity=nonlinearity), *([LastStep()] if last else [])]
    model = nn.Sequential([*layers, nn.Linear(16, 10)]).init(0)
    path = "layers.0.cells.0.recurrent_weight"
    return tree.replace(model, {path: gain * nn.parameters(model)[path]})


def times(gain: float, initializer: Any) -> Any:
    def make(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Any:
        return gain * initializer(key, shape, dtype)

    return make


@pytest.fixture
def rows(digits: Parts) -> Any:
    (x, y), _ = digits
    return x.reshape(-1, 8, 8), y


@pytest.mark.parametrize(
    "model",
    [
        network(64, 32, 10),
        network(64, 32, 32, 32, 10, activation="tanh"),
        pytest.param(
            network(64, *[32] * 6, 10, weight_init=initializers.he_normal), marks=pytest.mark.slow
        ),
    ],
)
def test_healthy_networks_are_left_alone(model: nn.Module, digits: Parts) -> None:
    assert diagnose(model, digits[0]).findings == ()


@pytest.mark.parametrize(
    "kind",
    [
        nn.RNN,
        pytest.param(nn.LSTM, marks=pytest.mark.slow),
        pytest.param(nn.GRU, marks=pytest.mark.slow),
    ],
)
def test_healthy_recurrent_networks_are_left_alone(kind: Any, rows: Any) -> None:
    model = nn.Sequential([kind(8, 16), LastStep(), nn.Linear(16, 10)])
    assert diagnose(model, rows).findings == ()


def test_dead_units(digits: Parts) -> None:
    model = network(64, 32, 10, bias_init=initializers.constant(-30.0)).init(0)
    finding = of("dead_units", diagnose(model, digits[0]))
    assert finding.where == "layers.1"
    assert finding.evidence["fraction"] == 1
    assert "32 of 32 units" in finding.sentence
    after = fixed(finding.fix, model=model, data=digits[0])["model"]
    assert "dead_units" not in diagnose(after, digits[0]).kinds


def test_few_dead_units_are_no_fault(digits: Parts) -> None:
    model = network(64, 16, 10).init(0)
    bias = np.zeros(16, np.float32)
    bias[:2] = -30
    assert not diagnose(tree.replace(model, {"layers.0.bias": bias}), digits[0]).findings


@pytest.mark.parametrize("activation", ["tanh", pytest.param("sigmoid", marks=pytest.mark.slow)])
def test_saturated_units(activation: str, digits: Parts) -> None:
    model = network(64, 32, 10, activation=activation, bias_init=initializers.uniform(60.0))
    finding = of("saturated_units", diagnose(model, digits[0]))
    assert finding.where == "layers.1"
    assert finding.evidence["fraction"] > 0.6
    after = fixed(finding.fix, model=model.init(0), data=digits[0])["model"]
    assert "saturated_units" not in diagnose(after, digits[0]).kinds


def test_large_first_biases_are_the_cause_and_no_rate_is_blamed(digits: Parts) -> None:
    model = network(64, 32, 10, bias_init=initializers.constant(-30.0)).init(0)
    run = fit(model, digits[0], epochs=2, learning_rate=0.003, progress=False)
    finding = of("dead_units", diagnose(run, digits[0]))
    assert "root mean square of layers.0.bias is 30" in finding.sentence
    after = applied(finding.fix, model, digits[0])
    assert not np.asarray(nn.parameters(after.model)["layers.0.bias"]).any()
    assert after.arguments["learning_rate"] == 0.003
    # Biases that training has driven there are no first values: then the rate is too high.
    noted = {**run.config["initial_values"]}
    noted["layers.0.bias"] = {"crc32": 1, "deviation": 0.0, "entries": " ".join("0" * 8)}
    moved = dataclasses.replace(run, config={**run.config, "initial_values": noted})
    finding = of("dead_units", diagnose(moved, digits[0]))
    assert "bias" not in finding.sentence
    assert applied(finding.fix, model, digits[0]).arguments["learning_rate"] < 0.003


def test_a_vanishing_error_signal(digits: Parts) -> None:
    model = network(64, *[24] * 8, 10, activation="sigmoid").init(0)
    finding = of("vanishing_by_depth", diagnose(model, digits[0]))
    assert finding.where == "layers.16 to layers.0"
    assert finding.evidence["factor"] > 1000
    after = fixed(finding.fix, model=model, data=digits[0])["model"]
    assert diagnose(after, digits[0]).findings == ()


def test_an_exploding_error_signal(digits: Parts) -> None:
    large = times(3.5, initializers.he_normal)
    model = network(64, *[24] * 9, 10, weight_init=large).init(0)
    found = diagnose(model, digits[0])
    finding = of("exploding_by_depth", found)
    assert finding.evidence["factor"] > 1000
    after = fixed(finding.fix.rpartition("\nrun =")[0], model=model, data=digits[0])["model"]
    assert diagnose(after, digits[0]).findings == ()


def test_an_error_signal_that_vanishes_through_time(rows: Any) -> None:
    model = reader(0.01)
    finding = of("vanishing_through_time", diagnose(model, rows))
    assert finding.evidence["steps"] == 8
    assert finding.evidence["per step"] ** 7 == pytest.approx(finding.evidence["factor"])
    after = fixed(finding.fix, model=model, data=rows)["model"]
    assert isinstance(after[0], nn.LSTM)
    assert "vanishing_through_time" not in diagnose(after, rows).kinds


def test_an_error_signal_that_explodes_through_time(rows: Any) -> None:
    model = reader(6.0, nonlinearity="relu")
    assert of("exploding_through_time", diagnose(model, rows)).evidence["factor"] > 100


def test_an_output_at_every_step_hides_nothing(rows: Any) -> None:
    x, y = rows
    pair = (x, np.repeat(y[:, None], 8, axis=1))
    found = diagnose(reader(0.01, last=False), pair, "sequence_cross_entropy")
    finding = of("vanishing_through_time", found)
    assert "of the loss of step 8 alone" in finding.sentence
    assert not diagnose(reader(1.0, last=False), pair, "sequence_cross_entropy").findings


@pytest.mark.slow
def test_a_memory_of_near_steps_is_no_fault_where_every_step_has_a_target() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(64, 60, 8)).astype(np.float32)
    y = draw.integers(0, 10, (64, 60))
    y[:, 50:] = -1  # filled up: no example has a label there
    model = reader(0.6, last=False)
    facts = facts_of_model(model, (x, y), loss="sequence_cross_entropy")
    assert facts.by_step is not None
    ((_, sizes),) = facts.by_step
    assert len(sizes) == 50
    assert sizes[-1] > 1e4 * sizes[0] > 0
    assert facts.has_target_at_every_step
    found = diagnose(model, (x, y), "sequence_cross_entropy")
    assert "vanishing_through_time" not in found.kinds
    reads_the_end = diagnose(reader(0.6), (x, y[:, 0]), "cross_entropy")
    assert "alone" not in of("vanishing_through_time", reads_the_end).sentence


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("place", [0, -1])
def test_an_error_signal_that_is_not_finite_does_not_vanish(
    bad: float, place: int, digits: Parts
) -> None:
    facts = facts_of_model(network(64, 16, 16, 10).init(0), digits[0])
    assert facts.signals is not None
    layers, signal = list(facts.signals.layers), facts.signals.weighted[place]
    error = np.array(signal.error)
    error[0, :2] = bad
    layers[layers.index(signal)] = dataclasses.replace(signal, error=error)
    vars(facts)["signals"] = dataclasses.replace(facts.signals, layers=tuple(layers))
    found = diagnosis(facts)
    assert "vanishing_by_depth" not in found.kinds
    finding = of("exploding_by_depth", found)
    assert finding.where == signal.path
    assert finding.evidence["entries"] == 2
    assert f'.why("{signal.path}")' in finding.fix


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_nor_does_it_vanish_through_time(bad: float, digits: Parts) -> None:
    facts = facts_of_model(network(64, 16, 10).init(0), digits[0])
    vars(facts)["by_step"] = [("layers.0", np.array([1.0, 1.0, 1.0, 1.0, bad]))]
    found = diagnosis(facts)
    assert "vanishing_through_time" not in found.kinds
    assert of("exploding_through_time", found).evidence["steps not finite"] == 1


@pytest.mark.slow
def test_the_last_layer_and_small_layers_are_examined_too(digits: Parts) -> None:
    (x, y), _ = digits
    low = initializers.constant(-30.0)
    small = nn.Sequential([nn.Linear(64, 2, bias_init=low), "relu", nn.Linear(2, 10)])
    assert of("dead_units", diagnose(small, digits[0])).where == "layers.1"
    half = np.array([-30.0, 0.0], np.float32)
    one_of_two = tree.replace(small.init(0), {"layers.0.bias": half})
    assert "dead_units" not in diagnose(one_of_two, digits[0]).kinds
    last = nn.Sequential([nn.Linear(64, 8), "tanh", nn.Linear(8, 1, bias_init=low), "relu"])
    numbers = np.abs(x[:, 20:21])
    assert of("dead_units", diagnose(last, (x, numbers), "squared_error")).where == "layers.3"
    ends = nn.Sequential([nn.Linear(64, 1, bias_init=low), "sigmoid"])
    found = diagnose(ends, (x, (y % 2).astype(np.float32)), "log_loss")
    assert of("saturated_units", found).where == "layers.1"
