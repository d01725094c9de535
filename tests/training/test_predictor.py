"""A trained model takes raw examples wherever it comes from: its preparation belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine

import clearprop as cp
from clearprop import data, models, nn, ops
from clearprop.errors import ConfigurationError, DataError, ModelError
from clearprop.training import Run


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path, np.ndarray, np.ndarray]:
    """A run on wine, whose raw columns go from 0.1 to 1,700; its folder; raw rows and labels."""
    folder = tmp_path_factory.mktemp("wine") / "run"
    splits = data.load("wine").split(dev=0.2, test=0.0)
    run = cp.fit(models.MLP((13, 16, 3)), splits, epochs=20, learning_rate=0.01, folder=folder,
                 progress=False)  # fmt: skip
    return run, folder, *load_wine(return_X_y=True)


ROUTES: dict[str, Callable[[Run, Path, Any], Any]] = {
    "run.predict": lambda run, folder, x: run.predict(x),
    "cp.load of the folder": lambda run, folder, x: cp.load(folder)(x),
    "cp.load of the file": lambda run, folder, x: cp.load(folder / "model.safetensors").predict(x),
    "cp.predict of the run": lambda run, folder, x: cp.predict(run, x),
    "cp.predict of the folder": lambda run, folder, x: cp.predict(folder, x),
    "cp.predict of the text": lambda run, folder, x: cp.predict(str(folder), x),
    "cp.predict of the predictor": lambda run, folder, x: cp.predict(cp.load(folder), x),
    "cp.predict with the preprocessor": lambda run, folder, x: cp.predict(
        run.model, x, run.preprocessor
    ),
}


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_loses_the_scaling(route: str, wine: Any) -> None:
    run, folder, x, y = wine
    outputs = ROUTES[route](run, folder, x)
    assert (outputs.argmax(axis=1) == y).mean() > 0.95


def test_a_bare_model_warns_where_its_preparation_is_left_out(wine: Any) -> None:
    run, folder, x, _ = wine
    for model in (run.model, cp.load(folder).model):
        with pytest.warns(UserWarning, match="these look raw"):
            cp.predict(model, x)
    with pytest.warns(UserWarning, match="these look raw"):
        cp.evaluate(run.model, (x.astype(np.float32), load_wine().target))
    pictures = data.load("digits").split(dev=0.2, test=0.0)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    seen = cp.fit(flat, pictures, epochs=1, progress=False)
    with pytest.warns(UserWarning, match="these look raw"):
        cp.predict(seen.model, pictures.train.inputs)


def test_prepared_examples_are_no_mistake(wine: Any, recwarn: pytest.WarningsRecorder) -> None:
    run, _, x, y = wine
    prepared = run.preprocessor.apply(x)
    assert (cp.predict(run.model, prepared).argmax(axis=1) == y).mean() > 0.95
    assert cp.evaluate(run.model, (prepared, y)).error < 0.05
    assert not recwarn.list


def test_a_part_of_splits_brings_its_preparation(
    wine: Any, recwarn: pytest.WarningsRecorder
) -> None:
    run, folder, x, y = wine
    dev = data.load("wine").split(dev=0.2, test=0.0).dev
    expected = run.history.development_error[-1]
    for scored in (
        cp.evaluate(run.model, dev), cp.evaluate(run, dev), cp.evaluate(folder, dev),
        run.evaluate(dev), cp.load(folder).evaluate(dev),
    ):  # fmt: skip
        assert scored.error == pytest.approx(expected, abs=1e-6)
    assert run.evaluate(data.load("wine")).error < 0.05  # raw: it is prepared here
    assert run.evaluate((x, y)).error < 0.05
    assert cp.evaluate(run.model, (x, y), preprocessor=run.preprocessor).error < 0.05
    names = np.array(run.preprocessor.class_names)[y]
    assert run.evaluate((x, names)).error < 0.05
    with pytest.raises(DataError, match="was not there in training"):
        run.evaluate((x, np.full(len(x), "merlot")))
    assert not recwarn.list


def test_a_part_that_was_encoded_otherwise_is_told(wine: Any) -> None:
    run, folder, *_ = wine
    other = data.load("wine").split(dev=0.5, test=0.0, seed=5).dev
    for subject in (run, folder, cp.load(folder)):
        with pytest.raises(DataError, match="encoded by another preprocessor"):
            cp.evaluate(subject, other)


def test_labels_have_their_names_and_probabilities_sum_to_one(wine: Any) -> None:
    _, folder, x, y = wine
    predictor = cp.load(folder)
    names = np.array(predictor.class_names)
    assert (predictor.labels(x) == names[y]).mean() > 0.95
    chances = predictor.probabilities(x)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    assert (chances.argmax(axis=1) == y).mean() > 0.95
    assert "raw examples" in repr(predictor)


def test_numbers_come_in_the_units_of_the_targets(tmp_path: Path) -> None:
    y = load_diabetes().target
    splits = data.load("diabetes").split(dev=0.2, test=0.0)
    model = models.MLP((10, 16, 1))
    run = cp.fit(model, splits, loss="squared_error", epochs=10, folder=tmp_path / "run",
                 progress=False)  # fmt: skip
    raw = data.load("diabetes").inputs
    assert abs(run.predict(raw).mean() - y.mean()) < 15
    assert run.evaluate(splits.dev).error < y.std()
    with pytest.raises(ModelError, match="no classifier"):
        run.predictor.labels(raw)


def test_a_loss_of_your_own_is_known_to_its_run(tmp_path: Path) -> None:
    def own(outputs: Any, targets: Any) -> Any:
        return ops.mean(ops.square(outputs - targets), axis=1)

    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    run = cp.fit(nn.Linear(4, 1), (x, x[:, :1]), loss=own, epochs=1, folder=tmp_path / "run",
                 progress=False)  # fmt: skip
    assert run.evaluate((x, x[:, :1])).error > 0
    with pytest.raises(ConfigurationError, match="loss of this model is not known"):
        cp.evaluate(tmp_path / "run", (x, x[:, :1]))
    assert cp.evaluate(tmp_path / "run", (x, x[:, :1]), own).error > 0


def test_what_has_no_model_is_told(wine: Any) -> None:
    run, _, x, _ = wine
    with pytest.raises(ConfigurationError, match="no trained model"):
        cp.predict(x, x)
    other = data.load("iris").split(dev=0.2, test=0.0).preprocessor
    with pytest.raises(ConfigurationError, match="brings its own preparation"):
        cp.predict(run, x, other)


@pytest.mark.parametrize(
    ("third", "fix"),
    [("cross_entropy", "loss='cross_entropy'"), (nn.LOSSES["hinge"], "loss="), (ops.relu, "loss=")],
)
def test_a_loss_in_the_place_of_the_targets_is_told(third: Any, fix: str) -> None:
    x, y = np.eye(4, dtype=np.float32), np.arange(4)
    with pytest.raises(ConfigurationError, match="third argument of fit is the targets") as caught:
        cp.fit(nn.Linear(4, 4), (x, y), third)
    assert fix in (caught.value.fix or "")


def test_targets_stand_beside_their_inputs(recwarn: pytest.WarningsRecorder) -> None:
    x, y = np.eye(4, dtype=np.float32), np.arange(4)
    run = cp.fit(nn.Linear(4, 4), x, y, epochs=2, progress=False)
    same = cp.fit(nn.Linear(4, 4), (x, y), epochs=2, progress=False)
    assert run.losses.tobytes() == same.losses.tobytes()
    for twice in ((x, y), data.load("xor")):
        with pytest.raises(ConfigurationError, match="brings its own targets"):
            cp.fit(nn.Linear(4, 4), twice, y)
