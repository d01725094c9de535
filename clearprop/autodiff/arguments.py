"""The arguments of a call: which are arrays that carry error signals, and which are chosen."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from clearprop.errors import ConfigurationError

Split: TypeAlias = Callable[
    [tuple[object, ...], Mapping[str, object]], tuple[tuple[object, ...], dict[str, object]]
]
"""(positional arguments, named arguments) -> (array inputs, parameters)."""


def splitter(forward: Callable[..., object]) -> Split:
    """Return a function that splits a call's arguments into array inputs and static parameters.

    Array inputs are those that the forward function annotates as ``Array`` (or ``Array | None``).
    They are the first parameters, or one parameter ``*arrays: Array``, which a caller may also
    give as one list. All other arguments are static parameters.

    Raises:
        TypeError: an array input follows a static parameter.

    >>> def scaled(x: Array, by: float = 1.0) -> Array: ...
    >>> splitter(scaled)((2.0, 3.0), {})
    ((2.0,), {'by': 3.0})
    """
    signature = inspect.signature(forward)
    declared = list(signature.parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in declared):
        return lambda args, kwargs: (
            tuple(args[0]) if len(args) == 1 and isinstance(args[0], list | tuple) else args,
            dict(kwargs),
        )
    arrays = [p for p in declared if _is_array(p.annotation)]
    if declared[: len(arrays)] != arrays:
        raise TypeError(f"the array inputs of {forward.__name__!r} must come first")
    static = [p.name for p in declared[len(arrays) :] if p.kind is p.POSITIONAL_OR_KEYWORD]
    number = len(arrays)

    def split(
        args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        if len(args) == number:  # most calls
            return args, dict(kwargs)
        if len(args) > number + len(static):
            signature.bind(*args, **kwargs)  # raises Python's own message
        inputs = list(args[:number])
        parameters = {**dict(zip(static, args[number:], strict=False)), **kwargs}
        for parameter in arrays[len(args) :]:
            if parameter.name in parameters:
                inputs.append(parameters.pop(parameter.name))
            elif parameter.default is not parameter.empty:
                inputs.append(parameter.default)
            else:
                signature.bind(*args, **kwargs)  # raises Python's own message
        return tuple(inputs), parameters

    return split


def _is_array(annotation: object) -> bool:
    """Say whether a parameter is annotated ``Array``, as text or as the class, with None or not."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.match(r"(\w+\.)*Array", text) is not None


def argument_numbers(argnums: int | Sequence[int]) -> tuple[int, ...]:
    """Return one number, or a sequence of numbers, as a tuple of whole numbers.

    Raises:
        ConfigurationError: one is no whole number, or is there twice.

    >>> argument_numbers(0), argument_numbers([0, np.int64(-1)])
    ((0,), (0, -1))
    """
    given = argnums if isinstance(argnums, Sequence) else (argnums,)
    whole = [isinstance(n, int | np.integer) and not isinstance(n, bool) for n in given]
    if not all(whole):
        raise ConfigurationError(
            "arguments are chosen by their places, which are whole numbers",
            given=f"argnums={argnums!r}",
            expected="argnums=0 for the first argument, argnums=(0, 1) for two",
        )
    numbers = tuple(map(int, given))
    _check_different(numbers, argnums)
    return numbers


def argument_places(numbers: Sequence[int], count: int) -> tuple[int, ...]:
    """Return the places of chosen arguments, counted from the front.

    Args:
        numbers: of the chosen arguments, counted from the end where negative.
        count: how many arguments there are.

    Raises:
        ConfigurationError: two numbers stand for the same argument.
        TypeError: there is no such argument.

    >>> argument_places((0, -1), 3)
    (0, 2)
    """
    for number in numbers:
        if not -count <= number < count:
            raise TypeError(f"there is no positional argument {number} to differentiate")
    places = tuple(number % count for number in numbers)
    _check_different(places, f"{tuple(numbers)} of {count} arguments")
    return places


def _check_different(places: Sequence[int], given: object) -> None:
    if len(set(places)) < len(places):
        raise ConfigurationError("an argument is named twice", given=f"argnums={given}")
