"""Targets and losses for several outputs by name: the mend joins them, and it works."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, ops
from clearprop.errors import ConfigurationError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype(np.float32)
TARGETS = {
    "kind": (X[:, 0] > 0).astype(int) + (X[:, 1] > 0),
    "size": X[:, 1:3] * 2,
    "on": (X[:, 3] > 0).astype(float),
}
LOSSES = {"kind": "cross_entropy", "size": "squared_error", "on": "binary_cross_entropy"}


class Three(nn.Module):
    """Three outputs, joined as the mend says."""

    def __init__(self) -> None:
        self.trunk = nn.Linear(4, 8)
        self.kind, self.size, self.on = nn.Linear(8, 3), nn.Linear(8, 2), nn.Linear(8, 1)

    def __call__(self, x: Any) -> Any:
        h = ops.tanh(self.trunk(x))
        return ops.concatenate([self.kind(h), self.size(h), self.on(h)], axis=-1)


@pytest.mark.parametrize("as_pair", [False, True])
def test_the_mend_joins_targets_and_losses(as_pair: bool) -> None:
    data = ((X, TARGETS),) if as_pair else (X, TARGETS)
    with pytest.raises(ConfigurationError) as caught:
        cp.fit(Three(), *data, loss=LOSSES, progress=False)
    assert "kind, size, on" in str(caught.value)
    scope: dict[str, Any] = {"y": TARGETS, "np": np, "cp": cp}
    exec(caught.value.fix or "", scope)
    y, loss = scope["y"], scope["loss"]
    assert y.shape == (48, 4)
    run = cp.fit(
        Three(), X, y, loss=loss, epochs=40, learning_rate=0.02, progress=False, dev=(X, y)
    )
    assert run.history.objective[-1] < 0.5 * run.history.objective[0]
    made = run.predict(X)
    assert made.shape == (48, 6)
    parts = {
        name: np.asarray(nn.LOSSES[LOSSES[name]].per_example(jnp.asarray(z), jnp.asarray(t)))
        for name, z, t in (
            ("kind", made[:, :3], TARGETS["kind"]),
            ("size", made[:, 3:5], TARGETS["size"].astype(np.float32)),
            ("on", made[:, 5:], TARGETS["on"].astype(np.float32)[:, None]),
        )
    }
    assert all(part.shape == (48,) for part in parts.values())
    expected = sum(part.mean() for part in parts.values())
    np.testing.assert_allclose(run.evaluate((X, y)).objective, expected, rtol=1e-5)
    np.testing.assert_allclose(run.history.development_objective[-1], expected, rtol=1e-5)


def test_losses_are_guessed_from_the_targets_where_none_are_given() -> None:
    with pytest.raises(ConfigurationError) as caught:
        cp.fit(Three(), X, {"kind": TARGETS["kind"], "size": TARGETS["size"]}, progress=False)
    assert "LOSSES['cross_entropy']" in (caught.value.fix or "")
    assert "LOSSES['squared_error']" in (caught.value.fix or "")
    assert "5 units" in (caught.value.fix or "")


def test_losses_by_name_without_targets_by_name_are_told() -> None:
    with pytest.raises(ConfigurationError, match="losses for several"):
        cp.fit(nn.Linear(4, 3), X, TARGETS["kind"], loss=LOSSES, progress=False)
    with pytest.raises(ConfigurationError) as caught:
        cp.fit(nn.Linear(4, 3), X, TARGETS["kind"], loss={"out": "cross_entropy"}, progress=False)
    scope: dict[str, Any] = {}
    exec(caught.value.fix or "", scope)
    assert cp.fit(nn.Linear(4, 3), X, TARGETS["kind"], **scope_loss(scope), epochs=1).losses.size


def scope_loss(scope: dict[str, Any]) -> dict[str, Any]:
    return {"loss": scope["loss"], "progress": False}


def test_a_weight_of_a_loss_is_answered() -> None:
    with pytest.raises(ConfigurationError, match="loss_weights"):
        cp.fit(nn.Linear(4, 3), X, TARGETS["kind"], loss_weights={"a": 2.0})  # type: ignore[call-arg]
