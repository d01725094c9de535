"""Sequence to sequence and captions: outputs and gradients equal PyTorch's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.autodiff import grad
from clearprop.models import Captioner, Seq2Seq

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from benchmarks.quality import transcribers  # noqa: E402  it stands on PyTorch

Weights = dict[str, np.ndarray]

LABELS = np.array([[5, 7, 3], [4, 3, -1], [3, -1, -1]])
WORDS = np.array([[2, 5, 7], [2, 4, 0], [2, 0, 0]])
SOURCE = np.array([[5, 4, 3, 6], [7, 3, 0, 0], [8, 0, 0, 0]])


def same_weights(theirs: dict[str, Any], additive: bool) -> dict[str, tuple[str, ...]]:
    """Return our weights for weights of the twin; two are stacked below each other."""
    table = {
        "decoder.cell.weight_ih": ("decoder.cell.weight", "decoder.reading.weight"),
        "decoder.cell.weight_hh": ("decoder.cell.recurrent_weight",),
        "decoder.cell.bias_ih": ("decoder.cell.bias",),
        "decoder.key.weight": ("decoder.score.key.weight",),
    }
    if additive:
        table |= {
            "decoder.query.weight": ("decoder.score.query.weight",),
            "decoder.query.bias": ("decoder.score.query.bias",),
            "decoder.score.weight": ("decoder.score.output.weight",),
        }
    for way, ours in (("", "encoder.cells.0"), ("_reverse", "encoder.backward_cells.0")):
        table |= {
            f"encoder.weight_ih_l0{way}": (f"{ours}.weight",),
            f"encoder.weight_hh_l0{way}": (f"{ours}.recurrent_weight",),
            f"encoder.bias_ih_l0{way}": (f"{ours}.bias",),
        }
    for layer, conv in ((0, 0), (1, 3)):
        for kind in ("weight", "bias"):
            table[f"trunk.{conv}.{kind}"] = (f"convolutions.{layer}.{kind}",)
    table["places"] = ("places.weight",)
    return {name: table.get(name, (name,)) for name in theirs if "bias_hh" not in name}


def as_theirs(name: str, ours: Weights, sources: tuple[str, ...]) -> np.ndarray:
    weight = np.concatenate([ours[source] for source in sources])
    if weight.ndim == 4:
        return weight.transpose(3, 2, 0, 1)
    is_table = "embedding" in name or name == "places"
    return weight if weight.ndim < 2 or is_table else weight.T


def loss(model: Any, x: dict[str, Any]) -> Any:
    losses = ops.softmax_cross_entropy(model(x), jnp.maximum(LABELS, 0))
    return ops.sum(ops.where(LABELS >= 0, losses, 0.0))


def compare(model: nn.Module, twin: Any, x: Weights, additive: bool, tolerance: float) -> None:
    dtype = nn.parameters(model)["decoder.output.weight"].dtype
    twin = twin.to(getattr(torch, str(dtype))).eval()
    ours = {path: np.asarray(weight) for path, weight in nn.parameters(model).items()}
    theirs = dict(twin.named_parameters())
    table = same_weights(theirs, additive)
    assert {source for sources in table.values() for source in sources} == set(ours)
    with torch.no_grad():
        for name, weight in theirs.items():
            weight.zero_() if name not in table else weight.copy_(
                torch.from_numpy(as_theirs(name, ours, table[name]).copy())
            )
    given = {name: torch.from_numpy(value) for name, value in x.items()}
    outputs = twin(given)
    np.testing.assert_allclose(
        jax.jit(lambda model: model(x))(model), outputs.detach(), rtol=tolerance, atol=tolerance
    )
    labels = torch.from_numpy(LABELS)
    torch.nn.functional.cross_entropy(
        outputs.transpose(1, 2), labels, ignore_index=-1, reduction="sum"
    ).backward()
    gradients = jax.jit(grad(loss))(model, x)
    found = {path: np.asarray(value) for path, value in nn.parameters(gradients).items()}
    for name, sources in table.items():
        wanted = theirs[name].grad.numpy()
        scale = np.abs(wanted).max()
        assert scale > 0, name
        np.testing.assert_allclose(
            as_theirs(name, found, sources), wanted, rtol=tolerance, atol=tolerance * scale
        )


@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_sequence_to_sequence(attention: str) -> None:
    twin = transcribers.Seq2Seq(10, 11, 5, 8, attention, 0.0)
    with jax.enable_x64(True):
        model = Seq2Seq(10, 11, embedding_features=5, hidden_size=8, attention=attention)
        x = {"source": SOURCE, "target": WORDS}
        compare(model.init(3, dtype=jnp.float64), twin, x, attention == "additive", 1e-10)


def test_sequence_to_sequence_in_single_precision() -> None:
    twin = transcribers.Seq2Seq(10, 11, 5, 8, "additive", 0.0)
    model = Seq2Seq(10, 11, embedding_features=5, hidden_size=8, attention="additive").init(3)
    x = {"source": SOURCE.astype(np.int32), "target": WORDS.astype(np.int32)}
    compare(model, twin, x, True, 1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_captions(dtype: str, tolerance: float) -> None:
    twin = transcribers.Captioner((8, 24, 1), 11, (4, 6), 5, 8, "additive", 0.0)
    with jax.enable_x64(dtype == "float64"):
        model = Captioner((8, 24, 1), 11, channels=(4, 6), embedding_features=5, hidden_size=8)
        images = np.random.default_rng(0).normal(size=(3, 8, 24, 1)).astype(dtype)
        whole = {"float32": np.int32, "float64": np.int64}[dtype]
        x = {"image": images, "words": WORDS.astype(whole)}
        compare(model.init(3, dtype=dtype), twin, x, True, tolerance)
