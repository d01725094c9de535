"""Products with Jacobians and with the Gauss-Newton matrix, without computing these matrices.

Inputs, outputs and vectors are trees of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import jax
import jax.numpy as jnp

from clearprop.autodiff.tape import Value
from clearprop.autodiff.transforms import directions_of, grad, hvp, inner_product, vjp

Tree = TypeVar("Tree")
Outputs = TypeVar("Outputs")


def jvp(function: Callable[[Tree], Outputs], at: Tree, vector: Tree) -> tuple[Outputs, Outputs]:
    """Return the output of a function and the product J v of its Jacobian with a vector.

    The pull-back e -> e J is linear in e, so the gradient of <e J, v> by e is J v. Reverse mode
    is applied twice, and gives the result of forward mode.

    Args:
        function: a function of one tree, built from clearprop operations.
        at: the tree at which the Jacobian is taken.
        vector: a tree like ``at``; None may stand where a leaf carries no gradient.

    Raises:
        ShapeError: the vector is no tree like ``at``, or one of its leaves has another shape.

    >>> output, change = jvp(lambda x: x * x, jnp.array([3.0, 4.0]), jnp.array([1.0, 0.5]))
    >>> print(output, change)
    [ 9. 16.] [6. 4.]

    Source: Townsend (2017), *A new trick for calculating Jacobian vector products*.
    """
    output, pull_back = vjp(function, at)
    return output, _pushed(pull_back, output, directions_of(vector, at))


@dataclass(frozen=True)
class Linearized(Generic[Tree, Outputs]):
    """A function near a point, and a loss of its outputs.

    Attributes:
        outputs: of the function.
        pull_back: e -> e J, a tree like the inputs.
        product: v -> J^T H J v, with H the Hessian of the loss by the outputs.
    """

    outputs: Outputs
    pull_back: Callable[[Outputs], Tree]
    product: Callable[[Tree], Tree]


def gauss_newton(
    function: Callable[[Tree], Outputs], loss: Callable[[Outputs], object], at: Tree
) -> Linearized[Tree, Outputs]:
    """Return the product with the Gauss-Newton matrix ``G = J^T H J`` of loss(function(w)).

    J is the Jacobian of the function, H the Hessian of the loss by the function's outputs. Where
    the loss is convex in the outputs, G is positive semi-definite; the Hessian may not be. The
    function is computed once; a product costs about three times as much.

    Args:
        function: from a tree of parameters to outputs.
        loss: from outputs to a scalar.
        at: the parameters.

    >>> near = gauss_newton(lambda w: 3 * w, lambda y: (y * y).sum() / 2, jnp.array([1.0, 2.0]))
    >>> print(near.product(jnp.array([1.0, 0.0])))
    [9. 0.]

    Source: Schraudolph (2002), *Fast curvature matrix-vector products for second-order gradient
    descent*.
    """
    outputs, pull_back = vjp(function, at)

    def product(vector: Tree) -> Tree:
        change = _pushed(pull_back, outputs, directions_of(vector, at))
        passed: Tree = pull_back(hvp(loss, outputs, change))[0]
        return passed

    return Linearized(outputs, lambda error: pull_back(error)[0], product)


def _pushed(
    pull_back: Callable[[Outputs], tuple[Tree, ...]],
    output: Outputs,
    directions: Sequence[Value],
) -> Outputs:
    def along(error: Outputs) -> Value | None:
        return inner_product(pull_back(error)[0], directions)

    product: Outputs = grad(along)(jax.tree.map(jnp.zeros_like, output))
    return product
