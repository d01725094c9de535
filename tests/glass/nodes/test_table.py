"""Tables and structure of a pass that fits into memory, and of one that does not."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, tree
from clearprop.errors import ConfigurationError
from clearprop.glass.explain import Glass, explain
from clearprop.glass.nodes import program
from clearprop.glass.nodes.array_summary import numbers_of, summary_of

RANDOM = np.random.default_rng(0)


def digits() -> tuple[Any, Any, Any]:
    x = RANDOM.normal(size=(3, 6)).astype(np.float32)
    return models.MLP((6, 5, 4, 3), activation="relu").init(0), x, np.array([0, 1, 2])


@pytest.fixture(scope="module")
def glass() -> Glass:
    return explain(*digits())


def test_a_table_has_a_row_a_node(glass: Glass) -> None:
    table = glass.table()
    lines = str(table).splitlines()
    assert len(table) == len(glass) == len(lines) - 1
    assert lines[0].split() == ["name", "shape", "mean", "min", "max", "zeros", "|error|"]
    assert [line.split()[0] for line in lines[1:]] == [node.name for node in glass]
    assert max(map(len, lines)) < 100
    assert len(glass.table("layers.*/matmul")) == 3
    assert str(glass["layers.*"].table()) == str(glass.table("layers.*"))
    with pytest.raises(ConfigurationError, match="did you mean"):
        glass.table("layer.*")


def test_the_numbers_of_a_row_are_those_of_the_arrays(glass: Glass) -> None:
    node = glass["activation/relu"]
    row = glass.table("activation/relu").rows[0]
    value, error = np.asarray(node.value), np.asarray(node.error)
    assert row.value.mean == pytest.approx(value.mean())
    assert row.value.zeros == (value == 0).mean() > 0
    assert row.error is not None
    assert row.error.size == pytest.approx(np.abs(error).mean())
    assert row.error.norm == pytest.approx(np.linalg.norm(error))


def test_a_table_is_csv_and_html(glass: Glass) -> None:
    rows = list(csv.DictReader(io.StringIO(glass.table().to_csv())))
    assert [row["name"] for row in rows] == [node.name for node in glass]
    assert float(rows[0]["value_largest"]) == pytest.approx(float(glass[0].value.max()))
    page = glass.table()._repr_html_()
    assert page.count("<tr>") == len(glass) + 1
    assert "&lt;" not in page


def test_the_structure_is_plain_data(glass: Glass) -> None:
    graph = json.loads(json.dumps(glass.graph()))
    assert len(graph["nodes"]) == len(glass)
    edges = [e for e in graph["edges"] if e["to"] == "layers.1/matmul"]
    assert edges == [
        {"from": "activation/relu", "to": "layers.1/matmul", "input": 0},
        {"from": "layers.1.weight", "to": "layers.1/matmul", "input": 1},
    ]


def test_weights_that_are_not_finite_are_pointed_out() -> None:
    model, x, y = digits()
    broken = tree.replace(model, {"layers.1.weight": jnp.full((5, 4), jnp.nan)})
    glass = explain(broken, x, y)
    assert "not finite: layers.1.weight" in repr(glass)
    row = glass.table("layers.1.weight").rows[0]
    assert row.note.startswith("20 values not finite")
    assert "20 values not finite" in str(glass.table())


@pytest.mark.parametrize(
    "array", [[1e30, -3e30], [1e-30, 0.0], [np.nan, 2.0], [np.inf, np.nan], [[1, 2], [3, 4]]]
)
def test_a_summary_is_the_same_compiled_and_not(array: Any) -> None:
    array = np.asarray(array, np.float32)
    compiled = jax.jit(numbers_of)(jnp.asarray(array))
    np.testing.assert_allclose(compiled, summary_of(array), rtol=1e-5)
    finite = array[np.isfinite(array)].astype(np.float64)
    assert summary_of(array).norm == pytest.approx(np.linalg.norm(finite))


def test_a_pass_larger_than_memory_is_computed_in_parts(
    glass: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = 400
    monkeypatch.setattr(program, "budget", lambda: budget)
    model, _, y = digits()
    small = explain(model, glass["input"].value, y)
    values = small.values
    assert not values.fits
    for node, whole in zip(small, glass, strict=True):
        np.testing.assert_array_equal(node.value, whole.value)
        np.testing.assert_array_equal(node.error, whole.error)
        kept = sum(values.program.sizes[n] for part in values._kept for n in part)
        assert kept <= budget
    assert str(small.table()) == str(glass.table())
    assert small.objective == glass.objective


def test_a_layer_that_is_used_twice_has_its_second_use_numbered() -> None:
    class Twice(nn.Module):
        layer: nn.Linear

        def __call__(self, x: Any) -> Any:
            return self.layer(self.layer(x))

    x = RANDOM.normal(size=(2, 3)).astype(np.float32)
    glass = explain(Twice(nn.Linear(3, 3)).init(0), x, np.array([0, 2]))
    assert glass["layer#2"] is glass["layer/add#2"]
    assert glass["layer.weight"].users == (glass["layer/matmul"], glass["layer/matmul#2"])
