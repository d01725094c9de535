"""Mappings of the operators behind layers: convolution, pools, normalization, attention."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from clearprop import nn, ops, tree
from tests.ops.opinfo.table import NotExpressible, maps


def _per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return tuple(value) * (axes if len(value) == 1 else 1)
    return (value,) * axes


def _on_images(x: Any, axes: int, compute: Any) -> Any:
    """Apply a function of channels-last images to PyTorch's, with or without a batch axis."""
    single = len(x.shape) == axes + 1
    y = compute(ops.moveaxis(ops.expand_dims(x, 0) if single else x, 1, -1))
    y = ops.moveaxis(y, -1, 1)
    return ops.squeeze(y, 0) if single else y


def _convolution(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    axes = len(weight.shape) - 2
    kernel = ops.transpose(weight, (*range(2, axes + 2), 1, 0))

    def compute(images: Any) -> Any:
        return ops.convolution(
            images,
            kernel,
            bias,
            stride=_per_axis(stride, axes),
            padding=padding if isinstance(padding, str) else _per_axis(padding, axes),
            dilation=_per_axis(dilation, axes),
            groups=groups,
        )

    return _on_images(x, axes, compute)


for _axes in (1, 2, 3):
    maps(
        f"nn.functional.conv{_axes}d",
        uses=(
            "convolution",
            "convolution_bias_error",
            "convolution_input_error",
            "convolution_kernel_error",
        ),
    )(_convolution)


def _convolution_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    axes = len(weight.shape) - 2
    inputs, features, *window = weight.shape
    # PyTorch's weight is (in, out / groups, *window), clearprop's (*window, in / groups, out).
    grouped = ops.reshape(weight, (groups, inputs // groups, features, *window))
    turned = ops.transpose(grouped, (*range(3, axes + 3), 1, 0, 2))
    kernel = ops.reshape(turned, (*window, inputs // groups, groups * features))

    def compute(images: Any) -> Any:
        return ops.convolution_transpose(
            images,
            kernel,
            bias,
            stride=_per_axis(stride, axes),
            padding=_per_axis(padding, axes),
            output_padding=_per_axis(output_padding, axes),
            dilation=_per_axis(dilation, axes),
            groups=groups,
        )

    return _on_images(x, axes, compute)


for _axes in (1, 2, 3):
    maps(
        f"nn.functional.conv_transpose{_axes}d",
        uses=("convolution_transpose", "convolution_input_error"),
    )(_convolution_transpose)


def _max_pool(axes: int) -> Any:
    def compute(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        if return_indices:
            raise NotExpressible("the places of the largest entries as an output")
        window = _per_axis(kernel_size, axes)
        options = {
            "stride": _per_axis(stride, axes) if stride else window,
            "padding": _per_axis(padding, axes),
            "dilation": _per_axis(dilation, axes),
            "ceil_mode": ceil_mode,
        }
        return _on_images(x, axes, lambda y: ops.max_pool(y, window, **options))

    return compute


def _average_pool(axes: int) -> Any:
    def compute(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        window, around = _per_axis(kernel_size, axes), _per_axis(padding, axes)
        options = {
            "stride": _per_axis(stride, axes) if stride else window,
            "padding": around,
            "ceil_mode": ceil_mode,
            "count_padding": count_include_pad,
        }
        if divisor_override is None:
            return _on_images(x, axes, lambda y: ops.average_pool(y, window, **options))
        if ceil_mode:
            raise NotExpressible("a sum over windows, with ceil_mode")
        scale = math.prod(window) / divisor_override
        options["count_padding"] = True
        return _on_images(x, axes, lambda y: scale * ops.average_pool(y, window, **options))

    return compute


def _adaptive(axes: int, kind: Any) -> Any:
    def compute(x: Any, output_size: Any, return_indices: bool = False) -> Any:
        if return_indices:
            raise NotExpressible("the places of the largest entries as an output")
        parts = zip(_per_axis(output_size, axes), x.shape[-axes:], strict=True)
        layer = kind(tuple(n if part is None else part for part, n in parts))
        return _on_images(x, axes, layer)

    return compute


for _axes in (1, 2, 3):
    maps(f"nn.functional.max_pool{_axes}d", uses=("max_pool", "first_largest", "write_in_windows"))(
        _max_pool(_axes)
    )
    maps(f"nn.functional.avg_pool{_axes}d", uses=("average_pool", "spread_over_windows"))(
        _average_pool(_axes)
    )
    maps(f"nn.functional.adaptive_avg_pool{_axes}d", uses="matmul")(
        _adaptive(_axes, nn.AdaptiveAvgPool)
    )
    maps(f"nn.functional.adaptive_max_pool{_axes}d", uses=("argmax", "take_along_axis"))(
        _adaptive(_axes, nn.AdaptiveMaxPool)
    )


def _resized(x: Any, sizes: Any, method: str, align_corners: bool | None = None) -> Any:
    axes = len(x.shape) - 2
    return _on_images(
        x, axes, lambda y: ops.interpolate(y, sizes, method, align_corners=bool(align_corners))
    )


@maps("nn.functional.interpolate", uses="interpolate")
def _interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    axes = len(x.shape) - 2
    if antialias:
        raise NotExpressible("resizing that smooths first")
    if size is None:
        scales = _per_axis(scale_factor, axes)
        size = [int(n * scale) for n, scale in zip(x.shape[2:], scales, strict=True)]
        exact = all(m == n * s for m, n, s in zip(size, x.shape[2:], scales, strict=True))
        if not exact and not recompute_scale_factor:
            raise NotExpressible("a scale that is not that of the sizes")
    sizes = _per_axis(size, axes)
    if mode == "area":
        return _on_images(x, axes, nn.AdaptiveAvgPool(sizes))
    linear = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
    return _resized(x, sizes, linear.get(mode, mode), align_corners)


@maps("nn.functional.layer_norm", uses="layer_norm")
def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    axes = tuple(range(-len(shape), 0))
    return ops.layer_norm(x, weight, bias, axis=axes, epsilon=eps)


@maps("nn.functional.group_norm", uses="group_norm")
def _group_norm(
    x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    images = ops.moveaxis(x, 1, -1)
    return ops.moveaxis(ops.group_norm(images, weight, bias, groups=groups, epsilon=eps), -1, 1)


@maps("nn.functional.instance_norm", uses="instance_norm")
def _instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if not use_input_stats:
        raise NotExpressible("instance normalization by running statistics")
    images = ops.moveaxis(x, 1, -1)
    return ops.moveaxis(ops.instance_norm(images, weight, bias, epsilon=eps), -1, 1)


@maps("nn.functional.batch_norm", uses="batch_norm")
def _batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    if len(x.shape) < 2:
        raise NotExpressible("batch normalization without an axis of features")
    images = ops.moveaxis(x, 1, -1)
    if training:
        y = ops.batch_norm(images, weight, bias, epsilon=eps)[0]
    else:
        layer = nn.BatchNorm(x.shape[1], epsilon=eps).init(0, dtype=jnp.float64)
        values = {
            "running_mean": running_mean,
            "running_variance": running_var,
            "scale": weight,
            "shift": bias,
        }
        given = {name: value for name, value in values.items() if value is not None}
        y = tree.replace(layer, given)(images)
    return ops.moveaxis(y, -1, 1)


@maps("nn.functional.rms_norm", uses=("mean", "square", "rsqrt"))
def _rms_norm(x: Any, shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    features = math.prod(shape)
    epsilon = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    layer = nn.RMSNorm(features, epsilon=epsilon).init(0, dtype=jnp.float64)
    if weight is not None:
        layer = tree.replace(layer, {"scale": ops.reshape(weight, features)})
    rows = ops.reshape(x, (*x.shape[: len(x.shape) - len(shape)], features))
    return ops.reshape(layer(rows), x.shape)


@maps("nn.functional.local_response_norm", uses=("pad", "power"))
def _local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    if size % 2 == 0:
        raise NotExpressible("neighbors in an even number of channels")
    # PyTorch takes the mean over the neighbors, clearprop the sum.
    layer = nn.LocalResponseNorm(size, alpha=alpha / size, beta=beta, k=k)
    return ops.moveaxis(layer(ops.moveaxis(x, 1, -1)), -1, 1)


@maps("nn.functional.scaled_dot_product_attention", uses=("attention", "attend"))
def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    if dropout_p:
        raise NotExpressible("a mask of dropout that PyTorch draws itself")
    if enable_gqa:
        raise NotExpressible("heads that share keys, in attention without its layer")
    if is_causal:
        # PyTorch's first query sees the first key; clearprop's last query sees the last key.
        attn_mask = jnp.tril(jnp.ones((query.shape[-2], key.shape[-2]), bool))
    if attn_mask is not None and attn_mask.dtype != bool:
        return ops.attention(query, key, value, scale=scale, bias=attn_mask)
    return ops.attention(query, key, value, attn_mask, scale=scale)


@maps("nn.functional.dropout", uses="dropout")
def _dropout(x: Any, p: float = 0.5, training: bool = True) -> Any:
    if training and 0 < p < 1:
        raise NotExpressible("a mask of dropout that PyTorch draws itself")
    rate = p if training else 0.0
    return ops.dropout(x, jnp.full(x.shape, rate < 1), rate)


@maps("native_dropout_backward", uses="dropout")
def _dropout_backward(error: Any, mask: Any, scale: float) -> Any:
    if scale < 1:
        raise NotExpressible("a scale of dropout below 1")
    return ops.dropout(error, mask, 1 - 1 / scale)
