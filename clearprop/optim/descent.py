"""Gradient descent and its two accelerations: one rate for every parameter.

In the equations w are the parameters, g the gradient of the loss at w, and t the number of updates
made so far.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import scaled, zeros_like
from clearprop.optim.optimizer import Optimizer, Tree, rated, register_optimizer
from clearprop.optim.schedules import Rate


class SgdState(NamedTuple):
    """The state of `sgd`: the number of updates made, int32."""

    step: Array


class MomentumState(NamedTuple):
    """The state of `momentum` and `nesterov`.

    Attributes:
        step: the number of updates made, int32.
        velocity: the running sum of gradients, shaped as the parameters.
    """

    step: Array
    velocity: Tree


@register_optimizer
def sgd(learning_rate: Rate = 0.01) -> Optimizer:
    """Descend along the gradient: plain (stochastic, mini-batch) gradient descent.

    w <- w - learning_rate(t) * g

    Args:
        learning_rate: a number above 0, or a schedule.

    Raises:
        ConfigurationError: the learning rate is zero, negative or not finite.

    >>> optimizer = sgd(0.5)
    >>> parameters = {"w": jnp.array([2.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([3.0])}, state, parameters)
    >>> updates["w"]
    Array([-1.5], dtype=float32)

    Source: Robbins and Monro (1951), *A stochastic approximation method*.
    """
    return rated(
        learning_rate,
        lambda parameters: SgdState(jnp.zeros((), jnp.int32)),
        lambda factor, gradients, state: (scaled(factor, gradients), state),
    )


@register_optimizer
def momentum(learning_rate: Rate = 0.01, momentum: float = 0.9) -> Optimizer:
    """Descend with a velocity that sums past gradients and forgets them slowly: the heavy ball.

    v <- g + momentum * v
    w <- w - learning_rate(t) * v

    Args:
        learning_rate: a number above 0, or a schedule.
        momentum: what remains of the velocity in each update, from 0 to below 1 (the lecture's
            eta).

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = momentum(0.1, momentum=0.5)
    >>> parameters = {"w": jnp.array([0.0])}
    >>> state = optimizer.init(parameters)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update({"w": jnp.array([1.0])}, state, parameters)
    >>> state.velocity["w"], updates["w"]
    (Array([1.75], dtype=float32), Array([-0.175], dtype=float32))

    Source: Polyak (1964), *Some methods of speeding up the convergence of iteration methods*:
    w(t+1) = w(t) - rate * g + momentum * (w(t) - w(t-1)). Written as the lecture's
    DeltaW <- g + eta * DeltaW, W <- W - epsilon * DeltaW, and as PyTorch does; the same while the
    rate is constant. When it changes, Polyak's velocity still holds the old rates, this one does
    not.
    """
    return _with_velocity(learning_rate, momentum, looks_ahead=False)


@register_optimizer
def nesterov(learning_rate: Rate = 0.01, momentum: float = 0.9) -> Optimizer:
    """Descend with momentum, by the gradient at the point that the velocity leads to.

    v <- g + momentum * v
    w <- w - learning_rate(t) * (g + momentum * v)

    Args:
        learning_rate: a number above 0, or a schedule.
        momentum: what remains of the velocity in each update, from 0 to below 1.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = nesterov(0.1, momentum=0.5)
    >>> parameters = {"w": jnp.array([0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, state = optimizer.update({"w": jnp.array([1.0])}, state, parameters)
    >>> state.velocity["w"], updates["w"]
    (Array([1.], dtype=float32), Array([-0.15], dtype=float32))

    Source: Nesterov (1983), *A method of solving a convex programming problem with convergence rate
    O(1/k^2)*, as Sutskever et al. (2013), *On the importance of initialization and momentum in deep
    learning*, wrote it: u(t+1) = momentum * u(t) - rate * gradient(theta(t) + momentum * u(t)),
    theta(t+1) = theta(t) + u(t+1). As in PyTorch the parameters kept here are the point looked
    ahead to, w = theta + momentum * u, where the gradient is wanted: the same path at a constant
    rate.
    """
    return _with_velocity(learning_rate, momentum, looks_ahead=True)


def _with_velocity(learning_rate: Rate, momentum: float, looks_ahead: bool) -> Optimizer:
    kept = bounds.decay(momentum, "momentum")

    def init(parameters: Tree) -> MomentumState:
        return MomentumState(jnp.zeros((), jnp.int32), zeros_like(parameters))

    def grown(velocity: Tree, gradients: Tree) -> Tree:
        return jax.tree.map(lambda v, g: g + kept * v, velocity, gradients)

    def change(factor: Array, gradients: Tree, state: MomentumState) -> tuple[Tree, MomentumState]:
        velocity = grown(state.velocity, gradients)
        direction = grown(velocity, gradients) if looks_ahead else velocity
        return scaled(factor, direction), state._replace(velocity=velocity)

    return rated(learning_rate, init, change)
