"""Acrobot-v1: two links swing up, driven by a motor in the joint between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from clearprop.data.environments.environment import Array, EquationEnvironment


@dataclass(frozen=True)
class Acrobot(EquationEnvironment):
    """Two links that hang from a bar: angles θ1 and θ2, and their rates of change.

    With unit masses, lengths and moments of inertia, and centers of mass at half of a link, the
    torque τ of the motor moves the links by the equations of Sutton and Barto::

        d1 = 3.5 + cos θ2                   φ2 = 0.5 g cos(θ1 + θ2 - π/2)
        d2 = 1.25 + 0.5 cos θ2              φ1 = -(0.5 θ2'^2 + θ1' θ2') sin θ2
                                                 + 1.5 g cos(θ1 - π/2) + φ2
        θ2'' = (τ + d2 φ1 / d1 - 0.5 θ1'^2 sin θ2 - φ2) / (1.25 - d2^2 / d1)
        θ1'' = -(d2 θ2'' + φ1) / d1

    The method of Runge and Kutta solves them over ``interval`` seconds. The angles stay in
    [-π, π], the rates within 4π and 9π. Every step has the reward -1, the one that ends the
    episode 0: the tip is then one length above the bar, -cos θ1 - cos(θ1 + θ2) > 1.

    Attributes:
        gravity: g.
        interval: seconds of a step.

    >>> environment = Acrobot()
    >>> state, observation = environment.reset(jax.random.key(0))
    >>> observation.shape
    (6,)

    Source: Sutton 1996, *Generalization in reinforcement learning: successful examples using sparse
    coarse coding*, in the form of gymnasium.
    """

    gravity: float = 9.8
    interval: float = 0.2

    name = "Acrobot-v1"
    actions = ("torque -1", "no torque", "torque +1")
    observations = (
        "cosine of angle 1",
        "sine of angle 1",
        "cosine of angle 2",
        "sine of angle 2",
        "angular velocity 1",
        "angular velocity 2",
    )
    scale = (1.0, 1.0, 1.0, 1.0, 3.0, 6.0)
    solved = -100.0
    source = "Sutton (1996), by the equations of gymnasium's Acrobot-v1"

    fastest = (4 * math.pi, 9 * math.pi)

    def first(self, key: Array) -> Array:
        """Return links that almost hang at rest: each variable is drawn from -0.1 to 0.1."""
        return jax.random.uniform(key, (4,), minval=-0.1, maxval=0.1)

    def advanced(self, variables: Array, action: Array, key: Array) -> Array:
        """Return the variables after a torque of -1 (0), 0 (1) or +1 (2)."""
        torque = (action - 1).astype(variables.dtype)
        h, s = self.interval, variables
        k1 = self._rates(s, torque)
        k2 = self._rates(s + h / 2 * k1, torque)
        k3 = self._rates(s + h / 2 * k2, torque)
        k4 = self._rates(s + h * k3, torque)
        s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        turn = 2 * math.pi
        turns = jnp.maximum(jnp.ceil((jnp.abs(s[:2]) - math.pi) / turn), 0)
        angles = s[:2] - jnp.sign(s[:2]) * turn * turns
        fastest = jnp.array(self.fastest, s.dtype)
        return jnp.concatenate([angles, jnp.clip(s[2:], -fastest, fastest)])

    def _rates(self, variables: Array, torque: Array) -> Array:
        """Return the derivatives of the variables by time."""
        angle1, angle2, rate1, rate2 = variables
        g, sine2, cosine2 = self.gravity, jnp.sin(angle2), jnp.cos(angle2)
        d1 = 3.5 + cosine2
        d2 = 1.25 + 0.5 * cosine2
        phi2 = 0.5 * g * jnp.cos(angle1 + angle2 - math.pi / 2)
        phi1 = -(0.5 * rate2**2 + rate1 * rate2) * sine2
        phi1 = phi1 + 1.5 * g * jnp.cos(angle1 - math.pi / 2) + phi2
        change2 = (torque + d2 / d1 * phi1 - 0.5 * rate1**2 * sine2 - phi2) / (1.25 - d2**2 / d1)
        change1 = -(d2 * change2 + phi1) / d1
        return jnp.stack([rate1, rate2, change1, change2])

    def observed(self, variables: Array) -> Array:
        """Return cosine and sine of both angles, and their rates."""
        a, b = variables[0], variables[1]
        turned = jnp.stack([jnp.cos(a), jnp.sin(a), jnp.cos(b), jnp.sin(b)])
        return jnp.concatenate([turned, variables[2:]])

    def ended(self, variables: Array) -> Array:
        """Return whether the tip is one length above the bar."""
        return -jnp.cos(variables[0]) - jnp.cos(variables[1] + variables[0]) > 1

    def rewarded(self, variables: Array, terminated: Array) -> Array:
        """Return -1, or 0 for the step that ends the episode."""
        return jnp.where(terminated, 0, -1).astype(variables.dtype)
