"""Variational Bayes: a generative model is trained by a lower bound of the likelihood of its data.

Shape letters: B examples, C size of the code, K codes drawn for an example.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import bounds, nn, ops
from clearprop.autodiff import stop_gradient
from clearprop.data import Batch
from clearprop.errors import ConfigurationError, DataError
from clearprop.training.algorithm import Array, Arrays, TrainState
from clearprop.training.learning import Learning
from clearprop.training.training_data import TrainingData

USED = 0.01
"""Nats of divergence from which a number of the code is counted as used (Burda et al. 2016)."""

BATCH = 100
"""Examples whose codes are drawn at once by `log_likelihood`."""


@runtime_checkable
class LatentVariableModel(Protocol):
    """A model with codes, which `VariationalBayes` trains."""

    def code_distribution(self, x: Array) -> tuple[Array, Array]:
        """Return mean and logarithm of the variance of q(z|x), (B, C) each."""

    def log_likelihood(self, x: Array, code: Array) -> Array:
        """Return log p(x|z) of each example, (B,), in nats."""


@dataclass(frozen=True, eq=False)
class VariationalBayes(Learning):
    """A variational autoencoder learns by its evidence lower bound, in nats.

        log p(x) >= E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z))
        z = mean + exp(log_variance / 2) n,  n ~ N(0, I)
        KL = sum_c (exp(log_variance) + mean^2 - 1 - log_variance) / 2

    z is a function of the encoder's outputs and of noise that does not depend on them, so the error
    signal reaches the encoder through the drawn code. The objective is the negative bound.

    Attributes:
        draws: codes that are drawn for each example at a step.
        divergence_weight: beta, the factor of KL; with another than 1 the objective is no bound of
            log p(x). The error that is reported always is the negative bound.

    Raises:
        ConfigurationError: a number is out of range; the model has no distribution of codes.
        DataError: an input is outside [0, 1] and the likelihood is Bernoulli's.

    >>> from clearprop.models import VariationalAutoencoder
    >>> from clearprop.training import fit
    >>> x = jnp.eye(4).repeat(8, axis=0)
    >>> model = VariationalAutoencoder(nn.Linear(4, 4), nn.Linear(2, 4), 2)
    >>> run = fit(model, x, algorithm=VariationalBayes(), epochs=200, progress=False)
    >>> run.history.objective[-1] < run.history.objective[0] - 0.3
    np.True_

    Source: Kingma and Welling (2014), *Auto-encoding variational Bayes*; with a weight of the
    divergence Higgins et al. (2017), *beta-VAE*.
    """

    draws: int = 1
    divergence_weight: float = 1.0

    error_name: ClassVar[str] = "negative evidence lower bound"

    def __post_init__(self) -> None:
        bounds.whole(self.draws, "draws", where="VariationalBayes")
        bounds.not_negative(self.divergence_weight, "divergence_weight", where="VariationalBayes")

    def objective(
        self, model: nn.Module, batch: Batch, key: Array, memory: object
    ) -> tuple[Array, Array]:
        """Return the negative bound of each example with the weight of KL, and without it."""
        likelihood, divergence = bound_parts(_latent(model), batch.inputs, key, self.draws)
        losses = self.divergence_weight * divergence - likelihood
        return losses, stop_gradient(divergence - likelihood)

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the model has codes, and its likelihood can mean the inputs."""
        _latent(model)
        if getattr(model, "likelihood", None) == "bernoulli":
            x = np.asarray(self.inputs(data.train.first(min(len(data.train), 1000)).inputs))
            if x.min() < 0 or x.max() > 1:
                raise DataError(
                    "Bernoulli's likelihood takes numbers from 0 to 1",
                    where=data.train.name,
                    given=f"inputs from {x.min():.3g} to {x.max():.3g}",
                    fix="dataset.split(scaling='unit'), or likelihood='gaussian'",
                )
        super().check(model, data, batch_size)

    def measures(
        self, state: TrainState, frozen: Arrays, examples: Batch, key: Array
    ) -> dict[str, Array]:
        """Return the divergence, and how many numbers of the code say something of the example."""
        model = self.model(frozen, self.evaluated(state))
        mean, log_variance = _latent(model).code_distribution(self.seen(examples).inputs)
        each = divergences(mean, log_variance).mean(axis=0)
        return {"divergence in nats": each.sum(), "used numbers of the code": (each > USED).sum()}


