"""Flax and Optax: the step of Flax's own guide, jitted with its state donated.

Shape letters: N examples, K steps of a pass, B batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState

from benchmarks.material import Material
from benchmarks.turns import Passed

Array = jax.Array


def train_by_step(material: Material, passed: Passed) -> None:
    """Train without end, with a compiled call a step."""
    step = jax.jit(_step, donate_argnums=0)
    state, x, y = _begin(material)
    for order in _orders(material):
        losses = []
        for rows in order:
            state, loss = step(state, x, y, rows)
            losses.append(loss)
        passed(float(np.mean(jax.device_get(losses))))


def train_by_scan(material: Material, passed: Passed) -> None:
    """Train without end, with a compiled call a pass."""

    @functools.partial(jax.jit, donate_argnums=0)
    def one_pass(state: TrainState, x: Array, y: Array, order: Array) -> tuple[TrainState, Array]:
        return jax.lax.scan(lambda state, rows: _step(state, x, y, rows), state, order)

    state, x, y = _begin(material)
    for order in _orders(material):
        state, losses = one_pass(state, x, y, order)
        passed(float(np.mean(losses)))


def _step(state: TrainState, x: Array, y: Array, rows: Array) -> tuple[TrainState, Array]:
    inputs, targets = x[rows], y[rows]

    def loss_of(parameters: Any) -> Array:
        logits = state.apply_fn(parameters, inputs)
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    loss, gradients = jax.value_and_grad(loss_of)(state.params)
    return state.apply_gradients(grads=gradients), loss


def _orders(material: Material) -> Any:
    """Yield the rows of each step of a pass, int32 (K, B), without end."""
    configuration = material.configuration
    random = np.random.default_rng(0)
    while True:
        order = random.permutation(configuration.examples).astype(np.int32)
        yield order.reshape(configuration.steps_per_pass, configuration.batch_size)


def _begin(material: Material) -> tuple[TrainState, Array, Array]:
    configuration = material.configuration
    rule: Callable[..., optax.GradientTransformation]
    rule = {"sgd": optax.sgd, "adam": optax.adam}[configuration.optimizer]
    activation = {"tanh": nn.tanh, "relu": nn.relu}[configuration.activation]
    is_lenet = configuration.network == "lenet5"
    model = LeNet5(activation) if is_lenet else MLP(configuration.sizes[1:], activation)
    kinds = ["Conv" if weight.ndim == 4 else "Dense" for weight, _ in material.weights]
    names = [f"{kind}_{kinds[:i].count(kind)}" for i, kind in enumerate(kinds)]
    parameters = {
        name: {"kernel": jnp.asarray(weight), "bias": jnp.asarray(bias)}
        for name, (weight, bias) in zip(names, material.weights, strict=True)
    }
    state = TrainState.create(
        apply_fn=model.apply,
        params={"params": parameters},
        tx=rule(configuration.learning_rate),
    )
    return state, jnp.asarray(material.inputs), jnp.asarray(material.targets)


class MLP(nn.Module):
    """The multi-layer perceptron."""

    sizes: tuple[int, ...]
    activation: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for size in self.sizes[:-1]:
            x = self.activation(nn.Dense(size)(x))
        return nn.Dense(self.sizes[-1])(x)


class LeNet5(nn.Module):
    """LeNet-5 with max pooling."""

    activation: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for channels, padding in ((6, "SAME"), (16, "VALID")):
            x = self.activation(nn.Conv(channels, (5, 5), padding=padding)(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape(len(x), -1)
        for size in (120, 84):
            x = self.activation(nn.Dense(size)(x))
        return nn.Dense(10)(x)
