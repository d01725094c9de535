"""Convolution over one, two or three axes: the rows of the table.

Convolution is linear in its input and in its kernel. The error of the input is linear in the error
and the kernel. The error of the kernel is linear in the input and the error. The gradient rules of
each of these three products are the other two, so every order of derivative uses the same three.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import broadcast_to, reshape, transpose
from clearprop.autodiff.shapes import Array
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.ops.conv import native, patches, pointwise, shifts, tiles
from clearprop.ops.conv.choice import choose
from clearprop.ops.conv.geometry import Geometry, Padding, Size, per_axis
from clearprop.ops.shape import flip, pad


class ConvolutionOptions(TypedDict, total=False):
    """The parameters of `convolution`."""

    stride: Size
    padding: Padding
    dilation: Size
    groups: int
    formulation: str


def _count(y: Any, x: Any, kernel: Any, bias: Any = None, *_: Any, **__: Any) -> int:
    """Count a multiplication and an addition for every tap of every output, and one for a bias."""
    return _products(y.shape, kernel.shape) + (0 if bias is None else math.prod(y.shape))


def _products(places: Sequence[int], kernel: Sequence[int]) -> int:
    return 2 * math.prod(places) * math.prod(kernel[:-1])


def _rule_of_input(error: Any, y: Any, x: Any, kernel: Any, bias: Any = None, **named: Any) -> Any:
    geometry, groups, formulation = _resolve(x, kernel, **named)
    return convolution_input_error(error, kernel, geometry, groups, formulation)


def _rule_of_kernel(error: Any, y: Any, x: Any, kernel: Any, bias: Any = None, **named: Any) -> Any:
    geometry, groups, formulation = _resolve(x, kernel, **named)
    return convolution_kernel_error(x, error, geometry, groups, formulation)


def _rule_of_bias(error: Any, y: Any, x: Any, kernel: Any, bias: Any = None, **named: Any) -> Any:
    return convolution_bias_error(error, _resolve(x, kernel, **named)[2])


@operation(errors=(_rule_of_input, _rule_of_kernel, _rule_of_bias), count=_count)
def convolution(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    formulation: str = "auto",
) -> Array:
    """Slide a kernel over one, two or three axes and take the product at every place.

    ``y[b, j, f'] = bias[f'] + sum over i, f of x[b, s j + d i - p, f] kernel[i, f, f']``

    with stride s, padding p (zeros outside) and dilation d along each axis. This is the
    cross-correlation that networks call convolution; `true_convolution` flips the kernel.

    Shapes: x (batch, *sizes, channels), kernel (*window, channels / groups, features), bias
    (features,), y (batch, *places, features); `output_size` has the arithmetic of the places.

    Args:
        x: a batch of series, images or volumes, channels last.
        kernel: its rank says over how many axes it slides.
        bias: added to every place.
        stride: entries from one place to the next, one for all axes or one for each.
        padding: zeros at each end, a number or (before, after) for each axis; "same" gives
            ceil(size / stride) places, "valid" adds no zeros.
        dilation: entries from one tap of the kernel to the next.
        groups: into how many groups the channels are cut; a group sees no other group.
        formulation: how the convolution and its errors are computed: "native" (XLA), "patches",
            "pointwise" or "tiles" (matrix products), "shifts" (one channel in each group); "auto"
            takes the fastest for the shapes. The results agree up to rounding.

    Raises:
        ShapeError: the ranks, the channels or the window do not fit, with the arithmetic.
        ConfigurationError: a stride, dilation, padding, group count or formulation that is not
            allowed.

    >>> series, step = jnp.array([1.0, 1, 5, 5]), jnp.array([-1.0, 1])
    >>> print(convolution(series[None, :, None], step[:, None, None])[0, :, 0])
    [0. 4. 0.]

    Source: LeCun et al. 1989, *Backpropagation applied to handwritten zip code recognition*;
    dilation by Yu and Koltun 2016, groups by Krizhevsky, Sutskever and Hinton 2012.
    """
    geometry, groups, way = _resolve(
        x,
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        formulation=formulation,
    )
    if bias is not None and tuple(bias.shape) != (kernel.shape[-1],):
        raise ShapeError(
            "the bias does not have one entry for each feature",
            where="convolution",
            given=f"bias {tuple(bias.shape)}, kernel {tuple(kernel.shape)}",
            expected=f"({kernel.shape[-1]},)",
        )
    y = _forward(x, kernel, geometry, groups, way)
    return y if bias is None else y + bias


def _forward(x: Array, kernel: Array, geometry: Geometry, groups: int, way: str) -> Array:
    x, kernel = _one_type(x, kernel)
    if way == "tiles":
        return tiles.forward(x, kernel, geometry)
    if way == "patches":
        return patches.forward(x, kernel, geometry)
    if way == "pointwise":
        return pointwise.forward(x, kernel)
    if way == "shifts":
        return shifts.forward(x, kernel, geometry)
    return native.forward(x, kernel, geometry, groups)


def _rules_of_input_error(
    passed: Any, dx: Any, error: Any, kernel: Any, geometry: Geometry, groups: int, formulation: str
) -> tuple[Any, Any]:
    return (
        _again(passed, kernel, geometry, groups, formulation),
        convolution_kernel_error(passed, error, geometry, groups, formulation),
    )


@operation(
    joint=_rules_of_input_error,
    count=lambda dx, error, kernel, *_, **__: _products(error.shape, kernel.shape),
)
def convolution_input_error(
    error: Array, kernel: Array, geometry: Geometry, groups: int, formulation: str
) -> Array:
    """Pass an error signal back through a convolution to its input.

    ``dx[b, h, f] = sum over j, i, f' with s j + d i - p = h of error[b, j, f'] kernel[i, f, f']``

    Shapes: error (batch, *places, features), kernel (*window, channels / groups, features), dx
    (batch, *sizes, channels).

    >>> valid = Geometry.of([4], [2], where="convolution")
    >>> kernel = jnp.array([-1.0, 1])[:, None, None]
    >>> print(convolution_input_error(jnp.ones((1, 3, 1)), kernel, valid, 1, "native")[0, :, 0])
    [-1.  0.  0.  1.]

    Source: the rule of `convolution`.
    """
    error, kernel = _one_type(error, kernel)
    if formulation == "tiles":
        return tiles.input_error(error, kernel, geometry)
    if formulation == "pointwise":
        return pointwise.input_error(error, kernel)
    if formulation == "shifts":
        return shifts.input_error(error, kernel, geometry, groups)
    return native.input_error(error, kernel, geometry, groups)


def _rules_of_kernel_error(
    passed: Any, dw: Any, x: Any, error: Any, geometry: Geometry, groups: int, formulation: str
) -> tuple[Any, Any]:
    return (
        convolution_input_error(error, passed, geometry, groups, formulation),
        _again(x, passed, geometry, groups, formulation),
    )


@operation(
    joint=_rules_of_kernel_error,
    count=lambda dw, x, error, *_, **__: _products(error.shape, dw.shape),
)
def convolution_kernel_error(
    x: Array, error: Array, geometry: Geometry, groups: int, formulation: str
) -> Array:
    """Pass an error signal back through a convolution to its kernel.

    ``dw[i, f, f'] = sum over b, j of x[b, s j + d i - p, f] error[b, j, f']``

    Shapes: x (batch, *sizes, channels), error (batch, *places, features), dw (*window, channels /
    groups, features).

    >>> valid = Geometry.of([4], [2], where="convolution")
    >>> x = jnp.arange(4.0)[None, :, None]
    >>> print(convolution_kernel_error(x, jnp.ones((1, 3, 1)), valid, 1, "native")[:, 0, 0])
    [3. 6.]

    Source: the rule of `convolution`.
    """
    x, error = _one_type(x, error)
    if formulation == "tiles":
        return tiles.kernel_error(x, error, geometry)
    if formulation == "patches":
        return patches.kernel_error(x, error, geometry)
    if formulation == "pointwise":
        return pointwise.kernel_error(x, error)
    if formulation == "shifts" and x.shape[0] < shifts.FEWEST_FOR_NATIVE:
        return shifts.kernel_error(x, error, geometry)
    return native.kernel_error(x, error, geometry, groups)


def _spread(passed: Any, db: Any, error: Any, *_: Any, **__: Any) -> Any:
    return broadcast_to(passed, shape=error.shape)


@operation(errors=(_spread,), count=lambda db, error, *_, **__: math.prod(error.shape))
def convolution_bias_error(error: Array, formulation: str) -> Array:
    """Pass an error signal back through a convolution to its bias: ``db[f'] = sum over b, j of
    error``.

    Shapes: error (batch, *places, features), db (features,).

    >>> print(convolution_bias_error(jnp.ones((1, 3, 2)), "native"))
    [3. 3.]

    Source: the rule of `convolution`.
    """
    if formulation == "tiles":
        return tiles.bias_error(error)
    return error.sum(axis=tuple(range(error.ndim - 1)))


def _again(x: Any, kernel: Any, geometry: Geometry, groups: int, formulation: str) -> Any:
    return convolution(
        x,
        kernel,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=groups,
        formulation=formulation,
    )


def true_convolution(
    x: Array, kernel: Array, bias: Array | None = None, **parameters: Unpack[ConvolutionOptions]
) -> Array:
    """Slide the flipped kernel, as mathematics and signal processing define convolution.

    ``y[b, j] = sum over i of x[b, j - i] kernel[i]``, where padding and stride determine the j.

    Shapes: those of `convolution`.

    >>> x, kernel = jnp.array([1.0, 2, 3]), jnp.array([10.0, 1])
    >>> y = true_convolution(x[None, :, None], kernel[:, None, None], padding=1)
    >>> print(y[0, :, 0], jnp.convolve(x, kernel))
    [10. 21. 32.  3.] [10. 21. 32.  3.]

    Source: NumPy's `convolve`, with batches and channels.
    """
    turned = flip(kernel, axis=tuple(range(len(kernel.shape) - 2)))
    return convolution(x, turned, bias, **parameters)


def convolution_transpose(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: Size = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Array:
    """Add a copy of the kernel at every place, times the input: a convolution in reverse.

    ``y[b, s j + d i - p, f'] += x[b, j, f] kernel[i, f, f']``

    Along each axis y has (n - 1) s - 2 p + d (window - 1) + 1 + output_padding places. It is the
    error of the input of a `convolution` with these parameters, so it reverses its shapes.

    Shapes: x (batch, *sizes, channels), kernel (*window, channels / groups, features), y (batch,
    *places, features).

    Args:
        x: a batch of series, images or volumes, channels last.
        kernel: as of `convolution`.
        bias: (features,), added to every place.
        stride: places from one copy of the kernel to the next.
        padding: places cut off at each end.
        output_padding: places added at the end, fewer than the stride or the dilation.
        dilation: places from one tap of the kernel to the next.
        groups: into how many groups the channels are cut; a group sees no other group.

    Raises:
        ShapeError: the ranks or channels do not fit, or no place is left.
        ConfigurationError: a stride, dilation, padding or group count that is not allowed.

    >>> y = convolution_transpose(jnp.array([1.0, 2])[None, :, None], jnp.ones((3, 1, 1)), stride=2)
    >>> print(y[0, :, 0])
    [1. 1. 3. 2. 2.]

    Source: Zeiler et al. 2010, *Deconvolutional networks*.
    """
    where = "convolution_transpose"
    axes = _check_ranks(x, kernel, where)
    _check_groups(x, kernel, groups, where)
    strides = per_axis(stride, axes, name="stride", where=where)
    dilations = per_axis(dilation, axes, name="dilation", where=where)
    cuts = (padding,) * axes if isinstance(padding, int) else tuple(padding)
    extra = (output_padding,) * axes if isinstance(output_padding, int) else tuple(output_padding)
    window = tuple(kernel.shape[:axes])
    rows = list(zip(x.shape[1:-1], window, strides, cuts, dilations, extra, strict=True))
    for name, values in (("padding", cuts), ("output_padding", extra)):
        if any(value < 0 for value in values):
            raise ConfigurationError(f"{name} is below 0", where=where, given=f"{name}={values}")
    if any(e >= max(s, d) for _, _, s, _, d, e in rows):
        raise ConfigurationError(
            "output_padding must be less than the stride or the dilation",
            where=where,
            given=f"output_padding={extra}, stride={strides}, dilation={dilations}",
        )
    sizes = tuple((n - 1) * s - 2 * p + d * (f - 1) + 1 + e for n, f, s, p, d, e in rows)
    # No copy of the kernel reaches the places added beyond the cut: zeros are added afterwards.
    beyond = [max(0, e - p) for p, e in zip(cuts, extra, strict=True)]
    painted = tuple(size - after for size, after in zip(sizes, beyond, strict=True))
    if any(size < 1 for size in painted):
        raise ShapeError(
            "no place is left",
            where=where,
            given=f"input {tuple(x.shape)}, window {window}, stride {strides}, padding {cuts}",
            expected=f"(n - 1) s - 2 p + d (window - 1) + 1 + output_padding = {sizes} to be "
            "positive",
        )
    cut = tuple((p, max(0, p - e)) for p, e in zip(cuts, extra, strict=True))
    geometry = Geometry(painted, window, strides, cut, dilations)
    inner, features = kernel.shape[-2:]
    turned = _swap_channels(kernel, groups)
    way = choose("auto", geometry, x.shape[0], features, inner * groups, groups)
    y = convolution_input_error(x, turned, geometry, groups, way)
    if any(beyond):
        y = pad(y, [(0, 0), *((0, after) for after in beyond), (0, 0)])
    return y if bias is None else y + bias


def _swap_channels(kernel: Any, groups: int) -> Any:
    """(window, f / g, f') -> (window, f' / g, f): the kernel of the convolution in reverse."""
    *window, inner, features = kernel.shape
    axes = len(window)
    parted = reshape(kernel, shape=(*window, inner, groups, features // groups))
    turned = transpose(parted, axes=(*range(axes), axes + 2, axes + 1, axes))
    return reshape(turned, shape=(*window, features // groups, groups * inner))


def _resolve(
    x: Any,
    kernel: Any,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    formulation: str = "auto",
) -> tuple[Geometry, int, str]:
    """Check the arguments of a convolution; return its geometry, groups and formulation."""
    where = "convolution"
    axes = _check_ranks(x, kernel, where)
    _check_groups(x, kernel, groups, where)
    geometry = Geometry.of(
        x.shape[1:-1],
        kernel.shape[:axes],
        stride=stride,
        padding=padding,
        dilation=dilation,
        where=where,
    )
    way = choose(formulation, geometry, x.shape[0], x.shape[-1], kernel.shape[-1], groups)
    return geometry, groups, way


def _check_ranks(x: Any, kernel: Any, where: str) -> int:
    axes = len(kernel.shape) - 2
    if not 1 <= axes <= 3:
        raise ShapeError(
            "the kernel slides over no axis, or over more than three",
            where=where,
            given=f"kernel {tuple(kernel.shape)}",
            expected="(*window, channels / groups, features) with one to three axes of window",
        )
    if len(x.shape) != axes + 2:
        raise ShapeError(
            f"a kernel over {axes} axes needs an input with as many between batch and channels",
            where=where,
            given=f"input {tuple(x.shape)}, kernel {tuple(kernel.shape)}",
            expected=f"(batch, {'size, ' * axes}channels)",
            fix="add the missing axis: x[None] for one example, x[..., None] for one channel"
            if len(x.shape) == axes + 1
            else None,
        )
    return axes


def _check_groups(x: Any, kernel: Any, groups: int, where: str) -> None:
    channels, (inner, features) = x.shape[-1], kernel.shape[-2:]
    if groups < 1:
        raise ConfigurationError("there must be at least 1 group", where=where, given=f"{groups}")
    if channels % groups or features % groups:
        raise ShapeError(
            "the groups do not divide the channels and features",
            where=where,
            given=f"{channels} channels, {features} features, groups={groups}",
        )
    if inner * groups != channels:
        raise ShapeError(
            "the kernel is not made for the input's channels",
            where=where,
            given=f"input {tuple(x.shape)}, which has {channels} channels, and kernel "
            f"{tuple(kernel.shape)}, which is made for "
            + (f"{inner}" if groups == 1 else f"{groups} groups of {inner}"),
            expected=f"a kernel (*window, {channels // groups}, features)",
            fix="channels are the last axis: x.transpose(0, 2, 3, 1) moves them there from (batch, "
            "channels, height, width)"
            if len(x.shape) == 4 and x.shape[1] == inner * groups
            else None,
        )


def _one_type(*arrays: Any) -> tuple[Array, ...]:
    return tuple(jnp.asarray(x, jnp.result_type(*arrays)) for x in arrays)
