"""Mismatches of losses that do not compare one output with one target.

Shape letters: B batch, N examples, D numbers of an embedding, T steps, K classes, L labels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clearprop.errors import ClearpropError, DataError, ShapeError
from clearprop.training.seam.examples import Targets
from clearprop.training.seam.last_operation import Seam, of_batch
from clearprop.training.seam.mends import both, with_units
from clearprop.training.seam.mismatch import Mismatch

OF_SEVERAL = ("ctc", "triplet", "cosine_embedding")
"""Losses that do not compare one output with one target."""


def mismatches_of_several(
    seam: Seam, name: str, targets: Targets, where: str
) -> Iterator[Mismatch]:
    """Yield what is wrong with embeddings, or with labels that are aligned with steps."""
    if name == "ctc":
        yield from _for_alignment(seam, targets, where)
        return
    count = 3 if name == "triplet" else 2
    if len(seam.shape) != 2 or seam.shape[0] != count:
        yield of_targets(
            "embeddings",
            f"the loss takes {count} embeddings of each example",
            forms(seam, targets),
            f"in the model, return ops.stack([...], axis=1) of its {count} embeddings",
            targets,
            where=where,
            expected=f"outputs (B, {count}, D)",
        )
    elif name == "cosine_embedding" and not (
        targets.one_number and np.isin(targets.distinct, (-1, 1)).all()
    ):
        coded = targets.one_number and np.isin(targets.distinct, (0, 1)).all()
        yield of_targets(
            "labels",
            "the loss takes 1 for two that belong together and -1 for others",
            f"{forms(seam, targets)}, {targets.text()}",
            "y = 2 * y.astype(int) - 1" if coded else "y = np.where(same, 1, -1)",
            targets,
            where=where,
            expected="targets (N,), 1 or -1",
            error=DataError,
        )


def _for_alignment(seam: Seam, targets: Targets, where: str) -> Iterator[Mismatch]:
    y = targets.values
    if len(seam.shape) != 2 or y.ndim != 2 or not targets.whole:
        yield of_targets(
            "labels",
            "the loss takes the labels of a sequence for each example",
            f"{forms(seam, targets)} of type {y.dtype}",
            "y = y[:, None]" if y.ndim == 1 else "pad the labels of each example with -1",
            targets,
            where=where,
            expected="outputs (B, T, K), integer targets (B, L), filled up with -1",
        )
        return
    if not targets.integer:
        yield _floating_labels(seam, targets, where)
        return
    T, K = seam.shape
    used = y >= 0
    ragged = bool((used[:, 1:] & ~used[:, :-1]).any())
    # Two equal labels beside each other need a blank between them.
    needed = used.sum(1) + ((y[:, 1:] == y[:, :-1]) & used[:, 1:]).sum(1)
    if (y == 0).any():
        problem, given = "class 0 is the blank, and a target has it", targets.text()
        fix = both("y = np.where(y < 0, -1, y + 1)", with_units(seam, int(targets.high) + 2))
    elif targets.high >= K:
        problem, given = "a label is out of range", f"{targets.text()} for {K} classes"
        fix = with_units(seam, int(targets.high) + 1)
    elif ragged:
        problem, given = "what fills a target up stands before one of its labels", targets.text()
        fix = "y = np.take_along_axis(y, np.argsort(y < 0, axis=1, kind='stable'), axis=1)"
    elif (needed > T).any():
        problem = "a target has more labels than the outputs have steps to say them"
        given = f"{int(needed.max())} steps are needed, and there are {T}"
        fix = f"let the model return {int(needed.max())} steps or more, or leave such examples out"
    else:
        return
    yield of_targets("labels", problem, given, fix, targets, where=where, error=DataError)


def _floating_labels(seam: Seam, targets: Targets, where: str) -> Mismatch:
    return of_targets(
        "class_numbers",
        "class numbers have to be integers, and the targets are floating-point numbers",
        f"{forms(seam, targets)}, {targets.text()} of type {targets.values.dtype}",
        "y = y.astype(int)",
        targets,
        where=where,
    )


def of_targets(
    kind: str,
    problem: str,
    given: str,
    fix: str,
    targets: Targets,
    *,
    where: str = "",
    expected: str = "",
    error: type[ClearpropError] = ShapeError,
) -> Mismatch:
    """Return a mismatch of the targets, with their range as evidence."""
    evidence = {"lowest target": targets.low, "highest target": targets.high}
    if targets.classes:
        evidence["classes"] = float(targets.classes)
    return Mismatch(kind, "error", problem, given, fix, expected, where, evidence, error)


def forms(seam: Seam, targets: Targets) -> str:
    """Return the shapes of outputs and targets, for a message."""
    return f"outputs {of_batch(seam.shape)}, targets {of_batch(targets.shape)}"
