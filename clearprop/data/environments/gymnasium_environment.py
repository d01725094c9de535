"""Environments of gymnasium: a compiled step calls them, and a run with them resumes exactly.

gymnasium keeps the state of an environment to itself. Here a state is the seed of its episode and
the actions since the beginning, from which it can be made again: a step is a function of state and
action, as that of every `Environment`.

Shape letters: L time limit, S = 2 + L, B environments, O numbers of an observation.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import bounds
from clearprop.data.environment_names import gymnasium_names
from clearprop.data.environments.environment import (
    Array,
    Environment,
    EnvironmentState,
    Transition,
)
from clearprop.errors import ConfigurationError, DataError, kind_of, unknown_name
from clearprop.host_callback import host_callback

MOST_NUMBERS = 10_000
"""The most numbers of an observation: a replay holds thousands of them."""

LARGEST = 1e4
"""A bound of gymnasium from which on it says nothing about typical sizes."""

FEWEST_WORLDS = 64
"""So many worlds are kept at least, each in the middle of an episode."""

OF_SEVERAL = ("num_envs", "vectorization_mode", "vector_kwargs")
"""What the specification of a vector environment has beside that of one environment."""

SEED, ENDED, ACTIONS = 0, 1, 2
"""Where a state has the seed of its episode, whether it has ended, and its first action."""


class World(NamedTuple):
    """One environment of gymnasium, in the middle of an episode.

    Attributes:
        world: of gymnasium.
        seen: its last observation, (O,).
    """

    world: Any
    seen: NDArray[np.float32]


class Worlds:
    """Environments of one kind, each found again by the seed and the actions of its episode."""

    def __init__(self) -> None:
        self._at: OrderedDict[bytes, World] = OrderedDict()
        self._free: list[Any] = []
        self._most = FEWEST_WORLDS

    def keep(self, count: int) -> None:
        """Keep at least two for each of so many episodes that are played at once."""
        self._most = max(self._most, 2 * count)

    def take(self, environment: GymnasiumEnvironment, past: NDArray[np.int32]) -> World:
        """Return the world after an episode's past: one that stands there, or one played so far.

        Args:
            environment: of which it is one.
            past: the seed, and the actions since then.
        """
        there = self._at.pop(past.tobytes(), None)
        if there is not None:
            return there
        if self._free:
            world = self._free.pop()
        elif len(self._at) < self._most:
            world = environment.made()
        else:
            world = self._at.popitem(last=False)[1].world
        seen, _ = world.reset(seed=int(past[SEED]))
        for action in past[1:]:
            seen, *_ = world.step(int(action))
        return World(world, environment.flat(seen))

    def put(self, past: NDArray[np.int32], world: World) -> None:
        """Keep a world for the next step of its episode."""
        self._at[past.tobytes()] = world

    def release(self, world: World) -> None:
        """Take back a world whose episode has ended."""
        self._free.append(world.world)


@dataclass(frozen=True, init=False, eq=False)
class GymnasiumEnvironment(Environment):
    """An environment of gymnasium with discrete actions.

    Observations are flattened as `gymnasium.spaces.flatten` does it, so a discrete one becomes a
    one-hot vector.

    Args:
        given: a name that `gymnasium.make` takes, or an environment that it has made. Copies of the
            latter are made from its ``spec``, with its wrappers.
        time_limit: steps after which an episode is truncated; None takes gymnasium's limit, and 500
            where it has none.
        options: what `gymnasium.make` takes beside the name.

    Raises:
        ConfigurationError: gymnasium is missing, has no such environment, or it has continuous
            actions, chance that no seed decides, or observations that cannot be flattened.

    >>> environment = GymnasiumEnvironment("FrozenLake-v1", is_slippery=False)
    >>> len(environment.observations), len(environment.actions), environment.time_limit
    (16, 4, 100)
    """

    specification: Any = None
    worlds: Worlds = field(default_factory=Worlds, repr=False)

    def __init__(self, given: object, time_limit: int | None = None, **options: Any) -> None:
        found = copy.deepcopy(specification_of(given))
        for name in OF_SEVERAL:
            found.kwargs.pop(name, None)
        found.kwargs.update(options)
        limit = time_limit or found.max_episode_steps or Environment.time_limit
        object.__setattr__(self, "time_limit", bounds.whole(limit, "time_limit", 1))
        object.__setattr__(self, "specification", found)
        object.__setattr__(self, "worlds", Worlds())
        self._check()

    def __eq__(self, other: object) -> bool:
        """Return whether both make the same environment; compiled steps are shared by it."""
        return isinstance(other, GymnasiumEnvironment) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @functools.cached_property
    def _identity(self) -> tuple[int, str]:
        return self.time_limit, repr(self.specification)

    def _check(self) -> None:
        """Raise unless a Q-network can act here and see what it observes."""
        from gymnasium import spaces

        if self.specification.nondeterministic:
            raise ConfigurationError(
                "this environment has chance that no seed decides, so no run could be resumed",
                where=self.name,
            )
        if not isinstance(self._known.actions, spaces.Discrete):
            raise ConfigurationError(
                "a Q-network has one output for each of several actions, and the actions of this "
                "environment are not numbered",
                where=self.name,
                given=str(self._known.actions),
                expected="Discrete(n)",
            )
        seen = self._known.observations
        if not seen.is_np_flattenable or spaces.flatdim(seen) > MOST_NUMBERS:
            raise ConfigurationError(
                "a Q-network sees an observation as one row of numbers, and a replay holds "
                "thousands of them",
                where=self.name,
                given=str(seen),
                expected=f"at most {MOST_NUMBERS} numbers",
            )

    # --- what is known of it ---------------------------------------------------------------------

    @functools.cached_property
    def _known(self) -> _Known:
        world = self.made()
        try:
            modes = tuple(world.metadata.get("render_modes") or ())
            return _Known(world.observation_space, world.action_space, modes)
        finally:
            world.close()

    @property
    def name(self) -> str:
        """As gymnasium calls it."""
        return str(self.specification.id)

    @functools.cached_property
    def actions(self) -> tuple[str, ...]:
        """The number of each action; gymnasium has no names of them."""
        return tuple(f"action {i}" for i in range(self._known.actions.n))

    @functools.cached_property
    def observations(self) -> tuple[str, ...]:
        """The number of each number of an observation."""
        from gymnasium import spaces

        return tuple(f"observation {i}" for i in range(spaces.flatdim(self._known.observations)))

    @functools.cached_property
    def scale(self) -> tuple[float, ...]:
        """The bounds that gymnasium gives; 1 where they are infinite, 0 or huge."""
        from gymnasium import spaces

        space: Any = spaces.flatten_space(self._known.observations)
        far = np.maximum(np.abs(space.low), np.abs(space.high)).astype(float)
        return tuple(np.where((far > 0) & (far < LARGEST), far, 1.0).tolist())

    @property
    def solved(self) -> float | None:
        """The threshold that gymnasium gives, if any."""
        threshold = self.specification.reward_threshold
        return None if threshold is None else float(threshold)

    @property
    def source(self) -> str:
        """The name in gymnasium."""
        return f"gymnasium's {self.name}"

    # --- acting ----------------------------------------------------------------------------------

    def made(self, **options: Any) -> Any:
        """Return a new environment of gymnasium.

        Args:
            options: of `gymnasium.make`, beside its own, such as ``render_mode``.
        """
        import gymnasium

        try:
            return gymnasium.make(self.specification, max_episode_steps=self.time_limit, **options)
        except gymnasium.error.DependencyNotInstalled as error:
            raise ConfigurationError(
                "this environment needs a package that is not installed",
                where=self.name,
                given=str(error),
            ) from error

    def pictures(self, state: NDArray[np.int32], steps: int) -> list[NDArray[np.uint8]] | None:
        """Return a picture before each step of an episode; None where gymnasium can draw none.

        Args:
            state: at the end of the episode, (S,).
            steps: of the episode.
        """
        import gymnasium

        if "rgb_array" not in self._known.render_modes:
            return None
        world = self.made(render_mode="rgb_array")
        try:
            world.reset(seed=int(state[SEED]))
            found = []
            for action in state[ACTIONS : ACTIONS + steps]:
                found.append(np.asarray(world.render(), np.uint8))
                world.step(int(action))
        except gymnasium.error.DependencyNotInstalled:
            return None
        finally:
            world.close()
        return found

    def flat(self, seen: Any) -> NDArray[np.float32]:
        """Return an observation of gymnasium as a row of numbers, (O,)."""
        from gymnasium import spaces

        return np.asarray(spaces.flatten(self._known.observations, seen), np.float32)

    def renewed(
        self, state: EnvironmentState, observation: Array, ended: Array, key: Array
    ) -> tuple[EnvironmentState, Array]:
        """Return the first state of a new episode where one has ended, else the state itself."""
        new = EnvironmentState(self.first(key), jnp.zeros((), jnp.int32))
        after = jax.tree.map(lambda new, old: jnp.where(ended, new, old), new, state)
        seen = host_callback(self._renewed, self._observation, after.variables, ended, observation)
        return after, seen

    def reset(self, key: Array) -> tuple[EnvironmentState, Array]:
        """Return the first state of an episode, and its observation."""
        past = self.first(key)
        seen = host_callback(self._begun, self._observation, past)
        return EnvironmentState(past, jnp.zeros((), jnp.int32)), seen

    def first(self, key: Array) -> Array:
        """Return a state at the beginning of an episode: the seed, and no action, (S,)."""
        seed = jax.random.randint(key, (), 0, np.iinfo(np.int32).max)
        return jnp.zeros(ACTIONS + self.time_limit, jnp.int32).at[SEED].set(seed)

    def step(self, state: EnvironmentState, action: Array, key: Array) -> Transition:
        """Return what an action leads to; an episode that has ended stands still."""
        shapes = (
            self._observation,
            jax.ShapeDtypeStruct((), jnp.float32),
            jax.ShapeDtypeStruct((), bool),
            jax.ShapeDtypeStruct((), bool),
        )
        past, action = state.variables, action.astype(jnp.int32)
        seen, reward, terminated, truncated = host_callback(
            self._stepped, shapes, past, state.time, action
        )
        after = past.at[ACTIONS + state.time].set(action).at[ENDED].set(terminated | truncated)
        after = jnp.where(past[ENDED], past, after)
        return Transition(
            EnvironmentState(after, state.time + 1), seen, reward, terminated, truncated
        )

    @property
    def _observation(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((len(self.observations),), jnp.float32)

    def _begun(self, pasts: Any) -> NDArray[np.float32]:
        """Return the first observations of episodes, (..., O)."""
        pasts = np.asarray(pasts)
        seen = np.zeros((*pasts.shape[:-1], len(self.observations)), np.float32)
        return self._renewed(pasts, np.ones(pasts.shape[:-1], bool), seen)

    def _renewed(self, pasts: Any, ended: Any, seen: Any) -> NDArray[np.float32]:
        """Return the first observations where an episode begins, else those that are seen."""
        pasts, ended, found = np.asarray(pasts), np.asarray(ended), np.array(seen)
        self.worlds.keep(ended.size)
        for place in zip(*np.nonzero(np.atleast_1d(ended)), strict=True):
            where = place if ended.ndim else ()
            found[where] = self._looked_at(pasts[where][: SEED + 1])
        return found

    def _looked_at(self, past: NDArray[np.int32]) -> NDArray[np.float32]:
        with self._told(past, "reset"):
            world = self.worlds.take(self, past)
        self.worlds.put(past, world)
        return world.seen

    @contextlib.contextmanager
    def _told(self, past: NDArray[np.int32], given: str) -> Iterator[None]:
        """Raise what an environment raises as an error that says in which step it was."""
        try:
            yield
        except Exception as error:
            raise DataError(
                f"the environment has raised an error: {type(error).__name__}: {error}",
                where=f"{self.name}, step {len(past)} of the episode with the seed {past[SEED]}",
                given=given,
                fix="mend the environment; then the run goes on from its last checkpoint",
            ) from error

    def _stepped(self, pasts: Any, times: Any, actions: Any) -> Any:
        """Return observations, rewards and ends of a step in every environment."""
        pasts, times, actions = (np.asarray(one) for one in (pasts, times, actions))
        before = pasts.shape[:-1]
        rows = zip(
            pasts.reshape(-1, pasts.shape[-1]), times.reshape(-1), actions.reshape(-1), strict=True
        )
        done = [self._one_step(*row) for row in rows]
        seen, rewards, terminated, truncated = zip(*done, strict=True)
        return (
            np.stack(seen).reshape(*before, -1),
            np.asarray(rewards, np.float32).reshape(before),
            np.asarray(terminated, bool).reshape(before),
            np.asarray(truncated, bool).reshape(before),
        )

    def _one_step(
        self, state: NDArray[np.int32], time: int, action: int
    ) -> tuple[NDArray[np.float32], float, bool, bool]:
        if state[ENDED]:
            return np.zeros(len(self.observations), np.float32), 0.0, True, False
        past = np.concatenate([state[:1], state[ACTIONS : ACTIONS + time]])
        with self._told(past, f"action {action}"):
            world = self.worlds.take(self, past).world
            seen, reward, terminated, truncated, _ = world.step(int(action))
            found = self.flat(seen)
        after = World(world, found)
        if terminated or truncated:
            self.worlds.release(after)
        else:
            self.worlds.put(np.append(past, np.int32(action)), after)
        return found, float(reward), bool(terminated), bool(truncated)


class _Known(NamedTuple):
    """What an environment says of its observations, its actions and its pictures."""

    observations: Any
    actions: Any
    render_modes: tuple[str, ...]


def is_of_gymnasium(given: object) -> bool:
    """Return whether an object is an environment, or several, that gymnasium knows how to make."""
    return hasattr(given, "observation_space") and hasattr(given, "action_space")


def specification_of(given: object) -> Any:
    """Return what gymnasium has written down of an environment.

    Raises:
        ConfigurationError: gymnasium is not installed, or has no such environment.
    """
    try:
        import gymnasium
    except ImportError as error:
        raise ConfigurationError(
            "this environment is one of gymnasium, which is not installed",
            given=str(given),
            fix="pip install 'clearprop[rl]'",
        ) from error
    if not isinstance(given, str):
        found = getattr(given, "spec", None)
        if found is None:
            kind = type(given).__name__
            raise ConfigurationError(
                "copies of an environment are made from what gymnasium knows of it, and it does "
                "not know this one",
                given=kind_of(given),
                fix=f'gymnasium.register("{kind}-v0", entry_point={kind}, max_episode_steps=500); '
                f'fit(model, "{kind}-v0", algorithm=DeepQLearning())',
            )
        return found
    try:
        return gymnasium.spec(given)
    except gymnasium.error.Error as error:
        raise unknown_name("environment", given, gymnasium_names()) from error
