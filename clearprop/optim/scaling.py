"""Parts for a chain that scale or bound gradients and updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import scaled
from clearprop.optim.optimizer import NoState, Optimizer, Tree, rated, register_transformation
from clearprop.optim.schedules import Rate


class ScheduleState(NamedTuple):
    """The state of `scale_by_learning_rate`: the number of updates made, int32."""

    step: Array


@register_transformation
def scale(factor: float) -> Optimizer:
    """Multiply by a constant; the learning rate that is reported stays the same.

    g <- factor * g

    Raises:
        ConfigurationError: the factor is not finite.

    >>> scale(0.5).update({"w": jnp.array([3.0])}, NoState(), {"w": jnp.array([0.0])})[0]
    {'w': Array([1.5], dtype=float32)}

    Source: Optax's part of that name.
    """
    constant = bounds.number(factor, "factor")
    return _stateless(lambda gradients: jax.tree.map(lambda g: constant * g, gradients))


@register_transformation
def scale_by_learning_rate(learning_rate: Rate) -> Optimizer:
    """Turn a direction of ascent into updates: the last part of an optimizer made from parts.

    update = -learning_rate(t) * g

    Args:
        learning_rate: a number above 0, or a schedule.

    Raises:
        ConfigurationError: the learning rate is zero, negative or not finite.

    >>> optimizer = scale_by_learning_rate(0.1)
    >>> parameters = {"w": jnp.array([0.0])}
    >>> optimizer.update({"w": jnp.array([3.0])}, optimizer.init(parameters), parameters)[0]
    {'w': Array([-0.3], dtype=float32)}

    Source: Optax's part of that name.
    """
    return rated(
        learning_rate,
        lambda parameters: ScheduleState(jnp.zeros((), jnp.int32)),
        lambda factor, gradients, state: (scaled(factor, gradients), state),
    )


@register_transformation
def clip_by_value(limit: float) -> Optimizer:
    """Bound every element of the gradient on its own.

    g <- max(-limit, min(limit, g))

    Raises:
        ConfigurationError: the limit is not above 0.

    >>> clip = clip_by_value(1.0)
    >>> clip.update({"w": jnp.array([0.5, -7.0])}, NoState(), {"w": jnp.zeros(2)})[0]
    {'w': Array([ 0.5, -1. ], dtype=float32)}

    Source: Mikolov (2012), *Statistical language models based on neural networks*.
    """
    limit = bounds.positive(limit, "limit")
    return _stateless(lambda gs: jax.tree.map(lambda g: jnp.clip(g, -limit, limit), gs))


@register_transformation
def clip_by_global_norm(max_norm: float) -> Optimizer:
    """Shorten the gradient of all parameters, taken as one vector, and keep its direction.

    g <- g * min(1, max_norm / |g|), where |g| is the `global_norm`

    A gradient that is not finite stays not finite.

    Raises:
        ConfigurationError: ``max_norm`` is not above 0.

    >>> clip = clip_by_global_norm(1.0)
    >>> clip.update({"w": jnp.array([3.0, 4.0])}, NoState(), {"w": jnp.zeros(2)})[0]
    {'w': Array([0.6, 0.8], dtype=float32)}

    Source: Pascanu, Mikolov and Bengio (2013), *On the difficulty of training recurrent neural
    networks*, algorithm 1. PyTorch divides by |g| + 1e-6.
    """
    max_norm = bounds.positive(max_norm, "max_norm")

    return _stateless(lambda g: scaled(jnp.minimum(1, max_norm / global_norm(g)), g))


def global_norm(tree: Tree) -> Array:
    """Return the Euclidean norm of all arrays of a tree, taken as one vector.

    |g| = sqrt(sum of the squares of all elements)

    Sums are taken in float32, or float64 where the arrays are.

    >>> print(global_norm({"weight": jnp.array([3.0]), "bias": jnp.array([4.0])}))
    5.0
    """
    leaves = [jnp.asarray(x) for x in jax.tree.leaves(tree)]
    wide = [x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in leaves]
    return jnp.sqrt(sum((jnp.sum(x * x) for x in wide), start=jnp.zeros((), jnp.float32)))


def _stateless(change: Callable[[Tree], Tree]) -> Optimizer:
    return Optimizer(lambda parameters: NoState(), lambda g, state, w: (change(g), state))
