"""Muon: momentum whose matrices are made orthogonal, and AdamW for all other parameters.

Shape letters: R rows and C columns of a matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clearprop import bounds
from clearprop.errors import ConfigurationError
from clearprop.optim.arithmetic import running_mean, scaled, zeros_like
from clearprop.optim.decay import chosen_by, decoupled_weight_decay
from clearprop.optim.moments import AdamState, adam
from clearprop.optim.optimizer import Optimizer, Tree, register_optimizer
from clearprop.optim.schedules import Rate, as_schedule

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial a s + b s^3 + c s^5 that is applied to the singular values s."""

LEAST_NORM = 1e-7
"""A matrix is divided by its norm, but not by less than this."""


class MuonState(NamedTuple):
    """The state of `muon`.

    Attributes:
        step: the number of updates made, int32.
        velocity: the running mean of the gradients of matrices, shaped as the parameters; None in
            the place of all other parameters.
        adam: the state of Adam for the other parameters; None in the place of the matrices.
    """

    step: Array
    velocity: Tree
    adam: AdamState


@register_optimizer
def muon(
    learning_rate: Rate = 0.001,
    *,
    weight_decay: float = 0.1,
    momentum: float = 0.95,
    nesterov: bool = True,
    iterations: int = 5,
    scaling: str = "match_rms_adamw",
    adamw: Sequence[str] = (),
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    exclude: Sequence[str] = (),
    min_ndim: int = 0,
) -> Optimizer:
    """Move matrices along their momentum with all singular values near 1; AdamW for the rest.

    v <- momentum * v + (1 - momentum) * g
    d = momentum * v + (1 - momentum) * g            (nesterov; else d = v)
    w <- w - learning_rate(t) * (k * orthogonal(d) + weight_decay * w)

    g is the gradient, t the number of updates made so far. With the singular values S of
    d = U S V^T, orthogonal(d) is about U V^T; `orthogonalized` has its equation. For a matrix
    (inputs, outputs), k is 0.2 * sqrt(max(inputs, outputs)) with "match_rms_adamw" and
    sqrt(max(1, outputs / inputs)) with "original".

    Parameters with two axes are matrices. A kernel (*window, inputs, outputs) is one too, with
    window times inputs rows. Vectors and numbers are left to AdamW, and so is what ``adamw`` names.
    Source and PyTorch say that embeddings and the last layer belong there: an optimizer cannot see
    which they are.

    Args:
        learning_rate: a number above 0, or a schedule, for all parameters.
        weight_decay: 0 or above, for all parameters.
        momentum: decay of the mean of gradients, from 0 to below 1.
        nesterov: whether the direction looks one step ahead.
        iterations: of the approximation, 1 or above.
        scaling: "match_rms_adamw" gives the steps of matrices the size of those of AdamW, so that
            one rate fits both; "original" is that of the first publication, whose rate for
            matrices was about 0.02.
        adamw: patterns of the paths that AdamW trains, such as ``["*embedding*", "head"]``.
        beta1: of AdamW, as in `adam`.
        beta2: of AdamW, as in `adam`.
        epsilon: of AdamW, as in `adam`.
        exclude: patterns of the paths that do not decay, as in `add_decayed_weights`.
        min_ndim: parameters with fewer axes do not decay, as in `add_decayed_weights`.

    Raises:
        ConfigurationError: a value out of its range or an unknown scaling; when the state is made,
            a pattern that names no parameter.

    >>> optimizer = muon(0.1, weight_decay=0.0, scaling="original", iterations=20)
    >>> parameters = {"weight": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    >>> gradients = {"weight": jnp.array([[0.0, 9.0], [0.01, 0.0]]), "bias": jnp.array([5.0, -5.0])}
    >>> updates, _ = optimizer.update(gradients, optimizer.init(parameters), parameters)
    >>> print(updates["weight"].round(1), updates["bias"].round(1))
    [[-0.  -0.1]
     [-0.1 -0. ]] [-0.1  0.1]

    Source: Jordan et al. (2024), *Muon: An optimizer for hidden layers in neural networks*; the
    scaling "match_rms_adamw" by Liu et al. (2025), *Muon is scalable for LLM training*, section
    2.2. As PyTorch's Muon, which takes matrices alone, scales by "original" unless told otherwise,
    and computes the iterations in bfloat16 where this optimizer keeps float32.
    """
    momentum = bounds.decay(momentum, "momentum")
    iterations = bounds.count(iterations, "iterations", least=1)
    if scaling not in ("match_rms_adamw", "original"):
        raise ConfigurationError(
            "the scaling is unknown",
            where="scaling",
            given=repr(scaling),
            expected="'match_rms_adamw' or 'original'",
        )
    rate = as_schedule(learning_rate)
    rest = adam(rate, beta1=beta1, beta2=beta2, epsilon=epsilon)
    by_muon = chosen_by(adamw, 2)

    def init(parameters: Tree) -> MuonState:
        chosen = by_muon(parameters)
        return MuonState(
            jnp.zeros((), jnp.int32),
            zeros_like(_part(parameters, chosen, True)),
            rest.init(_part(parameters, chosen, False)),
        )

    def update(gradients: Tree, state: MuonState, parameters: Tree) -> tuple[Tree, MuonState]:
        chosen, factor = by_muon(parameters), -rate(state.step)
        mine = _part(gradients, chosen, True)
        velocity = running_mean(momentum, state.velocity, mine)
        ahead = running_mean(momentum, velocity, mine) if nesterov else velocity

        def moved(direction: Array) -> Array:
            return scaled(factor, _step(direction, iterations, scaling))

        others, adam_state = rest.update(
            _part(gradients, chosen, False), state.adam, _part(parameters, chosen, False)
        )
        updates = jax.tree.map(
            lambda yes, a, b: a if yes else b, chosen, jax.tree.map(moved, ahead), others
        )
        return updates, MuonState(state.step + 1, velocity, adam_state)

    optimizer = Optimizer(init, update, learning_rate=lambda state: rate(state.step))
    return decoupled_weight_decay(optimizer, weight_decay, exclude=exclude, min_ndim=min_ndim)


