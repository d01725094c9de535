"""Activation functions, each with its equation, forward function, rule and example.

To add one, write it here like the others, and name it in ``__all__``. Then it is ``ops.NAME`` and
``nn.Activation("NAME")``, and tests/ops/test_activations.py checks its derivatives of first and
second order, its documentation and its shape without a new test.

In the rules ``error`` is the error signal of the output, ``y`` the output and ``x`` the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

import jax
import jax.numpy as jnp

from clearprop.autodiff import Operation, operation
from clearprop.autodiff.elementary import abs, where
from clearprop.autodiff.elementary import sum as sum_over
from clearprop.autodiff.elementary.shape import widened
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array, ArrayLike, check_axis
from clearprop.autodiff.tape import ErrorRule
from clearprop.ops.elementwise import erfc, exp, square

__all__ = [
    "ACTIVATIONS",
    "activation",
    "binary_step",
    "celu",
    "elu",
    "gelu",
    "gelu_tanh",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "identity",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]

P = ParamSpec("P")

ACTIVATIONS: dict[str, Operation[..., Array]] = {}
"""Every activation function by name."""


def activation(
    rule: ErrorRule | None,
    elementwise: bool = True,
    instead: Mapping[str, str] | None = None,
) -> Callable[[Callable[P, Array]], Operation[P, Array]]:
    """Turn a forward function into an operation that is an activation.

    ``rule(error, y, x, **parameters)`` gives the error signal of the input; None where no error
    passes. The activation has the name and the docstring of the function. ``instead`` is as of
    `Operation`.

    >>> sorted(ACTIVATIONS)[:3]
    ['binary_step', 'celu', 'elu']
    """

    def register(forward: Callable[P, Array]) -> Operation[P, Array]:
        errors = None if rule is None else (rule,)
        row = operation(errors=errors, stacks=elementwise, instead=instead)(forward)
        ACTIVATIONS[row.name] = row
        return row

    return register


@activation(lambda error, y, x: error)
def identity(x: ArrayLike) -> Array:
    """Linear unit: ``y = x``, with ``dy/dx = 1``.

    Shapes: x of any shape, y of the same.

    >>> print(identity(2.0))
    2.0

    Source: the linear unit of the delta rule (Widrow and Hoff 1960).
    """
    return jnp.asarray(x)


@activation(None, instead={"threshold": "ops.binary_step(x - threshold)"})
def binary_step(x: ArrayLike, threshold: float = 0.0) -> Array:
    """Binary threshold unit: ``y = 1 if x >= threshold else 0``. No error passes a step.

    Shapes: x of any shape, y of the same.

    >>> print(binary_step(jnp.array([-1.0, 0.0, 1.0])))
    [0. 1. 1.]

    Source: McCulloch and Pitts 1943, *A logical calculus of the ideas immanent in nervous
    activity*.
    """
    x = jnp.asarray(x)
    return (x >= threshold).astype(x.dtype)


@activation(lambda error, y, x: error * y * (1 - y))
def sigmoid(x: ArrayLike) -> Array:
    """Sigmoid unit: ``y = 1 / (1 + e^-x)``, with ``dy/dx = y (1 - y)``.

    Shapes: x of any shape, y of the same.

    >>> print(f"{sigmoid(1.0):.2f}")
    0.73

    Source: the logistic function (Verhulst 1838); Rumelhart, Hinton and Williams 1986.
    """
    return jax.nn.sigmoid(floating(x))


@activation(lambda error, y, x: error * (1 - y * y))
def tanh(x: ArrayLike) -> Array:
    """Hyperbolic tangent: ``y = (e^x - e^-x) / (e^x + e^-x)``, with ``dy/dx = 1 - y^2``.

    Shapes: x of any shape, y of the same.

    >>> print(tanh(0.0))
    0.0

    Source: NumPy's `tanh`.
    """
    return jnp.tanh(x)


@activation(lambda error, y, x: where(x > 0, error, 0.0))
def relu(x: ArrayLike) -> Array:
    """Rectified linear unit: ``y = max(x, 0)``, with ``dy/dx = 1`` for x > 0, else 0.

    Shapes: x of any shape, y of the same.

    >>> print(relu(jnp.array([-1.0, 0.0, 2.0])))
    [0. 0. 2.]

    Source: Nair and Hinton 2010, *Rectified linear units improve restricted Boltzmann machines*;
    the slope at 0 is 0.
    """
    return jax.nn.relu(x)


def _error_of_leaky_relu(error: Any, y: Any, x: Any, slope: float = 0.01) -> Any:
    return where(x > 0, error, slope * error)


@activation(_error_of_leaky_relu, instead={"slope": "ops.where(x > 0, x, slope * x)"})
def leaky_relu(x: ArrayLike, slope: float = 0.01) -> Array:
    """Leaky rectified linear unit: ``y = x if x > 0 else slope x``, with ``dy/dx = 1 or slope``.

    Shapes: x of any shape, y of the same.

    >>> print(leaky_relu(jnp.array([-1.0, 2.0])))
    [-0.01  2.  ]

    Source: Maas, Hannun and Ng 2013, *Rectifier nonlinearities improve neural network acoustic
    models*.
    """
    return jnp.where(jnp.asarray(x) > 0, x, slope * jnp.asarray(x))


def _error_of_elu(error: Any, y: Any, x: Any, alpha: float = 1.0) -> Any:
    return where(x > 0, error, error * (alpha * exp(where(x > 0, 0.0, x))))


@activation(
    _error_of_elu,
    instead={"alpha": "ops.where(x > 0, x, alpha * ops.expm1(ops.minimum(x, 0.0)))"},
)
def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """Exponential linear unit: ``y = x if x > 0 else alpha (e^x - 1)``, with ``dy/dx = 1 or alpha
    e^x``.

    Shapes: x of any shape, y of the same.

    >>> print(elu(jnp.array([-100.0, 2.0])))
    [-1.  2.]

    Source: Clevert, Unterthiner and Hochreiter 2016, *Fast and accurate deep network learning by
    exponential linear units*.
    """
    return jax.nn.elu(x, alpha)


def _error_of_celu(error: Any, y: Any, x: Any, alpha: float = 1.0) -> Any:
    return where(x > 0, error, error * exp(where(x > 0, 0.0, x) / alpha))


@activation(
    _error_of_celu,
    instead={"alpha": "ops.where(x > 0, x, alpha * ops.expm1(ops.minimum(x, 0.0) / alpha))"},
)
def celu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """Continuously differentiable ELU: ``y = x if x > 0 else alpha (e^(x / alpha) - 1)``.

    Its derivative is ``dy/dx = 1 or e^(x / alpha)``; at 0 both are 1 for every alpha.

    Shapes: x of any shape, y of the same.

    >>> print(celu(jnp.array([-100.0, 2.0]), 2.0))
    [-2.  2.]

    Source: Barron 2017, *Continuously differentiable exponential linear units*.
    """
    return jax.nn.celu(x, alpha)


# The numbers for which the layers of a network keep the mean 0 and the variance 1.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""The numbers of selu with which mean 0 and variance 1 are a fixed point of a layer."""


