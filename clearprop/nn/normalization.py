"""Normalization over a batch, the features or channels of an example, and neighboring channels.

All is computed in float32 at least: inputs in float16 or bfloat16 are converted to float32, and
the output back to the input's type.
"""

from __future__ import annotations

import math

from clearprop import ops
from clearprop.autodiff.elementary.shape import narrowed, widened
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.call import current
from clearprop.nn.checks import last_axis, positive_sizes
from clearprop.nn.fields import Array, parameter, static, statistic
from clearprop.nn.initializers import ones, zeros
from clearprop.nn.module import Module


class BatchNorm(Module):
    """Every feature shifted and scaled to mean 0 and variance 1 over the batch.

    In training y = scale (x - mean) / sqrt(variance + epsilon) + shift with the mean and (biased)
    variance of the batch, over every axis but the last; in evaluation with running averages
    r <- (1 - momentum) r + momentum (value of the batch), where the running variance takes the
    unbiased value.

    Shapes: x (..., features), y the same; scale, shift and the running averages (features,).
    `nn.apply` returns the new running averages.

    Args:
        features: length of the last axis.
        momentum: weight of the batch in the running averages.
        epsilon: keeps the quotient finite.

    Raises:
        ConfigurationError: momentum is not in (0, 1], or the number of features is not positive.
        ShapeError: the last axis of x has another length, or a batch in training has one example.

    >>> import jax.numpy as jnp
    >>> from clearprop.nn.module import apply
    >>> y, _ = apply(BatchNorm(2).init(0), jnp.array([[1.0, 5.0], [3.0, 9.0]]), training=True)
    >>> print(y.round(2))
    [[-1. -1.]
     [ 1.  1.]]

    Source: Ioffe and Szegedy (2015); momentum and the unbiased running variance as in PyTorch.
    """

    scale: Array
    shift: Array
    running_mean: Array = statistic()
    running_variance: Array = statistic()
    features: int = static()
    momentum: float = static()
    epsilon: float = static()

    def __init__(self, features: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        positive_sizes("BatchNorm", features=features)
        if not 0 < momentum <= 1:
            raise ConfigurationError(
                "momentum must be in (0, 1]", where="BatchNorm", given=str(momentum)
            )
        self.scale = parameter((features,), ones)
        self.shift = parameter((features,), zeros)
        self.running_mean = parameter((features,), zeros)
        self.running_variance = parameter((features,), ones)
        self.features = features
        self.momentum = momentum
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.features)
        return narrowed(self._normalized(widened(x)), x)

    def _normalized(self, x: Array) -> Array:
        call = current()
        if not call.training:
            gain = self.scale / ops.sqrt(self.running_variance + self.epsilon)
            return x * gain + (self.shift - self.running_mean * gain)
        number = x.size // self.features
        if number < 2:
            raise ShapeError(
                "a batch of one example has no variance",
                given=f"input {tuple(x.shape)}",
                fix="use larger batches in training, or nn.LayerNorm",
            )
        y, mean, variance = ops.batch_norm(x, self.scale, self.shift, epsilon=self.epsilon)
        unbiased = variance * (number / (number - 1))
        call.update(
            self,
            running_mean=(1 - self.momentum) * self.running_mean + self.momentum * mean,
            running_variance=(1 - self.momentum) * self.running_variance + self.momentum * unbiased,
        )
        return y


class LayerNorm(Module):
    """Every example shifted and scaled to mean 0 and variance 1 over its features.

    LN(z) = scale (z - mean) / sqrt(variance + epsilon) + shift, over the last axis. It does not
    change when z is multiplied by a positive number (up to epsilon).

    Shapes: x (..., features), y the same; scale and shift (features,).

    Args:
        features: length of the last axis.
        affine: whether there are scale and shift.
        epsilon: keeps the quotient finite.

    Raises:
        ConfigurationError: the number of features is not positive.
        ShapeError: the last axis of x has another length.

    >>> import jax.numpy as jnp
    >>> print(LayerNorm(2).init(0)(jnp.array([1.0, 3.0])).round(2))
    [-1.  1.]

    Source: Ba, Kiros and Hinton (2016).
    """

    scale: Array | None
    shift: Array | None
    features: int = static()
    epsilon: float = static()

    def __init__(self, features: int, *, affine: bool = True, epsilon: float = 1e-5) -> None:
        positive_sizes("LayerNorm", features=features)
        self.scale = parameter((features,), ones) if affine else None
        self.shift = parameter((features,), zeros) if affine else None
        self.features = features
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.features)
        y = ops.layer_norm(widened(x), self.scale, self.shift, epsilon=self.epsilon)
        return narrowed(y, x)


