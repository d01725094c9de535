"""The activation functions of `ops` as layers."""

from __future__ import annotations

from collections.abc import Callable

from clearprop import ops
from clearprop.errors import ModelError
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array, static
from clearprop.nn.module import Module

ActivationLike = Callable[[Array], Array] | str
"""An operation, or its name in `ops.ACTIVATIONS`."""


class Activation(Module):
    """An activation function applied to every unit: y = f(x).

    Shapes: x of any shape, y the same.

    Args:
        function: f, as an operation or by its name in `ops.ACTIVATIONS`.

    Raises:
        ConfigurationError: there is no activation of this name.
        ModelError: f is neither a function nor a name.

    >>> import jax.numpy as jnp
    >>> print(Activation("relu")(jnp.array([-1.0, 2.0])))
    [0. 2.]
    >>> Activation("rellu")
    Traceback (most recent call last):
    clearprop.errors.ConfigurationError: unknown activation 'rellu'...

    Source: `ops.ACTIVATIONS` has the equation and the source of each activation.
    """

    function: Callable[[Array], Array] = static()

    def __init__(self, function: ActivationLike) -> None:
        if isinstance(function, str):
            one_of(None, ops.ACTIVATIONS, activation=function)
            function = ops.ACTIVATIONS[function]
        if not callable(function):
            raise ModelError(
                "a layer must be a module, an operation or the name of an activation",
                given=repr(function)[:60],
            )
        self.function = function

    def __call__(self, x: Array) -> Array:
        return self.function(x)
