"""Indices that an own loss takes from the targets are inside the outputs.

Shape letters: N examples, B batch, K classes, T positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import DataError
from clearprop.training import fit
from clearprop.training.seam import Mismatch, find_mismatches

N = 60
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(N, 4)).astype(np.float32)
SEQUENCES = DRAW.normal(size=(N, 5, 4)).astype(np.float32)
LABELS = np.arange(N) % 3
MODEL = nn.Sequential([nn.Linear(4, 8), "tanh", nn.Linear(8, 3)]).init(0)
Loss = Callable[[Any, Any], Any]


def rows(y: Any) -> Any:
    return jnp.arange(len(y))


LOSSES: dict[str, Loss] = {
    "index": lambda y, t: -ops.log_softmax(y)[rows(t), t],
    "mean": lambda y, t: -ops.log_softmax(y)[rows(t), t].mean(),
    "own logarithm": lambda y, t: -ops.log(ops.softmax(y)[rows(t), t]),
    "clipped": lambda y, t: -ops.log(ops.clip(ops.softmax(y)[rows(t), t], low=1e-7)),
    "at least": lambda y, t: -ops.log(ops.maximum(ops.softmax(y)[rows(t), t], 1e-7)),
    "along": lambda y, t: -ops.take_along_axis(ops.log_softmax(y), t[:, None])[:, 0],
    "along 1": lambda y, t: -ops.take_along_axis(ops.log_softmax(y), t[:, None], axis=1).mean(),
    "ellipsis": lambda y, t: -ops.log_softmax(y)[:, None][rows(t), ..., t].mean(),
    "moved": lambda y, t: -ops.log_softmax(y).T[t, rows(t)],
    "take": lambda y, t: -ops.take(ops.reshape(ops.log_softmax(y), (-1,)), 3 * rows(t) + t),
    "focal": lambda y, t: -ops.log(p := ops.softmax(y)[rows(t), t]) * (1 - p) ** 2,
    "margin": lambda y, t: -(y[rows(t), t] - ops.logsumexp(y, axis=-1)),
    "smoothed": lambda y, t: -0.9 * ops.log_softmax(y)[rows(t), t] - ops.log_softmax(y).mean(-1),
    "regression too": lambda y, t: -ops.log_softmax(y)[rows(t), t] + 0.1 * (y**2).mean(-1),
}
"""Losses that take labels from 0 to K-1."""

ROW: Loss = lambda y, t: -(ops.one_hot(t, 3) * ops.log_softmax(y)).sum(-1)  # noqa: E731
FLAT = {"take"}  # an index into the flat array is outside at its end only


def found(loss: Loss, y: Any, model: nn.Module = MODEL, x: Any = X) -> list[Mismatch]:
    return find_mismatches(model, loss, x, y)


@pytest.mark.parametrize("name", LOSSES)
def test_labels_of_classes_are_inside(name: str) -> None:
    assert found(LOSSES[name], LABELS) == []


@pytest.mark.parametrize("name", LOSSES)
def test_labels_from_1_are_outside(name: str) -> None:
    y = LABELS + 1
    [first] = found(LOSSES[name], y)
    assert (first.kind, first.severity) == ("labels", "error")
    if name in FLAT:
        return
    assert first.given == (
        "indices from 1 to 3 into 3 entries, from targets from 1 to 3; 33% of them are outside"
    )
    names = {"y": y}
    exec(first.fix, names)
    assert np.array_equal(names["y"], LABELS)


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - FLAT))
def test_a_negative_index_is_one_from_the_end(name: str) -> None:
    """Three classes that are all others may be meant; two classes at one output may not."""
    [first] = found(LOSSES[name], LABELS - 1)
    assert (first.kind, first.severity) == ("labels", "warning")
    assert "indices from -1 to 1 into 3 entries" in first.given
    [first] = found(LOSSES[name], np.arange(N) % 4 - 1)
    assert (first.severity, first.kind) == ("error", "labels")
    assert found(LOSSES[name], LABELS - 3) == []


def test_a_loss_that_subtracts_1_itself_is_checked_with_what_it_takes() -> None:
    loss: Loss = lambda y, t: -ops.log_softmax(y)[rows(t), t - 1]  # noqa: E731
    assert found(loss, LABELS + 1) == []
    [first] = found(loss, LABELS)
    assert "indices from -1 to 1" in first.given
    names = {"y": LABELS}
    exec(first.fix, names)
    assert found(loss, names["y"]) == []


def test_labels_with_holes_are_numbered_and_more_labels_need_more_units() -> None:
    y = LABELS * 10
    [first] = found(LOSSES["index"], y)
    names: dict[str, Any] = {"y": y, "np": np, "nn": nn, "model": MODEL}
    exec(first.fix, names)
    assert found(LOSSES["index"], names["y"]) == []
    y = np.arange(N) % 5
    [first] = found(LOSSES["index"], y)
    exec(first.fix, names)
    assert found(LOSSES["index"], y, names["model"]) == []


def test_a_one_hot_row_of_zeros_has_no_class() -> None:
    assert found(ROW, LABELS) == []
    [first] = found(ROW, LABELS + 1)
    assert (first.kind, first.severity, first.fix) == ("labels", "error", "y = y - 1")
    assert found(ROW, LABELS - 1) == []  # a mark of what is not to count
    assert found(ROW, np.where(LABELS == 1, 255, LABELS)) == []


@pytest.mark.parametrize(
    "loss",
    [
        lambda y, t: -ops.log_softmax(y)[rows(t), t] * (t >= 0) * (t < 3),
        lambda y, t: ops.where((t >= 0) & (t < 3), -ops.log_softmax(y)[rows(t), t], 0.0),
        lambda y, t: -ops.log_softmax(y)[rows(t), jnp.clip(t, 0, 2)],
        lambda y, t: -ops.log_softmax(y)[rows(t), t % 3],
        lambda y, t: -ops.log_softmax(y)[rows(t), jnp.argmax(ops.stop_gradient(y), -1)] + 0 * t,
        lambda y, t: -ops.log_softmax(y)[:, -1] + 0 * t,
        lambda y, t: (y[:, np.array([-1, 0, 1])].sum(-1) - t) ** 2,
    ],
)
@pytest.mark.parametrize("shift", [-1, 1])
def test_marked_labels_and_other_indices_are_left_alone(loss: Loss, shift: int) -> None:
    assert found(loss, LABELS + shift) == []


def test_positions_of_sequences_are_checked() -> None:
    model = nn.Sequential([nn.Linear(4, 3)]).init(0)
    y = np.arange(N * 5).reshape(N, 5) % 3

    def loss(outputs: Any, targets: Any) -> Any:
        return -ops.take_along_axis(ops.log_softmax(outputs), targets[..., None]).mean()

    assert found(loss, y, model, SEQUENCES) == []
    [first] = found(loss, y + 1, model, SEQUENCES)
    assert "indices from 1 to 3 into 3 entries" in first.given


def test_fit_refuses_them_before_the_first_step() -> None:
    with pytest.raises(DataError, match="gets the nearest one, without an error"):
        fit(MODEL, (X, LABELS + 1), loss=LOSSES["index"], progress=False)


def test_numbers_of_a_rare_example_are_seen_among_many() -> None:
    """Up to 4,096 targets are looked at, not only those of the first batch."""
    y = np.where(np.arange(600) == 599, 3, np.arange(600) % 3)
    [first] = found(LOSSES["index"], y)
    assert "less than 1% of them are outside" in first.given


@pytest.mark.parametrize("how", ["model", "loss"])
@pytest.mark.parametrize("name", ["index", "along", "own logarithm"])
def test_softmax_twice_is_seen_before_an_index(how: str, name: str) -> None:
    model, loss = MODEL, LOSSES[name]
    if how == "model":
        model = nn.Sequential([*MODEL.layers, nn.Activation("softmax")])
    else:
        loss = lambda y, t: LOSSES[name](ops.softmax(y), t)  # noqa: E731
    [first] = found(loss, LABELS, model)
    assert (first.kind, first.severity) == ("applied_twice", "error")
