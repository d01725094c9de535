"""Models that read words have the same outputs and gradients as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, ops, tree
from clearprop.autodiff import value_and_grad

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

WITHIN = {"float32": 1e-5, "float64": 1e-10}
WORDS = np.array([[4, 9, 2, 7, 3], [7, 3, 1, 0, 0], [5, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 3, 1])
OF_CELLS = {"weight": "weight_ih", "recurrent_weight": "weight_hh", "bias": "bias_ih"}

Weights = dict[str, Any]
Twin = Callable[[Weights, Any], Any]


@pytest.fixture(params=WITHIN)
def dtype(request: pytest.FixtureRequest) -> Any:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


def recurrent(weights: Weights, path: str, x: Any, kind: Any, *, masked: bool) -> Any:
    """Return the outputs of PyTorch's layer for x (B, T, D), with the weights below a path."""
    cells = {name: w for name, w in weights.items() if name.startswith(f"{path}.")}
    both = any("backward_cells" in name for name in cells)
    layers = len([name for name in cells if name.endswith(".bias")]) // (2 if both else 1)
    hidden = cells[f"{path}.cells.0.recurrent_weight"].shape[0]
    layer = kind(x.shape[-1], hidden, layers, batch_first=True, bidirectional=both).to(x.dtype)
    given = {name: torch.zeros_like(w) for name, w in layer.named_parameters()}
    for name, w in cells.items():
        *_, field, number, of_cell = name.split(".")
        way = "_reverse" if field == "backward_cells" else ""
        given[f"{OF_CELLS[of_cell]}_l{number}{way}"] = w.T if w.ndim == 2 else w
    if not masked:
        return torch.func.functional_call(layer, given, (x,))[0]
    pack = torch.nn.utils.rnn.pack_padded_sequence
    packed = pack(x, LENGTHS, batch_first=True, enforce_sorted=False)
    read, _ = torch.func.functional_call(layer, given, (packed,))
    unpack = torch.nn.utils.rnn.pad_packed_sequence
    return unpack(read, batch_first=True, total_length=x.shape[1])[0]


def output(weights: Weights, y: Any) -> Any:
    return y @ weights["output.weight"] + weights["output.bias"]


def tagger(weights: Weights, x: Any) -> Any:
    embedded = weights["embedding.weight"][x]
    return output(weights, recurrent(weights, "lstm", embedded, torch.nn.LSTM, masked=True))


def language_model(kind: Any) -> Twin:
    def twin(weights: Weights, x: Any) -> Any:
        embedded = weights["embedding.weight"][x]
        return output(weights, recurrent(weights, "recurrent", embedded, kind, masked=False))

    return twin


def largest(y: Any, x: Any) -> Any:
    return y.masked_fill((x == 0)[..., None], -torch.inf).max(1).values


def bag(weights: Weights, x: Any) -> Any:
    shown = (x != 0)[..., None]
    return output(weights, (weights["embedding.weight"][x] * shown).sum(1) / shown.sum(1))


def windows(weights: Weights, x: Any) -> Any:
    seen = (weights["embedding.weight"][x] * (x != 0)[..., None]).transpose(1, 2)
    found = []
    for number in range(3):
        path = f"reader.convolutions.{number}"
        kernel = weights[f"{path}.weight"].permute(2, 1, 0)
        y = torch.nn.functional.conv1d(seen, kernel, weights[f"{path}.bias"], padding="same")
        found.append(largest(y.relu().transpose(1, 2), x))
    return output(weights, torch.cat(found, -1))


def both_ways(weights: Weights, x: Any) -> Any:
    embedded = weights["embedding.weight"][x]
    read = recurrent(weights, "reader.lstm", embedded, torch.nn.LSTM, masked=True)
    return output(weights, largest(read, x))


sizes: dict[str, Any] = {"embedding_features": 4, "hidden_size": 6}
PAIRS: dict[str, tuple[nn.Module, Twin]] = {
    "tagger": (models.Tagger(10, 3, layers=2, **sizes), tagger),
    "bag": (models.WordClassifier(10, 3, network="bag", **sizes), bag),
    "cnn": (models.WordClassifier(10, 3, network="cnn", **sizes), windows),
    "lstm": (models.WordClassifier(10, 3, network="lstm", **sizes), both_ways),
    "rnn language model": (
        models.RecurrentLanguageModel(10, cell="rnn", **sizes),
        language_model(torch.nn.RNN),
    ),
    "lstm language model": (
        models.RecurrentLanguageModel(10, layers=2, **sizes),
        language_model(torch.nn.LSTM),
    ),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients(name: str, dtype: str) -> None:
    model, twin = PAIRS[name]
    model = model.init(1, dtype=dtype)
    ours = nn.parameters(model)
    theirs = {path: torch.tensor(np.array(w), requires_grad=True) for path, w in ours.items()}
    expected = twin(theirs, torch.tensor(WORDS))
    pull = np.random.default_rng(0).normal(size=expected.shape).astype(dtype)
    (expected * torch.tensor(pull)).sum().backward()

    def loss(weights: Any) -> Any:
        y = tree.replace(model, weights)(jnp.asarray(WORDS, jnp.int32))
        return ops.sum(y * pull), y

    (_, y), gradients = jax.jit(value_and_grad(loss, has_aux=True))(ours)
    assert str(y.dtype) == dtype
    pairs = {"output": (y, expected)}
    pairs |= {path: (gradients[path], w.grad) for path, w in theirs.items()}
    for path, (a, b) in pairs.items():
        b = b.detach().numpy()
        error = np.abs(np.asarray(a) - b).max()
        assert error <= WITHIN[dtype] * max(np.abs(b).max(), 1e-2), path
