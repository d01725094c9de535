"""Labels in the forms that people have them: each trains as meant, or its mend does when pasted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import ClearpropError

random = np.random.default_rng(0)
X = random.normal(size=(90, 4)).astype(np.float32)
K = np.argmax(X[:, :3], axis=1)
TWO = (X[:, 0] > 0).astype(int)
NAMES = np.array(["ant", "bee", "cat"])


def _fit(y: Any, units: int, loss: str) -> cp.training.Run:
    return cp.fit(
        nn.Linear(4, units), X, y, loss=loss, epochs=150, learning_rate=0.05, progress=False
    )


def _mended(y: Any, units: int, loss: str) -> tuple[cp.training.Run, list[str]]:
    """Train, and paste the mends until it works."""
    followed: list[str] = []
    known = {"np": np, "y": y, "nn": nn, "loss": loss, "model": nn.Linear(4, units)}
    for _ in range(4):
        try:
            return _fit(known["y"], units, known["loss"]), followed
        except ClearpropError as error:
            if not error.fix:
                raise
            followed.append(error.fix)
            exec(error.fix, known)
    raise AssertionError(followed)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64, np.uint32])
def test_integers_of_every_size_train(kind: Any) -> None:
    run, mends = _mended(K.astype(kind), 3, "cross_entropy")
    assert not mends
    assert run.history.training_error[-1] < 0.1


@pytest.mark.parametrize(
    ("y", "mends"),
    [
        (NAMES[K], []),
        (NAMES[K].astype(object), []),
        (K.astype(np.float32), ["y = y.astype(int)"]),
        (K + 1.0, ["y = y.astype(int)", "y = y - 1  # the labels start at 1"]),
        (K[:, None], ["y = y[:, 0]"]),
        (K[:, None] * 1.0, ["y = y[:, 0].astype(int)"]),
        (K + 1, ["y = y - 1  # the labels start at 1"]),
        (np.eye(3, dtype=int)[K], ["y = y.argmax(axis=-1)"]),
        (np.eye(3, dtype=np.float32)[K], []),
    ],
)
def test_labels_of_three_classes(y: Any, mends: list[str]) -> None:
    run, followed = _mended(y, 3, "cross_entropy")
    assert followed == mends
    assert run.history.training_error[-1] < 0.1


@pytest.mark.parametrize(
    ("y", "units", "loss", "mends"),
    [
        (TWO == 1, 2, "cross_entropy", ["y = y.astype(int)"]),
        (TWO == 1, 1, "binary_cross_entropy", []),
        ((TWO == 1)[:, None], 1, "binary_cross_entropy", []),
        (TWO, 1, "binary_cross_entropy", []),
        (TWO * 1.0, 1, "binary_cross_entropy", []),
        (TWO + 1.0, 1, "binary_cross_entropy", ["y = y == 2  # codes the classes 0 and 1"]),
        (
            TWO * 2 - 1,
            1,
            "binary_cross_entropy",
            ["y = (y + 1) / 2  # turns -1 and 1 into 0 and 1"],
        ),
        (TWO * 2 - 1, 2, "cross_entropy", ["y = (y + 1) // 2  # turns -1 and 1 into 0 and 1"]),
        (np.where(TWO == 1, "yes", "no"), 1, "binary_cross_entropy", []),
        (TWO == 1, 1, "mean_squared_error", []),
    ],
)
def test_labels_of_two_classes(y: Any, units: int, loss: str, mends: list[str]) -> None:
    run, followed = _mended(y, units, loss)
    assert followed == mends
    assert run.history.training_error[-1] < (0.45 if loss == "mean_squared_error" else 0.1)
