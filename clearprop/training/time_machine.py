"""The time machine: a run's state at the steps that were kept, and forks that leave the run there.

A fork without a change is its parent from that step on, bit for bit: it takes the same steps with
the same programs, from the same state, in the same order, with the same random keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp

from clearprop import nn, tree
from clearprop.errors import ConfigurationError
from clearprop.training import execution_plan
from clearprop.training.algorithm import Arrays, TrainState
from clearprop.training.callback import Position
from clearprop.training.comparison import differences
from clearprop.training.execution_plan import ExecutionPlan
from clearprop.training.fit_config import FitConfig
from clearprop.training.run import Run
from clearprop.training.run_setup import RunSetup
from clearprop.training.snapshots import SnapshotStore, check_kept
from clearprop.training.storage.checkpoint import SavedState, restore

OTHER_LOSSES = ("loss", "settings.label_smoothing", "data.")
"""Changes after which earlier measurements cannot be compared with later ones."""

OTHER_BATCHES = ("settings.batch_size", "settings.seed", *OTHER_LOSSES)
"""Changes after which the current epoch begins again: its batches or their losses are others."""

OTHER_BEST = (
    *("settings.patience", "settings.keep_best", "settings.monitor", "settings.freeze"),
    *OTHER_LOSSES,
)
"""Changes after which the search for the best epoch begins again."""

OTHER_WORK = (
    "settings.batch_size",
    "settings.devices",
    "settings.steps_per_call",
    "data.",
    "model.",
)
"""Changes after which the execution plan is made again."""

OF_THE_MESH = ("mesh", "sharding", "fully_sharded")
"""Changes of how the arrays lie, which no written configuration has."""

OBSERVATION = ("record", "snapshots")
"""What changes no number of a run."""

KEPT, STOPPED = "early_stopping.kept.", "early_stopping.stopped"
"""Paths in a state: the weights of the best epoch, and whether the run was stopped early."""


@dataclass(frozen=True, eq=False)
class ForkPoint:
    """Where a fork begins.

    Attributes:
        setup: of the fork.
        state: of training, at the step at which it leaves its parent.
        position: of that step.
        plan: of its parent; None where the fork needs another.
    """

    setup: RunSetup
    state: TrainState
    position: Position
    plan: ExecutionPlan | None


Train = Callable[[FitConfig, ForkPoint | None], Run]
"""Trains as a configuration says, from a fork's beginning: `clearprop.training.train.train`."""


