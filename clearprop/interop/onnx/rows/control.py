"""Operators with graphs of their own, and sequences and optional values."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.autodiff.tape import strip
from clearprop.interop.onnx.node import Empty, GraphValue, OnnxNode
from clearprop.interop.onnx.running import Scope, current_scope, is_known, plain
from clearprop.interop.onnx.table import row


def _inner(node: OnnxNode, name: str) -> Scope:
    scope = current_scope()
    if scope is None:
        raise node.error("the operator has a graph, and can only be called as part of its model")
    return scope.inner(name)


def is_open(value: object) -> bool:
    """Say whether a value is only known when the compiled program runs."""
    return isinstance(strip(value), jax.core.Tracer)


@row("If", whole=True)
def _if(node: OnnxNode, condition: Any) -> Any:
    if not is_open(condition):
        chosen = bool(node.known(condition, "the condition").reshape(-1)[0])
        return tuple(_inner(node, "then_branch" if chosen else "else_branch").run([]))
    first, second = _inner(node, "then_branch").run([]), _inner(node, "else_branch").run([])
    flag = jnp.reshape(plain(condition), ())
    outputs = []
    pairs: list[tuple[Any, Any]] = list(zip(first, second, strict=True))
    for yes, no in pairs:
        alike = hasattr(yes, "shape") and hasattr(no, "shape") and yes.shape == no.shape
        if not alike:
            node.known(condition, "a condition whose branches give values of different shapes")
        outputs.append(ops.where(flag, yes, no))
    return tuple(outputs)


@row("Loop", known=(0, 1), whole=True)
def _loop(node: OnnxNode, limit: Any, condition: Any, *carried: Any) -> Any:
    number = (
        None if limit is None else int(node.known(limit, "the number of rounds").reshape(-1)[0])
    )
    states: list[GraphValue] = list(carried)
    goes_on: Any = np.array(True) if condition is None else condition
    collected: list[list[Any]] = []
    i = 0
    while number is None or i < number:
        if not bool(node.known(goes_on, "the condition of a loop").reshape(-1)[0]):
            break
        outputs = _inner(node, "body").run([np.array(i, np.int64), goes_on, *states])
        goes_on, states = outputs[0], outputs[1 : 1 + len(carried)]
        collected.append(outputs[1 + len(carried) :])
        i += 1
    return (*states, *_stacked_outputs(node, collected, len(carried)))


def _stacked_outputs(node: OnnxNode, collected: list[list[Any]], carried: int) -> list[Any]:
    if collected:
        return [_stacked(list(parts)) for parts in zip(*collected, strict=True)]
    body = _inner(node, "body").graph
    empty = []
    for slot in body.outputs[1 + carried :]:
        shape = tuple(n if isinstance(n, int) else 0 for n in slot.shape or ())
        empty.append(np.zeros((0, *shape), slot.dtype or np.float32))
    return empty


def _stacked(parts: list[Any]) -> Any:
    if all(is_known(part) for part in parts):
        return np.stack(parts)
    return ops.stack(*parts)


@row("Scan", since=9, whole=True)
def _scan(node: OnnxNode, *given: Any) -> Any:
    scanned = node.integer("num_scan_inputs")
    states, inputs = list(given[: len(given) - scanned]), list(given[len(given) - scanned :])
    axes = node.ints("scan_input_axes", (0,) * scanned)
    backward = node.ints("scan_input_directions", (0,) * scanned)
    length = inputs[0].shape[axes[0]]
    collected = []
    for t in range(length):
        read = [
            _read(x, axis, length - 1 - t if back else t)
            for x, axis, back in zip(inputs, axes, backward, strict=True)
        ]
        outputs = _inner(node, "body").run([*states, *read])
        states = list(outputs[: len(states)])
        collected.append(outputs[len(states) :])
    number = len(_inner(node, "body").graph.outputs) - len(states)
    places = node.ints("scan_output_axes", (0,) * number)
    turned = node.ints("scan_output_directions", (0,) * number)
    finished = []
    for i in range(number):
        parts = [outputs[i] for outputs in collected]
        stacked = _stacked(parts[::-1] if turned[i] else parts)
        finished.append(stacked if places[i] == 0 else ops.moveaxis(stacked, 0, places[i]))
    return (*states, *finished)


@row("Scan", since=8, whole=True)
def _scan_in_batches(node: OnnxNode, lengths: Any, *given: Any) -> Any:
    if lengths is not None:
        raise node.error("lengths of sequences are not supported in a Scan of opset 8")
    scanned = node.integer("num_scan_inputs")
    states, inputs = given[: len(given) - scanned], given[len(given) - scanned :]
    backward = node.ints("directions", (0,) * scanned)
    results = []
    for b in range(inputs[0].shape[0]):
        current: list[Any] = [state[b] for state in states]
        collected = []
        length = inputs[0].shape[1]
        for t in range(length):
            read = [
                x[b, length - 1 - t if back else t]
                for x, back in zip(inputs, backward, strict=True)
            ]
            outputs = _inner(node, "body").run([*current, *read])
            current = list(outputs[: len(states)])
            collected.append(outputs[len(states) :])
        results.append([*current, *(_stacked(list(p)) for p in zip(*collected, strict=True))])
    return tuple(_stacked(list(parts)) for parts in zip(*results, strict=True))


def _read(x: Any, axis: int, place: int) -> Any:
    return x[(slice(None),) * (axis % len(x.shape)) + (place,)]


@row("SequenceConstruct", whole=True)
def _sequence_construct(node: OnnxNode, *parts: Any) -> Any:
    return list(parts)


@row("SequenceEmpty", whole=True)
def _sequence_empty(node: OnnxNode) -> Any:
    return []


def _place(node: OnnxNode, place: Any) -> int:
    return int(node.known(place, "the place in a sequence").reshape(-1)[0])


@row("SequenceAt", known=(1,), whole=True)
def _sequence_at(node: OnnxNode, sequence: Any, place: Any) -> Any:
    return sequence[_place(node, place)]


@row("SequenceInsert", known=(2,), whole=True)
def _sequence_insert(node: OnnxNode, sequence: Any, value: Any, place: Any = None) -> Any:
    where = len(sequence) if place is None else _place(node, place)
    longer = list(sequence)
    longer.insert(where, value)
    return longer


@row("SequenceErase", known=(1,), whole=True)
def _sequence_erase(node: OnnxNode, sequence: Any, place: Any = None) -> Any:
    where = -1 if place is None else _place(node, place)
    shorter = list(sequence)
    del shorter[where]
    return shorter


@row("SequenceLength", whole=True)
def _sequence_length(node: OnnxNode, sequence: Any) -> Any:
    return np.array(len(sequence), np.int64)


@row("SplitToSequence", known=(1,))
def _split_to_sequence(node: OnnxNode, x: Any, sizes: Any = None) -> Any:
    axis = node.axis(x, node.integer("axis", 0))
    length = x.shape[axis]
    before = (slice(None),) * axis
    if sizes is None:
        if node.integer("keepdims", 1):
            return [x[(*before, slice(i, i + 1))] for i in range(length)]
        return [x[(*before, i)] for i in range(length)]
    given = node.known(sizes, "the sizes of the parts")
    if given.ndim == 0:
        size = int(given)
        starts = range(0, length, size)
        return [x[(*before, slice(a, min(a + size, length)))] for a in starts]
    ends = np.cumsum(given)
    return [x[(*before, slice(int(b - n), int(b)))] for n, b in zip(given, ends, strict=True)]


@row("ConcatFromSequence")
def _concat_from_sequence(node: OnnxNode, sequence: Any) -> Any:
    axis = node.integer("axis")
    if all(isinstance(part, np.ndarray) for part in sequence):
        return (
            np.stack(sequence, axis)
            if node.integer("new_axis", 0)
            else np.concatenate(sequence, axis)
        )
    if node.integer("new_axis", 0):
        return ops.stack(*sequence, axis=axis)
    return ops.concatenate(*sequence, axis=axis)


@row("SequenceMap", whole=True)
def _sequence_map(node: OnnxNode, sequence: Any, *others: Any) -> Any:
    results = []
    for i, part in enumerate(sequence):
        given = [other[i] if isinstance(other, list) else other for other in others]
        results.append(_inner(node, "body").run([part, *given]))
    number = len(_inner(node, "body").graph.outputs)
    return tuple([result[i] for result in results] for i in range(number))


@row("Optional", whole=True)
def _optional(node: OnnxNode, value: Any = None) -> Any:
    return Empty() if value is None else value


@row("OptionalHasElement", whole=True)
def _optional_has_element(node: OnnxNode, value: Any = None) -> Any:
    return np.array(value is not None and not isinstance(value, Empty))


@row("OptionalGetElement", whole=True)
def _optional_get_element(node: OnnxNode, value: Any) -> Any:
    if value is None or isinstance(value, Empty):
        raise node.error("the optional value is empty")
    return cast(GraphValue, value)
