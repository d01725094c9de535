"""Environments by their names."""

from __future__ import annotations

from clearprop.data.environment_names import gymnasium_names, is_gymnasium_name
from clearprop.data.environments.acrobot import Acrobot
from clearprop.data.environments.cart_pole import CartPole
from clearprop.data.environments.environment import Environment
from clearprop.data.environments.gymnasium_environment import (
    GymnasiumEnvironment,
    is_of_gymnasium,
)
from clearprop.data.environments.mountain_car import MountainCar
from clearprop.errors import ConfigurationError, kind_of, nearest

ENVIRONMENTS: dict[str, type[Environment]] = {
    kind().name: kind for kind in (CartPole, MountainCar, Acrobot)
}
"""The environments by gymnasium's names."""

CONTINUOUS = {
    "MountainCarContinuous-v0": "MountainCar-v0",
    "Pendulum-v1": "Acrobot-v1",
    "BipedalWalker-v3": "Acrobot-v1",
    "LunarLanderContinuous-v3": "CartPole-v1",
}
"""Well-known environments with continuous actions, and the nearest one with discrete ones."""


def find_environment(given: object) -> Environment:
    """Return an environment: one that is given, or that of a name.

    The names are those of `ENVIRONMENTS`, whose steps are compiled, and, where gymnasium is
    installed, all of its own; environments that gymnasium has made are taken too.

    Raises:
        ConfigurationError: it is none, its actions are continuous, or no environment has this name
            (the nearest is suggested).

    >>> find_environment("CartPole-v1").actions
    ('left', 'right')
    >>> find_environment("CartPole-v2")
    Traceback (most recent call last):
    clearprop.errors.ConfigurationError: unknown environment 'CartPole-v2'
      expected: one of Acrobot-v1, CartPole-v1, MountainCar-v0, or one of gymnasium
      fix:      did you mean 'CartPole-v1'?
    """
    if isinstance(given, Environment):
        return given
    if is_of_gymnasium(given):
        return GymnasiumEnvironment(given)
    if not isinstance(given, str):
        raise ConfigurationError(
            "this is no environment to act in",
            given=kind_of(given),
            expected="an Environment, one of gymnasium, or the name of one",
            fix='fit(q_network, "CartPole-v1", algorithm=DeepQLearning())',
        )
    known = {name.lower(): kind for name, kind in ENVIRONMENTS.items()}
    if given.lower() in known:
        return known[given.lower()]()
    if given in CONTINUOUS:
        raise ConfigurationError(
            "the actions of this environment are continuous, and a Q-network has one output for "
            "each of several actions",
            where=given,
            expected="an environment with discrete actions",
            fix=f'"{CONTINUOUS[given]}"',
        )
    if is_gymnasium_name(given):
        return GymnasiumEnvironment(given)
    close = nearest(given, (*ENVIRONMENTS, *gymnasium_names()))
    raise ConfigurationError(
        f"unknown environment {given!r}",
        expected=f"one of {', '.join(sorted(ENVIRONMENTS))}, or one of gymnasium",
        fix=f"did you mean {close!r}?" if close else None,
    )
