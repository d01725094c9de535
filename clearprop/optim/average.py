"""The exponential moving average of the parameters, used in evaluation."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.optim.arithmetic import scaled, zeros_like
from clearprop.optim.optimizer import Optimizer, Tree, apply, register_transformation


class AverageState(NamedTuple):
    """The state of `average_parameters`.

    Attributes:
        step: the number of updates made, int32.
        average: the average parameters; before the first update the parameters themselves.
    """

    step: Array
    average: Tree


@register_transformation
def average_parameters(decay: float = 0.999) -> Optimizer:
    """Keep a running average of the parameters, for evaluation; the last part of a chain.

    a(t) = sum_i decay^(t-i) w(i) / sum_i decay^(t-i),  i = 1 ... t, w(i) the parameters after
    update i

    The updates are not changed. `Optimizer.averaged` of the chain returns the average.

    Args:
        decay: from 0 to below 1; the average reaches back over about 1 / (1 - decay) updates.

    Raises:
        ConfigurationError: the decay is out of its range, or in `chain` this part is not the last.

    >>> from clearprop.optim import apply, chain, sgd
    >>> optimizer = chain(sgd(1.0), average_parameters(0.5))
    >>> parameters = {"w": jnp.array([3.0])}
    >>> state = optimizer.init(parameters)
    >>> for _ in range(2):  # w is 2, then 1
    ...     updates, state = optimizer.update({"w": jnp.array([1.0])}, state, parameters)
    ...     parameters = apply(parameters, updates)
    >>> round(optimizer.averaged(state, parameters)["w"].item(), 3)  # (0.5 * 2 + 1) / (0.5 + 1)
    1.333

    Source: Polyak and Juditsky (1992), *Acceleration of stochastic approximation by averaging*,
    with exponential weights; the start is corrected as in Kingma and Ba (2015), section 3, so that
    the untrained parameters do not count. PyTorch's AveragedModel gives w(1) the weight of
    all that came before.
    """
    decay = bounds.decay(decay, "decay")

    def init(parameters: Tree) -> AverageState:
        # A sum, so that the average never shares a buffer with parameters that are donated.
        average = jax.tree.map(jnp.add, zeros_like(parameters), parameters)
        return AverageState(jnp.zeros((), jnp.int32), average)

    def update(updates: Tree, state: AverageState, parameters: Tree) -> tuple[Tree, AverageState]:
        step = state.step + 1
        moved = apply(parameters, updates)
        weight = (1 - decay) / -jnp.expm1(step * math.log(decay)) if decay else jnp.ones((), float)
        average = jax.tree.map(
            lambda a, w: a + scaled(weight, w.astype(a.dtype) - a), state.average, moved
        )
        return updates, AverageState(step, average)

    def averaged(state: AverageState, parameters: Tree) -> Tree:
        def as_parameter(leaf: Any, average: Array | None) -> Any:
            return leaf if average is None else average.astype(jnp.asarray(leaf).dtype)

        leaves, structure = jax.tree.flatten(parameters)
        averages = jax.tree.leaves(state.average, is_leaf=lambda x: x is None)
        return jax.tree.unflatten(structure, map(as_parameter, leaves, averages))

    return Optimizer(init, update, averaged=averaged)
