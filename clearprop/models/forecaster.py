"""A forecaster: the next values of a series, from a window of past values.

Shape letters: B batch, T values in a window, F features, H hidden units, P values to predict.
"""

from __future__ import annotations

from clearprop import nn
from clearprop.errors import ShapeError, unknown_name
from clearprop.nn.fields import Array, static

NETWORKS = ("time-delay", "fsmn", "rnn", "higher-order", "lstm", "gru")


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
        self.network = network
        self.reader = _reader(network, features, hidden_size, memory)
        self.output = nn.Linear(hidden_size, horizon, weight_init=nn.initializers.zeros)

    def __call__(self, x: Array) -> Array:
        if len(x.shape) != 3 or not x.shape[1]:
            raise ShapeError(
                "the model takes a batch of windows",
                given=f"input {tuple(x.shape)}",
                expected="(batch, time, features), at least one value",
                fix="x[None] for one window" if len(x.shape) == 2 else None,
            )
        hidden = self.reader(x)[:, -1]
        return x[:, -1, :1] + self.output(hidden)


def _reader(network: str, features: int, hidden_size: int, memory: int) -> nn.Module:
    if network == "time-delay":
        return nn.Sequential(
            [nn.TimeDelay(features, hidden_size, taps=memory), nn.Activation("relu")]
        )
    if network == "fsmn":
        return nn.FSMN(features, hidden_size, look_back=memory - 1)
    if network == "rnn":
        return nn.RNN(features, hidden_size)
    if network == "higher-order":
        return nn.HigherOrderRNN(features, hidden_size, order=3)
    if network == "lstm":
        return nn.LSTM(features, hidden_size)
    if network == "gru":
        return nn.GRU(features, hidden_size)
    raise unknown_name("network", network, NETWORKS, "Forecaster")