def divergences(mean: Array, log_variance: Array) -> Array:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) of each number of each code, (B, C).

    >>> divergences(jnp.array([[0.0, 2.0]]), jnp.zeros((1, 2)))
    Array([[0., 2.]], dtype=float32)
    """
    return (ops.exp(log_variance) + ops.square(mean) - 1 - log_variance) / 2


def drawn_code(mean: Array, log_variance: Array, key: Array) -> Array:
    """Return a code of each example, drawn from N(mean, exp(log_variance)) so that it has errors.

    z = mean + exp(log_variance / 2) n,  n ~ N(0, I)
    """
    return mean + ops.exp(log_variance / 2) * jax.random.normal(key, mean.shape)


def bound_parts(
    model: LatentVariableModel, x: Array, key: Array, draws: int = 1
) -> tuple[Array, Array]:
    """Return E_q[log p(x|z)], estimated from some draws, and KL(q(z|x) || p(z)), (B,) each."""
    mean, log_variance = model.code_distribution(x)
    found = [
        model.log_likelihood(x, drawn_code(mean, log_variance, jax.random.fold_in(key, draw)))
        for draw in range(draws)
    ]
    return sum(found[1:], found[0]) / draws, ops.sum(divergences(mean, log_variance), axis=1)


def log_likelihood(model: nn.Module, x: Array, key: Array, draws: int = 100) -> NDArray[np.float64]:
    """Return an estimate of log p(x) of each example, (B,), in nats.

    log of the mean over K draws of p(x|z) p(z) / q(z|x), z ~ q(z|x). Its mean over draws is a lower
    bound of log p(x), which lies above the evidence lower bound and comes nearer with every draw.

    Args:
        model: with codes.
        x: examples as the model takes them, (B, ...).
        key: random.
        draws: K.

    Raises:
        ConfigurationError: the model has no distribution of codes.

    Source: Burda, Grosse and Salakhutdinov (2016), *Importance weighted autoencoders*.
    """
    _latent(model)
    starts = range(0, len(x), BATCH)
    parts = [_weighted(model, x[k : k + BATCH], jax.random.fold_in(key, k), draws) for k in starts]
    return np.concatenate([np.asarray(part, np.float64) for part in parts])


@jax.jit(static_argnums=3)
def _weighted(model: nn.Module, x: Array, key: Array, draws: int) -> Array:
    known = _latent(model)
    mean, log_variance = known.code_distribution(x)

    def one(total: Array, draw: Array) -> tuple[Array, None]:
        z = drawn_code(mean, log_variance, jax.random.fold_in(key, draw))
        # The constants log(2 pi) / 2 of the prior and of q cancel.
        prior = -jnp.square(z).sum(axis=1) / 2
        noise = jnp.square(z - mean) / jnp.exp(log_variance)
        own = -(noise + log_variance).sum(axis=1) / 2
        return jnp.logaddexp(total, known.log_likelihood(x, z) + prior - own), None

    nothing = jnp.full(len(x), -jnp.inf)
    total, _ = jax.lax.scan(one, nothing, jnp.arange(draws))
    return total - math.log(draws)


def _latent(model: object) -> LatentVariableModel:
    if isinstance(model, LatentVariableModel):
        return model
    raise ConfigurationError(
        "this model has no distribution of codes",
        where="VariationalBayes",
        given=type(model).__name__,
        expected="a model with code_distribution and log_likelihood",
        fix="models.VariationalAutoencoder(encoder, decoder, code_size)",
    )
