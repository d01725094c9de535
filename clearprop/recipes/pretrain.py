"""The study ``pretrain``: does a deep network learn better from stacked Boltzmann machines?

Shape letters: N examples, V pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import models, nn, optim
from clearprop.algorithms import ContrastiveDivergence
from clearprop.data import Dataset
from clearprop.glass.drawings.accuracy_by_samples import accuracy_by_samples
from clearprop.glass.wording import count as counted
from clearprop.recipes.choice import DataSource
from clearprop.recipes.configuration import Count, Listed
from clearprop.recipes.pictures import check_pictures, drawn_evenly
from clearprop.recipes.study import Findings, Study
from clearprop.training import fit

PREFERRED = ("fashion-mnist", "mnist", "digits")

STACKED, PLAIN, RELU = (
    "pre-trained sigmoid",
    "sigmoid from Glorot's values",
    "ReLU from He's values",
)
WAYS = (STACKED, PLAIN, RELU)

Floats = NDArray[np.float32]


class PretrainStudy(Study):
    """Stacked Boltzmann machines learn without labels, then a deep network learns from few.

    In 2006 this was how deep networks were first trained. The study measures what it gives today:
    the same network of sigmoid units, with the weights of the machines and with Glorot's random
    values, and one of rectified linear units, on the same labelled samples.

    Attributes:
        data: pictures in classes.
        hidden_sizes: units of the hidden layers, from below; ``--set hidden_sizes=200,200``.
        pictures: of the training part, that the machines see without labels.
        machine_epochs: over these, for each machine.
        samples: numbers of labelled pictures of each class.
        epochs: of the networks over the samples.
        repeats: how often samples are drawn for each number.
        test_examples: pictures for evaluation.

    >>> PretrainStudy.of({"hidden_sizes": "64,32"}).hidden_sizes
    (64, 32)
    """

    data: DataSource = DataSource()
    hidden_sizes: Annotated[tuple[Count, ...], Listed, Field(min_length=1)] = (200, 200, 200)
    pictures: Count = 10_000
    machine_epochs: Count = 5
    samples: Annotated[tuple[Count, ...], Listed, Field(min_length=1)] = (3, 10, 100)
    epochs: Count = 100
    repeats: Count = 3
    test_examples: Count = 2000

    def carry_out(self, progress: bool = True) -> Findings:
        """Train the machines, then the networks for every number of samples."""
        dataset, line = self.data.load(PREFERRED)
        check_pictures(dataset, "pretrain")
        x, labels, held = self._parts(dataset)
        pool = np.setdiff1d(np.arange(len(x)), held)
        machines = self._machines(x[pool])
        found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        for samples in self.samples:
            draws = []
            for repeat in range(self.repeats):
                classes = int(labels.max()) + 1
                chosen = drawn_evenly(labels[pool], samples * classes, self.seed + 1 + repeat)
                rows = pool[chosen]
                draws.append(self._compared(machines, (x, labels), rows, held, repeat))
            for way in WAYS:
                found[way].append([accuracies[way] for accuracies in draws])
        sizes = "-".join(map(str, (x.shape[1], *self.hidden_sizes)))
        lines = [
            f"data: {line}",
            f"machines {sizes} learned from {len(pool):,} pictures without labels",
        ]
        return self._findings(lines, found, len(held))

    def _parts(self, dataset: Dataset) -> tuple[Floats, NDArray[np.int64], NDArray[np.intp]]:
        """Return pictures from 0 to 1, their labels, and the rows that are held out."""
        most = min(self.test_examples, len(dataset) // 3)
        chosen = drawn_evenly(np.asarray(dataset.targets), self.pictures + most, self.seed)
        part = dataset.take(chosen)
        x = np.asarray(part.inputs[np.arange(len(part))], np.float32).reshape(len(part), -1)
        labels = np.asarray(part.targets, np.int64)
        return x / (x.max() or 1.0), labels, drawn_evenly(labels, most, self.seed)

    def _machines(self, x: Floats) -> list[models.RBM]:
        machines: list[models.RBM] = []
        for size in self.hidden_sizes:
            steps = self.machine_epochs * math.ceil(len(x) / 50)
            run = fit(
                models.RBM(x.shape[1], size),
                x,
                algorithm=ContrastiveDivergence(),
                optimizer=optim.momentum(optim.schedules.cosine(0.1, steps), 0.5),
                epochs=self.machine_epochs,
                batch_size=min(50, len(x)),
                seed=self.seed,
                progress=False,
            )
            machine: Any = run.model
            machines.append(machine)
            x = np.asarray(machine(jnp.asarray(x)))
        return machines

    def _compared(
        self,
        machines: list[models.RBM],
        data: tuple[Floats, NDArray[np.int64]],
        rows: NDArray[np.intp],
        held: NDArray[np.intp],
        repeat: int,
    ) -> dict[str, float]:
        """Return the accuracy of every way after training on these samples."""
        (x, labels), seed = data, self.seed + repeat
        classes = int(labels.max()) + 1
        sizes = (x.shape[1], *self.hidden_sizes, classes)
        he = nn.initializers.he_normal
        relu = models.MLP(sizes).init(seed)
        relu = relu.replace(
            layers=tuple(
                nn.Linear(layer.in_features, layer.out_features, weight_init=he).init(seed + i)
                for i, layer in enumerate(relu.layers)
            )
        )
        begun = {
            STACKED: models.stacked(machines, classes, seed=seed),
            PLAIN: models.MLP(sizes, activation="sigmoid").init(seed),
            RELU: relu,
        }
        found = {}
        for way, network in begun.items():
            run = fit(
                network,
                (x[rows], labels[rows]),
                epochs=self.epochs,
                batch_size=min(20, len(rows)),
                learning_rate=0.001,
                seed=seed,
                dev=0,
                progress=False,
            )
            outputs = np.asarray(run.predict(x[held]))
            found[way] = float((outputs.argmax(axis=1) == labels[held]).mean())
        return found

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
        for other in (PLAIN, RELU):
            gains = [100 * (a - b) for a, b in zip(means[STACKED], means[other], strict=True)]
            lines.append(
                f"pre-trained minus {other}: {', '.join(f'{gain:+.1f}' for gain in gains)} points"
            )
        numbers = {
            f"{way}, {samples} samples, accuracy": mean
            for way in WAYS
            for samples, mean in zip(self.samples, means[way], strict=True)
        }
        drawing = accuracy_by_samples(
            self.samples,
            {way: found[way] for way in WAYS},
            title="Accuracy with and without pre-training",
            axis="labelled samples of each class",
            caption="The machines have seen all pictures without labels; each faint mark is one "
            "draw.",
        )
        return Findings(lines, numbers, [drawing])
