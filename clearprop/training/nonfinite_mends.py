"""What mends a number that is not finite: it depends on the operation, its inputs and the step.

An operation such as a logarithm breaks at some inputs, whatever the learning rate is. Others only
overflow: in the first step because of the inputs or the initial values, later because of steps that
went too far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop import ops
from clearprop.nn.ranges import MOVES, SOFTMAXES

TOO_FAR = "lower learning_rate, or clip the gradients (optim.chain with clip_by_global_norm)"
LARGE = 1e3
"""Inputs and targets beyond this are worth scaling before anything else in the first step."""

HUGE = 1e6
"""Inputs and targets beyond this are worth scaling first in any step."""

LARGE_EXPONENT = {np.dtype(np.float16): 11.0}
"""The exponential of larger numbers is infinite, where it is not 88."""

ASKED = {"divide": 1, "xlogy": 1}
"""The input at which an operation breaks, where it is not the first."""


@dataclass(frozen=True)
class Computed:
    """An operation as it was computed.

    Attributes:
        name: of the operation.
        layer: path of the layer that applied it.
        inputs: its inputs, arrays and numbers.
        output: what it gave.
        parameters: its static arguments.
    """

    name: str
    layer: str
    inputs: Sequence[Any]
    output: Any
    parameters: Mapping[str, object]


class Scales(NamedTuple):
    """How large the examples of the step are, in absolute value.

    Attributes:
        inputs: the largest input of the model.
        targets: the largest target of the loss.
    """

    inputs: float
    targets: float


def asked(broken: Computed) -> Sequence[Any]:
    """Return the input at which an operation breaks, as a list of one; empty where it has none."""
    at = ASKED.get(broken.name, 0)
    return broken.inputs[at : at + 1]


def mend(broken: Computed, maker: Computed | None, step: int, scales: Scales) -> str:
    """Return what to do about an operation that gave, or passed on, a number that is not finite.

    Args:
        broken: the operation.
        maker: the operation from which the input comes that `asked` returns, moves and sums with
            constants left out; None for an input of the model.
        step: the number of training steps that were taken before.
        scales: of the examples.

    >>> zero = np.zeros(3, np.float32)
    >>> relu = Computed("relu", "", [], zero, {})
    >>> mend(Computed("log", "", [zero], zero, {}), relu, 0, Scales(1.0, 1.0))
    'log was given 0, which relu made: take it of numbers above 0, ops.log(ops.clip(x, low=1e-7))'
    """
    if maker is not None and _is_one_unit(maker):
        return (
            "softmax over one unit is always 1: use ops.sigmoid in its place, or leave it out with "
            "loss = 'binary_cross_entropy'"
        )
    arrays = [_entries(x) for x in broken.inputs]
    x = next((_entries(value) for value in asked(broken)), None)
    advice = _DOMAINS.get(broken.name)
    if advice is not None and x is not None:
        said = advice(_Given(broken.name, x, arrays, maker, step))
        if said:
            return said
    limit = HUGE if step else LARGE
    if scales.inputs > limit:
        return f"scale the inputs, which reach {scales.inputs:.3g}: x = x / np.abs(x).max()"
    if scales.targets > limit:
        most = scales.targets
        return f"scale the targets, which reach {most:.3g}: y = (y - y.mean()) / y.std()"
    if step:
        return TOO_FAR
    ends = [end for array in arrays if array is not None for end in _ends(array)]
    reach = f" up to {max(map(abs, ends)):.3g}" if ends else " that are not finite"
    return (
        f"{broken.name} was given numbers{reach}: make them smaller, such as by smaller "
        "initial values (weight_init of the layers)"
    )


def _is_one_unit(maker: Computed) -> bool:
    if maker.name not in SOFTMAXES:
        return False
    axis = maker.parameters.get("axis", -1)
    shape = np.shape(maker.output)
    return isinstance(axis, int) and bool(shape) and shape[axis] == 1


def _entries(value: Any) -> NDArray[Any] | None:
    array = np.asarray(value) if hasattr(value, "dtype") or isinstance(value, int | float) else None
    if array is None or not array.size:
        return None
    if array.dtype.name == "bfloat16":  # NumPy does not count it as a float
        array = array.astype(np.float32)
    return array if array.dtype.kind in "biuf" else None


def _ends(array: NDArray[Any]) -> tuple[float, ...]:
    """Return the lowest and the highest finite number; nothing where there is none."""
    finite = array[np.isfinite(array)]
    # 0 is added so that -0 is told as 0.
    return (float(finite.min()) + 0.0, float(finite.max()) + 0.0) if finite.size else ()


class _Given(NamedTuple):
    """What an operation was given that broke.

    Attributes:
        name: of the operation.
        x: the input at which it breaks.
        arrays: all inputs.
        maker: of that input.
        step: the number of training steps that were taken before.
    """

    name: str
    x: NDArray[Any]
    arrays: Sequence[NDArray[Any] | None]
    maker: Computed | None
    step: int

    def by(self) -> str:
        """Name the operation that made the numbers, where it is one that limits values."""
        maker = self.maker
        limits = maker is not None and (maker.name in ops.ACTIVATIONS or maker.name in LIMITS)
        return f", which {maker.name} made" if maker is not None and limits else ""

    def made(self, end: float) -> bool:
        """Say whether the maker gave the numbers up to an end, and no mask or constant after it."""
        y = None if self.maker is None else _entries(self.maker.output)
        if y is None:
            return False
        bad = self.x <= end
        if y.shape == self.x.shape:
            return bool((np.sign(y[bad]) == np.sign(self.x[bad])).all())
        return bool(np.isin(np.sign(self.x[bad]), np.sign(y)).all())


Advice = Callable[[_Given], str]


def _above(end: float, call: str, slope: bool = False) -> Advice:
    """Return the advice for an operation that takes numbers above an end only.

    Args:
        end: the numbers from which on it breaks.
        call: the operation, given numbers above the end.
        slope: whether it is finite at the end, and only its slope is not.
    """

    def advice(given: _Given) -> str:
        ends = _ends(given.x)
        if not ends or ends[0] > end:
            return ""
        least, made = ends[0], given.made(end)
        by = given.by() if made else ""
        said = f"{given.name} was given {least:.3g}{by}"
        if given.name == "log" and made and given.maker and given.maker.name == "softmax":
            return f"{said}: ops.log_softmax(x) never is"
        at_end = ", where its slope is infinite" if slope and least == end else ""
        return f"{said}{at_end}: take it of numbers above {end:g}, {call}"

    return advice


def _quotient(given: _Given) -> str:
    if (given.x != 0).all():
        return ""
    return f"a number was divided by 0: x / {_away_from_zero(given.x, 'y', '1e-7')}"


def _away_from_zero(x: NDArray[Any], name: str, least: str) -> str:
    """Return code that replaces numbers near 0, and keeps the negative ones."""
    if (x < 0).any():
        return f"ops.where(ops.abs({name}) < {least}, {least}, {name})"
    return f"ops.clip({name}, low={least})"


def _power(given: _Given) -> str:
    exponent, ends = given.arrays[-1], _ends(given.x)
    if exponent is None or not ends or ends[0] > 0:
        return ""
    if bool((exponent == np.round(exponent)).all()):
        if (exponent >= 0).all() or (given.x != 0).all():
            return ""
        away = _away_from_zero(given.x, "x", "1e-7")
        return f"a negative power of 0 is infinite: take it of other numbers, {away}"
    return (
        f"the power of {ends[0]:.3g} has no finite value or slope: take it of numbers above 0, "
        "ops.clip(x, low=1e-12)"
    )


def _exponential(given: _Given) -> str:
    ends = _ends(given.x)
    if not ends or not ends[1] > LARGE_EXPONENT.get(given.x.dtype, 88.0):
        return ""
    stable = "ops.softmax, ops.log_softmax, ops.logsumexp or ops.softplus, which never overflow"
    said = f"{given.name} was given {ends[1]:.3g}"
    if given.step and given.maker is not None:
        return f"{said}, so the values have grown too far: {TOO_FAR}; or use {stable}"
    return f"{said}: use {stable}"


def _chance(given: _Given) -> str:
    ends = _ends(given.x)
    if not ends:
        return ""
    low, high = ends
    if low < 0 or high > 1:
        return (
            f"the loss takes probabilities and was given {low:.3g} to {high:.3g}{given.by()}: "
            "loss = 'binary_cross_entropy' takes outputs of any size"
        )
    return (
        f"the loss was given {low:.3g} to {high:.3g}{given.by()}, and log 0 is infinite: "
        "loss = 'binary_cross_entropy', and leave the last sigmoid out"
    )


def _labels(given: _Given) -> str:
    scores, labels = given.x, given.arrays[-1]
    if labels is None or labels.dtype.kind == "f":
        return ""
    K = scores.shape[-1]
    if labels.min() >= 0 and labels.max() < K:
        return ""
    return (
        f"labels are from 0 to {K - 1} for {K} outputs, and these are from {labels.min()} to "
        f"{labels.max()}: y = np.unique(y, return_inverse=True)[1]"
    )


_DOMAINS: dict[str, Advice] = {
    "log": _above(0, "ops.log(ops.clip(x, low=1e-7))"),
    "log1p": _above(-1, "ops.log1p(ops.clip(x, low=-0.9999999))"),
    "xlogy": _above(0, "ops.xlogy(x, ops.clip(y, low=1e-7))"),
    "sqrt": _above(0, "ops.sqrt(ops.clip(x, low=1e-12))", slope=True),
    "rsqrt": _above(0, "ops.rsqrt(ops.clip(x, low=1e-12))"),
    "divide": _quotient,
    "reciprocal": _quotient,
    "power": _power,
    "exp": _exponential,
    "expm1": _exponential,
    "log_loss": _chance,
    "softmax_cross_entropy": _labels,
}
"""Operations that break at some inputs, and what is said of them; "" where it was not these."""

LIMITS = ("abs", "clip", "masked_softmax", "maximum", "minimum", "square")
"""Operations that limit values, besides the activations."""

KEEPS = (*MOVES, "add", "subtract", "multiply", "divide", "negative", "where")
"""Operations that are passed over in the search for what made a value."""
