"""Losses: the functions that training minimizes, averaged over the examples of a batch.

A `Loss` computes the loss of each example and the error that is reported with it, such as a
misclassification. The three learning curves (objective, training error, development error) are
computed from these two.

Shape letters: B batch, T positions of a sequence, K classes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import elsewhere, ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ConfigurationError, ShapeError, unknown_name
from clearprop.nn.fields import Array


@dataclass(frozen=True)
class Loss:
    """A loss, and the error that is reported with it.

    Attributes:
        name: by which `fit` and the command line find it.
        per_example: (outputs, targets) -> one number an example, shape (batch,).
        error: (outputs, targets) -> one number an example, such as 1 for a wrong class. Their mean
            is the reported error. It is never differentiated.
        error_name: the name of this mean.
        task: "classification" or "regression".
        finish: computes the reported error from the mean of `error`: the square root for the root
            mean square error, else the mean itself.
        threshold: for one output, the smallest value for which the predicted class is 1; None where
            the predicted class is the largest of K outputs, and for regression.
        skips_negative: whether places with a negative label are left out.
        smoothing: the fraction of every target that is spread over all classes; see `smoothed`.
        unknown: whether it is a function that says nothing about its task.
        measured: (outputs, targets) -> the loss of each example in evaluation, where `per_example`
            gives every example the mean of its batch; else None.
        positive_weight: how much the term of a target 1 counts; see `positive_weighted`.
    """

    name: str
    per_example: Callable[[Array, Array], Array]
    error: Callable[[Array, Array], Array]
    error_name: str
    task: str
    finish: Callable[[Array | np.floating], Array | np.floating] = lambda mean: mean
    threshold: float | None = None
    skips_negative: bool = False
    smoothing: float = 0.0
    unknown: bool = False
    measured: Callable[[Array, Array], Array] | None = None
    positive_weight: tuple[float, ...] = ()

    def __call__(self, outputs: Array, targets: Array) -> Array:
        """Return the mean over the batch."""
        return ops.mean(self.per_example(outputs, targets))


def by_example(values: Array) -> Array:
    """Sum over all axes but the batch."""
    axes = tuple(range(1, len(values.shape)))
    return ops.sum(values, axis=axes) if axes else values


def like(outputs: Array, targets: Array) -> Array:
    """Return the targets in the outputs' shape: (batch,) fits (batch, 1)."""
    targets = jnp.asarray(targets)
    if targets.shape == outputs.shape:
        return targets.astype(outputs.dtype)
    if targets.shape[:1] == outputs.shape[:1] and _flattens(targets.shape, outputs.shape):
        return targets.reshape(outputs.shape).astype(outputs.dtype)
    raise ShapeError(
        "the targets and the outputs have different shapes",
        given=f"outputs {tuple(outputs.shape)}, targets {tuple(targets.shape)}",
        fix="make the last layer with as many units as a target has numbers",
    )


