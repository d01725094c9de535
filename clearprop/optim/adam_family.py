"""Optimizers that change one part of Adam: Nesterov's momentum, a rectified start, another norm.

In the equations w are the parameters, g the gradient of the loss at w, t the number of updates
made so far, and m and v the running means of Adam, after this update. Products, roots and quotients
are taken element by element.
"""

from __future__ import annotations

import math
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
from clearprop.optim.moments import AdamState
from clearprop.optim.optimizer import Optimizer, Tree, rated, register_optimizer
from clearprop.optim.schedules import Rate

FEWEST_GRADIENTS = 5.0
"""RAdam divides by the root of v only where v averages over more gradients than this."""

SMALL = 0.1
"""Below this argument the difference coth(z) - 1 / z is taken from its series."""


class NadamState(NamedTuple):
    """The state of `nadam`.

    Attributes:
        step: the number of updates made, int32.
        first_moment: the running mean of gradients, shaped as the parameters.
        second_moment: the running mean of squared gradients.
        product: of the momentum of all updates so far.
    """

    step: Array
    first_moment: Tree
    second_moment: Tree
    product: Array


class AdamaxState(NamedTuple):
    """The state of `adamax`.

    Attributes:
        step: the number of updates made, int32.
        first_moment: the running mean of gradients, shaped as the parameters.
        largest: the largest gradient so far, which decays.
    """

    step: Array
    first_moment: Tree
    largest: Tree


@register_optimizer
def nadam(
    learning_rate: Rate = 0.002,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    momentum_decay: float = 0.004,
) -> Optimizer:
    """Adam with Nesterov's momentum: the step already contains the momentum of the next one.

    mu(t) = beta1 * (1 - 0.96^((t+1) * momentum_decay) / 2)
    p(t) = mu(0) * ... * mu(t)
    m <- beta1 * m + (1 - beta1) * g
    v <- beta2 * v + (1 - beta2) * g^2
    d = mu(t+1) * m / (1 - p(t+1)) + (1 - mu(t)) * g / (1 - p(t))
    w <- w - learning_rate(t) * d / (sqrt(v / (1 - beta2^(t+1))) + epsilon)

    Args:
        learning_rate: a number above 0, or a schedule.
        beta1: decay of the mean of gradients, and the momentum that mu approaches, from 0 to
            below 1.
        beta2: decay of the mean of squared gradients, from 0 to below 1.
        epsilon: keeps the quotient finite, 0 or above.
        momentum_decay: how fast mu rises from about beta1 / 2 to beta1, 0 or above.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = nadam(0.1)
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, -0.01])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.10565, 0.10565]

    Source: Dozat (2016), *Incorporating Nesterov momentum into Adam*, algorithm 2, with the
    schedule of its section 4. As PyTorch. Optax's nadam keeps the momentum constant.
    """
    beta1 = bounds.decay(beta1, "beta1")
    beta2 = bounds.decay(beta2, "beta2")
    epsilon = bounds.not_negative(epsilon, "epsilon")
    growth = bounds.not_negative(momentum_decay, "momentum_decay") * math.log(0.96)

    def init(parameters: Tree) -> NadamState:
        return NadamState(
            jnp.zeros((), jnp.int32),
            zeros_like(parameters),
            zeros_like(parameters),
            jnp.ones((), float),
        )

    def momentum(step: Array) -> Array:
        return beta1 * (1 - jnp.exp(jnp.asarray(step, float) * growth) / 2)

    def change(factor: Array, gradients: Tree, state: NadamState) -> tuple[Tree, NadamState]:
        step = state.step + 1
        now, following = momentum(step), momentum(step + 1)
        product = state.product * now
        of_mean = factor * following / (1 - product * following)
        of_gradient = factor * (1 - now) / (1 - product)
        root_correction = jax.lax.rsqrt(one_minus_power(beta2, step))
        m = running_mean(beta1, state.first_moment, gradients)
        v = running_square(beta2, state.second_moment, gradients)
        updates = jax.tree.map(
            lambda m, v, g: (
                (scaled(of_mean, m) + scaled(of_gradient, g))
                / (scaled(root_correction, jnp.sqrt(v)) + epsilon)
            ),
            m,
            v,
            gradients,
        )
        return updates, NadamState(step, m, v, product)

    return rated(learning_rate, init, change)


