"""Lion: steps of one size, along the sign of the momentum."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import running_mean, scaled, zeros_like
from clearprop.optim.decay import decoupled_weight_decay
from clearprop.optim.descent import MomentumState
from clearprop.optim.optimizer import Optimizer, Tree, rated, register_optimizer
from clearprop.optim.schedules import Rate


@register_optimizer
def lion(
    learning_rate: Rate = 0.0001,
    *,
    weight_decay: float = 0.0,
    beta1: float = 0.9,
    beta2: float = 0.99,
    exclude: Sequence[str] = (),
    min_ndim: int = 0,
) -> Optimizer:
    """Move every parameter by the rate, in the direction of the sign of a mean of gradients.

    w <- w - learning_rate(t) * (sign(beta1 * v + (1 - beta1) * g) + weight_decay * w)
    v <- beta2 * v + (1 - beta2) * g

    w are the parameters, g is the gradient, t the number of updates made so far. A step is larger
    than that of Adam at the same rate: the paper takes a rate three to ten times lower, and a
    weight decay as many times higher.

    Args:
        learning_rate: a number above 0, or a schedule.
        weight_decay: 0 or above.
        beta1: weight of the mean against the gradient in the direction, from 0 to below 1.
        beta2: decay of the mean, from 0 to below 1.
        exclude: patterns of the paths that do not decay, as in `add_decayed_weights`.
        min_ndim: parameters with fewer axes do not decay, as in `add_decayed_weights`.

    Raises:
        ConfigurationError: a value out of its range; when the state is made, a pattern that names
            no parameter.

    >>> optimizer = lion(0.1)
    >>> parameters = {"w": jnp.array([0.0, 0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, -0.01, 0.0])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.1, 0.1, -0.0]

    Source: Chen et al. (2023), *Symbolic discovery of optimization algorithms*, program 1. The
    state is that of `momentum`, with the mean as its velocity.
    """
    beta1 = bounds.decay(beta1, "beta1")
    beta2 = bounds.decay(beta2, "beta2")

    def init(parameters: Tree) -> MomentumState:
        return MomentumState(jnp.zeros((), jnp.int32), zeros_like(parameters))

    def change(factor: Array, gradients: Tree, state: MomentumState) -> tuple[Tree, MomentumState]:
        direction = jax.tree.map(jnp.sign, running_mean(beta1, state.velocity, gradients))
        velocity = running_mean(beta2, state.velocity, gradients)
        return scaled(factor, direction), state._replace(velocity=velocity)

    optimizer = rated(learning_rate, init, change)
    return decoupled_weight_decay(optimizer, weight_decay, exclude=exclude, min_ndim=min_ndim)
