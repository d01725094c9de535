"""Trigonometric and hyperbolic functions and their inverses, entry by entry, with NumPy's names.

In the rules ``error`` is the error signal of the output, ``z`` the output, ``x`` and ``y`` the
inputs. At the ends of an inverse the slope is its limit, infinite.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import where
from clearprop.autodiff.shapes import Array, ArrayLike, check_broadcast
from clearprop.autodiff.tape import strip
from clearprop.ops.elementwise import rsqrt


def _error_of_sine(error: Any, z: Any, x: Any) -> Any:
    return error * cos(x)


@operation(errors=(_error_of_sine,), stacks=True)
def sin(x: ArrayLike) -> Array:
    """Sine of an angle in radians: ``z = sin x``, with ``dz/dx = cos x``.

    Shapes: x of any shape, z of the same.

    >>> print(sin(0.0))
    0.0

    Source: NumPy's `sin`.
    """
    return jnp.sin(x)


@operation(errors=(lambda error, z, x: -error * sin(x),), stacks=True)
def cos(x: ArrayLike) -> Array:
    """Cosine of an angle in radians: ``z = cos x``, with ``dz/dx = -sin x``.

    Shapes: x of any shape, z of the same.

    >>> print(cos(0.0))
    1.0

    Source: NumPy's `cos`.
    """
    return jnp.cos(x)


@operation(errors=(lambda error, z, x: error * (1 + z * z),), stacks=True)
def tan(x: ArrayLike) -> Array:
    """Tangent of an angle in radians: ``z = tan x``, with ``dz/dx = 1 + z^2``.

    Shapes: x of any shape, z of the same.

    >>> print(tan(0.0))
    0.0

    Source: NumPy's `tan`.
    """
    return jnp.tan(x)


@operation(errors=(lambda error, z, x: error * rsqrt((1 - x) * (1 + x)),), stacks=True)
def arcsin(x: ArrayLike) -> Array:
    """Angle of a sine: ``x = sin z``, -pi/2 to pi/2, with ``dz/dx = 1 / sqrt(1 - x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(f"{arcsin(1.0):.4f}")
    1.5708

    Source: NumPy's `arcsin`.
    """
    return jnp.arcsin(x)


@operation(errors=(lambda error, z, x: -error * rsqrt((1 - x) * (1 + x)),), stacks=True)
def arccos(x: ArrayLike) -> Array:
    """Angle of a cosine: ``x = cos z``, 0 to pi, with ``dz/dx = -1 / sqrt(1 - x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(f"{arccos(0.0):.4f}")
    1.5708

    Source: NumPy's `arccos`.
    """
    return jnp.arccos(x)


@operation(errors=(lambda error, z, x: error / (1 + x * x),), stacks=True)
def arctan(x: ArrayLike) -> Array:
    """Angle of a tangent: ``x = tan z``, -pi/2 to pi/2, with ``dz/dx = 1 / (1 + x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(f"{arctan(1.0):.4f}")
    0.7854

    Source: NumPy's `arctan`.
    """
    return jnp.arctan(x)


def _error_of_hyperbolic_sine(error: Any, z: Any, x: Any) -> Any:
    return error * cosh(x)


@operation(errors=(_error_of_hyperbolic_sine,), stacks=True)
def sinh(x: ArrayLike) -> Array:
    """Hyperbolic sine: ``z = (e^x - e^-x) / 2``, with ``dz/dx = cosh x``.

    Shapes: x of any shape, z of the same.

    >>> print(sinh(0.0))
    0.0

    Source: NumPy's `sinh`.
    """
    return jnp.sinh(x)


@operation(errors=(lambda error, z, x: error * sinh(x),), stacks=True)
def cosh(x: ArrayLike) -> Array:
    """Hyperbolic cosine: ``z = (e^x + e^-x) / 2``, with ``dz/dx = sinh x``.

    Shapes: x of any shape, z of the same.

    >>> print(cosh(0.0))
    1.0

    Source: NumPy's `cosh`.
    """
    return jnp.cosh(x)


@operation(errors=(lambda error, z, x: error * rsqrt(1 + x * x),), stacks=True)
def arcsinh(x: ArrayLike) -> Array:
    """Inverse of the hyperbolic sine: ``x = sinh z``, with ``dz/dx = 1 / sqrt(1 + x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(arcsinh(0.0))
    0.0

    Source: NumPy's `arcsinh`.
    """
    return jnp.arcsinh(x)


@operation(errors=(lambda error, z, x: error * rsqrt((x - 1) * (x + 1)),), stacks=True)
def arccosh(x: ArrayLike) -> Array:
    """Inverse of the hyperbolic cosine: ``x = cosh z``, with ``dz/dx = 1 / sqrt(x^2 - 1)``.

    Shapes: x of any shape, z of the same.

    >>> print(arccosh(1.0))
    0.0

    Source: NumPy's `arccosh`.
    """
    return jnp.arccosh(x)


@operation(errors=(lambda error, z, x: error / ((1 - x) * (1 + x)),), stacks=True)
def arctanh(x: ArrayLike) -> Array:
    """Inverse of the hyperbolic tangent: ``x = tanh z``, with ``dz/dx = 1 / (1 - x^2)``.

    Shapes: x of any shape, z of the same.

    >>> print(arctanh(0.0))
    0.0

    Source: NumPy's `arctanh`.
    """
    return jnp.arctanh(x)


def _over_square(error: Any, y: Any, x: Any) -> Any:
    """Return the error over x^2 + y^2, and 0 at the origin."""
    origin = (strip(x) == 0) & (strip(y) == 0)
    return where(origin, 0.0, error / where(origin, 1.0, x * x + y * y))


@operation(
    errors=(
        lambda error, z, y, x: _over_square(error, y, x) * x,
        lambda error, z, y, x: -_over_square(error, y, x) * y,
    ),
    stacks=True,
)
def arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """Angle of the point (x, y), from -pi to pi: ``tan z = y / x``.

    Its derivatives are ``dz/dy = x / (x^2 + y^2)`` and ``dz/dx = -y / (x^2 + y^2)``; at the origin
    both are 0.

    Shapes: y and x broadcast as in NumPy; z has the shape to which they broadcast.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> print(f"{arctan2(1.0, 1.0):.4f} {arctan2(1.0, -1.0):.4f}")
    0.7854 2.3562

    Source: NumPy's `arctan2`; the origin as in PyTorch.
    """
    check_broadcast("arctan2", y, x)
    return jnp.arctan2(y, x)
