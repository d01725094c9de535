"""A transformer: the codes of an autoencoder, or the hidden units of a Boltzmann machine.

Shape letters: N examples, F features, C size of the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from clearprop import nn, optim
from clearprop.algorithms import ContrastiveDivergence
from clearprop.errors import ConfigurationError, DataError, ShapeError, kind_of, unknown_name
from clearprop.interop.sklearn.estimator import KINDS, GradientEstimator, computed
from clearprop.interop.sklearn.examples import WeightedExamples
from clearprop.models import RBM, DenseAutoencoder
from clearprop.nn.activation import ActivationLike
from clearprop.nn.fields import Array
from clearprop.training.learning import Learning

AUTOENCODER = "autoencoder"

MACHINES = {"rbm": "bernoulli", "gaussian_rbm": "gaussian"}
"""Names of Boltzmann machines, and their visible units."""


def _decodes(estimator: NetworkTransformer) -> bool:
    """Return whether examples can be made of codes."""
    model = getattr(estimator, "model_", estimator.model)
    return not isinstance(model, nn.Module) or isinstance(model, RBM) or hasattr(model, "decode")


class NetworkTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, GradientEstimator):
    """A network that learns features without targets.

    An autoencoder makes a short code of each example, from which it makes the example again; the
    code is the features. The features of a restricted Boltzmann machine are the chances of its
    hidden units, ``p(h = 1 | v)``. Nothing is scaled: put a `StandardScaler` before it, or for
    Bernoulli units a `MinMaxScaler`. Machines are stacked by a pipeline of several.

    Args:
        model: sizes of the layers of the encoder, the last of which is the code: (256, 32) is
            F-256-32-256-F. A machine has one size. Or a module of clearprop: an `RBM`, or one with
            `encode` and, for `inverse_transform`, `decode`.
        algorithm: "autoencoder", "rbm" for numbers from 0 to 1, "gaussian_rbm" for numbers with
            mean 0 and deviation 1; or one of `clearprop.algorithms`, such as
            ``ContrastiveDivergence(steps=5, persistent=True)``.
        activation: of the hidden layers of an autoencoder that is given by sizes.
        loss: of an autoencoder: how far the example is that is made again.
        optimizer: by name, or one of `clearprop.optim`.
        learning_rate: by default that of the optimizer.
        batch_size: examples of a step; all where there are fewer.
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
        model_: the trained network.
        run_: the run of clearprop: `clearprop.explain`, `diagnose` and `studio` take it.
        loss_curve_: the objective of each epoch.
        validation_loss_curve_: that of the held-out examples; empty where none are.
        loss_: the last of ``loss_curve_``.
        n_iter_: how many epochs were trained.
        n_features_in_: F.
        feature_names_in_: names of the columns, where a frame was given.

    >>> from sklearn.datasets import load_digits
    >>> x = load_digits().data / 16
    >>> coder = NetworkTransformer((32, 8), epochs=20, learning_rate=0.01, random_state=0).fit(x)
    >>> coder.transform(x).shape, coder.inverse_transform(coder.transform(x)).shape
    ((1797, 8), (1797, 64))

    Source: Hinton and Salakhutdinov (2006), *Reducing the dimensionality of data with neural
    networks*; the conventions of `sklearn.neural_network.BernoulliRBM`.
    """

    architecture = ("model", "algorithm")

    # scikit-learn reads the parameters of an estimator from this signature, so all stand here.
    def __init__(
        self,
        model: nn.Module | Sequence[int] = (32,),
        *,
        algorithm: str | Learning = AUTOENCODER,
        activation: ActivationLike = "relu",
        loss: str | nn.Loss = "mean_squared_error",
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
        self.algorithm = algorithm
        self.activation = activation
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

    # --- training ---------------------------------------------------------------------------------

    def fit(self, X: object, y: object = None) -> Self:
        """Train the network.

        Args:
            X: (N, F) numbers, dense or sparse, or a frame; (N, ...) for a model that takes that.
            y: not used; pipelines give it.

        Raises:
            ClearpropError: what `clearprop.fit` says; a model that the algorithm does not train.
            ValueError: what scikit-learn says of the data.
        """
        del y
        goes_on = self.warm_start and hasattr(self, "model_")
        examples = self._examples(X, reset=not goes_on)
        return self._train(examples, goes_on=goes_on)._measured(examples)

    def partial_fit(self, X: object, y: object = None) -> Self:
        """Go once over some examples, in their order; the optimizer goes on where it was.

        Args:
            X: (N, F).
            y: not used; pipelines give it.

        Raises:
            ClearpropError: as `fit`; the loss of a step is not finite.
            ValueError: what scikit-learn says of the data.
        """
        del y
        examples = self._examples(X, reset=not hasattr(self, "model_"))
        return self._go_on(examples)._measured(examples)

    def _measured(self, examples: WeightedExamples) -> Self:
        """Note how many features there are.

        Raises:
            ShapeError: the codes of the model are no rows of numbers.
        """
        shape = computed(_Encoding(self.model_), examples.inputs[:1]).shape
        if len(shape) != 2:
            raise ShapeError(
                "the features of an example are a row of numbers",
                where="encode",
                given=f"codes of shape {shape}",
                fix="end the encoder with nn.Flatten()",
            )
        self._n_features_out = shape[1]
        return self

    def _examples(self, X: object, *, reset: bool) -> WeightedExamples:
        inputs = self._inputs(X, reset=reset, allow_nd=self._takes_nd)
        if self.algorithm == "rbm":
            _check_chances(inputs)
        reads = self._algorithm() is None  # other algorithms have no targets
        return WeightedExamples(inputs, inputs if reads else np.zeros(len(inputs), np.int32), None)

    def _algorithm(self) -> Learning | None:
        if isinstance(self.algorithm, Learning):
            return self.algorithm
        if self.algorithm in MACHINES:
            return ContrastiveDivergence()
        if self.algorithm == AUTOENCODER:
            return None
        raise unknown_name("algorithm", str(self.algorithm), (AUTOENCODER, *MACHINES))

    def _own_loss(self) -> str | nn.Loss | None:
        return self.loss if self._algorithm() is None else None

    def _new_model(self, examples: WeightedExamples) -> nn.Module:
        learns_alone = isinstance(self._algorithm(), ContrastiveDivergence)
        if isinstance(self.model, nn.Module):
            self._check_model(self.model, learns_alone)
            return self.model
        features, sizes = examples.inputs.shape[1], self._hidden_sizes()
        if learns_alone:
            if len(sizes) != 1:
                raise ConfigurationError(
                    "a Boltzmann machine has one layer of hidden units",
                    where=type(self).__name__,
                    given=f"the sizes {sizes}",
                    fix="make_pipeline("
                    + ", ".join(
                        f"NetworkTransformer(({size},), algorithm='rbm')" for size in sizes or [100]
                    )
                    + ")",
                )
            named = isinstance(self.algorithm, str)
            units = MACHINES[str(self.algorithm)] if named else "bernoulli"
            return RBM(features, sizes[0], units=units)
        if not sizes:
            raise ConfigurationError(
                "the code has no size", where=type(self).__name__, given="()", fix="model=(32,)"
            )
        return DenseAutoencoder((features,), sizes[-1], sizes[:-1], activation=self.activation)

    def _check_model(self, model: nn.Module, learns_alone: bool) -> None:
        if isinstance(model, RBM) and not learns_alone:
            raise ConfigurationError(
                "a Boltzmann machine is no autoencoder",
                where=type(self).__name__,
                given=f"algorithm={self.algorithm!r}",
                fix="algorithm=ContrastiveDivergence()",
            )
        if not isinstance(model, RBM) and not hasattr(model, "encode"):
            raise ConfigurationError(
                "the model has no codes",
                where=type(self).__name__,
                given=kind_of(model),
                expected="one with the methods encode and decode, such as models.Autoencoder",
                fix="models.Autoencoder(encoder, decoder)",
            )

    # --- features ---------------------------------------------------------------------------------

    def transform(self, X: object) -> NDArray[np.floating]:
        """Return the features of each example, (N, C), in the type of the inputs."""
        inputs = self._prepared(X, allow_nd=self._takes_nd)
        return computed(_Encoding(self.model_), inputs)

    @available_if(_decodes)
    def inverse_transform(self, X: object) -> NDArray[np.floating]:
        """Return the examples that belong to features: (N, C) to (N, F), or as the model has them.

        Of a Boltzmann machine it is the mean of the visible units given the hidden ones.
        """
        check_is_fitted(self)
        codes = np.ascontiguousarray(check_array(X, dtype=KINDS))
        return computed(_Decoding(self.model_), codes)

    @available_if(_decodes)
    def score(self, X: object, y: object = None) -> float:
        """Return minus the mean squared error of the examples that are made of their features.

        Args:
            X: (N, F).
            y: not used; a search gives it.
        """
        del y
        made = self.inverse_transform(self.transform(X))
        return -float(np.mean((made - self._prepared(X, allow_nd=self._takes_nd)) ** 2))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_chances(inputs: NDArray[np.floating]) -> None:
    """Raise unless all numbers are chances; `fit` checks it too, with a fix for its own options."""
    low, high = float(inputs.min()), float(inputs.max())
    if low < 0 or high > 1:
        raise DataError(
            "the visible units of this Boltzmann machine take chances, from 0 to 1",
            where="X",
            given=f"numbers from {low:.4g} to {high:.4g}",
            fix="algorithm='gaussian_rbm' after a StandardScaler, or a MinMaxScaler before it",
        )


class _Encoding(nn.Module):
    """The half of a network that makes features."""

    network: nn.Module

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, x: Array) -> Array:
        network: Any = self.network
        made: Array = network(x) if isinstance(network, RBM) else network.encode(x)
        return made


class _Decoding(nn.Module):
    """The half of a network that makes examples of features."""

    network: nn.Module

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, x: Array) -> Array:
        network: Any = self.network
        is_machine = isinstance(network, RBM)
        made: Array = network.visible_mean(x) if is_machine else network.decode(x)
        return made