def _flattens(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether the axes of one shape are those of the other, some of them as one axis.

    Other reshapes would mix entries, such as those of pictures with the channels first and last.
    """
    if math.prod(one) != math.prod(other):
        return False
    long, short = sorted(([n for n in shape if n > 1] for shape in (one, other)), key=len)[::-1]
    at = 0
    for size in short:
        product = 1
        while product < size and at < len(long):
            product, at = product * long[at], at + 1
        if product != size:
            return False
    return True


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


def _square(outputs: Array, targets: Array) -> Array:
    plain = stop_gradient(outputs)
    return (jnp.square(plain - like(plain, targets))).reshape(plain.shape[0], -1).mean(1)


def _probabilities(labels: Array, classes: int, smoothing: float) -> Array:
    """Return labels or probabilities as smoothed probabilities (..., K)."""
    if jnp.issubdtype(labels.dtype, jnp.floating):
        probabilities = labels
    else:
        known = (labels >= 0) & (labels < classes)
        probabilities = jnp.where(known[..., None], jax.nn.one_hot(labels, classes), jnp.nan)
    return (1 - smoothing) * probabilities + smoothing / classes


def _of_classes(outputs: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    if smoothing:
        targets = _probabilities(jnp.asarray(targets), outputs.shape[-1], smoothing)
    return ops.softmax_cross_entropy(outputs, targets)


def _of_sides(outputs: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
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


def _of_sequences(outputs: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    labels, weights = of_places(targets, outputs)
    return by_example(_of_classes(outputs, labels, smoothing=smoothing) * weights)


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


def _of_numbers(name: str, per_example: Callable[[Array, Array], Array]) -> Loss:
    """Return a loss for regression; the reported error is the root mean square error."""
    error = "root mean square error"
    return Loss(name, per_example, _square, error, "regression", finish=jnp.sqrt)


cross_entropy = Loss("cross_entropy", _of_classes, _wrong_class, "error rate", "classification")
"""-log softmax(z)[t]: outputs z (batch, classes) before softmax, targets class numbers or
probabilities. Its error signal is y - t."""

sequence_cross_entropy = Loss(
    "sequence_cross_entropy",
    per_example=_of_sequences,
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

binary_cross_entropy = _of_two_classes("binary_cross_entropy", _of_sides, threshold=0.0)
"""-t log y - (1 - t) log(1 - y) with y = sigmoid(z): outputs z before the sigmoid."""

squared_error = _of_numbers(
    "squared_error", lambda y, t: by_example(ops.squared_error(y, like(y, t)))
)
"""sum (y - t)^2 / 2, as in the lectures: its error signal is y - t."""

mean_squared_error = _of_numbers(
    "mean_squared_error",
    lambda y, t: by_example(ops.square(y - like(y, t))) / max(1, _width(y)),
)
"""The mean of (y - t)^2 over all entries, as in PyTorch and Keras."""

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

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        cross_entropy,
        sequence_cross_entropy,
        kl_divergence,
        binary_cross_entropy,
        log_loss,
        squared_error,
        mean_squared_error,
        binary_squared_error,
        hinge,
        perceptron,
    )
}

_SMOOTHED: dict[str, Callable[..., Array]] = {
    "cross_entropy": _of_classes,
    "sequence_cross_entropy": _of_sequences,
    "binary_cross_entropy": _of_sides,
}


def smoothed(loss: str | Loss, amount: float) -> Loss:
    """Return a cross-entropy with smoothed targets.

    t' = (1 - amount) t + amount / K for K classes; for binary targets K is 2. The reported
    error still compares with the true labels.

    Args:
        loss: "cross_entropy", "sequence_cross_entropy" or "binary_cross_entropy".
        amount: the fraction of a target that is spread over all classes, from 0 to below 1.

    Raises:
        ConfigurationError: the amount is out of its range, or the loss has no classes.

    >>> z, t = jnp.array([[0.0, 0.0, 2.0]]), jnp.array([2])
    >>> print(f"{cross_entropy(z, t):.2f} {smoothed('cross_entropy', 0.3)(z, t):.2f}")
    0.24 0.64

    Source: Szegedy et al. (2016), *Rethinking the Inception architecture*; as in PyTorch.
    """
    plain = find_loss(loss)
    if plain.name not in _SMOOTHED or plain.positive_weight:
        raise ConfigurationError(
            "the targets of this loss cannot be smoothed",
            where="label_smoothing",
            given=plain.name + (" with pos_weight" if plain.positive_weight else ""),
            expected=f"one of {', '.join(_SMOOTHED)}",
        )
    if not 0 <= amount < 1:
        raise ConfigurationError(
            "label_smoothing is a fraction of the target",
            given=f"label_smoothing={amount}",
            expected="a number from 0 to below 1",
        )
    of_examples = functools.partial(_SMOOTHED[plain.name], smoothing=float(amount))
    return replace(plain, per_example=of_examples, smoothing=float(amount))


def find_loss(loss: str | Loss | Callable[[Array, Array], Array]) -> Loss:
    """Return a loss by its name; a function (outputs, targets) -> values becomes a `Loss`.

    >>> find_loss("cross_entropy").error_name
    'error rate'
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown_name("loss", loss, LOSSES, fix=elsewhere.fix_of(loss, elsewhere.LOSSES))
        return LOSSES[loss]

    def per_example(outputs: Array, targets: Array) -> Array:
        values = loss(outputs, targets)
        # A function that returns the mean of the batch: every example gets the mean.
        return values if values.shape else ops.broadcast_to(values, shape=outputs.shape[:1])

    name = getattr(loss, "__name__", "loss")
    return Loss(
        f"own {name}" if name in LOSSES else name,
        per_example,
        lambda outputs, targets: stop_gradient(per_example(outputs, targets)),
        "loss",
        "regression",
        unknown=True,
    )


def _width(y: Array) -> int:
    return int(y.size // y.shape[0]) if y.shape and y.shape[0] else 1
