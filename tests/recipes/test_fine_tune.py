"""The recipe ``fine-tune``: the network of a file learns the digits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import clearprop as cp
from clearprop import data, nn
from clearprop.errors import ConfigurationError, DataError
from clearprop.recipes import prepare
from clearprop.recipes.experiment import of_run
from clearprop.recipes.fine_tune import SCALED, FineTuneRecipe
from clearprop.training import load_model
from clearprop.training.run_config import read_config
from tests.cli.conftest import environment
from tests.onnx_networks import digit_pictures, saved, small_cnn, weights


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digit_pictures(tmp_path_factory.mktemp("pictures") / "numerals")


def values(tmp_path: Path, pictures: Path, **more: Any) -> dict[str, Any]:
    file = small_cnn(tmp_path / "net.onnx", batch=1, reshape=(1, 128))
    return {"file": str(file), "data": {"name": str(pictures)}, **more}


def test_a_frozen_trunk_stays_and_the_new_head_learns(tmp_path: Path, pictures: Path) -> None:
    given = values(tmp_path, pictures, freeze="features.*", epochs=30, learning_rate=0.005)
    experiment = prepare("fine-tune", given)
    assert ("pixels", SCALED) in experiment.told()
    before = nn.parameters(experiment.model().init(5))
    run = experiment.train(folder=tmp_path / "run", progress=False)
    after = nn.parameters(run.model)
    moved = {path for path in after if not np.array_equal(after[path], before[path])}
    assert moved == {p for p in after if not p.startswith("features.")}
    result = experiment.evaluate(run.model, experiment.splits.test)
    assert result is not None
    assert result.accuracy is not None
    assert result.accuracy > 0.8  # chance is 0.1

    # Another process has not imported what reads files of ONNX, and does not need the file.
    (tmp_path / "net.onnx").unlink()
    program = (
        "import sys, clearprop as cp, numpy as np; p = cp.load('run');"
        "x = np.load('x.npy'); np.save('y.npy', p.predict(x)); assert 'onnx' not in sys.modules"
    )
    test = experiment.splits.test
    assert test is not None
    x = np.asarray(test.inputs[np.arange(len(test))])
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment())
    np.testing.assert_allclose(
        np.load(tmp_path / "y.npy"), cp.load(tmp_path / "run").predict(x), rtol=1e-4, atol=1e-5
    )
    again = of_run(read_config(tmp_path / "run"), "run")
    assert again.recipe.data.size == (8, 8)
    found = again.evaluate(load_model(tmp_path / "run"), again.splits.test)
    assert found is not None
    assert found.accuracy == pytest.approx(result.accuracy)


def test_pictures_come_in_the_size_and_channels_of_the_file(tmp_path: Path, pictures: Path) -> None:
    file = small_cnn(tmp_path / "net.onnx", channels=3, side=8)
    given = {"file": str(file), "data": {"name": str(pictures)}}
    experiment = prepare("fine-tune", given)
    assert experiment.dataset.input_shape == (8, 8, 3)
    assert experiment.recipe.data.channels == 3
    assert Path(getattr(experiment.recipe, "file")).is_absolute()  # noqa: B009
    with pytest.raises(cp.ClearpropError, match=r"takes other pictures[^$]*data\.channels=3"):
        prepare("fine-tune", {**given, "data": {"name": str(pictures), "channels": 1}}).model()


def test_mean_and_std_scale_the_pixels_between_0_and_1(tmp_path: Path, pictures: Path) -> None:
    given = values(tmp_path, pictures, mean="0.5", std="0.25")
    splits = prepare("fine-tune", given).splits
    raw = np.asarray(splits.train.inputs[np.arange(3)])
    expected = (raw / 255 - 0.5) / 0.25
    np.testing.assert_allclose(splits.preprocessor.scaled(raw), expected, rtol=1e-5, atol=1e-6)
    assert splits.test is not None
    assert splits.test.preprocessor == splits.preprocessor


@pytest.mark.parametrize(
    "more", [{"mean": "0.5"}, {"std": "0.5"}, {"mean": "0.5,0.4", "std": "0.5"}]
)
def test_a_scaling_that_does_not_fit_is_refused(
    tmp_path: Path, pictures: Path, more: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="mean and std are given together"):
        prepare("fine-tune", values(tmp_path, pictures, **more))


def test_a_file_and_pictures_are_needed(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs the file of a network"):
        prepare("fine-tune", {"data": {"name": str(pictures)}})
    with pytest.raises(ConfigurationError, match="needs pictures"):
        prepare("fine-tune", {"file": "net.onnx"})
    with pytest.raises(DataError, match="no such file"):
        prepare("fine-tune", {"file": "net.onnx", "data": {"name": str(pictures)}})
    with pytest.raises(ConfigurationError, match="takes pictures in classes"):
        prepare("fine-tune", values(tmp_path, pictures) | {"data": {"name": "iris"}})


def bytes_network(path: Path) -> str:
    """Write a network of four scores that takes bytes and scales them itself."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Div", ["f", "largest"], ["scaled"], name="scale"),
        helper.make_node("Flatten", ["scaled"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "head.weight", "head.bias"], ["y"], name="head"),
    ]
    random = np.random.default_rng(0)
    tensors = [
        numpy_helper.from_array(np.float32(255), "largest"),
        weights(random, "head.weight", 64, 10),
        weights(random, "head.bias", 10),
    ]
    given = {"x": ["n", 8, 8, 1]}
    return str(saved(path, nodes, given, {"y": ["n", 10]}, tensors, TensorProto.UINT8))


