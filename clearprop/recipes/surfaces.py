"""Surfaces for gradient descent: functions of one or two weights.

Shape letters: D weights (1 or 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from clearprop import data, ops
from clearprop.errors import unknown_name

Height = Callable[[Any], Any]
"""w (D,) -> a scalar, built from clearprop operations and Python's operators."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A function of one or two weights, with a start and the region to draw.

    Attributes:
        name: of the surface.
        equation: as text.
        height: the function.
        start: the first weights, D numbers.
        low: lower corner of the drawn region, D numbers.
        high: upper corner, D numbers.
        lowest: the height of the lowest point.
        axes: names of the weights.
    """

    name: str
    equation: str
    height: Height
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    lowest: float
    axes: tuple[str, ...] = ("x", "y")


def find_surface(name: str) -> Surface:
    """Return a surface by name.

    Raises:
        ConfigurationError: there is no surface of that name; the nearest is suggested.

    >>> find_surface("parabola").equation
    'x^2 + 3'
    """
    if name not in SURFACES:
        raise unknown_name("surface", name, SURFACES)
    return SURFACES[name]()


def parabola() -> Surface:
    """The lecture's x^2 + 3, with the derivative 2 x: 10 at 5."""
    return Surface("parabola", "x^2 + 3", lambda w: w[0] ** 2 + 3, (5.0,), (-6.0,), (6.0,), 3.0)


def ravine() -> Surface:
    """A long valley: steep across, nearly level along."""
    return Surface(
        "ravine",
        "(x^2 + 25 y^2) / 2",
        lambda w: (w[0] ** 2 + 25 * w[1] ** 2) / 2,
        (-8.0, 1.5),
        (-9.0, -3.0),
        (3.0, 3.0),
        0.0,
    )


def rosenbrock() -> Surface:
    """A valley that bends like a banana (Rosenbrock 1960); its lowest point is (1, 1)."""
    return Surface(
        "rosenbrock",
        "(1 - x)^2 + 100 (y - x^2)^2",
        lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2,
        (-1.2, 1.0),
        (-2.0, -1.0),
        (2.0, 3.0),
        0.0,
    )


def beale() -> Surface:
    """Plateaus with steep walls (Beale 1958); its lowest point is (3, 0.5)."""

    def height(w: Any) -> Any:
        x, y = w[0], w[1]
        return (
            (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y * y * y) ** 2
        )

    equation = "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2"
    return Surface("beale", equation, height, (1.0, 1.5), (-1.0, -2.0), (4.5, 2.0), 0.0)


def saddle() -> Surface:
    """A saddle with a valley on each side; the start is almost on the ridge."""
    return Surface(
        "saddle",
        "x^2 / 2 - y^2 / 2 + y^4 / 4",
        lambda w: w[0] ** 2 / 2 - w[1] ** 2 / 2 + w[1] ** 4 / 4,
        (-1.8, 0.01),
        (-2.2, -1.6),
        (1.2, 1.6),
        -0.25,
    )


def diabetes() -> Surface:
    """The loss of a network of two weights, y = w2 tanh(w1 x), on 442 real patients.

    x is the body mass index and t the progress of the disease, both with mean 0 and variance 1; the
    height is the mean of (y - t)^2 / 2. The weights (w1, w2) and (-w1, -w2) give the same network,
    so there are two equally low valleys, with a saddle at (0, 0) between them.
    """
    table = data.load("diabetes")
    names = table.feature_names or ()
    x, t = (_standard(column) for column in (
        np.asarray(table.inputs)[:, names.index("bmi")], np.asarray(table.targets)))  # fmt: skip

    def height(w: Any) -> Any:
        # The checks of the gradient use double precision.
        error = w[1] * ops.tanh(w[0] * jnp.asarray(x, w.dtype)) - jnp.asarray(t, w.dtype)
        return ops.mean(error * error) / 2

    def plain(w: Any) -> float:
        return float(np.mean((w[1] * np.tanh(w[0] * x) - t) ** 2) / 2)

    lowest = optimize.minimize(plain, np.array([0.5, 1.0]), tol=1e-10).fun
    return Surface(
        "diabetes",
        "mean of (w2 tanh(w1 x) - t)^2 / 2 over 442 patients",
        height,
        (-1.6, 0.6),
        (-2.0, -2.0),
        (2.0, 2.0),
        float(lowest),
        ("w1", "w2"),
    )


SURFACES: Mapping[str, Callable[[], Surface]] = MappingProxyType(
    {make.__name__: make for make in (parabola, ravine, rosenbrock, beale, saddle, diabetes)}
)
"""The function that makes each surface, by its name."""


def _standard(column: Any) -> NDArray[np.float64]:
    values = np.asarray(column, np.float64).reshape(-1)
    return np.asarray((values - values.mean()) / values.std())
