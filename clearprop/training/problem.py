"""The problem that a run solves: model, loss, optimizer and preprocessor as pure functions.

Shape letters: B batch, N examples.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from clearprop import nn, optim, tree
from clearprop.autodiff import grad, stop_gradient, value_and_grad
from clearprop.autodiff.curvature import gauss_newton
from clearprop.backend import float_dtype
from clearprop.data import Preprocessor
from clearprop.nn.module import Hook
from clearprop.training.augmentation import Augmentation, augmented
from clearprop.training.precision import in_precision, widened
from clearprop.training.state import State

Array = jax.Array
Arrays = Mapping[str, Array]

AUGMENTING = 2**31 - 1
"""Parts the random numbers of augmentation from those of the layers."""


class Batch(NamedTuple):
    """Examples as they are kept: encoded inputs and raw targets, (B, ...) each."""

    inputs: Any
    targets: Any


class Passed(NamedTuple):
    """What a model in training makes of a batch.

    Attributes:
        outputs: of the model.
        targets: raw, mixed where the examples were.
        statistics: what layers note on the side.
    """

    outputs: Any
    targets: Any
    statistics: Arrays


class Measured(NamedTuple):
    """What was measured on a batch.

    Attributes:
        objective: the loss: of a training step the mean, of an evaluation the sum.
        error: the sum of the errors of its examples, before `nn.Loss.finish`.
    """

    objective: Any
    error: Any


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be learned, without the values of the arrays.

    Attributes:
        skeleton: the model with shapes in place of its parameters and statistics.
        loss: what is made small, and the error that people read.
        optimizer: how.
        preprocessor: turns kept inputs into the model's; None takes arrays as numbers.
        patience: passes without a better metric after which a run stops.
        augmentations: how examples are changed in training.
        precision: the type that layers compute in; None for that of the parameters.
    """

    skeleton: nn.Module
    loss: nn.Loss
    optimizer: optim.Optimizer
    preprocessor: Preprocessor | None = None
    patience: int | None = None
    augmentations: tuple[Augmentation, ...] = ()
    precision: str | None = None

    def model(self, *parts: Mapping[str, Any]) -> Any:
        """Return the model with these arrays in it."""
        return tree.replace(self.skeleton, {path: x for part in parts for path, x in part.items()})

    def forward(
        self,
        parameters: Mapping[str, Any],
        statistics: Arrays,
        frozen: Arrays,
        batch: Batch,
        own: Array,
        hook: Hook | None = None,
    ) -> Passed:
        """Return what the model in training makes of a batch.

        Args:
            parameters: those that are trained; they may be differentiated.
            statistics: of the layers.
            frozen: the parameters that are not trained.
            batch: the examples.
            own: the random key of the step.
            hook: is told of every layer's call.
        """
        x, mixing = self.inputs(batch.inputs), None
        if self.augmentations:
            x, mixing = augmented(self.augmentations, jax.random.fold_in(own, AUGMENTING), x)
        weights, x = in_precision(({**frozen, **parameters}, x), self.precision)
        model = self.model(weights, statistics)
        outputs, noted = nn.apply(model, x, training=True, key=own, hook=hook)
        outputs = widened(outputs)
        targets = batch.targets
        if mixing is not None:
            targets = mixing.targets(targets, outputs.shape)
        return Passed(outputs, targets, noted)

    def inputs(self, kept: Any) -> Any:
        """Return kept inputs as the model sees them; several by name come and go as a dict."""
        if self.preprocessor is not None:
            return self.preprocessor.scaled(kept)
        return as_numbers(kept)

    def targets(self, raw: Any) -> Any:
        """Return raw targets as the loss sees them: scaled for regression on a prepared set."""
        if self._scales_targets:
            assert self.preprocessor is not None
            return self.preprocessor.scaled_targets(raw)
        return raw

    def restored(self, outputs: Any) -> Any:
        """Return outputs in the units of the raw targets."""
        if self._scales_targets:
            assert self.preprocessor is not None
            return self.preprocessor.restored_targets(outputs)
        return outputs

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, Any]:
        """Return loss and error of each example, (B,) each; the loss can be differentiated."""
        losses = _by_example(self.loss.per_example(outputs, self.targets(targets)))
        plain = self.restored(stop_gradient(outputs))
        return losses, _by_example(self.loss.error(plain, targets))

    def step(
        self, state: State, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[State, Measured, Arrays]:
        """Return the state after one training step, what it measured, and its gradients.

        Args:
            state: before the step.
            frozen: the parameters that are not trained.
            batch: its examples.
            key: of the run; a step's own key is made from it and the number of the step.
        """
        own = jax.random.fold_in(key, state.step)

        def objective(parameters: Arrays) -> tuple[Array, tuple[Arrays, Array]]:
            passed = self.forward(parameters, state.statistics, frozen, batch, own)
            losses, errors = self.measure(passed.outputs, passed.targets)
            return losses.mean(), (passed.statistics, errors.sum())

        (value, (statistics, error)), gradients = value_and_grad(objective, has_aux=True)(
            state.parameters
        )
        updates, remembered = self.updates(state, frozen, batch, own, gradients)
        after = state._replace(
            parameters=optim.apply(state.parameters, updates),
            statistics={**state.statistics, **statistics},
            optimizer=remembered,
            step=state.step + 1,
        )
        return after, Measured(value, error), gradients

    def updates(
        self, state: State, frozen: Arrays, batch: Batch, own: Array, gradients: Arrays
    ) -> tuple[Arrays, Any]:
        """Return by how much the optimizer moves each parameter, and what it remembers of it."""
        given = gradients, state.optimizer, state.parameters
        if self.optimizer.update_on is None:
            return self.optimizer.update(*given)
        return self.optimizer.update_on(*given, self._surface(state, frozen, batch, own))

    def _surface(
        self, state: State, frozen: Arrays, batch: Batch, own: Array
    ) -> optim.BatchObjective:
        """Return the objective of a batch around a state, with its curvature."""

        def passed(parameters: Arrays) -> tuple[Any, Any]:
            of_batch = self.forward(parameters, state.statistics, frozen, batch, own)
            return of_batch.outputs, of_batch.targets

        # Mixed targets come out of the pass too, but do not depend on the parameters.
        targets = stop_gradient(passed(state.parameters)[1])

        def losses(outputs: Any) -> Any:
            return self.measure(outputs, targets)[0]

        near = gauss_newton(
            lambda parameters: passed(parameters)[0],
            lambda outputs: losses(outputs).mean(),
            state.parameters,
        )

        def pulled(weights: Array) -> Any:
            return near.pull_back(grad(lambda y: (losses(y) * weights).sum())(near.outputs))

        return optim.BatchObjective(
            value=lambda parameters: losses(passed(parameters)[0]).mean(),
            product=near.product,
            pulled=pulled,
            examples=len(batch.targets),
        )

    def evaluation(self, state: State) -> Arrays:
        """Return the parameters and statistics to evaluate with: averages where they are kept."""
        averaged: Arrays = self.optimizer.averaged(state.optimizer, state.parameters)
        return {**averaged, **state.statistics}

    def totals(self, arrays: Arrays, batch: Batch, counted: Array) -> Measured:
        """Return sums over the counted examples of a batch, in evaluation.

        Args:
            arrays: every parameter and statistic.
            batch: its examples.
            counted: bool (B,), which of them count: a last batch is filled up with repetitions.
        """
        learned = {path: x for path, x in arrays.items() if path not in self._noted}
        noted = {path: x for path, x in arrays.items() if path in self._noted}
        weights, x = in_precision((learned, self.inputs(batch.inputs)), self.precision)
        outputs = widened(self.model(weights, noted)(x))
        losses, errors = self.measure(outputs, batch.targets)
        return Measured(jnp.where(counted, losses, 0).sum(), jnp.where(counted, errors, 0).sum())

    @functools.cached_property
    def _noted(self) -> frozenset[str]:
        return frozenset(nn.statistics(self.skeleton))

    @property
    def _scales_targets(self) -> bool:
        return self.preprocessor is not None and bool(self.preprocessor.target_center)


def skeleton(model: nn.Module) -> nn.Module:
    """Return a model with shapes in place of its parameters and statistics."""
    arrays = {**nn.parameters(model), **nn.statistics(model)}
    shapes = {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in arrays.items()}
    return tree.replace(model, shapes)


def as_numbers(kept: Any) -> Any:
    """Return inputs that come without a preprocessor: bytes, booleans and floats as float32.

    Other integers stay as they are: they are tokens, to be looked up.
    """
    if isinstance(kept, Mapping):
        return {name: as_numbers(part) for name, part in kept.items()}
    wide_integer = jnp.issubdtype(kept.dtype, jnp.integer) and kept.dtype.itemsize > 1
    return kept if wide_integer else kept.astype(float_dtype())


def _by_example(values: Any) -> Any:
    """Average over all axes but the batch, as for each position of a text."""
    if len(values.shape) <= 1:
        return values
    return values.mean(axis=tuple(range(1, len(values.shape))))
