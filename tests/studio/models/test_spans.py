"""What a place of a picture reads, compared with the marks that `support` passes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import models, nn
from clearprop.glass.drawings.receptive import box_of
from clearprop.glass.drawings.support import support
from clearprop.studio.models.maps import maps_frame
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import Frame, Seen, read, viewed


def framed(layers: list[object], shape: tuple[int, ...] = (7, 6, 2)) -> tuple[Seen, Frame]:
    random = np.random.default_rng(0)
    x = random.standard_normal((1, *shape), np.float32)
    model = nn.Sequential([*layers, nn.GlobalAvgPool()]).init(0)
    outputs = model(x).shape[-1]
    y = random.standard_normal((1, outputs), np.float32)
    network = viewed(Offer("small", model, "squared_error", data=(x, y)))
    return network, read(maps_frame(network.seen(example=0)))


NETWORKS: dict[str, list[object]] = {
    "kernels and pools": [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Activation("relu"),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 2),
    ],
    "strides and dilation": [
        nn.Conv2d(2, 3, 3, stride=2, padding=2),
        nn.AvgPool2d(3, stride=1, padding=1),
        nn.Conv2d(3, 2, 2, dilation=2, padding=1),
    ],
    "gaps over the padding": [
        nn.MaxPool2d(2, stride=1, dilation=(2, 3), padding=1),
        nn.Conv2d(2, 3, 2, dilation=2, padding=1),
    ],
    "pools that reach over the end": [
        nn.Conv2d(2, 3, 1),
        nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.MaxPool2d(2, stride=2, dilation=2, padding=1, ceil_mode=True),
    ],
    "enlarged": [models.Enlarge(2), nn.Conv2d(2, 3, 3), nn.BatchNorm(3), nn.MaxPool2d(2)],
    "padding alone": [nn.Conv2d(2, 3, 1, padding=3), nn.Conv2d(3, 2, 2)],
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.slow
def test_every_place_reads_what_its_marks_reach(name: str) -> None:
    network, frame = framed(NETWORKS[name])
    opened = network.viewer.opened(network.source)
    x = np.asarray(opened.pair(0)[0])[0]
    found = 0
    for k, layer in enumerate(frame.header["layers"]):
        if len(layer["shape"]) != 4 or k == 0:
            continue
        rows, columns = frame.arrays[f"rows.{k}"], frame.arrays[f"columns.{k}"]
        assert (len(rows), len(columns)) == tuple(layer["shape"][1:3])
        for i, j in np.ndindex(len(rows), len(columns)):
            marks = support(opened.model, x, layer["title"], (i, j, 0)).any(axis=-1)
            (top, bottom), (left, right) = box_of(marks)
            box = (*rows[i].tolist(), *columns[j].tolist())
            if not marks.any():  # the window lies in the padding
                assert box[0] > box[1] or box[2] > box[3]
            else:
                assert box == (top, bottom, left, right)
            found += 1
    assert found > 50


def test_what_a_layer_reads_of_the_layer_before(lenet: Seen) -> None:
    frame = read(maps_frame(lenet.seen(example=0)))
    layers = {layer["title"]: k for k, layer in enumerate(frame.header["layers"])}
    reads = {
        title: frame.header["layers"][k]["reads"] for title, k in layers.items() if title != "input"
    }
    assert reads["pool1"] == [{"layer": layers["activation #1"], "same_channel": True}]
    assert reads["conv2"] == [{"layer": layers["pool1"], "same_channel": False}]
    assert reads["hidden1"] == [{"layer": layers["flatten"], "same_channel": None}]
    conv2, pool2 = layers["conv2"], layers["pool2"]
    assert frame.arrays[f"rows.{conv2}.0"][:2].tolist() == [[0, 4], [1, 5]]
    assert frame.arrays[f"columns.{pool2}.0"][-1].tolist() == [8, 9]
    conv1 = layers["conv1"]
    assert frame.arrays[f"rows.{conv1}.0"][:3].tolist() == [[0, 2], [0, 3], [0, 4]]
    assert f"rows.{layers['hidden1']}" not in frame.arrays


def test_two_layers_that_one_adds() -> None:
    class Residual(nn.Module):
        inner: nn.Conv2d

        def __init__(self) -> None:
            self.inner = nn.Conv2d(2, 2, 3, padding=1)

        def __call__(self, x: Any) -> Any:
            return x + self.inner(x)

    _, frame = framed([Residual(), nn.MaxPool2d(2)])
    sum_, inner = (
        next(k for k, one in enumerate(frame.header["layers"]) if one["title"] == title)
        for title in ("layers.0", "layers.0.inner")
    )
    assert frame.header["layers"][sum_]["reads"] == [
        {"layer": 0, "same_channel": True},
        {"layer": inner, "same_channel": True},
    ]
    assert frame.arrays[f"rows.{sum_}.0"][4].tolist() == [4, 4]
    assert frame.arrays[f"rows.{sum_}"][4].tolist() == [3, 5]


def test_kernels_and_exact_numbers(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    frame = read(maps_frame(seen))
    for k, layer in enumerate(frame.header["layers"]):
        if layer["kind"] == "Conv2d":
            assert seen.glass[layer["kernel"]].name == f"{layer['title']}.weight"
        else:
            assert layer["kernel"] is None
        value = np.asarray(seen.glass[layer["node"]].value)[0]
        expected = np.moveaxis(value, -1, 0) if value.ndim == 3 else value.reshape(1, 1, -1)
        np.testing.assert_array_equal(frame.arrays[f"value_numbers.{k}"], expected)
