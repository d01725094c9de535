"""Losses, per example or per entry; the caller takes the mean over a batch.

Losses that include the softmax or the sigmoid take logits: nothing overflows, and the error signal
is the output minus the target. ``t`` is the target, ``z`` are logits, ``y`` are probabilities.

A probability that is exactly 0 where it should not be would make a loss infinite and its gradient
NaN: a sigmoid in float32 is exactly 1 from a logit of about 17 on. So losses of probabilities take
a logarithm as -100 at least, and divide by 1e-12 at least.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import expand_dims, log, where
from clearprop.autodiff.elementary import sum as sum_over
from clearprop.autodiff.elementary.shape import widened
from clearprop.autodiff.precision import at_least_float32, floating
from clearprop.autodiff.shapes import Array, shape_of
from clearprop.autodiff.tape import strip
from clearprop.errors import ShapeError
from clearprop.ops.activations import log_softmax, sigmoid, softmax
from clearprop.ops.elementwise import maximum
from clearprop.ops.index import one_hot


def _check_same(name: str, given: Any, target: Any) -> None:
    if shape_of(given) != shape_of(target):
        raise ShapeError(
            "the target does not have the shape of the output",
            where=name,
            given=f"output {shape_of(given)}, target {shape_of(target)}",
            expected="equal shapes: broadcasting would compare every example with every target",
        )


def _are_classes(labels: Any) -> bool:
    return not jnp.issubdtype(labels.dtype, jnp.floating)


def _error_of_logits(error: Any, loss: Any, logits: Any, labels: Any) -> Any:
    error, y = widened(error), softmax(widened(logits))
    if _are_classes(labels):
        t = one_hot(labels, logits.shape[-1], dtype=y.dtype)
        return expand_dims(error, -1) * (y - t)
    labels = widened(labels)
    # The probabilities of a target sum to 1, up to rounding, unless they were weighted.
    total = sum_over(labels, axis=-1, keepdims=True)
    return expand_dims(error, -1) * (y * total - labels)


def _error_of_labels(error: Any, loss: Any, logits: Any, labels: Any) -> Any:
    return expand_dims(-widened(error), -1) * log_softmax(widened(logits))


@operation(errors=(_error_of_logits, _error_of_labels), count=lambda z, x, t: 5 * x.size)
def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy of softmax, per example: ``L = -sum_k t_k log y_k`` with ``y = softmax(z)``.

    Its rule is ``dL/dz = y - t``. A class outside 0 to K-1 gives NaN, so that nobody overlooks it.
    A target of 0 counts nothing, also where the logit is minus infinity.

    Shapes: logits (..., K); labels either classes 0 to K-1 (...), or probabilities (..., K); L
    (...).

    Raises:
        ShapeError: the labels' shape is neither.

    >>> softmax_cross_entropy(jnp.zeros((2, 4)), jnp.array([0, 3])).round(3)
    Array([1.386, 1.386], dtype=float32)

    Source: lecture P; softmax and cross-entropy are one operation for accuracy and speed.
    """
    expected = logits.shape[:-1] if _are_classes(labels) else logits.shape
    if not logits.shape or shape_of(labels) != expected:
        kind = "classes" if _are_classes(labels) else "probabilities"
        raise ShapeError(
            "labels and logits do not fit together",
            where="softmax_cross_entropy",
            given=f"logits {shape_of(logits)}, labels ({kind}) {shape_of(labels)}",
            expected=f"labels of shape {shape_of(logits)[:-1]} (classes, integers) "
            f"or {shape_of(logits)} (probabilities)",
        )
    if not _are_classes(labels):
        given = jnp.result_type(floating(logits), labels)
        logits, labels = at_least_float32(logits), at_least_float32(labels)
        terms = jnp.where(labels == 0, 0, labels * jax.nn.log_softmax(logits))
        return -jnp.sum(terms, axis=-1).astype(given)
    given = floating(logits).dtype
    logits = at_least_float32(logits)
    known = (labels >= 0) & (labels < logits.shape[-1])
    at = jnp.where(known, labels, 0)[..., None]
    picked = jnp.take_along_axis(logits, at, axis=-1)[..., 0]
    loss = jax.scipy.special.logsumexp(logits, axis=-1) - picked
    return jnp.where(known, loss, jnp.nan).astype(given)


