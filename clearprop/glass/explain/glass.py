"""`explain`: one pass through a model and back, with access to every number.

Shape letters: B examples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, overload

import jax
import numpy as np

from clearprop import nn
from clearprop.data.frames import is_frame
from clearprop.errors import ConfigurationError, ShapeError, kind_of
from clearprop.files import write_output
from clearprop.glass.equations import Equations, equations
from clearprop.glass.explain.page import notebook, page
from clearprop.glass.explain.why import Why, why
from clearprop.glass.nodes.graph import Entry, Link
from clearprop.glass.nodes.node import GlassNode, Nodes, Selection
from clearprop.glass.nodes.program import prepare
from clearprop.glass.nodes.table import Table
from clearprop.glass.nodes.values import Values
from clearprop.nn.recording import LossLike, Objective
from clearprop.training import Run
from clearprop.training.checks import check_one_array
from clearprop.training.given import pair_for
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.training_data import Split, check_labels

Array = jax.Array


def explain(
    model: nn.Module | Run,
    x: object,
    y: object = None,
    loss: LossLike | Objective | None = None,
    *,
    training: bool = False,
    key: Array | None = None,
) -> Glass:
    """Return one pass through a model and back as a graph in which every number can be read.

    Each value v of the pass has a node with its error signal dE/dv; E is the mean loss of the
    examples. The model needs no change; it is traced once. The whole pass, forward and backward, is
    one compiled call, which is kept for the next examples of the same shapes.

    Args:
        model: with values in its parameters; or a run, which brings its preparation and its loss.
        x: the model's input, (B, ...), or a dict of inputs by name; for one example B is 1. Of a
            run raw examples, as `Run.predict` takes them.
        y: the targets, as the loss takes them; of a run as `Run.evaluate` does. A run of an
            algorithm without targets needs none: E is what its `Learning.followed` says.
        loss: the name of a loss, a `nn.Loss`, a function (outputs, targets) -> values, or
            ``algorithm.as_objective``; by default that of the run, or "cross_entropy" for a model.
        training: whether layers behave as in training: dropout is on, batch norm uses the batch.
        key: a JAX random key, for layers that draw random numbers in training.

    Raises:
        ShapeError: the examples do not fit the model or each other, or there are none.
        ModelError: the parameters have no values yet.
        ConfigurationError: the loss is unknown, or the model is not a module.
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
    if isinstance(model, Run):
        x, y, loss = _of_run(model, x, y, loss)
        model = model.model
    if not isinstance(model, nn.Module):
        raise ConfigurationError(
            "only a model or a run can be explained",
            given=kind_of(model),
        )
    if is_frame(x):
        raise ShapeError(
            "a model takes arrays, and this is a frame",
            given=kind_of(x),
            expected="a run, which prepares the frame, or an array",
            fix="cp.explain(run, x, y)",
        )
    loss = "cross_entropy" if loss is None else loss
    if y is None:
        raise ConfigurationError(
            "the targets are missing, with which the loss compares the outputs",
            where="explain",
            given="y=None",
            fix="cp.explain(model, x, y)",
        )
    try:
        program, arrays = prepare(model, x, y, loss, training, key)
    except (AttributeError, TypeError):
        check_one_array(model, jax.eval_shape(lambda model, x: model(x), model, x))
        raise
    glass = Glass(Values(program, arrays))
    found = nn.LOSSES.get(loss) if isinstance(loss, str) else loss
    output = glass.structure.layers.get("")
    # Only the targets of a loss of clearprop have a known meaning.
    of_ours = found is not None and any(found is known for known in nn.LOSSES.values())
    if output is not None and of_ours and not isinstance(loss, Objective):
        targets, shape = np.asarray(y), glass.structure.nodes[output].shape
        check_labels(
            Split("the targets", targets, targets), nn.find_loss(loss), shape, targets.shape
        )
    return glass


