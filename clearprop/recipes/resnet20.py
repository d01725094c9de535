"""The recipe ``resnet20``: a residual network for small pictures."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor
from clearprop.recipes.configuration import Count, Fraction, OrNone, Rate
from clearprop.recipes.pictures import check_pictures, sized
from clearprop.recipes.recipe import (
    Activation,
    FitOptions,
    NetworkRecipe,
    OptimizerName,
    ScheduleName,
)
from clearprop.training.augmentation import Flip, Shift

SIZE = 32
DIGITS = ("mnist", "digits")


class ResNet20Recipe(NetworkRecipe):
    """ResNet-20 on Fashion-MNIST, by default.

    Smaller pictures are enlarged by a whole factor and get a border of zeros, up to 32 x 32. Larger
    pictures are not changed.

    Attributes:
        depth: layers with weights, 6 n + 2.
        width: channels of the first stage.
        shortcut: "padding" or "projection", where a block changes the shape.
        activation: of the hidden units.
        augment: whether pictures are shifted at random in every step.
        mirror: whether they are mirrored at random too; none mirrors all pictures except
            handwritten digits, because a mirrored digit is mostly not a digit.

    >>> ResNet20Recipe(depth=32).schedule
    'one-cycle'
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")
    passes: ClassVar[int] = 12

    optimizer: OptimizerName = "nesterov"
    learning_rate: Rate = 0.1
    weight_decay: Fraction = 0.005
    schedule: ScheduleName = "one-cycle"
    depth: Count = 20
    width: Count = 16
    shortcut: Literal["padding", "projection"] = "padding"
    activation: Activation = "relu"
    augment: bool = True
    mirror: Annotated[bool | None, OrNone] = None

    def suited(self, dataset: Dataset) -> Self:
        """Return the recipe with `mirror` decided."""
        if self.mirror is not None:
            return self
        return self.model_copy(update={"mirror": dataset.name not in DIGITS})

    def fit_options(self) -> FitOptions:
        """Return the arguments of `fit`, with augmented pictures unless `augment` is false."""
        mirrored = [] if self.mirror is False else [Flip()]
        changes = [*mirrored, Shift(2)] if self.augment else None
        return {**super().fit_options(), "augment": changes}

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must hold pictures in classes."""
        check_pictures(dataset, "resnet20")
        return dataset

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network, after layers that bring small pictures to 32 x 32."""
        shape = preprocessor.encoded_shape
        network = models.small_resnet(
            self.depth,
            shape[-1],
            outputs,
            width=self.width,
            shortcut=self.shortcut,
            activation=self.activation,
        )
        return sized(network, SIZE, shape)
