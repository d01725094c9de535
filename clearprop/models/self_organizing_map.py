"""The self-organizing map: units on a plane, each with a point of the data space.

Shape letters: B examples, M units, D numbers of an example.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from clearprop import nn, ops
from clearprop.errors import ConfigurationError, kind_of
from clearprop.nn.checks import last_axis, one_of, positive_sizes
from clearprop.nn.fields import Array, parameter, static
from clearprop.nn.initializers import normal

Floats = NDArray[np.float64]
GRIDS = ("rectangular", "hexagonal")

ROW = math.sqrt(3) / 2
"""The distance of the rows of a hexagonal grid, whose neighbors have the distance 1."""


class SelfOrganizingMap(nn.Module):
    """A map of units in rows and columns: d_j = |x - w_j|^2, and the best unit has the least d.

    The points w_j are the rows of ``codebook``. Training moves the units so that neighbors on the
    map have near points: the map is a bent sheet through the data.

    Shapes: x (B, ...) with D numbers an example, d (B, M) with M = rows times columns. The unit of
    row r and column c has the number ``r * columns + c``.

    Args:
        rows: of units.
        columns: of units.
        features: D.
        grid: "rectangular" with up to 8 neighbors, or "hexagonal" with up to 6.
        toroidal: whether the map has no border: its left and right edges meet, and the upper and
            lower.

    Raises:
        ConfigurationError: a size is not positive, the grid is unknown, or a hexagonal map without
            border has an odd number of rows.

    >>> import jax.numpy as jnp
    >>> som = SelfOrganizingMap(4, 5, 3).init(0)
    >>> som(jnp.zeros((7, 3))).shape, som.best_units(jnp.zeros((7, 3))).shape
    ((7, 20), (7,))

    Source: Kohonen (1982), *Self-organized formation of topologically correct feature maps*.
    """

    flatten: nn.Flatten
    codebook: Array
    rows: int = static()
    columns: int = static()
    grid: str = static()
    toroidal: bool = static()

    def __init__(
        self,
        rows: int,
        columns: int,
        features: int,
        *,
        grid: str = "hexagonal",
        toroidal: bool = False,
    ) -> None:
        positive_sizes("SelfOrganizingMap", rows=rows, columns=columns, features=features)
        one_of("SelfOrganizingMap", GRIDS, grid=grid)
        if grid == "hexagonal" and toroidal and rows % 2:
            raise ConfigurationError(
                "the upper and lower edge of a hexagonal map meet only after an even number of "
                "rows",
                where="SelfOrganizingMap",
                given=f"{rows} rows",
                fix=f"{rows + 1} rows",
            )
        self.flatten = nn.Flatten()
        self.codebook = parameter((rows * columns, features), normal(1.0))
        self.rows = rows
        self.columns = columns
        self.grid = grid
        self.toroidal = toroidal

    def __call__(self, x: Array) -> Array:
        x = self.flatten(x)
        last_axis(x, self.features, None)
        of_units = ops.sum(ops.square(self.codebook), axis=1)
        products = ops.matmul(x, ops.transpose(self.codebook))
        of_examples = ops.sum(ops.square(x), axis=1, keepdims=True)
        # Rounding could make the distance to a point itself slightly negative.
        return ops.maximum(of_examples - 2 * products + of_units, 0.0)

    @property
    def units(self) -> int:
        """M, the number of units."""
        return self.rows * self.columns

    @property
    def features(self) -> int:
        """D, the numbers of an example."""
        return int(self.codebook.shape[1])

    def best_units(self, x: Array) -> Array:
        """Return the number of the best unit of each example, (B,)."""
        return ops.argmin(self(x), axis=1)

    def places(self) -> Floats:
        """Return where the units stand on the map, (M, 2): down and to the right."""
        down, right = np.divmod(np.arange(self.units), self.columns)
        if self.grid == "rectangular":
            return np.stack([down, right], axis=1).astype(np.float64)
        return np.stack([down * ROW, right + 0.5 * (down % 2)], axis=1)

    def distances(self) -> Floats:
        """Return the distances of all units on the map, (M, M); over the edges where they meet."""
        places = self.places()
        apart = places[:, None] - places[None]
        if not self.toroidal:
            return np.asarray(np.sqrt((apart**2).sum(axis=-1)))
        height = self.rows * (ROW if self.grid == "hexagonal" else 1.0)
        ways = [
            ((apart + np.array([down * height, right * self.columns])) ** 2).sum(axis=-1)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
        ]
        return np.asarray(np.sqrt(np.min(ways, axis=0)))

    def neighbors(self) -> NDArray[np.bool_]:
        """Return which units are neighbors, (M, M): 8 on a rectangular grid, 6 on a hexagonal."""
        reach = math.sqrt(2) if self.grid == "rectangular" else 1.0
        distances = self.distances()
        return np.asarray((distances > 0) & (distances < reach + 1e-6))


def as_map(model: nn.Module, where: str) -> SelfOrganizingMap:
    """Return a model that is a self-organizing map.

    Args:
        model: of any kind.
        where: what needs it, for the message.

    Raises:
        ConfigurationError: it is another model.
    """
    if isinstance(model, SelfOrganizingMap):
        return model
    raise ConfigurationError(
        "this needs a self-organizing map",
        where=where,
        given=kind_of(model),
        fix="model = clearprop.models.SelfOrganizingMap(rows, columns, features)",
    )
