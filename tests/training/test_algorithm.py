"""A second algorithm in the same trainer: two groups of parameters are updated in turn."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops
from clearprop.data import Batch
from clearprop.training import FitConfig, Learning, StepsDone, train
from clearprop.training.algorithm import Array, Arrays, TrainState

FIRST, SECOND = "layers.1.", "layers.3."


@dataclass(frozen=True, eq=False)
class InTurn(Learning):
    """Gradient descent that updates the first layer at even steps and the second at odd ones.

    Its optimizer state is a tree of two states, and only one of them changes in a step.
    """

    error_name = "wrong classes"

    def objective(self, model: Any, batch: Batch, key: Array, memory: object) -> Any:
        outputs, targets = model(batch.inputs), jnp.asarray(batch.targets)
        return ops.softmax_cross_entropy(outputs, targets), ops.zero_one(outputs, targets)

    def first_optimizer_state(self, parameters: dict[str, Array]) -> dict[str, Any]:
        return {
            name: self._context.optimizer.init(self._group(parameters, name))
            for name in (FIRST, SECOND)
        }

    @staticmethod
    def _group(parameters: Arrays, name: str) -> dict[str, Array]:
        return {path: x for path, x in parameters.items() if path.startswith(name)}

    def updates(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array, gradients: Arrays
    ) -> Any:
        def moved(name: str) -> tuple[Arrays, object]:
            states: Any = dict(state.optimizer)  # type: ignore[call-overload]
            group = self._group(gradients, name), states[name], self._group(state.parameters, name)
            updates, states[name] = self._context.optimizer.update(*group)
            zeros = {path: jnp.zeros_like(x) for path, x in state.parameters.items()}
            return {**zeros, **updates}, states

        return jax.lax.cond(state.step % 2 == 0, lambda: moved(FIRST), lambda: moved(SECOND))

    def evaluated(self, state: TrainState) -> Arrays:
        return state.parameters

    def observed(self, optimizer: object, metric: Array) -> object:
        return optimizer

    def learning_rate(self, state: TrainState) -> Array:
        states = dict(state.optimizer)  # type: ignore[call-overload]
        return self._context.optimizer.learning_rate(states[FIRST])


@pytest.fixture(scope="module")
def digits() -> data.Splits:
    return data.load("digits").split(dev=0.1, test=0.1, seed=0)


def config(splits: data.Splits, **options: object) -> FitConfig:
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 16), ops.relu, nn.Linear(16, 10)]).init(0)
    chosen = {"optimizer": "adam", "learning_rate": 0.01, "progress": False, **options}
    return FitConfig(model, splits, algorithm=InTurn(), **chosen)  # type: ignore[arg-type]


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
