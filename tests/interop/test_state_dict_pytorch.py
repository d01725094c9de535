"""A model with the weights of PyTorch's layers has PyTorch's outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import CheckpointError, ConfigurationError, ModelError
from clearprop.interop.pytorch import load_state_dict

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
theirs = torch.nn

SERIES = np.random.default_rng(2).normal(size=(2, 7, 6)).astype(np.float32)
X2 = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def shuffled(module: Any) -> Any:
    """Return a module with random numbers in all its arrays, running statistics too."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, x in module.state_dict().items():
            if x.dtype.is_floating_point:
                x.copy_(torch.rand(x.shape) + 0.5 if "var" in name else 0.5 * torch.randn(x.shape))
    return module.eval()


def loaded(ours: nn.Module, module: Any, folder: Path, **options: Any) -> nn.Module:
    torch.save(shuffled(module).state_dict(), folder / "a.pt")
    return load_state_dict(ours, folder / "a.pt", **options)


def close(ours: Any, other: Any) -> None:
    expected = other.detach().numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


Pair = tuple[Callable[[], nn.Module], Callable[[], Any], np.ndarray]
KINDS = ("Conv", "ConvTranspose")
PICTURES = [pictures(2, 9, 4), pictures(2, 5, 7, 4), pictures(2, 3, 4, 5, 4)]


def convolutions(kind: str, x: np.ndarray) -> Pair:
    name, window = f"{kind}{x.ndim - 2}d", (3, 2, 4)[: x.ndim - 2]
    options: Any = {"stride": 2, "padding": 1, "groups": 2}
    return (
        lambda: getattr(nn, name)(4, 6, window, **options),
        lambda: getattr(theirs, name)(4, 6, window, **options),
        x,
    )


PAIRS: dict[str, Pair] = {
    "linear": (lambda: nn.Linear(6, 3), lambda: theirs.Linear(6, 3), X2),
    **{f"{kind}{len(x.shape) - 2}d": convolutions(kind, x) for kind in KINDS for x in PICTURES},
    "batch norm": (lambda: nn.BatchNorm(6), lambda: theirs.BatchNorm1d(6), X2),
    "batch norm of pictures": (
        lambda: nn.BatchNorm(3),
        lambda: theirs.BatchNorm2d(3),
        pictures(2, 4, 5, 3),
    ),
    "layer norm": (lambda: nn.LayerNorm(6), lambda: theirs.LayerNorm(6), X2),
    "rms norm": (lambda: nn.RMSNorm(6, epsilon=1e-6), lambda: theirs.RMSNorm(6, eps=1e-6), X2),
    "embedding": (
        lambda: nn.Embedding(9, 4),
        lambda: theirs.Embedding(9, 4),
        np.array([[1, 8], [0, 3]]),
    ),
    "rnn": (lambda: nn.RNN(6, 5, layers=2), lambda: theirs.RNN(6, 5, 2, batch_first=True), SERIES),
    "lstm": (
        lambda: nn.LSTM(6, 5, layers=2, bidirectional=True),
        lambda: theirs.LSTM(6, 5, 2, batch_first=True, bidirectional=True),
        SERIES,
    ),
    "lstm without bias": (
        lambda: nn.LSTM(6, 5),
        lambda: theirs.LSTM(6, 5, batch_first=True, bias=False),
        SERIES,
    ),
    "gru": (lambda: nn.GRU(6, 5), lambda: theirs.GRU(6, 5, batch_first=True), SERIES),
    "encoder": (
        lambda: nn.TransformerEncoder(8, 2, layers=2, hidden_features=12, activation="relu"),
        lambda: theirs.TransformerEncoder(
            theirs.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True),
            2,
            theirs.LayerNorm(8),
            enable_nested_tensor=False,
        ),
        pictures(2, 5, 8),
    ),
    "block that normalizes last": (
        lambda: nn.TransformerBlock(8, 2, 12, activation="gelu", norm_first=False, bias=False),
        lambda: theirs.TransformerEncoderLayer(
            8, 2, 12, batch_first=True, activation="gelu", bias=False
        ),
        pictures(2, 5, 8),
    ),
    "layers in layers": (
        lambda: nn.Sequential(
            nn.Linear(6, 4), "tanh", nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
        ),
        lambda: theirs.Sequential(
            theirs.Linear(6, 4),
            theirs.Tanh(),
            theirs.Sequential(theirs.Linear(4, 4), theirs.LayerNorm(4)),
        ),
        X2,
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_outputs(name: str, tmp_path: Path) -> None:
    make, twin, x = PAIRS[name]
    module = twin()
    if name == "block that normalizes last":
        # Without a bias PyTorch's norms have no shift, and ours always do.
        module.norm1, module.norm2 = theirs.LayerNorm(8), theirs.LayerNorm(8)
    model = loaded(make(), module, tmp_path)
    is_picture = name.startswith("Conv") or name.endswith("pictures")
    given = torch.from_numpy(np.moveaxis(x, -1, 1).copy() if is_picture else x)
    expected = module(given)
    expected = expected[0] if isinstance(expected, tuple) else expected
    close(model(jnp.asarray(x)), expected.movedim(1, -1) if is_picture else expected)
    assert nn.is_initialized(model)


def test_attention_to_a_memory(tmp_path: Path) -> None:
    module = theirs.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True)
    model: Any = loaded(nn.MultiHeadAttention(8, 2, memory_features=6), module, tmp_path)
    x, memory = pictures(2, 5, 8), pictures(2, 3, 6)
    given = torch.from_numpy(x), torch.from_numpy(memory), torch.from_numpy(memory)
    close(model(x, memory), module(*given)[0])


