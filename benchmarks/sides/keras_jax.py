"""Keras 3 on JAX: ``Model.fit`` of arrays."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras
from keras import layers

from benchmarks.material import Material
from benchmarks.turns import Passed

WITHOUT_END = 1_000_000_000


class Reader(keras.callbacks.Callback):
    """Tells of every pass."""

    def __init__(self, passed: Passed) -> None:
        super().__init__()
        self._passed = passed

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the mean loss of a pass."""
        self._passed(float((logs or {})["loss"]))


def train(material: Material, passed: Passed) -> None:
    """Train without end."""
    configuration = material.configuration
    model = keras.Sequential([keras.Input(material.inputs.shape[1:]), *_layers(material)])
    model.set_weights([array for pair in material.weights for array in pair])
    rate = configuration.learning_rate
    model.compile(
        optimizer=keras.optimizers.Adam(rate, epsilon=1e-8)
        if configuration.optimizer == "adam"
        else keras.optimizers.SGD(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        material.inputs,
        material.targets,
        batch_size=configuration.batch_size,
        epochs=WITHOUT_END,
        shuffle=True,
        verbose=0,
        callbacks=[Reader(passed)],
    )


def _layers(material: Material) -> list[Any]:
    activation = material.configuration.activation
    if material.configuration.network == "mlp":
        sizes = material.configuration.sizes[1:]
        hidden = [layers.Dense(size, activation=activation) for size in sizes[:-1]]
        return [*hidden, layers.Dense(sizes[-1])]
    return [
        layers.Conv2D(6, 5, padding="same", activation=activation),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 5, activation=activation),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation=activation),
        layers.Dense(84, activation=activation),
        layers.Dense(10),
    ]
