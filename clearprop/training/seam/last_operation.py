"""What a model does last and its loss does first, read from the tape of one abstract pass.

No number is computed: `jax.eval_shape` runs model and loss on shapes, and the recording shows each
operation on the way. So it makes no difference whether the last operation is a layer of its own or
a line in the ``__call__`` of a model, and whether a loss has a name or is a function.

Shape letters: B examples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax

from clearprop import nn, tree
from clearprop.autodiff import Node
from clearprop.nn.ranges import SOFTMAXES, Known, ranges, softmax_axis
from clearprop.nn.recording import Recording, recorded
from clearprop.training.seam.loss_tape import (
    Broadcast,
    all_count,
    find_broadcast,
    find_logarithm,
    first_uses,
    is_to_be_zero,
    name_of,
    twice,
)

SIZES = (7, 11, 13, 17, 19, 23, 29, 31)
"""Numbers of examples for the abstract pass: the first that is the size of no other axis."""

OVER_CLASSES = (*SOFTMAXES, "log_softmax", "softmax_cross_entropy")
"""Operations that apply softmax over one axis."""


def of_batch(shape: tuple[object, ...]) -> str:
    """Write the shape of a batch, from that of one example.

    >>> of_batch((3,)), of_batch(())
    ('(B, 3)', '(B,)')
    """
    return f"(B{''.join(f', {n}' for n in shape) or ','})"


@dataclass(frozen=True)
class Seam:
    """The last operation of a model and the first ones of its loss.

    Attributes:
        shape: of the output for one example.
        reach: where the outputs can lie; None where that is not known.
        layer_kind: class of the layer that limits them.
        replaceable: whether that layer is an activation that is called only once.
        ready_made: whether that layer is one of clearprop's, such as an LSTM.
        over_batch: whether it is a softmax over the examples of a batch.
        sums_to_one: whether it is a softmax over the last axis, with nothing after it.
        linear: path, inputs of the last linear layer; None where the outputs come from no such.
        shape_with: returns the shape of the output for one example where that layer has another
            number of units; None where the model cannot be computed then.
        takes: the operations that the loss applies to the outputs first.
        meets: the operations that get outputs and targets as they are.
        softmax_units: the number of scores over which the loss takes softmax; 0 where it does not.
        compares: whether outputs are to become equal to the targets: their difference goes straight
            into a square or an absolute value, and no mask leaves any out.
        all_count: whether no mask or condition leaves out the loss of any label.
        twice: the operation that the loss applies itself before one that applies it again.
        broadcast: where a loss combines the examples of one with those of another.
        by_chance: whether the loss works for this number of examples only.
        logarithm: the range of what the loss takes the logarithm of; None where it is positive or
            not exactly known.
        untaught: whether the outputs depend on no parameter, though there are some.
    """

    shape: tuple[int, ...]
    reach: Known = None
    layer_kind: str = ""
    replaceable: bool = False
    ready_made: bool = False
    over_batch: bool = False
    sums_to_one: bool = False
    linear: tuple[str, int] | None = None
    shape_with: Callable[[int], tuple[int, ...] | None] = lambda units: None
    takes: tuple[str, ...] = ()
    meets: tuple[str, ...] = ()
    softmax_units: int = 0
    compares: bool = False
    all_count: bool = True
    twice: str = ""
    broadcast: Broadcast | None = None
    by_chance: bool = False
    logarithm: Known = None
    untaught: bool = False

    @property
    def operation(self) -> str:
        """The operation that limits the outputs; "" where nothing is known."""
        return self.reach.operation if self.reach is not None else ""

    @property
    def layer(self) -> str:
        """Path of the layer that applies it; "" is the model itself."""
        return self.reach.layer if self.reach is not None else ""


def seam_of(model: nn.Module, loss: nn.Loss, x: object, targets: Any) -> Seam | None:
    """Return what a model does last and its loss first; None where the output is not one array.

    Args:
        model: with values in its parameters.
        loss: a function of outputs and targets.
        x: examples as the model takes them; only their shapes and types are read.
        targets: of these examples, as the loss takes them; only shape and type are read.

    Raises:
        ClearpropError: the model cannot take these examples.
    """
    rows = jax.tree.leaves(x)[0].shape[0]
    for size in (_free_size(model, x, targets), rows):
        try:
            seam, error = _abstract(model, loss, _resized(x, size), _resized(targets, size))
        except Exception:
            if size == rows:
                raise
            continue  # a model may be written for one size of batch
        if seam is None or error is None or size == rows:
            return seam
        # A loss that fails for another number of examples combines axes by chance, or fails always.
        again, error = _abstract(model, loss, _resized(x, rows), _resized(targets, rows))
        return seam if again is None or error else replace(again, by_chance=True)
    return None


def _abstract(
    model: nn.Module, loss: nn.Loss, x: object, targets: object
) -> tuple[Seam | None, Exception | None]:
    """Return the seam of some examples, and the error of the loss where it has raised one."""
    found: list[tuple[Seam | None, Exception | None]] = []

    def run(model: nn.Module, x: object, y: Any) -> None:
        found.append(_look(model, loss, x, y))

    jax.eval_shape(run, model, x, targets)
    seam, error = found[-1]
    if seam is None or seam.linear is None:
        return seam, error
    return replace(seam, shape_with=functools.partial(_shape_with, model, x, *seam.linear)), error


def _shape_with(
    model: nn.Module, x: object, path: str, inputs: int, units: int
) -> tuple[int, ...] | None:
    try:
        other = nn.replace_layer(model, path, nn.Linear(inputs, units)).init(0)
        return tuple(jax.eval_shape(lambda model, x: model(x), other, x).shape[1:])
    except Exception:  # what a model raises when one of its layers gives something else
        return None


def _free_size(model: nn.Module, x: object, targets: Any) -> int:
    axes = {n for leaf in jax.tree.leaves(nn.parameters(model)) for n in leaf.shape}
    axes |= {n for leaf in jax.tree.leaves((x, targets)) for n in leaf.shape[1:]}
    return next((size for size in SIZES if size not in axes), 37)


def _resized(values: object, size: int) -> Any:
    """Return the shapes and types of examples, with another number of them."""

    def shaped(leaf: Any) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        return jax.ShapeDtypeStruct((size, *leaf.shape[1:]), dtype)

    return jax.tree.map(shaped, values)


def _look(
    model: nn.Module, loss: nn.Loss, x: object, y: Any
) -> tuple[Seam | None, Exception | None]:
    raised: Exception | None = None
    with recorded() as recording:
        given = nn.parameters(model)
        boxed = recording.variables(given)
        learned = tree.replace(model, {path: boxed[path] for path in given})
        output, _ = nn.apply(learned, recording.variables(x), hook=recording)
        if not hasattr(output, "shape"):
            return None, None
        end = len(recording.tape.nodes)
        try:
            loss.per_example(output, y)
        except Exception as error:  # the check of shapes tells it, or a rule of the targets
            raised = error
            del recording.tape.nodes[end:]
    nodes, place = recording.tape.nodes, recording.place(output)
    shape = tuple(output.shape[1:])
    if place is None:
        return Seam(shape, untaught=bool(given)), raised
    found = ranges(nodes)
    reach, last = found.get(place), nodes[place[0]]
    layer = reach.layer if reach is not None else ""
    first = first_uses(nodes, place, end)
    meeting = [n for n in first if any(value is y for value in nodes[n].inputs)]
    over = [
        (nodes[n].inputs[0].shape, softmax_axis(nodes[n]))
        for n in first
        if name_of(nodes[n]) in OVER_CLASSES
    ]
    # A softmax over the batch, as of a ranking, has no classes.
    ranked = any(sizes[axis] == output.shape[0] for sizes, axis in over)
    units = {sizes[axis] for sizes, axis in over}
    named = [name_of(nodes[n]) for n in first]
    differences = [n for n in meeting if name_of(nodes[n]) in ("subtract", "squared_error")]
    return Seam(
        shape,
        reach,
        layer_kind=_kind(model, layer),
        replaceable=_replaceable(model, layer, recording),
        ready_made=_module(model, layer).startswith(f"{nn.__name__}."),
        over_batch=_is_softmax(last) and softmax_axis(last) == 0 and bool(shape),
        sums_to_one=_is_softmax(last) and softmax_axis(last) == len(shape) > 0,
        linear=_last_linear(model, nodes, place[0]),
        takes=tuple(dict.fromkeys(x for x in named if not (ranked and x in OVER_CLASSES))),
        meets=tuple(dict.fromkeys(name_of(nodes[n]) for n in meeting)),
        softmax_units=units.pop() if len(units) == 1 and not ranked else 0,
        compares=bool(differences)
        and all(is_to_be_zero(nodes, n) and all_count(nodes, n) for n in differences),
        all_count=all(all_count(nodes, n) for n in meeting),
        twice=twice(nodes, end),
        broadcast=find_broadcast(nodes[end:], tuple(output.shape), y),
        logarithm=find_logarithm(nodes[end:], found),
    ), raised


def _is_softmax(node: Node) -> bool:
    return name_of(node) in SOFTMAXES


def _module(model: nn.Module, path: str) -> str:
    return type(nn.modules(model).get(path)).__module__


def _kind(model: nn.Module, path: str) -> str:
    layers = nn.modules(model)
    return type(layers[path]).__name__ if path in layers else ""


def _replaceable(model: nn.Module, path: str, recording: Recording) -> bool:
    calls = sum(call.path == path for call in recording.calls)
    layer = nn.modules(model).get(path)
    # A layer without weights that is clearprop's own only computes what its name says.
    if layer is None or not path or calls != 1:
        return False
    imported = type(layer).__module__.startswith("clearprop.interop.")
    return isinstance(layer, nn.Activation) or (imported and not layer.parameters())


def _last_linear(model: nn.Module, nodes: Sequence[Node], number: int) -> tuple[str, int] | None:
    """Return the linear layer from which an output comes, through activations and moves only."""
    layers = nn.modules(model)
    while True:
        node = nodes[number]
        layer = layers.get(node.layer)
        if isinstance(layer, nn.Linear):
            return (node.layer, layer.in_features) if node.layer else None
        before = [parent[0] for parent in node.parents if parent is not None]
        if len(before) != 1:
            return None
        number = before[0]
