"""The time machine: a run's state at the steps that were kept, and runs that leave it there.

A fork of which nothing was changed is its parent from that step on, bit for bit: it makes the same
steps by the same programs, from the same state, in the same order, with the same random keys.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax

from clearprop import nn, tree
from clearprop.errors import ConfigurationError
from clearprop.training import plan as planning
from clearprop.training.arrays import load_arrays
from clearprop.training.checkpoint import Saved, restore
from clearprop.training.folder import SNAPSHOTS, read_config
from clearprop.training.loop import Place
from clearprop.training.order import Order
from clearprop.training.plan import Plan
from clearprop.training.run import Run
from clearprop.training.session import FROZEN, DivergedError, Session, Start
from clearprop.training.settings import differences
from clearprop.training.snapshots import Folder, Store, check_kept
from clearprop.training.state import State
from clearprop.training.task import Task

OTHER_LOSSES = ("loss", "settings.label_smoothing", "data.")
"""Changes after which what was measured says nothing of what is to come."""

OTHER_PASSES = ("settings.batch_size", "settings.seed", *OTHER_LOSSES)
"""Changes after which the pass under way begins anew: its batches or their losses are others."""

OTHER_BEST = ("settings.patience", "settings.keep_best", "settings.freeze", *OTHER_LOSSES)
"""Changes after which the search for the best pass begins anew."""

OTHER_WORK = (
    "settings.batch_size",
    "settings.devices",
    "settings.steps_per_call",
    "data.",
    "model.",
)
"""Changes after which a run is cut into calls anew."""

LOOKING = ("record", "snapshots")
"""What changes nothing of a run."""

KEPT, STOPPED = "judge.kept.", "judge.stopped"
"""Paths in a state: the weights of the best pass, and whether the run was stopped early."""


class TimeMachine:
    """The states of a run that were kept.

    Args:
        order: what was asked for.
        task: what that comes down to.
        store: has the states.
        config: of the run.
        frozen: its parameters that are not trained.
        folder: where it was written; None where it was not.
    """

    def __init__(
        self,
        order: Order,
        task: Task,
        store: Store,
        config: dict[str, Any],
        frozen: dict[str, Any],
        folder: Path | None,
    ) -> None:
        self.order = order
        self._task = task
        self._store = store
        self._config = config
        self._frozen = frozen
        self._folder = folder

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of which the state was kept, in their order."""
        return self._store.steps

    def at(self, step: int) -> nn.Module:
        """Return the model as it was after so many steps, averaged where the optimizer averages.

        Raises:
            ConfigurationError: that state was not kept; those nearest to it are named.
        """
        state = self._state(step)
        evaluated = self._task.problem.evaluation(state)
        return tree.replace(self._task.model, {**self._frozen, **evaluated})

    def fork(self, step: int, **changed: Any) -> Run:
        """Train on from a state that was kept, with something changed.

        Args:
            step: of the state.
            changed: arguments of `fit` (``folder``, ``data`` and ``epochs`` among them), options
                of the optimizer such as ``learning_rate`` or ``beta1``, and ``dropout``.

        Raises:
            ConfigurationError: that state was not kept, an unknown name, or nothing is left to do.
        """
        return self.leave(step, self.order.changed(changed))

    def leave(self, step: int, order: Order) -> Run:
        """Train on from a state that was kept, as another order says.

        What the optimizer remembers goes on where its rule is the same; another rule begins anew.
        With other batches or another loss the pass under way begins anew; with another loss, other
        data, or other ways to choose the best pass, the search for it does. Where the run had
        stopped early, any change lets it go on.

        Raises:
            ConfigurationError: that state was not kept, or nothing is left to do.
        """
        saved, state = self._saved(step), self._state(step)
        model = _carried(
            order.model, {**self._frozen, **state.parameters, **state.statistics}, order.seed
        )
        task = replace(order, model=model).task()
        changes = differences(task.config(self._plan), self._config)
        own = {name: both for name, both in changes.items() if not name.startswith(LOOKING)}
        place = _place(saved.record, changes)
        if place.epoch >= task.settings.epochs:
            given = f"step {step}, after {place.epoch} passes of {task.settings.epochs}"
            raise _nothing_left(given, "leave it earlier, or with more epochs")
        if bool(state.judge.stopped) and not own:
            given = f"step {step}, where the run had stopped early"
            raise _nothing_left(given, "leave it earlier, or with more patience")
        parent = {
            "folder": str(self._folder) if self._folder is not None else None,
            "step": step,
            "changed": {name: [old, new] for name, (old, new) in own.items()},
        }
        start = Start(
            _state_of(task, saved, _rule_of(task) == _rule_of(self._task), changes),
            asdict(place),
            None if _any(changes, OTHER_WORK) else self._plan,
        )
        return begun(replace(order, model=model), replace(task, parent=parent), start)

    @property
    def _plan(self) -> Plan:
        return planning.of_config(self._config, str(self._folder or "the run"))

    def _saved(self, step: int) -> Saved:
        check_kept(step, self.steps)
        return self._store.load(step)

    def _state(self, step: int) -> State:
        saved = self._saved(step)
        state: State = restore(self._task.state(), saved.arrays, saved.file)
        return state


