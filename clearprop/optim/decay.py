"""Penalties on weights: added to the gradient (L2 and L1), or separate from it (decoupled)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.optim.arithmetic import scaled
from clearprop.optim.optimizer import NoState, Optimizer, State, Tree, register_transformation
from clearprop.tree import flatten_with_paths, match


@register_transformation
def add_decayed_weights(
    weight_decay: float, *, exclude: Sequence[str] = (), min_ndim: int = 0
) -> Optimizer:
    """Add the gradient of an L2 penalty to each gradient; stands before an optimizer in a chain.

    g <- g + weight_decay * w, the gradient of loss + weight_decay / 2 * |w|^2

    Args:
        weight_decay: 0 or above.
        exclude: patterns of paths (``*bias``, ``layers.1``) that do not decay.
        min_ndim: parameters with fewer axes do not decay; 2 leaves out biases and the scales of
            normalization, whatever their names.

    Raises:
        ConfigurationError: a value out of its range; when the state is made, a pattern that names
            no parameter.

    >>> decay = add_decayed_weights(0.1, exclude=["*bias"])
    >>> parameters = {"0.weight": jnp.array([2.0]), "0.bias": jnp.array([2.0])}
    >>> gradients = {"0.weight": jnp.array([1.0]), "0.bias": jnp.array([1.0])}
    >>> decay.update(gradients, decay.init(parameters), parameters)[0]
    {'0.bias': Array([1.], dtype=float32), '0.weight': Array([1.2], dtype=float32)}

    Source: Krogh and Hertz (1992), *A simple weight decay can improve generalization*. The lecture
    subtracts lambda * w from the weights directly: before `sgd` its lambda is
    learning_rate * weight_decay.
    """
    weight_decay = bounds.not_negative(weight_decay, "weight_decay")
    return _penalty(lambda g, w: g + weight_decay * w.astype(g.dtype), exclude, min_ndim)


@register_transformation
def add_l1_penalty(strength: float, *, exclude: Sequence[str] = (), min_ndim: int = 0) -> Optimizer:
    """Add the gradient of an L1 penalty to each gradient; stands before an optimizer in a chain.

    g <- g + strength * sign(w), the gradient of loss + strength * |w|_1

    Every weight is pulled towards 0 with the same force, so that many weights end near 0.

    Args:
        strength: 0 or above.
        exclude: patterns of paths that are not penalized, as in `add_decayed_weights`.
        min_ndim: parameters with fewer axes are not penalized.

    Raises:
        ConfigurationError: as `add_decayed_weights`.

    >>> penalty = add_l1_penalty(0.1)
    >>> w = {"w": jnp.array([2.0, -3.0, 0.0])}
    >>> print(penalty.update({"w": jnp.zeros(3)}, penalty.init(w), w)[0]["w"])
    [ 0.1 -0.1  0. ]

    Source: Tibshirani (1996), *Regression shrinkage and selection via the lasso*.
    """
    strength = bounds.not_negative(strength, "strength")
    return _penalty(lambda g, w: g + strength * jnp.sign(w).astype(g.dtype), exclude, min_ndim)


@register_transformation
def decoupled_weight_decay(
    optimizer: Optimizer, weight_decay: float, *, exclude: Sequence[str] = (), min_ndim: int = 0
) -> Optimizer:
    """Let the weights decay separately from an optimizer, whose scaling does not change the decay.

    w <- w + update of the optimizer - learning_rate(t) * weight_decay * w

    The state is that of the optimizer.

    Args:
        optimizer: an optimizer that needs gradients alone.
        weight_decay: 0 or above.
        exclude: patterns of paths that do not decay, as in `add_decayed_weights`.
        min_ndim: parameters with fewer axes do not decay, as in `add_decayed_weights`.

    Raises:
        ConfigurationError: a value out of its range; when the state is made, a pattern that names
            no parameter.

    >>> from clearprop.optim import momentum
    >>> optimizer = decoupled_weight_decay(momentum(0.1), weight_decay=0.5)
    >>> parameters = {"w": jnp.array([2.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, _ = optimizer.update({"w": jnp.array([1.0])}, state, parameters)
    >>> updates["w"]
    Array([-0.2], dtype=float32)

    Source: Loshchilov and Hutter (2019), *Decoupled weight decay regularization*, algorithms 1 and
    2. The paper multiplies the decay by the schedule only, here, as in PyTorch and Optax, by the
    whole learning rate.
    """
    weight_decay = bounds.not_negative(weight_decay, "weight_decay")
    if optimizer.update_on is not None:
        raise ConfigurationError(
            "decoupled weight decay is for optimizers that need gradients alone",
            where="optimizer",
            given=repr(optimizer),
            fix="leave the decay out: the objective that such an optimizer evaluates has none",
        )
    decays = chosen_by(exclude, min_ndim)

    def init(parameters: Tree) -> State:
        decays(parameters)
        return optimizer.init(parameters)

    def update(gradients: Tree, state: State, parameters: Tree) -> tuple[Tree, State]:
        factor = weight_decay * optimizer.learning_rate(state)
        updates, state = optimizer.update(gradients, state, parameters)

        def decayed(update: Array, w: Array) -> Array:
            return update - scaled(factor, w.astype(update.dtype))

        return _where(decays(parameters), decayed, updates, parameters), state

    return replace(optimizer, init=init, update=update)


def _penalty(
    changed: Callable[[Array, Array], Array], exclude: Sequence[str], min_ndim: int
) -> Optimizer:
    """Return the transformation of the gradient g of each chosen weight w to changed(g, w)."""
    chosen = chosen_by(exclude, min_ndim)

    def init(parameters: Tree) -> NoState:
        chosen(parameters)
        return NoState()

    def update(gradients: Tree, state: NoState, parameters: Tree) -> tuple[Tree, NoState]:
        return _where(chosen(parameters), changed, gradients, parameters), state

    return Optimizer(init, update)


def _where(
    chosen: Tree, changed: Callable[[Array, Array], Array], values: Tree, parameters: Tree
) -> Tree:
    """Return ``changed(value, parameter)`` for the chosen leaves, and the other values as given."""
    return jax.tree.map(lambda x, w, yes: changed(x, w) if yes else x, values, parameters, chosen)


def chosen_by(exclude: Sequence[str], min_ndim: int) -> Callable[[Tree], Tree]:
    """Return a function: parameters -> for each leaf whether it is penalized."""
    patterns = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    least = bounds.count(min_ndim, "min_ndim")

    def chosen(parameters: Tree) -> Tree:
        by_path = flatten_with_paths(parameters)
        excluded = set(match(by_path, patterns))
        leaves = [path not in excluded and jnp.ndim(w) >= least for path, w in by_path.items()]
        return jax.tree.unflatten(jax.tree.structure(parameters), leaves)

    return chosen
