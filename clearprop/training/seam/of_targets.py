"""Mismatches of the targets with the loss: classes where numbers are wanted, and the reverse.

Shape letters: N examples, B batch, K classes, T positions of a sequence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from clearprop import nn
from clearprop.errors import ClearpropError, DataError
from clearprop.training.seam.examples import NOT_ONE, Targets
from clearprop.training.seam.last_operation import Seam
from clearprop.training.seam.mends import both, with_loss, with_shape, with_units
from clearprop.training.seam.mismatch import Mismatch
from clearprop.training.seam.of_several import (
    OF_SEVERAL,
    forms,
    mismatches_of_several,
    of_targets,
)
from clearprop.training.seam.scale import Scale, known_loss
from clearprop.training.training_data import Split, check_labels

OWN_LABELS = {
    "softmax_cross_entropy": "cross_entropy",
    "sigmoid_binary_cross_entropy": "binary_cross_entropy",
}
"""Operations that take labels, and the loss whose labels are the same."""


def mismatches_of_targets(
    seam: Seam, loss: nn.Loss, scale: Scale, targets: Targets, named: bool
) -> Iterator[Mismatch]:
    """Yield what is wrong with the targets.

    Args:
        seam: of the model.
        loss: as `nn.find_loss` returns it.
        scale: what the loss takes the outputs for.
        targets: as the loss takes them.
        named: whether the numbers of the targets stand for names of classes.
    """
    if seam.broadcast is not None:
        yield _broadcast(seam, loss, targets)
        return
    name = known_loss(loss)
    own = [OWN_LABELS[met] for met in seam.meets if met in OWN_LABELS]
    labelled = nn.LOSSES[own[0]] if own and not name else loss if name else None
    found = list(_of_form(seam, name, targets))
    if name in OF_SEVERAL:
        yield from found
        return
    if not found and labelled is not None and (name or _no_mask(seam, targets)):
        found = list(_of_labels(seam, labelled, targets))
    if not found and (name or own) and scale is Scale.SOFTMAX:
        found = list(_of_rows(seam, name, targets))
    if not found and scale is Scale.VALUE and (name or named):
        found = list(_of_numbers(seam, name, targets, named))
    yield from found


def _broadcast(seam: Seam, loss: nn.Loss, targets: Targets) -> Mismatch:
    assert seam.broadcast is not None
    outputs, other, made = (_named(shape, seam) for shape in seam.broadcast)
    more = len(seam.shape) - len(targets.shape)
    if math.prod(targets.shape) == math.prod(seam.shape):
        fix = _reshaped(seam.shape)
    elif more > 0 and targets.classes == seam.shape[-1] and targets.low == 0 and more == 1:
        fix = f"y = np.eye({seam.shape[-1]})[y.astype(int)]"
    elif more > 0:
        fix = _reshaped((*targets.shape, *(1 for _ in range(more))))
    else:
        fix = with_shape(targets.shape)
    return of_targets(
        "broadcast_targets",
        "the loss compares outputs with the targets of other examples",
        f"outputs {outputs} and targets {other} are broadcast to {made}",
        fix,
        targets,
        expected="outputs and targets of one shape",
        where=f"the loss {loss.name!r}",
    )


def _reshaped(shape: tuple[int, ...]) -> str:
    return f"y = y.reshape(len(y){''.join(f', {n}' for n in shape)})"


def _named(shape: tuple[int, ...], seam: Seam) -> str:
    # The size of an abstract batch is no number of this data.
    B = max(shape) if not seam.by_chance else 0
    names = ["B" if n == B else str(n) for n in shape]
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


# --- the form of the targets ---------------------------------------------------------------------


def _of_form(seam: Seam, name: str, targets: Targets) -> Iterator[Mismatch]:
    """Of targets whose shape or type is that of another kind of target."""
    if not name or not seam.shape:
        return
    where = f"the loss {name!r}"
    if name in OF_SEVERAL:
        yield from mismatches_of_several(seam, name, targets, where)
        return
    K, per_place = seam.shape[-1], targets.shape == seam.shape[:-1]
    if name in ("cross_entropy", "sequence_cross_entropy", "nll"):
        yield from _for_classes(seam, name, targets, where)
    elif name == "kl_divergence" and per_place and targets.integer and K > 1:
        yield of_targets(
            "class_numbers",
            "the loss takes probabilities, and the targets are class numbers",
            f"{forms(seam, targets)}, {targets.text()}",
            with_loss("cross_entropy"),
            targets,
            where=where,
        )
    elif targets.one_hot and seam.shape == (1,) and len(targets.shape) == 1:
        two = targets.shape[-1] == 2
        enough = both(with_units(seam, targets.shape[-1]), with_loss("cross_entropy"))
        yield of_targets(
            "one_hot_targets",
            f"each target has {targets.shape[-1]} numbers, and the model one output",
            f"{forms(seam, targets)}, with a single 1 in each row",
            "y = y.argmax(axis=-1)" if two else enough,
            targets,
            where=where,
        )
    elif targets.one_number and len(seam.shape) == 1 and K > 1 and targets.classes > 1:
        yield of_targets(
            "class_numbers",
            f"the loss compares {K} outputs with {K} numbers, and the targets are class numbers",
            f"{forms(seam, targets)}, {targets.text()}",
            both("" if targets.integer else "y = y.astype(int)", with_loss("cross_entropy"))
            if targets.low == 0 and targets.shape == ()
            else f"y = np.eye({K})[y.astype(int).ravel(){' - 1' if targets.low == 1 else ''}]",
            targets,
            where=where,
        )


def _for_classes(seam: Seam, name: str, targets: Targets, where: str) -> Iterator[Mismatch]:
    K = seam.shape[-1]
    of_sequences = name == "sequence_cross_entropy"
    per_place, same = targets.shape == seam.shape[:-1], targets.shape == seam.shape
    if same and targets.one_hot and (targets.integer or of_sequences or name == "nll"):
        yield of_targets(
            "one_hot_targets",
            "the loss takes class numbers, and the targets are one-hot rows",
            f"{forms(seam, targets)}, whole numbers with a single 1 in each row",
            "y = y.argmax(axis=-1)",
            targets,
            where=where,
        )
    elif same and targets.integer and K > 1 and targets.chances:
        most = float(targets.sums.max())
        yield of_targets(
            "several_labels",
            "the loss takes one class for each example, and the targets have several or none",
            f"rows with a sum of {float(targets.sums.min()):.4g} to {most:.4g}",
            with_loss("binary_cross_entropy"),
            targets,
            where=where,
            error=DataError,
        )
    elif targets.shape == (1,) and seam.shape == (K,) and K > 1 and targets.whole:
        yield of_targets(
            "class_numbers",
            "the class numbers of the targets have an axis too much",
            forms(seam, targets),
            "y = y[:, 0]" if targets.values.dtype.kind in "iu" else "y = y[:, 0].astype(int)",
            targets,
            where=where,
        )
    elif per_place and targets.values.dtype.kind == "b":
        yield of_targets(
            "class_numbers",
            "class numbers have to be integers, and the targets are True and False",
            f"{forms(seam, targets)} of type bool",
            "y = y.astype(int)",
            targets,
            where=where,
        )
    elif (per_place or (targets.shape == (1,) and len(seam.shape) == 1)) and not targets.integer:
        yield from _floating_classes(seam, targets, where)


def _floating_classes(seam: Seam, targets: Targets, where: str) -> Iterator[Mismatch]:
    if targets.whole:
        yield of_targets(
            "class_numbers",
            "class numbers have to be integers, and the targets are floating-point numbers",
            f"{forms(seam, targets)}, {targets.text()} of type {targets.values.dtype}",
            "y = y.astype(int)",
            targets,
            where=where,
        )
    elif targets.one_number:
        yield of_targets(
            "numbers_as_classes",
            "the loss and its error rate are for classes, and the targets are numbers",
            f"{forms(seam, targets)}, {targets.text()}",
            both(with_units(seam, 1) if seam.shape != (1,) else "", with_loss("squared_error")),
            targets,
            where=where,
            error=DataError,
        )


# --- labels --------------------------------------------------------------------------------------


def _of_labels(seam: Seam, loss: nn.Loss, targets: Targets) -> Iterator[Mismatch]:
    """Of labels that are no numbers of the model's outputs."""
    split = Split("the targets", targets.values, targets.values)
    shape = (len(targets.values), *seam.shape)
    try:
        check_labels(split, loss, shape, targets.values.shape)
    except ClearpropError as error:
        yield of_targets(
            "labels",
            error.problem,
            error.given or "",
            _fix_of(error.fix or "", seam, targets),
            targets,
            expected=error.expected or "",
            error=type(error),
        )
        return
    K = seam.shape[-1] if seam.shape else 0
    first = loss.name in ("cross_entropy", "nll") and targets.integer and targets.low == 1
    if first and targets.shape == () and K > 2 and targets.classes == K - 1:
        yield Mismatch(
            "labels",
            "warning",
            "no example has class 0, so one output is never right: the labels seem to start at 1",
            f"labels from 1 to {K - 1} for {K} outputs",
            f"y = y - 1; {with_units(seam, K - 1)}",
            evidence={"lowest target": 1.0, "highest target": targets.high, "outputs": float(K)},
            error=DataError,
        )


