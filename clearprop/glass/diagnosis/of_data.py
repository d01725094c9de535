"""Rules about the examples: scales, constant inputs, a development part that differs.

Shape letters: N examples, D numbers of an example, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, spaced
from clearprop.glass.diagnosis.finding import Finding, Grade
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.wording import count, number, percent
from clearprop.training.training_data import Split

LARGE, SMALL = 10.0, 0.01
"""Root mean square of the inputs. Standardized inputs have 1, pictures from 0 to 1 about 0.3."""

UNEVEN = 50.0
"""The largest standard deviation of a feature divided by the median of all features."""

ALIKE = 0.1
"""The deviation of the inputs among the examples divided by their root mean square. Of pictures it
is 0.7 and more, and of standardized columns 1."""

LARGE_TARGETS = 10.0
"""Root mean square of the targets of a regression."""

MANY_CONSTANT, MANY_EMPTY = 0.95, 0.3
"""Fractions of the entries that are the same in every example, and of the examples whose entries
are all the same. In pictures of digits up to a tenth of the entries is constant."""

FEWEST_ENTRIES = 16
"""An example of fewer entries may well have equal ones."""

NEW_CLASSES = 0.02
"""Fraction of the development examples whose class has no training example."""

OUTSIDE = 0.25
"""Fraction of the development entries outside the range of the training part. Of two parts that
were drawn at random it is about two divided by the number of training examples."""

SHIFTED, CERTAINLY = 0.8, 6.0
"""Difference of the two means of a feature, in standard deviations of its values, and in standard
deviations of the difference itself. The largest of a thousand features is below 4 by chance."""

RESCALED = 5.0
"""The median deviation of a feature in one part over that in the other."""

FEWEST_COMPARED = 10

MOSTLY_RIGHT, RENUMBERED = 0.25, 0.75
"""A training error, and the fraction of the development examples that are right if the classes are
numbered anew. The same fraction of wrong ones is asked for as they are numbered."""

MUCH_WORSE = 1.5
"""The development error divided by the training error from which a difference does harm."""


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
    varied = float(np.sqrt(np.mean(np.square(deviations))))
    signs = {
        "large": size / LARGE,
        "small": SMALL / size if size else 0.0,
        "uneven": uneven / UNEVEN,
        "alike": ALIKE * size / varied if varied else 0.0,
    }
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
    elif sign == "alike":
        said = (f"The inputs of different examples hardly differ: their deviation is "
                f"{number(varied)}, and their root mean square {number(size)}.")  # fmt: skip
    else:
        said = f"The root mean square of the inputs is {number(size)}, {_range(x)}"
    return Finding(
        "inputs",
        {"root mean square": size, "largest over middle deviation": uneven, "deviation": varied},
        said,
        _standardized(facts, train, "inputs"),
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
        _standardized(facts, train, "targets"),
        strength(size, LARGE_TARGETS, 20 * LARGE_TARGETS),
        facts.grade,
    )


@rule
def constant_inputs(facts: Facts, train: Split) -> Finding | None:
    """Inputs that say nothing: the same in every example, or examples without any content."""
    x = facts.flat(train)
    if x is None or len(x) < 2 or not x.shape[1]:
        return None
    constant = float((x == x[:1]).all(axis=0).mean())
    empty = float((x == x[:, :1]).all(axis=1).mean()) if x.shape[1] >= FEWEST_ENTRIES else 0.0
    if constant < MANY_CONSTANT and empty < MANY_EMPTY:
        return None
    if constant == 1:
        said = f"All {count(len(x), 'training example')} have the same inputs."
    elif constant >= MANY_CONSTANT:
        said = f"{percent(constant)} of the entries of an input are the same in every example."
    else:
        said = (f"In {percent(empty)} of the examples all entries are the same number, such as in "
                "a picture of one color.")  # fmt: skip
    return Finding(
        "inputs",
        {"constant entries": constant, "empty examples": empty},
        said,
        "print(inputs.min(), inputs.max(), inputs.std(axis=0))  # look where the values were lost",
        0.95 if constant == 1 else strength(empty, MANY_EMPTY, 1.0) if empty >= MANY_EMPTY else 0.6,
        "fault" if constant == 1 else facts.grade,
    )


@rule
def development_differs(facts: Facts, train: Split, dev: Split) -> Finding | None:
    """Development examples with classes or ranges that the training part lacks."""
    y, held_out = facts.labels(train), facts.labels(dev)
    if y is not None and held_out is not None:
        new = ~np.isin(held_out, y)
        fraction = float(new.mean())
        if fraction >= NEW_CLASSES and new.sum() >= 2:
            names = ", ".join(map(str, np.unique(held_out[new])[:5].tolist()))
            return _differs(
                facts, {"fraction": fraction},
                f"{percent(fraction)} of the development examples belong to classes without any "
                f"training example (class {names}).",
                fix.split_anew(facts), strength(fraction, NEW_CLASSES, 0.5), "fault",
            )  # fmt: skip
    if (renumbered := _renumbered(facts, dev)) is not None:
        return renumbered
    for what, kept, other in _numbers_of(facts, train, dev):
        found = _difference(what, kept, other)
        if found is not None and what == "inputs" and not _within_classes(facts, train, dev):
            continue  # rare classes move the means of all inputs; `class_imbalance` tells that
        if found is not None:
            evidence, said, rescaled = found
            change = _rescaled(facts) if rescaled and what == "inputs" else fix.split_anew(facts)
            return _differs(facts, evidence, said, change, 0.75, _harm(facts))
    return None


def _renumbered(facts: Facts, dev: Split) -> Finding | None:
    """Find classes that have other numbers in the development part than in training."""
    seen, error = facts.dev_outputs, facts.training_error
    chosen = seen.predicted(facts.loss) if seen is not None and facts.loss is not None else None
    labels = facts.labels(Split("", seen.values, seen.targets)) if seen is not None else None
    if chosen is None or labels is None or error is None or error > MOSTLY_RIGHT:
        return None
    if (chosen == labels).mean() >= 1 - RENUMBERED:
        return None
    known = [k for k in np.unique(labels) if (labels == k).sum() >= FEWEST_COMPARED]
    answers = {int(k): int(np.bincount(chosen[labels == k]).argmax()) for k in known}
    right = np.array([chosen[i] == answers.get(int(k), -1) for i, k in enumerate(labels)])
    moved = {k: answer for k, answer in answers.items() if k != answer}
    if len(set(answers.values())) < len(answers) or len(moved) < 2 or right.mean() < RENUMBERED:
        return None
    some = ", ".join(f"class {k} as {answer}" for k, answer in list(moved.items())[:3])
    anew = float(right.mean())
    change = fix.split_anew(facts)
    if fix.has_development_arrays(facts):
        numbers = [answers.get(k, k) for k in range(int(labels.max()) + 1)]
        change = (
            f"numbers = np.array({numbers})  # of each class of dev, in the training part\n"
            f"dev = (dev[0], numbers[dev[1]])\n{fix.fit_line(facts)}"
        )
    return _differs(
        facts,
        {"wrong": float((chosen != labels).mean()), "right under other numbers": anew},
        "The classes of the development part have other numbers than those of the training part: "
        f"the network answers {some}, and {percent(anew)} of its answers are right if the classes "
        "are numbered anew.",
        change,
        0.85,
        "fault",
    )


def _differs(
    facts: Facts, evidence: dict[str, float], said: str, change: str, weight: float, grade: Grade
) -> Finding:
    return Finding("development examples", evidence, said, change, weight, grade)


def _harm(facts: Facts) -> Grade:
    """Return the grade of a difference between the parts: a fault where the error shows it."""
    errors, training = facts.development_error, facts.training_error
    if errors is None or training is None:
        return "note"
    last = float(errors[np.isfinite(errors)][-1])
    return "fault" if last > MUCH_WORSE * training else "note"


def _numbers_of(
    facts: Facts, train: Split, dev: Split
) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Return the numbers of both parts that can be compared: of the inputs, and of the targets."""
    pairs = [("inputs", facts.flat(train), facts.flat(dev))]
    if not facts.classifies:
        pairs.append(("targets", facts.targets(train), facts.targets(dev)))
    return [
        (what, np.asarray(kept, np.float64), np.asarray(other, np.float64))
        for what, kept, other in pairs
        if kept is not None and other is not None and kept.shape[1:] == other.shape[1:]
        and min(len(kept), len(other)) >= FEWEST_COMPARED and kept.shape[1]
    ]  # fmt: skip


