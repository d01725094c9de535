"""A run and its three curves.

Shape letters: E epochs.
"""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from clearprop import elsewhere, nn
from clearprop.arguments import known_arguments
from clearprop.data import Dataset, Preprocessor
from clearprop.display import Shown, report_of
from clearprop.elsewhere import unknown_attribute
from clearprop.errors import ConfigurationError
from clearprop.nn.recording import LossLike
from clearprop.training.evaluation import Evaluation
from clearprop.training.events import (
    EpochDone,
    EpochsDone,
    Logged,
    NonFinite,
    Stopped,
    metrics_of,
)
from clearprop.training.learning import Learning
from clearprop.training.metrics import Metrics
from clearprop.training.predictor import Predictor, predictor_of
from clearprop.training.recording.recordings import Recordings, read_recordings
from clearprop.training.run_config import first_step, read_config
from clearprop.training.run_folder import LOSSES, RECORDINGS, read_events, read_losses
from clearprop.training.weights import ClassWeight


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """What was measured after every epoch; an array of each, (E,), NaN where there is nothing.

    Attributes:
        epoch: number of the epoch, from 1.
        step: training steps made.
        objective: mean training loss of the epoch.
        training_error: fraction of wrong predictions, or root mean square error, during the epoch.
        development_error: the same of the development examples after it.
        development_objective: their mean loss.
        learning_rate: of the update to come.
        seconds: how long the epoch took.
        metrics: those of the development examples that were asked for, by name, (E,) each.
    """

    epoch: NDArray[np.int64]
    step: NDArray[np.int64]
    objective: NDArray[np.float64]
    training_error: NDArray[np.float64]
    development_error: NDArray[np.float64]
    development_objective: NDArray[np.float64]
    learning_rate: NDArray[np.float64]
    seconds: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Logged]) -> History:
        """Return the history that events describe.

        >>> point = EpochDone(1, 10, 0.7, 0.25, None, None, 0.1, 2.0, 50.0)
        >>> History.of([point]).training_error
        array([0.25])
        """
        names = [one.name for one in fields(cls) if one.name != "metrics"]
        columns: dict[str, list[Any]] = {name: [] for name in names}
        metrics: dict[str, list[float]] = {}
        for event in events:
            if isinstance(event, EpochDone):
                known: Mapping[str, Sequence[float]] = {k: [x] for k, x in event.metrics.items()}
                for name in names:
                    columns[name].append(getattr(event, name))
            elif isinstance(event, EpochsDone):
                known = metrics_of(event)
                for name in names:
                    columns[name] += event.columns[name]
            else:
                continue
            count = len(columns["epoch"])
            for name in {**metrics, **known}:
                column = metrics.setdefault(name, [])
                before = count - (len(known[name]) if name in known else 0)
                column += [math.nan] * (before - len(column))
                column += known.get(name, ())
        return cls(
            **{name: _column(name, values) for name, values in columns.items()},
            metrics={name: _column(name, values) for name, values in metrics.items()},
        )

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        if not len(self):
            return "<History of no epoch>"
        names = ("objective", "training_error", "development_error", "development_objective")
        last = {name.replace("_", " "): float(getattr(self, name)[-1]) for name in names}
        last |= {name: float(column[-1]) for name, column in self.metrics.items()}
        said = ", ".join(f"{name} {x:.4g}" for name, x in last.items() if not math.isnan(x))
        return f"<History of {len(self)} epochs, at the end: {said}>"

    def as_csv(self) -> str:
        """Return the curves as a table: a header and one row per epoch."""
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        columns |= columns.pop("metrics")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            writer.writerow("" if isinstance(x, float) and math.isnan(x) else x for x in row)
        return text.getvalue()


def _column(name: str, values: Sequence[Any]) -> NDArray[Any]:
    if name in ("epoch", "step"):
        return np.array(values, np.int64)
    # None becomes NaN.
    return np.array(values, np.float64)


class Machine(Protocol):
    """Goes back to the states of a run that were kept."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps at which the state was kept, in their order."""

    def at(self, step: int) -> nn.Module:
        """Return the model as it was after so many steps."""

    def fork(self, step: int, **changed: object) -> Run:
        """Train on from there, with something changed."""


