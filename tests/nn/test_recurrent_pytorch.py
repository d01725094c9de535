"""Recurrent layers beside PyTorch's: the same weights, outputs, states and all gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.autodiff import value_and_grad
from clearprop.nn.recurrent import from_onnx, from_pytorch

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make peers")

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
    """Return PyTorch's gradients under our paths: both biases get that of their sum."""
    found = {name: value.grad.numpy() for name, value in twin.named_parameters()}
    halved = {k: v if "bias_hh" not in k else np.zeros_like(v) for k, v in found.items()}
    of_inputs = nn.parameters(from_pytorch(layer, halved))
    if isinstance(layer, nn.GRU):
        # The candidate's recurrent bias stands apart here, and has a gradient of its own.
        swapped = nn.parameters(from_pytorch(layer, found))
        names = [path for path in of_inputs if path.endswith("candidate_bias")]
        of_inputs |= {path: swapped[path] for path in names}
    return of_inputs


def flat(state: Any) -> list[Any]:
    """Return our states in PyTorch's order: (layer, direction) in front, hidden before cell."""
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
    """PyTorch's rows, put into the order that ONNX prescribes, give PyTorch's outputs."""
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
