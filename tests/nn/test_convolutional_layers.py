"""Layers of convolutional networks: errors, edge cases, and comparison with PyTorch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops, tree
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, ShapeError


def normal(*shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(0), shape)


def test_global_pools() -> None:
    x = normal(2, 3, 5, 4)
    np.testing.assert_allclose(nn.GlobalAvgPool()(x), x.mean((1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(nn.GlobalMaxPool()(x), x.max((1, 2)))
    assert nn.GlobalAvgPool()(normal(2, 6, 4)).shape == (2, 4)
    assert nn.GlobalAvgPool()(normal(2, 2, 3, 4, 5)).shape == (2, 5)
    for layer in (nn.GlobalAvgPool(), nn.GlobalMaxPool(), nn.AdaptiveAvgPool(1)):
        for wrong in ((2, 4), (2, 0, 3, 4)):
            with pytest.raises(ShapeError, match="no axis to pool over"):
                layer(jnp.ones(wrong))
    with pytest.raises(ConfigurationError, match="number of parts"):
        nn.AdaptiveAvgPool((2, 2))(normal(1, 4, 1))


def test_the_mean_of_all_places_shares_the_error_out() -> None:
    errors = grad(lambda x: ops.sum(nn.GlobalAvgPool()(x)))(normal(1, 2, 2, 1))
    np.testing.assert_allclose(errors, np.full((1, 2, 2, 1), 0.25))


def test_response_normalization_needs_a_middle() -> None:
    with pytest.raises(ConfigurationError, match="middle channel"):
        nn.LocalResponseNorm(4)
    x = jnp.abs(normal(2, 3, 3, 2))  # fewer channels than the window
    expected = x / (2 + 1e-4 * (x**2).sum(-1, keepdims=True)) ** 0.75
    np.testing.assert_allclose(nn.LocalResponseNorm(5)(x), expected, rtol=1e-6)


def test_a_stride_larger_than_the_kernel_skips_pixels() -> None:
    layer = nn.Conv2d(1, 1, 2, stride=3, bias=False, weight_init=nn.initializers.ones).init(0)
    x = jnp.arange(49.0).reshape(1, 7, 7, 1)
    assert layer(x)[0, :, :, 0].tolist() == [[16, 28], [100, 112]]
    errors = grad(lambda x: ops.sum(layer(x)))(x)[0, :, :, 0]
    assert errors[2].tolist() == [0] * 7
    assert nn.MaxPool2d(2, stride=3)(x).shape == (1, 2, 2, 1)


def test_depthwise_then_pointwise() -> None:
    layers = nn.Sequential([nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.Conv2d(6, 4, 1)]).init(0)
    assert layers(normal(2, 5, 5, 6)).shape == (2, 5, 5, 4)
    assert sum(w.size for w in nn.parameters(layers).values()) == 6 * 9 + 6 + 6 * 4 + 4


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_groups_do_not_see_each_other(groups: int) -> None:
    layer, x = nn.Conv2d(8, 8, 3, groups=groups).init(0), normal(2, 5, 5, 8)
    other = x.at[..., : 8 // groups].set(0)
    same = layer(x)[..., 8 // groups :] == layer(other)[..., 8 // groups :]
    assert same.all()


def test_what_lies_around_the_input() -> None:
    """A kernel of one tap that reads three entries before its place."""
    x = jnp.arange(1.0, 6.0).reshape(1, 5, 1)
    expected = {
        "zeros": [0, 0, 0, 1, 2, 3, 4, 5],
        "reflect": [4, 3, 2, 1, 2, 3, 4, 5],
        "replicate": [1, 1, 1, 1, 2, 3, 4, 5],
        "circular": [3, 4, 5, 1, 2, 3, 4, 5],
    }
    for mode, row in expected.items():
        layer = nn.Conv1d(1, 1, 1, padding=((3, 0),), padding_mode=mode, bias=False)
        one = layer.init(0).replace(weight=jnp.ones((1, 1, 1)))
        assert one(x)[0, :, 0].tolist() == row


def test_padding_modes_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="unknown padding_mode 'edge'"):
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="edge")
    for mode, most in (("reflect", 3), ("circular", 4)):
        x = normal(1, 4, 1)
        nn.Conv1d(1, 1, 1, padding=most, padding_mode=mode).init(0)(x)
        with pytest.raises(ShapeError, match="fewer entries than the padding mode"):
            nn.Conv1d(1, 1, 1, padding=most + 1, padding_mode=mode).init(0)(x)
    options: dict[str, Any] = {"padding_mode": "reflect"}
    with pytest.raises(TypeError, match="padding_mode"):
        nn.ConvTranspose1d(1, 1, 3, **options)


class TestAgainstTorch:
    @pytest.fixture(autouse=True, params=["float32", "float64"])
    def _torch(self, request: pytest.FixtureRequest) -> Any:
        self.torch = pytest.importorskip("torch", reason="compares with PyTorch, not installed")
        self.dtype = request.param
        self.within = {"float32": 1e-5, "float64": 1e-10}[self.dtype]
        with jax.enable_x64(self.dtype == "float64"):
            self.torch.set_default_dtype(getattr(self.torch, self.dtype))
            yield
        self.torch.set_default_dtype(self.torch.float32)

    def close(self, ours: Any, theirs: Any) -> None:
        assert str(ours.dtype) == self.dtype
        expected = theirs.detach().numpy()
        largest = max(float(np.abs(expected).max()), 1.0)
        np.testing.assert_allclose(ours, expected, rtol=self.within, atol=self.within * largest)

    def compare(self, ours: nn.Module, theirs: Any, x: jax.Array) -> None:
        given = self.torch.from_numpy(np.moveaxis(np.array(x), -1, 1).copy()).requires_grad_()
        expected = theirs(given)
        expected.sin().sum().backward()
        dx = grad(lambda x: ops.sum(ops.sin(ours(x))))(x)
        for mine, other in ((ours(x), expected), (dx, given.grad)):
            self.close(np.moveaxis(np.asarray(mine), -1, 1), other)

    @pytest.mark.parametrize("parts", [1, 3, (2, 5)])
    def test_adaptive_average_pool(self, parts: Any) -> None:
        theirs = self.torch.nn.AdaptiveAvgPool2d(parts)
        self.compare(nn.AdaptiveAvgPool(parts), theirs, normal(2, 7, 5, 3))

    def test_local_response_norm(self) -> None:
        ours = nn.LocalResponseNorm(5, alpha=0.1, beta=0.75, k=2.0)
        theirs = self.torch.nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=2.0)
        self.compare(ours, theirs, normal(2, 3, 3, 9))

    @pytest.mark.parametrize(
        ("axes", "options"),
        [
            (1, {"stride": 3, "output_padding": 2}),
            (2, {"stride": 2, "padding": 1, "groups": 2}),
            (3, {"dilation": 2}),
        ],
    )
    def test_transposed(self, axes: int, options: dict[str, int]) -> None:
        ours = getattr(nn, f"ConvTranspose{axes}d")(4, 6, 3, **options).init(0, dtype=self.dtype)
        theirs = getattr(self.torch.nn, f"ConvTranspose{axes}d")(4, 6, 3, **options)
        groups = options.get("groups", 1)
        kernel = np.array(ours.weight)
        # (window, in / groups, out) here, (in, out / groups, window) there
        parted = kernel.reshape(*kernel.shape[:-1], groups, 6 // groups)
        turned = np.moveaxis(parted, (-2, -3, -1), (0, 1, 2)).reshape(4, 6 // groups, *[3] * axes)
        theirs.weight.data = self.torch.from_numpy(turned.copy())
        theirs.bias.data = self.torch.from_numpy(np.array(ours.bias))
        self.compare(ours, theirs, normal(2, *[4] * axes, 4))

    @pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
    @pytest.mark.parametrize(
        ("axes", "options"),
        [
            (1, {"padding": 3, "stride": 2}),
            (2, {"padding": (2, 1), "dilation": (1, 2), "groups": 2}),
            (2, {"padding": "same"}),
            (3, {"padding": 1}),
        ],
    )
    def test_padding_modes(self, axes: int, options: dict[str, Any], mode: str) -> None:
        kind, named = f"Conv{axes}d", {**options, "padding_mode": mode}
        if axes == 3 and mode == "reflect":
            named["padding"] = (0, 1, 2)
        ours = getattr(nn, kind)(4, 6, 3, **named).init(0, dtype=self.dtype)
        theirs = getattr(self.torch.nn, kind)(4, 6, 3, **named)
        kernel = np.moveaxis(np.array(ours.weight), (-1, -2), (0, 1))
        theirs.weight.data = self.torch.from_numpy(kernel.copy())
        theirs.bias.data = self.torch.from_numpy(np.array(ours.bias))
        self.compare(ours, theirs, normal(2, *(6, 5, 4)[:axes], 4))

    @pytest.mark.parametrize("kind", ["linear", "convolution"])
    def test_spectral_norm(self, kind: str) -> None:
        torch = self.torch
        if kind == "linear":
            inner, x, theirs = nn.Linear(5, 4), normal(3, 5), torch.nn.Linear(5, 4)
        else:
            inner, x, theirs = nn.Conv2d(3, 4, 3), normal(2, 5, 5, 3), torch.nn.Conv2d(3, 4, 3)
        ours = nn.SpectralNorm(inner).init(1, dtype=self.dtype)
        weight = np.array(ours.layer.weight)
        turned = weight.T if kind == "linear" else weight.transpose(3, 2, 0, 1)
        theirs.weight.data = torch.from_numpy(turned.copy())
        theirs.bias.data = torch.from_numpy(np.array(ours.layer.bias))
        theirs = torch.nn.utils.parametrizations.spectral_norm(theirs)
        norm = theirs.parametrizations.weight[0]
        start = torch.randn(weight.size // 4)
        norm._v.data = start / start.norm()
        # The inputs of a unit are (window, channels) here, (channels, window) there.
        v = norm._v.numpy().copy()
        v = v if kind == "linear" else v.reshape(3, 3, 3).transpose(1, 2, 0).ravel()
        ours = ours.replace(v=jnp.asarray(v))
        to_channels = (0, 1) if kind == "linear" else (0, 3, 1, 2)
        back = (0, 1) if kind == "linear" else (0, 2, 3, 1)
        given = torch.from_numpy(np.array(x).transpose(to_channels).copy())
        for _ in range(3):
            y, statistics = nn.apply(ours, x, training=True)
            self.close(np.asarray(y), theirs(given).permute(back))
            ours = tree.replace(ours, statistics)

        def loss(model: nn.Module) -> Any:
            return ops.sum(ops.sin(model(x)))

        theirs.eval()
        torch.sin(theirs(given)).sum().backward()
        gradient = np.asarray(grad(loss)(ours).layer.weight)
        gradient = gradient.T if kind == "linear" else gradient.transpose(3, 2, 0, 1)
        self.close(gradient, theirs.parametrizations.weight.original.grad)

    def test_weight_norm(self) -> None:
        torch = self.torch
        ours, x = nn.WeightNorm(nn.Conv2d(3, 4, 3)).init(1, dtype=self.dtype), normal(2, 5, 5, 3)
        theirs = torch.nn.Conv2d(3, 4, 3)
        kernel = np.array(ours.layer.weight).transpose(3, 2, 0, 1)
        theirs.weight.data = torch.from_numpy(kernel.copy())
        theirs.bias.data = torch.from_numpy(np.array(ours.layer.bias))
        theirs = torch.nn.utils.parametrizations.weight_norm(theirs)
        self.compare(ours, theirs, x)

        def loss(model: nn.Module) -> Any:
            return ops.sum(ops.sin(model(x)))

        gradient = grad(loss)(ours)
        weight = theirs.parametrizations.weight
        self.close(np.asarray(gradient.gain), weight.original0.grad.ravel())
        turned = np.asarray(gradient.layer.weight).transpose(3, 2, 0, 1)
        self.close(turned, weight.original1.grad)
