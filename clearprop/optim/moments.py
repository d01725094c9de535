"""Adam and AdamW: momentum divided by the size of past gradients, both corrected for their start.

In the equations w are the parameters, g the gradient of the loss at w, and t the number of updates
made so far. Products, roots and quotients are taken element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import (
    one_minus_power,
    running_mean,
    running_square,
    scaled,
    zeros_like,
)
from clearprop.optim.decay import decoupled_weight_decay
from clearprop.optim.optimizer import Optimizer, Tree, rated, register_optimizer
from clearprop.optim.schedules import Rate


class AdamState(NamedTuple):
    """The state of `adam`, `adamw`, `radam` and `lamb`.

    Attributes:
        step: the number of updates made, int32.
        first_moment: the running mean of gradients, shaped as the parameters.
        second_moment: the running mean of squared gradients.
        largest_second_moment: the largest second moment so far, with amsgrad, else None.
    """

    step: Array
    first_moment: Tree
    second_moment: Tree
    largest_second_moment: Tree


@register_optimizer
def adam(
    learning_rate: Rate = 0.001,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    amsgrad: bool = False,
) -> Optimizer:
    """Descend along the mean gradient divided by the root mean square: steps of about the rate.

    m <- beta1 * m + (1 - beta1) * g
    v <- beta2 * v + (1 - beta2) * g^2
    w <- w - learning_rate(t) * [m / (1 - beta1^(t+1))] / (sqrt(v / (1 - beta2^(t+1))) + epsilon)

    With ``amsgrad`` the last line takes, in place of v, the largest v so far.

    Args:
        learning_rate: a number above 0, or a schedule.
        beta1: decay of the mean of gradients, from 0 to below 1.
        beta2: decay of the mean of squared gradients, from 0 to below 1.
        epsilon: keeps the quotient finite, 0 or above.
        amsgrad: whether rates may only fall (Reddi et al. 2018).

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = adam(0.1)
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, -0.01])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.1, 0.1]

    Source: Kingma and Ba (2015), *Adam: A method for stochastic optimization*, algorithm 1. For
    AMSGrad Reddi, Kale and Kumar (2018), *On the convergence of Adam and beyond*, algorithm 2,
    whose moments are not corrected; here, as in PyTorch, they are. Optax takes the largest of the
    corrected second moments.
    """
    beta1 = bounds.decay(beta1, "beta1")
    beta2 = bounds.decay(beta2, "beta2")
    epsilon = bounds.not_negative(epsilon, "epsilon")

    def init(parameters: Tree) -> AdamState:
        return AdamState(
            step=jnp.zeros((), jnp.int32),
            first_moment=zeros_like(parameters),
            second_moment=zeros_like(parameters),
            largest_second_moment=zeros_like(parameters) if amsgrad else None,
        )

    def change(factor: Array, gradients: Tree, state: AdamState) -> tuple[Tree, AdamState]:
        step = state.step + 1
        # Both corrections and the rate are scalars, so an element costs one root and one quotient.
        factor = factor / one_minus_power(beta1, step)
        root_correction = jax.lax.rsqrt(one_minus_power(beta2, step))
        m = running_mean(beta1, state.first_moment, gradients)
        v = running_square(beta2, state.second_moment, gradients)
        largest = jax.tree.map(jnp.maximum, state.largest_second_moment, v) if amsgrad else None
        updates = jax.tree.map(
            lambda m, v: scaled(factor, m) / (scaled(root_correction, jnp.sqrt(v)) + epsilon),
            m,
            largest if amsgrad else v,
        )
        return updates, AdamState(step, m, v, largest)

    return rated(learning_rate, init, change)


@register_optimizer
def adamw(
    learning_rate: Rate = 0.001,
    *,
    weight_decay: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    amsgrad: bool = False,
    exclude: Sequence[str] = (),
    min_ndim: int = 0,
) -> Optimizer:
    """Adam with decoupled weight decay: the decay is not part of the gradient.

    w <- w - learning_rate(t) * (adam's direction + weight_decay * w)

    Args:
        learning_rate: a number above 0, or a schedule.
        weight_decay: 0 or above.
        beta1: as in `adam`.
        beta2: as in `adam`.
        epsilon: as in `adam`.
        amsgrad: as in `adam`.
        exclude: patterns of the paths that do not decay, as in `add_decayed_weights`.
        min_ndim: parameters with fewer axes do not decay, as in `add_decayed_weights`.

    Raises:
        ConfigurationError: a value out of its range; when the state is made, a pattern that names
            no parameter.

    >>> optimizer = adamw(0.1, weight_decay=0.5)
    >>> parameters = {"w": jnp.array([2.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([0.0])}, state, parameters)
    >>> updates["w"]
    Array([-0.1], dtype=float32)

    Source: Loshchilov and Hutter (2019), *Decoupled weight decay regularization*, algorithm 2. The
    paper multiplies the decay by the schedule only, here, as in PyTorch and Optax, by the whole
    learning rate: its lambda is learning_rate * weight_decay.
    """
    optimizer = adam(learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon, amsgrad=amsgrad)
    return decoupled_weight_decay(optimizer, weight_decay, exclude=exclude, min_ndim=min_ndim)
