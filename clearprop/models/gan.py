"""The two networks of generative adversarial learning.

Shape letters: B examples, Z numbers of noise, K classes.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array


class GAN(nn.Module):
    """A generator, which makes examples of noise, and a discriminator, which judges examples.

    generated = generator(z), judgment = discriminator(x)

    In the conditional form both are told the class: the generator gets its one-hot code behind the
    noise, the discriminator behind the features (of a picture: behind the channels of every pixel).

    With ``packing`` m > 1 the discriminator judges m examples at once, one behind the other on the
    last axis: whether they all come from the data. A generator that makes one kind of example only
    then gives itself away, because m equal ones are rare in the data.

    Shapes: z (B, Z), labels (B,) from 0 to K-1, x (B, ...), judgment (B,): a logit or a number
    without bounds, larger for what looks real.

    Args:
        generator: (B, Z) or (B, Z + K) to examples.
        discriminator: examples to (B, 1).
        noise: Z.
        num_classes: K of the conditional form; 0 for none.
        packing: m, examples that the discriminator judges at once.

    >>> pair = mlp_gan(features=2, noise=4, hidden=(16,)).init(0)
    >>> pair(pair.draw_noise(jax.random.key(0), 5)).shape
    (5, 2)

    Source: Goodfellow et al. (2014), *Generative adversarial nets*; the conditional form: Mirza
    and Osindero (2014), *Conditional generative adversarial nets*; packing: Lin et al. (2018),
    *PacGAN: the power of two samples in generative adversarial networks*.
    """

    generator: nn.Module
    discriminator: nn.Module
    noise: int = nn.static()
    num_classes: int = nn.static()
    packing: int = nn.static()

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        noise: int,
        num_classes: int = 0,
        packing: int = 1,
    ) -> None:
        positive_sizes("GAN", packing=packing)
        if noise < 1 or num_classes < 0:
            raise ConfigurationError(
                "a generator needs at least one number of noise, and no negative number of classes",
                where="GAN",
                given=f"noise={noise}, num_classes={num_classes}",
            )
        self.generator = generator
        self.discriminator = discriminator
        self.noise = noise
        self.num_classes = num_classes
        self.packing = packing

    def __call__(self, z: Array, labels: Array | None = None) -> Array:
        made: Array = self.generator(self.conditioned(z, labels))
        return made

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the noise of one example."""
        return (self.noise,)

    def through(self, z: Array) -> Array:
        """Return the judgments of generated examples: one pass through both networks."""
        labels = jnp.zeros(len(z), jnp.int32) if self.num_classes else None
        return self.judged(self(z, labels), labels)

    def judged(self, x: Array, labels: Array | None = None) -> Array:
        """Return the judgments of examples, (P,): one for each pack, of which there are B / m."""
        judgments: Array = self.discriminator(self.packed(self.conditioned(x, labels)))
        return ops.reshape(judgments, (-1,))

    def packed(self, x: Array) -> Array:
        """Return examples in packs, (P, ..., m C), as the discriminator takes them.

        Where m does not divide B, the first examples are in a second pack.
        """
        count = -(-len(x) // self.packing)
        if self.packing == 1:
            return x
        rows = (np.arange(self.packing * count) % len(x)).reshape(self.packing, count)
        return ops.concatenate([x[row] for row in rows], axis=-1)

    def unpacked(self, judgments: Array, count: int) -> Array:
        """Return for each of the examples, (B,), what stands at its pack."""
        if self.packing == 1:
            return judgments
        return ops.concatenate([judgments] * self.packing)[:count]

    def draw_noise(self, key: Array, count: int) -> Array:
        """Return noise for ``count`` examples, (count, Z), from N(0, 1)."""
        return jax.random.normal(key, (count, self.noise))

    def conditioned(self, x: Array, labels: Array | None = None) -> Array:
        """Return noise or examples with the code of their class behind the last axis."""
        if not self.num_classes:
            return x
        if labels is None:
            raise ConfigurationError(
                "the conditional form needs the class of every example",
                where="GAN",
                fix="model(z, labels), with labels from 0 to num_classes - 1",
            )
        code = jax.nn.one_hot(labels, self.num_classes, dtype=x.dtype)
        places = (len(code), *(1,) * (len(x.shape) - 2), self.num_classes)
        spread = jnp.broadcast_to(code.reshape(places), (*x.shape[:-1], self.num_classes))
        return ops.concatenate([x, spread], axis=-1)


def mlp_gan(
    features: int = 2,
    *,
    noise: int = 16,
    hidden: tuple[int, ...] = (128, 128),
    num_classes: int = 0,
    activation: ActivationLike = "leaky_relu",
    spectral_norm: bool = False,
    packing: int = 1,
) -> GAN:
    """Return a pair of fully connected networks, for points.

    Args:
        features: numbers of an example.
        noise: Z.
        hidden: units of the hidden layers of both.
        num_classes: K of the conditional form; 0 for none.
        activation: of the hidden units of both.
        spectral_norm: whether the layers of the discriminator are in `nn.SpectralNorm`.
        packing: examples that the discriminator judges at once.

    >>> sum(w.size for w in nn.parameters(mlp_gan(hidden=(8,), noise=2)).values())
    75
    """
    return GAN(
        _layers((noise + num_classes, *hidden, features), activation, False),
        _layers((packing * (features + num_classes), *hidden, 1), activation, spectral_norm),
        noise=noise,
        num_classes=num_classes,
        packing=packing,
    )


def _layers(sizes: tuple[int, ...], activation: ActivationLike, normed: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        linear = nn.Linear(inputs, outputs, weight_init=nn.initializers.he_normal)
        layers += [nn.SpectralNorm(linear) if normed else linear, nn.Activation(activation)]
    return nn.Sequential(layers[:-1])


class PictureGenerator(nn.Module):
    """Noise to pictures: a linear layer makes small maps, two transposed convolutions enlarge them.

    Shapes (B examples, S side of the picture, W width, C channels):

        z           (B, Z)
        project     (B, S/4, S/4, 2 W)
        up1, 4x4    (B, S/2, S/2, W)
        up2, 4x4    (B, S, S, C)        from 0 to 1, by sigmoid

    Batch norm and a rectified unit follow the first two.

    Args:
        noise: Z, with the code of the class in the conditional form.
        size: S, a multiple of 4.
        channels: C.
        width: W.

    Source: Radford, Metz and Chintala (2016), *Unsupervised representation learning with deep
    convolutional generative adversarial networks*. Deviation: sigmoid and pixels from 0 to 1 in
    place of tanh and -1 to 1, and two enlargements in place of four.
    """

    project: nn.Linear
    shape: nn.Reshape
    norm1: nn.BatchNorm
    up1: nn.ConvTranspose2d
    norm2: nn.BatchNorm
    up2: nn.ConvTranspose2d

    def __init__(self, noise: int, *, size: int = 28, channels: int = 1, width: int = 32) -> None:
        small = _quarter(size)
        he = nn.initializers.he_normal
        self.project = nn.Linear(noise, small * small * 2 * width, weight_init=he)
        self.shape = nn.Reshape((small, small, 2 * width))
        self.norm1 = nn.BatchNorm(2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.norm2 = nn.BatchNorm(width)
        self.up2 = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1)

    def __call__(self, z: Array) -> Array:
        x = ops.relu(self.norm1(self.shape(self.project(z))))
        x = ops.relu(self.norm2(self.up1(x)))
        return ops.sigmoid(self.up2(x))


class PictureDiscriminator(nn.Module):
    """Pictures to judgments: two convolutions with stride 2, then a linear layer.

    Shapes (B examples, S side of the picture, C channels, W width):

        x            (B, S, S, C)
        conv1, 4x4   (B, S/2, S/2, W)
        conv2, 4x4   (B, S/4, S/4, 2 W)
        output       (B, 1)

    Args:
        size: S, a multiple of 4.
        channels: C, with the code of the class in the conditional form.
        width: W.
        slope: of the leaky rectified units below 0.
        spectral_norm: whether the layers are in `nn.SpectralNorm`.

    Source: Radford, Metz and Chintala (2016), as `PictureGenerator`. Deviation: no batch norm,
    which would let the judgment of an example depend on others.
    """

    conv1: nn.Module
    conv2: nn.Module
    flatten: nn.Flatten
    output: nn.Module
    slope: float = nn.static()

    def __init__(
        self,
        *,
        size: int = 28,
        channels: int = 1,
        width: int = 32,
        slope: float = 0.2,
        spectral_norm: bool = False,
    ) -> None:
        small = _quarter(size)
        he = nn.initializers.he_normal
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 4, stride=2, padding=1, weight_init=he),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, weight_init=he),
            nn.Linear(small * small * 2 * width, 1),
        ]
        if spectral_norm:
            layers = [nn.SpectralNorm(layer) for layer in layers]
        self.conv1, self.conv2, self.output = layers
        self.flatten = nn.Flatten()
        self.slope = slope

    def __call__(self, x: Array) -> Array:
        x = ops.leaky_relu(self.conv1(x), self.slope)
        x = ops.leaky_relu(self.conv2(x), self.slope)
        judgment: Array = self.output(self.flatten(x))
        return judgment


