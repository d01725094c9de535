"""Wrong names of arguments are answered with ours, also those of other libraries."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

from clearprop.elsewhere import alike
from clearprop.errors import ConfigurationError

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
    >>> train(1, 0.1, 32)
    Traceback (most recent call last):
    clearprop.arguments.UnknownArgumentError: train was called with too many arguments
      given:    3 without a name
      expected: train(epochs=1, learning_rate=0.1)
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        signature = inspect.signature(function)
        known = [one for one in names_of(signature) if one != "self"]
        is_method = next(iter(signature.parameters), "") == "self"

        @functools.wraps(function)
        def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            for given in kwargs:
                if given not in known:
                    raise unknown_argument(name, given, known, elsewhere or {})
            if (many := too_many(name, signature, args, kwargs, int(is_method))) is not None:
                raise many
            return function(*args, **kwargs)

        return checked

    return decorate


def unknown_argument(
    name: str, given: str, known: list[str], elsewhere: Mapping[str, str]
) -> UnknownArgumentError:
    """Return the error for an unknown argument, with what is meant as its fix."""
    close = alike(given, known)
    fix = elsewhere.get(given) or (f"{close}=..." if close else None)
    return UnknownArgumentError(
        f"{name} has no argument {given!r}", expected=", ".join(known), fix=fix
    )


def names_of(signature: inspect.Signature) -> list[str]:
    """Return the names of the arguments that a function takes."""
    return [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def too_many(
    name: str,
    signature: inspect.Signature,
    given: Sequence[object],
    named: Mapping[str, object],
    skipped: int = 0,
) -> UnknownArgumentError | None:
    """Return the error about arguments without a name that are more than a function takes.

    Its fix is the same call, in which they have the next names of the signature.

    Args:
        name: of the function, for the message.
        signature: of the function.
        given: its arguments without a name.
        named: its arguments with a name.
        skipped: how many of the first arguments the caller did not write, such as ``self``.
    """
    parameters = list(signature.parameters.values())[skipped:]
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    by_place = [one for one in parameters if one.kind is not one.KEYWORD_ONLY]
    by_place = [one for one in by_place if one.kind is not one.VAR_KEYWORD]
    own = given[skipped:]
    if len(own) <= len(by_place):
        return None
    more = own[len(by_place) :]
    free = [one for one in parameters if one.kind is one.KEYWORD_ONLY and one.name not in named]
    pairs = list(zip(more, free, strict=False))
    fix = None
    if len(more) <= len(free) and all(_suits(value, at) for value, at in pairs):
        shown = [_written(one, at.name) for one, at in zip(own, by_place, strict=False)]
        shown += [f"{at.name}={_written(one)}" for one, at in pairs]
        shown += [f"{at}={_written(one)}" for at, one in named.items()]
        fix = f"{name}({', '.join(shown)})"
    return UnknownArgumentError(
        f"{name} was called with too many arguments",
        given=f"{len(own)} without a name",
        expected=call_of(name, signature, skipped),
        fix=fix,
    )


def call_of(name: str, signature: inspect.Signature, skipped: int = 0) -> str:
    """Return how a function is called: its arguments with their defaults, without their types.

    >>> def train(epochs: int, *, seed: int = 0) -> None: ...
    >>> call_of("train", inspect.signature(train))
    'train(epochs, *, seed=0)'
    """
    plain = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    shown = signature.replace(parameters=plain[skipped:], return_annotation=signature.empty)
    return name + re.sub(r"<function (\w+) at 0x\w+>", r"\1", str(shown))


def _suits(value: object, parameter: inspect.Parameter) -> bool:
    """Whether a value is of the kind of a default: what is of another kind means something else."""
    usual = parameter.default
    if usual in (None, parameter.empty):
        return True
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(usual, bool) and isinstance(value, bool)
    return isinstance(usual, int | float) == isinstance(value, int | float | tuple)


def _written(value: object, name: str = "...") -> str:
    """Return a value as source where it is short and plain, else the name of its argument."""
    plain = (bool, int, float, str, type(None))
    parts = value if isinstance(value, tuple) else (value,)
    return repr(value) if all(isinstance(part, plain) for part in parts) else name
