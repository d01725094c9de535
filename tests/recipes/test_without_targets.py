"""The recipes ``rbm`` and ``som``: results, reports, and data that they cannot take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import BernoulliRBM

from clearprop.cli import main
from clearprop.models import RBM
from clearprop.recipes import prepare
from clearprop.recipes.numbers import as_rows
from clearprop.recipes.rbm import nudged

SMALL = ["--set", "epochs=1", "--set", "hidden_size=8", "--set", "nudged=false"]


def test_no_test_picture_is_a_shifted_training_picture() -> None:
    experiment = prepare("rbm", {"epochs": 1})
    splits = experiment.splits
    assert splits.test is not None
    assert len(splits.train) % 5 == len(splits.test) % 5 == 0
    groups = [set(np.asarray(part.groups)) for part in (splits.train, splits.test)]
    assert not groups[0] & groups[1]


def test_shifted_pictures_are_shifted() -> None:
    from clearprop.data import load

    digits = load("digits")
    five = np.asarray(nudged(digits).inputs).reshape(5, len(digits), 8, 8)
    plain = np.asarray(digits.inputs)[..., 0]
    assert np.array_equal(five[0], plain)
    assert np.array_equal(five[1][:, :-1], plain[:, 1:])  # up
    assert np.array_equal(five[2][:, 1:], plain[:, :-1])
    assert np.array_equal(five[3][:, :, :-1], plain[:, :, 1:])
    assert np.array_equal(five[4][:, :, 1:], plain[:, :, :-1])
    assert (five[1][:, -1] == 0).all()


def test_a_machine_is_trained_reported_and_resumed(tmp_path: Path, capsys: Any) -> None:
    folder = str(tmp_path / "run")
    assert main(["train", "rbm", *SMALL, "--folder", folder]) == 0
    told = capsys.readouterr().out
    assert "test pseudo-log-likelihood" in told
    assert "logistic regression on hidden units, accuracy" in told
    assert "weighted avg" in told
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Samples over Gibbs steps" in page
    assert "Filters of hidden" in page
    assert main(["report", folder]) == 0


def test_a_map_is_trained_and_reported(tmp_path: Path, capsys: Any) -> None:
    folder = str(tmp_path / "run")
    assert main(["train", "som", "--data", "iris", "--folder", folder]) == 0
    told = capsys.readouterr().out
    assert "test topographic error" in told
    page = (tmp_path / "run" / "report.html").read_text()
    for title in ("Distances of neighboring units", "Component planes", "Classes on the map"):
        assert title in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["som", "--data", "iris", "--set", "rows=40"], "larger than the data"),
        (["som", "--set", "grid=triangular"], "grid"),
        (["som", "--data", "sunspots"], "takes pictures or tables"),
        (["rbm", "--set", "units=gausian"], "units"),
        (["rbm", "--data", "sunspots"], "takes pictures or tables"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_mend(
    arguments: list[str], said: str, tmp_path: Path, capsys: Any
) -> None:
    assert main(["train", *arguments, "--folder", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_map_that_is_too_large_is_mended_in_the_syntax_of_the_shell(
    tmp_path: Path, capsys: Any
) -> None:
    assert main(["train", "som", "--data", "iris", "--set", "rows=40",
                 "--folder", str(tmp_path / "run")]) == 2  # fmt: skip
    assert "--set rows=7 --set columns=7" in capsys.readouterr().err


def test_held_out_numbers_that_are_no_chances_are_refused(tmp_path: Path, capsys: Any) -> None:
    seed = next(seed for seed in range(9) if _exceeds(seed))
    arguments = ["train", "rbm", "--data", "iris", "--set", f"seed={seed}", "--set", "epochs=1"]
    assert main([*arguments, "--folder", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "Bernoulli visible units take chances" in told
    assert "--set units=gaussian" in told
    arguments += ["--set", "units=gaussian", "--no-report"]
    assert main([*arguments, "--folder", str(tmp_path / "other")]) == 0


def _exceeds(seed: int) -> bool:
    """Return whether held-out irises have a number outside of those of the training part."""
    splits = prepare("rbm", {"data": {"name": "iris"}, "epochs": 1, "seed": seed}).splits
    assert splits.dev is not None
    train, dev = (as_rows(part, splits.preprocessor) for part in (splits.train, splits.dev))
    assert (train.min(), train.max()) == (0, 1)
    return bool(dev.min() < 0 or dev.max() > 1)


@pytest.mark.slow
def test_the_machine_is_at_least_as_good_as_that_of_scikit_learn() -> None:
    experiment = prepare("rbm", {})
    splits = experiment.splits
    assert splits.test is not None
    train, test = (as_rows(part, splits.preprocessor) for part in (splits.train, splits.test))
    run: Any = experiment.train(progress=False)
    theirs = BernoulliRBM(n_components=100, learning_rate=0.06, n_iter=10, random_state=0)
    # It takes its batches in the order of the rows, so these are mixed first.
    theirs.fit(train[np.random.default_rng(0).permutation(len(train))])
    expected = np.mean([theirs.score_samples(test).mean() for _ in range(5)])
    machine: RBM = run.model
    theirs.components_ = np.asarray(machine.hidden.weight).T
    theirs.intercept_hidden_ = np.asarray(machine.hidden.bias)
    theirs.intercept_visible_ = np.asarray(machine.visible_bias)
    found = np.mean([theirs.score_samples(test).mean() for _ in range(5)])
    assert found > expected
    assert found > -21
    measures = experiment.recipe.measures(machine, splits)
    hidden = measures["logistic regression on hidden units, accuracy"]
    assert hidden > measures["logistic regression on pixels, accuracy"] + 0.05


@pytest.mark.slow
def test_pre_training_is_compared_on_the_same_samples(tmp_path: Path, capsys: Any) -> None:
    arguments = ["hidden_sizes=16,12", "pictures=150", "machine_epochs=2", "samples=2",
                 "epochs=2", "repeats=1", "test_examples=60", "data.name=digits"]  # fmt: skip
    options = [part for text in arguments for part in ("--set", text)]
    assert main(["train", "pretrain", *options, "--folder", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    assert "machines 64-16-12 learned from 150 pictures without labels" in told
    assert "pre-trained minus sigmoid from Glorot's values" in told
