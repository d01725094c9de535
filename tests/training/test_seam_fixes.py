"""Each fix of a mismatch is followed as it is printed, and the check passes afterwards.

Shape letters: N examples, B batch, K classes, T positions, H units.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.nn.fields import static
from clearprop.training import FitConfig
from clearprop.training.run_setup import RunSetup
from clearprop.training.seam import Mismatch, find_mismatches

N = 60
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(N, 4)).astype(np.float32)
SEQUENCES = DRAW.normal(size=(N, 5, 4)).astype(np.float32)
LABELS = np.arange(N) % 3
SIDES = np.arange(N) % 2
NUMBERS = DRAW.normal(size=N).astype(np.float32)
POSITIVE = np.linspace(1, 4, N, dtype=np.float32)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


class Followed(nn.Module):
    """A layer, and a function of what it gives."""

    layer: nn.Module
    function: Any = static()

    def __init__(self, layer: nn.Module, function: Any) -> None:
        self.layer = layer
        self.function = function

    def __call__(self, x: Any) -> Any:
        return self.function(self.layer(x))


def followed(layer: nn.Module, function: Any) -> nn.Module:
    return Followed(layer, function).init(0)


def mse(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).mean()


def by_row(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).sum(axis=-1)


def only(model: nn.Module, loss: Any, y: Any, x: Any = X) -> Mismatch:
    [found] = find_mismatches(model, loss, x, y)
    return found


def pasted(fix: str, model: nn.Module, loss: Any, y: Any) -> dict[str, Any]:
    """Return the names after the code of a fix."""
    names = {"model": model, "loss": loss, "y": y, "np": np, "nn": nn}
    exec(fix, names)
    return names


def passes(model: nn.Module, loss: Any, y: Any, x: Any = X) -> bool:
    """Say whether nothing is found, and a training could begin."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RunSetup.of(FitConfig(model, (x, y), loss=loss))
    return find_mismatches(model, loss, x, y) == []


# --- broadcasting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "loss", "y", "fix"),
    [
        (nn.Linear(4, 1), mse, NUMBERS, "y = y.reshape(len(y), 1)"),
        (nn.Sequential([nn.Linear(4, 1), nn.Reshape(())]), mse, NUMBERS[:, None],
         "y = y.reshape(len(y))"),
        (nn.Sequential([nn.Linear(4, 1), nn.Reshape((1, 1))]), mse, NUMBERS,
         "y = y.reshape(len(y), 1, 1)"),
    ],
)  # fmt: skip
def test_targets_get_the_shape_of_the_outputs(
    model: nn.Module, loss: Any, y: Any, fix: str
) -> None:
    model = model.init(0)
    found = only(model, loss, y)
    assert (found.kind, found.fix) == ("broadcast_targets", fix)
    assert passes(model, loss, pasted(fix, model, loss, y)["y"])


@pytest.mark.parametrize(
    ("outputs", "y", "fix"),
    [
        ((7,), NUMBERS[:7], "y = y.reshape(len(y), 1)"),
        ((7,), np.tile(np.arange(7), 3), "y = np.eye(7)[y.astype(int)]"),
        ((2, 7), NUMBERS[:7], "y = y.reshape(len(y), 1, 1)"),
        ((7, 7), DRAW.normal(size=(7, 7)), "y = y.reshape(len(y), 7, 1)"),
    ],
)
def test_seven_outputs_meet_the_targets_of_their_own_of_seven_examples(
    outputs: tuple[int, ...], y: Any, fix: str
) -> None:
    units = int(np.prod(outputs))
    model = nn.Sequential([nn.Linear(4, units), nn.Reshape(outputs)]).init(0)
    found = only(model, by_row, y, X[:7])
    assert (found.kind, found.fix) == ("broadcast_targets", fix)
    assert find_mismatches(model, by_row, X[:7], pasted(fix, model, by_row, y)["y"]) == []


def test_outputs_with_too_few_axes_are_for_the_author_to_change() -> None:
    model = nn.Sequential([nn.Linear(4, 1), nn.Reshape(())]).init(0)
    found = only(model, by_row, np.ones((7, 7)), X[:7])
    assert found.kind == "broadcast_targets"
    assert found.fix == "let the model return outputs of shape (B, 7)"
    assert find_mismatches(nn.Linear(4, 7).init(0), by_row, X[:7], np.ones((7, 7))) == []


# --- softmax over another axis -------------------------------------------------------------------


def test_the_softmax_of_the_classes_is_over_the_last_axis() -> None:
    found = only(followed(nn.Linear(4, 3), lambda x: ops.softmax(x, axis=0)), mse, ONE_HOT)
    assert (found.kind, found.fix) == ("softmax_over_batch", "ops.softmax(x, axis=-1)")
    line = eval(f"lambda x: {found.fix}", {"ops": ops})
    assert passes(followed(nn.Linear(4, 3), line), mse, ONE_HOT)


