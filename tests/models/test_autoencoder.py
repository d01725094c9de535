"""Autoencoders: codes and examples apart, tied weights, and what a linear one must learn."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from clearprop import fit, nn, ops, tree
from clearprop.autodiff import grad
from clearprop.errors import ClearpropError
from clearprop.models import (
    Autoencoder,
    ConvolutionalAutoencoder,
    DenseAutoencoder,
    TiedAutoencoder,
    VariationalAutoencoder,
)
from clearprop.training import load, save

DIGITS = (load_digits().images / 16 - 0.3).astype(np.float32)[..., None]
SHAPE = (8, 8, 1)

KINDS: dict[str, Any] = {
    "dense": lambda: DenseAutoencoder(SHAPE, 5, (20, 10)),
    "tied": lambda: TiedAutoencoder(SHAPE, 5, (20, 10)),
    "convolutional": lambda: ConvolutionalAutoencoder(SHAPE, 5, (3, 6)),
    "own": lambda: Autoencoder(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 5)),
        nn.Sequential(nn.Linear(5, 64), nn.Reshape(SHAPE)),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_encoder_and_decoder_work_apart(kind: str, tmp_path: Any) -> None:
    model = KINDS[kind]().init(0)
    code = model.encode(jnp.asarray(DIGITS[:4]))
    assert code.shape == (4, 5)
    assert model.decode(code).shape == (4, *SHAPE)
    assert jnp.array_equal(model.decode(code), model(jnp.asarray(DIGITS[:4])))
    save(model, tmp_path / "model.safetensors")
    again: Any = load(tmp_path / "model.safetensors").model
    assert jnp.array_equal(again.encode(jnp.asarray(DIGITS[:4])), code)


def test_the_gradient_of_a_tied_weight_is_the_sum_of_its_two_uses() -> None:
    tied = TiedAutoencoder(SHAPE, 5, (20,), activation="tanh").init(1)
    loose = DenseAutoencoder(SHAPE, 5, (20,), activation="tanh").init(2)
    first, second = (layer.weight for layer in tied.layers)
    copied = {
        "encoder.layers.1.weight": first,
        "encoder.layers.3.weight": second,
        "decoder.layers.0.weight": second.T,
        "decoder.layers.2.weight": first.T,
    }
    loose = tree.replace(loose, copied)
    x = jnp.asarray(DIGITS[:30])
    np.testing.assert_allclose(loose(x), tied(x), atol=1e-6)

    def slopes(model: Any) -> Any:
        def loss(arrays: Any) -> Any:
            return ops.sum(ops.square(tree.replace(model, arrays)(x) - x))

        return grad(loss)(nn.parameters(model))

    one, two = slopes(tied), slopes(loose)
    for layer, (down, up) in enumerate((("1", "2"), ("3", "0"))):
        both = two[f"encoder.layers.{down}.weight"] + two[f"decoder.layers.{up}.weight"].T
        np.testing.assert_allclose(one[f"layers.{layer}.weight"], both, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [TiedAutoencoder, DenseAutoencoder])
def test_a_linear_autoencoder_becomes_principal_component_analysis(kind: Any) -> None:
    """Source: Baldi and Hornik (1989): its only minimum spans the first principal components."""
    x = DIGITS.reshape(len(DIGITS), -1)
    best = PCA(6).fit(x)
    least = float(((best.inverse_transform(best.transform(x)) - x) ** 2).mean())
    run = fit(
        kind((64,), 6, ()), x, x, loss="mean_squared_error", optimizer="lbfgs", epochs=60,
        batch_size=len(x), dev=0, progress=False,
    )  # fmt: skip
    assert least * (1 - 1e-4) < run.history.objective[-1] < 1.02 * least


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ConvolutionalAutoencoder((28, 28, 1), 8, (4, 8, 16)), "multiples of 8"),
        (lambda: ConvolutionalAutoencoder((64,), 8, (4,)), "height and width"),
        (lambda: ConvolutionalAutoencoder(SHAPE, 8, ()), "at least one convolution"),
        (lambda: DenseAutoencoder(SHAPE, 0), "out_features"),
        (lambda: VariationalAutoencoder(nn.Linear(2, 2), nn.Linear(1, 2), 0), "code_size"),
    ],
)
def test_sizes_that_cannot_be_are_refused(call: Any, said: str) -> None:
    with pytest.raises(ClearpropError, match=said):
        call()


def test_samples_are_decoded_codes_of_the_prior() -> None:
    model = VariationalAutoencoder(nn.Linear(6, 4), nn.Linear(2, 6), 2).init(0)
    key = jax.random.key(3)
    codes = jax.random.normal(key, (50, 2))
    np.testing.assert_array_equal(model.sample(key, 50), model.decode(codes))
    assert ((model.sample(key, 50) > 0) & (model.sample(key, 50) < 1)).all()
