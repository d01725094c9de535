"""The recipes ``autoencoder`` and ``vae``: what they measure, draw and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.errors import ClearpropError
from clearprop.recipes import codes
from clearprop.recipes.experiment import of_run, prepare
from clearprop.training import read_run

SMALL = {"data": {"name": "digits"}, "epochs": 12, "code_size": 8, "hidden_sizes": "64"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    experiment = prepare("autoencoder", {**SMALL, "noise": "masking", "code_size": 16})
    folder = tmp_path_factory.mktemp("runs") / "run"
    return experiment, experiment.train(folder=folder, progress=False)


def test_it_is_better_than_principal_components_and_removes_noise(trained: Any) -> None:
    experiment, run = trained
    found = experiment.recipe.measures(run.model, experiment.splits)
    assert experiment.numbers(run)["test error"] == pytest.approx(found["reconstruction RMSE"])
    assert found["RMSE after de-noising"] < 0.8 * found["RMSE of noisy inputs"]
    assert found["RMSE after de-noising"] < found["RMSE after de-noising by PCA"]
    assert found["logistic regression on the code, accuracy"] > 0.8
    lines = experiment.recipe.remarks(run.model, run.history, experiment.splits)
    assert lines[0] == "16 numbers stand for the 64 numbers of an example"


def test_principal_components_are_those_of_the_training_part(trained: Any) -> None:
    experiment, _ = trained
    linear = codes.principal(experiment.splits, 64)
    assert linear is not None
    x = codes.prepared(experiment.splits.train, experiment.splits.preprocessor)
    flat = x.reshape(len(x), -1)
    np.testing.assert_allclose(linear.again(linear.code(flat)), flat, atol=1e-4)
    assert codes.principal(experiment.splits, 65) is None


def test_its_drawings_and_its_report(trained: Any) -> None:
    experiment, run = trained
    drawings = experiment.recipe.drawings(run.model, run.history, experiment.splits)
    assert [drawing.title for drawing in drawings] == [
        "Inputs and reconstructions", "Noisy, de-noised and clean pictures",
        "The map of the codes",
    ]  # fmt: skip
    page = run.report(experiment.splits).read_text()
    assert "Worst reconstructions" in page
    assert page.count('alt="Reconstruction of example') == 18
    assert "Worst mistakes" not in page


def test_its_run_is_evaluated_and_predicts_from_its_folder(
    trained: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, run = trained
    assert main(["evaluate", str(run.folder)]) == 0
    assert "root mean square error" in capsys.readouterr().out
    again = of_run(read_run(run.folder).config, str(run.folder))
    assert again.splits.test is not None
    assert again.evaluate(run.model, again.splits.test).error == pytest.approx(
        experiment.evaluate(run.model, experiment.splits.test).error
    )
    assert json.loads((run.folder / "config.json").read_text())["augment"][0]["name"] == "masking"


@pytest.mark.parametrize("network", ["tied", "convolutional"])
@pytest.mark.parametrize("noise", ["gaussian", "salt-and-pepper"])
def test_every_form_trains(network: str, noise: str) -> None:
    if (network, noise) == ("convolutional", "gaussian"):
        pytest.skip("each form and each noise is trained once")
    values = {**SMALL, "network": network, "noise": noise, "epochs": 1, "channels": "4,8"}
    experiment = prepare("autoencoder", values)
    run = experiment.train(progress=False)
    assert np.isfinite(run.history.objective).all()


def test_a_table_is_reconstructed_without_pictures() -> None:
    experiment = prepare("autoencoder", {**SMALL, "data": {"name": "diabetes"}, "code_size": 3})
    run = experiment.train(progress=False)
    found = experiment.recipe.measures(run.model, experiment.splits)
    assert "reconstruction RMSE of PCA, 3 numbers" in found
    assert not [name for name in found if "accuracy" in name]
    assert experiment.recipe.drawings(run.model, run.history, experiment.splits) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"network": "convolutional", "channels": "4,8,16,32"}, "multiples of 16"),
        ({"noise_level": 1.5}, "noise_level"),
        ({"noise": "salt"}, "noise"),
        ({"code_size": 0}, "code_size"),
        ({"data": {"name": "python-topics"}}, "tokens"),
    ],
)
def test_what_cannot_be_is_refused(values: Any, said: str) -> None:
    with pytest.raises(ClearpropError, match=said):
        prepare("autoencoder", {**SMALL, **values}).model()


@pytest.mark.slow
def test_the_variational_recipe_measures_a_bound_below_the_likelihood(tmp_path: Path) -> None:
    experiment = prepare("vae", {**SMALL, "code_size": 3, "epochs": 20})
    run = experiment.train(folder=tmp_path / "run", progress=False)
    found = experiment.recipe.measures(run.model, experiment.splits)
    bound = found["evidence lower bound, nats"]
    assert bound < found["log-likelihood from 100 draws, nats"]
    numbers = experiment.numbers(run)
    assert numbers["development negative evidence lower bound"] == pytest.approx(-bound, rel=0.1)
    drawings = experiment.recipe.drawings(run.model, run.history, experiment.splits)
    assert [drawing.title for drawing in drawings] == [
        "Samples", "Inputs and reconstructions", "The map of the codes",
    ]  # fmt: skip
    assert "negative evidence lower bound" in run.report(experiment.splits).read_text()
