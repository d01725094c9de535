"""Operations made from whole functions: `lift` wraps a JAX function, `checkpoint` saves memory."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from clearprop.autodiff.operation import operation
from clearprop.autodiff.shapes import Array
from clearprop.autodiff.tape import Operation, Traced, Value, apply
from clearprop.autodiff.transforms import vjp
from clearprop.errors import TracedValueError

P = ParamSpec("P")
R = TypeVar("R")
Tree = TypeVar("Tree")

rebuilt: contextvars.ContextVar[Callable[[object, object], None] | None] = contextvars.ContextVar(
    "rebuilt", default=None
)
"""Called with a tree (a layer) and with its copy with other values, which is called instead."""


def lift(function: Callable[P, R]) -> Callable[P, R]:
    """Turn a JAX function into one operation, whose gradient rule JAX derives.

    The function may use everything that `jax.vjp` can differentiate. Its arguments and its result
    may be trees, and every order of derivative works. Traced values must be arguments of the
    function: it cannot read them through a closure. Inside it numbers may be complex; the result
    is real.

    >>> from clearprop.autodiff import grad
    >>> print(grad(lift(jnp.sinh))(0.0))
    1.0
    """

    @functools.wraps(function)
    def lifted(*args: P.args, **kwargs: P.kwargs) -> R:
        inputs, put_back = _inputs_of((args, kwargs))

        def of_inputs(*values: Value) -> R:
            called_args, called_kwargs = put_back(values)
            return function(*called_args, **called_kwargs)

        name = getattr(function, "__name__", "function")
        output: R = _call_flat(name, of_inputs, inputs, _vjp_of_jax)
        return output

    return lifted


def _vjp_of_jax(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """Return (errors, inputs) -> errors of the inputs, itself a lifted function."""

    def pull_back(errors: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
        outputs, backward = jax.vjp(function, *inputs)
        full = tuple(
            e
            if jnp.issubdtype(y.dtype, jnp.floating)
            else jax.numpy.zeros(y.shape, jax.dtypes.float0)
            for e, y in zip(errors, outputs, strict=True)
        )
        passed: tuple[Any, ...] = backward(full)
        return tuple(e if jnp.issubdtype(e.dtype, jnp.floating) else None for e in passed)

    return lift(pull_back)


def checkpoint(function: Callable[P, R]) -> Callable[P, R]:
    """Return the same function with less memory: the tape keeps only its inputs.

    The backward pass computes the function again. Values that depend on the differentiated
    arguments must be arguments of the function. Where ``function`` is itself a tree (a layer), its
    own arrays count as arguments.

    >>> from clearprop.autodiff import grad
    >>> print(grad(checkpoint(lambda x: x * x * x))(2.0))
    12.0

    Source: Griewank (1992); Chen et al. (2016), *Training deep nets with sublinear memory cost*.
    """
    is_tree = not jax.tree_util.all_leaves([function])

    @functools.wraps(function)
    def checkpointed(*args: P.args, **kwargs: P.kwargs) -> R:
        inputs, put_back = _inputs_of((function if is_tree else None, args, kwargs))
        # The backward pass calls the function in the context (layer path, training mode, random
        # key) of the forward pass.
        surroundings = contextvars.copy_context()

        def of_inputs(*values: Value) -> R:
            called, called_args, called_kwargs = put_back(values)
            if called is None:
                return function(*called_args, **called_kwargs)
            if (note := rebuilt.get()) is not None:
                note(function, called)
            return called(*called_args, **called_kwargs)

        def inside(*values: Value) -> R:
            return surroundings.copy().run(of_inputs, *values)

        name = f"checkpoint({getattr(function, '__name__', type(function).__name__)})"
        output: R = _call_flat(name, inside, inputs, _vjp_of_tape)
        return output

    return checkpointed


def _vjp_of_tape(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    def pull_back(errors: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
        # Without the barrier the compiler would recognize the values of the forward pass, and keep
        # them instead of computing them again.
        _, backward = vjp(function, *(barrier(x) for x in inputs))
        passed: tuple[Any, ...] = backward(tuple(errors))
        return passed

    return pull_back


def _inputs_of(tree: Tree) -> tuple[list[Value], Callable[[Sequence[Value]], Tree]]:
    """Return the inputs among a tree's leaves, and a function that replaces them in the tree."""
    leaves, structure = jax.tree.flatten(tree)
    places = [i for i, leaf in enumerate(leaves) if _is_input(leaf)]

    def put_back(values: Sequence[Value]) -> Tree:
        every = list(leaves)
        for i, value in zip(places, values, strict=True):
            every[i] = value
        rebuilt_tree: Tree = jax.tree.unflatten(structure, every)
        return rebuilt_tree

    return [leaves[i] for i in places], put_back


def _is_input(leaf: Any) -> bool:
    """Say whether a leaf is an input of the operation: every array but a random key.

    An array that carries no gradient is an input too: it may belong to the trace of a loop's body.
    """
    return isinstance(leaf, jax.Array | Traced) and not jnp.issubdtype(
        leaf.dtype, jax.dtypes.extended
    )


def _call_flat(
    name: str,
    function: Callable[..., Any],
    inputs: list[Any],
    derive: Callable[[Callable[..., Any]], Callable[..., tuple[Any, ...]]],
) -> Any:
    """Apply a function of traced values as one operation with as many outputs as it has leaves."""
    if not any(type(x) is Traced for x in inputs):
        return function(*inputs)
    structures: list[Any] = []

    def flat(*values: Any) -> tuple[Any, ...]:
        leaves, structure = jax.tree.flatten(function(*values))
        structures.append(structure)
        return tuple(leaves)

    def forward(*values: Any) -> tuple[Any, ...]:
        leaves = flat(*values)
        if any(type(x) is Traced for x in leaves):
            raise TracedValueError(
                f"{name} uses a value that is being differentiated through a closure",
                fix="pass it as an argument",
            )
        return leaves

    def joint(error: Any, output: Any, *values: Any) -> Sequence[Any]:
        return derive(flat)(error, values)

    row = Operation(forward, name=name, joint=joint)
    leaves = apply(row, tuple(inputs), {})
    return jax.tree.unflatten(structures[0], leaves)


@operation(errors=(lambda error, y, x: error,))
def barrier(x: Array) -> Array:
    """Return x. After this point the compiler reuses no value that was computed before it."""
    same: Array = jax.lax.optimization_barrier(x)
    return same
