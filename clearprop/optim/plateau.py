"""A learning rate that falls when a metric no longer improves."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.optim.arithmetic import scaled
from clearprop.optim.optimizer import Optimizer, Tree, register_transformation


class PlateauState(NamedTuple):
    """The state of `reduce_on_plateau`: scalars that travel with the checkpoint.

    Attributes:
        scale: the factor on the learning rate.
        best: the best metric observed.
        waited: observations since the best one, int32.
        resting: observations that remain to be ignored after a reduction, int32.
    """

    scale: Array
    best: Array
    waited: Array
    resting: Array


@register_transformation
def reduce_on_plateau(
    factor: float = 0.1,
    *,
    patience: int = 10,
    threshold: float = 1e-4,
    mode: Literal["min", "max"] = "min",
    cooldown: int = 0,
    min_scale: float = 0.0,
) -> Optimizer:
    """Reduce the learning rate when a metric no longer improves; follows an optimizer in a chain.

    update <- scale * update; after more than ``patience`` observations in a row that are no better
    than the best, scale <- max(min_scale, factor * scale)

    The training loop gives each measurement to `Optimizer.observe` of the chain. The compiled step
    only multiplies by the scale.

    Args:
        factor: the rate is multiplied by it at each reduction, between 0 and 1.
        patience: observations without improvement before the rate falls.
        threshold: the fraction of the best metric by which a better one must improve, 0 or above.
        mode: whether lower (``min``, an error) or higher (``max``, an accuracy) is better.
        cooldown: observations to ignore after a reduction.
        min_scale: where the scale stops falling, from 0 to below 1.

    Raises:
        ConfigurationError: a value out of its range.

    >>> from clearprop.optim import chain, sgd
    >>> optimizer = chain(sgd(1.0), reduce_on_plateau(factor=0.5, patience=1))
    >>> state = optimizer.init({"w": jnp.zeros(1)})
    >>> for error in [0.9, 0.8, 0.8, 0.8]:
    ...     state = optimizer.observe(state, error)
    ...     print(optimizer.learning_rate(state))
    1.0
    1.0
    1.0
    0.5

    Source: as PyTorch's ReduceLROnPlateau with a relative threshold, whose ``min_lr`` is
    ``min_scale`` times the learning rate. Its threshold has the wrong sign for a metric below 0,
    here it is a fraction of the absolute value of the best.
    """
    factor = bounds.fraction(factor, "factor")
    patience = bounds.count(patience, "patience")
    threshold = bounds.not_negative(threshold, "threshold")
    cooldown = bounds.count(cooldown, "cooldown")
    min_scale = bounds.decay(min_scale, "min_scale")
    if mode not in ("min", "max"):
        raise ConfigurationError(
            "mode is out of range",
            where="mode",
            given=repr(mode),
            expected="'min' (lower is better) or 'max' (higher is better)",
        )
    sign = 1 if mode == "max" else -1

    def init(parameters: Tree) -> PlateauState:
        return PlateauState(
            scale=jnp.ones((), float),
            best=jnp.full((), -sign * jnp.inf, float),
            waited=jnp.zeros((), jnp.int32),
            resting=jnp.zeros((), jnp.int32),
        )

    def update(updates: Tree, state: PlateauState, parameters: Tree) -> tuple[Tree, PlateauState]:
        return scaled(state.scale, updates), state

    def observe(state: PlateauState, metric: ArrayLike) -> PlateauState:
        value = jnp.asarray(metric, state.best.dtype)
        margin = jnp.where(jnp.isfinite(state.best), threshold * jnp.abs(state.best), 0)
        better = sign * value > sign * state.best + margin
        resting = state.resting > 0
        waited = jnp.where(better | resting, 0, state.waited + 1)
        reduced = waited > patience
        return PlateauState(
            scale=jnp.where(reduced, jnp.maximum(factor * state.scale, min_scale), state.scale),
            best=jnp.where(better, value, state.best),
            waited=jnp.where(reduced, 0, waited),
            resting=jnp.where(reduced, cooldown, jnp.maximum(state.resting - 1, 0)),
        )

    return Optimizer(init, update, learning_rate=lambda state: state.scale, observe=observe)
