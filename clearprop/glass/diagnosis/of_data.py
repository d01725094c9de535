"""Rules about the data: scales, targets without a tie to the inputs, leaks, rare classes.

Shape letters: N examples, D numbers an example, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.sources import by_name, rows_of
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import PERCEPTRON, Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.reference import FEWEST
from clearprop.glass.diagnosis.rules import found, rule, strength
from clearprop.glass.diagnosis.shapes import chance_deviation
from clearprop.glass.wording import count, number, percent
from clearprop.training.training_data import Split

LARGE, SMALL = 10.0, 0.01
"""Root mean square of the inputs: standardized ones have 1, pictures from 0 to 1 about a third."""

UNEVEN = 50.0
"""The largest deviation of a feature over the middle one."""

LARGE_TARGETS = 10.0
"""The same of numbers to be predicted."""

BY_CHANCE = 3.0
"""Deviations by which neighbors' targets are more alike than chance: real sets reach tens."""

NO_BETTER = 0.1
"""Of the way from one answer for all to none wrong, on development examples."""

LEAK = 0.02
"""Of the development examples, and twice as many as twins within the training part would bring."""

RARE = 10.0
"""The largest class over the smallest: where a mean no longer hears the rare one."""

FEW_JUDGES = 2
"""So many examples of a class at least, to say how many of them are recognized."""

MOST_CLASSES = 30
"""Words and characters are never equally frequent."""

MOST_COMPARED = 100_000


@rule("inputs_not_scaled", "train")
def inputs_not_scaled(facts: Facts) -> Finding | None:
    """Inputs far from one in size, or of very different sizes."""
    assert facts.train is not None
    x = facts.flat(facts.train)
    if x is None or len(x) < 2 or not x.size:
        return None
    size = float(np.sqrt(np.mean(np.square(x))))
    spread = x.std(axis=0)
    spread = spread[spread > 0]
    inputs = facts.train.inputs
    pictures = not isinstance(inputs, Mapping) and len(inputs.shape) > 2
    uneven = float(spread.max() / np.median(spread)) if len(spread) > 1 and not pictures else 1.0
    signs = {"large": size / LARGE, "small": SMALL / size if size else 0.0,
             "uneven": uneven / UNEVEN}  # fmt: skip
    sign = max(signs, key=lambda name: signs[name])
    if signs[sign] < 1:
        return None
    if sign == "uneven":
        place = int(np.argmax(x.std(axis=0)))
        names = facts.feature_names
        name = names[place] if names is not None and len(names) == x.shape[1] else (
            f"entry {place}")  # fmt: skip
        said = (f"The deviation of {name} is {number(float(x[:, place].std()))}, "
                f"{number(uneven, 2)} times that of the middle feature.")  # fmt: skip
    else:
        said = (
            f"The root mean square of what the network sees is {number(size)}, from "
            f"{number(float(x.min()))} to {number(float(x.max()))}; it should be about 1."
        )
    return found(
        "inputs_not_scaled",
        "inputs",
        {"root mean square": size, "largest over middle deviation": uneven},
        said,
        _standardized(facts),
        strength(signs[sign], 1, 20),
        "note" if facts.learned else "fault",
    )


@rule("targets_not_scaled", "train")
def targets_not_scaled(facts: Facts) -> Finding | None:
    """Numbers to be predicted that are far from one in size."""
    assert facts.train is not None
    if facts.task == "classification" or (
        facts.preprocessor is not None and facts.preprocessor.target_center
    ):
        return None
    y = np.asarray(facts.train.targets, np.float64)
    size = float(np.sqrt(np.mean(np.square(y))))
    if size < LARGE_TARGETS:
        return None
    return found(
        "targets_not_scaled",
        "targets",
        {"root mean square": size},
        f"The root mean square of the targets is {number(size)}, from {number(float(y.min()))} to "
        f"{number(float(y.max()))}; it should be about 1.",
        _standardized(facts, "regression"),
        strength(size, LARGE_TARGETS, 20 * LARGE_TARGETS),
        "note" if facts.learned else "fault",
    )


@rule("labels_shuffled", "train")
def labels_shuffled(facts: Facts) -> Finding | None:
    """Like examples have targets no more alike than chance would have it."""
    reference = facts.reference
    if reference is None or reference.examples < FEWEST or not reference.strength < BY_CHANCE:
        return None
    if not facts.baseline:
        return None  # all targets are equal: there is no order that could be lost
    skill = _development_skill(facts)
    if skill is not None and skill > _by_luck(facts):
        return None  # the network has found what neighbors do not show
    said = (
        f"Among {reference.examples} training examples the five nearest of each have its target "
        f"{_more_often(reference.strength)} than by chance"
    )
    evidence = {"deviations from chance": reference.strength, "examples": reference.examples}
    known = skill is not None
    if skill is not None:
        evidence["development skill"] = skill
        said += f", and {_found_nothing(facts, skill)}"
    return found(
        "labels_shuffled",
        "targets",
        evidence,
        f"{said}.",
        "import numpy as np\n"
        "# look whether rows belong together; an order must be drawn for both at once\n"
        "order = np.random.default_rng(0).permutation(len(inputs))\n"
        "data = (inputs[order], targets[order])",
        0.9 if known else 0.7,
        "fault" if known else "note",
    )


