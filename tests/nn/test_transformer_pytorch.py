"""Attention and transformer blocks have the same outputs and gradients as PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import grad

torch = pytest.importorskip("torch", reason="PyTorch is the peer of these comparisons")

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
D, H, F = 8, 2, 12


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


def assert_close(ours: Any, theirs: Any, dtype: str, scale: float = 1e-3) -> None:
    """Compare with a tolerance relative to the largest entry, or to ``scale`` if it is larger."""
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert str(ours.dtype) == dtype
    scale = max(scale, float(np.abs(theirs).max()))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[dtype] * scale)


def filled(model: nn.Module, dtype: str) -> nn.Module:
    """Give a model random weights and biases, none of which is a special value."""
    random = np.random.default_rng(0)
    shapes = {path: w.shape for path, w in nn.parameters(model).items()}
    values = {p: jnp.asarray(0.3 * random.normal(size=s), dtype) for p, s in shapes.items()}
    return tree.replace(model.init(0), values)


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def like(y: Any) -> Any:
    """Return the error signal of an output."""
    return numbers(tuple(y.shape), str(y.dtype).removeprefix("torch."), 7)


def weighed(y: Any) -> Any:
    return ops.sum(y * like(y))


def load_attention(theirs: Any, ours: nn.MultiHeadAttention) -> None:
    parts = (ours.query, ours.key, ours.value)
    load(theirs.in_proj_weight, np.concatenate([p.weight for p in parts], axis=1).T)
    load(theirs.in_proj_bias, np.concatenate([p.bias for p in parts]))
    load_linear(theirs.out_proj, ours.output)


def load_linear(theirs: Any, ours: Any) -> None:
    load(theirs.weight, np.asarray(ours.weight).T)
    load(theirs.bias, ours.bias)


def load_norm(theirs: Any, ours: Any) -> None:
    load(theirs.weight, ours.scale)
    load(theirs.bias, ours.shift)


def load(theirs: Any, ours: Any) -> None:
    with torch.no_grad():
        theirs.copy_(torch.from_numpy(np.array(ours)))


def read_attention(theirs: Any, path: str) -> dict[str, Any]:
    """Return PyTorch's gradients under the names of ours."""
    found = {}
    weights, biases = theirs.in_proj_weight.grad.chunk(3), theirs.in_proj_bias.grad.chunk(3)
    for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
        found[f"{path}.{name}.weight"], found[f"{path}.{name}.bias"] = weight.T, bias
    return {**found, **read_linear(theirs.out_proj, f"{path}.output")}


def read_linear(theirs: Any, path: str) -> dict[str, Any]:
    return {f"{path}.weight": theirs.weight.grad.T, f"{path}.bias": theirs.bias.grad}


def read_norm(theirs: Any, path: str) -> dict[str, Any]:
    return {f"{path}.scale": theirs.weight.grad, f"{path}.shift": theirs.bias.grad}


def load_block(theirs: Any, ours: Any) -> None:
    load_attention(theirs.self_attn, ours.attention)
    norms = [ours.attention_norm, ours.feedforward_norm]
    if hasattr(ours, "memory_attention"):
        load_attention(theirs.multihead_attn, ours.memory_attention)
        norms.insert(1, ours.memory_norm)
    for i, norm in enumerate(norms):
        load_norm(getattr(theirs, f"norm{i + 1}"), norm)
    load_linear(theirs.linear1, ours.feedforward.hidden)
    load_linear(theirs.linear2, ours.feedforward.output)


def read_block(theirs: Any, path: str = "") -> dict[str, Any]:
    found = read_attention(theirs.self_attn, "attention")
    norms = ["attention_norm", "feedforward_norm"]
    if hasattr(theirs, "multihead_attn"):
        found.update(read_attention(theirs.multihead_attn, "memory_attention"))
        norms.insert(1, "memory_norm")
    for i, name in enumerate(norms):
        found.update(read_norm(getattr(theirs, f"norm{i + 1}"), name))
    found.update(read_linear(theirs.linear1, "feedforward.hidden"))
    found.update(read_linear(theirs.linear2, "feedforward.output"))
    return {f"{path}{name}": value for name, value in found.items()}


