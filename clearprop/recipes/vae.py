"""The recipe ``vae``: a variational autoencoder, which draws pictures that nobody has made.

Shape letters: N examples, C size of the code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import models, nn
from clearprop.algorithms import VariationalBayes
from clearprop.algorithms.variational_bayes import bound_parts, log_likelihood
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.glass.drawings.codes import picture_rows
from clearprop.glass.style import Drawing
from clearprop.models.autoencoder import dense_decoder, dense_encoder
from clearprop.models.variational_autoencoder import Likelihood
from clearprop.recipes import codes
from clearprop.recipes.configuration import Count, Listed, Rate
from clearprop.recipes.recipe import Activation, NetworkRecipe, ScheduleName
from clearprop.training import History

ACROSS = 12
"""Pictures in a row of a drawing."""

DOWN = 4
"""Rows of drawn samples."""

ON_MAP = 2000
"""Examples whose codes are drawn on the map."""

JUDGED = 1000
"""At most so many test examples are judged by their likelihood."""

DRAWS, BOUND_DRAWS = 100, 20
"""Codes that are drawn for the estimate of the likelihood of each, and of its bound."""


class VAERecipe(NetworkRecipe):
    """A variational autoencoder on Fashion-MNIST by default; its pixels are from 0 to 1.

    Attributes:
        code_size: numbers of the code; 2 gives a map without projection.
        hidden_sizes: units of the hidden layers of the encoder; the decoder has them backwards.
        activation: of the hidden units.
        likelihood: "bernoulli" takes the gray of a pixel as the chance that it is white;
            "gaussian" as a number with noise.
        deviation: of the noise of "gaussian".
        draws: codes that are drawn for each example at a step.
        divergence_weight: how much the divergence of the codes from their prior counts; 1 gives
            the evidence lower bound, more gives simpler codes.

    >>> VAERecipe.of({"code_size": "2", "likelihood": "gaussian"}).code_size
    2
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")
    small_steps: ClassVar[int] = 5_000

    learning_rate: Rate = 0.002
    schedule: ScheduleName = "one-cycle"
    code_size: Count = 16
    hidden_sizes: Annotated[tuple[Count, ...], Listed] = (256,)
    activation: Activation = "relu"
    likelihood: Likelihood = "bernoulli"
    deviation: Rate = 0.1
    draws: Count = 1
    divergence_weight: Rate = 1.0

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set whose targets are its inputs, scaled from 0 to 1.

        Raises:
            DataError: its inputs are no array of numbers.
        """
        return replace(dataset.reconstruction(), scaling="unit")

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for examples of this shape."""
        shape = preprocessor.encoded_shape
        return models.VariationalAutoencoder(
            dense_encoder(shape, 2 * self.code_size, self.hidden_sizes, self.activation),
            dense_decoder(shape, self.code_size, self.hidden_sizes, self.activation),
            self.code_size,
            likelihood=self.likelihood,
            deviation=self.deviation,
        )

    def algorithm(self, dataset: Dataset) -> VariationalBayes:
        """Return learning by the evidence lower bound."""
        return VariationalBayes(self.draws, self.divergence_weight)

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return bound, likelihood and error of the reconstructions on the test part."""
        if splits.test is None:
            return {}
        network: Any = model
        x, unit = codes.prepared(splits.test, splits.preprocessor), codes.unit(splits.preprocessor)
        key = jax.random.key(self.seed)

        def bound(x: jax.Array) -> jax.Array:
            given, divergence = bound_parts(network, x, key, BOUND_DRAWS)
            return given - divergence

        # The bound and the estimate are of the same examples, so that they can be compared.
        few = codes.prepared(splits.test, splits.preprocessor, JUDGED)
        likelihood = log_likelihood(model, jnp.asarray(few), key, DRAWS)
        error = codes.root_mean_square(codes.in_batches(network, x) - x)
        found = {
            "evidence lower bound, nats": float(codes.in_batches(bound, few).mean()),
            f"log-likelihood from {DRAWS} draws, nats": float(likelihood.mean()),
            "reconstruction RMSE": unit * error,
        }
        accuracy = codes.linear_accuracy(lambda x: codes.in_batches(network.encode, x), splits)
        if accuracy is not None:
            found["logistic regression on the code, accuracy"] = accuracy
        return found

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return samples, reconstructions, and the map of the mean codes."""
        part = splits.test or splits.train
        if not codes.has_pictures(splits):
            return []
        network: Any = model
        x = codes.prepared(part, splits.preprocessor, ON_MAP)
        samples = np.asarray(network.sample(jax.random.key(self.seed), ACROSS * DOWN))
        few = x[:ACROSS]
        drawings = [
            picture_rows(
                np.split(codes.as_pictures(samples, splits), DOWN), [], "Samples",
                "The decoder's pictures for codes that are drawn from the prior. Samples that look "
                "like no example show that the codes of the examples "
                "are distributed otherwise than the prior.",
            ),
            picture_rows(
                [codes.as_pictures(one, splits) for one in (few, codes.in_batches(network, few))],
                ["input", "reconstruction"], "Inputs and reconstructions",
                "Examples, and what the decoder makes of their mean codes.",
            ),
        ]  # fmt: skip
        if self.code_size > 1:
            found = codes.in_batches(network.encode, x)
            drawings.append(codes.drawn_map(found, x, part, splits, ON_MAP))
        return drawings
