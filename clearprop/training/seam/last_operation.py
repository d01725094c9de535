"""What a model does last and its loss does first, read from the tape of one abstract pass.

No number is computed: `jax.eval_shape` runs model and loss on shapes, and the recording shows each
operation on the way. So it makes no difference whether the last operation is a layer of its own or
a line in the ``__call__`` of a model, and whether a loss has a name or is a function.

Shape letters: B examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from clearprop import nn, tree
from clearprop.autodiff import Node
from clearprop.autodiff.sweep import Place
from clearprop.nn.ranges import Known, ValueRange, ranges, softmax_axis
from clearprop.nn.recording import Recording, recorded

SIZES = (7, 11, 13, 17, 19, 23, 29, 31)
"""Numbers of examples for the abstract pass: the first that is the size of no other axis."""

MOVES = (
    "reshape",
    "transpose",
    "broadcast_to",
    "astype",
    "getitem",
    "flip",
    "take",
    "take_along_axis",
    "identity",
    "stack",
    "concatenate",
)
"""Operations that move or pick entries and change none."""

PAIRS = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum")
"""Operations on two values that are broadcast against each other."""

SOFTMAXES = ("softmax", "masked_softmax")


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
        linear: path, inputs of the last linear layer; None where the outputs come from no such.
        takes: the operations that the loss applies to the outputs first.
        meets: the operations that get outputs and targets as they are.
        broadcast: shapes of outputs, of targets, and of what a loss makes of both, where every
            example meets every target; None where none does. B is written as 0.
        logarithm: the range of what the loss takes the logarithm of; None where it is positive or
            not known.
    """

    shape: tuple[int, ...]
    reach: Known = None
    layer_kind: str = ""
    replaceable: bool = False
    ready_made: bool = False
    over_batch: bool = False
    linear: tuple[str, int] | None = None
    takes: tuple[str, ...] = ()
    meets: tuple[str, ...] = ()
    broadcast: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None
    logarithm: Known = None

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
    found: list[Seam | None] = []

    def run(model: nn.Module, x: object, y: Any) -> None:
        found.append(_look(model, loss, x, y))

    size = _free_size(model, x, targets)
    try:
        jax.eval_shape(run, model, _resized(x, size), _resized(targets, size))
    except Exception:  # a model may be written for one size of batch
        jax.eval_shape(run, model, _resized(x, None), _resized(targets, None))
    return found[-1]


def _free_size(model: nn.Module, x: object, targets: Any) -> int:
    axes = {n for leaf in jax.tree.leaves(nn.parameters(model)) for n in leaf.shape}
    axes |= {n for leaf in jax.tree.leaves((x, targets)) for n in leaf.shape[1:]}
    return next((size for size in SIZES if size not in axes), 37)


def _resized(values: object, size: int | None) -> Any:
    """Return the shapes and types of examples, with another number of them."""

    def shaped(leaf: Any) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        rows = leaf.shape[:1] if size is None else (size,)
        return jax.ShapeDtypeStruct((*rows, *leaf.shape[1:]), dtype)

    return jax.tree.map(shaped, values)


def _look(model: nn.Module, loss: nn.Loss, x: object, y: Any) -> Seam | None:
    B = len(y)
    with recorded() as recording:
        given = nn.parameters(model)
        boxed = recording.variables(given)
        learned = tree.replace(model, {path: boxed[path] for path in given})
        output, _ = nn.apply(learned, recording.variables(x), hook=recording)
        if not hasattr(output, "shape"):
            return None
        end = len(recording.tape.nodes)
        try:
            loss.per_example(output, y)
        except Exception:  # the check of shapes tells it, or a rule of the targets
            del recording.tape.nodes[end:]
    nodes, place = recording.tape.nodes, recording.place(output)
    shape = tuple(output.shape[1:])
    if place is None:
        return Seam(shape)
    found = ranges(nodes)
    reach, last = found.get(place), nodes[place[0]]
    layer = reach.layer if reach is not None else ""
    return Seam(
        shape,
        reach,
        _kind(model, layer),
        _replaceable(model, layer, recording),
        type(nn.modules(model).get(layer)).__module__.startswith(f"{nn.__name__}."),
        last.operation is not None
        and last.operation.name in SOFTMAXES
        and softmax_axis(last) == 0
        and bool(shape),
        _last_linear(model, nodes, place[0]),
        *_first_uses(nodes, place, end, y),
        _broadcast(nodes[end:], B),
        _logarithm(nodes[end:], found),
    )


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


def _first_uses(
    nodes: Sequence[Node], output: Place, end: int, y: Any
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the operations that a loss applies first, and those that get the targets as well."""
    same, names, meets = {output}, [], []
    for number in range(end, len(nodes)):
        node = nodes[number]
        if node.operation is None:
            continue
        if not any(parent in same for parent in node.parents):
            continue
        if node.operation.name in MOVES:
            same.add((number, 0))
            continue
        names.append(node.operation.name)
        if any(value is y for value in node.inputs):
            meets.append(node.operation.name)
    return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(meets))


def _broadcast(
    nodes: Sequence[Node], B: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """Return the shapes where a loss meets every output with every target."""
    for node in nodes:
        if node.operation is None or node.operation.name not in PAIRS or len(node.inputs) != 2:
            continue
        traced = [parent is not None for parent in node.parents]
        if all(traced) or not hasattr(node.outputs[0], "shape"):
            continue
        ours, theirs = (
            tuple(node.inputs[i].shape) if hasattr(node.inputs[i], "shape") else ()
            for i in (traced.index(True), traced.index(False))
        )
        made = tuple(node.outputs[0].shape)
        # The examples of one stand along another axis than those of the other.
        if B > 1 and made.count(B) > max(ours.count(B), theirs.count(B)) and B in theirs:
            return ours, theirs, made
    return None


def _logarithm(nodes: Sequence[Node], found: Mapping[Place, ValueRange]) -> Known:
    """Return what a loss takes the logarithm of, where that is surely not above 0 everywhere."""
    for node in nodes:
        if node.operation is None or node.operation.name != "log" or node.parents[0] is None:
            continue
        x = found.get(node.parents[0])
        if x is not None and (x.low < 0 or (x.low == 0 and x.takes_ends)):
            return x
    return None
