"""Replaces Python's and JAX's errors about a traced value with a message that names the fix."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from clearprop import user_code
from clearprop.autodiff import mends
from clearprop.autodiff.operation import OPERATIONS
from clearprop.errors import ClearpropError, TracedValueError
from clearprop.user_code import UserCode

COMPOSED = frozenset(
    {"dot", "expand_dims", "gather", "moveaxis", "outer", "put_along_axis", "repeat", "scan"}
    | {"squeeze", "stop_gradient", "tile"}
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

SAME_ARGUMENTS = ("true_divide", "amax", "amin")
"""Those that are called in the same way."""


_NUMBERS = (jax.errors.ConcretizationTypeError, jax.errors.TracerIntegerConversionError)
"""JAX's errors about a value that is to become a Python number."""


_WRONG_METHOD = (
    "'Traced' object has no attribute",
    "Tracer' object has no attribute",
    "Array' object has no attribute",
    "ArrayImpl' object has no attribute",
    "of a value that is being differentiated",
    "'int' object is not callable",
    "unexpected keyword argument 'dim'",
    "unexpected keyword argument 'keepdim'",
)
"""Parts of the messages about methods that PyTorch's tensors have and arrays do not."""


_METHODS = {
    "view": "x.reshape(...)",
    "permute": "x.transpose(...)",
    "unsqueeze": "clearprop.ops.expand_dims(x, axis)",
    "detach": "clearprop.stop_gradient(x)",
    "contiguous": "leave it out",
    "cpu": "leave it out",
    "cuda": "leave it out",
    "to": "leave it out",
    "relu": "clearprop.ops.relu(x)",
    "sigmoid": "clearprop.ops.sigmoid(x)",
    "tanh": "clearprop.ops.tanh(x)",
    "softmax": "clearprop.ops.softmax(x)",
    "exp": "clearprop.ops.exp(x)",
    "log": "clearprop.ops.log(x)",
    "dim": "axis=...",
    "keepdim": "keepdims=...",
}
"""Methods and arguments of PyTorch's tensors, and ours, where the user's source is not known."""


@contextmanager
def teach_misuse() -> Iterator[None]:
    """Replace an error about a traced value with one that names the operation to use."""
    try:
        yield
    except ClearpropError as error:
        sharpen(error)
        raise
    except Exception as error:
        found = taught(error)
        if found is None:
            raise
        raise found from error


def taught(error: Exception) -> TracedValueError | None:
    """Return our error for one of Python or JAX about a traced value; None for any other."""
    if isinstance(error, jax.errors.UnexpectedTracerError):
        return TracedValueError(
            "a value that is being differentiated was used inside a jax.lax loop, jit or vmap "
            "that began within the differentiated function",
            fix="use ops.scan for recurrence, or take the gradient inside the transformed "
            "function, or make that function one operation with clearprop.lift(function)",
        )
    code = user_code.of_error(error)
    if isinstance(error, jax.errors.TracerBoolConversionError):
        return _truth(code)
    text = str(error)
    method = any(words in text for words in _WRONG_METHOD)
    if method and isinstance(error, AttributeError | TypeError):
        mend = mends.of_method(code, _ours) if code is not None else None
        words = _METHODS.get(_method_named(text))
        if mend is not None or words is not None:
            return _with_mend("arrays have another name for this", code, mend, words or "")
    if not isinstance(error, TypeError):
        return None
    if "JAX arrays are immutable" in text:
        return _with_mend(
            "an array cannot be changed in place",
            code,
            mends.of_assignment(code) if code else None,
            "make a new array: x = x.at[index].set(value)",
        )
    if "format string" in text and ("Tracer" in text or "Traced" in text):
        return _with_mend(
            "while JAX compiles, values are not known yet, so they cannot be printed as numbers",
            code,
            mends.of_print(code) if code else None,
            "jax.debug.print('{}', clearprop.stop_gradient(x)), which prints at each call",
        )
    if isinstance(error, _NUMBERS):
        return _with_mend(
            "while JAX compiles, values are not known yet, so they cannot become Python numbers",
            code,
            mends.of_conversion(code) if code else None,
            "compute with the array itself; sizes come from x.shape",
        )
    if isinstance(error, jax.errors.TracerArrayConversionError):
        return _with_mend(
            "while JAX compiles, values are not known yet, so NumPy cannot compute with them",
            code,
            mends.of_function(code, _ours) if code else None,
            "use the function of jax.numpy",
        )
    # NumPy calls methods of a value with arguments such as `out`, which only its own arrays have.
    of_method = "unexpected keyword argument" in text and _ends_in_numpy(error)
    return _lost(error, code) if "Traced" in text or of_method else None


