"""GPT, BERT and the Transformer: published sizes, causality, padding, generation and search."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.models import (
    BERT,
    GPT,
    MaskedWords,
    TextClassifier,
    Transformer,
    beam_search,
    choose,
    generate,
)

TOKENS = jnp.array([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])


def small(**options: Any) -> GPT:
    return GPT(9, 12, 8, layers=2, heads=2, **options).init(0)


def size(model: nn.Module) -> int:
    return sum(w.size for w in nn.parameters(model).values())


def test_published_sizes() -> None:
    assert size(GPT()) == 124_439_808
    assert size(GPT(width=1024, layers=24, heads=16)) == 354_823_168
    assert size(BERT()) == 109_482_240
    assert size(BERT(width=1024, layers=24, heads=16)) == 335_141_888
    assert size(MaskedWords(BERT(pooled=False))) == 109_514_298
    assert size(TextClassifier(BERT(), 2)) == 109_483_778


FORMS: list[dict[str, Any]] = [
    {},
    {"positions": "rotary", "norm": "rms", "bias": False, "key_value_heads": 1},
    {"positions": "sinusoidal", "tied": False},
]


@pytest.mark.parametrize("form", FORMS)
def test_logits_come_from_earlier_tokens_alone(form: dict[str, Any]) -> None:
    model = small(**form)
    other = TOKENS.at[:, 3:].set(8)
    np.testing.assert_array_equal(model(TOKENS)[:, :3], model(other)[:, :3])
    assert not np.allclose(model(TOKENS)[:, 3:], model(other)[:, 3:])


@pytest.mark.parametrize("form", FORMS)
def test_texts_are_the_same_with_and_without_what_was_kept(form: dict[str, Any]) -> None:
    model = jax.tree.map(lambda x: 8 * x, small(**form))
    written = generate(model, TOKENS, 6)
    logits = jax.jit(lambda model, tokens: model(tokens))
    for t in range(5, 11):
        likeliest = jnp.argmax(logits(model, written)[:, t - 1], axis=-1)
        np.testing.assert_array_equal(written[:, t], likeliest)
    state = model.begin(2)
    kept, state = model(TOKENS[:, :2], state)
    more, state = model(TOKENS[:, 2:], state)
    both = jnp.concatenate([kept, more], axis=1)
    np.testing.assert_allclose(both, model(TOKENS), rtol=1e-4, atol=1e-4)
    assert int(state.length) == 5


def test_drawn_texts_repeat() -> None:
    model = small()
    first = generate(model, TOKENS, 6, seed=1, temperature=2.0, top_k=5, top_p=0.9)
    np.testing.assert_array_equal(
        first, generate(model, TOKENS, 6, seed=1, temperature=2.0, top_k=5, top_p=0.9)
    )
    seeded = generate(model, TOKENS, 6, seed=np.int64(1), temperature=2.0, top_k=5, top_p=0.9)
    np.testing.assert_array_equal(first, seeded)
    with pytest.raises(ConfigurationError, match="a seed is a whole number"):
        generate(model, TOKENS, 6, seed=1.5)
    assert not np.array_equal(first, generate(model, TOKENS, 6, seed=2, temperature=2.0))
    np.testing.assert_array_equal(first[:, :5], TOKENS)
    likeliest = generate(model, TOKENS, 6)
    np.testing.assert_array_equal(likeliest, generate(model, TOKENS, 6, seed=3, top_k=1))
    np.testing.assert_array_equal(likeliest, generate(model, TOKENS, 6, seed=3, temperature=0))
    np.testing.assert_array_equal(generate(model, TOKENS, 0), TOKENS)


def test_a_text_ends_where_it_should() -> None:
    model = small()
    text = np.asarray(generate(model, TOKENS, 7))
    stop = int(text[0, 6])
    ended = np.asarray(generate(model, TOKENS, 7, stop=stop))
    first = 5 + int(np.argmax(text[0, 5:] == stop))
    np.testing.assert_array_equal(ended[0, : first + 1], text[0, : first + 1])
    np.testing.assert_array_equal(ended[0, first:], stop)


def test_draws_have_their_probabilities() -> None:
    p = jnp.array([0.1, 0.5, 0.15, 0.25])
    keys = jax.random.split(jax.random.key(0), 4000)

    def shares(**options: Any) -> Any:
        draw = jax.vmap(lambda key: choose(jnp.log(p), key, **options))
        return np.bincount(np.asarray(draw(keys)), minlength=4) / len(keys)

    np.testing.assert_allclose(shares(), p, atol=0.03)
    squares = np.asarray(p) ** 2
    np.testing.assert_allclose(shares(temperature=0.5), squares / squares.sum(), atol=0.03)
    np.testing.assert_allclose(shares(top_k=2), [0, 2 / 3, 0, 1 / 3], atol=0.03)
    np.testing.assert_allclose(shares(top_p=0.7), [0, 2 / 3, 0, 1 / 3], atol=0.03)
    np.testing.assert_allclose(shares(top_p=0.01), [0, 1, 0, 0])
    np.testing.assert_allclose(shares(top_k=3, top_p=0.85), [0, 5 / 9, 1 / 6, 5 / 18], atol=0.04)


@pytest.mark.parametrize(
    ("prompt", "options", "error"),
    [
        (TOKENS[:, :0], {}, ShapeError),
        (TOKENS[0], {}, ShapeError),
        (TOKENS, {"length": 9}, ShapeError),
        (TOKENS, {"length": -1}, ConfigurationError),
        (TOKENS, {"temperature": -1.0}, ConfigurationError),
        (TOKENS, {"top_k": 0}, ConfigurationError),
        (TOKENS, {"top_p": 1.5}, ConfigurationError),
    ],
)
def test_texts_that_cannot_be(prompt: Any, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        generate(small(), prompt, **{"length": 2, "seed": 0, **options})


@pytest.mark.parametrize("shape", [(1, 0), (1, 13), (5,)])
def test_inputs_that_cannot_be_read(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        small()(jnp.zeros(shape, jnp.int32))
    with pytest.raises(ShapeError):
        BERT(9, 12, 8, layers=1, heads=2).init(0)(jnp.zeros(shape, jnp.int32))


def test_one_text_of_one_token() -> None:
    one = jnp.array([[4]])
    assert small()(one).shape == (1, 1, 9)
    assert generate(small(), one, 3).shape == (1, 4)
    with pytest.raises(ConfigurationError, match="positions"):
        GPT(9, 12, 8, layers=1, heads=2, positions="none")


def test_tied_rows_get_the_errors_of_both_uses() -> None:
    model = small()

    def loss(looked_up: Any, scoring: Any) -> Any:
        split = model.replace(
            embedding=model.embedding.replace(weight=looked_up),
            output=nn.Linear(8, 9, bias=False).init(0).replace(weight=scoring),
        )
        return ops.sum(split(TOKENS) ** 2)

    rows = model.embedding.weight
    tied = grad(lambda w: ops.sum(tree.replace(model, {"embedding.weight": w})(TOKENS) ** 2))(rows)
    looked_up, scoring = grad(loss, argnums=(0, 1))(rows, rows.T)
    np.testing.assert_allclose(tied, looked_up + scoring.T, rtol=1e-4, atol=1e-5)
    assert float(jnp.abs(looked_up).max()) > 0


def test_padding_changes_nothing() -> None:
    padded = jnp.array([[3, 1, 4, 0, 0]])
    gpt = small(padding=0)
    np.testing.assert_allclose(gpt(padded)[:, :3], gpt(padded[:, :3]), rtol=1e-5, atol=1e-6)
    bert = BERT(9, 12, 8, layers=2, heads=2).init(0)
    np.testing.assert_allclose(bert(padded)[:, :3], bert(padded[:, :3]), rtol=1e-5, atol=1e-6)
    assert bool(jnp.isfinite(bert(jnp.zeros((1, 3), jnp.int32))).all())


def test_padding_counts_nowhere_when_texts_are_read_in_pieces_either() -> None:
    model = small(padding=0, positions="rotary")
    tokens = jnp.array([[3, 0, 4, 1, 5], [0, 0, 6, 3, 5]])
    first, state = model(tokens[:, :3], model.begin(2, 5))
    second, _ = model(tokens[:, 3:], state)
    both = jnp.concatenate([first, second], axis=1)
    np.testing.assert_allclose(both, model(tokens), rtol=1e-5, atol=1e-6)
    with pytest.raises(ShapeError, match="rows of tokens"):
        model(tokens, model.begin(2, 4))
    with pytest.raises(ShapeError, match="too few places"):
        model(tokens[:, :3], state)


@pytest.mark.slow
def test_double_precision_writes_and_searches() -> None:
    with jax.enable_x64(True):
        model = GPT(9, 12, 8, layers=1, heads=2, padding=0).init(0, dtype=jnp.float64)
        prompt = jnp.array([[3, 1]], jnp.int32)
        written = generate(model, prompt, 2)
        assert int(written[0, 2]) == int(model(prompt)[0, -1].argmax())
        searcher = Transformer(9, 7, 8, layers=1, heads=2).init(0, dtype=jnp.float64)
        assert searcher.translate(prompt, 2, beams=2).tokens.shape == (1, 2, 2)


def test_berts_heads() -> None:
    bert = BERT(9, 12, 8, layers=2, heads=2)
    tokens = {"tokens": TOKENS, "segments": jnp.array([[0, 0, 1, 1, 1]] * 2)}
    words = MaskedWords(bert).init(0)
    assert words(tokens).shape == (2, 5, 9)
    assert not np.allclose(words(tokens), words(TOKENS))
    np.testing.assert_array_equal(words({"tokens": TOKENS}), words(TOKENS))
    with pytest.raises(ShapeError, match="takes tokens"):
        words({"words": TOKENS})
    assert TextClassifier(bert, 3).init(0)(TOKENS).shape == (2, 3)
    changed = words.bert(TOKENS.at[:, 4].set(8))
    assert not np.allclose(changed[:, 0], words.bert(TOKENS)[:, 0])  # it reads in both directions
    with pytest.raises(ModelError, match="pooled"):
        TextClassifier(BERT(9, 12, 8, layers=1, heads=2, pooled=False), 3)


def translator() -> Transformer:
    model = Transformer(9, 7, 8, layers=1, heads=2).init(0)
    return jax.tree.map(lambda x: 2 * x, model)


def test_a_step_of_the_transformer_is_its_whole() -> None:
    model = translator()
    source, target = TOKENS.at[1, 3:].set(0), jnp.array([[2, 5, 4, 6], [2, 3, 6, 4]])
    whole = ops.log_softmax(model({"source": source, "target": target}))
    state = model.begin(source, 4)
    for t in range(4):
        step, state = model.step(state, target[:, t])
        np.testing.assert_allclose(step, whole[:, t], rtol=1e-4, atol=1e-4)
    short = model({"source": source[1:, :3], "target": target[1:]})
    long = model({"source": source[1:], "target": target[1:]})
    np.testing.assert_allclose(short, long, rtol=1e-4, atol=1e-5)


def every_sequence(model: Transformer, source: Any, length: int, penalty: float) -> Any:
    """Try all sequences that end, and return the best one."""
    words = [w for w in range(7) if w != 3]
    found = [(*body, 3) for n in range(length) for body in itertools.product(words, repeat=n)]
    rows = np.zeros((len(found), length), np.int32)
    for row, sequence in zip(rows, found, strict=True):
        row[: len(sequence)] = sequence
    inputs = np.concatenate([np.full((len(rows), 1), 2), rows[:, :-1]], axis=1)
    # The input after the end is tokens instead of padding; it has no effect.
    sources = np.repeat(np.asarray(source), len(rows), axis=0)
    model = model.replace(padding=-1)
    p = np.asarray(ops.log_softmax(model({"source": jnp.asarray(sources), "target": inputs})))
    picked = np.take_along_axis(p, rows[..., None], axis=2)[..., 0]
    lengths = np.array([len(sequence) for sequence in found])
    scores = (picked * (np.arange(length) < lengths[:, None])).sum(1) / lengths**penalty
    best = int(scores.argmax())
    return found[best], scores[best]


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_search_finds_the_best_of_all(penalty: float) -> None:
    model = translator()
    found = model.translate(TOKENS[:1], 3, beams=49, penalty=penalty)
    best, score = every_sequence(model, TOKENS[:1], 3, penalty)
    length = int(found.lengths[0, 0])
    assert tuple(found.tokens[0, 0, :length].tolist()) == best
    assert float(found.scores[0, 0]) == pytest.approx(score, rel=1e-4)
    ended = found.scores[0][jnp.isfinite(found.scores[0])]
    assert bool((jnp.diff(ended[:10]) <= 0).all())


def test_one_beam_is_greedy() -> None:
    model = translator()
    found = jax.jit(lambda model, source: model.translate(source, 6, beams=1))(model, TOKENS)
    for row, (tokens, length) in enumerate(
        zip(found.tokens[:, 0], found.lengths[:, 0], strict=True)
    ):
        target = [2]
        for _ in range(6):
            inputs = {"source": TOKENS[row : row + 1], "target": jnp.array([target])}
            target.append(int(model(inputs)[0, -1].argmax()))
            if target[-1] == 3:
                break
        assert target[1:] == tokens[: int(length)].tolist()


def test_searches_that_cannot_be() -> None:
    def step(state: Any, tokens: Any) -> Any:
        return jnp.zeros((3, 4)), state

    with pytest.raises(ConfigurationError, match="beams"):
        beam_search(step, {}, batch=1, length=3, beams=0)
    with pytest.raises(ConfigurationError, match="penalty"):
        beam_search(step, {}, batch=1, length=3, penalty=-1.0)
    with pytest.raises(ShapeError, match="row"):
        beam_search(step, jnp.zeros((2, 3)), batch=1, length=3)
    with pytest.raises(ShapeError, match="step must return"):
        beam_search(step, {}, batch=1, length=3)
    with pytest.raises(ShapeError, match="rows of tokens"):
        translator().begin(TOKENS[:, :0], 3)
    pairs = ({"source": TOKENS[:, :0], "target": TOKENS}, {"source": TOKENS}, TOKENS)
    for pair in (*pairs, {"source": TOKENS, "target": TOKENS[:1]}):
        with pytest.raises(ShapeError, match="a source and a target"):
            translator()(pair)


def test_models_go_to_plain_data_and_back() -> None:
    for model in (small(), translator(), BERT(9, 12, 8, layers=1, heads=2).init(0)):
        again = nn.from_structure(nn.to_structure(model))
        assert nn.parameters(again).keys() == nn.parameters(model).keys()
