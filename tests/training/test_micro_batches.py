"""Micro-batches: their steps are those of the whole batch, up to rounding."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import nn, ops
from clearprop.data import Batch
from clearprop.errors import ConfigurationError
from clearprop.training import DivergedError, fit
from clearprop.training.micro_batches import over_parts, parts

EXAMPLES = 70


@pytest.fixture
def data() -> Any:
    random = np.random.default_rng(0)
    x = random.normal(size=(EXAMPLES, 5)).astype(np.float32)
    return x, (x @ random.normal(size=5) > 0).astype(np.int32)


def network(*inside: Any) -> nn.Module:
    return nn.Sequential([nn.Linear(5, 8), *inside, ops.tanh, nn.Linear(8, 2)])


def trained(data: Any, model: nn.Module | None = None, **options: Any) -> Any:
    values: dict[str, Any] = {"epochs": 3, "batch_size": 32, "progress": False, "dev": 0}
    return fit(model or network(), data, **{**values, **options})


def assert_same(run: Any, other: Any, rtol: float = 2e-5) -> None:
    assert_allclose(run.losses, other.losses, rtol=rtol)
    ours, theirs = nn.parameters(run.model), nn.parameters(other.model)
    for path, value in ours.items():
        assert_allclose(value, theirs[path], rtol=rtol, atol=1e-5, err_msg=path)


# 70 examples in batches of 32 leave a last batch of 6: 32 = 4 * 8 = 2 * 12 + 8, 6 < 8 < 12.
@pytest.mark.parametrize("size", [1, 5, 8, 12, 31])
def test_the_steps_are_those_of_whole_batches(size: int, data: Any) -> None:
    run = trained(data, optimizer="momentum", learning_rate=0.1, micro_batch_size=size)
    assert_same(run, trained(data, optimizer="momentum", learning_rate=0.1))
    assert (
        run.history.training_error.tolist()
        == trained(data, optimizer="momentum", learning_rate=0.1).history.training_error.tolist()
    )


def test_so_are_those_of_adam_over_two_devices(data: Any) -> None:
    run = trained(data, micro_batch_size=8, devices=2)
    assert_same(run, trained(data), rtol=1e-4)


def test_so_are_those_of_lbfgs(data: Any) -> None:
    options: dict[str, Any] = {"optimizer": "lbfgs", "batch_size": EXAMPLES, "epochs": 1}
    # The first iterations: later ones make differences of rounding larger.
    model = nn.Linear(5, 2)
    chosen = {"name": "lbfgs", "iterations": 4}
    options["optimizer"] = chosen
    assert_same(
        trained(data, model, micro_batch_size=16, **options), trained(data, model, **options), 1e-4
    )


def test_a_mean_of_means_would_differ(data: Any) -> None:
    """Every example counts the same, also those of the small last part."""
    x, labels = data
    model = nn.Linear(5, 2).init(0)
    one = {"epochs": 1, "batch_size": EXAMPLES, "optimizer": "sgd", "learning_rate": 1.0}
    run = trained(data, model, micro_batch_size=69, **one)
    errors = ops.softmax(model(x)) - jnp.eye(2)[labels]
    expected = nn.parameters(model)["weight"] - x.T @ errors / EXAMPLES
    assert_allclose(nn.parameters(run.model)["weight"], expected, rtol=1e-4, atol=1e-6)


def test_parts_hold_every_example_once() -> None:
    batch = Batch({"a": jnp.arange(11), "b": 2 * jnp.arange(11)}, jnp.arange(11))  # type: ignore[arg-type]  # traced arrays are targets too
    for size in (1, 3, 4, 11):
        each = parts(batch, size)
        assert [len(part.targets) for part in each[:-1]] == [size] * (len(each) - 1)
        seen = over_parts(batch, size, lambda part, k, sums: sums + part.targets.sum(), 0)
        assert int(seen) == 55
        assert sorted(np.concatenate([part.targets for part in each])) == list(range(11))
        for number, part in enumerate(each):

            def kept(
                now: Batch, k: Any, found: Any, number: int = number, like: Batch = part
            ) -> Any:
                if now.targets.shape != like.targets.shape:
                    return found
                return jnp.where(k == number, now.targets, found)

            assert_allclose(over_parts(batch, size, kept, part.targets * 0), part.targets)
            assert_allclose(part.inputs["b"], 2 * part.targets)


def test_statistics_are_those_of_the_micro_batches_in_turn(data: Any) -> None:
    model = network(nn.BatchNorm(8))
    run = trained(data, model, micro_batch_size=8, epochs=1)
    mean = nn.statistics(run.model)["layers.1.running_mean"]
    other = nn.statistics(trained(data, model, epochs=1).model)["layers.1.running_mean"]
    assert not np.allclose(mean, other)
    # Nine parts were seen where the other run saw three batches: both come from the same examples.
    assert np.sign(mean).tolist() == np.sign(other).tolist()


def test_dropout_draws_anew_in_every_part() -> None:
    """With equal examples and one draw for all parts, the gradients of the parts were equal."""
    x, labels = np.ones((32, 5), np.float32), np.zeros(32, np.int32)
    model = nn.Sequential([nn.Dropout(0.5), nn.Linear(5, 2)]).init(0)
    one: dict[str, Any] = {"epochs": 1, "optimizer": "sgd", "learning_rate": 1.0}
    together = trained((x, labels), model, micro_batch_size=1, **one)
    alone = trained((x[:1], labels[:1]), model, batch_size=1, **one)
    first, second = (nn.parameters(run.model)["layers.1.weight"] for run in (together, alone))
    assert len(np.unique(np.round(np.abs(first - nn.parameters(model)["layers.1.weight"]), 5))) > 2
    assert not np.allclose(first, second)


@pytest.mark.optimized
def test_a_run_goes_on_the_same_bit_for_bit(data: Any, tmp_path: Any) -> None:
    model = network(nn.Dropout(0.2))
    whole = trained(data, model, epochs=4, micro_batch_size=12)
    trained(data, model, epochs=2, micro_batch_size=12, folder=tmp_path / "run")
    rest = trained(data, model, micro_batch_size=12, epochs=4, folder=tmp_path / "run", resume=True)
    assert np.array_equal(rest.losses, whole.losses)
    assert whole.config["settings"]["micro_batch_size"] == 12


def test_a_number_that_is_not_finite_is_found_in_its_part(data: Any) -> None:
    x, labels = data
    broken = x.copy()
    broken[3] = 1e30
    model = nn.Sequential([nn.Linear(5, 8), ops.square, nn.Linear(8, 2)])
    with pytest.raises(DivergedError) as raised:
        trained((broken, labels), model, micro_batch_size=8)
    with pytest.raises(DivergedError) as whole:
        trained((broken, labels), model)
    assert raised.value.where == whole.value.where != "the update"


@pytest.mark.parametrize(
    ("options", "words", "fix"),
    [
        ({"micro_batch_size": 33}, "larger than it", "micro_batch_size=32 or less"),
        ({"micro_batch_size": 0}, "micro_batch_size", None),
        ({"micro_batch_size": 8, "record": ["*"]}, "micro-batches have none", "leave out record"),
        (
            {"micro_batch_size": 8, "optimizer": "hessian_free"},
            "Gauss-Newton matrix of the whole batch",
            "leave micro_batch_size out",
        ),
        ({"accumulate_grad_batches": 4}, "no argument", "micro_batch_size=1"),
        ({"gradient_accumulation_steps": 4}, "no argument", "micro_batch_size=1"),
        ({"accumulate": 4}, "no argument", "micro_batch_size=1"),
    ],
    ids=str,
)
def test_what_is_refused(options: dict[str, Any], words: str, fix: str | None, data: Any) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        trained(data, **options)
    assert fix is None or fix in str(raised.value.fix)


@pytest.mark.parametrize("size", [5, 12])
def test_so_are_those_of_weighted_examples(size: int, data: Any) -> None:
    weights = np.linspace(0.0, 3.0, EXAMPLES)
    options: dict[str, Any] = {"class_weight": {0: 1.0, 1: 4.0}, "sample_weight": weights}
    options |= {"optimizer": "momentum", "learning_rate": 0.1}
    assert_same(trained(data, micro_batch_size=size, **options), trained(data, **options))
