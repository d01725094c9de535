"""Paths of descent: each path is that of its optimizer, and the study reports the results."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.recipes.descent import DescentStudy, Trail, compare, descend
from clearprop.recipes.surfaces import SURFACES, Surface, find_surface


def test_the_lectures_parabola_has_the_slope_10_at_5() -> None:
    found = DescentStudy.of({"surface": "parabola", "rules": "sgd", "steps": 30}).carry_out()
    assert "gradient at (5) by the tape (10), by small steps (10)" in found.lines[1]
    (trail,) = descend(find_surface("parabola").height, (5.0,), "sgd", (0.1,), 20)
    np.testing.assert_allclose(trail.points[:, 0], 5 * 0.8 ** np.arange(21), rtol=1e-5)


@pytest.mark.parametrize("rule", optim.optimizer_names())
def test_a_path_is_the_one_of_the_rule(rule: str) -> None:
    height = find_surface("ravine").height
    trails = descend(height, (-8.0, 1.5), rule, (0.01, 0.05), 12)
    for trail in trails:
        made = optim.create(rule, learning_rate=trail.rate)
        w = jnp.array([-8.0, 1.5])
        state = made.init({"w": w})
        for at in trail.points:
            np.testing.assert_allclose(at, w, rtol=2e-5, atol=1e-6)
            updates, state = made.update({"w": jax.grad(height)(w)}, state, {"w": w})
            w = w + updates["w"]


def test_a_step_of_lbfgs_is_a_line_search() -> None:
    surface = find_surface("rosenbrock")
    (trail,) = descend(surface.height, surface.start, "lbfgs", (1.0,), 60)
    assert (np.diff(trail.heights) <= 0).all()
    assert trail.steps_to(1e-6) is not None
    slower, faster = descend(surface.height, surface.start, "lbfgs", (0.001, 1.0), 3)
    assert not np.allclose(slower.points, faster.points)


def test_more_than_eight_paths_have_lines_of_their_own() -> None:
    rules = tuple(optim.rated_names())
    found = compare(find_surface("ravine"), rules, rates=(0.01,), steps=5)
    paths = [drawing.figure.axes[0].lines for drawing in found.drawings]
    for lines in paths:
        styles = {
            (x.get_color(), x.get_linestyle(), str(x._dash_pattern)) for x in lines[: len(rules)]
        }
        assert len(styles) == len(rules) > 8


@pytest.mark.parametrize("name", SURFACES)
def test_surfaces_are_as_low_as_they_say(name: str) -> None:
    surface = find_surface(name)
    start = float(surface.height(jnp.asarray(surface.start)))
    (trail,) = descend(surface.height, surface.start, "adam", (0.03,), 1500)
    assert trail.heights.min() >= surface.lowest - 1e-4 * max(1, abs(surface.lowest))
    assert trail.heights[-1] - surface.lowest < 0.02 * (start - surface.lowest)
    assert len(surface.low) == len(surface.high) == len(surface.start)


def test_a_function_of_ones_own_is_compared_and_drawn() -> None:
    bowl = Surface("bowl", "x^2 + y^2", lambda w: (w * w).sum(), (1.0, 1.0), (-2.0, -2.0),
                   (2.0, 2.0), 0.0)  # fmt: skip
    found = compare(bowl, ("sgd", "adam"), steps=40)
    assert found.measures["sgd: steps"] <= 40
    assert [drawing.title for drawing in found.drawings] == [
        "Paths down the bowl",
        "Height by step on the bowl",
    ]
    assert "All paths start at the star; a mark shows every twelfth" in found.drawings[0].caption
    short = compare(bowl, ("adam",), steps=5).drawings[0].caption
    assert "The path starts at the star; a mark shows each step" in short
    assert "momentum" not in short
    paths, heights = (drawing.figure.axes[0] for drawing in found.drawings)
    for path in paths.lines[:2]:
        np.testing.assert_array_equal(path.get_xydata()[0], bowl.start)
        assert len(path.get_xydata()) == 41
    for height in heights.lines:
        assert height.get_ydata()[0] == pytest.approx(2.0)
        assert height.get_ydata()[-1] < 2.0
    rows = found.lines[3:]
    assert rows[0].split() == ["optimizer", "best", "rate", "steps", "height", "at", "the", "end"]


def test_a_rate_that_is_too_high_does_not_arrive() -> None:
    found = DescentStudy.of(
        {"surface": "parabola", "rules": "sgd", "learning_rate": 1.1, "steps": 20}
    ).carry_out()
    assert "sgd: steps" not in found.measures
    assert found.measures["sgd: height"] > 28
    assert found.lines[4].split() == ["sgd", "1.1", "-", f"{found.measures['sgd: height']:.4g}"]
    assert all(np.isfinite(list(found.measures.values())))


def test_arrived_is_who_stays() -> None:
    trail = Trail("sgd", 1.0, np.zeros((5, 1)), np.array([9.0, 0.5, 3.0, 0.4, 0.1]))
    assert (trail.steps_to(1.0), trail.steps_to(10.0), trail.steps_to(0.01)) == (3, 0, None)
    lost = Trail("sgd", 1.0, np.zeros((3, 1)), np.array([1.0, 0.0, np.nan]))
    assert lost.steps_to(2.0) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"surface": "ravin"}, "did you mean 'ravine'"),
        ({"rules": "adma"}, "did you mean 'adam'"),
        ({"tolerance": 0}, "tolerance"),
        ({"learning_rate": -1}, "learning_rate"),
    ],
)
def test_what_the_study_refuses(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        DescentStudy.of(values)


def test_the_start_has_a_number_for_each_weight() -> None:
    with pytest.raises(ConfigurationError, match="one number for each weight") as caught:
        DescentStudy.of({"surface": "parabola", "start": "1,2"}).carry_out()
    assert caught.value.expected == "1"
