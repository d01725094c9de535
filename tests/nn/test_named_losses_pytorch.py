"""The losses that have PyTorch's names equal PyTorch's in float64, in value and gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.autodiff import grad, value_and_grad

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
F = torch.nn.functional

random = np.random.default_rng(0)
Y, T = random.normal(size=(6, 5)) * 2, random.normal(size=(6, 5)) * 2
LABELS = random.integers(0, 5, 6)
STEPS = random.normal(size=(4, 9, 5))
PHRASES = np.array([[1, 2, 3, -1], [2, 2, 4, 4], [3, -1, -1, -1], [1, 2, 1, -1]])
COUNTS = (PHRASES >= 0).sum(1)
THREE = random.normal(size=(7, 3, 4))
PAIRS = random.normal(size=(7, 2, 4))
SIGNS = np.array([1, -1, -1, 1, 1, -1, -1])


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def _theirs(objective: Callable[[Any], Any], y: Any) -> tuple[float, Any]:
    tensor = torch.tensor(y, requires_grad=True)
    value = objective(tensor)
    value.backward()
    return float(value.detach()), tensor.grad.numpy()


def _ctc(z: Any, **options: Any) -> Any:
    return F.ctc_loss(
        z.log_softmax(-1).transpose(0, 1),
        torch.tensor(np.where(PHRASES < 0, 0, PHRASES)),
        torch.full((4,), 9),
        torch.tensor(COUNTS),
        **options,
    )


CASES: list[tuple[Any, Callable[[Any], Any], Any, Any]] = [
    ("mean_absolute_error", lambda y: F.l1_loss(y, torch.tensor(T)), Y, T),
    ("absolute_error", lambda y: F.l1_loss(y, torch.tensor(T), reduction="sum") / 6, Y, T),
    ("huber", lambda y: F.huber_loss(y, torch.tensor(T)), Y, T),
    (nn.huber(0.4), lambda y: F.huber_loss(y, torch.tensor(T), delta=0.4), Y, T),
    ("smooth_l1", lambda y: F.smooth_l1_loss(y, torch.tensor(T)), Y, T),
    (nn.smooth_l1(2.5), lambda y: F.smooth_l1_loss(y, torch.tensor(T), beta=2.5), Y, T),
    ("nll", lambda y: F.nll_loss(y, torch.tensor(LABELS)), Y - 9, LABELS),
    ("ctc", _ctc, STEPS, PHRASES),
    ("triplet", lambda y: F.triplet_margin_loss(y[:, 0], y[:, 1], y[:, 2]), THREE, np.zeros(7)),
    (
        nn.triplet(0.2),
        lambda y: F.triplet_margin_loss(y[:, 0], y[:, 1], y[:, 2], margin=0.2),
        THREE,
        np.zeros(7),
    ),
    (
        "cosine_embedding",
        lambda y: F.cosine_embedding_loss(y[:, 0], y[:, 1], torch.tensor(SIGNS)),
        PAIRS,
        SIGNS,
    ),
    (
        nn.cosine_embedding(0.3),
        lambda y: F.cosine_embedding_loss(y[:, 0], y[:, 1], torch.tensor(SIGNS), margin=0.3),
        PAIRS,
        SIGNS,
    ),
]


@pytest.mark.parametrize(("loss", "theirs", "y", "t"), CASES, ids=lambda x: getattr(x, "name", x)
                         if isinstance(x, str | nn.Loss) else "")  # fmt: skip
def test_value_and_gradient(loss: Any, theirs: Callable[[Any], Any], y: Any, t: Any) -> None:
    found = nn.find_loss(loss)
    ours, gradient = value_and_grad(lambda y: found(y, jnp.asarray(t)))(jnp.asarray(y))
    value, slope = _theirs(theirs, y)
    assert ours.dtype == jnp.float64
    np.testing.assert_allclose(float(ours), value, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("blank", [0, 4])
def test_ctc_with_lengths_and_another_blank(blank: int) -> None:
    labels = random.integers(0, 4, (4, 3)) + (1 if blank == 0 else 0)
    steps, counts = np.array([9, 7, 8, 5]), np.array([3, 2, 0, 1])

    def theirs(z: Any) -> Any:
        return F.ctc_loss(
            z.log_softmax(-1).transpose(0, 1), torch.tensor(labels), torch.tensor(steps),
            torch.tensor(counts), blank=blank, reduction="sum",
        )  # fmt: skip

    def ours(z: Any) -> Any:
        return ops.ctc_loss(ops.log_softmax(z), labels, steps, counts, blank).sum()

    value, slope = _theirs(theirs, STEPS)
    found, gradient = value_and_grad(ours)(jnp.asarray(STEPS))
    np.testing.assert_allclose(float(found), value, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-13)


def test_ctc_of_labels_that_do_not_fit_is_infinite_and_passes_no_error() -> None:
    z, labels = STEPS[:1, :3], np.array([[1, 1, 2]])  # a blank is needed between the ones

    def ours(z: Any) -> Any:
        return ops.ctc_loss(ops.log_softmax(z), labels).sum()

    assert ours(jnp.asarray(z)) == np.inf
    assert (grad(ours)(jnp.asarray(z)) == 0).all()
    theirs = F.ctc_loss(
        torch.tensor(z).log_softmax(-1).transpose(0, 1), torch.tensor(labels), [3], [3]
    )
    assert float(theirs) == np.inf


def test_ctc_stays_exact_over_many_steps_in_float32() -> None:
    z = random.normal(size=(2, 400, 6)).astype(np.float32) * 8
    labels = random.integers(1, 6, (2, 30))
    ours = ops.ctc_loss(ops.log_softmax(jnp.asarray(z)), labels)
    theirs = F.ctc_loss(
        torch.tensor(z, dtype=torch.float64).log_softmax(-1).transpose(0, 1),
        torch.tensor(labels), [400, 400], [30, 30], reduction="none",
    )  # fmt: skip
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5)
