"""The trainer: makes compiled calls until a run ends, and yields typed events.

It knows nothing of what is trained: an `Algorithm` supplies the state and the step.

Shape letters: N examples, B batch, E epochs of a call.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import backend, processes
from clearprop.data import Batch
from clearprop.errors import RunError
from clearprop.training import events
from clearprop.training.algorithm import MEASURED, Measured, MeasuresEpochs, TrainState
from clearprop.training.callback import Callback, Portion, Position
from clearprop.training.compiled_steps import CompiledSteps, Epochs, Span
from clearprop.training.evaluation import Score, outputs_of, score_split
from clearprop.training.feed import Feed, on_devices
from clearprop.training.nonfinite import all_finite
from clearprop.training.run_folder import RunFolder
from clearprop.training.run_setup import RunSetup

CHECKPOINT_SECONDS = 10.0
CHECKPOINT_FRACTION = 0.02
"""Writing checkpoints may take at most this fraction of the training time."""

Numbers = NDArray[np.float32]

NOTHING: Mapping[str, float] = MappingProxyType({})


class Trainer:
    """A run in progress.

    Args:
        setup: what is trained.
        compiled: the compiled calls of its algorithm.
        folder: where checkpoints are written; None writes none.
        interrupted: says whether to stop after the current call.

    Attributes:
        state: of training, after the last call.
        callbacks: look at the state before some of the steps.
        position: where in the run the training is.
        non_finite: the event of a number that was not finite; None where all were.
    """

    def __init__(
        self,
        setup: RunSetup,
        compiled: CompiledSteps,
        folder: RunFolder | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.compiled = compiled
        self.state: TrainState = compiled.put_state(setup.state())
        self.position = Position()
        self.callbacks: list[Callback] = []
        self.non_finite: events.NonFinite | None = None
        self._epochs, self._checkpoint_every = setup.config.epochs, setup.config.checkpoint_every
        self._data, self._size = setup.data, setup.batch_size
        own = setup.config.algorithm is not None
        self._error_name = setup.algorithm.reported.error_name if own else "error"
        self._steps_per_epoch = setup.steps_per_epoch
        self._feed = Feed(setup.data.train, compiled, setup.batch_size, setup.config.seed)
        dev = setup.data.dev
        is_whole = dev is not None and not (dev.streamed or compiled.placement.apart)
        self._dev = on_devices(dev, compiled) if dev is not None and is_whole else None
        self._metrics, self._monitor = setup.measured, setup.config.resolved_monitor
        self._folder = folder
        self._interrupted = interrupted
        self._offset = 0
        self._saved_at, self._saved_step, self._save_seconds = time.perf_counter(), 0, 0.0

    def restore(self, state: TrainState, record: Mapping[str, object]) -> None:
        """Continue from a checkpoint: its state, and its position as plain data."""
        self.state = state
        self.position = position = Position.of(record)
        if self.compiled.plan.epochs_per_call:  # the run may have begun with another plan
            position.spread_sums(self._size)
        else:
            position.sum_begun(self._size)
            position.begun_objective = position.begun_error = ()
        self._saved_step = position.step
        done = position.epoch * self._steps_per_epoch + position.step_in_epoch
        self._offset = position.step - done

    def __iter__(self) -> Iterator[events.Event]:
        """Train; yields the events as they happen.

        A reader that stops reading ends the run; it continues from its last checkpoint.

        Raises:
            RunError: a checkpoint cannot be written.
        """
        if self.position.step == 0:
            self._measured()  # a metric that fails is told before the first step
        yield self._started()
        reason, _ = self._decided()
        while reason is None:
            most = self.compiled.plan.epochs_per_call
            yield from self._train_epochs(most) if most else self._train_steps()
            reason, is_due = self._decided()
            if self._folder is not None and (reason is not None or is_due):
                yield self._checkpoint(self._folder)
        self._call_back(None)
        best = self.state.early_stopping
        best_epoch = int(best.epoch) if best.kept is not None else 0
        yield events.Stopped(reason, self.position.step, self.position.epoch, best_epoch or None)

    def _decided(self) -> tuple[str | None, bool]:
        """Return why the run ends here, if it does, and whether a checkpoint is due.

        Several processes agree: one that is interrupted ends all, and the clock is the first's.
        """
        interrupted, is_due = processes.agreed((self._interrupted(), self._checkpoint_is_due()))
        if self.non_finite is not None:
            return "non-finite", is_due
        if bool(self.state.early_stopping.stopped):
            return "early", is_due
        if self.position.epoch >= self._epochs:
            return "finished", is_due
        return "interrupted" if interrupted else None, is_due

    def _started(self) -> events.RunStarted:
        data = self._data
        return events.RunStarted(
            step=self.position.step,
            epochs=self._epochs,
            steps_per_epoch=self._steps_per_epoch,
            batch_size=self._size,
            examples=len(data.train),
            development_examples=len(data.dev) if data.dev is not None else 0,
            parameters=sum(x.size for x in self.state.parameters.values()),
            devices=self.compiled.placement.mesh.size,
            task=self.compiled.algorithm.reported.task,
            error=self._error_name,
        )

    # --- callbacks -------------------------------------------------------------------------------

    def _call_back(self, upcoming: Portion | None) -> None:
        for callback in self.callbacks:
            callback.before_step(self.state, self.position, upcoming)

    def _steps_to_callback(self, epoch: int, step: int) -> float:
        """Return how many steps there are from a position to the next callback."""
        here = self._offset + epoch * self._steps_per_epoch + step
        nexts = [callback.next_after(here) for callback in self.callbacks]
        return min((at - here for at in nexts if at is not None), default=math.inf)

    # --- calls of some steps ---------------------------------------------------------------------

    def _next_call(self, epoch: int, step: int) -> tuple[int, int, int]:
        """Return epoch, first step and number of steps of the call at a position."""
        if step >= self._steps_per_epoch:
            epoch, step = epoch + 1, 0
        full = len(self._data.train) // self._size
        if step >= full:  # a smaller batch is a call of its own
            return epoch, step, 1
        most = min(self.compiled.plan.steps_per_call, full - step)
        return epoch, step, int(min(most, self._steps_to_callback(epoch, step)))

    def _train_steps(self) -> Iterator[events.Event]:
        began, position = time.perf_counter(), self.position
        epoch, step, count = self._next_call(position.epoch, position.step_in_epoch)
        portion = self._feed.portion(epoch, step, count)
        self._call_back(portion)
        before = self.state
        after, measured = self.compiled.steps(before, portion, count)
        upcoming = self._next_call(epoch, step + count)
        if upcoming[0] < self._epochs:
            self._feed.prepare(*upcoming)
        if np.isfinite(np.asarray(measured.objective)).all() and all_finite(after.parameters):
            self.state = after
            self.compiled.give_back(before)
        else:
            measured = self._until_not_finite(before, portion, count)
        yield from self._took(measured, portion.size, time.perf_counter() - began)

    def _took(self, measured: Measured, size: int, seconds: float) -> Iterator[events.Event]:
        """Add steps of the current epoch to its sums; yields what has happened."""
        position, (losses, errors) = self.position, map(np.asarray, measured)
        position.objective += float(losses.sum(dtype=np.float64)) * size
        position.error += float(errors.sum(dtype=np.float64))
        if len(losses):
            yield self._steps_done(losses, seconds)
        if self.non_finite is not None:
            yield self.non_finite
        elif position.step_in_epoch == self._steps_per_epoch:
            yield self._end_epoch()

    def _end_epoch(self) -> events.EpochDone:
        began, position = time.perf_counter(), self.position
        objective = metric = position.objective / len(self._data.train)
        score = None
        if self._data.dev is not None:
            arrays = self.compiled.algorithm.evaluated(self.state)
            score = score_split(self.compiled, arrays, self._data.dev, self._dev)
            objective, metric = score.objective, score.error
        metrics, before, watched = self._measured(), self.state, None
        if self._monitor is not None:
            watched = self._monitor.watched(score, metrics)
        self.state, rate = self.compiled.end_epoch(before, metric, objective, watched)
        self.compiled.give_back(before)
        position.seconds += time.perf_counter() - began
        done = self._epoch_done(score, float(rate), metrics)
        if watched is not None:
            position.development_error = watched
        return done

    def _measured(self) -> dict[str, float]:
        """Return what the algorithm measures, and the metrics of the development examples."""
        dev, found = self._data.dev, {}
        if isinstance(self.compiled.algorithm, MeasuresEpochs):
            found = self.compiled.measures(self.state, self._looked_at)
        if self._metrics is None or dev is None:
            return found
        arrays = self.compiled.algorithm.evaluated(self.state)
        outputs = outputs_of(self.compiled, arrays, dev, self._dev)
        return {**found, **self._metrics(outputs, dev.targets)}

    @functools.cached_property
    def _looked_at(self) -> Batch:
        """The examples that an algorithm measures its state on."""
        part = self._data.dev if self._data.dev is not None else self._data.train
        first: Batch = self.compiled.put(part.first(min(len(part), MEASURED)))
        return first

    # --- calls of whole epochs -------------------------------------------------------------------

    def _train_epochs(self, most: int) -> Iterator[events.Event]:
        began = time.perf_counter()
        position, compiled = self.position, self.compiled
        steps, first = self._steps_per_epoch, position.step_in_epoch
        end = (self._epochs - position.epoch) * steps
        to_callback = first + self._steps_to_callback(position.epoch, first)
        end = int(min(most * steps, end, to_callback))
        count = -(-end // steps)
        orders = self._feed.orders(position.epoch, count)
        padded = np.concatenate([orders, np.zeros((most - count, orders.shape[1]), np.int32)])
        placed = compiled.put(padded)
        before, data = self.state, self._feed.resident
        assert data is not None
        if self.callbacks:
            start = first * self._size
            self._call_back(
                Portion(data, placed[0], start, min(self._size, orders.shape[1] - start))
            )
        span = Span(first, end - (count - 1) * steps, count, self._begun())
        after, measured = compiled.epochs(before, data, self._dev, placed, span, self._size)
        measured = jax.device_get(measured)
        made = int(after.step) - position.step
        losses = np.ravel(measured.steps.objective)[first : first + made]
        if not (np.isfinite(losses).all() and all_finite(after.parameters)):
            yield from self._epochs_until_not_finite(before, data, orders)
            return
        self.state = after
        compiled.give_back(before)
        each = (time.perf_counter() - began) / made
        whole, left = int(after.epoch) - position.epoch, (first + made) % steps
        for e in range(whole):
            yield from self._epoch_trained(e, measured, each)
        if left:
            yield self._epoch_begun(Measured(*(x[whole, :left] for x in measured.steps)), each)

    def _begun(self) -> Measured:
        """Return what the steps taken of the current epoch measured, as columns of a call."""
        known = self.position.begun_objective, self.position.begun_error
        missing = self._steps_per_epoch - self.position.step_in_epoch
        return Measured(*(np.pad(np.asarray(column, np.float32), (0, missing)) for column in known))

    def _epoch_begun(self, measured: Measured, each: float) -> events.StepsDone:
        losses, errors = map(np.asarray, measured)
        new = losses[self.position.step_in_epoch :]
        self.position.begun_objective, self.position.begun_error = losses.tolist(), errors.tolist()
        return self._steps_done(new, each * len(new))

    def _epoch_trained(self, e: int, measured: Epochs, each: float) -> Iterator[events.Event]:
        position, N = self.position, len(self._data.train)
        losses, errors = (np.asarray(part[e]) for part in measured.steps)
        new = losses[position.step_in_epoch :]
        yield self._steps_done(new, each * len(new))
        sizes = np.full(len(losses), float(self._size))
        sizes[-1] = (N - 1) % self._size + 1
        position.objective = float(losses @ sizes)
        position.error = float(errors.sum(dtype=np.float64))
        score = None
        if self._data.dev is not None:
            n = len(self._data.dev)
            error = self.compiled.algorithm.finish(np.float64(measured.development.error[e]) / n)
            score = Score(float(measured.development.objective[e]) / n, float(error))
        yield self._epoch_done(score, float(measured.learning_rate[e]))

    # --- what has happened -----------------------------------------------------------------------

    def _steps_done(self, losses: Numbers, seconds: float) -> events.StepsDone:
        position = self.position
        position.step += len(losses)
        position.step_in_epoch += len(losses)
        position.seconds += seconds
        mean = float(losses.mean(dtype=np.float64))
        return events.StepsDone(position.step, position.epoch + 1, mean, seconds, losses)

    def _epoch_done(
        self, score: Score | None, rate: float, metrics: Mapping[str, float] = NOTHING
    ) -> events.EpochDone:
        """End the epoch whose sums and seconds the position has."""
        position, N = self.position, len(self._data.train)
        error = float(self.compiled.algorithm.finish(np.float64(position.error / N)))
        event = events.EpochDone(
            epoch=position.epoch + 1,
            step=position.step,
            objective=position.objective / N,
            training_error=error,
            development_error=score.error if score is not None else None,
            development_objective=score.objective if score is not None else None,
            learning_rate=rate,
            seconds=position.seconds,
            examples_per_second=N / max(position.seconds, 1e-9),
            metrics=metrics,
        )
        position.epoch += 1
        position.step_in_epoch = 0
        position.objective = position.error = position.seconds = 0.0
        position.begun_objective = position.begun_error = ()
        position.development_error = event.development_error
        return event

    # --- when a number is not finite -------------------------------------------------------------

    def _epochs_until_not_finite(
        self, before: TrainState, data: Batch, orders: NDArray[np.int32]
    ) -> Iterator[events.Event]:
        """Train the epochs of a broken call again, step by step, up to the broken step."""
        self.state = before
        position, B = self.position, self._size
        full, rest = divmod(len(self._data.train), B)
        position.sum_begun(B)
        for order in orders:
            begun = position.step_in_epoch
            for start, count, size in ((begun * B, full - begun, B), (full * B, 1, rest)):
                if not count * size:
                    continue
                portion = Portion(data, self.compiled.put(order), start, size)
                measured = self._until_not_finite(self.state, portion, count)
                losses, errors = map(np.asarray, measured)
                position.begun_objective = [*position.begun_objective, *losses.tolist()]
                position.begun_error = [*position.begun_error, *errors.tolist()]
                yield from self._took(measured, size, 0.0)
                if self.non_finite is not None:
                    return
        raise RunError(
            "a loss was not finite, and was finite when the same steps were taken again",
            fix="check the memory and the cooling of the machine",
        )

    def _until_not_finite(self, before: TrainState, portion: Portion, count: int) -> Measured:
        """Make a call again, guarded: the state is then the last one that was finite."""
        compiled = self.compiled
        self.state, measured = compiled.steps(before, portion, count, guarded=True)
        made = int(self.state.step) - int(before.step)
        if made < count:
            batch = compiled.on_host(portion, made)
            state, frozen = backend.fetch((self.state, compiled.frozen))
            state, frozen, batch, key = jax.device_put(
                (state, frozen, batch, compiled.own_key), compiled.placement.first_device
            )
            place, cause, *mend = compiled.algorithm.find_origin(state, frozen, batch, key)
            step, epoch = int(self.state.step) + 1, self.position.epoch + 1
            self.non_finite = events.NonFinite(step, epoch, place, cause, *mend)
        return Measured(*(np.asarray(part)[:made] for part in measured))

    # --- checkpoints -----------------------------------------------------------------------------

    def _checkpoint_is_due(self) -> bool:
        if self._checkpoint_every is not None:
            every = self._checkpoint_every
            return self.position.step // every > self._saved_step // every
        wait = max(CHECKPOINT_SECONDS, self._save_seconds / CHECKPOINT_FRACTION)
        return processes.is_first() and time.perf_counter() - self._saved_at > wait

    def _checkpoint(self, folder: RunFolder) -> events.Checkpointed:
        began, position = time.perf_counter(), self.position
        error, best = position.development_error, position.best_error
        if position.step_in_epoch == 0 and error is not None and (best is None or error < best):
            position.best_step, position.best_error = position.step, error
        folder.sync()
        name = folder.checkpoints.add(self.state, position)
        self._saved_at = time.perf_counter()
        self._save_seconds, self._saved_step = self._saved_at - began, position.step
        return events.Checkpointed(position.step, name)
