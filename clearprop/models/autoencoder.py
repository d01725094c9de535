"""Autoencoders: an encoder makes a short code of each example, a decoder makes the example of it.

The targets are the inputs: ``fit(model, x, x, loss="squared_error")``, or ``fit(model,
dataset.reconstruction(), loss="squared_error")``. With ``augment="noise"``, "masking" or
"saltandpepper" it learns to remove noise, as the targets stay clean.

Shape letters: B examples, C size of the code, D numbers of an example.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from clearprop import nn, ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, parameter


class Autoencoder(nn.Module):
    """An encoder, and a decoder that gives the example again: y = decode(encode(x)).

    The code is linear in the last layer of the encoder, so it may take any value.

    Args:
        encoder: x (B, *shape) to codes (B, C).
        decoder: codes (B, C) to y (B, *shape).

    >>> import jax.numpy as jnp
    >>> model = Autoencoder(nn.Linear(8, 2), nn.Linear(2, 8)).init(0)
    >>> model.encode(jnp.ones((5, 8))).shape, model(jnp.ones((5, 8))).shape
    ((5, 2), (5, 8))

    Source: Rumelhart, Hinton and Williams (1986); Hinton and Salakhutdinov (2006), *Reducing the
    dimensionality of data with neural networks*.
    """

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x: Array) -> Array:
        """Return the code of each example, (B, C)."""
        code: Array = self.encoder(x)
        return code

    def decode(self, code: Array) -> Array:
        """Return the example that belongs to each code, (B, *shape)."""
        y: Array = self.decoder(code)
        return y

    def __call__(self, x: Array) -> Array:
        return self.decode(self.encode(x))


class DenseAutoencoder(Autoencoder):
    """An autoencoder of fully connected layers; the decoder has the sizes of the encoder backwards.

    Shapes for ``shape=(28, 28, 1), code_size=32, hidden_sizes=(256,)``:

        x                      (B, 28, 28, 1)
        encoder, 784-256-32    (B, 32)          209,184 parameters
        decoder, 32-256-784    (B, 28, 28, 1)   209,936

    Args:
        shape: of an example.
        code_size: C.
        hidden_sizes: units of the hidden layers of the encoder, from the inputs on.
        activation: of the hidden units.

    >>> sum(w.size for w in nn.parameters(DenseAutoencoder((28, 28, 1), 32, (256,))).values())
    419120
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        code_size: int,
        hidden_sizes: Sequence[int] = (256,),
        *,
        activation: ActivationLike = ops.relu,
    ) -> None:
        self.encoder = dense_encoder(shape, code_size, hidden_sizes, activation)
        self.decoder = dense_decoder(shape, code_size, hidden_sizes, activation)


class TiedAutoencoder(nn.Module):
    """An autoencoder whose decoder has the weights of its encoder, transposed, and own biases.

        encoder: z_0 = x,  z_l = f(z_{l-1} W_l + b_l),  the code is z_L without f
        decoder: u_L = code,  u_{l-1} = f(u_l W_l^T + c_l),  y is u_0 without f

    It has half as many weights; the gradient of a weight is the sum of those of its two uses.

    Args:
        shape: of an example.
        code_size: C.
        hidden_sizes: units of the hidden layers of the encoder, from the inputs on.
        activation: f, of the hidden units.

    >>> sum(w.size for w in nn.parameters(TiedAutoencoder((28, 28, 1), 32, (256,))).values())
    210224

    Source: Vincent et al. (2010), *Stacked denoising autoencoders*.
    """

    flatten: nn.Flatten
    layers: tuple[nn.Linear, ...]
    biases: tuple[Array, ...]
    activation: nn.Activation
    shape: nn.Reshape

    def __init__(
        self,
        shape: tuple[int, ...],
        code_size: int,
        hidden_sizes: Sequence[int] = (),
        *,
        activation: ActivationLike = ops.relu,
    ) -> None:
        sizes = (math.prod(shape), *hidden_sizes, code_size)
        self.flatten = nn.Flatten()
        self.layers = tuple(nn.Linear(above, below) for above, below in itertools.pairwise(sizes))
        self.biases = tuple(parameter((size,), nn.initializers.zeros) for size in sizes[:-1])
        self.activation = nn.Activation(activation)
        self.shape = nn.Reshape(tuple(shape))

    def encode(self, x: Array) -> Array:
        """Return the code of each example, (B, C)."""
        x = self.flatten(x)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)

    def decode(self, code: Array) -> Array:
        """Return the example that belongs to each code, (B, *shape)."""
        u = code
        for layer, bias in zip(self.layers[:0:-1], self.biases[:0:-1], strict=True):
            u = self.activation(ops.matmul(u, ops.transpose(layer.weight)) + bias)
        return self.shape(ops.matmul(u, ops.transpose(self.layers[0].weight)) + self.biases[0])

    def __call__(self, x: Array) -> Array:
        return self.decode(self.encode(x))


