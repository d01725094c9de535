"""`explain`: one pass through a model and back, with every number of it in reach.

Shape letters: B examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import jax
import numpy as np

from clearprop import nn
from clearprop.errors import ConfigurationError, kind_of, nearest
from clearprop.glass.explain.graph import Link
from clearprop.glass.explain.node import GlassNode
from clearprop.glass.explain.program import prepare
from clearprop.glass.explain.table import Table
from clearprop.glass.explain.through_time import ThroughTime
from clearprop.glass.explain.values import Values
from clearprop.glass.explain.why import Why, why
from clearprop.training import Run
from clearprop.training.files import write_atomically
from clearprop.training.material import Part, check_labels

if TYPE_CHECKING:
    from clearprop.glass.equations import Equations

Array = jax.Array


def explain(
    model: nn.Module,
    x: Any,
    y: Any,
    loss: str | nn.Loss | Callable[[Any, Any], Any] = "cross_entropy",
    *,
    training: bool = False,
    key: Any = None,
) -> Glass:
    """Return one pass through a model and back as a graph in which every number can be read.

    Each value v of the pass has a node with its error signal dE/dv, where E is the mean loss of
    the examples. The model needs no change, and is never called but to be traced: the whole pass,
    forward and backward, is one compiled call, kept for the next examples of the same shapes.

    Args:
        model: with values in its parameters.
        x: the model's input, (B, ...), or a dict of inputs by name; for one example B is 1.
        y: the targets, as the loss takes them.
        loss: the name of a loss, a `nn.Loss`, or a function (outputs, targets) -> values.
        training: whether layers behave as in training: dropout drops, batch norm uses the batch.
        key: a JAX random key, for layers that draw random numbers in training.

    Raises:
        ShapeError: the examples do not fit the model or each other, or there are none.
        ModelError: the parameters have no values yet.
        ConfigurationError: an unknown loss, or no model.
        DataError: a label is not the number of one of the outputs.

    >>> import jax.numpy as jnp
    >>> model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(3, 1)]).init(0)
    >>> glass = explain(model, jnp.array([[0.35, 0.9]]), jnp.array([[0.5]]), "squared_error")
    >>> [node.name for node in glass][5:9]
    ['layers.0/matmul', 'layers.0/add', 'layers.1/tanh', 'layers.2/matmul']
    >>> node = glass["layers.1/tanh"]
    >>> bool(jnp.allclose(node.passed(0), node.error * (1 - node.value**2)))
    True
    """
    if not isinstance(model, nn.Module):
        raise ConfigurationError(
            "only a model can be explained",
            given=kind_of(model),
            fix="of a run: cp.explain(run.model, x, y)" if isinstance(model, Run) else None,
        )
    program, arrays = prepare(model, x, y, loss, training, key)
    glass = Glass(Values(program, arrays))
    own = nn.LOSSES.get(loss) if isinstance(loss, str) else loss
    output = glass.structure.layers.get("")
    # What the targets of somebody else's loss mean is not known here.
    if output is not None and any(own is known for known in nn.LOSSES.values()):
        targets, shape = np.asarray(y), glass.structure.nodes[output].shape
        check_labels(Part("the targets", x, targets), nn.find_loss(loss), shape, targets.shape)
    return glass


class Glass:
    """One pass through a model and back.

    ``glass["layers.0/matmul"]`` is a node, ``glass["layers.0"]`` the node of that layer's output,
    ``glass["layers.*"]`` a `Selection` of nodes. A parameter is named by its path, an input
    ``input`` or ``input.NAME``, an operation ``LAYER/OPERATION``: ``model/...`` in the model's own
    call, ``loss/...`` after it. The second of a name is ``...#2``; an operation of several outputs
    has a node for each, ``....0``, ``....1``.

    Attributes:
        nodes: parameters, inputs, then operations in the order of computation; the last is E.
        values: where the nodes find their arrays.
        structure: names, shapes and edges, without numbers.
    """

    def __init__(self, values: Values) -> None:
        self.values = values
        self.structure = values.program.graph
        self.nodes = tuple(
            GlassNode(self, index, spec) for index, spec in enumerate(self.structure.nodes)
        )
        self._by_name = {node.name: node for node in self.nodes}
        for path, index in self.structure.layers.items():
            self._by_name.setdefault(path or "model", self.nodes[index])

    @property
    def objective(self) -> float:
        """E, the mean loss of the examples."""
        return float(self.values[self.structure.objective])

    @overload
    def __getitem__(self, name: int) -> GlassNode: ...

    @overload
    def __getitem__(self, name: str) -> Any: ...

    def __getitem__(self, name: str | int) -> Any:
        """Return the node of a name, or the nodes that a pattern (``*``, ``?``, ``[ab]``) matches.

        Raises:
            ConfigurationError: there is none; the nearest name is suggested.
        """
        if isinstance(name, int):
            return self.nodes[name]
        if name in self._by_name:
            return self._by_name[name]
        if any(sign in name for sign in "*?["):
            found = Selection(node for node in self.nodes if fnmatchcase(node.name, name))
            if found:
                return found
        raise self._unknown(name)

    def table(self, pattern: str = "*") -> Table:
        """Return the nodes that a pattern matches as a table of a few numbers each.

        Raises:
            ConfigurationError: no node matches.
        """
        found = self[pattern]
        return Table(found if isinstance(found, Selection) else (found,))

    def why(self, name: str, index: int | Sequence[int] | None = None) -> Why:
        """Return why the gradient of a parameter, or the error signal of a node, is what it is.

        Zero, tiny, huge, not a number, not connected, or all right: with the way that it came, and
        the operation that made it so. See `clearprop.glass.explain.why`.

        Args:
            name: of one node.
            index: one entry of it; None for the whole.

        Raises:
            ConfigurationError: there is no such node or entry, or it carries no error signal.
        """
        node = self[name]
        if isinstance(node, Selection):
            raise ConfigurationError(
                "one node at a time can be asked why",
                given=f"{name!r}, which is {len(node)} nodes",
                fix=f"glass.why({node[0].name!r})",
            )
        return why(node, index)

    def through_time(self, name: str) -> ThroughTime:
        """Return the state of a loop after every step, with its error signals.

        Args:
            name: of the loop's node, or of a recurrent layer; of a layer of several loops (two
                directions, one layer on another) the node's name says which.

        Raises:
            ConfigurationError: there is no such node, or it is no loop.
        """
        node = self._by_name.get(name)
        if node is None or not node.steps:
            inside = (name, f"{name}.last", f"{name}.last.0")
            loops = [n for n in self.nodes if n.steps and (n.layer == name or n.name in inside)]
            if not loops and node is not None:
                raise ConfigurationError("the node is no loop over time", where=node.name)
            node = loops[0] if loops else self[name]
        assert node.place is not None
        found = self.values.program.through_time(self.values.given, node.place[0])
        return ThroughTime(node.name.rpartition(".")[0], *map(tuple, found))

    def graph(self) -> dict[str, list[dict[str, Any]]]:
        """Return the structure as plain data: nodes, and edges from a node to one that reads it."""
        nodes = [
            {
                "name": node.name,
                "layer": node.layer,
                "operation": node.operation,
                "shape": list(node.shape),
                "dtype": str(node.dtype),
            }
            for node in self.nodes
        ]
        edges = [
            {"from": self.nodes[x.index].name, "to": spec.name, "input": i}
            for spec in self.structure.nodes
            for i, x in enumerate(spec.inputs)
            if isinstance(x, Link)
        ]
        return {"nodes": nodes, "edges": edges}

    def equations(
        self, node: str | GlassNode, index: int | tuple[int, ...] | None = None
    ) -> Equations:
        """Write the chain rule at a node with symbols and with the numbers of this pass.

        Args:
            node: or its name.
            index: of one entry; None takes that with the largest error signal.

        Raises:
            ConfigurationError: there is no such node, or the name is a pattern of several.
            ShapeError: the node has no such entry.
        """
        from clearprop.glass.equations import equations  # it stands on this package

        found = self[node] if isinstance(node, str) else node
        if not isinstance(found, GlassNode):
            raise ConfigurationError(
                "equations are of one node", given=f"{node!r}, which is {len(found)} nodes"
            )
        return equations(found, index)

    @overload
    def to_html(
        self, path: None = None, *, title: str | None = None, opened: str | None = None
    ) -> str: ...

    @overload
    def to_html(
        self, path: Path | str, *, title: str | None = None, opened: str | None = None
    ) -> Path: ...

    def to_html(
        self,
        path: Path | str | None = None,
        *,
        title: str | None = None,
        opened: str | None = None,
    ) -> str | Path:
        """Return a page with every number of the pass; or write it to a file, and return its path.

        The page is one HTML file that needs no network: the graph by layers, and of each node its
        value, its error signal, local derivatives, what it hands back, its equations, and of a
        parameter why its gradient is as it is. What is cut of a large array is named; of a pass of
        hundreds of nodes values and error signals are shown, and no more.

        Args:
            path: of the file.
            title: what was explained.
            opened: the node that is shown first, or a pattern of some; E unless given.

        Raises:
            ConfigurationError: there is no such node; the nearest names are suggested.
            RunError: the disk is full, or there is no such folder.
        """
        from clearprop.glass.explain.page import page  # it stands on this module

        text = page(self, title, opened)
        if path is None:
            return text
        write_atomically(Path(path), text)
        return Path(path)

    def _repr_html_(self) -> str:
        from clearprop.glass.explain.page import notebook

        return notebook(self)

    def __iter__(self) -> Iterator[GlassNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __repr__(self) -> str:
        parameters = sum(node.operation == "parameter" for node in self.nodes)
        text = f"<Glass of {len(self)} nodes, {parameters} parameters: E = {self.objective:.6g}"
        strange = [w.name for w in self.nodes if w.operation == "parameter" and w.summary.nonfinite]
        if strange:
            text += f"; not finite: {', '.join(strange[:3])}{', ...' * (len(strange) > 3)}"
        return text + ">"

    def _unknown(self, name: str) -> ConfigurationError:
        close = nearest(name, self._by_name)
        first = [*self._by_name][:8]
        return ConfigurationError(
            f"no node of this pass is called {name!r}",
            expected=f"names such as {', '.join(first)}; or a pattern such as '*/matmul'",
            fix=f"did you mean {close!r}?" if close else "glass.table() lists all names",
        )


class Selection(tuple[GlassNode, ...]):
    """Some nodes of a pass, in their order."""

    __slots__ = ()

    def table(self) -> Table:
        """Return these nodes as a table of a few numbers each."""
        return Table(self)

    def __repr__(self) -> str:
        return f"<{len(self)} nodes: {', '.join(node.name for node in self)}>"
