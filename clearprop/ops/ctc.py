"""Connectionist temporal classification: the probability of labels without their places.

Shape letters: B batch, T steps, K classes with the blank, L labels.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop.autodiff.elementary import stack, where
from clearprop.autodiff.shapes import Array, shape_of
from clearprop.errors import ShapeError
from clearprop.ops.index import take_along_axis
from clearprop.ops.reduce import logsumexp
from clearprop.ops.scan import scan
from clearprop.ops.shape import concatenate, moveaxis

NEVER = -1e30
"""The logarithm of a probability of 0: finite, so that its differences have derivatives."""


def ctc_loss(
    log_probabilities: Array,
    labels: Any,
    input_lengths: Any = None,
    label_lengths: Any = None,
    blank: int = 0,
) -> Array:
    """CTC loss, per example: ``L = -log sum_paths prod_t p_t(path_t)``.

    The sum goes over all paths of T classes that say the labels: repetitions count once, then
    blanks are left out. With the labels l' between blanks, the forward algorithm sums them up in
    logarithms: ``a_t(s) = log p_t(l'_s) + log(e^a_{t-1}(s) + e^a_{t-1}(s-1) + e^a_{t-1}(s-2))``,
    where the last term counts only if l'_s is a label other than l'_{s-2}. The loss is infinite
    where T is too short for the labels, and then passes no error. A label of K or more gives NaN.

    Args:
        log_probabilities: of the classes at each step, as of `log_softmax`.
        labels: integers; entries below 0 fill up.
        input_lengths: steps of each example, (B,); by default T.
        label_lengths: labels of each example, (B,); by default its entries of 0 or more.
        blank: the class that says nothing.

    Shapes: log-probabilities (B, T, K), labels (B, L), L (B,).

    Raises:
        ShapeError: the shapes do not fit.

    >>> print(f"{ctc_loss(jnp.log(jnp.full((1, 2, 2), 0.5)), jnp.array([[1]]))[0]:.3f}")
    0.288

    Source: Graves, Fernandez, Gomez and Schmidhuber 2006, *Connectionist temporal classification*.
    """
    shape, labels = shape_of(log_probabilities), jnp.asarray(labels)
    if len(shape) != 3 or labels.ndim != 2 or labels.shape[0] != shape[0]:
        raise ShapeError(
            "outputs and labels do not fit together",
            where="ctc_loss",
            given=f"log-probabilities {shape}, labels {labels.shape}",
            expected="log-probabilities (B, T, K), labels (B, L)",
        )
    (B, T, _), dtype = shape, log_probabilities.dtype
    steps = jnp.full(B, T) if input_lengths is None else jnp.asarray(input_lengths)
    count = (labels >= 0).sum(1) if label_lengths is None else jnp.asarray(label_lengths)

    S = 2 * labels.shape[1] + 1
    between = jnp.full((B, S), blank, labels.dtype).at[:, 1::2].set(jnp.maximum(labels, 0))
    earlier = jnp.pad(between, ((0, 0), (2, 0)), constant_values=blank)[:, :S]
    skips = (between != blank) & (between != earlier)
    chosen = jnp.broadcast_to(between[:, None], (B, T, S))
    emitted = moveaxis(take_along_axis(log_probabilities, chosen, axis=-1), 1, 0)
    active = (jnp.arange(T)[:, None] < steps)[..., None].astype(dtype)

    def step(a: Any, x: Any) -> Any:
        log_p, goes_on = x
        one = concatenate([jnp.full((B, 1), NEVER, dtype), a[:, :-1]], axis=1)
        two = concatenate([jnp.full((B, 2), NEVER, dtype), a[:, :-2]], axis=1) if S > 2 else a
        two = where(skips, two, NEVER) if S > 2 else jnp.full((B, S), NEVER, dtype)
        after = log_p + logsumexp(stack([a, one, two], axis=0), axis=0)
        return where(goes_on > 0, after, a), ()

    begin = jnp.full((B, S), NEVER, dtype).at[:, 0].set(0)
    last, _ = scan(step, begin, (emitted, active))
    ends = jnp.stack([2 * count, jnp.maximum(2 * count - 1, 0)], axis=1)
    reached = take_along_axis(last, ends, axis=1)
    loss = -logsumexp(where(jnp.stack([count >= 0, count > 0], axis=1), reached, NEVER), axis=1)
    loss = where(loss < -NEVER / 2, loss, jnp.inf)
    return where((labels < shape[2]).all(1), loss, jnp.nan)
