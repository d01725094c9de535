"""GPT and a small twin in PyTorch have the same weights, logits and gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import grad
from clearprop.models import GPT

torch = pytest.importorskip("torch", reason="PyTorch is the peer of these comparisons")
F = torch.nn.functional

V, T, D, H = 11, 6, 8, 2
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def twin(w: dict[str, Any], tokens: Any) -> Any:
    """Compute the logits from tensors with the names of our parameters."""

    def linear(x: Any, path: str) -> Any:
        return x @ w[f"{path}.weight"] + w[f"{path}.bias"]

    def norm(x: Any, path: str) -> Any:
        return F.layer_norm(x, (D,), w[f"{path}.scale"], w[f"{path}.shift"])

    def heads(x: Any) -> Any:
        return x.view(*x.shape[:2], H, D // H).transpose(1, 2)

    x = w["embedding.weight"][tokens] + w["positions.weight"][: tokens.shape[1]]
    for i in range(2):
        at = f"blocks.{i}"
        a = norm(x, f"{at}.attention_norm")
        q, k, v = (heads(linear(a, f"{at}.attention.{n}")) for n in ("query", "key", "value"))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(y.transpose(1, 2).reshape(x.shape), f"{at}.attention.output")
        h = F.gelu(
            linear(norm(x, f"{at}.feedforward_norm"), f"{at}.feedforward.hidden"),
            approximate="tanh",
        )
        x = x + linear(h, f"{at}.feedforward.output")
    x = norm(x, "norm")
    # The same rows are used twice: for looking up tokens, and for the output.
    return x @ (w["output.weight"] if "output.weight" in w else w["embedding.weight"].T)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_logits_and_gradients(dtype: str, tied: bool) -> None:
    random = np.random.default_rng(0)
    tokens, targets = random.integers(0, V, (2, 3, T))
    with jax.enable_x64(dtype == "float64"):
        model = GPT(V, 8, D, layers=2, heads=H, tied=tied)
        shapes = {path: w.shape for path, w in nn.parameters(model).items()}
        values = {p: jnp.asarray(0.3 * random.normal(size=s), dtype) for p, s in shapes.items()}
        model = tree.replace(model.init(0), values)
        theirs = {
            p: torch.from_numpy(np.array(value)).requires_grad_() for p, value in values.items()
        }
        logits = twin(theirs, torch.from_numpy(tokens))
        loss = F.cross_entropy(logits.reshape(-1, V), torch.from_numpy(targets).reshape(-1))
        loss.backward()

        def objective(w: Any) -> Any:
            y = tree.replace(model, w)(jnp.asarray(tokens, jnp.int32))
            return ops.mean(ops.softmax_cross_entropy(y, jnp.asarray(targets, jnp.int32)))

        compare(model(jnp.asarray(tokens, jnp.int32)), logits.detach(), dtype)
        gradients = jax.jit(grad(objective))(values)
        largest = max(float(jnp.abs(g).max()) for g in gradients.values())
        for path, ours in gradients.items():
            # In exact arithmetic the gradient of the bias of the keys is 0.
            scale = largest if path.endswith("key.bias") else 1e-3
            compare(ours, theirs[path].grad, dtype, scale)


def compare(ours: Any, theirs: Any, dtype: str, scale: float = 1e-3) -> None:
    assert str(ours.dtype) == dtype
    scale = max(scale, float(theirs.abs().max()))
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=TOLERANCE[dtype] * scale)