@rule("leaking_duplicates", "train", "dev")
def leaking_duplicates(facts: Facts) -> Finding | None:
    """Development examples that stand in the training part, bit for bit."""
    assert facts.train is not None
    assert facts.dev is not None
    train, dev = _rows(facts.train), _rows(facts.dev)
    if train is None or dev is None:
        return None
    known, counts = np.unique(train, return_counts=True)
    fraction = float(np.isin(dev, known).mean())
    twins = float(counts[counts > 1].sum() / len(train))
    copies = round(fraction * len(dev))
    if fraction < LEAK or fraction <= 2 * twins or copies < 2:
        return None
    return found(
        "leaking_duplicates",
        "development examples",
        {"fraction": fraction, "copies": copies, "twins within training": twins},
        f"{count(copies, 'development example')} of {len(dev):,} ({percent(fraction)}) "
        f"{'stands' if copies == 1 else 'stand'} in the training part too; within the training "
        f"part {percent(twins)} have a twin.",
        "import numpy as np\n_, kept = np.unique(inputs, axis=0, return_index=True)\n"
        "inputs, targets = inputs[kept], targets[kept]  # before they are split",
        strength(fraction, LEAK, 0.5),
    )


@rule("class_imbalance", "train")
def class_imbalance(facts: Facts) -> Finding | None:
    """A class many times rarer than another."""
    assert facts.train is not None
    y = facts.answers(facts.train) if facts.task == "classification" else None
    if y is None or facts.loss_name == PERCEPTRON:
        return None
    counts = np.bincount(y)
    present = np.flatnonzero(counts)
    if not 2 <= len(present) <= MOST_CLASSES:
        return None
    rare = int(present[np.argmin(counts[present])])
    ratio = float(counts.max() / counts[rare])
    if ratio < RARE:
        return None
    names = facts.class_names
    name = names[rare] if names is not None and rare < len(names) else str(rare)
    said = (f"Class {name} has {count(int(counts[rare]), 'training example')}, the most frequent "
            f"{number(ratio, 3)} times as many.")  # fmt: skip
    evidence = {"ratio": ratio, "rarest": float(counts[rare])}
    recall = _recall(facts, rare)
    if recall is not None:
        evidence["recall"] = recall
        said += f" Of the examples looked at {percent(recall)} are recognized."
    return found(
        "class_imbalance",
        f"class {name}",
        evidence,
        said,
        "import numpy as np\nlargest = np.bincount(targets).max()\n"
        "rows = np.concatenate([np.resize(np.flatnonzero(targets == k), largest)\n"
        "                       for k in np.unique(targets)])\n"
        "data = (inputs[rows], targets[rows])\n"
        f"{fix.fit_line(facts)}",
        strength(ratio, RARE, 100),
        "note" if recall is not None and recall >= 0.8 else "fault",
    )


def _standardized(facts: Facts, task: str = "") -> str:
    kind = task or facts.task
    return (
        f'dataset = cp.data.Dataset("mine", inputs, targets, "{kind}")\n'
        f"data = dataset.split()  # scaled by what the training part says\n{fix.fit_line(facts)}"
    )


def _more_often(deviations: float) -> str:
    return "no more often" if deviations < 1 else f"hardly more often ({number(deviations, 2)} "\
        "deviations)"  # fmt: skip


def _found_nothing(facts: Facts, skill: float) -> str:
    if not skill > 0:
        return "on the development examples the network is no better than one answer for all"
    n = int(facts.config.get("data", {}).get("development_examples") or 0)
    on = count(n, "development example") if n else "the development examples"
    return f"the network is no better than chance may make it on {on}"


def _development_skill(facts: Facts) -> float | None:
    """Return how far the development error is from that of one answer for all, 0, to none, 1."""
    history = facts.history
    if history is None or not facts.baseline:
        return None
    known = history.development_error[np.isfinite(history.development_error)]
    # The last one: the lowest of many is luck.
    return 1 - float(known[-1]) / facts.baseline if len(known) else None


def _by_luck(facts: Facts) -> float:
    """Return the development skill that a network without any may well show by chance."""
    baseline = facts.baseline or 1.0
    if facts.task != "classification":
        return NO_BETTER
    n = int(facts.config.get("data", {}).get("development_examples") or 0)
    return max(NO_BETTER, BY_CHANCE * chance_deviation(baseline, n) / baseline)


def _rows(part: Split) -> NDArray[Any] | None:
    """Return a number for each example, the same for the same inputs; None of several inputs."""
    if by_name(part.inputs):
        return None
    rows = np.arange(min(len(part), MOST_COMPARED))
    kept = np.ascontiguousarray(rows_of(part.inputs, rows)).reshape(len(rows), -1)
    if kept.dtype.kind == "f":
        kept = kept + 0.0  # the two zeros are one
    return kept.view(np.dtype((np.void, kept.dtype.itemsize * kept.shape[1]))).ravel()


def _recall(facts: Facts, label: int) -> float | None:
    """Return which fraction of a class is recognized; None where it is not known.

    Of development examples where there are some: a few training examples are learned by heart.
    """
    if facts.run is None or facts.model is None or facts.broken:
        return None
    found_in: tuple[Split, NDArray[Any]] | None = None
    for part in (facts.train, facts.dev):
        y = facts.answers(part) if part is not None else None
        if part is not None and y is not None and (y == label).sum() >= FEW_JUDGES:
            found_in = part, np.flatnonzero(y == label)[:256]
    if found_in is None:
        return None
    part, rows = found_in
    few = Split(part.name, rows_of(part.inputs, rows), part.targets[rows])
    x, _ = facts.batch(few, len(rows))
    outputs = np.asarray(facts.model(x))
    if outputs.ndim != 2:
        return None
    if outputs.shape[1] > 1:
        return float((outputs.argmax(axis=1) == label).mean())
    threshold = facts.loss.threshold if facts.loss is not None else None
    return float(((outputs[:, 0] >= (threshold or 0.0)) == bool(label)).mean())
