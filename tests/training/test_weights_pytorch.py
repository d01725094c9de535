"""Training with weights takes the same steps as PyTorch's weighted losses."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, optim, training
from clearprop.autodiff import value_and_grad

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

random = np.random.default_rng(3)
X = random.normal(size=(12, 4)).astype(np.float32)
LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 1], np.int32)
ONES = (LABELS == 0).astype(np.float32)[:, None]
WEIGHTS = [0.5, 2.0, 7.0]
EPOCHS, RATE = 6, 0.3


def _ours(outputs: int, targets: Any, batch_size: int = 12, **options: Any) -> training.Run:
    model = nn.Linear(4, outputs).init(1)
    return training.fit(
        model,
        X,
        targets,
        optimizer=optim.sgd(RATE),
        epochs=EPOCHS,
        batch_size=batch_size,
        progress=False,
        **options,
    )


def _theirs(outputs: int, objective: Any) -> tuple[Any, list[float]]:
    """Return PyTorch's weights after the same steps, and the objective before each."""
    begun = nn.Linear(4, outputs).init(1)
    w = torch.tensor(np.array(begun.weight), requires_grad=True)
    b = torch.tensor(np.array(begun.bias), requires_grad=True)
    optimizer, values = torch.optim.SGD([w, b], lr=RATE), []
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        loss = objective(torch.tensor(X) @ w + b)
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    return w.detach().numpy(), values


def _assert_same(run: training.Run, theirs: tuple[Any, list[float]]) -> None:
    weight, objectives = theirs
    np.testing.assert_allclose(run.history.objective, objectives, rtol=2e-6)
    np.testing.assert_allclose(np.asarray(run.model.weight), weight, rtol=2e-5, atol=1e-6)


def test_class_weights_are_those_of_cross_entropy() -> None:
    loss = torch.nn.CrossEntropyLoss(weight=torch.tensor(WEIGHTS))
    theirs = _theirs(3, lambda z: loss(z, torch.tensor(LABELS).long()))
    _assert_same(_ours(3, LABELS, class_weight=WEIGHTS), theirs)
    _assert_same(_ours(3, LABELS, class_weight=dict(enumerate(WEIGHTS))), theirs)


def test_weights_of_examples_are_a_weighted_mean() -> None:
    each = random.uniform(0, 3, 12).astype(np.float32)

    def objective(z: Any) -> Any:
        losses = torch.nn.functional.cross_entropy(z, torch.tensor(LABELS).long(), reduction="none")
        return (losses * torch.tensor(each)).sum() / torch.tensor(each).sum()

    _assert_same(_ours(3, LABELS, sample_weight=each), _theirs(3, objective))


def test_an_ignored_label_is_left_out_of_the_mean() -> None:
    labels = np.where(np.arange(12) % 4 == 1, -100, LABELS)
    loss = torch.nn.CrossEntropyLoss(ignore_index=-100)
    theirs = _theirs(3, lambda z: loss(z, torch.tensor(labels).long()))
    _assert_same(_ours(3, labels, batch_size=9, ignore_index=-100), theirs)


def test_pos_weight_is_that_of_bce_with_logits() -> None:
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([4.0]))
    theirs = _theirs(1, lambda z: loss(z, torch.tensor(ONES)))
    _assert_same(_ours(1, ONES, loss="binary_cross_entropy", pos_weight=4.0), theirs)


def test_one_pos_weight_for_each_output() -> None:
    z = random.normal(size=(5, 3)).astype(np.float32)
    t = random.uniform(size=(5, 3)).astype(np.float32)
    loss = nn.positive_weighted("binary_cross_entropy", [1.0, 3.0, 0.2])
    value, gradient = value_and_grad(lambda z: loss(z, jnp.asarray(t)))(jnp.asarray(z))
    tensor = torch.tensor(z, requires_grad=True)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        tensor, torch.tensor(t), pos_weight=torch.tensor([1.0, 3.0, 0.2]), reduction="sum"
    )
    (theirs / 5).backward()
    np.testing.assert_allclose(float(value), float(theirs.detach()) / 5, rtol=1e-6)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_class_weights_of_places_are_those_of_one_sequence() -> None:
    z = random.normal(size=(2, 6, 3)).astype(np.float32)
    t = np.array([[0, 1, 2, -1, 2, 0], [1, 1, -1, -1, 0, 2]])
    loss = nn.class_weighted("sequence_cross_entropy", WEIGHTS)
    ours, gradient = value_and_grad(lambda z: loss(z, jnp.asarray(t)))(jnp.asarray(z))
    tensor = torch.tensor(z, requires_grad=True)
    theirs = torch.stack([
        torch.nn.functional.cross_entropy(
            tensor[i], torch.tensor(t[i]), weight=torch.tensor(WEIGHTS), ignore_index=-1
        )
        for i in range(2)
    ]).mean()  # fmt: skip
    theirs.backward()
    np.testing.assert_allclose(float(ours), float(theirs.detach()), rtol=1e-6)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-5, atol=1e-7)