class GroupNorm(Module):
    """Each group of channels of an example shifted and scaled to mean 0 and variance 1.

    y = scale (x - mean) / sqrt(variance + epsilon) + shift with the mean and the variance over all
    places and the channels of a group. It does not depend on the other examples of a batch.

    Shapes: x (batch, *sizes, features), y the same; scale and shift (features,).

    Args:
        groups: into which the channels are divided, side by side.
        features: channels, the length of the last axis.
        affine: whether there are scale and shift.
        epsilon: keeps the quotient finite.

    Raises:
        ConfigurationError: a number is not positive, or the groups do not divide the features.
        ShapeError: the last axis of x has another length.

    >>> import jax.numpy as jnp
    >>> print(GroupNorm(2, 4).init(0)(jnp.array([[1.0, 3.0, 10.0, 30.0]])).round(2))
    [[-1.  1. -1.  1.]]

    Source: Wu and He (2018).
    """

    scale: Array | None
    shift: Array | None
    groups: int = static()
    features: int = static()
    epsilon: float = static()

    def __init__(
        self, groups: int, features: int, *, affine: bool = True, epsilon: float = 1e-5
    ) -> None:
        positive_sizes("GroupNorm", groups=groups, features=features)
        if features % groups:
            raise ConfigurationError(
                "the features cannot be divided into equal groups",
                where="GroupNorm",
                given=f"groups={groups}, features={features}",
                fix=f"groups={math.gcd(groups, features)}",
            )
        self.scale = parameter((features,), ones) if affine else None
        self.shift = parameter((features,), zeros) if affine else None
        self.groups = groups
        self.features = features
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.features)
        y = ops.group_norm(
            widened(x), self.scale, self.shift, groups=self.groups, epsilon=self.epsilon
        )
        return narrowed(y, x)


class InstanceNorm(Module):
    """Each channel of an example shifted and scaled to mean 0 and variance 1 over its places.

    y = scale (x - mean) / sqrt(variance + epsilon) + shift, the same in training and in evaluation.

    Shapes: x (batch, *sizes, features), y the same; scale and shift (features,).

    Args:
        features: channels, the length of the last axis.
        affine: whether there are scale and shift; PyTorch's layer has none unless asked.
        epsilon: keeps the quotient finite.

    Raises:
        ConfigurationError: the number of features is not positive.
        ShapeError: the last axis of x has another length, or there are no places.

    >>> import jax.numpy as jnp
    >>> print(InstanceNorm(1).init(0)(jnp.array([[[1.0], [3.0]]]))[0, :, 0].round(2))
    [-1.  1.]

    Source: Ulyanov, Vedaldi and Lempitsky (2016).
    """

    scale: Array | None
    shift: Array | None
    features: int = static()
    epsilon: float = static()

    def __init__(self, features: int, *, affine: bool = True, epsilon: float = 1e-5) -> None:
        positive_sizes("InstanceNorm", features=features)
        self.scale = parameter((features,), ones) if affine else None
        self.shift = parameter((features,), zeros) if affine else None
        self.features = features
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.features)
        y = ops.instance_norm(widened(x), self.scale, self.shift, epsilon=self.epsilon)
        return narrowed(y, x)


class RMSNorm(Module):
    """Every example scaled to mean square 1 over its features: y = scale x / sqrt(mean x^2 + eps).

    Layer norm without the shift to mean 0.

    Shapes: x (..., features), y the same; scale (features,).

    Raises:
        ConfigurationError: the number of features is not positive.
        ShapeError: the last axis of x has another length.

    >>> import jax.numpy as jnp
    >>> print([f"{y:.2f}" for y in RMSNorm(2).init(0)(jnp.array([3.0, 4.0]))])
    ['0.85', '1.13']

    Source: Zhang and Sennrich (2019).
    """

    scale: Array
    features: int = static()
    epsilon: float = static()

    def __init__(self, features: int, *, epsilon: float = 1e-5) -> None:
        positive_sizes("RMSNorm", features=features)
        self.scale = parameter((features,), ones)
        self.features = features
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.features)
        wide = widened(x)
        square = ops.mean(ops.square(wide), axis=-1, keepdims=True)
        return narrowed(wide * ops.rsqrt(square + self.epsilon) * self.scale, x)


class LocalResponseNorm(Module):
    """Every response divided by the strength of its neighbors in other channels.

    y[c] = x[c] / (k + alpha sum of x[j]^2 over the n channels j around c)^beta

    Shapes: x (..., channels), y the same; at the first and last channels there are fewer neighbors.

    Args:
        size: n, odd.
        alpha: of the sum. PyTorch takes the mean: its alpha is n times this one.
        beta: the power.
        k: added to the sum.

    Raises:
        ConfigurationError: n is not odd and positive.

    >>> import jax.numpy as jnp
    >>> norm = LocalResponseNorm(3, alpha=1.0, beta=1.0, k=1.0)
    >>> print(norm(jnp.array([1.0, 2.0, 4.0])))
    [0.16666667 0.09090909 0.1904762 ]

    Source: Krizhevsky, Sutskever and Hinton (2012), with their n, k, alpha and beta.
    """

    size: int = static(default=5)
    alpha: float = static(default=1e-4, kw_only=True)
    beta: float = static(default=0.75, kw_only=True)
    k: float = static(default=2.0, kw_only=True)

    def __post_init__(self) -> None:
        positive_sizes("LocalResponseNorm", size=self.size)
        if self.size % 2 == 0:
            raise ConfigurationError(
                "size must be odd, so that the window has a middle channel",
                where="LocalResponseNorm",
                given=f"size={self.size}",
                fix=f"size={self.size + 1}",
            )

    def __call__(self, x: Array) -> Array:
        channels, reach = x.shape[-1], self.size // 2
        wide = widened(x)
        squares = ops.pad(ops.square(wide), [(0, 0)] * (len(x.shape) - 1) + [(reach, reach)])
        total = squares[..., :channels]
        for start in range(1, self.size):
            total = total + squares[..., start : start + channels]
        return narrowed(wide * (self.k + self.alpha * total) ** -self.beta, x)
