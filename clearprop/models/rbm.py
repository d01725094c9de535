"""The restricted Boltzmann machine: visible and hidden units with an energy, and no layers inside.

Shape letters: B examples or chains, V visible units, H hidden units.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.errors import ConfigurationError, kind_of
from clearprop.nn.checks import one_of, positive_sizes
from clearprop.nn.fields import Array, parameter, static
from clearprop.nn.initializers import normal, zeros

VISIBLE = ("bernoulli", "gaussian")
"""Kinds of visible units: chances of 0 or 1, or numbers with deviation 1."""


class RBM(nn.Module):
    """A restricted Boltzmann machine: p(v, h) = exp(-E(v, h)) / Z.

    The hidden units h are 0 or 1. With Bernoulli visible units, ``E = -a v - b h - v W h``; with
    Gaussian ones ``E = |v - a|^2 / 2 - b h - v W h``, for data of deviation 1. No two units of the
    same side are connected, so each side can be drawn at once when the other is known:

        p(h_j = 1 | v) = sigmoid(b_j + v W_j)
        p(v_i = 1 | h) = sigmoid(a_i + W_i h), or v_i ~ N(a_i + W_i h, 1)

    A call returns p(h = 1 | v). W and b are the parameters of the layer ``hidden``.

    Shapes: v (B, ...) with V numbers an example, p(h = 1 | v) (B, H).

    Args:
        visible: V.
        hidden: H.
        units: the visible ones, "bernoulli" or "gaussian".

    Raises:
        ConfigurationError: a size is not positive, or the kind of units is unknown.

    >>> machine = RBM(64, 16).init(0)
    >>> machine(jnp.ones((5, 64))).shape, machine.free_energy(jnp.ones((5, 64))).shape
    ((5, 16), (5,))

    Source: Smolensky (1986), *Information processing in dynamical systems*; Hinton (2012), *A
    practical guide to training restricted Boltzmann machines*.
    """

    flatten: nn.Flatten
    hidden: nn.Linear
    visible_bias: Array
    units: str = static()

    def __init__(self, visible: int, hidden: int, *, units: str = "bernoulli") -> None:
        positive_sizes("RBM", visible=visible, hidden=hidden)
        one_of("RBM", VISIBLE, units=units)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(visible, hidden, weight_init=normal(0.01))
        self.visible_bias = parameter((visible,), zeros)
        self.units = units

    def __call__(self, v: Array) -> Array:
        return ops.sigmoid(self.hidden(self.flatten(v)))

    def free_energy(self, v: Array) -> Array:
        """Return F(v), (B,), with ``exp(-F(v)) = sum_h exp(-E(v, h))``.

        ``F(v) = -a v - sum_j softplus(b_j + v W_j)``; with Gaussian units ``|v - a|^2 / 2`` stands
        in the place of ``-a v``.
        """
        v = self.flatten(v)
        if self.units == "gaussian":
            of_visible = ops.sum(ops.square(v - self.visible_bias), axis=-1) / 2
        else:
            of_visible = -ops.sum(v * self.visible_bias, axis=-1)
        return of_visible - ops.sum(ops.softplus(self.hidden(v)), axis=-1)

    def visible_mean(self, h: Array) -> Array:
        """Return the mean of the visible units, (B, V), given hidden units (B, H)."""
        total = ops.matmul(h, ops.transpose(self.hidden.weight)) + self.visible_bias
        return total if self.units == "gaussian" else ops.sigmoid(total)

    def reconstruction(self, v: Array) -> Array:
        """Return what the machine makes of its own hidden chances: the mean of v, (B, V)."""
        return self.visible_mean(self.hidden_chance(v))

    def hidden_chance(self, v: Array) -> Array:
        """Return p(h = 1 | v), (B, H), without a call of a layer, for use in loops."""
        assert self.hidden.bias is not None
        flat = ops.reshape(v, (len(v), -1))
        return ops.sigmoid(ops.matmul(flat, self.hidden.weight) + self.hidden.bias)

    def gibbs_step(self, v: Array, key: Array) -> Array:
        """Return visible units (B, V) after one step: h is drawn given v, then v given h."""
        of_visible, of_hidden = self._noise(key, len(v))
        return self._visible(self._hidden(v, of_hidden), of_visible)

    def gibbs(self, v: Array, key: Array, steps: int) -> Array:
        """Return visible units (B, V) after several steps of a Markov chain.

        Args:
            v: its start, (B, ...).
            key: random.
            steps: their number.
        """

        def step(i: Any, v: Array) -> Array:
            return self.gibbs_step(v, jax.random.fold_in(key, i))

        v = jnp.reshape(v, (len(v), -1))
        return self.gibbs_step(v, key) if steps == 1 else jax.lax.fori_loop(0, steps, step, v)

    def continued(self, h: Array, key: Array, steps: int) -> tuple[Array, Array]:
        """Return visible and hidden units, (B, V) and (B, H), of chains that go on from h, (B, H).

        In each step v is drawn given h, then h given v.

        Args:
            h: the hidden units so far.
            key: random.
            steps: their number.
        """

        def step(h: Array, key: Array) -> tuple[Array, Array]:
            of_visible, of_hidden = self._noise(key, len(h))
            v = self._visible(h, of_visible)
            return v, self._hidden(v, of_hidden)

        def one_of_many(i: Any, units: tuple[Array, Array]) -> tuple[Array, Array]:
            return step(units[1], jax.random.fold_in(key, i))

        if steps == 1:
            return step(h, key)
        begin = jnp.zeros((len(h), self.hidden.in_features), h.dtype), h
        found: tuple[Array, Array] = jax.lax.fori_loop(0, steps, one_of_many, begin)
        return found

    def _noise(self, key: Array, count: int) -> tuple[Array, Array]:
        """Return the random numbers of one step, for (B, V) and (B, H): from 0 to 1, or normal."""
        V, H = self.hidden.in_features, self.hidden.out_features
        if self.units == "gaussian":
            of_visible, of_hidden = jax.random.split(key)
            hidden = jax.random.uniform(of_hidden, (count, H))
            return jax.random.normal(of_visible, (count, V)), hidden
        both = jax.random.uniform(key, (count, V + H))  # one call takes less time than two
        return both[:, :V], both[:, V:]

    def _hidden(self, v: Array, noise: Array) -> Array:
        chance = self.hidden_chance(v)
        return (noise < chance).astype(chance.dtype)

    def _visible(self, h: Array, noise: Array) -> Array:
        mean = self.visible_mean(h)
        return mean + noise if self.units == "gaussian" else (noise < mean).astype(mean.dtype)


def as_machine(model: nn.Module, where: str) -> RBM:
    """Return a model that is a restricted Boltzmann machine.

    Args:
        model: of any kind.
        where: what needs it, for the message.

    Raises:
        ConfigurationError: it is another model.
    """
    if isinstance(model, RBM):
        return model
    raise ConfigurationError(
        "this needs a restricted Boltzmann machine",
        where=where,
        given=kind_of(model),
        fix="model = clearprop.models.RBM(visible, hidden)",
    )
