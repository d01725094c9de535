"""Rosenblatt's perceptron as a classifier.

Shape letters: N examples, F features, K classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from clearprop.data import epoch_order
from clearprop.interop.sklearn.estimator import dense
from clearprop.interop.sklearn.labels import numbered, places_of
from clearprop.models.perceptron import kesler, rosenblatt


class PerceptronClassifier(ClassifierMixin, BaseEstimator):
    """Rosenblatt's perceptron: where it is wrong, ``w += eta (t - y) x`` and ``b += eta (t - y)``.

    Of two classes one neuron tells the second from the first. Of more, there is a neuron for each,
    and the class of the largest ``w x + b`` is predicted; an error moves the neuron of the true
    class towards the example and that of the predicted class away from it. The rule ends at the
    first epoch without an error. It does not end where no hyperplanes separate the classes; a
    warning says so.

    Args:
        learning_rate: eta. Weights begin at 0, so it scales them and changes no prediction.
        epochs: how often all examples are used, if the rule does not end before.
        warm_start: `fit` begins with the weights that the last `fit` left.
        random_state: of the orders of the examples.

    Attributes:
        classes_: the classes, (K,).
        coef_: w, (1, F) for two classes, else (K, F).
        intercept_: b, (1,) or (K,).
        corrections_: number of corrections in each epoch.
        n_iter_: how many epochs were trained.
        n_features_in_: F.
        feature_names_in_: names of the columns, where a frame was given.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> neuron = PerceptronClassifier(random_state=0).fit(x, y == 0)
    >>> neuron.score(x, y == 0), neuron.corrections_[-1]
    (1.0, 0)

    Source: Rosenblatt (1958), *The perceptron: a probabilistic model for information storage and
    organization in the brain*; Nilsson (1965), *Learning machines*, for several classes; the
    conventions of `sklearn.linear_model.Perceptron`.
    """

    classes_: NDArray[Any]
    coef_: NDArray[np.float64]
    corrections_: tuple[int, ...]
    intercept_: NDArray[np.float64]

    def __init__(
        self,
        *,
        learning_rate: float = 1.0,
        epochs: int = 100,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X: object, y: object) -> Self:
        """Learn until no example is wrong, or until the epochs are over.

        Args:
            X: (N, F) numbers, dense or sparse, or a frame.
            y: classes, (N,).

        Raises:
            DataError: labels outside the classes, with ``warm_start``.
            ValueError: what scikit-learn says of the data; a single class.
        """
        goes_on = self.warm_start and hasattr(self, "coef_")
        inputs, labels = self._examples(X, y, reset=not goes_on)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))

        def orders() -> Iterator[NDArray[np.integer]]:
            return (epoch_order(len(inputs), seed, epoch) for epoch in range(self.epochs))

        self.corrections_ = self._learn(inputs, labels, orders(), goes_on=goes_on)
        self.n_iter_ = len(self.corrections_)
        if self.corrections_ and self.corrections_[-1]:
            warnings.warn(
                f"after {self.epochs} epochs there are still errors: {self.corrections_[-1]} "
                "corrections in the last one. The rule ends only where hyperplanes separate the "
                "classes: give more epochs, or use NetworkClassifier, which has hidden units",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def partial_fit(self, X: object, y: object, classes: object = None) -> Self:
        """Go once over some examples, in their order.

        Args:
            X: (N, F).
            y: classes, (N,).
            classes: all there will be; needed by the first call alone.

        Raises:
            DataError: labels outside the classes.
            ValueError: what scikit-learn says of the data; a single class.
        """
        goes_on = hasattr(self, "coef_")
        inputs, labels = self._examples(X, y, reset=not goes_on, classes=classes)
        once = [np.arange(len(inputs))]
        before = self.corrections_ if goes_on else ()
        self.corrections_ = (*before, *self._learn(inputs, labels, once, goes_on=goes_on))
        self.n_iter_ = len(self.corrections_)
        return self

    def decision_function(self, X: object) -> NDArray[np.float64]:
        """Return ``w x + b``: for two classes (N,), above 0 for the second; else (N, K)."""
        check_is_fitted(self)
        inputs = dense(validate_data(self, X, reset=False, accept_sparse=True, dtype=np.float64))
        found = inputs @ self.coef_.T + self.intercept_
        return np.asarray(found[:, 0] if len(self.classes_) == 2 else found)

    def predict(self, X: object) -> NDArray[Any]:
        """Return the class of each example, (N,)."""
        found = self.decision_function(X)
        chosen = (found >= 0).astype(int) if found.ndim == 1 else found.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def _examples(
        self, X: Any, y: Any, *, reset: bool, classes: object = None
    ) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        X, y = validate_data(self, X, y, reset=reset, accept_sparse=True, dtype=np.float32)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        known = numbered(y, classes, None if reset else self.classes_)
        if len(known) < 2:
            raise ValueError(f"a perceptron tells classes apart, and there is 1 class: {known[0]}")
        self.classes_ = known
        return dense(X), places_of(y, known)

    def _learn(
        self,
        inputs: NDArray[np.float32],
        labels: NDArray[np.intp],
        orders: Iterable[NDArray[np.integer]],
        *,
        goes_on: bool,
    ) -> tuple[int, ...]:
        """Learn, and return the corrections of each epoch."""
        rate, count = self.learning_rate, len(self.classes_)
        start = (self.coef_, self.intercept_) if goes_on else None
        if count > 2:
            machine = kesler(inputs, labels, count, orders, rate=rate, start=start)
            self.coef_ = machine.weights.astype(np.float64)
            self.intercept_ = machine.biases.astype(np.float64)
            return machine.counts
        first = None if start is None else (start[0][0], float(start[1][0]))
        learned = rosenblatt(inputs, labels, orders, rate=rate, start=first)
        self.coef_ = learned.weights[None].astype(np.float64)
        self.intercept_ = np.array([learned.bias])
        return learned.counts

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
