"""Layers that are not fully connected: partial and lateral connections.

Shape letters: B batch, I inputs, H units, C connections.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from numpy.typing import ArrayLike, NDArray

from clearprop import bounds, ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ConfigurationError
from clearprop.nn import draws
from clearprop.nn.activation import Activation, ActivationLike
from clearprop.nn.checks import last_axis, positive_sizes
from clearprop.nn.fields import Array, Initializer, Shape, parameter, static
from clearprop.nn.initializers import zeros
from clearprop.nn.linear import Linear
from clearprop.nn.module import Module

Connections = NDArray[np.bool_]
"""Whether each input (row) is connected to each unit (column), (I, H)."""


class PartiallyConnected(Module):
    """A layer in which each unit is connected to some of the inputs: y = x W + b.

    W is zero where there is no connection. Only the weights of connections are learned, saved and
    counted. Initial values are Glorot's for the existing connections:
    U(-b, b) with b = sqrt(6) / sqrt(n_in + n_out), where n_in counts the connections into a
    weight's unit and n_out those out of its input.

    Shapes: x (..., I), weight (C,) unit by unit, b (H,), y (..., H).

    Args:
        connections: bool, (I, H): True where an input goes to a unit. `windows`, `blocks` and
            `scattered` make some.
        bias: whether there is a b.
        weight_init: makes the weights, of shape (C,); None for Glorot's.

    Raises:
        ConfigurationError: connections are not a matrix of truth values, or a unit has none.
        ShapeError: the last axis of x is not I long.

    >>> layer = PartiallyConnected(np.array([[1, 0], [1, 1], [0, 1]], bool)).init(0)
    >>> print((layer.matrix() != 0).astype(int))
    [[1 0]
     [1 1]
     [0 1]]
    >>> layer(jnp.ones((4, 3))).shape, layer.weight.shape
    ((4, 2), (4,))

    Source: the lectures' partially connected network. PyTorch has it as a masked dense weight
    (``torch.nn.utils.prune``), which keeps all entries.
    """

    weight: Array
    bias: Array | None
    in_features: int = static()
    out_features: int = static()
    pattern: str = static()

    def __init__(
        self,
        connections: ArrayLike,
        *,
        bias: bool = True,
        weight_init: Initializer | None = None,
    ) -> None:
        wired = _checked(connections)
        self.in_features, self.out_features = wired.shape
        # A string can be saved as plain data, and Python keeps its hash, which every call needs.
        self.pattern = np.packbits(wired.T).tobytes().hex()
        self.weight = parameter((int(wired.sum()),), weight_init or _glorot_of(wired))
        self.bias = parameter((wired.shape[1],), zeros) if bias else None

    @property
    def connections(self) -> Connections:
        """Whether each input (row) is connected to each unit (column), (I, H)."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.pattern), np.uint8))
        size = self.in_features * self.out_features
        return bits[:size].astype(bool).reshape(self.out_features, self.in_features).T

    def matrix(self) -> Array:
        """Return W with zeros where there is no connection, (I, H)."""
        wired = self.connections.T
        places = np.where(wired, np.cumsum(wired).reshape(wired.shape), 0).T
        # Entry 0 is zero for all missing connections; it gets no error signal.
        kept = ops.concatenate([jnp.zeros(1, self.weight.dtype), self.weight])
        return ops.take(kept, jnp.asarray(places, jnp.int32))

    def __call__(self, x: Array) -> Array:
        last_axis(x, self.in_features)
        product = ops.matmul(x, self.matrix())
        return product if self.bias is None else product + self.bias

    def __repr__(self) -> str:
        fraction = int(self.connections.sum()) / (self.in_features * self.out_features)
        return (
            f"PartiallyConnected(in_features={self.in_features}, "
            f"out_features={self.out_features}, connections={fraction:.1%})"
        )


class Lateral(Module):
    """A layer whose units feed each other: y <- f(x W + b + y L), repeated from y = 0.

    L has a weight from every unit to every other unit, and none from a unit to itself. The output
    is the y of the last round. Gradients go back through all rounds, so that W, b and L learn.

    With ``tolerance`` an example stops when its units changed by no more than that in a round: it
    is near a fixed point y = f(x W + b + y L). Other examples continue up to ``rounds``.

    Shapes: x (..., I), W (I, H), b (H,), L (H, H), y (..., H).

    Args:
        in_features: I.
        units: H, at least 2.
        activation: f.
        rounds: the largest number of rounds; 1 is a fully connected layer.
        tolerance: the largest change of a unit at which an example stops; None for all rounds.
        lateral_init: initial values of L's weights: ``constant(-0.2)`` is lateral inhibition, in
            which each unit lowers all others. None for Glorot's.

    Raises:
        ConfigurationError: a single unit, no rounds, or a tolerance that is not positive.
        ShapeError: the last axis of x is not I long.

    >>> from clearprop import nn, tree
    >>> layer = Lateral(3, 3, rounds=40, lateral_init=nn.initializers.constant(-0.5)).init(0)
    >>> layer = tree.replace(layer, {"forward.weight": jnp.eye(3)})
    >>> [f"{y:.2f}" for y in layer(jnp.array([1.0, 0.9, 0.2]))]
    ['0.73', '0.53', '0.00']

    Source: the lectures' lateral network; lateral inhibition as in Hartline and Ratliff (1957).
    """

    forward: Linear
    between: PartiallyConnected
    activation: Activation
    rounds: int = static()
    tolerance: float | None = static()

    def __init__(
        self,
        in_features: int,
        units: int,
        *,
        activation: ActivationLike = ops.relu,
        rounds: int = 5,
        tolerance: float | None = None,
        lateral_init: Initializer | None = None,
    ) -> None:
        positive_sizes("Lateral", in_features=in_features, units=units, rounds=rounds)
        if units < 2:
            raise ConfigurationError(
                "lateral connections need at least two units", where="Lateral", given="1"
            )
        if tolerance is not None:
            bounds.positive(tolerance, "tolerance", where="Lateral")
        self.forward = Linear(in_features, units)
        self.between = PartiallyConnected(
            ~np.eye(units, dtype=bool), bias=False, weight_init=lateral_init
        )
        self.activation = Activation(activation)
        self.rounds = rounds
        self.tolerance = tolerance

    def __call__(self, x: Array) -> Array:
        total = self.forward(x)
        first: Array = self.activation(total)
        if self.rounds == 1:
            return first
        lateral = self.between.matrix()

        def round_of(y: Array, _: None) -> tuple[Array, None]:
            new: Array = self.activation(total + ops.matmul(y, lateral))
            return self._unless_stopped(y, new), None

        # In the first round y is zero.
        return ops.scan(round_of, first, length=self.rounds - 1)[0]

    def _unless_stopped(self, y: Array, new: Array) -> Array:
        if self.tolerance is None:
            return new
        moved = jnp.abs(stop_gradient(new) - stop_gradient(y)).max(axis=-1, keepdims=True)
        return ops.where(moved > self.tolerance, new, y)