def _error_of_selu(error: Any, y: Any, x: Any) -> Any:
    below = (SELU_SCALE * SELU_ALPHA) * exp(where(x > 0, 0.0, x))
    return where(x > 0, SELU_SCALE * error, error * below)


@activation(_error_of_selu)
def selu(x: ArrayLike) -> Array:
    """Scaled exponential linear unit: ``y = 1.0507 (x if x > 0 else 1.6733 (e^x - 1))``.

    Its derivative is ``dy/dx = 1.0507 or 1.7581 e^x``. With these numbers the layers of a network
    keep the mean 0 and the variance 1.

    Shapes: x of any shape, y of the same.

    >>> print(f"{selu(-100.0):.3f} {selu(2.0):.3f}")
    -1.758 2.101

    Source: Klambauer et al. 2017, *Self-normalizing neural networks*.
    """
    return jax.nn.selu(x)


def _error_of_gelu(error: Any, y: Any, x: Any, approximate: bool = False) -> Any:
    if approximate:
        return _error_of_gelu_tanh(error, y, x)
    # Phi by erfc: for negative x the sum 1 + erf(x / sqrt 2) would cancel nearly all digits.
    density = exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return error * (0.5 * erfc(x * -math.sqrt(0.5)) + x * density)


def _error_of_gelu_tanh(error: Any, y: Any, x: Any) -> Any:
    # (1 + t) / 2 is a sigmoid: for negative x the sum 1 + t would cancel nearly all digits.
    slope = 2 * math.sqrt(2 / math.pi)
    half = sigmoid(slope * (x + 0.044715 * x * x * x))
    return error * (half * (1 + x * (1 - half) * (slope * (1 + 0.134145 * x * x))))


