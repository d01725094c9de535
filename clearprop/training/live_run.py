"""A run that is trained a few steps at a time, looked at, changed and taken back in between."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn, tree
from clearprop.device_memory import size_of
from clearprop.errors import ConfigurationError, NonFiniteError, ShapeError, unknown_name
from clearprop.host_callback import host_errors
from clearprop.programs import make_room_for_programs
from clearprop.training import space
from clearprop.training.algorithm import Array, Arrays, Measured, TrainState
from clearprop.training.callback import Portion, Position
from clearprop.training.events import EpochDone, Event, NonFinite, Stopped
from clearprop.training.fit_config import FitConfig
from clearprop.training.nonfinite import all_finite
from clearprop.training.run import Run
from clearprop.training.run_setup import RunSetup
from clearprop.training.snapshots import SnapshotsInMemory, check_kept
from clearprop.training.storage.checkpoint import restore
from clearprop.training.time_machine import ForkPoint, TimeMachine
from clearprop.training.train import KeptEvents, start, train

KEPT_STATES = 256
"""The most states that are kept to go back to; they are spread evenly over the run."""

KEPT_BYTES = 64 * 2**20
"""The most memory that they take; a few are kept whatever they take."""

FEWEST_STATES = 8


class LiveRun:
    """A run in memory that makes as many steps as it is asked for, and then waits.

    Its steps are those of `fit`: however they are divided into calls of `advance`, the same
    configuration gives the same numbers, bit for bit.

    Args:
        config: the arguments of `fit`, without a folder and without snapshots.
        fork: where the run leaves another one; None begins at the beginning.

    Raises:
        ClearpropError: what `fit` says of the configuration.

    >>> from clearprop import data
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    >>> live = LiveRun(FitConfig(model, data.load("digits"), epochs=3))
    >>> for event in live.advance(7):
    ...     pass
    >>> live.step, live.ended
    (7, None)
    >>> live.change({"layers.1.bias": jnp.zeros(10)})
    >>> _ = list(live.advance(1))
    >>> live.back(7)  # the change by hand is undone too
    >>> bool(abs(live.parameters["layers.1.bias"]).max() > 0)
    True
    """

    def __init__(self, config: FitConfig, fork: ForkPoint | None = None) -> None:
        if config.folder is not None or config.snapshots is not None or config.record is not None:
            raise ConfigurationError(
                "a live run is kept in memory, with all the states that it can go back to",
                where="LiveRun",
                given="folder, snapshots or record",
                fix="leave them out; cp.fit writes a run into a folder",
            )
        make_room_for_programs()
        self.setup = fork.setup if fork is not None else RunSetup.of(config)
        self._started = start(self.setup, fork)
        self._trainer = self._started.trainer(self.setup, fork, lambda: False)
        self._pace = _Pace()
        self._trainer.callbacks.append(self._pace)
        self._events = iter(self._trainer)
        self._kept = KeptEvents(keep=True)
        self._first = self._trainer.position.step
        self._states = _SpreadSnapshots(size_of(self._trainer.state))
        self._by_hand: int | None = None
        self.keep()

    @property
    def step(self) -> int:
        """Number of training steps taken."""
        return self._trainer.position.step

    @property
    def position(self) -> Position:
        """Where in the run the training is."""
        return self._trainer.position

    @property
    def ended(self) -> Stopped | None:
        """The last event, which has the reason; None while there are steps to take."""
        return self._kept.stopped

    @property
    def non_finite(self) -> NonFinite | None:
        """The event of a number that was not finite; None where all were."""
        return self._trainer.non_finite

    @property
    def epochs(self) -> Sequence[EpochDone]:
        """What was measured of each epoch so far."""
        return self._kept.epochs

    @property
    def parameters(self) -> Mapping[str, Array]:
        """The parameters after the last step, by path, those that are not trained too."""
        return {**self._trainer.compiled.frozen, **self._trainer.state.parameters}

    @property
    def model(self) -> nn.Module:
        """The model as it is now, averaged where the optimizer averages."""
        evaluated = self.setup.algorithm.evaluated(self._trainer.state)
        return tree.replace(self.setup.model, {**self._trainer.compiled.frozen, **evaluated})

    @property
    def run(self) -> Run:
        """The run so far, as `fit` would return it were it stopped here."""
        kept = self._kept.until(self.step, self._first)
        kept.stopped = self.ended or Stopped("interrupted", self.step, self.position.epoch, None)
        return self._started.result(self.setup, self._trainer, kept)

    def advance(self, steps: int) -> Iterator[Event]:
        """Take so many steps, fewer where the run ends; yields the events as they happen.

        A number that is not finite ends the run with the events `NonFinite` and `Stopped`; the
        state is then that of the last step in which all were.
        """
        self._pace.until = self.step + steps
        with host_errors():
            while self.ended is None and not self._waits():
                event = next(self._events)
                self._kept.add(event)
                yield event

    def compile_end_of_epoch(self) -> None:
        """Compile what the end of an epoch needs; another thread may take the first steps."""
        setup, compiled = self.setup, self._trainer.compiled
        examples = space.Examples(setup.data.train, setup.data.dev, setup.batch_size)
        space.compile_end_of_epoch(compiled, setup.state_shapes, examples)

    def _waits(self) -> bool:
        """Say whether all steps are made that were asked for, and all that they led to is told."""
        trainer, position, setup = self._trainer, self.position, self.setup
        is_over = (
            trainer.non_finite is not None
            or bool(trainer.state.early_stopping.stopped)
            or position.epoch >= setup.config.epochs
        )
        epoch_ends = position.step_in_epoch == setup.steps_per_epoch
        return position.step >= self._pace.until and not epoch_ends and not is_over

    # --- the states of before --------------------------------------------------------------------

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps to which the run can go back."""
        return self._states.steps

    def keep(self) -> None:
        """Keep the state as it is now, to go back to it.

        Of a step, the state before changes by hand is kept: going back to the step undoes them.
        States that lie close to each other are left out where a run has many.
        """
        if self._by_hand != self.step:
            self._states.add(self._trainer.state, self.position)

    def back(self, step: int) -> None:
        """Make the state what it was after so many steps; what came later is forgotten.

        Raises:
            ConfigurationError: that state was not kept; the nearest are named.
        """
        check_kept(step, self.steps)
        saved = self._states.load(step)
        state = restore(self.setup.state(), saved.arrays, saved.file)
        self._take_up(self._trainer.compiled.put_state(state), saved.record)
        self._by_hand = None
        self._states.forget_after(step)

    def _take_up(self, state: TrainState, record: Mapping[str, object]) -> None:
        """Go on from a state; what was told of later steps, such as the end, is forgotten."""
        trainer = self._trainer
        trainer.non_finite = None
        trainer.restore(state, record)
        self._events = iter(trainer)
        self._kept = self._kept.until(self.step, self._first)

    def fork(self, step: int, **changed: object) -> LiveRun:
        """Return a run that leaves this one at a kept state or here, with something changed.

        Args:
            step: of the state; at the present step it is the present state.
            changed: as for `Run.fork`.

        Raises:
            ConfigurationError: that state was not kept, an unknown name, or nothing is left to
                train.
        """
        started, store = self._started, self._states
        if step == self.step:
            store = _SpreadSnapshots(0)
            store.add(self._trainer.state, self.position)
        machine = TimeMachine(self.setup, store, started.config, started.frozen, None, train)
        config = self.setup.config.changed({"progress": False, **changed})
        point = machine.point(step, config)
        return LiveRun(point.setup.config, point)

    # --- changes by hand -------------------------------------------------------------------------

    def step_with(self, rows: Sequence[int]) -> None:
        """Take a step whose batch is these rows of the training part, beside those of the epochs.

        It changes weights and optimizer as any step does. The number of steps and the order of the
        examples stay as they are: `advance` goes on where it was. A layer that draws random numbers
        draws those of the step to come.

        Args:
            rows: from 0 on.

        Raises:
            ConfigurationError: there are no rows, or no such row.
            NonFiniteError: a number is not finite after the step; nothing is changed then.
        """
        count = len(self.setup.data.train)
        if not len(rows) or not all(0 <= row < count for row in rows):
            raise ConfigurationError(
                "these are no rows of the training part",
                where="step_with",
                given=str(list(rows))[:80],
                expected=f"rows from 0 to {count - 1}",
            )
        trainer = self._trainer
        compiled, before = trainer.compiled, trainer.state
        batch = compiled.put(self.setup.data.train.rows(np.asarray(rows, np.intp)))
        after, measured, gradients = self._own_step(before, compiled.frozen, batch, compiled.key)
        if not all_finite((measured, gradients, after.parameters)):
            raise NonFiniteError(
                "a number is not finite after this step, so it was not taken",
                where="step_with",
                fix="a lower learning_rate",
            )
        after = compiled.put_state(after._replace(step=before.step, epoch=before.epoch))
        self._change_by_hand(after)

    @functools.cached_property
    def _own_step(self) -> Callable[..., tuple[TrainState, Measured, Arrays]]:
        on = self._trainer.compiled.placement.tracing
        step: Callable[..., tuple[TrainState, Measured, Arrays]] = jax.jit(
            on(self.setup.algorithm.step)
        )
        return step

    def _change_by_hand(self, state: TrainState) -> None:
        """Take another state, and keep that of before; a run that had ended may go on from it."""
        if self._by_hand != self.step:
            self._states.add(self._trainer.state, self.position, always=True)
            self._by_hand = self.step
        self._trainer.state = state
        if self.ended is not None:
            self._take_up(state, asdict(self.position))

    def change(self, parameters: Arrays) -> None:
        """Give parameters other values, as if the last step had ended with them.

        A run that ended with a number that is not finite can go on then.

        Args:
            parameters: whole arrays, by path.

        Raises:
            ConfigurationError: there is no trained parameter at a path (the nearest is suggested).
            ShapeError: an array has another shape than its parameter.
        """
        trainer = self._trainer
        own = trainer.state.parameters
        for path, value in parameters.items():
            if path not in own:
                raise unknown_name("trained parameter", path, own, where="change")
            if np.shape(value) != own[path].shape:
                raise ShapeError(
                    "the new values do not have the shape of the parameter",
                    where=path,
                    given=str(np.shape(value)),
                    expected=str(own[path].shape),
                )
        new = {path: jnp.asarray(value, own[path].dtype) for path, value in parameters.items()}
        self._change_by_hand(
            trainer.state._replace(parameters={**own, **trainer.compiled.put_state(new)})
        )


