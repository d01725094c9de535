"""Networks of ONNX files for other classes: same scores, new heads, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from clearprop import nn
from clearprop.errors import ConfigurationError, ModelError
from clearprop.interop.onnx import load, save
from clearprop.interop.onnx.classifying import Adapted, adapted, picture_input
from tests.onnx_networks import CLASSES, saved, small_cnn, weights

SHAPE = (8, 8, 1)
X = np.random.default_rng(3).standard_normal((5, *SHAPE)).astype(np.float32)


def of(file: Path, classes: int, **options: Any) -> Adapted:
    return adapted(load(file), SHAPE, classes, where=file.name, **options)


def by_runtime(file: Path, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(file)
    outputs = [session.run(None, {"x": one[None].transpose(0, 3, 1, 2)})[0] for one in x]
    return np.concatenate(outputs)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch": 1, "reshape": (1, 128)},
        {"batch": 1, "reshape": (1, -1)},
        {"batch": 1},
        {"matmul": True},
        {"side": "free"},
    ],
)
def test_with_as_many_classes_the_scores_are_those_of_the_file(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    file = small_cnn(tmp_path / "net.onnx", **options)
    found = of(file, CLASSES)
    assert any(line.startswith("Softmax left out") for line in found.changes)
    scores = jax.jit(lambda model, x: model(x))(found.model, X)
    probabilities = np.asarray(jax.nn.softmax(scores))
    np.testing.assert_allclose(probabilities, by_runtime(file, X), rtol=1e-4, atol=1e-5)
    assert not np.allclose(scores, probabilities)


@pytest.mark.parametrize("matmul", [False, True])
def test_a_new_head_keeps_all_other_weights(tmp_path: Path, matmul: bool) -> None:
    file = small_cnn(tmp_path / "net.onnx", matmul=matmul)
    before, found = load(file), of(file, 3)
    assert "7 outputs before, now a new Linear(32, 3)" in found.changes[0]
    model = found.model.init(1)
    kept = {
        path: value
        for path, value in nn.parameters(before).items()
        if path.startswith(("features", "classifier.0"))
    }
    assert len(kept) == 4
    after = nn.parameters(model)
    new = {path for path in after if path not in kept}
    assert {after[path].shape for path in new} == {(32, 3), (3,)}
    for path, value in kept.items():
        np.testing.assert_array_equal(after[path], value)
    hidden = nn.features(model, X, "classifier.1.Relu")
    np.testing.assert_allclose(
        hidden,
        nn.features(before, X.transpose(0, 3, 1, 2), "classifier.1.Relu"),
        rtol=1e-5,
        atol=1e-6,
    )
    assert model(X).shape == (5, 3)


def test_files_with_channels_last_need_no_transpose(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "head.weight", "head.bias"], ["y"], name="head"),
    ]
    tensors = [weights(random, "head.weight", 192, 4), weights(random, "head.bias", 4)]
    file = saved(tmp_path / "last.onnx", nodes, {"x": ["n", 8, 8, 3]}, {"y": ["n", 4]}, tensors)
    model = load(file)
    taken = picture_input(model, "last.onnx")
    assert (taken.size, taken.channels, taken.channels_first) == ((8, 8), 3, False)
    found = adapted(model, (8, 8, 3), 4, where="last.onnx").model
    x = np.random.default_rng(1).standard_normal((3, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(found(x), model(x), rtol=1e-6)


def test_the_output_is_chosen_by_its_name(tmp_path: Path) -> None:
    file = small_cnn(tmp_path / "net.onnx", auxiliary=True)
    with pytest.raises(ModelError, match=r"several outputs[^$]*y \[batch, 7\][^$]*output=y"):
        of(file, 3)
    assert of(file, 3, output="y").model.init(0)(X).shape == (5, 3)
    with pytest.raises(ConfigurationError, match="unknown output 'yy'"):
        of(file, 3, output="yy")
    # Nothing after the hidden layer is needed, and nothing of it is kept.
    hidden = of(file, 32, output="f").model
    assert not [path for path in nn.parameters(hidden) if path.startswith("classifier.2")]


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    file = small_cnn(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=r"other pictures[^$]*9x8x1[^$]*data\.size=8x8"):
        adapted(load(file), (9, 8, 1), 3, where="net.onnx")


def test_a_file_for_one_picture_at_a_time_is_refused(tmp_path: Path) -> None:
    # It mixes the pictures of a batch, so that a larger one would give something else.
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], name="flat"),
        helper.make_node("ReduceMax", ["flat"], ["m"], name="largest", axes=[0], keepdims=1),
        helper.make_node("Gemm", ["m", "head.weight", "head.bias"], ["y"], name="head"),
    ]
    tensors = [weights(random, "head.weight", 64, 4), weights(random, "head.bias", 4)]
    file = saved(tmp_path / "one.onnx", nodes, {"x": [1, 1, 8, 8]}, {"y": [1, 4]}, tensors)
    with pytest.raises(ModelError, match="fixed number of pictures at once"):
        adapted(load(file), SHAPE, 4, where="one.onnx")


def test_a_network_without_a_linear_layer_gets_no_head(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "c.weight"], ["a"], name="c"),
        helper.make_node("GlobalAveragePool", ["a"], ["b"], name="pool"),
        helper.make_node("Flatten", ["b"], ["y"], name="flat"),
    ]
    tensors = [weights(random, "c.weight", 5, 1, 3, 3)]
    file = saved(tmp_path / "conv.onnx", nodes, {"x": ["n", 1, 8, 8]}, {"y": ["n", 5]}, tensors)
    assert adapted(load(file), SHAPE, 5, where="conv.onnx").model(X).shape == (5, 5)
    with pytest.raises(ModelError, match=r"no last linear layer[^$]*GlobalAveragePool"):
        adapted(load(file), SHAPE, 3, where="conv.onnx")


@pytest.mark.parametrize(
    ("shape", "dtype"), [(["n", 64], TensorProto.FLOAT), (["n", 1, 8, 8], TensorProto.UINT8)]
)
def test_what_is_no_picture_of_floats_is_refused(
    tmp_path: Path, shape: list[int | str], dtype: int
) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "head.weight"], ["y"], name="head"),
    ]
    tensors = [weights(np.random.default_rng(0), "head.weight", 64, 4)]
    file = saved(tmp_path / "no.onnx", nodes, {"x": shape}, {"y": ["n", 4]}, tensors, dtype)
    with pytest.raises(ModelError, match="does not take pictures alone"):
        adapted(load(file), SHAPE, 4, where="no.onnx")


def test_a_network_with_a_new_head_is_written_with_its_scores(tmp_path: Path) -> None:
    model = of(small_cnn(tmp_path / "net.onnx"), 3).model.init(2)
    save(model, tmp_path / "new.onnx", X)
    session = onnxruntime.InferenceSession(tmp_path / "new.onnx")
    (scores,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(scores, model(X), rtol=1e-4, atol=1e-5)
    # Without a new head it is written as its own nodes.
    kept = of(small_cnn(tmp_path / "net.onnx", batch=1, reshape=(1, 128)), CLASSES).model
    save(kept, tmp_path / "kept.onnx")
    (scores,) = onnxruntime.InferenceSession(tmp_path / "kept.onnx").run(None, {"pictures": X})
    np.testing.assert_allclose(scores, kept(X), rtol=1e-4, atol=1e-5)
