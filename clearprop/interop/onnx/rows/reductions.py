"""Operators that reduce axes, or go along one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.rows.elementwise import is_float
from clearprop.interop.onnx.rows.shapes import axes_given
from clearprop.interop.onnx.running import allowed, plain
from clearprop.interop.onnx.table import row


def _axes(node: OnnxNode, x: Any, axes: Any) -> tuple[int, ...] | None:
    """Return the axes that are reduced; None for no reduction at all."""
    given = axes_given(node, axes)
    if given:
        return tuple(node.axis(x, axis) for axis in given)
    if node.integer("noop_with_empty_axes", 0):
        return None
    return tuple(range(len(x.shape)))


def _sum_of(values: Any, axes: tuple[int, ...], keep: bool) -> Any:
    return ops.sum(values, axes, keep)


def _log_sum(values: Any, axes: tuple[int, ...], keep: bool) -> Any:
    return ops.log(ops.sum(values, axes, keep))


def _log_sum_exp(values: Any, axes: tuple[int, ...], keep: bool) -> Any:
    if math.prod(values.shape[axis] for axis in axes) == 0:
        return ops.log(ops.sum(ops.exp(values), axes, keep))
    return ops.logsumexp(values, axes, keep)


def _norm(values: Any, axes: tuple[int, ...], keep: bool) -> Any:
    # Squares of float16 end at 65504; the derivative at 0 is that of `ops.norm`.
    wide = ops.astype(values, jnp.float32) if values.dtype.itemsize < 4 else values
    return ops.astype(ops.norm(wide, 2, axes, keep), values.dtype)


def _prod(values: Any, axes: tuple[int, ...], keep: bool) -> Any:
    return ops.prod(values, axes, keep)


def _mean(values: Any, axes: tuple[int, ...], keep: bool) -> Any:
    return ops.mean(values, axes, keep)


_REDUCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any] | None, Callable[..., Any]]] = {
    # operator: (of floats, what comes before it or alone, of whole numbers)
    "ReduceSum": (_sum_of, None, jnp.sum),
    "ReduceMean": (_mean, None, jnp.mean),
    "ReduceProd": (_prod, None, jnp.prod),
    "ReduceL1": (_sum_of, ops.abs, jnp.sum),
    "ReduceL2": (_norm, None, jnp.sum),
    "ReduceSumSquare": (_sum_of, ops.square, jnp.sum),
    "ReduceLogSum": (_log_sum, None, jnp.sum),
    "ReduceLogSumExp": (_log_sum_exp, None, jnp.sum),
}


def _reduction(operator: str) -> Callable[..., Any]:
    of_floats, before, of_whole = _REDUCTIONS[operator]

    def computed(node: OnnxNode, x: Any, axes: Any = None) -> Any:
        along = _axes(node, x, axes)
        keep = bool(node.integer("keepdims", 1))
        if not is_float(x):
            return _of_whole_numbers(operator, of_whole, plain(x), along, keep)
        values = before(x) if before is not None else x
        if along is None:
            # Each entry is reduced by itself.
            along, values = (len(x.shape),), ops.expand_dims(values, len(x.shape))
            keep = False
        return of_floats(values, along, keep)

    return computed


def _of_whole_numbers(
    operator: str, function: Callable[..., Any], x: Any, axes: tuple[int, ...] | None, keep: bool
) -> Any:
    wide = jnp.asarray(x)
    if axes is None:
        axes, wide, keep = (wide.ndim,), wide[..., None], False
    if operator == "ReduceL1":
        wide = jnp.abs(wide)
    if operator in ("ReduceL2", "ReduceSumSquare"):
        wide = wide * wide
    if operator in ("ReduceLogSum", "ReduceLogSumExp", "ReduceL2"):
        values = wide.astype(allowed(np.float64))
        values = jnp.exp(values) if operator == "ReduceLogSumExp" else values
        total = jnp.sum(values, axis=axes, keepdims=keep)
        return (jnp.sqrt(total) if operator == "ReduceL2" else jnp.log(total)).astype(x.dtype)
    if operator == "ReduceMean":
        return jnp.mean(wide.astype(allowed(np.float64)), axis=axes, keepdims=keep).astype(x.dtype)
    return function(wide, axis=axes, keepdims=keep).astype(x.dtype)


for _name in _REDUCTIONS:
    row(_name, known=(1,))(_reduction(_name))


def _extreme(largest: bool) -> Callable[..., Any]:
    def computed(node: OnnxNode, x: Any, axes: Any = None) -> Any:
        along = _axes(node, x, axes)
        keep = bool(node.integer("keepdims", 1))
        if along is None:
            return x
        if math.prod(x.shape[axis] for axis in along) == 0:
            return _of_nothing(x, along, keep, largest)
        if is_float(x):
            return (ops.max if largest else ops.min)(x, along, keep)
        find = jnp.max if largest else jnp.min
        return find(jnp.asarray(plain(x)), axis=along, keepdims=keep)

    return computed


def _of_nothing(x: Any, axes: tuple[int, ...], keep: bool, largest: bool) -> Any:
    shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes]
    if is_float(x):
        end: Any = -np.inf if largest else np.inf
    elif x.dtype == bool:
        end = not largest
    else:
        end = np.iinfo(x.dtype).min if largest else np.iinfo(x.dtype).max
    return jnp.full(shape, end, x.dtype)


row("ReduceMax", known=(1,))(_extreme(True))
row("ReduceMin", known=(1,))(_extreme(False))


def _running(function: Callable[..., Any], first: float) -> Callable[..., Any]:
    def computed(node: OnnxNode, x: Any, axis: Any) -> Any:
        along = node.axis(x, int(node.known(axis, "the axis").reshape(-1)[0]))
        back = bool(node.integer("reverse", 0))
        y = ops.flip(x, along) if back else x
        y = function(y, along)
        if node.integer("exclusive", 0):
            widths = [(1, 0) if i == along else (0, 0) for i in range(len(x.shape))]
            cut = (slice(None),) * along + (slice(0, x.shape[along]),)
            y = ops.pad(y, widths, first)[cut]
        y = ops.flip(y, along) if back else y
        return y if y.dtype == x.dtype else ops.astype(y, x.dtype)

    return computed


row("CumSum", known=(1,))(_running(ops.cumsum, 0.0))
row("CumProd", known=(1,))(_running(ops.cumprod, 1.0))


@row("LpNormalization")
def _lp_normalization(node: OnnxNode, x: Any) -> Any:
    axis, p = node.integer("axis", -1), node.integer("p", 2)
    size = ops.sum(ops.abs(x), axis, True) if p == 1 else ops.norm(x, 2, axis, True)
    zero = plain(size) == 0
    return ops.where(zero, 0, ops.divide(x, ops.where(zero, 1, size)))


@row("MatMul", weights=(0, 1))
def _matmul(node: OnnxNode, x: Any, y: Any) -> Any:
    if not is_float(x):
        return jnp.matmul(plain(x), plain(y))
    return ops.matmul(x, y)


@row("Gemm", weights=(0, 1, 2))
def _gemm(node: OnnxNode, a: Any, b: Any, c: Any = None) -> Any:
    a = ops.transpose(a) if node.integer("transA", 0) else a
    b = ops.transpose(b) if node.integer("transB", 0) else b
    y = _matmul(node, a, b)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    y = y if alpha == 1 else ops.astype(ops.multiply(alpha, y), y.dtype)
    if c is None or beta == 0:
        return y
    return ops.add(y, c if beta == 1 else ops.astype(ops.multiply(beta, c), y.dtype))


@row("Einsum")
def _einsum(node: OnnxNode, *arrays: Any) -> Any:
    equation = node.text("equation").replace(" ", "")
    if is_float(arrays[0]) and "..." not in equation:
        return ops.einsum(equation, *arrays)
    return _filled_einsum(equation, *arrays)


def _filled_einsum(equation: str, *arrays: Any) -> Any:
    """Return an Einstein sum with an ellipsis, whose letters are filled in."""
    inputs, _, output = equation.partition("->")
    terms = inputs.split(",")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
    longest = 0
    filled = []
    for term, array in zip(terms, arrays, strict=True):
        number = len(array.shape) - len(term.replace("...", "")) if "..." in term else 0
        longest = max(longest, number)
        filled.append(term.replace("...", "".join(free[:number]) if number else ""))
    letters = "".join(free[:longest])
    if "->" not in equation:
        single = sorted(c for c in set(inputs) if c.isalpha() and inputs.count(c) == 1)
        output = (letters if "..." in inputs else "") + "".join(single)
    output = output.replace("...", letters)
    if not is_float(arrays[0]):
        return jnp.einsum(",".join(filled) + "->" + output, *(plain(array) for array in arrays))
    return ops.einsum(",".join(filled) + "->" + output, *arrays)


@row("Det")
def _det(node: OnnxNode, x: Any) -> Any:
    return ops.det(x)
