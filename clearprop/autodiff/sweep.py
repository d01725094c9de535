"""The reverse sweep: error signals from the outputs back to every value on the tape."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping, Sequence
from typing import TypeAlias

import jax.numpy as jnp

from clearprop.autodiff import elementary
from clearprop.autodiff.tape import Function, Node, Tape, Traced, Value

add: Function = elementary.add
astype: Function = elementary.astype
reshape: Function = elementary.reshape
sum_over: Function = elementary.sum

Place: TypeAlias = tuple[int, int]
"""(node, output): the place of a value on a tape."""


def sweep(
    tape: Tape,
    seeds: Sequence[tuple[Traced, Value]],
    keep: Collection[Place] | None = None,
    passed: MutableMapping[tuple[int, int], Value] | None = None,
) -> dict[Place, Value]:
    """Return the error signals of the kept places, given those of the outputs.

    Every node is visited once, from the last to the first. Each rule takes the error signal of its
    output and returns the errors of its inputs. The sweep sums these over broadcast axes, casts
    them to the input's dtype, and adds them up where a value was used more than once.

    Args:
        tape: what was recorded.
        seeds: pairs of an output and its error signal.
        keep: places whose errors are wanted; None keeps all of them.
        passed: a mapping to fill with what each node passed to each of its inputs, by
            (node, input): the parts whose sums are the errors.

    Returns:
        the error signals by place; a place that no error reached is missing.
    """
    errors: dict[Place, Value] = {}
    for output, error in seeds:
        accumulate(errors, (output.node, output.output), error)
    kept: dict[Place, Value] = {}
    for index in range(len(tape.nodes) - 1, -1, -1):
        node = tape.nodes[index]
        arrived = [errors.pop((index, k), None) for k in range(len(node.outputs))]
        for k, whole in enumerate(arrived):
            if whole is not None and (keep is None or (index, k) in keep):
                kept[index, k] = whole
        if node.operation is None or all(error is None for error in arrived):
            continue
        for i, part in enumerate(errors_of_inputs(node, arrived)):
            parent = node.parents[i]
            if parent is not None and part is not None:
                if passed is not None:
                    passed[index, i] = part
                accumulate(errors, parent, part)
    return kept


def errors_of_inputs(node: Node, arrived: Sequence[Value | None]) -> list[Value | None]:
    """Apply a node's rule, and return errors with the shapes and dtypes of the inputs.

    Args:
        node: an operation as it was applied.
        arrived: the error signal of each of its outputs; None where none arrived.

    Returns:
        the error signal of each input; None where no error passes.
    """
    assert node.operation is not None
    full = [
        jnp.zeros(value.shape, value.dtype) if e is None else e
        for e, value in zip(arrived, node.outputs, strict=True)
    ]
    error, output = node.as_returned(full), node.as_returned(node.outputs)
    wanted = [parent is not None for parent in node.parents]
    passed = node.operation.errors_of_inputs(error, output, node.inputs, node.parameters, wanted)
    return [
        e if e is None else sum_to_shape(e, x) for e, x in zip(passed, node.inputs, strict=True)
    ]


def pass_back(
    node: Node, arrived: Sequence[Value | None], errors: MutableMapping[Place, Value]
) -> None:
    """Apply a node's rule, and add the errors of its inputs to those at their places."""
    for parent, error in zip(node.parents, errors_of_inputs(node, arrived), strict=True):
        if parent is not None and error is not None:
            accumulate(errors, parent, error)


def sum_to_shape(error: Value, like: Value) -> Value:
    """Sum an error over the axes along which its value was broadcast, and cast it to its dtype."""
    shape = like.shape
    if error.shape != shape:
        extra = len(error.shape) - len(shape)
        axes = (
            *range(extra),
            *(
                extra + i
                for i, (size, wide) in enumerate(zip(shape, error.shape[extra:], strict=True))
                if size == 1 and wide != 1
            ),
        )
        error = reshape(sum_over(error, axis=axes), shape=tuple(shape))
    return error if error.dtype == like.dtype else astype(error, dtype=like.dtype)


def accumulate(errors: MutableMapping[Place, Value], place: Place, error: Value) -> None:
    """Add an error signal to what has already arrived at a place."""
    errors[place] = add(errors[place], error) if place in errors else error
