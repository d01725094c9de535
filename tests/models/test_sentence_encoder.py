"""Sentences as vectors: their mean counts the tokens of the sentence alone."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from clearprop import nn, ops
from clearprop.autodiff import check_gradients
from clearprop.models import BERT, SentenceEncoder

TOKENS = jnp.array([[3, 1, 4], [5, 9, 2]], jnp.int32)


def encoder(padding: int | None = 0) -> SentenceEncoder:
    bert = BERT(11, 8, 6, layers=1, heads=2, pooled=False, padding=padding)
    return SentenceEncoder(bert).init(0)


def test_tokens_that_fill_a_sentence_change_nothing() -> None:
    model = encoder()
    filled = jnp.pad(TOKENS, ((0, 0), (0, 4)))
    np.testing.assert_allclose(model(filled), model(TOKENS), atol=1e-6)
    everything = encoder(padding=None)
    assert not np.allclose(everything(filled), everything(TOKENS), atol=1e-3)


def test_the_mean_of_the_vectors_with_length_one() -> None:
    model = encoder()
    mean = np.asarray(model.bert(TOKENS)).mean(axis=1)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(model({"tokens": TOKENS}), expected, atol=1e-6)


def test_its_gradient() -> None:
    model = encoder()
    larger = 5 * model.bert.words.weight
    pull = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6)), jnp.float32)

    def loss(words: jnp.ndarray) -> jnp.ndarray:
        bert = model.bert.replace(words=model.bert.words.replace(weight=words))
        return ops.sum(SentenceEncoder(bert)(TOKENS) * pull)

    check_gradients(loss, larger)
    assert nn.is_initialized(model)
