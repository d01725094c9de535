"""Pictures of every layer, and receptive fields."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.receptive import field_of
from clearprop.studio.models import maps
from clearprop.studio.models.maps import field_frame, maps_frame
from tests.studio.models.conftest import Seen, read


def test_the_maps_of_every_layer(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    frame = read(maps_frame(seen))
    layers = frame.header["layers"]
    assert [layer["title"] for layer in layers][:5] == [
        "input",
        "conv1",
        "activation #1",
        "pool1",
        "conv2",
    ]
    graph = lenet.viewer.graph(lenet.source)
    for k, layer in enumerate(layers):
        node = seen.glass[layer["node"]]
        assert layer["group"] == -1 or graph.groups[layer["group"]].output == layer["node"]
        for what, array in (("value", node.value), ("error", node.error)):
            codes, limit = frame.arrays[f"{what}.{k}"], frame.arrays[f"{what}_limit.{k}"][0]
            one = np.asarray(array)[0]
            expected = np.moveaxis(one, -1, 0) if one.ndim == 3 else one.reshape(1, 1, -1)
            decoded = (codes.astype(float) - 127) / 127 * limit
            assert codes.shape == expected.shape
            assert np.abs(decoded - expected).max() <= limit / 254 + 1e-6


def test_large_maps_are_pooled_and_many_are_cut(
    lenet: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "LARGEST_SIDE", 10)
    monkeypatch.setattr(maps, "MOST_MAPS", 4)
    frame = read(maps_frame(lenet.seen(example=0)))
    layer = frame.header["layers"][1]
    assert (layer["maps"], layer["factor"]) == (4, 3)
    assert frame.arrays["value.1"].shape == (4, 10, 10)


def test_a_receptive_field(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    graph = lenet.viewer.graph(lenet.source)
    group = next(k for k, one in enumerate(graph.groups) if one.path == "conv2")
    frame = read(field_frame(seen, group, "0,3,4,5"))
    opened = lenet.viewer.opened(lenet.source)
    expected = field_of(opened.model, np.asarray(seen.aim.x), "conv2", (3, 4, 5))
    np.testing.assert_array_equal(frame.arrays["reached"], expected.reached.any(axis=-1))
    # A 5 x 5 kernel on a pool of 2 x 2 on a 5 x 5 kernel with 2 rows of padding.
    assert frame.header["box"] == [[4, 17], [6, 19]]
    assert frame.arrays["influence"][0, 0] == 0
    # The second call of the activation.
    again = next(k for k, one in enumerate(graph.groups) if one.title == "activation #2")
    assert read(field_frame(seen, again, "0,3,4,5")).header["box"] == frame.header["box"]


def test_fields_that_there_are_not(lenet: Seen, gpt: Seen) -> None:
    seen = lenet.seen(example=0)
    for group in (0, 13, 99):
        with pytest.raises(ConfigurationError, match="no such layer"):
            field_frame(seen, group, "0,0,0,0")
    with pytest.raises(ConfigurationError, match="no such entry"):
        field_frame(seen, 1, "0,28,0,0")
    with pytest.raises(ConfigurationError, match="drawn on pictures"):
        field_frame(gpt.seen(example=0), 1, "0,0,0")
