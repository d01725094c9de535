"""Training from a configuration to its end: folder, trainer, readers of events, and the result."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import backend, processes, tree
from clearprop.errors import CheckpointError, NonFiniteError
from clearprop.host_callback import host_errors
from clearprop.programs import make_room_for_programs
from clearprop.training.algorithm import Arrays, Differentiable
from clearprop.training.callback import Position
from clearprop.training.compiled_steps import CompiledSteps
from clearprop.training.events import Checkpointed, EpochDone, Event, StepsDone, Stopped
from clearprop.training.execution_plan import ExecutionPlan, of_config
from clearprop.training.fit_config import FitConfig
from clearprop.training.interruption import Interruption
from clearprop.training.nonfinite import LOOK
from clearprop.training.predictor import remember
from clearprop.training.progress import Reporter
from clearprop.training.recording.recorder import Recorder
from clearprop.training.recording.recordings import Recordings, joined, read_recordings
from clearprop.training.run import History, Run
from clearprop.training.run_config import CONFIG, first_step, read_config
from clearprop.training.run_folder import (
    CURVES,
    FROZEN,
    MODEL,
    RECORDINGS,
    SNAPSHOTS,
    JoinedFolder,
    RunFolder,
    check_empty,
    read_events,
    read_losses,
)
from clearprop.training.run_setup import RunSetup
from clearprop.training.snapshots import (
    SnapshotsInMemory,
    SnapshotStore,
    Snapshotter,
)
from clearprop.training.storage.checkpoint import (
    SavedState,
    StateFolder,
    load_arrays,
    restore,
    save_arrays,
)
from clearprop.training.storage.model_file import save_in_run
from clearprop.training.time_machine import ForkPoint, TimeMachine
from clearprop.training.trainer import Trainer


class DivergedError(NonFiniteError):
    """A run met a loss or a gradient that is not finite.

    Attributes:
        run: the run up to there; its model has the last weights that were finite.
    """

    run: Run


def train(config: FitConfig, fork: ForkPoint | None = None) -> Run:
    """Train as a configuration says, and return the run.

    Args:
        config: what `fit` was asked for.
        fork: where a fork begins; None begins at the beginning, or where ``config.resume`` finds a
            run to continue.

    Raises:
        ClearpropError: what `fit` says of it.
    """
    make_room_for_programs()
    with contextlib.ExitStack() as stack:
        stack.enter_context(host_errors())
        stack.enter_context(processes.together())
        setup = fork.setup if fork is not None else RunSetup.of(config)
        interruption = stack.enter_context(Interruption())
        started = start(setup, fork)
        if started.folder is not None:
            stack.callback(started.folder.close)
        trainer = started.trainer(setup, fork, lambda: interruption.asked)
        kept = KeptEvents(keep=started.folder is None)
        readers: list[Callable[[Event], None]] = [kept.add]
        if started.folder is not None:
            readers.append(_writer(started.folder))
        if config.progress and processes.is_first():
            readers.append(stack.enter_context(Reporter()))
        if config.on_event is not None:
            readers.append(interruption.asked_by(config.on_event))
        for event in trainer:
            for reader in readers:
                reader(event)
        run = started.result(setup, trainer, kept)
    if run.non_finite is not None:
        raise _diverged(run)
    return run


def open_run(folder: Path | str, config: FitConfig) -> TimeMachine:
    """Return the time machine of a run in a folder.

    Args:
        folder: of the run.
        config: of the run: the arguments of `fit`, with the same data.

    Raises:
        RunError: there is no run in the folder.
        ConfigurationError: the run had another configuration; the difference is named.
        CheckpointError: its model is of another architecture.
    """
    path = Path(folder)
    written = read_config(path)
    setup = RunSetup.of(replace(config, folder=None, resume=False))
    setup.check_same(written, str(path))
    frozen = _read_frozen(path) or setup.frozen
    return TimeMachine(setup, StateFolder(path / SNAPSHOTS), written, frozen, path, train)


class KeptEvents:
    """The events that the result of a run is made from: a few bytes a step, one event an epoch.

    Args:
        keep: whether losses and epochs are kept; False where a folder has them.

    Attributes:
        epochs: the event of each epoch.
        stopped: the last event; None while the run goes on.
    """

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.epochs: list[EpochDone] = []
        self.stopped: Stopped | None = None
        self._losses = array("f")

    def add(self, event: Event) -> None:
        """Keep what is needed of an event."""
        match event:
            case Stopped():
                self.stopped = event
            case EpochDone() if self.keep:
                self.epochs.append(event)
            case StepsDone() if self.keep:
                self._losses.frombytes(event.losses.astype(np.float32).tobytes())
            case _:
                pass

    @property
    def losses(self) -> NDArray[np.float32]:
        """Mean loss of every step's batch, (steps,)."""
        return np.array(self._losses, np.float32)

    def until(self, step: int, first: int) -> KeptEvents:
        """Return what was kept up to a step, of a run that began at another."""
        earlier = KeptEvents(self.keep)
        earlier.epochs = [event for event in self.epochs if event.step <= step]
        earlier._losses = self._losses[: step - first]
        return earlier


