"""The replay: what is drawn, how often, and the returns over several steps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from clearprop.algorithms import replay as buffer
from clearprop.data.environments import Experience

KEY = jax.random.key(0)
B, ROWS = 3, 8


def step(
    t: int, *, terminated: tuple[int, ...] = (), truncated: tuple[int, ...] = ()
) -> Experience:
    """Return the step ``t`` of three environments: every number says where it comes from."""
    number = jnp.arange(B) + 10.0 * t
    return Experience(
        number[:, None],
        jnp.full(B, t % 2),
        number,
        number[:, None] + 0.5,
        jnp.isin(jnp.arange(B), jnp.array(terminated, int)),
        jnp.isin(jnp.arange(B), jnp.array(truncated, int)),
    )


def filled(steps: int, n_steps: int = 1, **ends: Any) -> buffer.Replay:
    replay = buffer.empty(step(0), ROWS)
    for t in range(steps):
        replay = buffer.add(replay, step(t, **ends.get(f"at{t}", {})), n_steps)
    return replay


def is_as_expected(counts: np.ndarray, chances: np.ndarray) -> bool:
    """Say whether counts agree with probabilities, by a chi-squared test at one in a thousand."""
    assert counts[chances == 0].sum() == 0
    seen, chances = counts[chances > 0], chances[chances > 0].astype(np.float64)
    return bool(stats.chisquare(seen, seen.sum() * chances / chances.sum()).pvalue > 1e-3)


def counted(places: buffer.Places) -> np.ndarray:
    counts = np.zeros((ROWS, B))
    np.add.at(counts, (np.asarray(places.rows), np.asarray(places.columns)), 1)
    return counts


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("steps", [5, 21])
def test_whole_transitions_are_drawn_equally_often(steps: int, n_steps: int) -> None:
    replay = filled(steps, n_steps)
    places = buffer.draw_uniformly(replay, 60_000, KEY, n_steps)
    kept = range(max(0, steps - ROWS), steps - (n_steps - 1))
    chances = np.zeros((ROWS, B))
    chances[[t % ROWS for t in kept]] = 1 / (len(kept) * B)
    assert is_as_expected(counted(places), chances)
    assert np.allclose(places.probabilities, 1 / (len(kept) * B))


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("steps", [2, 5, 21])
def test_before_any_error_is_known_all_whole_transitions_have_the_same_priority(
    steps: int, n_steps: int
) -> None:
    masses = np.asarray(filled(steps, n_steps).masses)
    kept = [t % ROWS for t in range(max(0, steps - ROWS), steps - (n_steps - 1))]
    assert (masses[kept] == 1).all()
    assert masses.sum() == len(kept) * B


def test_transitions_are_drawn_as_often_as_their_priorities_say() -> None:
    replay = filled(21, n_steps=2)
    every = buffer.draw_uniformly(replay, 400, KEY, 2)
    drawn = np.random.default_rng(0).exponential(1, (ROWS, B)).astype(np.float32)
    errors = drawn[np.asarray(every.rows), np.asarray(every.columns)]
    replay = buffer.with_errors(replay, every, jnp.asarray(errors), 0.6)
    drawn[20 % ROWS] = 0  # the newest step is no whole transition yet
    masses = np.where(drawn > 0, (drawn + buffer.SMALLEST_ERROR) ** 0.6, 0)
    assert np.allclose(replay.masses, masses, rtol=1e-5)
    chances = masses / masses.sum()

    draw = jax.jit(lambda key: buffer.draw_by_priority(replay, 64, key))
    places = [draw(key) for key in jax.random.split(KEY, 500)]
    rows, columns, probabilities = (np.concatenate(part) for part in zip(*places, strict=True))
    assert np.allclose(probabilities, chances[rows, columns], rtol=1e-4)
    counts = counted(buffer.Places(rows, columns, probabilities))
    # One from each of 64 equal shares: closer to the formula than independent draws.
    assert counts[masses == 0].sum() == 0
    assert is_as_expected(counts, chances)
    expected = 64 * 500 * chances
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected) + 1).all()


def test_the_weights_undo_unequal_probabilities() -> None:
    replay = filled(21)
    every = buffer.draw_uniformly(replay, 400, KEY)
    errors = jnp.asarray(np.random.default_rng(0).exponential(1, 400), jnp.float32)
    replay = buffer.with_errors(replay, every, errors, 1.0)
    places = buffer.draw_by_priority(replay, 32, KEY)
    weights = np.asarray(buffer.weights_of(replay, places, 1.0), np.float64)
    assert weights.max() == pytest.approx(1)
    products = weights * np.asarray(places.probabilities)
    assert np.allclose(products, products[0], rtol=1e-5)
    half = np.asarray(buffer.weights_of(replay, places, 0.5), np.float64)
    assert np.allclose(half, np.sqrt(weights), rtol=1e-5)
    assert np.allclose(buffer.weights_of(replay, places, 0.0), 1)


def test_a_new_transition_gets_the_highest_priority_so_far() -> None:
    replay = filled(9)
    place = buffer.Places(jnp.array([2]), jnp.array([1]), jnp.array([1.0]))
    replay = buffer.with_errors(replay, place, jnp.array([16.0]), 0.5)
    replay = buffer.add(replay, step(9))
    assert np.allclose(replay.masses[9 % ROWS], np.sqrt(16 + buffer.SMALLEST_ERROR))


def test_a_return_over_three_steps_is_that_by_hand() -> None:
    # Environment 1 terminates in step 13, environment 2 is truncated there.
    replay = filled(16, 3, at13={"terminated": (1,), "truncated": (2,)})
    places = buffer.Places(jnp.full(B, 12 % ROWS), jnp.arange(B), jnp.full(B, 0.1))
    drawn = buffer.transitions(replay, places, discount=0.5, n_steps=3)
    whole = 120 + 0.5 * 130 + 0.25 * 140
    assert np.allclose(drawn.returns, [whole, 121 + 0.5 * 131, 122 + 0.5 * 132])
    assert np.allclose(drawn.discounts, [0.125, 0, 0.25])
    assert np.allclose(drawn.next_observations[:, 0], [140.5, 131.5, 132.5])
    assert np.allclose(drawn.observations[:, 0], [120, 121, 122])
    assert np.array_equal(drawn.actions, [0, 0, 0])
    one = buffer.transitions(replay, places, discount=0.5)
    assert np.allclose(one.returns, [120, 121, 122])
    assert np.allclose(one.discounts, 0.5)
