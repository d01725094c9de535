"""Memory without feedback: delays, tapped-delay lines, time-delay layers and FSMN memory blocks.

Shape letters: B batch, T steps, D input features, H hidden units, K taps, N steps looked back,
A steps looked ahead.
"""

from __future__ import annotations

import math
from typing import Any

from clearprop import bounds, ops
from clearprop.nn.activation import Activation
from clearprop.nn.checks import one_of, positive_sizes, sequences
from clearprop.nn.fields import Array, parameter, static
from clearprop.nn.initializers import normal
from clearprop.nn.linear import Linear
from clearprop.nn.masks import counted
from clearprop.nn.module import Module


def delayed(x: Array, steps: int) -> Array:
    """Return a sequence delayed by some steps: y_t = x_{t - steps}, zero outside the sequence.

    Negative steps look ahead. x and y are (B, T, D).

    >>> import jax.numpy as jnp
    >>> x = jnp.array([[[1.0], [2.0], [3.0]]])
    >>> delayed(x, 1)[0, :, 0].tolist(), delayed(x, -1)[0, :, 0].tolist()
    ([0.0, 1.0, 2.0], [2.0, 3.0, 0.0])
    """
    length = x.shape[1]
    shift = min(abs(steps), length)
    if not shift:
        return x
    if steps > 0:
        return ops.pad(x[:, : length - shift], [(0, 0), (shift, 0), (0, 0)])
    return ops.pad(x[:, shift:], [(0, 0), (0, shift), (0, 0)])


class Delay(Module):
    """The time-delay layer y = z^-k (x): every value comes out k steps later.

    y_t = x_{t-k}, and zero for the first k steps. The error signal of x_t is that of y_{t+k}.

    Shapes: x and y (B, T, D).

    Raises:
        ConfigurationError: k is not a positive whole number.
        ShapeError: x has other axes.

    >>> import jax.numpy as jnp
    >>> Delay(2)(jnp.array([[[1.0], [2.0], [3.0]]]))[0, :, 0].tolist()
    [0.0, 0.0, 1.0]

    Source: the lectures' y = z^-1(x), which is k = 1.
    """

    steps: int = static(default=1)

    def __post_init__(self) -> None:
        positive_sizes("Delay", steps=self.steps)

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        x = _checked(x, mask)
        return counted(delayed(x, self.steps), mask)


class TappedDelayLine(Module):
    """The last K values side by side: y_t = [x_t, x_{t-1}, ..., x_{t-K+1}].

    Values before the first step are zero. The layer has no parameters.

    Shapes: x (B, T, D), y (B, T, K D).

    Raises:
        ConfigurationError: K is not a positive whole number.
        ShapeError: x has other axes.

    >>> import jax.numpy as jnp
    >>> TappedDelayLine(2)(jnp.array([[[1.0], [2.0], [3.0]]]))[0].tolist()
    [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]

    Source: the lectures' memory without recurrent connections.
    """

    taps: int = static()

    def __post_init__(self) -> None:
        positive_sizes("TappedDelayLine", taps=self.taps)

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        x = _checked(x, mask)
        line = ops.concatenate([delayed(x, k) for k in range(self.taps)], axis=-1)
        return counted(line, mask)


class TimeDelay(Module):
    """Units that weigh the last K values: y_t = sum_k x_{t-k} W_k + b, k = 0 ... K - 1.

    A tapped-delay line with a fully connected layer behind it; a convolution that looks back only.

    Shapes: x (B, T, D), weights (K D, H) with those of the newest value first, y (B, T, H).

    Args:
        in_features: D.
        out_features: H.
        taps: K.
        bias: whether there is a b.

    Raises:
        ConfigurationError: a size is not positive.
        ShapeError: x has other axes.

    >>> import jax.numpy as jnp
    >>> TimeDelay(3, 8, taps=4).init(0)(jnp.ones((2, 5, 3))).shape
    (2, 5, 8)

    Source: Waibel, Hanazawa, Hinton, Shikano and Lang (1989), *Phoneme recognition using time-delay
    neural networks*, without the activation, which is a separate layer here.
    """

    line: TappedDelayLine
    linear: Linear

    def __init__(
        self, in_features: int, out_features: int, *, taps: int, bias: bool = True
    ) -> None:
        positive_sizes("TimeDelay", in_features=in_features, taps=taps)
        self.line = TappedDelayLine(taps)
        self.linear = Linear(taps * in_features, out_features, bias=bias)

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        return counted(self.linear(self.line(x, mask)), mask)


