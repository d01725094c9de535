"""The variational autoencoder: codes and examples are drawn from distributions that it gives.

`algorithms.VariationalBayes` trains it.

Shape letters: B examples, C size of the code, D numbers of an example.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, get_args

import jax

from clearprop import bounds, nn, ops
from clearprop.errors import ShapeError
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array, static

Likelihood: TypeAlias = Literal["bernoulli", "gaussian"]


class VariationalAutoencoder(nn.Module):
    """Codes are drawn from q(z|x), examples from p(x|z); the prior of the codes is p(z) = N(0, I).

        encoder               q(z|x) = N(mean(x), diag(exp(log_variance(x))))
        decoder, "bernoulli"  p(x|z) = prod_d y_d^x_d (1 - y_d)^(1 - x_d), y = sigmoid(decoder(z))
        decoder, "gaussian"   p(x|z) = N(decoder(z), deviation^2 I)

    A call gives the most likely example for the mean code: ``decode(encode(x))``.

    Args:
        encoder: x (B, ...) to (B, 2 C), the means and then the logarithms of the variances.
        decoder: codes (B, C) to (B, ...), of the shape of x.
        code_size: C.
        likelihood: "bernoulli" for numbers from 0 to 1, such as pixels scaled so; "gaussian" for
            any numbers.
        deviation: of the Gaussian p(x|z).

    >>> import jax.numpy as jnp
    >>> model = VariationalAutoencoder(nn.Linear(8, 4), nn.Linear(2, 8), 2).init(0)
    >>> model.encode(jnp.ones((5, 8))).shape, model.sample(jax.random.key(0), 3).shape
    ((5, 2), (3, 8))

    Source: Kingma and Welling (2014), *Auto-encoding variational Bayes*; Rezende, Mohamed and
    Wierstra (2014), *Stochastic backpropagation and approximate inference in deep generative
    models*.
    """

    encoder: nn.Module
    decoder: nn.Module
    code_size: int = static()
    likelihood: Likelihood = static()
    deviation: float = static()

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        code_size: int,
        *,
        likelihood: Likelihood = "bernoulli",
        deviation: float = 1.0,
    ) -> None:
        one_of("VariationalAutoencoder", get_args(Likelihood), likelihood=likelihood)
        bounds.whole(code_size, "code_size", where="VariationalAutoencoder")
        bounds.positive(deviation, "deviation", where="VariationalAutoencoder")
        self.encoder = encoder
        self.decoder = decoder
        self.code_size = code_size
        self.likelihood = likelihood
        self.deviation = deviation

    def code_distribution(self, x: Array) -> tuple[Array, Array]:
        """Return mean and logarithm of the variance of q(z|x), (B, C) each.

        Raises:
            ShapeError: the encoder does not give 2 C numbers.
        """
        outputs = self.encoder(x)
        if outputs.shape[1:] != (2 * self.code_size,):
            raise ShapeError(
                "the encoder gives a mean and a variance for each number of the code",
                where="VariationalAutoencoder",
                given=f"outputs {tuple(outputs.shape)}",
                expected=f"(B, {2 * self.code_size}) for a code of {self.code_size}",
                fix=f"end the encoder with a layer of {2 * self.code_size} units",
            )
        mean, log_variance = ops.split(outputs, 2, axis=1)
        return mean, log_variance

    def encode(self, x: Array) -> Array:
        """Return the mean code of each example, (B, C)."""
        return self.code_distribution(x)[0]

    def decode(self, code: Array) -> Array:
        """Return the mean of p(x|z) for each code, (B, ...)."""
        outputs = self.decoder(code)
        return ops.sigmoid(outputs) if self.likelihood == "bernoulli" else outputs

    def __call__(self, x: Array) -> Array:
        return self.decode(self.encode(x))

    def sample(self, key: Array, examples: int) -> Array:
        """Return the means of p(x|z) for codes that are drawn from the prior, (examples, ...).

        Args:
            key: random.
            examples: how many.
        """
        return self.decode(jax.random.normal(key, (examples, self.code_size)))

    def log_likelihood(self, x: Array, code: Array) -> Array:
        """Return log p(x|z) of each example with its code, (B,), in nats.

        Args:
            x: (B, ...).
            code: z, (B, C).
        """
        outputs = self.decoder(code)
        axes = tuple(range(1, len(x.shape)))
        if self.likelihood == "bernoulli":
            return -ops.sum(ops.sigmoid_binary_cross_entropy(outputs, x), axis=axes)
        constant = math.log(2 * math.pi) / 2 + math.log(self.deviation)
        squares = ops.square((x - outputs) / self.deviation) / 2
        return -ops.sum(squares + constant, axis=axes)
