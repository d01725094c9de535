"""The study ``transfer``: what a network learned of some classes helps to learn others.

Shape letters: N examples, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import nn, ops
from clearprop.data import Dataset
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.accuracy_by_samples import accuracy_by_samples
from clearprop.glass.wording import count as counted
from clearprop.nn.fields import Array
from clearprop.recipes.choice import DataSource
from clearprop.recipes.configuration import Count, Listed, PositiveFraction
from clearprop.recipes.pictures import brought_to, check_pictures, drawn_evenly
from clearprop.recipes.study import Findings, Study
from clearprop.training import fit
from clearprop.training.augmentation import Shift

PREFERRED = ("digits",)
SIZE = 16

FROZEN, TUNED, SCRATCH = "frozen trunk, new head", "all layers tuned", "from scratch"
SVM, LOGISTIC, PIXELS = "SVM on features", "logistic regression on features", "SVM on pixels"
WAYS = (FROZEN, TUNED, SCRATCH, SVM, LOGISTIC, PIXELS)
"""The ways that are compared, each on the same few samples."""


class TrunkAndHead(nn.Module):
    """Two convolutions, each followed by pooling, and one linear layer."""

    trunk: nn.Sequential
    head: nn.Linear

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        he = nn.initializers.he_normal
        size = max(SIZE, *shape[:2])
        self.trunk = nn.Sequential(
            [
                *brought_to(size, shape),
                nn.Conv2d(shape[-1], 16, 3, padding=1, weight_init=he),
                ops.relu,
                nn.MaxPool2d(2),
                nn.Conv2d(16, 32, 3, padding=1, weight_init=he),
                ops.relu,
                nn.MaxPool2d(2),
                nn.Flatten(),
            ]
        )
        self.head = nn.Linear((size // 4) ** 2 * 32, classes)

    def __call__(self, x: Array) -> Array:
        return self.head(self.trunk(x))


class TransferStudy(Study):
    """A small network learns seven of the digits, then the other three from few samples of each.

    The study compares six ways on the same samples: the frozen trunk with a new head, the whole
    network tuned further, the same network from scratch, and three classifiers of scikit-learn (a
    support vector machine and logistic regression on the features of the trunk, a support vector
    machine on the pixels). Any set of pictures in four classes or more can be used.

    Attributes:
        data: pictures in at least four classes.
        known: the fraction of the classes that the trunk learns; these are the first classes.
        examples: pictures of these classes; each is shifted at random in every step.
        epochs: over these pictures.
        samples: numbers of samples of each other class; ``--set samples=2,10``.
        few_epochs: epochs over the samples.
        repeats: how often new samples are drawn for each number.
        test_examples: pictures of the other classes for evaluation.

    >>> TransferStudy.of({"samples": "2,5"}).samples
    (2, 5)
    """

    data: DataSource = DataSource()
    known: PositiveFraction = 0.7
    examples: Count = 12_000
    epochs: Count = 20
    samples: Annotated[tuple[Count, ...], Listed, Field(min_length=1)] = (1, 3, 10)
    few_epochs: Count = 150
    repeats: Count = 3
    test_examples: Count = 2000

    def carry_out(self, progress: bool = True) -> Findings:
        """Train the trunk, then compare the ways for every number of samples."""
        dataset, line = self.data.load(PREFERRED)
        first, others = parted(dataset, self.known)
        first = first.take(drawn_evenly(first.targets, self.examples, self.seed))
        held = drawn_evenly(others.targets, min(self.test_examples, len(others) // 2), self.seed)
        pool = others.take(np.setdiff1d(np.arange(len(others)), held))
        trunk = self._pretrained(first, progress)
        found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        for samples in self.samples:
            rounds = []
            for repeat in range(self.repeats):
                classes = len(others.class_names or ())
                rows = drawn_evenly(pool.targets, samples * classes, self.seed + 1 + repeat)
                rounds.append(
                    self._compared(trunk, pool.take(rows), others.take(held), self.seed + repeat)
                )
            for way in WAYS:
                found[way].append([accuracies[way] for accuracies in rounds])
        lines = [
            f"data: {line}",
            f"the trunk learned from {len(first):,} pictures of {_named(first)}",
            f"new classes: {_named(others)}",
        ]
        return self._findings(lines, found, len(held))

    def _pretrained(self, first: Dataset, progress: bool) -> TrunkAndHead:
        model = fit(
            network_for(first),
            (first.inputs, first.targets),
            epochs=self.epochs,
            batch_size=min(64, len(first)),
            learning_rate=0.002,
            seed=self.seed,
            dev=0,
            augment=Shift(1),
            progress=progress,
        ).model
        assert isinstance(model, TrunkAndHead)
        return model

    def _compared(
        self, trunk: TrunkAndHead, few: Dataset, held: Dataset, seed: int
    ) -> dict[str, float]:
        """Return the accuracy of every way after training on these samples."""
        classes = len(few.class_names or ())
        head = nn.Linear(trunk.head.in_features, classes)
        changed = nn.replace_layer(trunk, "head", head).init(seed)
        networks = {
            FROZEN: self._tuned(changed, few, seed, freeze=["trunk"]),
            TUNED: self._tuned(changed, few, seed),
            SCRATCH: self._tuned(network_for(few), few, seed),
        }
        found = {
            way: float((nn.features(model, held.inputs, "").argmax(axis=1) == held.targets).mean())
            for way, model in networks.items()
        }
        return {**found, **by_classifiers(trunk, few, held)}

    def _tuned(
        self, model: nn.Module, few: Dataset, seed: int, freeze: Iterable[str] = ()
    ) -> nn.Module:
        return fit(
            model,
            (few.inputs, few.targets),
            epochs=self.few_epochs,
            batch_size=min(16, len(few)),
            learning_rate=0.001,
            seed=seed,
            dev=0,
            freeze=freeze,
            progress=False,
        ).model

    def _findings(
        self, lines: list[str], found: Mapping[str, list[list[float]]], held: int
    ) -> Findings:
        means = {way: [float(np.mean(draws)) for draws in found[way]] for way in WAYS}
        width = max(map(len, WAYS))
        lines = [
            *lines,
            f"accuracy on {held:,} other pictures, mean of "
            f"{counted(self.repeats, 'draw')} of samples:",
            f"{'samples of each class':<{width}}" + "".join(f"{n:>8}" for n in self.samples),
        ]
        for way in WAYS:
            lines.append(f"{way:<{width}}" + "".join(f"{100 * m:>7.1f}%" for m in means[way]))
        gains = [100 * (a - b) for a, b in zip(means[FROZEN], means[SCRATCH], strict=True)]
        lines.append(
            f"a frozen trunk minus learning from scratch: "
            f"{', '.join(f'{gain:+.1f}' for gain in gains)} points"
        )
        numbers = {
            f"{way}, {samples} samples, accuracy": mean
            for way in WAYS
            for samples, mean in zip(self.samples, means[way], strict=True)
        }
        drawing = accuracy_by_samples(
            self.samples,
            {way: found[way] for way in WAYS},
            title="Accuracy against samples",
            axis="samples of each new class",
            caption="The trunk has not seen these classes. Each faint mark is one draw of samples.",
        )
        return Findings(lines, numbers, [drawing])


def by_classifiers(trunk: TrunkAndHead, few: Dataset, held: Dataset) -> dict[str, float]:
    """Return the accuracies of scikit-learn's classifiers on the trunk's features and on pixels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    plain = [part.inputs for part in (few, held)]
    seen = [nn.features(trunk, x, "trunk", flat=True) for x in plain]
    flat = [x.reshape(len(x), -1) for x in plain]
    kinds: dict[str, tuple[Any, list[NDArray[np.float32]]]] = {
        SVM: (SVC(), seen),
        LOGISTIC: (LogisticRegression(max_iter=2000), seen),
        PIXELS: (SVC(), flat),
    }
    return {
        way: float(
            make_pipeline(StandardScaler(), kind).fit(x[0], few.targets).score(x[1], held.targets)
        )
        for way, (kind, x) in kinds.items()
    }


