"""What the estimators have in common.

Shape letters: N examples, F features.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Sequence
from typing import Any, Self

import jax
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from clearprop import nn, optim, tree
from clearprop.errors import ConfigurationError, kind_of
from clearprop.interop.sklearn.examples import WeightedExamples, held_out
from clearprop.interop.sklearn.stepper import Stepper
from clearprop.training import evaluation
from clearprop.training.algorithm import TrainState
from clearprop.training.fit import fit
from clearprop.training.fit_config import FitConfig
from clearprop.training.learning import Learning
from clearprop.training.run import Run

HELD_OUT = 0.1
"""The part of the examples that early stopping measures, unless given."""

KINDS = [np.float64, np.float32]
"""Numbers that are taken as they come."""


class ModelEstimator(BaseEstimator):
    """An estimator that has a trained model of clearprop."""

    random_state: int | np.random.RandomState | None
    model_: nn.Module

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _learned(self, run: Run) -> Self:
        """Take over what a run has learned."""
        self.run_ = run
        self.model_ = run.model
        curve = run.history.development_objective
        self.loss_curve_ = run.history.objective.tolist()
        self.validation_loss_curve_ = curve.tolist() if np.isfinite(curve).any() else []
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else None
        self.n_iter_ = len(run.history)
        return self

    def _inputs(
        self, X: Any, *, reset: bool, dtype: object = np.float32, allow_nd: bool = False
    ) -> NDArray[Any]:
        """Return examples as scikit-learn checks them, (N, F); (N, ...) where that is allowed."""
        X = validate_data(self, X, reset=reset, accept_sparse=True, dtype=dtype, allow_nd=allow_nd)
        return dense(X)

    def _prepared(self, X: object, *, allow_nd: bool = False) -> NDArray[np.floating]:
        """Return new examples as a trained module takes them, (N, ...)."""
        check_is_fitted(self)
        return self._inputs(X, reset=False, dtype=KINDS, allow_nd=allow_nd)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, object]:
        """Return what is pickled: compiled steps are made again where they are needed."""
        state: dict[str, object] = dict(super().__getstate__())
        state.pop("_steps", None)
        return state


class GradientEstimator(ModelEstimator, abc.ABC):
    """An estimator whose model learns step by step, by an optimizer."""

    model: nn.Module | Sequence[int]
    optimizer: str | optim.Optimizer
    learning_rate: float | None
    batch_size: int
    epochs: int
    early_stopping: bool
    validation_fraction: float | None
    patience: int
    verbose: bool

    architecture: tuple[str, ...] = ("model",)
    """Parameters that cannot change between two calls, as the weights would not fit."""

    @abc.abstractmethod
    def _new_model(self, examples: WeightedExamples) -> nn.Module:
        """Return the model before it is trained."""

    def _own_loss(self) -> str | nn.Loss | None:
        """Return the loss; None where the algorithm has an objective of its own."""
        return None

    def _algorithm(self) -> Learning | None:
        """Return how the model learns; None is supervised learning."""
        return None

    def _labels(self, targets: NDArray[Any]) -> NDArray[Any] | None:
        """Return classes whose proportions a part that is held out keeps; None for none."""
        del targets
        return None

    def _joined(self, examples: WeightedExamples) -> WeightedExamples:
        """Return the examples of the training as they are used."""
        return examples

    @property
    def _takes_nd(self) -> bool:
        """Whether an example may have several axes: where a module is given that reads them."""
        return isinstance(self.model, nn.Module)

    def _hidden_sizes(self) -> list[int]:
        """Return the sizes that are given in the place of a model.

        Raises:
            ConfigurationError: they are none.
        """
        sizes: object = self.model
        if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray):
            raise ConfigurationError(
                "the model is neither a module nor the sizes of hidden layers",
                where=type(self).__name__,
                given=kind_of(sizes),
                expected="such as (100, 50) or nn.Sequential([...])",
            )
        return [int(size) for size in sizes]

    def _train(self, examples: WeightedExamples, *, goes_on: bool) -> Self:
        """Train with the examples, of which some may be held out.

        Args:
            examples: all of them.
            goes_on: whether to begin with the weights that were learned before.
        """
        seed = self._seed()
        model = self._continued(examples) if goes_on else self._begun(examples)
        train, dev = examples, None
        if self.early_stopping or self.validation_fraction is not None:
            fraction = HELD_OUT if self.validation_fraction is None else self.validation_fraction
            labels = self._labels(examples.targets)
            train, dev = held_out(examples, fraction, seed, labels)
        train = self._joined(train)
        run = fit(
            model,
            (train.inputs, train.targets),
            loss=self._own_loss(),
            algorithm=self._algorithm(),
            optimizer=copy.deepcopy(self.optimizer),
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(train)),
            seed=seed,
            dev=None if dev is None else (dev.inputs, dev.targets),
            patience=self.patience if self.early_stopping else None,
            sample_weight=train.weights,
            progress=self.verbose,
        )
        self._state: TrainState | None = None
        return self._learned(run)

    def _begun(self, examples: WeightedExamples) -> nn.Module:
        """Return a new model."""
        found = self._new_model(examples)
        self._built = {name: getattr(self, name) for name in self.architecture}
        return found

    def _continued(self, examples: WeightedExamples) -> nn.Module:
        """Return a model of the present settings with the weights that were learned.

        Raises:
            ConfigurationError: it has other weights.
        """
        for name, before in self._built.items():
            if not _is_same(getattr(self, name), before):
                raise ConfigurationError(
                    f"{name} was changed after the training began, and its weights do not fit",
                    where=type(self).__name__,
                    given=f"{name}={_shown(getattr(self, name))}",
                    expected=f"{name}={_shown(before)}",
                    fix="sklearn.base.clone(estimator), and train the copy from the beginning",
                )
        if isinstance(self.model, nn.Module):
            return self.model_
        learned = {**nn.parameters(self.model_), **nn.statistics(self.model_)}
        found: nn.Module = tree.replace(self._new_model(examples), learned)
        return found

    def _go_on(self, examples: WeightedExamples) -> Self:
        """Go once over the examples, in their order."""
        if not hasattr(self, "model_"):
            self.model_ = self._begun(examples)
            self.loss_curve_, self.n_iter_ = [], 0
        stepper, state = self._stepper(examples)
        losses = []
        for start in range(0, len(examples), self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, len(examples)))
            state, loss = stepper.step(state, examples.at(rows))
            losses.append(loss * len(rows))
        self._state = state
        self.model_ = stepper.model(state)
        self.loss_ = float(sum(losses) / len(examples))
        self.loss_curve_.append(self.loss_)
        self.n_iter_ += 1
        return self

    def _stepper(self, examples: WeightedExamples) -> tuple[Stepper, TrainState]:
        """Return what takes the steps with the present settings, and the state before the next."""
        settings = self.get_params(deep=False)
        known: tuple[Stepper, dict[str, object]] | None = getattr(self, "_steps", None)
        state: TrainState | None = getattr(self, "_state", None)
        if known is not None and state is not None:
            stepper, before = known
            if all(_is_same(value, before[name]) for name, value in settings.items()):
                return stepper, state
        config = FitConfig(
            self._continued(examples),
            (examples.inputs, examples.targets),
            loss=self._own_loss(),
            algorithm=self._algorithm(),
            optimizer=copy.deepcopy(self.optimizer),
            learning_rate=self.learning_rate,
            batch_size=min(self.batch_size, len(examples)),
            seed=self._seed(),
            progress=False,
        )
        stepper = Stepper(config)
        self._steps = stepper, settings
        return stepper, stepper.first_state(state)


def computed(module: nn.Module, inputs: NDArray[Any]) -> NDArray[np.floating]:
    """Return the outputs of a trained module, (N, ...), in the type of the inputs.

    In float64 an example has the same outputs whichever others are beside it, up to rounding that
    nobody sees.
    """
    if inputs.dtype == np.float32:
        return evaluation.outputs(module, inputs, None)
    with jax.enable_x64(True):
        return evaluation.outputs(jax.tree.map(_doubled, module), inputs, None)


def dense(X: object) -> NDArray[Any]:
    """Return numbers as a network takes them: a sparse matrix with its zeros."""
    return np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else np.asarray(X))


def _doubled(values: Any) -> Any:
    return values.astype(np.float64) if values.dtype == np.float32 else values


PLAIN = (str, int, float, tuple, list)
"""Kinds of values that are compared by what they say; modules and optimizers are by identity."""


def _is_same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, PLAIN) and type(one) is type(other) and one == other)


def _shown(value: object) -> str:
    return kind_of(value) if isinstance(value, nn.Module) else repr(value)