@register_optimizer
def radam(
    learning_rate: Rate = 0.001,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Optimizer:
    """Adam whose first steps do not divide by a mean of too few squared gradients.

    n = 2 / (1 - beta2) - 1
    rho = n - 2 (t+1) beta2^(t+1) / (1 - beta2^(t+1))       (number of gradients in the mean)
    r = sqrt((rho - 4) (rho - 2) n / ((n - 4) (n - 2) rho))
    d = m / (1 - beta1^(t+1))
    w <- w - learning_rate(t) * r * d * sqrt(1 - beta2^(t+1)) / (sqrt(v) + epsilon)   if rho > 5
    w <- w - learning_rate(t) * d                                                     else

    Args:
        learning_rate: a number above 0, or a schedule.
        beta1: as in `adam`.
        beta2: as in `adam`; up to 2/3 the number rho stays below 5, and no step is divided.
        epsilon: as in `adam`.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = radam(0.1)
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, -0.01])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.9, 0.001]

    Source: Liu et al. (2020), *On the variance of the adaptive learning rate and beyond*, algorithm
    2. As PyTorch, the bound is 5 where the paper has 4, and epsilon is added to the root before
    its correction.
    """
    beta1 = bounds.decay(beta1, "beta1")
    beta2 = bounds.decay(beta2, "beta2")
    epsilon = bounds.not_negative(epsilon, "epsilon")
    n = 2 / (1 - beta2) - 1

    def init(parameters: Tree) -> AdamState:
        return AdamState(
            jnp.zeros((), jnp.int32), zeros_like(parameters), zeros_like(parameters), None
        )

    def change(factor: Array, gradients: Tree, state: AdamState) -> tuple[Tree, AdamState]:
        step = state.step + 1
        factor = factor / one_minus_power(beta1, step)
        m = running_mean(beta1, state.first_moment, gradients)
        v = running_square(beta2, state.second_moment, gradients)
        after = AdamState(step, m, v, None)
        if n <= FEWEST_GRADIENTS:
            return scaled(factor, m), after
        rho = _gradients_in_mean(beta2, step)
        enough = rho > FEWEST_GRADIENTS
        least = jnp.maximum(rho, FEWEST_GRADIENTS)  # no root of a negative number
        rectified = jnp.sqrt((least - 4) * (least - 2) * n / ((n - 4) * (n - 2) * least))
        divided = factor * rectified * jnp.sqrt(one_minus_power(beta2, step))
        updates = jax.tree.map(
            lambda m, v: jnp.where(
                enough, scaled(divided, m) / (jnp.sqrt(v) + epsilon), scaled(factor, m)
            ),
            m,
            v,
        )
        return updates, after

    return rated(learning_rate, init, change)


@register_optimizer
def adamax(
    learning_rate: Rate = 0.002,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Optimizer:
    """Adam that divides by the largest gradient, which decays, instead of the root mean square.

    m <- beta1 * m + (1 - beta1) * g
    u <- max(beta2 * u, |g| + epsilon)
    w <- w - learning_rate(t) * m / ((1 - beta1^(t+1)) * u)

    Args:
        learning_rate: a number above 0, or a schedule.
        beta1: decay of the mean of gradients, from 0 to below 1.
        beta2: decay of the largest gradient, from 0 to below 1.
        epsilon: keeps the quotient finite where all gradients are zero, above 0.

    Raises:
        ConfigurationError: a value out of its range.

    >>> optimizer = adamax(0.1)
    >>> parameters = {"w": jnp.array([0.0, 0.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([9.0, -0.01])}, state, parameters)
    >>> [round(x, 5) for x in updates["w"].tolist()]
    [-0.1, 0.1]

    Source: Kingma and Ba (2015), *Adam: A method for stochastic optimization*, algorithm 2, which
    has no epsilon. As PyTorch.
    """
    beta1 = bounds.decay(beta1, "beta1")
    beta2 = bounds.decay(beta2, "beta2")
    epsilon = bounds.positive(epsilon, "epsilon")

    def init(parameters: Tree) -> AdamaxState:
        return AdamaxState(jnp.zeros((), jnp.int32), zeros_like(parameters), zeros_like(parameters))

    def change(factor: Array, gradients: Tree, state: AdamaxState) -> tuple[Tree, AdamaxState]:
        step = state.step + 1
        factor = factor / one_minus_power(beta1, step)
        m = running_mean(beta1, state.first_moment, gradients)
        u = jax.tree.map(
            lambda u, g: jnp.maximum(beta2 * u, jnp.abs(g) + epsilon), state.largest, gradients
        )
        updates = jax.tree.map(lambda m, u: scaled(factor, m) / u, m, u)
        return updates, AdamaxState(step, m, u)

    return rated(learning_rate, init, change)


def _gradients_in_mean(beta2: float, step: Array) -> Array:
    """Return rho of `radam` after ``step`` updates, in float32 too without a loss of digits.

    Both terms of rho are near n at first, and their difference is near 1. With x = -ln(beta2),
    z = t x / 2 and L(z) = coth(z) - 1 / z the same number is t (1 - L(z)) + L(x / 2), and
    t (1 - L(z)) = 2 / x - 2 t / (e^(t x) - 1).
    """
    x, t = -math.log(beta2), jnp.asarray(step, float)
    z = t * x / 2
    series = z * (1 / 3 + z**2 * (-1 / 45 + z**2 * (2 / 945 - z**2 / 4725)))
    whole = jnp.maximum(2 * z, 2 * SMALL)
    later = 2 / x * (1 - whole / jnp.expm1(whole))
    return jnp.where(z < SMALL, t * (1 - series), later) + _langevin(x / 2)


def _langevin(z: float) -> float:
    """Return coth(z) - 1 / z."""
    if z < SMALL:
        return z * (1 / 3 + z**2 * (-1 / 45 + z**2 * (2 / 945 - z**2 / 4725)))
    return 1 / math.tanh(z) - 1 / z
