"""Sequence to sequence: padding has no influence, single steps, and errors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models.attentive_decoder import AttentiveDecoder
from clearprop.models.seq2seq import Seq2Seq
from clearprop.models.transcription import transcribe
from clearprop.nn.structure import from_structure, to_structure

KINDS = ["dot", "additive"]
PAIR = {
    "source": jnp.array([[5, 4, 3, 6], [7, 3, 0, 0]]),
    "target": jnp.array([[2, 9, 8], [2, 5, 0]]),
}


def small(attention: str = "dot", dtype: Any = jnp.float32, **options: Any) -> Seq2Seq:
    model = Seq2Seq(10, 11, embedding_features=5, hidden_size=8, attention=attention, **options)
    return model.init(1, dtype=dtype)


def objective(model: Seq2Seq, x: dict[str, Any]) -> Any:
    """Return the loss of the positions that count; the target is the input in reverse order."""
    labels = jnp.flip(x["target"], axis=1)
    losses = ops.softmax_cross_entropy(model(x), labels)
    return ops.sum(ops.where(x["target"] > 0, losses, 0.0))


answers = jax.jit(lambda model, x: model(x))
looks = jax.jit(lambda model, x: model.attention(x))
own_gradients = jax.jit(grad(objective))


# --- truth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", KINDS)
def test_gradients_are_those_of_jax(attention: str) -> None:
    with jax.enable_x64(True):
        model = small(attention, jnp.float64)
        own = nn.parameters(own_gradients(model, PAIR))
        theirs = nn.parameters(jax.jit(jax.grad(objective))(model, PAIR))
        for path, gradient in own.items():
            np.testing.assert_allclose(gradient, theirs[path], rtol=1e-9, atol=1e-13)
            assert np.abs(gradient).max() > 0, path


@pytest.mark.parametrize("attention", KINDS)
def test_step_by_step_is_what_is_trained(attention: str) -> None:
    model = small(attention)
    taught = jax.nn.log_softmax(answers(model, PAIR))
    state = jax.jit(lambda model, source: model.begin(source))(model, PAIR["source"])
    step = jax.jit(lambda model, state, tokens: model.step(state, tokens))
    for place in range(3):
        told, state = step(model, state, PAIR["target"][:, place])
        np.testing.assert_allclose(told, taught[:, place], rtol=1e-5, atol=1e-6)


def test_where_it_looks_sums_to_one_over_what_is_there() -> None:
    looked = np.asarray(looks(small(), PAIR))
    np.testing.assert_allclose(looked.sum(-1), 1, rtol=1e-6)
    assert (looked[1, :, 2:] == 0).all()
    assert (looked[0] > 0).all()


def test_dropout_is_for_training_only() -> None:
    model = small(dropout=0.5)
    np.testing.assert_array_equal(answers(model, PAIR), answers(small(), PAIR))
    training = jax.jit(lambda key: nn.apply(model, PAIR, training=True, key=key)[0])
    first, second = (np.asarray(training(jax.random.key(seed))) for seed in range(2))
    assert np.abs(first - second).max() > 1e-4


# --- filling up ----------------------------------------------------------------------------------


def filled(x: dict[str, Any], by: int) -> dict[str, Any]:
    return {name: jnp.pad(tokens, ((0, 0), (0, by))) for name, tokens in x.items()}


def test_filling_up_changes_nothing() -> None:
    with jax.enable_x64(True):
        model = small("additive", jnp.float64)
        found = answers(model, filled(PAIR, 3))
        np.testing.assert_allclose(found[:, :3], answers(model, PAIR), rtol=1e-12)
        alone = {"source": jnp.array([[7, 3]]), "target": jnp.array([[2, 5]])}
        np.testing.assert_allclose(found[1:, :2], answers(model, alone), rtol=1e-12)


def test_what_fills_up_has_no_influence_at_all() -> None:
    model = small()
    table = model.embedding.weight
    other = tree.replace(model, {"embedding.weight": table.at[0].set(1e6)})
    np.testing.assert_array_equal(answers(other, PAIR), answers(model, PAIR))
    gradients = nn.parameters(own_gradients(model, PAIR))
    assert (np.asarray(gradients["embedding.weight"])[0] == 0).all()
    assert (np.asarray(gradients["decoder.embedding.weight"])[0] == 0).all()


def test_later_tokens_do_not_reach_back() -> None:
    model = small()
    other = {**PAIR, "target": PAIR["target"].at[:, 2].set(4)}
    np.testing.assert_array_equal(answers(model, other)[:, :2], answers(model, PAIR)[:, :2])


def test_a_source_of_nothing_but_filling_is_read_as_nothing() -> None:
    x = {**PAIR, "source": PAIR["source"].at[1].set(0)}
    model = small()
    assert (np.asarray(looks(model, x))[1] == 0).all()
    assert np.isfinite(answers(model, x)).all()
    gradients = nn.parameters(own_gradients(model, x))
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())


# --- left to itself ------------------------------------------------------------------------------


def test_it_writes_alike_alone_and_among_many() -> None:
    model = small()
    source = np.random.default_rng(0).integers(0, 10, (300, 4)).astype(np.int32)
    many = transcribe(model, source, length=6)
    assert len(many) == 300
    assert [transcribe(model, source[[i]], length=6)[0] for i in (0, 299)] == [many[0], many[299]]
    assert all(len(answer) <= 6 and 3 not in answer for answer in many)
    assert transcribe(model, source[:0], length=6) == []


def test_beams_find_what_is_at_least_as_likely() -> None:
    ending = nn.parameters(small())["decoder.output.bias"].at[3].set(0.5)
    model = tree.replace(small(), {"decoder.output.bias": ending})
    source = np.random.default_rng(1).integers(1, 10, (20, 4)).astype(np.int32)

    def likelihoods(found: list[list[int]]) -> list[float]:
        tokens = np.array([[2, *row, *[0] * (6 - len(row))][:6] for row in found])
        chances = jax.nn.log_softmax(answers(model, {"source": source, "target": tokens}))
        rows = [[*row, 3] for row in found]
        return [
            float(np.mean([chances[i, t, k] for t, k in enumerate(row)]))
            for i, row in enumerate(rows)
        ]

    greedy = transcribe(model, source, length=6)
    searched = transcribe(model, source, length=6, beams=8)
    ended = [row for row in range(20) if len(greedy[row]) < 6]
    assert ended
    before, after = (likelihoods([row[:5] for row in found]) for found in (greedy, searched))
    assert all(after[row] >= before[row] - 1e-5 for row in ended)


@pytest.mark.parametrize("numbers", [{"length": 0}, {"length": 3, "beams": 0}])
def test_nothing_is_written_in_no_steps_or_beams(numbers: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="is out of range"):
        transcribe(small(), np.ones((1, 3), np.int32), **numbers)


# --- what it cannot take -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        PAIR["source"],
        {"source": PAIR["source"]},
        {**PAIR, "source": PAIR["source"][:, :0]},
        {**PAIR, "target": PAIR["target"][:1]},
        {**PAIR, "source": PAIR["source"].astype(jnp.float32)},
        {**PAIR, "source": PAIR["source"][0]},
    ],
    ids=["one array", "one name", "no place", "other batch", "no tokens", "no batch"],
)
def test_other_inputs_are_refused(x: Any) -> None:
    with pytest.raises(ShapeError, match="a source and a target"):
        small()(x)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="the two directions") as caught:
        Seq2Seq(10, 11, hidden_size=7)
    assert caught.value.fix == "hidden_size=8"
    with pytest.raises(ConfigurationError, match="did you mean 'additive'"):
        Seq2Seq(10, 11, attention="addititve")


def test_a_decoder_needs_a_memory_and_a_beginning() -> None:
    decoder = AttentiveDecoder(9, 6, 6, embedding_features=4, hidden_size=8).init(0)
    with pytest.raises(ShapeError, match="batch of sequences"):
        decoder.begin(jnp.ones((2, 0, 6)), jnp.ones((2, 0), bool), jnp.ones((2, 6)))
    state = decoder.begin(jnp.ones((2, 1, 6)), jnp.ones((2, 1), bool), jnp.ones((2, 6)))
    with pytest.raises(ShapeError, match="at least one token"):
        decoder(jnp.zeros((2, 0), int), state)


@pytest.mark.parametrize("attention", KINDS)
def test_it_can_be_written_down_and_read_back(attention: str) -> None:
    model = small(attention)
    read = from_structure(to_structure(model))
    again = tree.replace(read, nn.parameters(model))
    np.testing.assert_array_equal(answers(again, PAIR), answers(model, PAIR))
