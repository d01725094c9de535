"""The state of training: everything that the next step depends on, as one tree of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from clearprop import nn, optim
from clearprop.autodiff import stop_gradient

Array = jax.Array


class Judge(NamedTuple):
    """What the development examples have said so far: early stopping, and the best weights.

    Attributes:
        error: the lowest development error.
        objective: the development objective that went with it; it decides between equal errors.
        epoch: the pass after which it was measured, from 1; 0 before the first.
        waited: passes since then.
        stopped: whether that was long enough to end the run.
        kept: the parameters and statistics of that pass; None where the best are not kept.
    """

    error: Array
    objective: Array
    epoch: Array
    waited: Array
    stopped: Array
    kept: dict[str, Array] | None


class State(NamedTuple):
    """The state of training.

    Attributes:
        parameters: what is learned, by path.
        statistics: what layers note on the side, by path.
        optimizer: what the optimizer remembers.
        step: training steps made, int32.
        epoch: whole passes made, int32.
        judge: what the development examples have said.
    """

    parameters: dict[str, Array]
    statistics: dict[str, Array]
    optimizer: Any
    step: Array
    epoch: Array
    judge: Judge


def begin(
    model: nn.Module, trained: list[str], optimizer: optim.Optimizer, keep_best: bool
) -> State:
    """Return the state before the first step."""
    every = nn.parameters(model)
    parameters = {path: jnp.array(every[path]) for path in trained}
    statistics = {path: jnp.array(value) for path, value in nn.statistics(model).items()}
    kept = {path: jnp.array(x) for path, x in {**parameters, **statistics}.items()}
    infinite = jnp.full((), jnp.inf, jnp.float32)
    judge = Judge(
        error=infinite,
        objective=jnp.array(infinite),
        epoch=jnp.zeros((), jnp.int32),
        waited=jnp.zeros((), jnp.int32),
        stopped=jnp.zeros((), bool),
        kept=kept if keep_best else None,
    )
    state = State(
        parameters,
        statistics,
        optimizer.init(parameters),
        jnp.zeros((), jnp.int32),
        jnp.zeros((), jnp.int32),
        judge,
    )
    # Every array has a buffer of its own: two names of one buffer could not both be given away.
    return jax.tree.map(jnp.array, stop_gradient(state))  # type: ignore[no-any-return]


def end_epoch(
    state: State,
    optimizer: optim.Optimizer,
    metric: Array,
    objective: Array,
    patience: int | None,
) -> State:
    """Return the state after a pass: the optimizer has heard of its metric, the judge has judged.

    Args:
        state: after the last step of the pass.
        optimizer: takes note of the metric (a plateau schedule does).
        metric: development error, or the objective where there are no development examples.
        objective: development objective.
        patience: passes without a better metric after which to stop; None never stops.
    """
    epoch = state.epoch + 1
    judge = state.judge
    metric = metric.astype(jnp.float32)
    objective = objective.astype(jnp.float32)
    better = (metric < judge.error) | ((metric == judge.error) & (objective < judge.objective))
    waited = jnp.where(better, 0, judge.waited + 1)
    kept = judge.kept
    if kept is not None:
        averaged = optimizer.averaged(state.optimizer, state.parameters)
        now = {**averaged, **state.statistics}
        kept = {path: jnp.where(better, now[path], old) for path, old in kept.items()}
    judge = Judge(
        error=jnp.where(better, metric, judge.error),
        objective=jnp.where(better, objective, judge.objective),
        epoch=jnp.where(better, epoch, judge.epoch),
        waited=waited,
        stopped=judge.stopped if patience is None else waited >= patience,
        kept=kept,
    )
    heard = optimizer.observe(state.optimizer, metric)
    return state._replace(optimizer=heard, epoch=epoch, judge=judge)
