"""Cases of square systems and of decompositions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop import ops
from tests.ops.cases import Draw, Made, case


def _regular(d: Draw, n: int) -> np.ndarray:
    """Draw matrices whose diagonals are apart from each other and larger than the rest."""
    leading = d.shape(0, 1, side=2)
    return d.array((*leading, n, n), -0.3, 0.3) + np.diag(np.arange(2.0, n + 2))


@case("inv", "det", "slogdet")
def _(d: Draw) -> Made:
    return (
        lambda x: (ops.inv(x), ops.det(x), ops.slogdet(x)[1]),
        [_regular(d, d.integer(1, 3))],
    )


@case("solve")
def _(d: Draw) -> Made:
    n = d.integer(1, 3)
    right = d.choice((n,), (n, 2), (2, n, 1))
    a = d.array((n, n), -0.3, 0.3) + np.diag(np.arange(2.0, n + 2))
    return ops.solve, [a, d.array(right)]


@case("cholesky")
def _(d: Draw) -> Made:
    return ops.cholesky, [_regular(d, d.integer(1, 3))]


@case("eigh")
def _(d: Draw) -> Made:
    def parts(x: Any) -> Any:
        values, vectors = ops.eigh(x)
        return values, vectors * vectors  # without the signs, which nothing decides

    return parts, [_regular(d, d.integer(1, 3))]


@case("svd")
def _(d: Draw) -> Made:
    m, n = d.choice((2, 2), (3, 2), (2, 3))
    x = d.array((m, n), -0.3, 0.3) + np.eye(m, n) * np.arange(2.0, n + 2)

    def parts(x: Any) -> Any:
        u, s, vt = ops.svd(x)
        return u * u, s, vt * vt, ops.matmul(u, vt)

    return parts, [x]
