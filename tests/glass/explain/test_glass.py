"""The numbers that `explain` shows are those of jax.grad, and each has its name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass.explain import Glass, Jacobian, Selection, explain


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-6)


def drawn(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.fixture(scope="module")
def small() -> Glass:
    model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(3, 1)]).init(0)
    return explain(model, jnp.array([[0.35, 0.9]]), jnp.array([[0.5]]), "squared_error")


def test_the_nodes_stand_in_the_order_of_computation(small: Glass) -> None:
    assert [node.name for node in small] == [
        "layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias", "input",
        "layers.0/matmul", "layers.0/add", "layers.1/tanh", "layers.2/matmul", "layers.2/add",
        "loss/squared_error", "loss/sum", "loss/mean",
    ]  # fmt: skip
    assert [node.index for node in small] == list(range(len(small)))
    assert small[-1].value == pytest.approx(small.objective)
    assert small[-1].error == 1


def test_a_node_is_found_by_its_name_its_layer_or_a_pattern(small: Glass) -> None:
    assert small["layers.0/add"] is small["layers.0"] is small[6]
    assert small["model"] is small["layers.2/add"]
    weights = small["*.weight"]
    assert isinstance(weights, Selection)
    assert [node.name for node in weights] == ["layers.0.weight", "layers.2.weight"]
    assert "input" in small
    assert "layers.7" not in small


@pytest.mark.parametrize("name", ["layers.0/matmull", "layers.[0]/matmull", "layer.0"])
def test_an_unknown_name_is_answered_with_the_nearest(small: Glass, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'layers\.0"):
        small[name]


def test_a_node_knows_what_it_was_made_of_and_who_reads_it(small: Glass) -> None:
    node = small["layers.0/matmul"]
    assert node.inputs == (small["input"], small["layers.0.weight"])
    assert node.users == (small["layers.0/add"],)
    assert (node.layer, node.operation, node.output) == ("layers.0", "matmul", 0)
    target = small["loss/squared_error"].inputs[1]
    assert target == 0.5
    assert small["loss/sum"].parameters == {"axis": (1,)}


def test_error_is_the_sum_of_what_the_users_pass(small: Glass) -> None:
    for node in small:
        handed = [
            user.passed(i) for user in node.users for i, x in enumerate(user.inputs) if x is node
        ]
        if handed:
            close(node.error, sum(handed))


def test_the_local_derivative_of_an_elementwise_operation_is_its_diagonal(small: Glass) -> None:
    node = small["layers.1/tanh"]
    close(node.local(), 1 - node.value**2)
    close(node.passed(), node.error * node.local())
    loss = small["loss/squared_error"]
    close(loss.local(0), small["layers.2"].value - 0.5)


def test_a_jacobian_gives_rows_columns_and_entries(small: Glass) -> None:
    node, weight = small["layers.0/matmul"], small["layers.0.weight"]
    x = small["input"].value
    by_x, by_w = node.local(0), node.local(1)
    assert isinstance(by_x, Jacobian)
    assert by_w.shape == (1, 3, 2, 3)
    expected = jax.jacobian(jnp.matmul, argnums=(0, 1))(x, weight.value)
    close(by_x.row((0, 1)), expected[0][0, 1])
    close(by_w.column((1, 2)), expected[1][:, :, 1, 2])
    close(by_w[(0, 2), (1, 2)], x[0, 1])
    with pytest.raises(ConfigurationError, match="no such entry"):
        by_w.row((0, 3))
    with pytest.raises(ConfigurationError, match="no such input"):
        node.local(2)


def test_a_pass_of_the_same_shapes_is_traced_once(small: Glass) -> None:
    model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(3, 1)]).init(7)
    again = explain(model, jnp.array([[1.0, 2.0]]), jnp.array([[0.0]]), "squared_error")
    assert again.values.program is small.values.program
    assert again.objective != small.objective
    other = explain(model, jnp.array([[1.0, 2.0]]), jnp.array([[0.0]]), "mean_squared_error")
    assert other.values.program is not small.values.program


def test_several_inputs_are_known_by_name() -> None:
    class Two(nn.Module):
        left: nn.Linear
        right: nn.Linear

        def __call__(self, x: dict[str, Any]) -> Any:
            return self.left(x["a"]) + self.right(x["b"])

    model = Two(nn.Linear(2, 3), nn.Linear(4, 3)).init(0)
    glass = cp.explain(model, {"a": drawn(5, 2), "b": drawn(5, 4)}, jnp.array([0, 1, 2, 0, 1]))
    assert glass["input.b"].shape == (5, 4)
    assert glass["model/add"].inputs == (glass["left"], glass["right"])


def test_what_carries_no_error_has_none() -> None:
    model = nn.Sequential([nn.Embedding(5, 3), nn.Linear(3, 5)]).init(0)
    tokens = np.array([[0, 1, 2], [2, 3, 4]])
    glass = explain(model, tokens, tokens, "sequence_cross_entropy")
    assert glass["input"].error is None
    assert glass["layers.0/take"].inputs == (glass["layers.0.weight"], glass["input"])
    assert glass["layers.0/take"].passed(1) is None
    assert glass["layers.0/take"].local(1) is None


def test_what_does_not_fit_is_refused() -> None:
    model = nn.Linear(2, 1)
    one = jnp.ones((1, 2))
    with pytest.raises(ModelError, match="no values yet"):
        explain(model, one, jnp.ones((1, 1)))
    model = model.init(0)
    with pytest.raises(ShapeError, match="batch of examples"):
        explain(model, jnp.ones((0, 2)), jnp.ones((0, 1)), "squared_error")
    with pytest.raises(ShapeError, match="one entry for each input"):
        explain(model, jnp.ones((1, 3)), jnp.ones((1, 1)), "squared_error")
    with pytest.raises(ShapeError):
        explain(model, one, jnp.ones((2, 1)), "squared_error")
    with pytest.raises(ConfigurationError, match="unknown loss"):
        explain(model, one, jnp.ones((1, 1)), "squared_eror")


def test_pictures_come_upright_whichever_way_the_processor_holds_them() -> None:
    layers = [nn.Conv2d(1, 3, 3), "relu", nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2)]
    model, x = nn.Sequential(layers).init(0), drawn(16, 8, 8, 1)
    glass = explain(model, x, np.arange(16) % 2)
    node = glass["layers.0/convolution"]
    held = glass.values.program.variable_of[node.spec.value.number]
    assert glass.values.program.is_turned(held)
    assert node.summary.mean == pytest.approx(float(node.value.mean()), rel=1e-4)
    close(node.value, model.layers[0](x))
    close(node.value, model.layers[0](x))
    assert node.error is not None
    assert node.error.shape == node.shape == (16, 6, 6, 3)
