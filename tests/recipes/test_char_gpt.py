"""The recipe char-gpt: its windows, its numbers and its generated text."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearprop.data.texts import topics_text
from clearprop.errors import ConfigurationError
from clearprop.recipes import prepare
from clearprop.recipes.char_gpt import CharGPTRecipe
from clearprop.training import History


@pytest.mark.slow
def test_a_text_is_learned_and_written(tmp_path: Path) -> None:
    (tmp_path / "topics.txt").write_text(topics_text()[:6000], encoding="utf-8")
    values = {"width": 16, "heads": 2, "layers": 1, "epochs": 2}
    data = {"name": str(tmp_path / "topics.txt"), "sequence_length": 32}
    experiment = prepare("char-gpt", {**values, "data": data})
    assert experiment.splits.train.inputs.shape[1] == 32
    run = experiment.train(progress=False)
    assert run.history.objective[-1] < run.history.objective[0]
    measures = experiment.recipe.measures(run.model, experiment.splits)
    assert 0 < measures["bits by counting, order 2"] < measures["bits by counting, order 0"]
    assert 0 < measures["bits per character"] < 7
    title, *text = experiment.recipe.remarks(run.model, run.history, experiment.splits)
    assert title == "generated text:"
    assert sum(len(line) - 2 for line in text) + len(text) - 1 == pytest.approx(32, abs=3)


def test_windows_are_as_long_as_the_context_unless_told_otherwise() -> None:
    dataset, _ = CharGPTRecipe().dataset()
    assert dataset.inputs.shape[1] == 128
    assert CharGPTRecipe().settled(len(dataset)).batch_size == 16
    few = CharGPTRecipe().settled(10)
    assert (few.batch_size, few.epochs) == (10, 50)


def test_other_data_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="iris"):
        prepare("char-gpt", {"data": {"name": "iris"}})


def test_a_model_of_one_character_writes_nothing() -> None:
    experiment = prepare(
        "char-gpt", {"width": 8, "heads": 1, "layers": 1, "data": {"sequence_length": 1}}
    )
    model, history = experiment.model().init(0), History.of([])
    assert experiment.recipe.remarks(model, history, experiment.splits) == []
