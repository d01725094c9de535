"""One neuron: a weighted sum of its inputs, and an activation function.

Shape letters: m inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.nn.activation import Activation, ActivationLike
from clearprop.nn.checks import last_axis, positive_sizes
from clearprop.nn.fields import Array, Initializer, parameter, static
from clearprop.nn.initializers import glorot_uniform, zeros
from clearprop.nn.module import Module

KINDS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "linear": ops.identity,
        "rectified linear": ops.relu,
        "sigmoid": ops.sigmoid,
        "binary threshold": ops.binary_step,
    }
)
"""The four neurons of the lectures, by name."""


class Neuron(Module):
    """One neuron: z = b + w1 x1 + ... + wm xm, and y = f(z).

    ===================  ==============================  ===============================
    kind                 y                               dy/dz
    ===================  ==============================  ===============================
    "linear"             z                               1
    "rectified linear"   z where z > 0, else 0           1 where z > 0, else 0
    "sigmoid"            1 / (1 + e^-z)                  y (1 - y)
    "binary threshold"   1 where z >= 0, else 0          0, undefined at z = 0
    ===================  ==============================  ===============================

    No error signal passes a binary threshold. Rosenblatt's rule trains such a neuron (see
    `clearprop.models.Perceptron`); gradient descent does not.

    Shapes: x (..., m), z and y (...,).

    Args:
        inputs: m.
        kind: one of `KINDS`, the name of another activation, or an operation.
        weight_init: initial values of w, as for a layer of shape (m, 1).

    Raises:
        ShapeError: the last axis of x is not m long.

    >>> import jax.numpy as jnp
    >>> from clearprop import tree
    >>> gate = tree.replace(Neuron(2).init(0), {
    ...     "weight": jnp.array([[2.0], [-3.0]]), "bias": jnp.array([-3.0])})
    >>> x = jnp.array([-1.0, -2.0])
    >>> print(f"z {gate.total(x):.2f}   y {gate(x):.2f}   dy/dz {gate.slope(x):.2f}")
    z 1.00   y 0.73   dy/dz 0.20

    Source: the lectures' linear, rectified linear, sigmoid and binary threshold neurons.
    """

    weight: Array
    bias: Array
    function: Activation
    inputs: int = static()

    def __init__(
        self,
        inputs: int,
        kind: ActivationLike = "sigmoid",
        *,
        weight_init: Initializer = glorot_uniform,
    ) -> None:
        positive_sizes("Neuron", inputs=inputs)
        self.weight = parameter((inputs, 1), weight_init)
        self.bias = parameter((1,), zeros)
        self.function = Activation(KINDS.get(kind, kind) if isinstance(kind, str) else kind)
        self.inputs = inputs

    def __call__(self, x: Array) -> Array:
        return self.function(self.total(x))

    def total(self, x: Array) -> Array:
        """Return the total input z = b + w x, (...,)."""
        last_axis(x, self.inputs, f"nn.Neuron({x.shape[-1] if x.shape else 1})")
        return (ops.matmul(x, self.weight) + self.bias)[..., 0]

    def slope(self, x: Array) -> Array:
        """Return dy/dz at the total input of x, by automatic differentiation, (...,)."""
        slopes: Array = grad(lambda z: self.function(z).sum())(self.total(x))
        return slopes
