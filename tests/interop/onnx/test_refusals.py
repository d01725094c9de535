"""What is wrong with a file or an input is said, with the place and the mend."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.trust.mutations import damaged
from clearprop.errors import ClearpropError, DataError, ModelError, ShapeError
from clearprop.interop.onnx import load
from tests.interop.onnx.graphs import FLOAT, convolutional, model_of, weights

PAIR = {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, [2, 3])}


def one(*nodes: onnx.NodeProto, opset: int = 17, **constants: np.ndarray) -> onnx.ModelProto:
    return model_of(list(nodes), *PAIR, constants, opset)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a model at all", b"\x08\x07\x12"])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(DataError):
        load(path)


def test_an_unknown_operator_is_named_with_node_and_opset() -> None:
    proto = one(helper.make_node("Frobnicate", ["x"], ["y"], "layer.3", domain="their.own"))
    proto.opset_import.append(helper.make_opsetid("their.own", 4))
    with pytest.raises(ModelError, match=r"their\.own\.Frobnicate of opset 4") as caught:
        load(proto)
    assert "layer.3" in str(caught.value)


def test_an_opset_from_the_future() -> None:
    newest = onnx.defs.onnx_opset_version()
    with pytest.raises(ModelError, match="newer than the installed") as caught:
        load(one(helper.make_node("Relu", ["x"], ["y"]), opset=newest + 1))
    assert "pip install --upgrade onnx" in str(caught.value)


def test_two_outputs_of_one_name() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Tanh", ["x"], ["y"])]
    with pytest.raises(ModelError, match="breaks the rules of ONNX"):
        load(one(*nodes))


def test_a_cycle() -> None:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("Relu", ["b"], ["y"])]  # fmt: skip
    with pytest.raises(ModelError, match="breaks the rules of ONNX"):
        load(one(*nodes))


def test_a_tensor_that_lies_about_its_size() -> None:
    proto = one(helper.make_node("Add", ["x", "w"], ["y"]), w=weights(0, 2, 3))
    proto.graph.initializer[0].dims[0] = 2_000_000_000
    with pytest.raises(ModelError, match=r"another size|another number|rules of ONNX"):
        load(proto)


def external(folder: Path, location: str, **more: str) -> Path:
    proto = one(helper.make_node("Add", ["x", "w"], ["y"]), w=weights(0, 2, 3))
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_external_data(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(weights(0, 2, 3).tobytes())
    model = load(external(tmp_path, "w.bin"))
    np.testing.assert_allclose(model(np.zeros((2, 3), np.float32)), weights(0, 2, 3))


@pytest.mark.parametrize(
    ("location", "more"),
    [
        ("missing.bin", {}),
        ("../outside.bin", {}),
        ("/etc/hostname", {}),
        ("short.bin", {}),
        ("w.bin", {"offset": "-8"}),
        ("w.bin", {"length": "9999999999999"}),
        ("link.bin", {}),
    ],
)
def test_external_data_that_are_not_there(
    tmp_path: Path, location: str, more: dict[str, str]
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for place in (folder / "w.bin", tmp_path / "outside.bin"):
        place.write_bytes(weights(0, 2, 3).tobytes())
    (folder / "short.bin").write_bytes(b"123")
    os.symlink(tmp_path / "outside.bin", folder / "link.bin")
    with pytest.raises(ModelError):
        load(external(folder, location, **more))


def test_an_input_that_does_not_fit_is_named() -> None:
    model = load(convolutional())
    with pytest.raises(ShapeError, match="'x' is not what the file declares"):
        model(np.zeros((2, 8, 8, 1), np.float32))
    with pytest.raises(ShapeError, match="not what the file declares"):
        model(np.zeros((2, 1, 8, 8), np.int64))
    with pytest.raises(ModelError, match="not those of the graph"):
        model()


def test_a_step_that_does_not_fit_is_named_with_its_path() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "encoder.layer.2.MatMul")]
    proto = model_of(nodes, {"x": (FLOAT, ["n", "m"])}, {"y": (FLOAT, ["n", 4])},
                     {"w": weights(0, 3, 4)})  # fmt: skip
    with pytest.raises(ClearpropError) as caught:
        load(proto)(np.zeros((2, 5), np.float32))
    assert "encoder.layer.2" in str(caught.value)
    assert "MatMul" in str(caught.value)


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_file_is_an_error_or_a_model(part: int) -> None:
    content = convolutional().SerializeToString()
    ends: Counter[str] = Counter()
    for seed in range(part * 500, part * 500 + 500):
        try:
            load(damaged(content, random.Random(seed)))
            ends["model"] += 1
        except ClearpropError:
            ends["error"] += 1
    assert min(ends["model"], ends["error"]) > 20  # the damage reaches every depth


def test_data_of_no_file() -> None:
    tensor = numpy_helper.from_array(weights(0, 2, 3), "w")
    proto = one(helper.make_node("Add", ["x", "w"], ["y"]))
    proto.graph.initializer.append(tensor)
    proto.graph.initializer[0].ClearField("raw_data")
    proto.graph.initializer[0].data_location = TensorProto.EXTERNAL
    entry = proto.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "w.bin"
    with pytest.raises(ModelError):
        load(proto)
