"""What happens along a sequence, against passes that are changed by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.attention import attention_of
from clearprop.studio.models import attentions, sequence
from clearprop.studio.models.sequence import sequence_frame
from tests.studio.models.conftest import ALPHABET, WINDOW, Seen, of_text, read


class Masked(nn.Module):
    """A model with attention that does not see the letter d."""

    embedding: nn.Embedding
    attention: nn.MultiHeadAttention
    output: nn.Linear

    def __init__(self, causal: bool) -> None:
        self.embedding = nn.Embedding(len(ALPHABET), 8)
        self.attention = nn.MultiHeadAttention(8, 2, causal=causal)
        self.output = nn.Linear(8, len(ALPHABET))

    def __call__(self, x: Any) -> Any:
        return self.output(self.attention(self.embedding(x), mask=x != ALPHABET.index("d")))


class Added(Masked):
    """A model whose attention adds numbers to the scores, minus infinity at the letter d."""

    def __call__(self, x: Any) -> Any:
        hidden = ops.where(x != ALPHABET.index("d"), 0.0, -jnp.inf)
        distance = jnp.abs(jnp.arange(x.shape[1])[:, None] - jnp.arange(x.shape[1]))
        added = hidden[:, None] - 0.5 * distance
        return self.output(self.attention(self.embedding(x), mask=added))


NAMES = tuple(letter.replace(" ", "␣") for letter in ALPHABET)


def test_tokens_targets_and_probabilities(gpt: Seen, lstm: Seen) -> None:
    for network in (gpt, lstm):
        seen = network.seen(example=2)
        frame = read(sequence_frame(seen))
        tokens = network.viewer.opened(network.source).subject
        assert frame.header["tokens"] == [NAMES[k] for k in tokens.inputs[2]]
        last = WINDOW - 1
        assert (frame.header["place"], frame.header["target"]) == (last, tokens.targets[2, last])
        assert frame.header["classes"] == list(NAMES)
        chances = frame.arrays["probability"]
        assert chances.shape == (WINDOW, len(ALPHABET))
        np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
        # dE/dlogit of a mean of cross-entropies is (probability - one-hot) / T.
        one_hot = np.eye(len(ALPHABET))[tokens.targets[2]]
        expected = (chances - one_hot) / WINDOW
        np.testing.assert_allclose(frame.arrays["logit_error"], expected, atol=1e-6)


def test_the_weights_of_every_head(gpt: Seen) -> None:
    seen = gpt.seen(example=0)
    frame = read(sequence_frame(seen))
    expected = attention_of(seen.opened.model, np.asarray(seen.aim.x))
    assert [a["path"] for a in frame.header["attentions"]] == list(expected)
    for k, weights in enumerate(expected.values()):
        shown = frame.arrays[f"attention.{k}"]
        assert shown.shape == (2, WINDOW, WINDOW)
        np.testing.assert_allclose(shown, weights[0], atol=1e-6)
        np.testing.assert_allclose(shown.sum(axis=-1), 1, rtol=1e-5)
        hidden = np.triu(np.ones((WINDOW, WINDOW), bool), 1)
        assert not frame.arrays[f"attention_error.{k}"][:, hidden].any()


def test_the_error_signal_of_a_weight_is_how_the_output_changes_with_it(gpt: Seen) -> None:
    seen = gpt.seen(example=0)
    frame = read(sequence_frame(seen))
    weights = seen.glass[frame.header["attentions"][1]["node"]]
    output = weights.siblings[0]
    _, _, value = (jnp.asarray(v) for v in output.input_values[:3])

    def objective(given: Any) -> Any:
        return ops.sum(ops.matmul(given, value) * output.error)

    expected = np.asarray(cp.grad(objective)(weights.value))[0]
    expected = np.where(np.asarray(weights.value)[0] == 0, 0, expected)
    np.testing.assert_allclose(frame.arrays["attention_error.1"], expected, atol=1e-7)


def test_a_weight_that_is_too_small_for_a_float_has_an_error_signal_all_the_same() -> None:
    gpt = of_text(cp.models.GPT(len(ALPHABET), 10, 8, layers=1, heads=2))
    model: Any = gpt.viewer.opened(gpt.source).model
    query = nn.layer_at(model, "blocks.0.attention.query")
    steep = jax.tree.map(lambda weight: 1e4 * weight, query)
    network = of_text(nn.replace_layer(model, "blocks.0.attention.query", steep), init=False)
    frame = read(sequence_frame(network.seen(example=0)))
    weights, errors = frame.arrays["attention.0"], frame.arrays["attention_error.0"]
    shown = np.tri(WINDOW, dtype=bool)
    lost = shown & (weights == 0)
    assert lost.any()
    assert (errors[lost] != 0).all()
    assert not errors[:, ~shown].any()


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_added_to_the_scores_is_shown_with_them(causal: bool) -> None:
    frame = read(sequence_frame(of_text(Added(causal)).seen(text="abdcab")))
    (about,) = frame.header["attentions"]
    scores = frame.arrays["query.0"] @ frame.arrays["key.0"].swapaxes(1, 2) * about["scale"]
    scores = np.where(frame.arrays["seen.0"], scores + frame.arrays["added.0"], -np.inf)
    np.testing.assert_allclose(frame.arrays["attention.0"], jax.nn.softmax(scores), atol=1e-6)
    assert (frame.arrays["attention.0"][:, :, 2] == 0).all()
    assert not frame.arrays["attention_error.0"][:, :, 2].any()


@pytest.mark.parametrize("causal", [False, True])
def test_a_key_that_the_mask_hides_has_no_error_signal(causal: bool) -> None:
    frame = read(sequence_frame(of_text(Masked(causal)).seen(text="abdcab")))
    errors = frame.arrays["attention_error.0"][:, :5]  # nothing is compared at the last place
    shown = np.array([letter != "d" for letter in "abdcab"]) & (
        np.tri(5, 6, dtype=bool) if causal else True
    )
    np.testing.assert_array_equal(errors != 0, np.broadcast_to(shown, (2, 5, 6)))
    np.testing.assert_array_equal(frame.arrays["seen.0"][:, :5], np.broadcast_to(shown, (2, 5, 6)))


def test_the_states_of_an_lstm_and_their_error_signals(lstm: Seen) -> None:
    seen = lstm.seen(example=1)
    frame = read(sequence_frame(seen))
    assert [(r["path"], r["depth"]) for r in frame.header["recurrent"]] == [
        ("recurrent", 0),
        ("recurrent", 1),
    ]
    model: Any = seen.opened.model
    embedded = model.embedding(jnp.asarray(np.asarray(seen.aim.x)))
    for depth in range(2):
        states, gates = model.recurrent.watch(embedded, layer=depth)
        for name, expected in {**states._asdict(), **gates._asdict()}.items():
            shown = frame.arrays[f"{name}.{depth}"]
            assert shown.shape == (WINDOW, 5)
            np.testing.assert_allclose(shown, np.asarray(expected)[0], atol=1e-6)


def test_the_error_signals_of_gates_are_derivatives_by_the_gates(lstm: Seen) -> None:
    """A step of the upper LSTM is computed by hand from a changed gate on, to the end."""
    seen = lstm.seen(example=1)
    frame = read(sequence_frame(seen))
    model: Any = seen.opened.model
    y = np.asarray(seen.aim.y)
    embedded = model.embedding(jnp.asarray(np.asarray(seen.aim.x)))
    below = model.recurrent.watch(embedded, layer=0)[0].hidden[0]
    cell, loss = model.recurrent.cells[1], nn.find_loss("cross_entropy")

    def objective(step: int, name: str, change: Any) -> Any:
        state = cell.zero_state(1)
        losses = []
        for t in range(WINDOW):
            state, gates = cell.look(cell.project(below[t : t + 1]), state_before := state)
            if t == step:
                parts = gates._asdict()
                if name in parts:
                    parts[name] = parts[name] + change
                inner = parts["forget"] * state_before.cell + parts["input"] * parts["candidate"]
                inner = inner + change if name == "cell" else inner
                hidden = parts["output"] * ops.tanh(inner)
                hidden = hidden + change if name == "hidden" else hidden
                state = type(state)(hidden, inner)
            losses.append(loss(model.output(state.hidden), y[0, t : t + 1]))
        return sum(losses) / WINDOW

    for step in (0, 3, WINDOW - 1):
        for name in ("hidden", "cell", "input", "forget", "candidate", "output"):
            zero = jnp.zeros((1, 5))
            expected = cp.grad(lambda c, s=step, n=name: objective(s, n, c))(zero)
            shown = frame.arrays[f"{name}_error.1"][step]
            np.testing.assert_allclose(shown, np.asarray(expected)[0], atol=2e-7, err_msg=name)


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_other_cells(cell: str) -> None:
    model = cp.models.RecurrentLanguageModel(
        len(ALPHABET), cell=cell, embedding_features=3, hidden_size=4
    )
    network = of_text(model)
    seen = network.seen(example=0)
    frame = read(sequence_frame(seen))
    (shown,) = frame.header["recurrent"]
    expected = {"gru": {"reset", "update", "candidate", "hidden"}, "rnn": {"hidden"}}[cell]
    assert set(shown["names"]) == expected
    through = seen.glass.through_time("recurrent")
    np.testing.assert_allclose(frame.arrays["hidden_error.0"], np.asarray(through.errors[0])[:, 0])
    np.testing.assert_allclose(frame.arrays["hidden.0"], np.asarray(through.values[0])[:, 0], 1e-5)


@pytest.mark.parametrize("reset", ["after", "before"])
def test_the_error_signals_of_the_gates_of_a_gru(reset: str) -> None:
    """The steps of a GRU are computed by hand from a changed gate on, to the end."""
    model = cp.models.RecurrentLanguageModel(
        len(ALPHABET), cell="gru", embedding_features=3, hidden_size=4
    )
    model = nn.replace_layer(model, "recurrent", nn.GRU(3, 4, reset=reset))
    seen = of_text(model).seen(example=1)
    frame = read(sequence_frame(seen))
    (shown,) = frame.header["recurrent"]
    assert shown["form"] == reset
    made: Any = seen.opened.model
    y = np.asarray(seen.aim.y)
    x = made.embedding(jnp.asarray(np.asarray(seen.aim.x)))[0]
    cell, loss = made.recurrent.cells[0], nn.find_loss("cross_entropy")
    weight, H = cell.recurrent_weight, 4

    def objective(step: int, name: str, change: Any) -> Any:
        h, losses = jnp.zeros((1, H)), []
        for t in range(WINDOW):
            a, b = cell.project(x[t : t + 1]), ops.matmul(h, weight)
            add = {n: change if (t, n) == (step, name) else 0.0 for n in shown["names"]}
            r = ops.sigmoid(a[:, :H] + b[:, :H]) + add["reset"]
            z = ops.sigmoid(a[:, H : 2 * H] + b[:, H : 2 * H]) + add["update"]
            if reset == "after":
                inner = r * (b[:, 2 * H :] + cell.candidate_bias)
            else:
                inner = ops.matmul(r * h, weight[:, 2 * H :])
            n = ops.tanh(a[:, 2 * H :] + inner) + add["candidate"]
            h = (1 - z) * n + z * h + add["hidden"]
            losses.append(loss(made.output(h), y[0, t : t + 1]))
        return sum(losses) / WINDOW

    for step in (0, 3, WINDOW - 1):
        for name in ("reset", "update", "candidate", "hidden"):
            expected = cp.grad(lambda c, s=step, n=name: objective(s, n, c))(jnp.zeros((1, H)))
            found = frame.arrays[f"{name}_error.0"][step]
            np.testing.assert_allclose(found, np.asarray(expected)[0], atol=2e-7, err_msg=name)


def test_gates_are_functions_of_the_sums_that_are_shown(lstm: Seen) -> None:
    frame = read(sequence_frame(lstm.seen(example=1)))
    for k in range(2):
        total = frame.arrays[f"from_input.{k}"] + frame.arrays[f"from_hidden.{k}"]
        parts = np.split(total, 4, axis=1)
        for name, part in zip(("input", "forget", "candidate", "output"), parts, strict=True):
            value = np.tanh(part) if name == "candidate" else 1 / (1 + np.exp(-part))
            np.testing.assert_allclose(frame.arrays[f"{name}.{k}"], value, atol=2e-6)


def test_the_error_signal_of_a_state_is_that_from_above_and_from_the_next_step(lstm: Seen) -> None:
    """dE/dh_t = part from above + (error signals of the sums of the next step) U^T."""
    seen = lstm.seen(example=1, position=5)
    frame = read(sequence_frame(seen))
    model: Any = seen.opened.model
    for k, cell in enumerate(model.recurrent.cells):
        gates = {n: frame.arrays[f"{n}.{k}"] for n in ("input", "forget", "candidate", "output")}
        slopes = {n: 1 - g * g if n == "candidate" else g * (1 - g) for n, g in gates.items()}
        errors = [frame.arrays[f"{n}_error.{k}"] * slope for n, slope in slopes.items()]
        sums = np.concatenate(errors, axis=1)
        later = np.zeros_like(frame.arrays[f"hidden.{k}"])
        later[:-1] = sums[1:] @ np.asarray(cell.recurrent_weight).T
        total = frame.arrays[f"direct.{k}"] + later
        np.testing.assert_allclose(frame.arrays[f"hidden_error.{k}"], total, atol=1e-7)
    assert not frame.arrays["direct.1"][:5].any()
    assert frame.arrays["direct.1"][5].any()


def test_a_layer_with_peepholes_is_shown_without_the_errors_of_its_gates() -> None:
    model = cp.models.RecurrentLanguageModel(
        len(ALPHABET), cell="lstm", embedding_features=3, hidden_size=4
    )
    seen = of_text(nn.replace_layer(model, "recurrent", nn.LSTM(3, 4, peepholes=True))).seen(
        example=1
    )
    frame = read(sequence_frame(seen))
    assert set(frame.header["recurrent"][0]["names"]) >= {"input", "forget", "cell", "hidden"}
    assert "forget_error.0" not in frame.arrays
    assert "from_input.0" not in frame.arrays
    layer: Any = nn.layer_at(seen.opened.model, "recurrent")
    embedded = nn.layer_at(seen.opened.model, "embedding")
    _, gates = layer.watch(embedded(jnp.asarray(np.asarray(seen.aim.x))))
    np.testing.assert_allclose(frame.arrays["forget.0"], np.asarray(gates.forget)[0], atol=1e-6)


def test_the_weights_are_the_softmax_of_queries_and_keys(gpt: Seen) -> None:
    frame = read(sequence_frame(gpt.seen(example=3)))
    for k, one in enumerate(frame.header["attentions"]):
        assert one["causal"]
        assert one["scale"] == pytest.approx(4**-0.5)
        query, key = frame.arrays[f"query.{k}"], frame.arrays[f"key.{k}"]
        scores = one["scale"] * query @ np.swapaxes(key, 1, 2)
        scores = np.where(np.tri(WINDOW, dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(frame.arrays[f"attention.{k}"], weights, atol=1e-6)


def test_the_error_signals_of_weights_by_finite_differences(gpt: Seen) -> None:
    """The loss of a pass in which one weight of the last block is changed, and nothing else."""
    seen = gpt.seen(example=2, position=5)
    frame = read(sequence_frame(seen))
    model: Any = seen.opened.model
    blocks = model.blocks
    x, y = jnp.asarray(np.asarray(seen.aim.x)), jnp.asarray(seen.aim.y)
    before = model.embedding(x)
    before = before + model.positions.weight[: x.shape[1]]
    for block in blocks[:-1]:
        before = block(before)
    block = blocks[-1]
    attention, loss = block.attention, nn.find_loss("sequence_cross_entropy")
    given = block.attention_norm(before)
    value = attention.value(given).reshape(1, WINDOW, 2, 4).transpose(0, 2, 1, 3)
    weights = frame.arrays["attention.1"]

    def objective(changed: Any) -> float:
        mixed = jnp.matmul(jnp.asarray(changed)[None], value)
        joined = mixed.transpose(0, 2, 1, 3).reshape(1, WINDOW, 8)
        after = before + attention.output(joined)
        after = after + block.feedforward(block.feedforward_norm(after))
        return float(loss(model.norm(after) @ model.embedding.weight.T, y))

    assert objective(weights) == pytest.approx(seen.glass.objective, rel=1e-5)
    for place in ((0, 5, 5), (1, 5, 0), (1, 5, 3), (0, 2, 1)):
        ends = []
        for sign in (1, -1):
            changed = weights.astype(np.float64)
            changed[place] += sign * 0.05
            ends.append(objective(changed))
        slope = (ends[0] - ends[1]) / 0.1
        assert frame.arrays["attention_error.1"][place] == pytest.approx(slope, rel=0.02, abs=3e-5)


def test_probabilities_are_the_softmax_of_the_output(gpt: Seen) -> None:
    seen = gpt.seen(text="abc abc", position=6)
    frame = read(sequence_frame(seen))
    logits = np.asarray(seen.opened.model(np.asarray(seen.aim.x)))[0]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(frame.arrays["probability"], expected, rtol=1e-5)


def test_the_target_at_the_place(gpt: Seen) -> None:
    frame = read(sequence_frame(gpt.seen(text="abcd", position=1)))
    header = frame.header
    assert (header["text"], header["place"], header["target"]) == ("abcd", 1, 2)
    assert not header["assumed"]
    assert header["pieces"] == list(ALPHABET)
    last = read(sequence_frame(gpt.seen(text="abcd", position="last"))).header
    assert last["place"] == 3
    chances = frame.arrays["probability"][3]
    assert (last["target"], last["assumed"]) == (int(chances.argmax()), True)
    other = read(sequence_frame(gpt.seen(text="abcd", position=3, target=0))).header
    assert (other["target"], other["assumed"]) == (0, False)


@pytest.mark.parametrize("name", ["gpt", "lstm"])
def test_a_text_with_room_has_the_same_numbers(name: str, request: pytest.FixtureRequest) -> None:
    network: Seen = request.getfixturevalue(name)
    wanted: dict[str, Any] = {"text": "abc def", "position": 4, "target": 3}
    tight, roomy = (network.seen(**wanted, roomy=is_roomy) for is_roomy in (False, True))
    assert len(tight.aim.tokens) == 7
    assert len(roomy.aim.tokens) == (10 if name == "gpt" else 32)  # the context; a room
    assert roomy.aim.places == 7
    expected, found = (read(sequence_frame(seen)) for seen in (tight, roomy))
    assert roomy.glass.objective == pytest.approx(tight.glass.objective, rel=1e-5)
    assert {**found.header, "pass_id": "", "recurrent": [], "attentions": []} == {
        **expected.header,
        "pass_id": "",
        "recurrent": [],
        "attentions": [],
    }
    assert set(found.arrays) == set(expected.arrays)
    for key, array in expected.arrays.items():
        np.testing.assert_allclose(found.arrays[key], array, atol=2e-6, err_msg=key)


def test_the_end_of_a_long_text_is_read(gpt: Seen) -> None:
    begun = gpt.begin(text="abc" * 5, roomy=True)
    assert begun.header["remarks"][-1] == "The network reads the last 10 places."
    assert read(gpt.viewer.sequence(begun.header["pass_id"])).header["text"] == ("abc" * 5)[-10:]


def test_the_factor_is_that_of_the_whole_state(lstm: Seen) -> None:
    frame = read(sequence_frame(lstm.seen(example=0, position=4)))
    for k, shown in enumerate(frame.header["recurrent"]):
        state = [frame.arrays[f"{name}_error.{k}"] for name in ("hidden", "cell")]
        norms = np.sqrt(sum(np.square(e).sum(axis=1) for e in state))
        assert shown["factor"] == pytest.approx((norms[0] / norms[4]) ** 0.25, rel=1e-5)


def test_what_reaches_back_from_one_place(lstm: Seen) -> None:
    seen = lstm.seen(example=0, position=4)
    frame = read(sequence_frame(seen))
    assert frame.header["streams"][0]["title"] == "embedding"
    arrived = frame.arrays["stream_error.0"]
    expected = np.linalg.norm(np.asarray(seen.glass["embedding"].error)[0], axis=-1)
    np.testing.assert_allclose(arrived, expected, rtol=1e-5)
    assert (arrived[:5] > 0).all()
    assert not arrived[5:].any()


def test_attention_that_is_too_much_is_left_out_and_told(
    gpt: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attentions, "MOST_FLOATS", 2 * 2 * WINDOW * WINDOW)
    monkeypatch.setattr(sequence, "MOST_SCORES", 10)
    frame = read(sequence_frame(gpt.seen(example=0)))
    assert len(frame.header["attentions"]) == 1
    assert len(frame.header["remarks"]) == 2
    assert "probability" not in frame.arrays


def test_pictures_are_no_sequence(lenet: Seen) -> None:
    with pytest.raises(ConfigurationError, match="no sequence of tokens"):
        sequence_frame(lenet.seen(example=0))
