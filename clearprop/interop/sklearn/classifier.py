"""A classifier: one class of several, or several labels at once.

Shape letters: N examples, K classes or labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from clearprop import nn, optim
from clearprop.errors import DataError, ModelError
from clearprop.interop.sklearn.examples import WeightedExamples
from clearprop.interop.sklearn.labels import ANEW, numbered, places_of
from clearprop.interop.sklearn.network import NetworkEstimator
from clearprop.nn.activation import ActivationLike
from clearprop.training.predictions import probabilities

MULTILABEL = "multilabel-indicator"


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A network that classifies.

    A step goes down the gradient of the mean loss of a batch. Nothing is scaled: put a
    `StandardScaler` before it.

    Args:
        model: sizes of the hidden layers, or a module of clearprop with an output for each class.
        activation: of the hidden layers, where their sizes are given.
        dropout: probability with which a hidden unit is dropped in training, likewise.
        loss: a loss of clearprop; by default cross-entropy, for several labels that of each.
        optimizer: by name, or one of `clearprop.optim`.
        learning_rate: by default that of the optimizer.
        batch_size: examples of a step; all where there are fewer, and then equal ones are one that
            counts as much, so that a weight does what repeating does.
        epochs: how often all examples are used.
        early_stopping: hold some examples out, end when their error has not fallen for
            ``patience`` epochs, and keep the weights of the best epoch.
        validation_fraction: of the examples to hold out; by default a tenth with
            ``early_stopping``, none without it.
        patience: see ``early_stopping``.
        class_weight: how much each class counts: a dict, or "balanced".
        warm_start: `fit` begins with the weights that the last `fit` left.
        random_state: of initial values, orders and what is held out.
        verbose: show how training goes on.

    Attributes:
        classes_: the classes, (K,); of several labels their numbers.
        model_: the trained network.
        run_: the run of clearprop: `clearprop.explain`, `diagnose` and `studio` take it.
        loss_curve_: the objective of each epoch.
        validation_loss_curve_: that of the held-out examples; empty where none are.
        loss_: the last of ``loss_curve_``.
        n_iter_: how many epochs were trained.
        n_features_in_: how many features there are.
        feature_names_in_: names of the columns, where a frame was given.

    >>> x, y = np.array([[0.0], [0.2], [0.8], [1.0]]), ["low", "low", "high", "high"]
    >>> network = NetworkClassifier((8,), epochs=300, learning_rate=0.05, random_state=0).fit(x, y)
    >>> network.predict([[0.1], [0.9]]).tolist()
    ['low', 'high']

    Source: the conventions of `sklearn.neural_network.MLPClassifier`.
    """

    classes_: NDArray[Any]
    _multilabel: bool

    # scikit-learn reads the parameters of an estimator from this signature, so all stand here.
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
        class_weight: Mapping[object, float] | str | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            model,
            activation=activation,
            dropout=dropout,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            patience=patience,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def predict(self, X: object) -> NDArray[Any]:
        """Return the class of each example, (N,); of several labels 0 or 1 for each, (N, K)."""
        made = self._made(X)
        if self._multilabel:
            return (made >= (nn.find_loss(self._own_loss()).threshold or 0)).astype(int)
        return np.asarray(self.classes_[made.argmax(axis=1)])

    def predict_proba(self, X: object) -> NDArray[np.float64]:
        """Return the probability of each class or label, (N, K)."""
        made = self._made(X)
        found = probabilities(made, nn.find_loss(self._own_loss()))
        if found is None:
            raise AttributeError(f"the loss {self.loss!r} has no probabilities")
        return found[:, : len(self.classes_)]  # a single class has an output more

    def predict_log_proba(self, X: object) -> NDArray[np.float64]:
        """Return the logarithm of `predict_proba`."""
        return np.asarray(np.log(self.predict_proba(X)))

    def _encoded(self, y: NDArray[Any], classes: object, *, reset: bool) -> NDArray[Any]:
        check_classification_targets(y)
        multilabel = type_of_target(y) == MULTILABEL
        if not reset and multilabel != self._multilabel:
            raise _of_another_kind(KINDS[multilabel], KINDS[self._multilabel])
        if multilabel:
            y = np.asarray(y.toarray() if hasattr(y, "toarray") else y, np.float32)
            if not reset and y.shape[1] != len(self.classes_):
                raise _of_another_kind(f"{y.shape[1]} labels", f"{len(self.classes_)} labels")
            self._multilabel, self.classes_ = True, np.arange(y.shape[1])
            return y
        y = column_or_1d(y, warn=True)
        known = numbered(y, classes, None if reset else self.classes_)
        places = places_of(y, known)
        self._multilabel, self.classes_ = False, known
        return places.astype(np.int32)

    def _new_model(self, examples: WeightedExamples) -> nn.Module:
        model, expected = super()._new_model(examples), self._outputs(examples.targets)
        if isinstance(self.model, nn.Module):
            ready = model if nn.is_initialized(model) else model.init(0)
            made = jax.eval_shape(ready, examples.inputs[:1])
            # Too few outputs are refused by the loss. Those that are too many would be classes.
            if len(made.shape) == 2 and made.shape[-1] > expected:
                raise ModelError(
                    "the model has more outputs than there are classes",
                    where="model",
                    given=f"{made.shape[-1]} outputs, {len(self.classes_)} classes",
                    expected=f"{expected} outputs",
                    fix=f"a last layer with {expected} outputs; nn.replace_layer changes it",
                )
        return model

    def _outputs(self, targets: NDArray[Any]) -> int:
        del targets
        # Cross-entropy is one of at least two.
        return len(self.classes_) if self._multilabel else max(2, len(self.classes_))

    def _own_loss(self) -> str | nn.Loss:
        usual = "binary_cross_entropy" if self._multilabel else "cross_entropy"
        return usual if self.loss is None else self.loss

    def _weights(self, y: NDArray[Any], given: NDArray[Any] | None) -> NDArray[np.float64] | None:
        own = super()._weights(y, given)
        if self.class_weight is None:
            return own
        of_classes = np.asarray(compute_sample_weight(self.class_weight, y), np.float64)
        return of_classes if own is None else of_classes * own

    def _labels(self, targets: NDArray[Any]) -> NDArray[Any] | None:
        return None if self._multilabel else targets

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


KINDS = ("one class of each example", "several labels of each example")


def _of_another_kind(given: str, expected: str) -> DataError:
    """Return the error for targets that do not go on with those before."""
    return DataError(
        "the targets are of another kind than before",
        where="y",
        given=given,
        expected=expected,
        fix=ANEW,
    )