def test_a_decoder(tmp_path: Path) -> None:
    layer = theirs.TransformerDecoderLayer(8, 2, 12, batch_first=True)
    module = theirs.TransformerDecoder(layer, 2, theirs.LayerNorm(8))
    options: Any = {"layers": 2, "hidden_features": 12, "activation": "relu", "norm_first": False}
    model: Any = loaded(nn.TransformerDecoder(8, 2, **options), module, tmp_path)
    x, memory = pictures(2, 5, 8), pictures(2, 3, 8)
    causal = theirs.Transformer.generate_square_subsequent_mask(5)
    close(model(x, memory), module(torch.from_numpy(x), torch.from_numpy(memory), tgt_mask=causal))


class Own(nn.Module):
    """A module with parameters, a list, a dict and names of its own."""

    def __init__(self) -> None:
        self.first = nn.Linear(6, 4)
        self.more = [nn.Linear(4, 4), nn.Linear(4, 4)]
        self.by_name = {"a": nn.Linear(4, 2)}
        self.scale = nn.Parameter((3, 2), nn.initializers.ones)

    def __call__(self, x: Any) -> Any:
        for layer in (self.first, *self.more, self.by_name["a"]):
            x = ops.tanh(layer(x))
        return x * self.scale[1]


class Their(theirs.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = theirs.Linear(6, 4)
        self.more = theirs.ModuleList([theirs.Linear(4, 4), theirs.Linear(4, 4)])
        self.by_name = theirs.ModuleDict({"a": theirs.Linear(4, 2)})
        self.gain = theirs.Parameter(torch.ones(3, 2))

    def forward(self, x: Any) -> Any:
        for layer in (self.fc1, *self.more, self.by_name["a"]):
            x = torch.tanh(layer(x))
        return x * self.gain[1]


def test_own_classes_and_other_names(tmp_path: Path) -> None:
    module = Their()
    model = loaded(Own(), module, tmp_path, names={"first": "fc1", "scale": "gain"})
    close(model(jnp.asarray(X2)), module(torch.from_numpy(X2)))
    wrapped = {f"module.{name}": x for name, x in module.state_dict().items()}
    names = {"": "module", "first": "module.fc1", "scale": "module.gain"}
    again = load_state_dict(Own(), wrapped, names=names)
    np.testing.assert_array_equal(again(jnp.asarray(X2)), model(jnp.asarray(X2)))


def test_tensors_in_bfloat16_from_a_dict_and_from_a_file(tmp_path: Path) -> None:
    state = shuffled(theirs.Linear(6, 3)).to(torch.bfloat16).state_dict()
    torch.save(state, tmp_path / "a.pt")
    for source in (state, tmp_path / "a.pt"):
        weight = load_state_dict(nn.Linear(6, 3), source).weight
        assert weight.dtype == jnp.float32
        np.testing.assert_array_equal(weight, state["weight"].float().numpy().T)


def test_what_does_not_fit_is_listed() -> None:
    state = Their().state_dict() | {"extra": torch.ones(2), "more.0.bias": torch.ones(5)}
    state["more.1.bias"] = torch.ones(4, dtype=torch.int64)
    with pytest.raises(CheckpointError, match="not those of this model") as refused:
        load_state_dict(Own(), state)
    assert refused.value.given is not None
    assert refused.value.given.splitlines() == [
        "missing: first.weight, first.bias, scale",
        "not of this model: gain, fc1.weight, fc1.bias, extra",
        "of another shape or kind: more.0.bias is (5,) float32, turned for more.0.bias (4,), "
        "more.1.bias is (4,) int64, turned for more.1.bias (4,)",
    ]
    assert "names={" in str(refused.value.fix)


def lenet() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3), "relu", nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), "relu", nn.Flatten()),
        *(nn.BatchNorm(6 * 3 * 4), nn.Linear(6 * 3 * 4, 10), "relu", nn.Linear(10, 5)),
    )


