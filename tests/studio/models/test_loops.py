"""Recurrent layers with a mask, with a first state, called twice, and of the user's own."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import models, nn, ops
from clearprop.studio.models.loops import factor_back
from clearprop.studio.models.sequence import sequence_frame
from tests.studio.models.conftest import ALPHABET, Frame, Seen, of_text, read

TEXT = "abdcab"
HIDDEN = np.array([letter == "d" for letter in TEXT])


class Reader(nn.Module):
    """A model that reads a text with a recurrent layer, once or more than once.

    Args:
        layer: takes 4 features.
        width: of its output.
        masked: the letters that do not count.
        times: how often the layer reads.
    """

    embedding: nn.Embedding
    recurrent: Any
    output: nn.Linear
    masked: str = nn.static()
    times: int = nn.static()

    def __init__(self, layer: nn.Module, width: int = 4, masked: str = "", times: int = 1) -> None:
        self.embedding = nn.Embedding(len(ALPHABET), 4)
        self.recurrent = layer
        self.output = nn.Linear(width, len(ALPHABET))
        self.masked = masked
        self.times = times

    def __call__(self, x: Any) -> Any:
        mask = None
        if self.masked:
            mask = jnp.ones(x.shape, bool)
            for letter in self.masked:
                mask = mask & (x != ALPHABET.index(letter))
        read_now = self.embedding(x)
        for _ in range(self.times):
            read_now = self.recurrent(read_now, mask=mask)
        return self.output(read_now)


def frame_of(network: Seen, **wanted: Any) -> Frame:
    return read(sequence_frame(network.seen(text=TEXT, **wanted)))


def watched(network: Seen, masked: bool) -> Any:
    """Return states and gates of the layer at its first call, by the library."""
    model: Any = network.viewer.opened(network.source).model
    x = jnp.asarray(np.asarray(network.seen(text=TEXT).aim.x))
    mask = jnp.asarray(~HIDDEN)[None] if masked else None
    return model.recurrent.watch(model.embedding(x), mask=mask)


# -- a mask -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"peepholes": True}, {"truncate": 2}], ids=str)
def test_a_state_is_kept_where_a_step_does_not_count(options: dict[str, Any]) -> None:
    network = of_text(Reader(nn.LSTM(4, 4, **options), masked="d"))
    frame = frame_of(network)
    states, gates = watched(network, masked=True)
    for name, values in states._asdict().items():
        np.testing.assert_allclose(frame.arrays[f"{name}.0"], np.asarray(values)[0], atol=1e-6)
    np.testing.assert_array_equal(frame.arrays["cell.0"][2], frame.arrays["cell.0"][1])
    assert frame.arrays["cell.0"][2].all()
    for name, values in gates._asdict().items():
        shown = frame.arrays[f"{name}.0"]
        np.testing.assert_allclose(shown[~HIDDEN], np.asarray(values)[0][~HIDDEN], atol=1e-6)
        assert np.isnan(shown[HIDDEN]).all()
    assert frame.header["recurrent"][0]["uncounted"] == [2]
    assert "forget_error.0" not in frame.arrays


@pytest.mark.parametrize(
    "layer",
    [nn.LSTM(4, 4), nn.LSTM(4, 4, peepholes=True), nn.GRU(4, 4), nn.RNN(4, 4)],
    ids=["lstm", "peepholes", "gru", "rnn"],
)
def test_the_error_signals_of_a_state_behind_a_mask(layer: Any) -> None:
    """The loop is computed by hand from a changed state on, to the end."""
    ready = Reader(layer, masked="d").init(0)
    if getattr(layer.cells[0], "peepholes", None) is not None:
        drawn = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
        cell = ready.recurrent.cells[0].replace(peepholes=drawn)
        ready = nn.replace_layer(ready, "recurrent.cells.0", cell)
    network = of_text(ready, init=False)
    seen = network.seen(text=TEXT)
    frame = read(sequence_frame(seen))
    made: Any = seen.opened.model
    y, loss = np.asarray(seen.aim.y), nn.find_loss("sequence_cross_entropy")
    x = made.embedding(jnp.asarray(np.asarray(seen.aim.x)))[0]
    cell = made.recurrent.cells[0]

    def objective(step: int, name: str, change: Any) -> Any:
        state, outputs = cell.zero_state(1), []
        for t in range(len(TEXT)):
            after = state
            if not HIDDEN[t]:
                after, gates = cell.look(cell.project(x[t : t + 1]), state)
            if t == step and name == "hidden":
                after = (
                    after._replace(hidden=after.hidden + change) if names[1:] else after + change
                )
            elif t == step:
                inner = after.cell + change
                output = gates.output
                if cell.peepholes is not None:
                    sums = ops.log(output) - ops.log(1 - output)
                    output = ops.sigmoid(sums + change * cell.peepholes[2])
                after = type(after)(output * ops.tanh(inner), inner)
            outputs.append(jnp.zeros((1, 4)) if HIDDEN[t] else cell.hidden(after))
            state = after
        return loss(made.output(ops.stack(outputs, axis=1)), y)

    names = [name for name in ("hidden", "cell") if f"{name}_error.0" in frame.arrays]
    assert len(names) == (2 if isinstance(layer, nn.LSTM) else 1)
    for step in (0, 1, 3, 4):
        for name in names:
            zero = jnp.zeros((1, 4))
            expected = cp.grad(lambda c, s=step, n=name: objective(s, n, c))(zero)
            found = frame.arrays[f"{name}_error.0"][step]
            np.testing.assert_allclose(found, np.asarray(expected)[0], atol=2e-7, err_msg=name)
            assert found.any()


def test_a_gru_with_a_mask() -> None:
    network = of_text(Reader(nn.GRU(4, 4), masked="d"))
    states, _ = watched(network, masked=True)
    np.testing.assert_allclose(
        frame_of(network).arrays["hidden.0"], np.asarray(states)[0], atol=1e-6
    )


def test_a_text_of_which_no_step_counts() -> None:
    frame = frame_of(of_text(Reader(nn.LSTM(4, 4, layers=2), masked="abcd")))
    for shown in frame.header["recurrent"]:
        assert shown["names"] == ["hidden", "cell"]
        assert shown["uncounted"] == list(range(6))
    (remark,) = frame.header["remarks"]
    assert "no step counts" in remark


# -- the first state ----------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.LSTM(4, 4, start="learned"), nn.GRU(4, 4, start="learned")])
def test_the_state_before_the_first_step(layer: Any) -> None:
    ready = Reader(layer).init(0)
    begun = tuple(jnp.asarray(np.linspace(-0.9, 0.6 + k, 4), jnp.float32) for k in range(2))
    own: Any = ready.recurrent.replace(starts=(begun[: len(ready.recurrent.starts[0])],))
    network = of_text(nn.replace_layer(ready, "recurrent", own), init=False)
    frame = frame_of(network)
    before = frame.arrays["before.0"]
    np.testing.assert_allclose(before, np.stack(begun[: len(before)]), atol=1e-6)
    gate = {name: frame.arrays[f"{name}.0"][0] for name in frame.header["recurrent"][0]["names"]}
    if isinstance(layer, nn.LSTM):
        expected = gate["forget"] * before[1] + gate["input"] * gate["candidate"]
        np.testing.assert_allclose(gate["cell"], expected, atol=1e-6)
    else:
        expected = (1 - gate["update"]) * gate["candidate"] + gate["update"] * before[0]
        np.testing.assert_allclose(gate["hidden"], expected, atol=1e-6)


def test_a_usual_first_state_is_zero() -> None:
    before = frame_of(of_text(Reader(nn.LSTM(4, 4)))).arrays["before.0"]
    assert before.shape == (2, 4)
    assert not before.any()


# -- layers of the user's own ---------------------------------------------------------------------


class OwnLSTM(nn.LSTM):
    """Another name for the same layer."""


class OwnCell(nn.GRUCell):
    """Its gates are others."""

    def look(self, projected: Any, state: Any) -> Any:
        after, gates = super().look(projected, state)
        return 0.5 * after, gates


class OwnGRU(nn.GRU):
    """A layer with cells of the user's own."""

    def __init__(self) -> None:
        self._build(lambda size: OwnCell(size, 4), 4)