class ConvolutionalAutoencoder(Autoencoder):
    """An autoencoder for pictures: each convolution halves height and width, its transpose doubles.

    Shapes for ``shape=(28, 28, 1), code_size=32, channels=(16, 32)``:

        x                                        (B, 28, 28, 1)
        conv 3x3, stride 2                       (B, 14, 14, 16)
        conv 3x3, stride 2                       (B, 7, 7, 32)
        linear                                   (B, 32)
        linear                                   (B, 7, 7, 32)
        transposed convolution 4x4, stride 2     (B, 14, 14, 16)
        transposed convolution 4x4, stride 2     (B, 28, 28, 1)

    Args:
        shape: (height, width, channels) of a picture.
        code_size: C.
        channels: of each convolution of the encoder.
        activation: of the hidden units.

    Raises:
        ShapeError: height or width cannot be halved so often.

    >>> import jax.numpy as jnp
    >>> model = ConvolutionalAutoencoder((8, 8, 1), 4, (8, 16)).init(0)
    >>> model.encode(jnp.ones((2, 8, 8, 1))).shape, model.decode(jnp.ones((2, 4))).shape
    ((2, 4), (2, 8, 8, 1))

    Source: Masci et al. (2011), *Stacked convolutional auto-encoders*; strides in place of pooling.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        code_size: int,
        channels: Sequence[int] = (16, 32),
        *,
        activation: ActivationLike = ops.relu,
    ) -> None:
        self.encoder = convolutional_encoder(shape, code_size, channels, activation)
        self.decoder = convolutional_decoder(shape, code_size, channels, activation)


def dense_encoder(
    shape: tuple[int, ...], outputs: int, hidden_sizes: Sequence[int], activation: ActivationLike
) -> nn.Sequential:
    """Return fully connected layers from examples (B, *shape) to (B, outputs)."""
    sizes = (math.prod(shape), *hidden_sizes, outputs)
    return nn.Sequential([nn.Flatten(), *_linears(sizes, activation)])


def dense_decoder(
    shape: tuple[int, ...], code_size: int, hidden_sizes: Sequence[int], activation: ActivationLike
) -> nn.Sequential:
    """Return fully connected layers from codes (B, code_size) to examples (B, *shape)."""
    sizes = (code_size, *reversed(hidden_sizes), math.prod(shape))
    return nn.Sequential([*_linears(sizes, activation), nn.Reshape(tuple(shape))])


def convolutional_encoder(
    shape: tuple[int, ...], outputs: int, channels: Sequence[int], activation: ActivationLike
) -> nn.Sequential:
    """Return convolutions that halve pictures (B, *shape), and a linear layer to (B, outputs).

    Raises:
        ShapeError: height or width cannot be halved so often.
    """
    height, width = _halved(shape, channels)
    layers: list[nn.Module] = []
    for above, below in itertools.pairwise((shape[-1], *channels)):
        layers += [
            nn.Conv2d(above, below, 3, stride=2, padding=1, weight_init=nn.initializers.he_normal),
            nn.Activation(activation),
        ]
    return nn.Sequential([*layers, nn.Flatten(), nn.Linear(height * width * channels[-1], outputs)])


def convolutional_decoder(
    shape: tuple[int, ...], code_size: int, channels: Sequence[int], activation: ActivationLike
) -> nn.Sequential:
    """Return a linear layer from codes, and transposed convolutions to pictures (B, *shape).

    Raises:
        ShapeError: height or width cannot be halved so often.
    """
    height, width = _halved(shape, channels)
    start = (height, width, channels[-1])
    layers: list[nn.Module] = [nn.Linear(code_size, math.prod(start)), nn.Reshape(start)]
    for above, below in itertools.pairwise((*reversed(channels), shape[-1])):
        layers += [
            nn.Activation(activation),
            nn.ConvTranspose2d(
                above, below, 4, stride=2, padding=1, weight_init=nn.initializers.he_normal
            ),
        ]
    return nn.Sequential(layers)


def _linears(sizes: Sequence[int], activation: ActivationLike) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for above, below in itertools.pairwise(sizes):
        layers += [nn.Linear(above, below), nn.Activation(activation)]
    return layers[:-1]


def _halved(shape: tuple[int, ...], channels: Sequence[int]) -> tuple[int, int]:
    """Return height and width of pictures after they are halved once for each convolution."""
    if not channels:
        raise ConfigurationError(
            "a convolutional autoencoder needs at least one convolution",
            where="channels",
            fix="give the channels of one convolution or more, or take DenseAutoencoder",
        )
    positive_sizes("ConvolutionalAutoencoder", channels=tuple(channels))
    times = 2 ** len(channels)
    if len(shape) != 3 or shape[0] % times or shape[1] % times:
        raise ShapeError(
            "height and width must be divisible by 2 once for each convolution",
            where="ConvolutionalAutoencoder",
            given=f"shape {tuple(shape)} and {len(channels)} convolutions",
            expected=f"(height, width, channels) with multiples of {times}",
            fix="give fewer numbers of channels, one for each convolution; or take "
            "DenseAutoencoder",
        )
    return shape[0] // times, shape[1] // times
