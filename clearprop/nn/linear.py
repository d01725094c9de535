"""Fully connected layers and word embeddings."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from clearprop import ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.checks import last_axis, positive_sizes
from clearprop.nn.fields import Array, Initializer, Shardings, parameter, static
from clearprop.nn.initializers import glorot_uniform, normal, zeros
from clearprop.nn.module import Module


class Linear(Module):
    """Every output unit is a weighted sum of all inputs: y = x W + b.

    Shapes: x (..., in_features), W (in_features, out_features), b (out_features,),
    y (..., out_features).

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: the last axis of x is not ``in_features`` long.

    >>> import jax.numpy as jnp
    >>> Linear(784, 10).init(0)(jnp.ones((32, 784))).shape
    (32, 10)

    Source: the lectures' vectorised layer; PyTorch stores the transpose of W.
    """

    parameter_sharding: ClassVar[Shardings] = {"weight": (None, "model"), "bias": ("model",)}

    weight: Array
    bias: Array | None
    in_features: int = static()
    out_features: int = static()

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        weight_init: Initializer = glorot_uniform,
        bias_init: Initializer = zeros,
    ) -> None:
        positive_sizes("Linear", in_features=in_features, out_features=out_features)
        self.weight = parameter((in_features, out_features), weight_init)
        self.bias = parameter((out_features,), bias_init) if bias else None
        self.in_features = in_features
        self.out_features = out_features

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.in_features, _fix(x.shape, self.in_features, self.out_features))
        product = ops.matmul(x, self.weight)
        return product if self.bias is None else product + self.bias


def _fix(shape: tuple[int, ...], expected: int, out_features: int) -> str:
    flat = math.prod(shape[1:])
    if len(shape) > 2 and flat == expected:
        return "put nn.Flatten() before this layer"
    return f"nn.Linear({flat if len(shape) > 2 else shape[-1] if shape else 1}, {out_features})"


class Embedding(Module):
    """A table with one learned vector for each word: y = table[x].

    Shapes: x (...,) integers in [0, size), table (size, features), y (..., features).

    Args:
        size: words in the table.
        features: length of a vector.
        weight_init: of the table.
        padding_idx: the word that fills up short sequences, if there is one: its vector is 0 at the
            start and gets no error signal.

    Raises:
        ConfigurationError: a size is not positive, or the padding is not a word of the table.
        ShapeError: x does not hold integers. Numbers outside the table raise no error: negative
            numbers count from the end, others read the nearest row (see `ops.take`). `fit` refuses
            them where an embedding takes the inputs as they are.

    >>> import jax.numpy as jnp
    >>> Embedding(1000, 16).init(0)(jnp.array([[3, 1, 4]])).shape
    (1, 3, 16)

    Source: Bengio et al. (2003), *A neural probabilistic language model*.
    """

    parameter_sharding: ClassVar[Shardings] = {"weight": ("model", None)}

    weight: Array
    size: int = static()
    features: int = static()
    padding_idx: int | None = static()

    def __init__(
        self,
        size: int,
        features: int,
        *,
        weight_init: Initializer | None = None,
        padding_idx: int | None = None,
    ) -> None:
        positive_sizes("Embedding", size=size, features=features)
        drawn = weight_init or normal(1.0)
        if padding_idx is not None:
            if not 0 <= padding_idx < size:
                raise ConfigurationError(
                    "the padding is not a word of the table",
                    where="Embedding",
                    given=f"padding_idx={padding_idx}, size={size}",
                    expected=f"a number from 0 to {size - 1}",
                )
            drawn = _with_zeros(drawn, padding_idx)
        self.padding_idx = padding_idx
        self.weight = parameter((size, features), drawn)
        self.size = size
        self.features = features

    def __call__(self, x: Array) -> Array:
        if x.dtype.kind not in "iu":
            raise ShapeError(
                "an embedding takes the numbers of words",
                given=f"input of dtype {x.dtype}",
                expected="integers",
                fix="x.astype(jnp.int32), or nn.Linear for real-valued inputs",
            )
        y = ops.take(self.weight, x, axis=0)
        if self.padding_idx is None:
            return y
        return ops.where(ops.expand_dims(x == self.padding_idx, -1), ops.stop_gradient(y), y)


def _with_zeros(drawn: Initializer, row: int) -> Initializer:
    """Return the initial values with one row of zeros."""

    def values(*args: Any, **options: Any) -> Array:
        return drawn(*args, **options).at[row].set(0)

    return values
