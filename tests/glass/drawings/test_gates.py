"""Gates over time, compared with an LSTM and a GRU in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import models, nn
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass import gates
from clearprop.glass.drawings.gates import gates_of

X = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def lstm(cell: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    W, U, b = (np.asarray(w) for w in (cell.weight, cell.recurrent_weight, cell.bias))
    h = c = np.zeros(cell.hidden_size)
    steps = []
    for row in x:
        i, f, g, o = np.split(row @ W + h @ U + b, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        steps.append((i, f, o, g, c, h))
    names = ("input", "forget", "output", "candidate", "cell", "hidden")
    return {name: np.stack(part) for name, part in zip(names, zip(*steps, strict=True),
                                                      strict=True)}  # fmt: skip


def gru(cell: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    W, U, b = (np.asarray(w) for w in (cell.weight, cell.recurrent_weight, cell.bias))
    h, steps = np.zeros(cell.hidden_size), []
    for row in x:
        (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(row @ W + b, 3), np.split(h @ U, 3)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        n = np.tanh(a_n + r * (u_n + np.asarray(cell.candidate_bias)))
        h = (1 - z) * n + z * h
        steps.append((r, z, n, h))
    names = ("reset", "update", "candidate", "hidden")
    return {name: np.stack(part) for name, part in zip(names, zip(*steps, strict=True),
                                                      strict=True)}  # fmt: skip


@pytest.mark.parametrize(("kind", "by_hand"), [(nn.LSTM, lstm), (nn.GRU, gru)])
def test_gates_are_those_of_numpy(kind: Any, by_hand: Any) -> None:
    model = nn.Sequential([nn.Linear(3, 2), kind(2, 4)]).init(0)
    found = gates_of(model, X, example=1)
    assert found.path == "layers.1"
    expected = by_hand(model[1].cells[0], np.asarray(model[0](X))[1])
    assert list(found.values) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found.values[name], values, atol=1e-5, err_msg=name)
    drawing = gates(model, X, example=1, units=[2, 0])
    panels = [axes for axes in drawing.figure.axes if axes.get_ylabel() in expected]
    for axes, (name, values) in zip(panels, expected.items(), strict=True):
        assert axes.get_ylabel() == name
        np.testing.assert_allclose(axes.images[0].get_array(), values[:, [2, 0]].T, atol=1e-5)


def test_only_steps_that_count_and_their_words() -> None:
    model = models.Tagger(6, 3, embedding_features=4, hidden_size=8).init(0)
    tokens = np.array([[3, 2, 5, 0, 0]])
    words = ["<pad>", "<unk>", "red", "a", "b", "fox"]
    drawing = gates(model, tokens, vocabulary=words, backward=True)
    ticks = [tick.get_text() for tick in drawing.figure.axes[5].get_xticklabels()]
    assert ticks == ["a", "red", "fox"]
    found = gates_of(model, tokens, backward=True)
    embedded = np.asarray(model.embedding(tokens))[0, :3]
    turned = lstm(model.lstm.backward_cells[0], embedded[::-1])
    np.testing.assert_allclose(found.values["cell"], turned["cell"][::-1], atol=1e-5)


def test_deeper_layers_read_those_below() -> None:
    model = models.RecurrentLanguageModel(5, cell="gru", embedding_features=3, hidden_size=4,
                                          layers=2).init(0)  # fmt: skip
    tokens = np.array([[1, 4, 2]])
    below = gru(model.recurrent.cells[0], np.asarray(model.embedding(tokens))[0])
    above = gru(model.recurrent.cells[1], below["hidden"])
    found = gates_of(model, tokens, depth=1)
    np.testing.assert_allclose(found.values["update"], above["update"], atol=1e-5)


def test_what_has_no_gates_is_refused() -> None:
    model = nn.Sequential([nn.RNN(3, 4), nn.GRU(4, 4)]).init(0)
    with pytest.raises(ModelError, match=r"'layers\.1'"):
        gates(model, X, "layers.0")
    with pytest.raises(ModelError, match="there are no gates here"):
        gates(nn.Linear(3, 3).init(0), X)
    with pytest.raises(ConfigurationError, match="no such layer or direction"):
        gates(model, X, backward=True)
    with pytest.raises(ConfigurationError, match="some of 0 to 3"):
        gates(model, X, units=[4])
    with pytest.raises(ShapeError, match="no step of this example counts"):
        gates(
            models.Tagger(6, 3, embedding_features=4, hidden_size=8).init(0), np.zeros((1, 3), int)
        )
