"""The film of one example: what each layer makes of it, and what comes back, from step to step."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data.sources import by_name
from clearprop.errors import ConfigurationError
from clearprop.glass.capture import LayerSignal, compiled_capture, inner_layers, plain
from clearprop.glass.colors import largest
from clearprop.studio.frames import pack
from clearprop.studio.runs.films.models import RunModels
from clearprop.studio.runs.films.tiles import MOST_TILES, Numbers, TiledArray, output_tiles
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.weights import of_config

MOST_LAYERS = 40

LONGEST = 80
"""Characters of a target that is a text."""


def pass_frame(run: RunModels, step: int, example: int) -> bytes:
    """Return the frame "pass": values and error signals of all layers for one example.

    Header: ``run``, ``step``, ``example``, ``examples`` (how many there are), ``part``,
    ``objective``, ``target`` and ``prediction`` in words, and ``layers``: for each its ``name``,
    ``kind``, ``shape``, ``every``, ``across``, ``value_limit`` and ``error_limit``. The first is
    the input. Arrays, k = 0.. for the layers: ``value.k`` and ``error.k`` float32 (tiles, H, W).

    Raises:
        ConfigurationError: the run has no data or no loss, so that no error comes back.
    """
    experiment = run.experiment
    if experiment is None or experiment.algorithm is not None:
        raise ConfigurationError(
            run.remark.rstrip(".") or "this algorithm compares no output with a target",
            where=run.facts.place.name,
        )
    part, dataset = experiment.splits.evaluated[-1]
    example = max(0, min(example, len(dataset) - 1))
    inputs = ModelInputs(experiment.splits.preprocessor)
    x, y = inputs.examples(dataset.inputs, dataset.targets, np.array([example]))
    if by_name(x):
        raise ConfigurationError("a model with several inputs has no such film")
    loss = of_config(run.facts.config).loss(nn.find_loss(experiment.loss))
    model = run.at(step)
    seen = compiled_capture(model, x, y, loss)
    source = seen.input
    back = None if source.error is None else plain(source.error)
    first = LayerSignal("input", "", "input", None, plain(source.value), back)
    layers = []
    arrays: dict[str, Numbers] = {}
    for k, layer in enumerate([first, *inner_layers(model, seen)][:MOST_LAYERS]):
        value = output_tiles(layer.value[0])
        error = None if layer.error is None else output_tiles(layer.error[0])
        arrays |= {f"value.{k}": value.tiles} | (
            {} if error is None else {f"error.{k}": error.tiles}
        )
        layers.append(_described(layer, value, error))
    output = plain(jax.tree.leaves(seen.output)[0])[0]
    names = dataset.class_names
    fields = {
        "run": run.facts.place.name,
        "step": step,
        "example": example,
        "examples": len(dataset),
        "part": part,
        "objective": float(seen.objective),
        "target": _in_words(np.asarray(y)[0], names),
        "prediction": _prediction(output, names, loss),
        "layers": layers,
    }
    return pack("pass", fields, arrays)


def _described(
    layer: LayerSignal, value: TiledArray, error: TiledArray | None
) -> dict[str, object]:
    return {
        "name": layer.label,
        "kind": layer.kind,
        "shape": value.shape,
        "every": value.every,
        "across": value.across,
        "axes": value.axes,
        "value_limit": largest(value.tiles),
        "error_limit": largest(error.tiles) if error is not None else None,
        "more": max(0, value.shape[-1] - MOST_TILES) if len(value.shape) == 3 else 0,
    }


def _prediction(output: NDArray[Any], names: tuple[str, ...] | None, loss: nn.Loss) -> str:
    if names is None:
        return _in_words(output, None)
    if output.shape[-1:] == (len(names),):
        return _in_words(output.argmax(axis=-1), names)
    is_second = output.size == 1 and float(output.ravel()[0]) >= (loss.threshold or 0.0)
    return names[int(is_second)] if output.size == 1 else _in_words(output, None)


def _in_words(value: NDArray[Any], names: tuple[str, ...] | None) -> str:
    """Return classes by their names, one after the other; of numbers the first ones."""
    value = np.asarray(value)
    if names is not None and (value.dtype.kind in "iu" or value.size == 1):
        known = [names[int(k)] for k in value.ravel().tolist() if 0 <= int(k) < len(names)]
        text = ("" if all(len(name) == 1 for name in known) else " ").join(known)
        return f"{text[:LONGEST]}..." if len(text) > LONGEST else text
    shown = ", ".join(f"{x:.4g}" for x in value.astype(np.float64).ravel()[:4])
    return shown if value.size <= 4 else f"{shown}, ... ({value.size} numbers)"
