"""The recipe ``alexnet``: the network of 2012 for pictures of 227 x 227."""

from __future__ import annotations

from typing import ClassVar, Literal

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ConfigurationError
from clearprop.recipes.configuration import Count, Fraction, Rate
from clearprop.recipes.pictures import check_pictures, sized, some
from clearprop.recipes.recipe import Activation, NetworkRecipe, OptimizerName, ScheduleName

SIZE = 227


class AlexNetRecipe(NetworkRecipe):
    """AlexNet on 600 pictures of Fashion-MNIST, scaled up, judged on 1,000 others, by default.

    A folder of pictures: ``--data FOLDER --set data.size=227``. Smaller pictures are enlarged by
    a whole factor and get a border of zeros.

    Attributes:
        examples: number of pictures to learn from, drawn at random.
        test_examples: number of pictures of the test part, where the data set has one.
        groups: of the second, fourth and fifth convolution, 2 as in the paper or 1.
        normalize: whether responses are normalized over neighboring channels, as in the paper.
        hidden_size: units of the two hidden layers after the convolutions.
        activation: of the hidden units.
        dropout: probability with which their units are dropped in training.

    >>> AlexNetRecipe(examples=500).hidden_size
    4096
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")
    passes: ClassVar[int] = 6
    small_steps: ClassVar[int] = 0
    batch_sizes: ClassVar[tuple[int, int]] = (16, 16)

    optimizer: OptimizerName = "momentum"
    learning_rate: Rate = 0.005
    schedule: ScheduleName = "one-cycle"
    examples: Count = 600
    test_examples: Count = 1000
    groups: Literal[1, 2] = 2
    normalize: bool = True
    hidden_size: Count = 4096
    activation: Activation = "relu"
    dropout: Fraction = 0.5

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return some examples of the data set, which must hold pictures in classes."""
        height, width, _ = check_pictures(dataset, "alexnet")
        if max(height, width) > SIZE:
            raise ConfigurationError(
                "the pictures are larger than AlexNet's",
                where=dataset.name,
                given=f"{height}x{width}",
                expected=f"at most {SIZE}x{SIZE}",
                fix=f"--set data.size={SIZE}",
            )
        return some(dataset, self.examples, self.seed, self.test_examples)

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network, after layers that bring small pictures to 227 x 227."""
        shape = preprocessor.encoded_shape
        network = models.AlexNet(
            shape[-1],
            outputs,
            groups=self.groups,
            normalize=self.normalize,
            hidden_size=self.hidden_size,
            dropout=self.dropout,
            activation=self.activation,
        )
        return sized(network, SIZE, shape)
