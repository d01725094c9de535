"""The places of layers and weights in the model: the names of a file become paths."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import jax.numpy as jnp

from clearprop import nn
from clearprop.errors import ModelError
from clearprop.interop.onnx.graph import GraphStep, HostArray, OnnxGraph
from clearprop.interop.onnx.imported import OnnxLayer, OnnxScope
from clearprop.interop.onnx.parsing import Definition
from clearprop.interop.onnx.rows import find_row

MOVING = {"Transpose", "Reshape", "Identity", "Cast", "Squeeze", "Unsqueeze", "Flatten"}
"""Operators that move weights without computing."""

SHIFTING = {"Add", "Sub", "Mul", "Div"}
"""Operators whose constant factor or summand is a weight, if it has more than one entry."""

_STATISTICS = {("BatchNormalization", 3), ("BatchNormalization", 4)}

_FIELDS = {
    "Conv": ("", "weight", "bias"),
    "ConvTranspose": ("", "weight", "bias"),
    "Gemm": ("left", "weight", "bias"),
    "MatMul": ("weight", "weight"),
    "Add": ("bias", "bias"),
    "Sub": ("bias", "bias"),
    "Mul": ("scale", "scale"),
    "Div": ("scale", "scale"),
    "PRelu": ("", "slope"),
    "Gather": ("weight",),
    "LSTM": ("", "weight", "recurrent_weight", "bias"),
    "GRU": ("", "weight", "recurrent_weight", "bias"),
    "RNN": ("", "weight", "recurrent_weight", "bias"),
    "BatchNormalization": ("", "scale", "bias", "running_mean", "running_variance"),
    "InstanceNormalization": ("", "scale", "bias"),
    "LayerNormalization": ("", "scale", "bias"),
    "GroupNormalization": ("", "scale", "bias"),
}
"""Names of the fields of weights whose own name says nothing."""

_NAMELESS = re.compile(r"^(onnx::\w+_\d+|val_\d+|_?\d+|[A-Za-z]?_?\d+|W|B|R|X|w|b|const\w*)$")
_OWN = {"self", "operator", "domain", "version", "attributes", "operands", "outputs", "graph",
        "node", "plan", "needed", "replace", "parameters", "init", "after_init",
        "classes"}  # fmt: skip


@dataclass
class _TreePart:
    """One place in the tree of layers."""

    step: GraphStep | None = None
    fields: dict[str, object] = field(default_factory=dict)
    parts: dict[str, _TreePart] = field(default_factory=lambda: defaultdict(_TreePart))


@dataclass(frozen=True)
class _Weight:
    """A constant that is kept as an array of the model, and who reads it first."""

    array: HostArray
    trained: bool
    reader: GraphStep
    position: int


def place(
    graph: OnnxGraph,
    definitions: Mapping[str, Definition],
    parameters: tuple[str, ...],
    constants: tuple[str, ...],
    learned: frozenset[str] | None = None,
) -> tuple[OnnxGraph, dict[str, object]]:
    """Return the graph with the paths of layers and parameters, and the parts of the model.

    Args:
        graph: with running numbers as paths.
        definitions: of its nodes.
        parameters: patterns of constants to be trained.
        constants: patterns of constants that stay fixed.
        learned: names of the parameters, where the file gives them.

    Raises:
        ModelError: a pattern fits no constant.
    """
    graph = _with_own_statistics(graph, definitions)
    weights = _chosen(graph, definitions, parameters, constants, learned)
    readers: Counter[str] = Counter()
    for step in every_step(graph):
        readers.update(set(step.inputs))
    paths = _paths_of_weights(weights, definitions, learned or frozenset())
    claims = Counter(
        scope for step in every_step(graph) for scope in {_scope_of(step, paths)} if scope
    )
    taken: set[str] = set()
    leaves = set(paths.values())
    renamed: dict[str, str] = {}
    for step in every_step(graph):
        scope = _scope_of(step, paths)
        definition = definitions[step.path]
        alone = scope and claims[scope] == 1
        path = scope if alone else _path_of_node(definition, scope)
        renamed[step.path] = _free(_off_weights(path, leaves), taken)
    root = _TreePart()
    for step in every_step(graph):  # so that layers stand in the order in which they are computed
        _part_at(root, renamed[step.path])
    for name, weight in weights.items():
        scope, _, leaf = paths[name].rpartition(".")
        array = jnp.asarray(weight.array)
        _part_at(root, scope).fields[leaf] = nn.Parameter(array) if weight.trained else array
    layers = {}
    for step in every_step(graph):
        path = renamed[step.path]
        operands = tuple(
            paths[name].rpartition(".")[2]
            if name in weights and readers[name] == 1 and paths[name].rpartition(".")[0] == path
            else ""
            for name in step.inputs
        )
        layers[path] = (definitions[step.path], operands, len(step.outputs))
        _part_at(root, path).step = replace(step, path=path)
    placed = _renamed(graph, renamed, set(weights))
    placed = replace(placed, parameters={name: paths[name] for name in weights})
    return placed, {name: _built(part, layers) for name, part in root.parts.items()} | root.fields


def every_step(graph: OnnxGraph) -> Iterator[GraphStep]:
    """Yield the steps of a graph and of the graphs inside it."""
    for step in graph.steps:
        yield step
        for inner in step.graphs.values():
            yield from every_step(inner)


def _chosen(
    graph: OnnxGraph,
    definitions: Mapping[str, Definition],
    parameters: tuple[str, ...],
    constants: tuple[str, ...],
    learned: frozenset[str] | None,
) -> dict[str, _Weight]:
    found: dict[str, _Weight] = {}
    moved = _moved(graph, definitions)
    for step in every_step(graph):
        definition = definitions[step.path]
        row = find_row(definition.domain, definition.operator, definition.version)
        for position, name in enumerate(step.inputs):
            if name not in graph.constants or name in found:
                continue
            array = graph.constants[name]
            if not jnp.issubdtype(array.dtype, jnp.floating):
                continue
            statistic = (definition.operator, position) in _STATISTICS
            of_weight = row is not None and position in row.weights
            shifts = (
                definition.operator in SHIFTING
                and array.size > 1
                and not all(other in graph.constants for other in step.inputs)
            )
            likely = of_weight or shifts or name in moved
            trained = (likely if learned is None else name in learned) and not _fits(
                name, constants
            )
            if trained or statistic or _fits(name, parameters):
                found[name] = _Weight(array, not statistic, step, position)
    for pattern in (*parameters, *constants):
        if not any(_fits(name, (pattern,)) for name in graph.constants):
            raise ModelError(
                "the pattern fits no constant of the file",
                given=pattern,
                expected=", ".join(sorted(graph.constants)[:8]),
            )
    return found


def _with_own_statistics(graph: OnnxGraph, definitions: Mapping[str, Definition]) -> OnnxGraph:
    """Give every running average a constant of its own; an exporter merges those that are equal."""
    readers = Counter(name for step in every_step(graph) for name in step.inputs)
    constants = dict(graph.constants)

    def changed(part: OnnxGraph) -> OnnxGraph:
        steps = []
        for step in part.steps:
            inputs = list(step.inputs)
            for position, name in enumerate(inputs):
                at_statistic = (definitions[step.path].operator, position) in _STATISTICS
                if at_statistic and name in graph.constants and readers[name] > 1:
                    inputs[position] = _free(f"{name}_{'mean' if position == 3 else 'var'}",
                                             taken)  # fmt: skip
                    constants[inputs[position]] = graph.constants[name]
            inner = {name: changed(one) for name, one in step.graphs.items()}
            steps.append(replace(step, inputs=tuple(inputs), graphs=inner))
        return replace(part, steps=tuple(steps))

    taken = set(constants) | {name for step in every_step(graph) for name in step.outputs}
    return replace(changed(graph), constants=constants)


def _moved(graph: OnnxGraph, definitions: Mapping[str, Definition]) -> set[str]:
    """Return the constants that only moving operators read before one that takes a weight."""
    steps = list(every_step(graph))
    wanted: set[str] = set()
    for step in reversed(steps):
        if step.operator in MOVING and step.outputs and step.outputs[0] in wanted:
            wanted.add(step.inputs[0])
        elif step.operator not in MOVING:
            definition = definitions[step.path]
            row = find_row(definition.domain, definition.operator, definition.version)
            places = () if row is None else row.weights
            wanted.update(step.inputs[i] for i in places if i < len(step.inputs))
    return wanted


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def clean(name: str) -> str:
    """Return a name of a file as a path: words with dots between them."""
    path: list[str] = []
    for part in re.split(r"/+", name.strip("/")):
        words = [re.sub(r"\W+", "_", word).strip("_") for word in part.split(".")]
        words = [word for word in words if word]
        # PyTorch repeats the path of the parent: /layer1/layer1.0/conv1.
        shared = next((n for n in range(len(path)) if path[n:] == words[: len(path) - n]), None)
        path = path[:shared] + words if shared is not None and path[shared:] else path + words
    return ".".join(f"{word}_" if word in _OWN or word.startswith("__") else word for word in path)


def _paths_of_weights(
    weights: Mapping[str, _Weight], definitions: Mapping[str, Definition], learned: frozenset[str]
) -> dict[str, str]:
    paths: dict[str, str] = {}
    taken: set[str] = set()
    for name, weight in weights.items():
        definition = definitions[weight.reader.path]
        if _NAMELESS.match(name) and name not in learned:
            own = _FIELDS.get(definition.operator, ())
            leaf = own[weight.position] if weight.position < len(own) else ""
            path = leaf or f"weight_{weight.position}"
        else:
            path = clean(name)
        if (
            "." not in path and name not in learned
        ):  # a name without a scope: the weight belongs to its layer
            path = f"{clean(definition.name)}.{path}"
        paths[name] = _beside(_free(path, taken), set(paths.values()))
    return paths


def _beside(path: str, leaves: set[str]) -> str:
    """Return a path that neither is, nor goes through, nor surrounds the place of a weight."""
    path = _off_weights(path, leaves)
    while any(leaf.startswith(f"{path}.") for leaf in leaves):
        path += "_"
    return path


def _off_weights(path: str, leaves: set[str]) -> str:
    """Return a path of a layer that neither is the place of a weight nor goes through one."""
    words = path.split(".")
    for end in range(1, len(words) + 1):
        while ".".join(words[:end]) in leaves:
            words[end - 1] += "_"
    return ".".join(words)


def _scope_of(step: GraphStep, paths: Mapping[str, str]) -> str:
    scopes = {paths[name].rpartition(".")[0] for name in step.inputs if name in paths}
    return scopes.pop() if len(scopes) == 1 else ""


def _path_of_node(definition: Definition, scope: str) -> str:
    if definition.name and not re.fullmatch(r"(node_?)?\w*?_?\d*", definition.name):
        return clean(definition.name)
    if scope:
        return f"{scope}.{definition.operator}"
    return clean(definition.name)


def _free(path: str, taken: set[str]) -> str:
    """Return a path that is neither taken nor empty."""
    new, number = path or "value", 1
    while new in taken:
        number += 1
        new = f"{path}_{number}"
    taken.add(new)
    return new


def _part_at(root: _TreePart, path: str) -> _TreePart:
    part = root
    for name in filter(None, path.split(".")):
        part = part.parts[name]
    return part


def _built(
    part: _TreePart, layers: Mapping[str, tuple[Definition, tuple[str, ...], int]]
) -> OnnxScope:
    inner = {name: _built(child, layers) for name, child in part.parts.items()}
    contents = {**inner, **part.fields}
    if part.step is None:
        return OnnxScope(**contents)
    definition, operands, outputs = layers[part.step.path]
    return OnnxLayer(
        definition.operator,
        definition.domain,
        definition.version,
        definition.attributes,
        operands,
        outputs,
        **contents,
    )


def _renamed(graph: OnnxGraph, paths: Mapping[str, str], weights: set[str]) -> OnnxGraph:
    steps = tuple(
        replace(
            step,
            path=paths[step.path],
            graphs={name: _renamed(inner, paths, weights) for name, inner in step.graphs.items()},
        )
        for step in graph.steps
    )
    constants = {name: array for name, array in graph.constants.items() if name not in weights}
    return replace(graph, steps=steps, constants=constants)