class Halved(nn.GRU):
    """It does something else with its usual cell."""

    def _along(self, cell: Any, x: Any, *given: Any, **options: Any) -> Any:
        class Half:
            project = cell.project
            hidden = cell.hidden

            @staticmethod
            def look(projected: Any, state: Any) -> Any:
                after, gates = cell.look(projected, state)
                return 0.5 * after, gates

        half: Any = Half
        return super()._along(half, x, *given, **options)


def test_a_subclass_has_the_equations_of_its_cells() -> None:
    frame = frame_of(of_text(Reader(OwnLSTM(4, 4))))
    assert frame.header["recurrent"][0]["kind"] == "LSTM"
    assert "from_input.0" in frame.arrays
    own = frame_of(of_text(Reader(OwnGRU())))
    assert own.header["recurrent"][0]["kind"] == "OwnGRU"
    assert "from_input.0" not in own.arrays
    assert {"reset.0", "update.0"} <= set(own.arrays)


def test_a_layer_whose_steps_are_not_those_of_its_cell() -> None:
    frame = frame_of(of_text(Reader(Halved(4, 4))))
    assert frame.header["recurrent"][0]["names"] == ["hidden"]
    assert "its loop over time is not that of its cell" in frame.header["remarks"][-1]


def test_numbers_that_are_not_finite_are_no_other_loop() -> None:
    ready = Reader(nn.GRU(4, 4)).init(0)
    broken = jax.tree.map(lambda w: jnp.full_like(w, jnp.nan), ready.recurrent)
    frame = frame_of(of_text(nn.replace_layer(ready, "recurrent", broken), init=False))
    assert np.isnan(frame.arrays["update.0"]).all()
    assert frame.header["remarks"] == []


