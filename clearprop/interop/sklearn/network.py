"""What the estimators that learn from targets have in common.

Shape letters: N examples, F features, K outputs.
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
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clearprop import nn, optim, tree
from clearprop.data import Batch
from clearprop.errors import ConfigurationError, kind_of
from clearprop.interop.sklearn.examples import WeightedExamples, counted, held_out, merged
from clearprop.models import MLP
from clearprop.nn.activation import ActivationLike
from clearprop.training import evaluation
from clearprop.training.algorithm import TrainState
from clearprop.training.fit import fit
from clearprop.training.fit_config import FitConfig
from clearprop.training.run import Run
from clearprop.training.run_setup import RunSetup

HELD_OUT = 0.1
"""The part of the examples that early stopping measures, unless given."""


class NetworkEstimator(BaseEstimator, abc.ABC):
    """A network with its training as an estimator; `NetworkClassifier` describes the parameters."""

    def __init__(
        self,
        model: nn.Module | Sequence[int] = (100,),
        *,
        activation: ActivationLike = "relu",
        dropout: float = 0.0,
        loss: str | nn.Loss | None = None,
        optimizer: str | optim.Optimizer = "adam",
        learning_rate: float | None = None,
        batch_size: int = 200,
        epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float | None = None,
        patience: int = 10,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.activation = activation
        self.dropout = dropout
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # --- what the kinds of estimators say ---------------------------------------------------------

    @abc.abstractmethod
    def _encoded(self, y: NDArray[Any], classes: object = None) -> NDArray[Any]:
        """Return targets of the loss; learns what there is to know of them, such as classes."""

    @abc.abstractmethod
    def _outputs(self, targets: NDArray[Any]) -> int:
        """Return K."""

    @abc.abstractmethod
    def _own_loss(self) -> str | nn.Loss:
        """Return the loss: the given one, or that of the kind of targets."""

    def _weights(self, y: NDArray[Any], given: NDArray[Any] | None) -> NDArray[np.float64] | None:
        """Return how much each example counts, (N,); None where all count the same."""
        del y
        return None if given is None else np.asarray(given, np.float64)

    def _labels(self, targets: NDArray[Any]) -> NDArray[Any] | None:
        """Return classes whose proportions a part that is held out keeps; None for none."""
        del targets
        return None

    # --- training ---------------------------------------------------------------------------------

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Train the network.

        Args:
            X: (N, F) numbers, dense or sparse, or a frame; (N, ...) for a model that takes that.
            y: targets.
            sample_weight: how much each example counts, (N,).

        Returns:
            the estimator: ``run_`` is the run of clearprop, with all that can be looked at in it.

        Raises:
            ClearpropError: what `clearprop.fit` says.
            ValueError: what scikit-learn says of the data.
        """
        goes_on = self.warm_start and hasattr(self, "model_")
        examples = self._examples(X, y, sample_weight, reset=not goes_on)
        seed = self._seed()
        model = self.model_ if goes_on else self._new_model(examples)
        train, dev = examples, None
        if self.early_stopping or self.validation_fraction is not None:
            fraction = HELD_OUT if self.validation_fraction is None else self.validation_fraction
            labels = self._labels(examples.targets)
            train, dev = held_out(examples, fraction, seed, labels)
        if len(train) <= self.batch_size:
            train = merged(train)
        run = fit(
            model,
            (train.inputs, train.targets),
            loss=self._own_loss(),
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
        return self._learned(run)

    def _learned(self, run: Run) -> Self:
        self.run_ = run
        self.model_ = run.model
        curve = run.history.development_objective
        self.loss_curve_ = run.history.objective.tolist()
        self.validation_loss_curve_ = curve.tolist() if np.isfinite(curve).any() else []
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else None
        self.n_iter_ = len(run.history)
        self._state: TrainState | None = None
        return self

    def partial_fit(
        self, X: object, y: object, classes: object = None, sample_weight: object = None
    ) -> Self:
        """Go once over some examples, in their order; the optimizer goes on where it was.

        Args:
            X: (N, F).
            y: targets.
            classes: of a classifier: all there will be; needed by the first call alone.
            sample_weight: how much each example counts, (N,).
        """
        is_first = not hasattr(self, "model_")
        examples = self._examples(X, y, sample_weight, reset=is_first, classes=classes)
        if is_first:
            self.model_ = self._new_model(examples)
            self.loss_curve_, self.n_iter_ = [], 0
        stepper = self._stepper(examples)
        losses = []
        for start in range(0, len(examples), self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, len(examples)))
            losses.append(stepper.step(examples.at(rows)) * len(rows))
        self._state = stepper.state
        self.model_ = stepper.model
        self.loss_ = float(sum(losses) / len(examples))
        self.loss_curve_.append(self.loss_)
        self.n_iter_ += 1
        return self

    def _stepper(self, examples: WeightedExamples) -> Stepper:
        known: Stepper | None = getattr(self, "_steps", None)
        state = getattr(self, "_state", None)
        if known is None or state is None:
            config = FitConfig(
                self.model_,
                (examples.inputs, examples.targets),
                loss=self._own_loss(),
                optimizer=copy.deepcopy(self.optimizer),
                learning_rate=self.learning_rate,
                batch_size=min(self.batch_size, len(examples)),
                seed=self._seed(),
                progress=False,
            )
            known = Stepper(config, state)
            self._steps = known
        return known

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: object = None
    ) -> WeightedExamples:
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse=True,
            dtype=np.float32,
            multi_output=True,
            allow_nd=isinstance(self.model, nn.Module),
        )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        targets = self._encoded(y, classes) if reset else self._encoded(y, self._known())
        examples = WeightedExamples(_dense(X), targets, self._weights(y, sample_weight))
        return counted(examples)

    def _known(self) -> object:
        """Return the classes that were learned; None where there are none."""
        return getattr(self, "classes_", None)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _new_model(self, examples: WeightedExamples) -> nn.Module:
        outputs = self._outputs(examples.targets)
        if isinstance(self.model, nn.Module):
            return self.model
        sizes: object = self.model
        if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray):
            raise ConfigurationError(
                "the model is neither a module nor the sizes of hidden layers",
                where=type(self).__name__,
                given=kind_of(sizes),
                expected="such as (100, 50) or nn.Sequential([...])",
            )
        hidden = [int(size) for size in sizes]
        features = int(np.prod(examples.inputs.shape[1:]))
        return MLP((features, *hidden, outputs), activation=self.activation, dropout=self.dropout)

    # --- prediction -------------------------------------------------------------------------------

    def _made(self, X: object) -> NDArray[np.float64]:
        """Return the outputs of the network, (N, K), computed in the type of the inputs.

        In float64 an example has the same outputs whichever others are beside it, up to rounding
        that nobody sees.
        """
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            reset=False,
            accept_sparse=True,
            dtype=[np.float64, np.float32],
            allow_nd=isinstance(self.model, nn.Module),
        )
        inputs = _dense(X)
        if inputs.dtype == np.float32:
            return evaluation.outputs(self.model_, inputs, None).astype(np.float64)
        with jax.enable_x64(True):
            return evaluation.outputs(jax.tree.map(_doubled, self.model_), inputs, None)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, object]:
        """Return what is pickled: compiled steps are made again where they are needed."""
        state: dict[str, object] = dict(super().__getstate__())
        state.pop("_steps", None)
        return state


