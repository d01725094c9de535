"""Recurrent layers: RNN, GRU and LSTM, as loops over the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from clearprop import ops
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.running import plain
from clearprop.interop.onnx.table import row

_DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_WITH_ALPHA = {"Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"}
_WITH_BETA = {"Affine", "ScaledTanh", "HardSigmoid"}
_ALPHA = {"Affine": 1.0, "LeakyRelu": 0.01, "ThresholdedRelu": 1.0, "ScaledTanh": 1.0,
          "HardSigmoid": 0.2, "Elu": 1.0}  # fmt: skip
_BETA = {"Affine": 0.0, "ScaledTanh": 1.0, "HardSigmoid": 0.5}


def _activation(node: OnnxNode, name: str, alpha: float, beta: float) -> Callable[[Any], Any]:
    known: dict[str, Callable[[Any], Any]] = {
        "Sigmoid": ops.sigmoid,
        "Tanh": ops.tanh,
        "Relu": ops.relu,
        "Softsign": ops.softsign,
        "Softplus": ops.softplus,
        "Affine": lambda x: ops.add(ops.multiply(alpha, x), beta),
        "LeakyRelu": lambda x: ops.leaky_relu(x, alpha),
        "ThresholdedRelu": lambda x: ops.where(plain(x) > alpha, x, 0),
        "ScaledTanh": lambda x: ops.multiply(alpha, ops.tanh(ops.multiply(beta, x))),
        "HardSigmoid": lambda x: ops.clip(ops.add(ops.multiply(alpha, x), beta), 0.0, 1.0),
        "Elu": lambda x: ops.elu(x, alpha),
    }
    found = {key.lower(): function for key, function in known.items()}.get(name.lower())
    if found is None:
        raise node.error("the activation is unknown", given=name, expected=", ".join(known))
    return found


def _activations(node: OnnxNode, directions: int) -> list[list[Callable[[Any], Any]]]:
    """Return the activations of each direction, with their numbers from the file."""
    defaults = _DEFAULTS[node.operator]
    names = list(node.texts("activations", defaults * directions))
    if len(names) != len(defaults) * directions:
        raise node.error(
            "the activations are not one for each part of the cell",
            given=", ".join(names),
            expected=f"{len(defaults) * directions} names",
        )
    alphas, betas = (
        list(node.floats("activation_alpha", ())),
        list(node.floats("activation_beta", ())),
    )
    clip = node.number("clip") if node.has("clip") else None
    made = []
    for name in names:
        title = next((key for key in _ALPHA if key.lower() == name.lower()), name)
        alpha = alphas.pop(0) if title in _WITH_ALPHA and alphas else _ALPHA.get(title, 1.0)
        beta = betas.pop(0) if title in _WITH_BETA and betas else _BETA.get(title, 0.0)
        made.append(_activation(node, name, alpha, beta))
    if clip is not None:  # of what enters a gate; the state of an LSTM passes as it is
        gates = 2 if node.operator == "LSTM" else len(defaults)
        made = [_clipped(f, clip) if i % len(defaults) < gates else f for i, f in enumerate(made)]
    n = len(defaults)
    return [made[i * n : (i + 1) * n] for i in range(directions)]


def _clipped(function: Callable[[Any], Any], clip: float | None) -> Callable[[Any], Any]:
    return function if clip is None else lambda x: function(ops.clip(x, -clip, clip))


def _directions(node: OnnxNode) -> list[bool]:
    """Return for each direction whether it goes backward."""
    name = node.text("direction", "forward")
    known = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    if name not in known:
        raise node.error("the direction is unknown", given=name, expected=", ".join(known))
    return known[name]


def _turned(x: Any, lengths: Any) -> Any:
    """Return steps in reverse; with lengths, each sequence is turned by itself."""
    if lengths is None:
        return ops.flip(x, 0)
    steps = jnp.arange(x.shape[0])[:, None]
    places = jnp.where(steps < lengths[None], lengths[None] - 1 - steps, steps)
    full = jnp.broadcast_to(places[..., None], x.shape)
    return ops.take_along_axis(x, full, 0)


Step = Callable[[Any, Sequence[Any]], Sequence[Any]]
"""(input of a step, states) -> new states; the first of them is the output."""


def _loop(step: Step, x: Any, states: Sequence[Any], lengths: Any) -> tuple[Any, Sequence[Any]]:
    """Go through the steps; after the end of a sequence its states stay and its output is 0."""
    numbers = jnp.arange(x.shape[0])

    def one(carry: tuple[Any, ...], given: tuple[Any, Any]) -> tuple[tuple[Any, ...], Any]:
        number, values = given
        new = step(values, carry)
        if lengths is None:
            return tuple(new), new[0]
        goes_on = (plain(number) < lengths)[:, None]
        kept = tuple(ops.where(goes_on, n, old) for n, old in zip(new, carry, strict=True))
        return kept, ops.where(goes_on, new[0], jnp.zeros((), new[0].dtype))

    last, outputs = ops.scan(one, tuple(states), (numbers, x))
    return outputs, last


def _recurrent(
    node: OnnxNode,
    x: Any,
    w: Any,
    r: Any,
    b: Any,
    lengths: Any,
    first: Sequence[Any],
    peepholes: Any,
) -> tuple[Any, ...]:
    """Run every direction; the outputs are all steps, then the last states."""
    batch_first = bool(node.integer("layout", 0))
    x = ops.transpose(x, (1, 0, 2)) if batch_first else x
    lengths = None if lengths is None else jnp.asarray(plain(lengths))
    backward = _directions(node)
    functions = _activations(node, len(backward))
    hidden, gates = r.shape[-1], r.shape[1] // r.shape[-1]
    outputs, lasts = [], []
    for d, back in enumerate(backward):
        steps = _turned(x, lengths) if back else x
        bias = None if b is None else (b[d][: gates * hidden], b[d][gates * hidden :])
        cell = _CELLS[node.operator](
            node, r[d], bias, functions[d], None if peepholes is None else peepholes[d]
        )
        # The product of all steps with the input weights is one product of matrices.
        given = ops.matmul(steps, ops.transpose(w[d]))
        given = given if bias is None else ops.add(given, bias[0])
        states = [
            jnp.zeros((x.shape[1], hidden), x.dtype)
            if f is None
            else (f[:, d] if batch_first else f[d])
            for f in first
        ]
        y, last = _loop(cell, given, states, lengths)
        outputs.append(_turned(y, lengths) if back else y)
        lasts.append(last)
    axis = 2 if batch_first else 1
    every = ops.stack(*[ops.transpose(y, (1, 0, 2)) for y in outputs] if batch_first else outputs,
                      axis=axis)  # fmt: skip
    finals = [
        ops.stack(*[last[i] for last in lasts], axis=1 if batch_first else 0)
        for i in range(len(first))
    ]
    return (every, *finals)


def _lstm_cell(node: OnnxNode, r: Any, bias: Any, functions: Any, peepholes: Any) -> Step:
    f, g, h = functions
    n = r.shape[-1]
    recurrent = ops.transpose(r)
    coupled = bool(node.integer("input_forget", 0))
    p = [peepholes[i * n : (i + 1) * n] for i in range(3)] if peepholes is not None else None

    def step(given: Any, states: Sequence[Any]) -> Sequence[Any]:
        hidden, cell = states
        z = ops.add(given, ops.matmul(hidden, recurrent))
        z = z if bias is None else ops.add(z, bias[1])
        of_input, of_output, of_forget, of_cell = (z[:, i * n : (i + 1) * n] for i in range(4))
        if p is not None:
            of_input = ops.add(of_input, ops.multiply(p[0], cell))
            of_forget = ops.add(of_forget, ops.multiply(p[2], cell))
        i = f(of_input)
        forget = ops.subtract(1, i) if coupled else f(of_forget)
        new = ops.add(ops.multiply(forget, cell), ops.multiply(i, g(of_cell)))
        if p is not None:
            of_output = ops.add(of_output, ops.multiply(p[1], new))
        return ops.multiply(f(of_output), h(new)), new

    return step


def _gru_cell(node: OnnxNode, r: Any, bias: Any, functions: Any, _: Any) -> Step:
    f, g = functions
    n = r.shape[-1]
    gates, candidate = ops.transpose(r[: 2 * n]), ops.transpose(r[2 * n :])
    before = bool(node.integer("linear_before_reset", 0))
    of_gates = None if bias is None else bias[1][: 2 * n]
    of_candidate = None if bias is None else bias[1][2 * n :]

    def step(given: Any, states: Sequence[Any]) -> Sequence[Any]:
        (hidden,) = states
        z = ops.add(given[:, : 2 * n], ops.matmul(hidden, gates))
        z = f(z if of_gates is None else ops.add(z, of_gates))
        update, reset = z[:, :n], z[:, n:]
        seen = hidden if before else ops.multiply(reset, hidden)
        product = ops.matmul(seen, candidate)
        product = product if of_candidate is None else ops.add(product, of_candidate)
        product = ops.multiply(reset, product) if before else product
        new = g(ops.add(given[:, 2 * n :], product))
        kept = ops.multiply(update, hidden)
        return (ops.add(ops.multiply(ops.subtract(1, update), new), kept),)

    return step


def _rnn_cell(node: OnnxNode, r: Any, bias: Any, functions: Any, _: Any) -> Step:
    recurrent = ops.transpose(r)

    def step(given: Any, states: Sequence[Any]) -> Sequence[Any]:
        z = ops.add(given, ops.matmul(states[0], recurrent))
        return (functions[0](z if bias is None else ops.add(z, bias[1])),)

    return step


_CELLS: dict[str, Callable[..., Step]] = {
    "LSTM": _lstm_cell,
    "GRU": _gru_cell,
    "RNN": _rnn_cell,
}


@row("LSTM", weights=(1, 2, 3, 7))
def _lstm(
    node: OnnxNode,
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    lengths: Any = None,
    hidden: Any = None,
    cell: Any = None,
    peepholes: Any = None,
) -> Any:
    return _recurrent(node, x, w, r, b, lengths, (hidden, cell), peepholes)


@row("GRU", "RNN", weights=(1, 2, 3))
def _gru_or_rnn(
    node: OnnxNode, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, hidden: Any = None
) -> Any:
    return _recurrent(node, x, w, r, b, lengths, (hidden,), None)
