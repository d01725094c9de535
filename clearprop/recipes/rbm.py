"""The recipe ``rbm``: a restricted Boltzmann machine, and what its hidden units are good for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import models, nn
from clearprop.algorithms import ContrastiveDivergence
from clearprop.algorithms.contrastive_divergence import pseudo_log_likelihood
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.glass.drawings.boltzmann import gibbs_samples, machine_reconstructions
from clearprop.glass.drawings.filters import filters
from clearprop.glass.style import Drawing
from clearprop.models.rbm import as_machine
from clearprop.recipes.configuration import Count, OrNone, PositiveFraction, Rate
from clearprop.recipes.numbers import as_rows, check_numbers
from clearprop.recipes.pictures import drawn_evenly
from clearprop.recipes.recipe import LARGE, NetworkRecipe, OptimizerName, ScheduleName
from clearprop.training import History

SHOWN = 8
"""So many examples are reconstructed, and so many chains are drawn."""

MOST_CLASSIFIED = 10_000
"""So many examples are given to the logistic regression."""


class RBMRecipe(NetworkRecipe):
    """A restricted Boltzmann machine on nudged digits, as in an example of scikit-learn.

    Each of the small pictures is also shifted by one pixel in four directions. The machine learns
    them without their classes; then a logistic regression on the chances of its hidden units is
    compared with one on the pixels.

    Attributes:
        hidden_size: hidden units.
        units: the visible ones: "bernoulli" for numbers from 0 to 1, "gaussian" for numbers with
            mean 0 and deviation 1; the data is scaled so.
        steps: of the Markov chains for each step of training.
        persistent: whether the chains go on from step to step, or begin at the data each time.
        sparsity: the mean activity that each hidden unit shall have; none for any.
        sparsity_cost: weighs the distance from it.
        nudged: whether pictures of a set with fewer than 10,000 are also shifted.

    >>> RBMRecipe(steps=2).algorithm(None).steps
    2
    """

    preferred: ClassVar[tuple[str, ...]] = ("digits",)
    batch_sizes: ClassVar[tuple[int, int]] = (10, 100)

    learning_rate: Rate = 0.12
    optimizer: OptimizerName = "sgd"
    schedule: ScheduleName = "cosine"
    hidden_size: Count = 100
    units: Literal["bernoulli", "gaussian"] = "bernoulli"
    steps: Count = 1
    persistent: bool = True
    sparsity: Annotated[PositiveFraction | None, OrNone] = None
    sparsity_cost: Annotated[float, Field(ge=0)] = 1.0
    nudged: bool = True

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set scaled for the visible units, with shifted copies of pictures."""
        check_numbers(dataset, "rbm")
        if self.nudged and len(dataset.input_shape) == 3 and len(dataset) < LARGE:
            dataset = nudged(dataset)
        return replace(dataset, scaling="unit" if self.units == "bernoulli" else "standard")

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the machine, with a visible unit for each number of an example."""
        return models.RBM(math.prod(preprocessor.encoded_shape), self.hidden_size, units=self.units)

    def algorithm(self, dataset: Dataset | None) -> ContrastiveDivergence:
        """Return contrastive divergence with the options of the recipe."""
        return ContrastiveDivergence(
            steps=self.steps,
            persistent=self.persistent,
            sparsity=self.sparsity,
            sparsity_cost=self.sparsity_cost,
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the pseudo-log-likelihood of the test part, and the accuracies on it."""
        machine, found = as_machine(model, "rbm"), {}
        if splits.test is None:
            return {}
        if self.units == "bernoulli":
            v = jnp.asarray(as_rows(splits.test, splits.preprocessor))
            scores = pseudo_log_likelihood(machine, v, jax.random.key(self.seed))
            found["test pseudo-log-likelihood"] = float(scores.mean())
        classified = pipeline(machine, splits)
        if classified is None:
            return found
        return {
            **found,
            "logistic regression on hidden units, accuracy": classified.hidden,
            "logistic regression on pixels, accuracy": classified.pixels,
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return the classification report of logistic regression on the hidden units."""
        classified = pipeline(as_machine(model, "rbm"), splits)
        if classified is None:
            return []
        return ["logistic regression on the hidden units, test part:", *classified.report]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return filters, reconstructions and samples, where the examples are gray pictures."""
        shape, machine = splits.preprocessor.encoded_shape, as_machine(model, "rbm")
        if len(shape) != 3 or shape[2] != 1:
            return []
        part = splits.test or splits.train
        rows = drawn_evenly(np.asarray(part.targets), SHOWN, self.seed)
        v = as_rows(part.take(rows), splits.preprocessor)
        return [
            filters(machine, "hidden", shape=shape),
            machine_reconstructions(machine, v, shape),
            gibbs_samples(machine, v, shape, seed=self.seed),
        ]


class Classified(NamedTuple):
    """What logistic regression makes of the test part.

    Attributes:
        hidden: its accuracy on the chances of the hidden units.
        pixels: its accuracy on the inputs themselves.
        report: scikit-learn's table for the hidden units, line by line.
    """

    hidden: float
    pixels: float
    report: tuple[str, ...]


_known: list[tuple[models.RBM, Splits, Classified]] = []
"""The last result of `pipeline`, which measures and remarks both ask for."""


def pipeline(machine: models.RBM, splits: Splits) -> Classified | None:
    """Return how well logistic regression classifies the test part; None where it has no classes.

    The penalties are those of scikit-learn's example, C = 6000 on hidden units and 100 on pixels.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import classification_report

    train, test = splits.train, splits.test
    if test is None or train.task != "classification":
        return None
    for of_machine, of_splits, classified in _known:
        if of_machine is machine and of_splits is splits:
            return classified
    rows = drawn_evenly(np.asarray(train.targets), MOST_CLASSIFIED, 0)
    pixels = [as_rows(part, splits.preprocessor) for part in (train.take(rows), test)]
    hidden = [np.asarray(machine(jnp.asarray(x))) for x in pixels]
    labels, truths = np.asarray(train.targets)[rows], np.asarray(test.targets)

    def predicted(parts: list[NDArray[np.float32]], penalty: float) -> NDArray[np.int64]:
        classifier = LogisticRegression(C=penalty, max_iter=2000, tol=1e-3)
        return np.asarray(classifier.fit(parts[0], labels).predict(parts[1]))

    of_hidden, of_pixels = predicted(hidden, 6000.0), predicted(pixels, 100.0)
    table = classification_report(
        truths,
        of_hidden,
        labels=np.arange(len(test.class_names or ())),
        target_names=list(test.class_names or ()),
        zero_division=0,
    )
    found = Classified(
        float((of_hidden == truths).mean()),
        float((of_pixels == truths).mean()),
        tuple(line for line in table.splitlines() if line.strip()),
    )
    _known[:] = [(machine, splits, found)]
    return found


def nudged(dataset: Dataset) -> Dataset:
    """Return a set of pictures with each also shifted by one pixel up, down, left and right.

    The five pictures stay in the same part of a split, so that no test picture is a shifted
    training picture.

    >>> from clearprop.data import load
    >>> len(nudged(load("digits")))
    8985
    """
    x = np.asarray(dataset.inputs[np.arange(len(dataset))])
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    H, W = x.shape[1:3]
    places = ((1, 1), (2, 1), (0, 1), (1, 2), (1, 0))
    shifted = [wide[:, top : top + H, left : left + W] for top, left in places]
    numbers = np.arange(len(x)) if dataset.groups is None else np.asarray(dataset.groups)
    return replace(
        dataset,
        inputs=np.concatenate(shifted),
        targets=np.concatenate([dataset.targets] * len(places)),
        groups=np.tile(numbers, len(places)),
        row_names=None,
    )
