"""One step is right, and every division of the steps into calls takes the same steps."""

from __future__ import annotations

import gc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops, optim, tree
from clearprop.backend import devices, mesh
from clearprop.training import fit
from clearprop.training.algorithm import Measured, TrainState
from clearprop.training.compiled_steps import CompiledSteps, Span
from clearprop.training.execution_plan import ExecutionPlan
from clearprop.training.feed import Feed, on_devices
from clearprop.training.fit_config import FitConfig
from clearprop.training.placement import Placement
from clearprop.training.run_setup import RunSetup

BATCH = 32


def setup(splits: data.Splits, model: nn.Module, rule: str = "adam", **options: Any) -> RunSetup:
    config = FitConfig(
        model.init(0), splits, optimizer=optim.create(rule), epochs=1, batch_size=BATCH, **options
    )
    return RunSetup.of(config)


def compiled_of(of: RunSetup, plan: ExecutionPlan) -> CompiledSteps:
    placement = Placement(mesh(plan.devices), {})
    return CompiledSteps(
        of.algorithm, plan, placement, of.state_shapes, of.frozen, jax.random.key(1)
    )


def ran(of: RunSetup, plan: ExecutionPlan, steps: int) -> tuple[TrainState, np.ndarray]:
    compiled = compiled_of(of, plan)
    feed = Feed(of.data.train, compiled, BATCH, seed=0)
    state, losses = compiled.put(of.state()), []
    for start in range(0, steps, plan.steps_per_call):
        count = min(plan.steps_per_call, steps - start)
        before = state
        state, measured = compiled.steps(before, feed.portion(0, start, count), count)
        compiled.give_back(before)
        losses.append(np.asarray(measured.objective))
    return jax.device_get(state), np.concatenate(losses)


def bits(state: Any) -> dict[str, bytes]:
    return {path: np.asarray(x).tobytes() for path, x in tree.flatten_with_paths(state).items()}


def close(one: Any, other: Any, tolerance: float = 1e-5) -> None:
    for path, x in tree.flatten_with_paths(one).items():
        np.testing.assert_allclose(
            x, tree.flatten_with_paths(other)[path], rtol=1e-3, atol=tolerance, err_msg=path
        )


def with_everything() -> nn.Module:
    return nn.Sequential(
        [
            nn.Flatten(),
            nn.Linear(64, 32),
            nn.BatchNorm(32),
            ops.relu,
            nn.Dropout(0.2),
            nn.Linear(32, 10),
        ]
    )


@pytest.mark.optimized
def test_a_step_is_that_of_the_oracle(digits: data.Splits, perceptron: nn.Module) -> None:
    of = setup(digits, perceptron, "sgd")
    state, losses = ran(of, ExecutionPlan(1, 3, 0, False), 3)
    weights = {path: jnp.asarray(x) for path, x in nn.parameters(of.model).items()}
    prepared = digits.preprocessor.scaled(np.asarray(digits.train.inputs)).reshape(-1, 64)
    order = data.epoch_order(len(digits.train), 0, 0)

    def oracle(w: Any, x: Any, t: Any) -> Any:
        h = jax.nn.relu(x @ w["layers.1.weight"] + w["layers.1.bias"])
        z = h @ w["layers.3.weight"] + w["layers.3.bias"]
        return -jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], axis=1).mean()

    rate = float(of.config.resolved_optimizer.learning_rate(of.state().optimizer))
    for i in range(3):
        rows = order[i * BATCH : (i + 1) * BATCH]
        value, slopes = jax.value_and_grad(oracle)(
            weights, prepared[rows], digits.train.targets[rows]
        )
        weights = {path: w - rate * slopes[path] for path, w in weights.items()}
        assert losses[i] == pytest.approx(float(value), rel=1e-5)
    close(state.parameters, weights)


@pytest.mark.optimized
def test_steps_one_by_one_are_steps_in_one_call(digits: data.Splits) -> None:
    of = setup(digits, with_everything(), "sgd")
    alone, alone_losses = ran(of, ExecutionPlan(1, 1, 0, False), 7)
    for plan in (
        ExecutionPlan(1, 7, 0, False),
        ExecutionPlan(1, 5, 0, False),
        ExecutionPlan(1, 3, 0, True),
    ):
        together, losses = ran(of, plan, 7)
        np.testing.assert_allclose(losses, alone_losses, rtol=1e-5)
        close(together, alone)


