"""What mends a number that is not finite: it depends on the operation, its inputs and the step.

An operation such as a logarithm breaks at some inputs, whatever the learning rate is. Others only
overflow: in the first step because of the inputs or the initial values, later because of steps that
went too far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop import ops
from clearprop.nn.ranges import MOVES

TOO_FAR = "lower learning_rate, or clip the gradients (optim.chain with clip_by_global_norm)"
LARGE = 1e3
"""Inputs and targets beyond this are worth scaling before anything else in the first step."""

HUGE = 1e6
"""Inputs and targets beyond this are worth scaling first in any step."""

LARGE_EXPONENT = {np.dtype(np.float16): 11.0}
"""The exponential of larger numbers is infinite, where it is not 88."""


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


def mend(broken: Computed, maker: Computed | None, step: int, scales: Scales) -> str:
    """Return what to do about an operation that gave, or passed on, a number that is not finite.

    Args:
        broken: the operation.
        maker: the operation from which its first input comes, moves and sums with constants left
            out; None for an input of the model.
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
    advice = _DOMAINS.get(broken.name)
    if advice is not None and arrays and arrays[0] is not None:
        said = advice(arrays, maker)
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
    most = max((float(np.nanmax(np.abs(x))) for x in arrays if x is not None), default=0.0)
    return (
        f"{broken.name} was given numbers up to {most:.3g}: make them smaller, such as by smaller "
        "initial values (weight_init of the layers)"
    )


def _is_one_unit(maker: Computed) -> bool:
    if maker.name not in ("softmax", "masked_softmax"):
        return False
    axis = maker.parameters.get("axis", -1)
    shape = np.shape(maker.output)
    return isinstance(axis, int) and bool(shape) and shape[axis] == 1


def _entries(value: Any) -> NDArray[Any] | None:
    array = np.asarray(value) if hasattr(value, "dtype") or isinstance(value, int | float) else None
    return array if array is not None and array.size and array.dtype.kind in "biuf" else None


Arrays = list["NDArray[Any] | None"]


def _by(maker: Computed | None) -> str:
    """Name the operation that made a value, where it is one that limits values."""
    limits = maker is not None and (maker.name in ops.ACTIVATIONS or maker.name in LIMITS)
    return f", which {maker.name} made" if maker is not None and limits else ""


def _logarithm(arrays: Arrays, maker: Computed | None) -> str:
    x = arrays[0]
    assert x is not None
    least = float(np.nanmin(x))
    if least > 0:
        return ""
    if maker is not None and maker.name == "softmax":
        return f"log was given {least:.3g}{_by(maker)}: ops.log_softmax(x) never is"
    return (
        f"log was given {least:.3g}{_by(maker)}: take it of numbers above 0, "
        "ops.log(ops.clip(x, low=1e-7))"
    )


def _logarithm_of_more(arrays: Arrays, maker: Computed | None) -> str:
    x = arrays[0]
    assert x is not None
    least = float(np.nanmin(x))
    if least > -1:
        return ""
    return (
        f"log1p was given {least:.3g}{_by(maker)}: take it of numbers above -1, "
        "ops.log1p(ops.clip(x, low=-0.9999999))"
    )


def _root(arrays: Arrays, maker: Computed | None) -> str:
    x = arrays[0]
    assert x is not None
    least = float(np.nanmin(x))
    if least > 0:
        return ""
    slope = ", where its slope is infinite" if least == 0 else ""
    return (
        f"sqrt was given {least:.3g}{_by(maker)}{slope}: take it of numbers above 0, "
        "ops.sqrt(ops.clip(x, low=1e-12))"
    )


def _quotient(arrays: Arrays, maker: Computed | None) -> str:
    divisor = arrays[-1]
    if divisor is None or (divisor != 0).all():
        return ""
    return "a number was divided by 0: give the divisor a lower end, x / ops.clip(y, low=1e-7)"


def _power(arrays: Arrays, maker: Computed | None) -> str:
    x, exponent = arrays[0], arrays[-1]
    if x is None or exponent is None:
        return ""
    least = float(np.nanmin(x))
    whole = bool((exponent == np.round(exponent)).all() and (exponent >= 0).all())
    if least > 0 or whole:
        return ""
    return (
        f"the power of {least:.3g} has no finite value or slope: take it of numbers above 0, "
        "ops.clip(x, low=1e-12)"
    )


def _exponential(arrays: Arrays, maker: Computed | None) -> str:
    x = arrays[0]
    assert x is not None
    most = float(np.nanmax(x))
    if not most > LARGE_EXPONENT.get(x.dtype, 88.0):
        return ""
    return (
        f"exp was given {most:.3g}: use ops.softmax, ops.log_softmax, ops.logsumexp or "
        "ops.softplus, which never overflow"
    )


def _chance(arrays: Arrays, maker: Computed | None) -> str:
    y = arrays[0]
    assert y is not None
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    if low < 0 or high > 1:
        return (
            f"the loss takes probabilities and was given {low:.3g} to {high:.3g}{_by(maker)}: "
            "loss = 'binary_cross_entropy' takes outputs of any size"
        )
    return (
        f"the loss was given {low:.3g} to {high:.3g}{_by(maker)}, and log 0 is infinite: "
        "loss = 'binary_cross_entropy', and leave the last sigmoid out"
    )


def _labels(arrays: Arrays, maker: Computed | None) -> str:
    scores, labels = arrays[0], arrays[-1]
    if scores is None or labels is None or labels.dtype.kind == "f":
        return ""
    K = scores.shape[-1]
    if labels.min() >= 0 and labels.max() < K:
        return ""
    return (
        f"labels are from 0 to {K - 1} for {K} outputs, and these are from {labels.min()} to "
        f"{labels.max()}: y = np.unique(y, return_inverse=True)[1]"
    )


_DOMAINS = {
    "log": _logarithm,
    "log1p": _logarithm_of_more,
    "sqrt": _root,
    "rsqrt": _root,
    "divide": _quotient,
    "reciprocal": _quotient,
    "power": _power,
    "exp": _exponential,
    "log_loss": _chance,
    "softmax_cross_entropy": _labels,
}
"""Operations that break at some inputs, and what is said of them; "" where it was not these."""

LIMITS = ("abs", "clip", "masked_softmax", "maximum", "minimum", "square")
"""Operations that limit values, besides the activations."""

KEEPS = (*MOVES, "add", "subtract", "multiply", "divide", "negative", "where")
"""Operations that are passed over in the search for what made a value."""
