"""Conjugate gradients find the solution in the expected number of iterations."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.optim.conjugate_gradients import kept_iterations, solve


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def _system(n: int) -> tuple[jax.Array, jax.Array]:
    random = np.random.default_rng(0)
    root = random.normal(size=(n, n))
    return jnp.asarray(root @ root.T + np.eye(n)), jnp.asarray(random.normal(size=n))


@pytest.mark.parametrize("scaled", [False, True])
def test_n_iterations_solve_n_equations(scaled: bool) -> None:
    A, b = _system(8)
    scale = jnp.diag(A) if scaled else None
    found = solve(lambda v: A @ v, b, scale=scale, iterations=8, tolerance=1e-30)
    assert int(found.iterations) == 8
    np.testing.assert_allclose(found.last, jnp.linalg.solve(A, b), rtol=1e-6, atol=1e-9)


def test_a_start_at_the_solution_needs_no_iteration() -> None:
    x = jnp.array([1.0, 2.0, 3.0])
    found = solve(lambda v: 2 * v, 2 * x, start=x)
    assert int(found.iterations) == 0
    assert found.last.tolist() == [1, 2, 3]


def test_it_ends_where_little_is_gained() -> None:
    A, b = _system(60)
    found = solve(lambda v: A @ v, b, iterations=60, tolerance=0.02)
    assert 10 < int(found.iterations) < 60
    closer = solve(lambda v: A @ v, b, iterations=60, tolerance=1e-6)
    assert int(closer.iterations) > int(found.iterations)


def test_points_on_the_way_are_kept() -> None:
    A, b = _system(8)
    found = solve(lambda v: A @ v, b, iterations=8, tolerance=1e-30)
    places = kept_iterations(8).nonzero()[0]
    assert int(found.number) == len(places)
    for place, kept in zip(places, found.kept, strict=True):
        shorter = solve(lambda v: A @ v, b, iterations=int(place), tolerance=1e-30)
        np.testing.assert_allclose(kept, shorter.last, rtol=1e-6)


def test_a_matrix_that_is_not_positive_ends_it() -> None:
    found = solve(lambda v: -v, jnp.ones(3), iterations=5)
    assert found.last.tolist() == [0, 0, 0]
    assert int(found.iterations) == 1
