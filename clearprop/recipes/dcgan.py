"""The recipe ``dcgan``: two convolutional networks learn to make pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import rows_of
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.generated import (
    between_pictures,
    pictures_beside_data,
    pictures_over_time,
)
from clearprop.glass.style import Drawing
from clearprop.recipes.adversarial import AdversarialRecipe, generated
from clearprop.recipes.configuration import Count, OrNone, PositiveFraction, Rate
from clearprop.recipes.frechet import features_of, frechet_distance, judge_of
from clearprop.recipes.pictures import check_pictures
from clearprop.training import History
from clearprop.training.run import Machine

COMPARED = 10_000
"""Pictures, generated and of the test part, between which the distance is measured."""

COLUMNS, ROWS, BETWEEN = 12, 4, 5


class DCGANRecipe(AdversarialRecipe):
    """A convolutional generative adversarial network makes pictures like those of the data.

    Pixels are from 0 to 1, for both networks.

    Attributes:
        width: channels of the larger maps of both networks; the smaller maps have twice as many.

    >>> DCGANRecipe(width=16).batch_sizes
    (64, 64)
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")
    passes: ClassVar[int] = 6
    batch_sizes: ClassVar[tuple[int, int]] = (64, 64)

    learning_rate: Rate = 0.0005
    average: Annotated[PositiveFraction | None, OrNone] = 0.999
    noise: Count = 64
    width: Count = 32

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must hold square pictures, with pixels from 0 to 1."""
        height, width, _ = check_pictures(dataset, "dcgan")
        if height != width or height % 4 or height < 8:
            raise ConfigurationError(
                "the recipe dcgan takes square pictures whose side is a multiple of 4",
                where=dataset.name,
                given=f"{height} x {width}",
                fix="for a folder of pictures: --set data.size=32",
            )
        return replace(dataset, scaling="unit")

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the pair of networks."""
        size, _, channels = preprocessor.encoded_shape
        return models.dcgan(
            size,
            channels,
            noise=self.noise,
            width=self.width,
            num_classes=self.classes(outputs),
            spectral_norm=self.spectral_norm,
            packing=self.packing,
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the Fréchet distance of generated and of training pictures to the test part."""
        train_part, part = splits.train, splits.test or splits.dev or splits.train
        every = _pictures(splits, train_part, len(train_part), self.seed)
        labels = np.asarray(train_part.targets)
        judge = judge_of(every, labels, len(train_part.class_names or ()), self.seed)
        if judge is None:
            return {}
        count = min(COMPARED, len(part), len(every))
        test = features_of(judge, _pictures(splits, part, count, self.seed))
        train = features_of(judge, _pictures(splits, train_part, count, self.seed + 1))
        made = features_of(judge, generated(model, count, self.seed + 1))
        return {
            "Fréchet distance of generated pictures": frechet_distance(made, test),
            "Fréchet distance of training pictures": frechet_distance(train, test),
        }

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return the game, pictures beside the data, and pictures between two points of noise."""
        part = splits.test or splits.dev or splits.train
        shown = min(COLUMNS * ROWS, len(part) // COLUMNS * COLUMNS)
        drawings = self.of_game(history)
        if shown:
            real, made = (
                _pictures(splits, part, shown, self.seed),
                generated(model, shown, self.seed),
            )
            drawings.append(pictures_beside_data(real, made, COLUMNS))
        return [*drawings, between_pictures(self._between(model))]

    def drawings_over_time(self, machine: Machine, splits: Splits) -> list[Drawing]:
        """Return the drawing of pictures of the same noise at the steps that were kept."""
        kept = [(step, machine.at(step)) for step in machine.steps]
        made = [(step, generated(pair, COLUMNS, self.seed)) for step, pair in kept]
        return [pictures_over_time(made)]

    def _between(self, pair: Any) -> NDArray[np.floating]:
        """Return pictures along arcs between two points of noise, (rows, T, H, W, C)."""
        ends = pair.draw_noise(jax.random.key(self.seed), 2 * BETWEEN)
        rows: list[NDArray[np.floating]] = []
        for start, end in zip(ends[:BETWEEN], ends[BETWEEN:], strict=True):
            angle = jnp.linspace(0, jnp.pi / 2, COLUMNS)[:, None]
            z = jnp.cos(angle) * start + jnp.sin(angle) * end
            labels = jnp.full(COLUMNS, len(rows) % pair.num_classes) if pair.num_classes else None
            rows.append(np.asarray(pair(z, labels)))
        return np.stack(rows)


def _pictures(splits: Splits, part: Dataset, count: int, seed: int) -> NDArray[np.float32]:
    """Return random pictures of a part in their order, with pixels from 0 to 1."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(part))[:count])
    scaled = splits.preprocessor.scaled(np.asarray(rows_of(part.inputs, rows)))
    return np.asarray(scaled, np.float32)
