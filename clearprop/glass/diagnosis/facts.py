"""The facts about a run or a model that the rules of a diagnosis look at.

Shape letters: N examples, D numbers of an example, K classes, T steps of a sequence.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn, training, tree
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import by_name, rows_of
from clearprop.glass.capture import outer_layers
from clearprop.glass.diagnosis.finding import Grade
from clearprop.glass.diagnosis.outputs import Outputs, outputs_of
from clearprop.glass.diagnosis.reference import (
    MOST_EXAMPLES,
    Reference,
    constant_error,
    linear,
    neighbours,
)
from clearprop.glass.diagnosis.signals import (
    PASS,
    PASSES,
    Signals,
    examine,
    has_target_at_every_step,
    through_time,
)
from clearprop.glass.diagnosis.trained import Trained
from clearprop.glass.wording import number, percent
from clearprop.training.initial_values import Change, changes
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.seam import Mismatch, find_mismatches
from clearprop.training.training_data import Split

Numbers = NDArray[Any]
Given = Splits | Dataset | tuple[object, object] | None

PERCEPTRON = "perceptron"
"""The loss of Rosenblatt's rule, which corrects single mistakes and does not minimize the loss."""


ALIKE = 0.5
"""Correlation of the targets with the inputs at the same places, from which the targets are the
inputs again."""

DEVIATIONS = 3.0
"""Standard deviations of the binomial distribution. Chance alone exceeds three of them once in
seven hundred times."""

MOST_TOKENS = 20_000
"""Different tokens of some texts that are counted."""