def _quarter(size: int) -> int:
    if size < 8 or size % 4:
        raise ConfigurationError(
            "the side of a picture must be a multiple of 4, and 8 or more",
            where="dcgan",
            given=f"{size} x {size}",
            fix="for a folder of pictures: --set data.size=32",
        )
    return size // 4


def dcgan(
    size: int = 28,
    channels: int = 1,
    *,
    noise: int = 64,
    width: int = 32,
    num_classes: int = 0,
    spectral_norm: bool = False,
    packing: int = 1,
) -> GAN:
    """Return a pair of convolutional networks, for square pictures with pixels from 0 to 1.

    Args:
        size: side of the pictures, a multiple of 4.
        channels: of the pictures.
        noise: Z.
        width: channels of the larger maps; the smaller ones have twice as many.
        num_classes: K of the conditional form; 0 for none.
        spectral_norm: whether the layers of the discriminator are in `nn.SpectralNorm`.
        packing: pictures that the discriminator judges at once.

    Raises:
        ConfigurationError: the side is no multiple of 4.

    >>> pair = dcgan(28, noise=16, width=4).init(0)
    >>> pair(jnp.zeros((2, 16))).shape
    (2, 28, 28, 1)
    """
    return GAN(
        PictureGenerator(noise + num_classes, size=size, channels=channels, width=width),
        PictureDiscriminator(
            size=size,
            channels=packing * (channels + num_classes),
            width=width,
            spectral_norm=spectral_norm,
        ),
        noise=noise,
        num_classes=num_classes,
        packing=packing,
    )
