"""`Learning`: the base of algorithms whose step follows the gradient of an objective.

A subclass writes its objective; state, step, optimizer, early stopping, evaluation, recording and
the search for numbers that are not finite come from here. `SupervisedLearning` is one; an algorithm
of one's own is another.

Shape letters: B batch.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn, optim, tree
from clearprop.autodiff import stop_gradient, value_and_grad
from clearprop.data import Batch, Dataset, Splits
from clearprop.data.forms import as_array
from clearprop.errors import ConfigurationError, run_option
from clearprop.nn.module import Hook
from clearprop.nn.recording import Objective
from clearprop.training.algorithm import (
    Array,
    Arrays,
    EarlyStopping,
    Float,
    ForwardPass,
    Measured,
    Numeric,
    TrainState,
    batch_mean,
)
from clearprop.training.batch_stream import gathered, is_batches
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.nonfinite import find_origin
from clearprop.training.training_data import Data, TrainingData
from clearprop.training.without_targets import without_targets

KNOWN = (Dataset, Splits, tuple, bool, int, float)
"""Kinds of data, and of a development set, that are taken as they stand."""

EVALUATING = 2**31 - 2
"""Separates the random numbers of an evaluation from those of the steps."""


class Context(NamedTuple):
    """What `fit` tells an algorithm before it trains.

    Attributes:
        skeleton: the model with shapes in place of its parameters and statistics.
        optimizer: turns gradients into updates.
        model_inputs: turns kept examples into inputs of the model.
        patience: epochs without a better metric after which a run stops; None never stops.
        batch_size: examples of a step.
        seed: of the run.
        examples: of the training part.
        epochs: of the whole run.
        data: what `fit` was given to learn from.
    """

    skeleton: nn.Module
    optimizer: optim.Optimizer
    model_inputs: ModelInputs = ModelInputs()
    patience: int | None = None
    batch_size: int = 1
    seed: int = 0
    examples: int = 1
    epochs: int = 1
    data: object = None


class Options(Protocol):
    """What of the arguments of `fit` decides on the examples of a run."""

    @property
    def data(self) -> object:
        """What `fit` was given to learn from."""

    @property
    def dev(self) -> object:
        """The development set, or the fraction to hold out."""

    @property
    def seed(self) -> int:
        """Decides which examples are held out."""


@dataclass(frozen=True, eq=False)
class Learning:
    """An algorithm that learns by the gradient of `objective`.

    The fields of a subclass are its options; they are written into the configuration of a run. One
    with another kind of step overrides `step`.

    Attributes:
        context: what `fit` told it; None before.

    >>> from dataclasses import dataclass
    >>> from clearprop import ops
    >>> from clearprop.training import Learning, fit
    >>> @dataclass(frozen=True, eq=False)
    ... class Shrink(Learning):
    ...     power: int = 2
    ...
    ...     def objective(self, model, batch, key, memory):
    ...         return ops.sum(ops.abs(model(batch.inputs)) ** self.power, axis=-1)
    >>> x = jnp.ones((8, 3))
    >>> run = fit(nn.Linear(3, 2), x, algorithm=Shrink(), learning_rate=0.1, progress=False)
    >>> run.history.objective[-1] < 0.5 * run.history.objective[0]
    np.True_
    """

    context: Context | None = field(default=None, kw_only=True, repr=False)

    error_name: ClassVar[str] = "objective"
    """The name of the error that `objective` returns beside the losses."""

    descends: ClassVar[bool] = True
    """Whether the objective falls while the model learns: not in a game, and not where the model
    makes its own targets. A report reads the curves accordingly."""

    monitored: ClassVar[Mapping[str, bool]] = {}
    """Of what it measures, what `fit` can monitor, and whether more of each is better."""

    followed_name: ClassVar[str] = "objective"
    """The name of what `followed` returns."""

    takes: ClassVar[frozenset[str]] = frozenset()
    """The options of `fit` that it reads, of those that belong to supervised learning."""

    optimizes: ClassVar[bool] = True
    """Whether an optimizer makes its steps; else `fit` refuses one."""

    # --- what a subclass writes ------------------------------------------------------------------

    def objective(
        self, model: nn.Module, batch: Batch, key: Array, memory: object
    ) -> Array | tuple[Array, Array]:
        """Return the loss of each example, (B,), or these and the errors that people read, (B,).

        Args:
            model: with its parameters; a call of it, or of its parts, is in training.
            batch: the examples, with inputs as the model takes them.
            key: random; another one at every step.
            memory: of the algorithm, as `remembered` returned it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no objective")

    def first_memory(self, model: nn.Module) -> object:
        """Return what the algorithm remembers before the first step: nothing."""
        return ()

    def remembered(self, model: nn.Module, batch: Batch, key: Array, memory: object) -> object:
        """Return what is remembered at a step before its gradient; nothing here is differentiated.

        Args:
            model: with its parameters, as it is in evaluation.
            batch: the examples, with inputs as the model takes them.
            key: random; another one at every step.
            memory: as the step before left it.
        """
        return memory

    def started(self, model: nn.Module, data: TrainingData, seed: int) -> nn.Module:
        """Return a new model as it begins: with the values of its initializers.

        Args:
            model: with these values.
            data: the examples, from which an algorithm may take others.
            seed: of the run.
        """
        return model

    def followed(self, model: nn.Module, batch: Batch, key: Array) -> Array:
        """Return what `explain` follows back through the model, (B,): the losses of the objective.

        Args:
            model: with its parameters, as it is in evaluation.
            batch: the examples, with inputs as the model takes them.
            key: random.
        """
        found = self.objective(model, batch, key, self.first_memory(model))
        return found[0] if isinstance(found, tuple) else found

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the examples fit the model: the objective is traced on them, not computed.

        Raises:
            ClearpropError: they do not.
        """
        batch, key = data.train.first(batch_size), jax.random.key(0)

        def traced(batch: Batch) -> tuple[Array, Array]:
            state = self.initial_state(model, list(nn.parameters(model)), keep_best=False)
            state = self.prepared(state, {}, batch, key)
            passed = self.forward(state.parameters, state, {}, batch, key)
            return self.measure(passed.outputs, passed.targets)

        for one in jax.eval_shape(traced, batch):
            if one.shape != (batch_size,):
                raise ConfigurationError(
                    "an objective returns one loss for each example of the batch",
                    where=f"{type(self).__name__}.objective",
                    given=f"shape {tuple(one.shape)} for a batch of {batch_size}",
                    expected=f"({batch_size},)",
                    fix="average over the other axes: losses.mean(axis=-1); the mean over the "
                    "batch is taken later",
                )

    # --- what `fit` calls ------------------------------------------------------------------------

    def examples(self, config: Options) -> TrainingData:
        """Return the examples of a run; inputs alone get targets of 0, which nobody reads.

        Raises:
            ClearpropError: the data is none.
        """
        return gathered(_paired(config.data), _paired(config.dev), config.seed)

    def bound(self, context: Context) -> Self:
        """Return the algorithm as it trains a model."""
        return replace(self, context=context)

    @property
    def _context(self) -> Context:
        if self.context is None:
            raise ConfigurationError(
                "this algorithm was not given a model yet",
                given=type(self).__name__,
                fix="fit(model, x, algorithm=...) does it",
            )
        return self.context

    @property
    def name(self) -> str:
        """The name of the algorithm in the configuration of a run, such as "deep_q_learning"."""
        return re.sub(
            r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__
        ).lower()

    def to_config(self) -> dict[str, object]:
        """Return the name and the options as plain data."""
        options = {
            one.name: _plain(getattr(self, one.name))
            for one in dataclasses.fields(self)
            if one.name != "context"
        }
        marks = {} if self.descends else {"descends": False}
        return {"name": self.name, "error_name": self.error_name, **marks, **options}

    @property
    def reported(self) -> nn.Loss:
        """The objective and the error as people read them; see `Algorithm`."""
        return without_targets(self.name, self.error_name)

    @functools.cached_property
    def as_objective(self) -> Objective:
        """What `explain` follows; without a key with the random numbers of an evaluation."""

        def losses(model: nn.Module, x: object, y: object, key: Array | None) -> Array:
            return self.followed(model, Batch(x, cast(Any, y)), self._key if key is None else key)

        return Objective(losses)

    def losses_of(self, model: nn.Module, x: object, y: object) -> Array:
        """Return what `followed` says of examples as the model takes them, (B,)."""
        with nn.forward_pass(model, key=self._key):
            return self.followed(model, Batch(x, cast(Any, y)), self._key)

    @property
    def _key(self) -> Array:
        """The random key of evaluations."""
        return jax.random.fold_in(jax.random.key(self._context.seed), EVALUATING)

    def model(self, *parts: Arrays) -> nn.Module:
        """Return the model with these arrays in it."""
        arrays = {path: x for part in parts for path, x in part.items()}
        found: nn.Module = tree.replace(self._context.skeleton, arrays)
        return found

    def inputs(self, kept: object) -> object:
        """Return kept inputs as the model sees them, by name where they have names."""
        return self._context.model_inputs.inputs(kept)

    def seen(self, batch: Batch) -> Batch:
        """Return a batch with inputs as the model sees them."""
        return batch._replace(inputs=self.inputs(batch.inputs))

    def initial_state(self, model: nn.Module, trained: list[str], keep_best: bool) -> TrainState:
        """Return the state before the first step; see `Algorithm`."""
        every = nn.parameters(model)
        parameters = {path: jnp.array(every[path]) for path in trained}
        statistics = {path: jnp.array(value) for path, value in nn.statistics(model).items()}
        kept = {path: jnp.array(x) for path, x in {**parameters, **statistics}.items()}
        state = TrainState(
            parameters,
            statistics,
            self.first_optimizer_state(parameters),
            jnp.zeros((), jnp.int32),
            jnp.zeros((), jnp.int32),
            EarlyStopping.initial(kept if keep_best else None),
            self.first_memory(model),
        )
        # Every array has its own buffer: one buffer under two names could not be donated twice.
        separate: TrainState = jax.tree.map(jnp.array, stop_gradient(state))
        return separate

    def first_optimizer_state(self, parameters: dict[str, Array]) -> object:
        """Return the state of the optimizer before the first step."""
        return self._context.optimizer.init(parameters)

    def step(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[TrainState, Measured, Arrays]:
        """Return the state after one training step, its measures, and its gradients.

        Args:
            state: before the step.
            frozen: the parameters that are not trained.
            batch: its examples.
            key: of the run; the key of a step is made from it and the number of the step.
        """
        step_key = jax.random.fold_in(key, state.step)
        state = self.prepared(state, frozen, batch, step_key)
        measured, statistics, gradients = self.gradients(state, frozen, batch, step_key)
        updates, remembered = self.updates(state, frozen, batch, step_key, gradients)
        after = state._replace(
            parameters=optim.apply(state.parameters, updates),
            statistics={**state.statistics, **statistics},
            optimizer=remembered,
            step=state.step + 1,
        )
        return after, measured, gradients

    def prepared(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> TrainState:
        """Return the state with the memory of this step; see `remembered`."""
        if type(self).remembered is Learning.remembered:
            return state
        model = self.model(frozen, state.parameters, state.statistics)
        memory = self.remembered(model, self.seen(batch), step_key, state.memory)
        return state._replace(memory=stop_gradient(memory))

    def gradients(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> tuple[Measured, Arrays, Arrays]:
        """Return what a step measures, the new statistics, and the gradients of the parameters."""

        def mean(parameters: Arrays) -> tuple[Array, tuple[Arrays, Array]]:
            passed = self.forward(parameters, state, frozen, batch, step_key)
            losses, errors = self.measure(passed.outputs, passed.targets)
            return batch_mean(losses, batch), (passed.statistics, errors.sum())

        (value, (statistics, error)), gradients = value_and_grad(mean, has_aux=True)(
            state.parameters
        )
        return Measured(value, error), statistics, gradients

    def forward(
        self,
        parameters: Arrays,
        state: TrainState,
        frozen: Arrays,
        batch: Batch,
        step_key: Array,
        hook: Hook | None = None,
    ) -> ForwardPass:
        """Return losses and errors of a batch in training, as the objective returns them."""
        model = self.model(frozen, parameters, state.statistics)
        with nn.forward_pass(model, training=True, key=step_key, hook=hook) as passed:
            found = self.objective(model, self.seen(batch), step_key, state.memory)
        losses, errors = found if isinstance(found, tuple) else (found, found)
        return ForwardPass(losses, stop_gradient(errors), passed.statistics)

    def measure(self, outputs: Array, targets: Numeric) -> tuple[Array, Array]:
        """Return loss and error of each example, (B,) each."""
        return outputs, jnp.asarray(targets)

    def updates(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array, gradients: Arrays
    ) -> tuple[Arrays, object]:
        """Return the updates of the parameters, and the next state of the optimizer."""
        optimizer = self._context.optimizer
        if optimizer.update_on is not None:
            raise ConfigurationError(
                "this optimizer computes the objective itself, which only supervised learning lets",
                where="optimizer",
                given=type(self).__name__,
                fix=run_option("optimizer", "adam"),
            )
        found: tuple[Arrays, object] = optimizer.update(
            gradients, state.optimizer, state.parameters
        )
        return found

    def evaluated(self, state: TrainState) -> Arrays:
        """Return the parameters and statistics that are evaluated, averaged where they are so."""
        averaged: Arrays = self._context.optimizer.averaged(state.optimizer, state.parameters)
        return {**averaged, **state.statistics}

    def totals(self, arrays: Arrays, batch: Batch, counted: Array) -> Measured:
        """Return sums over the counted examples of a batch, in evaluation.

        The random numbers of an objective are the same in every evaluation.

        Args:
            arrays: every parameter and statistic.
            batch: its examples.
            counted: bool (B,), which of them count: a last batch is filled up with repetitions.
        """
        model = self.model(arrays)
        key = self._key
        with nn.forward_pass(model, key=key):
            found = self.objective(model, self.seen(batch), key, self.first_memory(model))
        losses, errors = found if isinstance(found, tuple) else (found, found)
        return Measured(jnp.where(counted, losses, 0).sum(), jnp.where(counted, errors, 0).sum())

    def finish(self, mean: Float) -> Float:
        """Return the error that people read, from the mean error of the examples."""
        return mean

    def end_epoch(
        self, state: TrainState, metric: Array, objective: Array, watched: Array | None = None
    ) -> TrainState:
        """Return the state after an epoch; see `Algorithm`."""
        epoch, best = state.epoch + 1, metric if watched is None else watched
        early_stopping = state.early_stopping.after_epoch(
            epoch, best, objective, self.evaluated(state), self._context.patience
        )
        observed = self.observed(state.optimizer, metric.astype(jnp.float32))
        return state._replace(optimizer=observed, epoch=epoch, early_stopping=early_stopping)

    def observed(self, optimizer: object, metric: Array) -> object:
        """Return the state of the optimizer after it has seen the metric of an epoch."""
        return self._context.optimizer.observe(optimizer, metric)

    def learning_rate(self, state: TrainState) -> Array:
        """Return the learning rate of the next step."""
        return self._context.optimizer.learning_rate(state.optimizer)

    def find_origin(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[str, ...]:
        """Return place, cause and mend of the first number in a step that is not finite."""
        origin = find_origin(self, state, frozen, batch, key)
        return origin.place, origin.cause, origin.mend


def skeleton(model: nn.Module) -> nn.Module:
    """Return a model with shapes in place of its parameters and statistics."""
    arrays = {**nn.parameters(model), **nn.statistics(model)}
    shapes = {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in arrays.items()}
    return tree.replace(model, shapes)


def of_algorithm(x: object, y: object) -> Data:
    """Return the data of a call ``fit(model, x, y, algorithm=...)`` as one."""
    return cast("Data", x if y is None else (x, y))


def _paired(data: Any) -> Any:
    """Return inputs without targets as a pair; anything else as it is."""
    if data is None or isinstance(data, KNOWN) or is_batches(data):
        return data
    inputs = as_array(data)
    return inputs, np.zeros(len(inputs), np.int32)


def _plain(value: Any) -> object:
    """Return an option as plain data."""
    if hasattr(value, "to_config"):
        return value.to_config()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return value if isinstance(value, bool | int | float | str | None) else repr(value)
