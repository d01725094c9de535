"""What an environment is: pure functions of state, action and random key.

Shape letters: S variables of a state, O numbers of an observation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class EnvironmentState(NamedTuple):
    """Where an episode stands.

    Attributes:
        variables: of the equations of motion, (S,).
        time: steps since the beginning of the episode, int32.
    """

    variables: Array
    time: Array


class Transition(NamedTuple):
    """What one step returns.

    Attributes:
        state: after the step.
        observation: of this state, (O,).
        reward: of the step.
        terminated: whether the episode has ended in a state that has no future.
        truncated: whether the time limit ends the episode; the state has a future.
    """

    state: EnvironmentState
    observation: Array
    reward: Array
    terminated: Array
    truncated: Array


@dataclass(frozen=True)
class Environment(ABC):
    """A world with discrete actions, as an algorithm sees it.

    `reset` and `step` are pure functions that JAX compiles, and `jax.vmap` lets several run at
    once. `EquationEnvironment` is the base of environments that are written in JAX,
    `GymnasiumEnvironment` is one of gymnasium.

    Attributes:
        time_limit: steps after which an episode is truncated.
    """

    time_limit: int = 500

    # --- what a subclass says, as attributes ------------------------------------------------------

    @property
    @abstractmethod
    def name(self) -> str:
        """As gymnasium calls it."""

    @property
    @abstractmethod
    def actions(self) -> tuple[str, ...]:
        """The name of each action."""

    @property
    @abstractmethod
    def observations(self) -> tuple[str, ...]:
        """The name of each number of an observation."""

    @property
    @abstractmethod
    def scale(self) -> tuple[float, ...]:
        """A typical size of each number of an observation, which a network divides it by."""

    @property
    @abstractmethod
    def solved(self) -> float | None:
        """The mean return of 100 episodes from which on it counts as solved; None: not known."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Where the equations were published."""

    # --- what algorithms call --------------------------------------------------------------------

    @abstractmethod
    def reset(self, key: Array) -> tuple[EnvironmentState, Array]:
        """Return the first state of an episode, and its observation."""

    @abstractmethod
    def step(self, state: EnvironmentState, action: Array, key: Array) -> Transition:
        """Return what an action leads to."""

    def renewed(
        self, state: EnvironmentState, observation: Array, ended: Array, key: Array
    ) -> tuple[EnvironmentState, Array]:
        """Return the first state of a new episode where one has ended, else the state itself.

        Args:
            state: after a step.
            observation: of this state.
            ended: bool, whether its episode has.
            key: random.
        """
        found: tuple[EnvironmentState, Array] = jax.tree.map(
            lambda new, old: jnp.where(ended, new, old), self.reset(key), (state, observation)
        )
        return found


@dataclass(frozen=True)
class EquationEnvironment(Environment):
    """An environment whose equations a subclass writes in JAX.

    The names, equations and limits of the ones here are those of gymnasium.
    """

    # --- what a subclass writes ------------------------------------------------------------------

    @abstractmethod
    def first(self, key: Array) -> Array:
        """Return the variables at the beginning of an episode, (S,)."""

    @abstractmethod
    def advanced(self, variables: Array, action: Array, key: Array) -> Array:
        """Return the variables after a step, (S,)."""

    def observed(self, variables: Array) -> Array:
        """Return the observation of a state, (O,); by default its variables."""
        return variables

    @abstractmethod
    def ended(self, variables: Array) -> Array:
        """Return whether a state ends the episode."""

    @abstractmethod
    def rewarded(self, variables: Array, terminated: Array) -> Array:
        """Return the reward of the step that led to a state."""

    # --- what follows ----------------------------------------------------------------------------

    def reset(self, key: Array) -> tuple[EnvironmentState, Array]:
        """Return the first state of an episode, and its observation."""
        variables = self.first(key)
        state = EnvironmentState(variables, jnp.zeros((), jnp.int32))
        return state, self.observed(variables)

    def step(self, state: EnvironmentState, action: Array, key: Array) -> Transition:
        """Return what an action leads to."""
        variables = self.advanced(state.variables, action, key)
        time = state.time + 1
        terminated = self.ended(variables)
        return Transition(
            EnvironmentState(variables, time),
            self.observed(variables),
            self.rewarded(variables, terminated),
            terminated,
            time >= self.time_limit,
        )
