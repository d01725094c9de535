"""The names of environments, to be known without JAX."""

from __future__ import annotations

import importlib.util
import re

COMPILED = {"CartPole-v1": 4, "MountainCar-v0": 2, "Acrobot-v1": 6}
"""Environments whose steps are compiled, by gymnasium's names; numbers of an observation."""


def is_environment(name: object) -> bool:
    """Return whether this is the name of an environment, and not of a data set.

    >>> is_environment("CartPole-v1"), is_environment("iris")
    (True, False)
    """
    return name in COMPILED or (isinstance(name, str) and is_gymnasium_name(name))


def is_gymnasium_name(name: str) -> bool:
    """Return whether gymnasium, where it is installed, has an environment of this name.

    >>> is_gymnasium_name("FrozenLake-v1"), is_gymnasium_name("iris")
    (True, False)
    """
    if not re.search(r"-v\d+$", name) or importlib.util.find_spec("gymnasium") is None:
        return False
    import gymnasium

    return name in gymnasium.registry


def gymnasium_names() -> tuple[str, ...]:
    """Return the names of gymnasium's environments; none where it is not installed."""
    if importlib.util.find_spec("gymnasium") is None:
        return ()
    import gymnasium

    return tuple(gymnasium.registry)
