"""Dropout: random zeros in training, so that units do not rely on each other."""

from __future__ import annotations

import jax
import numpy as np

from clearprop.nn.call import current
from clearprop.nn.checks import probability
from clearprop.nn.fields import Array, static
from clearprop.nn.module import Module


class Dropout(Module):
    """In training each entry is zero with probability p, else divided by 1 - p.

    y = x m / (1 - p) with m ~ Bernoulli(1 - p); outside training y = x.

    Shapes: x of any shape, y and m the same.

    Args:
        rate: p.

    Raises:
        ConfigurationError: the rate is not in [0, 1).
        ModelError: in training without a random key.

    >>> import jax.numpy as jnp
    >>> Dropout(0.5)(jnp.ones(4)).tolist()
    [1.0, 1.0, 1.0, 1.0]

    Source: Srivastava et al. (2014). The paper scales the weights after training; dividing during
    training ("inverted" dropout) is the same in expectation and does not change evaluation.
    """

    rate: float = static(default=0.5)

    def __post_init__(self) -> None:
        probability("Dropout", rate=self.rate)

    def __call__(self, x: Array) -> Array:
        call = current()
        if not call.training or self.rate == 0:
            return x
        # With a float32 probability gradient checks, which compute in float64, draw the same mask.
        kept = jax.random.bernoulli(call.key_for(self), np.float32(1 - self.rate), x.shape)
        return x * (kept.astype(x.dtype) / (1 - self.rate))
