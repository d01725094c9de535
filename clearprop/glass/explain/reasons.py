"""What an operation does to the error signal that goes through it, in the words of the lecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from clearprop.glass.explain.trail import Hop
from clearprop.glass.nodes.array_summary import summary_of
from clearprop.glass.nodes.node import GlassNode
from clearprop.nn.definitions import MARGIN, SATURATED_SLOPE, STEEPEST

Array = jax.Array

CANCELLING = 1e-4
"""A sum of less than this fraction of its parts cancels out."""

OVER_EXAMPLES = 0.01
"""The same for the gradients of the examples of a batch. If each has a random direction, those of
a hundred examples add up to a tenth of their sizes."""

PRODUCTS = ("matmul", "einsum", "convolution", "convolution_input_error", "outer_sum", "multiply")
SOFTMAXES = ("softmax", "masked_softmax", "log_softmax", "softmax_cross_entropy")
NORMALIZATIONS = ("layer_norm", "batch_norm", "group_norm", "weight_norm")
CHOOSING = ("max_pool", "max", "min", "maximum", "minimum")
READING = ("getitem", "take", "take_along_axis", "split", "dynamic_slice")


def describe(hop: Hop) -> str:
    """Return in words what one operation does to the error signal."""
    kind = hop.node.operation
    for kinds, words in _WORDS:
        if kind in kinds:
            return words(hop)
    row = hop.node.spec.row
    if row is not None and row.stacks is True and len(hop.node.sources) == 1:
        return _slopes(hop)
    return _passed_on(hop)


def _passed_on(hop: Hop) -> str:
    return f"it passes on {hop.factor:.2g} of what arrives"


def _slopes(hop: Hop) -> str:
    """Describe the slope of an activation at its inputs."""
    kind, local = hop.node.operation, hop.node.local(hop.input)
    assert isinstance(local, jax.Array)  # the operation is elementwise
    sizes = np.abs(_within(local, hop.before))
    dead = float(np.mean(sizes == 0))
    if kind == "relu" and dead == 1:
        return f"{_units(hop, len(sizes))} below zero{_examples(hop)}: it passes nothing"
    if kind == "relu":
        return f"{dead:.0%} of its units are below zero"
    steepest = STEEPEST.get(kind, 1.0)
    saturated = float(np.mean(sizes < SATURATED_SLOPE * steepest))
    if saturated >= 0.5:
        part = "all" if saturated == 1 else f"{saturated:.0%}"
        largest = float(sizes.max(initial=0))
        most = f"at most {largest:.2g}" if largest else "0"
        return f"{part} of its units are saturated: its local derivative is {most}"
    text = f"its local derivative is {sizes.mean():.2g} on average"
    return text + (", and never more than 1/4" if kind == "sigmoid" else "")


def _units(hop: Hop, entries: int) -> str:
    """Say how many units there are: an example is no unit."""
    shape = hop.node.shape
    units = shape[-1] if hop.before is None and len(shape) > 1 else entries
    where = "units" if hop.before is None else "units on the path of this entry"
    return "its unit is" if units == 1 else f"all {units} of its {where} are"


def _examples(hop: Hop) -> str:
    shape = hop.node.shape
    several = hop.before is None and len(shape) > 1 and shape[0] > 1
    return f" for all {shape[0]} examples" if several else ""


def _over_examples(hop: Hop) -> float | None:
    """Return the size of a gradient divided by the sizes of those of the examples, added up.

    None where the operation does not sum over examples: it is no product with a parameter, and no
    sum with one.
    """
    kind, error = hop.node.operation, hop.node.error
    if hop.before is not None or error is None or hop.source.operation != "parameter":
        return None
    delta = np.asarray(error, np.float64)
    if delta.ndim < 2 or len(delta) < 2:
        return None
    sizes = np.sqrt(np.square(delta.reshape(-1, delta.shape[-1])).sum(axis=1))
    if kind == "matmul":
        x = _input(hop, 1 - hop.input)
        if hop.input != 1 or x.shape[:-1] != delta.shape[:-1]:
            return None
        sizes = sizes * np.sqrt(np.square(x.reshape(-1, x.shape[-1])).sum(axis=1))
    elif kind not in ("add", "subtract") or len(hop.source.shape) >= delta.ndim:
        return None
    return hop.passed / float(sizes.sum()) if sizes.any() else None


def _cancelled(hop: Hop) -> str:
    """Say that the gradients of a batch cancel out; "" where they do not."""
    fraction = _over_examples(hop)
    if fraction is None or fraction >= OVER_EXAMPLES:
        return ""
    many = int(np.prod(hop.node.shape[:-1]))
    return (f"the gradients of the {many} examples cancel out: they add up to {fraction:.2g} of "
            "their sizes")  # fmt: skip


def _factors(hop: Hop) -> str:
    """Describe by what a product multiplies the error signal."""
    # The factors are the first two inputs; a third is added.
    others = [x for k, x in enumerate(hop.node.inputs[:2]) if k != hop.input]
    if len(others) != 1:
        return _passed_on(hop)
    if cancelled := _cancelled(hop):
        return cancelled
    numbers = summary_of(_input(hop, 1 - hop.input))
    weights = getattr(others[0], "operation", "") == "parameter"
    of_parameter = hop.source.operation == "parameter"
    what = "its weights" if weights else "its input" if of_parameter else "the factor"
    verb = "are" if weights else "is"
    if hop.before is not None and hop.after is not None and not np.any(np.asarray(hop.after)):
        return f"{what} {verb} 0 wherever this entry is multiplied"
    if numbers.zeros == 1:
        return f"{what} {verb} all 0: it passes nothing"
    if hop.node.operation == "multiply" and numbers.zeros > 0.5:
        return f"masked: {numbers.zeros:.0%} of the numbers that it multiplies by are 0"
    if hop.passed == 0:
        return f"what arrives and {what} cancel out"
    return f"{what} {'have' if weights else 'has'} a mean size of {numbers.size:.2g}"


def _masked(hop: Hop) -> str:
    is_where = hop.node.operation == "where"
    condition = np.asarray(hop.node.input_values[0 if is_where else 1])
    taken = ~condition if is_where and hop.input == 2 else condition
    return f"masked: {1 - float(np.mean(taken != 0)):.0%} of the entries are not chosen"


def _divided(hop: Hop) -> str:
    what = "it is divided by numbers" if hop.input == 0 else "it is the divisor,"
    return f"{what} of mean size {summary_of(_input(hop, -1)).size:.2g}"


def _certain(hop: Hop) -> str:
    node = hop.node
    if node.operation == "softmax_cross_entropy":
        z = _input(hop, 0)
        y = np.exp(z - z.max(-1, keepdims=True))
        y /= y.sum(-1, keepdims=True)
        if (right := _of_the_right_class(y, np.asarray(node.input_values[1]))) > 1 - MARGIN:
            return f"the probability of the right class is {right:.4g} on average: little is wrong"
    else:
        y = np.asarray(node.value, np.float64)
        y = np.exp(y) if node.operation == "log_softmax" else y
    largest = float(y.max(-1).mean())
    text = f"the largest of its probabilities is {largest:.4g} on average"
    return f"softmax is saturated: {text}" if largest > 1 - MARGIN else text


def _of_the_right_class(y: NDArray[np.float64], targets: NDArray[Any]) -> float:
    """Return the mean probability (..., K) that the targets' classes get; 0 for none."""
    if targets.shape == y.shape:
        return float((y * targets).sum(-1).mean())
    labels = targets.astype(np.intp)
    if labels.shape != y.shape[:-1] or labels.min(initial=0) < 0:
        return 0.0
    return float(np.take_along_axis(y, labels[..., None], -1).mean())


