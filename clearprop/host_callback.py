"""Functions of Python that a compiled step calls, and the errors that they raise."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from clearprop.errors import ClearpropError

_raised: list[ClearpropError] = []
"""What functions have raised in the compiled call that is under way."""


def host_callback(function: Callable[..., Any], shapes: Any, *arguments: Any) -> Any:
    """Call a function of Python from a compiled step, and return what it returns.

    Under `jax.vmap` it is called once for the whole batch: arguments and results have a new first
    axis. JAX may call it more often than once, or not at all where nothing reads the result; so it
    must return the same for the same arguments.

    Args:
        function: of arrays; an error of clearprop that it raises leaves `host_errors`.
        shapes: of the results without a batch, as `jax.ShapeDtypeStruct`.
        arguments: arrays.

    >>> import jax
    >>> import numpy as np
    >>> halved = jax.jit(lambda x: host_callback(lambda x: np.asarray(x) / 2, x, x))
    >>> float(halved(np.float32(3)))
    1.5
    """
    import jax  # `host_errors` is around every command, also around those that do without JAX

    def called(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ClearpropError as error:
            _raised.append(error)
            raise

    return jax.pure_callback(called, shapes, *arguments, vmap_method="broadcast_all")


@contextlib.contextmanager
def host_errors() -> Iterator[None]:
    """Raise the error of a function that a compiled step called, in place of JAX's error."""
    _raised.clear()
    try:
        yield
    except Exception as error:  # JAX raises errors of several kinds
        if not _raised or isinstance(error, ClearpropError):
            raise
        raise _raised[0] from _raised[0].__cause__
    finally:
        _raised.clear()


def _is_told(record: logging.LogRecord) -> bool:
    """Return whether JAX's own line about an error is wanted: not where `host_errors` raises it."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ClearpropError)


logging.getLogger("jax._src.callback").addFilter(_is_told)
