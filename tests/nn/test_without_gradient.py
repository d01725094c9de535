"""A layer without gradients passes error signals through, and keeps its path and statistics."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import nn, ops
from clearprop.autodiff import grad
from clearprop.nn.module import unwatched
from clearprop.nn.without_gradient import without_gradient

X = jnp.linspace(-1, 1, 12).reshape(4, 3)


def network() -> Any:
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm(5), "tanh", nn.Linear(5, 1)).init(0)


def test_the_parameters_get_no_error_signal_and_the_input_does() -> None:
    model = network()
    of_model, of_input = grad(lambda m, x: ops.sum(without_gradient(m)(x)), (0, 1))(model, X)
    assert all((w == 0).all() for w in nn.parameters(of_model).values())
    np.testing.assert_array_equal(of_input, grad(lambda x: ops.sum(model(x)))(X))


def test_its_layers_keep_their_paths_and_statistics() -> None:
    model, seen = network(), []

    def hook(path: str, *_: object) -> None:
        seen.append(path)

    with nn.forward_pass(model, training=True, hook=hook) as passed:
        without_gradient(model)(X)
        with unwatched():
            model(X)
    assert seen == ["layers.0", "layers.1", "layers.2", "layers.3", ""]
    assert sorted(passed.statistics) == ["layers.1.running_mean", "layers.1.running_variance"]
