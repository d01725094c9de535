"""What a Boltzmann machine makes itself, as arrays and as drawings."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, tree
from clearprop.errors import ShapeError
from clearprop.glass.drawings.boltzmann import (
    gibbs_means,
    gibbs_samples,
    machine_reconstructions,
)
from clearprop.models import RBM


def machine(units: str = "bernoulli") -> RBM:
    random = np.random.default_rng(0)
    made = RBM(4, 3, units=units).init(0)
    values = {
        path: jnp.asarray(random.normal(size=x.shape), jnp.float32)
        for path, x in nn.parameters(made).items()
    }
    return tree.replace(made, values)


@pytest.mark.parametrize("units", ["bernoulli", "gaussian"])
def test_the_chains_that_are_drawn_come_to_the_mean_of_the_machine(units: str) -> None:
    model = machine(units)
    begin = np.ones((4000, 4), np.float32)
    start, early, late = gibbs_means(model, begin, (0, 1, 60))
    long = np.asarray(model.gibbs(jnp.asarray(begin), np_key(5), 80))
    assert np.array_equal(start, begin)
    assert early.shape == (4000, 4)
    np.testing.assert_allclose(late.mean(axis=0), long.mean(axis=0), atol=0.1)


def np_key(seed: int) -> Any:
    import jax

    return jax.random.key(seed)


def test_a_sheet_holds_every_chain_at_every_time() -> None:
    drawing = gibbs_samples(machine(), np.eye(4)[:3], (2, 2), (0, 1, 5))
    axes = drawing.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["start", "1", "5"]
    sheet = np.asarray(axes.images[0].get_array())
    assert sheet.shape == (3 * 3 - 1, 3 * 3 - 1)
    np.testing.assert_array_equal(sheet[:2, :2].ravel(), np.eye(4)[0])
    assert drawing.png()[:4] == b"\x89PNG"


def test_reconstructions_stand_below_the_examples() -> None:
    model, v = machine(), np.eye(4, dtype=np.float32)
    drawing = machine_reconstructions(model, v, (2, 2, 1))
    sheet = np.asarray(drawing.figure.axes[0].images[0].get_array())
    made = np.asarray(model.visible_mean(model(jnp.asarray(v))))
    np.testing.assert_allclose(sheet[3:5, :2].ravel(), made[0], rtol=1e-5)
    assert f"{((v - made) ** 2).mean():.3g}" in drawing.caption


def test_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match="no picture of this shape"):
        machine_reconstructions(machine(), np.eye(4), (3, 2))