def _difference(
    what: str, kept: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[dict[str, float], str, bool] | None:
    """Return evidence, sentence and whether the scale differs; None where the parts are alike."""
    outside = float(((other < kept.min(axis=0)) | (other > kept.max(axis=0))).mean())
    both = np.concatenate([kept, other])
    spread = both.std(axis=0)
    away = np.abs(kept.mean(axis=0) - other.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    worst, certain = int(away.argmax()), np.sqrt(1 / len(kept) + 1 / len(other))
    shifted = away[worst] >= SHIFTED and away[worst] >= CERTAINLY * certain
    if outside < max(OUTSIDE, 3 * 2 / len(kept)) and not shifted:
        return None
    deviations = [part.std(axis=0)[spread > 0] for part in (kept, other)]
    ratio = float(np.median(deviations[1]) / max(float(np.median(deviations[0])), 1e-12))
    said = (f"{percent(outside)} of the {what} of the development part are outside the range of "
            f"the training part, and the means of entry {worst} are {number(float(away[worst]), 2)}"
            " standard deviations apart.")  # fmt: skip
    evidence = {"outside": outside, "means apart": float(away[worst]), "ratio of scales": ratio}
    return evidence, said, not 1 / RESCALED < ratio < RESCALED


def _within_classes(facts: Facts, train: Split, dev: Split) -> bool:
    """Whether inputs differ between the parts within a class too; True where that is not known."""
    x, other, y, labels = facts.flat(train), facts.flat(dev), facts.labels(train), facts.labels(dev)
    if x is None or other is None or y is None or labels is None:
        return True
    y, labels = y[spaced(train)], labels[spaced(dev)]
    common = [
        k for k in np.unique(y) if min((y == k).sum(), (labels == k).sum()) >= FEWEST_COMPARED
    ]
    return not common or any(
        _difference("inputs", x[y == k], other[labels == k]) is not None for k in common
    )


def _rescaled(facts: Facts) -> str:
    """Return code that brings the development inputs to the scale of the training inputs."""
    return (
        "center, scale = inputs.mean(axis=0), inputs.std(axis=0)  # scale both parts alike\n"
        "own_center, own_scale = dev[0].mean(axis=0), dev[0].std(axis=0)\n"
        "own_scale = np.where(own_scale > 0, own_scale, 1)\n"
        "dev = ((dev[0] - own_center) / own_scale * scale + center, dev[1])\n"
        f"{fix.fit_line(facts)}"
    )


def _size(numbers: NDArray[np.float64]) -> float:
    """Return the root mean square of numbers."""
    return float(np.sqrt(np.mean(np.square(numbers))))


def _range(numbers: NDArray[np.float64]) -> str:
    low, high = number(float(numbers.min())), number(float(numbers.max()))
    return f"with values from {low} to {high}. It should be about 1."


def _standardized(facts: Facts, train: Split, what: str) -> str:
    """Return code that standardizes the inputs or the targets, and a call with a usual rate."""
    call = fix.fit_line(facts, **fix.restart(facts))
    inputs = train.inputs
    if facts.preprocessor is not None or isinstance(inputs, Mapping):
        task = "classification" if facts.classifies else "regression"
        return (
            f'dataset = cp.data.Dataset("mine", inputs, targets, "{task}")\n'
            "data = dataset.split()  # scaled by mean and deviation of the training part\n"
            f"{call}"
        )
    shape = inputs.shape if what == "inputs" else train.targets.shape
    axis = "" if len(shape) > 2 else "axis=0"  # the pixels of a picture are scaled alike
    place = 0 if what == "inputs" else 1
    lines = [
        f"center, scale = {what}.mean({axis}), {what}.std({axis})",
        "scale = np.where(scale > 1e-5 * np.abs(center), scale, 1)  # of a constant: 1",
        f"{what} = ({what} - center) / scale",
        "data = (inputs, targets)",
    ]
    if fix.has_development_arrays(facts):
        scaled = f"(dev[{place}] - center) / scale"
        lines.append(f"dev = ({scaled}, dev[1])" if place == 0 else f"dev = (dev[0], {scaled})")
    return "\n".join([*lines, call])
