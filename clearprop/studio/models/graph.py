"""The graph of a network that folds by the paths of its layers, and opens to the operation.

It is traced from shapes alone: no weight and no value is computed for it. Each call of a layer is a
group. The calls of a pass are nested, and the nodes of a call follow each other on the tape, so a
group is an interval of the order of computation, and folding never makes a circle.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.autodiff import OPERATIONS
from clearprop.glass.nodes.graph import Graph, Link, Spec
from clearprop.glass.nodes.program import Program, Signature, program_of
from clearprop.studio.models.messages import GraphGroup, GraphNode, NetworkGraph
from clearprop.studio.models.opened import Opened

MODEL, LOSS = "", "loss"


def traced(opened: Opened) -> Program:
    """Return the traced pass of a network for one of its examples; no value is computed.

    `explain` uses the same one for its passes.
    """
    x, y = opened.pair(0)
    given = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (x, y))
    leaves, structure = jax.tree.flatten((opened.skeleton, *given, None))
    wide = bool(jax.config.read("jax_enable_x64"))
    return program_of(Signature(structure, tuple(leaves), opened.loss, False, wide))


def network_graph(opened: Opened, program: Program | None = None) -> NetworkGraph:
    """Return the graph of a network with what the page has to know of it.

    Args:
        opened: the network.
        program: of a pass, whose shapes the graph has; None takes the shapes of the examples.
    """
    program = traced(opened) if program is None else program
    graph, counts = program.graph, _operations(program)
    folding = Folding.of(graph, opened.subject.model)
    nodes = tuple(
        GraphNode(
            name=spec.name,
            group=folding.group_of[spec.index],
            operation=spec.operation,
            shape=spec.shape,
            dtype=str(spec.dtype),
            inputs=tuple(x.index for x in spec.inputs if isinstance(x, Link)),
            operations=0 if spec.output else counts.get(_number(spec), 0),
            carries_error=spec.carries_error,
            steps=spec.steps,
        )
        for spec in graph.nodes
    )
    groups = _groups(folding, nodes)
    vocabulary = opened.vocabulary
    return NetworkGraph(
        source=opened.entry,
        model=type(opened.subject.model).__name__,
        nodes=nodes,
        groups=groups,
        about=_about(nodes, groups, opened.subject.model),
        takes=opened.takes,
        input_shape=opened.input_shape,
        picture_shape=opened.picture_shape,
        longest_text=opened.longest_text,
        continues=opened.predicts_next,
        level=vocabulary.level if vocabulary is not None else None,
        examples=len(opened),
        part=opened.subject.part,
        noun=opened.subject.noun,
        classes=opened.classes,
        objective=opened.followed,
        remarks=opened.remarks,
    )


def _number(spec: Spec) -> int:
    return -1 if spec.place is None else spec.place[0]


def _operations(program: Program) -> dict[int, int]:
    """Return the arithmetic operations of each node on the tape, by its number."""
    found: dict[int, int] = {}

    def count(arrays: Sequence[jax.Array]) -> jax.Array:
        for number, node in enumerate(program.run(arrays).recording.tape.nodes):
            if node.operation is not None:
                result = node.as_returned(node.outputs)
                found[number] = node.operation.count(result, node.inputs, node.parameters)
        return jnp.zeros(())

    leaves = [leaf for leaf in program.signature.leaves if isinstance(leaf, jax.ShapeDtypeStruct)]
    jax.eval_shape(count, leaves)
    return found


# -- folding --------------------------------------------------------------------------------------


@dataclass
class CalledLayer:
    """A call of a layer: an interval of the order of computation.

    Attributes:
        parent: number of the call around it; -1 of the whole pass.
        path: of the layer.
        number: which call of the layer it is, from 1.
        output: index of its last node so far.
    """

    parent: int
    path: str
    number: int
    output: int = -1


@dataclass
class Folding:
    """Which group each node belongs to.

    Attributes:
        calls: the groups; the first is the whole pass.
        group_of: the number of the innermost group of each node.
        kinds: the class of each layer, or the activation that it applies, by its path.
    """

    calls: list[CalledLayer]
    group_of: list[int]
    kinds: dict[str, str]
    _times: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, graph: Graph, model: nn.Module) -> Folding:
        """Return the folding of a graph by the layers of a model."""
        kinds = {
            path: nn.recording.layer_kind(module) for path, module in nn.modules(model).items()
        }
        found = cls([CalledLayer(-1, MODEL, 1)], [0] * len(graph.nodes), kinds)
        ends = {(name.partition("#")[0], index) for name, index in graph.layers.items()}
        open_calls = [0]
        for spec in graph.nodes:
            if spec.operation == "parameter":
                continue
            wanted = found._around(spec)
            open_calls = found._entered(open_calls, wanted)
            found.group_of[spec.index] = open_calls[-1]
            for number in open_calls:
                found.calls[number].output = spec.index
            # A call ends with its output: what follows under the same path is the next call.
            while len(open_calls) > 1 and (found.calls[open_calls[-1]].path, spec.index) in ends:
                open_calls = open_calls[:-1]
        for spec in graph.nodes:
            if spec.operation == "parameter":
                readers = graph.users[spec.index]
                found.group_of[spec.index] = found.group_of[readers[0]] if readers else 0
        return found

    def _around(self, spec: Spec) -> list[str]:
        """Return the paths of the layers around a node, the outermost first, without the model."""
        if spec.operation == "input":
            return []
        if spec.layer == LOSS and LOSS not in self.kinds:
            return [LOSS]
        parts = spec.layer.split(".") if spec.layer else []
        paths = [".".join(parts[: k + 1]) for k in range(len(parts))]
        return [path for path in paths if path in self.kinds or path == spec.layer]

    def _entered(self, open_calls: list[int], wanted: list[str]) -> list[int]:
        """Return the calls that are open at a node, given those before it; new ones are begun."""
        now = [0]
        for path, before in zip(wanted, open_calls[1:], strict=False):
            if self.calls[before].path != path:
                break
            now.append(before)
        for path in wanted[len(now) - 1 :]:
            self._times[path] += 1
            self.calls.append(CalledLayer(now[-1], path, self._times[path]))
            now.append(len(self.calls) - 1)
        return now


def _groups(folding: Folding, nodes: Sequence[GraphNode]) -> tuple[GraphGroup, ...]:
    """Return the groups with what is inside them."""
    totals = [[0, 0, 0] for _ in folding.calls]
    for node in nodes:
        size = int(np.prod(node.shape, dtype=np.int64))
        is_parameter = node.operation == "parameter"
        group = node.group
        while group >= 0:
            totals[group][0] += size if is_parameter else 0
            totals[group][1] += node.operations
            totals[group][2] += not is_parameter
            group = folding.calls[group].parent
    every = Counter(call.path for call in folding.calls)
    return tuple(
        GraphGroup(
            parent=call.parent,
            path=call.path,
            title=_title(call, folding.calls, every[call.path] > 1),
            kind=folding.kinds.get(call.path, LOSS),
            output=call.output,
            parameters=parameters,
            operations=operations,
            nodes=inside,
        )
        for call, (parameters, operations, inside) in zip(folding.calls, totals, strict=True)
    )


def _title(call: CalledLayer, calls: Sequence[CalledLayer], is_called_again: bool) -> str:
    if call.parent < 0:
        return "the whole pass"
    around = calls[call.parent].path
    own = call.path.removeprefix(f"{around}.") if around else call.path
    return f"{own} #{call.number}" if is_called_again else own


# -- what things are ------------------------------------------------------------------------------

OF_NODES = {
    "parameter": "An array of numbers that training changes.",
    "input": "What the network gets.",
}


def _about(
    nodes: Sequence[GraphNode], groups: Sequence[GraphGroup], model: nn.Module
) -> dict[str, str]:
    """Return one sentence for each operation and each kind of layer."""
    rows: dict[str, Any] = {name: row.forward for name, row in OPERATIONS.items()}
    classes = {nn.recording.layer_kind(m): type(m) for m in nn.modules(model).values()}
    names = {node.operation for node in nodes} | {group.kind for group in groups}
    found = {}
    for name in sorted(names):
        what = rows.get(name) or classes.get(name)
        text = OF_NODES.get(name) or (inspect.getdoc(what) if what is not None else None)
        if text:
            found[name] = text.partition("\n\n")[0].replace("\n", " ").replace("``", "")
    return found
