"""Rosenblatt's perceptron: one neuron with a threshold, and its learning rule.

Shape letters: N examples, m inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import DataError
from clearprop.nn.fields import Array
from clearprop.nn.initializers import zeros


class Perceptron(nn.Module):
    """One neuron: z = w1 x1 + ... + wm xm + b, and the predicted class is 1 where z >= 0, else 0.

    The output is z. The loss ``perceptron`` applies the threshold; with its error signal y - t
    gradient descent on one example at a time is Rosenblatt's rule w += eta (t - y) x. Weights and
    bias begin at 0, so that the learning rate scales them and changes no prediction.

    Shapes: x (batch, ...) with ``inputs`` numbers an example, z (batch, 1).

    Args:
        inputs: m.

    >>> import jax.numpy as jnp
    >>> from clearprop import tree
    >>> both = tree.replace(Perceptron(2).init(0), {
    ...     "neuron.weight": jnp.array([[1.0], [1.0]]), "neuron.bias": jnp.array([-1.5])})
    >>> z = both(jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    >>> (z[:, 0] >= 0).astype(int).tolist()
    [0, 0, 0, 1]

    Source: Rosenblatt (1958), *The perceptron: a probabilistic model for information storage and
    organization in the brain*, its trained layer, with classes 0 and 1 instead of -1 and 1.
    """

    flatten: nn.Flatten
    neuron: nn.Linear

    def __init__(self, inputs: int) -> None:
        self.flatten = nn.Flatten()
        self.neuron = nn.Linear(inputs, 1, weight_init=zeros)

    def __call__(self, x: Array) -> Array:
        return self.neuron(self.flatten(x))


class Corrections(NamedTuple):
    """The result of `rosenblatt`.

    Attributes:
        weights: w at the end, float32 (m,).
        bias: b at the end.
        counts: number of corrections in each epoch; learning ends after the first epoch with 0.
    """

    weights: NDArray[np.float32]
    bias: float
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Number of all corrections."""
        return sum(self.counts)

    @property
    def ended(self) -> bool:
        """Whether the last epoch had no error: a decision boundary was found."""
        return bool(self.counts) and self.counts[-1] == 0


def rosenblatt(
    inputs: NDArray[np.generic],
    labels: NDArray[np.generic],
    orders: Iterable[NDArray[np.integer]],
    *,
    rate: float = 1.0,
    start: tuple[NDArray[np.floating], float] | None = None,
) -> Corrections:
    """Learn by Rosenblatt's rule: where y is not t, w += eta (t - y) x and b += eta (t - y).

    Training a `Perceptron` with the loss ``perceptron``, plain gradient descent and batches of one
    does the same. If a linear decision boundary separates the classes, the rule stops after at most
    (R / gamma)^2 corrections: R is the length of the longest example, extended by a 1 for the bias,
    and gamma is the largest margin of a boundary.

    Args:
        inputs: (N, m).
        labels: 0 or 1, (N,).
        orders: for each epoch, the order of the rows.
        rate: eta.
        start: w (m,) and b before the first example; None begins with zeros.

    Raises:
        DataError: there are no examples, or a label is neither 0 nor 1.

    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> rosenblatt(x, np.array([0, 0, 0, 1]), [np.arange(4)] * 20).counts
    (2, 3, 3, 2, 1, 0)

    Source: Rosenblatt (1958); the bound is Novikoff's (1962), *On convergence proofs on
    perceptrons*.
    """
    truth = np.asarray(labels).reshape(-1)
    if not len(inputs) or not np.isin(truth, (0, 1)).all() or len(truth) != len(inputs):
        raise DataError(
            "Rosenblatt's rule needs examples with labels of 0 or 1",
            given=f"{len(inputs)} examples, {len(truth)} labels",
        )
    points = np.asarray(inputs, np.float32).reshape(len(inputs), -1)
    eta = np.float32(rate)
    weights, bias = np.zeros(points.shape[1], np.float32), np.float32(0)
    if start is not None:
        weights, bias = np.array(start[0], np.float32), np.float32(start[1])
    counts: list[int] = []
    for order in orders:
        wrong = 0
        for row in order:
            predicted = points[row] @ weights + bias >= 0
            if predicted != truth[row]:
                change = eta * np.float32(truth[row] - predicted)
                weights += change * points[row]
                bias += change
                wrong += 1
        counts.append(wrong)
        if not wrong:
            break
    return Corrections(weights, float(bias), tuple(counts))


class LinearMachine(NamedTuple):
    """The result of `kesler`.

    Attributes:
        weights: w of each class, float32 (K, m).
        biases: b of each class, float32 (K,).
        counts: number of corrections in each epoch; learning ends after the first epoch with 0.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    counts: tuple[int, ...]


def kesler(
    inputs: NDArray[np.generic],
    labels: NDArray[np.integer],
    classes: int,
    orders: Iterable[NDArray[np.integer]],
    *,
    rate: float = 1.0,
    start: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None,
) -> LinearMachine:
    """Learn several classes by Rosenblatt's rule: the largest z_k = w_k x + b_k is the class.

    Where k is predicted and t is true, w_t += eta x and b_t += eta, and w_k -= eta x and b_k -=
    eta. Kesler's construction makes this Rosenblatt's rule for the difference of both, so it stops
    if there are any weights that tell all classes.

    Args:
        inputs: (N, m).
        labels: from 0 to K - 1, (N,).
        classes: K.
        orders: for each epoch, the order of the rows.
        rate: eta.
        start: w (K, m) and b (K,) before the first example; None begins with zeros.

    Raises:
        DataError: there are no examples, or a label is none of the numbers of the classes.

    >>> x = np.array([[0.0, 0], [0, 1], [1, 0]])
    >>> kesler(x, np.array([0, 1, 2]), 3, [np.arange(3)] * 20).counts
    (2, 1, 0)

    Source: Nilsson (1965), *Learning machines*; Duda and Hart (1973), *Pattern classification and
    scene analysis*, section 5.12.
    """
    if not len(inputs) or not np.isin(labels, np.arange(classes)).all():
        raise DataError(
            "the rule needs examples with the numbers of their classes",
            given=f"{len(inputs)} examples, labels {np.unique(labels)[:10].tolist()}",
            expected=f"labels from 0 to {classes - 1}",
        )
    points = np.asarray(inputs, np.float32).reshape(len(inputs), -1)
    eta = np.float32(rate)
    weights, biases = np.zeros((classes, points.shape[1]), np.float32), np.zeros(classes, "f4")
    if start is not None:
        weights, biases = np.array(start[0], np.float32), np.array(start[1], np.float32)
    counts: list[int] = []
    for order in orders:
        wrong = 0
        for row in order:
            x, truth = points[row], labels[row]
            predicted = (weights @ x + biases).argmax()
            if predicted != truth:
                weights[truth] += eta * x
                weights[predicted] -= eta * x
                biases[truth] += eta
                biases[predicted] -= eta
                wrong += 1
        counts.append(wrong)
        if not wrong:
            break
    return LinearMachine(weights, biases, tuple(counts))
