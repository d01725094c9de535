"""Recurrent layers have the same outputs, states and gradients as PyTorch's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, tree
from clearprop.autodiff import value_and_grad
from clearprop.nn.recurrent import from_onnx, from_pytorch

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-peers")

B, T, D, H = 4, 6, 3, 5
LENGTHS = [6, 3, 1, 5]
X = np.random.default_rng(0).standard_normal((B, T, D))
WITHIN = {"float32": {"rtol": 1e-5, "atol": 1e-6}, "float64": {"rtol": 1e-10, "atol": 1e-12}}
KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "tanh": (nn.RNN, torch.nn.RNN, {}),
    "relu": (nn.RNN, torch.nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTM, torch.nn.LSTM, {}),
    "gru": (nn.GRU, torch.nn.GRU, {}),
}


def twins(kind: str, dtype: str, layers: int, bidirectional: bool) -> tuple[Any, Any]:
    ours, theirs, options = KINDS[kind]
    torch.manual_seed(0)
    twin = theirs(D, H, layers, batch_first=True, bidirectional=bidirectional, **options)
    twin = twin.to(getattr(torch, dtype))
    layer = ours(D, H, layers=layers, bidirectional=bidirectional, **options).init(0, dtype=dtype)
    return from_pytorch(layer, arrays_of(twin)), twin


def arrays_of(twin: Any) -> dict[str, Any]:
    return {name: value.numpy() for name, value in twin.state_dict().items()}


def gradients_of(twin: Any, dtype: str, layer: Any) -> dict[str, Any]:
    """Return PyTorch's gradients under our paths; both biases get the gradient of their sum."""
    found = {name: value.grad.numpy() for name, value in twin.named_parameters()}
    halved = {k: v if "bias_hh" not in k else np.zeros_like(v) for k, v in found.items()}
    of_inputs = nn.parameters(from_pytorch(layer, halved))
    if isinstance(layer, nn.GRU):
        # The recurrent bias of the candidate is a parameter of its own here, with its own gradient.
        swapped = nn.parameters(from_pytorch(layer, found))
        names = [path for path in of_inputs if path.endswith("candidate_bias")]
        of_inputs |= {path: swapped[path] for path in names}
    return of_inputs


def flat(state: Any) -> list[Any]:
    """Return our states in PyTorch's order: (layer, direction) first, hidden before cell."""
    if isinstance(state, nn.LSTMState):
        return [state]
    return [each for part in state for each in flat(part)] if isinstance(state, tuple) else [state]


def compare(kind: str, dtype: str, layers: int, bidirectional: bool, masked: bool) -> None:
    layer, twin = twins(kind, dtype, layers, bidirectional)
    x = jnp.asarray(X, dtype)
    mask = jnp.arange(T) < jnp.asarray(LENGTHS)[:, None] if masked else None
    weigh = np.cos(np.arange(H * (1 + bidirectional)))

    def loss(layer: Any, x: Any) -> Any:
        y, state = layer(x, mask=mask, return_state=True)
        total = sum((leaf * leaf).sum() for leaf in jax.tree.leaves(state))
        return (y * jnp.asarray(weigh, dtype)).sum() + total

    value, (ours, of_x) = value_and_grad(loss, (0, 1))(layer, x)
    given = torch.tensor(np.asarray(x), requires_grad=True)
    packed = (
        torch.nn.utils.rnn.pack_padded_sequence(
            given, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False
        )
        if masked
        else given
    )
    y, state = twin(packed)
    if masked:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
    states = state if isinstance(state, tuple) else (state,)
    theirs = (y * torch.tensor(weigh, dtype=y.dtype)).sum() + sum((s * s).sum() for s in states)
    theirs.backward()

    within = WITHIN[dtype]
    ours_y, ours_state = layer(x, mask=mask, return_state=True)
    np.testing.assert_allclose(ours_y, y.detach().numpy(), **within)
    for place, of_way in enumerate(flat(ours_state)):
        for part, leaf in zip(states, jax.tree.leaves(of_way), strict=True):
            np.testing.assert_allclose(leaf, part[place].detach().numpy(), **within)
    np.testing.assert_allclose(value, theirs.item(), rtol=within["rtol"])
    np.testing.assert_allclose(of_x, given.grad.numpy(), **within)
    for path, gradient in gradients_of(twin, dtype, layer).items():
        scale = float(np.abs(gradient).max())
        np.testing.assert_allclose(
            nn.parameters(ours)[path],
            gradient,
            rtol=within["rtol"],
            atol=scale * within["rtol"],
            err_msg=path,
        )


