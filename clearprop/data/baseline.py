"""Baselines: what a network must beat, from class frequencies, the last value and a linear model.

Shape letters: N examples, D numbers of an example, K classes, T steps of a window, P outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.data.dataset import Dataset, Splits
from clearprop.errors import DataError

Numbers = NDArray[Any]

FOLDS = 3
"""So many parts of the examples are predicted by a linear model of the other parts."""

PENALTY = 1.0
"""The weight of half the squared norm of a linear model's weights, against the summed loss."""

LARGE = 1_000_000
"""Numbers of all examples times classes, above which only one of the parts is predicted."""

STEPS = 30
"""Most steps of L-BFGS. The error of the classes changes little after the first twenty."""

MOST_EXAMPLES = 1000
"""To fit a linear model to a thousand examples takes less than a second."""


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear model of standardized inputs: ridge regression or logistic regression.

    Attributes:
        center, scale: of the inputs, (D,).
        weights: (D, P).
        bias: (P,).
    """

    center: Numbers
    scale: Numbers
    weights: Numbers
    bias: Numbers

    def __call__(self, x: ArrayLike) -> Numbers:
        """Return predicted numbers, or the values before softmax: (N, D) -> (N, P)."""
        scores: Numbers = _standard(x, self.center, self.scale) @ self.weights + self.bias
        return scores


def linear_model(x: ArrayLike, y: ArrayLike, classes: int | None = None) -> LinearModel:
    """Return the linear model with the smallest loss on some examples.

    For numbers it is ridge regression, which has a closed form; for classes it is logistic
    regression by L-BFGS. Both have the penalty |w|^2 / 2 on standardized inputs.

    Args:
        x: (N, D).
        y: numbers (N,) or (N, P), or labels (N,).
        classes: K for labels; None for numbers.

    >>> x = np.arange(20.0)[:, None]
    >>> np.round(linear_model(x, 3 * x[:, 0])(x[:2]), 1).shape
    (2, 1)
    >>> linear_model(x, x[:, 0] > 9, classes=2)(x).argmax(axis=1).tolist()[8:12]
    [0, 0, 1, 1]

    Source: Hoerl and Kennard (1970), *Ridge regression*; Liu and Nocedal (1989), *On the limited
    memory BFGS method*.
    """
    given = np.asarray(x, np.float64)
    center, scale = given.mean(axis=0), given.std(axis=0)
    weights, bias = _fitted(_standard(given, center, scale), np.asarray(y), classes)
    return LinearModel(center, scale, weights, bias)


def held_out_scores(
    x: ArrayLike, y: ArrayLike, classes: int | None = None
) -> tuple[Numbers, Numbers]:
    """Return some rows, and what linear models predict for them without having seen them, (n, P).

    Each third of the examples is predicted by a model of the other two; of large problems only one
    third, which takes a third of the time.

    Args:
        x: (N, D).
        y: numbers or labels.
        classes: K for labels; None for numbers.
    """
    rows, targets = _reduced(np.asarray(x, np.float64)), np.asarray(y)
    folds = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    parts = []
    for k in range(FOLDS if rows.size * (classes or 1) <= LARGE else 1):
        out = folds == k
        # Standardized again, a few columns of many would all count alike: noise as much as signal.
        weights, bias = _fitted(rows[~out], targets[~out], classes)
        parts.append((np.flatnonzero(out), rows[out] @ weights + bias))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def persistence(windows: NDArray[np.floating], horizon: int) -> NDArray[np.floating]:
    """Return the forecast that repeats the last value: (N, T) windows to (N, P).

    >>> persistence(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[3.0, 3.0]]
    """
    return np.repeat(windows[:, -1:], horizon, axis=1)


def baselines(data: Splits | tuple[ArrayLike, ArrayLike], dev: Any = None) -> dict[str, float]:
    """Return the errors of simple predictions on the development part, by name.

    For classes: the error rate of the most frequent class, the mean log loss of the class
    frequencies, and both of logistic regression. For numbers: the root mean square error of the
    mean and of ridge regression; for windows of a series also that of persistence, which repeats
    the last value. A linear model is fitted to at most a thousand training examples.

    Args:
        data: the parts, or training inputs (N, D) and targets.
        dev: development inputs and targets, for data given as arrays.

    Raises:
        DataError: there are no development examples.

    >>> x = np.arange(40.0)[:, None]
    >>> found = baselines((x, x[:, 0] > 19), (x[::2], x[::2, 0] > 19))
    >>> found["error of the most frequent class"], found["error of logistic regression"]
    (0.5, 0.0)
    """
    if isinstance(data, Splits):
        if data.dev is None:
            raise DataError("there are no development examples to measure on", fix="split(dev=0.1)")
        windows = data.train.noun == "window"
        train, held_out = _arrays(data.train), _arrays(data.dev)
        is_class = data.train.task == "classification"
    else:
        if dev is None:
            raise DataError(
                "there are no development examples to measure on",
                fix="baselines(data, dev=(x, y))",
            )
        train, held_out = _pair(*data), _pair(*dev)
        windows, is_class = False, train[1].dtype.kind in "iub"
    rows = np.linspace(0, len(train[1]) - 1, min(len(train[1]), MOST_EXAMPLES)).astype(np.intp)
    if is_class:
        return _of_classes(train, held_out, rows)
    found = {"RMSE of the mean": _rmse(train[1].mean(axis=0) - held_out[1])}
    ridge = linear_model(train[0][rows], train[1][rows])
    found["RMSE of ridge regression"] = _rmse(ridge(held_out[0]) - held_out[1])
    if windows:
        repeated = persistence(held_out[0], held_out[1].shape[1])
        found["RMSE of persistence"] = _rmse(repeated - held_out[1])
    return found


def log_chances(scores: Numbers) -> Numbers:
    """Return log softmax(scores): (N, K) -> (N, K).

    >>> log_chances(np.zeros((1, 4))).round(3).tolist()
    [[-1.386, -1.386, -1.386, -1.386]]
    """
    z = scores - scores.max(axis=1, keepdims=True)
    chances: Numbers = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return chances


def class_frequencies(labels: Numbers, classes: int) -> Numbers:
    """Return the fraction of each class, with one example more of each, so that none is 0.

    >>> class_frequencies(np.array([0, 0, 1]), 3).round(2).tolist()
    [0.5, 0.33, 0.17]
    """
    counts = np.bincount(labels, minlength=classes) + 1
    fractions: Numbers = counts / counts.sum()
    return fractions


def _of_classes(
    train: tuple[Numbers, Numbers], held_out: tuple[Numbers, Numbers], rows: Numbers
) -> dict[str, float]:
    labels, truth = train[1].reshape(-1).astype(int), held_out[1].reshape(-1).astype(int)
    classes = int(max(labels.max(), truth.max())) + 1
    frequencies = class_frequencies(labels, classes)
    scores = linear_model(train[0][rows], labels[rows], classes)(held_out[0])
    return {
        "error of the most frequent class": float((truth != frequencies.argmax()).mean()),
        "log loss of the class frequencies": float(-np.log(frequencies[truth]).mean()),
        "error of logistic regression": float((scores.argmax(axis=1) != truth).mean()),
        "log loss of logistic regression": float(
            -log_chances(scores)[np.arange(len(truth)), truth].mean()
        ),
    }


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[Numbers, Numbers]:
    inputs, targets = np.asarray(x), np.asarray(y)
    if targets.dtype.kind == "f":
        targets = targets.reshape(len(targets), -1)
    return inputs.reshape(len(inputs), -1), targets


def _arrays(part: Dataset) -> tuple[Numbers, Numbers]:
    if isinstance(part.inputs, Mapping):
        raise DataError("a linear model takes one input", given=f"{len(part.inputs)} inputs")
    return _pair(np.asarray(part.inputs), np.asarray(part.targets))


def _rmse(errors: Numbers) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _standard(x: ArrayLike, center: Numbers, scale: Numbers) -> Numbers:
    rows: Numbers = (np.asarray(x, np.float64) - center) / np.where(scale > 0, scale, 1)
    return rows


def _reduced(x: Numbers) -> Numbers:
    """Return the same examples in at most N dimensions, with the same distances: (N, D).

    The columns are standardized first. So a linear model of many columns is as fast as one of N.
    """
    rows = _standard(x, x.mean(axis=0), x.std(axis=0))
    if rows.shape[1] <= len(rows):
        return rows
    sizes, directions = np.linalg.eigh(rows @ rows.T)
    kept = sizes > 1e-9 * sizes[-1]
    reduced: Numbers = directions[:, kept] * np.sqrt(sizes[kept])
    return reduced


def _fitted(rows: Numbers, targets: Numbers, classes: int | None) -> tuple[Numbers, Numbers]:
    """Return weights and bias for rows as they are: ridge regression, or logistic for classes."""
    if classes is None:
        return _ridge(rows, targets.reshape(len(rows), -1).astype(np.float64))
    return _logistic(rows, targets.astype(np.intp).reshape(-1), classes)


def _ridge(rows: Numbers, targets: Numbers) -> tuple[Numbers, Numbers]:
    middle, mean = rows.mean(axis=0), targets.mean(axis=0)
    rows = rows - middle
    square = rows.T @ rows + PENALTY * np.eye(rows.shape[1])
    weights = np.linalg.solve(square, rows.T @ (targets - mean))
    return weights, mean - middle @ weights


def _logistic(rows: Numbers, labels: Numbers, classes: int) -> tuple[Numbers, Numbers]:
    from scipy.optimize import minimize  # scipy's optimizers take a third of a second to import

    truth = np.eye(classes)[labels]
    wide = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)

    def loss(flat: Numbers) -> tuple[float, Numbers]:
        w = flat.reshape(wide.shape[1], classes)
        scores = wide @ w
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        of_data = -np.log(np.maximum(chances[truth > 0], 1e-300)).sum()
        decay = PENALTY * w
        decay[-1] = 0
        gradient = wide.T @ (chances - truth) + decay
        return float(of_data + (decay * w).sum() / 2), gradient.ravel()

    start = np.zeros(wide.shape[1] * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights = found.x.reshape(wide.shape[1], classes)
    return weights[:-1], weights[-1]
