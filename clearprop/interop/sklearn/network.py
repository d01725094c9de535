"""What the estimators that learn from targets have in common.

Shape letters: N examples, F features, K outputs.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight, validate_data

from clearprop import nn, optim
from clearprop.interop.sklearn.estimator import GradientEstimator, computed, dense
from clearprop.interop.sklearn.examples import WeightedExamples, counted, merged
from clearprop.models import MLP
from clearprop.nn.activation import ActivationLike


class NetworkEstimator(GradientEstimator):
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
    def _encoded(self, y: NDArray[Any], classes: object, *, reset: bool) -> NDArray[Any]:
        """Return targets of the loss.

        Args:
            y: as they were given.
            classes: of a classifier: all there will be, where they are given.
            reset: whether to learn what there is to know of targets, such as classes; else they
                must fit what was learned.
        """

    @abc.abstractmethod
    def _outputs(self, targets: NDArray[Any]) -> int:
        """Return K."""

    def _weights(self, y: NDArray[Any], given: NDArray[Any] | None) -> NDArray[np.float64] | None:
        """Return how much each example counts, (N,); None where all count the same."""
        del y
        return None if given is None else np.asarray(given, np.float64)

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
        return self._train(examples, goes_on=goes_on)

    def partial_fit(
        self, X: object, y: object, classes: object = None, sample_weight: object = None
    ) -> Self:
        """Go once over some examples, in their order; the optimizer goes on where it was.

        What `set_params` has changed since the last call holds, but the model stays the same.

        Args:
            X: (N, F).
            y: targets.
            classes: of a classifier: all there will be; needed by the first call alone.
            sample_weight: how much each example counts, (N,).

        Raises:
            ClearpropError: what `clearprop.fit` says; the loss of a step is not finite.
            ValueError: what scikit-learn says of the data.
        """
        is_first = not hasattr(self, "model_")
        return self._go_on(self._examples(X, y, sample_weight, reset=is_first, classes=classes))

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
            allow_nd=self._takes_nd,
        )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        targets = self._encoded(y, classes, reset=reset)
        return counted(WeightedExamples(dense(X), targets, self._weights(y, sample_weight)))

    def _joined(self, examples: WeightedExamples) -> WeightedExamples:
        return merged(examples) if len(examples) <= self.batch_size else examples

    def _new_model(self, examples: WeightedExamples) -> nn.Module:
        if isinstance(self.model, nn.Module):
            return self.model
        features = int(np.prod(examples.inputs.shape[1:]))
        sizes = (features, *self._hidden_sizes(), self._outputs(examples.targets))
        return MLP(sizes, activation=self.activation, dropout=self.dropout)

    def _made(self, X: object) -> NDArray[np.float64]:
        """Return the outputs of the network, (N, K)."""
        inputs = self._prepared(X, allow_nd=self._takes_nd)
        return computed(self.model_, inputs).astype(np.float64)