@activation(_error_of_gelu)
def gelu(x: ArrayLike, approximate: bool = False) -> Array:
    """Gaussian error linear unit: ``y = x Phi(x)``, with ``dy/dx = Phi(x) + x phi(x)``.

    Phi is the standard normal distribution's cumulative function, phi its density. With
    ``approximate`` it is ``Phi(x) = (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2``.

    Shapes: x of any shape, y of the same.

    >>> print(f"{gelu(-1.0):.2f} {gelu(1.0):.2f}")
    -0.16 0.84

    Source: Hendrycks and Gimpel 2016, *Gaussian error linear units*.
    """
    return jax.nn.gelu(x, approximate=approximate)


@activation(_error_of_gelu_tanh)
def gelu_tanh(x: ArrayLike) -> Array:
    """Gaussian error linear unit by tanh: ``y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2``.

    It is ``gelu`` with ``approximate=True`` as a separate activation; GPT-2 uses it. With t for the
    tanh, its derivative is ``dy/dx = (1 + t) / 2 + x (1 - t^2) sqrt(2/pi) (1 + 0.134145 x^2) / 2``.

    Shapes: x of any shape, y of the same.

    >>> print(f"{gelu_tanh(-1.0):.2f} {gelu_tanh(1.0):.2f}")
    -0.16 0.84

    Source: Hendrycks and Gimpel 2016, *Gaussian error linear units*.
    """
    return jax.nn.gelu(x, approximate=True)


def _error_of_silu(error: Any, y: Any, x: Any) -> Any:
    gate = sigmoid(x)
    return error * (gate + y * (1 - gate))


@activation(_error_of_silu)
def silu(x: ArrayLike) -> Array:
    """Sigmoid linear unit: ``y = x s(x)`` with the sigmoid s, and ``dy/dx = s(x) + y (1 - s(x))``.

    Shapes: x of any shape, y of the same.

    >>> print(f"{silu(-1.0):.2f} {silu(1.0):.2f}")
    -0.27 0.73

    Source: Elfwing, Uchibe and Doya 2018, *Sigmoid-weighted linear units*; also called swish.
    """
    return jax.nn.silu(floating(x))


@activation(lambda error, y, x: error * sigmoid(x))
def softplus(x: ArrayLike) -> Array:
    """Smooth rectifier: ``y = log(1 + e^x)``, with the sigmoid as its derivative. It never
    overflows.

    Shapes: x of any shape, y of the same.

    >>> print(softplus(-1000.0), softplus(1000.0))
    0.0 1000.0

    Source: Dugas et al. 2001, *Incorporating second-order functional knowledge*.
    """
    return jax.nn.softplus(x)


def _error_of_mish(error: Any, y: Any, x: Any) -> Any:
    gate = tanh(softplus(x))
    return error * (gate + x * (1 - gate * gate) * sigmoid(x))


@activation(_error_of_mish)
def mish(x: ArrayLike) -> Array:
    """Mish: ``y = x t`` with ``t = tanh(log(1 + e^x))``, and ``dy/dx = t + x (1 - t^2) s(x)``.

    s is the sigmoid, the derivative of log(1 + e^x).

    Shapes: x of any shape, y of the same.

    >>> print(f"{mish(-1.0):.2f} {mish(1.0):.2f}")
    -0.30 0.87

    Source: Misra 2019, *Mish: a self regularized non-monotonic activation function*.
    """
    return jax.nn.mish(floating(x))


@activation(lambda error, y, x: error * sigmoid(-x))
def log_sigmoid(x: ArrayLike) -> Array:
    """Logarithm of the sigmoid: ``y = -log(1 + e^-x)``, with ``dy/dx = s(-x)`` for the sigmoid s.

    It never overflows.

    Shapes: x of any shape, y of the same.

    >>> print(log_sigmoid(-1000.0), f"{log_sigmoid(0.0):.3f}")
    -1000.0 -0.693

    Source: `jax.nn.log_sigmoid`.
    """
    return jax.nn.log_sigmoid(floating(x))


@activation(lambda error, y, x: where(abs(x) < 1, error, 0.0))
def hard_tanh(x: ArrayLike) -> Array:
    """Piecewise linear tanh: ``y = min(max(x, -1), 1)``, with ``dy/dx = 1`` between -1 and 1, else
    0.

    Shapes: x of any shape, y of the same.

    >>> print(hard_tanh(jnp.array([-2.0, 0.5, 2.0])))
    [-1.   0.5  1. ]

    Source: Collobert 2004, *Large scale machine learning*; the slope at -1 and 1 is 0.
    """
    return jnp.clip(x, -1, 1)


