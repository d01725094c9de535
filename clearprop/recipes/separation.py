"""Decide whether a linear boundary separates two classes, with the boundary or with a proof.

Shape letters: N examples, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

MOST_ENTRIES = 2_000_000
"""Larger tables are not examined: that would take longer than the training."""

FEW_ROWS = 8


class Separation(NamedTuple):
    """Whether a linear decision boundary separates two classes.

    Attributes:
        separable: None where the computation came to no result.
        weights: of such a boundary, (F,), if there is one.
        bias: of that boundary.
        conflict: if there is none, a weight for each example, (N,): the weighted mean of one class
            is the same point as the weighted mean of the other.
    """

    separable: bool | None
    weights: NDArray[np.float64] | None = None
    bias: float = 0.0
    conflict: NDArray[np.float64] | None = None


def separate(inputs: NDArray[np.generic], labels: NDArray[np.generic]) -> Separation:
    """Decide whether w x + b >= 0 can hold for label 1 and w x + b < 0 for label 0.

    Either such w and b exist, or there are weights u_i >= 0 that sum to 1 in each class with
    sum u_i x_i over label 1 = sum u_i x_i over label 0. Non-negative least squares finds u. If no u
    solves the equation, the residual is the boundary, which is then checked on every example.

    Args:
        inputs: (N, F).
        labels: 0 or 1, (N,).

    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> separate(x, np.array([0, 0, 0, 1])).separable
    True
    >>> separate(x, np.array([0, 1, 1, 0])).conflict
    array([0.5, 0.5, 0.5, 0.5])

    Source: Farkas' lemma; Lawson and Hanson (1974), *Solving least squares problems*, chapter 23.
    """
    points = _points(inputs)
    if points.size > MOST_ENTRIES:
        return Separation(None)
    center = points.mean(axis=0)
    spread = np.where(points.std(axis=0) > 0, points.std(axis=0), 1.0)
    extended = np.column_stack([(points - center) / spread, np.ones(len(points))])
    signs = np.where(np.asarray(labels) == 1, 1.0, -1.0)
    found = _balanced(signs[:, None] * extended)
    if found is None:
        return Separation(None)
    fractions, residual, distance = found
    weights = residual[:-1] / spread
    bias = float(residual[-1] - weights @ center)
    if ((points @ weights + bias >= 0) == (signs > 0)).all():
        return Separation(True, weights, bias)
    if distance < 1e-7:
        return Separation(False, conflict=fractions * 2)
    return Separation(None)


def _points(inputs: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.asarray(inputs, np.float64).reshape(len(inputs), -1)


def _balanced(
    rows: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float] | None:
    """Return the u >= 0 that bring sum u_i (row_i, 1) nearest to (0, 1); None without a result.

    Beside u, (N,), stand the sum over the rows and its distance from (0, 1).
    """
    columns = np.vstack([rows.T, np.ones(len(rows))])
    wanted = np.zeros(len(columns))
    wanted[-1] = 1.0
    try:
        fractions, distance = optimize.nnls(columns, wanted)
    except RuntimeError:  # too many iterations
        return None
    return fractions, -(wanted - columns @ fractions)[:-1], distance


class Margin(NamedTuple):
    """How far two classes are apart, as in Novikoff's bound.

    Attributes:
        radius: R, the greatest length of an example that is extended by a 1 for the bias.
        gamma: the widest margin: the smallest distance of such an example from the boundary.
    """

    radius: float
    gamma: float

    @property
    def corrections(self) -> int:
        """(R / gamma)^2: the largest number of corrections of Rosenblatt's rule, in any order."""
        return int((self.radius / self.gamma) ** 2 + 1e-6)


def margin(inputs: NDArray[np.generic], labels: NDArray[np.generic]) -> Margin | None:
    """Return radius and margin of two classes, or None where no boundary is found.

    The examples of label 0 change their sign. Of all weighted means of the examples, one is nearest
    to 0: the boundary with the widest margin is perpendicular to it. Every margin gives a bound;
    the widest gives the best one.

    Args:
        inputs: (N, F), as the neuron reads them.
        labels: 0 or 1, (N,).

    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> margin(x, np.array([0, 0, 0, 1])).corrections
    51
    >>> margin(x, np.array([0, 1, 1, 0])) is None
    True

    Source: Novikoff (1962), *On convergence proofs on perceptrons*, for weights that begin at 0.
    """
    points = _points(inputs)
    if points.size > MOST_ENTRIES:
        return None
    extended = np.column_stack([points, np.ones(len(points))])
    radius = float(np.linalg.norm(extended, axis=1).max())
    turned = np.where(np.asarray(labels) == 1, 1.0, -1.0)[:, None] * extended / radius
    found = _balanced(turned)
    if found is None:
        return None
    nearest = turned.T @ found[0]
    length = float(np.linalg.norm(nearest))
    if length < 1e-9:
        return None
    gamma = radius * float((turned @ (nearest / length)).min())
    return Margin(radius, gamma) if gamma > 0 else None


def inequalities(inputs: NDArray[np.generic], labels: NDArray[np.generic]) -> list[str]:
    """Return the inequality that each example requires of the weights, as lines.

    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> for line in inequalities(x, np.array([0, 1, 1, 0])):
    ...     print(line)
    (0, 0) is 0:            b <  0
    (0, 1) is 1:       w2 + b >= 0
    (1, 0) is 1:  w1      + b >= 0
    (1, 1) is 0:  w1 + w2 + b <  0
    """
    lines = []
    for row, label in zip(inputs, labels, strict=True):
        terms = ""
        for index, value in enumerate(row):
            term = "" if value == 0 else f"{'' if value == 1 else f'{value:g} '}w{index + 1}"
            plus = " + " if term and terms.strip() else "   " if index else ""
            terms += plus + (term or " " * len(f"w{index + 1}"))
        plus = " + " if terms.strip() else "   "
        place = ", ".join(f"{value:g}" for value in row)
        lines.append(f"({place}) is {int(label)}:  {terms}{plus}b {'>=' if label else '< '} 0")
    return lines
