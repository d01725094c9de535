"""Environments: worlds in which an algorithm acts, as functions that JAX compiles or calls.

`find_environment` knows them by gymnasium's names. An environment of one's own is a
subclass of `EquationEnvironment`, or one that gymnasium makes.
"""

from clearprop.data.environments.acrobot import Acrobot
from clearprop.data.environments.cart_pole import CartPole
from clearprop.data.environments.environment import (
    Environment,
    EnvironmentState,
    EquationEnvironment,
    Transition,
)
from clearprop.data.environments.find import ENVIRONMENTS, find_environment
from clearprop.data.environments.gymnasium_environment import GymnasiumEnvironment
from clearprop.data.environments.interaction import (
    Acting,
    Episodes,
    EpisodeTrace,
    Experience,
    play,
    trace,
)
from clearprop.data.environments.mountain_car import MountainCar
from clearprop.data.environments.random_play import load_random_play, random_play

__all__ = [
    "ENVIRONMENTS",
    "Acrobot",
    "Acting",
    "CartPole",
    "Environment",
    "EnvironmentState",
    "EpisodeTrace",
    "Episodes",
    "EquationEnvironment",
    "Experience",
    "GymnasiumEnvironment",
    "MountainCar",
    "Transition",
    "find_environment",
    "load_random_play",
    "play",
    "random_play",
    "trace",
]