@dataclass(frozen=True, eq=False)
class Run(Shown):
    """The result of a run.

    Attributes:
        model: the trained model: the best weights where they were kept, else the last (averaged
            where the optimizer averages).
        history: the three curves.
        losses: mean loss of every step's batch, float32 (steps,).
        stopped: why the run ended: "finished", "early", "interrupted" or "non-finite".
        non_finite: where a loss or gradient stopped being finite, if one did.
        config: what the run was asked for when it began.
        preprocessor: turns raw inputs into the model's; None where plain arrays were given.
        folder: where the run was written; None where it was not.
        recordings: what was recorded from inside; None where nothing was.
        machine: goes back to the states that were kept; None where none were.
        loss: that was minimized, without label smoothing.
        algorithm: that trained the model; None for supervised learning.
    """

    model: nn.Module
    history: History
    losses: NDArray[np.float32]
    stopped: Stopped
    non_finite: NonFinite | None
    config: Mapping[str, Any]
    preprocessor: Preprocessor | None
    folder: Path | None
    recordings: Recordings | None = None
    machine: Machine | None = None
    loss: nn.Loss | None = None
    algorithm: Learning | None = None

    @property
    def first_step(self) -> int:
        """The step at which the run began: of a fork that at which it left its parent.

        ``losses[i]`` is that of step ``first_step + i``.
        """
        return first_step(self.config)

    @property
    def predictor(self) -> Predictor:
        """The model with its preparation and its loss: it takes raw examples."""
        return predictor_of(self)

    @known_arguments("predict", elsewhere.EVALUATION)
    def predict(self, x: object) -> NDArray[Any]:
        """Return the outputs of the network for raw examples, (N, ...); see `Predictor.predict`.

        >>> from clearprop import training
        >>> data = np.eye(4, dtype=np.float32), np.arange(4)
        >>> run = training.fit(nn.Linear(4, 4), data, epochs=1, progress=False)
        >>> run.predict(np.eye(4)).shape
        (4, 4)
        """
        return self.predictor.predict(x)

    def probabilities(self, x: object) -> NDArray[np.float64]:
        """Return the probability of each class for raw examples, (N, K).

        Raises:
            ModelError: the model is no classifier whose loss has probabilities.
        """
        return self.predictor.probabilities(x)

    def labels(self, x: object) -> NDArray[Any]:
        """Return the predicted class of each raw example, (N,): its name where classes have names.

        Raises:
            ModelError: the model is no classifier.
        """
        return self.predictor.labels(x)

    def __getattr__(self, name: str) -> NoReturn:
        """An error; a word of another library is answered with ours."""
        raise unknown_attribute("a run", name, vars(type(self)), elsewhere.RUN_ATTRIBUTES, "")

    @known_arguments("evaluate", elsewhere.EVALUATION)
    def evaluate(
        self,
        data: Dataset | tuple[object, object],
        loss: LossLike | None = None,
        *,
        metrics: Metrics = (),
        class_weight: ClassWeight | None = None,
        sample_weight: object = None,
        ignore_index: int | None = None,
        pos_weight: object = None,
    ) -> Evaluation:
        """Return how the model does on raw or prepared examples; see `Predictor.evaluate`."""
        return self.predictor.evaluate(
            data,
            loss,
            metrics=metrics,
            class_weight=class_weight,
            sample_weight=sample_weight,
            ignore_index=ignore_index,
            pos_weight=pos_weight,
        )

    def report(self, data: object = None, path: Path | str | None = None, **options: Any) -> Path:
        """Write the report of the run as one HTML file, and return its path.

        Args:
            data: the ``Splits`` of the run, one of their parts, or ``(inputs, targets)``.
            path: of the file; by default ``report.html`` in the run's folder.
            options: of `clearprop.glass.write_report`, which says what a report shows.

        Raises:
            ConfigurationError: the run has no folder, and no path is given.
            RunError: the disk is full.
        """
        return report_of(self, data, path, **options)

    def at(self, step: int) -> nn.Module:
        """Return the model as it was after so many steps, where that state was kept.

        Raises:
            ConfigurationError: it was not (``fit(..., snapshots=[...])`` keeps it); those nearest
                to it are named.

        >>> from clearprop import training
        >>> data = np.eye(4, dtype=np.float32), np.arange(4)
        >>> run = training.fit(nn.Linear(4, 4), data, epochs=5, snapshots=[0, 3], progress=False)
        >>> run.at(3).weight.shape
        (4, 4)
        """
        return self._back().at(step)

    def fork(self, step: int, **changed: object) -> Run:
        """Train on from a state that was kept, with something changed, as a new run.

        With nothing changed it is this run from that step on, bit for bit.

        Args:
            step: of the state.
            changed: arguments of `fit` (``epochs`` is the end of the whole, ``folder`` the fork's
                own), options of the optimizer such as ``learning_rate`` or ``beta1``, and
                ``dropout``, the rate of every `nn.Dropout`.

        Raises:
            ConfigurationError: that state was not kept, an unknown name, or nothing is left to do.
        """
        return self._back().fork(step, **changed)

    def history_with(self, *forks: Run) -> dict[str, History]:
        """Return the curves of this run and of its forks, by what was changed in them.

        Forks with the same change get numbers: "... (2)" is the second of them.
        """
        found = {"as it was": self.history}
        seen = Counter[str]()
        for fork in forks:
            seen[fork.change] += 1
            number = f" ({seen[fork.change]})" if seen[fork.change] > 1 else ""
            found[fork.change + number] = fork.history
        return found

    @property
    def change(self) -> str:
        """What a fork changed, and where, in words."""
        parent = self.config.get("parent") or {}
        changes = parent.get("changed", {})
        parts = [
            part
            for name, (old, new) in changes.items()
            for part in _changes(name.rpartition(".")[2], old, new)
        ]
        return f"{', '.join(parts) or 'nothing changed'} from step {self.first_step:,} on"

    def _back(self) -> Machine:
        if self.machine is None:
            raise ConfigurationError(
                "no state of this run was kept on the way",
                fix="fit(..., snapshots=[...]) keeps it at these steps",
            )
        return self.machine

    def __repr__(self) -> str:
        error = ""
        if len(self.history):
            known = np.nan_to_num(self.history.development_error, nan=math.inf)
            error = f", development error {known.min():.4g}" if np.isfinite(known).any() else ""
            error = f", training error {self.history.training_error[-1]:.4g}{error}"
        where = f", in {self.folder}" if self.folder else ""
        return f"<Run {self.stopped.reason} after {self.stopped.epoch} epochs{error}{where}>"


