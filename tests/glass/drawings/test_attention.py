"""Attention maps: the weights equal recomputed ones, and the names are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import models, nn, ops
from clearprop.data import Vocabulary
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass import attention_maps
from clearprop.glass.drawings.attention import attention_of, map_of
from clearprop.nn.fields import Array

GPT = models.GPT(7, 8, 8, layers=2, heads=2, key_value_heads=1).init(0)
TOKENS = np.array([[1, 5, 2, 2, 6]])
PAIR = {"source": np.array([[4, 5, 6, 0]]), "target": np.array([[2, 7, 9]])}


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def labels(drawing: Any) -> tuple[list[str], list[str]]:
    axes = drawing.figure.axes[0]
    return (
        [tick.get_text() for tick in axes.get_yticklabels()],
        [tick.get_text() for tick in axes.get_xticklabels()],
    )


def test_maps_are_the_weights_computed_by_hand() -> None:
    block = GPT.blocks[0]
    seen = np.asarray(block.attention_norm(GPT.positions(GPT.embedding(TOKENS))))[0]
    attention = block.attention
    query, key = (
        seen @ np.asarray(layer.weight) + np.asarray(layer.bias)
        for layer in (attention.query, attention.key)
    )
    hidden = np.triu(np.full((5, 5), -np.inf), 1)
    by_hand = [softmax(query[:, h * 4 : h * 4 + 4] @ key.T / 2 + hidden) for h in range(2)]
    path, maps = map_of(GPT, TOKENS, None)
    assert path == "blocks.0.attention"
    np.testing.assert_allclose(maps, by_hand, atol=1e-5)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    drawing = attention_maps(GPT, TOKENS, vocabulary=["a", "b", " ", "d", "e", "f", "\n"])
    np.testing.assert_allclose(drawing.figure.axes[1].images[0].get_array(), by_hand[1], atol=1e-5)
    assert labels(attention_maps(GPT, TOKENS, "blocks.1.attention", vocabulary=list("abcdefg")))[
        0
    ] == ["b", "f", "c", "c", "g"]


def test_masks_count() -> None:
    bert = models.BERT(9, 8, 8, layers=1, heads=2).init(0)
    _, maps = map_of(bert, np.array([[3, 4, 0, 0]]), None)
    assert not maps[:, :, 2:].any()
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)


def test_two_sequences_keep_their_names() -> None:
    model = models.Transformer(10, 12, 8, layers=1, heads=2).init(0)
    found = attention_of(model, PAIR)
    memory = next(path for path in found if "memory" in path)
    assert found[memory].shape == (1, 2, 3, 4)
    assert not found[memory][..., 3].any()
    names = {"source": [f"s{i}" for i in range(10)], "target": [f"t{i}" for i in range(12)]}
    rows, columns = labels(attention_maps(model, PAIR, memory, vocabulary=names))
    assert (rows, columns) == (["t2", "t7", "t9"], ["s4", "s5", "s6", "s0"])
    even = {**PAIR, "target": np.array([[2, 7, 9, 1]])}
    assert labels(attention_maps(model, even, memory, vocabulary=names))[1][0] == "s4"
    encoder = next(path for path in found if path.startswith("encoder"))
    assert labels(attention_maps(model, even, encoder, vocabulary=names))[0][0] == "s4"
    with pytest.raises(ShapeError, match="no name in the vocabulary"):
        attention_maps(model, PAIR, memory, vocabulary=Vocabulary(("a", "b", "c")))


def test_a_decoder_that_looks_back_step_by_step() -> None:
    model = models.Seq2Seq(10, 12, embedding_features=4, hidden_size=8).init(0)
    path, maps = map_of(model, PAIR, None)
    assert path == "decoder"
    np.testing.assert_allclose(maps[0], model.attention(PAIR)[0], atol=1e-5)


@pytest.mark.slow
def test_where_a_captioner_looks_is_drawn_over_its_picture() -> None:
    captioner = models.Captioner((8, 16, 1), 9, channels=(4,), hidden_size=8).init(0)
    x = {"image": np.ones((1, 8, 16, 1), np.float32), "words": np.array([[2, 5]])}
    drawing = attention_maps(captioner, x, vocabulary=[f"w{i}" for i in range(9)])
    shown = [axes.images[1].get_array() for axes in drawing.figure.axes]
    np.testing.assert_allclose(shown, captioner.attention(x)[0], atol=1e-5)
    assert [axes.get_ylabel() for axes in drawing.figure.axes] == ["w2", "w5"]


class Own(nn.Module):
    """A user's own model, which computes attention without a layer."""

    layer: nn.Linear

    def __call__(self, x: Array) -> Array:
        return ops.attention(self.layer(x), x, x)


def test_a_users_own_attention_is_seen() -> None:
    model = Own(nn.Linear(3, 3)).init(0)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    (weights,) = attention_of(model, x).values()
    scores = np.asarray(model.layer(x)) @ x.swapaxes(1, 2) / np.sqrt(3)
    np.testing.assert_allclose(weights[:, 0], softmax(scores), atol=1e-5)


def test_what_does_not_attend_says_what_does() -> None:
    with pytest.raises(ModelError, match="no attention layer"):
        attention_maps(nn.Linear(2, 2).init(0), np.ones((1, 2), np.float32))
    with pytest.raises(ModelError, match=r"'blocks\.0\.attention' or 'blocks\.1\.attention'"):
        attention_maps(GPT, TOKENS, "blocks.0.feedforward")
    with pytest.raises(ConfigurationError, match=r"did you mean 'blocks\.0\.attention'"):
        attention_maps(GPT, TOKENS, "block.0.attention")
    with pytest.raises(ShapeError, match="rows of tokens"):
        attention_maps(GPT, np.ones((1, 9), np.int32))
