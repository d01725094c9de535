"""The replay buffer: the last steps of several environments, from which learning draws.

Drawn uniformly, or by priorities as in Schaul, Quan, Antonoglou and Silver 2016.

Shape letters: T rows, B environments, R drawn transitions, O numbers of an observation.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from clearprop.data.environments import Experience

Array = jax.Array

SMALLEST_ERROR = 1e-2
"""Is added to every TD error, so that a transition without error is drawn again too."""


class Replay(NamedTuple):
    """The last T steps of B environments, as a ring of rows.

    Attributes:
        steps: what was gone through, (T, B, ...).
        masses: to which the probability of each transition is proportional, (T, B); 0 for those
            that cannot be drawn.
        highest: the highest mass so far, which a new transition gets.
        added: rows written so far, int32.
    """

    steps: Experience
    masses: Array
    highest: Array
    added: Array


class Places(NamedTuple):
    """Where drawn transitions stand, and how probable each of them was.

    Attributes:
        rows: (R,).
        columns: the environment of each, (R,).
        probabilities: (R,).
    """

    rows: Array
    columns: Array
    probabilities: Array


class Drawn(NamedTuple):
    """Transitions over n steps.

    Attributes:
        observations: at their beginning, (R, O).
        actions: (R,).
        returns: the discounted sum of their rewards, (R,).
        next_observations: at their end, (R, O).
        discounts: the factor of the value of their end: 0 where the episode terminated, (R,).
    """

    observations: Array
    actions: Array
    returns: Array
    next_observations: Array
    discounts: Array


def empty(experience: Experience, rows: int) -> Replay:
    """Return a replay without steps.

    Args:
        experience: of one step, whose shapes and types it takes.
        rows: T.
    """

    def space(one: Array) -> Array:
        return jnp.zeros((rows, *one.shape), one.dtype)

    steps: Experience = jax.tree.map(space, experience)
    masses = jnp.zeros((rows, len(experience.actions)))
    return Replay(steps, masses, jnp.ones(()), jnp.zeros((), jnp.int32))


def add(replay: Replay, experience: Experience, n_steps: int = 1) -> Replay:
    """Return the replay with one more step of every environment.

    The transition that this step completes began ``n_steps - 1`` rows earlier. It gets the highest
    mass, and the one whose first row is overwritten gets none.
    """
    rows = len(replay.masses)
    row, begun = replay.added % rows, (replay.added - (n_steps - 1)) % rows

    def written(kept: Array, new: Array) -> Array:
        return kept.at[row].set(new.astype(kept.dtype), mode="promise_in_bounds")

    masses = replay.masses.at[row].set(0, mode="promise_in_bounds")
    complete = replay.added + 1 >= n_steps
    begun_mass = jnp.where(complete, replay.highest, masses[begun])
    return replay._replace(
        steps=jax.tree.map(written, replay.steps, experience),
        masses=masses.at[begun].set(begun_mass, mode="promise_in_bounds"),
        added=replay.added + 1,
    )


def draw_uniformly(replay: Replay, size: int, key: Array, n_steps: int = 1) -> Places:
    """Return places of whole transitions, each as probable as any other."""
    rows, B = replay.masses.shape
    filled = jnp.minimum(replay.added, rows)
    oldest = replay.added - filled
    whole = filled - (n_steps - 1)
    drawn = jax.random.randint(key, (size,), 0, whole * B)
    probabilities = jnp.full(size, 1 / (whole * B))
    return Places((oldest + drawn // B) % rows, drawn % B, probabilities)


def draw_by_priority(replay: Replay, size: int, key: Array) -> Places:
    """Return places drawn with ``P(i) = mass_i / sum_k mass_k``, one from each of R equal shares.

    First the row is found in the running sums of the rows, then the column in the running sums
    inside the row.
    """
    rows, B = replay.masses.shape
    sums = jnp.cumsum(replay.masses.sum(axis=1))
    shares = (jnp.arange(size) + jax.random.uniform(key, (size,))) / size
    wanted = shares * sums[-1]
    row = jnp.minimum(jnp.searchsorted(sums, wanted, side="right"), rows - 1)
    before = jnp.where(row > 0, sums[row - 1], 0)
    inside = jnp.cumsum(replay.masses[row], axis=1)
    # Rounding must not lead into a column of mass 0 behind the last one that has any.
    rest = jnp.minimum((wanted - before)[:, None], inside[:, -1:] * (1 - 1e-6))
    column = (inside <= rest).sum(axis=1)
    column = jnp.minimum(column, B - 1)
    return Places(row, column, replay.masses[row, column] / sums[-1])


def weights_of(replay: Replay, places: Places, exponent: float) -> Array:
    """Return the weights that correct for unequal probabilities, (R,), at most 1.

    ``w_i = (N P(i))^-exponent / max_j w_j``, where N transitions can be drawn.
    """
    count = (replay.masses > 0).sum()
    weights = (count * places.probabilities) ** -exponent
    return weights / weights.max()


def with_errors(replay: Replay, places: Places, errors: Array, exponent: float) -> Replay:
    """Return the replay with the masses of new errors: ``mass_i = (|error_i| + small)^exponent``.

    Args:
        replay: before.
        places: of the transitions.
        errors: (R,).
        exponent: alpha; 0 makes all equally probable.
    """
    masses = (jnp.abs(errors) + SMALLEST_ERROR) ** exponent
    return replay._replace(
        masses=replay.masses.at[places.rows, places.columns].set(masses),
        highest=jnp.maximum(replay.highest, masses.max()),
    )


def transitions(replay: Replay, places: Places, discount: float, n_steps: int = 1) -> Drawn:
    """Return the transitions that begin at some places.

    With the rewards ``r_0, r_1, ...`` of an episode and the discount g, the return is ``r_0 + g r_1
    + ... + g^(m-1) r_(m-1)`` and the discount of the end ``g^m``. Here m is ``n_steps``, or fewer
    where the episode ends before.
    """
    rows = len(replay.masses)
    steps, column = replay.steps, places.columns
    size = len(places.rows)
    returns, discounts = jnp.zeros(size), jnp.ones(size)
    running, terminated = jnp.ones(size, bool), jnp.zeros(size, bool)
    last = places.rows
    for k in range(n_steps):
        row = (places.rows + k) % rows
        returns = returns + jnp.where(running, discounts * steps.rewards[row, column], 0)
        discounts = jnp.where(running, discounts * discount, discounts)
        last = jnp.where(running, row, last)
        terminated = terminated | (running & steps.terminated[row, column])
        running = running & ~(steps.terminated[row, column] | steps.truncated[row, column])
    return Drawn(
        steps.observations[places.rows, column],
        steps.actions[places.rows, column],
        returns,
        steps.next_observations[last, column],
        jnp.where(terminated, 0, discounts),
    )
