"""Weight normalization: a layer's weight as a length and a direction."""

from __future__ import annotations

from typing import Any, Self

from clearprop import ops
from clearprop.errors import ModelError
from clearprop.nn.call import current
from clearprop.nn.fields import Array, parameter
from clearprop.nn.initializers import ones
from clearprop.nn.module import Module


class WeightNorm(Module):
    """A layer whose weight is split into length and direction: w = gain v / |v|, per output unit.

    The weight of the wrapped layer is v. The initial gain is |v|, so that the new layer first
    computes the same as the wrapped one.

    Shapes: v (..., out), |v| taken over all axes but the last, gain (out,).

    Raises:
        ModelError: the layer has no such weight.

    >>> import jax.numpy as jnp
    >>> from clearprop.nn.linear import Linear
    >>> layer = WeightNorm(Linear(3, 2)).init(0)
    >>> x = jnp.ones((1, 3))
    >>> bool(jnp.allclose(layer(x), layer.layer(x)))
    True

    Source: Salimans and Kingma (2016), *Weight normalization*.
    """

    layer: Module
    gain: Array

    def __init__(self, layer: Module) -> None:
        weight: Any = getattr(layer, "weight", None) if isinstance(layer, Module) else None
        if len(getattr(weight, "shape", ())) < 2:
            raise ModelError(
                "weight normalization needs a layer with a weight (..., out)",
                given=repr(layer)[:60],
            )
        self.layer = layer
        self.gain = parameter((weight.shape[-1],), ones)

    def after_init(self) -> Self:
        """Return the layer with a gain that is the length of its weight v."""
        v = _weight_of(self.layer)
        axes = tuple(range(len(v.shape) - 1))
        return self.replace(gain=ops.sqrt(ops.sum(ops.square(v), axis=axes)))

    def __call__(self, x: Array) -> Array:
        weight = ops.weight_norm(_weight_of(self.layer), self.gain)
        effective = self.layer.replace(weight=weight)
        result: Array = current().stand_in(effective, self.layer)(x)
        return result


def _weight_of(layer: Module) -> Array:
    weight: Array = vars(layer)["weight"]
    return weight
