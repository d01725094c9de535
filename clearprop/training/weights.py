"""Weights of classes and examples in the objective, and labels that are not counted.

The objective of a batch is ``sum_i w_i L_i / sum_i w_i``, the weighted mean of PyTorch's
``cross_entropy(weight=...)`` and of scikit-learn's ``sample_weight``; Keras divides by the number
of examples instead. The weight of an example is that of its class times its own. Errors and metrics
count every example once.

Shape letters: N examples, K classes, T places of a sequence.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ConfigurationError, nearest
from clearprop.training.training_data import Split, TrainingData

ClassWeight: TypeAlias = "Mapping[Any, float] | Sequence[float] | NDArray[Any] | str"
Pair: TypeAlias = "tuple[Any, Any]"

BALANCED = "balanced"
OF_LABELS = ("cross_entropy", "sequence_cross_entropy", "nll")
"""The losses whose targets are labels of classes, of which one value can mean: not counted."""

SHOWN = 8


@dataclass(frozen=True, eq=False)
class Weighting:
    """How much examples count, as it was asked for.

    Attributes:
        class_weight: the weight of each class: a dict by number or name, K numbers, or "balanced".
        sample_weight: of the examples, (N,).
        ignore_index: the label that is not counted.
        pos_weight: how many times the term of a target 1 counts.
    """

    class_weight: ClassWeight | None = None
    sample_weight: object = None
    ignore_index: int | None = None
    pos_weight: object = None

    @property
    def given(self) -> bool:
        """Whether anything is asked for."""
        wanted = (self.class_weight, self.sample_weight, self.ignore_index, self.pos_weight)
        return any(one is not None for one in wanted)

    @property
    def of_each(self) -> bool:
        """Whether examples count differently."""
        return self.class_weight is not None or self.sample_weight is not None

    def loss(self, loss: nn.Loss) -> nn.Loss:
        """Return a loss in which a target 1 has its weight.

        Raises:
            ConfigurationError: the loss has no such targets, or the weight is wrong.
        """
        return loss if self.pos_weight is None else nn.positive_weighted(loss, self.pos_weight)


EQUAL = Weighting()
"""All examples count the same."""


def of_examples(sample_weight: object, count: int, where: str = "sample_weight") -> NDArray[Any]:
    """Return the weights of examples as an array, (N,), after a check.

    Raises:
        ConfigurationError: their number is wrong, one is negative or not finite, or all are 0.
    """
    weights = np.asarray(sample_weight)
    if weights.shape == (count, 1):
        weights = weights[:, 0]
    if weights.shape != (count,) or weights.dtype.kind not in "biuf":
        raise ConfigurationError(
            "there must be one weight for each example",
            where=where,
            given=f"{weights.dtype} of shape {weights.shape} for {count} examples",
            expected=f"{count} numbers",
            fix=f"{where}=np.ones({count})  # all examples count the same",
        )
    _check_numbers(weights, where)
    return np.asarray(weights, np.float64)


def _check_numbers(weights: NDArray[Any], where: str) -> None:
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ConfigurationError(
            "a weight is negative or not finite",
            where=where,
            given=f"{weights[at]} at {at}",
            expected="numbers of 0 or more",
            fix=f"{where}=np.clip(np.nan_to_num({where}), 0, None)",
        )
    if not weights.any():
        raise ConfigurationError(
            "all weights are 0, so nothing would be learned",
            where=where,
            expected="at least one positive weight",
            fix=f"leave {where} out",
        )


def counted(part: Split, ignore_index: int, loss: nn.Loss) -> Split:
    """Return a part without the label that is not counted.

    An example whose only label it is leaves the part. A place of a sequence gets -1, which
    "sequence_cross_entropy" does not count.

    Raises:
        ConfigurationError: the loss takes no labels, or no label is left.
    """
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, int | np.integer):
        raise ConfigurationError(
            "ignore_index is one label, a whole number",
            where="ignore_index",
            given=repr(ignore_index)[:80],
            fix="ignore_index=-100",
        )
    labels = np.asarray(part.targets)
    named = loss.name in OF_LABELS
    of_places = loss.skips_negative and labels.ndim > 1
    if not named or labels.dtype.kind not in "iu" or (labels.ndim > 1 and not of_places):
        raise ConfigurationError(
            "ignore_index is a label, and the loss or the targets have no labels",
            where="ignore_index",
            given=f"loss {loss.name!r}, targets of shape {labels.shape} and type {labels.dtype}",
            expected="integer labels (N,) with 'cross_entropy' or 'nll', or (N, T) with "
            "'sequence_cross_entropy'",
            fix="loss='sequence_cross_entropy'"
            if named and labels.ndim > 1 and labels.dtype.kind in "iu"
            else "leave ignore_index out",
        )
    kept = labels != ignore_index
    if not kept.any():
        raise ConfigurationError(
            "every label is ignored, so nothing is left",
            where=f"ignore_index, {part.name}",
            given=f"ignore_index={ignore_index}",
            fix="leave ignore_index out",
        )
    if kept.all():
        return part
    if not of_places:
        return part.take(np.flatnonzero(kept))
    targets = np.where(kept, labels, -1).astype(np.int32)
    dataset = replace(part.dataset, targets=targets) if part.dataset is not None else None
    return replace(part, targets=targets, dataset=dataset)


def weighted(
    data: TrainingData, loss: nn.Loss, weighting: Weighting, classes: int | None
) -> TrainingData:
    """Return the examples of a run with their weights.

    Args:
        data: the examples; those of the training part may have their own weights already.
        loss: that is minimized.
        weighting: what was asked for.
        classes: K, as far as the model shows it.

    Raises:
        ConfigurationError: a weight is wrong or has no meaning for this loss.
    """
    if not weighting.given:
        return data
    train, dev = data.train, data.dev
    if weighting.ignore_index is not None:
        train = counted(train, weighting.ignore_index, loss)
        dev = counted(dev, weighting.ignore_index, loss) if dev is not None else None
    vector = None
    if weighting.class_weight is not None:
        labels = labels_of(train, loss)
        if data.class_names is not None:
            classes = len(data.class_names)
        vector = class_weights(weighting.class_weight, labels, classes, data.class_names)
    of_each = vector is not None or weighting.sample_weight is not None
    if of_each and loss.pooled:
        raise _needs_each(loss, "class_weight" if vector is not None else "sample_weight")
    train = with_weights(train, loss, vector)
    dev = with_weights(dev, loss, vector) if dev is not None else None
    return replace(data, train=train, dev=dev, class_weights=vector)


def _needs_each(loss: nn.Loss, where: str) -> ConfigurationError:
    return ConfigurationError(
        "weights need the loss of each example, and this loss returns one value for a batch",
        where=where,
        given=f"the loss {loss.name!r}",
        fix="let the loss return one value for each example, without its mean or sum",
    )


def weighing(
    part: Split,
    loss: nn.Loss,
    weighting: Weighting,
    classes: int | None,
    names: tuple[str, ...] | None = None,
) -> tuple[Split, nn.Loss]:
    """Return a part that is evaluated with the weights of its examples, and the loss that fits.

    Raises:
        ConfigurationError: a weight is wrong or has no meaning for this loss.
    """
    vector = None
    if weighting.class_weight is not None:
        K = len(names) if names is not None else classes
        vector = class_weights(weighting.class_weight, labels_of(part, loss), K, names)
        if loss.skips_negative:
            loss = nn.class_weighted(loss, vector)
    found = with_weights(part, loss, vector)
    if found.weights is not None and loss.pooled and loss.measured is None:
        raise _needs_each(loss, "class_weight" if vector is not None else "sample_weight")
    return found, loss


def with_weights(part: Split, loss: nn.Loss, vector: tuple[float, ...] | None) -> Split:
    """Return a part with the weight of each example, scaled to a mean of 1, (N,).

    Args:
        part: perhaps with weights of its examples.
        loss: one of sequences weighs its places itself; see `nn.class_weighted`.
        vector: the weights of the classes.
    """
    weights = part.weights
    if vector is not None and not loss.skips_negative:
        labels = labels_of(part, loss)
        missing = labels[(labels < 0) | (labels >= len(vector))]
        # Labels outside are told by the check of the labels, which knows their mend.
        of_class = np.asarray(vector)[np.where((labels < 0) | (labels >= len(vector)), 0, labels)]
        of_class = np.ones(len(part)) if len(missing) else of_class
        weights = of_class if weights is None else weights * of_class
    if weights is None:
        return part
    total = float(np.sum(weights))
    if not total > 0:
        raise ConfigurationError(
            "all weights of a part are 0",
            where=part.name,
            fix="give at least one class that occurs in it a positive weight",
        )
    return replace(part, weights=np.asarray(weights * (len(part) / total), np.float32))


def labels_of(part: Split, loss: nn.Loss) -> NDArray[np.int64]:
    """Return the class of each example, (N,), or of each place, (N, T), where it has one.

    Raises:
        ConfigurationError: the targets are no classes.
    """
    targets = np.asarray(part.targets)
    if not loss.comparable:
        raise ConfigurationError(
            "this loss has no classes of examples",
            where="class_weight",
            given=f"the loss {loss.name!r}",
            fix="sample_weight=...  # one number for each example",
        )
    of_places = loss.skips_negative and targets.ndim > 1
    flat = targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets
    whole = bool((flat == np.round(flat)).all()) if flat.dtype.kind == "f" else True
    if loss.task == "classification" and whole and (flat.ndim == 1 or of_places):
        return np.asarray(flat, np.int64)
    if loss.task != "classification":
        problem = "a regression has no classes that could be weighted"
        fix = "sample_weight=...  # one number for each example"
    elif targets.ndim > 1 and loss.threshold is not None:
        problem, fix = "several targets of one example have no common class", "pos_weight=..."
    else:
        problem, fix = "class_weight needs a label for each example", "y = y.argmax(axis=-1)"
    raise ConfigurationError(
        problem,
        where="class_weight",
        given=f"loss {loss.name!r}, targets of shape {targets.shape} and type {targets.dtype}",
        fix=fix,
    )


def class_weights(
    given: ClassWeight,
    labels: NDArray[np.int64],
    classes: int | None,
    names: tuple[str, ...] | None = None,
) -> tuple[float, ...]:
    """Return the weight of each class, K numbers.

    "balanced" is scikit-learn's ``N / (K n_k)``, with K classes that occur and n_k examples of
    class k. A class that a dict does not name has the weight 1, as in scikit-learn.

    Args:
        given: what was asked for.
        labels: of the training examples; a negative one is not counted.
        classes: K, where it is known.
        names: of the classes, by which a dict may name them.

    Raises:
        ConfigurationError: an unknown class, a wrong number of weights, or a negative weight.

    >>> class_weights("balanced", np.array([0, 0, 0, 1]), 2)
    (0.6666666666666666, 2.0)
    >>> class_weights({"rain": 3}, np.array([0, 1]), 2, ("rain", "sun"))
    (3.0, 1.0)
    """
    known = labels[labels >= 0]
    K = max(classes or 0, int(known.max()) + 1 if known.size else 0)
    if isinstance(given, str):
        if given != BALANCED:
            raise ConfigurationError(
                "unknown weights of the classes",
                where="class_weight",
                given=repr(given),
                expected="'balanced', a dict or one number for each class",
                fix="class_weight='balanced'",
            )
        counts = np.bincount(known.ravel(), minlength=K)
        present = np.count_nonzero(counts)
        with np.errstate(divide="ignore"):
            found = np.where(counts > 0, known.size / (present * counts), 1.0)
    elif isinstance(given, Mapping):
        found = np.ones(K)
        for key, weight in given.items():
            found[_number_of(key, given, K, names)] = weight
    else:
        found = np.asarray(given, np.float64)
        if found.shape != (K,):
            raise ConfigurationError(
                "there must be one weight for each class",
                where="class_weight",
                given=f"{found.size} weights of shape {found.shape}",
                expected=f"{K} numbers, for {K} classes",
                fix="class_weight='balanced', or a dict such as {0: 1.0, 1: 5.0}",
            )
    _check_numbers(found, "class_weight")
    return tuple(found.tolist())


def _number_of(key: Any, given: Mapping[Any, float], K: int, names: tuple[str, ...] | None) -> int:
    if names is not None and key in names:
        return names.index(key)
    whole = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if whole and 0 <= key < K:
        return int(key)
    known = ", ".join(map(str, (names or range(K))[:SHOWN])) + (", ..." if K > SHOWN else "")
    near = nearest(str(key), names) if names is not None else None
    rest = {k: w for k, w in given.items() if k is not key}
    fix = {**rest, near: given[key]} if near is not None and near not in rest else rest
    raise ConfigurationError(
        "there is no such class",
        where="class_weight",
        given=repr(key),
        expected=known,
        fix=f"class_weight={fix!r}" if fix else "class_weight='balanced'",
    )


def as_plain(weighting: Weighting, data: TrainingData) -> dict[str, object] | None:
    """Return what a run stores of its weights, as plain data; None where all count the same."""
    if not weighting.given:
        return None
    classes, own = data.class_weights, weighting.sample_weight
    pos = weighting.pos_weight
    return {
        "class_weight": list(classes) if classes is not None else None,
        "sample_weight": zlib.crc32(np.asarray(own, np.float64).tobytes())
        if own is not None
        else None,
        "ignore_index": int(weighting.ignore_index) if weighting.ignore_index is not None else None,
        "pos_weight": np.asarray(pos, np.float64).ravel().tolist() if pos is not None else None,
    }


def of_config(config: Mapping[str, Any]) -> Weighting:
    """Return what an evaluation takes over from a run: labels that do not count, pos_weight."""
    noted = config.get("weights") or {}
    return Weighting(ignore_index=noted.get("ignore_index"), pos_weight=noted.get("pos_weight"))
