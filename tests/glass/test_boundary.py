"""Data space as it is drawn: boundaries, hidden half-planes and proofs."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, models, nn, tree
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.glass import decision_boundary, linear_boundary
from clearprop.glass.boundary import first_units, margins
from clearprop.recipes.separation import separate
from tests.glass.page import ink_in

XOR = data.load("xor")


def solved() -> models.MLP:
    """XOR by hand: the first hidden unit is OR, the second AND."""
    return tree.replace(
        models.MLP((2, 2, 1), activation="sigmoid").init(0),
        {
            "layers.0.weight": jnp.full((2, 2), 20.0),
            "layers.0.bias": jnp.array([-10.0, -30.0]),
            "layers.1.weight": jnp.array([[20.0], [-20.0]]),
            "layers.1.bias": jnp.array([-10.0]),
        },
    )


def contours(drawing: Any) -> list[np.ndarray]:
    """Return every line of the drawn contours as points (P, 2)."""
    axes = drawing.figure.axes[0]
    kinds = [c for c in axes.collections if type(c).__name__ == "QuadContourSet"]
    return [path.vertices for c in kinds for path in c.get_paths() if len(path.vertices)]


def test_each_hidden_unit_has_its_line() -> None:
    drawing = decision_boundary(solved(), XOR)
    assert "2 hidden half-planes" in drawing.title
    lines = contours(drawing)
    # The unit with the largest weight comes first; here both are equal, so they keep their order.
    for points, total in zip(lines[:2], (0.5, 1.5), strict=True):
        np.testing.assert_allclose(points.sum(axis=1), total, atol=1e-6)


def test_lines_are_in_the_units_of_the_data() -> None:
    iris = data.load("iris")
    two = np.asarray(iris.inputs)[:, 2:]
    splits = data.Dataset("petals", two, iris.targets, "classification", iris.class_names).split()
    model = models.MLP((2, 3, 3)).init(0)
    drawing = decision_boundary(model, splits)
    weight, bias = first_units(model)  # type: ignore[misc]
    unit = np.argsort(-np.linalg.norm(weight, axis=0))[0]
    center, spread = splits.preprocessor.center, splits.preprocessor.spread
    np.testing.assert_allclose(center, two.mean(axis=0), rtol=0.1)
    scaled = (contours(drawing)[0] - np.array(center)) / np.array(spread)
    np.testing.assert_allclose(scaled @ weight[:, unit] + bias[unit], 0, atol=1e-3)
    assert len(drawing.figure.axes[0].get_legend().get_texts()) == 3


def test_a_network_of_one_layer_has_its_boundary_alone() -> None:
    drawing = decision_boundary(models.Perceptron(2).init(0), XOR)
    assert drawing.title == "Decision boundary"
    assert contours(drawing) == []  # all weights are zero: both classes are equally good everywhere
    leaning = tree.replace(
        models.Perceptron(2).init(0), {"neuron.weight": jnp.array([[1.0], [1.0]])}
    )
    (line,) = contours(decision_boundary(leaning, XOR))
    np.testing.assert_allclose(line.sum(axis=1), 0, atol=1e-6)


def test_units_of_partial_layers_are_found_too() -> None:
    wired = nn.PartiallyConnected(np.eye(2, dtype=bool))
    units = first_units(nn.Sequential([wired, "relu", nn.Linear(2, 1)]).init(0))
    assert units is not None
    assert (units[0] != 0).tolist() == [[True, False], [False, True]]
    assert first_units(nn.Linear(2, 1).init(0)) is None


def test_of_more_inputs_a_section_through_their_mean_is_drawn() -> None:
    iris = data.load("iris")
    rows = np.asarray(iris.inputs, np.float64)
    model = models.MLP((4, 3, 3)).init(0)
    drawing = decision_boundary(model, (rows, iris.targets), features=(2, 0))
    assert "a section" in drawing.caption
    weight, bias = first_units(model)  # type: ignore[misc]
    unit = np.argsort(-np.linalg.norm(weight, axis=0))[0]
    points = np.tile(rows.mean(axis=0), (len(contours(drawing)[0]), 1))
    points[:, [2, 0]] = contours(drawing)[0]
    np.testing.assert_allclose(points @ weight[:, unit] + bias[unit], 0, atol=1e-3)


def test_inputs_without_a_boundary_are_refused() -> None:
    model = models.MLP((3, 2, 1)).init(0)
    with pytest.raises(ShapeError, match="two inputs at least"):
        decision_boundary(model, (np.ones((4, 1)), np.zeros(4)))
    with pytest.raises(ConfigurationError, match="two numbers from 0 to 2"):
        decision_boundary(model, (np.ones((4, 3)), np.zeros(4)), features=(0, 3))


def test_around_each_of_several_classes_is_a_boundary() -> None:
    fields = margins(np.array([[3.0, 1.0, 2.0]]))
    assert [field.tolist() for field in fields] == [[1.0], [-2.0], [-1.0]]
    assert margins(np.array([[1.0, 3.0]]))[0].tolist() == [2.0]


def star(drawing: Any) -> np.ndarray:
    (mark,) = [
        c for c in drawing.figure.axes[0].collections if c.get_label() == "a mixture of both"
    ]
    return np.asarray(mark.get_offsets()[0])


def test_the_proof_that_no_line_separates_xor() -> None:
    conflict = separate(XOR.inputs, XOR.targets).conflict
    drawing = linear_boundary(XOR.inputs, XOR.targets, [0.0, 0.0], 0.0, conflict=conflict)
    np.testing.assert_allclose(star(drawing), [0.5, 0.5])
    assert len(drawing.figure.axes[0].lines) == 4
    assert drawing.title == "No linear boundary separates the classes"


def test_a_ring_marks_each_wrong_prediction() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
    drawing = linear_boundary(points, [0, 1, 1, 0], [1.0, 0.0], -1.5)
    (rings,) = [
        c for c in drawing.figure.axes[0].collections if c.get_label() == "wrong prediction"
    ]
    np.testing.assert_array_equal(rings.get_offsets(), points[[1, 3]])


def test_edgewise_both_classes_meet_in_one_point_too() -> None:
    iris = data.load("iris")
    labels = (iris.targets == 2).astype(int)
    conflict = separate(iris.inputs, labels).conflict
    assert conflict is not None
    w = np.array([0.3, -0.5, 1.0, 1.4])
    drawing = linear_boundary(iris.inputs, labels, w, -6.0, conflict=conflict)
    points = np.asarray(iris.inputs, np.float64)
    meeting = (conflict * (labels == 0)) @ points
    across = (meeting @ w - 6.0) / np.linalg.norm(w)
    assert star(drawing)[0] == pytest.approx(across, abs=1e-6)


@pytest.mark.parametrize("features", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_boundary_over_any_number_of_inputs_is_drawn(features: int, scale: float) -> None:
    points = np.random.default_rng(0).normal(size=(6, features))
    drawing = linear_boundary(points, [0, 1, 0, 1, 0, 1], scale * np.ones(features), 0.1)
    assert drawing.title == "The decision boundary of the perceptron"
    assert ink_in(drawing) > (0.9 if scale else 0.002)
