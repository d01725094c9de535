"""Layers: values as defined and as in PyTorch, and statistics by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import checkpoint, grad, value_and_grad
from clearprop.errors import ConfigurationError, ModelError, ShapeError


def normal(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


def test_linear_is_the_lectures_vectorised_layer():
    layer = nn.Linear(2, 2).init(0)
    weight, bias = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([0.5, -0.5])
    layer = tree.replace(layer, {"weight": weight, "bias": bias})
    assert layer(jnp.array([1.0, 10.0])).tolist() == [31.5, 41.5]
    assert nn.Linear(2, 3, bias=False).init(0)(jnp.ones((4, 5, 2))).shape == (4, 5, 3)


def test_embedding_looks_up_and_passes_errors_to_its_rows():
    layer = nn.Embedding(5, 3).init(0)
    words = jnp.array([[1, 1, 4]])
    assert jnp.array_equal(layer(words)[0, 2], layer.weight[4])
    _, gradient = value_and_grad(lambda w: ops.sum(tree.replace(layer, w)(words)), has_aux=False)(
        nn.parameters(layer)
    )
    assert gradient["weight"][:, 0].tolist() == [0, 2, 0, 0, 1]
    with pytest.raises(ShapeError, match="numbers of words"):
        layer(jnp.ones((2, 3)))


def test_dropout_keeps_the_mean_and_draws_by_key():
    layer = nn.Dropout(0.3)
    x = jnp.ones((200, 100))
    first, _ = nn.apply(layer, x, training=True, key=jax.random.key(0))
    again, _ = nn.apply(layer, x, training=True, key=jax.random.key(0))
    other, _ = nn.apply(layer, x, training=True, key=jax.random.key(1))
    assert jnp.array_equal(first, again)
    assert not jnp.array_equal(first, other)
    assert float((first == 0).mean()) == pytest.approx(0.3, abs=0.01)
    assert float(first.mean()) == pytest.approx(1.0, abs=0.02)
    assert jnp.array_equal(layer(x), x)


def test_two_dropouts_draw_different_masks():
    model = nn.Sequential([nn.Dropout(0.5), nn.Dropout(0.5)])
    y, _ = nn.apply(model, jnp.ones(1000), training=True, key=jax.random.key(0))
    assert float((y != 0).mean()) == pytest.approx(0.25, abs=0.05)


def test_dropout_without_a_key_says_so():
    with pytest.raises(ModelError, match="needs a key") as caught:
        nn.apply(nn.Sequential([nn.Dropout(0.5)]), jnp.ones(3), training=True)
    assert caught.value.where == "layers.0"


def test_batch_norm_statistics_go_in_and_come_out_by_name():
    model = nn.Sequential([nn.BatchNorm(3)]).init(0)
    x = 5 + 2 * normal(64, 3)
    y, statistics = nn.apply(model, x, training=True)
    assert statistics.keys() == {"layers.0.running_mean", "layers.0.running_variance"}
    assert jnp.allclose(statistics["layers.0.running_mean"], 0.1 * x.mean(0), atol=1e-6)
    unbiased = x.var(0, ddof=1)
    assert jnp.allclose(statistics["layers.0.running_variance"], 0.9 + 0.1 * unbiased, atol=1e-5)
    assert jnp.allclose(y.mean(0), 0, atol=1e-5)
    assert jnp.allclose(y.var(0), 1, atol=1e-3)
    assert jnp.array_equal(model[0].running_mean, jnp.zeros(3))  # nothing in the layer has changed
    changed = tree.replace(model, statistics)
    assert not jnp.allclose(changed(x), model(x))


def test_batch_norm_refuses_a_batch_of_one():
    with pytest.raises(ShapeError, match="no variance"):
        nn.apply(nn.BatchNorm(3).init(0), jnp.ones((1, 3)), training=True)


def test_layer_norm_does_not_change_with_scale():
    linear, norm = nn.Linear(5, 8, bias=False).init(0), nn.LayerNorm(8, epsilon=1e-12).init(0)
    x = normal(4, 5)
    assert jnp.allclose(norm(linear(x)), norm(3.7 * linear(x)), atol=1e-5)
    assert nn.LayerNorm(8, affine=False).init(0)(x @ linear.weight).shape == (4, 8)


def test_weight_norm_parts_length_from_direction():
    layer = nn.WeightNorm(nn.Linear(4, 3)).init(1)
    x = normal(5, 4)
    assert jnp.allclose(layer(x), layer.layer(x), atol=1e-6)
    longer = tree.replace(layer, {"layer.weight": 10 * layer.layer.weight})
    assert jnp.allclose(longer(x), layer(x), atol=1e-5)
    _, gradient = value_and_grad(lambda w: ops.sum(ops.square(tree.replace(layer, w)(x))))(
        nn.parameters(layer)
    )
    # The gradient of the direction is perpendicular to it (Salimans and Kingma, eq. 3).
    along = (gradient["layer.weight"] * layer.layer.weight).sum(0)
    assert jnp.allclose(along, 0, atol=1e-4)
    assert "gain" in gradient
    for wrong in (nn.LSTM(3, 4), nn.PartiallyConnected([[1, 0], [1, 1]]), nn.Dropout()):
        with pytest.raises(ModelError, match="with a weight"):
            nn.WeightNorm(wrong)


def test_spectral_norm_divides_by_the_largest_singular_value():
    layer = nn.SpectralNorm(nn.Linear(6, 4), iterations=2).init(1)
    x = normal(5, 6)
    for _ in range(40):
        _, statistics = nn.apply(layer, x, training=True)
        assert sorted(statistics) == ["u", "v"]
        layer = tree.replace(layer, statistics)
    largest = jnp.linalg.svd(layer.layer.weight, compute_uv=False)[0]
    assert jnp.allclose(layer.sigma(), largest, rtol=1e-5)
    assert jnp.allclose(layer(x), x @ layer.layer.weight / largest + layer.layer.bias, atol=1e-5)
    gradient = grad(lambda w: ops.sum(tree.replace(layer, {"layer.weight": w})(x)))(
        layer.layer.weight
    )
    # A longer weight gives the same output, so the gradient has no part along the weight.
    assert jnp.allclose((gradient * layer.layer.weight).sum(), 0, atol=1e-4)
    with pytest.raises(ModelError, match="with a weight"):
        nn.SpectralNorm(nn.Dropout())


def test_residual_adds_and_checks():
    inner = nn.Linear(4, 4).init(0)
    x = normal(2, 4)
    assert jnp.allclose(nn.Residual(inner)(x), x + inner(x))
    with pytest.raises(ShapeError, match="branches"):
        nn.Residual(nn.Linear(4, 3)).init(0)(x)
    widened = nn.Residual(nn.Linear(4, 3), nn.Linear(4, 3)).init(0)
    assert widened(x).shape == (2, 3)


def test_flatten_and_reshape_undo_each_other():
    x = normal(2, 3, 4, 5)
    assert jnp.array_equal(nn.Reshape((3, 4, 5))(nn.Flatten()(x)), x)
    with pytest.raises(ShapeError):
        nn.Reshape((7,))(x)


def test_sequential_slices():
    model = nn.Sequential([nn.Linear(2, 3), "relu", nn.Linear(3, 1)]).init(0)
    x = normal(5, 2)
    assert jnp.array_equal(model[2](model[:2](x)), model(x))
    assert [type(layer).__name__ for layer in model] == ["Linear", "Activation", "Linear"]


@pytest.mark.parametrize(
    ("layer", "shape", "expected", "count"),
    [
        (nn.Conv2d(3, 10, 5, padding=2), (1, 32, 32, 3), (1, 32, 32, 10), 760),
        (nn.Conv2d(3, 6, 5), (1, 32, 32, 3), (1, 28, 28, 6), 456),
        (nn.Conv2d(1, 1, 3), (1, 7, 7, 1), (1, 5, 5, 1), 10),
        (nn.Conv2d(1, 1, 3, stride=2), (1, 7, 7, 1), (1, 3, 3, 1), 10),
        (nn.Conv2d(1, 1, 3, padding=1), (1, 7, 7, 1), (1, 7, 7, 1), 10),
        (nn.Conv1d(4, 2, 3), (2, 9, 4), (2, 7, 2), 26),
        (nn.Conv3d(1, 2, 2, stride=2), (1, 4, 4, 4, 1), (1, 2, 2, 2, 2), 18),
        (nn.Conv2d(4, 8, 3, groups=2, bias=False), (1, 5, 5, 4), (1, 3, 3, 8), 144),
    ],
)
def test_convolution_sizes_are_the_lectures(layer, shape, expected, count):
    model = layer.init(0)
    assert model(jnp.ones(shape)).shape == expected
    assert sum(w.size for w in nn.parameters(model).values()) == count


def test_convolution_layers_say_which_axis_is_wrong():
    layer = nn.Conv2d(3, 4, 3).init(0)
    with pytest.raises(ShapeError, match="last axis has") as caught:
        layer(jnp.ones((2, 3, 9, 9)))
    assert "transpose(0, 2, 3, 1)" in str(caught.value)
    with pytest.raises(ShapeError, match="last axis has"):
        layer(jnp.ones((9, 9, 3)))


def test_pools_of_the_lecture():
    x = jnp.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])[None, :, :, None]
    assert nn.MaxPool2d(2)(x)[0, :, :, 0].tolist() == [[6, 8], [3, 4]]
    assert nn.AvgPool2d(2)(x)[0, :, :, 0].tolist() == [[3.25, 5.25], [2, 2]]
    assert nn.MaxPool1d(2)(x[0]).shape == (4, 2, 1)
    assert nn.AvgPool3d(2)(jnp.ones((1, 4, 4, 4, 2))).shape == (1, 2, 2, 2, 2)


class TestAgainstTorch:
    """The same weights give the same outputs and gradients as PyTorch's layers."""

    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch", reason="compares with PyTorch, not installed")

    def compare(self, ours, theirs, x, tolerance=1e-5):
        torch = self.torch

        def loss(weights, x):
            y, _ = nn.apply(tree.replace(ours, weights), x, training=True)
            return ops.sum(ops.sin(y))

        value, (gradients, of_x) = value_and_grad(loss, argnums=(0, 1))(nn.parameters(ours), x)
        moved = np.array(x)
        images = moved.ndim == 4
        given = torch.tensor(moved.transpose(0, 3, 1, 2) if images else moved, requires_grad=True)
        expected = torch.sin(theirs(given)).sum()
        expected.backward()
        assert float(value) == pytest.approx(expected.item(), rel=1e-5, abs=1e-4)
        of_given = given.grad.numpy()
        of_given = of_given.transpose(0, 2, 3, 1) if images else of_given
        np.testing.assert_allclose(np.array(of_x), of_given, rtol=1e-4, atol=tolerance)
        return gradients

    def test_linear(self):
        ours, theirs = nn.Linear(5, 3).init(0), self.torch.nn.Linear(5, 3)
        theirs.weight.data = self.torch.tensor(np.array(ours.weight).T)
        theirs.bias.data = self.torch.tensor(np.array(ours.bias))
        gradients = self.compare(ours, theirs, normal(7, 5))
        np.testing.assert_allclose(gradients["weight"].T, theirs.weight.grad, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        "options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2, "padding": 2}]
    )
    def test_conv2d(self, options):
        ours = nn.Conv2d(4, 6, 3, **options).init(0)
        theirs = self.torch.nn.Conv2d(4, 6, 3, **options)
        theirs.weight.data = self.torch.tensor(np.array(ours.weight).transpose(3, 2, 0, 1))
        theirs.bias.data = self.torch.tensor(np.array(ours.bias))
        gradients = self.compare(ours, theirs, normal(2, 9, 8, 4))
        np.testing.assert_allclose(
            np.array(gradients["weight"]).transpose(3, 2, 0, 1),
            theirs.weight.grad,
            rtol=1e-4,
            atol=1e-4,
        )

    def test_batch_norm(self):
        ours, theirs = nn.BatchNorm(3).init(0), self.torch.nn.BatchNorm1d(3)
        x = 2 + normal(16, 3)
        self.compare(ours, theirs, x)
        _, statistics = nn.apply(ours, x, training=True)
        for name, theirs_name in (
            ("running_mean", "running_mean"),
            ("running_variance", "running_var"),
        ):
            np.testing.assert_allclose(statistics[name], getattr(theirs, theirs_name), rtol=1e-5)

    def test_layer_norm(self):
        self.compare(nn.LayerNorm(6).init(0), self.torch.nn.LayerNorm(6), normal(4, 6))

    def test_max_pool_with_ties(self):
        x = jnp.round(normal(2, 6, 6, 3))  # many equal entries
        self.compare(nn.MaxPool2d(2), self.torch.nn.MaxPool2d(2), x)


