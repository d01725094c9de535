"""Convolutional networks: published counts, neurons, odd sizes, and errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models import (
    AlexNet,
    Border,
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    small_resnet,
)
from clearprop.models.resnet import BasicBlock, PaddedShortcut


def parameters(model: nn.Module) -> int:
    # The models have no values, so counting allocates nothing.
    assert not nn.is_initialized(model)
    return sum(weights.size for weights in nn.parameters(model).values())


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (resnet18(), 11_689_512),
        (resnet34(), 21_797_672),
        (resnet50(), 25_557_032),
        (small_resnet(20), 269_722),
        (small_resnet(20, shortcut="projection"), 272_474),
        (small_resnet(56), 853_018),
        (small_resnet(110), 1_727_962),
        (AlexNet(), 60_965_224),
        (AlexNet(groups=1), 62_378_344),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else f"{value:,}",
)
def test_published_parameter_counts(model: nn.Module, count: int) -> None:
    assert parameters(model) == count


def test_alexnets_neurons_layer_by_layer() -> None:
    rows = {row.path: row for row in nn.summary(AlexNet(), (227, 227, 3)).layers}
    shapes = {
        "conv1": (55, 55, 96),
        "conv2": (27, 27, 256),
        "conv3": (13, 13, 384),
        "conv4": (13, 13, 384),
        "conv5": (13, 13, 256),
        "hidden1": (4096,),
        "hidden2": (4096,),
        "output": (1000,),
    }
    assert {path: rows[path].output_shape for path in shapes} == shapes
    # The lecture and the paper print 253,440 for the first layer.
    assert [int(np.prod(shape)) for shape in shapes.values()] == [
        290_400,
        186_624,
        64_896,
        64_896,
        43_264,
        4096,
        4096,
        1000,
    ]
    assert rows["conv1"].parameters == 34_944


def test_resnet50_has_the_paper_s_shapes_and_operations() -> None:
    summary = nn.summary(resnet50(), (224, 224, 3))
    shapes = {row.path: row.output_shape for row in summary.layers}
    assert shapes["pool"] == (56, 56, 64)
    assert [shapes[f"stages.{i}"] for i in range(4)] == [
        (56, 56, 256),
        (28, 28, 512),
        (14, 14, 1024),
        (7, 7, 2048),
    ]
    # 4.1 thousand million multiply-adds of two operations each.
    products = sum(row.operations for row in summary.layers if row.kind in ("Conv2d", "Linear"))
    assert products == pytest.approx(2 * 4.09e9, rel=0.01)


@pytest.mark.parametrize("pixels", [(32, 32), (29, 17), (5, 8), (1, 1)])
def test_any_size_of_picture_goes_through(pixels: tuple[int, int]) -> None:
    model = small_resnet(8, channels=2, classes=3, width=4).init(0)
    assert jax.jit(model)(jnp.ones((1, *pixels, 2))).shape == (1, 3)


def test_a_batch_of_one_pixel_cannot_be_trained_on() -> None:
    model = small_resnet(8, channels=1, width=4).init(0)
    with pytest.raises(ShapeError, match="no variance") as caught:
        nn.apply(model, jnp.ones((1, 1, 1, 1)), training=True)
    assert caught.value.where == "norm (BatchNorm)"


def test_a_batch_of_one_picture_can_be_trained_on() -> None:
    model = small_resnet(8, channels=1, width=4).init(0)
    y, statistics = nn.apply(model, jnp.ones((1, 9, 9, 1)), training=True)
    assert y.shape == (1, 10)
    assert len(statistics) == 14


def test_alexnet_says_what_is_too_small() -> None:
    with pytest.raises(ShapeError, match="larger than its input") as caught:
        nn.summary(AlexNet(), (40, 40, 3))
    assert caught.value.where is not None
    assert "pool" in caught.value.where


def test_a_padded_shortcut_takes_every_other_pixel() -> None:
    x = jnp.arange(2.0 * 5 * 5).reshape(2, 5, 5, 1)
    y = PaddedShortcut(channels=3, stride=2)(x)
    assert y.shape == (2, 3, 3, 3)
    assert jnp.array_equal(y[..., 0], x[:, ::2, ::2, 0])
    assert not y[..., 1:].any()


def test_the_activation_can_be_chosen() -> None:
    model = small_resnet(8, width=4, activation="tanh")
    assert {row.kind for row in nn.summary(model, (8, 8, 3)).layers} >= {"tanh"}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: small_resnet(21),
        lambda: small_resnet(2),
        lambda: small_resnet(shortcut="none"),
        lambda: ResNet(BasicBlock, (2, 2), (16,)),
        lambda: ResNet(BasicBlock, (), ()),
        lambda: AlexNet(groups=3),
    ],
)
def test_networks_that_cannot_be_are_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError):
        wrong()  # type: ignore[operator]


def test_a_border_puts_pictures_in_the_middle() -> None:
    y = Border(5)(jnp.ones((1, 2, 3, 1)))[0, :, :, 0]
    assert y.shape == (5, 5)
    assert y.sum() == 6
    assert y[1:3, 1:4].all()
    with pytest.raises(ShapeError, match="square"):
        Border(5)(jnp.ones((1, 6, 3, 1)))
