"""The network of deep Q-learning: the value of every action in a state.

Shape letters: B batch, O numbers of an observation, A actions, H hidden units.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.fields import Array


class QNetwork(nn.Module):
    """Q(s, a): the return that is expected after each action, by fully connected layers.

    The plain head has an output for each action. The duelling head has one for the value of the
    state and one for the advantage of each action, ``Q = V + A - mean_a A``.

    Args:
        observations: O.
        actions: A.
        hidden_sizes: units of each hidden layer.
        activation: of the hidden units, an operation or its name.
        duelling: whether the head is the duelling one.
        scale: what each number of an observation is divided by; None takes them as they are.

    Shapes: observations (B, O), output (B, A).

    Raises:
        ConfigurationError: there is no hidden layer, or another number of scales than observations.

    >>> model = QNetwork(4, 2, duelling=True).init(0)
    >>> model(jnp.zeros((3, 4))).shape
    (3, 2)

    Source: Mnih et al. 2015, *Human-level control through deep reinforcement learning*; the
    duelling head is of Wang et al. 2016, *Dueling network architectures for deep reinforcement
    learning*.
    """

    scale: tuple[float, ...] | None
    layers: tuple[nn.Linear, ...]
    activation: nn.Activation
    value: nn.Linear | None
    advantage: nn.Linear

    def __init__(
        self,
        observations: int,
        actions: int,
        *,
        hidden_sizes: Sequence[int] = (120, 84),
        activation: ActivationLike = ops.relu,
        duelling: bool = False,
        scale: Sequence[float] | None = None,
    ) -> None:
        if not hidden_sizes or (scale is not None and len(scale) != observations):
            raise ConfigurationError(
                "a Q-network has a hidden layer, and a scale for each number of an observation",
                where="QNetwork",
                given=f"hidden_sizes={tuple(hidden_sizes)}, scale={scale}",
                expected=f"at least one size, and {observations} scales or None",
            )
        sizes = (observations, *hidden_sizes)
        self.scale = None if scale is None else tuple(scale)
        self.layers = tuple(nn.Linear(n, m) for n, m in itertools.pairwise(sizes))
        self.activation = nn.Activation(activation)
        self.value = nn.Linear(sizes[-1], 1) if duelling else None
        self.advantage = nn.Linear(sizes[-1], actions)

    def __call__(self, x: Array) -> Array:
        if self.scale is not None:
            x = x / jnp.asarray(self.scale, jnp.float32)
        for layer in self.layers:
            x = self.activation(layer(x))
        q = self.advantage(x)
        if self.value is None:
            return q
        return self.value(x) + q - ops.mean(q, axis=-1, keepdims=True)