@pytest.mark.parametrize("where", ["scan", "checkpoint"])
def test_dropout_drops_the_same_units_forward_and_backward(where):
    class Dropped(nn.Module):
        dropout: nn.Dropout

        def __call__(self, x):
            if where == "checkpoint":
                return checkpoint(self.dropout)(x)
            return ops.scan(lambda c, row: (c, self.dropout(row)), jnp.zeros(()), x)[1]

    model = Dropped(nn.Dropout(0.5))

    def run(x):
        y, _ = nn.apply(model, x, training=True, key=jax.random.key(3))
        return ops.sum(y), y

    (_, y), gradient = value_and_grad(run, has_aux=True)(jnp.ones((4, 200)))
    # y = m x / (1 - p), so the gradient is m / (1 - p), with the same mask in every entry
    assert jnp.array_equal(y, gradient)
    assert 0.4 < float((y == 0).mean()) < 0.6


def test_statistics_keep_their_dtype():
    model = nn.BatchNorm(3).init(0, dtype=jnp.bfloat16)
    _, statistics = nn.apply(model, normal(8, 3).astype(jnp.bfloat16), training=True)
    assert {value.dtype for value in statistics.values()} == {jnp.dtype(jnp.bfloat16)}


def test_statistics_of_checkpointed_layers_go_to_their_paths():
    class Checkpointed(nn.Module):
        inner: nn.Sequential

        def __call__(self, x):
            return checkpoint(self.inner)(x)

    plain = nn.Sequential([nn.Linear(3, 4), nn.BatchNorm(4), "relu", nn.BatchNorm(4)]).init(0)
    model, x = Checkpointed(plain), 3 + normal(16, 3)

    def run(model):
        def loss(weights):
            y, statistics = nn.apply(tree.replace(model, weights), x, training=True)
            return ops.sum(ops.square(y)), statistics

        return value_and_grad(loss, has_aux=True)(nn.parameters(model))

    (value, statistics), gradient = run(model)
    (expected, of_plain), of_plain_gradient = run(plain)
    assert jnp.allclose(value, expected)
    assert statistics.keys() == {f"inner.{path}" for path in of_plain}
    for path, array in of_plain.items():
        assert jnp.allclose(statistics[f"inner.{path}"], array)
    for path, array in of_plain_gradient.items():
        assert jnp.allclose(gradient[f"inner.{path}"], array, atol=1e-4)


