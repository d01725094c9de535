"""Reading printed equations back, with Python's syntax tree and a short list of allowed nodes.

This file uses no code of clearprop, so an error of clearprop cannot hide itself.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping

FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "erf": math.erf,
    "sin": math.sin,
    "cos": math.cos,
    "abs": abs,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "max": max,
    "min": min,
}


def evaluate(text: str) -> float:
    """Return the value of an arithmetic formula."""
    return number(ast.parse(text.strip().replace("^", "**"), mode="eval").body)


def number(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -number(inner)
        case ast.BinOp(left=left, op=op, right=right):
            x, y = number(left), number(right)
            match op:
                case ast.Add():
                    return x + y
                case ast.Sub():
                    return x - y
                case ast.Mult():
                    return x * y
                case ast.Div():
                    return x / y
                case ast.Pow():
                    return float(x**y)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return float(FUNCTIONS[name](*map(number, arguments)))
    raise AssertionError(f"{ast.dump(node)} is no arithmetic")


def last_unit(digits: str) -> float:
    """Return the unit of the last digit of a printed number: 0.0001 of 0.6820."""
    mantissa, _, power = digits.lower().partition("e")
    places = len(mantissa.partition(".")[2])
    return float(10.0 ** (int(power or 0) - places))


def right_sides(text: str) -> list[list[str]]:
    """Return the right sides of each equation of a text, in order."""
    found: list[list[str]] = []
    for line in text.splitlines():
        match = re.fullmatch(r"\s*(?P<left>\S*)\s*= (?P<right>.*)", line)
        if match is None:
            continue
        if match["left"]:
            found.append([])
        found[-1].append(re.sub(r"    \(.*\)$|\s+# .*$", "", match["right"]))
    return found


def holds(sides: list[str]) -> bool:
    """Say whether the side with numbers equals the printed result, within its rounding."""
    printed = sides[-1]
    return abs(evaluate(sides[-2]) - float(printed)) <= 0.5001 * last_unit(printed)


def with_numbers(formula: str, numbers: Mapping[str, str]) -> str:
    """Return a formula with a number in brackets in the place of every name."""

    def number_of(name: re.Match[str]) -> str:
        return name[0] if name[0] in FUNCTIONS else f"({numbers[name[0]]})"

    return re.sub(r"d[A-Za-z]\w*/d[A-Za-z]\w*|[A-Za-z]\w*'?", number_of, formula)


def rounding(formula: str) -> float:
    """Return how far the value of a formula can be off because its numbers are rounded."""
    value, off = evaluate(formula), 0.0
    for number in re.finditer(r"\d+\.\d+(e-?\d+)?", formula):
        moved = repr(float(number[0]) + 0.5 * last_unit(number[0]))
        off += abs(evaluate(formula[: number.start()] + moved + formula[number.end() :]) - value)
    return off
