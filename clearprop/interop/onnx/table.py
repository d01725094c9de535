"""The table of operators: one row for each operator and range of opsets.

    @row("Relu")
    def _relu(node, x):
        return ops.relu(x)

A row takes the node and its inputs, computes with clearprop's operations, and returns the output or
a tuple of them. Inputs that are left out are None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from clearprop.errors import ModelError, nearest

F = TypeVar("F", bound=Callable[..., object])

ALL = -1
"""Every input."""

CONSTANT = "Constant"
"""The operator that is no step of a graph: what it holds is a constant of the graph."""

DOMAINS = {"ai.onnx": ""}
"""Other names of domains."""


@dataclass(frozen=True)
class OperatorRow:
    """How an operator is computed.

    Attributes:
        function: (node, *inputs) -> an output or a tuple of them.
        since: the first opset that it holds for.
        known: positions of the inputs whose values decide a shape; `ALL` where every one does.
        weights: positions of inputs that are weights if they are constants.
        random: whether it draws numbers.
        whole: whether it takes its inputs as they are, since its own graphs or parts decide what
            is computed where.
    """

    function: Callable[..., object]
    since: int
    known: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()
    random: bool = False
    whole: bool = False

    def needs(self, position: int) -> bool:
        """Say whether the value of an input has to be known before a graph is compiled."""
        return position in self.known or ALL in self.known


ROWS: dict[tuple[str, str], list[OperatorRow]] = {}
"""The rows of each (domain, operator), the newest first."""


def row(
    *operators: str,
    domain: str = "",
    since: int = 1,
    known: Sequence[int] = (),
    weights: Sequence[int] = (),
    random: bool = False,
    whole: bool = False,
) -> Callable[[F], F]:
    """Add a row for one or more operators; see `Row` for the arguments.

    Raises:
        ValueError: there is a row of this operator and opset already.
    """

    def register(function: F) -> F:
        made = OperatorRow(function, since, tuple(known), tuple(weights), random, whole)
        for operator in operators:
            rows = ROWS.setdefault((domain, operator), [])
            if any(other.since == since for other in rows):
                raise ValueError(f"two rows for {operator}, opset {since}")
            rows.append(made)
            rows.sort(key=lambda other: -other.since)
        return function

    return register


def find_row(domain: str, operator: str, version: int) -> OperatorRow | None:
    """Return the row of an operator at an opset; None where there is none."""
    rows = ROWS.get((DOMAINS.get(domain, domain), operator), [])
    return next((found for found in rows if found.since <= version), None)


def unsupported(where: str, domain: str, operator: str, version: int) -> ModelError:
    """Return the error about an operator without a row."""
    names = sorted({name for of, name in ROWS if of == DOMAINS.get(domain, domain)})
    close = nearest(operator, names)
    shown = f"{domain}.{operator}" if domain else operator
    return ModelError(
        f"the operator {shown} of opset {version} is not supported",
        where=where,
        expected="an operator of the table in docs/onnx.md",
        fix=f"the nearest supported operator is {close}; is the name spelled right?"
        if close
        else "export the model without it, or write it as supported operators",
    )