@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize("kind", KINDS)
def test_one_layer(kind: str, dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        compare(kind, dtype, 1, False, masked=False)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("tanh", "float64"), ("gru", "float64"), ("lstm", "float64"), ("lstm", "float32")],
)
def test_two_layers_in_two_directions_over_packed_sequences(kind: str, dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        compare(kind, dtype, 2, True, masked=True)


def test_a_given_state_goes_on_like_pytorchs() -> None:
    layer, twin = twins("lstm", "float32", 1, False)
    start = nn.LSTMState(*jnp.asarray(np.random.default_rng(1).standard_normal((2, B, H)), "f"))
    y = layer(jnp.asarray(X, "f"), start)
    theirs, _ = twin(
        torch.tensor(X, dtype=torch.float32),
        tuple(torch.tensor(np.asarray(s))[None] for s in start),
    )
    np.testing.assert_allclose(y, theirs.detach().numpy(), **WITHIN["float32"])


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
def test_onnx_order_of_gates(kind: str) -> None:
    """PyTorch's rows in the order of ONNX give PyTorch's outputs."""
    _, twin = twins(kind, "float32", 1, True)
    order = {"tanh": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}[kind]  # of i,f,g,o and r,z,n
    state = arrays_of(twin)

    def rows(name: str) -> Any:
        gates = np.split(state[name], len(order))
        return np.concatenate([gates[place] for place in order])

    ends = ("l0", "l0_reverse")
    W, R = (np.stack([rows(f"weight_{kind}_{end}") for end in ends]) for kind in ("ih", "hh"))
    bias = np.stack(
        [np.concatenate([rows(f"bias_{kind}_{end}") for kind in ("ih", "hh")]) for end in ends]
    )
    layer = from_onnx(KINDS[kind][0](D, H, bidirectional=True), W, R, bias)
    theirs, _ = twin(torch.tensor(X, dtype=torch.float32))
    np.testing.assert_allclose(
        layer(jnp.asarray(X, "f")), theirs.detach().numpy(), **WITHIN["float32"]
    )


# --- what PyTorch has no layer for, written out in its operations ---------------------------------


def gru_step(p: Any, x: Any, state: Any) -> Any:
    """Cho et al. (2014): the reset gate comes before the product (`reset="before"`)."""
    h = state[0]
    x_r, x_z, x_n = (x @ p["weight"] + p["bias"]).chunk(3, -1)
    u_r, u_z, u_n = p["recurrent_weight"].chunk(3, -1)
    r, z = torch.sigmoid(x_r + h @ u_r), torch.sigmoid(x_z + h @ u_z)
    return ((1 - z) * torch.tanh(x_n + (r * h) @ u_n) + z * h,)


def higher_order_step(p: Any, x: Any, state: Any) -> Any:
    """Soltani and Jiang (2016): each of the last K states has a matrix of its own."""
    heard = sum(h @ u for h, u in zip(state, p["recurrent_weight"].split(H), strict=True))
    return (torch.tanh(x @ p["weight"] + heard + p["bias"]), *state[:-1])


def peephole_step(p: Any, x: Any, state: Any) -> Any:
    """Gers and Schmidhuber (2000): input and forget gate see the old cell, the output the new."""
    h, c = state
    i, f, g, o = (x @ p["weight"] + h @ p["recurrent_weight"] + p["bias"]).chunk(4, -1)
    of_i, of_f, of_o = p["peepholes"]
    cell = torch.sigmoid(f + of_f * c) * c + torch.sigmoid(i + of_i * c) * torch.tanh(g)
    return torch.sigmoid(o + of_o * cell) * torch.tanh(cell), cell


WRITTEN_OUT: dict[str, tuple[Any, Any, int]] = {
    "reset before": (lambda: nn.GRU(D, H, reset="before"), gru_step, 1),
    "third order": (lambda: nn.HigherOrderRNN(D, H, order=3), higher_order_step, 3),
    "peepholes": (lambda: nn.LSTM(D, H, peepholes=True), peephole_step, 2),
}


@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize("kind", WRITTEN_OUT)
def test_what_pytorch_lacks_is_as_its_equations_say(kind: str, dtype: str) -> None:
    make, step, states = WRITTEN_OUT[kind]
    with jax.enable_x64(dtype == "float64"):
        begun = make().init(0, dtype=dtype)
        drawn = np.random.default_rng(2)
        layer = tree.replace(begun, {  # no weight is 0; peepholes and biases are 0 initially
            path: jnp.asarray(drawn.standard_normal(w.shape) / 2, dtype)
            for path, w in nn.parameters(begun).items()
        })  # fmt: skip
        x = jnp.asarray(X, dtype)
        weigh = np.cos(np.arange(H)).astype(dtype)
        value, (ours, of_x) = value_and_grad(lambda m, x: (m(x) * weigh).sum(), (0, 1))(layer, x)
        y = layer(x)
    weights = {
        path: torch.tensor(np.asarray(w), requires_grad=True)
        for path, w in nn.parameters(layer).items()
    }
    named = {path.rpartition(".")[2]: w for path, w in weights.items()}
    given = torch.tensor(np.asarray(x), requires_grad=True)
    state = (torch.zeros(B, H, dtype=given.dtype),) * states
    outputs = []
    for t in range(T):
        state = step(named, given[:, t], state)
        outputs.append(state[0])
    theirs = torch.stack(outputs, 1)
    objective = (theirs * torch.tensor(weigh)).sum()
    objective.backward()

    within = WITHIN[dtype]
    np.testing.assert_allclose(y, theirs.detach().numpy(), **within)
    np.testing.assert_allclose(value, objective.item(), rtol=10 * within["rtol"])
    gradients = {path: w.grad.numpy() for path, w in weights.items()} | {"x": given.grad.numpy()}
    for path, gradient in gradients.items():
        mine = of_x if path == "x" else nn.parameters(ours)[path]
        room = float(np.abs(gradient).max()) * within["rtol"]
        np.testing.assert_allclose(mine, gradient, rtol=within["rtol"], atol=room, err_msg=path)
