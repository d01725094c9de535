"""Initial values have the stated means and variances."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.errors import ConfigurationError
from clearprop.nn import initializers

SHAPE = (300, 500)


@pytest.mark.parametrize(
    ("make", "variance"),
    [
        (initializers.uniform(0.3), 0.3**2 / 3),
        (initializers.normal(0.2), 0.04),
        (initializers.truncated_normal(0.2), 0.04),
        (initializers.glorot_uniform, 2 / 800),
        (initializers.glorot_normal, 2 / 800),
        (initializers.he_uniform, 2 / 300),
        (initializers.he_normal, 2 / 300),
        (initializers.lecun_normal, 1 / 300),
    ],
)
def test_the_variance_is_as_stated(make: Any, variance: float) -> None:
    weight = np.asarray(make(jax.random.key(0), SHAPE))
    # The standard error of a variance of 150,000 draws is below 0.4 %.
    assert weight.var() == pytest.approx(variance, rel=0.02)
    assert abs(weight.mean()) < 4 * (variance / weight.size) ** 0.5


def test_kernels_count_their_window() -> None:
    kernel = initializers.he_normal(jax.random.key(0), (3, 3, 64, 128))
    assert float(kernel.var()) == pytest.approx(2 / (9 * 64), rel=0.03)


def test_bounds_and_truncation_hold() -> None:
    key = jax.random.key(1)
    limit = (6 / 800) ** 0.5
    assert float(jnp.abs(initializers.glorot_uniform(key, SHAPE)).max()) <= limit
    cut = initializers.truncated_normal(0.1)(key, SHAPE)
    assert float(jnp.abs(cut).max()) <= 0.1 * 2 / 0.8796 + 1e-6


def test_orthogonal_rows_stand_at_right_angles() -> None:
    weight = initializers.orthogonal(jax.random.key(0), (8, 32))
    np.testing.assert_allclose(weight @ weight.T, np.eye(8), atol=1e-5)
    with pytest.raises(ConfigurationError, match="two axes"):
        initializers.orthogonal(jax.random.key(0), (8,))


def test_deviations_are_positive() -> None:
    with pytest.raises(ConfigurationError, match="deviation"):
        initializers.truncated_normal(0.0)
