"""A set of points in the square of the playground, and what a network gets of them.

Shape letters: N examples, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import DataError, unknown_name

SQUARE = 6.0
"""The square reaches from -6 to 6 on both axes."""

Floats: TypeAlias = NDArray[np.float32]
Pair: TypeAlias = tuple[Floats, NDArray[np.generic]]
Coding = Literal["signs", "bits", "labels", "numbers"]

FEATURES: dict[str, tuple[str, Callable[[Floats, Floats], Floats]]] = {
    "x1": ("The place from left to right.", lambda x1, x2: x1),
    "x2": ("The place from bottom to top.", lambda x1, x2: x2),
    "x1^2": ("The square of x1: a unit can then see the distance from the middle.",
             lambda x1, x2: x1 * x1),
    "x2^2": ("The square of x2: a unit can then see the distance from the middle.",
             lambda x1, x2: x2 * x2),
    "x1*x2": ("The product: its sign says whether x1 and x2 have the same sign.",
              lambda x1, x2: x1 * x2),
    "sin(x1)": ("A wave along x1 with the length 2 pi.", lambda x1, x2: np.sin(x1)),
    "sin(x2)": ("A wave along x2 with the length 2 pi.", lambda x1, x2: np.sin(x2)),
}  # fmt: skip
"""What a network can get of a point, by name: what it is, and how it is computed."""


def features(places: NDArray[np.floating], names: Sequence[str]) -> Floats:
    """Return features of points.

    Args:
        places: x1 and x2, (N, 2).
        names: of `FEATURES`.

    Returns:
        (N, F), float32; they are not scaled.

    Raises:
        ConfigurationError: an unknown name.

    >>> features(np.array([[2.0, -3.0]]), ["x2", "x1*x2", "x1^2"]).tolist()
    [[-3.0, -6.0, 4.0]]
    """
    x1, x2 = np.asarray(places, np.float32).T
    for name in names:
        if name not in FEATURES:
            raise unknown_name("feature", name, FEATURES)
    columns = [FEATURES[name][1](x1, x2) for name in names]
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class PointSet:
    """Points with their targets; the training part stands before the test part.

    Attributes:
        places: x1 and x2, float32 (N, 2).
        targets: class numbers, int32 (N,), or numbers, float32 (N,).
        training: how many points are trained with; the others are the test part.
        class_names: of the class numbers; empty for a regression.
        axes: what x1 and x2 are.
        low: what x1 and x2 are at the lower left corner of the square, in their own units.
        high: what they are at the upper right corner.
        about: one sentence.
    """

    places: Floats
    targets: NDArray[np.generic]
    training: int
    class_names: tuple[str, ...]
    axes: tuple[str, str] = ("x1", "x2")
    low: tuple[float, float] = (-SQUARE, -SQUARE)
    high: tuple[float, float] = (SQUARE, SQUARE)
    about: str = ""

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def task(self) -> Literal["two classes", "several classes", "regression"]:
        """What is to be learned."""
        if not self.class_names:
            return "regression"
        return "two classes" if len(self.class_names) == 2 else "several classes"

    def coded(self, coding: Coding) -> NDArray[np.generic]:
        """Return the targets as a loss takes them.

        Args:
            coding: "signs" are -1 and 1 for two classes, (N, 1); "bits" are 0 and 1, (N, 1);
                "labels" are the numbers of the classes, int32 (N,); "numbers" are the targets of a
                regression, (N, 1).

        >>> gate = PointSet(np.eye(2, dtype=np.float32), np.array([0, 1]), 2, ("no", "yes"))
        >>> gate.coded("signs").tolist(), gate.coded("labels").tolist()
        ([[-1.0], [1.0]], [0, 1])
        """
        if coding == "labels":
            return self.targets.astype(np.int32)
        column = self.targets.astype(np.float32)[:, None]
        return 2 * column - 1 if coding == "signs" else column

    def examples(self, names: Sequence[str], coding: Coding) -> tuple[Pair, Pair | None]:
        """Return the training part and the test part, each as (inputs, targets).

        Args:
            names: of the features that are the inputs, see `FEATURES`.
            coding: of the targets, see `coded`.

        Returns:
            The parts; None in place of a test part without points.
        """
        x, y, n = features(self.places, names), self.coded(coding), self.training
        return (x[:n], y[:n]), (x[n:], y[n:]) if n < len(self) else None


def shuffled_parts(count: int, test: float, seed: int) -> tuple[NDArray[np.intp], int]:
    """Return an order of points, and how many of them are trained with.

    Args:
        count: of all points.
        test: the fraction that is held out.
        seed: decides which.

    Raises:
        DataError: no point is left to train with.

    >>> shuffled_parts(4, 0.25, 0)[1]
    3
    """
    held = round(test * count)
    if count - held < 1:
        raise DataError(
            "no point is left to train with",
            where="data",
            given=f"{count} points, of which {held} are held out for the test",
            fix="draw more points" if count < 2 else "test=0.0",
        )
    return np.random.default_rng((seed, 1)).permutation(count), count - held
