"""The film of a parameter: its numbers at every step whose state was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clearprop.errors import ConfigurationError, unknown_name
from clearprop.glass.colors import largest
from clearprop.studio.runs.films.kept import KeptStates
from clearprop.studio.runs.films.tiles import parameter_tiles, sees_pictures, shown_units
from clearprop.studio.runs.place import RunPlace


def weights_frame(
    states: KeptStates,
    place: RunPlace,
    config: Mapping[str, Any],
    name: str,
    step: int,
    last: int | None,
) -> bytes:
    """Return the frame "weights" of a parameter after a step.

    Header: ``run``, ``step``, ``name``, what `TiledArray.frame` adds, and ``film_limit``, the
    largest size of a number at the first or the last step: the scale of the whole film.

    Args:
        states: of the runs.
        place: of the run.
        config: of the run.
        name: path of the parameter.
        step: of a state that was kept.
        last: the step of the trained model; None where there is none.

    Raises:
        ConfigurationError: the run has no such parameter.
        CheckpointError: the state was not kept, or its file is damaged.
    """
    steps = states.steps(place, last)
    arrays = states.parameters(place, step, last)
    if name not in arrays:
        raise unknown_name("parameter", name, arrays)
    ends = [states.parameters(place, end, last).get(name) for end in (steps[0], steps[-1])]
    known = [end for end in ends if end is not None]
    picture = picture_shape(config)
    chosen = None
    if sees_pictures(arrays[name].shape, picture) and name == first_matrix(config):
        chosen = shown_units(known[-1])
    tiled = parameter_tiles(arrays[name], picture if chosen is not None else (), chosen)
    limit = max((largest(end) for end in known), default=0.0)
    fields = {"run": place.name, "step": step, "name": name, "film_limit": limit}
    return tiled.frame("weights", fields)


def picture_shape(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of an example as the model takes it; () where that is not known."""
    shape = (config.get("preprocessor") or {}).get("input_shape")
    return tuple(shape) if isinstance(shape, Sequence) else ()


SEES_INPUTS = ("", "contrastive_divergence", "variational_bayes")
"""The algorithms in which the first matrix of a model is multiplied with an example."""


def first_matrix(config: Mapping[str, Any]) -> str:
    """Return the path of the weights that see the examples; "" where that is not known.

    >>> first_matrix({"model": {"parameters": {"b": [[4], "float32"], "w": [[8, 4], "float32"]}}})
    'w'
    """
    algorithm = config.get("algorithm") or {}
    shapes = parameter_shapes(config) if algorithm.get("name", "") in SEES_INPUTS else {}
    return next((name for name, shape in shapes.items() if len(shape) in (2, 4)), "")


def parameter_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter of a run by its path.

    Raises:
        ConfigurationError: the configuration does not say them in the way of this version.
    """
    known = (config.get("model") or {}).get("parameters") or {}
    try:
        return {str(name): tuple(map(int, entry[0])) for name, entry in known.items()}
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise ConfigurationError("the shapes of the parameters are not known") from error