# --- rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y", "severity"),
    [
        ("kl_divergence", 2 * ONE_HOT, "error"),
        ("kl_divergence", DRAW.uniform(0.1, 1, (N, 3)), "error"),
        ("cross_entropy", DRAW.uniform(0.1, 1, (N, 3)), "warning"),
    ],
)
def test_rows_are_divided_by_their_sum(loss: str, y: Any, severity: str) -> None:
    model = nn.Linear(4, 3).init(0)
    found = only(model, loss, y)
    assert (found.kind, found.severity) == ("rows_of_probabilities", severity)
    assert found.fix == "y = y / y.sum(axis=-1, keepdims=True)"
    assert passes(model, loss, pasted(found.fix, model, loss, y)["y"])


def test_rows_beyond_softmax_lose_the_softmax() -> None:
    model, y = nn.Sequential([nn.Linear(4, 3), "softmax"]).init(0), np.ones((N, 3)) / 2
    found = only(model, "squared_error", y)
    assert found.kind == "targets_out_of_reach"
    assert passes(pasted(found.fix, model, "squared_error", y)["model"], "squared_error", y)


# --- layers with gates, and steps ----------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.LSTM(4, 2), nn.RNN(4, 2)])
@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda z: z, (5, 2)),
        (lambda z: z[:, -1], (2,)),
        (lambda z: z.mean(axis=1), (2,)),
        (lambda z: z[:, -1, 0], ()),
        (lambda z: z[:, -1].mean(axis=-1), ()),
        (lambda z: z[:, -1].mean(axis=-1, keepdims=True), (1,)),
    ],
)
@pytest.mark.parametrize("loss", ["squared_error", mse])
def test_a_linear_layer_follows_a_layer_whose_activation_is_a_part_of_it(
    layer: nn.Module, function: Any, shape: tuple[int, ...], loss: Any
) -> None:
    model, y = followed(layer, function), DRAW.uniform(3, 9, (N, *shape)).astype(np.float32)
    found = only(model, loss, y, SEQUENCES)
    assert (found.kind, found.where) == ("targets_out_of_reach", "layer")
    mended = pasted(found.fix, model, loss, y)["model"]
    assert mended(SEQUENCES).shape == y.shape
    assert passes(mended, loss, y, SEQUENCES)


def test_a_step_is_replaced_by_a_function_with_a_slope() -> None:
    found = only(followed(nn.Linear(4, 1), ops.binary_step), "binary_squared_error", SIDES)
    names = re.search(r"(ops\.\w+) in place of (ops\.\w+)", found.fix)
    assert names is not None
    assert names[2] == "ops.binary_step"
    mended = followed(nn.Linear(4, 1), eval(names[1], {"ops": ops}))
    assert passes(mended, "binary_squared_error", SIDES)


@pytest.mark.parametrize(
    ("function", "loss", "y"),
    [
        (ops.tanh, "squared_error", POSITIVE),
        (lambda z: ops.tanh(z)[:, 0], "squared_error", POSITIVE),
        (lambda z: ops.tanh(z), "log_loss", SIDES),  # noqa: PLW0108 - a line of its own
        (ops.softmax, "cross_entropy", LABELS),
    ],
)
def test_the_line_of_the_model_that_is_named_is_the_one_to_change(
    function: Any, loss: str, y: Any
) -> None:
    units = 3 if loss == "cross_entropy" else 1
    found = only(followed(nn.Linear(4, units), function), loss, y)
    line = re.fullmatch(
        r"in Followed\.__call__, (?:return what ops\.\w+ is given|use (ops\.\w+) in place of .*)",
        found.fix,
    )
    assert line is not None
    other = eval(line[1], {"ops": ops}) if line[1] else lambda z: z
    assert passes(followed(nn.Linear(4, units), other), loss, y)


# --- other numbers of units ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "works"),
    [
        (lambda z: z, True),
        (lambda z: z * 0.5, True),
        (lambda z: z[:, 0], False),
        (lambda z: z.mean(axis=-1), False),
        (lambda z: z.mean(axis=-1, keepdims=True), False),
        (lambda z: ops.reshape(z, (len(z), 1)), False),
        (lambda z: z * jnp.ones((1, 1)) if z.shape[-1] == 1 else z[:, :1], False),
    ],
)
def test_another_last_layer_is_advised_only_where_the_outputs_get_its_units(
    function: Any, works: bool
) -> None:
    model = followed(nn.Linear(4, 1), function)
    found = only(model, "squared_error", np.where(LABELS == 2, -1, LABELS) + 1)
    assert found.kind == "class_numbers"
    if not works:
        assert found.fix.startswith("let the model return outputs of shape (B, 3)")
        assert "replace_layer" not in found.fix
        return
    y = pasted(found.fix, model, "squared_error", LABELS)
    assert y["model"](X).shape == (N, 3)
    assert find_mismatches(y["model"], y["loss"], X, y["y"]) == []


def test_the_last_layer_of_each_position_may_be_another() -> None:
    model = followed(nn.Linear(4, 2), lambda z: z[:, -1])
    found = only(model, "cross_entropy", LABELS, SEQUENCES)
    assert found.kind == "labels"
    mended = pasted(found.fix, model, "cross_entropy", LABELS)["model"]
    assert mended(SEQUENCES).shape == (N, 3)
    assert passes(mended, "cross_entropy", LABELS, SEQUENCES)
