"""Whether a plane parts two classes, decided: with the plane, or with the proof that there is none.

Shape letters: N examples, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

MOST_ENTRIES = 2_000_000
"""Of larger tables it is not decided: it would take longer than the training."""

FEW_ROWS = 8


@dataclass(frozen=True, eq=False)
class Separation:
    """What is known of two classes.

    Attributes:
        separable: whether a plane parts them; None where that was not found out.
        weights: of such a plane, (F,), where there is one.
        bias: of that plane.
        conflict: how much each example counts in the contradiction, (N,), where there is none:
            the examples of one class, so weighed, and those of the other meet in one point.
    """

    separable: bool | None
    weights: NDArray[np.float64] | None = None
    bias: float = 0.0
    conflict: NDArray[np.float64] | None = None


def separate(inputs: NDArray[np.generic], labels: NDArray[np.generic]) -> Separation:
    """Decide whether w x + b >= 0 can hold for label 1 and w x + b < 0 for label 0.

    Either such w and b exist, or there are weights u_i >= 0 that sum to 1 in each class with
    sum u_i x_i over label 1 = sum u_i x_i over label 0. Least squares with weights that are not
    negative finds the one or the other: where it cannot reach the second, what is left over is the
    plane. The plane is checked on every example before it is given.

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
    points = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
    if points.size > MOST_ENTRIES:
        return Separation(None)
    center = points.mean(axis=0)
    spread = np.where(points.std(axis=0) > 0, points.std(axis=0), 1.0)
    extended = np.column_stack([(points - center) / spread, np.ones(len(points))])
    signs = np.where(np.asarray(labels) == 1, 1.0, -1.0)
    columns = np.vstack([(signs[:, None] * extended).T, np.ones(len(points))])
    wanted = np.zeros(len(columns))
    wanted[-1] = 1.0
    try:
        shares, distance = optimize.nnls(columns, wanted)
    except RuntimeError:  # it did not come to an end
        return Separation(None)
    plane = -(wanted - columns @ shares)[:-1]
    weights = plane[:-1] / spread
    bias = float(plane[-1] - weights @ center)
    if ((points @ weights + bias >= 0) == (signs > 0)).all():
        return Separation(True, weights, bias)
    if distance < 1e-7:
        return Separation(False, conflict=shares * 2)
    return Separation(None)


@dataclass(frozen=True)
class Margin:
    """How wide apart two classes stand, as Novikoff's bound has it.

    Attributes:
        radius: R, the greatest length of an example with a 1 for the bias beside it.
        gamma: the widest margin of a plane: the least distance of such an example from it.
    """

    radius: float
    gamma: float

    @property
    def corrections(self) -> int:
        """(R / gamma)^2: more corrections Rosenblatt's rule never makes, in whatever order."""
        return int((self.radius / self.gamma) ** 2 + 1e-6)


def margin(inputs: NDArray[np.generic], labels: NDArray[np.generic]) -> Margin | None:
    """Return radius and margin of two classes, or None where no plane parts them, or none is known.

    The widest plane is perpendicular to the point nearest to 0 of all mixtures of the examples,
    those of label 0 turned around. Any plane's margin bounds the corrections; the widest best.

    Args:
        inputs: (N, F), as the neuron gets them.
        labels: 0 or 1, (N,).

    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> margin(x, np.array([0, 0, 0, 1])).corrections
    51
    >>> margin(x, np.array([0, 1, 1, 0])) is None
    True

    Source: Novikoff (1962), *On convergence proofs on perceptrons*, for weights that begin at 0.
    """
    points = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
    if points.size > MOST_ENTRIES:
        return None
    extended = np.column_stack([points, np.ones(len(points))])
    radius = float(np.linalg.norm(extended, axis=1).max())
    turned = np.where(np.asarray(labels) == 1, 1.0, -1.0)[:, None] * extended / radius
    columns = np.vstack([turned.T, np.ones(len(points))])
    wanted = np.zeros(len(columns))
    wanted[-1] = 1.0
    try:
        nearest = turned.T @ optimize.nnls(columns, wanted)[0]
    except RuntimeError:  # it did not come to an end
        return None
    length = float(np.linalg.norm(nearest))
    if length < 1e-9:
        return None
    gamma = radius * float((turned @ (nearest / length)).min())
    return Margin(radius, gamma) if gamma > 0 else None


def inequalities(inputs: NDArray[np.generic], labels: NDArray[np.generic]) -> list[str]:
    """Return what each example asks of the weights, as lines.

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