class MemoryBlock(Module):
    """A weighted sum of past and later values: m_t = sum_k a_k h_{t-k} + sum_j c_j h_{t+j}.

    k goes from 0 to N, j from 1 to A. A "scalar" block has one number for each k and j, a "vector"
    block one for each of the H units, and a_k h is then a product entry by entry. Values outside
    the sequence are zero. With A > 0 the output of a step needs A later steps.

    Shapes: h and m (B, T, H); coefficients (N + 1 + A, H or 1): a_0, a_1, ..., a_N, c_1, ..., c_A.

    Args:
        features: H.
        look_back: N.
        look_ahead: A.
        memory: "vector" or "scalar".

    Raises:
        ConfigurationError: H is not positive, N or A is negative, or memory is another name.
        ShapeError: h has other axes.

    >>> import jax.numpy as jnp
    >>> block = MemoryBlock(4, look_back=3, look_ahead=1, memory="scalar").init(0)
    >>> block.coefficients.shape, block(jnp.ones((2, 6, 4))).shape
    ((5, 1), (2, 6, 4))

    Source: Zhang, Liu, Jiang, Wei, Dai and Hu (2015), *Feedforward sequential memory networks*.
    """

    coefficients: Array
    features: int = static()
    look_back: int = static()
    look_ahead: int = static()

    def __init__(
        self, features: int, *, look_back: int, look_ahead: int = 0, memory: str = "vector"
    ) -> None:
        positive_sizes("MemoryBlock", features=features)
        for name, size in (("look_back", look_back), ("look_ahead", look_ahead)):
            bounds.whole(size, name, least=0, where="MemoryBlock")
        one_of("MemoryBlock", ("vector", "scalar"), memory=memory)
        count = look_back + 1 + look_ahead
        width = features if memory == "vector" else 1
        self.coefficients = parameter((count, width), normal(1 / math.sqrt(count)))
        self.features = features
        self.look_back = look_back
        self.look_ahead = look_ahead

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        x = _checked(x, mask, self.features)
        delays = (*range(self.look_back + 1), *range(-1, -self.look_ahead - 1, -1))
        total: Any = 0.0
        for row, steps in enumerate(delays):
            total = total + delayed(x, steps) * self.coefficients[row]
        return counted(total, mask)


class FSMN(Module):
    """A layer with a memory of its units: h = f(x V + b), y = f(h W + m M + d), m = memory(h).

    It keeps history without feedback: all steps are computed at once, and an error signal passes
    through one layer, not through all steps.

    Shapes: x (B, T, D), h, m and y (B, T, H); V (D, H), W and M (H, H).

    Args:
        input_size: D.
        hidden_size: H.
        look_back: steps of memory.
        look_ahead: steps it looks ahead.
        memory: "vector" or "scalar", as in `MemoryBlock`.
        activation: f.

    Raises:
        ConfigurationError: as `MemoryBlock`.
        ShapeError: x has other axes.

    >>> import jax.numpy as jnp
    >>> FSMN(3, 8, look_back=4).init(0)(jnp.ones((2, 5, 3))).shape
    (2, 5, 8)

    Source: Zhang et al. (2015), one hidden layer with its memory, and the layer after it.
    """

    input: Linear
    memory: MemoryBlock
    direct: Linear
    remembered: Linear
    activation: Activation

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        look_back: int,
        look_ahead: int = 0,
        memory: str = "vector",
        activation: str = "relu",
    ) -> None:
        self.input = Linear(input_size, hidden_size)
        self.memory = MemoryBlock(
            hidden_size, look_back=look_back, look_ahead=look_ahead, memory=memory
        )
        self.direct = Linear(hidden_size, hidden_size)
        self.remembered = Linear(hidden_size, hidden_size, bias=False)
        self.activation = Activation(activation)

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        x = _checked(x, mask)
        hidden = self.activation(self.input(x))
        both = self.direct(hidden) + self.remembered(self.memory(hidden, mask))
        return counted(self.activation(both), mask)


def _checked(x: Array, mask: Array | None, features: int | None = None) -> Array:
    sequences(x, mask, features)
    return counted(x, mask)
