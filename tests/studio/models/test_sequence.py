"""What happens along a sequence, against passes that are changed by hand."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.attention import attention_of
from clearprop.studio.models import sequence
from clearprop.studio.models.sequence import sequence_frame
from tests.studio.models.conftest import ALPHABET, WINDOW, Seen, of_text, read

NAMES = tuple(letter.replace(" ", "␣") for letter in ALPHABET)


def test_tokens_targets_and_probabilities(gpt: Seen, lstm: Seen) -> None:
    for network in (gpt, lstm):
        seen = network.seen(example=2)
        frame = read(sequence_frame(seen))
        tokens = network.viewer.opened(network.source).subject
        assert frame.header["tokens"] == [NAMES[k] for k in tokens.inputs[2]]
        assert frame.header["targets"] == [NAMES[k] for k in tokens.targets[2]]
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
    monkeypatch.setattr(sequence, "MOST_FLOATS", 2 * 2 * WINDOW * WINDOW)
    monkeypatch.setattr(sequence, "MOST_SCORES", 10)
    frame = read(sequence_frame(gpt.seen(example=0)))
    assert len(frame.header["attentions"]) == 1
    assert len(frame.header["remarks"]) == 2
    assert "probability" not in frame.arrays


def test_pictures_are_no_sequence(lenet: Seen) -> None:
    with pytest.raises(ConfigurationError, match="no sequence of tokens"):
        sequence_frame(lenet.seen(example=0))
