"""Supervised learning: model, loss and optimizer as the pure functions of an `Algorithm`.

With a precision of "bfloat16" the layers compute in it, and the parameters stay in float32. Weights
are rounded at the beginning of a step by an operation whose rule returns their gradients in
float32; the optimizer gets the exact weights. Normalization, softmax and the loss, which sum over
many numbers, compute in float32.

Shape letters: B batch.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp

from clearprop import nn, ops, optim
from clearprop.autodiff import grad, stop_gradient, value_and_grad
from clearprop.autodiff.curvature import gauss_newton
from clearprop.data import Batch
from clearprop.nn.module import Hook
from clearprop.training.algorithm import (
    Array,
    Arrays,
    Float,
    ForwardPass,
    Measured,
    Numeric,
    TrainState,
    batch_mean,
    batch_share,
)
from clearprop.training.augmentation import Augmentation, augmented
from clearprop.training.checks import check_examples
from clearprop.training.learning import Learning
from clearprop.training.micro_batches import over_parts, parts
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.nonfinite import IN_UPDATE, find_origin
from clearprop.training.training_data import TrainingData

Tree = TypeVar("Tree")

AUGMENTING = 2**31 - 1
"""Separates the random numbers of augmentation from those of the layers."""


@dataclass(frozen=True, eq=False)
class SupervisedLearning(Learning):
    """Learning from targets, without the values of the arrays.

    Attributes:
        loss: the objective, and the error that people read.
        augmentations: how examples are changed in training.
        precision: the type in which layers compute; None for the type of the parameters.
        micro_batch_size: examples whose gradient is computed at once; None for the whole batch.
    """

    loss: nn.Loss
    augmentations: tuple[Augmentation, ...] = ()
    precision: str | None = None
    micro_batch_size: int | None = None

    @property
    def model_inputs(self) -> ModelInputs:
        """What turns kept examples into inputs of the model and targets of the loss."""
        return self._context.model_inputs

    @property
    def reported(self) -> nn.Loss:
        """The loss."""
        return self.loss

    def forward(
        self,
        parameters: Arrays,
        state: TrainState,
        frozen: Arrays,
        batch: Batch,
        step_key: Array,
        hook: Hook | None = None,
    ) -> ForwardPass:
        """Return the result of the forward pass of a batch in training; see `Differentiable`."""
        x, mixing = self.inputs(batch.inputs), None
        if self.augmentations:
            key = jax.random.fold_in(step_key, AUGMENTING)
            x, mixing = augmented(self.augmentations, key, cast("Array", x))
        weights, x = in_precision(({**frozen, **parameters}, x), self.precision)
        model = self.model(weights, state.statistics)
        outputs, noted = nn.apply(model, x, training=True, key=step_key, hook=hook)
        outputs = widened(outputs)
        targets: Numeric = batch.targets
        if mixing is not None:
            targets = mixing.targets(jnp.asarray(targets), outputs.shape)
        return ForwardPass(outputs, targets, noted)

    def measure(self, outputs: Array, targets: Numeric) -> tuple[Array, Array]:
        """Return loss and error of each example, (B,) each; the loss can be differentiated."""
        wanted = jnp.asarray(self.model_inputs.targets(targets))
        losses = _by_example(self.loss.per_example(outputs, wanted))
        plain = jnp.asarray(self.model_inputs.restored(stop_gradient(outputs)))
        return losses, _by_example(self.loss.error(plain, jnp.asarray(targets)))

    def gradients(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> tuple[Measured, Arrays, Arrays]:
        """Return what a step measures, the new statistics, and the gradients of the parameters."""
        if self._in_parts(batch):
            return self._added(state, frozen, batch, step_key)
        return super().gradients(state, frozen, batch, step_key)

    def _in_parts(self, batch: Batch) -> bool:
        size = self.micro_batch_size
        return size is not None and size < len(batch.targets)

    def _added(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> tuple[Measured, Arrays, Arrays]:
        """Return mean loss and sum of errors, statistics and gradients, part by part.

        Every part adds its share of the mean over the whole batch, so each example counts as it
        does there, also those of a smaller last part.
        """
        examples = len(batch.targets)

        def one(part: Batch, number: Array | int, before: Any) -> Any:
            value, statistics, error, gradients = before

            def share(parameters: Arrays) -> tuple[Array, tuple[Arrays, Array]]:
                key = jax.random.fold_in(step_key, number)
                here = state._replace(statistics={**state.statistics, **statistics})
                passed = self.forward(parameters, here, frozen, part, key)
                losses, errors = self.measure(passed.outputs, passed.targets)
                return batch_share(losses, part, batch), (passed.statistics, errors.sum())

            (mine, (noted, wrong)), slopes = value_and_grad(share, has_aux=True)(state.parameters)
            return (
                value + mine,
                {**statistics, **noted},
                error + wrong,
                jax.tree.map(jnp.add, gradients, slopes),
            )

        zero = jnp.zeros((), jnp.float32)
        nothing = jax.tree.map(jnp.zeros_like, state.parameters)
        begin = zero, state.statistics, zero, nothing
        size = self.micro_batch_size or examples
        value, statistics, error, gradients = over_parts(batch, size, one, begin)
        return Measured(value, error), statistics, gradients

    def updates(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array, gradients: Arrays
    ) -> tuple[Arrays, object]:
        """Return the updates of the parameters, and the next state of the optimizer."""
        optimizer = self._context.optimizer
        if optimizer.update_on is None:
            return super().updates(state, frozen, batch, step_key, gradients)
        surface = self._surface(state, frozen, batch, step_key)
        return optimizer.update_on(gradients, state.optimizer, state.parameters, surface)

    def _surface(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> optim.BatchObjective:
        """Return the objective of a batch around a state, with its curvature."""
        if self._in_parts(batch):
            return self._surface_of_parts(state, frozen, batch, step_key)

        def passed(parameters: Arrays) -> tuple[Array, Numeric]:
            of_batch = self.forward(parameters, state, frozen, batch, step_key)
            return of_batch.outputs, of_batch.targets

        # The pass returns mixed targets too, but they do not depend on the parameters.
        targets = stop_gradient(passed(state.parameters)[1])

        def losses(outputs: Array) -> Array:
            return self.measure(outputs, targets)[0]

        near = gauss_newton(
            lambda parameters: passed(parameters)[0],
            lambda outputs: batch_mean(losses(outputs), batch),
            state.parameters,
        )

        def pulled(weights: Array) -> dict[str, Array]:
            found: dict[str, Array] = near.pull_back(
                grad(lambda y: (losses(y) * weights).sum())(near.outputs)
            )
            return found

        def value(parameters: Arrays) -> Array:
            return batch_mean(losses(passed(parameters)[0]), batch)

        return optim.BatchObjective(
            value=value,
            value_and_gradient=value_and_grad(value),
            product=near.product,
            pulled=pulled,
            examples=len(batch.targets),
        )

    def _surface_of_parts(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> optim.BatchObjective:
        """Return the objective of a batch whose parts are computed one after the other."""

        def value_and_gradient(parameters: Arrays) -> tuple[Array, Arrays]:
            here = state._replace(parameters=dict(parameters))
            measured, _, gradients = self._added(here, frozen, batch, step_key)
            return jnp.asarray(measured.objective), gradients

        return optim.BatchObjective(
            lambda parameters: value_and_gradient(parameters)[0], value_and_gradient
        )

    def totals(self, arrays: Arrays, batch: Batch, counted: Array) -> Measured:
        """Return sums over the counted examples of a batch, in evaluation.

        Args:
            arrays: every parameter and statistic.
            batch: its examples.
            counted: bool (B,), which of them count: a last batch is filled up with repetitions.
        """
        outputs = self.outputs(arrays, batch)
        losses, errors = self.measure(outputs, batch.targets)
        if self.loss.measured is not None:
            wanted = jnp.asarray(self.model_inputs.targets(batch.targets))
            losses = _by_example(self.loss.measured(outputs, wanted))
        if batch.weights is not None:  # their mean over the whole part is 1
            losses = losses * jnp.asarray(batch.weights, losses.dtype)
        return Measured(jnp.where(counted, losses, 0).sum(), jnp.where(counted, errors, 0).sum())

    def outputs(self, arrays: Arrays, batch: Batch) -> Array:
        """Return the outputs of the model for a batch, in evaluation, as the loss takes them."""
        learned = {path: x for path, x in arrays.items() if path not in self._noted}
        noted = {path: x for path, x in arrays.items() if path in self._noted}
        weights, x = in_precision((learned, self.inputs(batch.inputs)), self.precision)
        outputs: Array = widened(self.model(weights, noted)(x))
        return outputs

    @functools.cached_property
    def _noted(self) -> frozenset[str]:
        return frozenset(nn.statistics(self._context.skeleton))

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the examples fit the model and its loss; see `Algorithm`."""
        check_examples(
            self, self.augmentations, self.loss, model, self.model_inputs, data, batch_size
        )

    def finish(self, mean: Float) -> Float:
        """Return the error that people read, from the mean error of the examples."""
        return self.loss.finish(mean)

    def find_origin(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[str, ...]:
        """Return place, cause and mend of the first number in a step that is not finite."""
        each: list[tuple[int | None, Batch]] = [(None, batch)]
        if self._in_parts(batch):
            each = list(enumerate(parts(batch, self.micro_batch_size or 1)))
        for number, one in each:
            origin = find_origin(self, state, frozen, one, key, number)
            if origin.place != IN_UPDATE:
                break
        return origin.place, origin.cause, origin.mend


def in_precision(values: Tree, precision: str | None) -> Tree:
    """Return a tree with its floating arrays in a precision; their errors are converted back.

    >>> in_precision({"w": jnp.ones(2), "n": jnp.arange(2)}, "bfloat16")["w"].dtype.name
    'bfloat16'
    """
    if precision is None:
        return values

    def converted(x: Array) -> Array:
        return ops.astype(x, precision) if jnp.issubdtype(x.dtype, jnp.floating) else x

    found: Tree = jax.tree.map(converted, values, is_leaf=lambda x: hasattr(x, "dtype"))
    return found


def widened(values: Tree) -> Tree:
    """Return a tree with arrays narrower than float32 converted to float32.

    >>> widened(jnp.ones(2, jnp.bfloat16)).dtype
    dtype('float32')
    """

    def wide(x: Array) -> Array:
        narrow = jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize < 4
        return ops.astype(x, jnp.float32) if narrow else x

    found: Tree = jax.tree.map(wide, values, is_leaf=lambda x: hasattr(x, "dtype"))
    return found


def _by_example(values: Array) -> Array:
    """Average over all axes but the batch, as for each position of a text."""
    if len(values.shape) <= 1:
        return values
    return values.mean(axis=tuple(range(1, len(values.shape))))