def open_run(folder: Path | str, order: Order) -> TimeMachine:
    """Return the time machine of a run in a folder.

    Args:
        folder: of the run.
        order: what it was asked for: the arguments of `fit`, with the same data.

    Raises:
        RunError: there is no run in the folder.
        ConfigurationError: the run was asked for something else; it is named.
        CheckpointError: its model is of another architecture.
    """
    path = Path(folder)
    config = read_config(path)
    task = replace(order, folder=None, resume=False).task()
    task.check_same(config, str(path))
    file = path / FROZEN
    frozen = load_arrays(file)[0] if file.is_file() else task.frozen
    return TimeMachine(order, task, Folder(path / SNAPSHOTS), config, dict(frozen), path)


def _carried(model: nn.Module, arrays: dict[str, Any], seed: int) -> nn.Module:
    """Return a model with the arrays of a state, as far as it has such."""
    ready = model if nn.is_initialized(model) else model.init(seed)
    own = {**nn.parameters(ready), **nn.statistics(ready)}
    fitting = {
        path: jax.numpy.asarray(x)
        for path, x in arrays.items()
        if path in own and own[path].shape == x.shape
    }
    return tree.replace(ready, fitting)


def _state_of(task: Task, saved: Saved, same_rule: bool, changes: dict[str, Any]) -> State:
    """Return the state of a fork: what was kept, and first values where that says nothing."""
    first = task.state()
    own = tree.flatten_with_paths(first)
    fitting = {
        path: kept
        for path, kept in saved.arrays.items()
        if path in own and kept.shape == own[path].shape and kept.dtype == own[path].dtype
    }
    left_out = [STOPPED] if same_rule else [STOPPED, "optimizer."]
    without_weights = any(path.startswith(KEPT) and path not in fitting for path in own)
    if without_weights or _any(changes, OTHER_BEST):  # an error belongs to the weights kept with it
        left_out.append("judge.")
    leaves = [
        jax.numpy.array(fitting[path])
        if path in fitting and not path.startswith(tuple(left_out))
        else leaf
        for path, leaf in own.items()
    ]
    return jax.tree.unflatten(jax.tree.structure(first), leaves)  # type: ignore[no-any-return]


def _place(record: dict[str, Any], changes: dict[str, Any]) -> Place:
    """Return where a fork begins."""
    place = Place(**record)
    if _any(changes, OTHER_PASSES):
        error = None if _any(changes, OTHER_LOSSES) else place.development_error
        return Place(step=place.step, epoch=place.epoch, development_error=error)
    if _any(changes, OTHER_BEST):
        return replace(place, best_step=None, best_error=None)
    return place


def _nothing_left(given: str, fix: str) -> ConfigurationError:
    return ConfigurationError("nothing is left to be trained", where="fork", given=given, fix=fix)


def _any(changes: dict[str, Any], names: tuple[str, ...]) -> bool:
    return any(change.startswith(names) for change in changes)


def _rule_of(task: Task) -> Any:
    """Return what an optimizer is made of, whatever its numbers: what it remembers is of a kind."""
    try:
        return _names(task.optimizer.to_config())
    except ConfigurationError:
        state = tree.flatten_with_paths(task.optimizer.init({}))
        return tuple(state)


def _names(config: Any) -> Any:
    if isinstance(config, list):
        return [_names(part) for part in config]
    if not isinstance(config, dict):
        return None
    inner = {key: _names(value) for key, value in config.items() if key != "learning_rate"}
    return config.get("name"), {key: value for key, value in inner.items() if value is not None}


def begun(order: Order, task: Task, start: Start | None = None) -> Run:
    """Carry out an order; the run can be gone back into where its states were kept."""
    session = Session(task, order.target, order.resume, start)

    def with_machine(run: Run) -> Run:
        if session.snapshots is None:
            return run
        machine = TimeMachine(
            order, task, session.snapshots, run.config, session.frozen, run.folder
        )
        return replace(run, machine=machine)

    try:
        return with_machine(session.carry_out(order.progress, order.on_event))
    except DivergedError as error:
        error.run = with_machine(error.run)
        raise
