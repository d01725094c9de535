"""Acting: several environments at once take steps, begin again, and count their episodes.

Shape letters: B environments, S variables of a state, O numbers of an observation, E episodes,
T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.data.environments.environment import (
    Array,
    Environment,
    EnvironmentState,
    Transition,
)

Policy: TypeAlias = Callable[[Array], Array]
"""What chooses actions (B,) by observations (B, O)."""

REMEMBERED = 100
"""So many of the last episodes have their return and length kept."""


class Acting(NamedTuple):
    """Environments in the middle of their episodes.

    Attributes:
        states: (B, ...).
        observations: of these states, (B, O).
        returns: sum of the rewards of each episode so far, (B,).
        last_returns: of the last `REMEMBERED` episodes that have ended, as a ring.
        last_lengths: their steps.
        episodes: how many have ended, int32.
    """

    states: EnvironmentState
    observations: Array
    returns: Array
    last_returns: Array
    last_lengths: Array
    episodes: Array


class Experience(NamedTuple):
    """What the environments went through in one step.

    Attributes:
        observations: before the step, (B, O).
        actions: (B,).
        rewards: (B,).
        next_observations: after the step and before any new beginning, (B, O).
        terminated: bool (B,).
        truncated: bool (B,).
    """

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    terminated: Array
    truncated: Array


class Episodes(NamedTuple):
    """What whole episodes came to: the sum of the rewards (E,), and the steps (E,)."""

    returns: Array
    lengths: Array


class EpisodeTrace(NamedTuple):
    """One episode, step by step.

    Attributes:
        variables: before each step, and at the end, (T + 1, S).
        observations: of these states, (T + 1, O).
        actions: (T,).
        rewards: (T,).
    """

    variables: NDArray[np.floating]
    observations: NDArray[np.floating]
    actions: NDArray[np.integer]
    rewards: NDArray[np.floating]


def begin(environment: Environment, count: int, key: Array) -> Acting:
    """Return environments at the beginning of an episode."""
    states, observations = jax.vmap(environment.reset)(jax.random.split(key, count))
    nothing = jnp.zeros(REMEMBERED)
    return Acting(
        states, observations, jnp.zeros(count), nothing, nothing, jnp.zeros((), jnp.int32)
    )


def interact(
    environment: Environment, acting: Acting, actions: Array, key: Array
) -> tuple[Acting, Experience]:
    """Take a step in every environment; an episode that has ended begins again.

    Args:
        environment: of which there are B.
        acting: before the step.
        actions: (B,).
        key: of this step.
    """
    B = len(actions)
    keys = jax.random.split(key, (2, B))
    after = jax.vmap(environment.step)(acting.states, actions, keys[0])
    ended = after.terminated | after.truncated
    states, observations = jax.vmap(environment.renewed)(
        after.state, after.observation, ended, keys[1]
    )
    returns = acting.returns + after.reward
    # A place behind the ring is dropped.
    places = (acting.episodes + jnp.cumsum(ended) - 1) % REMEMBERED
    places = jnp.where(ended, places, REMEMBERED)
    lengths = after.state.time.astype(returns.dtype)
    next_acting = Acting(
        states,
        observations,
        jnp.where(ended, 0, returns),
        acting.last_returns.at[places].set(returns, mode="drop"),
        acting.last_lengths.at[places].set(lengths, mode="drop"),
        acting.episodes + ended.sum(dtype=jnp.int32),
    )
    experience = Experience(
        acting.observations,
        actions,
        after.reward,
        after.observation,
        after.terminated,
        after.truncated,
    )
    return next_acting, experience


def mean_of_last(acting: Acting) -> tuple[Array, Array]:
    """Return mean return and mean length of the last episodes; 0 where none has ended."""
    count = jnp.minimum(acting.episodes, REMEMBERED)
    counted = jnp.arange(REMEMBERED) < count
    of = jnp.maximum(count, 1)
    both = (acting.last_returns, acting.last_lengths)
    found = [jnp.where(counted, values, 0).sum() / of for values in both]
    return found[0], found[1]


def play(environment: Environment, policy: Policy, count: int, key: Array) -> Episodes:
    """Play some episodes to their end, all at once.

    Args:
        environment: to play in.
        policy: chooses the actions.
        count: E.
        key: random.
    """
    begun, stepping = jax.random.split(key)
    states, observations = jax.vmap(environment.reset)(jax.random.split(begun, count))

    def step(carry: Any) -> Any:
        t, states, observations, returns, running = carry
        keys = jax.random.split(jax.random.fold_in(stepping, t), count)
        after = jax.vmap(environment.step)(states, policy(observations), keys)
        returns = returns + jnp.where(running, after.reward, 0)
        # The clock of an episode that has ended stands still, so that it has its length.
        time = jnp.where(running, after.state.time, states.time)
        states = after.state._replace(time=time)
        still = running & ~(after.terminated | after.truncated)
        return t + 1, states, after.observation, returns, still

    zero, all_run = jnp.zeros((), jnp.int32), jnp.ones(count, bool)
    _, states, _, returns, _ = jax.lax.while_loop(
        lambda carry: carry[4].any() & (carry[0] < environment.time_limit),
        step,
        (zero, states, observations, jnp.zeros(count), all_run),
    )
    return Episodes(returns, states.time)


def trace(environment: Environment, policy: Policy, key: Array) -> EpisodeTrace:
    """Play one episode, and return every step of it.

    Args:
        environment: to play in.
        policy: chooses the actions.
        key: random.
    """

    @jax.jit
    def step(state: EnvironmentState, seen: Array, key: Array) -> tuple[Array, Transition]:
        action = policy(seen[None])[0]
        return action, environment.step(state, action, key)

    state, seen = jax.jit(environment.reset)(jax.random.fold_in(key, environment.time_limit))
    rows = [(state.variables, seen)]
    done: list[tuple[Array, Array]] = []
    ended = False
    while not ended:
        action, after = step(state, seen, jax.random.fold_in(key, len(done)))
        state, seen = after.state, after.observation
        rows.append((state.variables, seen))
        done.append((action, after.reward))
        ended = bool(after.terminated | after.truncated)
    variables, observations = (np.stack(part) for part in zip(*rows, strict=True))
    actions, rewards = (np.stack(part) for part in zip(*done, strict=True))
    return EpisodeTrace(variables, observations, actions, rewards)