@activation(lambda error, y, x: where(abs(x) < 3, error * (1 / 6), 0.0))
def hard_sigmoid(x: ArrayLike) -> Array:
    """Piecewise linear sigmoid: ``y = min(max(x + 3, 0), 6) / 6``, with ``dy/dx = 1/6 or 0``.

    Shapes: x of any shape, y of the same.

    >>> print(hard_sigmoid(jnp.array([-4.0, 0.0, 4.0])))
    [0.  0.5 1. ]

    Source: Howard et al. 2019, *Searching for MobileNetV3*; the slope at -3 and 3 is 0.
    """
    return jax.nn.hard_sigmoid(floating(x))


def _error_of_hard_swish(error: Any, y: Any, x: Any) -> Any:
    return where(abs(x) < 3, error * (x * (1 / 3) + 0.5), where(x < 0, 0.0, error))


@activation(_error_of_hard_swish)
def hard_swish(x: ArrayLike) -> Array:
    """Piecewise quadratic SiLU: ``y = x h(x)`` with the hard sigmoid h.

    Its derivative is ``dy/dx = x/3 + 1/2`` between -3 and 3, 0 below and 1 above.

    Shapes: x of any shape, y of the same.

    >>> print(hard_swish(jnp.array([-4.0, 3.0, 4.0])))
    [-0.  3.  4.]

    Source: Howard et al. 2019, *Searching for MobileNetV3*; the slope at -3 is 0, at 3 it is 1.
    """
    return jax.nn.hard_swish(floating(x))


@activation(lambda error, y, x: error / square(1 + abs(x)))
def softsign(x: ArrayLike) -> Array:
    """Softsign unit: ``y = x / (1 + |x|)``, with ``dy/dx = 1 / (1 + |x|)^2``.

    Shapes: x of any shape, y of the same.

    >>> print(softsign(jnp.array([-1.0, 0.0, 3.0])))
    [-0.5   0.    0.75]

    Source: Bergstra et al. 2009, *Quadratic polynomials learn better image features*.
    """
    return jax.nn.soft_sign(floating(x))


def _error_of_softmax(error: Any, y: Any, x: Any, axis: int = -1) -> Any:
    error, y = widened(error), widened(y)
    return y * (error - sum_over(error * y, axis=axis, keepdims=True))


@activation(_error_of_softmax, elementwise=False)
def softmax(x: Array, axis: int = -1) -> Array:
    """Probabilities from scores: ``y_i = e^(x_i) / sum_j e^(x_j)``.

    Its derivative is ``dy_i/dx_j = y_i (d_ij - y_j)``. The largest score is subtracted first, so
    that nothing overflows.

    Shapes: x of any shape, y of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(softmax(jnp.array([0.0, 0.0])), softmax(jnp.array([1000.0, 0.0])))
    [0.5 0.5] [1. 0.]

    Source: Bridle 1990, *Probabilistic interpretation of feedforward classification network
    outputs*. The lecture prints the off-diagonal entries of the Jacobian as y_i y_j; they are -y_i
    y_j.
    """
    check_axis("softmax", x, axis)
    return jax.nn.softmax(at_least_float32(x), axis=axis).astype(floating(x).dtype)


def _error_of_log_softmax(error: Any, y: Any, x: Any, axis: int = -1) -> Any:
    error, y = widened(error), widened(y)
    return error - exp(y) * sum_over(error, axis=axis, keepdims=True)


@activation(_error_of_log_softmax, elementwise=False)
def log_softmax(x: Array, axis: int = -1) -> Array:
    """Logarithm of softmax: ``y_i = x_i - log sum_j e^(x_j)``.

    Its derivative is ``dy_i/dx_j = d_ij - e^(y_j)``.

    Shapes: x of any shape, y of the same.

    Raises:
        ShapeError: the array does not have that axis.

    >>> print(log_softmax(jnp.array([0.0, 0.0])).round(3))
    [-0.693 -0.693]

    Source: `jax.nn.log_softmax`; numbers narrower than float32 are summed in float32.
    """
    check_axis("log_softmax", x, axis)
    return jax.nn.log_softmax(at_least_float32(x), axis=axis).astype(floating(x).dtype)