def _no_mask(seam: Seam, targets: Targets) -> bool:
    """Say whether the labels of an own loss all count: none is marked as missing."""
    negative = targets.distinct[targets.distinct < 0]
    marked = targets.integer and len(negative) == 1 and not targets.signs
    K = seam.shape[-1] if len(targets.shape) < len(seam.shape) else 2
    return seam.all_count and not (marked and targets.high < K)


def _fix_of(fix: str, seam: Seam, targets: Targets) -> str:
    """Return the fix of labels as code, where a layer has too few units."""
    if fix.startswith("give the last layer"):
        return with_units(seam, int(targets.high) + 1)
    return fix


def _of_rows(seam: Seam, name: str, targets: Targets) -> Iterator[Mismatch]:
    """Of probabilities that are none."""
    if targets.integer or targets.shape != seam.shape or seam.shape[-1:] < (2,):
        return
    where = f"the loss {name!r}" if name else ""
    if targets.low < 0:
        signs = targets.signs
        yield of_targets(
            "rows_of_probabilities",
            "the loss takes probabilities, and targets are negative",
            targets.text(),
            "y = (y + 1) / 2" if signs else with_loss("squared_error"),
            targets,
            where=where,
            error=DataError,
        )
        return
    wrong = np.abs(targets.sums - 1) > NOT_ONE
    if name != "kl_divergence" and np.ptp(targets.sums) > NOT_ONE:
        # One class with the weight of the example; one sum for all rows would be a scale.
        wrong &= (targets.values != 0).sum(-1) > 1
    if not wrong.any():
        return
    several = targets.whole and targets.chances
    smallest, largest = float(targets.sums.min()), float(targets.sums.max())
    share = float(wrong.mean())
    yield Mismatch(
        "several_labels" if several else "rows_of_probabilities",
        "error" if name == "kl_divergence" else "warning",
        "the loss takes one class for each example, and the targets have several or none"
        if several
        else "the loss takes probabilities, and the rows of the targets do not sum to 1",
        f"{share:.0%} of the rows have another sum, {smallest:.4g} to {largest:.4g}",
        with_loss("binary_cross_entropy") if several else "y = y / y.sum(axis=-1, keepdims=True)",
        where=where,
        evidence={"lowest sum": smallest, "highest sum": largest, "fraction of rows": share},
        error=DataError,
    )


def _of_numbers(seam: Seam, name: str, targets: Targets, named: bool) -> Iterator[Mismatch]:
    """Of class numbers that are learned as if they were measured."""
    K = targets.classes
    if K < 3 or seam.shape not in ((), (1,)) or name == "binary_squared_error":
        return
    if targets.low == 1 and not targets.integer:
        return  # as likely grades as classes
    positive = seam.reach is not None and seam.reach.low >= 0
    if positive and not named:
        return  # as likely counts
    start = " - 1" if targets.low == 1 else ""
    flat = "" if targets.shape == () else ".ravel()"
    labels = f"y = y{flat}.astype(int){start}" if start or flat or not targets.integer else ""
    yield Mismatch(
        "class_numbers",
        "error" if named else "warning",
        "the targets are class numbers, and the loss takes class 2 for twice as much as class 1"
        if named
        else "the targets look like class numbers, and the loss takes class 2 for twice as much as "
        "class 1",
        f"{targets.text()}: {K} different whole numbers in {len(targets.values)} examples",
        both(labels, both(with_units(seam, K), with_loss("cross_entropy"))),
        where=f"the loss {name!r}" if name else "",
        evidence={"classes": float(K), "examples": float(len(targets.values))},
        error=DataError,
    )
