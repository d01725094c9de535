"""Wrong names of arguments are answered with ours, also those of other libraries."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from clearprop.errors import ConfigurationError, nearest

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class UnknownArgumentError(ConfigurationError, TypeError):
    """A function was called with an argument that it does not have."""


def known_arguments(
    name: str, elsewhere: Mapping[str, str] | None = None
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Return a decorator that tells the right name of an unknown keyword argument.

    None of the other names works: the error names ours.

    Args:
        name: of the function, for the message.
        elsewhere: what other libraries call an argument, and how it is written here.

    >>> @known_arguments("train", {"lr": "learning_rate=0.01"})
    ... def train(epochs: int = 1, learning_rate: float = 0.1) -> int:
    ...     return epochs
    >>> train(epoch=3)
    Traceback (most recent call last):
    clearprop.arguments.UnknownArgumentError: train has no argument 'epoch'
      expected: epochs, learning_rate
      fix:      epochs=...
    >>> train(lr=3)
    Traceback (most recent call last):
    clearprop.arguments.UnknownArgumentError: train has no argument 'lr'
      expected: epochs, learning_rate
      fix:      learning_rate=0.01
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        known = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and parameter.name != "self"
        ]

        @functools.wraps(function)
        def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            for given in kwargs:
                if given not in known:
                    raise unknown_argument(name, given, known, elsewhere or {})
            return function(*args, **kwargs)

        return checked

    return decorate


def unknown_argument(
    name: str, given: str, known: list[str], elsewhere: Mapping[str, str]
) -> UnknownArgumentError:
    """Return the error for an unknown argument, with what is meant as its fix."""
    close = nearest(given, known)
    fix = elsewhere.get(given) or (f"{close}=..." if close else None)
    return UnknownArgumentError(
        f"{name} has no argument {given!r}", expected=", ".join(known), fix=fix
    )
