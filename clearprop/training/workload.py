"""How much work a training step is, read off its trace: what the plan of a run is made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax


class Workload(NamedTuple):
    """The work of one call of a function.

    Attributes:
        operations: multiplications and additions of its products and convolutions, or the entries
            of what it computes, where they are more.
        instructions: how many array operations it takes.
        convolutions: how many of XLA's own convolutions are among them.
    """

    operations: int
    instructions: int
    convolutions: int


def workload(function: Callable[..., Any], *inputs: Any) -> Workload:
    """Return the work of a function on inputs of these shapes; nothing is computed.

    >>> import jax.numpy as jnp
    >>> workload(lambda a, b: a @ b, jnp.ones((4, 5)), jnp.ones((5, 6)))
    Workload(operations=240, instructions=1, convolutions=0)
    """
    products = entries = instructions = convolutions = 0
    for equation, times in _equations(jax.make_jaxpr(function)(*inputs).jaxpr, 1):
        instructions += times
        entries += times * sum(_size(out) for out in equation.outvars)
        name = equation.primitive.name
        if name == "dot_general":
            products += times * _product(equation)
        elif name == "conv_general_dilated":
            convolutions += times
            products += times * _convolution(equation)
    return Workload(max(products, entries), instructions, convolutions)


def _equations(jaxpr: Any, times: int) -> Iterator[tuple[Any, int]]:
    for equation in jaxpr.eqns:
        inner = [x for value in equation.params.values() for x in _jaxprs(value)]
        if not inner:
            yield equation, times
        repeated = times * equation.params.get("length", 1) if inner else times
        for each in inner:
            yield from _equations(each, repeated)


def _jaxprs(value: Any) -> Iterator[Any]:
    for each in value if isinstance(value, tuple | list) else (value,):
        closed = getattr(each, "jaxpr", each)
        if hasattr(closed, "eqns"):
            yield closed


def _size(variable: Any) -> int:
    return math.prod(getattr(variable.aval, "shape", ()))


def _product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return 2 * _size(equation.outvars[0]) * math.prod(int(shape[axis]) for axis in contracted)


def _convolution(equation: Any) -> int:
    numbers = equation.params["dimension_numbers"]
    kernel = equation.invars[1].aval.shape
    per_output: int = math.prod(kernel) // kernel[numbers.rhs_spec[0]]
    return 2 * _size(equation.outvars[0]) * per_output
