"""Rules about the data: scales, targets that do not depend on the inputs, copies, rare classes.

Shape letters: N examples, D numbers of an example, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clearprop.data.sources import by_name, rows_of
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import PERCEPTRON, Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.reference import FEWEST
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.shapes import chance_deviation
from clearprop.glass.wording import count, number, percent
from clearprop.training.training_data import Split

LARGE, SMALL = 10.0, 0.01
"""Root mean square of the inputs. Standardized inputs have 1, pictures from 0 to 1 about 0.3."""

UNEVEN = 50.0
"""The largest standard deviation of a feature divided by the median of all features."""

LARGE_TARGETS = 10.0
"""Root mean square of the targets of a regression."""

BY_CHANCE = 3.0
"""How much more neighbors' targets must agree than by chance, in standard deviations. In real data
sets it is 10 and more."""

NO_BETTER = 0.1
"""A tenth of the way from the best constant prediction to no error, on development examples."""

LEAK = 0.02
"""Fraction of the development examples. It must also be twice the fraction of training examples
that occur more than once."""

RARE = 10.0
"""Size of the largest class divided by that of the smallest. Above it the smallest class hardly
changes the mean loss."""

FEWEST_OF_A_CLASS = 2
"""With fewer examples of a class its recall says nothing."""

MOST_CLASSES = 30
"""With more classes these are words or characters, which are never equally frequent."""

MOST_COMPARED = 100_000


@rule
def inputs_not_scaled(facts: Facts, train: Split) -> Finding | None:
    """Inputs whose size is far from one, or whose features differ much in size."""
    x = facts.flat(train)
    if x is None or len(x) < 2 or not x.size:
        return None
    size, deviations = _size(x), x.std(axis=0)
    spread = deviations[deviations > 0]
    pictures = not isinstance(train.inputs, Mapping) and len(train.inputs.shape) > 2
    uneven = float(spread.max() / np.median(spread)) if len(spread) > 1 and not pictures else 1.0
    signs = {"large": size / LARGE, "small": SMALL / size if size else 0.0,
             "uneven": uneven / UNEVEN}  # fmt: skip
    sign = max(signs, key=lambda name: signs[name])
    if signs[sign] < 1:
        return None
    if sign == "uneven":
        place = int(np.argmax(deviations))
        names = facts.feature_names
        name = names[place] if names is not None and len(names) == x.shape[1] else (
            f"entry {place}")  # fmt: skip
        said = (f"The standard deviation of {name} is {number(float(deviations[place]))}, "
                f"{number(uneven, 2)} times the median of all features.")  # fmt: skip
    else:
        said = f"The root mean square of the inputs is {number(size)}, {_range(x)}"
    return Finding(
        "inputs",
        {"root mean square": size, "largest over middle deviation": uneven},
        said,
        _standardized(facts),
        strength(signs[sign], 1, 20),
        facts.grade,
    )


@rule
def targets_not_scaled(facts: Facts, train: Split) -> Finding | None:
    """Targets of a regression whose size is far from one."""
    scaled = facts.preprocessor is not None and facts.preprocessor.target_center
    if facts.classifies or scaled:
        return None
    y = np.asarray(train.targets, np.float64)
    size = _size(y)
    if size < LARGE_TARGETS:
        return None
    return Finding(
        "targets",
        {"root mean square": size},
        f"The root mean square of the targets is {number(size)}, {_range(y)}",
        _standardized(facts),
        strength(size, LARGE_TARGETS, 20 * LARGE_TARGETS),
        facts.grade,
    )


@rule
def labels_shuffled(facts: Facts, train: Split) -> Finding | None:
    """Similar examples whose targets agree no more than by chance."""
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
    more = f"hardly more ({number(reference.strength, 2)} standard deviations)"
    said = (
        "The targets of an example's five nearest neighbors agree with its own target "
        f"{'no more' if reference.strength < 1 else more} than by chance "
        f"({reference.examples:,} of {count(len(train), 'training example')} compared)"
    )
    evidence = {"deviations from chance": reference.strength, "examples": reference.examples}
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
def leaking_duplicates(facts: Facts, train: Split, dev: Split) -> Finding | None:
    """Development examples that are also training examples, bit for bit."""
    known_rows, dev_rows = _rows(train), _rows(dev)
    if known_rows is None or dev_rows is None:
        return None
    known, counts = np.unique(known_rows, return_counts=True)
    fraction = float(np.isin(dev_rows, known).mean())
    twins = float(counts[counts > 1].sum() / len(known_rows))
    copies = round(fraction * len(dev_rows))
    if fraction < LEAK or fraction <= 2 * twins or copies < 2:
        return None
    return Finding(
        "development examples",
        {"fraction": fraction, "copies": copies, "twins within training": twins},
        f"{copies} of {count(len(dev_rows), 'development example')} ({percent(fraction)}) are also "
        f"training examples. Within the training part, {percent(twins)} of the examples occur more "
        "than once.",
        "import numpy as np\n_, kept = np.unique(inputs, axis=0, return_index=True)\n"
        "inputs, targets = inputs[kept], targets[kept]  # before they are split\n"
        "data = (inputs, targets)",
        strength(fraction, LEAK, 0.5),
    )


@rule
def class_imbalance(facts: Facts, train: Split) -> Finding | None:
    """A class many times rarer than another."""
    y = facts.targets(train) if facts.classifies else None
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
    said = (f"Class {name} has {count(int(counts[rare]), 'training example')}; the most frequent "
            f"class has {number(ratio, 3)} times as many.")  # fmt: skip
    evidence = {"ratio": ratio, "rarest": float(counts[rare])}
    recall = _recall(facts, rare)
    if recall is not None:
        evidence["recall"] = recall
        said += f" The network predicts {percent(recall)} of its examples correctly."
    return Finding(
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


def _size(numbers: NDArray[np.float64]) -> float:
    """Return the root mean square of numbers."""
    return float(np.sqrt(np.mean(np.square(numbers))))


def _range(numbers: NDArray[np.float64]) -> str:
    low, high = number(float(numbers.min())), number(float(numbers.max()))
    return f"with values from {low} to {high}. It should be about 1."


def _standardized(facts: Facts) -> str:
    task = "classification" if facts.classifies else "regression"
    return (
        f'dataset = cp.data.Dataset("mine", inputs, targets, "{task}")\n'
        "data = dataset.split()  # scaled by mean and deviation of the training part\n"
        f"{fix.fit_line(facts)}"
    )


def _rows(part: Split) -> NDArray[np.void] | None:
    """Return one value for each example, equal for equal inputs; None for several inputs."""
    if by_name(part.inputs):
        return None
    rows = np.arange(min(len(part), MOST_COMPARED))
    kept = np.ascontiguousarray(rows_of(part.inputs, rows)).reshape(len(rows), -1)
    if kept.dtype.kind == "f":
        kept = kept + 0.0  # makes -0.0 equal to 0.0
    return kept.view(np.dtype((np.void, kept.dtype.itemsize * kept.shape[1]))).ravel()


def _recall(facts: Facts, label: int) -> float | None:
    """Return the fraction of a class that is predicted correctly; None where it is not known.

    It is measured on development examples where there are some, because the network may have
    memorized a few training examples.
    """
    if facts.run is None or facts.model is None or facts.broken:
        return None
    for part in (facts.dev, facts.train):
        y = facts.targets(part) if part is not None else None
        if part is not None and y is not None and (y == label).sum() >= FEWEST_OF_A_CLASS:
            break
    else:
        return None
    rows = np.flatnonzero(y == label)[:256]
    few = Split(part.name, rows_of(part.inputs, rows), part.targets[rows])
    outputs = np.asarray(facts.model(facts.batch(few, len(rows))[0]))
    if outputs.ndim != 2:
        return None
    if outputs.shape[1] > 1:
        return float((outputs.argmax(axis=1) == label).mean())
    threshold = facts.loss.threshold if facts.loss is not None else None
    return float(((outputs[:, 0] >= (threshold or 0.0)) == bool(label)).mean())
