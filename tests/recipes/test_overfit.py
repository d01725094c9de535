"""The study ``overfit`` shows overfitting, and remedies that reduce the error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clearprop import data
from clearprop.data.labelled_texts import labelled
from clearprop.errors import ConfigurationError
from clearprop.recipes.overfit import (
    DISEASE,
    STOPPED,
    WAYS,
    OverfitStudy,
    _Attempt,
    drawn_curves,
    parted,
)
from clearprop.training import History


def test_the_parts_share_no_example_and_are_scaled_by_the_few() -> None:
    dataset = data.load("diabetes")
    parts = parted(dataset, 60, seed=3)
    assert [len(part[1]) for part in (parts.train, parts.dev, parts.test)] == [60, 150, 232]
    np.testing.assert_allclose(parts.train[0].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(parts.train[1].std(0), 1, atol=1e-5)
    rows = np.concatenate([parts.train[0], parts.dev[0], parts.test[0]])
    assert len(np.unique(rows.round(4), axis=0)) == len(dataset)


@pytest.mark.slow
def test_a_small_study_shows_every_way() -> None:
    study = OverfitStudy.of({"seeds": 1, "epochs": 60, "examples": 40, "patience": 5})
    found = study.carry_out(progress=False)
    assert [name.removesuffix(", test error") for name in found.measures] == list(WAYS)
    ill, stopped = (found.measures[f"{way}, test error"] for way in (DISEASE, STOPPED))
    assert stopped < ill
    panels = found.drawings[0].figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == list(WAYS)
    curves = {title: panel.lines[1].get_ydata() for title, panel in zip(WAYS, panels, strict=True)}
    assert len(curves[DISEASE]) == 60
    assert len(curves[STOPPED]) < 60
    assert any(line.endswith("1 of 1") for line in found.lines)


def test_the_caption_says_what_the_curves_show() -> None:
    def caption(training: list[float], development: list[float]) -> str:
        epochs = np.arange(1, len(training) + 1)
        plain = np.zeros(len(training))
        measured = np.array(training), np.array(development)
        history = History(epochs, epochs, plain, *measured, plain, plain, plain)
        trial = _Attempt(history, 0.5)
        drawing = drawn_curves({way: [trial] for way in WAYS}, "error rate")
        panel = drawing.figure.axes[0]
        assert (panel.lines[0].get_marker() != "None") == (len(training) <= 10)
        return drawing.caption

    assert caption([0.9], [0.8]).startswith("One epoch cannot show")
    memorized = caption([0.9, 0.2, 0.01], [0.8, 0.5, 0.7])
    assert "falls from 0.9 to 0.01, while" in memorized
    assert "rises again from 0.5 to 0.7: the network memorizes" in memorized
    assert "does not rise again" in caption([0.9, 0.4], [0.8, 0.5])
    assert "does not fall from 0.9 to 1.1" in caption([0.9, 1.1], [0.8, 0.9])


def test_examples_must_be_left_for_evaluation() -> None:
    with pytest.raises(ConfigurationError, match="enough examples"):
        parted(data.load("iris"), 140, 0)


@pytest.mark.slow
def test_categories_of_a_table_are_learned_too(tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    rows = [f"{('red', 'blue', 'green')[i % 3]},{i % 7 + 0.5},{i * 0.37}" for i in range(60)]
    file.write_text("\n".join(["color,size,price", *rows]) + "\n")
    chosen = {"name": str(file), "target": "price"}
    values = {"data": chosen, "seeds": 1, "epochs": 1, "examples": 20, "width": 8}
    found = OverfitStudy.of(values).carry_out(progress=False)
    assert (
        found.lines[1] == f"a network of {4 * 8 + 8 + 8 * 8 + 8 + 8 + 1} weights learns 20 examples"
    )


def test_texts_are_refused() -> None:
    texts = labelled([f"one text {i}" for i in range(60)], np.arange(60) % 2, "texts")
    with pytest.raises(ConfigurationError, match="tables and pictures"):
        parted(texts, 20, 0)
