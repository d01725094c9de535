"""The mends of errors, for data that is no array of NumPy.

Checks look at arrays, and their mends are written for arrays. This file says the same mend for the
tensors, frames, lists and batches that were given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from clearprop.data.forms import is_foreign, is_tensor
from clearprop.errors import ClearpropError
from clearprop.training.batch_stream import Batches

TARGETS, INPUTS = "y = ", "x = "


@contextlib.contextmanager
def mends_for(data: Any) -> Iterator[None]:
    """Raise errors of the body with mends that fit the data.

    Args:
        data: ``(inputs, targets)`` or batches, as they were given; other data changes nothing.
    """
    try:
        yield
    except ClearpropError as error:
        if error.fix:
            error.fix = mend_for(error.fix, data)
        raise


def mend_for(fix: str, data: Any) -> str:
    """Return a mend of arrays ``x`` or ``y`` for the data that was given.

    >>> mend_for("y = y.astype(int)", (None, [1.0, 2.0]))
    'y = np.asarray(y); y = y.astype(int)'
    """
    first, _, rest = fix.partition("; ")
    name = first[:1]
    if not first.startswith((TARGETS, INPUTS)):
        return fix
    value, _, comment = first.partition("  # ")
    comment = f"  # {comment}" if comment else ""
    rest = f"; {rest}" if rest else ""
    if isinstance(data, Batches):
        new = value.removeprefix(f"{name} = ")
        each = f"for {name} in [np.asarray({name})] for {name} in [{new}]"
        return f"data = [(x, y) for x, y in data {each}]{comment}{rest}"
    if not isinstance(data, tuple | list) or len(data) != 2:
        return fix
    given = data[0] if name == "x" else data[1]
    if not is_foreign(given):
        return fix
    array = f"{name}.detach().cpu().numpy()" if is_tensor(given) else f"np.asarray({name})"
    return f"{name} = {array}; {value}{comment}{rest}"
