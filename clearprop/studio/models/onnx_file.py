"""The network of an ONNX file to look at: its examples are made up, in the shapes that it declares.

Shape letters: N examples, H height, W width, C channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ClearpropError, ModelError
from clearprop.interop.onnx import OnnxModel, load
from clearprop.interop.onnx.editing import with_output
from clearprop.interop.onnx.graph import GraphSlot, dtype_named
from clearprop.interop.onnx.heads import without_probabilities
from clearprop.interop.onnx.pictures import for_pictures, picture_input
from clearprop.studio.models.made_up import EXAMPLES, LENGTH, SIDES, Output, made_up
from clearprop.studio.models.messages import SourceEntry
from clearprop.studio.models.opened import Opened, untrained_subject

SUFFIX = ".onnx"

MADE_UP = "The examples are made up, of random numbers in the shapes that the file declares."

FEW = 2
"""Whole numbers are made up below this, since the file does not say how many there are."""


def open_onnx(entry: SourceEntry, path: Path) -> Opened:
    """Return the network of a file with examples that are made up.

    Pictures come with their channels last. Of several outputs the first one is looked at.

    Raises:
        DataError: the file is no ONNX model.
        ModelError: the library onnx is missing, or the network takes no arrays of numbers.
    """
    model, remarks = load(path), [MADE_UP]
    outputs = model.plan.outputs
    if len(outputs) > 1:
        model = with_output(model, outputs[0].name)
        remarks.append(f"Of {len(outputs)} outputs it shows the first, {outputs[0].name}.")
    model, left_out = without_probabilities(model)
    remarks += [f"{line}." for line in left_out]
    try:
        picture_input(model, str(path))
        model = for_pictures(model, str(path))
    except ModelError:
        pass  # it takes something else, or one picture at a time: it is shown as it is
    x, made = _inputs(model, path)
    loss = nn.find_loss("cross_entropy" if len(made) == 2 and made[1] > 1 else "squared_error")
    remarks.append(f"The loss is not known: it is taken to be {loss.name}.")
    output: Output = "class" if loss.task == "classification" else "numbers"
    targets = made_up({"": (1,)}, None, output, made[1:])[1][: made[0]]
    subject = untrained_subject(model, loss, (x, targets), part="made up")
    followed = f"the loss {loss.name} of the example"
    return Opened(entry, subject, followed, loss, remarks=tuple(remarks))


def _inputs(model: OnnxModel, path: Path) -> tuple[Any, tuple[int, ...]]:
    """Return made-up inputs, and the shape of the output for them."""
    slots = model.plan.inputs
    problem: ClearpropError | None = None
    for side in (None, *SIDES):
        if side is not None and not any(_free_sides(slot) for slot in slots):
            break
        arrays = {slot.name: _drawn(slot, side or LENGTH, path) for slot in slots}
        x = arrays if len(arrays) > 1 else next(iter(arrays.values()))
        try:
            made: Any = jax.eval_shape(lambda m, given: m(given), model, x)
        except ClearpropError as error:
            problem = problem or error
            continue
        # A Reshape can make several examples of one that is too large.
        first = jax.tree.leaves(x)[0].shape[0]
        if made.shape[:1] == (first,):
            return x, tuple(made.shape)
        problem = problem or ModelError(
            "the network does not give one output for each example",
            given=f"{first} examples, an output of shape {tuple(made.shape)}",
            fix="open it in Python with an example: cp.studio(model, (x, y))",
        )
    assert problem is not None
    problem.where = f"{path.name}, {problem.where}" if problem.where else path.name
    raise problem


def _free_sides(slot: GraphSlot) -> bool:
    return any(isinstance(size, str) for size in (slot.shape or ())[1:])


def _drawn(slot: GraphSlot, side: int, path: Path) -> NDArray[Any]:
    """Return made-up values for an input; its free sizes after the first are ``side``."""
    dtype = dtype_named(slot.dtype or "float32")
    if not slot.shape or dtype.kind in "OUS":
        raise ModelError(
            "the input is no array of numbers whose axes are known",
            where=f"{path.name}, {slot.name}",
            given=slot.dtype if slot.shape is None or slot.shape else "a single number",
            fix="open it in Python with an example: cp.studio(model, (x, y))",
        )
    first = slot.shape[0] if isinstance(slot.shape[0], int) else EXAMPLES
    shape = (first, *(size if isinstance(size, int) else side for size in slot.shape[1:]))
    random = np.random.default_rng(0)
    if dtype.kind in "iub":
        return random.integers(0, FEW, shape).astype(np.int32 if dtype.kind != "b" else bool)
    return random.standard_normal(shape, np.float32)
