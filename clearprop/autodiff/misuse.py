"""Replaces JAX's error about a traced value with a message that names the fix."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from clearprop.autodiff.operation import OPERATIONS
from clearprop.errors import ClearpropError, TracedValueError

_LIBRARIES = (str(Path(jax.__file__).parent),)

COMPOSED = frozenset(
    {"dot", "expand_dims", "gather", "moveaxis", "outer", "scan", "squeeze", "stop_gradient"}
)
"""The functions of `clearprop.ops`, one floor above, that are no row of the rule table."""

OTHER_NAME = {
    "true_divide": "divide",
    "amax": "max",
    "amin": "min",
    "swapaxes": "transpose",
    "select": "where",
    "conv_general_dilated": "convolution",
    "segment_sum": "scatter_add",
    "fori_loop": "scan",
    "while_loop": "scan",
}
"""The operation of `clearprop.ops` that does what a function of JAX of another name does."""


@contextmanager
def teach_misuse() -> Iterator[None]:
    """Replace an error of JAX about a traced value with one that names the operation to use."""
    try:
        yield
    except ClearpropError:
        raise
    except jax.errors.UnexpectedTracerError as error:
        raise TracedValueError(
            "a value that is being differentiated was used inside a jax.lax loop, jit or vmap "
            "that began within the differentiated function",
            fix="use ops.scan for recurrence, or take the gradient inside the transformed "
            "function, or make that function one operation with clearprop.lift(function)",
        ) from error
    except TypeError as error:
        if "Traced" not in str(error):
            raise
        raise _taught(error) from error


def _taught(error: TypeError) -> TracedValueError:
    place, call = _user_call(error)
    name = re.match(r"(?:\w+\.)*(\w+)\s*\(", call)
    function = name.group(1) if name else ""
    ours = function if function in {*OPERATIONS, *COMPOSED} else OTHER_NAME.get(function)
    lift = f"clearprop.lift({call.split('(')[0].strip()})" if name else "clearprop.lift(function)"
    return TracedValueError(
        "a value that is being differentiated was passed to a function without a gradient rule, so "
        "its gradient would be lost",
        where=place,
        given=call or str(error).splitlines()[0],
        fix=f"use clearprop.ops.{ours}"
        if ours
        else f"make the function one operation with {lift}, or write it in clearprop.ops",
    )


def _user_call(error: BaseException) -> tuple[str | None, str]:
    """Return "file:line" and the source of the innermost call made outside the array library."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(_LIBRARIES):
            continue
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        if frame.colno is None or frame.end_colno is None:
            return place, (frame.line or "").strip()
        line = linecache.getline(frame.filename, frame.lineno or 0).encode()
        # Only the first line of a longer call is shown.
        end = frame.end_colno if frame.lineno == frame.end_lineno else None
        return place, line[frame.colno : end].decode(errors="replace").rstrip()
    return None, ""
