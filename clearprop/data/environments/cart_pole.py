"""CartPole-v1: a cart is pushed left or right so that the pole on it stays upright."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from clearprop.data.environments.environment import Array, EquationEnvironment


@dataclass(frozen=True)
class CartPole(EquationEnvironment):
    """A pole on a cart: position x, angle θ from the vertical, and their rates of change.

    With the force F of the push, the total mass M, and the mass m and the half length l of the
    pole, Euler's method with steps of ``interval`` seconds solves::

        t   = (F + m l θ'^2 sin θ) / M
        θ'' = (g sin θ - cos θ t) / (l (4/3 - m cos^2 θ / M))
        x'' = t - m l θ'' cos θ / M

    Every step has the reward 1. An episode ends at 12 degrees, at 2.4 units from the middle, or
    after 500 steps.

    Attributes:
        gravity: g.
        cart_mass: of the cart without the pole.
        pole_mass: m.
        half_length: l.
        force: the size of F.
        interval: seconds of a step.

    >>> environment = CartPole()
    >>> state, observation = environment.reset(jax.random.key(0))
    >>> environment.step(state, jnp.array(1), jax.random.key(1)).reward
    Array(1., dtype=float32)

    Source: Barto, Sutton and Anderson 1983, *Neuronlike adaptive elements that can solve difficult
    learning control problems*; the equations are Florian's (2007), as in gymnasium.
    """

    gravity: float = 9.8
    cart_mass: float = 1.0
    pole_mass: float = 0.1
    half_length: float = 0.5
    force: float = 10.0
    interval: float = 0.02

    name = "CartPole-v1"
    actions = ("left", "right")
    observations = ("position", "velocity", "angle", "angular velocity")
    scale = (2.4, 2.0, 0.21, 2.0)
    solved = 475.0
    source = "Barto, Sutton and Anderson (1983), by the equations of gymnasium's CartPole-v1"

    farthest = 2.4
    steepest = 12 * 2 * math.pi / 360

    def first(self, key: Array) -> Array:
        """Return a state near the upright one: each variable is drawn from -0.05 to 0.05."""
        return jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05)

    def advanced(self, variables: Array, action: Array, key: Array) -> Array:
        """Return the variables after a push to the left (0) or to the right (1)."""
        _, x_rate, angle, angle_rate = variables
        total = self.cart_mass + self.pole_mass
        moment = self.pole_mass * self.half_length
        force = jnp.where(action == 1, self.force, -self.force).astype(variables.dtype)
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        push = (force + moment * angle_rate**2 * sine) / total
        angle_change = (self.gravity * sine - cosine * push) / (
            self.half_length * (4 / 3 - self.pole_mass * cosine**2 / total)
        )
        x_change = push - moment * angle_change * cosine / total
        rates = jnp.stack([x_rate, x_change, angle_rate, angle_change])
        return variables + self.interval * rates

    def ended(self, variables: Array) -> Array:
        """Return whether the cart has left the track or the pole leans too far."""
        return (jnp.abs(variables[0]) > self.farthest) | (jnp.abs(variables[2]) > self.steepest)

    def rewarded(self, variables: Array, terminated: Array) -> Array:
        """Return 1, also for the last step."""
        return jnp.ones((), variables.dtype)
