"""Local derivatives of one operation; the whole Jacobian is never computed.

Shape letters: none; S is the shape of an operation's output, T that of one input.
"""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp

from clearprop.autodiff import Node
from clearprop.autodiff.tape import AnyOperation
from clearprop.glass.nodes.graph import Entry, Spec, entry_of, shape_text
from clearprop.glass.nodes.program import product_with
from clearprop.glass.nodes.values import Values

Array = jax.Array


class Jacobian:
    """The derivatives of every entry of a node's value by every entry of one of its inputs.

    ``jacobian[out_index, in_index]`` is one of them. The operation's own rule computes rows and
    columns, from an error signal that is 1 at one entry and 0 elsewhere.

    Attributes:
        name: of the operation's output y.
        input: the number of the input x.
        shape: the shape of y followed by that of x.
    """

    def __init__(self, values: Values, spec: Spec, i: int) -> None:
        self.name = spec.name
        self.input = i
        self._values, self._spec = values, spec
        x = jnp.asarray(values.inputs(spec)[i])
        self._in_shape, self._in_dtype = x.shape, x.dtype
        self.shape = (*spec.shape, *self._in_shape)

    def row(self, out_index: Entry) -> Array:
        """Return the derivatives of one entry of y by all of x, shaped like x."""
        unit = _unit(self._spec.shape, self._spec.dtype, out_index, self.name)
        return product_of(self._values, self._spec, self.input, unit, transposed=False)

    def column(self, in_index: Entry) -> Array:
        """Return the derivatives of all of y by one entry of x, shaped like y."""
        unit = _unit(self._in_shape, self._in_dtype, in_index, f"input {self.input} of {self.name}")
        return product_of(self._values, self._spec, self.input, unit, transposed=True)

    def __getitem__(self, indices: tuple[Entry, Entry]) -> Array:
        """Return the derivative of the entry at the first index by that at the second."""
        out_index, in_index = indices
        found: Array = self.row(out_index)[in_index]
        return found

    def __repr__(self) -> str:
        sizes = f"{shape_text(self._spec.shape)} by {shape_text(self._in_shape)}"
        return f"<Jacobian of {self.name} by input {self.input}: {sizes}>"


def product_of(values: Values, spec: Spec, i: int, vector: Array, *, transposed: bool) -> Array:
    """Return the product of a vector with the Jacobian of a node by its input i.

    Args:
        values: of the pass.
        spec: the operation's output.
        i: which input.
        vector: an error signal of the output; with ``transposed`` a change of the input.
        transposed: whether the result is the change of the output.
    """
    row = spec.row
    if row is None:
        assert spec.place is not None
        return values.program.product(values.given, spec.place, i, vector, transposed)
    operation = cast(AnyOperation, row)
    leaves, structure = jax.tree.flatten(values.parameters(spec))
    moving = [hasattr(leaf, "dtype") for leaf in leaves]
    # The compiled function serves all examples, so it may hold only what is the same for all.
    fixed = [None if moves else leaf for moves, leaf in zip(moving, leaves, strict=True)]

    def product(
        inputs: tuple[Array, ...], outputs: tuple[Array, ...], arrays: list[Array], vector: Array
    ) -> Array:
        rest = iter(arrays)
        every = [next(rest) if m else leaf for m, leaf in zip(moving, fixed, strict=True)]
        parameters = jax.tree.unflatten(structure, every)
        parents = (None,) * len(inputs)
        node = Node(operation, inputs, outputs, parents, parameters, spec.layer, spec.several)
        return product_with(node, spec.output, i, vector, transposed)

    inputs = tuple(_number(x) for x in values.inputs(spec))
    outputs = tuple(values[each.value] for each in values.siblings(spec))
    arrays = [leaf for moves, leaf in zip(moving, leaves, strict=True) if moves]
    compiled = values.program.jitted((spec.place, i, transposed), product)
    return compiled(inputs, outputs, arrays, vector)


def local_derivative(values: Values, spec: Spec, i: int) -> Array | Jacobian | None:
    """Return dy/dx_i of a node: see `GlassNode.local`."""
    spec.check_input(i)
    row = spec.row
    if row is not None and row.joint is None and (not row.errors or row.errors[i] is None):
        return None
    inputs = [_number(x) for x in values.inputs(spec)]
    if not jnp.issubdtype(jnp.result_type(inputs[i]), jnp.floating):
        return None
    if row is None or row.stacks is not True:
        return Jacobian(values, spec, i)
    rule = (row.errors or ())[i]
    assert rule is not None
    ones = jnp.ones(spec.shape, spec.dtype)
    derivative = cast(Array, rule(ones, values[spec.value], *inputs, **values.parameters(spec)))
    return jnp.broadcast_to(derivative, spec.shape)


def _number(x: Any) -> Any:
    return jnp.asarray(x) if isinstance(x, int | float) else x


def _unit(shape: tuple[int, ...], dtype: Any, index: Entry, where: str) -> Array:
    return jnp.zeros(shape, dtype).at[entry_of(shape, index, where)].set(1)