class TimeMachine:
    """The states of a run that were kept.

    Args:
        setup: of the run.
        store: holds the states.
        config: of the run, as it was written.
        frozen: its parameters that are not trained.
        folder: where it was written; None where it was not.
        train: trains a fork.
    """

    def __init__(
        self,
        setup: RunSetup,
        store: SnapshotStore,
        config: Mapping[str, object],
        frozen: Arrays,
        folder: Path | None,
        train: Train,
    ) -> None:
        self._setup = setup
        self._store = store
        self._config = config
        self._frozen = frozen
        self._folder = folder
        self._train = train

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps at which the state was kept, in their order."""
        return self._store.steps

    def at(self, step: int) -> nn.Module:
        """Return the model as it was after so many steps, averaged where the optimizer averages.

        Raises:
            ConfigurationError: that state was not kept; the nearest are named.
        """
        evaluated = self._setup.algorithm.evaluated(self._state(step))
        return tree.replace(self._setup.model, {**self._frozen, **evaluated})

    def fork(self, step: int, **changed: object) -> Run:
        """Train on from a state that was kept, with something changed.

        Args:
            step: of the state.
            changed: arguments of `fit` (``folder``, ``data`` and ``epochs`` among them), options
                of the optimizer such as ``learning_rate`` or ``beta1``, and ``dropout``.

        Raises:
            ConfigurationError: that state was not kept, an unknown name, or nothing is left to
                train.
        """
        return self.leave(step, self._setup.config.changed(changed))

    def leave(self, step: int, config: FitConfig) -> Run:
        """Train on from a state that was kept, with another configuration.

        The state of the optimizer is kept where the optimizer is of the same kind; another begins
        anew. With other batches or another loss the current epoch begins again. With another loss,
        other data, or other settings of early stopping the search for the best epoch begins again.
        Where the run had stopped early, any change lets it continue.

        Raises:
            ConfigurationError: that state was not kept, or nothing is left to train.
        """
        point = self.point(step, config)
        return self._train(point.setup.config, point)

    def point(self, step: int, config: FitConfig) -> ForkPoint:
        """Return where a run with another configuration leaves this one, as `leave` says.

        Raises:
            ConfigurationError: that state was not kept, or nothing is left to train.
        """
        saved, state = self._saved(step), self._state(step)
        arrays = {**self._frozen, **state.parameters, **state.statistics}
        config = replace(config, model=_carried(config.model, arrays, config.seed))
        setup = RunSetup.of(config)
        changes = differences(setup.as_dict(self._plan), self._config)
        own = {name: both for name, both in changes.items() if not name.startswith(OBSERVATION)}
        position = _position(saved.record, changes)
        if position.epoch >= config.epochs:
            given = f"step {step}, after {position.epoch} epochs of {config.epochs}"
            raise _nothing_left(given, "leave it earlier, or with more epochs")
        if bool(state.early_stopping.stopped) and not own:
            given = f"step {step}, where the run had stopped early"
            raise _nothing_left(given, "leave it earlier, or with more patience")
        parent = {
            "folder": str(self._folder) if self._folder is not None else None,
            "step": step,
            "changed": {name: [old, new] for name, (old, new) in own.items()},
        }
        return ForkPoint(
            replace(setup, parent=parent),
            _state_of(setup, saved, _kind_of(setup) == _kind_of(self._setup), changes),
            position,
            None if _any(changes, OTHER_WORK) or self._moved(config) else self._plan,
        )

    def _moved(self, config: FitConfig) -> bool:
        """Say whether a fork shall lie on its devices in another way than its parent."""
        before = self._setup.config
        return any(getattr(config, name) != getattr(before, name) for name in OF_THE_MESH)

    @property
    def _plan(self) -> ExecutionPlan:
        return execution_plan.of_config(self._config, str(self._folder or "the run"))

    def _saved(self, step: int) -> SavedState:
        check_kept(step, self.steps)
        return self._store.load(step)

    def _state(self, step: int) -> TrainState:
        saved = self._saved(step)
        return restore(self._setup.state(), saved.arrays, saved.file)


def _carried(model: nn.Module, arrays: Arrays, seed: int) -> nn.Module:
    """Return a model with the arrays of a state, as far as they fit."""
    ready = model if nn.is_initialized(model) else model.init(seed)
    own = {**nn.parameters(ready), **nn.statistics(ready)}
    fitting = {
        path: jnp.asarray(x)
        for path, x in arrays.items()
        if path in own and own[path].shape == x.shape
    }
    return tree.replace(ready, fitting)


def _state_of(
    setup: RunSetup, saved: SavedState, same_optimizer: bool, changes: Mapping[str, object]
) -> TrainState:
    """Return the state of a fork: what was kept, and initial values where that does not fit."""
    first = setup.state()
    own = tree.flatten_with_paths(first)
    fitting = {
        path: kept
        for path, kept in saved.arrays.items()
        if path in own and kept.shape == own[path].shape and kept.dtype == own[path].dtype
    }
    left_out = [STOPPED] if same_optimizer else [STOPPED, "optimizer."]
    without_weights = any(path.startswith(KEPT) and path not in fitting for path in own)
    if without_weights or _any(changes, OTHER_BEST):  # an error belongs to the weights kept with it
        left_out.append("early_stopping.")
    leaves = [
        jnp.array(fitting[path])
        if path in fitting and not path.startswith(tuple(left_out))
        else leaf
        for path, leaf in own.items()
    ]
    state: TrainState = jax.tree.unflatten(jax.tree.structure(first), leaves)
    return state


def _position(record: Mapping[str, object], changes: Mapping[str, object]) -> Position:
    """Return where a fork begins."""
    position = Position.of(record)
    if _any(changes, OTHER_BATCHES):
        error = None if _any(changes, OTHER_LOSSES) else position.development_error
        return Position(step=position.step, epoch=position.epoch, development_error=error)
    if _any(changes, OTHER_BEST):
        return replace(position, best_step=None, best_error=None)
    return position


def _nothing_left(given: str, fix: str) -> ConfigurationError:
    return ConfigurationError("nothing is left to train", where="fork", given=given, fix=fix)


def _any(changes: Mapping[str, object], names: tuple[str, ...]) -> bool:
    return any(change.startswith(names) for change in changes)


def _kind_of(setup: RunSetup) -> object:
    """Return the names of an optimizer's parts without their numbers: its state depends on them."""
    optimizer = setup.config.resolved_optimizer
    try:
        return _names(optimizer.to_config())
    except ConfigurationError:
        return tuple(tree.flatten_with_paths(optimizer.init({})))


def _names(config: object) -> object:
    if isinstance(config, list):
        return [_names(part) for part in config]
    if not isinstance(config, dict):
        return None
    inner = {key: _names(value) for key, value in config.items() if key != "learning_rate"}
    return config.get("name"), {key: value for key, value in inner.items() if value is not None}
