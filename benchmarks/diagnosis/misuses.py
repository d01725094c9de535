"""Breakers of runs: faults between network, loss and targets, of the examples, and of the training.

A breaker takes a setting, the number of the run and a generator, and returns a setting with one
kind of fault. Every variant has two runs for tuning, number ``2 i`` and ``2 i + 1``.

Shape letters: N examples, D numbers of an example, K classes.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis import losses, networks
from benchmarks.diagnosis.breakers import Breaker
from benchmarks.diagnosis.examples import Pair
from benchmarks.diagnosis.setting import Change, Setting
from clearprop import optim

Labels = NDArray[Any]


def _one_hot(labels: Labels) -> Labels:
    return np.eye(10, dtype=np.float32)[labels]


def _column(labels: Labels) -> Labels:
    return labels.astype(np.float32).reshape(-1, 1)


def _shifted(by: float) -> Change:
    """Return a change of targets that are numbers."""

    def change(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        return (train[0], train[1] + np.float32(by)), (dev[0], dev[1] + np.float32(by))

    return change


def _last_layer(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    depth = ((32,), (24, 24))[n % 2]
    pictures = ("digits", "fashion")[n % 2]
    two = ("breast-cancer", "even")[n % 2]
    numbers: dict[str, Any] = {"data": ("diabetes", "sunspots")[n % 2], "epochs": 25}
    variants: list[dict[str, Any]] = [
        {"data": pictures, "last": "softmax", "optimizer": "sgd", "rate": 0.05},
        {"data": two, "last": "sigmoid", "loss": "binary_cross_entropy", "epochs": 20},
        {**numbers, "last": "tanh", "change": _shifted(3.0)},
        {**numbers, "last": "relu", "change": _shifted(-1.5)},
        {**numbers, "last": "sigmoid", "change": _shifted(-0.5)},
        {"data": two, "last": "softmax", "loss": "log_loss", "epochs": 20},
        {"data": pictures, "last": "sigmoid", "optimizer": "sgd", "rate": 0.05},
        {"data": two, "last": "softmax", "loss": "binary_squared_error", "epochs": 20},
    ]
    return dataclasses.replace(setting, hidden=depth, **variants[n // 2 % len(variants)])


def _below_linear_model(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    words: dict[str, Any] = {"data": ("words", "topics")[n % 2], "form": "tfidf", "epochs": 30}
    variants: list[dict[str, Any]] = [
        {**words, "hidden": (1,), "activation": "tanh", "rate": 0.01},
        {"data": ("digits", "fashion")[n % 2], "hidden": (2,), "epochs": 20},
        {**words, "hidden": (1,), "rate": 0.01},
        {"data": ("fashion", "digits")[n % 2], "hidden": (32, 1), "epochs": 20},
    ]
    return dataclasses.replace(setting, **variants[n // 2 % len(variants)])


def _mixed_examples(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """A layer before the first one takes numbers of other examples."""
    layers = (networks.Mixed(), networks.Rolled(), networks.OverBatch(), networks.Flipped())
    name = ("digits", "even", "fashion", "wine")[(n + n // 4) % 4]
    return dataclasses.replace(setting, data=name, before=layers[n // 2 % 4], epochs=20)


def _lost_information(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """A layer before the first one throws away nearly all that is known of an example."""
    variants: list[dict[str, Any]] = [
        {"data": ("wine", "digits")[n % 2], "before": networks.Averaged(), "epochs": 40},
        {"data": ("digits", "fashion")[n % 2], "before": networks.Clipped()},
        {"data": ("digits", "even")[n % 2], "before": networks.FirstOnly()},
        {"data": ("fashion", "diabetes")[n % 2], "before": networks.Whole()},
    ]
    return dataclasses.replace(setting, **{"epochs": 20, **variants[n // 2 % len(variants)]})


def _dropout_too_strong(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """So much dropout that hardly a unit is left in a step."""
    variants: list[dict[str, Any]] = [
        {"hidden": (32, 32), "dropout": 0.9},
        {"hidden": (32,), "dropout": 0.95},
        {"hidden": (64, 32), "dropout": 0.9, "activation": "tanh"},
        {"hidden": (24, 24, 24), "dropout": 0.8},
    ]
    name = ("digits", "fashion")[n % 2]
    return dataclasses.replace(setting, data=name, epochs=15, **variants[n // 2 % len(variants)])


def _single_class(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """The targets of training are all one class: a wrong comparison, or examples in order."""

    def only_first(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        rows = train[1] == 0
        return (train[0][rows], train[1][rows]), dev

    name = ("digits", "breast-cancer")[n % 2]
    variants: list[dict[str, Any]] = [
        {"data": name, "recode": np.zeros_like, "outputs": 10 if n % 2 == 0 else 2},
        {"data": ("wine", "iris")[n % 2], "change": only_first},
        {"data": ("even", "breast-cancer")[n % 2], "recode": np.zeros_like,
         "loss": "binary_cross_entropy"},
        {"data": ("digits", "fashion")[n % 2], "recode": lambda y: _one_hot(0 * y + 3)},
    ]  # fmt: skip
    return dataclasses.replace(setting, **variants[n // 2 % len(variants)])


def _invalid_targets(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """Targets that the loss takes without a word, and that are not what it means."""
    two = ("breast-cancer", "even")[n % 2]
    several = ("attributes", "garments")[n % 2]
    variants: list[dict[str, Any]] = [
        {"data": several, "loss": "cross_entropy", "epochs": 20},
        {"data": two, "loss": "binary_cross_entropy", "recode": lambda y: _column(2 * y - 1)},
        {"data": two, "loss": "binary_cross_entropy", "recode": lambda y: _column(255 * y)},
        {
            "data": ("digits", "fashion")[n % 2],
            "recode": lambda y: 100 * _one_hot(y),
            "optimizer": "sgd",
            "rate": 0.05,
        },
    ]
    return dataclasses.replace(setting, **variants[n // 2 % len(variants)])


def _penalty_too_strong(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    much = float(draw.choice([0.3, 1.0]))
    variants = [
        optim.adamw(0.003, weight_decay=float(draw.choice([10.0, 30.0]))),
        optim.chain(optim.add_decayed_weights(much), optim.sgd(0.05)),
        optim.chain(optim.add_l1_penalty(much / 5), optim.adam(0.003)),
        optim.chain(optim.add_decayed_weights(2 * much), optim.adam(0.003)),
    ]
    name = ("digits", "fashion")[n % 2]
    return dataclasses.replace(
        setting, data=name, optimizer=variants[n // 2 % len(variants)], rate=None, epochs=20
    )


def _missing_nonlinearity(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    name = ("even", "attributes")[n // 2 % 2]
    hidden = ((32,), (32, 32), (64, 32), (24, 24, 24))[n // 2 % 4]
    return dataclasses.replace(setting, data=name, activation="", hidden=hidden, epochs=20,
                               rate=(0.003, 0.001)[n % 2])  # fmt: skip


def _unsuitable_loss(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    pictures = ("digits", "fashion")[n % 2]
    variants: list[dict[str, Any]] = [
        {"data": pictures, "loss": losses.absolute_error, "recode": _one_hot},
        {"data": pictures, "loss": "mean_squared_error", "recode": _one_hot, "last": "softmax",
         "optimizer": "sgd", "rate": 0.05},
        {"data": pictures, "loss": "squared_error", "recode": lambda y: y.reshape(-1, 1)},
        {"data": pictures, "loss": losses.mean_absolute_error, "recode": _column},
    ]  # fmt: skip
    return dataclasses.replace(setting, epochs=15, **variants[n // 2 % len(variants)])


def _leaking_targets(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """One of the columns is the target, in other units or under another name."""
    place, factor = int(draw.integers(4)), float(draw.choice([1.0, 2.5, -0.5]))

    def with_column(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        middle = train[1].mean()

        def widened(pair: Pair) -> Pair:
            column = factor * (pair[1].reshape(-1).astype(np.float32) - middle)
            return np.insert(pair[0], place, column, axis=1), pair[1]

        return widened(train), widened(dev)

    name = ("wine", "breast-cancer", "diabetes", "iris")[n // 2 % 4]
    return dataclasses.replace(setting, data=name, change=with_column, epochs=(40, 50)[n % 2])


def _running_statistics(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """The running statistics of batch normalization hardly leave their start, 0 and 1."""
    factor = float(draw.choice([6.0, 9.0]))

    def brighter(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        return (factor * train[0], train[1]), (factor * dev[0], dev[1])

    variants: list[dict[str, Any]] = [
        {"data": "digits", "momentum": 1e-5, "hidden": (32, 32)},
        {"data": "fashion", "momentum": 1e-4, "hidden": (64,)},
        {"data": "iris", "momentum": 1e-5, "hidden": (32, 32)},
        {"data": "digits", "momentum": 1e-4, "hidden": (48,), "batch": 64},
    ]
    return dataclasses.replace(
        setting, normalized=True, change=brighter, **variants[n // 2 % len(variants)]
    )


def _class_never_predicted(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """A class that is nine times rarer than the other, and has a weak signal."""
    variants: list[dict[str, Any]] = [
        {"rate": 0.1, "optimizer": "sgd", "loss": "binary_cross_entropy"},
        {"rate": (0.005, 0.003)[n % 2], "hidden": (4,)},
        {"rate": (0.02, 0.01)[n % 2], "loss": "binary_cross_entropy"},
        {"rate": (0.02, 0.01)[n % 2], "loss": "hinge"},
    ]
    chosen = {"data": "severe", "hidden": (), "epochs": 20, **variants[n // 2 % len(variants)]}
    return dataclasses.replace(setting, balanced=True, **chosen)


def _development_differs(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """The development part has other values or classes than the training part."""

    def as_measured(train: Pair, dev: Pair, g: np.random.Generator) -> tuple[Pair, Pair]:
        shape = dev[0].shape[1:]
        deviation, mean = np.exp(g.normal(1, 1, shape)), g.normal(0, 5, shape)
        return train, ((dev[0] * deviation + mean).astype(np.float32), dev[1])

    def without_classes(train: Pair, dev: Pair, g: np.random.Generator) -> tuple[Pair, Pair]:
        lacking = g.choice(int(train[1].max()) + 1, 3 if train[1].max() > 4 else 1, replace=False)
        kept = ~np.isin(train[1], lacking)
        return (train[0][kept], train[1][kept]), dev

    def in_order(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        x, y = (np.concatenate(both) for both in zip(train, dev, strict=True))
        order = np.argsort(y.reshape(len(y), -1)[:, 0], kind="stable")
        few, most = order[-len(dev[1]) :], order[: -len(dev[1])]
        return (x[most], y[most]), (x[few], y[few])

    variants: list[dict[str, Any]] = [
        {"data": ("wine", "breast-cancer")[n % 2], "change": as_measured, "epochs": 20},
        {"data": ("digits", "wine")[n % 2], "change": without_classes},
        {"data": "diabetes", "change": in_order, "epochs": 20},
        {"data": ("digits", "fashion")[n % 2], "change": in_order},
    ]
    return dataclasses.replace(setting, **variants[n // 2 % len(variants)])


def _constant_inputs(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """Every example has the same inputs: a mistake in their preparation has wiped them out."""

    def divided(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        return (0 * train[0], train[1]), (0 * dev[0], dev[1])

    def one_example(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        first = train[0][:1]
        return (np.repeat(first, len(train[1]), 0), train[1]), (
            np.repeat(first, len(dev[1]), 0), dev[1])  # fmt: skip

    change = (divided, one_example)[n // 2 % 2]
    name = ("digits", "wine", "diabetes", "breast-cancer")[(n + n // 4) % 4]
    return dataclasses.replace(setting, data=name, change=change, epochs=15)


def _too_few_epochs(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """A usual rate, and so few passes that the objective still falls by a tenth in each."""
    variants: list[dict[str, Any]] = [
        {"data": "digits", "rate": 0.0005, "epochs": (4, 5)[n % 2]},
        {"data": "wine", "rate": 0.001, "epochs": (6, 9)[n % 2]},
        {"data": "words", "form": "tfidf", "rate": 0.0005, "epochs": (3, 4)[n % 2]},
        {"data": "fashion", "optimizer": "sgd", "rate": (0.003, 0.005)[n % 2], "epochs": 4},
    ]
    return dataclasses.replace(setting, **variants[n // 2 % len(variants)])


def _unsuitable_optimizer(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    """Another optimizer, or smaller batches, goes much further in the same number of passes."""
    variants: list[dict[str, Any]] = [
        {"data": "words", "form": "tfidf", "optimizer": "sgd", "rate": 0.1},
        {"data": "digits", "batch": 1438, "optimizer": "sgd", "rate": 0.1},
        {"data": "fashion", "optimizer": "adagrad", "rate": 0.001},
        {"data": "attributes", "optimizer": "adadelta", "rate": 0.02},
    ]
    return dataclasses.replace(setting, epochs=12, **variants[n // 2 % len(variants)])


MISUSES: dict[str, Breaker] = {
    "last_layer": _last_layer,
    "below_linear_model": _below_linear_model,
    "mixed_examples": _mixed_examples,
    "lost_information": _lost_information,
    "dropout_too_strong": _dropout_too_strong,
    "single_class": _single_class,
    "invalid_targets": _invalid_targets,
    "penalty_too_strong": _penalty_too_strong,
    "missing_nonlinearity": _missing_nonlinearity,
    "unsuitable_loss": _unsuitable_loss,
    "leaking_targets": _leaking_targets,
    "running_statistics": _running_statistics,
    "class_never_predicted": _class_never_predicted,
    "development_differs": _development_differs,
    "constant_inputs": _constant_inputs,
    "too_few_epochs": _too_few_epochs,
    "unsuitable_optimizer": _unsuitable_optimizer,
}
