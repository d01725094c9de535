"""Constant learning rates as arguments of compiled programs, which runs with others then share."""

from __future__ import annotations

import contextvars
import numbers
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import jax
from jax.typing import ArrayLike

from clearprop.optim.configuration import Configured

Result = TypeVar("Result")

_arguments: contextvars.ContextVar[Mapping[float, ArrayLike]] = contextvars.ContextVar(
    "arguments", default=MappingProxyType({})
)
"""What stands for constant rates in the function that is being traced."""


_traced_for = jax.make_user_context(None)
"""A part of JAX's key of a trace: which call of `taking_rates` it belongs to."""


def standing_for(rate: float) -> ArrayLike:
    """Return what stands for a constant rate in the function that is being traced."""
    return _arguments.get().get(rate, rate)


def taking_rates(function: Callable[..., Result], rates: Sequence[float]) -> Callable[..., Result]:
    """Return a function to compile that has the values of constant rates before its arguments.

    A constant would be a part of the compiled program, and each rate would have one of its own.

    Args:
        function: uses optimizers that were made with these rates.
        rates: each once.
    """

    def rated(values: Sequence[ArrayLike], *inputs: object, **options: object) -> Result:
        token = _arguments.set(dict(zip(rates, values, strict=True)))
        try:
            # A function that is compiled within this one keeps its traces, and with them the values
            # of an earlier call of this one, unless JAX knows that they belong together.
            with _traced_for(object()):
                return function(*inputs, **options)
        finally:
            _arguments.reset(token)

    rated.__name__ = function.__name__
    return rated


def constant_rates(made: Configured) -> list[float]:
    """Return the learning rates of an optimizer and its parts that are numbers, each once.

    >>> from clearprop import optim
    >>> constant_rates(optim.chain(optim.clip_by_value(1.0), optim.sgd(0.1)))
    [0.1]
    """
    rate = made.options.get("learning_rate")
    own = [float(rate)] if isinstance(rate, numbers.Real) else []
    parts = made.options.get("parts")
    for part in parts if isinstance(parts, tuple) else ():
        own += constant_rates(part) if isinstance(part, Configured) else []
    return list(dict.fromkeys(own))
