"""Every cell adds up to its entry, and passes back what the sweep does."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.studio.models.cell import cell_frame
from clearprop.studio.models.passes import ViewedPass
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import Frame, Seen, read, viewed

OPTIONS = [
    {},
    {"padding": 2},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "padding": 1},
    {"groups": 2, "stride": 2},
    {"bias": False, "padding": "same"},
]


def pictures(layers: list[object]) -> ViewedPass:
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 9, 8, 4), np.float32)
    y = random.standard_normal((2, 6), np.float32)
    model = nn.Sequential([*layers, nn.GlobalAvgPool()]).init(0)
    return viewed(Offer("small", model, "squared_error", data=(x, y))).seen(example=1)


def cells(seen: ViewedPass, name: str) -> list[tuple[tuple[int, ...], Frame]]:
    node = seen.glass[name]
    random = np.random.default_rng(2)
    corners = itertools.product(*({0, size - 1} for size in node.shape))
    inner = (tuple(int(random.integers(size)) for size in node.shape) for _ in range(6))
    places = [*corners, *inner]
    return [(p, read(cell_frame(seen, node.index, ",".join(map(str, p))))) for p in places]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_kernel_times_patch_is_the_entry(options: dict[str, object]) -> None:
    seen = pictures([nn.Conv2d(4, 6, 3, **options)])
    node = seen.glass["layers.0"]
    value, x = np.asarray(node.value), np.asarray(seen.glass["input"].value)
    bias = seen.glass.nodes[0].value if "bias" in options else seen.glass["layers.0.bias"].value
    for place, cell in cells(seen, "layers.0"):
        arrays = cell.arrays
        assert cell.header["cell_kind"] == "convolution"
        assert cell.header["value"] == pytest.approx(float(value[place]))
        assert cell.header["total"] == pytest.approx(float(value[place]), abs=1e-5)
        np.testing.assert_allclose(arrays["product"], arrays["patch"] * arrays["kernel"], rtol=1e-6)
        if "bias" not in options:
            assert cell.header["bias"] == pytest.approx(float(bias[place[-1]]))
        for i, row in enumerate(arrays["rows"]):
            for j, column in enumerate(arrays["columns"]):
                inside = 0 <= row < x.shape[1] and 0 <= column < x.shape[2]
                assert arrays["inside"][i, j] == inside
                expected = x[0, row, column, arrays["channels"]] if inside else 0
                np.testing.assert_array_equal(arrays["patch"][i, j], expected)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_what_the_cells_of_a_convolution_pass_back_is_its_error_signals(
    options: dict[str, object],
) -> None:
    seen = pictures([nn.Conv2d(4, 6, 3, **options)])
    node, x = seen.glass["layers.0"], seen.glass["input"]
    of_input, of_kernel = np.zeros(x.shape), np.zeros(seen.glass["layers.0.weight"].shape)
    for place in np.ndindex(*node.shape):
        cell = read(cell_frame(seen, node.index, ",".join(map(str, place))))
        arrays = cell.arrays
        of_kernel[..., place[-1]] += arrays["gradient"]
        for i, j in zip(*np.nonzero(arrays["inside"]), strict=True):
            at = (0, arrays["rows"][i], arrays["columns"][j], arrays["channels"])
            of_input[at] += arrays["passed"][i, j]
    np.testing.assert_allclose(of_input, np.asarray(x.error), atol=1e-5)
    kernel = seen.glass["layers.0.weight"]
    np.testing.assert_allclose(of_kernel, np.asarray(kernel.error), atol=1e-5)


POOLS: list[tuple[str, dict[str, Any]]] = [
    *itertools.product(
        ("max", "average"),
        ({}, {"stride": 1}, {"stride": 2, "padding": 1}, {"ceil_mode": True, "padding": 1}),
    ),
    ("max", {"dilation": (2, 3), "stride": 1, "padding": 1}),
    ("max", {"dilation": 2, "stride": 3, "ceil_mode": True}),
]


@pytest.mark.parametrize(("layer", "options"), POOLS, ids=str)
def test_a_pool_takes_the_largest_or_the_mean(layer: str, options: dict[str, Any]) -> None:
    kind = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[layer]
    seen = pictures([nn.Conv2d(4, 6, 1), kind(3, **options)])
    node, before = seen.glass["layers.1"], seen.glass["layers.0"]
    passed = np.zeros(before.shape)
    for place in np.ndindex(*node.shape):
        cell = read(cell_frame(seen, node.index, ",".join(map(str, place))))
        assert cell.header["total"] == pytest.approx(float(node.value[place]), abs=1e-6)
        arrays = cell.arrays
        if layer == "max":
            winner = tuple(cell.header["winner"])
            assert arrays["inside"][winner] == 1
            row, column = arrays["rows"][winner[0]], arrays["columns"][winner[1]]
            assert float(before.value[0, row, column, place[-1]]) == cell.header["value"]
        for i, j in zip(*np.nonzero(arrays["inside"]), strict=True):
            at = (0, arrays["rows"][i], arrays["columns"][j], place[-1])
            passed[at] += arrays["passed"][i, j]
    np.testing.assert_allclose(passed, np.asarray(before.error), atol=1e-6)


def test_one_axis_and_three() -> None:
    random = np.random.default_rng(0)
    for layer, shape, names in (
        (nn.Conv1d(3, 2, 4, stride=2), (11, 3), {"rows"}),
        (nn.Conv3d(2, 3, 2, padding=1), (4, 5, 3, 2), {"planes", "rows", "columns"}),
    ):
        x = random.standard_normal((1, *shape), np.float32)
        y = np.zeros((1, layer.out_channels), np.float32)
        model = nn.Sequential([layer, nn.GlobalAvgPool()]).init(0)
        seen = viewed(Offer("small", model, "squared_error", data=(x, y))).seen(example=0)
        for place, cell in cells(seen, "layers.0"):
            value = float(seen.glass["layers.0"].value[place])
            assert cell.header["total"] == pytest.approx(value, abs=1e-5)
            assert names <= set(cell.arrays)


def test_a_linear_layer_is_a_weighted_sum_with_its_bias(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    for name in ("hidden2", "hidden2/matmul"):
        node = seen.glass[name]
        for place, cell in cells(seen, name):
            assert cell.header["cell_kind"] == "weighted_sum"
            assert cell.header["total"] == pytest.approx(float(node.value[place]), abs=1e-4)
            assert cell.header["weights"] == seen.glass["hidden2.weight"].index
            weight = np.asarray(seen.glass["hidden2.weight"].value)[:, place[1]]
            np.testing.assert_array_equal(cell.arrays["weight"], weight)
            gradient = np.asarray(seen.glass["hidden2.weight"].error)[:, place[1]]
            np.testing.assert_allclose(cell.arrays["gradient"], gradient, atol=1e-6)
    assert read(cell_frame(seen, seen.glass["hidden2"].index, "0,5")).header["bias"] is not None


def test_products_of_sequences(gpt: Seen) -> None:
    seen = gpt.seen(example=1)
    for name in ("blocks.0.feedforward.hidden", "model/matmul"):
        for place, cell in cells(seen, name):
            value = float(seen.glass[name].value[place])
            assert cell.header["cell_kind"] == "weighted_sum"
            assert cell.header["total"] == pytest.approx(value, abs=1e-5)


def test_an_entrywise_operation_has_its_local_derivatives(gpt: Seen) -> None:
    seen = gpt.seen(example=1)
    for name in ("blocks.0.feedforward.activation", "positions/add"):
        node = seen.glass[name]
        for place, cell in cells(seen, name):
            assert cell.header["cell_kind"] == "entrywise"
            error = float(node.error[place])
            for k, operand in enumerate(cell.header["operands"]):
                given = np.asarray(node.input_values[k])
                assert operand["value"] == pytest.approx(float(given[tuple(operand["index"])]))
                local = float(np.asarray(node.local(k))[place])
                assert operand["local"] == pytest.approx(local)
                assert operand["passed"] == pytest.approx(local * error)


def test_other_operations_have_their_equations(gpt: Seen) -> None:
    seen = gpt.seen(example=1)
    node = seen.glass["norm"]
    cell = read(cell_frame(seen, node.index, "0,2,3"))
    assert cell.header["cell_kind"] == "other"
    assert "layer_norm" in cell.header["text"]
    with pytest.raises(ConfigurationError, match="no such entry"):
        cell_frame(seen, node.index, "0,2")
