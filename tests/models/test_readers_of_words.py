"""Text classifiers and taggers: padding has no influence at all."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, tree
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError

SHORT = jnp.array([[5, 2, 7]])
LONG = jnp.array([[5, 2, 7, 0, 0, 0, 0]])
SIZES = {"embedding_features": 4, "hidden_size": 6}


def made(kind: str) -> Any:
    if kind == "tagger":
        return models.Tagger(10, 3, **SIZES).init(0)
    return models.WordClassifier(10, 3, network=kind, widths=(2, 3), **SIZES).init(0)


@pytest.mark.parametrize("kind", ["bag", "cnn", "lstm", "tagger"])
def test_filling_up_has_no_influence(kind: str) -> None:
    model = made(kind)
    np.testing.assert_allclose(model(LONG)[:, :3], model(SHORT)[:, :3], rtol=1e-6, atol=1e-7)
    other = tree.replace(model, {"embedding.weight": model.embedding.weight.at[0].set(1e3)})
    np.testing.assert_array_equal(other(LONG)[:, :3], model(LONG)[:, :3])

    def first(w: Any) -> Any:
        return (tree.replace(model, w)(LONG)[:, :3] ** 2).sum()

    errors = jax.jit(grad(first))(nn.parameters(model))["embedding.weight"]
    assert not np.asarray(errors[0]).any()
    assert np.asarray(errors[5]).any()


@pytest.mark.parametrize("kind", ["bag", "cnn", "lstm", "tagger"])
def test_one_word_and_no_word(kind: str) -> None:
    model = made(kind)
    assert np.isfinite(model(jnp.array([[4]]))).all()
    empty = model(jnp.zeros((2, 3), jnp.int32))
    assert np.isfinite(empty).all()
    if kind != "tagger":
        np.testing.assert_array_equal(empty, np.tile(model.output.bias, (2, 1)))
    with pytest.raises(ShapeError, match="at least one token"):
        model(jnp.zeros((2, 0), jnp.int32))


def test_a_bag_knows_no_order_and_windows_do() -> None:
    turned = SHORT[:, ::-1]
    np.testing.assert_allclose(made("bag")(SHORT), made("bag")(turned), atol=1e-6)
    assert not np.allclose(made("cnn")(SHORT), made("cnn")(turned))


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'cnn'"):
        models.WordClassifier(10, 3, network="cn")
    with pytest.raises(ConfigurationError, match="hidden_size=9"):
        models.WordClassifier(10, 3, network="cnn", hidden_size=7)
    with pytest.raises(ConfigurationError, match="hidden_size=8"):
        models.WordClassifier(10, 3, network="lstm", hidden_size=7)
    with pytest.raises(ConfigurationError, match="hidden_size=6"):
        models.Tagger(10, 3, hidden_size=5)
