"""Losses equal PyTorch's, in value and gradient."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.autodiff import value_and_grad

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

random = np.random.default_rng(0)
Z = random.normal(size=(6, 5)).astype(np.float32)
ONE_SEQUENCE = random.normal(size=(1, 7, 5)).astype(np.float32)
LABELS = random.integers(0, 5, 6)
PLACES = np.array([[0, 3, -1, 4, 1, -1, -1]])
CHANCES = random.dirichlet(np.ones(5), 6).astype(np.float32)
SIGNS = random.choice([-1.0, 1.0], (6, 5)).astype(np.float32)


def _their(loss: Any, z: Any, targets: Any) -> tuple[float, Any]:
    tensor = torch.tensor(z, requires_grad=True)
    value = loss(tensor, torch.tensor(targets))
    value.backward()
    return float(value.detach()), tensor.grad.numpy()


@pytest.mark.parametrize(
    ("ours", "theirs", "z", "targets"),
    [
        ("cross_entropy", torch.nn.CrossEntropyLoss(), Z, LABELS),
        ("cross_entropy", torch.nn.CrossEntropyLoss(), Z, CHANCES),
        (
            nn.smoothed("cross_entropy", 0.1),
            torch.nn.CrossEntropyLoss(label_smoothing=0.1),
            Z,
            LABELS,
        ),
        (
            nn.smoothed("cross_entropy", 0.3),
            torch.nn.CrossEntropyLoss(label_smoothing=0.3),
            Z,
            CHANCES,
        ),
        (
            "kl_divergence",
            lambda z, t: torch.nn.KLDivLoss(reduction="batchmean")(z.log_softmax(-1), t),
            Z,
            CHANCES,
        ),
        ("hinge", lambda z, t: torch.clamp(1 - t * z, min=0).sum(1).mean(), Z, SIGNS),
        (
            "log_loss",
            lambda z, t: torch.nn.BCELoss(reduction="sum")(z, t) / 6,
            CHANCES,
            (SIGNS + 1) / 2,
        ),
    ],
)
def test_a_loss_equals_pytorchs(ours: Any, theirs: Any, z: Any, targets: Any) -> None:
    loss = nn.find_loss(ours)
    given = (targets + 1) / 2 if ours == "hinge" else targets
    value, gradient = value_and_grad(lambda z: loss(z, jnp.asarray(given)))(jnp.asarray(z))
    expected, their_gradient = _their(theirs, z, targets)
    assert float(value) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, their_gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_places_that_are_not_counted_are_those_that_pytorch_ignores(smoothing: float) -> None:
    loss = nn.smoothed("sequence_cross_entropy", smoothing)
    value, gradient = value_and_grad(lambda z: loss(z, jnp.asarray(PLACES)))(
        jnp.asarray(ONE_SEQUENCE)
    )
    their = torch.nn.CrossEntropyLoss(ignore_index=-1, label_smoothing=smoothing)
    expected, their_gradient = _their(
        lambda z, t: their(z.transpose(1, 2), t), ONE_SEQUENCE, PLACES
    )
    assert float(value) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, their_gradient, rtol=1e-5, atol=1e-7)
