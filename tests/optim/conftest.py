"""A real loss, and its descent with clearprop, NumPy, PyTorch and Optax."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from clearprop import optim

STEPS = 20

Flat = np.ndarray[Any, np.dtype[np.float64]]
Gradient = Callable[[Flat, int], Flat]


class LogisticRegression:
    """Mini-batches of the breast-cancer set, and the gradient of their mean log loss by hand.

    A point is the vector of 30 weights and one bias; as a tree it is a dict of both.
    """

    def __init__(self) -> None:
        x, labels = load_breast_cancer(return_X_y=True)
        self.x = (x - x.mean(axis=0)) / x.std(axis=0)
        self.targets = labels.astype(np.float64)
        random = np.random.default_rng(0)
        self.batches = random.integers(len(x), size=(STEPS, 64))
        self.start: Flat = random.normal(size=31)

    def gradient(self, point: Flat, step: int) -> Flat:
        x, targets = self.x[self.batches[step]], self.targets[self.batches[step]]
        y = 1 / (1 + np.exp(-(x @ point[:30] + point[30])))
        error = (y - targets) / len(x)
        return np.append(error @ x, error.sum())

    @staticmethod
    def tree(point: Flat) -> dict[str, Any]:
        return {"0.weight": point[:30].reshape(5, 6), "0.bias": point[30:]}

    @staticmethod
    def flat(tree: dict[str, Any]) -> Flat:
        return np.concatenate([np.asarray(tree[k]).ravel() for k in ("0.weight", "0.bias")])


@pytest.fixture
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def problem() -> LogisticRegression:
    return LogisticRegression()


@pytest.fixture
def follow(x64: None, problem: LogisticRegression) -> Callable[[optim.Optimizer], Flat]:
    """The path of a clearprop optimizer: the point after each of 20 compiled updates, float64."""

    def path(rule: optim.Optimizer) -> Flat:
        @jax.jit
        def updated(parameters: Any, state: Any, gradients: Any) -> Any:
            updates, state = rule.update(gradients, state, parameters)
            return optim.apply(parameters, updates), state

        parameters = jax.tree.map(jnp.asarray, problem.tree(problem.start))
        state, points = rule.init(parameters), []
        for step in range(STEPS):
            gradients = problem.tree(problem.gradient(problem.flat(parameters), step))
            parameters, state = updated(parameters, state, gradients)
            points.append(problem.flat(parameters))
        return np.array(points)

    return path


@pytest.fixture
def follow_torch(problem: LogisticRegression) -> Callable[..., Flat]:
    """The path of a PyTorch optimizer, by its name and options; ``schedule`` wraps it."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def path(name: str, schedule: Callable[[Any], Any] | None = None, **options: Any) -> Flat:
        w = torch.tensor(problem.start, requires_grad=True)
        rule = getattr(torch.optim, name)([w], **options)
        rates, points = schedule(rule) if schedule else None, []
        for step in range(STEPS):
            w.grad = torch.tensor(problem.gradient(w.detach().numpy(), step))
            rule.step()
            if rates is not None:
                rates.step()
            points.append(w.detach().numpy().copy())
        return np.array(points)

    return path


@pytest.fixture
def follow_optax(x64: None, problem: LogisticRegression) -> Callable[..., Flat]:
    """The path of an Optax transformation."""
    optax = pytest.importorskip("optax", reason="Optax is not installed")

    def path(rule: Any) -> Flat:
        w = jnp.asarray(problem.start)
        state, points = rule.init(w), []
        for step in range(STEPS):
            gradients = jnp.asarray(problem.gradient(np.asarray(w), step))
            updates, state = rule.update(gradients, state, w)
            w = optax.apply_updates(w, updates)
            points.append(np.asarray(w))
        return np.array(points)

    return path
