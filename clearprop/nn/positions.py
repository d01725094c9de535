"""The places of a sequence as vectors: sinusoidal, learned and rotary positions.

Attention alone ignores the order of its keys; positions add the order to the features.

Shapes: B examples, T places, D features (an even number where they form pairs).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from clearprop import ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array, Initializer, parameter, static
from clearprop.nn.initializers import normal
from clearprop.nn.module import Module

BASE = 10_000.0
"""The slowest pair of features makes one turn in about 2 pi times this number of places."""


def angles(places: Array, features: int, base: float = BASE) -> Array:
    """Return the angle of each pair of features: place / base^(2 i / D), shape (..., D / 2).

    >>> print(angles(jnp.arange(2), 4))
    [[0.   0.  ]
     [1.   0.01]]
    """
    rates = jnp.exp(jnp.arange(0, features, 2) * (-math.log(base) / features))
    return jnp.asarray(places)[..., None] * rates


def sinusoidal(places: Array, features: int) -> Array:
    """Return waves of the places: p_2i = sin(angle_i), p_2i+1 = cos(angle_i), shape (..., D).

    >>> print([f"{wave:.2f}" for wave in sinusoidal(jnp.array(1), 2)])
    ['0.84', '0.54']

    Source: Vaswani et al. (2017).
    """
    turned = angles(places, features)
    pairs = jnp.stack([jnp.sin(turned), jnp.cos(turned)], axis=-1)
    return pairs.reshape(*turned.shape[:-1], features)


def rotate(x: Array, places: Array, base: float = BASE) -> Array:
    """Rotate each pair of features by an angle that grows with the place.

    (a_i, b_i) -> (a_i cos - b_i sin, b_i cos + a_i sin), where a is the first half of the features,
    b the second and the angle is place / base^(2 i / D). The product of a rotated query
    with a rotated key depends on their features and on their distance, not on their places.

    Shapes: x (..., T, D), places (T,); the result has the shape of x.

    Raises:
        ShapeError: the number of features is odd.

    >>> x = jnp.array([[1.0, 0.0]])
    >>> for place in range(2):
    ...     print([f"{v:.2f}" for v in rotate(x, jnp.array([place])).ravel()])
    ['1.00', '0.00']
    ['0.54', '0.84']

    Source: Su et al. (2021), who pair neighbors; halves are paired as in GPT-NeoX and LLaMA.
    """
    features = x.shape[-1]
    if features % 2:
        raise ShapeError(
            "rotary positions rotate pairs of features, and the number is odd",
            given=f"{features} features",
        )
    turned = angles(places, features, base)
    cos, sin = (part.astype(x.dtype) for part in (jnp.cos(turned), jnp.sin(turned)))
    first, second = ops.split(x, 2, axis=-1)
    return ops.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


class SinusoidalPositions(Module):
    """Waves of the place added to each vector: y_t = x_t + p_t, for sequences of any length.

    Shapes: x (..., T, features), y the same.

    Raises:
        ConfigurationError: the number of features is odd.

    >>> SinusoidalPositions(4)(jnp.zeros((1, 3, 4))).shape
    (1, 3, 4)

    Source: Vaswani et al. (2017); see `sinusoidal`.
    """

    features: int = static()

    def __post_init__(self) -> None:
        positive_sizes("SinusoidalPositions", features=self.features)
        if self.features % 2:
            raise ConfigurationError(
                "the number of features must be even, because sines and cosines come in pairs",
                given=f"features={self.features}",
            )

    def __call__(self, x: Array, start: int | Array = 0) -> Array:
        places = start + jnp.arange(x.shape[-2])
        return x + sinusoidal(places, self.features).astype(x.dtype)


class LearnedPositions(Module):
    """A learned vector for each place, added: y_t = x_t + weight_t.

    Shapes: x (..., T, features) with T up to ``length``, weight (length, features), y as x.

    Raises:
        ShapeError: the sequence is longer than ``length``.

    >>> LearnedPositions(8, 4).init(0)(jnp.zeros((1, 3, 4))).shape
    (1, 3, 4)

    Source: Gehring et al. (2017); GPT and BERT.
    """

    weight: Array
    length: int = static()
    features: int = static()

    def __init__(
        self, length: int, features: int, *, weight_init: Initializer | None = None
    ) -> None:
        positive_sizes("LearnedPositions", length=length, features=features)
        self.weight = parameter((length, features), weight_init or normal(0.02))
        self.length = length
        self.features = features

    def __call__(self, x: Array, start: int | Array = 0) -> Array:
        T = x.shape[-2]
        # Inside a compiled loop the start is not known; the caller checks the end of the loop.
        begun = 0 if isinstance(start, jax.core.Tracer) else int(start)
        if self.length < begun + T:
            raise ShapeError(
                "the sequence has more places than the layer has positions",
                given=f"input {tuple(x.shape)}" + (f", from place {begun} on" if begun else ""),
                expected=f"at most {self.length} places",
                fix="cut the sequence, or make the model with a longer context",
            )
        if isinstance(start, int):
            return x + self.weight[start : start + T]
        return x + ops.take(self.weight, start + jnp.arange(T))
