"""The recipe ``perceptron``: one neuron learns by Rosenblatt's rule."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn, optim
from clearprop.data import Dataset, Preprocessor, Splits, epoch_order
from clearprop.glass.drawings.boundary import linear_boundary
from clearprop.glass.style import Drawing
from clearprop.models.perceptron import Corrections, rosenblatt
from clearprop.recipes.binary import against_the_rest
from clearprop.recipes.configuration import Count, OrNone, Rate
from clearprop.recipes.recipe import Recipe
from clearprop.recipes.separation import FEW_ROWS, inequalities, margin, separate
from clearprop.training import History, predict

MOST_TURNS = 500_000
"""The corrections are not counted for longer runs."""


class PerceptronRecipe(Recipe):
    """Rosenblatt's perceptron, one example at a time: w += eta (t - y) x.

    It distinguishes one class from all others, by default iris setosa from the rest. ``and``,
    ``or`` and ``xor`` are data sets too.

    Attributes:
        batch_size: 1, as in the rule.
        positive: the class with label 1; by default the first of several, the second of two.

    >>> PerceptronRecipe().make_optimizer(1)
    sgd(learning_rate=1.0)
    """

    preferred: ClassVar[tuple[str, ...]] = ("iris",)

    epochs: Count = 100
    batch_size: Literal[1] = 1
    learning_rate: Rate = 1.0
    positive: Annotated[str | None, OrNone] = None

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set with two classes: the chosen one is label 1."""
        return against_the_rest(dataset, self.positive, "perceptron")

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return one neuron with as many inputs as an example has numbers."""
        return models.Perceptron(int(np.prod(preprocessor.encoded_shape)))

    def loss(self, dataset: Dataset) -> str:
        """Return the loss whose gradient is Rosenblatt's rule."""
        return "perceptron"

    def make_optimizer(self, steps: int) -> optim.Optimizer:
        """Return plain gradient descent."""
        return optim.sgd(self.learning_rate)

    def corrections(self, train: Dataset, preprocessor: Preprocessor) -> Corrections | None:
        """Return the corrections of this run; None for a long run."""
        if self.epochs * len(train) > MOST_TURNS:
            return None
        orders = (epoch_order(len(train), self.seed, epoch) for epoch in range(self.epochs))
        inputs = _scaled(train, preprocessor)
        return rosenblatt(inputs, train.targets, orders, rate=self.learning_rate)

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return how many corrections were made, and the largest possible number if it is known."""
        done = self.corrections(splits.train, splits.preprocessor)
        if done is None:
            return {}
        found = {"corrections": float(done.total)}
        if done.ended:
            known = margin(_scaled(splits.train, splits.preprocessor), splits.train.targets)
            if known is not None:
                found["corrections at most"] = float(known.corrections)
        return found

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return the decision boundary that was found, or whether there is one at all."""
        train, preprocessor = splits.train, splits.preprocessor
        inputs = _scaled(train, preprocessor)
        positive = predict(model, inputs)[:, 0] >= 0
        wrong = int((positive != (train.targets == 1)).sum())
        if wrong:
            return _not_found(inputs, train, wrong, self.epochs)
        return [
            *_found(model, history, preprocessor, train),
            *_counted(self.corrections(train, preprocessor), inputs, train),
        ]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return a drawing of the decision boundary, with the proof if none separates."""
        train, preprocessor = splits.train, splits.preprocessor
        inputs, (weights, bias) = _scaled(train, preprocessor), _boundary(model)
        wrong = ((inputs @ weights + bias >= 0) != (train.targets == 1)).any()
        conflict = separate(inputs, train.targets).conflict if wrong else None
        if inputs.shape[1] <= 2 and len(preprocessor.center) == inputs.shape[1]:
            inputs = inputs * np.asarray(preprocessor.spread) + np.asarray(preprocessor.center)
            weights, bias = _in_units_of_the_data(weights, bias, preprocessor)
        return [
            linear_boundary(
                inputs,
                train.targets,
                weights,
                bias,
                conflict=conflict,
                feature_names=train.feature_names,
                class_names=train.class_names,
            )
        ]


def _scaled(train: Dataset, preprocessor: Preprocessor) -> NDArray[np.float32]:
    scaled = preprocessor.scaled(np.asarray(train.inputs))
    return np.asarray(scaled, np.float32).reshape(len(train), -1)


def _boundary(model: nn.Module) -> tuple[NDArray[np.float64], float]:
    parameters = nn.parameters(model)
    weights = np.asarray(parameters["neuron.weight"], np.float64)[:, 0]
    return weights, float(np.asarray(parameters["neuron.bias"])[0])


def _in_units_of_the_data(
    weights: NDArray[np.float64], bias: float, preprocessor: Preprocessor
) -> tuple[NDArray[np.float64], float]:
    # The neuron reads scaled inputs; a reader knows the units of the data.
    weights = weights / np.asarray(preprocessor.spread)
    return weights, bias - float(weights @ np.asarray(preprocessor.center))


def _counted(done: Corrections | None, inputs: NDArray[np.float32], train: Dataset) -> list[str]:
    if done is None or not done.ended:
        return []
    counted = f"{done.total} corrections until no error"
    known = margin(inputs, train.targets)
    if known is None:
        return [counted]
    return [
        f"{counted}; in any order, at most (R / gamma)^2 = "
        f"({known.radius:.4g} / {known.gamma:.4g})^2 = {known.corrections:,} (Novikoff)"
    ]


def _found(
    model: nn.Module, history: History, preprocessor: Preprocessor, train: Dataset
) -> list[str]:
    names, classes = train.feature_names, train.class_names or ("0", "1")
    corrected = np.flatnonzero(history.training_error > 0)
    last = int(history.epoch[corrected[-1]]) if len(corrected) else 0
    lines = [
        "a linear decision boundary separates the classes: all training examples are right; "
        f"the last correction was in epoch {last}"
    ]
    weights, bias = _boundary(model)
    if len(weights) > FEW_ROWS or len(weights) != len(preprocessor.center):
        return lines
    weights, bias = _in_units_of_the_data(weights, bias, preprocessor)
    terms = [f"{w:+.4g} {names[i] if names else f'x{i + 1}'}" for i, w in enumerate(weights)]
    return [
        *lines,
        f"  z = {' '.join(terms).lstrip('+')} {bias:+.4g}",
        f"  z >= 0 means {classes[1]!r}, below 0 means {classes[0]!r}",
    ]


def _not_found(inputs: NDArray[np.float32], train: Dataset, wrong: int, epochs: int) -> list[str]:
    labels = train.targets
    known = separate(inputs, labels)
    so_far = f"{wrong} of {len(labels)} training examples are still wrong after {epochs} epochs"
    separates = "linear decision boundary separates the classes"
    if known.separable is None:
        return [f"{so_far}; whether a {separates} is not known"]
    if known.separable:
        return [f"{so_far}, though a {separates}: --set epochs={10 * epochs}"]
    conflict = known.conflict
    assert conflict is not None
    lines = [f"no {separates}: {so_far}, and more would not help"]
    rows = np.flatnonzero(conflict > 1e-9)
    if len(rows) > FEW_ROWS or not np.isin(inputs[rows], (0, 1)).all():
        ones = int(labels[rows].sum())
        names = train.class_names or ("0", "1")
        return [
            *lines,
            f"  a weighted mean of {ones} examples of {names[1]!r} is the same point as one of "
            f"{len(rows) - ones} examples of {names[0]!r}: no point is on both sides of a boundary",
        ]
    proof = inequalities(inputs[rows], labels[rows])
    proof += _contradiction(inputs[rows], labels[rows] == 1, conflict[rows])
    return [*lines, *(f"  {line}" for line in proof)]


def _contradiction(
    inputs: NDArray[np.float32], positive: NDArray[np.bool_], conflict: NDArray[np.float64]
) -> list[str]:
    """Return why the inequalities contradict each other: both sums have the same left side."""
    times = np.round(conflict / conflict.min(), 6)
    point = (times[:, None] * inputs * positive[:, None]).sum(axis=0)
    total = float(times[positive].sum())
    terms = [(x, f"w{i + 1}") for i, x in enumerate(point) if x] + [(total, "b")]
    left = " + ".join(f"{'' if x == 1 else f'{x:g} '}{name}" for x, name in terms)
    how = "the sum" if (times == 1).all() else "a sum, with weights above 0,"
    return [
        f"{how} of those that end in >= 0 says   {left} >= 0,",
        f"{how} of those that end in <  0 says   {left} <  0: a contradiction",
    ]
