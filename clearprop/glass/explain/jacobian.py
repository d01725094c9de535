"""Local derivatives of one operation, without ever making a whole Jacobian.

Shape letters: none; S is the shape of an operation's output, T that of one input.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import OPERATIONS, Node, Operation, vjp
from clearprop.autodiff.sweep import errors_of_inputs
from clearprop.errors import ConfigurationError

if TYPE_CHECKING:
    from clearprop.glass.explain.node import GlassNode

Array = jax.Array
Index = int | tuple[int, ...]


class Jacobian:
    """The derivatives of every entry of a node's value by every entry of one of its inputs.

    ``jacobian[out_index, in_index]`` is one of them; rows and columns come from the operation's own
    rule, given an error signal of 1 at one place and 0 elsewhere.

    Attributes:
        node: the operation's output y.
        input: which input x.
        shape: that of y, then that of x.
    """

    def __init__(self, node: GlassNode, i: int) -> None:
        self.node = node
        self.input = i
        self._in_shape = tuple(np.shape(_value(node.inputs[i])))
        self.shape = (*node.shape, *self._in_shape)

    def row(self, out_index: Index) -> Array:
        """Return the derivatives of one entry of y by all of x, shaped like x."""
        unit = _unit(self.node.shape, self.node.dtype, out_index, "the value")
        return self._product(unit, transposed=False)

    def column(self, in_index: Index) -> Array:
        """Return the derivatives of all of y by one entry of x, shaped like y."""
        dtype = _value(self.node.inputs[self.input]).dtype
        unit = _unit(self._in_shape, dtype, in_index, f"input {self.input}")
        return self._product(unit, transposed=True)

    def __getitem__(self, indices: tuple[Index, Index]) -> Array:
        """Return the derivative of the entry at the first index by that at the second."""
        out_index, in_index = indices
        found: Array = self.row(out_index)[in_index]
        return found

    def __repr__(self) -> str:
        sizes = ["x".join(map(str, s)) or "scalar" for s in (self.node.shape, self._in_shape)]
        return f"<Jacobian of {self.node.name} by input {self.input}: {sizes[0]} by {sizes[1]}>"

    def _product(self, unit: Any, transposed: bool) -> Array:
        return product_of(self.node, self.input, unit, transposed=transposed)


def product_of(node: GlassNode, i: int, vector: Any, *, transposed: bool) -> Array:
    """Return the product of a vector with the Jacobian of a node by its input i.

    Args:
        node: the operation's output.
        i: which input.
        vector: an error signal of the output; with ``transposed`` a change of the input.
        transposed: whether the answer is the change of the output.
    """
    values = node.glass.values
    row = row_of(node)
    if row is None:
        return values.product(node.place, i, vector, transposed)
    known = values.program.products
    key = (node.place, i, transposed)
    if key not in known:
        known[key] = _compiled(row, node, i, transposed)
    inputs = tuple(_value(each) for each in node.inputs)
    outputs = tuple(each.value for each in node.siblings)
    arrays = [leaf for leaf in jax.tree.leaves(node.parameters) if hasattr(leaf, "dtype")]
    product: Array = known[key](inputs, outputs, arrays, vector)
    return product


def _compiled(
    row: Operation[Any, Any], node: GlassNode, i: int, transposed: bool
) -> Callable[..., Array]:
    """Return the compiled (inputs, outputs, arrays among the parameters, vector) -> product."""
    leaves, structure = jax.tree.flatten(node.parameters)
    # Of the example that compiles it nothing may stay but what is the same for all.
    fixed = [None if hasattr(leaf, "dtype") else leaf for leaf in leaves]
    moving = [hasattr(leaf, "dtype") for leaf in leaves]
    output, layer = node.output, node.layer

    def product(inputs: Any, outputs: Any, arrays: Any, vector: Any) -> Any:
        rest = iter(arrays)
        every = [next(rest) if m else leaf for m, leaf in zip(moving, fixed, strict=True)]
        parameters = jax.tree.unflatten(structure, every)
        taped = Node(row, inputs, outputs, (None,) * len(inputs), parameters, layer)
        return product_with(taped, output, i, vector, transposed)

    return jax.jit(product)


def product_with(node: Node, output: int, i: int, vector: Any, transposed: bool) -> Any:
    """Return the product of a vector with the Jacobian of an output by an input.

    Args:
        node: as it stands on a tape, or made for the purpose.
        output: which of its outputs.
        i: which of its inputs.
        vector: an error signal of the output; with ``transposed`` a change of the input.
        transposed: whether the answer is the change of the output.
    """
    parents = tuple((0, 0) if k == i else None for k in range(len(node.inputs)))
    alone = dataclasses.replace(node, parents=parents)

    def pull(error: Any) -> Any:
        arrived = [error if k == output else None for k in range(len(node.outputs))]
        return errors_of_inputs(alone, arrived)[i]

    if not transposed:
        return pull(vector)
    # The rule is linear in its error signal: its own pull-back is the product with the transpose.
    y = node.outputs[output]
    return vjp(pull, jnp.zeros(y.shape, y.dtype))[1](vector)[0]


def local_derivative(node: GlassNode, i: int) -> Array | Jacobian | None:
    """Return dy/dx_i of a node: see `GlassNode.local`."""
    node.check_input(i)
    row = row_of(node)
    if row is not None and row.joint is None and (not row.errors or row.errors[i] is None):
        return None
    x = node.inputs[i]
    if not jnp.issubdtype(jnp.result_type(_value(x)), jnp.floating):
        return None
    if row is None or row.stacks is not True:
        return Jacobian(node, i)
    assert row.errors is not None
    rule = row.errors[i]
    assert rule is not None
    inputs = [_value(each) for each in node.inputs]
    ones = jnp.ones(node.shape, node.dtype)
    derivative = cast(Array, rule(ones, node.value, *inputs, **node.parameters))
    return jnp.broadcast_to(derivative, node.shape)


def row_of(node: GlassNode) -> Operation[Any, Any] | None:
    """Return the row of the rule table that a node stands for; None of one made of a function."""
    return OPERATIONS[node.operation] if node.is_row else None


def _value(x: Any) -> Any:
    value = getattr(x, "value", x)
    return jnp.asarray(value) if isinstance(value, int | float) else value


def _unit(shape: tuple[int, ...], dtype: Any, index: Index, what: str) -> Array:
    place = (index,) if isinstance(index, int | np.integer) else tuple(index)
    fits = len(place) == len(shape) and all(-n <= k < n for k, n in zip(place, shape, strict=True))
    if not fits:
        raise ConfigurationError(
            f"the index is no entry of {what}",
            given=str(place),
            expected=f"one number an axis of {shape}",
        )
    return jnp.zeros(shape, dtype).at[place].set(1)