def sharpen(error: ClearpropError) -> None:
    """Give an error the line of the user's code, and its mend where that can be written down."""
    if error.line is not None:
        return
    code = user_code.of_error(error)
    if code is None:
        return
    error.line = str(code)
    if not isinstance(error, TracedValueError) or error.given is not None:
        return
    mend = None
    if "in place" in error.problem:
        mend = mends.of_assignment(code)
    elif "would lose its gradient" in error.problem:  # not that of a complex number
        mend = mends.of_conversion(code) or mends.of_function(code, _ours)
    if mend is not None:
        error.given, error.fix, error.expected = mend.given, mend.fix, _needs(mend)


def _truth(code: UserCode | None) -> TracedValueError:
    mend = mends.of_truth(code) if code is not None else None
    raised = _with_mend(
        "`if`, `while`, `and`, `or` and bool() need a truth value, and while JAX compiles none is "
        "known",
        code,
        mend,
        "use ops.where(condition, x, y) instead of `if`, & and | instead of `and` and `or`, "
        "ops.scan with a fixed number of steps instead of `while`, or run this function without "
        "jax.jit",
    )
    raised.where = _place(code)
    return raised


def _with_mend(
    problem: str, code: UserCode | None, mend: mends.Mend | None, otherwise: str
) -> TracedValueError:
    """Return an error with a mend, or with a sentence where none can be written down."""
    given = _first_line(code.expression) if code is not None else None
    return TracedValueError(
        problem,
        given=mend.given if mend else given or None,
        expected=_needs(mend) if mend else None,
        fix=mend.fix if mend else otherwise,
        line=str(code) if code is not None else None,
    )


def _needs(mend: mends.Mend) -> str | None:
    return f"{mend.needs} at the beginning of the file" if mend.needs else None


def _lost(error: TypeError, code: UserCode | None) -> TracedValueError:
    call = code.expression if code is not None else ""
    called = _called(call)
    function = called.rpartition(".")[2]
    ours = function if function in {*OPERATIONS, *COMPOSED} else OTHER_NAME.get(function)
    mend = mends.of_function(code, _ours) if code is not None else None
    lift = f"clearprop.lift({called or 'function'})"
    otherwise = (
        f"use clearprop.ops.{ours}"
        if ours
        else f"make the function one operation with {lift}, or write it in clearprop.ops"
    )
    raised = _with_mend(
        "a value that is being differentiated was passed to a function without a gradient rule, so "
        "its gradient would be lost",
        code,
        mend,
        otherwise,
    )
    raised.where = _place(code)
    raised.given = raised.given or str(error).splitlines()[0]
    return raised


def _ours(function: str) -> str | None:
    if function in SAME_ARGUMENTS:
        return OTHER_NAME[function]
    return function if function in {*OPERATIONS, *COMPOSED} else None


def _method_named(text: str) -> str:
    """Return the method or argument that a message of Python says is missing."""
    found = re.search(r"no attribute '(\w+)'|^(\w+) of a value|argument '(\w+)'", text)
    return next(filter(None, found.groups()), "") if found else ""


def _ends_in_numpy(error: BaseException) -> bool:
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step is not None and "numpy" in Path(step.tb_frame.f_code.co_filename).parts


def _place(code: UserCode | None) -> str | None:
    return None if code is None else f"{Path(code.file).name}:{code.line}"


def _called(call: str) -> str:
    """Return the source of what a call calls: ``jax.jit(f)`` of ``jax.jit(f)(x)``."""
    try:
        tree = ast.parse(call, mode="eval").body
    except SyntaxError:  # no source, or no expression
        return ""
    return ast.unparse(tree.func) if isinstance(tree, ast.Call) else ""


def _first_line(call: str) -> str:
    return call.split("\n", 1)[0].rstrip()
