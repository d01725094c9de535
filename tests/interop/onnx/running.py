"""Running a file by onnxruntime, and comparing what it gives with what clearprop computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnxruntime

from clearprop import nn, ops, tree
from clearprop.autodiff import grad
from clearprop.interop import onnx
from clearprop.interop.onnx.export.model_inputs import named_inputs

NEWEST = 24
"""The newest opset that the installed onnxruntime computes."""


def run(path: Path, inputs: dict[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    made: list[Any] = session.run(None, {k: np.asarray(v) for k, v in inputs.items()})
    return made


def moved(model: nn.Module) -> nn.Module:
    """Return a model whose values are not those of the beginning, such as scales of 1."""
    model = model if nn.is_initialized(model) else model.init(0)
    random = np.random.default_rng(1)
    values: dict[str, Any] = {}
    for path, leaf in {**nn.parameters(model), **nn.statistics(model)}.items():
        spread = 0.1 * (float(np.std(leaf)) or 0.5)
        noise = (spread * random.normal(size=leaf.shape)).astype(leaf.dtype)
        values[path] = leaf + (abs(noise) if "variance" in path else noise)
    return tree.replace(model, values)


def assert_close(got: Any, expected: Any) -> None:
    leaves = jax.tree.leaves(expected)
    assert len(got) == len(leaves)
    for mine, theirs in zip(got, leaves, strict=True):
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, np.asarray(theirs), rtol=1e-5, atol=1e-5)


def assert_exported(model: nn.Module, given: Any, folder: Path, opset: int) -> None:
    """Write a model, run the file for two sizes of the batch, and read it back.

    Parameters, outputs and gradients of the model that was read have to be those of the first. Only
    parameters that no output depends on may be missing.
    """
    model = moved(model)
    path = onnx.save(model, folder / "model.onnx", given, opset=opset)
    for times in (1, 3):
        grown = jax.tree.map(lambda x, n=times: np.concatenate([x] * n), given)
        inputs = named_inputs(model, grown, None)
        arguments = inputs.restored(inputs.arrays)
        expected, _ = nn.apply(model, *arguments)
        assert_close(run(path, inputs.arrays), expected)
    back = onnx.load(path)
    outputs = back(**inputs.arrays)
    assert_close(jax.tree.leaves(outputs), expected)
    assert_same_gradients(model, back, arguments, inputs.arrays)


def assert_same_gradients(
    model: nn.Module, back: nn.Module, arguments: Any, named: dict[str, Any]
) -> None:
    def objective(outputs: Any) -> Any:
        reals = [y for y in jax.tree.leaves(outputs) if np.issubdtype(y.dtype, np.floating)]
        return sum((ops.sum(y * np.cos(np.arange(y.size)).reshape(y.shape)) for y in reals), 0.0)

    values = model.parameters()
    if not values:
        return
    first = jax.jit(grad(lambda w: objective(nn.apply(tree.replace(model, w), *arguments)[0])))
    second = jax.jit(grad(lambda w: objective(tree.replace(back, w)(**named))))
    kept = back.parameters()
    assert set(kept) <= set(values)
    one, other = first(values), second(kept)
    for name, slope in one.items():
        if name not in kept:
            assert not np.any(slope), name
            continue
        largest = max(1.0, float(np.abs(slope).max()))
        np.testing.assert_allclose(other[name], slope, rtol=1e-4, atol=1e-5 * largest, err_msg=name)
