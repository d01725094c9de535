"""An imported network can be looked into like any other."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn
from clearprop.interop.onnx import OnnxModel, load
from clearprop.interop.onnx.classifying import adapted
from tests.onnx_networks import small_cnn


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    file = small_cnn(tmp_path_factory.mktemp("files") / "net.onnx")
    return adapted(load(file), (8, 8, 1), 10, where="net.onnx").model.init(0)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    dataset = data.load("digits")
    rows = np.arange(200)
    return np.asarray(dataset.inputs[rows], np.float32).reshape(-1, 8, 8, 1), dataset.targets[rows]


def test_explain_has_the_error_signals(
    model: OnnxModel, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = digits
    glass = cp.explain(model, x[:1], y[:1], loss="cross_entropy")
    loss = nn.find_loss("cross_entropy")
    expected = nn.parameters(jax.grad(lambda m: loss(m(x[:1]), y[:1]).mean())(model))
    for path, gradient in expected.items():
        np.testing.assert_allclose(glass[path].error, gradient, rtol=1e-4, atol=1e-6)
    reason = glass.why("features.0.weight")
    assert reason.verdict == "healthy"
    assert "features.0/convolution" in str(reason)


def test_a_run_records_and_is_diagnosed(
    model: OnnxModel, digits: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    x, y = digits
    run = cp.fit(
        *(model, x, y),
        loss="cross_entropy",
        epochs=3,
        record=["features.*", "classifier.2"],
        folder=tmp_path / "run",
        progress=False,
    )
    assert {"features.0", "classifier.2"} <= {path.partition("/")[0] for path in run.recordings}
    assert "note" in str(cp.diagnose(run)) or "finding" in str(cp.diagnose(run))
    again = cp.load(tmp_path / "run")
    np.testing.assert_allclose(again.predict(x), run.predict(x), rtol=1e-4, atol=1e-5)


def test_the_summary_names_operators_in_the_order_of_the_graph(model: OnnxModel) -> None:
    lines = str(nn.summary(model, (8, 8, 1))).splitlines()
    named = [line.split() for line in lines if line.startswith("  ")]
    rows = [words[:2] for words in named if len(words) > 2]
    layers = [row for row in rows if row[0] in ("to_channels_first", "features.0", "classifier.2")]
    assert layers == [
        ["to_channels_first", "Transpose"],
        ["features.0", "Conv"],
        ["classifier.2", "Linear"],
    ]
    assert any(line.split()[-2] == "4,538" for line in lines if line.startswith("total"))
