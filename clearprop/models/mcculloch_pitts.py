"""The neuron of McCulloch and Pitts: chosen weights, a threshold, and an output of 0 or 1.

Shape letters: m inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.nn.checks import last_axis, one_of
from clearprop.nn.fields import Array, static

Form = Literal["threshold", "bias"]

GATES = {
    "and": ((1.0, 1.0), 2.0),
    "or": ((1.0, 1.0), 1.0),
    "not": ((-1.0,), 0.0),
    "x1 and not x2": ((1.0, -1.0), 1.0),
}
"""Weights and threshold of the gates that one neuron can be."""


class McCullochPitts(nn.Module):
    """A neuron that spikes where the weighted sum of its inputs reaches its threshold.

    In the threshold form z = w1 x1 + ... + wm xm, and y = 1 where z >= theta, else 0. In the bias
    form z = b + w1 x1 + ... + wm xm with b = -theta, and y = 1 where z >= 0, else 0. Both
    give the same output for every input.

    An inhibitory input, as in the paper, has no weight: while one is active the output is 0,
    whatever the other inputs are. Its entry in the weights must be 0.

    The neuron learns nothing and has no parameters.

    Shapes: x (..., m), y (...,); an inhibitory input is active where it is above 0.

    Args:
        weights: w, one for each input.
        threshold: theta.
        inhibitory: numbers of the inhibitory inputs, from 0.
        form: how the output is computed, "threshold" or "bias".

    Raises:
        ConfigurationError: there are no inputs, or an inhibitory place does not exist or has a
            weight as well.
        ShapeError: the last axis of x is not m long.

    >>> table = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> print(McCullochPitts((1, 1), threshold=2)(table))
    [0. 0. 0. 1.]
    >>> print(McCullochPitts((1, 0), threshold=1, inhibitory=(1,))(table))
    [0. 0. 1. 0.]

    Source: McCulloch and Pitts (1943), *A logical calculus of the ideas immanent in nervous
    activity*, whose excitatory inputs all weigh the same; the lectures give each a weight.
    """

    weights: tuple[float, ...] = static()
    threshold: float = static()
    inhibitory: tuple[int, ...] = static()
    form: Form = static()

    def __init__(
        self,
        weights: Sequence[float],
        threshold: float,
        *,
        inhibitory: Sequence[int] = (),
        form: Form = "threshold",
    ) -> None:
        self.weights = tuple(float(w) for w in weights)
        self.threshold = float(threshold)
        self.inhibitory = tuple(int(place) for place in inhibitory)
        self.form = form
        if not self.weights:
            raise ConfigurationError("a neuron needs an input", where="McCullochPitts")
        one_of("McCullochPitts", ("threshold", "bias"), form=self.form)
        for place in self.inhibitory:
            if not 0 <= place < len(self.weights):
                raise ConfigurationError(
                    "there is no such input",
                    where="McCullochPitts",
                    given=f"inhibitory={self.inhibitory} of {len(self.weights)} inputs",
                    expected=f"places from 0 to {len(self.weights) - 1}",
                )
            if self.weights[place]:
                raise ConfigurationError(
                    "an inhibitory input silences the neuron and is not weighed",
                    where="McCullochPitts",
                    given=f"weight {self.weights[place]:g} at place {place}",
                    expected="weight 0 there",
                )

    @classmethod
    def gate(cls, name: str, form: Form = "threshold") -> McCullochPitts:
        """Return the neuron of a gate of `GATES`.

        Raises:
            ConfigurationError: there is no such gate; no single neuron can compute "xor".
        """
        one_of("McCullochPitts.gate", GATES, gate=name)
        weights, threshold = GATES[name]
        return cls(weights, threshold, form=form)

    @property
    def bias(self) -> float:
        """The bias of the other form, b = -theta."""
        return -self.threshold

    def __call__(self, x: Array) -> Array:
        last_axis(x, len(self.weights))
        z = ops.sum(x * jnp.asarray(self.weights, x.dtype), axis=-1)
        if self.form == "bias":
            y = ops.binary_step(z + self.bias)
        else:
            y = ops.binary_step(z, threshold=self.threshold)
        for place in self.inhibitory:
            y = ops.where(x[..., place] > 0, 0.0, y)
        return y

    def in_form(self, form: Form) -> McCullochPitts:
        """Return the same neuron computed in the other form, or in this one."""
        return McCullochPitts(self.weights, self.threshold, inhibitory=self.inhibitory, form=form)

    def weighed(self) -> McCullochPitts:
        """Return a neuron that has negative weights instead of inhibitory inputs.

        For inputs of 0 and 1 it gives the same output: with one inhibitory input active, the sum
        stays below the threshold even where all exciting inputs are active.
        """
        most = sum(w for w in self.weights if w > 0)
        against = min(0.0, self.threshold - most) - 1.0
        weights = [against if i in self.inhibitory else w for i, w in enumerate(self.weights)]
        return McCullochPitts(weights, self.threshold, form=self.form)
