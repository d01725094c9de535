"""The film of a Q-network: an episode that it plays at each step, and what it expects.

Shape letters: T steps of the episode, S variables of a state, A actions, P points of a side.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.data.environments import (
    EquationEnvironment,
    GymnasiumEnvironment,
    find_environment,
    trace,
)
from clearprop.glass.drawings.action_values import PLANES, values_over
from clearprop.studio.frames import pack
from clearprop.studio.runs.films.models import RunModels

POINTS = 48
"""Points along each side of the plane of states."""

MOST_PICTURES = 120
LARGEST_PICTURE = 240
"""Rows or columns of a picture of gymnasium; larger ones are shown by some of them."""


def episode_frame(run: RunModels, step: int) -> bytes:
    """Return the frame "episode": what a Q-network does after a step, always the best action.

    All episodes of a film begin in the same state. Header: ``run``, ``step``, ``environment``,
    ``actions``, ``observations`` (their names), ``total`` (the return), ``solved`` (the return
    from which on it counts as solved, or null), ``plane``: null, or ``variables`` (the places of
    two of them in a state), ``names``, ``low`` and ``high``.

    Arrays: ``variables`` float32 (T, S) of environments that are equations; ``observed`` float32
    (T, O); ``value`` float32 (T, A), the expected return of each action; ``action`` int32 (T,);
    ``reward`` float32 (T,); ``plane`` float32 (P, P, A), the first axis is the second name;
    ``pictures`` uint8 (K, H, W, 3) and ``shown`` int32 (K,), their times.
    """
    name = str((run.facts.config.get("data") or {}).get("name"))
    environment = find_environment(name)
    model: Any = run.at(step)
    network = jax.jit(model)
    key = jax.random.fold_in(jax.random.key(run.seed), 2**31 - 1)
    played = trace(environment, lambda seen: network(seen).argmax(axis=1), key)
    count = len(played.actions)
    values = np.asarray(network(jnp.asarray(played.observations[:count])), np.float32)
    arrays: dict[str, NDArray[Any]] = {
        "observed": np.asarray(played.observations[:count], np.float32),
        "value": values,
        "action": played.actions.astype(np.int32),
        "reward": played.rewards.astype(np.float32),
    }
    plane = None
    if isinstance(environment, EquationEnvironment):
        arrays["variables"] = np.asarray(played.variables[:count], np.float32)
        if name in PLANES:
            found = PLANES[name]
            plane = {**found._asdict()}
            arrays["plane"] = values_over(model, environment, found, POINTS).astype(np.float32)
    elif isinstance(environment, GymnasiumEnvironment):
        arrays |= _pictures(environment, played.variables[-1], count)
    fields = {
        "run": run.facts.place.name,
        "step": step,
        "environment": name,
        "actions": environment.actions,
        "observations": environment.observations,
        "total": float(played.rewards.sum()),
        "solved": environment.solved,
        "plane": plane,
    }
    return pack("episode", fields, arrays)


def _pictures(
    environment: GymnasiumEnvironment, state: NDArray[Any], count: int
) -> dict[str, NDArray[Any]]:
    pictures = environment.pictures(state, count)
    if not pictures:
        return {}
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_PICTURES)).round().astype(int))
    every = -(-max(pictures[0].shape[:2]) // LARGEST_PICTURE)
    kept = np.stack([pictures[t][::every, ::every] for t in shown])
    return {"pictures": np.ascontiguousarray(kept), "shown": shown.astype(np.int32)}
