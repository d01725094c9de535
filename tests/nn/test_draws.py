"""Initial values equal those of `jax.random` up to rounding, in both implementations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.nn import draws, initializers

SHAPES = [(), (3, 5)]
WITHIN = {"float32": 3e-6, "float64": 1e-13}


@pytest.fixture(params=list(WITHIN))
def dtype(request: pytest.FixtureRequest) -> Any:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@pytest.mark.parametrize("shape", SHAPES)
def test_numbers_are_those_of_jax(shape: tuple[int, ...], dtype: str) -> None:
    key, within = jax.random.key(2**31 + 5), WITHIN[dtype]
    pairs = [
        (draws.uniform(key, shape, dtype), jax.random.uniform(key, shape, dtype)),
        (draws.uniform(key, shape, dtype, -3, 2), jax.random.uniform(key, shape, dtype, -3, 2)),
        (draws.normal(key, shape, dtype), jax.random.normal(key, shape, dtype)),
        (
            draws.truncated_normal(key, shape, dtype, 2.0),
            jax.random.truncated_normal(key, -2, 2, shape, dtype),
        ),
    ]
    for ours, theirs in pairs:
        assert ours.dtype == theirs.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=within, atol=within)


@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 4)])
def test_orthogonal_matrices_are_those_of_jax(shape: tuple[int, ...], dtype: str) -> None:
    key = jax.random.key(1)
    theirs = jax.nn.initializers.orthogonal()(key, shape, dtype)
    np.testing.assert_allclose(draws.orthogonal(key, shape, dtype), theirs, atol=WITHIN[dtype] * 3)


def test_keys_that_follow_are_those_of_jax() -> None:
    key = jax.random.key(3)
    ours = [jax.random.key_data(each) for each in draws.split(key, 3)]
    np.testing.assert_array_equal(ours, jax.random.key_data(jax.random.split(key, 3)))


@pytest.mark.parametrize(
    "make",
    [
        initializers.he_normal,
        initializers.orthogonal,
        initializers.constant(0.5),
    ],
)
def test_a_compiled_program_draws_the_same(make: Any) -> None:
    key = jax.random.key(4)
    compiled = jax.jit(lambda key: make(key, (5, 4), jnp.float32))(key)
    np.testing.assert_allclose(make(key, (5, 4), jnp.float32), compiled, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("key", "dtype"),
    [(jax.random.key(0), "bfloat16"), (jax.random.key(0, impl="rbg"), "float32")],
)
def test_what_is_not_drawn_here_comes_from_jax(key: Any, dtype: str) -> None:
    own = draws.normal(key, (4, 3), jnp.dtype(dtype))
    np.testing.assert_array_equal(own, jax.random.normal(key, (4, 3), dtype))


def test_many_numbers_are_the_same_too(monkeypatch: pytest.MonkeyPatch) -> None:
    key = jax.random.key(5)
    here = draws.normal(key, (40, 30), jnp.float32)
    monkeypatch.setattr(draws, "LARGE", 1000)
    np.testing.assert_allclose(here, draws.normal(key, (40, 30), jnp.float32), atol=3e-6)
