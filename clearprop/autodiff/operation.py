"""The rule table: one row for each operation, with its forward function and its gradient rules.

A rule takes what the lecture's equation takes, and returns the error signal of the input:
*(error signal, output, inputs) -> error signal of the input*.

    @operation(errors=(lambda error, y, x: error * y * (1 - y),))
    def sigmoid(x: Array) -> Array:
        return jax.nn.sigmoid(x)
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar, cast

from clearprop.autodiff.tape import AnyOperation, CountRule, ErrorRule, JointRule, Operation

P = ParamSpec("P")
R = TypeVar("R")

OPERATIONS: dict[str, AnyOperation] = {}
"""Every operation of clearprop by name."""


def operation(
    *,
    name: str | None = None,
    errors: Sequence[ErrorRule | None] | None = None,
    joint: JointRule | None = None,
    stacks: bool | Sequence[bool] = False,
    count: CountRule | None = None,
    instead: Mapping[str, str] | None = None,
) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Turn a forward function on JAX arrays into an operation of the rule table.

    Parameters annotated ``Array`` are its array inputs and come first; the others are static.
    Give ``errors`` (one rule for each input) or ``joint`` (one rule for all inputs); give neither
    if no error signal passes. If the forward function returns a tuple, a rule takes a tuple of
    error signals and a tuple of outputs. The row has the name of the forward function unless
    ``name`` is given. See `Operation` for the other arguments.

    Raises:
        ValueError: another operation has that name.
        TypeError: an array input follows a static parameter.
    """

    def register(forward: Callable[P, R]) -> Operation[P, R]:
        row = Operation(
            forward,
            name=name,
            errors=errors,
            joint=joint,
            stacks=stacks,
            count=count,
            instead=instead,
        )
        if row.name in OPERATIONS:
            raise ValueError(f"two operations are named {row.name!r}")
        OPERATIONS[row.name] = cast(AnyOperation, row)
        return row

    return register


def operation_named(name: str) -> AnyOperation:
    """Return the operation of a name.

    Raises:
        KeyError: there is none.
    """
    return OPERATIONS[name]


# A copy of an operation is the operation itself, also in another process: its row has rules, which
# are functions without a name of their own.
copyreg.pickle(Operation, lambda row: (operation_named, (row.name,)))


def count_nothing(output: object, *inputs: object, **parameters: object) -> int:
    """Count the arithmetic of an operation that only moves numbers: 0.

    >>> count_nothing(1.0)
    0
    """
    return 0
