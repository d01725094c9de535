"""Settings of the playground with everything that they decide: points, network, and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from clearprop import nn
from clearprop.errors import ClearpropError, ConfigurationError, unknown_name
from clearprop.studio.playground import datasets
from clearprop.studio.playground.messages import DataSettings, DenseLayer, Settings
from clearprop.studio.playground.network import OutputLayer, layers_of, model_of, output_of
from clearprop.studio.playground.point_set import Pair, PointSet
from clearprop.studio.playground.tables import of_table
from clearprop.studio.playground.updates import optimizer_of
from clearprop.training import FitConfig

MOST_STEPS = 50_000_000
"""A run keeps the loss of each step, 4 bytes: with more, a page that is left alone overnight would
fill the memory."""


class StoredTable(Protocol):
    """A table that was uploaded."""

    @property
    def path(self) -> Path:
        """Of the file, for `clearprop.data.load`."""


Tables = Mapping[str, StoredTable]
"""The uploaded tables by name."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What some settings come down to; nothing is trained yet.

    Attributes:
        settings: as they are taken: the batch is not larger than the training part.
        points: the examples.
        output: what the loss asks of the output layer.
        layers: hidden layers and the output.
        train: the training part as the model and the loss take it.
        test: the test part; None where nothing is held out.
        config: the arguments of `fit`.
    """

    settings: Settings
    points: PointSet
    output: OutputLayer
    layers: tuple[DenseLayer, ...]
    train: Pair
    test: Pair | None
    config: FitConfig

    @property
    def loss(self) -> nn.Loss:
        """The loss, without penalties."""
        return nn.find_loss(self.settings.loss)

    def example(self, number: int) -> Pair:
        """Return one example of all as the model and the loss take it, with a batch of one."""
        n = len(self.train[1])
        x, y = self.train if number < n or self.test is None else self.test
        row = number if number < n else number - n
        return x[row : row + 1], y[row : row + 1]


def prepared(settings: Settings, tables: Tables) -> Prepared:
    """Return what settings come down to.

    Args:
        settings: of the page.
        tables: those that were uploaded.

    Raises:
        ClearpropError: a setting is unknown, out of its range, or does not fit the others.
    """
    points = points_of(settings.data, tables)
    if len(set(settings.features)) < len(settings.features):
        raise ConfigurationError(
            "a feature stands twice in the list, and the network would get the same number twice",
            where="features",
            given=", ".join(settings.features),
            fix=f"features={list(dict.fromkeys(settings.features))}",
        )
    size = min(settings.batch_size, points.training)
    epochs = min(settings.epochs, MOST_STEPS // -(-points.training // size))
    settings = msgspec.structs.replace(settings, batch_size=size, epochs=epochs)
    output = output_of(settings.loss, points.task, len(points.class_names))
    layers = layers_of(settings.layers, output)
    train, test = points.examples(settings.features, output.coding)
    config = FitConfig(
        model_of(settings, layers),
        train,
        loss=settings.loss,
        optimizer=optimizer_of(settings),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        dev=test,
        progress=False,
    )
    return Prepared(settings, points, output, layers, train, test, config)


def points_of(settings: DataSettings, tables: Tables) -> PointSet:
    """Return the examples of some settings.

    Raises:
        ClearpropError: the table is unknown, or the points cannot be made from it.
    """
    if settings.kind == "drawn":
        points = [(point.x1, point.x2, point.target) for point in settings.points]
        return datasets.drawn(points, test=settings.test, seed=settings.seed)
    if settings.kind == "table":
        if settings.table is None:
            raise ConfigurationError(
                "no table is chosen", where="data.table", fix="upload a file, then choose it"
            )
        if settings.table not in tables:
            raise unknown_name("table", settings.table, list(tables), where="data.table")
        path = tables[settings.table].path
        try:
            return of_table(
                path,
                target=settings.target,
                columns=settings.columns,
                examples=settings.examples,
                test=settings.test,
                seed=settings.seed,
            )
        except ClearpropError as error:
            raise _with_name(error, path) from error
    return datasets.made(
        settings.kind,
        examples=settings.examples,
        noise=settings.noise,
        test=settings.test,
        classes=settings.classes,
        seed=settings.seed,
    )


def _with_name(error: ClearpropError, path: Path) -> ClearpropError:
    """Return an error that names an uploaded file as the user does, without its folder."""
    for part in ("problem", "where", "given", "expected", "fix"):
        text: str | None = getattr(error, part)
        if text is not None:
            setattr(error, part, text.replace(str(path), path.name))
    return error
