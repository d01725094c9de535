"""Mappings of operators that reduce axes, and of running sums."""

from __future__ import annotations

import math
from typing import Any

from clearprop import ops
from tests.ops.opinfo.table import NotExpressible, axis_of, converted, maps


@maps("sum", uses="sum")
def _sum(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.sum(x, axis=axis_of(x, dim), keepdims=keepdim)


@maps("mean", uses="mean")
def _mean(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.mean(x, axis=axis_of(x, dim), keepdims=keepdim)


@maps("masked.sum", uses=("sum", "where"))
def _masked_sum(x: Any, dim: Any = None, keepdim: bool = False, *, mask: Any = None) -> Any:
    shown = x if mask is None else ops.where(mask, x, 0.0)
    return ops.sum(shown, axis=axis_of(x, dim), keepdims=keepdim)


@maps("prod", uses="prod")
def _prod(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return ops.prod(converted(x, dtype), axis=axis_of(x, dim), keepdims=keepdim)


@maps("amax", uses="max")
def _amax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.max(x, axis=axis_of(x, dim), keepdims=keepdim)


@maps("amin", uses="min")
def _amin(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.min(x, axis=axis_of(x, dim), keepdims=keepdim)


@maps("aminmax", uses=("min", "max"))
def _aminmax(x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    return _amin(x, dim, keepdim), _amax(x, dim, keepdim)


@maps("argmax", uses="argmax")
def _argmax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.argmax(x, axis=axis_of(x, dim), keepdims=keepdim)


@maps("argmin", uses="argmin")
def _argmin(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.argmin(x, axis=axis_of(x, dim), keepdims=keepdim)


def _extreme(value: Any, place: Any, of_two: Any) -> Any:
    def compute(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return value(x)
        if not isinstance(dim, int):
            return of_two(x, dim)
        axis = axis_of(x, dim)
        return value(x, axis=axis, keepdims=keepdim), place(x, axis=axis, keepdims=keepdim)

    return compute


maps("max", uses=("max", "argmax", "maximum"))(_extreme(ops.max, ops.argmax, ops.maximum))
maps("min", uses=("min", "argmin", "minimum"))(_extreme(ops.min, ops.argmin, ops.minimum))


def _spread(compute: Any) -> Any:
    def spread(
        x: Any,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = 1,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = 1 if correction is None else correction
        return compute(
            x,
            axis=axis_of(x, dim),
            keepdims=keepdim,
            ddof=ddof if unbiased is None else int(unbiased),
        )

    return spread


_var, _std = _spread(ops.var), _spread(ops.std)
maps("var", uses="var")(_var)
maps("std", uses="std")(_std)


def _without_freedom(compute: Any) -> Any:
    def both(x: Any, dim: Any = None, *args: Any, **named: Any) -> Any:
        keepdim = args[1] if len(args) > 1 else named.get("keepdim", False)
        average = ops.mean(
            x, axis=None if isinstance(dim, bool) else axis_of(x, dim), keepdims=keepdim
        )
        return compute(x, dim, *args, **named), average

    return both


maps("var_mean", uses=("var", "mean"))(_without_freedom(_var))
maps("std_mean", uses=("std", "mean"))(_without_freedom(_std))


@maps("logsumexp", uses="logsumexp")
def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    return ops.logsumexp(x, axis=axis_of(x, dim), keepdims=keepdim)


@maps("masked.logsumexp", uses="logsumexp")
def _masked_logsumexp(x: Any, dim: Any = None, keepdim: bool = False, *, mask: Any = None) -> Any:
    shown = x if mask is None else ops.where(mask, x, -math.inf)
    return ops.logsumexp(shown, axis=axis_of(x, dim), keepdims=keepdim)


maps("logaddexp", uses="logaddexp")(ops.logaddexp)


@maps("cumsum", uses="cumsum")
def _cumsum(x: Any, dim: int, *, dtype: Any = None) -> Any:
    return ops.cumsum(converted(x, dtype), axis=axis_of(x, dim))


@maps("cumprod", uses="cumprod")
def _cumprod(x: Any, dim: int, *, dtype: Any = None) -> Any:
    return ops.cumprod(converted(x, dtype), axis=axis_of(x, dim))


@maps("sort", uses=("sort", "argsort"))
def _sort(x: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    axis = axis_of(x, dim)
    return ops.sort(x, axis, descending), ops.argsort(x, axis, descending)


@maps("argsort", uses="argsort")
def _argsort(x: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    return ops.argsort(x, axis_of(x, dim), descending)


@maps("topk", uses="top_k")
def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    axis = axis_of(x, dim)
    values, places = ops.top_k(x if largest else -x, k, axis)
    return values if largest else -values, places


def _norm(x: Any, p: Any, dim: Any, keepdim: bool) -> Any:
    axis = axis_of(x, dim)
    if p not in (1, 2, math.inf, -math.inf, "fro"):
        raise NotExpressible("norms other than 1, 2, the largest and the smallest")
    return ops.norm(x, 2 if p == "fro" else p, axis=axis, keepdims=keepdim)


@maps("norm", uses="norm")
def _any_norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    return _norm(x, p, dim, keepdim)


@maps("linalg.vector_norm", uses="norm")
def _vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return _norm(x, ord, dim, keepdim)


@maps("nn.functional.normalize", uses=("norm", "maximum"))
def _normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    return x / ops.maximum(_norm(x, p, dim, True), eps)
