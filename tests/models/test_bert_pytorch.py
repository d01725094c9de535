"""BERT and its heads have the same outputs and gradients as the same formulas in PyTorch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import value_and_grad
from clearprop.models import BERT, MaskedWords, TextClassifier

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

WITHIN = {"float32": 1e-5, "float64": 1e-10}
X = {
    "segments": np.array([[0, 0, 1, 1], [0, 1, 0, 0]]),
    "tokens": np.array([[3, 1, 4, 1], [5, 2, 0, 0]]),
}
WIDTH, HEADS = 8, 2
functional = torch.nn.functional


def linear(w: dict[str, Any], path: str, x: Any) -> Any:
    return x @ w[f"{path}.weight"] + w[f"{path}.bias"]


def normed(w: dict[str, Any], path: str, x: Any) -> Any:
    return functional.layer_norm(x, (WIDTH,), w[f"{path}.scale"], w[f"{path}.shift"], 1e-12)


def bert(w: dict[str, Any], tokens: Any, segments: Any) -> Any:
    B, T = tokens.shape
    y = w["bert.words.weight"][tokens] + w["bert.positions.weight"][:T]
    y = normed(w, "bert.norm", y + w["bert.segments.weight"][segments])
    for number in range(2):
        path = f"bert.blocks.{number}"
        q, k, v = (
            linear(w, f"{path}.attention.{part}", y).view(B, T, HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        read = functional.scaled_dot_product_attention(q, k, v, (tokens != 0)[:, None, None])
        read = read.transpose(1, 2).reshape(B, T, WIDTH)
        y = normed(w, f"{path}.attention_norm", y + linear(w, f"{path}.attention.output", read))
        hidden = functional.gelu(linear(w, f"{path}.feedforward.hidden", y))
        change = linear(w, f"{path}.feedforward.output", hidden)
        y = normed(w, f"{path}.feedforward_norm", y + change)
    return y


def words(w: dict[str, Any], tokens: Any, segments: Any) -> Any:
    y = functional.gelu(linear(w, "transform", bert(w, tokens, segments)))
    return normed(w, "norm", y) @ w["bert.words.weight"].T + w["bias"]


def classes(w: dict[str, Any], tokens: Any, segments: Any) -> Any:
    first = bert(w, tokens, segments)[:, 0]
    return linear(w, "output", torch.tanh(linear(w, "bert.pooler", first)))


@pytest.mark.parametrize("dtype", WITHIN)
@pytest.mark.parametrize("head", [words, classes])
def test_outputs_and_gradients(head: Any, dtype: str) -> None:
    inner = BERT(9, 6, WIDTH, layers=2, heads=HEADS, pooled=head is classes)
    model = MaskedWords(inner) if head is words else TextClassifier(inner, 3)
    with jax.enable_x64(dtype == "float64"):
        # Initial weights are too small to distinguish one formula from another. Much larger weights
        # saturate the softmaxes, so gradients become small differences of large numbers: at ten
        # times, two orders of summation in single precision differ by more than the bound.
        larger = {"float32": 3, "float64": 10}[dtype]
        model = jax.tree.map(lambda w: larger * w, model.init(0, dtype=dtype))
        ours = nn.parameters(model)
        theirs = {path: torch.tensor(np.array(w), requires_grad=True) for path, w in ours.items()}
        expected = head(theirs, torch.tensor(X["tokens"]), torch.tensor(X["segments"]))
        pull = np.random.default_rng(0).normal(size=expected.shape).astype(dtype)
        (expected * torch.tensor(pull)).sum().backward()

        def loss(weights: Any) -> Any:
            x = {name: jnp.asarray(value, jnp.int32) for name, value in X.items()}
            y = tree.replace(model, weights)(x)
            return ops.sum(y * pull), y

        (_, y), gradients = jax.jit(value_and_grad(loss, has_aux=True))(ours)
    largest = max(float(w.grad.abs().max()) for w in theirs.values())
    pairs = {"output": (y, expected)}
    pairs |= {path: (gradients[path], w.grad) for path, w in theirs.items()}
    for path, (a, b) in pairs.items():
        b = b.detach().numpy()
        # A bias of the keys changes no softmax: its gradient is 0, apart from rounding.
        least = largest if path.endswith("key.bias") else 1e-3
        error = np.abs(np.asarray(a) - b).max()
        assert error <= WITHIN[dtype] * max(np.abs(b).max(), least), path
