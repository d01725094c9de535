"""Equal, wrongly scaled, not finite, unchanged and rounded weights are found and fixed."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from benchmarks.diagnosis.networks import LastStep
from clearprop import nn, ops, tree
from clearprop.autodiff import stop_gradient
from clearprop.glass.diagnosis import diagnose
from clearprop.nn import initializers
from clearprop.nn.fields import Array
from clearprop.training import DivergedError, fit
from tests.glass.diagnosis.conftest import Parts, fixed, network, of


class Cut(nn.Module):
    def __call__(self, x: Array) -> Array:
        return stop_gradient(x) + 0.0 * ops.mean(x)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_units_that_start_equal(value: float, digits: Parts) -> None:
    model = network(64, 32, 10, weight_init=initializers.constant(value)).init(0)
    finding = of("symmetric_weights", diagnose(model, digits[0]))
    assert finding.where.startswith("layers.0.weight")
    assert finding.evidence["fraction"] == 1
    assert finding.evidence["units"] == 32
    after = fixed(finding.fix, model=model)["model"]
    assert "symmetric_weights" not in diagnose(after, digits[0]).kinds


def test_an_output_layer_may_start_at_zero(digits: Parts) -> None:
    model = network(64, 32, 10).init(0)
    zero = tree.replace(model, {"layers.2.weight": jnp.zeros((32, 10))})
    found = diagnose(zero, digits[0])
    assert "symmetric_weights" not in found.kinds
    assert "never_moved" not in found.kinds
    # Different weights in the next layer make equal units different in the first step.
    alike = tree.replace(model, {"layers.0.weight": jnp.zeros((64, 32))})
    assert "symmetric_weights" not in diagnose(alike, digits[0]).kinds


def test_units_that_are_equal_after_training_started_equal(trained: Any) -> None:
    run = trained()
    alike = np.repeat(np.array(run.model[0].weight)[:, :1], 8, axis=1)
    model = tree.replace(run.model, {"layers.0.weight": alike})
    found = diagnose(dataclasses.replace(run, model=model))
    assert of("symmetric_weights", found).evidence["fraction"] == 1


@pytest.mark.parametrize(("deviation", "word"), [(1e-4, "small"), (3.0, "large")])
def test_initial_values_of_the_wrong_size(deviation: float, word: str) -> None:
    model = network(64, 32, 10, weight_init=initializers.normal(deviation)).init(0)
    finding = of("initial_scale", diagnose(model))
    assert f"times too {word}" in finding.sentence
    after = fixed(finding.fix, model=model)["model"]
    assert diagnose(after).findings == ()


@pytest.mark.parametrize(
    "made",
    ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal", "orthogonal"],
)
@pytest.mark.parametrize("sizes", [(64, 32, 10), (1, 64, 64, 1), (784, 16, 10)])
def test_every_initializer_has_the_right_size(made: str, sizes: tuple[int, ...]) -> None:
    model = network(*sizes, weight_init=getattr(initializers, made))
    assert diagnose(model).findings == ()


def test_behind_a_normalization_the_size_does_not_matter() -> None:
    small = nn.Linear(64, 32, weight_init=initializers.normal(1e-4))
    model = nn.Sequential([small, nn.LayerNorm(32), "relu", nn.Linear(32, 10)])
    assert diagnose(model).findings == ()


def test_weights_that_are_not_finite_are_a_finding(digits: Parts) -> None:
    model = network(64, 32, 10).init(0)
    weight = np.array(model[0].weight)
    weight[3, 4] = np.nan
    broken = tree.replace(model, {"layers.0.weight": weight})
    found = diagnose(broken, digits[0])
    assert of("non_finite", found).where == "layers.0.weight"
    assert found.findings[0].evidence == {"entries": 1, "parameters": 1}
    assert "dead_units" in found.skipped


def test_a_logarithm_of_zero_is_not_blamed_on_the_learning_rate() -> None:
    class Sizes(nn.Module):
        def __call__(self, x: Array) -> Array:
            return ops.log(ops.square(x))

    x = np.linspace(0, 1, 32, dtype=np.float32).reshape(-1, 1)  # the first one is 0
    model = nn.Sequential([Sizes(), nn.Linear(1, 1)])
    with pytest.raises(DivergedError) as raised:
        fit(model, (x, x), loss="squared_error", epochs=3, dev=0, progress=False)
    run = raised.value.run
    assert run.non_finite is not None
    assert run.non_finite.blames_operation
    found = diagnose(run, (x, x))
    finding = of("non_finite", found)
    assert "ops.clip" in finding.sentence
    assert "ops.clip" in finding.fix
    assert "rate_too_high" not in [fault.kind for fault in found.faults]


def test_a_layer_that_is_cut_off_gets_no_gradient(digits: Parts) -> None:
    layers = [nn.Linear(64, 32), Cut(), "relu", nn.Linear(32, 10)]
    found = diagnose(nn.Sequential(layers), digits[0])
    finding = of("never_moved", found)
    assert "vanishing_by_depth" not in found.kinds
    assert finding.where == "layers.0"
    assert "exactly zero" in finding.sentence


def test_a_layer_that_is_cut_off_never_moves() -> None:
    x, y = np.eye(8, 4, dtype=np.float32), np.arange(8) % 2
    model = nn.Sequential([nn.Linear(4, 6), Cut(), "tanh", nn.Linear(6, 2)])
    run = fit(model, (x, y), epochs=2, batch_size=4, progress=False)
    finding = of("never_moved", diagnose(run))
    assert finding.grade == "fault"
    assert "layers.0.weight" in finding.sentence
    asked = fit(network(4, 6, 2), (x, y), epochs=2, batch_size=4, freeze=["layers.0"],
                progress=False)  # fmt: skip
    noted = of("never_moved", diagnose(asked))
    assert noted.grade == "note"
    assert "asked to freeze" in noted.sentence
    assert "freeze" not in noted.fix


@pytest.mark.parametrize(
    ("rate", "grade"), [(1e-5, "fault"), pytest.param(0.05, "note", marks=pytest.mark.slow)]
)
def test_steps_that_bfloat16_rounds_away(rate: float, grade: str) -> None:
    x, y = np.eye(8, 4, dtype=np.float32), np.arange(8) % 2
    model = network(4, 16, 2).init(0, dtype=jnp.bfloat16)
    run = fit(model, (x, y), epochs=3, batch_size=4, learning_rate=rate, progress=False)
    finding = of("bfloat16_underflow", diagnose(run))
    assert finding.grade == grade
    after = fixed(finding.fix.rpartition("\nrun =")[0], model=model)["model"]
    assert after[0].weight.dtype == jnp.float32
    assert 'precision="bfloat16"' in finding.fix


def test_float32_steps_are_not_rounded_away(trained: Any) -> None:
    assert "bfloat16_underflow" not in diagnose(trained()).kinds


def test_equal_units_are_those_that_have_a_twin(digits: Parts) -> None:
    model = network(64, 32, 10).init(0)
    weight = np.array(model[0].weight)
    weight[:, :20] = np.repeat(weight[:, :10], 2, axis=1)  # ten pairs
    above = np.array(model[2].weight)
    above[:20] = np.repeat(above[:10], 2, axis=0)
    twins = tree.replace(model, {"layers.0.weight": weight, "layers.2.weight": above})
    finding = of("symmetric_weights", diagnose(twins, digits[0]))
    assert finding.evidence["fraction"] == pytest.approx(20 / 32)


@pytest.mark.parametrize(("value", "layer"), [(1.0, 0), (0.05, 0), (1.0, 2)])
def test_first_values_that_are_all_one_number(value: float, layer: int, digits: Parts) -> None:
    model = network(64, 32, 10).init(0)
    path = f"layers.{layer}.weight"
    equal = tree.replace(model, {path: jnp.full(model[layer].weight.shape, value)})
    finding = of("symmetric_weights", diagnose(equal, digits[0]))
    assert finding.where == path
    assert finding.evidence["value"] == pytest.approx(value)
    assert finding.grade == "fault"
    after = applied(finding.fix, equal, digits[0]).model
    assert diagnose(after, digits[0]).findings == ()


def test_first_values_of_a_trained_network_are_remembered(digits: Parts) -> None:
    (x, y), _ = digits
    ones = nn.Linear(64, 16, weight_init=initializers.ones)
    model = nn.Sequential([ones, "tanh", nn.Linear(16, 10)])
    run = fit(model, (x[:64], y[:64]), epochs=2, progress=False)
    assert float(np.std(run.model[0].weight)) > 0  # the units are no longer equal
    assert of("symmetric_weights", diagnose(run, (x[:64], y[:64]))).where == "layers.0.weight"


def test_a_gradient_of_zero_is_no_low_rate(digits: Parts) -> None:
    (x, y), _ = digits
    model = nn.Sequential([nn.Linear(64, 8), "tanh", nn.Linear(8, 10), Cut()])
    run = fit(model, (x, y), epochs=2, progress=False)
    found = diagnose(run, (x, y))
    assert "rate_too_low" not in found.kinds
    finding = of("never_moved", found)
    assert finding.grade == "fault"
    assert "It becomes 0 in layers.3" in finding.sentence
    after = applied(finding.fix, model, (x, y)).model.init(0)
    assert "never_moved" not in diagnose(after, (x, y)).kinds


def test_huge_first_weights_that_only_memorize_are_a_fault(digits: Parts) -> None:
    train, dev = digits
    model = network(64, 64, 64, 10, weight_init=initializers.normal(2.0), activation="tanh").init(0)
    run = fit(model, train, dev=dev, epochs=200, learning_rate=0.003, progress=False)
    assert run.history.training_error[-1] < 0.05
    finding = of("initial_scale", diagnose(run, train, dev=dev))
    assert finding.grade == "fault"


def test_frozen_layers_that_were_never_trained(digits: Parts) -> None:
    train, dev = digits
    model = network(64, 3, 10)
    run = fit(model, train, dev=dev, epochs=12, freeze=["layers.0"], progress=False)
    finding = of("never_moved", diagnose(run, train, dev=dev))
    assert finding.grade == "fault"
    assert "never trained" in finding.sentence
    assert "freeze" not in finding.fix
    trained = fit(model, train, dev=dev, epochs=12, progress=False).model
    head = nn.replace_layer(trained, "layers.2", nn.Linear(3, 10)).init(1)
    kept = fit(head, train, dev=dev, epochs=3, freeze=["layers.0"], progress=False)
    assert of("never_moved", diagnose(kept, train, dev=dev)).grade == "note"


@pytest.mark.parametrize(("bias", "shut"), [(-6.0, True), (1.0, False), (3.0, False)])
def test_gates_that_begin_closed(digits: Parts, bias: float, shut: bool) -> None:
    (x, y), _ = digits
    rows = x.reshape(-1, 8, 8)
    model = nn.Sequential([nn.LSTM(8, 12, forget_bias=bias), LastStep(), nn.Linear(12, 10)])
    run = fit(model, (rows, y), epochs=2, progress=False)
    found = diagnose(run, (rows, y))
    before = diagnose(model.init(0), (rows, y))
    assert ("initial_scale" in found.kinds) is shut
    assert ("initial_scale" in before.kinds) is shut
    if shut:
        finding = of("initial_scale", found)
        assert "sigmoid(-6) = 0.0025" in finding.sentence
        mended = applied(finding.fix, model.init(0), (rows, y))
        assert not nn.parameters(mended.model)[finding.where].any()


def test_first_weights_of_one_sign(digits: Parts) -> None:
    positive = network(64, 24, 10, weight_init=initializers.uniform(0.5))

    def up(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Any:
        return jnp.abs(initializers.uniform(1.0)(key, shape, dtype))

    model = network(64, 24, 10, weight_init=up, activation="sigmoid")
    run = fit(model, digits[0], epochs=2, learning_rate=1e-3, progress=False)
    for found in (diagnose(run, digits[0]), diagnose(model, digits[0])):
        finding = of("initial_scale", found)
        assert "all positive" in finding.sentence
    mended = applied(finding.fix, model.init(0), digits[0]).model
    assert "all positive" not in str(diagnose(mended, digits[0]))
    assert "all positive" not in str(diagnose(positive, digits[0]))
