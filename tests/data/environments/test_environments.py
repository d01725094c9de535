"""The environments, state by state against gymnasium; their registry; random play."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data
from clearprop.data.environment_names import COMPILED
from clearprop.data.environments import (
    ENVIRONMENTS,
    CartPole,
    EnvironmentState,
    MountainCar,
    find_environment,
    play,
    random_play,
)
from clearprop.data.environments.interaction import begin, interact, mean_of_last
from clearprop.errors import ConfigurationError

NAMES = list(ENVIRONMENTS)
KEY = jax.random.key(0)

# Acrobot swings fast: an angle of 1 is rounded to 1e-7, which the velocities carry on.
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def of_gymnasium(name: str) -> Any:
    # The checkers only warn, and would make a warning of a state outside the space.
    return gymnasium.make(name, disable_env_checker=True)


def drawn_state(name: str, draw: np.random.Generator) -> np.ndarray:
    """Return a state from the whole space, also beyond the limits of an episode."""
    low, high = {
        "CartPole-v1": ([-2.5, -3, -0.22, -3], [2.5, 3, 0.22, 3]),
        "MountainCar-v0": ([-1.2, -0.07], [0.6, 0.07]),
        "Acrobot-v1": (
            [-math.pi, -math.pi, -4 * math.pi, -9 * math.pi],
            [math.pi, math.pi, 4 * math.pi, 9 * math.pi],
        ),
    }[name]
    return draw.uniform(low, high)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_that_of_gymnasium_from_any_state(name: str, dtype: str) -> None:
    environment, theirs = find_environment(name), of_gymnasium(name)
    draw = np.random.default_rng(0)
    with jax.enable_x64(dtype == "float64"):
        step = jax.jit(environment.step)
        for _ in range(300):
            state = drawn_state(name, draw).astype(dtype)
            action = int(draw.integers(len(environment.actions)))
            theirs.reset(seed=0)
            theirs.unwrapped.state = state.astype(np.float64)
            seen, reward, terminated, _, _ = theirs.step(action)
            ours = step(
                EnvironmentState(jnp.asarray(state), jnp.zeros((), jnp.int32)),
                jnp.asarray(action),
                KEY,
            )
            assert ours.state.variables.dtype == dtype
            expected = np.asarray(theirs.unwrapped.state, np.float64)
            difference = np.abs(np.asarray(ours.state.variables, np.float64) - expected)
            # An angle of pi and one of -pi are the same.
            turned = np.minimum(difference, np.abs(difference - 2 * math.pi))
            difference = turned if name == "Acrobot-v1" else difference
            scale = np.maximum(1, np.abs(expected))
            assert (difference / scale).max() < TOLERANCE[dtype]
            assert np.abs(np.asarray(ours.observation) - seen).max() < 1e-4
            assert float(ours.reward) == reward
            assert bool(ours.terminated) == terminated


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_is_that_of_gymnasium_step_by_step(name: str) -> None:
    environment, theirs = find_environment(name), of_gymnasium(name)
    draw = np.random.default_rng(1)
    with jax.enable_x64(True):
        step = jax.jit(environment.step)
        for seed in range(3):
            theirs.reset(seed=seed)
            begun = np.asarray(theirs.unwrapped.state, np.float64)
            state = EnvironmentState(jnp.asarray(begun), jnp.zeros((), jnp.int32))
            ended, steps = False, 0
            while not ended:
                action = int(draw.integers(len(environment.actions)))
                _, reward, terminated, truncated, _ = theirs.step(action)
                ours = step(state, jnp.asarray(action), KEY)
                expected = np.asarray(theirs.unwrapped.state, np.float64)
                assert np.allclose(ours.state.variables, expected, rtol=0, atol=1e-8)
                assert (float(ours.reward), bool(ours.terminated)) == (reward, terminated)
                assert bool(ours.truncated) == truncated
                state, ended, steps = ours.state, terminated or truncated, steps + 1
            assert steps == int(state.time) <= environment.time_limit


@pytest.mark.parametrize("name", NAMES)
def test_limits_and_first_states_are_those_of_gymnasium(name: str) -> None:
    environment, spec = find_environment(name), gymnasium.spec(name)
    assert environment.time_limit == spec.max_episode_steps
    assert environment.solved == spec.reward_threshold
    theirs = of_gymnasium(name)
    assert theirs.action_space.n == len(environment.actions)
    states, seen = jax.vmap(environment.reset)(jax.random.split(KEY, 4000))
    assert seen.shape == (4000, *theirs.observation_space.shape)
    assert len(environment.observations) == len(environment.scale) == seen.shape[1]
    drawn = np.stack([theirs.reset(seed=s)[0] for s in range(4000)])
    # Both are uniform between the same limits: the extremes of 4000 draws lie close to them.
    spread = np.ptp(drawn, axis=0)
    for ours, other in ((seen.min(0), drawn.min(0)), (seen.max(0), drawn.max(0))):
        assert (np.abs(np.asarray(ours) - other) <= 0.01 * spread + 1e-7).all()
    assert (np.asarray(states.time) == 0).all()


def test_an_episode_that_ends_begins_again_and_is_counted() -> None:
    environment = CartPole()
    acting = begin(environment, 3, KEY)
    # A push to the right in every step makes the pole fall within a dozen steps.
    lengths: list[int] = []
    running = np.zeros(3, int)
    step = jax.jit(lambda acting, key: interact(environment, acting, jnp.ones(3, jnp.int32), key))
    for t in range(60):
        before = acting
        acting, seen = step(acting, jax.random.fold_in(KEY, t))
        running += 1
        assert np.array_equal(seen.observations, before.observations)
        for b in np.flatnonzero(seen.terminated):
            lengths.append(int(running[b]))
            running[b] = 0
            assert np.abs(seen.next_observations[b, 2]) > environment.steepest
            assert np.abs(acting.observations[b]).max() <= 0.05
    assert int(acting.episodes) == len(lengths) > 10
    assert np.array_equal(acting.last_lengths[: len(lengths)], lengths)
    returned, length = mean_of_last(acting)
    assert float(returned) == float(length) == pytest.approx(np.mean(lengths))


def test_the_last_hundred_episodes_are_remembered() -> None:
    environment = CartPole(time_limit=1)
    acting = begin(environment, 7, KEY)
    for t in range(40):
        acting, _ = interact(
            environment, acting, jnp.zeros(7, jnp.int32), jax.random.fold_in(KEY, t)
        )
    assert int(acting.episodes) == 280
    assert np.array_equal(acting.last_returns, np.ones(100))


def test_whole_episodes_are_played_to_their_end() -> None:
    def to_the_right(seen: Any) -> Any:
        return jnp.ones(len(seen), jnp.int32)

    played = play(CartPole(), to_the_right, 20, KEY)
    assert np.array_equal(played.returns, played.lengths)
    assert (np.asarray(played.lengths) > 6).all()
    assert (np.asarray(played.lengths) < 13).all()
    climbed = play(MountainCar(), lambda seen: jnp.where(seen[:, 1] < 0, 0, 2), 20, KEY)
    assert (np.asarray(climbed.lengths) < 200).all()  # to push with the motion reaches the flag
    assert np.array_equal(climbed.returns, -climbed.lengths)
    stuck = play(MountainCar(), to_the_right, 20, KEY)
    assert (np.asarray(stuck.returns) == -200).all()


def test_random_play_is_a_data_set_of_what_was_seen_and_done() -> None:
    played = random_play(CartPole(), 1000)
    again = data.load("cartpole-v1", limit=1000)
    assert np.array_equal(played.inputs, again.inputs)
    assert played.class_names == ("left", "right")
    assert played.feature_names == CartPole.observations
    assert 0.4 < played.targets.mean() < 0.6
    assert np.abs(played.inputs[:, 2]).max() <= CartPole.steepest


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("CartPole-v2", "did you mean 'CartPole-v1'"),
        ("Pendulum-v1", "continuous"),
        ("MountainCarContinuous-v0", "MountainCar-v0"),
        (3, "no environment to act in"),
    ],
)
def test_what_is_no_environment_is_answered(given: object, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        find_environment(given)


def test_the_nearest_environment_is_suggested_among_the_data_sets_too() -> None:
    with pytest.raises(ConfigurationError, match="cartpole-v1"):
        data.load("CartPol-v1")


def test_the_names_that_are_known_without_jax_are_those_of_the_environments() -> None:
    observations = {name: len(find_environment(name).observations) for name in ENVIRONMENTS}
    assert observations == COMPILED
