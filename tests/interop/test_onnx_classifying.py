"""Networks of ONNX files for other classes: same scores, new heads, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from clearprop import fit, nn, tree
from clearprop.errors import ConfigurationError, ModelError
from clearprop.interop.onnx import load, save
from clearprop.interop.onnx.classifying import Adapted, adapted
from clearprop.interop.onnx.pictures import picture_input
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


ENDS: dict[str, tuple[list[Any], list[int | str]]] = {
    "Flatten": (
        [("GlobalAveragePool", {}), ("Flatten", {"axis": 1}), ("Softmax", {"axis": 1})],
        [],
    ),
    "Reshape": (
        [("GlobalAveragePool", {}), ("Reshape", "shape"), ("LogSoftmax", {"axis": -1})],
        [],
    ),
    "Relu": ([("Relu", {}), ("GlobalMaxPool", {}), ("Identity", {}), ("Flatten", {})], []),
    "four axes": ([("Relu", {}), ("GlobalAveragePool", {}), ("Softmax", {"axis": 1})], [1, 1]),
    "window": ([("AveragePool", {"kernel_shape": [4, 4]}), ("Flatten", {})], []),
    "mean": ([("Add", "summand"), ("ReduceMean", {"axes": [2, 3], "keepdims": 0})], []),
}
STRIDED = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}


def convolutional(path: Path, end: str, **options: Any) -> Path:
    """Write a network whose scores are the responses of its last convolution, as in SqueezeNet."""
    random = np.random.default_rng(0)
    steps, more = ENDS[end]
    options = options or STRIDED
    nodes = [
        helper.make_node("Conv", ["x", "trunk.weight"], ["a"], name="trunk", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Conv", ["b", "head.weight", "head.bias"], ["v0"], name="head", **options),
    ]
    for i, (operator, given) in enumerate(steps):
        inputs = [f"v{i}", given] if isinstance(given, str) else [f"v{i}"]
        name = "y" if i + 1 == len(steps) else f"v{i + 1}"
        attributes = {} if isinstance(given, str) else given
        nodes.append(helper.make_node(operator, inputs, [name], name=f"end{i}", **attributes))
    tensors = [
        weights(random, "trunk.weight", 6, 1, 3, 3),
        weights(random, "head.weight", CLASSES, 6, 3, 3),
        weights(random, "head.bias", CLASSES),
        weights(random, "summand", CLASSES, 1, 1),
        numpy_helper.from_array(np.array([0, CLASSES], np.int64), "shape"),
    ]
    read = {name for node in nodes for name in node.input}
    tensors = [tensor for tensor in tensors if tensor.name in read]
    outputs = {"y": ["n", CLASSES, *more]}
    return saved(path, nodes, {"x": ["n", 1, 8, 8]}, outputs, tensors)


@pytest.mark.parametrize("end", ENDS)
def test_a_network_that_ends_in_a_convolution_gets_a_new_one(tmp_path: Path, end: str) -> None:
    file = convolutional(tmp_path / "conv.onnx", end)
    same, found = of(file, CLASSES), of(file, 3)
    scores = np.asarray(same.model(X))
    assert scores.shape == (5, CLASSES)
    probabilities = jax.nn.softmax(scores) if "left out" in str(same.changes) else scores
    theirs = by_runtime(file, X).reshape(5, CLASSES)
    theirs = np.exp(theirs) if end == "Reshape" else theirs
    np.testing.assert_allclose(probabilities, theirs, rtol=1e-4, atol=1e-5)

    assert "head replaced: 7 outputs before, now a new Conv2d(6, 3, 3x3)" in found.changes[0]
    model = found.model.init(1)
    before, after = nn.parameters(load(file)), nn.parameters(model)
    np.testing.assert_array_equal(after["trunk.weight"], before["trunk.weight"])
    assert {path: v.shape for path, v in after.items() if path != "trunk.weight"} == {
        "head.weight": (3, 3, 6, 3),
        "head.bias": (3,),
    }
    # With the values of three of the old classes it gives the scores of these.
    kernel = jnp.transpose(before["head.weight"], (2, 3, 1, 0))[..., :3]
    bias = before["head.bias"][:3]
    if end == "mean":
        bias = bias + before[next(p for p in before if before[p].shape == (7, 1, 1))][:3, 0, 0]
    known = tree.replace(model, {"head.weight": kernel, "head.bias": bias})
    np.testing.assert_allclose(known(X), scores[:, :3], rtol=1e-4, atol=1e-5)


def test_a_new_convolution_learns_and_is_written(tmp_path: Path) -> None:
    model = of(convolutional(tmp_path / "conv.onnx", "four axes"), 3).model
    y = np.arange(5) % 3
    run = fit(model, X, y, epochs=30, learning_rate=0.01, progress=False, freeze=["trunk*"])
    assert run.history.objective[-1] < run.history.objective[0] - 0.05
    save(run.model, tmp_path / "new.onnx", X)
    session = onnxruntime.InferenceSession(tmp_path / "new.onnx")
    (scores,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(scores, run.model(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("end", "options"),
    [
        ("Flatten", {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("Flatten", {"kernel_shape": [3, 3], "auto_pad": "VALID", "dilations": [2, 2]}),
        ("Flatten", {"kernel_shape": [3, 3], "pads": [2, 0, 1, 1]}),
    ],
)
def test_a_new_convolution_has_the_window_of_the_old_one(
    tmp_path: Path, end: str, options: dict[str, Any]
) -> None:
    file = convolutional(tmp_path / "conv.onnx", end, **options)
    before, model = load(file), of(file, 3).model.init(0)
    old = nn.features(of(file, CLASSES).model, X, "head")
    kernel = jnp.transpose(nn.parameters(before)["head.weight"], (2, 3, 1, 0))[..., :3]
    bias = nn.parameters(before)["head.bias"][:3]
    known = tree.replace(model, {"head.weight": kernel, "head.bias": bias})
    new = nn.features(known, X, "head")
    np.testing.assert_allclose(new, np.moveaxis(old, 1, -1)[..., :3], rtol=1e-4, atol=1e-5)


def test_a_convolution_without_a_counterpart_is_refused(tmp_path: Path) -> None:
    options = {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER", "strides": [2, 2]}
    file = convolutional(tmp_path / "conv.onnx", "Flatten", **options)
    with pytest.raises(ModelError, match=r"head: [^$]*auto_pad=SAME_LOWER[^$]*replace_layer"):
        of(file, 3)


def test_a_network_without_weights_at_its_end_gets_no_head(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Exp", ["x"], ["a"], name="exp"),
        helper.make_node("GlobalAveragePool", ["a"], ["b"], name="pool"),
        helper.make_node("Flatten", ["b"], ["y"], name="flat"),
    ]
    file = saved(tmp_path / "no.onnx", nodes, {"x": ["n", 1, 8, 8]}, {"y": ["n", 1]}, [])
    with pytest.raises(ModelError, match=r"no last linear or convolution layer[^$]*exp \(Exp\)"):
        of(file, 3)


def cast_first(path: Path, shape: list[int | str], dtype: int, before: Sequence[str] = ()) -> Path:
    """Write a network that casts what it is given to floats, scales it and takes four scores."""
    operators = [*before, "Cast", "Mul", "Flatten"]
    names = ["x", *(f"v{i}" for i in range(len(operators)))]
    more = {"Cast": {"to": TensorProto.FLOAT}, "Transpose": {"perm": [0, 3, 1, 2]}}
    nodes = [
        helper.make_node(
            operator,
            [names[i], "scale"] if operator == "Mul" else [names[i]],
            [names[i + 1]],
            name=operator.lower(),
            **more.get(operator, {}),
        )
        for i, operator in enumerate(operators)
    ]
    nodes.append(helper.make_node("Gemm", [names[-1], "head.weight"], ["y"], name="head"))
    tensors = [
        weights(np.random.default_rng(0), "head.weight", 64, 4),
        numpy_helper.from_array(np.float32(1 / 255), "scale"),
    ]
    return saved(path, nodes, {"x": shape}, {"y": ["n", 4]}, tensors, dtype)


BYTES = np.random.default_rng(5).integers(0, 256, (5, 8, 8, 1), np.uint8)


@pytest.mark.parametrize(
    ("shape", "before", "order"),
    [(["n", 1, 8, 8], (), (0, 3, 1, 2)), (["n", 8, 8, 1], ("Transpose",), (0, 1, 2, 3))],
)
def test_a_network_of_bytes_gets_the_numbers_of_the_bytes(
    tmp_path: Path, shape: list[int | str], before: Sequence[str], order: tuple[int, ...]
) -> None:
    file = cast_first(tmp_path / "bytes.onnx", shape, TensorProto.UINT8, before)
    found = of(file, 4)
    assert "x gets pixels from 0 to 255: the file takes bytes" in found.changes
    session = onnxruntime.InferenceSession(file)
    (expected,) = session.run(None, {"x": BYTES.transpose(order)})
    np.testing.assert_allclose(found.model(BYTES.astype(np.float32)), expected, rtol=1e-4)
    assert of(file, 3).model.init(0)(BYTES.astype(np.float32)).shape == (5, 3)


def test_a_network_that_computes_with_bytes_is_refused(tmp_path: Path) -> None:
    file = cast_first(tmp_path / "no.onnx", ["n", 1, 8, 8], TensorProto.UINT8, ["Clip"])
    with pytest.raises(ModelError, match=r"clip \(Clip\)[^$]*Cast as its first node"):
        of(file, 4)


def test_a_network_of_rows_of_pixels_gets_pictures_row_by_row(tmp_path: Path) -> None:
    file = cast_first(tmp_path / "rows.onnx", ["n", 64], TensorProto.FLOAT)
    taken = picture_input(load(file), "rows.onnx", flattened=True)
    assert (taken.size, taken.channels, taken.pixels) == ((8, 8), 1, 64)
    found = of(file, 4)
    assert "x gets the pixels of a picture row by row" in found.changes
    (expected,) = onnxruntime.InferenceSession(file).run(None, {"x": X.reshape(5, 64)})
    np.testing.assert_allclose(found.model(X), expected, rtol=1e-4, atol=1e-6)
    wide = adapted(load(file), (4, 16, 1), 4, where="rows.onnx").model
    np.testing.assert_allclose(wide(X.reshape(5, 4, 16, 1)), expected, rtol=1e-4, atol=1e-6)
    for shape in ((9, 8, 1), (4, 4, 4)):
        with pytest.raises(ModelError, match=r"64 pixels, 1 channel[^$]*data\.size=8x8"):
            adapted(load(file), shape, 4, where="rows.onnx")
    # A row of numbers alone is no picture: it may be a table.
    with pytest.raises(ModelError, match="does not take pictures alone"):
        picture_input(load(file), "rows.onnx")


@pytest.mark.parametrize(
    ("shape", "dtype"), [(["n", 8, 8], TensorProto.FLOAT), (["n", 1, 8, 8], TensorProto.INT32)]
)
def test_what_is_no_picture_of_floats_or_bytes_is_refused(
    tmp_path: Path, shape: list[int | str], dtype: int
) -> None:
    file = cast_first(tmp_path / "no.onnx", shape, dtype)
    with pytest.raises(ModelError, match="does not take pictures alone"):
        of(file, 4)


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
