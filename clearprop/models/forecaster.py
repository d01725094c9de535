"""A forecaster: the next values of a series, from a window of past values.

Shape letters: B batch, T values in a window, F features, H hidden units, P values to predict.
"""

from __future__ import annotations

from collections.abc import Callable

from clearprop import nn
from clearprop.nn.checks import one_of, sequences
from clearprop.nn.fields import Array, static

NETWORKS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "time-delay": lambda F, H, memory: nn.Sequential([nn.TimeDelay(F, H, taps=memory), "relu"]),
    "fsmn": lambda F, H, memory: nn.FSMN(F, H, look_back=memory - 1),
    "rnn": lambda F, H, memory: nn.RNN(F, H),
    "higher-order": lambda F, H, memory: nn.HigherOrderRNN(F, H, order=3),
    "lstm": lambda F, H, memory: nn.LSTM(F, H),
    "gru": lambda F, H, memory: nn.GRU(F, H),
}
"""(F, H, values to look back over) -> the network that reads a window."""


class Forecaster(nn.Module):
    """Predicts the next values of a series: y = x_T + h_T V + c.

    h_T is the output of a network at the last step of the window. "time-delay" takes the last
    values side by side, "fsmn" sums them in a memory block, "rnn", "higher-order", "lstm" and "gru"
    carry a state from step to step. V begins at zero, so that the first forecast is persistence:
    the last value. Where inputs and targets are scaled differently, V and c learn the difference.

    Args:
        network: one of `NETWORKS`.
        features: F; the model predicts the first of them.
        horizon: P.
        hidden_size: H.
        memory: values that "time-delay" and "fsmn" look back over.

    Shapes: x (B, T, F), y (B, P).

    Raises:
        ConfigurationError: there is no such network.
        ShapeError: x is not a batch of windows, or a window is empty.

    >>> import jax.numpy as jnp
    >>> Forecaster("lstm", horizon=3).init(0)(jnp.ones((2, 24, 1))).shape
    (2, 3)
    """

    reader: nn.Module
    output: nn.Linear
    network: str = static()

    def __init__(
        self,
        network: str = "time-delay",
        *,
        features: int = 1,
        horizon: int = 1,
        hidden_size: int = 32,
        memory: int = 24,
    ) -> None:
        one_of("Forecaster", NETWORKS, network=network)
        self.network = network
        self.reader = NETWORKS[network](features, hidden_size, memory)
        self.output = nn.Linear(hidden_size, horizon, weight_init=nn.initializers.zeros)

    def __call__(self, x: Array) -> Array:
        sequences(x, None, least=1)
        return x[:, -1, :1] + self.output(self.reader(x)[:, -1])