# -- several calls ------------------------------------------------------------------------------


def test_each_call_of_a_layer_is_shown() -> None:
    network = of_text(Reader(nn.GRU(4, 4, layers=2), times=2))
    frame = frame_of(network)
    assert [(r["call"], r["depth"]) for r in frame.header["recurrent"]] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    model: Any = network.viewer.opened(network.source).model
    x = model.embedding(jnp.asarray(np.asarray(network.seen(text=TEXT).aim.x)))
    first = model.recurrent(x)
    for k, given in enumerate((x, first)):
        states, gates = model.recurrent.watch(given, layer=1)
        place = 2 * k + 1
        np.testing.assert_allclose(frame.arrays[f"hidden.{place}"], states[0], atol=1e-6)
        np.testing.assert_allclose(frame.arrays[f"reset.{place}"], gates.reset[0], atol=1e-6)


def test_each_call_of_a_layer_with_a_mask_has_its_own_gates() -> None:
    network = of_text(Reader(nn.GRU(4, 4), times=2, masked="d"))
    frame = frame_of(network)
    model: Any = network.viewer.opened(network.source).model
    x = model.embedding(jnp.asarray(np.asarray(network.seen(text=TEXT).aim.x)))
    mask = jnp.asarray(~HIDDEN)[None]
    _, gates = model.recurrent.watch(model.recurrent(x, mask=mask), mask=mask)
    np.testing.assert_allclose(
        frame.arrays["update.1"][~HIDDEN], np.asarray(gates.update)[0][~HIDDEN], atol=1e-6
    )


# -- the factor of a step back ------------------------------------------------------------------


def test_the_factor_of_a_step_back() -> None:
    halved = np.array([[1.0, 0.0], [0.0, 2.0], [4.0, 0.0], [0.0, 0.0]], np.float32)
    assert factor_back([halved], 2) == pytest.approx(0.5)
    assert factor_back([halved], 1) == pytest.approx(0.5)
    assert factor_back([halved[::-1][1:], 0 * halved[1:]], 2) == pytest.approx(2.0)
    assert np.isnan(factor_back([halved], 3))
    assert np.isnan(factor_back([halved], 0))
    assert np.isnan(factor_back([0 * halved], 2))
    assert np.isnan(factor_back([np.full((2, 1), np.inf, np.float32)], 1))


def test_the_factor_goes_from_the_place_where_error_arrives_after_it_too() -> None:
    network = of_text(Reader(nn.GRU(4, 4, layers=2, bidirectional=True), width=8))
    frame = frame_of(network, position=3)
    lower = frame.arrays["hidden_error.0"]
    norms = np.linalg.norm(lower, axis=1)
    assert norms[4:].all()
    shown = frame.header["recurrent"][0]
    assert shown["factor"] == pytest.approx((norms[0] / norms[3]) ** (1 / 3), rel=1e-5)


def test_a_language_model_with_a_learned_start_can_be_looked_at() -> None:
    model = models.RecurrentLanguageModel(len(ALPHABET), embedding_features=4, hidden_size=4)
    ready = nn.replace_layer(model, "recurrent", nn.LSTM(4, 4, start="learned"))
    assert frame_of(of_text(ready), roomy=True).arrays["before.0"].shape == (2, 4)
