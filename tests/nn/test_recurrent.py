"""Recurrent layers: every kind with its masks, states, truncation and edge cases."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.autodiff import grad, stop_gradient, value_and_grad
from clearprop.backend import devices, mesh, sharded
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.nn.recurrent import from_onnx, from_pytorch

B, T, D, H = 3, 6, 2, 4
KINDS: dict[str, Any] = {
    "rnn": nn.RNN,
    "relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
    "lstm": nn.LSTM,
    "peepholes": lambda *a, **k: nn.LSTM(*a, peepholes=True, **k),
    "gru": nn.GRU,
    "gru before": lambda *a, **k: nn.GRU(*a, reset="before", **k),
    "higher-order": lambda *a, **k: nn.HigherOrderRNN(*a, order=3, **k),
}
X = jnp.asarray(np.random.default_rng(0).standard_normal((B, T, D)), jnp.float32)
MASK = jnp.asarray([[1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool)


def close(ours: Any, theirs: Any, within: float = 1e-5) -> None:
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=within, atol=within)


def by_hand(layer: Any, x: Any, state: Any = None) -> Any:
    """Return y of one direction and layer, computed step by step in Python."""
    cell = layer.cells[0]
    state = cell.zero_state(x.shape[0], dtype=x.dtype) if state is None else state
    shown = []
    for t in range(x.shape[1]):
        state = cell(x[:, t], state)
        shown.append(cell.hidden(state))
    return ops.stack(shown, axis=1), state


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_step_by_step(kind: str) -> None:
    layer = KINDS[kind](D, H).init(1)

    def loss(run: Any) -> Any:
        def of(layer: Any, x: Any) -> Any:
            y, state = run(layer, x)
            return (y * y).sum() + sum((s * s * s).sum() for s in jax.tree.leaves(state))

        return jax.jit(value_and_grad(of, (0, 1)))(layer, X)

    close(loss(lambda layer, x: layer(x, return_state=True)), loss(by_hand))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_masked_has_no_influence_at_all(kind: str) -> None:
    """Values and gradients are the same to the last bit, and no error comes back, even with NaN."""
    layer = KINDS[kind](D, H, bidirectional=True).init(1)

    @jax.jit
    def run(x: Any) -> Any:
        def loss(layer: Any, x: Any) -> Any:
            y, state = layer(x, mask=MASK, return_state=True)
            return (y * y).sum() + sum(s.sum() for s in jax.tree.leaves(state)), y

        return value_and_grad(loss, (0, 1), has_aux=True)(layer, x)

    (value, y), (of_layer, of_x) = run(X)
    (other, same), (also, _) = run(jnp.where(MASK[:, :, None], X, jnp.nan))
    assert float(value) == float(other)
    assert np.array_equal(y, same)
    assert all(map(np.array_equal, jax.tree.leaves(of_layer), jax.tree.leaves(also)))
    assert not np.asarray(y)[~np.asarray(MASK)].any()
    assert not np.asarray(of_x)[~np.asarray(MASK)].any()
    assert np.asarray(of_x)[np.asarray(MASK)].all()


def test_a_masked_step_is_as_if_it_were_not_there() -> None:
    layer = nn.LSTM(D, H, bidirectional=True).init(1)
    y, (forward, backward) = layer(X[1:2], mask=MASK[1:2], return_state=True)
    short, (f, b) = layer(X[1:2, jnp.array([0, 1, 3])], return_state=True)
    close(y[:, jnp.array([0, 1, 3])], short, 1e-6)
    close((forward, backward), (f, b), 1e-6)


def test_a_sequence_without_a_step_that_counts_keeps_its_state() -> None:
    layer = nn.GRU(D, H).init(0)
    start = jnp.ones((B, H))
    _, state = layer(X, start, MASK, return_state=True)
    assert np.array_equal(state[2], start[2])


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_zero_and_one_and_a_batch_of_one(kind: str) -> None:
    layer = KINDS[kind](D, H, start="learned").init(0)
    empty, state = layer(X[:, :0], return_state=True)
    assert empty.shape == (B, 0, H)
    close(state, layer.zero_state(B))
    gradient = grad(lambda layer: (layer(X[:, :0]) ** 2).sum())(layer)
    assert not any(np.asarray(leaf).any() for leaf in nn.parameters(gradient).values())
    assert layer(X[:1, :1]).shape == (1, 1, H)
    close(layer(X)[:1, :1], layer(X[:1, :1]), 1e-6)


def test_a_returned_state_goes_on_where_it_was() -> None:
    layer = nn.LSTM(D, H, layers=2, peepholes=True).init(0)
    whole, last = layer(X, return_state=True)
    first, state = layer(X[:, :2], return_state=True)
    second, end = layer(X[:, 2:], state, return_state=True)
    close(ops.concatenate([first, second], axis=1), whole, 1e-6)
    close(end, last, 1e-6)


def test_learned_first_states_learn() -> None:
    layer = nn.LSTM(D, H, start="learned", layers=2, bidirectional=True).init(0)
    gradient = nn.parameters(grad(lambda layer: (layer(X) ** 2).sum())(layer))
    starts = [g for path, g in gradient.items() if path.startswith("starts")]
    assert [g.shape for g in starts] == [(H,)] * 8
    assert all(np.asarray(g).all() for g in starts)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("truncate", [1, 2, 4, 9])
def test_truncation_is_cutting_by_hand(truncate: int, reverse: bool) -> None:
    whole = nn.GRU(D, H, bidirectional=True, merge="sum").init(0)
    cells = whole.backward_cells if reverse else whole.cells
    assert cells is not None
    layer = nn.GRU(D, H, truncate=truncate).init(0).replace(cells=cells)

    def by_blocks(layer: Any, x: Any) -> Any:
        x = x[:, ::-1] if reverse else x
        state, total = jnp.zeros((B, H)), 0.0
        for begin in range(0, T, truncate):
            y, state = by_hand(layer, x[:, begin : begin + truncate], stop_gradient(state))
            total = total + (y * y).sum()
        return total

    def ours(layer: Any, x: Any) -> Any:
        if reverse:
            pair = nn.GRU(D, H, bidirectional=True, truncate=truncate).init(0)
            pair = pair.replace(cells=whole.cells, backward_cells=layer.cells)
            return (pair(x)[..., H:] ** 2).sum()
        return (layer(x) ** 2).sum()

    close(
        jax.jit(value_and_grad(ours, (0, 1)))(layer, X),
        jax.jit(value_and_grad(by_blocks, (0, 1)))(layer, X),
    )


def test_a_thousand_steps_of_an_lstm_have_the_gradients_of_jax() -> None:
    with jax.enable_x64(True):
        layer = nn.LSTM(D, H).init(0, dtype=jnp.float64)
        x = jnp.asarray(np.random.default_rng(1).standard_normal((2, 1000, D)))

        def plain(values: Any, x: Any) -> Any:
            W, U, b = values

            def step(s: Any, p: Any) -> Any:
                i, f, g, o = jnp.split(p + s[0] @ U, 4, axis=-1)
                c = jax.nn.sigmoid(f) * s[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
                h = jax.nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), h

            nothing = jnp.zeros((2, H))
            _, y = jax.lax.scan(step, (nothing, nothing), jnp.swapaxes(x, 0, 1) @ W + b)
            return (y[-1] * y[-1]).sum() + (y[::100] ** 2).sum()

        def ours(layer: Any, x: Any) -> Any:
            y = layer(x)
            return (y[:, -1] ** 2).sum() + (y[:, ::100] ** 2).sum()

        cell = layer.cells[0]
        values = (cell.weight, cell.recurrent_weight, cell.bias)
        expected = jax.jit(jax.grad(plain, (0, 1)))(values, x)
        found, of_x = jax.jit(grad(ours, (0, 1)))(layer, x)
        by_path = nn.parameters(found)
        names = ("weight", "recurrent_weight", "bias")
        close([by_path[f"cells.0.{name}"] for name in names], list(expected[0]), 1e-10)
        close(of_x, expected[1], 1e-10)


def test_two_directions_are_merged() -> None:
    both = nn.RNN(D, H, bidirectional=True).init(0)
    summed = both.replace(merge="sum")
    y = both(X)
    close(summed(X), y[..., :H] + y[..., H:], 1e-6)
    assert nn.RNN(D, H, bidirectional=True, merge="sum", layers=2).init(0)(X).shape == (B, T, H)


def test_dropout_draws_anew_at_every_step() -> None:
    ones = jnp.ones((1, 50, 8))
    layer = nn.RNN(8, 8, layers=2, dropout=0.5, nonlinearity="relu").init(0)
    eye = {"weight": jnp.eye(8), "recurrent_weight": jnp.zeros((8, 8))}
    layer = layer.replace(cells=tuple(cell.replace(**eye) for cell in layer.cells))
    y, _ = nn.apply(layer, ones, training=True, key=jax.random.key(0))
    assert set(np.unique(y)) == {0.0, 2.0}
    assert len(np.unique(np.asarray(y)[0], axis=0)) > 20
    assert np.array_equal(layer(ones), ones)


def test_recurrent_dropout_draws_anew_at_every_step() -> None:
    """h_t = relu(1 + dropped(h_{t-1}) 0.5 / 2): each step draws its own factor 0 or 1."""
    layer = nn.RNN(1, 64, recurrent_dropout=0.5, nonlinearity="relu").init(0)
    (cell,) = layer.cells
    cell = cell.replace(weight=jnp.ones((1, 64)), recurrent_weight=jnp.eye(64) * 0.25)
    layer = layer.replace(cells=(cell,))
    y, _ = nn.apply(layer, jnp.ones((1, 40, 1)), training=True, key=jax.random.key(0))
    kept = np.asarray(y)[0, 1:] > 1
    assert len(np.unique(kept, axis=0)) == 39
    assert 0.45 < kept.mean() < 0.55
    again, _ = nn.apply(layer, jnp.ones((1, 40, 1)), training=True, key=jax.random.key(0))
    assert np.array_equal(y, again)


def test_published_numbers_of_parameters() -> None:
    def count(layer: Any) -> int:
        return sum(w.size for w in nn.parameters(layer).values())

    assert count(nn.RNN(64, 256)) == 64 * 256 + 256 * 256 + 256
    assert count(nn.LSTM(64, 256)) == 4 * (64 * 256 + 256 * 256 + 256)  # as Keras counts
    assert count(nn.GRU(64, 256)) == 3 * (64 * 256 + 256 * 256 + 256) + 256
    assert count(nn.GRU(64, 256, reset="before")) == 3 * (64 * 256 + 256 * 256 + 256)
    assert count(nn.LSTM(64, 256, peepholes=True)) - count(nn.LSTM(64, 256)) == 3 * 256


def test_gates_are_those_that_made_the_outputs() -> None:
    layer = nn.LSTM(D, H).init(0)
    i, f, g, o = layer.gates(X)
    cell = jnp.zeros((B, H))
    for t in range(T):
        cell = f[:, t] * cell + i[:, t] * g[:, t]
        close(layer(X)[:, t], o[:, t] * jnp.tanh(cell), 1e-6)
    _, z, n = nn.GRU(D, H).init(0).gates(X)
    close(nn.GRU(D, H).init(0)(X)[:, 0], (1 - z[:, 0]) * n[:, 0], 1e-6)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_gates_begin_with_the_learned_state(kind: Any) -> None:
    layer = kind(D, H, start="learned").init(0)
    layer = layer.replace(starts=jax.tree.map(lambda s: s + 0.5, layer.starts))
    cell, begun = layer.cells[0], jax.tree.map(lambda s: s + 0.5, layer.zero_state(B))
    _, gates = cell.look(cell.project(X[:, 0]), begun)
    for of_layer, of_cell in zip(layer.gates(X), gates, strict=True):
        close(of_layer[:, 0], of_cell, 1e-6)
    with pytest.raises(ShapeError, match="batch of sequences"):
        layer.gates(X[0])


@pytest.mark.parametrize(("of_x", "of_weights"), [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_inputs_and_weights_of_different_precision(of_x: str, of_weights: str) -> None:
    layer = nn.LSTM(D, H, layers=2, start="learned").init(0)
    y = jax.tree.map(lambda w: w.astype(of_weights), layer)(X.astype(of_x))
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, layer(X), atol=0.02)
    U = nn.RNN(D, H).init(0, dtype=of_weights).cells[0].recurrent_weight
    np.testing.assert_allclose(U.astype("float32").T @ U.astype("float32"), np.eye(H), atol=0.02)


def test_a_cell_in_a_loop_of_ones_own() -> None:
    layer = nn.LSTM(D, H).init(0)
    cell = layer.cells[0]
    _, hidden = ops.scan(
        lambda state, x: (cell(x, state), cell(x, state).hidden),
        cell.zero_state(B),
        jnp.moveaxis(X, 1, 0),
    )
    close(jnp.moveaxis(hidden, 0, 1), layer(X), 1e-6)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: nn.LSTM(0, 4), "input_size is out of range"),
        (lambda: nn.LSTM(2, 4, layers=0), "layers is out of range"),
        (lambda: nn.LSTM(2, 4, truncate=0), "truncate is out of range"),
        (lambda: nn.LSTM(2, 4, dropout=0.5), "dropout acts between layers"),
        (lambda: nn.LSTM(2, 4, merge="mean"), "unknown merge"),
        (lambda: nn.LSTM(2, 4, start="random"), "unknown start"),
        (lambda: nn.GRU(2, 4, reset="never"), "unknown reset"),
        (lambda: nn.RNN(2, 4, nonlinearity="gelu"), "unknown nonlinearity"),
        (lambda: nn.HigherOrderRNN(2, 4, order=0), "order is out of range"),
    ],
)
def test_what_cannot_be_is_refused(wrong: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        wrong()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda layer: layer(X[0]), "batch of sequences"),
        (lambda layer: layer(X[..., :1]), "batch of sequences"),
        (lambda layer: layer(X, mask=MASK[:, :2]), "mask must say for every step"),
        (lambda layer: layer(X, mask=MASK.astype("int32")), "mask must say for every step"),
        (lambda layer: layer(X, jnp.zeros((B, H))), "does not fit LSTMCell"),
        (lambda layer: layer(X, layer.zero_state(B + 1)), "does not fit LSTMCell"),
        (lambda layer: layer.cells[0](X[:, 0, :1]), "one entry for each input"),
        (lambda layer: nn.LSTM(D, H, layers=2).init(0)(X, ()), "tuple of 2 layers"),
    ],
)
def test_wrong_shapes_are_named(call: Any, told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        call(nn.LSTM(D, H).init(0))


def test_weights_of_another_size_are_refused() -> None:
    state = {
        name: np.zeros((3 * H, D if "ih" in name else H)[: 1 if "bias" in name else 2])
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    }
    from_pytorch(nn.GRU(D, H), state)
    with pytest.raises(ModelError, match="resets after"):
        from_pytorch(nn.GRU(D, H, reset="before"), state)
    with pytest.raises(ModelError, match="do not fit the sizes"):
        from_pytorch(nn.GRU(D, H + 1), state)
    with pytest.raises(ModelError, match="has no 'weight_ih_l1'"):
        from_pytorch(nn.GRU(D, H, layers=2), state)
    with pytest.raises(ModelError, match="not a cell of PyTorch"):
        from_pytorch(nn.HigherOrderRNN(D, H), state)
    with pytest.raises(ModelError, match="is one layer"):
        from_onnx(nn.GRU(D, H, layers=2), np.zeros((1, 3 * H, D)), np.zeros((1, 3 * H, H)))
    two = {name.replace("l0", "l1"): value for name, value in state.items()}
    both_ways = {f"{name}_reverse": value for name, value in state.items()}
    for more in (two, both_ways):
        with pytest.raises(ModelError, match="more layers or directions"):
            from_pytorch(nn.GRU(D, H), state | more)


def test_peepholes_are_those_of_the_weights_or_none() -> None:
    W, R, P = np.zeros((1, 4 * H, D)), np.zeros((1, 4 * H, H)), np.arange(3.0 * H)[None]
    layer = nn.LSTM(D, H, peepholes=True).init(0)
    seeing = from_onnx(layer, W, R, peepholes=P)
    np.testing.assert_array_equal(seeing.cells[0].peepholes, P.reshape(3, H)[[0, 2, 1]])
    assert not np.asarray(from_onnx(seeing, W, R).cells[0].peepholes).any()
    with pytest.raises(ModelError, match="peepholes"):
        from_onnx(nn.LSTM(D, H), W, R, peepholes=P)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_what_is_watched_is_what_the_layer_does(kind: Any) -> None:
    layer = kind(D, H, layers=2, bidirectional=True).init(0)
    counts = jnp.arange(T)[None] < jnp.array([[T]] * (len(X) - 1) + [[T - 2]])
    y, last = layer(X, mask=counts, return_state=True)
    for way in (False, True):
        states, gates = layer.watch(X, mask=counts, layer=1, backward=way)
        hidden = states.hidden if kind is nn.LSTM else states
        half = y[..., H:] if way else y[..., :H]
        np.testing.assert_allclose(hidden * counts[..., None], half, atol=1e-6)
        end = hidden[:, 0 if way else -1]
        kept = last[1][way].hidden if kind is nn.LSTM else last[1][way]
        np.testing.assert_allclose(end, kept, atol=1e-6)
        assert (gates is None) == (kind is nn.RNN)


def test_a_layer_that_is_not_there_is_not_watched() -> None:
    layer = nn.GRU(D, H).init(0)
    with pytest.raises(ConfigurationError, match="no such layer or direction"):
        layer.watch(X, layer=1)
    with pytest.raises(ConfigurationError, match="of one direction"):
        layer.watch(X, backward=True)


@pytest.mark.skipif(len(devices()) < 2, reason="one device only")
@pytest.mark.parametrize("kind", KINDS)
def test_sharded_sequences_stay_where_they_are(kind: str) -> None:
    """Devices exchange only sums of the errors of weights, not the values of the examples."""
    model = KINDS[kind](D, H).init(0)
    x = jax.device_put(jnp.concatenate([X, X])[:4], sharded(mesh(2)))
    step = jax.jit(grad(lambda model, x: model(x).sum()))
    program = step.lower(model, x).compile().as_text()
    assert "all-reduce" in program
    assert "all-gather" not in program
