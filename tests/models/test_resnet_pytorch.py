"""Residual networks and AlexNet: outputs, errors and statistics equal PyTorch's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import value_and_grad
from clearprop.models import AlexNet, ResNet, small_resnet
from clearprop.models.resnet import Bottleneck

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


def conv(layer: nn.Conv2d) -> Any:
    return torch.nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        bias=layer.bias is not None,
    )


class Block(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A block of `clearprop.models.resnet`, written with PyTorch's layers."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.depth = 3 if isinstance(block, Bottleneck) else 2
        for i in range(1, self.depth + 1):
            setattr(self, f"conv{i}", conv(getattr(block, f"conv{i}")))
            setattr(self, f"norm{i}", torch.nn.BatchNorm2d(getattr(block, f"norm{i}").features))
        self.padded = getattr(block.shortcut, "channels", 0)
        self.stride = getattr(block.shortcut, "stride", 1)
        self.shortcut = None
        if isinstance(block.shortcut, nn.Sequential):
            first, norm = block.shortcut.layers
            self.shortcut = torch.nn.Module()
            self.shortcut.layers = torch.nn.ModuleList(
                [conv(first), torch.nn.BatchNorm2d(norm.features)]
            )

    def forward(self, x: Any) -> Any:
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.depth else y
        if self.shortcut is not None:
            for layer in self.shortcut.layers:
                x = layer(x)
        if self.padded:
            more = self.padded - x.shape[1]
            x = torch.nn.functional.pad(
                x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, more)
            )
        return torch.relu(x + y)


class Network(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, model: ResNet) -> None:
        super().__init__()
        self.conv, self.norm = conv(model.conv), torch.nn.BatchNorm2d(model.norm.features)
        self.pool = torch.nn.MaxPool2d(3, 2, 1) if model.pool is not None else None
        self.stages = torch.nn.ModuleList()
        for stage in model.stages:
            blocks = torch.nn.Module()
            blocks.layers = torch.nn.ModuleList([Block(block) for block in stage])
            self.stages.append(blocks)
        self.output = torch.nn.Linear(model.output.in_features, model.output.out_features)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.norm(self.conv(x)))
        x = x if self.pool is None else self.pool(x)
        for stage in self.stages:
            for block in stage.layers:
                x = block(x)
        return self.output(x.mean((2, 3)))


class TorchAlexNet(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, model: AlexNet) -> None:
        super().__init__()
        for i in range(1, 6):
            setattr(self, f"conv{i}", conv(getattr(model, f"conv{i}")))
        for name in ("hidden1", "hidden2", "output"):
            layer = getattr(model, name)
            setattr(self, name, torch.nn.Linear(layer.in_features, layer.out_features))
        # PyTorch takes the mean over the channels; the paper takes the sum.
        self.norm = torch.nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
        self.pool = torch.nn.MaxPool2d(3, 2)

    def forward(self, x: Any) -> Any:
        x = self.pool(self.norm(torch.relu(self.conv1(x))))
        x = self.pool(self.norm(torch.relu(self.conv2(x))))
        x = torch.relu(self.conv4(torch.relu(self.conv3(x))))
        x = self.pool(torch.relu(self.conv5(x)))
        x = x.permute(0, 2, 3, 1).flatten(1)  # flattened with channels last, as in clearprop
        return self.output(torch.relu(self.hidden2(torch.relu(self.hidden1(x)))))


THEIR_NAMES = {
    "scale": "weight",
    "shift": "bias",
    "running_mean": "running_mean",
    "running_variance": "running_var",
}


def theirs(path: str) -> str:
    """Return PyTorch's name for an array."""
    *layer, name = path.split(".")
    return ".".join([*layer, THEIR_NAMES.get(name, name)])


def turned(x: Any) -> np.ndarray:
    """Change the axes of a kernel or a matrix to PyTorch's order, or back."""
    x = np.asarray(x)
    return x.transpose(3, 2, 0, 1) if x.ndim == 4 else x.T


