"""What depends on constants alone is computed once, when a file is loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from clearprop.interop.onnx.graph import GraphStep, HostArray, OnnxGraph, reads
from clearprop.interop.onnx.node import LARGEST, OnnxNode, TooLargeError
from clearprop.interop.onnx.parsing import Definition, Parsed
from clearprop.interop.onnx.rows import find_row
from clearprop.interop.onnx.running import evaluate

_LARGEST = 1 << 16
"""Entries: larger results are computed anew, instead of being kept with the graph."""

_KEPT = {"DequantizeLinear", "RegexFullMatch"}
"""What stays in the graph: its inputs are the weights of the file, or it may take any time."""


def fold(
    parsed: Parsed, learned: Collection[str] = ()
) -> tuple[OnnxGraph, Mapping[str, Definition]]:
    """Return the graph without the steps that whole numbers, booleans and texts decide alone.

    Floats stay as they are: they may be weights. So do constants that are known to be ``learned``.
    """
    constants = dict(parsed.graph.constants)
    steps = []
    for step in parsed.graph.steps:
        known = {name: array for name, array in constants.items() if name not in learned}
        results = _folded(step, parsed.definitions[step.path], known)
        if results is None:
            steps.append(step)
        else:
            constants.update(results)
    kept = {name for step in steps for name in reads(step)}
    kept |= {slot.name for slot in parsed.graph.outputs}
    graph = replace(
        parsed.graph,
        steps=tuple(steps),
        constants={name: array for name, array in constants.items() if name in kept},
    )
    return graph, parsed.definitions


def _folded(
    step: GraphStep, definition: Definition, constants: Mapping[str, HostArray]
) -> dict[str, HostArray] | None:
    names = [name for name in step.inputs if name]
    found = find_row(definition.domain, definition.operator, definition.version)
    if found is None or found.random or step.graphs or definition.operator in _KEPT or not names:
        return None
    if not all(name in constants and _is_small(constants[name]) for name in names):
        return None
    node = OnnxNode(
        definition.operator,
        definition.domain,
        definition.version,
        definition.name or step.outputs[0],
        dict(definition.attributes),
        len(step.outputs),
    )
    token = LARGEST.set(_LARGEST)
    try:
        output = evaluate(found, node, [constants[n] if n else None for n in step.inputs])
    except TooLargeError:
        return None
    finally:
        LARGEST.reset(token)
    outputs = output if isinstance(output, tuple) else (output,)
    results = dict(zip(step.outputs, outputs, strict=False))
    if all(isinstance(array, np.ndarray) and array.size <= _LARGEST for array in results.values()):
        return {n: a for n, a in results.items() if n and isinstance(a, np.ndarray)}
    return None


def _is_small(array: HostArray) -> bool:
    return array.size <= _LARGEST and (array.dtype.kind in "iubOUS" or array.size == 1)