def orthogonalized(matrix: Array, iterations: int = 5) -> Array:
    """Return about U V^T of a matrix U S V^T by Newton-Schulz iterations, which are products alone.

    x <- matrix / |matrix|
    x <- a x + (b A + c A A) x,  A = x x^T     in each iteration

    After five iterations the singular values lie between about 0.7 and 1.2; with these coefficients
    they come near 1 fast and never reach it. Very small ones need more iterations.

    Shapes: matrix (R, C), result the same.

    >>> x = orthogonalized(jnp.array([[3.0, 0.0], [4.0, 1.0]]))
    >>> bool(jnp.abs(jnp.linalg.svd(x)[1] - 1).max() < 0.35)
    True

    Source: Jordan et al. (2024), *Muon: An optimizer for hidden layers in neural networks*.
    """
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    a, b, c = COEFFICIENTS
    x = wide / jnp.maximum(jnp.sqrt(jnp.sum(wide * wide)), LEAST_NORM)
    for _ in range(iterations):
        square = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def _step(direction: Array, iterations: int, scaling: str) -> Array:
    """Return the step of one matrix or kernel at a rate of 1, without its sign."""
    matrix = direction.reshape(-1, direction.shape[-1])
    inputs, outputs = matrix.shape
    if scaling == "original":
        size = math.sqrt(max(1, outputs / inputs))
    else:
        size = 0.2 * math.sqrt(max(inputs, outputs))
    return scaled(size, orthogonalized(matrix, iterations)).reshape(direction.shape)


def _part(tree: Tree, chosen: Tree, which: bool) -> Tree:
    """Return the leaves that are chosen, or those that are not, and None in place of the others."""
    return jax.tree.map(lambda x, yes: x if yes is which else None, tree, chosen)
