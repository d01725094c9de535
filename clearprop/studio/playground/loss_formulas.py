"""The losses of the playground as formulas of the outputs of one example, and their derivatives.

Shape letters: K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from clearprop.glass.equations.expression import Expression, Number, Symbol, call, long_sum
from clearprop.glass.equations.normalized import SAFE_POWER


class Compared(NamedTuple):
    """The outputs of one example and its target.

    Attributes:
        outputs: of the network, K symbols.
        target: as the loss takes it; the number of the class where there are several outputs.
    """

    outputs: Sequence[Symbol]
    target: Symbol

    @property
    def only(self) -> Symbol:
        """The output of a network that has one."""
        return self.outputs[0]

    @property
    def wanted(self) -> int:
        """The output of the class that is right."""
        return int(self.target.amount)


class LossRow(NamedTuple):
    """A loss as a formula.

    Attributes:
        value: E.
        slope: (outputs and target, number of an output) -> dE/d(output).
    """

    value: Callable[[Compared], Expression]
    slope: Callable[[Compared, int], Expression]


class UnsafePowersError(ArithmeticError):
    """A power of e in the formula would overflow; the library computes it in another way."""


def _powers(outputs: Sequence[Symbol]) -> Expression:
    if any(abs(z.amount) >= SAFE_POWER for z in outputs):
        raise UnsafePowersError
    return long_sum([call("exp", z) for z in outputs])


def _difference(c: Compared) -> Expression:
    return c.only - c.target


def _sign(c: Compared) -> Expression:
    difference = c.only.amount - c.target.amount
    return Number(float((difference > 0) - (difference < 0)))


def _near(c: Compared) -> Expression:
    near = call("min", call("abs", _difference(c)), 1)
    return near * (call("abs", _difference(c)) - near / 2)


def _slope_of_near(c: Compared, k: int) -> Expression:
    is_near = abs(c.only.amount - c.target.amount) <= 1
    return _difference(c) if is_near else _sign(c)


def _signed(c: Compared) -> Expression:
    """Return the target as -1 or 1."""
    return 2 * c.target - 1


def _slope_of_hinge(c: Compared, k: int) -> Expression:
    inside = (1 - _signed(c) * c.only).value
    return -_signed(c) if inside > 0 else Number(0.0)


def _predicted(c: Compared) -> Symbol:
    return Symbol("s", float(c.only.amount >= 0))


def _of_logit(c: Compared) -> Expression:
    if c.only.amount >= SAFE_POWER:
        raise UnsafePowersError
    return call("log", 1 + call("exp", c.only)) - c.target * c.only


def _of_chance(c: Compared) -> Expression:
    y, t = c.only, c.target
    if not 0 < y.amount < 1:
        raise UnsafePowersError
    return -(t * call("log", y)) - (1 - t) * call("log", 1 - y)


def _slope_of_chance(c: Compared, k: int) -> Expression:
    y, t = c.only, c.target
    if not 0 < y.amount < 1:
        raise UnsafePowersError
    return (y - t) / (y * (1 - y))


def _slope_of_scores(c: Compared, k: int) -> Expression:
    chance = call("exp", c.outputs[k]) / _powers(c.outputs)
    return chance - 1 if k == c.wanted else chance


_SQUARE = LossRow(lambda c: _difference(c) ** 2 / 2, lambda c, k: _difference(c))
_ABSOLUTE = LossRow(lambda c: call("abs", _difference(c)), lambda c, k: _sign(c))
_HUBER = LossRow(_near, _slope_of_near)

LOSS_ROWS: dict[str, LossRow] = {
    "squared_error": _SQUARE,
    "binary_squared_error": _SQUARE,
    "mean_squared_error": LossRow(lambda c: _difference(c) ** 2, lambda c, k: 2 * _difference(c)),
    "absolute_error": _ABSOLUTE,
    "mean_absolute_error": _ABSOLUTE,
    "huber": _HUBER,
    "smooth_l1": _HUBER,
    "log_loss": LossRow(_of_chance, _slope_of_chance),
    "binary_cross_entropy": LossRow(_of_logit, lambda c, k: call("sigmoid", c.only) - c.target),
    "hinge": LossRow(lambda c: call("max", 0, 1 - _signed(c) * c.only), _slope_of_hinge),
    "perceptron": LossRow(
        lambda c: (_predicted(c) - c.target) * c.only, lambda c, k: _predicted(c) - c.target
    ),
    "cross_entropy": LossRow(
        lambda c: call("log", _powers(c.outputs)) - c.outputs[c.wanted], _slope_of_scores
    ),
    "nll": LossRow(
        lambda c: -c.outputs[c.wanted], lambda c, k: Number(-1.0 if k == c.wanted else 0.0)
    ),
}
"""A row for each loss of the playground."""
