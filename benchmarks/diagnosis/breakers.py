"""Breakers of runs: faults of the data's scales, of initial values, rates and depth.

A breaker takes a setting, the number of the run and a generator, and returns a setting with one
kind of fault. `misuses` has those between network, loss and targets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.diagnosis.examples import Pair
from benchmarks.diagnosis.setting import Change, Setting
from clearprop.nn import initializers

Breaker = Callable[[Setting, int, np.random.Generator], Setting]


def _with(change: Change, balanced: bool = False) -> Breaker:
    def breaker(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
        name = ("digits", "breast-cancer", "wine", "digits")[n % 4]
        return dataclasses.replace(setting, data=name, change=change, epochs=15, balanced=balanced)

    return breaker


def _unscaled(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    factor = float(draw.choice([100.0, 300.0, 1000.0]))

    def all_of_it(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        return (train[0] * factor, train[1]), (dev[0] * factor, dev[1])

    def one_column(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        scale = np.ones(train[0].shape[1], np.float32)
        scale[int(draw.integers(len(scale)))] = 10 * factor
        return (train[0] * scale, train[1]), (dev[0] * scale, dev[1])

    name = ("digits", "breast-cancer", "wine", "iris")[n % 4]
    change = all_of_it if n % 2 == (n // 4) % 2 else one_column
    return dataclasses.replace(setting, data=name, change=change, optimizer="sgd", rate=0.02)


def _unscaled_targets(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    factor, center = float(draw.choice([80.0, 1000.0])), float(draw.choice([0.0, 150.0, 3000.0]))

    def change(train: Pair, dev: Pair, _: np.random.Generator) -> tuple[Pair, Pair]:
        return (train[0], train[1] * factor + center), (dev[0], dev[1] * factor + center)

    optimizer, rate = (("adam", 0.003), ("sgd", 1e-4))[n // 2 % 2 if n < 6 else 0]
    return dataclasses.replace(
        setting, data="diabetes", change=change, optimizer=optimizer, rate=rate
    )


def _symmetric(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    if n >= 8:
        # Only the hidden layers are equal: the random output layer slowly makes them different.
        ones = initializers.constant((1.0, 0.5)[n // 2 % 2])
        return dataclasses.replace(setting, data=("digits", "wine")[n % 2], initializer=ones,
                                   hidden=((32,), (24, 24))[n // 2 % 2], optimizer="sgd",
                                   rate=0.05)  # fmt: skip
    value = float(draw.choice([0.0, 0.01, 0.1, 0.5]))
    same = initializers.zeros if value == 0 else initializers.constant(value)
    hidden = (32,) if n % 4 < 2 else (24, 24)
    activation = ("relu", "tanh", "sigmoid", "gelu")[n // 2 % 4]
    name = ("digits", "wine")[n % 2]
    return dataclasses.replace(setting, data=name, initializer=same, same=True, hidden=hidden,
                               activation=activation)  # fmt: skip


def _scale(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    first = (initializers.normal(1e-4), initializers.normal(3.0), initializers.uniform(1e-3),
             initializers.uniform(4.0))[n % 4]  # fmt: skip
    activation = ("relu", "tanh")[n // 4]
    return dataclasses.replace(
        setting, initializer=first, hidden=(32, 32, 32), activation=activation,
        optimizer="sgd", rate=0.05 if n % 2 == 0 else 1e-3,
    )  # fmt: skip


def _diverges(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    rate = float(draw.choice([3.0, 30.0, 300.0]))
    return dataclasses.replace(setting, data="diabetes", optimizer=("sgd", "momentum")[n % 2],
                               rate=rate, hidden=(16,) if n % 4 < 2 else (16, 16))  # fmt: skip


def _too_high(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    optimizer, rates = (("adam", (0.3, 1.0, 3.0)), ("sgd", (3.0, 10.0)), ("rmsprop", (0.3, 1.0)),
                        ("momentum", (1.0, 3.0)))[n % 4]  # fmt: skip
    activation = ("relu", "tanh")[n // 4]
    return dataclasses.replace(setting, optimizer=optimizer, rate=float(draw.choice(rates)),
                               activation=activation, hidden=(32, 32))  # fmt: skip


def _too_low(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    optimizer, rates = (("adam", (1e-7, 1e-6, 3e-6)), ("sgd", (1e-6, 1e-5, 1e-4)),
                        ("rmsprop", (1e-7, 1e-6)), ("momentum", (1e-6, 1e-5)))[n % 4]  # fmt: skip
    name = ("digits", "wine", "breast-cancer", "iris")[(n + n // 4) % 4]
    return dataclasses.replace(
        setting, data=name, optimizer=optimizer, rate=float(draw.choice(rates))
    )


def _dead(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    bias = initializers.constant(-float(draw.choice([10.0, 20.0, 50.0])))
    hidden = ((32,), (32, 32), (24, 24, 24), (64,))[n % 4]
    if n % 8 > 5:
        return dataclasses.replace(setting, bias=bias, form="picture", network="conv", hidden=())
    return dataclasses.replace(setting, bias=bias, hidden=hidden)


def _saturated(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    bias = initializers.constant(float(draw.choice([-8.0, 8.0, 12.0])))
    spread = initializers.uniform(40.0)
    return dataclasses.replace(setting, activation=("tanh", "sigmoid")[n % 2],
                               bias=bias if n < 4 else spread, optimizer="sgd", rate=0.05,
                               hidden=((32,), (32, 32))[n // 2 % 2])  # fmt: skip


def _vanishing(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    depth = int(draw.choice([7, 9, 12]))
    optimizer, rate = (("sgd", 0.1), ("adam", 0.001), ("momentum", 0.02))[n % 3]
    return dataclasses.replace(setting, activation="sigmoid", hidden=(24,) * depth,
                               optimizer=optimizer, rate=rate)  # fmt: skip


def _exploding(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    gain = float(draw.choice([3.0, 3.5]))

    def large(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Any:
        return gain * initializers.he_normal(key, shape, dtype)

    depth = int(draw.choice([9, 11]))
    return dataclasses.replace(
        setting, initializer=large, activation=("relu", "leaky_relu")[n % 2],
        hidden=(24,) * depth, optimizer="adam", rate=1e-5,
    )  # fmt: skip


def _forgets(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    small = initializers.normal(float(draw.choice([0.003, 0.01])))
    return dataclasses.replace(
        setting, form="rows", network="RNN", activation=("tanh", "relu")[n % 2],
        recurrent=small, hidden=(24,), rate=float(draw.choice([3e-5, 1e-4])),
    )  # fmt: skip


def _overflows(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    gain = float(draw.choice([3.5, 5.0]))

    def large(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Any:
        return gain * initializers.orthogonal(key, shape, dtype)

    return dataclasses.replace(setting, form="rows", network="RNN", activation="relu",
                               recurrent=large, hidden=(24,), rate=1e-5)  # fmt: skip


def _stuck(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    name = ("digits", "even")[n % 2]
    return dataclasses.replace(setting, data=name, cut=True, hidden=((32,), (24, 24))[n // 2 % 2],
                               activation=("relu", "tanh")[n // 4])  # fmt: skip


def _coarse(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    optimizer, rate = (("adam", 1e-5), ("sgd", 1e-3), ("adam", 3e-5), ("momentum", 1e-5))[n % 4]
    return dataclasses.replace(setting, dtype=jnp.bfloat16, optimizer=optimizer, rate=rate,
                               hidden=((32,), (32, 32))[n // 4])  # fmt: skip


def _shuffled(train: Pair, dev: Pair, draw: np.random.Generator) -> tuple[Pair, Pair]:
    return (train[0], draw.permutation(train[1])), (dev[0], draw.permutation(dev[1]))


def _leaked(train: Pair, dev: Pair, draw: np.random.Generator) -> tuple[Pair, Pair]:
    kept = draw.permutation(len(dev[1]))[: max(3, int(draw.uniform(0.1, 1) * len(dev[1])))]
    return (
        np.concatenate([train[0], dev[0][kept]]),
        np.concatenate([train[1], dev[1][kept]]),
    ), dev


def _rare(train: Pair, dev: Pair, draw: np.random.Generator) -> tuple[Pair, Pair]:
    label = int(draw.integers(int(train[1].max()) + 1))
    most = int(np.bincount(train[1]).max())
    rows = np.flatnonzero(train[1] == label)[: max(2, int(most / draw.uniform(15, 60)))]
    kept = np.sort(np.concatenate([np.flatnonzero(train[1] != label), rows]))
    return (train[0][kept], train[1][kept]), dev


def _overfits(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    if n % 4 == 3:
        return dataclasses.replace(setting, data="diabetes", hidden=(128, 128), epochs=150)
    if n % 4 == 2:

        def noisy(train: Pair, dev: Pair, g: np.random.Generator) -> tuple[Pair, Pair]:
            wrong = np.where(g.random(len(train[1])) < 0.25, 1 - train[1], train[1])
            return (train[0], wrong.astype(train[1].dtype)), dev

        return dataclasses.replace(setting, data="breast-cancer", change=noisy,
                                   hidden=(128, 128), epochs=60)  # fmt: skip
    few = int(draw.choice([40, 60, 80]))
    return dataclasses.replace(setting, examples=few, hidden=(128, 128), epochs=60, batch=16)


def _underfits(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    if n % 4 == 1:
        return dataclasses.replace(setting, hidden=(32, 32), dropout=0.9, epochs=20)
    width = (1, 2)[n // 4]
    return dataclasses.replace(setting, hidden=(width,), activation=("tanh", "sigmoid")[n // 4],
                               rate=0.02, epochs=30)  # fmt: skip


def _few_development_examples(setting: Setting, n: int, draw: np.random.Generator) -> Setting:
    name = ("digits", "breast-cancer", "wine", "iris")[n % 4]
    return dataclasses.replace(setting, data=name, held_out=int(draw.integers(6, 20)), epochs=20)


BREAKERS: dict[str, Breaker] = {
    "non_finite": _diverges,
    "inputs_not_scaled": _unscaled,
    "targets_not_scaled": _unscaled_targets,
    "symmetric_weights": _symmetric,
    "initial_scale": _scale,
    "rate_too_high": _too_high,
    "rate_too_low": _too_low,
    "dead_units": _dead,
    "saturated_units": _saturated,
    "vanishing_by_depth": _vanishing,
    "exploding_by_depth": _exploding,
    "vanishing_through_time": _forgets,
    "exploding_through_time": _overflows,
    "never_moved": _stuck,
    "bfloat16_underflow": _coarse,
    "labels_shuffled": _with(_shuffled),
    "leaking_duplicates": _with(_leaked),
    "class_imbalance": _with(_rare, balanced=True),
    "overfitting": _overfits,
    "underfitting": _underfits,
    "development_noise": _few_development_examples,
}
