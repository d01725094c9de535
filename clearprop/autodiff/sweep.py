"""The reverse sweep: error signals from the outputs back to every value on the tape."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import jax.numpy as jnp

from clearprop.autodiff.operation import find
from clearprop.autodiff.tape import Node, Tape, Traced

Place = tuple[int, int]
"""(node, output): where a value stands on a tape."""


def sweep(
    tape: Tape,
    seeds: Sequence[tuple[Traced, Any]],
    keep: Collection[Place] | None = None,
    passed: dict[tuple[int, int], Any] | None = None,
) -> dict[Place, Any]:
    """Return the error signals of the kept places, given those of the outputs.

    The nodes are visited once, last to first. Each rule is given the error signal of its output
    and answers with the errors of its inputs; here they are summed over broadcast axes, cast to
    the input's dtype and accumulated where a value was used more than once.

    Args:
        tape: what was recorded.
        seeds: pairs of an output and its error signal.
        keep: places whose errors are wanted; None keeps all of them.
        passed: where given, is filled with what each node passed to each of its inputs, by
            (node, input): the parts of which the errors are the sums.
    """
    errors: dict[Place, Any] = {}
    for output, error in seeds:
        accumulate(errors, (output.node, output.output), error)
    kept: dict[Place, Any] = {}
    for index in range(len(tape.nodes) - 1, -1, -1):
        node = tape.nodes[index]
        arrived = [errors.pop((index, k), None) for k in range(len(node.outputs))]
        for k, error in enumerate(arrived):
            if error is not None and (keep is None or (index, k) in keep):
                kept[index, k] = error
        if node.operation is None or all(error is None for error in arrived):
            continue
        for i, error in enumerate(errors_of_inputs(node, arrived)):
            parent = node.parents[i]
            if parent is not None and error is not None:
                if passed is not None:
                    passed[index, i] = error
                accumulate(errors, parent, error)
    return kept


def errors_of_inputs(node: Node, arrived: Sequence[Any]) -> list[Any]:
    """Apply a node's rule; the answers have the shapes and dtypes of the inputs."""
    assert node.operation is not None
    if len(node.outputs) == 1:
        error, output = arrived[0], node.outputs[0]
    else:
        error = tuple(
            jnp.zeros(value.shape, value.dtype) if e is None else e
            for e, value in zip(arrived, node.outputs, strict=True)
        )
        output = node.outputs
    wanted = [parent is not None for parent in node.parents]
    passed = node.operation.errors_of_inputs(error, output, node.inputs, node.parameters, wanted)
    return [
        e if e is None else sum_to_shape(e, x) for e, x in zip(passed, node.inputs, strict=True)
    ]


def sum_to_shape(error: Any, like: Any) -> Any:
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
        error = find("reshape")(find("sum")(error, axis=axes), shape=tuple(shape))
    return error if error.dtype == like.dtype else find("astype")(error, dtype=like.dtype)


def accumulate(errors: dict[Place, Any], place: Place, error: Any) -> None:
    """Add an error signal to what has already arrived at a place."""
    errors[place] = find("add")(errors[place], error) if place in errors else error
