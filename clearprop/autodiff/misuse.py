"""Replaces JAX's error about a traced value with a message that names the fix."""

from __future__ import annotations

import ast
import linecache
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from clearprop.autodiff.operation import OPERATIONS
from clearprop.errors import ClearpropError, TracedValueError

_LIBRARIES = (str(Path(jax.__file__).parent), str(Path(__file__).with_name("tape.py")))

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
    except jax.errors.TracerBoolConversionError as error:
        place, condition = _user_call(error)
        raise TracedValueError(
            "`if`, `while`, `and`, `or` and bool() need a truth value, and while JAX compiles none "
            "is known",
            where=place,
            given=_first_line(condition) or None,
            fix="use ops.where(condition, x, y) instead of `if`, & and | instead of `and` and "
            "`or`, ops.scan with a fixed number of steps instead of `while`, or run this function "
            "without jax.jit",
        ) from error
    except TypeError as error:
        if "Traced" not in str(error):
            raise
        raise _taught(error) from error


def _taught(error: TypeError) -> TracedValueError:
    place, call = _user_call(error)
    called = _called(call)
    function = called.rpartition(".")[2]
    ours = function if function in {*OPERATIONS, *COMPOSED} else OTHER_NAME.get(function)
    lift = f"clearprop.lift({called or 'function'})"
    return TracedValueError(
        "a value that is being differentiated was passed to a function without a gradient rule, so "
        "its gradient would be lost",
        where=place,
        given=_first_line(call) or str(error).splitlines()[0],
        fix=f"use clearprop.ops.{ours}"
        if ours
        else f"make the function one operation with {lift}, or write it in clearprop.ops",
    )


def _called(call: str) -> str:
    """Return the source of what a call calls: ``jax.jit(f)`` of ``jax.jit(f)(x)``."""
    try:
        tree = ast.parse(call, mode="eval").body
    except SyntaxError:  # no source, or no expression
        return ""
    return ast.unparse(tree.func) if isinstance(tree, ast.Call) else ""


def _first_line(call: str) -> str:
    return call.split("\n", 1)[0].rstrip()


def _user_call(error: BaseException) -> tuple[str | None, str]:
    """Return "file:line" and the source of the innermost call outside the tape and JAX."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(_LIBRARIES):
            continue
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        if frame.colno is None or frame.end_colno is None:
            return place, (frame.line or "").strip()
        first, last = frame.lineno or 0, frame.end_lineno or frame.lineno or 0
        lines = [linecache.getline(frame.filename, n).encode() for n in range(first, last + 1)]
        lines[-1] = lines[-1][: frame.end_colno]
        lines[0] = lines[0][frame.colno :]
        return place, b"".join(lines).decode(errors="replace").rstrip()
    return None, ""