def _of_run(
    run: Run, x: object, y: object, loss: LossLike | Objective | None
) -> tuple[object, object, LossLike | Objective]:
    """Return raw examples as the model takes them, and the loss or the objective of a run."""
    inputs = ModelInputs(run.preprocessor)
    if loss is None and run.algorithm is not None:
        loss = run.algorithm.as_objective
        y = np.zeros(len(cast(Any, x)), np.int32) if y is None else y
    loss = loss if loss is not None else run.loss
    if loss is None:
        raise ConfigurationError(
            "the loss of this run is not known", fix="cp.explain(run, x, y, loss=...)"
        )
    if y is None:
        return x, y, loss
    kept, targets = pair_for((x, y), run.preprocessor)
    return *inputs.examples(cast("Any", kept), targets, slice(None)), loss


class Glass(Nodes):
    """One pass through a model and back; see `Nodes` for the names of its nodes."""

    def table(self, pattern: str = "*") -> Table:
        """Return the nodes that a pattern matches as a table of a few numbers each.

        Raises:
            ConfigurationError: no node matches.
        """
        found = self[pattern]
        return (found if isinstance(found, Selection) else Selection((found,))).table()

    def why(self, name: str, index: Entry | None = None) -> Why:
        """Return why the gradient of a parameter, or the error signal of a node, has its size.

        The result has a verdict ("zero", "tiny", "huge", "not a number", "not connected" or
        "healthy"), the operations on the way back from E, and the one that is the cause. See
        `clearprop.glass.explain.why`.

        Args:
            name: of one node.
            index: one entry of it; None for all.

        Raises:
            ConfigurationError: there is no such node or entry, or it carries no error signal.
        """
        node = self[name]
        if isinstance(node, Selection):
            raise ConfigurationError(
                "why takes one node",
                given=f"{name!r}, which is {len(node)} nodes",
                fix=f"glass.why({node[0].name!r})",
            )
        return why(node, index)

    def graph(self) -> dict[str, list[dict[str, object]]]:
        """Return the graph as plain data: nodes, and edges from a node to those that read it."""
        nodes: list[dict[str, object]] = [
            {
                "name": node.name,
                "layer": node.layer,
                "operation": node.operation,
                "shape": list(node.shape),
                "dtype": str(node.dtype),
            }
            for node in self.nodes
        ]
        edges: list[dict[str, object]] = [
            {"from": self.nodes[x.index].name, "to": spec.name, "input": i}
            for spec in self.structure.nodes
            for i, x in enumerate(spec.inputs)
            if isinstance(x, Link)
        ]
        return {"nodes": nodes, "edges": edges}

    def equations(
        self, node: str | GlassNode, index: int | tuple[int, ...] | None = None
    ) -> Equations:
        """Return the chain rule at a node, written with symbols and with the numbers of this pass.

        Args:
            node: or its name.
            index: of one entry; None takes the one with the largest error signal.

        Raises:
            ConfigurationError: there is no such node, or the name is a pattern of several.
            ShapeError: the node has no such entry.
        """
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
        """Return a page with every number of the pass; or write it to a file and return its path.

        The page is one HTML file that needs no network. It shows the graph by layers. For each node
        it shows the value, the error signal, the local derivatives, what the node passes back and
        its equations, and for a parameter why its gradient has its size. Of a large array it shows
        a part, and says which. For a pass of hundreds of nodes it shows only values and error
        signals.

        Args:
            path: of the file.
            title: of the page.
            opened: the node that is shown first, or a pattern. Unless given, the page begins where
                the error signal drops most on its way back, or at E where it does not drop.

        Raises:
            ConfigurationError: there is no such node; the message suggests the nearest name.
            RunError: the disk is full, or there is no such folder.
        """
        text = page(self, title, opened)
        if path is None:
            return text
        write_output(Path(path), text)
        return Path(path)

    def _repr_html_(self) -> str:
        return notebook(self)

    def __repr__(self) -> str:
        parameters = sum(node.operation == "parameter" for node in self.nodes)
        text = f"<Glass of {len(self)} nodes, {parameters} parameters: E = {self.objective:.6g}"
        strange = [w.name for w in self.nodes if w.operation == "parameter" and w.summary.nonfinite]
        if strange:
            text += f"; not finite: {', '.join(strange[:3])}{', ...' * (len(strange) > 3)}"
        return text + ">"
