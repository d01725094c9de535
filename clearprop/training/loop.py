"""The loop of a run: compiled calls in, typed events out.

Shape letters: N examples, B batch, E passes of a call.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from clearprop.errors import RunError
from clearprop.training import events as told
from clearprop.training.calls import Calls, Span, all_finite
from clearprop.training.evaluation import Judged, judge_part
from clearprop.training.feed import Feed, Portion, on_devices
from clearprop.training.folder import RunFolder
from clearprop.training.material import Material
from clearprop.training.nonfinite import find_origin
from clearprop.training.problem import Batch, Measured
from clearprop.training.state import State

CHECKPOINT_SECONDS = 10.0
CHECKPOINT_SHARE = 0.02
"""A checkpoint comes when its writing takes at most this part of the time since the last one."""


@dataclass
class Place:
    """Where in a run one is: what a checkpoint records beside the arrays.

    Attributes:
        step: training steps made.
        epoch: whole passes made.
        step_in_epoch: training steps made of the pass under way.
        objective: sum over the examples of that pass.
        error: the same of the errors.
        seconds: the time that it took so far.
        development_error: after the last whole pass.
        best_step: of the checkpoint with the lowest development error.
        best_error: that error.
        begun_objective: of a pass that is one of many in a call, the steps made so far.
        begun_error: likewise.
    """

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    objective: float = 0.0
    error: float = 0.0
    seconds: float = 0.0
    development_error: float | None = None
    best_step: int | None = None
    best_error: float | None = None
    begun_objective: Sequence[float] = ()
    begun_error: Sequence[float] = ()


class Ahead(NamedTuple):
    """The step that comes next: its examples are those of the order from the start on.

    Attributes:
        data: the examples, on the devices.
        order: int32, the rows of the data in their order.
        start: where in the order the step begins.
        size: its examples.
    """

    data: Batch
    order: Any
    start: int
    size: int


class Stop(Protocol):
    """What looks at the state of a run before some of its steps; calls are cut there."""

    def next_after(self, step: int) -> int | None:
        """Return the next step, after this one, before which to look; None where there is none."""

    def visit(self, state: State, place: Place, ahead: Ahead | None) -> None:
        """Look, if this is a place to do so; ``ahead`` is None where the run has ended."""


class Loop:
    """A run under way.

    Args:
        calls: the compiled calls.
        material: the examples.
        state: before the first call.
        epochs: passes wanted.
        batch_size: B.
        seed: of the orders.
        folder: takes the checkpoints, if there is one.
        checkpoint_every: steps after which a checkpoint is due; None goes by time.
        interrupted: says whether to stop after the call under way.

    Attributes:
        stops: what looks at the state on the way.
    """

    def __init__(
        self,
        calls: Calls,
        material: Material,
        state: State,
        *,
        epochs: int,
        batch_size: int,
        seed: int,
        folder: RunFolder | None = None,
        checkpoint_every: int | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.calls = calls
        self.state: State = calls.place(state)
        self.place = Place()
        self.epochs = epochs
        self._material = material
        self._size = batch_size
        self._feed = Feed(material.train, calls, batch_size, seed)
        dev = material.dev
        self._dev = on_devices(dev, calls) if dev is not None and not dev.streamed else None
        self._folder = folder
        self._checkpoint_every = checkpoint_every
        self._interrupted = interrupted
        self.stops: list[Stop] = []
        self._offset = 0
        self._saved_at, self._saved_step, self._save_seconds = time.perf_counter(), 0, 0.0
        self._rate = 0.0
        self.non_finite: told.NonFinite | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Steps of a pass; the last may have fewer examples."""
        return -(-len(self._material.train) // self._size)

    def restore(self, state: State, record: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.state = state
        self.place = place = Place(**record)
        self._saved_step = place.step
        self._offset = place.step - place.epoch * self.steps_per_epoch - place.step_in_epoch

    def __iter__(self) -> Iterator[told.Event]:
        """Make the run; yields its events as they happen.

        Whoever reads them may stop reading: the state is whole after every event.

        Raises:
            RunError: a checkpoint cannot be written.
        """
        yield self._started()
        reason = self._reason()
        while reason is None:
            passes = self.calls.plan.epochs_per_call
            yield from self._passes(passes) if passes else self._steps()
            reason = self._reason()
            if self._folder is not None and (reason is not None or self._is_due()):
                yield self._checkpoint(self._folder)
        self._visit(None)
        judge = self.state.judge
        best = int(judge.epoch) if judge.kept is not None else 0
        yield told.Stopped(reason, self.place.step, self.place.epoch, best or None)

    def _reason(self) -> str | None:
        if self.non_finite is not None:
            return "non-finite"
        if bool(self.state.judge.stopped):
            return "early"
        if self.place.epoch >= self.epochs:
            return "finished"
        return "interrupted" if self._interrupted() else None

    def _started(self) -> told.RunStarted:
        material = self._material
        return told.RunStarted(
            step=self.place.step,
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            batch_size=self._size,
            examples=len(material.train),
            development_examples=len(material.dev) if material.dev is not None else 0,
            parameters=sum(x.size for x in self.state.parameters.values()),
            devices=self.calls.plan.devices,
            task=self.calls.problem.loss.task,
        )

    # --- looking at the state on the way -------------------------------------------------------

    def _visit(self, ahead: Ahead | None) -> None:
        for stop in self.stops:
            stop.visit(self.state, self.place, ahead)

    def _until_stop(self, epoch: int, step: int) -> float:
        """Return how many steps there are from a place to the next stop."""
        here = self._offset + epoch * self.steps_per_epoch + step
        stops = [stop.next_after(here) for stop in self.stops]
        return min((at - here for at in stops if at is not None), default=math.inf)

    # --- calls of some steps ---------------------------------------------------------------------

    def _next_call(self, epoch: int, step: int) -> tuple[int, int, int, int]:
        """Return pass, first step, number of steps and batch size of the call at a place."""
        if step >= self.steps_per_epoch:
            epoch, step = epoch + 1, 0
        full, rest = divmod(len(self._material.train), self._size)
        if step < full:
            most = min(self.calls.plan.steps_per_call, full - step)
            return epoch, step, int(min(most, self._until_stop(epoch, step))), self._size
        return epoch, step, 1, rest

    def _steps(self) -> Iterator[told.Event]:
        began = time.perf_counter()
        epoch, step, count, size = self._next_call(self.place.epoch, self.place.step_in_epoch)
        portion = self._feed.portion(epoch, step, count)
        self._visit(Ahead(*portion, size))
        before = self.state
        after, measured = self.calls.steps(before, *portion, count, size)
        upcoming = self._next_call(epoch, step + count)
        if upcoming[0] < self.epochs:
            self._feed.prepare(*upcoming[:3])
        losses, errors = np.asarray(measured.objective), np.asarray(measured.error)
        if not (np.isfinite(losses).all() and all_finite(after.parameters)):
            losses, errors = self._break(before, portion, epoch, count, size)
        else:
            self.state = after
            self.calls.give_back(before)
        place = self.place
        place.step += len(losses)
        place.step_in_epoch = step + len(losses)
        place.objective += float(losses.sum(dtype=np.float64)) * size
        place.error += float(errors.sum(dtype=np.float64))
        seconds = time.perf_counter() - began
        place.seconds += seconds
        if len(losses):
            yield told.StepsDone(
                place.step, epoch + 1, float(losses.mean(dtype=np.float64)), seconds, losses
            )
        if self.non_finite is not None:
            yield self.non_finite
        elif place.step_in_epoch == self.steps_per_epoch:
            yield self._end_epoch()

    def _end_epoch(self) -> told.EpochDone:
        began = time.perf_counter()
        place, problem = self.place, self.calls.problem
        N = len(self._material.train)
        objective = metric = place.objective / N
        development = None
        if self._material.dev is not None:
            development = self._judged()
            objective, metric = development.objective, development.error
        before = self.state
        self.state, rate = self.calls.end_epoch(before, metric, objective)
        self.calls.give_back(before)
        self._rate = float(rate)
        seconds = place.seconds + time.perf_counter() - began
        event = self._epoch_done(
            place.objective / N,
            float(problem.loss.finish(np.float64(place.error / N))),
            development,
            seconds,
        )
        place.objective = place.error = place.seconds = 0.0
        return event

    def _judged(self) -> Judged:
        assert self._material.dev is not None
        arrays = self.calls.problem.evaluation(self.state)
        return judge_part(self.calls, arrays, self._material.dev, self._dev)

    def _epoch_done(
        self, objective: float, error: float, development: Judged | None, seconds: float
    ) -> told.EpochDone:
        place = self.place
        place.epoch += 1
        place.step_in_epoch = 0
        place.begun_objective = place.begun_error = ()
        place.development_error = development.error if development is not None else None
        return told.EpochDone(
            epoch=place.epoch,
            step=place.step,
            objective=objective,
            training_error=error,
            development_error=place.development_error,
            development_objective=development.objective if development is not None else None,
            learning_rate=self._rate,
            seconds=seconds,
            examples_per_second=len(self._material.train) / max(seconds, 1e-9),
        )

    # --- calls of whole passes -------------------------------------------------------------------

    def _passes(self, most: int) -> Iterator[told.Event]:
        began = time.perf_counter()
        place, calls = self.place, self.calls
        steps, first = self.steps_per_epoch, place.step_in_epoch
        end = (self.epochs - place.epoch) * steps
        end = int(min(most * steps, end, first + self._until_stop(place.epoch, first)))
        count = -(-end // steps)
        orders = self._feed.orders(place.epoch, count)
        padded = np.concatenate([orders, np.zeros((most - count, orders.shape[1]), np.int32)])
        padded = calls.place(padded)
        before = self.state
        data = self._feed.resident
        assert data is not None
        if self.stops:
            start = first * self._size
            size = min(self._size, orders.shape[1] - start)
            self._visit(Ahead(data, padded[0], start, size))
        begun = self._begun()
        span = Span(first, end - (count - 1) * steps, count, begun)
        after, noted = calls.passes(before, data, self._dev, padded, span, self._size)
        noted = jax.device_get(noted)
        made = int(after.step) - place.step
        losses = np.ravel(noted.steps.objective)[first : first + made]
        if not (np.isfinite(losses).all() and all_finite(after.parameters)):
            yield from self._passes_until_break(before, data, orders)
            return
        self.state = after
        calls.give_back(before)
        each = (time.perf_counter() - began) / made
        whole, left = int(after.epoch) - place.epoch, (first + made) % steps
        for e in range(whole):
            yield from self._pass_done(e, noted, each)
        if left:
            yield self._pass_begun(Measured(*(x[whole, :left] for x in noted.steps)), each)

    def _begun(self) -> Measured:
        """Return what the steps made of the pass under way measured, in a column of a call's."""
        columns = []
        for known in (self.place.begun_objective, self.place.begun_error):
            column = np.zeros(self.steps_per_epoch, np.float32)
            column[: len(known)] = known
            columns.append(column)
        return Measured(*columns)

    def _pass_begun(self, measured: Measured, each: float) -> told.StepsDone:
        place = self.place
        losses = measured.objective[place.step_in_epoch :]
        place.step += len(losses)
        place.step_in_epoch += len(losses)
        place.begun_objective = measured.objective.tolist()
        place.begun_error = measured.error.tolist()
        seconds = each * len(losses)
        place.seconds += seconds
        mean = float(losses.mean(dtype=np.float64))
        return told.StepsDone(place.step, place.epoch + 1, mean, seconds, losses)

    def _pass_done(self, e: int, noted: Any, each: float) -> Iterator[told.Event]:
        losses, errors = noted.steps.objective[e], noted.steps.error[e]
        N, place, finish = len(self._material.train), self.place, self.calls.problem.loss.finish
        sizes = np.full(len(losses), float(self._size))
        sizes[-1] = (N - 1) % self._size + 1
        development = None
        if self._material.dev is not None:
            n = len(self._material.dev)
            error = float(finish(np.float64(noted.development.error[e]) / n))
            development = Judged(float(noted.development.objective[e]) / n, error)
        new = losses[place.step_in_epoch :]
        place.step += len(new)
        self._rate = float(noted.learning_rate[e])
        objective = float(losses @ sizes) / N
        mean = float(new.mean(dtype=np.float64))
        seconds = each * len(new)
        yield told.StepsDone(place.step, place.epoch + 1, mean, seconds, new)
        error = float(finish(np.float64(errors.sum(dtype=np.float64) / N)))
        seconds += place.seconds
        place.seconds = 0.0
        yield self._epoch_done(objective, error, development, seconds)

    # --- when something is not finite ------------------------------------------------------------

    def _passes_until_break(self, before: State, data: Batch, orders: Any) -> Iterator[told.Event]:
        """Make the passes of a broken call again, step by step, up to the break."""
        self.state = before
        place, B = self.place, self._size
        full, rest = divmod(len(self._material.train), B)
        place.objective = B * float(np.sum(place.begun_objective))
        place.error = float(np.sum(place.begun_error))
        for order in orders:
            begun = place.step_in_epoch
            for start, count, size in ((begun * B, full - begun, B), (full * B, 1, rest)):
                if not count * size:
                    continue
                portion = Portion(data, self.calls.place(order), start)
                losses, errors = self._break(self.state, portion, place.epoch, count, size)
                place.step += len(losses)
                place.step_in_epoch += len(losses)
                place.begun_objective = [*place.begun_objective, *losses.tolist()]
                place.begun_error = [*place.begun_error, *errors.tolist()]
                place.objective += float(losses.sum(dtype=np.float64)) * size
                place.error += float(errors.sum(dtype=np.float64))
                if len(losses):
                    mean = float(losses.mean(dtype=np.float64))
                    yield told.StepsDone(place.step, place.epoch + 1, mean, 0.0, losses)
                if self.non_finite is not None:
                    yield self.non_finite
                    return
            yield self._end_epoch()
        raise RunError(
            "a loss was not finite, and was finite when the same steps were made again",
            fix="check the memory and the cooling of the machine",
        )

    def _break(
        self, before: State, portion: Portion, epoch: int, count: int, size: int
    ) -> tuple[Any, Any]:
        """Make a call again, guarded: the state is then the last one that was finite."""
        self.state, measured = self.calls.steps(before, *portion, count, size, guarded=True)
        made = int(self.state.step) - int(before.step)
        measured = Measured(*(np.asarray(part) for part in measured))
        if made < count:
            start = portion.start + made * size
            rows = np.asarray(portion.order)[start : start + size]
            batch = Batch(*(np.asarray(part)[rows] for part in portion.data))
            calls = self.calls
            here = calls.mesh.devices.ravel()[0]
            state, frozen, batch, key = jax.device_put(
                (self.state, calls.frozen, batch, calls.key), here
            )
            origin = find_origin(calls.problem, state, frozen, batch, key)
            self.non_finite = told.NonFinite(
                int(self.state.step) + 1, epoch + 1, origin.place, origin.cause
            )
        return measured.objective[:made], measured.error[:made]

    # --- checkpoints -----------------------------------------------------------------------------

    def _is_due(self) -> bool:
        if self._checkpoint_every is not None:
            every = self._checkpoint_every
            return self.place.step // every > self._saved_step // every
        wait = max(CHECKPOINT_SECONDS, self._save_seconds / CHECKPOINT_SHARE)
        return time.perf_counter() - self._saved_at > wait

    def _checkpoint(self, folder: RunFolder) -> told.Checkpointed:
        began = time.perf_counter()
        place = self.place
        error, best = place.development_error, place.best_error
        if place.step_in_epoch == 0 and error is not None and (best is None or error < best):
            place.best_step, place.best_error = place.step, error
        folder.sync()
        name = folder.checkpoints.save(self.state, asdict(place), place.best_step)
        self._saved_at = time.perf_counter()
        self._save_seconds, self._saved_step = self._saved_at - began, place.step
        return told.Checkpointed(place.step, name)
