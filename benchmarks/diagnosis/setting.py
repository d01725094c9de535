"""The settings of a run of the benchmark: data, network, loss and optimizer; and the run itself.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis import examples, networks
from benchmarks.diagnosis.examples import TASKS, Pair
from clearprop import nn
from clearprop.data import Preprocessor
from clearprop.errors import ClearpropError
from clearprop.nn.fields import Initializer
from clearprop.training import DivergedError, fit, load_model, predict, read_run
from clearprop.training.run_folder import MODEL

Change = Callable[[Pair, Pair, np.random.Generator], tuple[Pair, Pair]]

SENSIBLE = {
    "digits": 0.12, "iris": 0.14, "wine": 0.12, "breast-cancer": 0.1, "even": 0.08,
    "attributes": 0.06, "fashion": 0.24, "garments": 0.06, "words": 0.27, "topics": 0.32,
    "severe": 0.2, "diabetes": 0.9, "weak": 0.97, "sunspots": 0.9, "co2": 0.85,
}  # fmt: skip
"""The development error that a healthy run has to reach: a fraction of wrong answers, or of
numbers the root mean square error divided by the standard deviation of the targets. Where a support
vector machine has hardly any error, any useful network reaches it; elsewhere it is a tenth to a
half more than the error of such a machine."""

DEFAULT_LOSS = {"classes": "cross_entropy", "several labels": "binary_cross_entropy",
                "numbers": "squared_error"}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """The settings of a run.

    Attributes:
        data: the name of a data set.
        form: the form of an example; see `examples.load`.
        network: "mlp", "conv", "RNN", "LSTM" or "GRU".
        hidden: number of units of each hidden layer.
        activation: the activation of the hidden units; "" for none.
        last: the activation of the output layer; "" for none.
        before: a layer before the first one.
        outputs: number of outputs; None for what the loss needs.
        initializer: the initializer of the weights, as a name or a function.
        bias: initial values of hidden biases.
        recurrent: initial values of recurrent weights.
        loss: its name, or a function; None for the usual one of the task.
        optimizer: the name of the optimizer, or the optimizer.
        rate: its learning rate; None for that of the optimizer.
        epochs: number of epochs.
        batch: number of examples of a step.
        options: further arguments of `fit`.
        seed: the seed of initial values, orders and the split.
        examples: how many of the training examples are kept; None for all.
        held_out: how many of the development examples are kept; None for all.
        change: changes the arrays: (train, dev, generator) -> (train, dev).
        recode: changes the code of the targets, in both parts.
        same: whether the output layer has the same initializer as the hidden layers.
        cut: whether the first hidden layer gets no error signal.
        balanced: whether all classes count alike in the error.
        normalized: whether hidden layers have batch normalization.
        momentum: of its running statistics.
        dtype: the type of the weights; None for float32.
        dropout: the probability with which a hidden unit is dropped in training.
    """

    data: str = "digits"
    form: str = "flat"
    network: str = "mlp"
    hidden: tuple[int, ...] = (32,)
    activation: str = "relu"
    last: str = ""
    before: nn.Module | None = None
    outputs: int | None = None
    initializer: str | Initializer = "glorot_uniform"
    bias: Initializer = nn.initializers.zeros
    recurrent: Initializer | None = None
    loss: str | Callable[..., Any] | None = None
    optimizer: Any = "adam"
    rate: float | None = 0.003
    epochs: int = 12
    batch: int = 32
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    examples: int | None = None
    held_out: int | None = None
    change: Change | None = None
    recode: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    cut: bool = False
    same: bool = False
    balanced: bool = False
    normalized: bool = False
    momentum: float = 0.1
    dtype: Any = None
    dropout: float = 0.0

    @property
    def task(self) -> str:
        """What the targets are: "classes", "several labels" or "numbers"."""
        return TASKS[self.data]

    @property
    def objective(self) -> str | Callable[..., Any]:
        """The loss that is minimized."""
        return self.loss or DEFAULT_LOSS[self.task]

    def parts(self) -> tuple[Pair, Pair]:
        """Return training and development examples as the network and the loss see them."""
        train, dev = self._changed()
        if self.recode is None:
            return train, dev
        return (train[0], self.recode(train[1])), (dev[0], self.recode(dev[1]))

    def truth(self) -> Pair:
        """Return the development examples with class numbers, labels or numbers as targets."""
        return self._changed()[1]

    def _changed(self) -> tuple[Pair, Pair]:
        train, dev = examples.load(self.data, self.seed, self.form)
        train = (train[0][: self.examples], train[1][: self.examples])
        dev = (dev[0][: self.held_out], dev[1][: self.held_out])
        if self.change is not None:
            train, dev = self.change(train, dev, np.random.default_rng(self.seed))
        return train, dev

    def model(self, train: Pair, dev: Pair) -> nn.Module:
        """Return the network with its initial values."""
        loss = nn.find_loss(self.objective)
        if self.outputs is not None:
            outputs = self.outputs
        elif train[1].ndim > 1:
            outputs = train[1].shape[1]
        elif loss.threshold is not None or train[1].dtype.kind == "f":
            outputs = 1
        else:
            outputs = int(max(train[1].max(), dev[1].max())) + 1
        return networks.network(self, train[0].shape[1:], outputs)

    def call(self, train: Pair) -> dict[str, Any]:
        """Return the arguments of `fit` but the model and the examples."""
        return {
            "loss": self.objective, "optimizer": self.optimizer, "epochs": self.epochs,
            "batch_size": min(self.batch, len(train[1])), "learning_rate": self.rate,
            "seed": self.seed, **self.options,
        }  # fmt: skip

    def run(self, folder: Path) -> Outcome:
        """Train in a folder, unless the run is already there; a run may diverge or be refused."""
        train, dev = self.parts()
        done = Outcome(folder, train, dev)
        if (folder / MODEL).is_file():
            return done
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UserWarning)
            try:
                model = self.model(train, dev)
                fit(model, train, dev=dev, devices=1, folder=folder, progress=False,
                    **self.call(train))  # fmt: skip
            except DivergedError:
                pass
            except ClearpropError as error:
                done.refusal = error
        done.warnings = [str(w.message) for w in warned]
        return done

    def error(
        self,
        model: nn.Module,
        pair: Pair,
        loss: str | Callable[..., Any] | None = None,
        preprocessor: Preprocessor | None = None,
    ) -> float:
        """Return the error of a model on examples whose targets were not recoded.

        It is the fraction of wrong answers, or the mean of it over the classes where ``balanced``;
        of numbers the root mean square error divided by the standard deviation of the targets.

        Args:
            model: with values.
            pair: inputs and targets.
            loss: with which it was trained; None for that of the setting.
            preprocessor: of the run that trained it.
        """
        x, y = pair
        outputs = np.asarray(predict(model, x, preprocessor), np.float64)
        chosen = nn.find_loss(loss or self.objective)
        if self.task == "numbers":
            y = y.reshape(len(outputs), -1)
            return float(np.sqrt(np.mean((outputs.reshape(y.shape) - y) ** 2)) / y.std())
        if self.task == "several labels":
            threshold = 0.5 if chosen.threshold is None else chosen.threshold
            return float(((outputs >= threshold) != (y > 0.5)).mean())
        return wrong_answers(answers(outputs, chosen), y, self.balanced)

    def reached(self, folder: Path) -> float:
        """Return the lowest development error of a run, or that at its end for an own loss."""
        history = read_run(folder).history
        if not len(history):
            return float("nan")
        if callable(self.objective):
            return self.error(load_model(folder), self.truth())
        error = float(np.nanmin(history.development_error))
        return error / float(self.truth()[1].std()) if self.task == "numbers" else error

    def is_sensible(self, folder: Path) -> bool:
        """Whether a run reached a reasonable development error."""
        return self.reached(folder) <= SENSIBLE[self.data]


def answers(outputs: NDArray[Any], loss: nn.Loss) -> NDArray[np.int64]:
    """Return the class numbers that outputs stand for.

    >>> answers(np.array([[0.1], [-2.0]]), nn.find_loss("binary_cross_entropy")).tolist()
    [1, 0]
    """
    if outputs.ndim > 1 and outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(axis=1), np.int64)
    flat = outputs.reshape(-1)
    if loss.threshold is None:
        return np.rint(np.where(np.isfinite(flat), flat, -1)).astype(np.int64)
    return (flat >= loss.threshold).astype(np.int64)


def wrong_answers(given: NDArray[Any], labels: NDArray[Any], balanced: bool) -> float:
    """Return the fraction of wrong answers, or the mean of that of each class.

    >>> given, labels = np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1])
    >>> wrong_answers(given, labels, False), wrong_answers(given, labels, True)
    (0.25, 0.5)
    """
    wrong = given != labels
    if not balanced:
        return float(wrong.mean())
    return float(np.mean([wrong[labels == label].mean() for label in np.unique(labels)]))


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        folder: where it was written.
        train: its training examples.
        dev: its development examples.
        refusal: the error with which `fit` refused to begin; None where it did not.
        warnings: what `fit` warned of.
    """

    folder: Path
    train: Pair
    dev: Pair
    refusal: ClearpropError | None = None
    warnings: list[str] = field(default_factory=list)
