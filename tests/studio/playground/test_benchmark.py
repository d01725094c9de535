"""The rules of TensorFlow Playground in the benchmark are those of gradient descent."""

from __future__ import annotations

import jax.numpy as jnp
import msgspec
import pytest

from benchmarks.playground import TASKS, Task, by_their_rules, their_weights
from clearprop.studio.playground.prepared import prepared
from clearprop.training import LiveRun


@pytest.mark.parametrize("task", TASKS, ids=[task.name.partition(",")[0] for task in TASKS])
def test_a_whole_batch_trained_from_the_same_weights_gives_the_same_loss(task: Task) -> None:
    # With all examples in one batch their order makes no difference.
    settings = msgspec.structs.replace(task.settings(3), batch_size=250, epochs=20)
    ready = prepared(settings, {})
    live = LiveRun(ready.config)
    for layer, weight, bias in zip(ready.layers, *their_weights(ready), strict=True):
        live.change({layer.weight: jnp.asarray(weight), layer.bias: jnp.asarray(bias)})
    list(live.advance(20))
    assert live.epochs[-1].development_objective == pytest.approx(by_their_rules(ready), rel=1e-4)
