"""What a player of random actions observes: the examples of a run that acts in an environment.

Shape letters: N steps, B environments, O numbers of an observation.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.data.dataset import Dataset
from clearprop.data.environments.environment import Array, Environment
from clearprop.data.environments.find import find_environment
from clearprop.data.environments.interaction import Acting, Experience, begin, interact

STEPS = 10_000
"""Steps of random play, and of an epoch, unless their number is given."""

PLAYERS = 50
"""So many environments are played in at once for a data set."""

SEED = 0


def load_random_play(name: str, *, limit: int = STEPS) -> Dataset:
    """Return the random play in the environment of a name.

    Args:
        name: as gymnasium calls it.
        limit: N.

    >>> load_random_play("CartPole-v1", limit=200).input_shape
    (4,)
    """
    return random_play(find_environment(name), limit)


def random_play(environment: Environment, steps: int = STEPS) -> Dataset:
    """Return the observations of a random player, with the action that it chose by chance.

    A run acts in the environment itself. These examples say how long an epoch is and what kind of
    numbers the network sees; the mean Q of a network is measured on them.

    Args:
        environment: to play in.
        steps: N.
    """
    rounds = -(-steps // PLAYERS)
    _, played = play_at_random(environment, rounds, PLAYERS, jax.random.key(SEED))
    observations = np.asarray(played.observations).reshape(-1, *played.observations.shape[2:])
    return Dataset(
        environment.name,
        observations[:steps].astype(np.float32),
        np.asarray(played.actions).reshape(-1)[:steps],
        "classification",
        environment.actions,
        environment.observations,
        source=environment.source,
        licence="MIT, as gymnasium",
        scaling="none",
    )


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def play_at_random(
    environment: Environment, rounds: int, count: int, key: Array
) -> tuple[Acting, Experience]:
    """Return environments after steps of random play, and what they went through.

    Args:
        environment: to play in.
        rounds: steps in each environment.
        count: B.
        key: random.
    """

    def step(acting: Acting, t: Array) -> tuple[Acting, Experience]:
        drawn, moved = jax.random.split(jax.random.fold_in(key, t))
        actions = jax.random.randint(drawn, (count,), 0, len(environment.actions))
        return interact(environment, acting, actions, moved)

    first = begin(environment, count, jax.random.fold_in(key, rounds))
    found: tuple[Acting, Experience] = jax.lax.scan(step, first, jnp.arange(rounds))
    return found
