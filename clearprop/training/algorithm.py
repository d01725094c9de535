"""What an algorithm of training is: its state, its step, what it measures, how it is evaluated.

`Trainer` and `CompiledSteps` know no more of an algorithm than this file says. `Learning` is the
base of those that follow a gradient, and `SupervisedLearning` the first of them; an algorithm with
other steps (two players, a map without gradients) supplies the same functions.

Shape letters: B batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data import Batch
from clearprop.nn.module import Hook
from clearprop.training.training_data import TrainingData

Array = jax.Array
Arrays = Mapping[str, Array]
Numeric = jax.Array | NDArray[np.number]
"""An array on a device or on the host."""

Float = jax.Array | np.floating


class Measured(NamedTuple):
    """What was measured on a batch.

    Attributes:
        objective: the loss: of a training step the mean, of an evaluation the sum.
        error: the sum of the errors of its examples, before `Algorithm.finish`.
    """

    objective: Numeric
    error: Numeric


def batch_mean(losses: Array, batch: Batch) -> Array:
    """Return the objective of a batch: the mean of its losses (B,), weighted where it has weights.

    ``sum_i w_i L_i / sum_i w_i``; 0 where all weights of the batch are 0.
    """
    if batch.weights is None:
        return losses.mean()
    weights = jnp.asarray(batch.weights, losses.dtype)
    total = weights.sum()
    return (losses * (weights / jnp.where(total > 0, total, 1))).sum()


def batch_share(losses: Array, part: Batch, batch: Batch) -> Array:
    """Return what a part of a batch adds to `batch_mean` of the whole batch.

    ``sum_i w_i L_i`` over the part, divided by the sum of all weights of the batch.
    """
    if part.weights is None or batch.weights is None:
        return losses.sum() / len(batch.targets)
    total = jnp.asarray(batch.weights, losses.dtype).sum()
    weights = jnp.asarray(part.weights, losses.dtype)
    return (losses * (weights / jnp.where(total > 0, total, 1))).sum()


class EarlyStopping(NamedTuple):
    """The best epoch so far, and whether the run stops because of it.

    Attributes:
        error: the lowest development error, or what is watched in its place.
        objective: the development objective of that epoch; it decides between equal errors.
        epoch: that epoch, from 1; 0 before the first.
        waited: epochs since then.
        stopped: whether ``waited`` has reached the patience.
        kept: the parameters and statistics of that epoch; None where the best are not kept.
    """

    error: Array
    objective: Array
    epoch: Array
    waited: Array
    stopped: Array
    kept: dict[str, Array] | None

    @classmethod
    def initial(cls, kept: dict[str, Array] | None) -> EarlyStopping:
        """Return the state before the first epoch; ``kept`` is None where the best are not kept."""
        infinite = jnp.full((), jnp.inf, jnp.float32)
        zero = jnp.zeros((), jnp.int32)
        return cls(infinite, jnp.array(infinite), zero, zero, jnp.zeros((), bool), kept)

    def after_epoch(
        self, epoch: Array, metric: Array, objective: Array, arrays: Arrays, patience: int | None
    ) -> EarlyStopping:
        """Return the state after an epoch.

        Args:
            epoch: its number, from 1.
            metric: the development error, the objective where there is no development set, or what
                is watched in its place; less is better.
            objective: the development objective.
            arrays: what would be kept of this epoch.
            patience: epochs without a better metric after which the run stops; None never stops.
        """
        metric, objective = metric.astype(jnp.float32), objective.astype(jnp.float32)
        better = (metric < self.error) | ((metric == self.error) & (objective < self.objective))
        waited = jnp.where(better, 0, self.waited + 1)
        kept = self.kept
        if kept is not None:
            kept = {path: jnp.where(better, arrays[path], old) for path, old in kept.items()}
        return EarlyStopping(
            error=jnp.where(better, metric, self.error),
            objective=jnp.where(better, objective, self.objective),
            epoch=jnp.where(better, epoch, self.epoch),
            waited=waited,
            stopped=self.stopped if patience is None else waited >= patience,
            kept=kept,
        )


class TrainState(NamedTuple):
    """The state of training: everything that the next step depends on, as one tree of arrays.

    Attributes:
        parameters: what is learned, by path.
        statistics: arrays that a step updates without learning them, by path, such as the running
            statistics of layers.
        optimizer: the state of the optimizer, or a tree of the states of several.
        step: number of training steps taken, int32.
        epoch: number of whole epochs, int32.
        early_stopping: the best epoch so far.
        memory: what else an algorithm remembers from step to step, as a tree of arrays: Markov
            chains, a replay buffer, the state of an environment. It is no part of the model.
    """

    parameters: dict[str, Array]
    statistics: dict[str, Array]
    optimizer: object
    step: Array
    epoch: Array
    early_stopping: EarlyStopping
    memory: object = ()


class Algorithm(Protocol):
    """A way to train: pure functions of a state, which `CompiledSteps` compiles."""

    @property
    def reported(self) -> nn.Loss:
        """The objective and the error as people read them: their names, and the kind of error."""

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the examples fit the model; nothing is computed.

        Raises:
            ClearpropError: they do not.
        """

    def initial_state(self, model: nn.Module, trained: list[str], keep_best: bool) -> TrainState:
        """Return the state before the first step.

        Args:
            model: with values in its parameters.
            trained: paths of the parameters that are trained.
            keep_best: whether the arrays of the best epoch are kept.
        """

    def step(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[TrainState, Measured, Arrays]:
        """Return the state after one training step, its measures, and its gradients.

        Args:
            state: before the step.
            frozen: the parameters that are not trained.
            batch: its examples, (B, ...).
            key: of the run. The key of a step is made from it and the number of the step.
        """

    def evaluated(self, state: TrainState) -> Arrays:
        """Return the parameters and statistics that are evaluated and kept."""

    def totals(self, arrays: Arrays, batch: Batch, counted: Array) -> Measured:
        """Return sums over the counted examples of a batch, in evaluation.

        Args:
            arrays: every parameter and statistic.
            batch: its examples.
            counted: bool (B,), which of them count: a last batch is filled up with repetitions.
        """

    def finish(self, mean: Float) -> Float:
        """Return the error that people read, from the mean error of the examples."""

    def end_epoch(
        self, state: TrainState, metric: Array, objective: Array, watched: Array | None = None
    ) -> TrainState:
        """Return the state after an epoch: optimizer and early stopping get its metric.

        Args:
            state: after the last step of the epoch.
            metric: the development error, or the objective where there is no development set.
            objective: the development objective.
            watched: what early stopping gets in place of the metric; less is better.
        """

    def learning_rate(self, state: TrainState) -> Array:
        """Return the learning rate of the next step."""

    def find_origin(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[str, ...]:
        """Return place and cause of the first number in a step that is not finite, in words.

        A third text says what to do about it, where that is known.
        """


@runtime_checkable
class GivesOutputs(Protocol):
    """An algorithm whose model gives outputs for examples: metrics can be computed of them."""

    def outputs(self, arrays: Arrays, batch: Batch) -> Array:
        """Return the outputs of the model for a batch, in evaluation, as the loss takes them.

        Args:
            arrays: every parameter and statistic.
            batch: its examples.
        """


@runtime_checkable
class MeasuresEpochs(Protocol):
    """An algorithm that measures its state at the end of every epoch, such as samples of it."""

    def measures(
        self, state: TrainState, frozen: Arrays, examples: Batch, key: Array
    ) -> dict[str, Array]:
        """Return numbers by name; they stand among the metrics of the epoch.

        Args:
            state: after the epoch.
            frozen: the parameters that are not trained.
            examples: of the development set, of the training set where there is none; at most
                `MEASURED`.
            key: of the run.
        """


MEASURED = 2000
"""So many examples are given to `MeasuresEpochs.measures`."""


class ForwardPass(NamedTuple):
    """The result of a forward pass in training.

    Attributes:
        outputs: of the model, (B, ...); of other algorithms what `measure` takes.
        targets: raw, (B, ...), mixed where the examples were mixed.
        statistics: new values of the layers' statistics, by path.
    """

    outputs: Array
    targets: Numeric
    statistics: Arrays


@runtime_checkable
class Differentiable(Protocol):
    """An algorithm whose step is the gradient of a loss: its pass can be recorded."""

    def inputs(self, kept: object) -> object:
        """Return kept inputs as the model sees them."""

    def prepared(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> TrainState:
        """Return the state with the memory that the gradient of a step is computed with."""

    def forward(
        self,
        parameters: Arrays,
        state: TrainState,
        frozen: Arrays,
        batch: Batch,
        step_key: Array,
        hook: Hook | None = None,
    ) -> ForwardPass:
        """Return the result of the forward pass of a batch.

        Args:
            parameters: that are trained; they may be differentiated.
            state: of which the statistics and the memory are read.
            frozen: the parameters that are not trained.
            batch: the examples.
            step_key: the random key of the step.
            hook: is called after every call of a layer.
        """

    def measure(self, outputs: Array, targets: Numeric) -> tuple[Array, Array]:
        """Return loss and error of each example, (B,) each."""

    def updates(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array, gradients: Arrays
    ) -> tuple[Arrays, object]:
        """Return the updates of the parameters, and the next state of the optimizer."""
