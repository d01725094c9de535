"""Runs as event files of TensorBoard: scalars, histograms of weights and error signals, pictures.

`TensorBoardLog` reads the events of a run while it goes, `export` writes those of a run that has
ended. Both need the library tensorboardX, with the extra ``tensorboard``; the page itself is
``tensorboard --logdir FOLDER``.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clearprop import nn, tree
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.glass.drawings.filters import KINDS, filters
from clearprop.glass.drawings.snapshots import snapshots_of
from clearprop.training import (
    Checkpointed,
    Event,
    NonFinite,
    RecordedArray,
    Recordings,
    Run,
    RunStarted,
    Stopped,
    load_model,
    read_run,
)
from clearprop.training.events import scalars_of
from clearprop.training.recording.observation import STATISTICS
from clearprop.training.recording.recordings import read_recordings
from clearprop.training.run import History
from clearprop.training.run_config import read_config
from clearprop.training.run_folder import CHECKPOINTS, FROZEN, MODEL, RECORDINGS, SNAPSHOTS
from clearprop.training.storage.checkpoint import StateFolder, load_arrays

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

PARAMETERS, RUNNING = "parameters.", "statistics."
"""What the paths of the parameters begin with in a checkpoint, and those of running statistics."""

MOST_LOSSES = 2000
"""So many means of the losses of steps are written of a run that has ended."""

FLUSH = 10
"""Seconds after which what was written is in the file at the latest."""

Arrays = Mapping[str, NDArray[Any]]
Steps = NDArray[np.int64]


class TensorBoardLog:
    """Writes the events of a run for TensorBoard: a function for ``fit(on_event=...)``.

    Scalars come after every compiled call and every epoch. Where the folder of the run is given,
    each checkpoint adds a histogram of every parameter and a picture of the first filters, and what
    was recorded since the last one: histograms of outputs and error signals where whole arrays are
    recorded, else their statistics. No bit of the training changes.

    Args:
        folder: of the event files; it is made with the first of them.
        run: the folder of the run, as ``fit(folder=...)`` got it; None writes scalars alone.

    Raises:
        ConfigurationError: the library tensorboardX is not installed.
    """

    def __init__(self, folder: Path | str, run: Path | str | None = None) -> None:
        try:
            import tensorboardX  # noqa: F401 - the files are made with the first event
        except ImportError as error:
            raise ConfigurationError(
                "event files of TensorBoard need the library tensorboardX, which is not installed",
                fix="pip install 'clearprop[tensorboard]'",
            ) from error
        self.folder = Path(folder)
        self.run = None if run is None else Path(run)
        self._files: _Files | None = None

    def __call__(self, event: Event) -> None:
        """Write what one event says."""
        if isinstance(event, RunStarted) or self._files is None:
            self.close()
            begun = event.step if isinstance(event, RunStarted) else 0
            self._files = _Files(self.folder, begun)
            if self.run is not None:
                self._files.text("configuration", _shown(read_config(self.run)), begun)
        files = self._files
        files.scalars(scalars_of(event), event.step)
        match event:
            case Checkpointed() if self.run is not None:
                self._look(files, self.run, event)
            case NonFinite():
                said = f"{event.place}: {event.cause}\n\n{event.mend}"
                files.text("not_finite", said, event.step)
            case Stopped():
                files.text("stopped", event.reason, event.step)
                self.close()
            case _:
                pass

    def close(self) -> None:
        """Write what is left, and close the file; a later event begins another one."""
        if self._files is not None:
            self._files.close()
            self._files = None

    def __enter__(self) -> TensorBoardLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, files: _Files, run: Path, event: Checkpointed) -> None:
        arrays = StateFolder(run / CHECKPOINTS).load(event.step).arrays
        files.weights(_below(PARAMETERS, arrays), event.step)
        config = read_config(run)
        files.filters(_model_of(config, arrays, run), _picture_shape(config), event.step)
        recorded = read_recordings(run / RECORDINGS)
        if recorded is not None:
            files.recordings(recorded)


def export(run: Run | Path | str, folder: Path | str) -> Path:
    """Write a run that has ended, or goes on, as an event file, and return its folder.

    The losses of its steps (the mean of some steps, where there are many), the numbers of its
    epochs, its recordings, the weights of its snapshots and of its end, and the first filters.

    Args:
        run: a run, or its folder.
        folder: of the event file.

    Raises:
        ConfigurationError: the library tensorboardX is not installed.
        RunError: there is no run in the folder.
    """
    log = TensorBoardLog(folder)
    source = run.folder if isinstance(run, Run) and run.folder is not None else run
    record = source if isinstance(source, Run) else read_run(source)
    first, config, history = record.first_step, record.config, record.history
    files = _Files(log.folder, 0, _clock(history))
    files.text("configuration", _shown(config), first)
    for step, loss in _thinned(record.losses, first):
        files.scalars({"objective/steps": loss}, step)
    for row, step in enumerate(history.step):
        files.scalars(_of_epoch(history, row), int(step))
    if record.recordings is not None:
        files.recordings(record.recordings)
    states = _states(source, config) if not isinstance(source, Run) else _kept(source)
    for step, model in states:
        files.weights({path: np.asarray(w) for path, w in nn.parameters(model).items()}, step)
        files.filters(model, _picture_shape(config), step)
    files.close()
    return log.folder


class _Files:
    """One event file.

    Args:
        folder: where it is made.
        begun: steps already made; what an earlier file says of later ones is taken back.
        clock: (step) -> the time at which it was made; None takes the present.
    """

    def __init__(self, folder: Path, begun: int, clock: _StepTimes | None = None) -> None:
        from tensorboardX import SummaryWriter

        # An absolute path, because names such as s3://... would be taken for places elsewhere.
        self._writer: SummaryWriter = SummaryWriter(
            str(folder.absolute()), purge_step=begun + 1 if begun else None, flush_secs=FLUSH
        )
        self._clock = clock
        self._recorded = begun - 1

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step, self._time(step))

    def text(self, name: str, text: str, step: int) -> None:
        self._writer.add_text(name, text, step, self._time(step))

    def weights(self, arrays: Arrays, step: int) -> None:
        for path, array in arrays.items():
            self._histogram(f"weights/{path}", array, step)

    def filters(self, model: nn.Module | None, shape: Sequence[int], step: int) -> None:
        """Write the filters of the first convolution, or of the units that see the pictures."""
        if model is None:
            return
        for path, layer in nn.modules(model).items():
            if isinstance(layer, KINDS):
                sees = isinstance(layer, nn.Linear)
                if sees and (len(shape) != 3 or layer.weight.shape[0] != math.prod(shape)):
                    return
                try:
                    drawing = filters(model, path, shape=shape if sees else None)
                except ClearpropError:  # a picture that cannot be drawn ends no training
                    return
                picture = np.asarray(Image.open(io.BytesIO(drawing.png())).convert("RGB"))
                name, when = f"filters/{path or 'model'}", self._time(step)
                self._writer.add_image(name, picture, step, when, dataformats="HWC")
                return

    def recordings(self, recorded: Recordings) -> None:
        """Write the recorded steps that were not written before."""
        rows = [int(i) for i in np.flatnonzero(recorded.steps > self._recorded)]
        for name in recorded if rows else ():
            one = recorded[name]
            parts = {"output": one.output, "error": one.error}
            parts |= {"value": one.value, "gradient": one.gradient}
            for kind, array in parts.items():
                if array is not None:
                    self._recorded_array(f"recorded_{kind}", name, one.steps, array, rows)
            if one.update_ratio is not None:
                for row in rows:
                    ratio = {f"update_ratio/{name}": float(one.update_ratio[row])}
                    self.scalars(_known(ratio), int(one.steps[row]))
        if rows:
            self._recorded = int(recorded.steps[rows[-1]])

    def _recorded_array(
        self, kind: str, name: str, steps: Steps, array: RecordedArray, rows: Sequence[int]
    ) -> None:
        for row in rows:
            step = int(steps[row])
            if array.arrays is not None:
                self._histogram(f"{kind}/{name}", array.arrays[row], step)
            columns = {statistic: getattr(array, statistic) for statistic in STATISTICS}
            numbers = {f"{kind}_{x}/{name}": float(column[row]) for x, column in columns.items()}
            self.scalars(_known(numbers), step)

    def close(self) -> None:
        self._writer.close()

    def _histogram(self, name: str, array: NDArray[Any], step: int) -> None:
        values = np.asarray(array, np.float32).ravel()
        finite = values[np.isfinite(values)]
        if len(finite):
            self._writer.add_histogram(name, finite, step, walltime=self._time(step))

    def _time(self, step: int) -> float | None:
        return None if self._clock is None else self._clock(step)


class _StepTimes:
    """When the steps of a run were made, as if it had ended now.

    Args:
        steps: after each epoch.
        seconds: that each epoch took.
    """

    def __init__(self, steps: NDArray[np.int64], seconds: NDArray[np.float64]) -> None:
        ends = np.cumsum(np.nan_to_num(seconds))
        self._steps = np.concatenate([[0], steps])
        self._times = time.time() + np.concatenate([[0.0], ends]) - (ends[-1] if len(ends) else 0)

    def __call__(self, step: int) -> float:
        return float(np.interp(step, self._steps, self._times))


def _clock(history: History) -> _StepTimes:
    return _StepTimes(history.step, history.seconds)


def _of_epoch(history: History, row: int) -> dict[str, float]:
    """Return the numbers of an epoch under the names of `scalars_of`."""
    found = {
        "objective/training": history.objective[row],
        "objective/development": history.development_objective[row],
        "error/training": history.training_error[row],
        "error/development": history.development_error[row],
        "learning_rate": history.learning_rate[row],
    }
    found |= {f"metrics/{name}": column[row] for name, column in history.metrics.items()}
    return _known({name: float(value) for name, value in found.items()})


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _thinned(losses: NDArray[np.float32], first: int) -> Iterator[tuple[int, float]]:
    """Yield the last step of each part of a run, and the mean loss of the part."""
    parts = np.array_split(np.arange(len(losses)), min(len(losses), MOST_LOSSES) or 1)
    for part in parts:
        if len(part):
            yield first + int(part[-1]) + 1, float(losses[part].mean())


def _below(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {p.removeprefix(prefix): x for p, x in arrays.items() if p.startswith(prefix)}


def _model_of(config: Mapping[str, Any], arrays: Arrays, run: Path) -> nn.Module | None:
    """Return the model of a run in a state; None where its architecture is not known here."""
    structure = (config.get("model") or {}).get("structure")
    if structure is None:
        return None
    try:
        model = nn.from_structure(structure)
    except ClearpropError:  # a class of the user's that this program does not have
        return None
    fixed = load_arrays(run / FROZEN)[0] if (run / FROZEN).is_file() else {}
    found = {**fixed, **_below(PARAMETERS, arrays), **_below(RUNNING, arrays)}
    known = tree.flatten_with_paths(model)
    return tree.replace(model, {p: jnp.asarray(x) for p, x in found.items() if p in known})


def _states(run: Path | str, config: Mapping[str, Any]) -> Iterator[tuple[int, nn.Module]]:
    """Yield the models of the snapshots in a folder, and that of its end, by step."""
    folder, last = Path(run), -1
    kept = StateFolder(folder / SNAPSHOTS)
    for step in kept.steps:
        model = _model_of(config, kept.load(step).arrays, folder)
        if model is not None:
            yield step, model
            last = step
    ends = [event.step for event in read_run(folder).events if isinstance(event, Stopped)]
    if ends and ends[-1] > last and (folder / MODEL).is_file():
        try:
            yield ends[-1], load_model(folder)
        except ClearpropError:
            return


def _kept(run: Run) -> Iterator[tuple[int, nn.Module]]:
    """Yield the models of the snapshots of a run in memory, and that of its end, by step."""
    steps = set()
    for step, model in snapshots_of(run):
        steps.add(step)
        yield step, model
    if run.stopped.step not in steps:
        yield run.stopped.step, run.model


def _picture_shape(config: Mapping[str, Any]) -> tuple[int, ...]:
    shape = (config.get("preprocessor") or {}).get("input_shape")
    return tuple(shape) if isinstance(shape, list | tuple) else ()


def _shown(config: Mapping[str, Any]) -> str:
    """Return the settings of a run as text of TensorBoard, which is Markdown."""
    kept = {name: config.get(name) for name in ("settings", "loss", "optimizer", "data", "notes")}
    return "\n".join(f"    {line}" for line in json.dumps(kept, indent=2).splitlines())
