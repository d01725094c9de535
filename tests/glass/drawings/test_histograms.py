"""Histograms over training: the counts are right, and the error signals are those of the layers."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import models, nn
from clearprop.errors import ConfigurationError
from clearprop.glass import capture, histograms
from clearprop.glass.drawings.histograms import distribution, distributions_of
from tests.glass.page import ink_in

PATH = [(step, models.MLP((4, 6, 3)).init(step)) for step in (0, 5, 20)]
X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
Y = np.arange(30) % 3


def test_every_entry_is_in_its_bin() -> None:
    weights, errors = distributions_of(PATH, ["layers.*.weight"])
    assert [spread.name for spread in weights] == ["layers.0.weight", "layers.1.weight"]
    assert errors == []
    for index, (step, model) in enumerate(PATH):
        entries = np.asarray(nn.parameters(model)["layers.0.weight"]).ravel()
        counts, _ = np.histogram(entries, weights[0].edges)
        assert weights[0].steps[index] == step
        np.testing.assert_allclose(weights[0].fractions[index], counts / entries.size)
        assert weights[0].deviation[index] == pytest.approx(entries.std(), rel=1e-5)


def test_error_signals_are_those_of_an_examples_own_loss() -> None:
    _, errors = distributions_of(PATH, data=(X, Y))
    assert [spread.name for spread in errors] == ["layers.0", "layers.1"]
    error = np.asarray(capture(PATH[1][1], X, Y, "cross_entropy")["layers.0"].error) * len(X)
    assert errors[0].zeros[1] == pytest.approx((error == 0).mean())
    counts, _ = np.histogram(error[error != 0], errors[0].edges)
    np.testing.assert_allclose(errors[0].fractions[1], counts / error.size, atol=1.5 / error.size)
    drawing = histograms(PATH, data=(X, Y))
    assert drawing.title == "Weights and error signals over training"
    assert all(ink_in(drawing, axes) > 0.05 for axes in range(4))


def test_the_lines_of_a_panel_are_its_histograms() -> None:
    weights, _ = distributions_of(PATH)
    drawing = histograms(PATH)
    for axes, spread in zip(drawing.figure.axes, weights, strict=True):
        assert axes.get_title(loc="left") == spread.name
        lines = [line.get_xydata() for line in axes.lines if len(line.get_xydata()) > 2]
        # The last snapshot is drawn first, behind the others.
        for index, line in enumerate(reversed(lines)):
            heights = spread.fractions[index] / spread.fractions[index].max()
            np.testing.assert_allclose((line[:, 1] - index) / 1.5, heights, atol=1e-6)
            np.testing.assert_allclose(line[:, 0], (spread.edges[:-1] + spread.edges[1:]) / 2)
        assert len(lines) == len(PATH)


def test_a_bent_scale_is_even_in_its_middle_and_reaches_the_ends() -> None:
    sizes = np.concatenate([10.0 ** np.arange(-8.0, 1), [0.0]])
    spread = distribution("error", {0: np.concatenate([sizes, -sizes])}, bent=True)
    assert spread.edges[[0, -1]].tolist() == pytest.approx([-1, 1])
    assert spread.fractions.sum() == pytest.approx(0.9)
    assert spread.zeros[0] == pytest.approx(0.1)


@pytest.mark.parametrize("values", [np.zeros(5), np.full(3, np.nan), np.zeros(0), np.ones(4)])
def test_arrays_without_a_spread_are_drawn(values: np.ndarray) -> None:
    for bent in (False, True):
        spread = distribution("w", {0: values, 1: values}, bent=bent)
        assert np.isfinite(spread.fractions).all()
        assert (np.diff(spread.edges) > 0).all()


def test_patterns_that_match_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'layers\.0\.weight'"):
        histograms(PATH, ["layer.0.weight"])
    with pytest.raises(ConfigurationError, match="no weights to draw"):
        histograms([(0, nn.Sequential(["relu"]))])
