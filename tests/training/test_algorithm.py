"""A second algorithm in the same trainer: two groups of parameters are updated in turn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops, optim
from clearprop.autodiff import value_and_grad
from clearprop.data import Batch
from clearprop.training import FitConfig, StepsDone, train
from clearprop.training.algorithm import (
    Algorithm,
    Array,
    Arrays,
    EarlyStopping,
    Float,
    Measured,
    TrainState,
)
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.supervised import skeleton
from clearprop.training.training_data import TrainingData
from clearprop.tree import replace

FIRST, SECOND = "layers.1.", "layers.3."


@dataclass(frozen=True, eq=False)
class InTurn:
    """Gradient descent that updates the first layer at even steps and the second at odd ones.

    Its optimizer state is a tree of two states, and only one of them changes in a step.
    """

    skeleton: nn.Module
    model_inputs: ModelInputs
    optimizer: optim.Optimizer
    task: str = "classification"

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        assert {path[: len(FIRST)] for path in nn.parameters(model)} == {FIRST, SECOND}

    def initial_state(self, model: nn.Module, trained: list[str], keep_best: bool) -> TrainState:
        parameters = {path: jnp.array(nn.parameters(model)[path]) for path in trained}
        states = {
            name: self.optimizer.init(self._group(parameters, name)) for name in (FIRST, SECOND)
        }
        zero = jnp.zeros((), jnp.int32)
        stopping = EarlyStopping.initial(dict(parameters) if keep_best else None)
        state = TrainState(parameters, {}, states, zero, zero, stopping)
        separate: TrainState = jax.tree.map(jnp.array, state)
        return separate

    @staticmethod
    def _group(parameters: Arrays, name: str) -> dict[str, Array]:
        return {path: x for path, x in parameters.items() if path.startswith(name)}

    def step(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[TrainState, Measured, Arrays]:
        def moved(name: str) -> tuple[TrainState, Measured, Arrays]:
            group = self._group(state.parameters, name)

            def objective(group: Arrays) -> tuple[Array, Array]:
                arrays = {**frozen, **state.parameters, **group}
                losses, errors = self._measure(arrays, batch)
                return losses.mean(), errors.sum()

            (value, error), gradients = value_and_grad(objective, has_aux=True)(group)
            states = dict(state.optimizer)  # type: ignore[call-overload]
            updates, states[name] = self.optimizer.update(gradients, states[name], group)
            after = {**state.parameters, **optim.apply(group, updates)}
            zeros = {path: jnp.zeros(x.shape, x.dtype) for path, x in state.parameters.items()}
            new = state._replace(parameters=after, optimizer=states, step=state.step + 1)
            return new, Measured(value, error), {**zeros, **gradients}

        return jax.lax.cond(state.step % 2 == 0, lambda: moved(FIRST), lambda: moved(SECOND))

    def _measure(self, arrays: Arrays, batch: Batch) -> tuple[Array, Array]:
        outputs = replace(self.skeleton, arrays)(self.model_inputs.inputs(batch.inputs))
        targets = jnp.asarray(batch.targets)
        return ops.softmax_cross_entropy(outputs, targets), ops.zero_one(outputs, targets)

    def evaluated(self, state: TrainState) -> Arrays:
        return state.parameters

    def totals(self, arrays: Arrays, batch: Batch, counted: Array) -> Measured:
        losses, errors = self._measure(arrays, batch)
        return Measured(jnp.where(counted, losses, 0).sum(), jnp.where(counted, errors, 0).sum())

    def finish(self, mean: Float) -> Float:
        return mean

    def end_epoch(self, state: TrainState, metric: Array, objective: Array) -> TrainState:
        epoch = state.epoch + 1
        stopping = state.early_stopping.after_epoch(
            epoch, metric, objective, self.evaluated(state), None
        )
        return state._replace(epoch=epoch, early_stopping=stopping)

    def learning_rate(self, state: TrainState) -> Array:
        states = dict(state.optimizer)  # type: ignore[call-overload]
        return self.optimizer.learning_rate(states[FIRST])

    def find_origin(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[str, str]:
        return "a group", "its gradient is not finite"


class InTurnConfig(FitConfig):
    """The configuration of training in turn: `train` asks it for its algorithm."""

    def algorithm(self, model: nn.Module, data: TrainingData) -> Algorithm:
        inputs = ModelInputs(data.preprocessor)
        return InTurn(skeleton(model), inputs, self.resolved_optimizer)


@pytest.fixture(scope="module")
def digits() -> data.Splits:
    return data.load("digits").split(dev=0.1, test=0.1, seed=0)


def config(splits: data.Splits, **options: object) -> InTurnConfig:
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 16), ops.relu, nn.Linear(16, 10)]).init(0)
    chosen = {"optimizer": "adam", "learning_rate": 0.01, "progress": False, **options}
    return InTurnConfig(model, splits, **chosen)  # type: ignore[arg-type]


def test_the_trainer_trains_any_algorithm(digits: data.Splits) -> None:
    run = train(config(digits, epochs=8))
    assert run.history.development_error[-1] < 0.1
    assert run.stopped.reason == "finished"


def test_the_groups_move_in_turn(digits: data.Splits) -> None:
    first = nn.parameters(config(digits).model)
    run = train(config(digits, epochs=1, snapshots=[0, 1, 2]))
    states = [nn.parameters(run.at(step)) for step in (0, 1, 2)]
    same = [
        {path[: len(FIRST)] for path in first if np.array_equal(before[path], after[path])}
        for before, after in itertools.pairwise(states)
    ]
    assert same == [{SECOND}, {FIRST}]


@pytest.mark.optimized
def test_it_resumes_bit_for_bit(digits: data.Splits, tmp_path: Path) -> None:
    options = {"folder": tmp_path / "run", "epochs": 2, "checkpoint_every": 7}
    plain = train(config(digits, **{**options, "folder": None}))

    def stop(event: object) -> None:
        if isinstance(event, StepsDone) and event.step > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config(digits, **options, on_event=stop))
    again = train(config(digits, **options, resume=True))
    assert again.losses.tobytes() == plain.losses.tobytes()
    assert all(
        np.array_equal(x, nn.parameters(plain.model)[path])
        for path, x in nn.parameters(again.model).items()
    )