@operation(
    errors=(
        lambda error, loss, logits, labels: error * (sigmoid(logits) - labels),
        lambda error, loss, logits, labels: -error * logits,
    ),
    stacks=True,
    count=lambda z, x, t: 5 * x.size,
)
def sigmoid_binary_cross_entropy(logits: Array, labels: Array) -> Array:
    """Log loss of a sigmoid, per entry: ``L = -t log y - (1 - t) log(1 - y)``, ``y = sigmoid(z)``.

    Its rule is ``dL/dz = y - t``. Labels are from 0 to 1.

    Shapes: both arrays of one shape; L has the same.

    Raises:
        ShapeError: the shapes differ.

    >>> sigmoid_binary_cross_entropy(jnp.array([0.0, 100.0]), jnp.array([1.0, 1.0])).round(3)
    Array([0.693, 0.   ], dtype=float32)

    Source: Bernoulli's negative log-likelihood, computed as max(z, 0) - z t + log(1 + e^-|z|),
    which never overflows.
    """
    _check_same("sigmoid_binary_cross_entropy", logits, labels)
    return jnp.maximum(logits, 0) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits)))


@operation(
    errors=(
        lambda error, loss, y, t: error * (y - t),
        lambda error, loss, y, t: error * (t - y),
    ),
    stacks=True,
    count=lambda z, x, t: 3 * x.size,
)
def squared_error(output: Array, target: Array) -> Array:
    """Squared error, per entry: ``L = (y - t)^2 / 2``, with ``dL/dy = y - t``.

    Shapes: both arrays of one shape; L has the same.

    Raises:
        ShapeError: the shapes differ.

    >>> print(squared_error(jnp.array([1.0, 3.0]), jnp.array([0.0, 1.0])))
    [0.5 2. ]

    Source: lecture P; with the factor 1/2 the error signal is the output minus the target.
    """
    _check_same("squared_error", output, target)
    return 0.5 * jnp.square(output - target)


LEAST_LOG = -100.0
"""The smallest value that the logarithm of a probability counts with."""


def _least_divisor(y: Any) -> float:
    """Return 1e-12; in float16, whose largest number is 65504, it is 2^-15."""
    return 2**-15 if y.dtype == jnp.float16 else 1e-12


def _log_of_probability(y: Any) -> Any:
    possible = strip(y) > math.exp(LEAST_LOG)
    return where(possible, log(where(possible, y, 1.0)), LEAST_LOG)


def _error_of_probability(error: Any, loss: Any, y: Any, t: Any) -> Any:
    least = _least_divisor(y)
    return error * ((1 - t) / maximum(1 - y, least) - t / maximum(y, least))


def _error_of_target(error: Any, loss: Any, y: Any, t: Any) -> Any:
    return error * (_log_of_probability(1 - y) - _log_of_probability(y))


@operation(
    errors=(_error_of_probability, _error_of_target),
    stacks=True,
    count=lambda z, x, t: 6 * x.size,
)
def log_loss(output: Array, target: Array) -> Array:
    """Log loss of a probability, per entry: ``L = -t log y - (1 - t) log(1 - y)``.

    Its rule is ``dL/dy = (1 - t) / (1 - y) - t / y``. A logarithm counts as -100 at least, and a
    divisor as 1e-12 at least (3e-5 in float16), so that both stay finite where y is 0 or 1. There
    the sigmoid before it passes no error: train with `sigmoid_binary_cross_entropy`, which takes
    logits.

    Shapes: both arrays of one shape; L has the same.

    Raises:
        ShapeError: the shapes differ.

    >>> log_loss(jnp.array([0.5, 0.5]), jnp.array([1.0, 0.0])).round(3)
    Array([0.693, 0.693], dtype=float32)

    Source: Bernoulli's negative log-likelihood (Good 1952, *Rational decisions*), with the bounds
    of PyTorch's `BCELoss`.
    """
    _check_same("log_loss", output, target)
    one = jnp.maximum(jnp.log(output), LEAST_LOG)
    zero = jnp.maximum(jnp.log(1 - output), LEAST_LOG)
    return -(target * one + (1 - target) * zero)


