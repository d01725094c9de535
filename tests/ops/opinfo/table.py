"""The table of PyTorch's operators that clearprop computes too: one mapping for each operator.

A mapping is called with the input and the arguments of one of PyTorch's samples, under PyTorch's
names. It computes the same with clearprop's operations, or raises `NotExpressible` with the reason.
PyTorch's images are (batch, channels, *sizes), its kernels (out, in, *window) and its weights
(out, in); a mapping transposes them to clearprop's layout and its result back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from clearprop import ops

Predicate = Callable[..., bool]


class NotExpressible(Exception):  # noqa: N818 - it is the name of an outcome, not of a fault
    """A sample that asks for what clearprop's operation does not do; its text is the reason."""


@dataclass(frozen=True)
class Mapping:
    """How clearprop computes one of PyTorch's operators.

    Attributes:
        compute: called with the input and the arguments of a sample.
        uses: the operations of clearprop that it compares.
        differs: by reason: says for which samples a stated convention gives other numbers.
        dtype: number type of the samples.
    """

    compute: Callable[..., Any]
    uses: frozenset[str]
    differs: dict[str, Predicate]
    dtype: str


MAPPINGS: dict[str, Mapping] = {}
"""By the operator's name in PyTorch's table of samples."""


def maps(
    *names: str,
    uses: str | Iterable[str],
    differs: dict[str, Predicate] | None = None,
    dtype: str = "float64",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a mapping under the names of PyTorch's operators that it computes."""
    used = frozenset([uses] if isinstance(uses, str) else uses)

    def add(compute: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            assert name not in MAPPINGS, f"{name} is mapped twice"
            MAPPINGS[name] = Mapping(compute, used, differs or {}, dtype)
        return compute

    return add


def whole(value: Any) -> Any:
    """Return a number that PyTorch gives as an array of one entry."""
    return int(value) if hasattr(value, "dtype") else value


def axis_of(x: Any, dim: Any) -> Any:
    """Return PyTorch's ``dim`` as an axis: an empty list means all axes, as None does."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return None
    if x.shape == ():
        raise NotExpressible("PyTorch gives a scalar one axis, NumPy and clearprop give it none")
    return tuple(dim) if isinstance(dim, list | tuple) else dim


def converted(x: Any, dtype: Any) -> Any:
    """Return x in the number type of an argument ``dtype``."""
    return x if dtype is None else ops.astype(x, dtype)


def reduced(values: Any, reduction: str) -> Any:
    """Return the losses of all entries as PyTorch's ``reduction`` asks."""
    return {"none": lambda x: x, "mean": ops.mean, "sum": ops.sum}[reduction](values)
