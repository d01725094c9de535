"""Rosenblatt's perceptron: one neuron with a threshold."""

from __future__ import annotations

from clearprop import nn
from clearprop.nn.initializers import zeros
from clearprop.nn.module import Array


class Perceptron(nn.Module):
    """One neuron: z = w1 x1 + ... + wm xm + b, and the answer is 1 where z >= 0, else 0.

    It gives z; the loss ``perceptron`` sets the threshold, and its error signal y - t makes plain
    gradient descent on one example at a time Rosenblatt's rule w += eta (t - y) x. Weights and bias
    begin at 0, so that the rate only scales them and changes no answer.

    Shapes: x (batch, ...) with ``inputs`` numbers an example, z (batch, 1).

    Args:
        inputs: m.

    >>> import jax.numpy as jnp
    >>> from clearprop import tree
    >>> both = tree.replace(Perceptron(2).init(0), {
    ...     "neuron.weight": jnp.array([[1.0], [1.0]]), "neuron.bias": jnp.array([-1.5])})
    >>> z = both(jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    >>> (z[:, 0] >= 0).astype(int).tolist()
    [0, 0, 0, 1]

    Source: Rosenblatt (1958), *The perceptron: a probabilistic model for information storage and
    organization in the brain*, its trained layer, with answers 0 and 1 in the place of -1 and 1.
    """

    flatten: nn.Flatten
    neuron: nn.Linear

    def __init__(self, inputs: int) -> None:
        self.flatten = nn.Flatten()
        self.neuron = nn.Linear(inputs, 1, weight_init=zeros)

    def __call__(self, x: Array) -> Array:
        return self.neuron(self.flatten(x))
