"""The partition function of a restricted Boltzmann machine: exact, and estimated by annealing.

With ``log Z`` the log-likelihood of data is known: ``log p(v) = -F(v) - log Z``.

Shape letters: N examples, C chains, V visible units, H hidden units, S states.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.errors import ConfigurationError
from clearprop.models.rbm import RBM
from clearprop.nn.fields import Array

MOST_UNITS = 20
"""So many units have about a million states, which are summed in a second."""

CHUNK = 14
"""The states of so many units are computed at once."""


class LogPartition(NamedTuple):
    """An estimate of log Z.

    Attributes:
        value: of log Z.
        low: log of the mean weight less three of its standard deviations; -inf where that is 0.
        high: log of the mean weight plus three of its standard deviations.
    """

    value: float
    low: float
    high: float


def exact_log_partition(machine: RBM) -> float:
    """Return log Z, as a sum over all states of the smaller side.

    ``Z = sum_h exp(b h) prod_i (1 + exp(a_i + W_i h))`` for Bernoulli visible units; the same sum
    over v where they are fewer. For Gaussian ones
    ``Z = sum_h exp(b h) (2 pi)^(V/2) exp(a W h + |W h|^2 / 2)``.

    Raises:
        ConfigurationError: the smaller side has more than `MOST_UNITS` units.

    >>> import math
    >>> machine = RBM(3, 2).init(0)
    >>> abs(exact_log_partition(machine) - 5 * math.log(2)) < 0.01
    True
    """
    W, a, b = _arrays(machine)
    gaussian = machine.units == "gaussian"
    if not gaussian and len(a) < len(b):
        W, a, b = W.T, b, a
    if len(b) > MOST_UNITS:
        raise ConfigurationError(
            "there are too many states to sum over all of them",
            where="exact_log_partition",
            given=f"{len(b)} units on the smaller side",
            expected=f"at most {MOST_UNITS}",
            fix="annealed_log_partition(machine, key) estimates it",
        )
    low, high = min(CHUNK, len(b)), max(0, len(b) - CHUNK)
    parts = []
    for first in range(2**high):
        upper = np.broadcast_to(_bits(np.array([first]), high), (2**low, high))
        h = np.concatenate([_bits(np.arange(2**low), low), upper], axis=1)
        total = h @ W.T
        if gaussian:
            rest = 0.5 * len(a) * math.log(2 * math.pi) + total @ a + 0.5 * (total**2).sum(axis=1)
        else:
            rest = np.logaddexp(0, total + a).sum(axis=1)
        parts.append(np.logaddexp.reduce(h @ b + rest))
    return float(np.logaddexp.reduce(parts))


def annealed_log_partition(
    machine: RBM,
    key: Array,
    *,
    chains: int = 100,
    temperatures: int = 1000,
    examples: Array | None = None,
) -> LogPartition:
    """Return an estimate of log Z by annealed importance sampling.

    Chains begin in a machine without weights, whose partition function is known, and pass through
    machines with the energies ``(1 - beta_k) E_0 + beta_k E``. Each has the weight

        w = Z_0 prod_k p*_{k}(v_k) / p*_{k-1}(v_k),   and the mean of w estimates Z.

    Args:
        machine: with values.
        key: random.
        chains: C; more of them narrow the estimate.
        temperatures: K, evenly spaced from 0 to 1; more of them make the weights alike.
        examples: the visible biases of the first machine come from their means, (N, ...); 0 is
            taken without them.

    >>> machine = RBM(6, 3).init(0)
    >>> found = annealed_log_partition(machine, jax.random.key(0), temperatures=100)
    >>> abs(found.value - exact_log_partition(machine)) < 0.1
    True

    Source: Salakhutdinov and Murray (2008), *On the quantitative analysis of deep belief networks*.
    """
    base = _base(machine, examples)
    weights = np.asarray(_annealed(machine, base, key, chains, temperatures), np.float64)
    V, H = machine.hidden.in_features, machine.hidden.out_features
    first = H * math.log(2) + (
        0.5 * V * math.log(2 * math.pi)
        if machine.units == "gaussian"
        else float(np.logaddexp(0, np.asarray(base, np.float64)).sum())
    )
    top = weights.max()
    scaled = np.exp(weights - top)
    spread = 3 * scaled.std(ddof=1) / math.sqrt(chains) if chains > 1 else math.inf
    mean, least = scaled.mean(), scaled.mean() - spread
    low = math.log(least) if least > 0 else -math.inf
    high = math.log(mean + spread)
    return LogPartition(*(float(first + top + x) for x in (math.log(mean), low, high)))


def log_likelihood(machine: RBM, examples: Array, log_partition: float) -> float:
    """Return the mean of ``log p(v) = -F(v) - log Z`` over examples, in nats."""
    energies = np.asarray(machine.free_energy(jnp.asarray(examples)), np.float64)
    return float(-energies.mean() - log_partition)


def _base(machine: RBM, examples: Array | None) -> Array:
    if examples is None:
        return jnp.zeros_like(machine.visible_bias)
    mean = jnp.asarray(examples).reshape(len(examples), -1).mean(axis=0)
    if machine.units == "gaussian":
        return mean
    # Bounds keep a pixel that is always black from having an infinite bias.
    inner = jnp.clip(mean, 0.01, 0.99)
    return jnp.log(inner / (1 - inner))


def _annealed(machine: RBM, base: Array, key: Array, chains: int, temperatures: int) -> Array:
    """Return the log of the weight of each chain, (C,), without ``log Z_0``."""
    W, b, a = machine.hidden.weight, machine.hidden.bias, machine.visible_bias
    assert b is not None
    gaussian = machine.units == "gaussian"
    betas = jnp.linspace(0, 1, temperatures + 1)

    def drive(v: Array) -> Array:
        return ops.matmul(v, W) + b

    def log_chance(v: Array, beta: Array) -> Array:
        if gaussian:
            near = ((v - base) ** 2).sum(axis=1), ((v - a) ** 2).sum(axis=1)
            of_visible = -((1 - beta) * near[0] + beta * near[1]) / 2
        else:
            of_visible = v @ ((1 - beta) * base + beta * a)
        return of_visible + ops.softplus(beta * drive(v)).sum(axis=1)

    def visible(h: Array, beta: Array, key: Array) -> Array:
        total = (1 - beta) * base + beta * (a + h @ W.T)
        if gaussian:
            return total + jax.random.normal(key, total.shape)
        return (jax.random.uniform(key, total.shape) < ops.sigmoid(total)).astype(total.dtype)

    def step(k: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        v, weight = carry
        weight = weight + log_chance(v, betas[k]) - log_chance(v, betas[k - 1])
        of_hidden, of_visible = jax.random.split(jax.random.fold_in(key, k))
        chance = ops.sigmoid(betas[k] * drive(v))
        h = (jax.random.uniform(of_hidden, chance.shape) < chance).astype(chance.dtype)
        return visible(h, betas[k], of_visible), weight

    def chain(key: Array) -> Array:
        begin = visible(jnp.zeros((chains, machine.hidden.out_features)), betas[0], key)
        carry = (begin, jnp.zeros(chains))
        weight: Array = jax.lax.fori_loop(1, temperatures + 1, step, carry)[1]
        return weight

    found: Array = jax.jit(chain)(key)
    return found


def _arrays(machine: RBM) -> tuple[Any, Any, Any]:
    parts = machine.hidden.weight, machine.visible_bias, machine.hidden.bias
    W, a, b = (np.asarray(x, np.float64) for x in parts)
    return W, a, b


def _bits(numbers: Any, units: int) -> Any:
    """Return the binary digits of numbers, (S, units)."""
    return ((numbers[:, None] >> np.arange(units)) & 1).astype(np.float64)
