"""Layers that contain layers, and layers that change shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import overload

from clearprop import ops
from clearprop.errors import ShapeError
from clearprop.nn.activation import Activation, ActivationLike
from clearprop.nn.fields import Array, static
from clearprop.nn.inference import class_for_instance
from clearprop.nn.module import Module

Layer = Module | ActivationLike


def as_module(layer: Layer) -> Module:
    """Return a layer as a module: functions and names of activations become `Activation`.

    Raises:
        ModelError: the layer is a class.
    """
    if isinstance(layer, Module):
        return layer
    given: object = layer
    if isinstance(given, type) and issubclass(given, Module):
        raise class_for_instance(given)
    return Activation(layer)


class Sequential(Module):
    """Layers one after the other: y = f_n(... f_2(f_1(x))).

    Activations may be given as operations or by name.

    Shapes: x as the first layer takes it, y as the last layer returns it.

    Args:
        layers: f_1 to f_n, one by one or as a list.

    Raises:
        ModelError: an entry is not a layer.

    >>> import jax.numpy as jnp
    >>> from clearprop.nn.linear import Linear
    >>> model = Sequential([Linear(2, 8), ops.tanh, Linear(8, 1), "sigmoid"]).init(0)
    >>> model(jnp.ones((4, 2))).shape
    (4, 1)
    >>> model[2].weight.shape, len(model)
    ((8, 1), 4)
    >>> len(Sequential(Linear(2, 8), "relu", Linear(8, 1)))
    3

    Source: PyTorch's and Keras's container of that name.
    """

    layers: tuple[Module, ...]

    def __init__(self, *layers: Layer | Sequence[Layer]) -> None:
        every: list[Layer] = []
        for layer in layers:
            if isinstance(layer, Sequence) and not isinstance(layer, str):
                every.extend(layer)
            else:
                every.append(layer)
        self.layers = tuple(as_module(layer) for layer in every)

    def __call__(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Module:
        chosen = self.layers[index]
        return Sequential(chosen) if isinstance(chosen, tuple) else chosen


class Residual(Module):
    """A shortcut around a layer: y = shortcut(x) + inner(x).

    The shortcut is the identity unless given; a 1 x 1 convolution or a linear layer changes the
    width.

    Shapes: x as the layers take it; y, shortcut(x) and inner(x) have the same shape.

    Raises:
        ShapeError: the two branches give different shapes.

    >>> import jax.numpy as jnp
    >>> from clearprop.nn.linear import Linear
    >>> Residual(Sequential([Linear(4, 4), ops.relu])).init(0)(jnp.ones((2, 4))).shape
    (2, 4)

    Source: He et al. (2016), *Deep residual learning for image recognition*.
    """

    inner: Module
    shortcut: Module | None

    def __init__(self, inner: Layer, shortcut: Layer | None = None) -> None:
        self.inner = as_module(inner)
        self.shortcut = None if shortcut is None else as_module(shortcut)

    def __call__(self, x: Array) -> Array:
        change: Array = self.inner(x)
        kept: Array = x if self.shortcut is None else self.shortcut(x)
        if change.shape != kept.shape:
            raise ShapeError(
                "the branches of a residual layer have different shapes",
                given=f"inner {tuple(change.shape)}, shortcut {tuple(kept.shape)}",
                fix="give a shortcut that changes the shape in the same way, such as a 1x1 "
                "convolution with the same stride",
            )
        return kept + change


class Flatten(Module):
    """All axes but the batch as one: y[n, (i B + j) C + k] = x[n, i, j, k].

    Shapes: x (batch, A, B, C), or any number of axes after the batch; y (batch, A B C).

    Raises:
        ShapeError: x has no batch axis.

    >>> import jax.numpy as jnp
    >>> Flatten()(jnp.ones((2, 5, 5, 16))).shape
    (2, 400)

    Source: PyTorch's and Keras's layer of that name; the last axis changes fastest.
    """

    def __call__(self, x: Array) -> Array:
        if not x.shape:
            raise ShapeError("an input without a batch axis cannot be flattened", given="()")
        return ops.reshape(x, shape=(x.shape[0], math.prod(x.shape[1:])))


class Reshape(Module):
    """Each example in another shape: the entries of y[n] = the entries of x[n], in their order.

    Shapes: x (batch, ...), y (batch, *shape).

    Raises:
        ShapeError: an example has another number of entries than the new shape.

    >>> import jax.numpy as jnp
    >>> Reshape((28, 28, 1))(jnp.ones((2, 784))).shape
    (2, 28, 28, 1)

    Source: Keras's layer of that name.
    """

    shape: tuple[int, ...] = static()

    def __call__(self, x: Array) -> Array:
        if math.prod(x.shape[1:]) != math.prod(self.shape):
            raise ShapeError(
                "an example has another number of entries than the new shape",
                given=f"input {tuple(x.shape)}",
                expected=f"(batch, ...) with {math.prod(self.shape)} entries each",
            )
        return ops.reshape(x, shape=(x.shape[0], *self.shape))
