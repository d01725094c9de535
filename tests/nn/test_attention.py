"""Attention layers: heads, masks, positions, caches, and inputs that do not fit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.positions import rotate, sinusoidal

X = jax.random.normal(jax.random.key(0), (2, 5, 8))


def test_the_lectures_layer_is_its_formula() -> None:
    layer = nn.Attention(8, 3, 4).init(0)
    a, b, c = (part.weight for part in (layer.query, layer.key, layer.value))
    expected = jax.nn.softmax((X @ a) @ (X @ b).swapaxes(1, 2)) @ (X @ c)
    np.testing.assert_allclose(layer(X), expected, rtol=1e-5, atol=1e-6)
    scaled = nn.Attention(8, 3, 4, scaled=True).init(0)
    scores = (X @ a) @ (X @ b).swapaxes(1, 2) / np.sqrt(3)
    np.testing.assert_allclose(scaled.weights(X), jax.nn.softmax(scores), rtol=1e-5, atol=1e-7)


def test_heads_are_the_lectures_attention_side_by_side() -> None:
    layer = nn.MultiHeadAttention(8, 2, bias=False, scale=1.0).init(0)
    parts = []
    for j in range(2):
        cut = slice(4 * j, 4 * j + 4)
        a, b, c = (p.weight[:, cut] for p in (layer.query, layer.key, layer.value))
        parts.append(jax.nn.softmax((X @ a) @ (X @ b).swapaxes(1, 2)) @ (X @ c))
    z = jnp.concatenate(parts, axis=-1)
    np.testing.assert_allclose(layer(X), z @ layer.output.weight, rtol=1e-4, atol=1e-5)


def test_who_listens_hears_every_layer_and_changes_nothing() -> None:
    layer = nn.MultiHeadAttention(8, 2).init(0)
    heard: list[str] = []
    y, _ = nn.apply(layer, X, hook=lambda path, *_: heard.append(path))
    assert heard == ["query", "key", "value", "output", ""]
    np.testing.assert_allclose(y, layer(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_shared_keys_are_keys_repeated(heads: int) -> None:
    layer = nn.MultiHeadAttention(8, 4, key_value_heads=heads, causal=True).init(0)
    wide = nn.MultiHeadAttention(8, 4, causal=True).init(1)

    def repeated(part: Any) -> Any:
        weight = part.weight.reshape(8, heads, 2).repeat(4 // heads, axis=1).reshape(8, 8)
        bias = part.bias.reshape(heads, 2).repeat(4 // heads, axis=0).reshape(8)
        return wide.key.replace(weight=weight, bias=bias)

    wide = wide.replace(
        query=layer.query,
        key=repeated(layer.key),
        value=repeated(layer.value),
        output=layer.output,
    )
    np.testing.assert_allclose(layer(X), wide(X), rtol=1e-5, atol=1e-6)
    mask = jnp.arange(5) < jnp.array([[3], [5]])
    np.testing.assert_allclose(layer(X, mask=mask), wide(X, mask=mask), rtol=1e-5, atol=1e-6)
    assert layer.weights(X, mask=mask).shape == (2, 4, 5, 5)


@pytest.mark.parametrize("norm_first", [True, False])
def test_nothing_comes_from_later_places(norm_first: bool) -> None:
    block = nn.TransformerBlock(8, 2, causal=True, norm_first=norm_first).init(0)
    later = X.at[:, 3:].add(1.0)
    np.testing.assert_array_equal(block(X)[:, :3], block(later)[:, :3])
    gradient = grad(lambda x: ops.sum(block(x)[:, :3] ** 2))(X)
    np.testing.assert_array_equal(gradient[:, 3:], np.zeros((2, 2, 8)))
    assert float(jnp.abs(gradient[:, :3]).min()) > 0


def test_what_is_padded_has_no_influence() -> None:
    layer = nn.MultiHeadAttention(8, 2).init(0)
    mask = jnp.array([[True] * 5, [True, True, False, False, False]])
    other = X.at[1, 2:].set(1e6)
    np.testing.assert_array_equal(layer(X, X.copy(), mask), layer(X, other, mask))
    gradient = grad(lambda m: ops.sum(layer(X, m, mask) ** 2))(X)
    np.testing.assert_array_equal(gradient[1, 2:], np.zeros((3, 8)))


def test_what_a_memory_holds_where_it_does_not_count_may_be_anything() -> None:
    layer = nn.MultiHeadAttention(8, 2).init(0)
    mask = jnp.array([[True] * 5, [True, True, False, False, False]])

    def loss(layer: Any, memory: Any) -> Any:
        return ops.sum(layer(X, memory, mask) ** 2)

    expected = grad(loss, (0, 1))(layer, X.at[1, 2:].set(0))
    found = grad(loss, (0, 1))(layer, X.at[1, 2:].set(jnp.nan))
    assert all(map(np.array_equal, jax.tree.leaves(found), jax.tree.leaves(expected)))


def test_a_sequence_of_which_nothing_counts_gives_the_bias_and_no_gradient() -> None:
    layer = nn.MultiHeadAttention(8, 2).init(0)
    layer = layer.replace(output=layer.output.replace(bias=jnp.arange(8.0)))
    mask = jnp.array([[True] * 5, [False] * 5])
    np.testing.assert_array_equal(layer(X, mask=mask)[1], np.broadcast_to(np.arange(8.0), (5, 8)))
    gradients = grad(lambda x: ops.sum(layer(x, mask=mask) ** 2))(X)
    np.testing.assert_array_equal(gradients[1], np.zeros((5, 8)))
    assert bool(jnp.isfinite(gradients).all())


@pytest.mark.parametrize("shape", [(2, 5), (1, 5), (2, 5, 5), (2, 1, 5), (2, 4, 5, 5)])
@pytest.mark.parametrize("shared", [2, 4])
def test_masks_of_every_rank(shape: tuple[int, ...], shared: int) -> None:
    layer = nn.MultiHeadAttention(8, 4, key_value_heads=shared).init(0)
    mask = jax.random.bernoulli(jax.random.key(1), 0.6, shape)
    wide = mask.reshape(shape[0], *(1,) * (4 - len(shape)), *shape[1:])
    weights = layer.weights(X, mask=mask)
    hidden = ~np.broadcast_to(wide, weights.shape)
    np.testing.assert_array_equal(np.asarray(weights)[hidden], 0)
    assert (np.asarray(weights)[~hidden] > 0).all()


@pytest.mark.parametrize("shape", [(2, 5), (1, 5, 5), (2, 4, 5, 5)])
@pytest.mark.parametrize("shared", [4, 2])
def test_a_mask_of_numbers_is_added_to_the_scores(shape: tuple[int, ...], shared: int) -> None:
    layer = nn.MultiHeadAttention(8, 4, key_value_heads=shared, causal=True).init(0)
    added = jax.random.normal(jax.random.key(1), shape)
    wide = added.reshape(shape[0], *(1,) * (4 - len(shape)), *shape[1:])
    scores = jnp.log(layer.weights(X)) + wide
    expected = jax.nn.softmax(scores, axis=-1)
    np.testing.assert_allclose(layer.weights(X, mask=added), expected, rtol=1e-4, atol=1e-6)
    # Minus infinity hides, as False does.
    shown = jax.random.bernoulli(jax.random.key(2), 0.6, shape)
    hiding = jnp.where(shown, 0.0, -jnp.inf)
    for memory in (None, X.copy()):
        np.testing.assert_allclose(
            layer(X, memory, hiding), layer(X, memory, shown), rtol=1e-5, atol=1e-6
        )


def test_what_is_added_can_be_learned() -> None:
    layer, added = nn.MultiHeadAttention(8, 2).init(0), jnp.zeros((1, 2, 5, 5))
    slopes = grad(lambda b: ops.sum(layer(X, mask=b) ** 2))(added)
    step = jnp.zeros((1, 2, 5, 5)).at[0, 1, 3, 2].set(1e-2)
    rise = ops.sum(layer(X, mask=step) ** 2) - ops.sum(layer(X, mask=-step) ** 2)
    np.testing.assert_allclose(slopes[0, 1, 3, 2], rise / 2e-2, rtol=1e-2)
    dropping = nn.MultiHeadAttention(8, 2, dropout=0.5).init(0)
    y, _ = nn.apply(
        dropping, X, None, jnp.full((2, 5), -jnp.inf), training=True, key=jax.random.key(3)
    )
    np.testing.assert_array_equal(y, jnp.broadcast_to(dropping.output.bias, y.shape))


def test_a_mask_of_whole_numbers_is_refused() -> None:
    layer = nn.MultiHeadAttention(8, 2).init(0)
    with pytest.raises(ShapeError, match="the mask is not bool"):
        layer(X, mask=jnp.ones((2, 5), int))
    with pytest.raises(ShapeError, match="which places of the cache count"):
        layer.extend(X, layer.begin(2, 5), mask=jnp.ones((2, 5)))


@pytest.mark.parametrize("shared", [1, 2])
@pytest.mark.parametrize("rotary", [False, True])
def test_place_by_place_is_as_the_whole_at_once(shared: int, rotary: bool) -> None:
    layer = nn.MultiHeadAttention(8, 2, key_value_heads=shared, causal=True, rotary=rotary).init(0)
    cache = layer.begin(2, 7)
    parts = []
    for start, end in ((0, 2), (2, 3), (3, 5)):
        y, cache = layer.extend(X[:, start:end], cache, jnp.asarray(start))
        parts.append(y)
    np.testing.assert_allclose(jnp.concatenate(parts, axis=1), layer(X), rtol=1e-5, atol=1e-6)


def test_masked_places_of_a_cache_are_as_masked_places_of_the_whole() -> None:
    layer = nn.MultiHeadAttention(8, 2, key_value_heads=1, causal=True).init(0)
    mask = jnp.array([[True] * 5, [False, True, False, True, True]])
    first, cache = layer.extend(X[:, :3], layer.begin(2, 5), mask=mask.at[:, 3:].set(False))
    second, _ = layer.extend(X[:, 3:], cache, 3, mask)
    both = jnp.concatenate([first, second], axis=1)
    np.testing.assert_allclose(both, layer(X, mask=mask), rtol=1e-5, atol=1e-6)
    with pytest.raises(ShapeError, match="which places of the cache count"):
        layer.extend(X[:, :3], cache, mask=mask[:, :3])


@pytest.mark.parametrize(("places", "start"), [(6, 0), (3, 3), (3, jnp.asarray(3))])
def test_a_cache_is_not_written_beyond_its_end(places: int, start: Any) -> None:
    layer = nn.MultiHeadAttention(8, 2, causal=True).init(0)
    with pytest.raises(ShapeError, match="too few places"):
        layer.extend(jnp.ones((2, places, 8)), layer.begin(2, 5), start)


def test_weights_are_dropped_in_training_alone() -> None:
    layer = nn.MultiHeadAttention(8, 2, dropout=0.5).init(0)
    dropped, _ = nn.apply(layer, X, training=True, key=jax.random.key(0))
    again, _ = nn.apply(layer, X, training=True, key=jax.random.key(0))
    np.testing.assert_array_equal(dropped, again)
    assert not np.allclose(dropped, layer(X))


def test_one_example_of_one_place() -> None:
    one = X[:1, :1]
    for model in (
        nn.TransformerBlock(8, 2, causal=True),
        nn.TransformerBlock(8, 2, norm="rms", rotary=True, key_value_heads=1),
    ):
        assert model.init(0)(one).shape == (1, 1, 8)
    assert nn.DecoderBlock(8, 2).init(0)(one, X[:1]).shape == (1, 1, 8)


def test_waves_of_places() -> None:
    waves = np.asarray(sinusoidal(jnp.arange(50), 6))
    for t, i in ((0, 0), (7, 1), (49, 2)):
        angle = t / 10_000 ** (2 * i / 6)
        np.testing.assert_allclose(
            waves[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-5
        )
    np.testing.assert_allclose(nn.SinusoidalPositions(8)(X)[0], X[0] + sinusoidal(jnp.arange(5), 8))


def test_turned_products_depend_on_the_distance_alone() -> None:
    q, k = jax.random.normal(jax.random.key(2), (2, 1, 6))

    def product(at: int, other: int) -> float:
        return float((rotate(q, jnp.array([at])) * rotate(k, jnp.array([other]))).sum())

    assert product(3, 1) == pytest.approx(product(12, 10), rel=1e-4)
    assert product(3, 1) != pytest.approx(product(3, 2), rel=1e-2)


def test_learned_places_begin_anywhere() -> None:
    layer = nn.LearnedPositions(9, 8).init(0)
    np.testing.assert_array_equal(layer(X, 2), layer(X, jnp.asarray(2)))
    np.testing.assert_array_equal(layer(X, 2) - X, (X + layer.weight[2:7]) - X)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.MultiHeadAttention(8, 3),
        lambda: nn.MultiHeadAttention(8, 4, key_value_heads=3),
        lambda: nn.MultiHeadAttention(6, 2, rotary=True),
        lambda: nn.MultiHeadAttention(8, 0),
        lambda: nn.SinusoidalPositions(7),
        lambda: nn.TransformerBlock(8, 2, norm="batch"),
    ],
)
def test_sizes_that_cannot_be(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize("shape", [(5, 8), (2, 0, 8), (2, 5, 7)])
def test_inputs_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        nn.MultiHeadAttention(8, 2).init(0)(jnp.zeros(shape))


@pytest.mark.parametrize("shape", [(5,), (2, 4), (3, 5), (2, 4, 5)])
def test_masks_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="mask"):
        nn.MultiHeadAttention(8, 2).init(0)(X, mask=jnp.ones(shape, bool))


def test_more_places_than_learned() -> None:
    with pytest.raises(ShapeError, match="longer"):
        nn.LearnedPositions(4, 8).init(0)(X)
    for start in (1, jnp.asarray(1), 7):
        with pytest.raises(ShapeError, match="longer"):
            nn.LearnedPositions(5, 8).init(0)(X, start)
