"""A trained model with its preparation in the graph, which then takes raw examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.data import Column, Preprocessor
from clearprop.errors import ModelError
from clearprop.interop import onnx
from clearprop.training import fit
from clearprop.training.predictor import Predictor
from tests.interop.onnx.export_cases import reals
from tests.interop.onnx.running import run


def assert_takes_raw(predictor: Any, raw: Any, folder: Path) -> None:
    path = onnx.save(predictor, folder / "model.onnx", raw[:2])
    np.testing.assert_allclose(
        run(path, {"x": raw})[0], predictor.predict(raw), rtol=1e-5, atol=1e-5
    )


def test_pictures_enter_as_bytes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 6, 6, 1)).astype(np.uint8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2)).init(0)
    assert_takes_raw(Predictor(model, Preprocessor.fit(pixels)), pixels, tmp_path)


def test_numbers_are_scaled_and_targets_get_their_units_back(tmp_path: Path) -> None:
    x = 100 + 7 * reals(30, 4)
    y = 1000 + 50 * reals(30, 1)
    preprocessor = Preprocessor.fit(x, y, task="regression")
    assert preprocessor.target_center
    assert_takes_raw(Predictor(nn.Linear(4, 1).init(0), preprocessor), x, tmp_path)


def test_gaps_of_a_table_are_filled(tmp_path: Path) -> None:
    x = reals(30, 2)
    x[3, 1] = np.nan
    columns = (Column("age"), Column("height"))
    preprocessor = Preprocessor.fit(x, columns=columns)
    path = onnx.save(Predictor(nn.Linear(2, 3).init(0), preprocessor), tmp_path / "m.onnx", x[:2])
    expected = nn.Linear(2, 3).init(0)(preprocessor.apply(x))
    np.testing.assert_allclose(run(path, {"x": x})[0], expected, rtol=1e-5, atol=1e-5)


def test_categories_are_refused_by_the_name_of_their_column(tmp_path: Path) -> None:
    x = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 3.0]], np.float32)
    columns = (Column("color", ("blue", "red")), Column("height"))
    predictor = Predictor(nn.Linear(3, 2).init(0), Preprocessor.fit(x, columns=columns))
    with pytest.raises(ModelError, match="color"):
        onnx.save(predictor, tmp_path / "m.onnx", x)


def test_a_run_is_written_as_the_network_that_it_has_trained(tmp_path: Path) -> None:
    x = reals(32, 4)
    y = (x[:, 0] > 0).astype(np.int64)
    trained = fit(nn.Linear(4, 2), (x, y), epochs=2, progress=False)
    path = onnx.save(trained, tmp_path / "m.onnx", x[:2])
    np.testing.assert_allclose(run(path, {"x": x})[0], trained.predict(x), rtol=1e-5, atol=1e-5)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this is no model"):
        onnx.save(object(), tmp_path / "m.onnx", reals(2, 2))
