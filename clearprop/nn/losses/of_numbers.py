"""Losses of regression: how far outputs are from numbers.

Shape letters: B batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import stop_gradient
from clearprop.errors import ConfigurationError
from clearprop.nn.fields import Array
from clearprop.nn.losses.loss import Loss, by_example, like, width


def of_squares(outputs: Array, targets: Array) -> Array:
    """Return the mean squared error of each example; it is never differentiated."""
    plain = stop_gradient(outputs)
    return (jnp.square(plain - like(plain, targets))).reshape(plain.shape[0], -1).mean(1)


def of_numbers(name: str, per_example: Callable[[Array, Array], Array]) -> Loss:
    """Return a loss for regression; the reported error is the root mean square error."""
    error = "root mean square error"
    return Loss(name, per_example, of_squares, error, "regression", finish=jnp.sqrt)


squared_error = of_numbers(
    "squared_error", lambda y, t: by_example(ops.squared_error(y, like(y, t)))
)
"""sum (y - t)^2 / 2, as in the lectures: its error signal is y - t."""

mean_squared_error = of_numbers(
    "mean_squared_error",
    lambda y, t: by_example(ops.square(y - like(y, t))) / max(1, width(y)),
)
"""The mean of (y - t)^2 over all entries, as in PyTorch and Keras."""

absolute_error = of_numbers("absolute_error", lambda y, t: by_example(ops.abs(y - like(y, t))))
"""sum |y - t|: its error signal is the sign of y - t, so far targets pull as much as near ones."""

mean_absolute_error = of_numbers(
    "mean_absolute_error", lambda y, t: by_example(ops.abs(y - like(y, t))) / max(1, width(y))
)
"""The mean of |y - t| over all entries, as PyTorch's `l1_loss` and Keras define it."""


def huber(delta: float = 1.0) -> Loss:
    """Return the Huber loss, the mean over all entries of ``e^2 / 2`` near the target.

    With ``e = y - t`` it is ``e^2 / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``:
    outliers pull with the constant error signal delta.

    Args:
        delta: where the square ends. `fit` finds "huber" with 1 by name.

    Raises:
        ConfigurationError: delta is not above 0.

    >>> y, t = jnp.array([[0.5, 3.0]]), jnp.array([[0.0, 0.0]])
    >>> print(huber().per_example(y, t))
    [1.3125]

    Source: Huber 1964, *Robust estimation of a location parameter*; as PyTorch's `huber_loss`.
    """
    _check_positive("delta", delta)

    def per_example(y: Array, t: Array) -> Array:
        far = ops.abs(y - like(y, t))
        near = ops.minimum(far, delta)
        return by_example(near * (far - near / 2)) / max(1, width(y))

    return of_numbers("huber" if delta == 1 else f"huber(delta={delta:g})", per_example)


def smooth_l1(beta: float = 1.0) -> Loss:
    """Return the smooth L1 loss, the mean over all entries of ``e^2 / (2 beta)`` near the target.

    With ``e = y - t`` it is ``e^2 / (2 beta)`` where ``|e| < beta``, else ``|e| - beta / 2``. It is
    the Huber loss divided by beta.

    Args:
        beta: where the square ends. `fit` finds "smooth_l1" with 1 by name.

    Raises:
        ConfigurationError: beta is not above 0.

    >>> y, t = jnp.array([[0.5, 3.0]]), jnp.array([[0.0, 0.0]])
    >>> print(smooth_l1(0.5).per_example(y, t))
    [1.5]

    Source: Girshick 2015, *Fast R-CNN*; as PyTorch's `smooth_l1_loss`.
    """
    _check_positive("beta", beta)
    plain = huber(beta).per_example
    name = "smooth_l1" if beta == 1 else f"smooth_l1(beta={beta:g})"
    return of_numbers(name, lambda y, t: plain(y, t) / beta)


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ConfigurationError(
            f"{name} is a number above 0", given=f"{name}={value}", fix=f"{name}=1.0"
        )
