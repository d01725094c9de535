"""clearprop: `fit` as a user calls it."""

from __future__ import annotations

import jax.numpy as jnp

from benchmarks.material import Material
from benchmarks.turns import Passed
from clearprop import nn, tree
from clearprop.models import MLP, LeNet5
from clearprop.training import EpochDone, Event, fit

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

    A call may make many passes, whose events then come all at once, each with an equal share of the
    call's seconds. Turns that begin and end right after a first one count calls whole.

    Args:
        passed: is told of every pass.
    """

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._seconds: float | None = None

    def __call__(self, event: Event) -> None:
        """Read an event."""
        if isinstance(event, EpochDone):
            is_first = event.seconds != self._seconds
            self._seconds = event.seconds
            self._passed(event.objective, may_pause=is_first)
