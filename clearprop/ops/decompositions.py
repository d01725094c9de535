"""Square systems and decompositions of matrices: inv, solve, det, slogdet, cholesky, eigh, svd.

The last two axes are those of the matrices; axes before them count several. Numbers narrower than
float32 are computed in float32. Where a derivative does not exist, because eigenvalues or singular
values are equal or 0, it is NaN, but 0 where nothing asks for it: the eigenvalues alone have one.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import expand_dims, matmul, where
from clearprop.autodiff.elementary.matmul import swapped
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array
from clearprop.autodiff.tape import strip
from clearprop.errors import ShapeError
from clearprop.ops.shape import squeeze, tril


def _check_square(name: str, x: Array) -> None:
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name} takes square matrices",
            where=name,
            given=f"shape {tuple(x.shape)}",
            expected="(..., n, n)",
        )


def _cube(z: Any, x: Any, *_: Any, **parameters: object) -> int:
    """Count the arithmetic of an elimination: n^3 for each matrix of n rows."""
    entries: int = math.prod(x.shape)
    return entries * int(x.shape[-1])


def _error_of_inverse(error: Any, z: Any, x: Any) -> Any:
    return -matmul(swapped(z), matmul(error, swapped(z)))


@operation(errors=(_error_of_inverse,), count=_cube)
def inv(x: Array) -> Array:
    """Inverse of square matrices: ``z x = 1``. With the error e of z, x gets ``-z^T e z^T``.

    Shapes: x (..., n, n), z of the same. The inverse of a singular matrix is not finite.

    Raises:
        ShapeError: the matrices are not square.

    >>> print(inv(jnp.array([[2.0, 0.0], [0.0, 4.0]])))
    [[0.5  0.  ]
     [0.   0.25]]

    Source: NumPy's `linalg.inv`.
    """
    _check_square("inv", x)
    z: Array = jnp.linalg.inv(at_least_float32(x))
    return z.astype(floating(x).dtype)


def solve(a: Array, b: Array) -> Array:
    """Solve systems of linear equations: ``a z = b``.

    With the error e of z, b gets ``a^-T e`` and a gets ``-(a^-T e) z^T``.

    Shapes: a (..., n, n); b one vector (n,), or matrices (..., n, k); z of the shape of b. Leading
    axes broadcast.

    Raises:
        ShapeError: the matrices are not square, or b has another number of rows.

    >>> print(solve(jnp.array([[2.0, 0.0], [0.0, 4.0]]), jnp.array([2.0, 8.0])))
    [1. 2.]

    Source: NumPy's `linalg.solve`.
    """
    if len(b.shape) == 1:
        return squeeze(_solve(a, expand_dims(b, 1)), -1)
    return _solve(a, b)


def _error_of_system(error: Any, z: Any, a: Any, b: Any) -> Any:
    return -matmul(_solve(swapped(a), error), swapped(z))


def _error_of_right_side(error: Any, z: Any, a: Any, b: Any) -> Any:
    return _solve(swapped(a), error)


@operation(errors=(_error_of_system, _error_of_right_side), count=_cube, name="solve")
def _solve(a: Array, b: Array) -> Array:
    _check_square("solve", a)
    if len(b.shape) < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(
            "the right side has another number of rows than the matrix",
            where="solve",
            given=f"{tuple(a.shape)} and {tuple(b.shape)}",
            expected="(..., n, n) and (n,) or (..., n, k)",
        )
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    wide = [jnp.broadcast_to(at_least_float32(x), leading + x.shape[-2:]) for x in (a, b)]
    z: Array = jnp.linalg.solve(*wide)
    return z.astype(jnp.result_type(floating(a), floating(b)))


def _each(x: Any) -> Any:
    """Return a number for each matrix as one that broadcasts with the matrices."""
    return expand_dims(x, (-2, -1))


@operation(errors=(lambda error, z, x: _each(error * z) * swapped(inv(x)),), count=_cube)
def det(x: Array) -> Array:
    """Determinant of square matrices, with ``dz/dx = z (x^-1)^T``: not finite where z is 0.

    Shapes: x (..., n, n), z (...).

    Raises:
        ShapeError: the matrices are not square.

    >>> print(det(jnp.array([[2.0, 1.0], [0.0, 4.0]])))
    8.0

    Source: NumPy's `linalg.det`. PyTorch has the derivative of a singular matrix too.
    """
    _check_square("det", x)
    z: Array = jnp.linalg.det(at_least_float32(x))
    return z.astype(floating(x).dtype)


def _error_of_log_determinant(errors: Any, outputs: Any, x: Any) -> Any:
    return _each(errors[1]) * swapped(inv(x))


@operation(errors=(_error_of_log_determinant,), count=_cube)
def slogdet(x: Array) -> tuple[Array, Array]:
    """Sign and logarithm of the size of determinants: ``det x = sign e^z``.

    The derivative is ``dz/dx = (x^-1)^T``; the sign passes no error.

    Shapes: x (..., n, n), sign and z (...).

    Raises:
        ShapeError: the matrices are not square.

    >>> sign, logarithm = slogdet(jnp.array([[-2.0, 0.0], [0.0, 1.0]]))
    >>> print(sign, f"{logarithm:.3f}")
    -1.0 0.693

    Source: NumPy's `linalg.slogdet`.
    """
    _check_square("slogdet", x)
    sign, size = jnp.linalg.slogdet(at_least_float32(x))
    return sign.astype(floating(x).dtype), size.astype(floating(x).dtype)


def _half_diagonal(n: int, like: Any) -> Array:
    """Return ones below the diagonal and halves on it."""
    return jnp.asarray(np.tril(np.ones((n, n))) - 0.5 * np.eye(n), like.dtype)


def _error_of_cholesky(error: Any, z: Any, x: Any) -> Any:
    inner = matmul(swapped(z), tril(error)) * _half_diagonal(z.shape[-1], z)
    left = _solve(swapped(z), inner)
    whole = _solve(swapped(z), swapped(left))
    return (whole + swapped(whole)) * 0.5


@operation(errors=(_error_of_cholesky,), count=_cube)
def cholesky(x: Array) -> Array:
    """Lower triangle of a symmetric positive definite matrix: ``z z^T = x``.

    Both triangles of x count half, and get half of the error. With the error e of z, and F that
    keeps the lower triangle and half of the diagonal, x gets the symmetric part of ``z^-T F(z^T e)
    z^-1``.

    Shapes: x (..., n, n), z of the same; z is NaN where x is not positive definite.

    Raises:
        ShapeError: the matrices are not square.

    >>> print(cholesky(jnp.array([[4.0, 2.0], [2.0, 5.0]])))
    [[2. 0.]
     [1. 2.]]

    Source: Murray 2016, *Differentiation of the Cholesky decomposition*.
    """
    _check_square("cholesky", x)
    z: Array = jnp.linalg.cholesky(at_least_float32(x))
    return z.astype(floating(x).dtype)


def _over(x: Any, y: Any) -> Any:
    """Return x / y; where y is 0, 0 if x is too, else NaN."""
    none = strip(y) == 0
    return where(none, where(strip(x) == 0, 0.0, math.nan), x / where(none, 1.0, y))


def _skew(u: Any, error: Any) -> Any:
    product = matmul(swapped(u), error)
    return (product - swapped(product)) * 0.5


def _eye(n: int, like: Any) -> Array:
    return jnp.eye(n, dtype=like.dtype)


def _errors_of_eigh(errors: Any, outputs: Any, x: Any) -> Any:
    (error_of_values, error_of_vectors), (values, vectors) = errors, outputs
    gaps = expand_dims(values, -2) - expand_dims(values, -1)
    inner = _over(_skew(vectors, error_of_vectors), gaps)
    inner = inner + expand_dims(error_of_values, -1) * _eye(values.shape[-1], values)
    return matmul(matmul(vectors, inner), swapped(vectors))


@operation(errors=(_errors_of_eigh,), count=_cube)
def eigh(x: Array) -> tuple[Array, Array]:
    """Eigenvalues, from the smallest, and eigenvectors of symmetric matrices: ``x V = V diag(w)``.

    With W the matrix of 1 / (w_j - w_i), x gets ``V (diag(error of w) + W * skew(V^T error of V))
    V^T``. Where two eigenvalues are equal, the eigenvectors have no derivative: it is NaN if they
    have an error.

    Shapes: x (..., n, n), of which both triangles count half; w (..., n), V (..., n, n) with the
    eigenvectors as columns, whose signs are those that the computation gives.

    Raises:
        ShapeError: the matrices are not square.

    >>> values, vectors = eigh(jnp.array([[2.0, 0.0], [0.0, 1.0]]))
    >>> print(values)
    [1. 2.]

    Source: NumPy's `linalg.eigh`; Giles 2008, *Collected matrix derivative results*.
    """
    _check_square("eigh", x)
    values, vectors = jnp.linalg.eigh(at_least_float32(x))
    return values.astype(floating(x).dtype), vectors.astype(floating(x).dtype)


def _errors_of_svd(errors: Any, outputs: Any, x: Any) -> Any:
    (error_of_u, error_of_s, error_of_vt), (u, s, vt) = errors, outputs
    v, error_of_v = swapped(vt), swapped(error_of_vt)
    column, row = expand_dims(s, -1), expand_dims(s, -2)
    gaps = (row - column) * (row + column)
    inner = _over(_skew(u, error_of_u) * 2, gaps) * row
    inner = inner + column * _over(_skew(v, error_of_v) * 2, gaps)
    inner = inner + expand_dims(error_of_s, -1) * _eye(s.shape[-1], s)
    total = matmul(matmul(u, inner), vt)
    if x.shape[-2] > x.shape[-1]:
        outside = error_of_u - matmul(u, matmul(swapped(u), error_of_u))
        total = total + matmul(_over(outside, row), vt)
    if x.shape[-1] > x.shape[-2]:
        outside = error_of_v - matmul(v, matmul(vt, error_of_v))
        total = total + matmul(u, swapped(_over(outside, row)))
    return total


@operation(errors=(_errors_of_svd,), count=_cube)
def svd(x: Array) -> tuple[Array, Array, Array]:
    """Singular values, from the largest, and vectors of matrices: ``x = U diag(s) V^T``.

    Where two singular values are equal, or one is 0 in a matrix that is not square, the vectors
    have no derivative: it is NaN if they have an error.

    Shapes: x (..., m, n); U (..., m, k), s (..., k) and V^T (..., k, n) for k = min(m, n).

    Raises:
        ShapeError: the array has fewer than two axes.

    >>> u, s, vt = svd(jnp.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> print(s)
    [2. 1.]

    Source: NumPy's `linalg.svd` with ``full_matrices=False``; Townsend 2016, *Differentiating the
    singular value decomposition*.
    """
    if len(x.shape) < 2:
        raise ShapeError("svd takes matrices", where="svd", given=f"shape {tuple(x.shape)}")
    u, s, vt = jnp.linalg.svd(at_least_float32(x), full_matrices=False)
    u, s, vt = (part.astype(floating(x).dtype) for part in (u, s, vt))
    return u, s, vt