def compare_gradients(model: nn.Module, loss: Any, theirs: dict[str, Any], dtype: str) -> None:
    parameters = nn.parameters(model)
    ours = jax.jit(grad(lambda p: loss(tree.replace(model, p))))(parameters)
    assert set(ours) == set(theirs)
    largest = max(float(np.abs(gradient).max()) for gradient in ours.values())
    for path, gradient in ours.items():
        # Softmax does not change when all scores of a query grow equally: the gradient of the keys'
        # bias is 0, apart from rounding.
        # Small gradients are differences of large sums, so the rounding of these sums counts.
        scale = largest if path.endswith("key.bias") else largest / 100
        assert_close(gradient, theirs[path], dtype, scale)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_scaled_dot_product_attention(dtype: str, causal: bool, scale: float | None) -> None:
    q, k, v = (numbers((2, 3, 5, 4), dtype, seed) for seed in range(3))
    theirs = [torch.from_numpy(x).requires_grad_() for x in (q, k, v)]
    y = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal, scale=scale)
    (y * torch.from_numpy(like(y))).sum().backward()

    def attend(q: Any, k: Any, v: Any) -> Any:
        return ops.attention(q, k, v, causal=causal, scale=scale)

    assert_close(attend(q, k, v), y, dtype)
    gradients = grad(lambda *x: weighed(attend(*x)), argnums=(0, 1, 2))(q, k, v)
    for ours, x in zip(gradients, theirs, strict=True):
        assert_close(ours, x.grad, dtype)


def test_scaled_dot_product_attention_with_shared_keys(dtype: str) -> None:
    model = filled(nn.MultiHeadAttention(8, 4, key_value_heads=2, causal=True), dtype)
    x = jnp.asarray(numbers((2, 5, 8), dtype))
    q, k, v = (np.array(part) for part in (model.query(x), model.key(x), model.value(x)))
    by_head = [torch.from_numpy(p).view(2, 5, -1, 2).transpose(1, 2) for p in (q, k, v)]
    y = torch.nn.functional.scaled_dot_product_attention(*by_head, is_causal=True, enable_gqa=True)
    merged = jnp.asarray(y.transpose(1, 2).reshape(2, 5, 8).numpy())
    assert_close(model(x), np.asarray(model.output(merged)), dtype)


@pytest.mark.parametrize("shape", [(4, 5), (3, H, 4, 5)])
def test_a_mask_of_numbers(dtype: str, shape: tuple[int, ...]) -> None:
    theirs = torch.nn.MultiheadAttention(D, H, batch_first=True, dtype=getattr(torch, dtype))
    model = filled(nn.MultiHeadAttention(D, H), dtype)
    load_attention(theirs, model)
    x, m, added = numbers((3, 4, D), dtype), numbers((3, 5, D), dtype, 2), numbers(shape, dtype, 3)
    added[..., 2, 1:4] = -np.inf
    given = torch.from_numpy(added.reshape(-1, 4, 5).squeeze()).requires_grad_()
    tx, tm = torch.from_numpy(x), torch.from_numpy(m)
    y, weights = theirs(tx, tm, tm, attn_mask=given, average_attn_weights=False)
    y.backward(torch.from_numpy(like(y)))
    ours = jnp.asarray(added).reshape((1,) * (len(shape) == 2) + shape)
    assert_close(model(jnp.asarray(x), jnp.asarray(m), ours), y, dtype)
    assert_close(model.weights(jnp.asarray(x), jnp.asarray(m), ours), weights, dtype)
    slopes = grad(lambda b: weighed(model(x, m, b)))(ours)
    assert_close(slopes.reshape(given.shape), given.grad, dtype)


@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention(dtype: str, masked: bool) -> None:
    model = filled(nn.MultiHeadAttention(D, H), dtype)
    theirs = torch.nn.MultiheadAttention(D, H, batch_first=True, dtype=getattr(torch, dtype))
    load_attention(theirs, model)
    x, m = numbers((3, 4, D), dtype), numbers((3, 5, D), dtype, 2)
    mask = np.ones((3, 5), bool)
    if masked:
        mask[0, 3:] = mask[1, 0] = False
    tx, tm = torch.from_numpy(x).requires_grad_(), torch.from_numpy(m).requires_grad_()
    y, weights = theirs(
        tx, tm, tm, key_padding_mask=torch.from_numpy(~mask), average_attn_weights=False
    )
    (y * torch.from_numpy(like(y))).sum().backward()
    ours = model(jnp.asarray(x), jnp.asarray(m), mask)
    assert_close(ours, y, dtype)
    assert_close(model.weights(jnp.asarray(x), jnp.asarray(m), mask), weights, dtype)
    in_x, in_m = grad(lambda x, m: weighed(model(x, m, mask)), argnums=(0, 1))(x, m)
    assert_close(in_x, tx.grad, dtype)
    assert_close(in_m, tm.grad, dtype)
    found = {name[1:]: g for name, g in read_attention(theirs, "").items()}
    compare_gradients(model, lambda model: weighed(model(x, m, mask)), found, dtype)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layer(dtype: str, norm_first: bool, activation: str) -> None:
    model = filled(
        nn.TransformerBlock(D, H, F, norm_first=norm_first, activation=activation), dtype
    )
    theirs = torch.nn.TransformerEncoderLayer(
        D,
        H,
        F,
        0.0,
        activation,
        batch_first=True,
        norm_first=norm_first,
        dtype=getattr(torch, dtype),
    )
    load_block(theirs, model)
    x, mask = numbers((3, 4, D), dtype), np.ones((3, 4), bool)
    mask[0, 2:] = False
    y = theirs(torch.from_numpy(x), src_key_padding_mask=torch.from_numpy(~mask))
    (y * torch.from_numpy(like(y))).sum().backward()
    assert_close(jax.jit(model)(jnp.asarray(x), mask), y, dtype)
    compare_gradients(
        model, lambda model: weighed(model(jnp.asarray(x), mask)), read_block(theirs), dtype
    )