class _Pace:
    """Ends the compiled calls of a trainer at a step."""

    def __init__(self) -> None:
        self.until = 0

    def next_after(self, step: int) -> int | None:
        """Return the step at which the run waits."""
        return self.until if self.until > step else None

    def before_step(self, state: TrainState, position: Position, upcoming: Portion | None) -> None:
        """Look at nothing: that the call ends is enough."""


class _SpreadSnapshots(SnapshotsInMemory):
    """Snapshots that are spread evenly over a run, however long it gets.

    Args:
        size: of one, in bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._most = max(FEWEST_STATES, min(KEPT_STATES, KEPT_BYTES // max(1, size)))
        self._gap = 1

    def add(self, state: TrainState, position: Position, always: bool = False) -> None:
        """Keep one more, unless it lies close to the last; where there are many, drop half."""
        steps = self.steps
        if steps and position.step - steps[-1] < self._gap and not always:
            return
        super().add(state, position)
        if len(self._kept) > self._most:
            self._gap = max(2 * self._gap, 2 * (position.step - self.steps[0]) // self._most)
            last = None
            for step in self.steps:
                if last is not None and step - last < self._gap:
                    del self._kept[step]
                else:
                    last = step

    def forget_after(self, step: int) -> None:
        """Drop the states of later steps."""
        for later in [known for known in self._kept if known > step]:
            del self._kept[later]
