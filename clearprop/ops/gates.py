"""Units that multiply by a learned number or by a gate: prelu, glu.

In the rules ``error`` is the error signal of the output, ``y`` the output and ``x`` the input.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import where
from clearprop.autodiff.precision import floating
from clearprop.autodiff.shapes import Array, ArrayLike, check_axis, check_broadcast
from clearprop.errors import ShapeError
from clearprop.ops.activations import sigmoid
from clearprop.ops.shape import concatenate, split


@operation(
    errors=(
        lambda error, y, x, slope: where(x > 0, error, error * slope),
        lambda error, y, x, slope: where(x > 0, 0.0, error * x),
    ),
    stacks=True,
)
def prelu(x: ArrayLike, slope: ArrayLike) -> Array:
    """Rectified linear unit with a learned slope: ``y = x if x > 0 else slope x``.

    Its derivatives are ``dy/dx = 1 or slope`` and ``dy/dslope = 0 or x``.

    Shapes: x (..., features); slope one number, (features,), or another shape that broadcasts; y of
    the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(prelu(jnp.array([[-1.0, -1.0], [2.0, 2.0]]), jnp.array([0.25, 0.5])))
    [[-0.25 -0.5 ]
     [ 2.    2.  ]]

    Source: He et al. 2015, *Delving deep into rectifiers*.
    """
    check_broadcast("prelu", x, slope)
    x = floating(x)
    return jnp.where(x > 0, x, slope * x)


def _error_of_glu(error: Any, y: Any, x: Any, axis: int = -1) -> Any:
    signal, gate = split(x, 2, axis=axis)
    opened = sigmoid(gate)
    error_of_signal = error * opened
    return concatenate(error_of_signal, error_of_signal * signal * (1 - opened), axis=axis)


@operation(errors=(_error_of_glu,))
def glu(x: Array, axis: int = -1) -> Array:
    """Gated linear unit: ``y = a s(b)`` with the halves a and b of x, and the sigmoid s.

    Its derivatives are ``dy/da = s(b)`` and ``dy/db = a s(b) (1 - s(b))``.

    Shapes: x (..., 2 n, ...), y (..., n, ...).

    Raises:
        ShapeError: the array does not have that axis, or its size is odd.

    >>> print(glu(jnp.array([2.0, 4.0, 0.0, 100.0])))
    [1. 4.]

    Source: Dauphin et al. 2017, *Language modeling with gated convolutional networks*.
    """
    size = x.shape[check_axis("glu", x, axis)]
    if size % 2:
        raise ShapeError(
            "only an axis of an even size has two halves",
            where="glu",
            given=f"shape {tuple(x.shape)}, axis {axis}",
        )
    signal, gate = jnp.split(floating(x), 2, axis=axis)
    return signal * sigmoid.forward(gate)
