"""A network from stacked machines computes what the machines compute."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.errors import ConfigurationError
from clearprop.models import RBM, stacked


def test_the_hidden_layers_are_the_chances_of_the_machines() -> None:
    below, above = RBM(6, 5).init(0), RBM(5, 4).init(1)
    network = stacked([below, above], 3, seed=2)
    x = jnp.asarray(np.random.default_rng(0).uniform(size=(7, 6)), jnp.float32)
    hidden = above(below(x))
    np.testing.assert_allclose(network(x), network.layers[-1](hidden), rtol=1e-6)
    assert network.activation.function is ops.sigmoid


def test_machines_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="5 hidden units below 4 visible"):
        stacked([RBM(6, 5).init(0), RBM(4, 3).init(0)], 2)
    with pytest.raises(ConfigurationError, match="at least one machine"):
        stacked([], 2)
