"""LAMB: the steps of Adam, each as long as a fraction of the weights that it changes."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import scaled
from clearprop.optim.decay import chosen_by
from clearprop.optim.moments import AdamState, adam
from clearprop.optim.optimizer import Optimizer, Tree, register_optimizer
from clearprop.optim.scaling import global_norm
from clearprop.optim.schedules import Rate, as_schedule


@register_optimizer
def lamb(
    learning_rate: Rate = 0.001,
    *,
    weight_decay: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-6,
    exclude: Sequence[str] = (),
    min_ndim: int = 0,
) -> Optimizer:
    """Give the step of every array the length of its weights times the rate: for large batches.

    r = adam's direction + weight_decay * w
    w <- w - learning_rate(t) * |w| / |r| * r

    w is one array of parameters, such as the weights of a layer, |w| its Euclidean norm, and t the
    number of updates made so far. Where |w| or |r| is zero, the quotient is 1.

    Args:
        learning_rate: a number above 0, or a schedule.
        weight_decay: 0 or above.
        beta1: as in `adam`.
        beta2: as in `adam`.
        epsilon: as in `adam`.
        exclude: patterns of the paths that do not decay, as in `add_decayed_weights`.
        min_ndim: parameters with fewer axes do not decay, as in `add_decayed_weights`.

    Raises:
        ConfigurationError: a value out of its range; when the state is made, a pattern that names
            no parameter.

    >>> optimizer = lamb(0.1, weight_decay=0.0)
    >>> parameters = {"w": jnp.array([3.0, 4.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, -0.01])}, state, parameters)
    >>> print(global_norm(updates))  # a tenth of |w| = 5
    0.5

    Source: You et al. (2020), *Large batch optimization for deep learning: Training BERT in 76
    minutes*, algorithm 2, with the identity as its function phi of the norm.
    """
    weight_decay = bounds.not_negative(weight_decay, "weight_decay")
    rate = as_schedule(learning_rate)
    decays = chosen_by(exclude, min_ndim)
    # With a rate of 1 the update is the direction of Adam, with the opposite sign.
    inner = adam(1.0, beta1=beta1, beta2=beta2, epsilon=epsilon)

    def init(parameters: Tree) -> AdamState:
        decays(parameters)
        state: AdamState = inner.init(parameters)
        return state

    def update(gradients: Tree, state: AdamState, parameters: Tree) -> tuple[Tree, AdamState]:
        factor = rate(state.step)
        updates, state = inner.update(gradients, state, parameters)

        def changed(update: Array, w: Array, decaying: bool) -> Array:
            w = w.astype(update.dtype)
            r = update - weight_decay * w if decaying else update
            of_weights, of_step = global_norm(w), global_norm(r)
            known = (of_weights > 0) & (of_step > 0)
            trust = jnp.where(known, of_weights / jnp.where(known, of_step, 1), 1)
            return scaled(factor * trust, r)

        return jax.tree.map(changed, updates, parameters, decays(parameters)), state

    return Optimizer(init, update, learning_rate=lambda state: rate(state.step))
