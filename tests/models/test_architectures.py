from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.autodiff import value_and_grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models import MLP, Enlarge, LeNet5


def size(model: nn.Module) -> int:
    return sum(weights.size for weights in nn.parameters(model).values())


def test_lenet5_has_the_parameters_of_the_paper_with_full_connections() -> None:
    by_layer = {path.partition(".")[0]: 0 for path in nn.parameters(LeNet5())}
    for path, weights in nn.parameters(LeNet5()).items():
        by_layer[path.partition(".")[0]] += weights.size
    assert by_layer == {
        "conv1": 156,
        "conv2": 2416,
        "hidden1": 48120,
        "hidden2": 10164,
        "output": 850,
    }


@pytest.mark.parametrize(("pixels", "channels", "classes"), [(28, 1, 10), (32, 3, 7)])
def test_lenet5_takes_both_sizes(pixels: int, channels: int, classes: int) -> None:
    model = LeNet5(channels, classes, size=pixels).init(0)
    assert model(jnp.zeros((2, pixels, pixels, channels))).shape == (2, classes)
    shapes = [layer.output_shape for layer in nn.summary(model, (pixels, pixels, channels)).layers]
    assert (28, 28, 6) in shapes
    assert (10, 10, 16) in shapes


@pytest.mark.parametrize("options", [{"size": 30}, {"pooling": "mean"}])
def test_lenet5_refuses_what_it_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        LeNet5(**options)  # type: ignore[arg-type]


def test_lenet5_gradient_is_that_of_jax() -> None:
    model = LeNet5(activation="tanh", pooling="average").init(1)
    x = jax.random.normal(jax.random.key(0), (3, 28, 28, 1))

    def loss(model: LeNet5) -> jax.Array:
        return nn.losses.cross_entropy(model(x), jnp.array([1, 2, 3]))

    own, theirs = (jax.jit(of(loss))(model) for of in (value_and_grad, jax.value_and_grad))
    for path, gradient in nn.parameters(own[1]).items():
        np.testing.assert_allclose(gradient, nn.parameters(theirs[1])[path], rtol=1e-4, atol=1e-6)


def test_mlp_counts() -> None:
    assert size(MLP((784, 256, 128, 10))) == 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    assert size(MLP((2, 2, 1))) == 9


def test_mlp_drops_in_training_only() -> None:
    model = MLP((4, 64, 2), dropout=0.5).init(0)
    x = jnp.ones((8, 4))
    assert (model(x) == model(x)).all()
    first, _ = nn.apply(model, x, training=True, key=jax.random.key(0))
    second, _ = nn.apply(model, x, training=True, key=jax.random.key(1))
    assert not (first == second).all()


def test_mlp_takes_pictures_as_rows_of_numbers() -> None:
    model = MLP((12, 3)).init(0)
    x = jnp.arange(24.0).reshape(2, 2, 6)
    np.testing.assert_array_equal(model(x), model(x.reshape(2, 12)))


def test_mlp_needs_inputs_and_outputs() -> None:
    with pytest.raises(ConfigurationError, match="at least two numbers"):
        MLP((3,))


def test_enlarging_repeats_rows_and_columns() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(Enlarge(3)(jnp.asarray(x)), x.repeat(3, axis=1).repeat(3, axis=2))


def test_enlarging_sends_the_sum_of_errors_back() -> None:
    x = jnp.ones((1, 2, 2, 1))
    weights = jnp.arange(16.0).reshape(1, 4, 4, 1)
    gradient = value_and_grad(lambda x: (Enlarge(2)(x) * weights).sum())(x)[1]
    np.testing.assert_array_equal(gradient[0, :, :, 0], [[10, 18], [42, 50]])


def test_only_pictures_are_enlarged() -> None:
    with pytest.raises(ShapeError, match="pictures"):
        Enlarge(2)(jnp.ones((2, 8)))