def _spread(hop: Hop) -> str:
    entries = max(1, _size(hop.source) // max(1, _size(hop.node)))
    return f"a mean over {entries} entries passes 1/{entries} of the error to each"


def _scaled(hop: Hop) -> str:
    if hop.source.operation == "parameter":
        return _passed_on(hop)
    deviation = float(np.std(_input(hop, 0)))
    return f"it divides by the standard deviation of its input, {deviation:.2g}"


def _looped(hop: Hop) -> str:
    along = hop.node.glass.through_time(hop.node.name)
    norms = along.norms
    text = f"on its way back through {len(norms)} steps it changes by {along.factor:.2g} a step"
    return f"{text}, from {norms[-1]:.2g} after the last to {norms[0]:.2g} after the first"


def _summed(hop: Hop) -> str:
    if cancelled := _cancelled(hop):
        return cancelled
    entries = max(1, _size(hop.node) // max(1, _size(hop.source)))
    if entries > 1 and hop.factor < CANCELLING:
        return f"what arrives at {entries} entries cancels out in their sum"
    return _passed_on(hop)


def _missed(hop: Hop) -> str:
    output, target = _input(hop, 0), _input(hop, 1)
    away = float(np.abs(output - target).mean())
    return f"the outputs are {away:.2g} away from the targets on average"


_WORDS: tuple[tuple[tuple[str, ...], Callable[[Hop], str]], ...] = (
    (PRODUCTS, _factors),
    (("add", "subtract"), _summed),
    (("where", "dropout"), _masked),
    (("divide",), _divided),
    (SOFTMAXES, _certain),
    (("mean",), _spread),
    (NORMALIZATIONS, _scaled),
    (CHOOSING, lambda _: "only the chosen entries get an error"),
    (READING, lambda hop: f"{_size(hop.node)} of {_size(hop.source)} entries are read"),
    (("scan",), _looped),
    (("squared_error",), _missed),
)


def _input(hop: Hop, i: int) -> NDArray[np.float64]:
    return np.asarray(hop.node.input_values[i], np.float64)


def _within(array: ArrayLike, reach: Array | None) -> NDArray[np.float64]:
    """Return the entries of an array where a reach is not 0, flat; all of them without a reach."""
    numbers = np.asarray(array, np.float64)
    if reach is None:
        return numbers.ravel()
    entries: NDArray[np.float64] = np.broadcast_to(numbers, reach.shape)[np.asarray(reach) != 0]
    return entries


def _size(node: GlassNode) -> int:
    return int(np.prod(node.shape))