def windows(size: tuple[int, ...], window: int, stride: int = 1) -> Connections:
    """Return connections in which each unit sees a window of a sequence, a picture or a volume.

    A convolution has the same connections, but shares its weights over all places. This is the
    locally connected layer.

    Args:
        size: of the input along each axis, in the order in which `Flatten` puts its entries.
        window: side of a window.
        stride: steps between windows.

    Raises:
        ConfigurationError: the window is larger than the input.

    >>> print(windows((4,), 2).astype(int))
    [[1 0 0]
     [1 1 0]
     [0 1 1]
     [0 0 1]]
    >>> windows((8, 8), 3).shape
    (64, 36)
    """
    positive_sizes("windows", size=size, window=window, stride=stride)
    if window > min(size):
        raise ConfigurationError(
            "the window is larger than the input",
            where="windows",
            given=f"window {window} on {' x '.join(map(str, size))}",
        )
    numbers = np.arange(math.prod(size)).reshape(size)
    views = np.lib.stride_tricks.sliding_window_view(numbers, (window,) * len(size))
    seen = views[(slice(None, None, stride),) * len(size)].reshape(-1, window ** len(size))
    wired = np.zeros((numbers.size, len(seen)), bool)
    wired[seen.T, np.arange(len(seen))] = True
    return wired


def blocks(inputs: int, units: int, groups: int) -> Connections:
    """Return connections within groups only: the first inputs go to the first units, and so on.

    >>> print(blocks(4, 2, groups=2).astype(int))
    [[1 0]
     [1 0]
     [0 1]
     [0 1]]
    """
    positive_sizes("blocks", inputs=inputs, units=units, groups=groups)
    if groups > min(inputs, units):
        raise ConfigurationError(
            "every group needs an input and a unit",
            where="blocks",
            given=f"{groups} groups of {inputs} inputs and {units} units",
        )
    of_input = np.arange(inputs) * groups // inputs
    of_unit = np.arange(units) * groups // units
    return np.asarray(of_input[:, None] == of_unit)


def scattered(inputs: int, units: int, each: int, seed: int = 0) -> Connections:
    """Return connections from ``each`` inputs, drawn at random, to every unit.

    >>> scattered(64, 10, each=8).sum(axis=0).tolist()
    [8, 8, 8, 8, 8, 8, 8, 8, 8, 8]
    """
    positive_sizes("scattered", inputs=inputs, units=units, each=each)
    if each > inputs:
        raise ConfigurationError(
            "a unit cannot have more connections than there are inputs",
            where="scattered",
            given=f"each={each} of {inputs}",
        )
    random = np.random.default_rng(seed)
    wired = np.zeros((inputs, units), bool)
    for unit in range(units):
        wired[random.choice(inputs, each, replace=False), unit] = True
    return wired


def _checked(connections: ArrayLike) -> Connections:
    given = np.asarray(connections)
    is_truth = given.dtype == bool or np.isin(given, (0, 1)).all()
    if given.ndim != 2 or not given.size or not is_truth:
        raise ConfigurationError(
            "connections must be a matrix of truth values",
            where="PartiallyConnected",
            given=f"shape {given.shape}, dtype {given.dtype}",
            expected="(inputs, units), True where an input goes to a unit",
        )
    wired = given.astype(bool)
    alone = np.flatnonzero(~wired.any(axis=0))
    if len(alone):
        raise ConfigurationError(
            "a unit has no input",
            where="PartiallyConnected",
            given=f"column {alone[0]} has no True",
            fix="leave the unit out, or give it a connection",
        )
    return wired


def _glorot_of(wired: Connections) -> Initializer:
    into, out_of = wired.sum(axis=0), wired.sum(axis=1)
    limits = np.sqrt(6 / (into[None] + out_of[:, None])).T[wired.T]

    def make(key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        return draws.uniform(key, shape, dtype, -1.0, 1.0) * jnp.asarray(limits, dtype)

    return make
