"""AlexNet: five convolutions and three fully connected layers."""

from __future__ import annotations

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.fields import Array


class AlexNet(nn.Module):
    """The network that won ImageNet in 2012.

    Shapes (B examples, K classes) for 227 x 227 pictures, with neurons an example and parameters:

        x                              (B, 227, 227, 3)
        conv1, 11x11, stride 4         (B, 55, 55, 96)      290,400      34,944
        pool1, 3x3, stride 2           (B, 27, 27, 96)
        conv2, 5x5, pad 2, 2 groups    (B, 27, 27, 256)     186,624     307,456
        pool2, 3x3, stride 2           (B, 13, 13, 256)
        conv3, 3x3, pad 1              (B, 13, 13, 384)      64,896     885,120
        conv4, 3x3, pad 1, 2 groups    (B, 13, 13, 384)      64,896     663,936
        conv5, 3x3, pad 1, 2 groups    (B, 13, 13, 256)      43,264     442,624
        pool3, 3x3, stride 2           (B, 6, 6, 256)
        hidden1                        (B, 4096)              4,096  37,752,832
        hidden2                        (B, 4096)              4,096  16,781,312
        output                         (B, K)                     K   4,097,000 for K = 1000

    The paper prints 253,440 neurons for conv1 and pictures of 224 x 224; only 227 x 227 fits its
    strides, and 55 x 55 x 96 is 290,400. Its first two convolutions are followed by
    `nn.LocalResponseNorm`, and the first two fully connected layers drop half of their units.

    Args:
        channels: of the pictures.
        classes: K.
        groups: 2 as in the paper, where each half ran on its own GPU; 1 connects the halves.
        normalize: whether responses are normalized over neighboring channels, as in the paper.
        hidden_size: units of hidden1 and hidden2.
        dropout: probability with which their units are dropped in training.
        activation: of the hidden units.

    Raises:
        ConfigurationError: the number of groups is not 1 or 2.

    >>> sum(w.size for w in nn.parameters(AlexNet()).values())
    60965224

    Deviations from the paper: initial values after He et al. (2015) in place of N(0, 0.01^2) and
    biases of one, with which learning starts slowly.

    Source: Krizhevsky, Sutskever and Hinton (2012), *ImageNet classification with deep
    convolutional neural networks*.
    """

    conv1: nn.Conv2d
    conv2: nn.Conv2d
    conv3: nn.Conv2d
    conv4: nn.Conv2d
    conv5: nn.Conv2d
    norm: nn.LocalResponseNorm | None
    pool: nn.MaxPool2d
    flatten: nn.Flatten
    hidden1: nn.Linear
    hidden2: nn.Linear
    output: nn.Linear
    dropout: nn.Dropout
    activation: nn.Activation

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1000,
        *,
        groups: int = 2,
        normalize: bool = True,
        hidden_size: int = 4096,
        dropout: float = 0.5,
        activation: ActivationLike = ops.relu,
    ) -> None:
        if groups not in (1, 2):
            raise ConfigurationError("groups must be 1 or 2", where="AlexNet", given=f"{groups=}")
        he = nn.initializers.he_normal
        self.conv1 = nn.Conv2d(channels, 96, 11, stride=4, weight_init=he)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=groups, weight_init=he)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1, weight_init=he)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=groups, weight_init=he)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=groups, weight_init=he)
        self.norm = nn.LocalResponseNorm() if normalize else None
        self.pool = nn.MaxPool2d(3, stride=2)
        self.flatten = nn.Flatten()
        self.hidden1 = nn.Linear(6 * 6 * 256, hidden_size, weight_init=he)
        self.hidden2 = nn.Linear(hidden_size, hidden_size, weight_init=he)
        self.output = nn.Linear(hidden_size, classes)
        self.dropout = nn.Dropout(dropout)
        self.activation = nn.Activation(activation)

    def __call__(self, x: Array) -> Array:
        x = self.pool(self._normalized(self.activation(self.conv1(x))))
        x = self.pool(self._normalized(self.activation(self.conv2(x))))
        x = self.activation(self.conv3(x))
        x = self.activation(self.conv4(x))
        x = self.flatten(self.pool(self.activation(self.conv5(x))))
        x = self.dropout(self.activation(self.hidden1(x)))
        x = self.dropout(self.activation(self.hidden2(x)))
        return self.output(x)

    def _normalized(self, x: Array) -> Array:
        return x if self.norm is None else self.norm(x)