@dataclass(eq=False)
class Started:
    """A run that has its plan, its written configuration and, where it is written, its folder."""

    plan: ExecutionPlan
    compiled: CompiledSteps
    config: Mapping[str, object]
    folder: RunFolder | None
    resumed: bool
    first: int
    frozen: Arrays = field(default_factory=dict)
    rows: list[NDArray[np.void]] = field(default_factory=list)
    snapshots: SnapshotStore | None = None

    def trainer(
        self, setup: RunSetup, fork: ForkPoint | None, interrupted: Callable[[], bool]
    ) -> Trainer:
        """Return the trainer, at the position where it begins."""
        folder = self.folder
        saved = _latest(folder) if folder is not None and self.resumed else None
        begins = "the beginning" if saved is None else f"{saved.file}, {saved.record}"
        processes.check_same({"the checkpoint that they go on from": begins})
        self.frozen, compiled = self._frozen(setup, begun=saved is not None), self.compiled
        compiled.hold(self.frozen)
        trainer = Trainer(setup, compiled, folder, interrupted)
        if folder is not None and saved is not None:
            file = str(folder.checkpoints.path / saved.file)
            trainer.restore(restore(trainer.state, saved.arrays, file), saved.record)
        elif fork is not None:
            trainer.restore(compiled.put_state(fork.state), asdict(fork.position))
            if folder is not None:  # a fork that is killed early begins again from here
                folder.checkpoints.add(trainer.state, trainer.position)
        if folder is not None and self.resumed:
            setup.check_space(folder.path, self.first, trainer.position)
            folder.rewind_losses(trainer.position.step - self.first)
        self._add_callbacks(setup, trainer)
        return trainer

    def _frozen(self, setup: RunSetup, begun: bool) -> Arrays:
        if self.folder is None or not setup.frozen:
            return setup.frozen
        written = _read_frozen(self.folder.path) if self.resumed else {}
        if begun and not written:
            raise CheckpointError(
                "the parameters of this run that are not trained are missing",
                where=str(self.folder.path / FROZEN),
                fix="put the file back, or start a new run in another folder",
            )
        if not written and processes.is_first():
            save_arrays(self.folder.path / FROZEN, setup.frozen, {})
        return written or setup.frozen

    def _add_callbacks(self, setup: RunSetup, trainer: Trainer) -> None:
        position, folder = trainer.position, self.folder
        algorithm, layout = setup.algorithm, setup.layout
        if setup.record and layout and isinstance(algorithm, Differentiable):
            keep = self.rows.append
            if folder is not None:
                keep = folder.rows(layout, setup.record.rows(self.first, position.step)).add
            recorder = Recorder(setup.record, layout, algorithm, trainer.compiled, keep)
            trainer.callbacks.append(recorder)
        if setup.snapshots is not None:
            self.snapshots = SnapshotsInMemory()
            if folder is not None:
                self.snapshots = states = StateFolder(folder.path / SNAPSHOTS)
                states.remove(step for step in states.steps if step > position.step)
            steps = setup.snapshots.steps(setup.last_step(position))
            trainer.callbacks.append(Snapshotter(steps, self.snapshots))

    def result(self, setup: RunSetup, trainer: Trainer, events: KeptEvents) -> Run:
        """Return the result of the run, and write it where the run is written."""
        state, folder = trainer.state, self.folder
        processes.meet("ended")  # what the first has written can be read from here on
        kept = state.early_stopping.kept
        best = kept is not None and int(state.early_stopping.epoch) > 0
        arrays = kept if kept is not None and best else setup.algorithm.evaluated(state)
        arrays = {**trainer.compiled.frozen, **arrays}
        if trainer.compiled.placement.apart:
            arrays = backend.fetch(arrays)
        model = tree.replace(setup.model, arrays)
        model = jax.device_put(model, trainer.compiled.placement.first_device)
        preprocessor = setup.data.preprocessor
        assert events.stopped is not None
        epochs = events.epochs if folder is None else read_events(folder.path)
        machine = None
        if self.snapshots is not None:
            path = folder.path if folder is not None else None
            machine = TimeMachine(setup, self.snapshots, self.config, self.frozen, path, train)
        run = Run(
            model=model,
            history=History.of(epochs),
            losses=events.losses if folder is None else read_losses(folder.path),
            stopped=events.stopped,
            non_finite=trainer.non_finite,
            config=self.config,
            preprocessor=preprocessor,
            folder=folder.path if folder is not None else None,
            recordings=self._recordings(setup),
            machine=machine,
            loss=setup.loss,
            algorithm=setup.own_algorithm,
        )
        remember(model, preprocessor)
        if folder is not None and processes.is_first():
            save_in_run(model, folder.path / MODEL, preprocessor)
            folder.write(CURVES, run.history.as_csv())
        return run

    def _recordings(self, setup: RunSetup) -> Recordings | None:
        if setup.layout is None:
            return None
        if self.folder is not None:
            return read_recordings(self.folder.path / RECORDINGS)
        return joined(setup.layout, self.rows)


