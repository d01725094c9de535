"""Healthy runs: common settings on many kinds of data, with many losses and lengths of training.

Nothing in them is wrong, so a fault that is found in one of them is a false alarm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis import losses
from benchmarks.diagnosis.examples import Pair
from benchmarks.diagnosis.setting import Setting
from clearprop import optim

PLAIN = 104
"""The runs below this number are perceptrons, convolutional and recurrent networks on
scikit-learn's data with cross-entropy and squared error; from it on every kind of `KINDS` comes in
turn, two runs of each."""

RATES = {"adam": 0.003, "sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "rmsprop": 0.002,
         "adamw": 0.003, "adagrad": 0.05}  # fmt: skip
INITIALIZERS = ["glorot_uniform", "glorot_normal", "he_normal", "lecun_normal", "orthogonal"]

Kind = Callable[[Setting, np.random.Generator], Setting]


def healthy(number: int, place: int) -> Setting:
    """Return a healthy run, whose settings are drawn at random with its number as the seed.

    Args:
        number: of the run.
        place: among all healthy runs; it decides the kind.
    """
    draw = np.random.default_rng(number)
    if place < PLAIN:
        return _plain(number, draw)
    kinds = list(KINDS.values())
    kind = kinds[(place - PLAIN) // 2 % len(kinds)]
    optimizer = str(draw.choice(list(RATES)))
    hidden = tuple(int(w) for w in draw.choice([16, 24, 32, 64], int(draw.integers(1, 4))))
    common = Setting(
        hidden=hidden, activation=str(draw.choice(["relu", "relu", "tanh", "gelu", "elu"])),
        optimizer=optimizer, rate=RATES[optimizer] * float(draw.choice([0.7, 1.0, 1.5])),
        initializer=str(draw.choice(INITIALIZERS)), epochs=15, batch=int(draw.choice([16, 32, 64])),
        seed=number,
    )  # fmt: skip
    return kind(common, draw)


def _plain(number: int, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["digits", "digits", "digits", "iris", "wine", "breast-cancer",
                            "diabetes"]))  # fmt: skip
    depth = int(draw.integers(1, 5 if name == "digits" else 3))
    hidden = tuple(int(w) for w in draw.choice([16, 24, 32, 64], depth))
    smooth = ["tanh", "sigmoid"] if depth < 3 else ["tanh"]
    activation = str(draw.choice(["relu", "relu", "leaky_relu", "elu", "gelu", *smooth]))
    optimizer = str(draw.choice(list(RATES)))
    rate = RATES[optimizer] * float(draw.choice([0.7, 1.0, 1.5]))
    epochs = {"digits": 15, "iris": 80, "wine": 40, "breast-cancer": 25, "diabetes": 20}[name]
    common = Setting(
        data=name, hidden=hidden, activation=activation, optimizer=optimizer, rate=rate,
        initializer=str(draw.choice(INITIALIZERS)),
        epochs=epochs, batch=int(draw.choice([16, 32])), seed=number,
    )  # fmt: skip
    other = draw.random()
    if name == "digits" and other < 0.2:
        return dataclasses.replace(common, form="picture", network="conv", hidden=(),
                                   activation="relu")  # fmt: skip
    if name == "digits" and other < 0.45:
        network = str(draw.choice(["RNN", "LSTM", "GRU"]))
        return dataclasses.replace(
            common, form="rows", network=network, hidden=(int(draw.choice([24, 32])),),
            activation="tanh", optimizer="adam", rate=0.005,
        )  # fmt: skip
    if name == "digits" and other < 0.55:
        return dataclasses.replace(common, dropout=0.2)
    return common


def _own_loss_of_numbers(setting: Setting, draw: np.random.Generator) -> Setting:
    loss = losses.OF_NUMBERS[int(draw.integers(len(losses.OF_NUMBERS)))]

    def as_column(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        return (train[0], train[1].reshape(-1, 1)), (dev[0], dev[1].reshape(-1, 1))

    name = str(draw.choice(["diabetes", "sunspots"]))
    return dataclasses.replace(setting, data=name, loss=loss, change=as_column, epochs=25)


def _own_loss_of_classes(setting: Setting, draw: np.random.Generator) -> Setting:
    loss = losses.OF_CLASSES[int(draw.integers(len(losses.OF_CLASSES)))]
    name = str(draw.choice(["digits", "wine", "fashion"]))
    return dataclasses.replace(setting, data=name, loss=loss, epochs=25)


def _several_labels(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["attributes", "garments"]))
    return dataclasses.replace(setting, data=name, hidden=(64,), epochs=12)


def _log_loss(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["even", "breast-cancer"]))
    return dataclasses.replace(setting, data=name, loss="log_loss", last="sigmoid", epochs=25)


def _one_output(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["even", "breast-cancer"]))
    return dataclasses.replace(setting, data=name, loss="binary_cross_entropy", epochs=25)


def _hinge(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["even", "breast-cancer"]))
    return dataclasses.replace(setting, data=name, loss="hinge", epochs=25)


def _first_networks(setting: Setting, draw: np.random.Generator) -> Setting:
    """Squared error behind a sigmoid, or behind softmax: the oldest way to classify."""
    if draw.random() < 0.5:
        return dataclasses.replace(setting, data="breast-cancer", loss="binary_squared_error",
                                   last="sigmoid", epochs=40)  # fmt: skip
    return dataclasses.replace(
        setting, data="even", loss="binary_squared_error", epochs=25, last="sigmoid", hidden=(64,),
        optimizer="adam", rate=0.005,
    )  # fmt: skip


def _long_line(setting: Setting, draw: np.random.Generator) -> Setting:
    """Linear regression for 300 epochs on data of which a line explains a quarter."""
    return dataclasses.replace(
        setting, data="weak", hidden=(), optimizer="sgd", rate=float(draw.choice([0.02, 0.05])),
        loss=str(draw.choice(["squared_error", "mean_squared_error"])), epochs=300,
    )  # fmt: skip


def _long_tables(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["iris", "wine"]))
    return dataclasses.replace(setting, data=name, hidden=(int(draw.choice([8, 16])),), epochs=300,
                               optimizer="sgd", rate=0.02)  # fmt: skip


def _words(setting: Setting, draw: np.random.Generator) -> Setting:
    name, form = str(draw.choice(["words", "topics"])), str(draw.choice(["counts", "tfidf"]))
    return dataclasses.replace(
        setting, data=name, form=form, hidden=(int(draw.choice([16, 32])),), batch=16,
        epochs=12 if (name, form) == ("topics", "tfidf") else 5,
        optimizer=str(draw.choice(["adam", "adamw"])), rate=float(draw.choice([0.002, 0.004])),
    )  # fmt: skip


def _line_of_words(setting: Setting, draw: np.random.Generator) -> Setting:
    form, rate = [("counts", 0.005), ("tfidf", 0.03)][int(draw.integers(2))]
    return dataclasses.replace(setting, data=str(draw.choice(["words", "topics"])), form=form,
                               hidden=(), batch=16, epochs=4, rate=rate,
                               optimizer="adam")  # fmt: skip


def _series(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["sunspots", "co2"]))
    epochs = 40 if name == "sunspots" else 12
    if draw.random() < 0.3:
        made = str(draw.choice(["RNN", "GRU", "LSTM"]))
        return dataclasses.replace(setting, data="sunspots", form="rows", network=made,
                                   hidden=(24,), activation="tanh", optimizer="adam", rate=0.005,
                                   epochs=40)  # fmt: skip
    hidden = () if draw.random() < 0.3 else setting.hidden[:2]
    optimizer, rate = (("adam", 0.003), ("sgd", 0.02), ("momentum", 0.003))[int(draw.integers(3))]
    return dataclasses.replace(setting, data=name, hidden=hidden, optimizer=optimizer, rate=rate,
                               epochs=epochs, loss="mean_squared_error")  # fmt: skip


def _fashion(setting: Setting, draw: np.random.Generator) -> Setting:
    changed = dataclasses.replace(setting, data="fashion", epochs=6)
    if draw.random() < 0.3:
        return dataclasses.replace(changed, form="picture", network="conv", hidden=(),
                                   activation="relu", optimizer="adam", rate=0.003)  # fmt: skip
    return changed


def _penalized(setting: Setting, draw: np.random.Generator) -> Setting:
    """A penalty of a usual size."""
    rate = float(draw.choice([0.02, 0.05]))
    usual = (
        optim.adamw(0.003, weight_decay=float(draw.choice([0.01, 0.1]))),
        optim.chain(optim.add_decayed_weights(float(draw.choice([1e-4, 1e-3]))), optim.sgd(rate)),
        optim.chain(optim.add_l1_penalty(1e-4), optim.adam(0.003)),
    )
    return dataclasses.replace(
        setting, data=str(draw.choice(["digits", "wine", "diabetes"])), epochs=20, rate=None,
        optimizer=usual[int(draw.integers(3))],
    )  # fmt: skip


def _uneven_classes(setting: Setting, draw: np.random.Generator) -> Setting:
    """One class three to eight times rarer than the others, and learned all the same."""

    def rarer(train: Pair, dev: Pair, g: np.random.Generator) -> tuple[Pair, Pair]:
        label, keep = int(g.integers(2)), float(g.uniform(0.12, 0.35))
        kept = (train[1] != label) | (g.random(len(train[1])) < keep)
        return (train[0][kept], train[1][kept]), dev

    name = str(draw.choice(["digits", "breast-cancer"]))
    return dataclasses.replace(setting, data=name, change=rarer, epochs=25)


def _normalized(setting: Setting, draw: np.random.Generator) -> Setting:
    """Batch normalization, with small batches too."""
    return dataclasses.replace(setting, normalized=True, batch=int(draw.choice([4, 8, 32])),
                               hidden=(32,), optimizer="adam", rate=0.002, epochs=10)  # fmt: skip


def _stopped_early(setting: Setting, draw: np.random.Generator) -> Setting:
    name = str(draw.choice(["diabetes", "breast-cancer", "digits"]))
    return dataclasses.replace(setting, data=name, hidden=(64,), epochs=100,
                               options={"patience": 5}, optimizer="adam", rate=0.003)  # fmt: skip


def _short(setting: Setting, draw: np.random.Generator) -> Setting:
    """Three to five epochs of a fast optimizer, enough for a useful network."""
    return dataclasses.replace(setting, hidden=(64,), epochs=int(draw.integers(3, 6)), batch=16,
                               optimizer="adam", rate=0.005)  # fmt: skip


def _smoothed(setting: Setting, draw: np.random.Generator) -> Setting:
    return dataclasses.replace(setting, options={"label_smoothing": 0.1},
                               data=str(draw.choice(["digits", "wine"])), epochs=25)  # fmt: skip


def _probabilities(setting: Setting, draw: np.random.Generator) -> Setting:
    """Classes as one-hot rows, which cross-entropy and the divergence take too."""

    def rows(labels: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.eye(10, dtype=np.float32)[labels])

    loss = str(draw.choice(["cross_entropy", "kl_divergence"]))
    return dataclasses.replace(setting, data=str(draw.choice(["digits", "fashion"])), recode=rows,
                               loss=loss, epochs=8)  # fmt: skip


KINDS: dict[str, Kind] = {
    "own loss of numbers": _own_loss_of_numbers,
    "own loss of classes": _own_loss_of_classes,
    "several labels": _several_labels,
    "log loss": _log_loss,
    "one output": _one_output,
    "hinge": _hinge,
    "squared error behind a sigmoid": _first_networks,
    "a line for 300 epochs": _long_line,
    "300 epochs": _long_tables,
    "bags of words": _words,
    "a line of bags of words": _line_of_words,
    "series": _series,
    "Fashion-MNIST": _fashion,
    "usual penalty": _penalized,
    "uneven classes": _uneven_classes,
    "batch normalization": _normalized,
    "early stopping": _stopped_early,
    "three to five epochs": _short,
    "smoothed labels": _smoothed,
    "probabilities": _probabilities,
}