def test_a_network_of_bytes_learns_from_unscaled_pixels(tmp_path: Path, pictures: Path) -> None:
    given = {"file": bytes_network(tmp_path / "net.onnx"), "data": {"name": str(pictures)}}
    experiment = prepare("fine-tune", {**given, "epochs": 10, "learning_rate": 0.02})
    assert ("change", "x gets pixels from 0 to 255: the file takes bytes") in experiment.told()
    test = experiment.splits.test
    assert test is not None
    raw = np.asarray(test.inputs[np.arange(len(test))])
    assert raw.dtype == np.uint8
    np.testing.assert_array_equal(test.preprocessor.scaled(raw), raw.astype(np.float32))
    (theirs,) = onnxruntime.InferenceSession(given["file"]).run(None, {"x": raw})
    mine = experiment.model()(np.asarray(test.preprocessor.scaled(raw)))
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)

    run = experiment.train(folder=tmp_path / "run", progress=False)
    (tmp_path / "net.onnx").unlink()
    again = of_run(read_config(tmp_path / "run"), "run")  # also where the file is gone
    found = again.evaluate(load_model(tmp_path / "run"), again.splits.test)
    assert found is not None
    assert found.accuracy is not None
    assert found.accuracy > 0.8  # chance is 0.1
    np.testing.assert_allclose(
        cp.load(tmp_path / "run").predict(raw), run.predict(raw), rtol=1e-4, atol=1e-4
    )


def test_a_network_of_bytes_takes_no_other_scaling(tmp_path: Path, pictures: Path) -> None:
    given = {"file": bytes_network(tmp_path / "net.onnx")}
    folder = {"name": str(pictures)}
    with pytest.raises(ConfigurationError, match=r"scales them itself[^$]*leave mean and std out"):
        prepare("fine-tune", {**given, "data": folder, "mean": "0.5", "std": "0.5"})
    with pytest.raises(ConfigurationError, match=r"takes the bytes of pictures[^$]*uint8"):
        FineTuneRecipe.of(given).suited(
            data.Dataset("floats", np.zeros((2, 8, 8, 1)), np.array([0, 1]), "classification")
        )


def test_a_network_of_rows_of_pixels_learns(tmp_path: Path, pictures: Path) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "hidden.weight"], ["a"], name="hidden"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Gemm", ["b", "head.weight"], ["y"], name="head"),
    ]
    random = np.random.default_rng(0)
    tensors = [weights(random, "hidden.weight", 64, 32), weights(random, "head.weight", 32, 7)]
    file = saved(tmp_path / "rows.onnx", nodes, {"x": ["n", 64]}, {"y": ["n", 7]}, tensors)
    given = {"file": str(file), "data": {"name": str(pictures)}}
    experiment = prepare("fine-tune", {**given, "epochs": 20, "learning_rate": 0.01})
    assert experiment.dataset.input_shape == (8, 8, 1)
    run = experiment.train(progress=False)
    found = experiment.evaluate(run.model, experiment.splits.test)
    assert found is not None
    assert found.accuracy is not None
    assert found.accuracy > 0.8  # chance is 0.1
