"""LeNet-5: two convolutions, each followed by pooling, then three fully connected layers."""

from __future__ import annotations

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array


class LeNet5(nn.Module):
    """A convolutional network for handwritten digits, in today's form.

    Shapes (B examples, K classes) for 28 x 28 pictures, padded to the paper's 32 x 32:

        x                       (B, 28, 28, 1)
        conv1, 5x5, pad 2       (B, 28, 28, 6)      156 parameters
        pool1, 2x2              (B, 14, 14, 6)
        conv2, 5x5              (B, 10, 10, 16)   2,416
        pool2, 2x2              (B, 5, 5, 16)
        hidden1                 (B, 120)         48,120
        hidden2                 (B, 84)          10,164
        output                  (B, K)              850 for K = 10

    Deviations from the paper: rectified units and max pooling in place of tanh and trained
    sub-sampling, full connections from pool1 to conv2, and a linear layer before softmax in the
    place of radial basis functions. ``activation=ops.tanh, pooling="average"`` are closer to the
    paper.

    Args:
        channels: of the pictures.
        classes: K.
        size: height and width of the pictures, 28 or 32.
        activation: of the hidden units.
        pooling: "max" or "average".

    >>> sum(w.size for w in nn.parameters(LeNet5()).values())
    61706

    Source: LeCun, Bottou, Bengio and Haffner (1998), *Gradient-based learning applied to document
    recognition*.
    """

    conv1: nn.Conv2d
    pool1: nn.Module
    conv2: nn.Conv2d
    pool2: nn.Module
    flatten: nn.Flatten
    hidden1: nn.Linear
    hidden2: nn.Linear
    output: nn.Linear
    activation: nn.Activation

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        *,
        size: int = 28,
        activation: ActivationLike = ops.relu,
        pooling: str = "max",
    ) -> None:
        if size not in (28, 32):
            raise ConfigurationError(
                "LeNet-5 takes pictures of 28 x 28 or 32 x 32", where="LeNet5", given=str(size)
            )
        pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
        one_of("LeNet5", pools, pooling=pooling)
        pool = pools[pooling]
        he = nn.initializers.he_normal
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=(32 - size) // 2, weight_init=he)
        self.pool1 = pool(2)
        self.conv2 = nn.Conv2d(6, 16, 5, weight_init=he)
        self.pool2 = pool(2)
        self.flatten = nn.Flatten()
        self.hidden1 = nn.Linear(5 * 5 * 16, 120, weight_init=he)
        self.hidden2 = nn.Linear(120, 84, weight_init=he)
        self.output = nn.Linear(84, classes)
        self.activation = nn.Activation(activation)

    def __call__(self, x: Array) -> Array:
        x = self.pool1(self.activation(self.conv1(x)))
        x = self.pool2(self.activation(self.conv2(x)))
        x = self.flatten(x)
        x = self.activation(self.hidden1(x))
        x = self.activation(self.hidden2(x))
        return self.output(x)
