"""Mappings of operators that multiply vectors and matrices."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop import nn, ops, tree
from tests.ops.opinfo.table import NotExpressible, maps

maps("matmul", "mm", "bmm", "mv", uses="matmul")(ops.matmul)
maps("__rmatmul__", uses="matmul")(lambda x, other: ops.matmul(other, x))
maps("dot", "vdot", uses="dot")(ops.dot)
maps("outer", uses="outer")(ops.outer)


@maps("einsum", uses="einsum")
def _einsum(arrays: Any, equation: str) -> Any:
    return ops.einsum(equation, *arrays)


def _scaled(beta: float, x: Any, alpha: float, product: Any) -> Any:
    return beta * x + alpha * product


@maps("addmm", "addmv", "baddbmm", uses="matmul")
def _addmm(x: Any, first: Any, second: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return _scaled(beta, x, alpha, ops.matmul(first, second))


@maps("addbmm", uses="einsum")
def _addbmm(x: Any, first: Any, second: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return _scaled(beta, x, alpha, ops.einsum("bij,bjk->ik", first, second))


@maps("addr", uses="outer")
def _addr(x: Any, first: Any, second: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return _scaled(beta, x, alpha, ops.outer(first, second))


@maps("inner", uses="einsum")
def _inner(x: Any, other: Any) -> Any:
    return x * other if x.shape == () else ops.einsum("...i,...i->...", x, other)


@maps("linalg.vecdot", uses="einsum")
def _vecdot(x: Any, other: Any, *, dim: int = -1) -> Any:
    x, other = (ops.moveaxis(value, dim, -1) for value in (x, other))
    return ops.einsum("...i,...i->...", x, other)


@maps("linalg.multi_dot", uses="matmul")
def _multi_dot(arrays: Any) -> Any:
    first, *rest = arrays
    for array in rest:
        first = ops.matmul(first, array)
    return first


@maps("tensordot", uses="einsum")
def _tensordot(x: Any, other: Any, dims: Any = 2) -> Any:
    rank = len(x.shape)
    left, right = (range(rank - dims, rank), range(dims)) if isinstance(dims, int) else dims
    letters = "abcdefgh"[:rank]
    others = list("ijklmnop"[: len(other.shape)])
    for i, j in zip(left, right, strict=True):
        others[j] = letters[i]
    kept = [c for i, c in enumerate(letters) if i not in left]
    kept += [c for j, c in enumerate(others) if j not in right]
    return ops.einsum(f"{letters},{''.join(others)}->{''.join(kept)}", x, other)


@maps("trace", uses="einsum")
def _trace(x: Any) -> Any:
    if x.shape[0] != x.shape[1]:
        raise NotExpressible("the trace of a matrix that is not square")
    return ops.einsum("ii->", x)


@maps("nn.functional.linear", uses="matmul")
def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    features, inputs = weight.shape
    layer = nn.Linear(inputs, features, bias=bias is not None).init(0, dtype=jnp.float64)
    values = {"weight": ops.transpose(weight)} | ({} if bias is None else {"bias": bias})
    return tree.replace(layer, values)(x)


@maps("nn.functional.bilinear", uses="einsum")
def _bilinear(x: Any, other: Any, weight: Any, bias: Any = None) -> Any:
    product = ops.einsum("...i,kij,...j->...k", x, weight, other)
    return product if bias is None else product + bias


maps("linalg.inv", uses="inv")(ops.inv)
maps("linalg.slogdet", uses="slogdet")(ops.slogdet)
maps("linalg.svdvals", uses="svd")(lambda x: ops.svd(x)[1])


def _is_singular(x: Any) -> bool:
    return bool((jnp.abs(jnp.linalg.det(x)) < 1e-9).any())


maps(
    "linalg.det",
    uses="det",
    differs={"the derivative of a singular matrix: clearprop gives NaN": _is_singular},
)(ops.det)


@maps("linalg.solve", uses="solve")
def _solve(a: Any, b: Any, *, left: bool = True) -> Any:
    if not left:
        raise NotExpressible("a system with its matrix on the right")
    if a.shape[:-1] == b.shape and len(b.shape) > 1:
        return ops.squeeze(ops.solve(a, ops.expand_dims(b, -1)), -1)
    return ops.solve(a, b)


@maps("cholesky", "linalg.cholesky", uses="cholesky")
def _cholesky(x: Any, upper: bool = False) -> Any:
    z = ops.cholesky(x)
    return ops.transpose(z, (*range(len(z.shape) - 2), -1, -2)) if upper else z


def _is_not_symmetric(x: Any, **_: Any) -> bool:
    return not bool(jnp.allclose(x, jnp.swapaxes(x, -1, -2)))


@maps("svd", uses="svd")
def _svd(x: Any, *, some: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv or (not some and x.shape[-1] != x.shape[-2]):
        raise NotExpressible("singular vectors of all dimensions, or none")
    if x.shape[-1] > x.shape[-2]:
        raise NotExpressible("singular vectors of a wide matrix, which may have the other sign")
    u, s, vt = ops.svd(x)
    return u, s, ops.transpose(vt, (*range(len(vt.shape) - 2), -1, -2))


@maps(
    "linalg.eigvalsh",
    uses="eigh",
    differs={"a matrix that is not symmetric: PyTorch reads one triangle": _is_not_symmetric},
)
def _eigvalsh(x: Any, UPLO: str = "L") -> Any:
    return ops.eigh(x)[0]
