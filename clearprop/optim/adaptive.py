"""Optimizers that divide each parameter's gradient by the size of its past gradients.

In the equations w are the parameters, g the gradient of the loss at w, and t the number of updates
made so far. Products, roots and quotients are taken element by element.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import running_mean, running_square, scaled, zeros_like
from clearprop.optim.optimizer import Optimizer, Tree, rated, register_optimizer
from clearprop.optim.schedules import Rate


class AdagradState(NamedTuple):
    """The state of `adagrad`.

    Attributes:
        step: the number of updates made, int32.
        squared_sum: the sum of squared gradients, shaped as the parameters.
    """

    step: Array
    squared_sum: Tree


class AdadeltaState(NamedTuple):
    """The state of `adadelta`.

    Attributes:
        step: the number of updates made, int32.
        squared_gradient: the running mean of squared gradients, shaped as the parameters.
        squared_delta: the running mean of squared updates, before the learning rate.
    """

    step: Array
    squared_gradient: Tree
    squared_delta: Tree


class RmspropState(NamedTuple):
    """The state of `rmsprop`.

    Attributes:
        step: the number of updates made, int32.
        squared_gradient: the running mean of squared gradients, shaped as the parameters.
        mean_gradient: the running mean of gradients, where centered, else None.
        velocity: the running sum of scaled gradients, with momentum, else None.
    """

    step: Array
    squared_gradient: Tree
    mean_gradient: Tree
    velocity: Tree


@register_optimizer
def adagrad(
    learning_rate: Rate = 0.01, *, epsilon: float = 1e-10, initial_accumulator: float = 0.0
) -> Optimizer:
    """Divide by the root of the sum of all squared gradients: rare features keep a high rate.

    s <- s + g^2
    w <- w - learning_rate(t) * g / (sqrt(s) + epsilon)

    Args:
        learning_rate: a number above 0, or a schedule.
        epsilon: keeps the quotient finite while s is zero, 0 or above.
        initial_accumulator: s before the first update, 0 or above.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = adagrad(0.1)
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, 0.01])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.1, -0.1]

    Source: Duchi, Hazan and Singer (2011), *Adaptive subgradient methods for online learning and
    stochastic optimization*, figure 1, with the diagonal matrix; epsilon is its delta. As PyTorch
    (whose lr_decay a schedule replaces); Optax adds epsilon under the root and starts s at 0.1.
    """
    epsilon = bounds.not_negative(epsilon, "epsilon")
    initial = bounds.not_negative(initial_accumulator, "initial_accumulator")

    def init(parameters: Tree) -> AdagradState:
        squared_sum = jax.tree.map(lambda x: jnp.full_like(x, initial), zeros_like(parameters))
        return AdagradState(jnp.zeros((), jnp.int32), squared_sum)

    def change(factor: Array, gradients: Tree, state: AdagradState) -> tuple[Tree, AdagradState]:
        squared_sum = jax.tree.map(lambda s, g: s + g * g, state.squared_sum, gradients)
        updates = jax.tree.map(
            lambda s, g: scaled(factor, g) / (jnp.sqrt(s) + epsilon),
            squared_sum,
            gradients,
        )
        return updates, state._replace(squared_sum=squared_sum)

    return rated(learning_rate, init, change)


@register_optimizer
def adadelta(learning_rate: Rate = 1.0, *, decay: float = 0.95, epsilon: float = 1e-6) -> Optimizer:
    """Scale each gradient by the ratio of past updates to past gradients, which fits its units.

    s <- decay * s + (1 - decay) * g^2
    d <- sqrt(r + epsilon) / sqrt(s + epsilon) * g
    r <- decay * r + (1 - decay) * d^2
    w <- w - learning_rate(t) * d

    Args:
        learning_rate: a number above 0, or a schedule; 1 is the published value.
        decay: of both running means, from 0 to below 1 (the paper's rho).
        epsilon: lets the first updates differ from zero while r is zero, above 0.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = adadelta()
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, 0.9])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.00447, -0.00447]

    Source: Zeiler (2012), *ADADELTA: An adaptive learning rate method*, algorithm 1. The learning
    rate is an addition that PyTorch and Optax have too.
    """
    rho = bounds.decay(decay, "decay")
    epsilon = bounds.positive(epsilon, "epsilon")

    def init(parameters: Tree) -> AdadeltaState:
        return AdadeltaState(
            jnp.zeros((), jnp.int32),
            zeros_like(parameters),
            zeros_like(parameters),
        )

    def change(factor: Array, gradients: Tree, state: AdadeltaState) -> tuple[Tree, AdadeltaState]:
        s = running_square(rho, state.squared_gradient, gradients)
        d = jax.tree.map(
            lambda r, s, g: jnp.sqrt((r + epsilon) / (s + epsilon)) * g,
            state.squared_delta,
            s,
            gradients,
        )
        r = running_square(rho, state.squared_delta, d)
        return scaled(factor, d), AdadeltaState(state.step, s, r)

    return rated(learning_rate, init, change)


@register_optimizer
def rmsprop(
    learning_rate: Rate = 0.001,
    *,
    decay: float = 0.9,
    epsilon: float = 1e-8,
    centered: bool = False,
    momentum: float = 0.0,
) -> Optimizer:
    """Divide by the root of a running mean of squared gradients: Adagrad that forgets.

    s <- decay * s + (1 - decay) * g^2
    m <- decay * m + (1 - decay) * g                     (centered; else m = 0)
    v <- momentum * v + g / (sqrt(s - m^2) + epsilon)
    w <- w - learning_rate(t) * v

    Args:
        learning_rate: a number above 0, or a schedule.
        decay: of the running means, from 0 to below 1.
        epsilon: keeps the quotient finite, 0 or above.
        centered: whether to divide by the standard deviation of the gradients, not by their size.
        momentum: what remains of the velocity in each update, from 0 to below 1.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = rmsprop(0.1, decay=0.75)
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, 0.01])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.2, -0.2]

    Source: Tieleman and Hinton (2012), *Neural networks for machine learning*, lecture 6.5, which
    has neither epsilon nor momentum; centered as Graves (2013), *Generating sequences with
    recurrent neural networks*, equations 38-41. As PyTorch, whose decay (alpha) is 0.99 and rate
    0.01 by default. Graves and Optax add epsilon under the root. The variance s - m^2 is
    kept from falling below zero by rounding.
    """
    rho = bounds.decay(decay, "decay")
    epsilon = bounds.not_negative(epsilon, "epsilon")
    kept = bounds.decay(momentum, "momentum")

    def init(parameters: Tree) -> RmspropState:
        return RmspropState(
            step=jnp.zeros((), jnp.int32),
            squared_gradient=zeros_like(parameters),
            mean_gradient=zeros_like(parameters) if centered else None,
            velocity=zeros_like(parameters) if kept else None,
        )

    def change(factor: Array, gradients: Tree, state: RmspropState) -> tuple[Tree, RmspropState]:
        s = running_square(rho, state.squared_gradient, gradients)
        m, variance = None, s
        if centered:
            m = running_mean(rho, state.mean_gradient, gradients)
            variance = jax.tree.map(lambda s, m: jnp.maximum(s - m * m, 0), s, m)
        v = jax.tree.map(lambda g, s: g / (jnp.sqrt(s) + epsilon), gradients, variance)
        if kept:
            v = jax.tree.map(lambda old, new: kept * old + new, state.velocity, v)
        return scaled(factor, v), RmspropState(state.step, s, m, v if kept else None)

    return rated(learning_rate, init, change)
