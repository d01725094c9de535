"""The elementary operations: those that Python's operators on traced values and the sweep use.

Differentiation itself needs them, so they are on this floor. `clearprop.ops` exports them together
with all others.
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
