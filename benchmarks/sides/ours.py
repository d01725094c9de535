"""clearprop: `fit` as a user calls it."""

from __future__ import annotations

import time

import jax.numpy as jnp

from benchmarks.material import Material
from benchmarks.turns import Passed
from clearprop import nn, tree
from clearprop.models import MLP, LeNet5
from clearprop.training import EpochDone, Event, StepsDone, fit

EVENTS_APART_SECONDS = 1e-3
"""Events of passes that one call made come microseconds after each other."""

WITHOUT_END = 1_000_000_000


def train(material: Material, passed: Passed) -> None:
    """Train without end."""
    configuration = material.configuration
    model: nn.Module
    if configuration.network == "lenet5":
        model = LeNet5(activation=configuration.activation)
    else:
        model = MLP(configuration.sizes, activation=configuration.activation)
    model = model.init(0)
    arrays = [array for pair in material.weights for array in pair]
    paths = nn.parameters(model)
    model = tree.replace(
        model, {path: jnp.asarray(x) for path, x in zip(paths, arrays, strict=True)}
    )
    fit(
        model,
        (material.inputs, material.targets),
        loss="cross_entropy",
        optimizer=configuration.optimizer,
        learning_rate=configuration.learning_rate,
        epochs=WITHOUT_END,
        batch_size=configuration.batch_size,
        dev=0,
        on_event=FirstOfCall(passed),
    )


class FirstOfCall:
    """Reads a run's events; lets a turn end only at the first pass of a compiled call.

    A call may make many passes, whose events then come all at once. Turns that begin and end right
    after such a first event count calls whole.

    Args:
        passed: is told of every pass.
    """

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._last = time.perf_counter()
        self._first = True

    def __call__(self, event: Event) -> None:
        """Read an event."""
        if isinstance(event, StepsDone):
            self._first = time.perf_counter() - self._last > EVENTS_APART_SECONDS
        elif isinstance(event, EpochDone):
            self._passed(event.objective, may_pause=self._first)
        self._last = time.perf_counter()