def copy_weights(ours: nn.Module, other: Any) -> None:
    arrays = {**nn.parameters(ours), **nn.statistics(ours)}
    values = {theirs(p): torch.from_numpy(turned(x).copy()) for p, x in arrays.items()}
    missing, unknown = other.load_state_dict(values, strict=False)
    assert not unknown
    assert all(name.endswith("num_batches_tracked") for name in missing)


def compare(ours: Any, other: Any, x: np.ndarray, tolerance: float) -> None:
    """Compare outputs, gradients, the input's error and the statistics of a training step."""
    copy_weights(ours, other)
    random = np.random.default_rng(1)
    pull = random.normal(size=(len(x), ours.output.out_features)).astype(x.dtype)

    def loss(weights: Any, x: Any) -> Any:
        y, statistics = nn.apply(tree.replace(ours, weights), x, training=True)
        return ops.sum(y * pull), (y, statistics)

    (_, (y, statistics)), (gradients, dx) = jax.jit(
        value_and_grad(loss, argnums=(0, 1), has_aux=True)
    )(nn.parameters(ours), jnp.asarray(x))
    given = torch.from_numpy(np.moveaxis(x, -1, 1).copy()).requires_grad_()
    expected = other.train()(given)
    (expected * torch.from_numpy(pull)).sum().backward()

    def close(a: Any, b: Any, what: str) -> None:
        a, b = np.asarray(a), b.detach().numpy()
        assert np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-3), what

    close(y, expected, "output")
    close(np.moveaxis(np.asarray(dx), -1, 1), given.grad, "input")
    for name, weights in other.named_parameters():
        ours_by_name = {theirs(path): g for path, g in gradients.items()}
        close(turned(ours_by_name[name]), weights.grad, name)
    state = other.state_dict()
    for path, value in statistics.items():
        close(value, state[theirs(path)], path)
    assert len(statistics) == len(nn.statistics(ours))


@pytest.fixture(params=["float32", "float64"])
def precision(request: pytest.FixtureRequest) -> Any:
    with jax.enable_x64(request.param == "float64"):
        torch.set_default_dtype(getattr(torch, request.param))
        yield request.param, {"float32": 1e-5, "float64": 1e-10}[request.param]
    torch.set_default_dtype(torch.float32)


BOTH = pytest.mark.parametrize(
    "precision", [pytest.param("float32", marks=pytest.mark.slow), "float64"], indirect=True
)
"""Large networks use double precision, which shows every mistake; small ones single precision."""


@BOTH
def test_resnet20(precision: tuple[str, float]) -> None:
    check_small(precision, 20, "padding")


def test_resnet8(precision: tuple[str, float]) -> None:
    check_small(precision, 8, "projection")


def check_small(precision: tuple[str, float], depth: int, shortcut: str) -> None:
    dtype, tolerance = precision
    # A quarter of the width has the whole structure, and fewer numbers that differ by rounding.
    model = small_resnet(depth, channels=1, width=4, shortcut=shortcut).init(0, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(4, 12, 12, 1)).astype(dtype)
    compare(model, Network(model), x, tolerance)


@BOTH
def test_bottlenecks_in_the_form_for_large_pictures(precision: tuple[str, float]) -> None:
    dtype, tolerance = precision
    model = ResNet(Bottleneck, (2, 1, 1, 1), (4, 8, 8, 8), channels=3, classes=5)
    model = model.init(0, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(8, 45, 37, 3)).astype(dtype)  # odd sizes
    compare(model, Network(model), x, tolerance)


@pytest.mark.slow
@BOTH
def test_alexnet_with_groups_and_response_normalization(precision: tuple[str, float]) -> None:
    dtype, tolerance = precision
    model = AlexNet(3, 4, hidden_size=16, dropout=0.0).init(0, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(1, 227, 227, 3)).astype(dtype)
    compare(model, TorchAlexNet(model), x, tolerance)
