"""Mismatches of a model's last operation: it gives what the loss cannot use, or not the targets.

Shape letters: K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from clearprop.nn.ranges import SOFTMAXES, ValueRange
from clearprop.training.seam.examples import NOT_ONE, Targets, percent
from clearprop.training.seam.last_operation import Seam, of_batch
from clearprop.training.seam.mends import (
    both,
    called,
    with_loss,
    with_units,
    without_activation,
)
from clearprop.training.seam.mismatch import Mismatch, Severity
from clearprop.training.seam.scale import Scale

MUCH_LEFT, SOME_LEFT = 0.2, 0.02
"""Fractions of the targets' variance that even the best outputs leave: above the first it is an
error, unless the typical targets are in reach; above the second a warning. Below it, targets out of
reach are noise."""

MANY_ROWS = 0.1
"""Above this fraction of rows that do not sum to 1 they are no outliers, so it is an error."""

NOTHING: Mapping[str, float] = MappingProxyType({})

UNSURE = 0.05
"""Limited scores are told where the loss of the best possible answer stays above this."""


def mismatches_of_outputs(
    seam: Seam, scale: Scale, targets: Targets, known: str
) -> Iterator[Mismatch]:
    """Yield what is wrong with the last operation.

    Args:
        seam: of the model.
        scale: what the loss takes the outputs for.
        targets: as the loss takes them.
        known: name of the loss, where it is one of clearprop's own; else "".
    """
    if seam.untaught:
        yield _mismatch(
            seam,
            "no_error_signal",
            "error",
            "no error signal passes from the outputs to the parameters, so nothing can be learned",
            _outputs(seam),
            targets,
            fix="end the model with a function that has a slope, such as ops.sigmoid in place of "
            "ops.binary_step, and without ops.argmax, ops.round and stop_gradient",
        )
    if seam.over_batch:
        yield _over_batch(seam, targets)
        return
    yield from _logarithm(seam, targets)
    if seam.twice:
        yield _twice_in_loss(seam, targets)
        return
    reach = seam.reach
    if reach is None:
        return
    match scale:
        case Scale.SOFTMAX:
            yield from _before_softmax(seam, reach, targets)
        case Scale.SIGMOID | Scale.SCORE:
            # Another function may turn a distance into a probability.
            takes_any = bool(known) or "sigmoid_binary_cross_entropy" in seam.takes
            if takes_any or seam.operation == "sigmoid":
                yield from _before_sign(seam, reach, scale, targets)
        case Scale.CHANCE:
            yield from _as_chances(seam, reach, targets)
        case Scale.LOG_CHANCE:
            yield from _as_logarithms(seam, reach, targets)
        case Scale.VALUE:
            yield from _as_values(seam, reach, targets)


def _mismatch(
    seam: Seam,
    kind: str,
    severity: Severity,
    problem: str,
    given: str,
    targets: Targets,
    *,
    evidence: Mapping[str, float] = NOTHING,
    fix: str = "",
    expected: str = "",
) -> Mismatch:
    """Return a mismatch at the last operation; its mend leaves the operation out unless given."""
    reach = seam.reach
    ends = {} if reach is None else {"lowest output": reach.low, "highest output": reach.high}
    ends |= {"lowest target": targets.low, "highest target": targets.high}
    numbers = {name: end for name, end in ends.items() if math.isfinite(end)}
    return Mismatch(
        kind,
        severity,
        problem,
        given,
        fix or without_activation(seam),
        expected,
        seam.layer,
        {**numbers, **evidence},
    )


def _outputs(seam: Seam) -> str:
    return f"outputs of shape {of_batch(seam.shape)}"


def _said(seam: Seam, reach: ValueRange) -> str:
    """Say what the last operation gives."""
    if not reach.limited:
        return "the outputs can be any number"
    if reach.moved:
        return f"{called(seam)} limits the outputs, which are {_interval(reach)}"
    return f"{called(seam)} gives {_interval(reach)}"


def _interval(reach: ValueRange) -> str:
    """Return a range in words.

    >>> _interval(ValueRange(-1, 1)), _interval(ValueRange(0, math.inf))
    ('-1 to 1', '0 or more')
    """
    if not reach.limited:
        return "any number"
    if reach.high == math.inf:
        return f"{reach.low:.4g} or more"
    if reach.low == -math.inf:
        return f"{reach.high:.4g} or less"
    return f"{reach.low:.4g} to {reach.high:.4g}"


def one_softmax_unit(seam: Seam, scale: Scale, targets: Targets, known: str) -> Mismatch | None:
    """Return what is wrong with a softmax over one unit, in the model or in the loss."""
    reach = seam.reach
    own = reach is not None and reach.low == reach.high and seam.operation in SOFTMAXES
    units_of_loss = seam.shape[-1:] == (1,) if known else seam.softmax_units == 1
    of_loss = scale is Scale.SOFTMAX and units_of_loss
    if not own and not of_loss:
        return None
    if targets.classes > 2:
        units = both(with_units(seam, targets.classes), with_loss("cross_entropy"))
        if targets.low == 1:
            units = both("y = y - 1", units)
    else:
        units = with_loss("binary_cross_entropy" if targets.chances else "squared_error")
    return _mismatch(
        seam,
        "one_softmax_unit",
        "error",
        "softmax over one unit is always 1, so nothing can be learned"
        if own
        else "the loss applies softmax to one output, which is always 1, so nothing can be learned",
        f"{_outputs(seam)}; {targets.text()}",
        targets,
        fix=both(without_activation(seam) if own else "", units),
        evidence={"units": 1.0},
    )


def _over_batch(seam: Seam, targets: Targets) -> Mismatch:
    return _mismatch(
        seam,
        "softmax_over_batch",
        "error",
        "softmax is taken over the examples of a batch instead of the classes of an example",
        f"axis 0 of {_outputs(seam)}",
        targets,
        fix="ops.softmax(x, axis=-1)",
        evidence={"axis": 0.0},
    )


def _twice_in_loss(seam: Seam, targets: Targets) -> Mismatch:
    return _mismatch(
        seam,
        "applied_twice",
        "error",
        f"the loss applies {seam.twice} twice",
        f"ops.{seam.twice} of {_outputs(seam)}",
        targets,
        fix=f"in the loss, leave ops.{seam.twice} out",
        expected="scores that can be any number",
    )


def _logarithm(seam: Seam, targets: Targets) -> Iterator[Mismatch]:
    known = seam.logarithm
    if known is None:
        return
    classes = bool(targets.classes) or targets.one_hot
    positive = "softmax" if classes and seam.shape[-1:] > (1,) else "softplus"
    if seam.shape[-1:] == (1,) and targets.chances:
        positive = "sigmoid"
    limited = f"{known.operation} gives {_interval(known)}" if known.limited else "any number"
    yield _mismatch(
        seam,
        "logarithm",
        "error",
        "the loss takes the logarithm of numbers that need not be above 0, which is not finite",
        f"it is taken of {limited}" if not known.limited else limited,
        targets,
        fix=without_activation(seam, positive)
        if known.limited and known.operation == seam.operation
        else f'model = nn.Sequential([model, "{positive}"])',
        expected="outputs above 0, as of softmax, sigmoid or softplus",
    )


def _before_softmax(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    if not reach.limited or reach.low == -math.inf:
        return  # softmax of log_softmax is the same again
    K = seam.softmax_units or (seam.shape[-1] if seam.shape else 1)
    width = reach.high - reach.low
    best = 1 / (1 + (K - 1) * math.exp(-width)) if math.isfinite(width) else 1.0
    floor = -math.log(best)
    given = (
        f"{_said(seam, reach)}; with {K} classes no probability can exceed {best:.0%}, so the loss "
        f"of an example cannot fall below {floor:.2f}"
    )
    numbers = {"classes": float(K), "highest probability": best, "lowest loss": floor}
    if seam.operation in (*SOFTMAXES, "sigmoid") and width <= 1:
        yield _mismatch(
            seam,
            "applied_twice",
            "error",
            f"{seam.operation} stands before a loss that applies softmax itself",
            given,
            targets,
            expected="scores that can be any number",
            evidence=numbers,
        )
    elif floor > UNSURE:
        yield _limited_scores(seam, given, targets, numbers)


def _limited_scores(
    seam: Seam, given: str, targets: Targets, numbers: Mapping[str, float]
) -> Mismatch:
    return _mismatch(
        seam,
        "limited_scores",
        "warning",
        f"{called(seam)} limits the scores that the loss turns into probabilities",
        given,
        targets,
        evidence=numbers,
    )


def _before_sign(
    seam: Seam, reach: ValueRange, scale: Scale, targets: Targets
) -> Iterator[Mismatch]:
    if not reach.limited:
        return
    sure = max(abs(reach.low), abs(reach.high))
    best = 1 / (1 + math.exp(-sure))
    floor = -math.log(best)
    of_sigmoid = scale is Scale.SIGMOID
    if reach.low >= 0 or reach.high <= 0:
        never = 0 if reach.low >= 0 else 1
        share = float(((targets.values >= 0.5) == (never == 1)).mean())
        applies = "applies sigmoid itself" if of_sigmoid else "takes scores of both signs"
        twice = seam.operation == "sigmoid" and of_sigmoid
        yield _mismatch(
            seam,
            "applied_twice" if twice else "one_sided_scores",
            "error",
            f"{called(seam)} stands before a loss that {applies}, so class {never} is never the "
            "answer",
            f"{_said(seam, reach)}; outputs from 0 on are class 1, and {percent(share)} of the "
            f"targets are class {never}",
            targets,
            fix=with_loss("log_loss") if twice and not seam.replaceable else "",
            expected="scores that can be any number",
            evidence={"fraction of the class": share},
        )
    elif of_sigmoid and floor > UNSURE:
        given = (
            f"{_said(seam, reach)}; no probability can exceed {best:.0%}, so the loss of an "
            f"example cannot fall below {floor:.2f}"
        )
        numbers = {"highest probability": best, "lowest loss": floor}
        yield _limited_scores(seam, given, targets, numbers)


def _as_chances(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    if not reach.exact or (reach.low >= 0 and reach.high <= 1):
        return
    yield _mismatch(
        seam,
        "no_probabilities",
        "error",
        "the loss takes probabilities, and the outputs are none",
        f"{_said(seam, reach)}; {targets.text()}",
        targets,
        fix=without_activation(seam, "sigmoid")
        if reach.limited
        else with_loss("binary_cross_entropy"),
        expected="outputs from 0 to 1",
    )


def _as_logarithms(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    if not reach.exact or reach.high <= 0:
        return
    of_softmax = seam.operation in SOFTMAXES
    yield _mismatch(
        seam,
        "no_probabilities",
        "error",
        "the loss takes log-probabilities, and the outputs are probabilities"
        if of_softmax
        else "the loss takes log-probabilities, which are never above 0, and the outputs are none",
        f"{_said(seam, reach)}; {targets.text()}",
        targets,
        fix=without_activation(seam, "log_softmax")
        if of_softmax
        else both(without_activation(seam) if reach.limited else "", with_loss("cross_entropy")),
        expected="outputs of log_softmax, or the loss 'cross_entropy', which applies it itself",
    )


def _as_values(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    if not reach.limited:
        return
    outside = targets.fraction_outside(reach.low, reach.high)
    left = targets.variance_outside(reach.low, reach.high)
    of_rows = seam.sums_to_one and seam.shape == targets.shape and seam.shape[-1] > 1
    rows = float((abs(targets.sums - 1) > NOT_ONE).mean()) if of_rows else 0.0
    if outside and left > SOME_LEFT:
        meant = targets.typical_inside(reach.low, reach.high) and rows <= MANY_ROWS
        yield _mismatch(
            seam,
            "targets_out_of_reach",
            "error" if left > MUCH_LEFT and not meant else "warning",
            f"the last operation cannot reach {'most' if outside > 0.5 else 'some'} targets",
            f"{targets.text()}; {_said(seam, reach)}, so {percent(outside)} of the targets are out "
            "of reach",
            targets,
            expected="outputs that can be any number, or targets scaled to this range",
            evidence={"fraction outside": outside, "variance outside": left},
        )
    elif rows:
        yield _mismatch(
            seam,
            "targets_out_of_reach",
            "error" if rows > MANY_ROWS else "warning",
            "softmax gives rows that sum to 1, and the targets do not",
            f"{percent(rows)} of the rows of the targets have another sum, "
            f"{targets.sums.min():.4g} to {targets.sums.max():.4g}",
            targets,
            evidence={"fraction outside": rows},
        )
