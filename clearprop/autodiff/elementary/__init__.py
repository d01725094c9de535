"""The elementary operations: those of Python's operators on traced values and of the sweep.

They stand on this floor because differentiation itself is made of them. `clearprop.ops` exports
them beside all others.
"""

from clearprop.autodiff.elementary.arithmetic import (
    abs,
    add,
    divide,
    log,
    multiply,
    negative,
    power,
    sign,
    subtract,
    where,
)
from clearprop.autodiff.elementary.index import getitem
from clearprop.autodiff.elementary.matmul import matmul, outer_sum
from clearprop.autodiff.elementary.reduce import max, mean, min, sum
from clearprop.autodiff.elementary.shape import (
    astype,
    broadcast_to,
    expand_dims,
    reshape,
    stack,
    transpose,
)

__all__ = [
    "abs",
    "add",
    "astype",
    "broadcast_to",
    "divide",
    "expand_dims",
    "getitem",
    "log",
    "matmul",
    "max",
    "mean",
    "min",
    "multiply",
    "negative",
    "outer_sum",
    "power",
    "reshape",
    "sign",
    "stack",
    "subtract",
    "sum",
    "transpose",
    "where",
]