def start(setup: RunSetup, fork: ForkPoint | None) -> Started:
    """Return the run with its plan and configuration; its folder is made, or opened again."""
    path = setup.config.path
    if setup.config.resume and path is not None and (path / CONFIG).is_file():
        earlier = read_config(path)
        setup.check_same(earlier, str(path))
        plan = setup.on_mesh(of_config(earlier, CONFIG))
        setup.check_processes(plan)
        compiled = setup.compiled(plan)
        folder = _of_all(path, lambda: RunFolder.reopen(path))
        return Started(plan, compiled, earlier, folder, True, first_step(earlier))
    plan = (fork.plan if fork is not None else None) or setup.plan()
    # A fork may ask for metrics that its parent did not have.
    plan = setup.measuring(setup.on_mesh(plan))
    config = setup.as_dict(plan)
    first = setup.first_step
    setup.check_space(path, first, fork.position if fork is not None else Position())
    setup.check_processes(plan)
    if path is not None and path.is_dir() and processes.is_first():
        check_empty(path)  # compiling takes seconds
    compiled = setup.compiled(plan)
    own = None if path is None else _of_all(path, lambda: RunFolder.create(path, config))
    return Started(plan, compiled, config, own, False, first)


def _of_all(path: Path, open_first: Callable[[], RunFolder]) -> RunFolder:
    """Return the folder of a run, which the first process makes or opens again.

    Raises:
        RunError: another process does not see it.
    """
    folder = open_first() if processes.is_first() else JoinedFolder(path)
    processes.meet("folder")
    read_config(path)
    return folder


def _read_frozen(folder: Path) -> Arrays:
    """Return the frozen parameters of a run; an empty dict if the run trains all of them."""
    file = folder / FROZEN
    arrays = load_arrays(file)[0] if file.is_file() else {}
    return {path: jnp.asarray(x) for path, x in arrays.items()}


def _latest(folder: RunFolder) -> SavedState | None:
    """Return the checkpoint to continue from; None where the run ended before its first."""
    saved = folder.checkpoints.latest()
    if saved is None and any(isinstance(e, Checkpointed) for e in read_events(folder.path)):
        raise CheckpointError(
            "the checkpoints of this run are missing, so it cannot continue",
            where=str(folder.checkpoints.path),
            fix="put the last one back, or start a new run in another folder",
        )
    return saved


def _writer(folder: RunFolder) -> Callable[[Event], None]:
    def write(event: Event) -> None:
        if isinstance(event, StepsDone):
            folder.log_losses(event.losses)
        else:
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
        fix=f"{broken.mend or LOOK}; {where} the last finite weights",
    )
    error.run = run
    return error
