"""What the recipes of generative adversarial learning have in common."""

from __future__ import annotations

from typing import Annotated, Any, Self

import jax
import numpy as np
from pydantic import Field

from clearprop import models, optim
from clearprop.algorithms import Adversarial
from clearprop.algorithms.adversarial import GameName, PenaltyPlace
from clearprop.data import Dataset
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.game import played_game
from clearprop.glass.style import Drawing
from clearprop.optim import schedules
from clearprop.recipes.configuration import Count, Fraction, OptionalCount, Rate
from clearprop.recipes.recipe import NetworkRecipe
from clearprop.training import History

FALLING = 0.8
"""The part of a run in which the noise before the discriminator falls to its last deviation."""

SHOWN = (0.0, 0.02, 0.1, 0.25, 0.5, 1.0)
"""The parts of a run after which its state is kept, to draw samples over time."""


class AdversarialRecipe(NetworkRecipe):
    """A generator and a discriminator learn against each other.

    Attributes:
        game: what the players minimize: non-saturating, minimax, wasserstein or hinge.
        critic_steps: steps of the discriminator for one of the generator.
        gradient_penalty: weight of the penalty of the discriminator's slope; 0 for none.
        penalty_at: "real" penalizes the slope at real examples, "between" its distance from 1
            between real and generated ones.
        spectral_norm: whether the weights of the discriminator are divided by their largest
            singular value.
        packing: examples that the discriminator judges at once.
        conditional: whether both players are told the class of an example.
        noise: numbers that the generator makes an example of.
        beta1: decay of the mean gradient, where the optimizer is adam.
        instance_noise: deviation of the noise that is added to real and generated examples at
            first; 0 for none.
        last_instance_noise: its deviation from four fifths of the run on is below this.
        noise_steps: the steps over which it falls so far; none takes four fifths of the run.
    """

    game: GameName = "non-saturating"
    critic_steps: Count = 1
    gradient_penalty: Annotated[float, Field(ge=0)] = 0.0
    penalty_at: PenaltyPlace = "real"
    spectral_norm: bool = False
    packing: Count = 1
    conditional: bool = False
    noise: Count = 16
    beta1: Fraction = 0.5
    instance_noise: Annotated[float, Field(ge=0)] = 0.0
    last_instance_noise: Rate = 0.003
    noise_steps: OptionalCount = None

    def settled(self, examples: int) -> Self:
        """Return the recipe with the values that depend on the number of steps filled in."""
        recipe = super().settled(examples)
        steps = (recipe.epochs or 1) * -(-examples // (recipe.batch_size or 1))
        update: dict[str, object] = {
            "noise_steps": self.noise_steps or max(1, int(FALLING * steps))
        }
        if self.snapshots is None:
            update["snapshots"] = tuple(sorted({round(part * steps) for part in SHOWN}))
        return recipe.model_copy(update=update)

    def algorithm(self, dataset: Dataset) -> Adversarial:
        """Return the game of two players."""
        return Adversarial(
            self.game,
            critic_steps=self.critic_steps,
            gradient_penalty=self.gradient_penalty,
            penalty_at=self.penalty_at,
            instance_noise=self._instance_noise(),
        )

    def _instance_noise(self) -> float | optim.Schedule:
        if not self.instance_noise:
            return 0.0
        factor = min(1.0, self.last_instance_noise / self.instance_noise)
        return schedules.exponential(self.instance_noise, factor, every=self.noise_steps or 1)

    def make_optimizer(self, steps: int) -> optim.Optimizer:
        """Return the optimizer with its schedule, which each player has with its own state."""
        if self.optimizer != "adam":
            return super().make_optimizer(steps)
        return optim.adam(self.rate(steps), beta1=self.beta1, beta2=0.999)

    def classes(self, dataset_classes: int) -> int:
        """Return the number of classes that the players are told; 0 where they are told none.

        Raises:
            ConfigurationError: the data has no classes.
        """
        if self.conditional and not dataset_classes:
            raise ConfigurationError(
                "the conditional form needs data in classes", fix="--set conditional=false"
            )
        return dataset_classes if self.conditional else 0

    def of_game(self, history: History) -> list[Drawing]:
        """Return the drawing of both players' objectives and what reaches the generator."""
        return [played_game(history)] if len(history) > 1 else []


def generated(pair: Any, count: int, seed: int) -> np.ndarray:
    """Return samples of a generator, (count, ...); of the conditional form classes in turn."""
    parts = []
    for start in range(0, count, 1000):
        size = min(1000, count - start)
        z = pair.draw_noise(jax.random.fold_in(jax.random.key(seed), start), size)
        labels = (start + np.arange(size)) % pair.num_classes if pair.num_classes else None
        parts.append(np.asarray(_made(pair, z, labels)))
    return np.concatenate(parts)


@jax.jit
def _made(pair: models.GAN, z: jax.Array, labels: jax.Array | None) -> jax.Array:
    return pair(z, labels)
