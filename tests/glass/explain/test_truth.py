"""Every value and every error signal of every node equals what JAX computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, tree
from clearprop.autodiff import Operation, Tape
from clearprop.autodiff.sweep import Place
from clearprop.glass.explain import Glass, explain

RANDOM = np.random.default_rng(0)
SOON = {"xla_backend_optimization_level": 0}


class Added(Tape):
    """A tape that adds a zero to every value; JAX differentiates with respect to these zeros."""

    __slots__ = ("zeros",)

    def __init__(self, zeros: dict[Place, Any]) -> None:
        super().__init__()
        self.zeros = zeros

    def variable(self, value: Any) -> Any:
        return super().variable(self._added(value, 0))

    def record(
        self,
        operation: Operation[Any, Any],
        inputs: Sequence[Any],
        raw: tuple[Any, ...],
        output: Any,
        parameters: dict[str, Any],
    ) -> Any:
        several = isinstance(output, tuple)
        outputs = output if several else (output,)
        moved = tuple(self._added(value, k) for k, value in enumerate(outputs))
        return super().record(operation, inputs, raw, moved if several else moved[0], parameters)

    def _added(self, value: Any, k: int) -> Any:
        zero = self.zeros.get((len(self.nodes), k))
        return value if zero is None else value + zero


class Classifier(nn.Module):
    embedding: nn.Embedding
    recurrent: nn.LSTM
    output: nn.Linear

    def __call__(self, x: Any) -> Any:
        return self.output(self.recurrent(self.embedding(x))[:, -1])


def drawn(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def case(name: str) -> tuple[nn.Module, Any, Any, str]:
    if name == "mlp":
        return models.MLP((3, 5, 4, 2)), drawn(4, 3), np.array([0, 1, 1, 0]), "cross_entropy"
    if name == "lenet5":  # JAX divides the error among equal maxima; tanh has few
        return (
            models.LeNet5(activation="tanh"),
            drawn(2, 28, 28, 1),
            np.array([3, 7]),
            "cross_entropy",
        )
    if name == "lstm":
        model = Classifier(nn.Embedding(7, 4), nn.LSTM(4, 5), nn.Linear(5, 3))
        return model, RANDOM.integers(0, 7, (2, 6)), np.array([0, 2]), "cross_entropy"
    tokens = RANDOM.integers(0, 11, (2, 6))
    model = models.GPT(11, context=6, width=8, layers=1, heads=2)
    return model, tokens, np.roll(tokens, -1, 1), "sequence_cross_entropy"


def of_jax(glass: Glass) -> dict[Place, Any]:
    """Return the gradient of E with respect to a zero added to the value of every node."""
    program, given = glass.values.program, glass.values.given
    places = {n.spec.place: n for n in glass if n.spec.place is not None and n.carries_error}
    zeros = {place: jnp.zeros(n.shape, n.dtype) for place, n in places.items()}

    def objective(zeros: dict[Place, Any], given: Any) -> Any:
        return program.run(given, Added(zeros)).objective.value

    return jax.jit(jax.grad(objective), compiler_options=SOON)(zeros, given)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["mlp", "lenet5", "lstm", "gpt"])
def test_every_error_signal_is_what_jax_grad_gives(name: str) -> None:
    model, x, y, loss = case(name)
    model = model.init(0)
    glass = explain(model, x, y, loss)
    expected = of_jax(glass)
    assert len(expected) >= 13
    for node in glass:
        if node.spec.place in expected:
            np.testing.assert_allclose(
                node.error, expected[node.spec.place], rtol=2e-4, atol=1e-6, err_msg=node.name
            )

    def objective(weights: dict[str, Any]) -> Any:
        answer = tree.replace(model, weights)(x)
        return nn.find_loss(loss)(answer, y), answer

    both = jax.jit(jax.value_and_grad(objective, has_aux=True), compiler_options=SOON)
    (value, answer), gradients = both(nn.parameters(model))
    assert glass.objective == pytest.approx(float(value), rel=1e-5)
    np.testing.assert_allclose(glass["model"].value, answer, rtol=1e-4, atol=1e-5)
    for path, gradient in gradients.items():
        np.testing.assert_allclose(glass[path].error, gradient, rtol=2e-4, atol=1e-6, err_msg=path)
