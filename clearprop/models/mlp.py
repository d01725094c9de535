"""The multi-layer perceptron: fully connected layers with an activation between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.activation import ActivationLike
from clearprop.nn.fields import Array


class MLP(nn.Module):
    """Fully connected layers: z_0 = x, z_l = f(z_{l-1} W_l + b_l), and a linear output layer.

    Args:
        sizes: units of each layer, from the inputs to the outputs: ``(784, 256, 128, 10)``.
        activation: f, an operation or its name.
        output: the activation of the output units; None for losses that take logits.
        dropout: probability with which a hidden unit is dropped in training.

    Shapes: x (batch, ...) with sizes[0] numbers an example, output (batch, sizes[-1]).

    >>> sum(w.size for w in nn.parameters(MLP((784, 256, 128, 10))).values())
    235146

    Source: Rumelhart, Hinton and Williams (1986).
    """

    flatten: nn.Flatten
    layers: tuple[nn.Linear, ...]
    activation: nn.Activation
    dropout: nn.Dropout | None
    output: nn.Activation | None

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: ActivationLike = ops.relu,
        output: ActivationLike | None = None,
        dropout: float = 0.0,
    ) -> None:
        if len(sizes) < 2:
            raise ConfigurationError(
                "sizes must hold at least two numbers",
                where="MLP",
                given=str(sizes),
            )
        self.flatten = nn.Flatten()
        self.layers = tuple(
            nn.Linear(inputs, outputs) for inputs, outputs in itertools.pairwise(sizes)
        )
        self.activation = nn.Activation(activation)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.output = None if output is None else nn.Activation(output)

    def __call__(self, x: Array) -> Array:
        x = self.flatten(x)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
            x = x if self.dropout is None else self.dropout(x)
        x = self.layers[-1](x)
        return x if self.output is None else self.output(x)
