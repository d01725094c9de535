"""The activation functions of `ops` as layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ClassVar

from clearprop import ops
from clearprop.arguments import UnknownArgumentError
from clearprop.errors import ModelError
from clearprop.nn.checks import last_axis, one_of, positive_sizes
from clearprop.nn.fields import Array, parameter, static
from clearprop.nn.initializers import constant
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
    """An activation of `ops.ACTIVATIONS` as a class of its own, without options: y = f(x).

    Raises:
        UnknownArgumentError: it was given an option.
    """

    named: ClassVar[str]

    def __init__(self, *given: object, **options: object) -> None:
        if given or options:
            raise self._takes_none(given, options)
        super().__init__(self.named)

    def _takes_none(
        self, given: tuple[object, ...], options: dict[str, object]
    ) -> UnknownArgumentError:
        """Return the error about options, with the operation that has them, where it has some."""
        shown = [*map(repr, given), *(f"{name}={value!r}" for name, value in options.items())]
        own = list(inspect.signature(ops.ACTIVATIONS[self.named]).parameters)[1:]
        said = [*given, *options.values()]
        fix = f"nn.{type(self).__name__}()"
        if len(said) == 1 and said[0] == "tanh":  # PyTorch's GELU names its approximation
            fix = f'nn.Activation("{self.named}_tanh")'
        elif own and len(said) == 1 and not isinstance(said[0], str):
            fix = f"nn.Activation(lambda x: ops.{self.named}(x, {own[0]}={said[0]!r}))"
        return UnknownArgumentError(
            f"nn.{type(self).__name__} takes no options", given=", ".join(shown), fix=fix
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ReLU(NamedActivation, init=False):
    """Rectified linear unit: y = max(x, 0).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> ReLU()
    ReLU()

    Source: that of `ops.relu`.
    """

    named = "relu"


class LeakyReLU(NamedActivation, init=False):
    """Leaky rectified linear unit: y = x for x > 0, else slope x, with the slope 0.01.

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> LeakyReLU()
    LeakyReLU()

    Source: that of `ops.leaky_relu`.
    """

    named = "leaky_relu"


class ELU(NamedActivation, init=False):
    """Exponential linear unit: y = x for x > 0, else e^x - 1.

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> ELU()
    ELU()

    Source: that of `ops.elu`.
    """

    named = "elu"


class GELU(NamedActivation, init=False):
    """Gaussian error linear unit: y = x Phi(x), with the normal distribution Phi.

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> GELU()
    GELU()

    Source: that of `ops.gelu`.
    """

    named = "gelu"


class SiLU(NamedActivation, init=False):
    """Sigmoid linear unit: y = x / (1 + e^-x).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> SiLU()
    SiLU()

    Source: that of `ops.silu`.
    """

    named = "silu"


class Sigmoid(NamedActivation, init=False):
    """Sigmoid unit: y = 1 / (1 + e^-x).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> Sigmoid()
    Sigmoid()

    Source: that of `ops.sigmoid`.
    """

    named = "sigmoid"


class Tanh(NamedActivation, init=False):
    """Hyperbolic tangent: y = (e^x - e^-x) / (e^x + e^-x).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> Tanh()
    Tanh()

    Source: that of `ops.tanh`.
    """

    named = "tanh"


class Softplus(NamedActivation, init=False):
    """Smooth rectifier: y = log(1 + e^x).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> Softplus()
    Softplus()

    Source: that of `ops.softplus`.
    """

    named = "softplus"


class Softmax(NamedActivation, init=False):
    """Probabilities from scores, over the last axis: y_i = e^(x_i) / sum_j e^(x_j).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> Softmax()
    Softmax()

    Source: that of `ops.softmax`.
    """

    named = "softmax"


class LogSoftmax(NamedActivation, init=False):
    """Logarithm of softmax, over the last axis: y_i = x_i - log sum_j e^(x_j).

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> LogSoftmax()
    LogSoftmax()

    Source: that of `ops.log_softmax`.
    """

    named = "log_softmax"


class Identity(NamedActivation, init=False):
    """Linear unit: y = x.

    Shapes: x of any shape, y the same.

    Raises:
        UnknownArgumentError: it was given an option.

    >>> Identity()
    Identity()

    Source: that of `ops.identity`.
    """

    named = "identity"


class PReLU(Module):
    """Rectified linear unit with a learned slope below 0: y = x for x > 0, else slope x.

    Shapes: x (..., features), y the same; slope (features,), or () for one slope of all units.

    Args:
        features: length of the last axis, for a slope of each; None for one slope of all.
        slope: at the start.

    Raises:
        ConfigurationError: the number of features is not positive.
        ShapeError: the last axis of x has another length.

    >>> import jax.numpy as jnp
    >>> print(PReLU().init(0)(jnp.array([-1.0, 2.0])))
    [-0.25  2.  ]

    Source: He et al. (2015), *Delving deep into rectifiers*, with their first slope 0.25.
    """

    slope: Array
    features: int | None = static()

    def __init__(self, features: int | None = None, *, slope: float = 0.25) -> None:
        if features is not None:
            positive_sizes("PReLU", features=features)
        self.slope = parameter(() if features is None else (features,), constant(slope))
        self.features = features

    def __call__(self, x: Array) -> Array:
        if self.features is not None:
            last_axis(x, self.features)
        return ops.prelu(x, self.slope)