def network_for(dataset: Dataset) -> TrunkAndHead:
    """Return a network without values for these pictures."""
    return TrunkAndHead(dataset.input_shape, len(dataset.class_names or ()))


def parted(dataset: Dataset, known: float) -> tuple[Dataset, Dataset]:
    """Return the examples of the first classes and of the others, both scaled in the same way.

    Labels begin at 0 in both.

    Raises:
        ConfigurationError: the data is not pictures of at most 32 x 32 in four classes or more.
    """
    height, width, _ = check_pictures(dataset, "transfer")
    names = dataset.class_names or ()
    if len(names) < 4 or max(height, width) > 32:
        raise ConfigurationError(
            "transfer takes pictures of at most 32 x 32 in four classes or more",
            where=dataset.name,
            given=f"{height} x {width}, {len(names)} classes",
            fix="for a folder of pictures: --set data.size=32",
        )
    middle = min(max(2, round(known * len(names))), len(names) - 2)
    learned = np.flatnonzero(dataset.targets < middle)
    inputs = np.asarray(dataset.inputs[np.arange(len(dataset))], np.float32)
    # Mean and deviation come from the trunk's classes, because it has seen no others.
    inputs = (inputs - inputs[learned].mean()) / inputs[learned].std()
    parts = []
    for classes in (range(middle), range(middle, len(names))):
        rows = np.flatnonzero(np.isin(dataset.targets, list(classes)))
        parts.append(
            Dataset(
                dataset.name,
                inputs[rows],
                dataset.targets[rows] - classes.start,
                "classification",
                tuple(names[i] for i in classes),
                source=dataset.source,
                licence=dataset.licence,
            )
        )
    return parts[0], parts[1]


def _named(dataset: Dataset) -> str:
    return ", ".join(dataset.class_names or ())
