"""One hidden layer approximates better with more units: the lecture's six, and trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, tree
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.recipes.approximate import (
    FUNCTIONS,
    LECTURE,
    ApproximateStudy,
    Target,
    fit_layer,
    six_units,
)


def test_the_lectures_six_units() -> None:
    values = six_units(np.array([0.0, 1.0, -1.5])).sum(axis=1)
    np.testing.assert_allclose(values, [-1, -0.3, -0.5], atol=1e-12)
    x = np.linspace(-1.5, 1.5, 61)
    assert np.abs(six_units(x).sum(axis=1) - FUNCTIONS["cubic"][3](x)).max() < 0.5


def test_the_six_units_are_a_network_of_this_library() -> None:
    w, b, sign = (np.array(column, np.float32) for column in zip(*LECTURE, strict=True))
    model = tree.replace(
        models.MLP((1, 6, 1)).init(0),
        {
            "layers.0.weight": jnp.asarray(w[None]),
            "layers.0.bias": jnp.asarray(b),
            "layers.1.weight": jnp.asarray(sign[:, None]),
        },
    )
    x = np.linspace(-2, 2, 9, dtype=np.float32)
    np.testing.assert_allclose(model(x[:, None])[:, 0], six_units(x).sum(axis=1), atol=1e-5)


@pytest.mark.parametrize("unit", ["relu", "sigmoid"])
def test_the_error_falls_with_width(unit: str) -> None:
    x = np.linspace(-2, 2, 81)
    target = Target("sine", x, np.sin(np.pi * x))
    errors, narrower = [], None
    for width in (1, 3, 9, 27):
        narrower = fit_layer(target, unit, width, 300, 0.03, narrower=narrower)
        errors.append(narrower.error)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]


def test_a_fit_is_the_sum_that_it_says() -> None:
    x = np.linspace(3, 5, 40)
    fit = fit_layer(Target("line", x, 100 * x), "sigmoid", 4, 100, 0.03)
    scaled = 2 * (x - 3) / 2 - 1
    layer = fit.layer
    y = (layer.alpha / (1 + np.exp(-(scaled[:, None] * layer.w + layer.theta)))).sum(axis=1)
    np.testing.assert_allclose(y * (100 * x).std() + (100 * x).mean(), fit.values, rtol=1e-9)
    assert fit.error == pytest.approx(np.sqrt(((fit.values - 100 * x) ** 2).mean()))


def test_the_study_tells_and_draws() -> None:
    found = ApproximateStudy.of({"widths": "4,1", "steps": 100}).carry_out()
    assert "Z(0) = -1, Z(1) = -0.3, Z(-1.5) = -0.5" in found.lines[0]
    assert [drawing.title for drawing in found.drawings] == [
        "Six rectified linear units and a cubic",
        "Fits by width",
        "Error by width",
    ]
    assert found.measures["relu, 4 units"] < found.measures["relu, 1 units"]
    _, fits, errors = (drawing.figure for drawing in found.drawings)
    assert [axes.get_title(loc="left") for axes in fits.axes] == [
        "1 relu unit", "4 relu units", "1 sigmoid unit", "4 sigmoid units"
    ]  # fmt: skip
    drawn = [y for line in errors.axes[0].lines for y in line.get_ydata()]
    np.testing.assert_allclose(drawn, list(found.measures.values()))


def test_two_columns_of_a_file_are_approximated(tmp_path: Path) -> None:
    file = tmp_path / "tide.csv"
    hours = np.arange(0, 24, 0.5)
    rows = [f"{hour},{2 + np.cos(hour / 2):.4f}" for hour in hours[::-1]]
    file.write_text("hour,height\n" + "\n".join(rows))
    values = {"data": {"name": str(file), "target": "height"}, "widths": "1,6", "steps": 200}
    study = ApproximateStudy.of(values)
    target = study.target()
    assert target.axes == ("hour", "height")
    np.testing.assert_allclose(target.x, hours)
    found = study.carry_out()
    assert found.measures["sigmoid, 6 units"] < 0.2
    assert len(found.drawings) == 2


@pytest.mark.parametrize(
    ("cell", "words"), [("", "a value of x is missing"), ("noon", "one number for x")]
)
def test_what_is_no_number_is_not_approximated(tmp_path: Path, cell: str, words: str) -> None:
    file = tmp_path / "tide.csv"
    hours = [cell, *"23456789"] if not cell else [cell, *["dawn", "dusk"] * 4]
    rows = [f"{hour},{place / 4}" for place, hour in enumerate(hours)]
    file.write_text("hour,height\n" + "\n".join(rows) + "\n")
    study = ApproximateStudy.of({"data": {"name": str(file), "target": "height"}})
    with pytest.raises(ClearpropError, match=words):
        study.target()


@pytest.mark.parametrize("name", ["diabetes", "iris"])
def test_a_table_of_more_columns_is_refused(name: str) -> None:
    study = ApproximateStudy.of({"data": {"name": name}})
    with pytest.raises(ConfigurationError, match="one number for x and one for y"):
        study.carry_out()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"function": "cubik"}, "did you mean 'cubic'"),
        ({"units": "tanh"}, "units"),
        ({"widths": "0"}, "widths"),
    ],
)
def test_what_the_study_refuses(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ApproximateStudy.of(values)
