"""`save`: a model as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clearprop import nn, tree
from clearprop.errors import ModelError
from clearprop.interop.onnx.export.again import contents_of_imported, is_as_imported
from clearprop.interop.onnx.export.model_inputs import arrays_of, named_inputs, named_outputs
from clearprop.interop.onnx.export.preparation import prepared
from clearprop.interop.onnx.export.protos import contents_of, to_proto, write_file
from clearprop.interop.onnx.export.sizes import DynamicAxes, Exported, written
from clearprop.interop.onnx.export.tracing import Notes
from clearprop.interop.onnx.imported import OnnxModel
from clearprop.interop.onnx.reading import import_onnx

OLDEST, USUAL = 17, 21


def save(
    model: object,
    path: str | os.PathLike[str],
    example_inputs: object = None,
    *,
    opset: int | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: DynamicAxes | None = None,
) -> Path:
    """Write a model to an ONNX file, as it computes in evaluation, and return the path.

    Every operation becomes one or more nodes, whose names begin with the path of their layer. The
    parameters have their paths as names, so that `load` finds them there again. The file is checked
    by the rules of ONNX.

    A file says what is computed, and nothing of gradients: what `stop_gradient` or ``truncate``
    cuts off is not cut off where the file is trained. Parameters that no output depends on are left
    out.

    Where ``model`` is a run or a predictor, the scaling of its inputs, and of the targets back, is
    part of the graph, which then takes raw examples.

    Args:
        model: a module whose parameters have values, an imported model, a run or a predictor.
        path: of the file.
        example_inputs: an array, a tuple of the model's inputs, or a mapping where the model takes
            several by name. Their values do not matter. Not needed for an imported model
            that has only layers of its file.
        opset: of the operators, from 17 on; by default 21.
        input_names: of the inputs; by default those of the model's arguments.
        output_names: of the outputs; by default "output", or "output_0" and so on.
        dynamic_axes: for an input, the axes whose size may differ from call to call, each with a
            name; inputs with the same name have the same size there. By default the first axis of
            every input is "batch". ``{}`` fixes all sizes.

    Raises:
        ModelError: an operation has no counterpart in ONNX, the message names it and its layer; or
            the graph would hold for the sizes of the example alone.

    >>> import tempfile
    >>> import jax.numpy as jnp
    >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).init(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, f"{folder}/model.onnx", jnp.ones((1, 3)))
    ...     path.name
    'model.onnx'

    Source: the Open Neural Network Exchange, https://onnx.ai/onnx.
    """
    if is_as_imported(model):
        if opset is not None or input_names or output_names or dynamic_axes is not None:
            raise ModelError(
                "an imported model is written as its own nodes",
                given="opset, names or dynamic axes",
                fix="save(model, path)",
            )
        return write_file(to_proto(contents_of_imported(model), "clearprop"), path)
    version = checked_opset(opset)
    prepared_model = prepared(model)
    module = prepared_model.model
    if isinstance(module, OnnxModel):  # its layers have changed; its inputs have their names
        input_names = input_names or [slot.name for slot in module.plan.inputs]
    inputs = named_inputs(module, example_inputs, input_names)
    weights = arrays_of(module)

    def function(values: Mapping[str, Any], notes: Notes) -> Any:
        known = tree.replace(module, {path: values[path] for path in weights})
        arguments = prepared_model.enter(inputs.restored(values))
        output, _ = nn.apply(known, *arguments, hook=notes.layer)
        return prepared_model.leave(output)

    result = written(
        Exported(function, weights, inputs.arrays),
        version,
        dynamic_axes,
        lambda number: named_outputs(output_names, number),
    )
    learned = list(nn.parameters(module))
    contents = contents_of(result, weights, learned)
    return write_file(to_proto(contents, type(module).__name__), path)


def checked_opset(opset: int | None) -> int:
    """Return the opset that is written.

    Raises:
        ModelError: it is too old, or newer than the library `onnx`.
    """
    version = USUAL if opset is None else opset
    newest = import_onnx().defs.onnx_opset_version()
    if not OLDEST <= version <= newest:
        raise ModelError(
            "the opset cannot be written",
            given=f"opset={version}",
            expected=f"{OLDEST} to {newest}",
        )
    return version
