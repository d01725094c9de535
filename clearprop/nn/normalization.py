"""Batch, layer and weight normalisation."""

from __future__ import annotations

from typing import Any, Self

from clearprop import ops
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.nn.call import current
from clearprop.nn.checks import positive_sizes
from clearprop.nn.initializers import ones, zeros
from clearprop.nn.module import Array, Module, Parameter, static, statistic


class BatchNorm(Module):
    """Every feature shifted and scaled to mean 0 and variance 1 over the batch.

    In training y = scale (x - mean) / sqrt(variance + epsilon) + shift with the mean and (biased)
    variance of the batch, over every axis but the last; in evaluation with running averages
    r <- (1 - momentum) r + momentum (value of the batch), where the running variance takes the
    unbiased value.

    Shapes: x (..., features), y the same. New running averages leave through `nn.apply`.

    >>> import jax.numpy as jnp
    >>> from clearprop.nn.call import apply
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
        self.scale = Parameter((features,), ones)  # type: ignore[assignment]
        self.shift = Parameter((features,), zeros)  # type: ignore[assignment]
        self.running_mean = Parameter((features,), zeros)  # type: ignore[assignment]
        self.running_variance = Parameter((features,), ones)  # type: ignore[assignment]
        self.features = features
        self.momentum = momentum
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        _check_features(x, self.features)
        call = current()
        if not call.training:
            gain = self.scale / ops.sqrt(self.running_variance + self.epsilon)
            return x * gain + (self.shift - self.running_mean * gain)
        number = x.size // self.features
        if number < 2:
            raise ShapeError(
                "one example a batch has no variance to normalise by",
                given=f"input {tuple(x.shape)}",
                mend="use larger batches in training, or nn.LayerNorm",
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

    Shapes: x (..., features), y the same.

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
        self.scale = Parameter((features,), ones) if affine else None  # type: ignore[assignment]
        self.shift = Parameter((features,), zeros) if affine else None  # type: ignore[assignment]
        self.features = features
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        _check_features(x, self.features)
        return ops.layer_norm(x, self.scale, self.shift, epsilon=self.epsilon)


class WeightNorm(Module):
    """A layer whose weight is split into length and direction: w = gain v / |v|, per output unit.

    The wrapped layer's own weight is v; the gain begins as |v|, so that the layer begins unchanged.

    Shapes: v (..., out), |v| taken over all axes but the last, gain (out,).

    >>> import jax.numpy as jnp
    >>> from clearprop.nn.linear import Linear
    >>> layer = WeightNorm(Linear(3, 2)).init(0)
    >>> x = jnp.ones((1, 3))
    >>> bool(jnp.allclose(layer(x), layer.layer(x)))
    True

    Source: Salimans and Kingma (2016), *Weight normalization*.
    """

    layer: Any
    gain: Array

    def __init__(self, layer: Module) -> None:
        if not isinstance(layer, Module) or not hasattr(layer, "weight"):
            raise ModelError(
                "weight normalisation needs a layer with a weight", given=repr(layer)[:60]
            )
        self.layer = layer
        self.gain = Parameter((layer.weight.shape[-1],), ones)  # type: ignore[assignment]

    def after_init(self) -> Self:
        """Begin with the gain at the length of the direction."""
        v = self.layer.weight
        axes = tuple(range(len(v.shape) - 1))
        return self.replace(gain=ops.sqrt(ops.sum(ops.square(v), axis=axes)))

    def __call__(self, x: Array) -> Array:
        weight = ops.weight_norm(self.layer.weight, self.gain)
        effective = self.layer.replace(weight=weight)
        result: Array = current().stand_in(effective, self.layer)(x)
        return result


def _check_features(x: Array, features: int) -> None:
    if len(x.shape) < 1 or x.shape[-1] != features:
        raise ShapeError(
            "the last axis of the input is not as long as the layer has features",
            given=f"input {tuple(x.shape)}",
            expected=f"(..., {features})",
        )
