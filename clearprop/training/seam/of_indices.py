"""Mismatches of the targets with a loss of one's own that reads the outputs at indices.

JAX raises no error for an index that is outside: it reads the nearest end, and a negative one
counts from the end. So labels that count from 1 train a wrong output in silence.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.autodiff import Node, Operation, observe
from clearprop.autodiff.elementary.index import HOLE
from clearprop.errors import DataError
from clearprop.nn.recording import recorded
from clearprop.training.seam.examples import Targets, percent
from clearprop.training.seam.last_operation import Seam
from clearprop.training.seam.loss_tape import all_count, name_of
from clearprop.training.seam.mends import with_units
from clearprop.training.seam.mismatch import Mismatch


@dataclass(frozen=True)
class _Read:
    """An index that a loss computes.

    Attributes:
        size: the number of entries that it can choose from.
        one_hot: whether it is the place of the 1 in a row, and reads nothing.
    """

    size: int
    one_hot: bool = False


def mismatches_of_indices(seam: Seam, loss: nn.Loss, targets: Targets) -> Iterator[Mismatch]:
    """Yield what is wrong with the indices that a loss computes from the targets.

    Only they are computed, from the targets alone. An index that depends on the outputs is not
    looked at, nor one whose loss may be left out by a mask.

    Args:
        seam: of the model.
        loss: a function of outputs and targets.
        targets: as the loss takes them.
    """
    y = jnp.asarray(targets.values)
    outputs = jax.ShapeDtypeStruct((len(y), *seam.shape), jnp.float32)
    reads: list[_Read] = []

    def indices(outputs: Any, y: Any) -> list[Any]:
        found = _indices(loss, outputs, y)
        reads[:] = [read for _, read in found]
        return [index for index, _ in found]

    try:
        program = jax.make_jaxpr(indices)(outputs, y)
    except Exception:  # the check of shapes tells it
        return
    used = [_given(program.jaxpr, variable) for variable in program.jaxpr.outvars]
    chosen = [i for i, of in enumerate(used) if of == {program.jaxpr.invars[1]}]
    if not chosen:
        return

    def of_targets(y: Any) -> list[Any]:
        # The compiler leaves out what the indices do not need, so no output is ever made.
        every = indices(jnp.zeros(outputs.shape, outputs.dtype), y)
        return [every[i] for i in chosen]

    for index, i in zip(jax.jit(of_targets)(y), chosen, strict=True):
        mismatch = _mismatch(np.asarray(index), reads[i], seam, targets)
        if mismatch is not None:
            yield mismatch
            return


def _indices(loss: nn.Loss, outputs: Any, y: Any) -> list[tuple[Any, _Read]]:
    """Return the indices of a loss, where every value that is read with them counts."""
    found: list[tuple[Any, _Read]] = []

    def see(
        row: Operation[..., object],
        inputs: Sequence[object],
        output: object,
        parameters: Mapping[str, object],
    ) -> None:
        if row.name == "one_hot":
            size = parameters.get("classes", inputs[-1])
            if isinstance(size, int):
                found.append((inputs[0], _Read(size, one_hot=True)))

    with observe(see), recorded() as recording:
        loss.per_example(recording.variables(outputs), y)
    nodes = recording.tape.nodes
    for number, node in enumerate(nodes):
        pairs = _read_by(node)
        # A limit may leave out differences that are too large, and no class.
        if pairs and all_count(nodes, number, through=("clip", "maximum", "minimum")):
            found.extend(pairs)
    return found


def _read_by(node: Node) -> list[tuple[Any, _Read]]:
    """Return the index arrays of an operation that reads entries of its first input."""
    name = name_of(node)
    if name in ("take", "take_along_axis"):
        axis = node.parameters.get("axis", 0 if name == "take" else -1)
        assert isinstance(axis, int)
        return [(node.inputs[1], _Read(node.inputs[0].shape[axis]))]
    if name != "getitem" or len(node.inputs) < 2:
        return []
    index, shape = node.parameters["index"], node.inputs[0].shape
    assert isinstance(index, tuple)
    named = sum(part is not None and part is not Ellipsis for part in index)
    arrays, axis, found = iter(node.inputs[1:]), 0, []
    for part in index:
        if isinstance(part, str) and part == HOLE:
            found.append((next(arrays), _Read(shape[axis])))
        axis += 0 if part is None else len(shape) - named if part is Ellipsis else 1
    return found


def _given(program: Any, variable: Any) -> set[Any]:
    """Return the inputs of a traced program from which a value of it is computed."""
    needed = {variable} if not hasattr(variable, "val") else set()
    for equation in reversed(program.eqns):
        if needed.intersection(equation.outvars):
            needed.update(x for x in equation.invars if not hasattr(x, "val"))
    return needed.intersection(program.invars)


def _mismatch(index: NDArray[Any], read: _Read, seam: Seam, targets: Targets) -> Mismatch | None:
    if not index.size or index.dtype.kind not in "iu":
        return None
    low, high, size = int(index.min()), int(index.max()), read.size
    if read.one_hot:
        # Another number outside, such as -1, is a common mark of what is not to count.
        if (low, high) != (1, size) or len(np.unique(index)) < size:
            return None
        outside, severity = index == size, "error"
        what = "a one-hot row of zeros: its loss is that of no class"
    elif high >= size or low < -size:
        outside, severity = (index >= size) | (index < -size), "error"
        what = "the nearest one"
    elif low < 0 <= high:
        outside = index < 0
        both = np.intersect1d(index[outside] + size, index[~outside])
        severity = "error" if both.size else "warning"
        what = "one from the end"
    else:
        return None
    share = float(outside.mean())
    numbers = {"lowest index": low, "highest index": high, "size": size, "fraction outside": share}
    return Mismatch(
        "labels",
        "error" if severity == "error" else "warning",
        f"the loss takes indices that are outside, and gets {what}, without an error",
        f"indices from {low} to {high} into {size} entries, from {targets.text()}; "
        f"{percent(share)} of them are outside",
        _fix(index, size, seam, targets),
        f"indices from 0 to {size - 1}",
        "the loss",
        {name: float(value) for name, value in numbers.items()},
        DataError,
    )


def _fix(index: NDArray[Any], size: int, seam: Seam, targets: Targets) -> str:
    low, high, y = int(index.min()), int(index.max()), targets.values
    shifts = index.ravel() - y.ravel() if index.size == y.size and targets.whole else np.arange(2)
    if np.ptp(shifts) == 0:
        if high - low < size:
            return f"y = y - {low}" if low > 0 else f"y = y + {-low}"
        kinds = len(np.unique(index))
        if kinds <= size:
            start = int(shifts[0])
            more = f" - {start}" if start > 0 else f" + {-start}" if start else ""
            return f"y = np.unique(y, return_inverse=True)[1].reshape(y.shape){more}"
    if low >= 0 and size == seam.shape[-1]:
        return with_units(seam, high + 1)
    return f"in the loss, take indices from 0 to {size - 1}"