@dataclass(frozen=True, eq=False)
class RunRecord:
    """What a run folder contains, without its weights; the run may still go on, or was killed.

    Attributes:
        config: what the run was asked for when it began.
        events: what happened; epochs that took a moment only are together in an `EpochsDone`.
        history: the three curves.
        losses: mean loss of every step's batch, float32 (steps,).
        recordings: what was recorded from inside; None where nothing was.
    """

    config: Mapping[str, Any]
    events: list[Logged]
    history: History
    losses: NDArray[np.float32]
    recordings: Recordings | None = None

    @property
    def first_step(self) -> int:
        """The step at which the run began: of a fork that at which it left its parent."""
        return first_step(self.config)


def read_run(folder: Path | str) -> RunRecord:
    """Return what a run folder contains.

    Raises:
        RunError: there is no run in the folder.
    """
    path = Path(folder)
    config, events, losses = read_config(path), read_events(path), read_losses(path)
    made = max((event.step for event in events), default=0) - first_step(config)
    if len(losses) < made:
        warnings.warn(
            f"{path / LOSSES}: the losses of the last {made - len(losses):,} steps are missing",
            stacklevel=2,
        )
    return RunRecord(
        config,
        events,
        History.of(events),
        losses,
        read_recordings(path / RECORDINGS),
    )


def _changes(name: str, old: Any, new: Any) -> list[str]:
    """Return the changed values in words; of nested values only those that differ.

    >>> _changes("rate", {"name": "cosine", "final": 0.1}, {"name": "cosine", "final": 1.0})
    ['final 1.0']
    """
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in new if old.get(key) != new[key]]
        return [part for key in keys for part in _changes(key, old.get(key), new[key])]
    return [f"{name} {new}"]
