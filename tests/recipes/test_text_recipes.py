"""The recipes that read texts: small runs on files, their measures, predictions for raw texts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clearprop import data
from clearprop.cli import main
from clearprop.data.tagged_texts import Tagged, tagged
from clearprop.data.texts import topics_text
from clearprop.errors import ConfigurationError
from clearprop.recipes import prepare
from clearprop.recipes.tagger import usual_tags
from clearprop.recipes.words import compared

SMALL = {"embedding_features": 8, "hidden_size": 12, "learning_rate": 0.02}


def run(name: str, **values: Any) -> tuple[Any, Any]:
    experiment = prepare(name, values)
    return experiment, experiment.train(progress=False)


@pytest.mark.slow
def test_a_text_by_an_lstm_in_bits(tmp_path: Path) -> None:
    path = tmp_path / "topics.txt"
    path.write_text(topics_text()[:6000])
    experiment, trained = run(
        "char-lstm", data={"name": str(path)}, epochs=2, batch_size=8, **SMALL
    )
    assert experiment.splits.input_shape == (100,)
    found = experiment.recipe.measures(trained.model, experiment.splits)
    letters = len(experiment.dataset.class_names)
    assert 1 < found["bits per character"] < math.log2(letters)
    assert found["bits by counting, order 2"] < found["bits by counting, order 0"]
    head, *lines = experiment.recipe.remarks(trained.model, trained.history, experiment.splits)
    assert head == "generated text:"
    assert sum(map(len, lines)) > 200


def test_a_recipe_of_texts_takes_no_other_data(tmp_path: Path) -> None:
    for name in ("char-rnn", "text-classify", "tagger"):
        with pytest.raises(ConfigurationError, match=r"(?s)iris.*--data F"):
            prepare(name, {"data": {"name": "iris"}})
    with pytest.raises(ConfigurationError, match="labelled texts"):
        prepare("text-classify", {"data": {"name": "python-topics"}})
    with pytest.raises(ConfigurationError, match="words with their tags"):
        prepare("tagger", {"data": {"name": "python-topics"}})
    path = tmp_path / "words.tags"
    path.write_text("a X\nb Y\n\n" * 20)
    with pytest.raises(ConfigurationError, match="character by character"):
        prepare("char-rnn", {"data": {"name": str(path)}})


def test_new_texts_are_classified_as_they_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("very good film", "praise"), ("very bad film", "blame")] * 30
    table = tmp_path / "reviews.csv"
    table.write_text("review,verdict\n" + "".join(f"{text},{label}\n" for text, label in rows))
    folder = str(tmp_path / "run")
    settings = ("network=bag", "data.text=review", "epochs=30", "learning_rate=0.05")
    keys = [part for key in settings for part in ("--set", key)]
    options = ("--target", "verdict", "--folder", folder, "--no-report", *keys)
    assert main(["train", "text-classify", "--data", str(table), *options]) == 0
    out = capsys.readouterr().out
    assert "TF-IDF with logistic regression, accuracy" in out
    assert "0.0 points away from TF-IDF" in out
    new = tmp_path / "new.txt"
    new.write_text("a good good film\nbad\n")
    assert main(["predict", folder, "--input", str(new)]) == 0
    said = capsys.readouterr()
    answers = [line.partition(",")[0] for line in said.out.splitlines()]
    assert answers == ["prediction", "praise", "blame"]
    assert "1 of 4 words were not seen in training and are read as <unk>: 'a'" in said.err
    table.write_text("id,verdict\n1,praise\n")
    assert main(["predict", folder, "--input", str(table)]) == 2
    assert "there is no column 'review'" in capsys.readouterr().err


@pytest.mark.slow
def test_new_sentences_are_tagged_word_by_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # "run" is a verb after "they" and a noun after "a": each word's usual tag is not enough.
    lines = ["they PRON", "run VERB", "", "a DET", "run NOUN", "", "a DET", "cat NOUN", ""] * 15
    tags = tmp_path / "tags.txt"
    tags.write_text("\n".join(lines))
    folder = str(tmp_path / "run")
    settings = ("epochs=25", "embedding_features=8", "hidden_size=8", "learning_rate=0.05")
    keys = [part for key in settings for part in ("--set", key)]
    options = ("--folder", folder, "--no-report", *keys)
    assert main(["train", "tagger", "--data", str(tags), *options]) == 0
    out = capsys.readouterr().out
    assert "most frequent tag of each word, token accuracy" in out
    assert "points better than the most frequent tag of each word: 100.0 %" in out
    new = tmp_path / "new.txt"
    new.write_text("a run\nthey run fast\n")
    assert main(["predict", folder, "--input", str(new)]) == 0
    said = capsys.readouterr()
    rows = said.out.splitlines()
    assert rows[0] == "text,word,prediction"
    assert rows[1:5] == ["1,a,DET", "1,run,NOUN", "2,they,PRON", "2,run,VERB"]
    assert rows[5].startswith("2,fast,")
    assert "1 of 5 words were not seen in training and are read as <unk>: 'fast'" in said.err


def test_the_usual_tag_is_that_of_the_training_part() -> None:
    known, other = Tagged(("a", "b"), ("X", "Y")), Tagged(("b", "new"), ("X", "Y"))
    train = tagged([known] * 3 + [other], "train").split(dev=0, test=0)
    test = tagged([other, Tagged(("a", "b"), ("X", "Y"))], "test").preprocessed(train.preprocessor)
    # "a" is X, "b" is mostly Y. "new" occurs once in training, so it is "<unk>", which is Y.
    assert usual_tags(replace(train, test=test)) == 3 / 4


@pytest.mark.slow
def test_who_is_better_is_said_either_way() -> None:
    assert compared(0.5, 0.75, "counting").startswith("25.0 points worse than counting: 50.0 %")
    assert compared(0.5, 0.5, "counting").startswith("0.0 points away from counting")
    assert data.load("docstrings", sequence_length=5).inputs.shape == (4000, 5)
