"""The page of a pass: its graph by layers and the numbers of every node, in one HTML file."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from clearprop.autodiff import OPERATIONS
from clearprop.errors import ModelError
from clearprop.glass.bars import Bars
from clearprop.glass.equations.chain import equations
from clearprop.glass.explain.sample import layouts, sampled
from clearprop.glass.explain.why import why
from clearprop.glass.nodes.array_summary import ArraySummary
from clearprop.glass.nodes.check import largest_entry
from clearprop.glass.nodes.graph import shape_text
from clearprop.glass.nodes.jacobian import Jacobian
from clearprop.glass.nodes.node import GlassNode, Nodes
from clearprop.glass.page import environment, version
from clearprop.glass.wording import count, number, percent

BYTES = 1_600_000
"""How many bytes all samples of a page may take together, without its text."""

MOST_ENTRIES, LEAST_ENTRIES = 4096, 16
DETAILED, WRITTEN = 150, 60
"""Up to how many nodes a page shows what each passes back, and Jacobians and equations."""

CHECKED, CHECKED_WHOLE = 60, 20
"""Up to how many nodes small steps check the gradients, and all error signals."""

ABOUT = {"parameter": "Training changes it.", "input": "The input of the model."}

LARGEST_ROW = 200_000
"""Up to how many entries of an input the page shows a row of the Jacobian."""

LEAST_SECTIONS, MOST_GROUPS = 8, 24
"""Smallest and largest number of sections of a deep network, if the paths of its layers allow."""

OPEN = 100
"""Up to how many nodes a page first shows all layers open."""


@dataclass(frozen=True)
class LayerGroup:
    """The nodes of one layer, as the page shows them.

    Attributes:
        path: of the layer; "input", "model" or "loss" for nodes that are in no layer.
        nodes: its parameters and operations, in the order of computation.
        bar: length of the bar of its error signal, from 0 to 1, on a logarithmic scale.
        size: mean absolute error signal of its output, as text; "" where it carries none.
    """

    path: str
    nodes: tuple[GlassNode, ...]
    bar: float
    size: str

    @property
    def output(self) -> GlassNode:
        """The last node of the layer."""
        return self.nodes[-1]


@dataclass(frozen=True)
class Drop:
    """Where the error signal becomes smaller on its way back through one layer.

    Attributes:
        layer: through which it goes.
        before: the mean size of the error signal of its output.
        after: the mean size of the error signal of what the layer reads.
    """

    layer: LayerGroup
    before: float
    after: float


def page(glass: Nodes, title: str | None = None, opened: str | None = None) -> str:
    """Return the page of a pass as the text of an HTML file that needs no other file.

    Args:
        glass: the pass.
        title: of the page.
        opened: the node that is shown first, or a pattern. Without it the output of the layer in
            which the error signal drops most, or E where it drops in none.
    """
    found = groups(glass)
    drop = largest_drop(found) if opened is None else None
    first = drop.layer.output if drop is not None else glass.nodes[-1]
    shown = glass[opened] if opened is not None else first
    return (
        environment()
        .get_template("glass.html")
        .render(
            title=title or "One pass through the network and back",
            glass=glass,
            objective=number(glass.objective, 5),
            sections=_sections(found),
            drop=drop,
            opened=(shown if isinstance(shown, GlassNode) else shown[0]).name,
            is_open=len(glass) <= OPEN,
            is_whole=len(glass) <= DETAILED,
            scale=Bars.of(_error_size(group.output) for group in found).ends,
            data=_embedded(details(glass)),
            parameters=_parameters(glass),
            number=number,
            count=count,
            written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            version=version(),
        )
    )


def notebook(glass: Nodes) -> str:
    """Return the short form of a pass that a notebook shows: one row for each layer."""
    found = groups(glass)
    template = environment().get_template("glass-notebook.html")
    return template.render(
        glass=glass, objective=number(glass.objective, 5), groups=found[:60], of=len(found),
        count=count,
    )  # fmt: skip


# -- the graph by layers --------------------------------------------------------------------------


def groups(glass: Nodes) -> list[LayerGroup]:
    """Return the nodes by layers in the order of computation, with one group for each call."""
    runs: list[tuple[str, list[GlassNode]]] = []
    for node in glass:
        if node.operation != "parameter":
            path = "input" if node.operation == "input" else node.layer or "model"
            if not runs or runs[-1][0] != path:
                runs.append((path, []))
            runs[-1][1].append(node)
    place = {node.index: i for i, (_, nodes) in enumerate(runs) for node in nodes}
    weights: dict[int, list[GlassNode]] = {}
    for node in glass:
        if node.operation == "parameter":
            # A parameter that nothing reads comes last.
            reader = place[node.users[0].index] if node.users else len(runs) - 1
            weights.setdefault(reader, []).append(node)
    sizes = [_error_size(nodes[-1]) for _, nodes in runs]
    bars = Bars.of(sizes)
    again: dict[str, int] = {}
    found = []
    for i, ((path, nodes), size) in enumerate(zip(runs, sizes, strict=True)):
        again[path] = again.get(path, 0) + 1
        name = path if again[path] == 1 else f"{path} #{again[path]}"
        text = number(size) if nodes[-1].carries_error else ""
        found.append(LayerGroup(name, (*weights.get(i, ()), *nodes), bars.length(size), text))
    return found


def largest_drop(found: list[LayerGroup]) -> Drop | None:
    """Return where the error signal drops most on its way back through a layer, or None.

    The loss is no layer: its mean over the examples makes every error signal smaller.
    """
    place = {node.index: group for group in found for node in group.nodes}
    drops = []
    for group in reversed(found):  # of equal ones, the nearest to the loss
        size = _error_size(group.output)
        if group.path.partition(" ")[0] == "loss" or not 0 < size < math.inf:
            continue
        read = [x for node in group.nodes for x in node.inputs if isinstance(x, GlassNode)]
        outside = [x for x in read if x.operation != "parameter" and place[x.index] is not group]
        sizes = [_error_size(x) for x in outside if x.error_summary is not None]
        # Where several are read, the strongest way back counts.
        if sizes and max(sizes) < size:
            drops.append(Drop(group, size, max(sizes)))
    return max(drops, key=lambda d: d.before / d.after if d.after else math.inf, default=None)


def _error_size(node: GlassNode) -> float:
    summary = node.error_summary
    return 0.0 if summary is None else float("nan") if summary.nonfinite else summary.size


def _sections(found: list[LayerGroup]) -> list[tuple[str, list[LayerGroup]]]:
    """Return many layers in sections by the start of their paths, and few in one section."""
    if len(found) <= MOST_GROUPS:
        return [("", found)]
    grouped = [_grouped(found, depth) for depth in range(1, 7)]
    chosen = next((p for p in grouped if LEAST_SECTIONS <= len(p) <= MOST_GROUPS), grouped[0])
    return [(name if len(members) > 1 else "", members) for name, members in chosen.items()]


def _grouped(found: list[LayerGroup], depth: int) -> dict[str, list[LayerGroup]]:
    sections: dict[str, list[LayerGroup]] = {}
    for group in found:
        path = group.path.partition(" ")[0]  # without the number of the call
        sections.setdefault(".".join(path.split(".")[:depth]), []).append(group)
    return sections


def _parameters(glass: Nodes) -> str:
    weights = [node for node in glass if node.operation == "parameter"]
    entries = sum(int(np.prod(node.shape)) for node in weights)
    return f"{count(entries, 'parameter')} in {count(len(weights), 'array')}"


# -- the numbers of every node --------------------------------------------------------------------


def details(glass: Nodes) -> dict[str, object]:
    """Return what the page shows for every node, as plain data."""
    whole = len(glass) <= DETAILED
    arrays = len(glass) * (6 if whole else 2)
    room = int(np.clip(BYTES / (8 / 3) / max(1, arrays), LEAST_ENTRIES, MOST_ENTRIES))
    known = layouts(glass.nodes)
    return {
        "about": {name: _about(name) for name in sorted({node.operation for node in glass})},
        "whole": whole,
        "nodes": [_node(node, room, known, whole) for node in glass],
    }


def _node(node: GlassNode, room: int, known: dict[int, str], whole: bool) -> dict[str, Any]:
    layout = known.get(node.index, "")
    found: dict[str, Any] = {
        "name": node.name,
        "operation": node.operation,
        "shape": shape_text(node.shape),
        "dtype": str(node.dtype),
        "value": _array(node.summary, _shown(node.value), room, layout),
        "error": None,
        "parameters": [[key, _text(given)] for key, given in node.parameters.items()],
        "users": [user.index for user in node.users],
        "inputs": [_constant_or_link(x, room) for x in node.inputs],
    }
    if (error := node.error) is not None and (summary := node.error_summary) is not None:
        found["error"] = _array(summary, error, room, layout)
    if whole:
        place = _largest_place(node)
        for i, given in enumerate(found["inputs"]):
            given |= _derivative(node, i, place, room, known)
        found |= _texts(node, place)
    return found


def _derivative(
    node: GlassNode, i: int, place: tuple[int, ...], room: int, known: dict[int, str]
) -> dict[str, Any]:
    """Return the local derivative by an input, and what is passed to that input."""
    passed = node.passed(i)
    if passed is None:
        return {}
    source = node.inputs[i]
    layout = known.get(getattr(source, "index", -1), "")
    found = {"passed": _array(node.passed_summary(i), passed, room, layout)}
    local = node.local(i)
    if isinstance(local, Jacobian):
        is_large = np.size(passed) > LARGEST_ROW or len(node.glass) > WRITTEN
        if is_large or not np.size(node.value):
            return found
        of = f"[{', '.join(map(str, place))}]" if place else ""
        found["row"] = {"of": of, **sampled(local.row(place), room, layout)}
    elif local is not None:
        found["local"] = sampled(local, room, known.get(node.index, ""))
    return found


def _texts(node: GlassNode, place: tuple[int, ...]) -> dict[str, str]:
    """Return the texts of a node: why its error signal has its size, its equations, its check."""
    glass, found = node.glass, dict[str, str]()
    if not np.prod(node.shape):
        return found
    if len(glass) <= WRITTEN and node.operation not in ("parameter", "input"):
        found["equations"] = str(equations(node, place))
    if node.operation == "parameter":
        found["why"] = str(why(node))
    most = CHECKED if node.operation in ("parameter", "input") else CHECKED_WHOLE
    if node.carries_error and len(glass) <= most:
        with contextlib.suppress(ModelError):  # the model cannot compute in double precision
            found["check"] = str(node.check(place)).removeprefix("[]: ")
    return found


def _largest_place(node: GlassNode) -> tuple[int, ...]:
    """Return the entry with the largest error signal: it is shown in detail."""
    error = node.error
    if error is None or not np.size(error):
        return (0,) * len(node.shape)
    return largest_entry(np.asarray(error, np.float64))


def _constant_or_link(given: Any, room: int) -> dict[str, Any]:
    if hasattr(given, "users"):
        return {"node": given.index}
    if given is None or not np.shape(given):
        return {"constant": "none" if given is None else _text(given)}
    return {"constant": f"constant {shape_text(np.shape(given))}", **sampled(_shown(given), room)}


def _array(summary: ArraySummary, array: ArrayLike, room: int, layout: str) -> dict[str, Any]:
    rows = [
        ["mean", number(summary.mean, 4)],
        ["smallest", number(summary.smallest, 4)],
        ["largest", number(summary.largest, 4)],
        ["mean size", number(summary.size, 4)],
        ["zeros", percent(summary.zeros) if summary.zeros else "none"],
    ]
    if summary.nonfinite:
        rows.append(["not finite", f"{summary.nonfinite:,}"])
    return {"stats": rows, **sampled(array, room, layout)}


def _shown(value: ArrayLike) -> NDArray[np.float64]:
    """Return an array of numbers; 0 for random keys, which have none."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return np.zeros(())


def _about(name: str) -> str:
    if name in ABOUT:
        return ABOUT[name]
    row = OPERATIONS.get(name)
    text = inspect.getdoc(row.forward) if row is not None else None
    return (text or "").partition("\n\n")[0].replace("\n", " ").replace("``", "")


def _text(given: Any) -> str:
    if isinstance(given, float):
        return number(given, 6)
    if hasattr(given, "shape") and given.shape:
        return f"array {shape_text(given.shape)}"
    return str(given)[:80]


def _embedded(data: dict[str, Any]) -> Markup:
    """Return data as JSON for a script element, without characters that end the element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", " ").replace("\u2029", " "))