class Stepper:
    """Makes single steps, the steps of `fit`, with any examples.

    Args:
        config: of the training.
        state: to go on from; None begins with the weights of the model.
    """

    def __init__(self, config: FitConfig, state: TrainState | None) -> None:
        self._setup = RunSetup.of(config)
        self.state = state if state is not None else self._setup.state()
        self._step = jax.jit(self._setup.algorithm.step)
        self._key = jax.random.key(config.seed)

    def step(self, examples: WeightedExamples) -> float:
        """Take a step with these examples; returns their mean loss before it."""
        weights = None if examples.weights is None else examples.weights.astype(np.float32)
        batch = Batch(examples.inputs, examples.targets, weights)
        self.state, measured, _ = self._step(self.state, self._setup.frozen, batch, self._key)
        return float(measured.objective)

    @property
    def model(self) -> nn.Module:
        """The model with the weights of now."""
        evaluated = self._setup.algorithm.evaluated(self.state)
        return tree.replace(self._setup.model, {**self._setup.frozen, **evaluated})


def _dense(X: object) -> NDArray[Any]:
    """Return numbers as a network takes them: a sparse matrix with its zeros."""
    return np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X)


def _doubled(values: Any) -> Any:
    return values.astype(np.float64) if values.dtype == np.float32 else values
