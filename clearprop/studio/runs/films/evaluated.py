"""The weights of a kept state as training evaluates them: averages, where the optimizer averages.

No data is needed for that, so a film begins at once, also of a run whose data is not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from clearprop import optim, tree
from clearprop.errors import CheckpointError, ConfigurationError
from clearprop.studio.runs.films.kept import Arrays

PARAMETERS, STATISTICS, OPTIMIZER = "parameters.", "statistics.", "optimizer."
"""The beginnings of the paths of parts of a state."""

PLAYER = "generator."
"""Of two players the averages of this one are evaluated."""


def evaluated_arrays(config: Mapping[str, Any], state: Arrays, algorithm: str) -> dict[str, Any]:
    """Return the arrays of the model after a step, by path within the model.

    Args:
        config: of the run.
        state: everything that was kept of the step, by path.
        algorithm: its name; "" for supervised learning.

    Raises:
        CheckpointError: the state is not one of this run's optimizer.
    """
    arrays = {**_part(state, PARAMETERS), **_part(state, STATISTICS)}
    optimizer = _averaging(config)
    if optimizer is None:
        return arrays
    is_game = algorithm == "adversarial"
    own = {
        path: x
        for path, x in _part(state, PARAMETERS).items()
        if not is_game or path.startswith(PLAYER)
    }
    kept = _part(state, OPTIMIZER + PLAYER if is_game else OPTIMIZER)
    template = jax.eval_shape(optimizer.init, own)
    paths = tree.flatten_with_paths(template)
    missing = [path for path in paths if path not in kept]
    if missing:
        raise CheckpointError("the state of the optimizer is not whole", given=missing[0])
    filled = jax.tree.unflatten(jax.tree.structure(template), [kept[path] for path in paths])
    return {**arrays, **optimizer.averaged(filled, own)}


def _averaging(config: Mapping[str, Any]) -> optim.Optimizer | None:
    """Return the optimizer of a run, if it keeps an average that can be rebuilt here."""
    written = config.get("optimizer")
    if not averages(config) or not isinstance(written, Mapping):
        return None
    try:
        return optim.from_config(written)
    except ConfigurationError:
        return None


def averages(config: Mapping[str, Any]) -> bool:
    """Return whether the optimizer of a run keeps a running average of the weights.

    >>> averages({"optimizer": {"name": "chain", "parts": [{"name": "average_parameters"}]}})
    True
    """
    written = config.get("optimizer")
    parts = written.get("parts") if isinstance(written, Mapping) else None
    every = [written, *(parts if isinstance(parts, list) else [])]
    names = [part.get("name") for part in every if isinstance(part, Mapping)]
    return "average_parameters" in names


def _part(state: Arrays, beginning: str) -> dict[str, Any]:
    return {
        path.removeprefix(beginning): x for path, x in state.items() if path.startswith(beginning)
    }
