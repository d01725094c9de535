"""Operations that only move entries: which entry of which input an entry of the output is."""

from __future__ import annotations

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
    "flip",
    "getitem",
    "pad",
    "reshape",
    "split",
    "take",
    "take_along_axis",
    "transpose",
}
_SAME = {"astype", "identity", "stored"}

MOVING = _ALL | _FIRST | _SAME
"""Operations whose every entry is one of the entries that went in, or a constant."""


def source(application: Application, index: Index) -> Expression:
    """Return the entry that an entry of the output is.

    The operation itself is asked, on the numbers of the entries in the place of the entries.
    """
    name = application.operation
    if name in _SAME:
        return application.operand(0).entry(index)
    found = sources(application)[index]
    if found == 0:
        return Number(float(application.parameters.get("value", 0.0)))
    operands = [x for x in application.inputs if x is not None]
    last = len(operands) if name in _ALL else 1
    before = 0
    for x in operands[:last]:
        size = int(np.prod(x.shape, dtype=np.int64))
        if found <= before + size:
            place = np.unravel_index(int(found) - before - 1, x.shape)
            return x.entry(tuple(int(i) for i in place))
        before += size
    raise AssertionError(f"{name} gave an entry that it was not given")


def sources(application: Application) -> NDArray[np.integer]:
    """Return the number, from 1, of the entry that stands at every place of the output."""
    name = application.operation
    numbered: list[Any] = []
    before = 1
    for i, x in enumerate(application.inputs):
        assert x is not None
        if i and name not in _ALL:
            numbered.append(jnp.asarray(x.array))
            continue
        size = int(np.prod(x.shape, dtype=np.int64))
        numbered.append(jnp.arange(before, before + size, dtype=jnp.int32).reshape(x.shape))
        before += size
    named = {k: v for k, v in application.parameters.items() if k != "value"}
    answer = OPERATIONS[name].forward(*numbered, **named)
    return np.asarray(answer[application.output] if isinstance(answer, tuple) else answer)