def test_the_padding_of_an_embedding_gets_no_error_signal():
    layer = nn.Embedding(5, 3, padding_idx=1).init(0)
    assert layer.weight[1].tolist() == [0, 0, 0]
    words = jnp.array([[1, 4, 1]])
    gradient = grad(lambda w: ops.sum(tree.replace(layer, w)(words)))(nn.parameters(layer))
    assert gradient["weight"][:, 0].tolist() == [0, 0, 0, 0, 1]
    with pytest.raises(ConfigurationError, match="not a word"):
        nn.Embedding(5, 3, padding_idx=5)


def test_a_learned_slope_gets_its_error_signal():
    layer = nn.PReLU(2).init(0)
    x = jnp.array([[-2.0, 3.0], [-1.0, -4.0]])
    assert layer(x).tolist() == [[-0.5, 3.0], [-0.25, -1.0]]
    gradient = grad(lambda w: ops.sum(tree.replace(layer, w)(x)))(nn.parameters(layer))
    assert gradient["slope"].tolist() == [-3.0, -4.0]


def test_group_norm_does_not_depend_on_the_other_examples():
    x = normal(3, 4, 4, 6)
    for layer in (nn.GroupNorm(2, 6).init(0), nn.InstanceNorm(6, affine=False).init(0)):
        assert jnp.allclose(layer(x)[1:2], layer(x[1:2]), atol=1e-6)
    with pytest.raises(ConfigurationError, match="equal groups"):
        nn.GroupNorm(4, 6)


def test_the_largest_of_parts_and_a_larger_image():
    x = normal(1, 5, 7, 2)
    y = nn.AdaptiveMaxPool((2, 3))(x)
    assert y.shape == (1, 2, 3, 2)
    assert float(y[0, 0, 0, 0]) == float(x[0, :3, :3, 0].max())
    assert nn.Upsample((2, 1), method="linear")(x).shape == (1, 10, 7, 2)
