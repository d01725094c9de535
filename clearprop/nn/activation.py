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


class NamedActivation(Activation, init=False):
    """An activation of `ops.ACTIVATIONS` as a class of its own."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ReLU(NamedActivation):
    """The activation `ops.relu` as a layer.

    Shapes: x of any shape, y the same.

    >>> ReLU()
    ReLU()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("relu")


class LeakyReLU(NamedActivation):
    """The activation `ops.leaky_relu` as a layer.

    Shapes: x of any shape, y the same.

    >>> LeakyReLU()
    LeakyReLU()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("leaky_relu")


class ELU(NamedActivation):
    """The activation `ops.elu` as a layer.

    Shapes: x of any shape, y the same.

    >>> ELU()
    ELU()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("elu")


class GELU(NamedActivation):
    """The activation `ops.gelu` as a layer.

    Shapes: x of any shape, y the same.

    >>> GELU()
    GELU()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("gelu")


class SiLU(NamedActivation):
    """The activation `ops.silu` as a layer.

    Shapes: x of any shape, y the same.

    >>> SiLU()
    SiLU()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("silu")


class Sigmoid(NamedActivation):
    """The activation `ops.sigmoid` as a layer.

    Shapes: x of any shape, y the same.

    >>> Sigmoid()
    Sigmoid()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("sigmoid")


class Tanh(NamedActivation):
    """The activation `ops.tanh` as a layer.

    Shapes: x of any shape, y the same.

    >>> Tanh()
    Tanh()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("tanh")


class Softplus(NamedActivation):
    """The activation `ops.softplus` as a layer.

    Shapes: x of any shape, y the same.

    >>> Softplus()
    Softplus()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("softplus")


class Softmax(NamedActivation):
    """The activation `ops.softmax` as a layer.

    Shapes: x of any shape, y the same.

    >>> Softmax()
    Softmax()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("softmax")


class LogSoftmax(NamedActivation):
    """The activation `ops.log_softmax` as a layer.

    Shapes: x of any shape, y the same.

    >>> LogSoftmax()
    LogSoftmax()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("log_softmax")


class Identity(NamedActivation):
    """The activation `ops.identity` as a layer.

    Shapes: x of any shape, y the same.

    >>> Identity()
    Identity()

    Source: `ops.ACTIVATIONS` has the equation and the source.
    """

    def __init__(self) -> None:
        super().__init__("identity")
