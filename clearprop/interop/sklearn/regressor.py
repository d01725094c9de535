"""A regressor: one number of an example, or several.

Shape letters: N examples, K outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from clearprop import nn
from clearprop.errors import DataError
from clearprop.interop.sklearn.labels import ANEW
from clearprop.interop.sklearn.network import NetworkEstimator


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A network that predicts numbers.

    A step goes down the gradient of the mean loss of a batch. Nothing is scaled: put a
    `StandardScaler` before it, and a `TransformedTargetRegressor` around it where targets are far
    from 0.

    Args:
        model: sizes of the hidden layers, or a module of clearprop with an output for each number.
        activation: of the hidden layers, where their sizes are given.
        dropout: probability with which a hidden unit is dropped in training, likewise.
        loss: a loss of clearprop; by default the squared error.
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
        warm_start: `fit` begins with the weights that the last `fit` left.
        random_state: of initial values, orders and what is held out.
        verbose: show how training goes on.

    Attributes:
        n_outputs_: how many numbers are predicted.
        model_: the trained network.
        run_: the run of clearprop: `clearprop.explain`, `diagnose` and `studio` take it.
        loss_curve_: the objective of each epoch.
        validation_loss_curve_: that of the held-out examples; empty where none are.
        loss_: the last of ``loss_curve_``.
        n_iter_: how many epochs were trained.
        n_features_in_: how many features there are.
        feature_names_in_: names of the columns, where a frame was given.

    >>> x = np.linspace(-1, 1, 41)[:, None]
    >>> network = NetworkRegressor((32,), epochs=500, learning_rate=0.01, random_state=0)
    >>> print(round(network.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2), 2))
    1.0

    Source: the conventions of `sklearn.neural_network.MLPRegressor`.
    """

    def predict(self, X: object) -> NDArray[np.float64]:
        """Return the numbers of each example, (N,) or (N, K), as the targets were."""
        made = self._made(X)
        return made[:, 0] if self._is_flat else made

    def _encoded(self, y: NDArray[Any], classes: object, *, reset: bool) -> NDArray[Any]:
        del classes
        targets = np.asarray(y, np.float32).reshape(len(y), -1)
        if reset:
            self._is_flat, self.n_outputs_ = y.ndim == 1, targets.shape[1]
        elif targets.shape[1] != self.n_outputs_:
            raise DataError(
                "there are other numbers to predict than before",
                where="y",
                given=f"{targets.shape[1]} of an example",
                expected=f"{self.n_outputs_}",
                fix=ANEW,
            )
        return targets

    def _outputs(self, targets: NDArray[Any]) -> int:
        return int(targets.shape[1])

    def _own_loss(self) -> str | nn.Loss:
        return "squared_error" if self.loss is None else self.loss

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
