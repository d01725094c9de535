"""A language model that continues from its state."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models
from clearprop.errors import ConfigurationError, ShapeError

TOKENS = jnp.array([[3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8]])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_reading_in_pieces_is_reading_at_once(cell: str) -> None:
    model = models.RecurrentLanguageModel(
        10, cell=cell, embedding_features=4, hidden_size=6, layers=2
    ).init(0)
    first, state = model(TOKENS[:, :1], model.begin(2))
    rest, _ = model(TOKENS[:, 1:], state)
    whole = model(TOKENS)
    np.testing.assert_allclose(jnp.concatenate([first, rest], axis=1), whole, atol=1e-6)


def test_it_writes_a_text() -> None:
    model = models.RecurrentLanguageModel(10, embedding_features=4, hidden_size=6).init(0)
    text = models.generate(model, TOKENS[:1], 5, seed=0)
    assert text.shape == (1, 11)
    np.testing.assert_array_equal(text, models.generate(model, TOKENS[:1], 5, seed=0))
    likely = models.generate(model, TOKENS[:1], 1)
    assert int(likely[0, -1]) == int(jnp.argmax(model(TOKENS[:1])[0, -1]))


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_its_state_has_the_precision_of_its_weights(dtype: str) -> None:
    with jax.enable_x64(True):
        model = models.RecurrentLanguageModel(10, embedding_features=4, hidden_size=6)
        model = model.init(0, dtype=dtype)
        logits, state = model(TOKENS[:, :2], model.begin(2))
        assert {leaf.dtype for leaf in (logits, *state)} == {jnp.dtype(dtype)}


def test_what_it_does_not_take() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'lstm'"):
        models.RecurrentLanguageModel(10, cell="lstn")
    model = models.RecurrentLanguageModel(10, embedding_features=4, hidden_size=6).init(0)
    with pytest.raises(ShapeError, match="rows of tokens"):
        model(TOKENS[0])
    with pytest.raises(ShapeError, match="at least one token"):
        model(TOKENS[:, :0])
