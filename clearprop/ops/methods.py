"""The methods of arrays, for values that are being differentiated: those that this floor computes.

`clearprop/autodiff/operators.py` gives traced values the others. The methods of `DERIVED` have no
operation of their own: `lift` makes each of them one, with JAX's derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import lift
from clearprop.autodiff.elementary import matmul, multiply, reshape, transpose
from clearprop.autodiff.elementary.matmul import swapped
from clearprop.autodiff.shapes import Array, Axis, check_axis, shape_of
from clearprop.autodiff.tape import Function, Operand, Traced, Value, strip
from clearprop.ops import reduce
from clearprop.ops.elementwise import clip, maximum, minimum
from clearprop.ops.index import take
from clearprop.ops.rounding import remainder
from clearprop.ops.shape import moveaxis, squeeze

PLAIN = (
    "all",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "choose",
    "nonzero",
    "round",
    "searchsorted",
)
"""Methods whose result does not change with a small step of the array: it is a plain array."""

DERIVED = ("compress", "cumprod", "diagonal", "ptp", "repeat", "sort", "trace")
"""Methods whose gradient JAX derives."""

ENTRIES = ("set", "add", "subtract", "min", "max")
"""Methods of ``x.at[index]``; JAX has no gradient of the others where an index may come twice."""

SAME = ("block_until_ready", "clone", "conj", "conjugate", "copy")
"""Methods that return the array itself, where its entries are real numbers."""


def give_methods() -> None:
    """Set the methods of arrays that are operations of this floor on `Traced`."""
    for names, kind in ((PLAIN, _plain), (DERIVED, _derived), (SAME, _same)):
        for name in names:
            setattr(Traced, name, kind(name))
    for method in (_clip, _cumsum, _dot, _flatten, _prod, _squeeze, _std, _swapaxes, _take, _var):
        setattr(Traced, method.__name__.removeprefix("_"), method)
    for name, read in {
        "imag": lambda x: jnp.zeros_like(strip(x)),
        "itemsize": lambda x: strip(x).itemsize,
        "mT": swapped,
        "nbytes": lambda x: strip(x).nbytes,
        "real": lambda x: x,
    }.items():
        setattr(Traced, name, property(read))
    setattr(Traced, "at", property(_At))  # noqa: B010 - an attribute of the class is no Value
    for operator, function in (("mod", remainder), ("floordiv", lift(jnp.floor_divide))):
        setattr(Traced, f"__{operator}__", lambda x, y, of=function: of(x, y))
        setattr(Traced, f"__r{operator}__", lambda x, y, of=function: of(y, x))


class _At:
    """``x.at[index]``: some entries of a value, for a new value in which they differ."""

    def __init__(self, x: Traced) -> None:
        self.x = x

    def __getitem__(self, index: object) -> _Entries:
        return _Entries(self.x, jax.tree.map(strip, index))


class _Entries:
    """``x.at[index]`` with the methods of JAX: ``set(y)``, ``add(y)``, ..."""

    def __init__(self, x: Traced, index: object) -> None:
        self.x = x
        self.index = index

    def __getattr__(self, name: str) -> Callable[[Operand], Value]:
        if name not in ENTRIES:
            raise AttributeError(f"x.at[index] has no {name!r}; it has {', '.join(ENTRIES)}")

        def changed(y: Operand) -> Value:
            def of_arrays(x: Any, y: Any) -> Any:
                return getattr(x.at[self.index], name)(y)

            of_arrays.__name__ = f"at_{name}"
            changed_value: Value = lift(of_arrays)(self.x, y)
            return changed_value

        return changed


def _plain(name: str) -> Callable[..., Array]:
    def method(x: Traced, *args: object, **kwargs: object) -> Any:
        args, kwargs = jax.tree.map(strip, (args, kwargs))
        return getattr(strip(x), name)(*args, **kwargs)

    return method


def _derived(name: str) -> Function:
    def method(x: Traced, *args: object, **kwargs: object) -> Any:
        def of_array(array: Any) -> Any:
            return getattr(array, name)(*args, **kwargs)

        of_array.__name__ = name
        return lift(of_array)(x)

    return method


def _same(name: str) -> Callable[[Traced], Traced]:
    def method(x: Traced) -> Traced:
        return x

    return method


def _clip(x: Traced, min: Operand | None = None, max: Operand | None = None) -> Value:
    if type(min) is not Traced and type(max) is not Traced:
        return _call(clip, x, min, max)
    above = x if min is None else _call(maximum, x, min)
    return above if max is None else _call(minimum, above, max)


def _cumsum(x: Traced, axis: int | None = None) -> Value:
    whole = _call(reshape, x, -1) if axis is None else x
    return _call(reduce.cumsum, whole, axis=axis or 0)


def _dot(x: Traced, y: Value) -> Value:
    if not x.shape or not shape_of(y):
        return _call(multiply, x, y)
    if len(shape_of(y)) <= 2:
        return _call(matmul, x, y)
    # NumPy's product of more axes: the last axis of x with the last but one of y.
    rows = _call(moveaxis, y, -2, 0)
    flat = _call(matmul, x, _call(reshape, rows, (rows.shape[0], -1)))
    return _call(reshape, flat, (*x.shape[:-1], *rows.shape[1:]))


def _flatten(x: Traced) -> Value:
    return _call(reshape, x, -1)


def _squeeze(x: Traced, axis: int | tuple[int, ...] | None = None) -> Value:
    return _call(squeeze, x, axis)


def _swapaxes(x: Traced, axis1: int, axis2: int) -> Value:
    order = list(range(len(x.shape)))
    first, second = (check_axis("swapaxes", x, axis) for axis in (axis1, axis2))
    order[first], order[second] = second, first
    return _call(transpose, x, tuple(order))


def _take(x: Traced, indices: Value, axis: int | None = None) -> Value:
    whole = _call(reshape, x, -1) if axis is None else x
    return _call(take, whole, indices, axis=axis or 0)


def _prod(x: Traced, axis: Axis = None, *, keepdims: bool = False) -> Value:
    return _call(reduce.prod, x, axis=axis, keepdims=keepdims)


def _std(x: Traced, axis: Axis = None, *, keepdims: bool = False, ddof: int = 0) -> Value:
    return _call(reduce.std, x, axis=axis, keepdims=keepdims, ddof=ddof)


def _var(x: Traced, axis: Axis = None, *, keepdims: bool = False, ddof: int = 0) -> Value:
    return _call(reduce.var, x, axis=axis, keepdims=keepdims, ddof=ddof)


def _call(function: Function, *args: object, **kwargs: object) -> Value:
    """Call an operation, whose signature names plain arrays, with traced values."""
    return function(*args, **kwargs)
