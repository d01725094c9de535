"""`save_training_step`: one step of training as an ordinary graph of ONNX."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn, optim, tree
from clearprop.autodiff import value_and_grad
from clearprop.errors import ModelError
from clearprop.interop.onnx.export.model_inputs import arrays_of, named_inputs
from clearprop.interop.onnx.export.protos import contents_of, to_proto, write_file
from clearprop.interop.onnx.export.saving import checked_opset
from clearprop.interop.onnx.export.sizes import DynamicAxes, Exported, written
from clearprop.interop.onnx.export.tracing import Notes
from clearprop.interop.onnx.graph import GraphSlot, HostArray
from clearprop.nn.recording import LossLike

NEW, STATE, LOSS, TARGETS = "new.", "state.", "loss", "targets"


@dataclass(frozen=True)
class TrainingStep:
    """A step of training that was written to a file.

    Attributes:
        path: of the file.
        values: what the first step is given beside the batch: parameters, statistics and the state
            of the optimizer, by the name of the input.
        outputs: the names of all outputs, the loss first.
    """

    path: Path
    values: Mapping[str, HostArray]
    outputs: tuple[str, ...]

    def after(self, results: Sequence[HostArray]) -> tuple[float, dict[str, HostArray]]:
        """Return the loss, and the values for the next step, from the outputs of this one."""
        named = dict(zip(self.outputs, results, strict=True))
        return float(named[LOSS]), {name: np.asarray(named[NEW + name]) for name in self.values}


def save_training_step(
    model: nn.Module,
    path: str | os.PathLike[str],
    example_inputs: object,
    example_targets: object,
    *,
    loss: LossLike = "cross_entropy",
    optimizer: str | optim.Optimizer | Mapping[str, object] = "sgd",
    learning_rate: float | None = None,
    opset: int | None = None,
    dynamic_axes: DynamicAxes | None = None,
) -> TrainingStep:
    """Write a whole step of training to an ONNX file: pass, back-propagation and update.

    Whatever runs ONNX can then train the model. The inputs of the graph are those of the model,
    ``targets``, every parameter and statistic by path, and the state of the optimizer as
    ``state.`` and a path. The outputs are ``loss`` and, as ``new.`` and the name of the input, the
    new value of each of the others.

    Args:
        model: with values in its parameters; dropout cannot be part of it.
        path: of the file.
        example_inputs: as of `save`.
        example_targets: as the loss takes them, in its number type.
        loss: a name, a loss, or a function (outputs, targets).
        optimizer: a name or an optimizer.
        learning_rate: a number or a schedule, for an optimizer by name.
        opset: of the operators, from 17 on; by default 21.
        dynamic_axes: as of `save`, also for "targets"; by default the batch may have any size.

    Raises:
        ModelError: an operation has no counterpart in ONNX, the message names it and its layer; or
            the graph would hold for the sizes of the example alone.

    >>> import tempfile
    >>> model = nn.Linear(3, 2).init(0)
    >>> x, y = np.ones((4, 3), np.float32), np.zeros(4, np.int32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     step = save_training_step(model, f"{folder}/step.onnx", x, y, learning_rate=0.1)
    >>> sorted(step.values), step.outputs
    (['bias', 'state.step', 'weight'], ('loss', 'new.weight', 'new.bias', 'new.state.step'))
    """
    version = checked_opset(opset)
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    made = optim.create(optimizer, **rate)
    if made.update_on is not None:
        raise ModelError(
            "this optimizer needs more of the objective than its gradient",
            given=repr(made),
            fix='optimizer="adam"',
        )
    objective = nn.find_loss(loss)
    inputs = named_inputs(model, example_inputs, None)
    batch = {**inputs.arrays, TARGETS: jnp.asarray(example_targets)}
    arrays = arrays_of(model)
    learned, noted = list(nn.parameters(model)), list(nn.statistics(model))
    start = made.init({path: jnp.asarray(arrays[path]) for path in learned})
    state = {STATE + key: np.asarray(leaf) for key, leaf in tree.flatten_with_paths(start).items()}
    structure = jax.tree.structure(start)
    values = {**{path: arrays[path] for path in (*learned, *noted)}, **state}

    def function(values: Mapping[str, Any], notes: Notes) -> Any:
        given = values
        fixed = {path: given[path] for path in arrays if path not in learned}
        before = {path: given[path] for path in learned}

        def value(parameters: Mapping[str, Any]) -> tuple[Any, Any]:
            known = tree.replace(model, {**fixed, **parameters})
            # A key that does not move: what draws from it is refused when it is written.
            key = jax.random.key(0)
            output, statistics = nn.apply(known, *inputs.restored(given), training=True, key=key)
            return objective(output, given[TARGETS]), statistics

        (error, statistics), slopes = value_and_grad(value, has_aux=True)(before)
        kept = jax.tree.unflatten(structure, [given[name] for name in state])
        updates, after = made.update(slopes, kept, before)
        moved = optim.apply(before, updates)
        return [
            error,
            *(moved[path] for path in learned),
            *(statistics.get(path, given[path]) for path in noted),
            *jax.tree.leaves(after),
        ]

    outputs = (LOSS, *(NEW + name for name in values))
    result = written(
        Exported(function, {**arrays, **state}, batch, whole_layers=False),
        version,
        dynamic_axes,
        lambda _: outputs,
    )
    slots = tuple(GraphSlot(n, a.dtype.name, tuple(a.shape)) for n, a in values.items())
    contents = contents_of(result, {n: a for n, a in arrays.items() if n not in values}, ())
    file = write_file(to_proto(contents.with_inputs(slots), type(model).__name__), path)
    return TrainingStep(file, values, outputs)