@pytest.mark.optimized
def test_the_same_calls_give_the_same_bits(digits: data.Splits) -> None:
    of = setup(digits, with_everything())
    one, other = (ran(of, ExecutionPlan(1, 5, 0, False), 12)[0] for _ in range(2))
    assert bits(one) == bits(other)


@pytest.mark.optimized
@pytest.mark.skipif(len(devices()) < 2, reason="one device only")
@pytest.mark.parametrize("unrolled", [False, True])
def test_a_batch_sharded_over_devices_is_the_same_batch(
    digits: data.Splits, unrolled: bool
) -> None:
    model = nn.Sequential(
        [nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm(32), ops.tanh, nn.Linear(32, 10)]
    )
    of = setup(digits, model, "sgd")
    alone, _ = ran(of, ExecutionPlan(1, 4, 0, unrolled), 8)
    shared, _ = ran(of, ExecutionPlan(2, 4, 0, unrolled), 8)
    close(shared, alone)


def test_a_state_that_was_given_stays_whole(digits: data.Splits, perceptron: nn.Module) -> None:
    of = setup(digits, perceptron)
    compiled = compiled_of(of, ExecutionPlan(1, 4, 0, False))
    feed = Feed(of.data.train, compiled, BATCH, seed=0)
    before = compiled.put(of.state())
    copy = bits(jax.device_get(before))
    after, _ = compiled.steps(before, feed.portion(0, 0, 4), 4)
    assert bits(jax.device_get(before)) == copy
    assert bits(jax.device_get(after)) != copy
    compiled.give_back(before)
    compiled.steps(after, feed.portion(0, 4, 4), 4)
    assert all(x.is_deleted() for x in before.parameters.values())


@pytest.mark.optimized
def test_whole_passes_are_their_steps_and_evaluations(
    digits: data.Splits, perceptron: nn.Module
) -> None:
    of = setup(digits, perceptron, patience=3, keep_best=True)
    compiled = compiled_of(of, ExecutionPlan(1, 45, 2, False))
    train, dev = of.data.train, of.data.dev
    assert dev is not None
    feed = Feed(train, compiled, BATCH, seed=0)
    resident, judges = on_devices(train, compiled), on_devices(dev, compiled)
    begun = of.state()
    orders = compiled.put(feed.orders(0, 2))
    column = np.zeros(-(-len(train) // BATCH), np.float32)
    span = Span(0, -(-len(train) // BATCH), 2, Measured(column, column))
    after, noted = compiled.epochs(compiled.put(begun), resident, judges, orders, span, BATCH)

    stepped = compiled.put(begun)
    full, rest = divmod(len(train), BATCH)
    for epoch in range(2):
        portion = feed.portion(epoch, 0, full)
        stepped, _ = compiled.steps(stepped, portion, full)
        stepped, _ = compiled.steps(stepped, portion._replace(start=full * BATCH, size=rest), 1)
        sums = compiled.evaluate(of.algorithm.evaluated(stepped), judges)
        assert float(noted.development.error[epoch]) == float(sums.error)
        n = len(dev)
        stepped, _ = compiled.end_epoch(stepped, sums.error / n, sums.objective / n)
    close(after, stepped)
    assert int(after.step) == 2 * (full + 1)


def test_an_evaluation_counts_every_example_once(
    digits: data.Splits, perceptron: nn.Module
) -> None:
    of = setup(digits, perceptron)
    compiled = compiled_of(of, ExecutionPlan(len(devices()), 1, 0, False))
    train = of.data.train
    sums = compiled.evaluate(of.algorithm.evaluated(of.state()), on_devices(train, compiled))
    outputs = of.model(jnp.asarray(digits.preprocessor.scaled(np.asarray(digits.train.inputs))))
    wrong = int((np.asarray(outputs).argmax(1) != digits.train.targets).sum())
    assert float(sums.error) == wrong


def test_a_finished_run_leaves_no_compiled_program_behind(digits: data.Splits) -> None:
    def programs_after_a_run() -> int:
        model = nn.Sequential([nn.Flatten(), nn.Linear(64, 8), "tanh", nn.Linear(8, 10)])
        fit(model, digits, epochs=1, progress=False)
        gc.collect()
        return len(jax.devices()[0].client.live_executables())

    programs_after_a_run()
    assert programs_after_a_run() == programs_after_a_run()
