"""The pairs of networks: shapes, the conditional form, saving, refusals."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn
from clearprop.errors import ConfigurationError
from clearprop.training.storage.model_file import load_model, save


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_pictures_have_the_size_of_the_data(num_classes: int, spectral_norm: bool) -> None:
    pair = models.dcgan(
        12, 3, noise=5, width=4, num_classes=num_classes, spectral_norm=spectral_norm
    ).init(0)
    z = pair.draw_noise(jax.random.key(0), 6)
    labels = jnp.arange(6) % 3 if num_classes else None
    made = pair(z, labels)
    assert made.shape == (6, 12, 12, 3)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert pair.discriminator(pair.conditioned(made, labels)).shape == (6, 1)
    assert pair.through(z).shape == (6,)


def test_the_code_of_the_class_is_behind_every_pixel() -> None:
    pair = models.dcgan(8, 1, noise=2, width=2, num_classes=4)
    x = jnp.zeros((2, 8, 8, 1))
    coded = pair.conditioned(x, jnp.array([1, 3]))
    assert coded.shape == (2, 8, 8, 5)
    np.testing.assert_array_equal(coded[0, 3, 3], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(coded[1, 7, 0], [0, 0, 0, 0, 1])


def test_another_class_makes_another_example() -> None:
    pair = models.mlp_gan(noise=3, hidden=(8,), num_classes=2).init(0)
    z = jnp.ones((1, 3))
    assert not jnp.allclose(pair(z, jnp.array([0])), pair(z, jnp.array([1])))


def test_a_saved_pair_makes_the_same(tmp_path: Path) -> None:
    pair = models.dcgan(8, 1, noise=2, width=2, spectral_norm=True).init(0)
    save(pair, tmp_path / "pair.safetensors")
    z = jnp.ones((2, 2))
    np.testing.assert_array_equal(load_model(tmp_path / "pair.safetensors")(z), pair(z))


def test_the_summary_shows_both_players() -> None:
    found = nn.summary(models.mlp_gan(noise=3, hidden=(8,)), (3,))
    paths = [layer.path for layer in found.layers]
    assert "generator.layers.2" in paths
    assert "discriminator.layers.2" in paths
    assert found.parameters == 3 * 8 + 8 + 8 * 2 + 2 + 2 * 8 + 8 + 8 + 1


@pytest.mark.parametrize(
    ("size", "noise", "said"), [(10, 4, "multiple of 4"), (4, 4, "8 or more"), (8, 0, "noise")]
)
def test_sizes_that_do_not_fit_are_refused(size: int, noise: int, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        models.dcgan(size, noise=noise, width=2)
