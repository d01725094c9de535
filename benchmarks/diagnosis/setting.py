"""The settings of a run of the benchmark: data, network and optimizer; and the run itself.

Shape letters: N examples, T steps of a sequence, D numbers of a step, H hidden units.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import data, nn, ops, tree
from clearprop.autodiff import stop_gradient
from clearprop.nn.fields import Array, Initializer
from clearprop.training import DivergedError, fit, read_run
from clearprop.training.run_folder import MODEL

Pair = tuple[NDArray[Any], NDArray[Any]]

SENSIBLE = {"digits": 0.12, "iris": 0.14, "wine": 0.12, "breast-cancer": 0.1}
"""The development error that a healthy run has to reach. For diabetes it is 0.9 times the standard
deviation of the targets."""

INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": nn.initializers.glorot_uniform,
    "glorot_normal": nn.initializers.glorot_normal,
    "he_normal": nn.initializers.he_normal,
    "lecun_normal": nn.initializers.lecun_normal,
    "orthogonal": nn.initializers.orthogonal,
}


class LastStep(nn.Module):
    """The last output of a recurrent layer: (B, T, H) -> (B, H)."""

    def __call__(self, x: Array) -> Array:
        return x[:, -1]


class Cut(nn.Module):
    """The identity, but no error signal passes back: a mistake that no shape shows."""

    def __call__(self, x: Array) -> Array:
        return stop_gradient(x) + 0.0 * ops.mean(x)


@dataclass(frozen=True)
class Setting:
    """The settings of a run.

    Attributes:
        data: the name of a data set.
        form: the form of an example: "flat", "picture" or "rows" (a sequence of them).
        network: "mlp", "conv", "RNN", "LSTM" or "GRU".
        hidden: number of units of each hidden layer.
        activation: the activation of the hidden units.
        initializer: the initializer of the weights, as a name or a function.
        bias: initial values of hidden biases.
        recurrent: initial values of recurrent weights.
        optimizer: the name of the optimizer, or the optimizer.
        rate: its learning rate; None for that of the optimizer.
        epochs: number of epochs.
        batch: number of examples of a step.
        seed: the seed of initial values, orders and the split.
        examples: how many of the training examples are kept; None for all.
        held_out: how many of the development examples are kept; None for all.
        change: changes the arrays: (train, dev, generator) -> (train, dev).
        same: whether the output layer has the same initializer as the hidden layers.
        cut: whether the first hidden layer gets no error signal.
        dtype: the type of the weights; None for float32.
        dropout: the probability with which a hidden unit is dropped in training.
    """

    data: str = "digits"
    form: str = "flat"
    network: str = "mlp"
    hidden: tuple[int, ...] = (32,)
    activation: str = "relu"
    initializer: str | Initializer = "glorot_uniform"
    bias: Initializer = nn.initializers.zeros
    recurrent: Initializer | None = None
    optimizer: Any = "adam"
    rate: float | None = 0.003
    epochs: int = 12
    batch: int = 32
    seed: int = 0
    examples: int | None = None
    held_out: int | None = None
    change: Callable[[Pair, Pair, np.random.Generator], tuple[Pair, Pair]] | None = None
    cut: bool = False
    same: bool = False
    dtype: Any = None
    dropout: float = 0.0

    @property
    def loss(self) -> str:
        """The name of the loss: cross-entropy, or squared error for regression."""
        return "squared_error" if self.data == "diabetes" else "cross_entropy"

    def parts(self) -> tuple[Pair, Pair]:
        """Return training and development examples as the network sees them."""
        splits = data.load(self.data).split(dev=0.2, test=0.0, seed=self.seed)
        assert splits.dev is not None
        pairs = []
        for part, most in ((splits.train, self.examples), (splits.dev, self.held_out)):
            x = np.asarray(splits.preprocessor.scaled(np.asarray(part.inputs)), np.float32)
            y = np.asarray(part.targets)
            if self.loss == "squared_error":
                y = np.asarray(splits.preprocessor.scaled_targets(y), np.float32)
            if self.form == "flat":
                x = x.reshape(len(x), -1)
            elif self.form == "rows":
                x = x.reshape(len(x), 8, 8)
            pairs.append((x[:most], y[:most]))
        train, dev = pairs
        if self.change is not None:
            train, dev = self.change(train, dev, np.random.default_rng(self.seed))
        return train, dev

    def model(self, inputs: int, outputs: int) -> nn.Module:
        """Return the network without values."""
        first = INITIALIZERS[self.initializer] if isinstance(self.initializer, str) else (
            self.initializer)  # fmt: skip
        layers: list[Any] = []
        if self.network == "conv":
            layers = [nn.Conv2d(1, 8, 3, weight_init=first, bias_init=self.bias), self.activation,
                      nn.MaxPool2d(2), nn.Flatten()]  # fmt: skip
            inputs = 72
        elif self.network != "mlp":
            made = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[self.network]
            rectified = self.network == "RNN" and self.activation == "relu"
            given = {"nonlinearity": "relu"} if rectified else {}
            layers = [made(8, self.hidden[0], **given), LastStep()]
            return nn.Sequential([*layers, nn.Linear(self.hidden[0], outputs)])
        for place, units in enumerate(self.hidden):
            linear = nn.Linear(inputs, units, weight_init=first, bias_init=self.bias)
            layers += [linear, *([Cut()] if self.cut and not place else []), self.activation]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
            inputs = units
        last = (
            first if self.same or first in INITIALIZERS.values() else INITIALIZERS["glorot_uniform"]
        )
        return nn.Sequential([*layers, nn.Linear(inputs, outputs, weight_init=last)])

    def run(self, folder: Path) -> tuple[Path, Pair, Pair]:
        """Train in a folder, unless the run is already there; a run may diverge."""
        train, dev = self.parts()
        if (folder / MODEL).is_file():
            return folder, train, dev
        outputs = 1 if self.loss == "squared_error" else int(max(train[1].max(), dev[1].max())) + 1
        model = self.model(train[0].shape[-1], outputs).init(self.seed, dtype=self.dtype)
        model = tree.replace(model, {
            path: self.recurrent(jax.random.key(self.seed), w.shape, w.dtype)
            for path, w in nn.parameters(model).items()
            if self.recurrent is not None and path.endswith("recurrent_weight")
        })  # fmt: skip
        with contextlib.suppress(DivergedError):
            fit(
                model, train, self.loss, self.optimizer, self.epochs, dev=dev,
                batch_size=min(self.batch, len(train[1])), learning_rate=self.rate,
                seed=self.seed, devices=1, folder=folder, progress=False,
            )  # fmt: skip
        return folder, train, dev

    def is_sensible(self, folder: Path, dev: Pair) -> bool:
        """Whether a run reached a reasonable development error."""
        history = read_run(folder).history
        if not len(history):
            return False
        error = float(np.nanmin(history.development_error))
        if self.data in SENSIBLE:
            return error <= SENSIBLE[self.data]
        return error <= 0.9 * float(dev[1].std())
