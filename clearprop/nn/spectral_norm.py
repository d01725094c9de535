"""Spectral normalization: a layer's weight divided by its largest singular value."""

from __future__ import annotations

from typing import Any, Self

import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ModelError
from clearprop.nn.call import current
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, parameter, static, statistic
from clearprop.nn.initializers import normal
from clearprop.nn.module import Module

FIRST_ITERATIONS = 15
"""Power iterations when the values are made."""


class SpectralNorm(Module):
    """A layer whose weight is divided by its largest singular value: w = W / sigma(W).

    W is the weight of the wrapped layer as a matrix (inputs of a unit, units). The singular value
    is estimated by power iteration. A call in training makes ``iterations`` of these steps from the
    vectors of the last call:

    u <- W^T v / |W^T v|,  v <- W u / |W u|,  sigma = v^T W u

    The error signal passes through W in sigma, and not through u and v. A network of such layers
    with rectified units changes its output by at most as much as its input (for the linear layers).

    Shapes: W (..., out), u (out,), v (inputs of a unit,). `nn.apply` returns the new u and v.

    Args:
        layer: a linear or a convolutional layer.
        iterations: power iterations of a call in training.
        epsilon: the smallest length by which u and v are divided.

    Raises:
        ModelError: the layer has no such weight.
        ConfigurationError: the number of iterations is not positive.

    >>> from clearprop.nn.linear import Linear
    >>> layer = SpectralNorm(Linear(3, 2)).init(0)
    >>> W = layer.layer.weight / layer.sigma()
    >>> round(float(jnp.linalg.svd(W, compute_uv=False)[0]), 3)
    1.0

    Source: Miyato, Kataoka, Koyama and Yoshida (2018), *Spectral normalization for generative
    adversarial networks*; the order of the steps is that of PyTorch.
    """

    layer: Module
    u: Array = statistic()
    v: Array = statistic()
    iterations: int = static()
    epsilon: float = static()

    def __init__(self, layer: Module, *, iterations: int = 1, epsilon: float = 1e-12) -> None:
        weight: Any = getattr(layer, "weight", None) if isinstance(layer, Module) else None
        if len(getattr(weight, "shape", ())) < 2:
            raise ModelError(
                "spectral normalization needs a layer with a weight (..., out)",
                given=repr(layer)[:60],
            )
        positive_sizes("SpectralNorm", iterations=iterations)
        units = weight.shape[-1]
        self.layer = layer
        self.u = parameter((units,), normal(1.0))
        self.v = parameter((weight.size // units,), normal(1.0))
        self.iterations = iterations
        self.epsilon = epsilon

    def after_init(self) -> Self:
        """Return the layer with vectors that many power iterations have made."""
        u, v = self._iterated(FIRST_ITERATIONS)
        return self.replace(u=u, v=v)

    def __call__(self, x: Array) -> Array:
        call, u, v = current(), self.u, self.v
        if call.training:
            u, v = self._iterated(self.iterations)
            call.update(self, u=u, v=v)
        effective = self.layer.replace(weight=vars(self.layer)["weight"] / self.sigma(u, v))
        result: Array = call.stand_in(effective, self.layer)(x)
        return result

    def sigma(self, u: Array | None = None, v: Array | None = None) -> Array:
        """Return the estimate of the largest singular value, v^T W u."""
        u, v = self.u if u is None else u, self.v if v is None else v
        return ops.sum(v * ops.matmul(self._matrix(), u))

    def _matrix(self) -> Array:
        weight: Array = vars(self.layer)["weight"]
        return ops.reshape(weight, (-1, weight.shape[-1]))

    def _iterated(self, times: int) -> tuple[Array, Array]:
        W, u, v = stop_gradient((self._matrix(), self.u, self.v))
        for _ in range(times):
            u = self._unit(v @ W)
            v = self._unit(W @ u)
        return u, v

    def _unit(self, x: Array) -> Array:
        return x / jnp.maximum(jnp.linalg.norm(x), self.epsilon)
