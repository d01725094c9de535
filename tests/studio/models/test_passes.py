"""The numbers of a pass, as a page gets them, against `cp.explain` and `cp.grad`."""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, tree
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.studio.models import passes
from clearprop.studio.models.headers import STATISTICS
from clearprop.studio.models.messages import PassRequest, Pixels
from clearprop.studio.models.opened import Opened
from clearprop.studio.models.passes import ViewedPass, entry
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import ALPHABET, Seen, read, viewed

MEAN, DEVIATION, SMALLEST, LARGEST = range(4)
ZEROS, NONFINITE, SATURATED = 6, 7, 8

NETWORKS = ["lenet", "gpt", "lstm"]


def explained(seen: ViewedPass) -> Any:
    opened = seen.opened
    return cp.explain(opened.model, seen.aim.x, seen.aim.y, opened.loss)


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Seen:
    found: Seen = request.getfixturevalue(request.param)
    return found


def test_every_array_is_that_of_explain(network: Seen) -> None:
    seen = network.seen(example=2)
    glass = explained(seen)
    graph = network.viewer.graph(network.source)
    assert [node.name for node in graph.nodes] == [node.name for node in glass]
    for node in glass:
        assert graph.nodes[node.index].shape == node.shape
        whole = ",".join(":" * len(node.shape))
        shown = read(seen.numbers(node.index, "value", 0, whole))
        np.testing.assert_array_equal(shown.arrays["numbers"], np.asarray(node.value))
        assert shown.header["shape"] == list(node.shape)
        if node.carries_error:
            shown = read(seen.numbers(node.index, "error", 0, whole))
            np.testing.assert_array_equal(shown.arrays["numbers"], np.asarray(node.error))
        else:
            with pytest.raises(ConfigurationError, match="no error signal"):
                seen.numbers(node.index, "error", 0, whole)


def test_the_error_signals_of_parameters_are_their_gradients(network: Seen) -> None:
    seen = network.seen(example=1)
    model, x, y = seen.opened.model, seen.aim.x, seen.aim.y
    loss = nn.find_loss(seen.opened.subject.loss)

    def objective(weights: dict[str, Any]) -> Any:
        return loss(tree.replace(model, weights)(x), y)

    gradients = cp.grad(objective)(nn.parameters(model))
    for path, gradient in gradients.items():
        node = seen.glass[path]
        shown = read(seen.numbers(node.index, "error", 0, ",".join(":" * len(node.shape))))
        scale = float(np.abs(gradient).max()) or 1.0
        np.testing.assert_allclose(shown.arrays["numbers"], gradient, atol=2e-5 * scale + 1e-9)


def test_statistics_are_those_of_the_arrays(network: Seen) -> None:
    frame = network.begin(example=0)
    seen = network.viewer.seen(frame.header["pass_id"])
    assert frame.header["objective"] == pytest.approx(seen.glass.objective)
    assert frame.arrays["value"].shape == (len(seen.glass), len(STATISTICS))
    for node in seen.glass:
        value = np.asarray(node.value, np.float64)
        row = frame.arrays["value"][node.index]
        expected = [value.mean(), value.std(), value.min(), value.max()]
        np.testing.assert_allclose(row[:4], expected, rtol=1e-5, atol=1e-7)
        assert row[ZEROS] == pytest.approx((value == 0).mean(), abs=1e-6)
        assert row[NONFINITE] == 0
        known = node.operation in ("relu", "sigmoid", "tanh")
        assert math.isnan(row[SATURATED]) != known
        if node.operation == "relu":
            assert row[SATURATED] == pytest.approx((value <= 0).mean(), abs=1e-6)
        error = frame.arrays["error"][node.index]
        if node.carries_error:
            arrived = np.asarray(node.error, np.float64)
            scale = float(np.abs(arrived).max())
            np.testing.assert_allclose(
                error[DEVIATION], arrived.std(), rtol=1e-4, atol=1e-7 * scale
            )
        else:
            assert np.isnan(error).all()


