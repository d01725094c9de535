"""The model of a run at the steps that were kept, and the data on which it was trained."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop import (
    models,  # noqa: F401 - a configuration names its model by class: these are known then
    nn,
    tree,
)
from clearprop.data.download import without_downloads
from clearprop.errors import CheckpointError, ClearpropError
from clearprop.files import content_errors
from clearprop.recipes.experiment import Experiment, is_of_recipe, of_run
from clearprop.studio.runs.films.evaluated import averages, evaluated_arrays
from clearprop.studio.runs.films.kept import KeptStates
from clearprop.studio.runs.place import RunPlace
from clearprop.training import load_model
from clearprop.training.run_config import CONFIG
from clearprop.training.run_folder import FROZEN, MODEL
from clearprop.training.storage.checkpoint import load_arrays


@dataclass(frozen=True)
class RunFacts:
    """What films need to know of a run, taken at one moment.

    Attributes:
        place: its folder.
        config: what it was asked to do.
        last: the step of its trained model; None where there is none.
    """

    place: RunPlace
    config: Mapping[str, Any]
    last: int | None

    @property
    def last_trained(self) -> int | None:
        """The step whose weights its model has; None where they are averages over steps."""
        return None if averages(self.config) else self.last


class RunModels:
    """The models of one run by step, and its data, which is loaded when it is first needed.

    Args:
        facts: of the run.
        states: of all runs.
    """

    def __init__(self, facts: RunFacts, states: KeptStates) -> None:
        self.facts = facts
        self._states = states
        self._loading = threading.Lock()
        self._loaded: tuple[Experiment | None, str] | None = None

    @property
    def experiment(self) -> Experiment | None:
        """Recipe and data; None where no recipe made the run, or its data is not at hand."""
        return self._load()[0]

    @property
    def remark(self) -> str:
        """Why there is no data; "" where there is."""
        return self._load()[1]

    def _load(self) -> tuple[Experiment | None, str]:
        with self._loading:
            if self._loaded is None:
                self._loaded = _experiment_of(self.facts)
            return self._loaded

    @property
    def seed(self) -> int:
        """Of the run."""
        return int((self.facts.config.get("settings") or {}).get("seed") or 0)

    def at(self, step: int) -> nn.Module:
        """Return the model after a step, as training evaluates it.

        Raises:
            CheckpointError: the state was not kept, or its file is damaged.
        """
        place, config = self.facts.place, self.facts.config
        if step not in self._states.snapshots(place):
            if step != self.facts.last:
                raise CheckpointError("the state at this step was not kept", given=f"step {step}")
            return load_model(place.inside(MODEL))
        structure = (config.get("model") or {}).get("structure")
        if not isinstance(structure, Mapping):
            raise CheckpointError(
                "the run does not describe the architecture of its model", where=place.name
            )
        problem = "the architecture in the configuration is damaged"
        with content_errors(place.path / CONFIG, CheckpointError, problem):
            model = nn.from_structure(structure)
            assert model is not None
        state = self._states.snapshot(place, step)
        arrays = evaluated_arrays(config, state, algorithm_name(config))
        frozen = place.inside(FROZEN)
        if frozen.is_file():
            arrays |= load_arrays(frozen)[0]
        expected = {**nn.parameters(model), **nn.statistics(model)}
        for path, array in expected.items():
            if path not in arrays or arrays[path].shape != tuple(array.shape):
                raise CheckpointError("a parameter is missing in the state", where=path)
        return tree.replace(model, {path: jnp.asarray(arrays[path]) for path in expected})


def _experiment_of(facts: RunFacts) -> tuple[Experiment | None, str]:
    """Return recipe and data of a run, or why they are not at hand."""
    if not is_of_recipe(facts.config):
        return None, "The run was made in Python, so its data is not known here."
    try:
        with without_downloads():
            return of_run(facts.config, facts.place.name), ""
    except ClearpropError as error:
        return None, f"The data of the run cannot be used: {error.problem}."


def algorithm_name(config: Mapping[str, Any]) -> str:
    """Return the name of the algorithm of a run; "" for supervised learning."""
    found = config.get("algorithm")
    return str(found.get("name") or "") if isinstance(found, Mapping) else ""


def some_rows(count: int, most: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the places of some of so many examples, evenly from the first to the last.

    >>> some_rows(10, 4).tolist()
    [0, 3, 6, 9]
    """
    return np.linspace(0, max(0, count - 1), min(count, most)).round().astype(np.intp)
