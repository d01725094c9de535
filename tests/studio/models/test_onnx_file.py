"""The network of an ONNX file in the studio: its graph by scopes, its values and error signals."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from onnx import TensorProto, helper

from clearprop import nn
from clearprop.errors import ConfigurationError, ModelError
from clearprop.studio.models.graph import network_graph
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.models.sources import Sources
from clearprop.studio.models.viewer import Viewer
from clearprop.studio.opening import opening_of
from tests.onnx_networks import saved, small_cnn, weights
from tests.studio.models.conftest import read


def test_a_file_opens_the_view_of_any_network(tmp_path: Path) -> None:
    file = small_cnn(tmp_path / "net.onnx")
    found = opening_of(str(file), tmp_path)
    assert (found.view, found.files) == ("#/models?source=file%3Anet.onnx", (file,))
    with pytest.raises(ConfigurationError, match=r"--from model\.onnx"):
        opening_of("fine-tune", tmp_path)


def test_without_the_library_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, real = small_cnn(tmp_path / "net.onnx"), builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelError, match=r"net\.onnx: .*library onnx[^$]*clearprop\[onnx\]"):
        opening_of(str(file), tmp_path)


@pytest.mark.parametrize("options", [{}, {"batch": 1, "reshape": (1, 128)}, {"side": "free"}])
def test_the_graph_folds_by_scopes_and_every_number_is_there(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    file = small_cnn(tmp_path / "net.onnx", **options)
    sources = Sources(tmp_path / "runs", files=[file])
    opened = sources.open("file:net.onnx")
    assert opened.picture_shape == (8, 8, 1)
    assert "picture" in opened.takes
    graph = network_graph(opened)
    groups = {group.path: group for group in graph.groups}
    assert {"features", "features.0", "classifier.2", "to_channels_first"} <= set(groups)
    assert groups["features.0"].parent == list(groups).index("features")
    assert groups["features.0"].kind == "Conv"
    viewer = Viewer(sources)
    frame = read(viewer.begin(PassRequest("file:net.onnx")))
    seen = viewer.seen(frame.header["pass_id"])
    x, y = opened.pair(frame.header["example"])

    def objective(model: nn.Module) -> Any:
        return opened.subject.loss(model(x), y).mean()

    expected = nn.parameters(jax.grad(objective)(opened.model))
    assert float(objective(opened.model)) == pytest.approx(frame.header["objective"], rel=1e-5)
    for path, gradient in expected.items():
        np.testing.assert_allclose(seen.glass[path].error, gradient, rtol=1e-4, atol=1e-6)


def test_two_inputs_of_whole_numbers_and_two_outputs(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["words.weight", "ids"], ["rows"], name="words"),
        helper.make_node("Cast", ["mask"], ["m"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["m", "axes"], ["wide"], name="wide"),
        helper.make_node("Mul", ["rows", "wide"], ["kept"], name="masked"),
        helper.make_node("ReduceMean", ["kept"], ["mean"], name="mean", axes=[1], keepdims=0),
        helper.make_node("Gemm", ["mean", "head.weight"], ["scores"], name="head"),
    ]
    random = np.random.default_rng(0)
    tensors = [
        weights(random, "words.weight", 20, 6),
        weights(random, "head.weight", 6, 3),
        helper.make_tensor("axes", TensorProto.INT64, [1], [2]),
    ]
    given: dict[str, Any] = {"ids": ["n", "t"], "mask": ["n", "t"]}
    outputs: dict[str, Any] = {"scores": ["n", 3], "mean": ["n", 6]}
    file = saved(tmp_path / "two.onnx", nodes, given, outputs, tensors, TensorProto.INT64)
    sources = Sources(tmp_path / "runs", files=[file])
    opened = sources.open("file:two.onnx")
    assert set(opened.input_shapes) == {"ids", "mask"}
    assert "Of 2 outputs it shows the first, scores." in opened.remarks
    frame = read(Viewer(sources).begin(PassRequest("file:two.onnx")))
    assert np.isfinite(frame.header["objective"])


def test_an_input_without_a_shape_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="relu")]
    file = saved(tmp_path / "one.onnx", nodes, {"x": []}, {"y": []}, [])
    with pytest.raises(ModelError, match=r"whose axes are known[^$]*a single number"):
        Sources(tmp_path, files=[file]).open("file:one.onnx")