def test_codes_are_the_numbers_to_half_a_step(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    node = seen.glass["conv2"]
    shown = read(seen.array(node.index, "value"))
    assert shown.header["tile_axes"] == [3]
    assert shown.arrays["codes"].shape == (16, 10, 10)
    limit = shown.header["limit"]
    tiles = np.moveaxis(np.asarray(node.value)[0], -1, 0)
    decoded = (shown.arrays["codes"].astype(float) - 127) / 127 * limit
    assert np.abs(decoded - tiles).max() <= limit / 254 + 1e-6
    np.testing.assert_array_equal(shown.arrays["numbers"], tiles)
    kernel = read(seen.array(seen.glass["conv2.weight"].index, "error"))
    assert kernel.arrays["codes"].shape == (96, 5, 5)
    assert kernel.header["tile_axes"] == [2, 3]
    gradient = np.asarray(seen.glass["conv2.weight"].error)
    # The second tile is the kernel of the second filter on the first channel.
    np.testing.assert_array_equal(kernel.arrays["numbers"][1], gradient[:, :, 0, 1])


def test_what_a_node_passes_to_an_input_and_its_local_derivative(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    relu = seen.glass["activation/relu#3"]
    passed = read(seen.numbers(relu.index, "passed", 0, "0,:")).arrays["numbers"]
    local = read(seen.numbers(relu.index, "local", 0, "0,:")).arrays["numbers"]
    error = read(seen.numbers(relu.index, "error", 0, "0,:")).arrays["numbers"]
    np.testing.assert_allclose(passed, local * error, rtol=1e-6)
    assert set(np.unique(local)) <= {0.0, 1.0}
    matmul = seen.glass["hidden1/matmul"]
    with pytest.raises(ConfigurationError, match=r"(?s)no such array.*is a table"):
        seen.array(matmul.index, "local", 1)
    with pytest.raises(ConfigurationError, match="2 inputs"):
        seen.array(matmul.index, "passed", 2)


def test_why_is_that_of_explain(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    glass = explained(seen)
    for path in ("conv1.weight", "hidden2.bias"):
        found = seen.why(glass[path].index)
        expected = glass.why(path)
        assert (found.verdict, found.reason) == (expected.verdict, expected.reason)
        assert [step.name for step in found.steps] == [step.name for step in expected.steps]
        assert [glass[step.node].name for step in found.steps] == [s.name for s in expected.steps]
    assert seen.why(glass["conv1.bias"].index, "3").norm == pytest.approx(
        abs(float(glass["conv1.bias"].error[3])), rel=1e-5
    )
    text = seen.equations(glass["activation/relu#4"].index, "0,7")
    assert text == str(glass.equations("activation/relu#4", (0, 7)))


def test_a_number_that_is_not_finite_is_told(lenet: Seen) -> None:
    opened = lenet.viewer.opened(lenet.source)
    weights = nn.parameters(opened.model)
    broken = weights["hidden2.bias"].at[3].set(np.nan)
    model = tree.replace(opened.model, {"hidden2.bias": broken})
    other = viewed(Offer("broken", model, None, opened.preprocessor, opened.subject.examples))
    frame = other.begin(example=0)
    assert frame.header["objective"] is None
    assert frame.header["chances"] == []
    seen = other.viewer.seen(frame.header["pass_id"])
    node = seen.glass["hidden2"].index
    assert frame.arrays["value"][node, NONFINITE] == 1
    shown = read(seen.array(node))
    assert (shown.arrays["codes"] == 255).sum() == 1
    assert math.isfinite(shown.header["limit"])
    assert seen.why(seen.glass["conv1.weight"].index).verdict == "not a number"


def test_targets(lenet: Seen, gpt: Seen) -> None:
    frame = lenet.begin(example=3)
    assert frame.header["target"] == "3"
    assert frame.header["right"] == (frame.header["prediction"] == "3")
    assert len(frame.header["chances"]) == 10
    assert sum(chance["probability"] for chance in frame.header["chances"]) == pytest.approx(1)
    wanted = next(c for c in frame.header["chances"] if c["name"] == "7")
    other = lenet.begin(example=3, target=7)
    assert other.header["target"] == "7"
    assert other.header["objective"] == pytest.approx(-math.log(wanted["probability"]), rel=1e-4)
    for bad in ({"target": 10}, {"position": 2}, {"example": 20}):
        with pytest.raises(ConfigurationError):
            lenet.begin(**{"example": 3, **bad})
    with pytest.raises(ConfigurationError, match="no such place"):
        gpt.begin(example=0, position=7)


def test_only_the_prediction_at_a_place_counts(gpt: Seen) -> None:
    frame = gpt.begin(example=0, position=3)
    seen = gpt.viewer.seen(frame.header["pass_id"])
    targets = gpt.viewer.opened(gpt.source).subject.targets
    assert frame.header["target"] == ALPHABET[targets[0][3]].replace(" ", "␣")
    error = np.asarray(seen.output.error)[0]  # type: ignore[union-attr]
    assert np.abs(error[3]).max() > 0
    assert not error[[0, 1, 2, 4, 5, 6]].any()
    # A causal network: nothing reaches back from place 3 to places behind it.
    embedded = np.asarray(seen.glass["embedding"].error)[0]
    assert np.abs(embedded[:4]).max() > 0
    assert not embedded[4:].any()


def test_the_worst_example_is_the_wrong_one_with_the_largest_loss(lenet: Seen) -> None:
    losses, wrong = [], []
    for row in range(20):
        header = lenet.begin(example=row).header
        losses.append(header["objective"])
        wrong.append(not header["right"])
    worst = lenet.begin(example="worst").header
    assert worst["example"] == int(np.where(wrong, losses, -1).argmax())
    assert "the wrong prediction with the largest loss" in worst["title"]


def test_requests_that_make_no_sense(lenet: Seen) -> None:
    seen = lenet.seen(example=0)
    for number in (-1, len(seen.glass)):
        with pytest.raises(ConfigurationError, match="no such node"):
            seen.array(number)
    with pytest.raises(ConfigurationError, match="no such tile"):
        seen.array(seen.glass["conv1"].index, first=6)
    for index in ("", "0", "0,0,0,6", "0,0,0,-1", "0,:,0,0", "0,0,0,0,0", "a,b,c,d"):
        with pytest.raises(ConfigurationError, match="no such entry"):
            entry(index, (1, 28, 28, 6))


def test_numbers_that_are_too_many_are_refused(
    lenet: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = lenet.seen(example=0)
    monkeypatch.setattr(passes, "MOST_NUMBERS", 100)
    with pytest.raises(ConfigurationError, match="too many numbers"):
        seen.numbers(seen.glass["conv1"].index, "value", 0, "0,:,:,0")


def test_a_pass_that_does_not_fit_is_refused(lenet: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes.programs, "budget", lambda: 10_000)
    with pytest.raises(ClearpropError, match="do not fit into the memory"):
        lenet.begin(example=4)


@pytest.mark.parametrize("wanted", [{"example": 2}, {"pixels": True}], ids=["example", "own"])
def test_the_same_input_with_other_weights(lenet: Seen, wanted: dict[str, Any]) -> None:
    if "pixels" in wanted:
        drawn = np.random.default_rng(3).integers(0, 256, (28, 28, 1)).astype(np.uint8)
        wanted = {"pixels": Pixels((28, 28, 1), base64.b64encode(drawn.tobytes()).decode())}
    opened = lenet.viewer.opened(lenet.source)
    first = lenet.seen(**wanted)
    for seed in (4, 5, 6):
        model = type(opened.model)().init(seed)
        again = first.again(model)
        other = Opened(
            opened.entry, replace(opened.subject, model=model), opened.followed, opened.loss
        )
        fresh = ViewedPass.of("fresh", other, PassRequest(lenet.source, **wanted))
        assert again.outcome == fresh.outcome
        for one, node in zip(again.glass, fresh.glass, strict=True):
            np.testing.assert_array_equal(np.asarray(one.value), np.asarray(node.value))
            if node.error is not None:
                np.testing.assert_array_equal(np.asarray(one.error), np.asarray(node.error))
