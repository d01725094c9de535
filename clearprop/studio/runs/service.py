"""What the studio answers about runs: the list at once, heavy work in a thread of its own."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from clearprop.errors import unknown_name
from clearprop.studio.problems import RequestError
from clearprop.studio.runs.compare import comparison_of
from clearprop.studio.runs.curves import curves_frame, seconds_at
from clearprop.studio.runs.damage import DamageCheck
from clearprop.studio.runs.detail import detail_of, facts_of
from clearprop.studio.runs.diagnosis import diagnose_folder, trained_in
from clearprop.studio.runs.films.catalog import model_steps
from clearprop.studio.runs.films.episodes import episode_frame
from clearprop.studio.runs.films.kept import KeptStates
from clearprop.studio.runs.films.machines import machine_frame
from clearprop.studio.runs.films.maps import map_frame
from clearprop.studio.runs.films.models import RunFacts, RunModels
from clearprop.studio.runs.films.passes import pass_frame
from clearprop.studio.runs.films.recorded import arrays_frame, statistics_frame
from clearprop.studio.runs.films.samples import samples_frame
from clearprop.studio.runs.films.weights import weights_frame
from clearprop.studio.runs.library import RunLibrary
from clearprop.studio.runs.messages import (
    RunComparison,
    RunDetail,
    RunDiagnosis,
    RunList,
    RunSummary,
)
from clearprop.studio.runs.place import REPORT
from clearprop.studio.runs.reader import RunReader

MOST_MODELS = 4
"""So many runs stay in memory with their data."""

MOST_FRAMES = 64 * 2**20
"""So many bytes of frames stay in memory."""

MOST_WAITING = 8
"""So many requests wait for heavy work; others are told to come later."""

PATIENCE = 10.0
"""Seconds that an answer may take; longer work answers that it is not ready."""

FORGOTTEN = 60.0
"""After so many seconds nobody waits for an answer any more; the page asks again much sooner."""

Result = TypeVar("Result")


@dataclass
class _AskedDiagnosis:
    """A diagnosis that is being made, or was made.

    Attributes:
        reader: of the run.
        version: of the run when it was asked for.
        future: has it, when it is made.
        was_told: whether someone has got it.
        asked: when it was asked for last, in seconds.
    """

    reader: RunReader
    version: int
    future: Future[RunDiagnosis]
    was_told: bool = False
    asked: float = field(default_factory=time.monotonic)

    def answers(self, reader: RunReader, version: int) -> bool:
        """Say whether who asks now gets this one: it is the newest, or the run is live.

        Of a live run no diagnosis would ever be the newest, if each change began another one.
        """
        if self.reader is not reader or self.future.cancelled():
            return False
        if self.version == version:
            return True
        if reader.holder is None or self.was_told or time.monotonic() - self.asked > FORGOTTEN:
            return False
        return not self.future.done() or self.future.exception() is None


class RunService:
    """Answers about the runs below a folder.

    Args:
        folder: of the runs; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.library = RunLibrary(folder)
        self._states = KeptStates()
        self._damage = DamageCheck()
        self._models: OrderedDict[Hashable, RunModels] = OrderedDict()
        self._frames: OrderedDict[Hashable, bytes] = OrderedDict()
        self._diagnoses: dict[tuple[str, bool], _AskedDiagnosis] = {}
        self._waiting = threading.Semaphore(MOST_WAITING)
        self._guard = threading.Lock()
        # One thread for each: a compiled call takes all cores, and a picture is not to wait for a
        # diagnosis.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="studio films")
        self._doctor = ThreadPoolExecutor(1, thread_name_prefix="studio diagnosis")

    def changes(self, since: int = 0) -> RunList:
        """Return the runs that have changed after a version of the list."""
        return self.library.changes(since)

    def curves(self, name: str) -> bytes:
        """Return the frame "curves" of a run."""
        with self.library.lock:
            reader, summary = self.library.reader(name), self.library.summary(name)
            return curves_frame(reader, summary.version, self._seconds_before(summary))

    def _seconds_before(self, fork: RunSummary) -> float:
        """Return how long the run that a fork left had been trained then, with its own parents."""
        seconds, passed = 0.0, {fork.name}
        while fork.parent is not None and fork.left_at is not None and fork.parent not in passed:
            seconds += seconds_at(self.library.reader(fork.parent).history, fork.left_at)
            passed.add(fork.parent)
            fork = self.library.summary(fork.parent)
        return seconds

    def detail(self, name: str) -> RunDetail:
        """Return one run in full."""
        with self.library.lock:
            reader, summary = self.library.reader(name), self.library.summary(name)
            return detail_of(self._states, reader, summary, self.library.changes().runs)

    def damage(self, name: str) -> list[str]:
        """Return which of the larger files of a run are damaged."""
        return self._damage(self.library.reader(name).place)

    def compare(self, names: Sequence[str]) -> RunComparison:
        """Return several runs side by side."""
        with self.library.lock:
            readers = [self.library.reader(name) for name in dict.fromkeys(names)]
            for reader in readers:
                if reader.problem is not None:
                    raise reader.problem
            summaries = [self.library.summary(reader.place.name) for reader in readers]
            return comparison_of(readers, summaries)

    def report(self, name: str) -> Path:
        """Return the report file of a run.

        Raises:
            RequestError: it has none.
        """
        path = self.library.reader(name).place.inside(REPORT)
        if not path.is_file():
            raise RequestError(
                404, "the run has no report", fix=f"clearprop report {shlex.quote(name)}"
            )
        return path

    # --- heavy work -------------------------------------------------------------------------------

    def diagnosis(self, name: str, with_data: bool) -> RunDiagnosis:
        """Return the diagnosis of a run, or that it is not ready.

        A live run changes while its diagnosis is made, so that may be one of an earlier version.

        Args:
            name: of the run.
            with_data: whether the examples are looked at too, which takes longer.
        """
        with self.library.lock:
            reader = self.library.reader(name)
            version, trained, facts = reader.version, trained_in(reader), facts_of(reader)
        if reader.problem is not None:
            raise reader.problem

        def work() -> RunDiagnosis:
            data, remark = None, ""
            if with_data:
                run = self._model_of(facts)
                experiment, remark = run.experiment, run.remark
                data = experiment.splits if experiment is not None else None
            return diagnose_folder(facts.place, trained, data, version, remark)

        with self._guard:
            known = self._diagnoses.get((name, with_data))
            if known is None or not known.answers(reader, version):
                if known is not None:
                    known.future.cancel()
                known = _AskedDiagnosis(reader, version, self._doctor.submit(work))
                self._diagnoses[name, with_data] = known
            known.asked = time.monotonic()
        # It is cancelled where a newer one was asked for.
        with contextlib.suppress(TimeoutError, CancelledError):
            found = known.future.result(PATIENCE)
            known.was_told = True
            return found
        return RunDiagnosis(name, version, False, "", [], "", with_data, "")

    def frame(
        self, name: str, film: str, step: int, of: str = "", what: str = "value", example: int = 0
    ) -> bytes:
        """Return a frame of a film.

        Args:
            name: of the run.
            film: its kind.
            step: of the frame.
            of: what was chosen among the film's names.
            what: "value" or "error", of recorded arrays.
            example: of the data, or of the batch of a recorded step.

        Raises:
            RequestError: there is no such run or film.
            ClearpropError: the run cannot show this, or a file of it is damaged.
        """
        with self.library.lock:
            reader = self.library.reader(name)
            facts, version = facts_of(reader), reader.version
        makers = self._makers(facts, step, of, what, example)
        if film not in makers:
            raise unknown_name("film", film, makers)
        # A state that was kept stays as it is; what is recorded grows.
        grown = version if film in ("statistics", "arrays") else 0
        key = (name, _identity(facts), grown, film, step, of, what, example)
        with self._guard:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        frame = makers[film]()
        with self._guard:
            self._frames[key] = frame
            while len(self._frames) > 1 and sum(map(len, self._frames.values())) > MOST_FRAMES:
                self._frames.popitem(last=False)
        return frame

    def _makers(
        self, facts: RunFacts, step: int, of: str, what: str, example: int
    ) -> dict[str, Callable[[], bytes]]:
        place, config, trained = facts.place, facts.config, facts.last_trained

        def of_model(make: Callable[..., bytes], *given: Any) -> Callable[[], bytes]:
            return lambda: self._worked(lambda: make(self._model_of(facts), step, *given))

        def of_machine() -> bytes:
            last = model_steps(self._states, facts)[-1]
            return of_model(machine_frame, last)()

        return {
            "weights": lambda: weights_frame(self._states, place, config, of, step, trained),
            "statistics": lambda: statistics_frame(place, of),
            "arrays": lambda: arrays_frame(place, config, of, step, what, example),
            "pass": of_model(pass_frame, example),
            "map": of_model(map_frame),
            "samples": of_model(samples_frame),
            "machine": of_machine,
            "episode": of_model(episode_frame),
        }

    def _worked(self, work: Callable[[], bytes]) -> bytes:
        """Return what the worker's thread makes."""
        if not self._waiting.acquire(blocking=False):
            raise RequestError(503, "the studio is busy with other pictures", fix="ask again")
        try:
            return self._worker.submit(work).result()
        finally:
            self._waiting.release()

    def _model_of(self, facts: RunFacts) -> RunModels:
        """Return the models of a run."""
        key = (facts.place.root, facts.place.name, _identity(facts))
        with self._guard:
            if key not in self._models:
                self._models[key] = RunModels(facts, self._states)
                while len(self._models) > MOST_MODELS:
                    self._models.popitem(last=False)
            self._models.move_to_end(key)
            known = self._models[key]
            known.facts = facts  # a run that has ended meanwhile has a model
            return known

    def close(self) -> None:
        """End the threads after the work that they are doing."""
        for pool in (self._worker, self._doctor):
            pool.shutdown(wait=False, cancel_futures=True)


def _identity(facts: RunFacts) -> str:
    """Return what tells the runs apart that had the same folder one after the other."""
    return str(facts.config.get("checksum"))
