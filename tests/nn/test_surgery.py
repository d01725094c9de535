"""Features of any layer of an unmodified model, and replacing layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.models import LeNet5, small_resnet
from clearprop.training import fit


def pictures(number=5):
    return jax.random.normal(jax.random.key(0), (number, 28, 28, 1))


def test_features_are_what_the_layer_gives():
    model, x = LeNet5().init(0), pictures()
    expected = model.pool1(model.activation(model.conv1(x)))
    # 2 at a time, so the last part is smaller
    np.testing.assert_allclose(
        nn.features(model, x, "pool1", batch_size=2), expected, rtol=1e-5, atol=1e-6
    )
    assert nn.features(model, x, "pool1", flat=True).shape == (5, 14 * 14 * 6)
    np.testing.assert_allclose(nn.features(model, x, ""), model(x), rtol=1e-4, atol=1e-5)


def test_features_of_blocks_and_of_models_with_statistics():
    model = small_resnet(8, channels=1, width=4).init(0)
    assert nn.features(model, pictures(2), "stages.1").shape == (2, 14, 14, 8)
    assert nn.features(model, pictures(2), "stages.2.layers.0.conv2").shape == (2, 7, 7, 16)


def test_features_teach():
    with pytest.raises(ConfigurationError, match="a batch holds at least one example"):
        nn.features(nn.Linear(2, 3).init(0), jnp.ones((4, 2)), "", batch_size=0)
    model = LeNet5().init(0)
    with pytest.raises(ConfigurationError, match="did you mean 'pool1'"):
        nn.features(model, pictures(), "pol1")
    with pytest.raises(ShapeError, match="no inputs"):
        nn.features(model, pictures(0), "pool1")

    class Unused(nn.Module):
        used: nn.Linear
        spare: nn.Linear

        def __call__(self, x):
            return self.used(x)

    with pytest.raises(ModelError, match="not one array"):
        nn.features(Unused(nn.Linear(2, 2), nn.Linear(2, 2)).init(0), jnp.ones((1, 2)), "spare")


def test_a_replaced_head_leaves_the_rest_and_trains_alone():
    model, x = LeNet5().init(0), np.asarray(pictures(8))
    changed = nn.replace_layer(model, "output", nn.Linear(84, 3))
    assert not nn.is_initialized(changed)
    ready = changed.init(1)
    assert ready(x).shape == (8, 3)
    trunk = ("conv1", "conv2", "hidden1", "hidden2")
    labels = np.arange(8) % 3
    run = fit(ready, (x, labels), epochs=2, batch_size=8, dev=0, freeze=trunk, progress=False)
    for path, weights in nn.parameters(model).items():
        same = np.array_equal(nn.parameters(run.model)[path], weights)
        assert same == (not path.startswith("output"))


def test_layers_inside_of_tuples_and_modules_are_replaced():
    model = small_resnet(8, width=4)
    changed = nn.replace_layer(model, "stages.1.layers.0.conv2", nn.Conv2d(8, 8, 1))
    assert nn.layer_at(changed, "stages.1.layers.0.conv2").kernel_size == (1, 1)
    assert nn.layer_at(model, "stages.1.layers.0.conv2").kernel_size == (3, 3)
    with pytest.raises(ConfigurationError, match="did you mean"):
        nn.replace_layer(model, "stages.1.layers.0.conv4", nn.Flatten())
    with pytest.raises(ModelError, match="model itself"):
        nn.replace_layer(model, "", nn.Flatten())
