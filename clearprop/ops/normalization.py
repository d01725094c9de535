"""Normalization: inputs shifted and scaled to mean 0 and variance 1, weights to a length.

In the equations ``xh`` is the normalized input (x - mean) / sqrt(variance + epsilon), and g is the
error signal of xh. All rules follow from one. Over the n numbers of one mean and variance, the
error of x is (g - mean(g) - xh mean(g xh)) / sqrt(variance + epsilon).

Means, variances and lengths are computed in float32 at least, and the output has the number type
of the input.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import mean as mean_over
from clearprop.autodiff.elementary import reshape, where
from clearprop.autodiff.elementary import sum as sum_over
from clearprop.autodiff.elementary.shape import narrowed, widened
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array, check_axis, named_axes, shape_of
from clearprop.errors import ShapeError
from clearprop.ops.elementwise import rsqrt, sqrt
from clearprop.ops.reduce import var
from clearprop.ops.storage import stored


def _errors_of_layer_norm(
    error: Any,
    y: Any,
    x: Any,
    scale: Any,
    shift: Any,
    axis: int | tuple[int, ...] = -1,
    epsilon: float = 1e-5,
) -> tuple[Any, Any, Any]:
    error, x = widened(error), widened(x)
    rate = rsqrt(var(x, axis=axis, keepdims=True) + epsilon)
    xh = (x - mean_over(x, axis=axis, keepdims=True)) * rate
    g = error if scale is None else error * scale
    mean_g = mean_over(g, axis=axis, keepdims=True)
    mean_gx = mean_over(g * xh, axis=axis, keepdims=True)
    return (g - mean_g - xh * mean_gx) * rate, None if scale is None else error * xh, error


def _check_affine(name: str, x: Any, sizes: tuple[int, ...], **given: Any) -> None:
    for parameter, value in given.items():
        if value is not None and shape_of(value) not in ((), sizes):
            raise ShapeError(
                f"{parameter} does not have one entry for each normalized feature",
                where=name,
                given=f"input {shape_of(x)}, {parameter} {shape_of(value)}",
                expected=f"{parameter} of shape {sizes}",
            )


@operation(
    joint=_errors_of_layer_norm,
    count=lambda y, x, *_, **__: 8 * math.prod(x.shape),
    instead={"epsilon": "(x - ops.mean(x, -1, True)) / ops.sqrt(ops.var(x, -1, True) + epsilon)"},
)
def layer_norm(
    x: Array,
    scale: Array | None = None,
    shift: Array | None = None,
    axis: int | tuple[int, ...] = -1,
    epsilon: float = 1e-5,
) -> Array:
    """Normalize each example over its features: ``y = scale xh + shift``.

    ``xh = (x - mean) / sqrt(variance + epsilon)``. The result does not change when x is multiplied
    by a positive number, up to epsilon.

    Shapes: x (..., *features), scale and shift (*features,) or (), y of the shape of x. ``axis``
    names the axes of the features, which are the last ones.

    Raises:
        ShapeError: scale or shift do not fit, or the axes are not the last ones.

    >>> print(layer_norm(jnp.array([1.0, 3.0])).round(2))
    [-1.  1.]

    Source: Ba, Kiros and Hinton 2016, *Layer normalization*.
    """
    axes = sorted(check_axis("layer_norm", x, a) for a in named_axes(axis))
    if axes != list(range(len(x.shape) - len(axes), len(x.shape))):
        raise ShapeError("the axes are not the last ones", where="layer_norm", given=str(axis))
    sizes = tuple(x.shape[a] for a in axes)
    _check_affine("layer_norm", x, sizes, scale=scale, shift=shift)
    wide = at_least_float32(x)
    centred = wide - jnp.mean(wide, axis=axis, keepdims=True)
    y = centred * jax.lax.rsqrt(jnp.var(wide, axis=axis, keepdims=True) + epsilon)
    y = y if scale is None else y * scale
    y = y if shift is None else y + shift
    return y.astype(floating(x).dtype)


def _errors_of_batch_norm(
    errors: Any, outputs: Any, x: Any, scale: Any, shift: Any, epsilon: float = 1e-5
) -> tuple[Any, Any, Any]:
    error, error_of_mean, error_of_variance = (widened(e) for e in errors)
    _, mean, variance = outputs
    x = widened(x)
    axes = tuple(range(len(x.shape) - 1))
    number = math.prod(x.shape[:-1])
    centred = x - mean
    rate = rsqrt(variance + epsilon)
    xh = centred * rate
    # The two sums over the batch are the errors of shift and scale: they are computed once.
    error_of_shift = sum_over(error, axis=axes)
    error_of_scale = sum_over(error * xh, axis=axes)
    slope = rate if scale is None else scale * rate
    from_y = (error - error_of_shift / number - xh * (error_of_scale / number)) * slope
    from_statistics = (error_of_mean + 2 * error_of_variance * centred) / number
    return stored(from_y + from_statistics), error_of_scale, error_of_shift


@operation(
    joint=_errors_of_batch_norm,
    count=lambda y, x, *_, **__: 8 * math.prod(x.shape),
    instead={"epsilon": "(x - ops.mean(x, 0)) / ops.sqrt(ops.var(x, 0) + epsilon)"},
)
def batch_norm(
    x: Array, scale: Array | None = None, shift: Array | None = None, epsilon: float = 1e-5
) -> tuple[Array, Array, Array]:
    """Normalize each feature over the batch: ``y = scale xh + shift``; also return mean and
    variance.

    ``xh = (x - mean) / sqrt(variance + epsilon)``. The mean and the (biased) variance are taken
    over every axis but the last, as in training, and returned for running averages.

    Shapes: x (..., features), scale and shift (features,) or (); y of the shape and number type of
    x, mean and variance (features,) in float32 or wider.

    Raises:
        ShapeError: x has no batch axis, or scale or shift do not fit.

    >>> y, mean, variance = batch_norm(jnp.array([[1.0], [3.0]]))
    >>> print(y.ravel().round(2), mean, variance)
    [-1.  1.] [2.] [1.]

    Source: Ioffe and Szegedy 2015, *Batch normalization*.
    """
    if len(x.shape) < 2:
        raise ShapeError(
            "there is no batch to normalize over",
            where="batch_norm",
            given=f"shape {shape_of(x)}",
            expected="(..., features)",
        )
    _check_affine("batch_norm", x, shape_of(x)[-1:], scale=scale, shift=shift)
    axes = tuple(range(len(x.shape) - 1))
    wide = at_least_float32(x)
    mean, variance = jnp.mean(wide, axis=axes), jnp.var(wide, axis=axes)
    y = (wide - mean) * jax.lax.rsqrt(variance + epsilon)
    y = y if scale is None else y * scale
    y = y if shift is None else y + shift
    return y.astype(floating(x).dtype), mean, variance


def _in_groups(x: Any, groups: int) -> tuple[int, ...]:
    """Return the shape (batch, places, groups, channels of a group)."""
    batch, *sizes, channels = x.shape
    return (batch, math.prod(sizes), groups, channels // groups)


def _errors_of_group_norm(
    error: Any, y: Any, x: Any, scale: Any, shift: Any, *, groups: int, epsilon: float = 1e-5
) -> tuple[Any, Any, Any]:
    error, x = widened(error), widened(x)
    apart, over = _in_groups(x, groups), (1, 3)
    entries = reshape(x, shape=apart)
    rate = rsqrt(var(entries, axis=over, keepdims=True) + epsilon)
    xh = (entries - mean_over(entries, axis=over, keepdims=True)) * rate
    g = reshape(error if scale is None else error * scale, shape=apart)
    mean_g = mean_over(g, axis=over, keepdims=True)
    mean_gx = mean_over(g * xh, axis=over, keepdims=True)
    error_of_x = reshape((g - mean_g - xh * mean_gx) * rate, shape=x.shape)
    error_of_scale = None if scale is None else error * reshape(xh, shape=x.shape)
    return error_of_x, error_of_scale, error


@operation(
    joint=_errors_of_group_norm,
    count=lambda y, x, *_, **__: 8 * math.prod(x.shape),
    instead={"epsilon": "(x - ops.mean(x)) / ops.sqrt(ops.var(x) + epsilon)"},
)
def group_norm(
    x: Array,
    scale: Array | None = None,
    shift: Array | None = None,
    *,
    groups: int,
    epsilon: float = 1e-5,
) -> Array:
    """Normalize each group of channels of each example: ``y = scale xh + shift``.

    ``xh = (x - mean) / sqrt(variance + epsilon)`` with the mean and the variance over all places
    and the channels of the group, which lie side by side.

    Shapes: x (batch, *sizes, channels), scale and shift (channels,) or (), y of the shape of x.

    Raises:
        ShapeError: x has no batch axis, the groups do not divide the channels, or scale or shift do
            not fit.

    >>> print(group_norm(jnp.array([[1.0, 3.0, 10.0, 30.0]]), groups=2).round(2))
    [[-1.  1. -1.  1.]]

    Source: Wu and He 2018, *Group normalization*.
    """
    if len(x.shape) < 2 or groups < 1 or x.shape[-1] % groups:
        raise ShapeError(
            "the channels cannot be divided into groups",
            where="group_norm",
            given=f"shape {shape_of(x)}, groups={groups}",
            expected="(batch, *sizes, channels) with a multiple of the groups",
        )
    _check_affine("group_norm", x, shape_of(x)[-1:], scale=scale, shift=shift)
    entries = at_least_float32(x).reshape(_in_groups(x, groups))
    centred = entries - jnp.mean(entries, axis=(1, 3), keepdims=True)
    rate = jax.lax.rsqrt(jnp.var(entries, axis=(1, 3), keepdims=True) + epsilon)
    y = (centred * rate).reshape(x.shape)
    y = y if scale is None else y * scale
    y = y if shift is None else y + shift
    return y.astype(floating(x).dtype)


def instance_norm(
    x: Array, scale: Array | None = None, shift: Array | None = None, epsilon: float = 1e-5
) -> Array:
    """Normalize each channel of each example over its places: ``y = scale xh + shift``.

    It is `group_norm` with a group for each channel.

    Shapes: x (batch, *sizes, channels), scale and shift (channels,) or (), y of the shape of x.

    Raises:
        ShapeError: x has no axis between batch and channels, or scale or shift do not fit.

    >>> print(instance_norm(jnp.array([[[1.0], [3.0]]]))[0, :, 0].round(2))
    [-1.  1.]

    Source: Ulyanov, Vedaldi and Lempitsky 2016, *Instance normalization*.
    """
    if len(x.shape) < 3:
        raise ShapeError(
            "there are no places to normalize over",
            where="instance_norm",
            given=f"shape {shape_of(x)}",
            expected="(batch, *sizes, channels)",
        )
    return group_norm(x, scale, shift, groups=x.shape[-1], epsilon=epsilon)


def weight_norm(direction: Array, gain: Array) -> Array:
    """Compute a weight from a direction and a length, per output unit: ``w = gain v / |v|``.

    If v is all zeros, |v| counts as 1: w is 0, and v still gets an error.

    Shapes: v (..., out) with |v| taken over all axes but the last; gain (out,); w of the shape of
    v.

    Raises:
        ShapeError: there is not one gain for each output unit.

    >>> print(weight_norm(jnp.array([[3.0], [4.0]]), jnp.array([10.0])).ravel())
    [6. 8.]

    Source: Salimans and Kingma 2016, *Weight normalization*.
    """
    _check_affine("weight_norm", direction, shape_of(direction)[-1:], gain=gain)
    axes = tuple(range(len(direction.shape) - 1))
    wide = widened(direction)
    squares = sum_over(wide * wide, axis=axes)
    return narrowed(wide * (gain / sqrt(where(squares > 0, squares, 1.0))), direction)
