"""The study ``overfit``: a network that is too large for its few examples, and four remedies.

Shape letters: N examples, E epochs, S seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import nn, ops, optim
from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ConfigurationError
from clearprop.glass.style import Drawing, axes_grid, drawn, line, marked_line
from clearprop.glass.wording import count
from clearprop.recipes.choice import DataSource
from clearprop.recipes.configuration import Count, PositiveFraction, Rate
from clearprop.recipes.study import Findings, Study
from clearprop.training import History, evaluate, fit
from clearprop.training.augmentation import Noise

DISEASE, STOPPED = "no remedy", "early stopping"
DROPOUT, DECAY, AUGMENTED = "dropout", "weight decay", "augmentation"
WAYS = (DISEASE, STOPPED, DROPOUT, DECAY, AUGMENTED)
HELD_OUT = 150

RISEN = 1.02
"""The last development error by the lowest one. Below it, chance may be the reason."""

FEW_EPOCHS = 10
"""Up to how many epochs the curves have marks."""


Examples = tuple[NDArray[np.generic], NDArray[np.generic]]
"""Prepared inputs and targets."""


class Parts(NamedTuple):
    """A data set in three parts.

    Attributes:
        train: the few examples to learn from.
        dev: the development data, for evaluation after each epoch and for early stopping.
        test: the data of the evaluation at the end.
    """

    train: Examples
    dev: Examples
    test: Examples


class _Attempt(NamedTuple):
    """One network, trained in one way.

    Attributes:
        history: losses and errors after each epoch.
        error: of the network that the run returned, on the test part.
    """

    history: History
    error: float


class OverfitStudy(Study):
    """A network memorizes a few examples; then it is trained with each of four remedies.

    The network has two hidden layers and far more weights than the examples have numbers. Each seed
    draws other examples, another order and other initial values. The evaluation uses examples that
    no run has seen.

    Attributes:
        data: a table or small pictures, for classification or regression.
        examples: number of training examples.
        width: units of a hidden layer.
        epochs: how often all examples are used.
        learning_rate: of Adam.
        dropout: fraction of the hidden units that a step leaves out.
        weight_decay: in each step every weight shrinks by this number times the rate.
        noise: standard deviation of the noise that augmentation adds to the scaled inputs.
        patience: number of epochs that early stopping waits for a better development error.
        seeds: number of repetitions.
    """

    data: DataSource = DataSource()
    examples: Count = 100
    width: Count = 256
    epochs: Count = 200
    learning_rate: Rate = 0.001
    dropout: PositiveFraction = 0.5
    weight_decay: Annotated[float, Field(ge=0)] = 10.0
    noise: Rate = 0.5
    patience: Count = 20
    seeds: Count = 3

    def carry_out(self, progress: bool = True) -> Findings:
        """Train the network with each remedy and without, for every seed."""
        dataset, line_of_data = self.data.load(("diabetes",))
        found: dict[str, list[_Attempt]] = {way: [] for way in WAYS}
        for seed in range(self.seed, self.seed + self.seeds):
            parts = parted(dataset, self.examples, seed)
            for way in WAYS:
                shown = progress and way == DISEASE
                found[way].append(self.trial(way, parts, dataset, seed, shown))
        network = self._network(DISEASE, parts, dataset)
        weights = sum(x.size for x in nn.parameters(network.init()).values())
        lines = [
            f"data: {line_of_data}",
            f"a network of {weights:,} weights learns {self.examples} examples",
            *_table(found, loss_for(dataset)),
        ]
        numbers = {f"{way}, test error": _mean(found[way]) for way in WAYS}
        return Findings(lines, numbers, [drawn_curves(found, loss_for(dataset).error_name)])

    def trial(
        self, way: str, parts: Parts, dataset: Dataset, seed: int, progress: bool = False
    ) -> _Attempt:
        """Return the result of one way to train.

        Args:
            way: one of `WAYS`.
            parts: training, development and test data.
            dataset: the whole data set.
            seed: of the initial values and of the order of the examples.
            progress: whether to show the progress.
        """
        optimizer = optim.adam(self.learning_rate)
        if way == DECAY:
            optimizer = optim.decoupled_weight_decay(optimizer, self.weight_decay, min_ndim=2)
        run = fit(
            self._network(way, parts, dataset),
            parts.train,
            loss=loss_for(dataset),
            optimizer=optimizer,
            epochs=self.epochs,
            batch_size=min(20, len(parts.train[1])),
            seed=seed,
            dev=parts.dev,
            patience=self.patience if way == STOPPED else None,
            augment=Noise(self.noise) if way == AUGMENTED else None,
            progress=progress,
        )
        return _Attempt(run.history, evaluate(run.model, parts.test, loss_for(dataset)).error)

    def _network(self, way: str, parts: Parts, dataset: Dataset) -> nn.Sequential:
        size = int(np.prod(parts.train[0].shape[1:]))  # encoded: a category has several inputs
        names = dataset.class_names
        layers: list[Any] = [nn.Flatten()]
        for _ in range(2):
            layers += [nn.Linear(size, self.width), ops.relu]
            layers += [nn.Dropout(self.dropout)] if way == DROPOUT else []
            size = self.width
        outputs = dataset.targets.shape[1] if names is None else len(names)
        return nn.Sequential([*layers, nn.Linear(size, outputs)])


def loss_for(dataset: Dataset) -> nn.Loss:
    """Return cross-entropy for classes, half the squared error for numbers."""
    return nn.find_loss("squared_error" if dataset.task == "regression" else "cross_entropy")


def parted(dataset: Dataset, examples: int, seed: int) -> Parts:
    """Return a data set in three random parts, scaled by mean and deviation of the training part.

    Raises:
        ConfigurationError: the data is a text, or too few examples are left for evaluation.
    """
    held_out = min(HELD_OUT, (len(dataset) - examples) // 2)
    if (
        dataset.task == "text"
        or dataset.vocabularies
        or isinstance(dataset.input_shape, dict)
        or held_out < 10
    ):
        raise ConfigurationError(
            "overfit takes tables and pictures with enough examples for evaluation",
            where=dataset.name,
            given=f"{dataset.task}, {len(dataset)} examples, {examples} of them for training",
            fix="--set examples=50, or another data set",
        )
    order = np.random.default_rng(seed).permutation(len(dataset))
    few = dataset.take(np.sort(order[:examples]))
    preprocessor = Preprocessor.fit(
        few.inputs,
        few.targets,
        columns=dataset.columns,
        task=dataset.task,
        class_names=dataset.class_names,
    )

    def scaled(rows: NDArray[np.intp]) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        part = dataset.take(rows)
        targets = part.targets
        if dataset.task == "regression":
            targets = np.asarray(preprocessor.scaled_targets(targets))
        return np.asarray(preprocessor.apply(part.inputs)), targets

    places = np.split(order, [examples, examples + held_out])
    return Parts(*(scaled(np.sort(rows)) for rows in places))


def _mean(trials: list[_Attempt]) -> float:
    return float(np.mean([trial.error for trial in trials]))


def _table(found: Mapping[str, list[_Attempt]], loss: nn.Loss) -> list[str]:
    width = max(map(len, WAYS))
    unit = "" if loss.task == "classification" else ", of the targets' deviation"
    seeds = len(found[DISEASE])
    lines = [
        f"{loss.error_name}{unit}, mean of {count(seeds, 'seed')}:",
        f"{'':<{width}}{'training':>10}{'dev':>10}{'dev, best':>11}{'test':>10}  better than none",
    ]
    for way, trials in found.items():
        training, last, best, test = np.mean(
            [
                (
                    trial.history.training_error[-1],
                    trial.history.development_error[-1],
                    trial.history.development_error.min(),
                    trial.error,
                )
                for trial in trials
            ],
            axis=0,
        )
        row = f"{way:<{width}}{training:>10.3f}{last:>10.3f}{best:>11.3f}{test:>10.3f}"
        better = sum(a.error < b.error for a, b in zip(trials, found[DISEASE], strict=True))
        lines.append(row if way == DISEASE else f"{row}  {better} of {seeds}")
    return lines


@drawn
def drawn_curves(found: Mapping[str, list[_Attempt]], error_name: str) -> Drawing:
    """Draw training and development error by epoch, without a remedy and with each."""
    figure, axes = axes_grid(1, len(WAYS), width=12.0, height=3.4, sharey=True)
    longest = max(len(trial.history) for trials in found.values() for trial in trials)
    style = marked_line if longest <= FEW_EPOCHS else line  # one epoch is a point, not a line
    for way, axis in zip(WAYS, axes, strict=True):
        for trial in found[way]:
            history = trial.history
            axis.plot(history.epoch, history.training_error, **style(0), alpha=0.8)
            axis.plot(history.epoch, history.development_error, **style(1), alpha=0.8)
        if longest <= FEW_EPOCHS:
            axis.set_xticks(range(1, longest + 1))
            axis.set_xlim(0.5, longest + 0.5)
        lowest = float(np.mean([t.history.development_error.min() for t in found[DISEASE]]))
        axis.axhline(lowest, color="0.6", linewidth=0.8)
        axis.set_title(way)
        axis.set_xlabel("epoch")
    axes[0].set_ylabel(error_name)
    axes[0].set_ylim(0, 1.03 * axes[0].get_ylim()[1])
    for index, label in enumerate(("training", "development")):
        axes[0].plot([], [], **style(index), label=label)
    axes[0].legend()
    return Drawing("The disease and four remedies", figure, _caption(found[DISEASE]))


def _caption(trials: list[_Attempt]) -> str:
    """Return what the curves of the network without a remedy show."""
    gray = "The gray line is the lowest development error without a remedy."
    first, last, lowest, at_end = np.mean(
        [
            (
                t.history.training_error[0],
                t.history.training_error[-1],
                t.history.development_error.min(),
                t.history.development_error[-1],
            )
            for t in trials
        ],
        axis=0,
    ).tolist()
    epochs = len(trials[0].history)
    if epochs == 1:
        return f"One epoch cannot show whether the network memorizes the examples. {gray}"
    went = "falls" if last < first else "does not fall"
    said = f"Without a remedy the training error {went} from {first:.3g} to {last:.3g}"
    if last >= first:
        return f"{said}: the network has not memorized the examples. {gray}"
    if at_end <= RISEN * lowest:
        return f"{said}, and the development error does not rise again. {gray}"
    return (
        f"{said}, while the development error rises again from {lowest:.3g} to {at_end:.3g}: the "
        f"network memorizes the examples. {gray}"
    )
