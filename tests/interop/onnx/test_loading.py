"""What becomes of an ONNX file: paths, parameters, and a model that runs, trains and is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from sklearn.datasets import load_digits

import clearprop as cp
from clearprop import nn
from clearprop.autodiff import grad
from clearprop.errors import ModelError, RunError
from clearprop.interop.onnx import InferenceSession, OnnxModel, load, save
from clearprop.nn.structure import from_structure, to_structure
from tests.interop.onnx.graphs import FLOAT, convolutional, model_of, weights


def reference(proto: onnx.ModelProto, **inputs: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(proto.SerializeToString()).run(None, inputs)


def images(n: int = 16) -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    return (digits.images[:n, None] / 16).astype(np.float32), digits.target[:n]


def test_names_become_paths() -> None:
    model = load(convolutional())
    assert set(model.parameters()) == {
        "features.0.weight",
        "features.0.bias",
        "features.1.weight",
        "features.1.bias",
        "features.3.weight",
        "classifier.weight",
        "classifier.bias",
    }
    layers = nn.modules(model)
    assert layers["features.0"].operator == "Conv"
    assert layers["classifier"].operator == "Gemm"
    assert layers["features.2.Relu"].operator == "Relu"


def test_it_computes_what_onnxruntime_computes_for_every_batch_size() -> None:
    proto = convolutional()
    model = load(proto)
    session = InferenceSession(proto)
    for n in (1, 5):
        x, _ = images(n)
        (expected,) = reference(proto, x=x)
        np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(session(x), expected, rtol=1e-5, atol=1e-6)
    assert session.reason is None


def test_gradients_are_those_of_jax() -> None:
    model = load(convolutional())
    x, _ = images(6)
    x = jnp.asarray(x)
    ours = grad(lambda m: cp.ops.mean(cp.ops.square(m(x))))(model)
    of_jax = jax.grad(lambda m: jnp.mean(m(x) ** 2), allow_int=True)(model)
    for path in model.parameters():
        np.testing.assert_allclose(
            ours.parameters()[path], of_jax.parameters()[path], rtol=2e-4, atol=1e-6
        )


def test_a_part_is_frozen_and_a_new_head_learns() -> None:
    model = load(convolutional())
    x, y = images(200)
    before = model.parameters()
    model = nn.replace_layer(model, "classifier", nn.Linear(4, 10))
    run = cp.fit(model, x, y, epochs=30, learning_rate=0.02, freeze=["features.*"], progress=False)
    after = run.model.parameters()
    for path in before:
        if path.startswith("features"):
            np.testing.assert_array_equal(after[path], before[path])
    assert run.history.objective[-1] < run.history.objective[0] - 0.05


def test_the_inputs_keep_their_names_where_a_layer_was_replaced(tmp_path: Path) -> None:
    model = load(convolutional())
    names = [slot.name for slot in model.plan.inputs]
    changed = nn.replace_layer(model, "classifier", nn.Linear(4, 10)).init(0)
    save(changed, tmp_path / "again.onnx", images(2)[0])
    assert [slot.name for slot in load(tmp_path / "again.onnx").plan.inputs] == names


def test_running_averages_are_not_trained() -> None:
    model = load(convolutional())
    x, y = images(32)
    run = cp.fit(model, x, y, epochs=1, progress=False)
    layer = nn.modules(run.model)["features.1"]
    np.testing.assert_array_equal(layer.running_var, nn.modules(model)["features.1"].running_var)
    assert not np.array_equal(layer.weight, nn.modules(model)["features.1"].weight)


def test_it_is_plain_data_without_the_library(tmp_path: Path) -> None:
    model = load(convolutional())
    text = json.dumps(to_structure(model))
    back = from_structure(json.loads(text))
    assert isinstance(back, OnnxModel)
    assert back.plan.steps[0].operator == "Conv"
    x, y = images(32)
    run = cp.fit(model, x, y, epochs=1, folder=tmp_path / "run", progress=False)
    loaded = cp.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.model(x), run.model(x))


def test_which_constants_are_trained() -> None:
    node = helper.make_node
    nodes = [
        node("Mul", ["x", "scalar"], ["a"], "scaling"),
        node("Add", ["a", "shift"], ["b"], "moving"),
        node("MatMul", ["b", "matrix"], ["c"], "product"),
        node("Transpose", ["turned"], ["t"], "turn", perm=[1, 0]),
        node("MatMul", ["c", "t"], ["y"], "second"),
    ]
    constants = {
        "scalar": np.array(2.0, np.float32),
        "shift": weights(0, 3),
        "matrix": weights(1, 3, 3),
        "turned": weights(2, 2, 3),
    }
    proto = model_of(nodes, {"x": (FLOAT, [4, 3])}, {"y": (FLOAT, [4, 2])}, constants)
    assert set(load(proto).parameters()) == {"moving.shift", "product.matrix", "turn.turned"}
    assert set(load(proto, constants=["shift", "turned"]).parameters()) == {"product.matrix"}
    assert "scaling.scalar" in load(proto, parameters="scal*").parameters()
    x = weights(5, 4, 3)
    np.testing.assert_allclose(load(proto)(x), reference(proto, x=x)[0], rtol=1e-5)
    with pytest.raises(cp.errors.ModelError, match="fits no constant"):
        load(proto, constants="nothing*")


def test_shared_weights_are_one_parameter() -> None:
    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "tied.weight"], ["a"], "first"),
        node("Transpose", ["tied.weight"], ["t"], "turn", perm=[1, 0]),
        node("MatMul", ["a", "t"], ["y"], "last"),
    ]
    proto = model_of(
        nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [2, 3])}, {"tied.weight": weights(0, 3, 5)}
    )
    model = load(proto)
    assert list(model.parameters()) == ["tied.weight"]
    x = weights(1, 2, 3)
    ours = grad(lambda m: cp.ops.sum(m(x)))(model).parameters()["tied.weight"]
    w = jnp.asarray(weights(0, 3, 5))
    np.testing.assert_allclose(ours, jax.grad(lambda w: jnp.sum(x @ w @ w.T))(w), rtol=1e-5)


def test_an_input_that_decides_a_shape_is_part_of_the_shapes() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"], "reshape")]
    proto = model_of(
        nodes,
        {"x": (FLOAT, ["n"]), "shape": (onnx.TensorProto.INT64, [2])},
        {"y": (FLOAT, ["a", "b"])},
        {},
    )
    model = load(proto)
    assert model.needed == ("shape",)
    session = InferenceSession(model)
    x = np.arange(6, dtype=np.float32)
    assert session(x, np.array([2, 3])).shape == (2, 3)
    assert session(x, np.array([3, 2])).shape == (3, 2)
    assert session.reason is None


def test_whole_numbers_have_64_bits_and_the_settings_stay() -> None:
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"], "square")]
    kind = onnx.TensorProto.INT64
    proto = model_of(nodes, {"x": (kind, [1])}, {"y": (kind, [1])}, {})
    y = InferenceSession(load(proto))(np.array([3_000_000_000]))
    assert int(y[0]) == 9_000_000_000_000_000_000
    assert y.dtype == jnp.int64
    assert jnp.asarray(np.array([1])).dtype == jnp.int32


def test_a_shape_that_depends_on_numbers_runs_step_by_step() -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["places"], "nonzero"),
        helper.make_node("Cast", ["places"], ["y"], "cast", to=FLOAT),
    ]
    proto = model_of(nodes, {"x": (FLOAT, ["n"])}, {"y": (FLOAT, [1, "m"])}, {})
    session = InferenceSession(load(proto))
    x = np.array([0, 2, 0, 3], np.float32)
    np.testing.assert_array_equal(session(x), [[1, 3]])


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    model = load(convolutional())
    with pytest.raises(RunError, match="cannot be written"):
        save(model, tmp_path / "none" / "a.onnx")


def test_several_outputs_cannot_be_explained_at_once() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(4, 2)

        def __call__(self, x: Any) -> Any:
            return self.layer(x), self.layer(2 * x)

    x = np.ones((1, 4), np.float32)
    with pytest.raises(ModelError, match="output"):
        cp.explain(Two().init(0), x, np.array([0]))


def test_a_constant_with_too_few_entries_is_told_with_its_file(tmp_path: Path) -> None:
    proto = convolutional()
    kernel = next(x for x in proto.graph.initializer if len(x.dims) == 4)
    kernel.raw_data = kernel.raw_data[:-4]
    path = tmp_path / "damaged.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError) as caught:
        load(path)
    assert caught.value.where is not None
