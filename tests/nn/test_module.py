"""Modules: frozen trees with paths, roles and reproducible initial values."""

import jax
import jax.numpy as jnp
import pytest

from clearprop import nn, ops, tree
from clearprop.errors import ConfigurationError, ModelError, ShapeError


class TwoLayers(nn.Module):
    hidden: nn.Linear
    norm: nn.BatchNorm
    heads: dict
    name: str = nn.static()

    def __call__(self, x):
        h = self.norm(ops.tanh(self.hidden(x)))
        return self.heads["a"](h) + self.heads["b"](h)


def make() -> TwoLayers:
    heads = {"a": nn.Linear(4, 1), "b": nn.Linear(4, 1, bias=False)}
    return TwoLayers(nn.Linear(3, 4), nn.BatchNorm(4), heads, "two")


def test_paths_and_roles():
    model = make().init(0)
    assert set(nn.parameters(model)) == {
        "hidden.weight",
        "hidden.bias",
        "norm.scale",
        "norm.shift",
        "heads.a.weight",
        "heads.a.bias",
        "heads.b.weight",
    }
    assert set(nn.statistics(model)) == {"norm.running_mean", "norm.running_variance"}
    assert list(nn.modules(model)) == ["", "hidden", "norm", "heads.a", "heads.b"]


def test_every_path_is_a_path_of_the_tree():
    model = make().init(0)
    named = {**nn.parameters(model), **nn.statistics(model)}
    flat = tree.flatten_with_paths(model)
    assert named.keys() == flat.keys()
    assert all(named[path] is flat[path] for path in flat)


def test_first_values_depend_on_the_seed_and_the_path_alone():
    small = nn.Sequential([nn.Linear(3, 4)]).init(7)
    large = nn.Sequential([nn.Linear(3, 4), "relu", nn.Linear(4, 2)]).init(7)
    assert jnp.array_equal(small[0].weight, large[0].weight)
    assert not jnp.array_equal(small[0].weight, nn.Sequential([nn.Linear(3, 4)]).init(8)[0].weight)
    twins = nn.Sequential([nn.Linear(4, 4), nn.Linear(4, 4)]).init(0)
    assert not jnp.array_equal(twins[0].weight, twins[1].weight)


def test_init_keeps_what_has_values():
    first = nn.Linear(3, 4).init(0)
    model = nn.Sequential([first, nn.Linear(4, 2)]).init(5)
    assert model[0].weight is first.weight


def test_a_model_without_values_says_so():
    with pytest.raises(ModelError, match="have no values yet") as caught:
        nn.Linear(2, 3)(jnp.ones((1, 2)))
    assert "init" in (caught.value.fix or "")


def test_nothing_changes_in_place():
    model = make().init(0)
    with pytest.raises(ModelError, match="changed in place"):
        model.name = "other"
    assert model.replace(name="other").name == "other"
    assert model.name == "two"


def test_a_model_is_a_tree_under_jit_and_map():
    model = make().init(0)
    doubled = jax.tree.map(lambda w: 2 * w, model)
    assert jnp.array_equal(doubled.hidden.weight, 2 * model.hidden.weight)
    assert doubled.name == "two"
    x = jnp.ones((2, 3))
    assert jnp.allclose(jax.jit(lambda m, x: m(x))(model, x), model(x), atol=1e-6)


def test_shape_errors_name_the_layer_and_the_way_there():
    model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(4, 5)]).init(0)
    with pytest.raises(ShapeError) as caught:
        model(jnp.ones((7, 2)))
    error = caught.value
    assert error.where == "layers.2 (Linear)"
    assert error.trail == (
        "input (7, 2)",
        "layers.0 (Linear) (7, 3)",
        "layers.1 (Activation) (7, 3)",
    )
    assert "nn.Linear(3, 5)" in str(error)


def test_a_python_error_inside_a_layer_is_annotated_with_the_layer():
    def broken(x):
        raise ValueError("no such thing")

    model = nn.Sequential([nn.Linear(2, 3), broken]).init(0)
    with pytest.raises(ValueError, match="no such thing") as caught:
        model(jnp.ones((1, 2)))
    assert any("layers.1 (Activation)" in note for note in caught.value.__notes__)