def _error_of_p(error: Any, loss: Any, p: Any, q: Any) -> Any:
    absent = strip(p) == 0
    slope = log(where(absent, 1.0, p)) - _log_of_probability(q) + 1
    return expand_dims(error, -1) * where(absent, 0.0, slope)


def _error_of_q(error: Any, loss: Any, p: Any, q: Any) -> Any:
    return expand_dims(-error, -1) * (p / maximum(q, _least_divisor(q)))


@operation(
    errors=(_error_of_p, _error_of_q),
    count=lambda z, x, t: 4 * x.size,
)
def kl_divergence(p: Array, q: Array) -> Array:
    """Kullback-Leibler divergence, per example: ``L = sum_k p_k log(p_k / q_k)``, in nats.

    0 log 0 counts as 0. Its rules are ``dL/dp = log(p/q) + 1`` (0 where p is 0) and ``dL/dq =
    -p/q``. The logarithm of q counts as -100 at least, and q as a divisor as 1e-12 at least.

    Shapes: p and q (..., K), which hold probabilities; L (...).

    Raises:
        ShapeError: the shapes differ.

    >>> print(f"{kl_divergence(jnp.array([1.0, 0.0]), jnp.array([0.5, 0.5])):.3f}")
    0.693

    Source: Kullback and Leibler 1951, *On information and sufficiency*.
    """
    _check_same("kl_divergence", p, q)
    given = jnp.result_type(floating(p), floating(q))
    p, q = at_least_float32(p), at_least_float32(q)
    absent = p == 0
    log_q = jnp.maximum(jnp.log(q), LEAST_LOG)
    terms = jnp.where(absent, 0, p * (jnp.log(jnp.where(absent, 1, p)) - log_q))
    return jnp.sum(terms, axis=-1).astype(given)


@operation(
    errors=(
        lambda error, loss, score, t: where(score * t < 1, -error * t, 0.0),
        lambda error, loss, score, t: where(score * t < 1, -error * score, 0.0),
    ),
    stacks=True,
    count=lambda z, x, t: 3 * x.size,
)
def hinge(score: Array, target: Array) -> Array:
    """Hinge loss, per entry: ``L = max(0, 1 - t z)`` for targets t of -1 or 1.

    Its rules are ``dL/dz = -t`` and ``dL/dt = -z`` where t z < 1, else 0.

    Shapes: both arrays of one shape; L has the same.

    Raises:
        ShapeError: the shapes differ.

    >>> print(hinge(jnp.array([2.0, 0.5, -1.0]), jnp.array([1, 1, 1])))
    [0.  0.5 2. ]

    Source: Cortes and Vapnik 1995, *Support-vector networks*.
    """
    _check_same("hinge", score, target)
    return jnp.maximum(0, 1 - target * floating(score))


@operation(count=lambda z, x, t: x.size)
def zero_one(logits: Array, labels: Array) -> Array:
    """Zero-one loss, per example: ``L = 0 where the largest logit is the label's, else 1``.

    It is for reports, not for training: no error passes.

    Shapes: logits (..., K), labels (...), L (...).

    Raises:
        ShapeError: the shapes do not fit.

    >>> print(zero_one(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])))
    [0. 1.]

    Source: the standard definition of the error rate.
    """
    if shape_of(labels) != shape_of(logits)[:-1]:
        raise ShapeError(
            "labels and logits do not fit together",
            where="zero_one",
            given=f"logits {shape_of(logits)}, labels {shape_of(labels)}",
            expected=f"labels of shape {shape_of(logits)[:-1]}",
        )
    return (jnp.argmax(logits, axis=-1) != labels).astype(floating(logits).dtype)
