"""``clearprop train --from``: a network of a file goes through every command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from clearprop import data, nn
from clearprop.interop import onnx
from clearprop.training import load
from tests.cli.conftest import Command, is_clear
from tests.onnx_networks import digit_pictures, small_cnn


def test_a_network_of_a_file_goes_through_every_command(clearprop: Command, tmp_path: Path) -> None:
    small_cnn(tmp_path / "net.onnx")
    digit_pictures(tmp_path / "numerals", 120, classes=4)
    answer = clearprop(
        *("train", "--from", "net.onnx", "--data", "numerals", "--freeze", "features.*"),
        *("--set", "epochs=2", "--folder", "run"),
    )
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert "recipe  fine-tune" in lines
    replaced = "change  classifier.2 replaced: 7 outputs before, now a new Linear(32, 4)"
    assert replaced in lines
    assert "change  Softmax left out: cross-entropy has its own softmax" in lines
    assert "model   4,340 parameters, of which 4,260 are trained" in lines
    for command in ("evaluate", "explain", "diagnose", "report", "resume", "summary"):
        answer = clearprop(command, "run")
        assert answer.code == 0, f"{command}: {answer.err}"
    assert "to_channels_first" in answer.out
    assert " Conv " in answer.out  # the kind of a layer is its operator
    answer = clearprop("predict", "run", "--input", "numerals/digit 3")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("prediction,digit 0,digit 1,digit 2,digit 3\n")

    answer = clearprop("export", "run", "tuned.onnx")
    assert answer.code == 0, answer.err
    assert "input   bytes [batch, 8, 8, 1], as the run was given it" in answer.out
    assert "output  scores of digit 0, digit 1, digit 2, digit 3" in answer.out
    session = onnxruntime.InferenceSession(tmp_path / "tuned.onnx")
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    (scores,) = session.run(None, {session.get_inputs()[0].name: x})
    expected = load(tmp_path / "run").predict(x)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    # What was carried away can be fine-tuned again by those who have the scaled pictures.
    assert {"features.0.weight", "classifier.2.weight"} <= set(
        nn.parameters(onnx.load(tmp_path / "tuned.onnx"))
    )


def test_a_file_of_another_ending_is_refused(clearprop: Command, iris_run: str) -> None:
    assert is_clear(clearprop("export", "run", "model.bin"), "export run model.onnx")


def test_a_table_of_numbers_is_carried_away_with_its_scaling(
    clearprop: Command, tmp_path: Path, iris_run: str
) -> None:
    answer = clearprop("export", "run", "iris.onnx")
    assert answer.code == 0, answer.err
    session = onnxruntime.InferenceSession(tmp_path / "iris.onnx")
    x = np.asarray(data.load("iris").inputs, np.float32)
    (scores,) = session.run(None, {session.get_inputs()[0].name: x})
    expected = load(tmp_path / "run").predict(x)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ("there is nothing to train", "--from model.onnx")),
        (("--freeze", "a.*"), ("--freeze goes with --from",)),
        (("mlp", "--from", "net.onnx"), ("mlp makes its own network", "leave the recipe out")),
        (("mlp", "--freeze", "a.*"), ("mlp makes its own network; --freeze",)),
        (("--from", "net.onnx"), ("needs pictures", "--from net.onnx --data FOLDER")),
        (("fine-tune",), ("needs the file of a network",)),
        (("--from", "net.onnx", "--set", "file=a"), ("given twice",)),
    ],
)
def test_what_is_missing_or_too_much_is_said(
    clearprop: Command, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    assert is_clear(clearprop("train", *arguments), *parts)
