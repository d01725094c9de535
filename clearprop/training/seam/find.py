"""All mismatches of a model, its loss and the targets."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from clearprop import nn
from clearprop.nn.recording import LossLike
from clearprop.training.seam.examples import Targets
from clearprop.training.seam.last_operation import seam_of
from clearprop.training.seam.mismatch import Mismatch
from clearprop.training.seam.of_direction import mismatches_of_direction
from clearprop.training.seam.of_indices import mismatches_of_indices
from clearprop.training.seam.of_outputs import mismatches_of_outputs, one_softmax_unit
from clearprop.training.seam.of_targets import mismatches_of_targets
from clearprop.training.seam.scale import known_loss, scale_of

WRONG_MEASURES = (
    "one_softmax_unit",
    "broadcast_targets",
    "class_numbers",
    "labels",
    "numbers_as_classes",
    "one_hot_targets",
    "several_labels",
    "rows_of_probabilities",
)
"""Kinds that make loss and error of an evaluation wrong; the others only hinder learning."""


def find_mismatches(
    model: nn.Module,
    loss: LossLike,
    x: object,
    targets: Any,
    *,
    named_classes: bool = False,
    scaled: bool = False,
) -> list[Mismatch]:
    """Return what does not fit between the outputs of a model, its loss and the targets.

    The model is not computed: its last operation and the first of the loss are read from an
    abstract pass, and say where outputs can lie. Only the numbers of the targets are looked at, and
    what an own loss makes of them: its indices, and its derivative at outputs that are drawn. So
    the answer is the same before, in and after a training.

    Args:
        model: with values in its parameters.
        loss: a name, a `nn.Loss`, or a function (outputs, targets) -> values.
        x: some examples as the model takes them: (B, ...), or several arrays by name. Only their
            shapes and types are read.
        targets: as the loss takes them, of these examples or of many more: (N, ...).
        named_classes: whether the targets are numbers of classes that have names.
        scaled: whether the preprocessor of a data set has scaled the targets, for the messages.

    Returns:
        Errors first, then warnings; empty where all fits, and where nothing is known, as of a model
        whose output is not one array.

    Raises:
        ClearpropError: the model cannot take these examples.

    >>> model = nn.Sequential([nn.Linear(2, 1), "tanh"]).init(0)
    >>> x, y = np.ones((4, 2), np.float32), np.float32([1, 2, 3, 4])
    >>> [found] = find_mismatches(model, "squared_error", x, y)
    >>> found.kind, found.severity, found.where
    ('targets_out_of_reach', 'error', 'layers.1')
    >>> found.given
    'targets from 1 to 4; tanh gives -1 to 1, so 75% of the targets are out of reach'
    """
    chosen = nn.find_loss(loss)
    every = np.asarray(targets)
    if not every.ndim or not len(every) or every.dtype.kind not in "biuf":
        return []
    examples = jax.tree.map(lambda a: a if hasattr(a, "dtype") else np.asarray(a), x)
    rows = len(jax.tree.leaves(examples)[0])
    seam = seam_of(model, chosen, examples, every[:rows])
    if seam is None:
        return []
    looked_at, scale = Targets.of(every, scaled), scale_of(chosen, seam)
    known = known_loss(chosen)
    stuck = one_softmax_unit(seam, scale, looked_at, known)
    if stuck is not None:  # the targets show which loss was meant
        return [stuck]
    found = [
        *mismatches_of_targets(seam, chosen, scale, looked_at, named_classes),
        *mismatches_of_outputs(seam, scale, looked_at, known),
    ]
    if not known and not any(one.kind == "labels" for one in found):
        found += mismatches_of_indices(seam, chosen, looked_at)
    if chosen.unknown and not found:
        found += mismatches_of_direction(seam, chosen, looked_at)
    return sorted(found, key=lambda one: one.severity != "error")
