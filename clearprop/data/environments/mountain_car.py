"""MountainCar-v0: a weak car must swing back and forth to leave a valley."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from clearprop.data.environments.environment import Array, EquationEnvironment


@dataclass(frozen=True)
class MountainCar(EquationEnvironment):
    """A car in a valley of the height sin(3 x): position x and velocity v.

    ::

        v <- clip(v + (action - 1) force - gravity cos(3 x), -0.07, 0.07)
        x <- clip(x + v, -1.2, 0.6)

    The wall on the left stops the car. Every step has the reward -1. An episode ends at the flag,
    x >= 0.5, or after 200 steps.

    Attributes:
        force: of the motor for one step.
        gravity: of the slope for one step.

    >>> environment = MountainCar()
    >>> state, observation = environment.reset(jax.random.key(0))
    >>> environment.step(state, jnp.array(2), jax.random.key(1)).reward
    Array(-1., dtype=float32)

    Source: Moore 1990, *Efficient memory-based learning for robot control*, in the form of Sutton
    and Barto 2018, example 10.1, and of gymnasium.
    """

    time_limit: int = 200
    force: float = 0.001
    gravity: float = 0.0025

    name = "MountainCar-v0"
    actions = ("left", "no push", "right")
    observations = ("position", "velocity")
    scale = (0.6, 0.035)
    solved = -110.0
    source = "Moore (1990), by the equations of gymnasium's MountainCar-v0"

    leftmost, rightmost, flag, fastest = -1.2, 0.6, 0.5, 0.07

    def first(self, key: Array) -> Array:
        """Return a standing car near the bottom, at a position from -0.6 to -0.4."""
        position = jax.random.uniform(key, (), minval=-0.6, maxval=-0.4)
        return jnp.stack([position, jnp.zeros_like(position)])

    def advanced(self, variables: Array, action: Array, key: Array) -> Array:
        """Return the variables after a push to the left (0), none (1) or one to the right (2)."""
        x, v = variables
        v = v + (action - 1) * self.force - jnp.cos(3 * x) * self.gravity
        v = jnp.clip(v, -self.fastest, self.fastest)
        x = jnp.clip(x + v, self.leftmost, self.rightmost)
        v = jnp.where((x == self.leftmost) & (v < 0), 0, v)
        return jnp.stack([x, v]).astype(variables.dtype)

    def ended(self, variables: Array) -> Array:
        """Return whether the car has reached the flag and does not roll back."""
        return (variables[0] >= self.flag) & (variables[1] >= 0)

    def rewarded(self, variables: Array, terminated: Array) -> Array:
        """Return -1."""
        return -jnp.ones((), variables.dtype)
