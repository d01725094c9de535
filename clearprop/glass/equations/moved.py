"""Operations that only move entries: from which entry of which input an output entry comes."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.autodiff import OPERATIONS
from clearprop.glass.equations.application import Application, Index
from clearprop.glass.equations.expression import Expression, Number

_ALL = {"concatenate", "stack"}
_FIRST = {
    "broadcast_to",
    "dynamic_slice",
    "flip",
    "getitem",
    "pad",
    "reshape",
    "roll",
    "split",
    "take",
    "take_along_axis",
    "transpose",
    "tril",
    "triu",
}
_SAME = {"astype", "identity", "stored"}

MOVING = _ALL | _FIRST | _SAME
"""Operations whose output entries are all entries of the inputs, or a constant."""


def source(application: Application, index: Index) -> Expression:
    """Return the input entry that was moved to an entry of the output."""
    name = application.operation
    if name in _SAME:
        return application.operand(0).entry(index)
    found = sources(application)[index]
    if found == 0:
        return Number(float(application.parameters.get("value", 0.0)))
    number = int(found) - 1
    for i in range(len(application.inputs)):
        x = application.operand(i)
        size = math.prod(x.shape)
        if number < size:
            return x.entry(tuple(int(i) for i in np.unravel_index(number, x.shape)))
        number -= size
    raise AssertionError(f"{name} returned an entry that is not in its inputs")


def sources(application: Application) -> NDArray[np.integer]:
    """Return the number, from 1, of the input entry in every place of the output.

    The operation itself is run, on the numbers of the entries instead of their values.
    """
    name = application.operation
    numbered: list[Any] = []
    before = 1
    for i, x in enumerate(application.inputs):
        assert x is not None
        if i and name not in _ALL:
            numbered.append(jnp.asarray(x.array))
            continue
        size = math.prod(x.shape)
        numbered.append(jnp.arange(before, before + size, dtype=jnp.int32).reshape(x.shape))
        before += size
    named = {k: v for k, v in application.parameters.items() if k != "value"}
    moved = OPERATIONS[name].forward(*numbered, **named)
    return np.asarray(moved[application.output] if isinstance(moved, tuple) else moved)
