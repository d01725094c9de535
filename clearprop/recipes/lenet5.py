"""The recipe ``lenet5``: the convolutional network for pictures."""

from __future__ import annotations

from typing import ClassVar, Literal

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ConfigurationError
from clearprop.recipes.configuration import Fraction, Rate
from clearprop.recipes.pictures import sized
from clearprop.recipes.recipe import Activation, NetworkRecipe, ScheduleName

SIZES = (28, 32)


class LeNet5Recipe(NetworkRecipe):
    """LeNet-5 on Fashion-MNIST by default.

    Pictures of 28 x 28 or 32 x 32 are not changed. Smaller pictures are enlarged if they fit a
    whole number of times, such as the 8 x 8 digits.

    Attributes:
        pooling: "max" or "average".
        activation: of the hidden units.

    >>> LeNet5Recipe(epochs=3).schedule
    'one-cycle'
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")
    passes: ClassVar[int] = 8

    learning_rate: Rate = 0.004
    weight_decay: Fraction = 0.1
    schedule: ScheduleName = "one-cycle"
    pooling: Literal["max", "average"] = "max"
    activation: Activation = "relu"

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must hold square pictures in classes."""
        shape = dataset.input_shape
        if dataset.task != "classification" or len(shape) != 3 or enlargement(shape) is None:
            raise ConfigurationError(
                "the recipe lenet5 takes square pictures in classes",
                where=dataset.name,
                given=f"{dataset.task}, examples of shape {'x'.join(map(str, shape))}",
                expected="pictures of 28x28 or 32x32, or of a size that divides 28 or 32",
                fix="for a folder of pictures: --set data.size=32; for other data: train mlp",
            )
        return dataset

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network, after a layer that enlarges small pictures."""
        shape = preprocessor.encoded_shape
        size = shape[0] * (enlargement(shape) or 1)
        network = models.LeNet5(
            shape[-1],
            outputs,
            size=size,
            activation=self.activation,
            pooling=self.pooling,
        )
        return sized(network, size, shape)


def enlargement(shape: tuple[int, ...]) -> int | None:
    """Return the factor by which to enlarge pictures for LeNet-5; None if there is no factor.

    >>> enlargement((28, 28, 1)), enlargement((8, 8, 1)), enlargement((30, 30, 1))
    (1, 4, None)
    """
    height, width = shape[:2]
    if height != width:
        return None
    return next((size // height for size in SIZES if height and size % height == 0), None)
