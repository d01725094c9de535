"""The operators and methods of arrays, for values that are being differentiated.

Each is an elementary operation. The elementary operations need the class `Traced`, so the class
cannot name them itself: `give_operators` sets them on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import cast

from clearprop.autodiff import elementary
from clearprop.autodiff.shapes import Axis
from clearprop.autodiff.tape import Binary, Function, Operand, Traced, Value

BINARY: dict[str, Function] = {
    "add": elementary.add,
    "sub": elementary.subtract,
    "mul": elementary.multiply,
    "truediv": elementary.divide,
    "pow": elementary.power,
    "matmul": elementary.matmul,
}
"""The operation of each operator with two operands: ``x + y`` is ``x.__add__(y)``."""

METHODS: dict[str, Function] = {
    "__neg__": elementary.negative,
    "__abs__": elementary.abs,
    "__getitem__": elementary.getitem,
    "astype": elementary.astype,
}
"""The operation of each method that takes the arguments of the operation."""

REDUCTIONS: dict[str, Function] = {
    "sum": elementary.sum,
    "mean": elementary.mean,
    "max": elementary.max,
    "min": elementary.min,
}
"""The operation of each method that reduces many entries to one."""


def give_operators() -> None:
    """Set the operators and methods of arrays on `Traced`."""
    for name, function in BINARY.items():
        setattr(Traced, f"__{name}__", _method(function))
        setattr(Traced, f"__r{name}__", _reflected(function))
    for name, function in METHODS.items():
        setattr(Traced, name, _method(function))
    for name, function in REDUCTIONS.items():
        setattr(Traced, name, _reduction(function))
    for method in (_ravel, _reshape, _transpose):
        setattr(Traced, method.__name__.removeprefix("_"), method)
    setattr(Traced, "T", property(_transpose))  # noqa: B010 - an attribute of the class is no Value


def _method(function: Function) -> Function:
    def applied(x: Traced, *args: object, **kwargs: object) -> Value:
        return function(x, *args, **kwargs)

    return applied


def _reduction(function: Function) -> Function:
    # Both parameters are always written on the tape: the glass shows them.
    def reduced(x: Traced, axis: Axis = None, *, keepdims: bool = False) -> Value:
        return function(x, axis=axis, keepdims=keepdims)

    return reduced


def _reflected(function: Function) -> Binary:
    def applied(x: Traced, other: Operand) -> Value:
        return function(other, x)

    return applied


def _ravel(x: Traced) -> Value:
    return _reshape(x, -1)


def _reshape(x: Traced, *shape: int | Sequence[int]) -> Value:
    function: Function = elementary.reshape
    return function(x, shape=_numbers(shape))


def _transpose(x: Traced, *axes: int | Sequence[int]) -> Value:
    function: Function = elementary.transpose
    return function(x, axes=_numbers(axes) or None)


def _numbers(given: Sequence[int | Sequence[int]]) -> tuple[int, ...]:
    """Return the numbers of ``f(2, 3)`` or of ``f((2, 3))``."""
    whole = given[0] if len(given) == 1 else given
    numbers = given if hasattr(whole, "__index__") else whole
    return tuple(map(index, cast("Sequence[int]", numbers)))
