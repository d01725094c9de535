"""Convolution with a window of one entry: a matrix product over the channels."""

from __future__ import annotations

import jax.numpy as jnp

from clearprop.autodiff.shapes import Array


def forward(x: Array, kernel: Array) -> Array:
    """Return y[..., f'] = sum_f x[..., f] kernel[f, f']."""
    return x @ kernel.reshape(kernel.shape[-2:])


def input_error(error: Array, kernel: Array) -> Array:
    """Return the error of x."""
    return error @ kernel.reshape(kernel.shape[-2:]).T


def kernel_error(x: Array, error: Array) -> Array:
    """Return the error of the kernel, with its axes of one entry."""
    channels, features = x.shape[-1], error.shape[-1]
    product = x.reshape(-1, channels).T @ error.reshape(-1, features)
    return jnp.reshape(product, (*(1,) * (x.ndim - 2), channels, features))
