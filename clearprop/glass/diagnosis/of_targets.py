"""Rules about the targets: shuffled, of one class, rare, no probabilities, of another kind of loss.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from clearprop.data.baseline import class_frequencies, log_chances
from clearprop.data.sources import rows_of
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import PERCEPTRON, Facts, Numbers, named, spaced
from clearprop.glass.diagnosis.finding import Finding, Grade
from clearprop.glass.diagnosis.outputs import Outputs, outputs_of, ranking
from clearprop.glass.diagnosis.reference import FEWEST, is_ordered, linear
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.shapes import chance_deviation
from clearprop.glass.wording import count, number, percent
from clearprop.training import History
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.seam import Mismatch
from clearprop.training.training_data import Split

BY_CHANCE = 3.0
"""How much more neighbors' targets must agree than by chance, in standard deviations. In real data
sets it is 10 and more."""

RANKED = 4.0
"""The same for the ranking of the surest of many classes, of which one often exceeds three, and for
neighbors, a linear model and the network together."""

NO_BETTER = 0.1
"""A tenth of the way from the best constant prediction to no error, on development examples."""

RARE = 10.0
"""Size of the largest class divided by that of the smallest. Above it the smallest class hardly
changes the mean loss."""

FEWEST_OF_A_CLASS = 2
"""With fewer examples of a class its recall says nothing."""

FEWEST_TO_LEARN = 10
"""With fewer training examples of a class it is no surprise that it is never predicted."""

HARDLY_EVER = 0.1
"""A class is predicted for less than a tenth of its share of the examples, and for no development
example that belongs to it."""

MOST_CLASSES = 30
"""With more classes these are words or characters, which are never equally frequent."""

MOST_OF_A_CLASS = 250
"""Examples of each class whose ranking is measured, whatever the ratio of the classes is."""

SURE = 0.9
"""The weight of targets that cannot be meant so."""

OF_FORM = (
    "rows_of_probabilities", "several_labels", "labels", "one_hot_targets", "broadcast_targets",
)  # fmt: skip
OF_LOSS = ("wrong_sign", "cancelling_errors", "class_numbers", "numbers_as_classes")
"""Kinds of mismatch of the targets, and of the choice of the loss."""


@rule
def single_class(facts: Facts, train: Split) -> Finding | None:
    """Training targets that are all equal."""
    y = np.asarray(train.targets)
    if facts.loss_name.startswith("triplet"):  # which reads no targets
        return None
    if len(y) < 2 or facts.loss_name == PERCEPTRON or (y != y[:1]).any():
        return None
    value = np.asarray(y[0]).tolist()
    what = f"class {value}" if y.dtype.kind in "iub" else f"the target {value}"
    others = facts.dev is not None and bool((np.asarray(facts.dev.targets) != y[:1]).any())
    more = " Other targets are only in the development part: the examples are sorted."
    return Finding(
        "targets",
        {"examples": len(y), "different targets": 1},
        f"All {count(len(y), 'training example')} have {what}.{more if others else ''}",
        fix.split_anew(facts) if others else
        "print(np.unique(targets, return_counts=True))  # look where the other targets were lost",
        0.95,
    )  # fmt: skip


@rule
def invalid_targets(facts: Facts, mismatches: list[Mismatch]) -> Finding | None:
    """Targets that are no probabilities, no labels, or of another form than the loss takes."""
    found = next((one for one in mismatches if one.kind in OF_FORM), None)
    if found is None:
        return None
    return _of_mismatch(facts, found, "targets")


def _of_mismatch(facts: Facts, found: Mismatch, where: str) -> Finding:
    sure = found.severity == "error" or "fraction of rows" in found.evidence
    return Finding(
        where,
        found.evidence or {"mismatches": 1.0},
        f"{found.sentence[0].upper()}{found.sentence[1:]}.",
        fix.of_mismatch(facts, found),
        SURE if sure else 0.65,
        "fault" if sure else facts.grade,
    )


@rule
def unsuitable_loss(facts: Facts, train: Split, mismatches: list[Mismatch]) -> Finding | None:
    """Absolute or squared error on one-hot classes, or on the numbers of classes."""
    found = next((one for one in mismatches if one.kind in OF_LOSS), None)
    if found is not None:
        if found.kind in ("wrong_sign", "cancelling_errors"):
            return replace(_of_mismatch(facts, found, "loss"), weight=SURE, grade="fault")
        return _of_class_numbers(facts, train, found)
    seen, y = facts.outputs, np.asarray(train.targets)
    if facts.own_loss and seen is not None and (found_own := _numbers_in_own_loss(facts, train)):
        return found_own
    one_hot = (
        y.ndim == 2 and y.shape[1] > 1
        and bool(np.isin(y, (0, 1)).all()) and bool((y.sum(axis=1) == 1).all())
    )  # fmt: skip
    if facts.classifies or seen is None or not one_hot:
        return None
    kind = _kind_of_error(facts, seen)
    if not kind:
        return None
    return Finding(
        "loss",
        {"classes": y.shape[1]},
        f"Each target has one 1 among {y.shape[1]} entries: it is a class. The loss is the {kind} "
        "error, whose error signal is weak where the network is most wrong.",
        f"{fix.without_last_activation(facts)}{fix.fit_line(facts, loss='cross_entropy')}",
        0.75 if kind == "absolute" else 0.6,
        facts.grade,
    )


def _numbers_in_own_loss(facts: Facts, train: Split) -> Finding | None:
    """Return the finding of class numbers under a squared or absolute error of your own."""
    y = np.asarray(train.targets)
    if (
        y.size != len(y)
        or facts.outputs is None
        or not (kind := _kind_of_error(facts, facts.outputs))
    ):
        return None
    values = np.unique(y)
    if not 3 <= len(values) <= MOST_CLASSES or not np.array_equal(values, np.arange(len(values))):
        return None
    x, labels = facts.flat(train), y.reshape(-1)[spaced(train)].astype(np.float64)
    if x is None or is_ordered(x, labels):
        return None
    changed = [
        "targets = targets.reshape(-1).astype(np.int32)",
        "data = (inputs, targets)",
        *(["dev = (dev[0], dev[1].reshape(-1).astype(np.int32))"]
          if fix.has_development_arrays(facts) else []),
    ]  # fmt: skip
    return Finding(
        "loss",
        {"classes": len(values)},
        f"The targets are the whole numbers from 0 to {len(values) - 1}, and similar examples have "
        f"no similar numbers: they look like the numbers of classes. The loss is the {kind} error, "
        "which takes them for quantities.",
        "\n".join([*changed, fix.more_outputs(facts, len(values)).rstrip(),
                   fix.fit_line(facts, loss="cross_entropy")]),
        0.75,
    )  # fmt: skip


def _of_class_numbers(facts: Facts, train: Split, found: Mismatch) -> Finding:
    """Return the finding of class numbers that a loss takes for quantities.

    Grades and counts are whole numbers too: where neighbors have similar numbers it is a note.
    """
    finding = _of_mismatch(facts, found, "loss")
    x, y = facts.flat(train), np.asarray(train.targets, np.float64).reshape(len(train), -1)[:, 0]
    if x is None or finding.weight >= SURE:
        return finding
    grade: Grade = "note" if is_ordered(x, y[spaced(train)]) else "fault"
    return replace(finding, grade=grade)


@rule
def labels_shuffled(facts: Facts, train: Split) -> Finding | None:
    """Targets that neighbors, a linear model and the network predict no better than by chance."""
    reference = facts.reference
    if reference is None or reference.examples < FEWEST or not reference.strength < BY_CHANCE:
        return None
    if not facts.baseline:
        return None  # all targets are equal, so shuffling changes nothing
    n, skill, luck = facts.held_out, None, NO_BETTER
    if facts.classifies:
        luck = max(luck, BY_CHANCE * chance_deviation(facts.baseline, n) / facts.baseline)
    if (errors := facts.development_error) is not None:
        # The last one, because the lowest of many is partly luck.
        skill = 1 - float(errors[np.isfinite(errors)][-1]) / facts.baseline
        if skill > luck:
            return None  # the network has learned something that neighbors do not show
    by_line = _linear_strength(facts, train)
    every = [reference.strength, by_line, _network_strength(facts, train)]
    if max(every) >= RANKED or sum(every) / math.sqrt(len(every)) >= RANKED:
        return None  # three weak signs are together a sure one (Stouffer's method)
    more = f"hardly more ({number(reference.strength, 2)} standard deviations)"
    said = (
        "The targets of an example's five nearest neighbors agree with its own target "
        f"{'no more' if reference.strength < 1 else more} than by chance "
        f"({reference.examples:,} of {count(len(train), 'training example')} compared), and a "
        "linear model ranks examples that it has not seen no better than by chance"
    )
    evidence = {"deviations from chance": reference.strength, "of a linear model": by_line,
                "examples": reference.examples}  # fmt: skip
    if skill is not None:
        evidence["development skill"] = skill
        than = "chance allows" if skill > 0 else "the best constant prediction"
        said += f", and on {count(n, 'development example')} the network is no better than {than}"
    return Finding(
        "targets",
        evidence,
        f"{said}.",
        "import numpy as np\n"
        "# check that inputs[i] belongs to targets[i]; shuffle both with the same order\n"
        "order = np.random.default_rng(0).permutation(len(inputs))\n"
        "data = (inputs[order], targets[order])",
        *((0.7, "note") if skill is None else (0.9, "fault")),
    )


@rule
def class_imbalance(facts: Facts, train: Split) -> Finding | None:
    """A class many times rarer than another."""
    y = facts.labels(train)
    if y is None or facts.loss_name == PERCEPTRON:
        return None
    counts = np.bincount(y)
    weights = facts.class_weights
    if facts.is_weighted and weights is None:
        return None  # how much each example counts is not stored
    # What a class adds to the objective is the number of its examples times their weight.
    counting = counts if weights is None else counts * np.asarray(weights)[: len(counts)]
    present = np.flatnonzero(counting)
    if not 2 <= len(present) <= MOST_CLASSES:
        return None
    rare = int(present[np.argmin(counting[present])])
    ratio = float(counting.max() / counting[rare])
    if ratio < RARE:
        return None
    name = _name(facts, rare)
    most = ("the most frequent class has" if weights is None else
            "with the weights of the classes, another class counts")  # fmt: skip
    said = (f"Class {name} has {count(int(counts[rare]), 'training example')}; {most} "
            f"{number(ratio, 3)} times as {'many' if weights is None else 'much'}.")  # fmt: skip
    evidence = {"ratio": ratio, "rarest": float(counts[rare])}
    recall = _recall(facts, rare)
    if recall is not None:
        evidence["recall"] = recall
        said += f" The network predicts {percent(recall)} of its examples correctly."
    return Finding(
        f"class {name}",
        evidence,
        said,
        _balanced(facts),
        strength(ratio, RARE, 100),
        "note" if recall is not None and recall >= 0.8 else "fault",
    )


@rule
def class_never_predicted(facts: Facts, train: Split, history: History) -> Finding | None:
    """A class with enough examples that the network never predicts, or for hardly any example."""
    seen, y = facts.outputs, facts.labels(train)
    if seen is None or y is None or facts.loss is None or facts.run is None:
        return None
    predicted = seen.predicted(facts.loss)
    if predicted is None or facts.loss_name == PERCEPTRON:
        return None
    counts = np.bincount(y)
    if not 2 <= np.count_nonzero(counts) <= MOST_CLASSES:
        return None
    share_of = counts / len(y)
    missing = [
        label for label in np.flatnonzero(counts >= FEWEST_TO_LEARN).tolist()
        if (predicted == label).mean() < HARDLY_EVER * share_of[label] and not _recall(facts, label)
    ]  # fmt: skip
    if not missing:
        return None
    share = float(counts[missing].sum() / len(y))
    names = [_name(facts, label) for label in missing]
    of = "class" if len(names) == 1 else "classes"
    how_often = "hardly ever" if np.isin(predicted, missing).any() else "never"
    said = (f"{of.capitalize()} {named(names)} {'is' if len(names) == 1 else 'are'} {how_often} "
            f"predicted, but {percent(share)} of the training examples belong to "
            f"{'it' if len(names) == 1 else 'them'}.")  # fmt: skip
    evidence = {"classes": float(len(missing)), "share": share}
    scores, labels = seen.scores(facts.loss), _labels_of(facts, seen)
    if scores is not None and labels is not None:
        known = scores[:, missing[:1]]
        _, _, fraction = ranking(known, np.where(labels == missing[0], 0, 1))
        evidence["ranking"] = fraction
        said += (
            f" In {percent(fraction)} of all pairs, an example of class {names[0]} has a "
            "higher output for it than another example; by chance it is half of them."
        )
    return Finding(
        f"{of} {named(names)}", evidence, said, _balanced(facts), 0.6 + 0.2 * min(1.0, 2 * share)
    )


def _balanced(facts: Facts) -> str:
    """Return code that shows the examples of every class equally often."""
    return (
        "largest = np.bincount(targets).max()\n"
        "rows = np.concatenate([np.resize(np.flatnonzero(targets == k), largest)\n"
        "                       for k in np.unique(targets)])\n"
        "data = (inputs[rows], targets[rows])\n"
        f"{fix.fit_line(facts)}"
    )


def _linear_strength(facts: Facts, train: Split) -> float:
    """Return how much better than by chance a linear model ranks unseen examples, in deviations.

    At most 250 examples of each class are compared, so that a rare class counts as well.
    """
    found = facts.linear.strength if facts.linear is not None else 0.0
    y = facts.labels(train)
    if found >= RANKED or y is None or y.max() >= MOST_CLASSES:
        return found
    rows = [np.flatnonzero(y == k) for k in np.unique(y)]
    kept = np.sort(np.concatenate([
        r[np.linspace(0, len(r) - 1, min(len(r), MOST_OF_A_CLASS)).astype(np.intp)] for r in rows
    ]))  # fmt: skip
    x = facts.flat(Split(train.name, rows_of(train.inputs, kept), train.targets[kept]))
    spread = linear(x, y[kept], True) if x is not None and len(x) == len(kept) else None
    return max(found, spread.strength if spread is not None else 0.0)


def _network_strength(facts: Facts, train: Split) -> float:
    """Return how much better than by chance the network is on development examples, in deviations.

    It is the better one of two: how well the outputs rank the examples, and how far the mean log
    loss is below that of the class frequencies. Neither depends on how rare a class is.
    """
    seen, loss, y = facts.dev_outputs, facts.loss, facts.labels(train)
    if facts.run is None or seen is None or loss is None or y is None or facts.dev is None:
        return 0.0
    scores, labels = seen.scores(loss), _labels_of(facts, seen)
    if scores is None or labels is None or labels.max(initial=0) >= scores.shape[1]:
        return 0.0
    found = ranking(scores, labels)[0]
    if loss.threshold is None and len(labels) > 1:
        frequencies = class_frequencies(y, scores.shape[1])
        own = log_chances(scores)[np.arange(len(labels)), labels]
        better = own - np.log(frequencies[labels])
        deviation = float(better.std()) / np.sqrt(len(better))
        found = max(found, float(better.mean()) / deviation if deviation > 0 else 0.0)
    return found


def _labels_of(facts: Facts, seen: Outputs) -> Numbers | None:
    return facts.labels(Split("", seen.values, seen.targets))


def _kind_of_error(facts: Facts, seen: Outputs) -> str:
    """Return "squared" or "absolute" where a loss is a multiple of that error, else ""."""
    if not facts.own_loss and facts.loss_name not in ("squared_error", "mean_squared_error"):
        return ""
    y = np.asarray(seen.values, np.float64)
    y = y.reshape(len(y), -1)
    t = np.asarray(seen.targets, np.float64).reshape(len(y), -1)
    if t.shape != y.shape:
        return ""
    for kind, errors in (("squared", np.square(y - t)), ("absolute", np.abs(y - t))):
        sizes = errors.sum(axis=1)
        known = sizes > 1e-6
        ratio = seen.losses[known] / sizes[known]
        if known.any() and ratio.std() <= 1e-3 * abs(ratio.mean()):
            return kind
    return ""


def _name(facts: Facts, label: int) -> str:
    names = facts.class_names
    return names[label] if names is not None and label < len(names) else str(label)


def _recall(facts: Facts, label: int) -> float | None:
    """Return the fraction of a class that is predicted correctly; None where it is not known.

    It is measured on development examples where there are some, because the network may have
    memorized a few training examples.
    """
    if facts.run is None or facts.model is None or facts.loss is None or facts.signals is None:
        return None
    for part in (facts.dev, facts.train):
        y = facts.labels(part) if part is not None else None
        if part is not None and y is not None and (y == label).sum() >= FEWEST_OF_A_CLASS:
            break
    else:
        return None
    rows = np.flatnonzero(y == label)[:256]
    few = Split(part.name, rows_of(part.inputs, rows), part.targets[rows])
    units = ModelInputs(facts.preprocessor).restored
    seen = outputs_of(facts.model, facts.batch(few, len(rows)), facts.loss, units)
    predicted = seen.predicted(facts.loss) if seen is not None else None
    return None if predicted is None else float((predicted == label).mean())
