"""The recipe ``gan``: two small networks learn a mixture of Gaussians in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from pydantic import Field

from clearprop import models, nn
from clearprop.algorithms import Adversarial, ModeCoverage
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.mixtures import MIXTURES
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.generated import points_over_time
from clearprop.glass.style import Drawing
from clearprop.recipes.adversarial import AdversarialRecipe, generated
from clearprop.recipes.configuration import Count, Listed, OrNone, PositiveFraction, Rate
from clearprop.recipes.recipe import Activation, ScheduleName
from clearprop.training import History
from clearprop.training.run import Machine

SAMPLES = 2500
"""As many as the published figures are measured on."""


class GANRecipe(AdversarialRecipe):
    """A generative adversarial network learns to draw points as the data does.

    The mixtures gaussian-ring and gaussian-grid are the published tests of mode collapse. A table
    of numbers works too. Values that are not given depend on the mixture.

    Attributes:
        hidden_sizes: units of the hidden layers of both networks.
        activation: of their hidden units.

    >>> GANRecipe(game="minimax").instance_noise
    0.5
    """

    preferred: ClassVar[tuple[str, ...]] = ("gaussian-ring",)
    passes: ClassVar[int] = 64
    batch_sizes: ClassVar[tuple[int, int]] = (64, 256)
    of_data_set: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "gaussian-grid": {
            "packing": 2,
            "gradient_penalty": 0.0002,
            "hidden_sizes": (128, 128),
            "epochs": 128,
        }
    }

    learning_rate: Rate = 0.004
    schedule: ScheduleName = "cosine"
    average: Annotated[PositiveFraction | None, OrNone] = 0.99
    hidden_sizes: Annotated[tuple[Count, ...], Listed] = (64, 64)
    activation: Activation = "leaky_relu"
    instance_noise: Annotated[float, Field(ge=0)] = 0.5

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must hold rows of numbers."""
        numbers = isinstance(dataset.inputs, np.ndarray) and len(dataset.input_shape) == 1
        if not numbers or dataset.columns is not None or dataset.vocabularies:
            raise ConfigurationError(
                "the recipe gan takes rows of numbers",
                where=dataset.name,
                given=f"examples of shape {'x'.join(map(str, dataset.input_shape))}",
                expected="points such as gaussian-ring; for pictures: train dcgan",
            )
        return dataset

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the pair of networks."""
        (features,) = preprocessor.encoded_shape
        return models.mlp_gan(
            features,
            noise=self.noise,
            hidden=self.hidden_sizes,
            num_classes=self.classes(outputs),
            activation=self.activation,
            spectral_norm=self.spectral_norm,
            packing=self.packing,
        )

    def algorithm(self, dataset: Dataset) -> Adversarial:
        """Return the game, in which the samples for a named mixture are judged by its modes."""
        mixture = MIXTURES.get(dataset.name)
        judge = ModeCoverage(mixture) if mixture is not None else None
        return replace(super().algorithm(dataset), samples_measures=judge, samples=SAMPLES)

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return how many modes samples cover, and the share of good ones, of a named mixture."""
        mixture = MIXTURES.get(splits.train.name)
        if mixture is None:
            return {}
        samples = jnp.asarray(generated(model, SAMPLES, self.seed + 1))
        found = ModeCoverage(mixture)(samples)
        return {f"new samples, {name}": float(x) for name, x in found.items()}

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return the drawing of the game."""
        return self.of_game(history)

    def drawings_over_time(self, machine: Machine, splits: Splits) -> list[Drawing]:
        """Return the drawing of points at the steps that were kept."""
        real = np.asarray(splits.preprocessor.scaled(np.asarray(splits.train.inputs)))
        if real.shape[1] < 2:
            return []
        samples = [
            (step, generated(machine.at(step), SAMPLES, self.seed)) for step in machine.steps
        ]
        return [points_over_time(real, samples)]
