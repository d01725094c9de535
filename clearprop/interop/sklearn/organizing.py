"""A self-organizing map as a transformer.

Shape letters: N examples, F features, M units.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from clearprop.algorithms.self_organizing import SelfOrganizing, usual_side
from clearprop.interop.sklearn.estimator import ModelEstimator, computed
from clearprop.models import SelfOrganizingMap
from clearprop.training.fit import fit


class SelfOrganizingMapTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ModelEstimator
):
    """A map of units whose neighbors have near points: a bent sheet through the data.

    As of the clusters of `KMeans`, `transform` gives the distance of each example to every unit,
    and `predict` the number of the nearest unit. ``places_[predict(X)]`` is where the examples lie
    on the map. Nothing is scaled: put a `StandardScaler` before it.

    Args:
        rows: of units; None takes a side of a square map of about ``5 sqrt(N)`` units.
        columns: of units; None takes the same side.
        grid: "hexagonal" with up to 6 neighbors, or "rectangular" with up to 8.
        toroidal: whether the edges of the map meet.
        mode: "batch" moves the units once in an epoch, "mini-batch" after each batch, "online"
            after each example.
        radius: of the neighborhood at the beginning; None takes half of the longer side.
        last_radius: at the end.
        neighborhood: "gaussian" or "bubble".
        decay: of radius and rate: "exponential" or "linear".
        learning_rate: at the beginning; a batch map has none.
        last_learning_rate: at the end.
        start: "pca" lays the first points along the two directions in which the examples vary
            most, "random" takes random examples.
        batch_size: examples that are looked at at once; all where there are fewer. It changes the
            result of "mini-batch" alone.
        epochs: how often all examples are used.
        random_state: of initial points and orders.
        verbose: show how training goes on.

    Attributes:
        codebook_: the points of the units, (M, F).
        places_: where the units stand on the map, (M, 2): down and to the right.
        quantization_error_: the mean distance of an example to its unit, in the last epoch.
        labels_: the nearest unit of each example of the training, (N,).
        model_: the trained map.
        run_: the run of clearprop: `clearprop.explain`, `diagnose` and `studio` take it.
        loss_curve_: the mean squared distance to the nearest unit in each epoch.
        loss_: the last of ``loss_curve_``.
        n_iter_: how many epochs were trained.
        n_features_in_: F.
        feature_names_in_: names of the columns, where a frame was given.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> som = SelfOrganizingMapTransformer(4, 5, epochs=20, random_state=0).fit(x)
    >>> som.transform(x).shape, som.predict(x).shape, som.places_.shape
    ((150, 20), (150,), (20, 2))

    Source: Kohonen (2001), *Self-organizing maps*, third edition; the conventions of
    `sklearn.cluster.KMeans`.
    """

    # scikit-learn reads the parameters of an estimator from this signature, so all stand here.
    def __init__(
        self,
        rows: int | None = None,
        columns: int | None = None,
        *,
        grid: str = "hexagonal",
        toroidal: bool = False,
        mode: Literal["batch", "mini-batch", "online"] = "batch",
        radius: float | None = None,
        last_radius: float = 0.5,
        neighborhood: Literal["gaussian", "bubble"] = "gaussian",
        decay: Literal["exponential", "linear"] = "exponential",
        learning_rate: float = 0.5,
        last_learning_rate: float = 0.01,
        start: Literal["pca", "random"] = "pca",
        batch_size: int = 200,
        epochs: int = 50,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.grid = grid
        self.toroidal = toroidal
        self.mode = mode
        self.radius = radius
        self.last_radius = last_radius
        self.neighborhood = neighborhood
        self.decay = decay
        self.learning_rate = learning_rate
        self.last_learning_rate = last_learning_rate
        self.start = start
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: object, y: object = None) -> Self:
        """Lay the map into the data.

        Args:
            X: (N, F) numbers, dense or sparse, or a frame.
            y: not used; pipelines give it.

        Raises:
            ClearpropError: what `clearprop.fit` says, such as of a map larger than the data.
            ValueError: what scikit-learn says of the data.
        """
        del y
        inputs = self._inputs(X, reset=True)
        side = usual_side(len(inputs))
        rows = side if self.rows is None else self.rows
        columns = side if self.columns is None else self.columns
        run = fit(
            SelfOrganizingMap(
                rows, columns, inputs.shape[1], grid=self.grid, toroidal=self.toroidal
            ),
            inputs,
            algorithm=self._algorithm(),
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(inputs)),
            seed=self._seed(),
            progress=self.verbose,
        )
        self._learned(run)
        som: Any = run.model
        self.codebook_ = np.asarray(som.codebook)
        self.places_ = som.places()
        self._n_features_out = len(self.codebook_)
        curve = run.history.training_error
        self.quantization_error_ = float(curve[-1]) if len(curve) else None
        self.labels_: NDArray[np.intp] = computed(self.model_, inputs).argmin(axis=1)
        return self

    def _algorithm(self) -> SelfOrganizing:
        return SelfOrganizing(
            mode=self.mode,
            radius=self.radius,
            last_radius=self.last_radius,
            neighborhood=self.neighborhood,
            decay=self.decay,
            rate=self.learning_rate,
            last_rate=self.last_learning_rate,
            start=self.start,
        )

    def transform(self, X: object) -> NDArray[np.floating]:
        """Return the distance of each example to every unit, (N, M), in the type of the inputs."""
        inputs = self._prepared(X)
        return np.asarray(np.sqrt(computed(self.model_, inputs)))

    def predict(self, X: object) -> NDArray[np.intp]:
        """Return the nearest unit of each example, (N,), as ``row * columns + column``."""
        return np.asarray(self.transform(X).argmin(axis=1))

    def fit_predict(self, X: object, y: object = None) -> NDArray[np.intp]:
        """Lay the map into the data and return the unit of each example, (N,).

        Args:
            X: (N, F).
            y: not used; pipelines give it.
        """
        self.fit(X, y)
        return self.labels_

    def score(self, X: object, y: object = None) -> float:
        """Return minus the quantization error: the mean distance of an example to its unit.

        Args:
            X: (N, F).
            y: not used; a search gives it.
        """
        del y
        return -float(self.transform(X).min(axis=1).mean())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
