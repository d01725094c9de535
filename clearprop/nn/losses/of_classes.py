"""Losses of classification.

Shape letters: B batch, T positions of a sequence, K classes.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ShapeError
from clearprop.nn.fields import Array
from clearprop.nn.losses.loss import Loss, by_example, like
from clearprop.nn.losses.of_numbers import squared_error


def _wrong_class(outputs: Array, targets: Array) -> Array:
    plain = stop_gradient(outputs)
    chosen = jnp.argmax(plain, axis=-1)
    truth = targets if targets.ndim == chosen.ndim else jnp.argmax(targets, axis=-1)
    return (chosen != truth).astype(jnp.float32)


def _wrong_side(threshold: float) -> Callable[[Array, Array], Array]:
    def wrong(outputs: Array, targets: Array) -> Array:
        plain = stop_gradient(outputs)
        truth = like(plain, targets) > 0.5
        misses = ((plain >= threshold) != truth).astype(jnp.float32)
        return misses.reshape(plain.shape[0], -1).mean(1)

    return wrong


def _probabilities(labels: Array, classes: int, smoothing: float) -> Array:
    """Return labels or probabilities as smoothed probabilities (..., K)."""
    if jnp.issubdtype(labels.dtype, jnp.floating):
        probabilities = labels
    else:
        known = (labels >= 0) & (labels < classes)
        probabilities = jnp.where(known[..., None], jax.nn.one_hot(labels, classes), jnp.nan)
    return (1 - smoothing) * probabilities + smoothing / classes


def of_classes(outputs: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    """Return the cross-entropy of softmax for each example."""
    if smoothing:
        targets = _probabilities(jnp.asarray(targets), outputs.shape[-1], smoothing)
    return ops.softmax_cross_entropy(outputs, targets)


def of_sides(outputs: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    """Return the cross-entropy of sigmoid for each example, summed over its outputs."""
    probabilities = like(outputs, targets)
    if smoothing:
        probabilities = probabilities * (1 - smoothing) + smoothing / 2
    return by_example(ops.sigmoid_binary_cross_entropy(outputs, probabilities))


def of_places(targets: Array, outputs: Array) -> tuple[Array, Array]:
    """Return the labels (0 where hidden) and the weight of each place in its example's mean."""
    targets = jnp.asarray(targets)
    if targets.ndim < 2 or targets.shape != outputs.shape[:-1]:
        raise ShapeError(
            "there must be one label for each place of a sequence",
            where="sequence_cross_entropy",
            given=f"outputs {tuple(outputs.shape)}, targets {tuple(targets.shape)}",
            expected="outputs (B, T, K), targets (B, T)",
        )
    counted = targets >= 0
    places = counted.sum(tuple(range(1, targets.ndim)), keepdims=True)
    weights = counted / jnp.maximum(1, places).astype(outputs.dtype)
    return jnp.where(counted, targets, 0), weights


def of_sequences(outputs: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    """Return the mean cross-entropy over the counted places of each example."""
    labels, weights = of_places(targets, outputs)
    return by_example(of_classes(outputs, labels, smoothing=smoothing) * weights)


def _wrong_places(outputs: Array, targets: Array) -> Array:
    plain = stop_gradient(outputs)
    labels, weights = of_places(targets, plain)
    return by_example((jnp.argmax(plain, axis=-1) != labels) * weights)


def _divergence(outputs: Array, targets: Array) -> Array:
    targets = like(outputs, targets)
    own = jax.scipy.special.xlogy(targets, targets).sum(-1)
    return by_example(ops.softmax_cross_entropy(outputs, targets) + own)


def _of_two_classes(
    name: str, per_example: Callable[[Array, Array], Array], threshold: float
) -> Loss:
    """Return a loss for targets 0 and 1; the predicted class is 1 from the threshold on."""
    wrong = _wrong_side(threshold)
    return Loss(name, per_example, wrong, "error rate", "classification", threshold=threshold)


cross_entropy = Loss("cross_entropy", of_classes, _wrong_class, "error rate", "classification")
"""-log softmax(z)[t]: outputs z (batch, classes) before softmax, targets class numbers or
probabilities. Its error signal is y - t."""


def _picked(outputs: Array, targets: Array) -> Array:
    labels = jnp.asarray(targets)
    if labels.shape != outputs.shape[:-1] or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ShapeError(
            "there must be one label for each row of log-probabilities",
            where="nll",
            given=f"outputs {tuple(outputs.shape)}, targets {tuple(labels.shape)} ({labels.dtype})",
            expected="outputs (B, K), integer targets (B,)",
            fix="loss = 'cross_entropy'  # which takes probabilities as targets too",
        )
    known = (labels >= 0) & (labels < outputs.shape[-1])
    at = jnp.where(known, labels, 0)[..., None]
    picked = ops.take_along_axis(outputs, at, axis=-1)[..., 0]
    return ops.where(known, -picked, jnp.nan)


nll = Loss("nll", _picked, _wrong_class, "error rate", "classification")
"""-y[t]: outputs y (batch, classes) are log-probabilities, as of log_softmax, and targets class
numbers. `cross_entropy` takes the values before log_softmax and gives the same loss. As PyTorch's
`nll_loss`."""

sequence_cross_entropy = Loss(
    "sequence_cross_entropy",
    per_example=of_sequences,
    error=_wrong_places,
    error_name="mean error rate of a sequence",
    task="classification",
    skips_negative=True,
)
"""Cross-entropy at every place of a sequence: outputs (B, T, K), targets int (B, T). Places with a
negative target are not counted. The loss of an example is the mean over its counted places, or 0
where no place is counted."""

kl_divergence = Loss("kl_divergence", _divergence, _wrong_class, "error rate", "classification")
"""sum_k t_k log(t_k / y_k) with y = softmax(z): outputs z before softmax, targets probabilities,
(batch, K) each. Its error signal is y - t, as that of cross-entropy. The two losses differ by the
entropy of the targets, so that this one is 0 where y = t."""

binary_cross_entropy = _of_two_classes("binary_cross_entropy", of_sides, threshold=0.0)
"""-t log y - (1 - t) log(1 - y) with y = sigmoid(z): outputs z before the sigmoid."""

binary_squared_error = _of_two_classes(
    "binary_squared_error", squared_error.per_example, threshold=0.5
)
"""sum (y - t)^2 / 2 for outputs y in (0, 1) and targets 0 or 1: the loss of the first networks."""

log_loss = _of_two_classes(
    "log_loss", lambda y, t: by_example(ops.log_loss(y, like(y, t))), threshold=0.5
)
"""-t log y - (1 - t) log(1 - y) for outputs y in (0, 1) of a network that ends in a sigmoid. A
logarithm counts as -100 at least. Where the sigmoid is exactly 0 or 1 it passes no error:
`binary_cross_entropy` takes the values before the sigmoid, and learns there too."""

hinge = _of_two_classes(
    "hinge", lambda z, t: by_example(ops.hinge(z, 2 * like(z, t) - 1)), threshold=0.0
)
"""max(0, 1 - z) where the target is 1, max(0, 1 + z) where it is 0: the loss of a support
vector machine, for targets 0 and 1."""


def _rosenblatt(z: Array, targets: Array) -> Array:
    predicted = (stop_gradient(z) >= 0).astype(z.dtype)
    return by_example((predicted - like(z, targets)) * z)


perceptron = _of_two_classes("perceptron", _rosenblatt, threshold=0.0)
"""(y - t) z with y = 1 where z >= 0, else 0: outputs z before the threshold. Its error signal is
y - t, so that gradient descent on one example is Rosenblatt's rule w += eta (t - y) x."""