def test_gradients_by_path_reach_every_parameter():
    model = make().init(0)
    x = jax.random.normal(jax.random.key(1), (6, 3))

    def loss(weights):
        y, _ = nn.apply(tree.replace(model, weights), x, training=True)
        return ops.sum(y * y)

    from clearprop.autodiff import grad

    gradients = grad(loss)(nn.parameters(model))
    assert gradients.keys() == nn.parameters(model).keys()
    # batch norm subtracts the mean, so the bias before tanh still matters but the sum does not
    assert all(jnp.isfinite(g).all() for g in gradients.values())
    assert float(jnp.abs(gradients["hidden.weight"]).max()) > 0


def test_hook_hears_every_layer_once():
    heard = []
    model = make().init(0)
    nn.apply(model, jnp.ones((2, 3)), hook=lambda path, *_: heard.append(path))
    assert heard == ["hidden", "norm", "heads.a", "heads.b", ""]


def test_layers_refuse_impossible_sizes():
    for build in (
        lambda: nn.Linear(0, 3),
        lambda: nn.Linear(3, 2.5),
        lambda: nn.Conv2d(3, 4, 0),
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        lambda: nn.Conv2d(3, 4, (3, 3, 3)),
        lambda: nn.Dropout(1.0),
        lambda: nn.BatchNorm(4, momentum=0),
        lambda: nn.MaxPool2d(0),
        lambda: nn.Embedding(-1, 4),
        lambda: nn.Activation("rellu"),
        lambda: nn.initializers.normal(-1.0),
    ):
        with pytest.raises(ConfigurationError):
            build()


def test_what_is_no_layer_is_refused():
    with pytest.raises(ModelError):
        nn.Sequential([nn.Linear(2, 2), 3])
    with pytest.raises(ModelError):
        nn.Sequential(nn.Linear(2, 2), 3)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (nn.initializers.uniform(0.3), 0.3**2 / 3),
        (nn.initializers.normal(0.2), 0.2**2),
        (nn.initializers.glorot_uniform, 2 / (300 + 200)),
        (nn.initializers.glorot_normal, 2 / (300 + 200)),
        (nn.initializers.he_uniform, 2 / 300),
        (nn.initializers.he_normal, 2 / 300),
        (nn.initializers.lecun_normal, 1 / 300),
    ],
)
def test_initial_variances_are_as_stated(initializer, variance):
    values = initializer(jax.random.key(0), (300, 200), jnp.float32)
    # With 60,000 draws the sample variance is within a few per cent of the stated one.
    assert float(values.var()) == pytest.approx(variance, rel=0.03)
    assert abs(float(values.mean())) < 0.02 * variance**0.5


def test_glorot_bound_is_the_lectures():
    values = nn.initializers.glorot_uniform(jax.random.key(0), (400, 300), jnp.float32)
    bound = 6**0.5 / (400 + 300) ** 0.5
    assert float(jnp.abs(values).max()) <= bound
    assert float(jnp.abs(values).max()) > 0.999 * bound


def test_orthogonal_is_orthogonal():
    q = nn.initializers.orthogonal(jax.random.key(0), (6, 6), jnp.float32)
    assert jnp.allclose(q.T @ q, jnp.eye(6), atol=1e-5)


def test_module_without_call_says_so():
    class Silent(nn.Module):
        pass

    with pytest.raises(ModelError, match="define __call__"):
        Silent()(jnp.ones(1))


def test_one_layer_at_two_places_is_refused_instead_of_becoming_two() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(ModelError, match="two places") as caught:
        nn.Sequential([shared, ops.relu, shared]).init(0)
    assert caught.value.where == "layers.2"


def test_a_layer_without_parameters_may_stand_at_two_places() -> None:
    rectify = nn.Activation("relu")
    model = nn.Sequential([nn.Linear(3, 3), rectify, nn.Linear(3, 3), rectify]).init(0)
    assert len(nn.parameters(model)) == 4