WORSE_THAN_SIMPLE = 1.3
"""The development error divided by that of a linear model, or of the nearest neighbors, on
training examples that they have not seen. In healthy runs it is at most 1.1."""


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known; a fact that takes time to measure is measured when it is first used.

    Attributes:
        run: None for a model that was not trained here.
        model: with values; None where a run has none yet.
        loss: None where it is not known.
        preprocessor: turns raw inputs into the model's; None for plain arrays.
        part: the examples that were given to learn from; None where there are none.
        dev: the development examples; None where there are none.
        class_names: the names of the labels.
        feature_names: the names of the entries of an input.
        dev_fraction: the fraction of the examples that the run held out itself; None where it was
            given its development set, or where that is not known.
        trials: whether short trainings with other settings were asked for; None where not.
    """

    run: Trained | None
    model: nn.Module | None
    loss: nn.Loss | None
    preprocessor: Preprocessor | None = None
    part: Split | None = None
    dev: Split | None = None
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    dev_fraction: float | None = None
    trials: bool | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """The arguments of the run; empty for a model without a run."""
        return self.run.config if self.run is not None else {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The numbers among the arguments of the run."""
        settings: Mapping[str, Any] = self.config.get("settings", {})
        return settings

    @property
    def is_weighted(self) -> bool:
        """Whether examples, classes or the two sides count differently in the objective."""
        noted, kinds = self.config.get("weights") or {}, ("class", "sample", "pos")
        return any(noted.get(f"{kind}_weight") is not None for kind in kinds)

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """How much each class counts in the objective; None where all count the same."""
        found = (self.config.get("weights") or {}).get("class_weight")
        return tuple(found) if found is not None else None

    @functools.cached_property
    def train(self) -> Split | None:
        """The training examples; None where ``part`` is not what the run was trained on."""
        known = self.config.get("data", {}).get("fingerprint")
        if self.part is None or (known is not None and known != self.part.fingerprint()):
            return None
        return self.part

    @property
    def held_out(self) -> int:
        """The number of development examples of the run; 0 where it is not known."""
        return int(self.config.get("data", {}).get("development_examples") or 0)

    @property
    def history(self) -> training.History | None:
        """The three curves, where an epoch was finished and the loss is minimized."""
        if self.run is None or not len(self.run.history) or self.loss_name == PERCEPTRON:
            return None
        return self.run.history

    @property
    def development_error(self) -> NDArray[np.floating] | None:
        """The development error after every epoch; None where no examples were held out."""
        if self.history is None or not np.isfinite(self.history.development_error).any():
            return None
        return self.history.development_error

    @property
    def loss_name(self) -> str:
        """The name of the loss; "" where it is not known."""
        return self.loss.name if self.loss is not None else str(self.config.get("loss", ""))

    @property
    def classifies(self) -> bool:
        """Whether the task is classification; otherwise it is regression, or it is not known."""
        return self.run is None if self.loss is None else self.loss.task == "classification"

    @property
    def own_loss(self) -> bool:
        """Whether the loss is a function of your own; its error may be the loss itself."""
        return self.loss_name not in nn.LOSSES

    @property
    def is_fork(self) -> bool:
        """Whether the run began with the weights of another run."""
        return bool(self.config.get("parent"))

    @property
    def beginning(self) -> dict[str, Change] | None:
        """The changes since the first values; None for a fork, which began with trained weights."""
        return None if self.is_fork else self.changes

    @property
    def grade(self) -> Grade:
        """The grade of a finding inside the network: a note where the network has learned well."""
        return "note" if self.learned else "fault"

    def error_text(self, error: float) -> str:
        """Return an error as text: percent where it is a fraction of wrong predictions."""
        return percent(error) if self.classifies else number(error)

    @functools.cached_property
    def changes(self) -> dict[str, Change]:
        """How each parameter has changed since the run began; empty where that is not known."""
        noted = self.config.get("initial_values")
        return changes(noted, self.model) if noted and self.model is not None else {}

    @functools.cached_property
    def frozen(self) -> set[str]:
        """The parameters that the run was asked not to train."""
        patterns = self.settings.get("freeze") or []
        paths = list(nn.parameters(self.model)) if self.model is not None else []
        return set(tree.match(paths, patterns)) if patterns and paths else set()

    @functools.cached_property
    def is_chain(self) -> bool:
        """Whether each layer of the model takes the output of the one before: it has no branches.

        What a class of your own does with its layers is not known.
        """
        layers = nn.modules(self.model) if self.model is not None else {}
        outer = outer_layers(layers)
        return all(isinstance(layers[path], nn.Sequential | models.MLP) for path in outer)

    @functools.cached_property
    def bottleneck(self) -> tuple[str, int] | None:
        """The path and the units of the narrowest hidden layer, where these are too few.

        That is fewer than two, or than one less than the classes. None where no layer is so narrow,
        for numbers, whose code may be meant to be short, and where a branch may lead around it.
        """
        layers = nn.modules(self.model) if self.model is not None else {}
        widths = [(p, m.out_features) for p, m in layers.items() if isinstance(m, nn.Linear)]
        if len(widths) < 2 or not self.classifies or not self.is_chain:
            return None
        narrowest = min(widths[:-1], key=lambda one: one[1])
        return narrowest if narrowest[1] < max(2, widths[-1][1] - 1) else None

    @functools.cached_property
    def broken(self) -> tuple[str, ...]:
        """The parameters with a value that is not finite."""
        arrays = nn.parameters(self.model) if self.model is not None else {}
        return tuple(path for path, w in arrays.items() if not bool(jnp.isfinite(w).all()))

    @functools.cached_property
    def signals(self) -> Signals | None:
        """The outputs and error signals of the layers for some examples.

        None where there are no examples, or where weights or losses are not finite.
        """
        if self.part is None or self.model is None or self.loss is None or self.broken:
            return None
        seen = examine(self.model, *self.batch(self.part, PASS * PASSES), self.loss)
        return seen if np.isfinite(seen.objective) else None

    @property
    def without_gradient(self) -> bool:
        """Whether the gradient of every parameter is exactly zero."""
        gradients = self.signals.gradients if self.signals is not None else {}
        return bool(gradients) and not any(g.any() for g in gradients.values())

    @functools.cached_property
    def mismatches(self) -> list[Mismatch] | None:
        """What does not fit between outputs, loss and targets; None where there are no examples."""
        if self.part is None or self.model is None or self.loss is None:
            return None
        x, y = self.batch(self.part, MOST_EXAMPLES)
        named = self.class_names is not None
        return find_mismatches(self.model, self.loss, x, y, named_classes=named)

    @functools.cached_property
    def by_step(self) -> list[tuple[str, Numbers]] | None:
        """The size of the error signal at each step of a recurrent layer's input, (T,), by layer.

        None where `signals` are None.
        """
        if self.signals is None or self.part is None or self.model is None or self.loss is None:
            return None
        return through_time(self.model, *self.batch(self.part, PASS), self.loss, self.signals)

    @functools.cached_property
    def has_target_at_every_step(self) -> bool:
        """Whether the loss compares an output of every step of a sequence with a target."""
        if self.signals is None or self.part is None:
            return False
        return has_target_at_every_step(self.signals, self.batch(self.part, PASS)[1])

    def batch(self, part: Split, most: int) -> tuple[Any, Any]:
        """Return evenly spaced examples of a part as the model and the loss see them."""
        return ModelInputs(self.preprocessor).examples(
            part.inputs, part.targets, self.rows(part, most)
        )

    def rows(self, part: Split, most: int) -> NDArray[np.intp]:
        """Return the rows of a part that `batch` takes: whole passes, where there are some."""
        count = min(len(part), most)
        return spaced(part, count - (count % PASS if count > PASS else 0))

    def flat(self, part: Split) -> Numbers | None:
        """Return evenly spaced inputs of a part as the model sees them, (N, D).

        None where an example consists of tokens or of several inputs.
        """
        if by_name(part.inputs):
            return None
        kept = rows_of(part.inputs, spaced(part))
        if self.preprocessor is not None:
            if self.preprocessor.kind == "tokens":
                return None
            kept = np.asarray(self.preprocessor.scaled(kept))
        elif kept.dtype.kind in "iu" and kept.dtype.itemsize > 1:
            return None
        return np.asarray(kept, np.float64).reshape(len(kept), -1)

    def _counted(self, part: Split) -> Numbers | None:
        """Return how often each token is in evenly spaced texts of a part, (N, V), as its root.

        None where an example is no sequence of tokens, or where there are too many different ones.
        """
        if by_name(part.inputs):
            return None
        tokens = np.asarray(rows_of(part.inputs, spaced(part)))
        if tokens.dtype.kind not in "iu" or tokens.ndim != 2 or not tokens.size:
            return None
        kinds, places = np.unique(tokens, return_inverse=True)
        if len(kinds) > MOST_TOKENS:
            return None
        counts = np.zeros((len(tokens), len(kinds)))
        np.add.at(counts, (np.arange(len(tokens))[:, None], places.reshape(tokens.shape)), 1)
        return np.sqrt(counts)

    def targets(self, part: Split) -> Numbers | None:
        """Return the targets of a part: labels (N,), or numbers (N, outputs).

        Several labels at once are numbers, 0 or 1 each. None where the targets are sequences or
        have another form, and for a loss of your own, whose error says nothing about them.
        """
        targets = np.asarray(part.targets)
        if self.own_loss and not self.classifies:
            return None
        if self.loss is not None and not self.loss.comparable:
            return None
        if not self.classifies:
            return targets.reshape(len(targets), -1) if targets.dtype.kind == "f" else None
        if targets.ndim > 2:
            return None
        if targets.ndim == 2 and targets.shape[1] > 1:
            if self.several_labels(part):
                return targets.astype(np.float64)
            return targets.argmax(axis=1) if targets.dtype.kind == "f" else None
        labels = np.rint(targets.reshape(-1)).astype(np.int64)
        return labels if labels.size and labels.min() >= 0 else None

    def several_labels(self, part: Split) -> bool:
        """Whether an example may have several labels at once: each output is a class or not."""
        targets = np.asarray(part.targets)
        return (
            self.loss is not None and self.loss.threshold is not None
            and targets.ndim == 2 and targets.shape[1] > 1
        )  # fmt: skip

    def labels(self, part: Split) -> Numbers | None:
        """Return the class of each example of a part, (N,); None where there is not just one."""
        y = self.targets(part) if self.classifies else None
        return y if y is not None and y.ndim == 1 else None

    @functools.cached_property
    def outputs(self) -> Outputs | None:
        """What the model returns for training examples; None where it cannot be computed."""
        return self._outputs(self.part)

    @functools.cached_property
    def dev_outputs(self) -> Outputs | None:
        """What the model returns for development examples; None where it cannot be computed."""
        return self._outputs(self.dev)

    def _outputs(self, part: Split | None) -> Outputs | None:
        if part is None or self.signals is None or self.model is None or self.loss is None:
            return None
        batch = self.batch(part, MOST_EXAMPLES)
        units = ModelInputs(self.preprocessor).restored
        return outputs_of(self.model, batch, self.loss, units, min(PASS, self.signals.examples))

    @functools.cached_property
    def reference(self) -> Reference | None:
        """How well each training example is predicted by its nearest neighbors.

        None where examples cannot be compared.
        """
        return self._reference(neighbours)

    @functools.cached_property
    def linear(self) -> Reference | None:
        """How well a linear model predicts training examples that it has not seen.

        None where examples cannot be compared, and where the targets are the inputs again: to copy
        them is easy for a linear model, and not what an autoencoder with a short code is for.
        """
        return None if self._reconstructs else self._reference(linear)

    @functools.cached_property
    def _reconstructs(self) -> bool:
        """Whether the targets are the inputs, maybe without their noise."""
        y = self.targets(self.train) if self.train is not None else None
        if self.train is None or y is None or y.ndim != 2 or y.shape[1] < 2:
            return False
        x = self.flat(self.train)
        if x is None or x.shape[1] != y.shape[1]:
            return False
        x, y = (part - part.mean(axis=0) for part in (x, y[spaced(self.train)]))
        sizes = np.sqrt(np.square(x).sum() * np.square(y).sum())
        return bool(sizes > 0 and (x * y).sum() >= ALIKE * sizes)

    @property
    def simple(self) -> Reference | None:
        """The better one of nearest neighbors and a linear model; None without them."""
        known = [one for one in (self.reference, self.linear) if one is not None]
        return min(known, key=lambda one: one.error, default=None)

    @property
    def simple_error(self) -> float:
        """The lower error of nearest neighbors and a linear model; infinite without them."""
        return self.simple.error if self.simple is not None else math.inf

    @property
    def is_worse_than_simple(self) -> bool:
        """Whether the last development error is far above that of a simple prediction."""
        errors, known = self.development_error, self.simple
        if errors is None or known is None:
            return False
        last = float(errors[np.isfinite(errors)][-1])
        noise = 0.0
        if self.classifies:
            parts = ((last, max(self.held_out, 1)), (known.error, known.examples))
            noise = math.sqrt(sum(max(error * (1 - error), 0) / n for error, n in parts))
        return last > WORSE_THAN_SIMPLE * known.error and last - known.error > DEVIATIONS * noise

    def _reference(
        self, made: Callable[[Numbers, Numbers, bool], Reference | None]
    ) -> Reference | None:
        if self.train is None or self.loss_name == PERCEPTRON:
            return None
        x, y = self.flat(self.train), self.targets(self.train)
        if x is None and y is not None and y.ndim == 1:
            x = self._counted(self.train)
        if x is None or y is None:
            return None
        return made(x, y[spaced(self.train)], self.classifies)

    @functools.cached_property
    def baseline(self) -> float | None:
        """The error of the best constant prediction; None where it is not known.

        Where classes count differently, the error is not what is minimized: a network that finds
        the rare class may have a higher error than a constant, and nothing is wrong.
        """
        if self.is_weighted:
            return None
        y = self.targets(self.train) if self.train is not None else None
        return constant_error(y, self.classifies) if y is not None else None

    @functools.cached_property
    def training_error(self) -> float | None:
        """The error of training examples at the end, in inference; None where it is not known.

        The errors of the curve were measured on the way: with dropout, and with the statistics of
        each batch. They stand in where the examples are not known.
        """
        if self.train is not None and self.outputs is not None and self.run is not None:
            return self.outputs.error
        if self.history is None or not np.isfinite(self.history.training_error[-1]):
            return None
        return float(self.history.training_error[-1])

    @functools.cached_property
    def skill(self) -> float | None:
        """The training error on a scale: 0 for the best constant prediction, 1 for no error."""
        history = self.history
        if history is None or self.training_error is None:
            return None
        if self.baseline:
            return 1 - self.training_error / self.baseline
        first, last = float(history.objective[0]), float(np.nanmin(history.objective))
        return 1 - last / first if first > 0 else None

    @property
    def learned(self) -> bool:
        """Whether the network has learned most of what the data allows."""
        return self.skill is not None and self._is_most(self.skill)

    @property
    def learned_steadily(self) -> bool:
        """Whether it has learned, and its error was as low over the whole of the last epoch."""
        if not self.learned or self.history is None or not self.baseline:
            return self.learned
        return self._is_most(1 - float(self.history.training_error[-1]) / self.baseline)

    def _is_most(self, skill: float) -> bool:
        possible = 1.0
        if self.baseline and math.isfinite(self.simple_error):
            possible = 1 - self.simple_error / self.baseline
        return skill > 0.7 * max(possible, 0.3)


def spaced(part: Split, most: int = MOST_EXAMPLES) -> NDArray[np.intp]:
    """Return evenly spaced rows of a part."""
    return np.linspace(0, len(part) - 1, min(len(part), most)).astype(np.intp)


def named(parts: Iterable[str], most: int = 4) -> str:
    """Return some names as text.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = list(parts)
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"