@pytest.mark.parametrize("norm_first", [True, False])
def test_decoder_layer(dtype: str, norm_first: bool) -> None:
    model = filled(nn.DecoderBlock(D, H, F, norm_first=norm_first, activation="relu"), dtype)
    theirs = torch.nn.TransformerDecoderLayer(
        D, H, F, 0.0, batch_first=True, norm_first=norm_first, dtype=getattr(torch, dtype)
    )
    load_block(theirs, model)
    x, m = numbers((3, 4, D), dtype), numbers((3, 5, D), dtype, 2)
    hidden = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(torch, dtype))
    y = theirs(torch.from_numpy(x), torch.from_numpy(m), tgt_mask=hidden)
    (y * torch.from_numpy(like(y))).sum().backward()
    x, m = jnp.asarray(x), jnp.asarray(m)
    assert_close(jax.jit(model)(x, m), y, dtype)
    compare_gradients(model, lambda model: weighed(model(x, m)), read_block(theirs), dtype)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_and_decoder(dtype: str, norm_first: bool) -> None:
    theirs = torch.nn.Transformer(
        D, H, 2, 2, F, 0.0, batch_first=True, norm_first=norm_first, dtype=getattr(torch, dtype)
    )
    options: dict[str, Any] = {"layers": 2, "hidden_features": F, "activation": "relu"}
    encoder = filled(nn.TransformerEncoder(D, H, norm_first=norm_first, **options), dtype)
    decoder = filled(nn.TransformerDecoder(D, H, norm_first=norm_first, **options), dtype)
    found: list[dict[str, Any]] = []
    for mine, of_theirs in ((encoder, theirs.encoder), (decoder, theirs.decoder)):
        load_norm(of_theirs.norm, mine.norm)
        for block, layer in zip(mine.blocks, of_theirs.layers, strict=True):
            load_block(layer, block)
    x, y = numbers((2, 5, D), dtype), numbers((2, 4, D), dtype, 2)
    mask = np.ones((2, 5), bool)
    mask[0, 3:] = False
    hidden = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(torch, dtype))
    out_of_view = torch.from_numpy(~mask)
    z = theirs(
        torch.from_numpy(x),
        torch.from_numpy(y),
        tgt_mask=hidden,
        src_key_padding_mask=out_of_view,
        memory_key_padding_mask=out_of_view,
    )
    (z * torch.from_numpy(like(z))).sum().backward()
    for of_theirs in (theirs.encoder, theirs.decoder):
        gradients = read_norm(of_theirs.norm, "norm")
        for i, layer in enumerate(of_theirs.layers):
            gradients.update(read_block(layer, f"blocks.{i}."))
        found.append(gradients)

    def run(encoder: Any, decoder: Any) -> Any:
        return decoder(jnp.asarray(y), encoder(jnp.asarray(x), mask), memory_mask=mask)

    assert_close(jax.jit(run)(encoder, decoder), z, dtype)
    compare_gradients(encoder, lambda e: weighed(run(e, decoder)), found[0], dtype)
    compare_gradients(decoder, lambda d: weighed(run(encoder, d)), found[1], dtype)


def test_rms_norm(dtype: str) -> None:
    model = filled(nn.RMSNorm(D), dtype)
    theirs = torch.nn.RMSNorm(D, eps=1e-5, dtype=getattr(torch, dtype))
    load(theirs.weight, model.scale)
    x = numbers((3, D), dtype)
    y = theirs(torch.from_numpy(x))
    (y**3).sum().backward()
    assert_close(model(jnp.asarray(x)), y, dtype)
    found = {"scale": theirs.weight.grad}
    compare_gradients(model, lambda m: ops.sum(m(jnp.asarray(x)) ** 3), found, dtype)
