"""The captioner: from a picture to words."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models.captioner import Captioner
from clearprop.models.transcription import transcribe


def some_digits() -> dict[str, Any]:
    """Return two pictures of three handwritten digits side by side, and words about them."""
    digits = np.asarray(data.load("digits").inputs)[:6].astype(np.float32) / 16
    rows = np.concatenate(digits.reshape(2, 3, 8, 8).transpose(0, 2, 1, 3), axis=0)
    return {
        "image": jnp.asarray(rows.reshape(2, 8, 24, 1)),
        "words": jnp.array([[2, 4, 5, 6], [2, 7, 8, 9]]),
    }


def small(dtype: Any = jnp.float32) -> Captioner:
    model = Captioner((8, 24, 1), 14, channels=(4, 6), embedding_features=5, hidden_size=8)
    return model.init(0, dtype=dtype)


def objective(model: Captioner, x: dict[str, Any]) -> Any:
    return ops.mean(ops.softmax_cross_entropy(model(x), jnp.flip(x["words"], axis=1)))


@pytest.mark.slow
def test_gradients_are_those_of_jax() -> None:
    with jax.enable_x64(True):
        model = small(jnp.float64)
        x = some_digits()
        x["image"] = x["image"].astype(jnp.float64)
        own = nn.parameters(jax.jit(grad(objective))(model, x))
        theirs = nn.parameters(jax.jit(jax.grad(objective))(model, x))
        for path, gradient in own.items():
            np.testing.assert_allclose(gradient, theirs[path], rtol=1e-8, atol=1e-12)
            assert np.abs(gradient).max() > 0, path


def test_step_by_step_is_what_is_trained() -> None:
    model, x = small(), some_digits()
    taught = jax.nn.log_softmax(jax.jit(lambda model, x: model(x))(model, x))
    state = jax.jit(lambda model, image: model.begin(image))(model, x["image"])
    step = jax.jit(lambda model, state, tokens: model.step(state, tokens))
    for place in range(4):
        told, state = step(model, state, x["words"][:, place])
        np.testing.assert_allclose(told, taught[:, place], rtol=1e-5, atol=1e-6)


def test_each_word_looks_at_the_whole_picture() -> None:
    looked = np.asarray(jax.jit(lambda model, x: model.attention(x))(small(), some_digits()))
    assert looked.shape == (2, 4, 2, 6)
    np.testing.assert_allclose(looked.sum((2, 3)), 1, rtol=1e-6)


def test_equal_things_at_two_places_are_told_apart() -> None:
    model = small()
    x = {"image": jnp.ones((1, 8, 24, 1)), "words": jnp.array([[2]])}
    values = model.begin(x["image"]).memory.values
    middle = np.asarray(values)[0, 2:4]  # far from the border
    assert np.abs(middle[0] - middle[1]).max() > 0


def test_it_writes_alike_alone_and_among_many() -> None:
    model, images = small(), some_digits()["image"]
    many = transcribe(model, images, length=6, beams=2)
    assert transcribe(model, images[1:], length=6, beams=2) == many[1:]


@pytest.mark.parametrize(
    "change",
    [
        {"image": jnp.ones((2, 8, 25, 1))},
        {"image": jnp.ones((2, 8, 24, 3))},
        {"image": jnp.ones((3, 8, 24, 1))},
        {"words": jnp.ones((2, 4))},
        {"sound": jnp.ones((2, 4))},
    ],
    ids=["size", "channels", "batch", "no words", "another name"],
)
def test_other_inputs_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ShapeError, match="pictures of 8 x 24 x 1"):
        small()({**some_digits(), **change})


def test_a_picture_of_another_size_is_refused_when_nothing_is_taught() -> None:
    with pytest.raises(ShapeError, match="pictures of 8 x 24 x 1"):
        transcribe(small(), jnp.ones((1, 8, 26, 1)), length=4)


def test_pictures_can_be_too_small() -> None:
    with pytest.raises(ConfigurationError, match="too small for so many") as caught:
        Captioner((8, 24, 1), 14, channels=(4, 6, 8, 8))
    assert "fewer channels" in str(caught.value)


def test_odd_sizes_lose_the_rest_of_a_division_by_two() -> None:
    model = Captioner((9, 25, 1), 14, channels=(4, 6), hidden_size=8).init(0)
    x = {"image": jnp.ones((1, 9, 25, 1)), "words": jnp.array([[2]])}
    assert model.attention(x).shape == (1, 1, 2, 6)
