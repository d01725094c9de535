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

    Parameters and attributes are those of `NetworkClassifier`, without classes; the loss is the
    squared error unless one is given. Nothing is scaled: put a `StandardScaler` before it, and a
    `TransformedTargetRegressor` around it where targets are far from 0.

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
