"""The recipe ``som``: a self-organizing map of tables or pictures."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, Self

import jax.numpy as jnp
import numpy as np

from clearprop import models, nn
from clearprop.algorithms import SelfOrganizing
from clearprop.algorithms.self_organizing import topographic_error
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.glass.drawings.organized_map import (
    class_counts,
    class_map,
    codebook_pictures,
    component_planes,
    hit_map,
    u_matrix,
)
from clearprop.glass.style import Drawing
from clearprop.models.self_organizing_map import as_map
from clearprop.recipes.configuration import OptionalCount, OrNone, Rate
from clearprop.recipes.numbers import as_rows, check_numbers
from clearprop.recipes.recipe import Recipe
from clearprop.training import History


class SOMRecipe(Recipe):
    """A self-organizing map, on digits by default.

    The map learns without classes. Where the data has some, they are drawn on the finished map, and
    each test example is given the most frequent class of its unit.

    Attributes:
        learning_rate: of an online or mini-batch map at the beginning; a batch map has none.
        last_rate: at the end.
        rows: of units; none chooses about 5 sqrt(N) units for N examples.
        columns: of units.
        grid: "hexagonal" or "rectangular".
        toroidal: whether the map has no border.
        mode: "batch", "mini-batch" or "online".
        radius: of the neighborhood at the beginning; none takes half of the longer side.
        last_radius: at the end.
        neighborhood: "gaussian" or "bubble".
        decay: of radius and rate, "exponential" or "linear".
        start: "pca" or "random".

    >>> SOMRecipe(rows=8, columns=12).settled(500).batch_size
    500
    """

    preferred: ClassVar[tuple[str, ...]] = ("digits", "iris")

    learning_rate: Rate = 0.5
    last_rate: Rate = 0.01
    rows: OptionalCount = None
    columns: OptionalCount = None
    grid: Literal["hexagonal", "rectangular"] = "hexagonal"
    toroidal: bool = False
    mode: Literal["batch", "mini-batch", "online"] = "batch"
    radius: Annotated[Rate | None, OrNone] = None
    last_radius: Rate = 0.7
    neighborhood: Literal["gaussian", "bubble"] = "gaussian"
    decay: Literal["exponential", "linear"] = "exponential"
    start: Literal["pca", "random"] = "pca"

    def settled(self, examples: int) -> Self:
        """Return the recipe with batch and epochs; a batch map takes all examples at once."""
        size = self.batch_size or (min(64, examples) if self.mode == "mini-batch" else examples)
        epochs = self.epochs or (30 if self.mode == "batch" else 10)
        return self.model_copy(update={"epochs": epochs, "batch_size": size})

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, whose examples must be arrays of numbers."""
        check_numbers(dataset, "som")
        return dataset

    def suited(self, dataset: Dataset) -> Self:
        """Return the recipe with the size of its map."""
        side = max(2, round(math.sqrt(5 * math.sqrt(len(dataset)))))
        side += side % 2  # a hexagonal map without border needs an even number of rows
        rows, columns = self.rows or self.columns or side, self.columns or self.rows or side
        return self.model_copy(update={"rows": rows, "columns": columns})

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the map, with a number of each unit's point for each number of an example."""
        return models.SelfOrganizingMap(
            self.rows or 1,
            self.columns or 1,
            math.prod(preprocessor.encoded_shape),
            grid=self.grid,
            toroidal=self.toroidal,
        )

    def loss(self, dataset: Dataset) -> str:
        """Return the loss that the distance to the best unit is nearest to."""
        return "squared_error"

    def algorithm(self, dataset: Dataset | None) -> SelfOrganizing:
        """Return Kohonen's rule with the options of the recipe."""
        return SelfOrganizing(
            mode=self.mode,
            radius=self.radius,
            last_radius=self.last_radius,
            neighborhood=self.neighborhood,
            decay=self.decay,
            rate=self.learning_rate,
            last_rate=self.last_rate,
            start=self.start,
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the errors on the test part, and the accuracy of the classes of the units."""
        if splits.test is None:
            return {}
        som, test = as_map(model, "som"), as_rows(splits.test, splits.preprocessor)
        x = jnp.asarray(test)
        found = {"test quantization error": float(jnp.sqrt(som(x).min(axis=1)).mean())}
        if som.units > 1:
            found["test topographic error"] = float(topographic_error(som, x))
        if splits.train.task == "classification":
            train = as_rows(splits.train, splits.preprocessor)
            of_units = class_counts(som, train, splits.train.targets).argmax(axis=1)
            right = of_units[np.asarray(som.best_units(x))] == splits.test.targets
            found["classes of the units, accuracy"] = float(right.mean())
        return found

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return the maps of distances, hits and classes, and the points or their components."""
        som, shape = as_map(model, "som"), splits.preprocessor.encoded_shape
        x = as_rows(splits.train, splits.preprocessor)
        made = [u_matrix(som), hit_map(som, x)]
        if splits.train.task == "classification":
            made.insert(1, class_map(som, x, splits.train.targets, splits.train.class_names))
        if len(shape) == 3 and shape[2] in (1, 3):
            return [*made, codebook_pictures(som, shape)]
        return [*made, component_planes(som, _names(splits))]


def _names(splits: Splits) -> tuple[str, ...] | None:
    names = splits.train.feature_names
    return names if names is None or len(names) == splits.preprocessor.encoded_shape[-1] else None
