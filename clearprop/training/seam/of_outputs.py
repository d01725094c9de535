"""Mismatches of a model's last operation: it gives what the loss cannot use, or not the targets.

Shape letters: K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from clearprop.nn.ranges import ValueRange
from clearprop.training.seam.examples import Targets
from clearprop.training.seam.last_operation import SOFTMAXES, Seam
from clearprop.training.seam.mends import both, with_loss, with_units, without_activation
from clearprop.training.seam.mismatch import Mismatch
from clearprop.training.seam.scale import Scale

MANY_OUTSIDE = 0.1
"""Above this fraction of targets that cannot be reached they are no outliers, so it is an error."""

UNSURE = 0.05
"""Scores that are limited are told where the loss of a perfect answer stays above this."""


def mismatches_of_outputs(seam: Seam, scale: Scale, targets: Targets) -> Iterator[Mismatch]:
    """Yield what is wrong with the last operation."""
    stuck = _constant(seam, scale, targets)
    if stuck is not None:
        yield stuck
        return
    if seam.over_batch:
        yield _over_batch(seam, targets)
        return
    yield from _logarithm(seam, targets)
    reach = seam.reach
    if reach is None:
        return
    match scale:
        case Scale.SOFTMAX:
            yield from _before_softmax(seam, reach, targets)
        case Scale.SIGMOID | Scale.SCORE:
            yield from _before_sign(seam, reach, scale, targets)
        case Scale.CHANCE:
            yield from _as_chances(seam, reach, targets)
        case Scale.VALUE:
            yield from _as_values(seam, reach, targets)


def _numbers(reach: ValueRange, targets: Targets) -> dict[str, float]:
    ends = {"lowest output": reach.low, "highest output": reach.high}
    finite = {name: end for name, end in ends.items() if math.isfinite(end)}
    return {**finite, "lowest target": targets.low, "highest target": targets.high}


def _said(seam: Seam, reach: ValueRange) -> str:
    """Say what the last operation gives.

    >>> _said(Seam((1,), operation="tanh"), ValueRange(-1, 1, 0))
    'tanh gives -1 to 1'
    """
    if not reach.limited:
        return "the last layer gives any number"
    if reach.high == math.inf:
        text = f"{reach.low:.4g} or more"
    elif reach.low == -math.inf:
        text = f"{reach.high:.4g} or less"
    else:
        text = f"{reach.low:.4g} to {reach.high:.4g}"
    return f"{seam.operation} gives {text}"


def _task_loss(targets: Targets) -> str:
    return "binary_cross_entropy" if targets.chances else "squared_error"


def _constant(seam: Seam, scale: Scale, targets: Targets) -> Mismatch | None:
    """Of a softmax over one unit, in the model or in the loss."""
    reach = seam.reach
    own = reach is not None and reach.low == reach.high and seam.operation in SOFTMAXES
    of_loss = scale is Scale.SOFTMAX and seam.shape[-1:] == (1,)
    if not own and not of_loss:
        return None
    removed = without_activation(seam) if own else ""
    more = targets.classes > 2
    if more:
        fix = both(removed, both(with_units(seam, targets.classes), with_loss("cross_entropy")))
    else:
        fix = both(removed, with_loss(_task_loss(targets)))
    return Mismatch(
        "one_softmax_unit",
        "error",
        "softmax over one unit is always 1, so nothing can be learned"
        if own
        else "the loss applies softmax to one output, which is always 1, so nothing can be learned",
        f"outputs of shape {('B', *seam.shape)}, {targets.text()}".replace("'", ""),
        fix,
        where=seam.layer if own else "",
        evidence={"units": 1.0, "lowest target": targets.low, "highest target": targets.high},
    )


def _over_batch(seam: Seam, targets: Targets) -> Mismatch:
    return Mismatch(
        "softmax_over_batch",
        "error",
        "softmax is taken over the examples of a batch instead of the classes of an example",
        f"softmax over axis 0 of outputs (B, {', '.join(map(str, seam.shape))})",
        without_activation(seam) if seam.replaceable else "ops.softmax(x, axis=-1)",
        where=seam.layer,
        evidence={"axis": 0.0},
    )


def _logarithm(seam: Seam, targets: Targets) -> Iterator[Mismatch]:
    if seam.logarithm is None:
        return
    known, operation = seam.logarithm
    if known is None:
        return
    reaching = (
        "any number"
        if not known.limited
        else f"{known.low:.4g} or more"
        if known.high == math.inf
        else f"{known.low:.4g} to {known.high:.4g}"
    )
    classes = bool(targets.classes) or targets.one_hot
    positive = "softmax" if classes and seam.shape[-1:] > (1,) else "softplus"
    if seam.shape[-1:] == (1,) and targets.chances:
        positive = "sigmoid"
    yield Mismatch(
        "logarithm",
        "error",
        "the loss takes the logarithm of numbers that are not above 0, which is not finite",
        f"outputs that are {reaching}" + (f", from {operation}" if known.limited else ""),
        without_activation(seam, positive)
        if known.limited
        else f'model = nn.Sequential([model, "{positive}"])',
        expected="outputs above 0, as of softmax, sigmoid or softplus",
        where=seam.layer,
        evidence={"lowest output": known.low} if math.isfinite(known.low) else {},
    )


def _before_softmax(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    K = seam.shape[-1] if seam.shape else 1
    width = reach.high - reach.low
    if not reach.limited or reach.low == -math.inf:
        return  # log_softmax: softmax of it is the same again
    best = 1 / (1 + (K - 1) * math.exp(-width)) if math.isfinite(width) else 1.0
    numbers = {**_numbers(reach, targets), "classes": float(K), "highest probability": best}
    surest = f"with {K} classes no probability can exceed {best:.0%}"
    if seam.operation in (*SOFTMAXES, "sigmoid") and width <= 1:
        twice = seam.operation != "sigmoid"
        yield Mismatch(
            "applied_twice",
            "error",
            f"{seam.operation} stands before a loss that applies softmax itself",
            f"{_said(seam, reach)}; {surest}, so the loss cannot fall below {-math.log(best):.2f}",
            without_activation(seam),
            expected="scores before softmax" if twice else "scores without a limit",
            where=seam.layer,
            evidence=numbers,
        )
    elif math.isfinite(width) and -math.log(best) > UNSURE:
        yield Mismatch(
            "limited_scores",
            "warning",
            f"{seam.operation} limits the scores that the loss turns into probabilities",
            f"{_said(seam, reach)}; {surest}, so the loss cannot fall below {-math.log(best):.2f}",
            without_activation(seam),
            where=seam.layer,
            evidence=numbers,
        )
    elif seam.operation == "relu" and reach.takes_ends:
        yield Mismatch(
            "limited_scores",
            "warning",
            "relu stands before a loss that applies softmax: a class whose score is 0 for every "
            "example is learned no more",
            _said(seam, reach),
            without_activation(seam),
            where=seam.layer,
            evidence=numbers,
        )


def _before_sign(
    seam: Seam, reach: ValueRange, scale: Scale, targets: Targets
) -> Iterator[Mismatch]:
    if not reach.limited:
        return
    sure = max(abs(reach.low), abs(reach.high))
    numbers = _numbers(reach, targets)
    if reach.low >= 0 or reach.high <= 0:
        never = 0 if reach.low >= 0 else 1
        applied = " that applies sigmoid itself" if scale is Scale.SIGMOID else ""
        zeros = float((targets.values < 0.5).mean()) if never == 0 else 0.0
        share = zeros if never == 0 else float((targets.values >= 0.5).mean())
        removed = without_activation(seam)
        if seam.operation == "sigmoid" and not seam.replaceable and scale is Scale.SIGMOID:
            removed = with_loss("log_loss")
        yield Mismatch(
            "applied_twice" if seam.operation == "sigmoid" else "one_sided_scores",
            "error",
            f"{seam.operation} stands before a loss{applied}, so class {never} is never the answer",
            f"{_said(seam, reach)}; the loss takes outputs from 0 on for class 1, and "
            f"{share:.0%} of the targets are {never}",
            removed,
            expected="scores of both signs",
            where=seam.layer,
            evidence={**numbers, "fraction of these targets": share},
        )
    elif scale is Scale.SIGMOID and math.log1p(math.exp(-sure)) > UNSURE:
        best = 1 / (1 + math.exp(-sure))
        yield Mismatch(
            "limited_scores",
            "warning",
            f"{seam.operation} limits the scores that the loss turns into probabilities",
            f"{_said(seam, reach)}; no probability can exceed {best:.0%}, so the loss cannot fall "
            f"below {-math.log(best):.2f}",
            without_activation(seam),
            where=seam.layer,
            evidence={**numbers, "highest probability": best},
        )


def _as_chances(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    if reach.low >= 0 and reach.high <= 1:
        return
    yield Mismatch(
        "no_probabilities",
        "error",
        "the loss takes probabilities, and the outputs are none",
        f"{_said(seam, reach)}; {targets.text()}",
        without_activation(seam, "sigmoid") if reach.limited else with_loss("binary_cross_entropy"),
        expected="outputs from 0 to 1",
        where=seam.layer,
        evidence=_numbers(reach, targets),
    )


def _as_values(seam: Seam, reach: ValueRange, targets: Targets) -> Iterator[Mismatch]:
    if not reach.limited:
        return
    outside = targets.fraction_outside(reach.low, reach.high)
    problem = "most targets" if outside > 0.5 else "some targets"
    if not outside and seam.operation in SOFTMAXES and seam.shape[-1] > 1:
        sums = targets.sums if targets.shape == seam.shape else None
        wrong = 0.0 if sums is None else float((abs(sums - 1) > 0.01).mean())
        if wrong:
            yield Mismatch(
                "targets_out_of_reach",
                "error" if wrong > MANY_OUTSIDE else "warning",
                "softmax gives rows that sum to 1, and the targets do not",
                f"{wrong:.0%} of the rows of targets have another sum, such as "
                f"{float(sums[abs(sums - 1).argmax()]) if sums is not None else 0:.3g}",
                without_activation(seam),
                where=seam.layer,
                evidence={**_numbers(reach, targets), "fraction outside": wrong},
            )
        return
    if not outside:
        return
    yield Mismatch(
        "targets_out_of_reach",
        "error" if outside > MANY_OUTSIDE else "warning",
        f"the last operation cannot reach {problem}",
        f"{targets.text()}; {_said(seam, reach)}, so {_percent(outside)} of the targets are out of "
        "reach",
        without_activation(seam),
        expected="outputs that can be any number, or targets scaled to this range",
        where=seam.layer,
        evidence={**_numbers(reach, targets), "fraction outside": outside},
    )


def _percent(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction >= 0.01 else f"{fraction:.1g}"
