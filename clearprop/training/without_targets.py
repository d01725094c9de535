"""How the runs of an algorithm without targets are read: by the names of what they measure."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NoReturn

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.training.algorithm import Array


def without_targets(name: str, error_name: str) -> nn.Loss:
    """Return how the runs of an algorithm without targets are read: by their names alone."""
    refuse = functools.partial(_refuse, where=name)  # unlike a function in here it can be pickled
    return nn.Loss(name, refuse, refuse, error_name, "regression", comparable=False)


def _refuse(outputs: Array, targets: Array, *, where: str) -> NoReturn:
    raise ConfigurationError(
        "outputs are not compared with targets in this kind of learning",
        where=where,
        fix="run.history has what was measured",
    )


def reported_loss(config: Mapping[str, object]) -> nn.Loss | None:
    """Return how a written run is read whose algorithm has no targets; None for another run."""
    noted = config.get("algorithm")
    if not isinstance(noted, Mapping) or config.get("loss") in nn.LOSSES:
        return None
    return without_targets(str(config.get("loss")), str(noted.get("error_name", "objective")))
