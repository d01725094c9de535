"""One run from its task to its end: folder, loop, readers of its events, and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import backend, tree
from clearprop.errors import CheckpointError, NonFiniteError
from clearprop.training import recording, snapshots
from clearprop.training.account import Account
from clearprop.training.arrays import load_arrays, save_arrays
from clearprop.training.calls import Calls
from clearprop.training.checkpoint import Saved, restore
from clearprop.training.events import Checkpointed, Event, StepsDone
from clearprop.training.folder import (
    CONFIG,
    CURVES,
    MODEL,
    RECORDINGS,
    SNAPSHOTS,
    RunFolder,
    first_step,
    read_config,
    read_events,
    read_losses,
)
from clearprop.training.interruption import Interruption
from clearprop.training.loop import Loop, Place, Stop
from clearprop.training.model_file import save
from clearprop.training.plan import Plan
from clearprop.training.progress import Reporter
from clearprop.training.recordings import Recordings, joined, read_recordings
from clearprop.training.run import History, Run
from clearprop.training.state import State
from clearprop.training.task import Task

FROZEN = "frozen.safetensors"
TRAINING = 1
"""Parts the random numbers of training from those of the first values."""


class DivergedError(NonFiniteError):
    """A run met a loss or a gradient that is not finite.

    Attributes:
        run: what came of it; its model has the last weights that were finite.
    """

    run: Run


@dataclass(frozen=True, eq=False)
class Start:
    """Where a fork begins.

    Attributes:
        state: of training, at the step at which it leaves its parent.
        place: of that step.
        plan: how its parent was cut into calls; None where its steps are others.
    """

    state: State
    place: dict[str, Any]
    plan: Plan | None


class Session:
    """One run, from its task to its end.

    Args:
        task: what to do.
        target: where to write the run; None writes nothing.
        resume: whether to go on with the run there, if there is one.
        start: where a fork begins; None begins at the beginning.
    """

    def __init__(
        self, task: Task, target: Path | None, resume: bool = False, start: Start | None = None
    ) -> None:
        self.task = task
        self._target = target
        self._again = resume and target is not None and (target / CONFIG).is_file()
        self._start = start
        self.rows: list[NDArray[np.void]] = []
        self.snapshots: snapshots.Store | None = None
        self.frozen: dict[str, Any] = {}
        self._first = task.first_step

    def carry_out(self, progress: bool, on_event: Callable[[Event], None] | None) -> Run:
        """Make the run.

        Args:
            progress: show a bar on a terminal, else plain lines.
            on_event: is given every event of the run.

        Raises:
            DivergedError: a loss or gradient was not finite.
            RunError: the folder holds a run, is locked or cannot be written.
        """
        with contextlib.ExitStack() as stack:
            interruption = stack.enter_context(Interruption())
            loop, folder, config = self._opened(interruption)
            readers: list[Callable[[Event], None]] = []
            if folder is not None:
                stack.callback(folder.close)
                readers.append(_writer(folder))
            if progress:
                readers.append(stack.enter_context(Reporter()))
            if on_event is not None:
                readers.append(on_event)
            account = Account(keep=folder is None)
            for event in loop:
                account.add(event)
                for reader in readers:
                    reader(event)
            return self._finished(loop, folder, config, account)

    def _opened(self, interruption: Interruption) -> tuple[Loop, RunFolder | None, dict[str, Any]]:
        """Return the loop at the place where it begins, with its folder and configuration."""
        task, target, folder = self.task, self._target, None
        if target is not None and self._again:
            config = read_config(target)
            self._first = first_step(config)
            task.check_same(config, str(target))
            plan = task.plan(config)
            folder = RunFolder.reopen(target)
        else:
            known = self._start.plan if self._start is not None else None
            plan = known or task.plan(None)
            config = task.config(plan)
            place = Place(**self._start.place) if self._start is not None else Place()
            task.check_space(target, self._first, place)
            if target is not None:
                folder = RunFolder.create(target, config)
        try:
            return self._loop(plan, folder, interruption), folder, config
        except BaseException:
            if folder is not None:
                folder.close()
            raise

    def _loop(self, plan: Plan, folder: RunFolder | None, interruption: Interruption) -> Loop:
        task, settings = self.task, self.task.settings
        saved = _saved(folder) if folder is not None and self._again else None
        key = jax.random.fold_in(backend.key(settings.seed), TRAINING)
        self.frozen = self._frozen(folder)
        calls = Calls(task.problem, plan, backend.mesh(plan.devices), self.frozen, key)
        loop = Loop(
            calls,
            task.material,
            task.state(),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            seed=settings.seed,
            folder=folder,
            checkpoint_every=settings.checkpoint_every,
            interrupted=lambda: interruption.asked,
        )
        if folder is not None and saved is not None:
            state = restore(loop.state, saved.arrays, str(folder.checkpoints.folder / saved.file))
            loop.restore(state, saved.record)
        elif self._start is not None:
            loop.restore(calls.place(self._start.state), self._start.place)
            if folder is not None:  # a fork that is killed early begins anew from here
                folder.checkpoints.save(loop.state, asdict(loop.place))
        if folder is not None and self._again:
            task.check_space(folder.path, self._first, loop.place)
            folder.rewind_losses(loop.place.step - self._first)
        loop.stops.extend(self._stops(calls, loop.place, folder))
        return loop

    def _frozen(self, folder: RunFolder | None) -> dict[str, Any]:
        frozen = self.task.frozen
        if folder is None or not frozen:
            return frozen
        path = folder.path / FROZEN
        if self._again and path.is_file():
            return dict(load_arrays(path)[0])
        save_arrays(path, frozen, {})
        return frozen

    def _stops(self, calls: Calls, place: Place, folder: RunFolder | None) -> list[Stop]:
        """Return what looks at the state on the way: what records it, and what keeps it."""
        task, stops = self.task, list[Stop]()
        if task.record is not None and task.layout is not None:
            keep = self.rows.append
            if folder is not None:
                keep = folder.rows(task.layout, task.record.rows(self._first, place.step)).add
            stops.append(recording.Recorder(task.record, task.layout, calls, keep))
        if task.snapshots is not None:
            self.snapshots = snapshots.Memory()
            if folder is not None:
                self.snapshots = kept = snapshots.Folder(folder.path / SNAPSHOTS)
                kept.rewind(place.step)
            steps = task.snapshots.steps(task.last_step(place))
            stops.append(snapshots.Keeper(steps, self.snapshots))
        return stops

    def _finished(
        self, loop: Loop, folder: RunFolder | None, config: dict[str, Any], account: Account
    ) -> Run:
        task, state, problem = self.task, loop.state, self.task.problem
        kept = state.judge.kept
        best = kept is not None and int(state.judge.epoch) > 0
        arrays = kept if kept is not None and best else problem.evaluation(state)
        here = loop.calls.mesh.devices.ravel()[0]
        model = tree.replace(task.model, {**loop.calls.frozen, **arrays})
        model = jax.device_put(model, here)
        preprocessor = task.material.preprocessor
        assert account.stopped is not None
        run = Run(
            model=model,
            history=History.of(account.points if folder is None else read_events(folder.path)),
            losses=account.losses if folder is None else read_losses(folder.path),
            stopped=account.stopped,
            non_finite=loop.non_finite,
            config=config,
            preprocessor=preprocessor,
            folder=folder.path if folder is not None else None,
            recordings=self._recordings(folder),
        )
        if folder is not None:
            save(model, folder.path / MODEL, preprocessor)
            folder.write(CURVES, run.history.as_csv())
        if loop.non_finite is not None:
            raise _diverged(run)
        return run

    def _recordings(self, folder: RunFolder | None) -> Recordings | None:
        if self.task.layout is None:
            return None
        if folder is not None:
            return read_recordings(folder.path / RECORDINGS)
        return joined(self.task.layout, self.rows)


def _saved(folder: RunFolder) -> Saved | None:
    """Return the checkpoint to go on from; None where the run was cut off before its first."""
    saved = folder.checkpoints.latest()
    if saved is None and any(isinstance(e, Checkpointed) for e in read_events(folder.path)):
        raise CheckpointError(
            "the checkpoints of this run are gone, so it cannot go on",
            where=str(folder.checkpoints.folder),
            fix="put the last one back, or begin a new run in another folder",
        )
    return saved


def _writer(folder: RunFolder) -> Callable[[Event], None]:
    def write(event: Event) -> None:
        if isinstance(event, StepsDone):
            folder.log_losses(event.losses)
        folder.log(event)

    return write


def _diverged(run: Run) -> DivergedError:
    broken = run.non_finite
    assert broken is not None
    where = f"{run.folder / MODEL} holds" if run.folder is not None else "error.run.model has"
    error = DivergedError(
        f"training stopped at step {broken.step}, in epoch {broken.epoch}: a value is not finite",
        where=broken.place,
        given=broken.cause,
        fix="lower learning_rate, clip the gradients (optim.chain with clip_by_global_norm), or "
        f"guard the operation; {where} the last finite weights",
    )
    error.run = run
    return error
