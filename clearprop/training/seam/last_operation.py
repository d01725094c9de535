"""What a model does last and its loss does first, read from the tape of one abstract pass.

No number is computed: `jax.eval_shape` runs model and loss on shapes, and the recording shows each
operation on the way. So it makes no difference whether the last operation is a layer of its own or
a line in the ``__call__`` of a model, and whether a loss has a name or is a function.

Shape letters: B examples.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np

from clearprop import nn, tree
from clearprop.autodiff import Node
from clearprop.autodiff.sweep import Place
from clearprop.nn.ranges import MOVES, SAME_ENTRIES, Known, ValueRange, ranges, softmax_axis
from clearprop.nn.recording import Recording, recorded

SIZES = (7, 11, 13, 17, 19, 23, 29, 31)
"""Numbers of examples for the abstract pass: the first that is the size of no other axis."""

PAIRS = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum")
"""Operations on two values that are broadcast against each other."""

SOFTMAXES = ("softmax", "masked_softmax")

OVER_CLASSES = (*SOFTMAXES, "log_softmax", "softmax_cross_entropy")
"""Operations that apply softmax over one axis."""

APPLIED_BEFORE = {
    "softmax_cross_entropy": SOFTMAXES,
    "log_softmax": SOFTMAXES,
    **dict.fromkeys(SOFTMAXES, SOFTMAXES),
    "sigmoid_binary_cross_entropy": ("sigmoid",),
}
"""Operations that apply softmax or sigmoid themselves, and what cannot be meant before them."""

OF_A_DIFFERENCE = ("square", "abs", "power", "multiply", "mean", "sum", "reshape")
"""What a loss applies to a difference of outputs and targets that is to become 0 everywhere."""

OF_A_LOSS = (
    *OF_A_DIFFERENCE,
    *SAME_ENTRIES,
    *("divide", "add", "subtract", "negative", "sqrt", "log", "log1p", "exp", "clip"),
)
"""What a loss applies to its own values without leaving any of them out."""


class Broadcast(NamedTuple):
    """Two values that a loss combines, with another number of axes each.

    Attributes:
        outputs: shape of the one that comes from the outputs.
        other: shape of the other one, such as the targets.
        made: shape of the result.
    """

    outputs: tuple[int, ...]
    other: tuple[int, ...]
    made: tuple[int, ...]


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
    first = _first_uses(nodes, place, end)
    meeting = [n for n in first if any(value is y for value in nodes[n].inputs)]
    over = [
        (nodes[n].inputs[0].shape, softmax_axis(nodes[n]))
        for n in first
        if _name(nodes[n]) in OVER_CLASSES
    ]
    # A softmax over the batch, as of a ranking, has no classes.
    ranked = any(sizes[axis] == output.shape[0] for sizes, axis in over)
    units = {sizes[axis] for sizes, axis in over}
    named = [_name(nodes[n]) for n in first]
    differences = [n for n in meeting if _name(nodes[n]) in ("subtract", "squared_error")]
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
        meets=tuple(dict.fromkeys(_name(nodes[n]) for n in meeting)),
        softmax_units=units.pop() if len(units) == 1 and not ranked else 0,
        compares=bool(differences)
        and all(_is_to_be_zero(nodes, n) and all_count(nodes, n) for n in differences),
        all_count=all(all_count(nodes, n) for n in meeting),
        twice=_twice(nodes, end),
        broadcast=_broadcast(nodes[end:], tuple(output.shape), y),
        logarithm=_logarithm(nodes[end:], found),
    ), raised


def _is_softmax(node: Node) -> bool:
    return node.operation is not None and node.operation.name in SOFTMAXES


def _module(model: nn.Module, path: str) -> str:
    return type(nn.modules(model).get(path)).__module__


def _kind(model: nn.Module, path: str) -> str:
    layers = nn.modules(model)
    return type(layers[path]).__name__ if path in layers else ""


def _replaceable(model: nn.Module, path: str, recording: Recording) -> bool:
    calls = sum(call.path == path for call in recording.calls)
    layer = nn.modules(model).get(path)
    return bool(path) and calls == 1 and isinstance(layer, nn.Activation)


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


def _name(node: Node) -> str:
    return node.operation.name if node.operation is not None else ""


def _first_uses(nodes: Sequence[Node], output: Place, end: int) -> list[int]:
    """Return the numbers of the operations that a loss applies to the outputs first."""
    same, uses = {output}, []
    for number in range(end, len(nodes)):
        node = nodes[number]
        if node.operation is None or not any(parent in same for parent in node.parents):
            continue
        if node.operation.name in MOVES:
            same.add((number, 0))
        else:
            uses.append(number)
    return uses


def _is_to_be_zero(nodes: Sequence[Node], number: int) -> bool:
    """Say whether a difference goes straight into what has its least value at 0."""
    if _name(nodes[number]) == "squared_error":
        return True
    uses = [node for node in nodes[number + 1 :] if (number, 0) in node.parents]
    return bool(uses) and all(
        _name(node) in OF_A_DIFFERENCE
        # e * e is a square, and e times something else is none.
        and (_name(node) != "multiply" or set(node.parents) == {(number, 0)})
        for node in uses
    )


def all_count(nodes: Sequence[Node], number: int) -> bool:
    """Say whether every value of an operation counts in what a loss makes of it.

    A mask, a condition or a weight of each example can leave some out, and another value of the
    model can weigh them.
    """
    made = {number}
    for later in range(number + 1, len(nodes)):
        node = nodes[later]
        mine = [parent is not None and parent[0] in made for parent in node.parents]
        if not any(mine):
            continue
        if _name(node) not in OF_A_LOSS and not _same_entries(node):
            return False
        for value, parent, is_mine in zip(node.inputs, node.parents, mine, strict=True):
            if is_mine:
                continue
            if isinstance(value, jax.core.Tracer) and parent is None:
                return False
            if _name(node) in ("multiply", "divide", "power") and not (
                parent is None and bool((np.asarray(value) != 0).all())
            ):
                return False
        made.add(later)
    return True


def _same_entries(node: Node) -> bool:
    """Say whether an index leaves nothing out, such as the 0 of an axis of one entry."""
    alone = _name(node) == "getitem" and len(node.inputs) == 1
    return alone and math.prod(node.inputs[0].shape) == math.prod(node.outputs[0].shape)


def _twice(nodes: Sequence[Node], end: int) -> str:
    """Return softmax or sigmoid where the loss applies it to what it gives to a loss with its own.

    The one of the model itself is found by its range.
    """
    for node in nodes[end:]:
        before = APPLIED_BEFORE.get(_name(node), ())
        parent = node.parents[0] if node.parents else None
        if parent is None or parent[0] < end or _name(nodes[parent[0]]) not in before:
            continue
        inner = nodes[parent[0]]
        if _name(inner) == "sigmoid" or softmax_axis(inner) == softmax_axis(node):
            return _name(inner)
    return ""


def _broadcast(nodes: Sequence[Node], output: tuple[int, ...], y: Any) -> Broadcast | None:
    """Return where a loss meets every output with every target instead of each with its own."""
    B = len(y)
    for node in nodes:
        if node.operation is None or node.operation.name not in PAIRS or len(node.inputs) != 2:
            continue
        traced = [parent is not None for parent in node.parents]
        if all(traced):
            continue
        other = node.inputs[traced.index(False)]
        pair = Broadcast(
            tuple(node.inputs[traced.index(True)].shape),
            tuple(getattr(other, "shape", ())),
            tuple(node.outputs[0].shape),
        )
        # The examples of the one stand along another axis than those of the other. With as many
        # axes it is written so, as where every output is compared with every target.
        crossed = pair.made.count(B) > max(pair.outputs.count(B), pair.other.count(B))
        meant = len(pair.outputs) == len(pair.other) or (
            pair.outputs.count(B) > 1 and pair.outputs != output
        )
        if B > 1 and B in pair.other and not meant and (crossed or _is_short(pair, other is y)):
            return pair
    return None


def _is_short(pair: Broadcast, targets: bool) -> bool:
    """Say whether targets have an axis less than the outputs, so that the last axes meet."""
    return targets and 0 < len(pair.other) < len(pair.outputs)


def _logarithm(nodes: Sequence[Node], found: Mapping[Place, ValueRange]) -> Known:
    """Return what a loss takes the logarithm of, where weights make that 0 or negative."""
    for node in nodes:
        if node.operation is None or node.operation.name != "log" or node.parents[0] is None:
            continue
        x = found.get(node.parents[0])
        if x is not None and x.exact and (x.low < 0 or (x.low == 0 and x.takes_ends)):
            return x
    return None
