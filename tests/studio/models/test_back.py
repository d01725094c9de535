"""What the readers of an entry pass back adds up to its error signal, for every entry."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

import clearprop as cp
from clearprop import models, nn, ops
from clearprop.errors import ConfigurationError
from clearprop.studio.models.back import back_frame
from clearprop.studio.models.passes import ViewedPass
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import Frame, Seen, read, viewed
from tests.studio.models.test_cell import OPTIONS, POOLS


def offered(layers: list[object], outputs: int) -> ViewedPass:
    random = np.random.default_rng(0)
    x = random.standard_normal((1, 7, 6, 4), np.float32)
    y = random.standard_normal((1, outputs), np.float32)
    model = nn.Sequential(layers).init(0)
    return viewed(Offer("small", model, "squared_error", data=(x, y))).seen(example=0)


def back(seen: ViewedPass, name: str, place: tuple[int, ...]) -> Frame:
    return read(back_frame(seen, seen.glass[name].index, ",".join(map(str, place))))


def gradients(seen: ViewedPass, layers: int) -> list[NDArray[Any]]:
    """dE/dvalue of the input and of each layer's output, by `cp.grad` of what follows."""
    model: Any = seen.opened.model
    x, y = jnp.asarray(seen.aim.x), jnp.asarray(seen.aim.y)
    loss = nn.find_loss("squared_error")

    def rest(value: Any, first: int) -> Any:
        for layer in model.layers[first:]:
            value = layer(value)
        return loss(value, y)

    found, value = [], x
    for k in range(layers + 1):
        found.append(np.asarray(cp.grad(lambda v, k=k: rest(v, k))(value)))
        value = model.layers[k](value)
    return found


def check(seen: ViewedPass, name: str, expected: NDArray[Any]) -> set[str]:
    """Check every entry of a node; return the kinds of its parts."""
    kinds = set()
    for place in np.ndindex(*expected.shape):
        found = back(seen, name, place)
        header = found.header
        assert header["error"] == pytest.approx(float(expected[place]), abs=2e-6)
        total = 0.0
        for k, part in enumerate(header["parts"]):
            kinds.add(part["kind"])
            total += part["total"]
            if part["kind"] == "entrywise":
                assert part["error"] * part["local"] == pytest.approx(part["total"], abs=1e-6)
            elif part["kind"] == "copies":
                assert found.arrays[f"error.{k}"].sum() == pytest.approx(part["total"], abs=1e-6)
            elif part["kind"] != "whole":
                error, factor = found.arrays[f"error.{k}"], found.arrays[f"factor.{k}"]
                product = found.arrays[f"product.{k}"]
                np.testing.assert_allclose(product, error * factor, atol=1e-7)
                assert product.sum() == pytest.approx(part["total"], abs=1e-6)
        assert total == pytest.approx(header["error"], abs=2e-6)
    return kinds


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_convolution_passes_back_through_its_kernel(options: dict[str, object]) -> None:
    seen = offered([nn.Conv2d(4, 6, 3, **options), nn.GlobalAvgPool()], 6)
    assert check(seen, "input", gradients(seen, 0)[0]) == {"convolution"}
    kernel, error = seen.glass["layers.0.weight"], np.asarray(seen.glass["layers.0"].error)
    weights = np.asarray(kernel.value)
    found = back(seen, "input", (0, 3, 2, 1))
    assert found.header["parts"][0]["weights"] == kernel.index
    arrays = found.arrays
    assert arrays["inside.0"].any()
    for i, j in np.ndindex(3, 3):
        row, column = arrays["rows.0"][i], arrays["columns.0"][j]
        assert arrays["inside.0"][i, j] == (row >= 0 and column >= 0)
        for k, channel in enumerate(arrays["channels.0"]):
            expected = error[0, row, column, channel] if arrays["inside.0"][i, j] else 0
            assert arrays["error.0"][i, j, k] == expected
            assert arrays["factor.0"][i, j, k] == weights[i, j, 1 % weights.shape[2], channel]


@pytest.mark.parametrize(("pool", "options"), POOLS, ids=str)
def test_pools(pool: str, options: dict[str, Any]) -> None:
    kind = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[pool]
    layers = [nn.Conv2d(4, 3, 2), nn.Activation("relu"), kind(2, **options), nn.Flatten()]
    outputs = int(np.prod(nn.Sequential(layers).init(0)(jnp.zeros((1, 7, 6, 4))).shape))
    seen = offered([*layers, nn.Linear(outputs, 2)], 2)
    expected = gradients(seen, 3)
    assert check(seen, "layers.1", expected[2]) == {f"{pool}_pool"}
    assert check(seen, "layers.0", expected[1]) == {"entrywise"}
    # Flattening only moves the entries of the pool: the linear layer is what reads them.
    assert check(seen, "layers.2", expected[3]) == {"weighted_sum"}
    assert check(seen, "layers.3", expected[4 - 1].reshape(1, -1)) == {"weighted_sum"}


def test_the_copies_of_a_pixel() -> None:
    seen = offered([models.Enlarge(2), nn.Conv2d(4, 3, 3), nn.GlobalAvgPool()], 3)
    expected = gradients(seen, 1)
    assert check(seen, "input", expected[0]) == {"copies"}
    arrays = back(seen, "input", (0, 2, 3, 1)).arrays
    np.testing.assert_allclose(arrays["error.0"], expected[1][0, 4:6, 6:8, 1], atol=2e-7)
    assert check(seen, "layers.0", expected[1]) == {"convolution"}


def test_two_readers_of_one_value() -> None:
    class Residual(nn.Module):
        inner: nn.Conv2d

        def __init__(self) -> None:
            self.inner = nn.Conv2d(4, 4, 3, padding=1)

        def __call__(self, x: Any) -> Any:
            return ops.stored(x) + self.inner(x)

    seen = offered([Residual(), nn.GlobalAvgPool()], 4)
    assert check(seen, "input", gradients(seen, 0)[0]) == {"convolution", "entrywise"}
    assert len(back(seen, "input", (0, 1, 1, 1)).header["parts"]) == 2


def test_outputs_of_a_network_explain_themselves_in_words(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    found = back(seen, "model", (0, 3)).header
    assert {part["kind"] for part in found["parts"]} == {"whole"}
    total = sum(part["total"] for part in found["parts"])
    assert total == pytest.approx(found["error"], abs=1e-6)
    assert found["text"]


def test_what_nothing_reaches_has_no_parts() -> None:
    class Idle(nn.Module):
        used: nn.Linear
        idle: nn.Linear

        def __init__(self) -> None:
            self.used = nn.Linear(4, 2)
            self.idle = nn.Linear(4, 2)

        def __call__(self, x: Any) -> Any:
            self.idle(x)
            return self.used(x)

    seen = offered([nn.GlobalAvgPool(), Idle()], 2)
    found = back(seen, "layers.1.idle", (0, 1)).header
    assert (found["parts"], found["error"], found["text"]) == ([], 0.0, "")


def test_over_http_and_mistakes(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    name = lenet.begin(example=0).header["pass_id"]
    node = seen.glass["conv1"].index
    frame = read(lenet.viewer.back(name, node, "0,3,4,1"))
    assert frame.header["index"] == [0, 3, 4, 1]
    with pytest.raises(ConfigurationError, match="no such entry"):
        lenet.viewer.back(name, node, "0,3,4")