def test_pictures_that_are_flattened(tmp_path: Path) -> None:
    module = theirs.Sequential(
        *(theirs.Conv2d(3, 4, 3), theirs.ReLU(), theirs.MaxPool2d(2), theirs.Conv2d(4, 6, 3)),
        *(theirs.ReLU(), theirs.Flatten(), theirs.BatchNorm1d(72), theirs.Linear(72, 10)),
        *(theirs.ReLU(), theirs.Linear(10, 5)),
    )
    with pytest.raises(ConfigurationError, match="seems to be one that reads") as refused:
        loaded(lenet(), module, tmp_path)
    assert refused.value.where == "layers.6"
    assert "flattened={'layers.6': (6, height, width)}" in str(refused.value.fix)
    with pytest.raises(ConfigurationError) as refused:
        loaded(lenet(), module, tmp_path, flattened={"layers.6": (6, 3, 4)})
    assert refused.value.where == "layers.7"
    orders = {"layers.6": (6, 3, 4), "layers.7": (6, 3, 4)}
    model = loaded(lenet(), module, tmp_path, flattened=orders)
    x = pictures(2, 12, 14, 3)
    close(model(jnp.asarray(x)), module(torch.from_numpy(np.moveaxis(x, -1, 1).copy())))
    with pytest.raises(ConfigurationError, match="as many entries"):
        loaded(lenet(), module, tmp_path, flattened=orders | {"layers.9": (2, 3, 3)})
    same = loaded(lenet(), module, tmp_path, flattened=dict.fromkeys(orders))
    assert not np.allclose(same(jnp.asarray(x)), model(jnp.asarray(x)))


class Backwards(nn.Module):
    """A network whose output layer is assigned before its convolution."""

    def __init__(self) -> None:
        self.output = nn.Linear(6 * 4 * 4, 3)
        self.conv = nn.Conv2d(1, 6, 3)

    def __call__(self, x: Any) -> Any:
        y = self.conv(x)
        return self.output(ops.reshape(y, shape=(len(y), 96)))


def test_the_order_of_fields_hides_no_flattening() -> None:
    state = {"output.weight": np.ones((3, 96)), "output.bias": np.ones(3)}
    state |= {"conv.weight": np.ones((6, 1, 3, 3)), "conv.bias": np.ones(6)}
    with pytest.raises(ConfigurationError, match="seems to be one that reads") as refused:
        load_state_dict(Backwards(), state)
    assert "flattened={'output': (6, 4, 4)}" in str(refused.value.fix)
    load_state_dict(Backwards(), state, flattened={"output": (6, 4, 4)})


def test_one_channel_has_one_order(tmp_path: Path) -> None:
    module = theirs.Sequential(theirs.Conv2d(2, 1, 3), theirs.Flatten(), theirs.Linear(20, 3))
    ours = nn.Sequential(nn.Conv2d(2, 1, 3), nn.Flatten(), nn.Linear(20, 3))
    model = loaded(ours, module, tmp_path)
    x = pictures(2, 6, 7, 2)
    close(model(jnp.asarray(x)), module(torch.from_numpy(np.moveaxis(x, -1, 1).copy())))


def test_vectors_that_become_pictures(tmp_path: Path) -> None:
    module = theirs.Sequential(
        *(theirs.Linear(6, 4 * 3 * 5), theirs.BatchNorm1d(60), theirs.ReLU()),
        *(theirs.Unflatten(1, (4, 3, 5)), theirs.ConvTranspose2d(4, 2, 3, 2)),
    )

    def ours() -> nn.Sequential:
        return nn.Sequential(
            *(nn.Linear(6, 60), nn.BatchNorm(60), "relu", nn.Reshape((3, 5, 4))),
            nn.ConvTranspose2d(4, 2, 3, stride=2),
        )

    with pytest.raises(ConfigurationError, match="makes a picture"):
        loaded(ours(), module, tmp_path)
    orders = dict.fromkeys(("layers.0", "layers.1"), (4, 3, 5))
    model = loaded(ours(), module, tmp_path, unflattened=orders)
    close(model(jnp.asarray(X2)), module(torch.from_numpy(X2)).movedim(1, -1))


def test_layers_that_pytorch_does_not_have() -> None:
    with pytest.raises(CheckpointError, match="learned first state"):
        load_state_dict(nn.LSTM(3, 4, start="learned"), theirs.LSTM(3, 4).state_dict())
    with pytest.raises(ConfigurationError, match="PartiallyConnected is no layer"):
        load_state_dict(nn.PartiallyConnected(np.eye(4)), theirs.Linear(4, 4).state_dict())
    with pytest.raises(ModelError, match="resets after"):
        load_state_dict(nn.GRU(3, 4, reset="before"), theirs.GRU(3, 4).state_dict())
    with pytest.raises(ConfigurationError, match="unknown layer 'fisrt'"):
        load_state_dict(Own(), {}, names={"fisrt": "fc1"})
