"""A layer inside a pass whose parameters get no error signal from it."""

from __future__ import annotations

from typing import TypeVar

import jax

from clearprop.autodiff import stop_gradient
from clearprop.autodiff.composite import rebuilt
from clearprop.nn.module import Module

Layer = TypeVar("Layer", bound=Module)


def without_gradient(layer: Layer) -> Layer:
    """Return a layer that computes the same, and whose parameters get no error signal.

    Error signals pass through it to its inputs. In a pass of a model the copy and its layers keep
    their paths.

    >>> from clearprop import nn, ops
    >>> from clearprop.autodiff import grad
    >>> import jax.numpy as jnp
    >>> layer = nn.Linear(2, 1, weight_init=nn.initializers.ones).init(0)
    >>> print(grad(lambda x: ops.sum(without_gradient(layer)(x)))(jnp.zeros((1, 2))))
    [[1. 1.]]
    """
    copy: Layer = jax.tree.map(stop_gradient, layer)
    if (note := rebuilt.get()) is not None:
        note(layer, copy)
    return copy
