"""Splits the arguments of a call into arrays that carry error signals, and parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

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
