"""The progress of a run on a terminal: a bar with throughput and time left, else plain lines."""

from __future__ import annotations

import contextlib
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from clearprop.training.events import EpochDone, Event, NonFinite, RunStarted, StepsDone, Stopped

SECONDS_BETWEEN_LINES = 2.0


class Reporter:
    """Shows the events of a run.

    Args:
        console: where the lines are printed; standard error by default.

    >>> import io
    >>> text = io.StringIO()
    >>> with Reporter(Console(file=text, width=100)) as report:
    ...     report(RunStarted(0, 2, 10, 32, 320, 0, 51, 1, "classification"))
    ...     report(EpochDone(1, 10, 0.5, 0.25, None, None, 0.1, 2.0, 160.0))
    >>> print(text.getvalue().rstrip())
    training 51 parameters on 320 examples: 2 epochs of 10 steps
    epoch 1/2  objective 0.5000  training error 25.00 %  160 examples/s
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._last_line = 0.0
        self._epochs = 0
        self._task = "classification"
        self._error = "error"
        self._is_gone = False

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.stop()
            self._bar = None

    def __call__(self, event: Event) -> None:
        """Show one event; training goes on where it cannot be shown, as on a full disk."""
        if not self._is_gone:
            try:
                self._show(event)
            except OSError:
                self._is_gone = True

    def _show(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._start(event)
            case StepsDone() if self._bar is not None:
                text = f"objective {event.objective:.4g}"
                self._bar.update(
                    self._bar.task_ids[0],
                    completed=event.step,
                    description=f"epoch {min(event.epoch, self._epochs)}/{self._epochs}",
                    now=text,
                )
            case EpochDone():
                self._epoch(event)
            case NonFinite():
                self._print(
                    f"step {event.step} (epoch {event.epoch}) went wrong in {event.place}: "
                    f"{event.cause}"
                )
            case Stopped():
                self._stop(event)

    def _start(self, event: RunStarted) -> None:
        self._epochs, self._task, self._error = event.epochs, event.task, event.error
        devices = f", over {event.devices} devices" if event.devices > 1 else ""
        begun = f", going on from step {event.step}" if event.step else ""
        self._print(
            f"training {event.parameters:,} parameters on {event.examples:,} examples: "
            f"{_counted(event.epochs, 'epoch')} of {_counted(event.steps_per_epoch, 'step')}"
            f"{devices}{begun}"
        )
        if self.console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("steps  {task.fields[now]}  {task.fields[speed]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            total = event.epochs * event.steps_per_epoch
            self._bar.add_task("compiling", total=total, completed=event.step, now="", speed="")
            self._bar.start()

    def _epoch(self, event: EpochDone) -> None:
        if self._bar is not None:
            speed = f"{event.examples_per_second:,.0f} examples/s"
            self._bar.update(self._bar.task_ids[0], speed=speed)
        now = time.monotonic()
        if event.epoch < self._epochs and now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        parts = [
            f"epoch {event.epoch}/{self._epochs}",
            f"objective {event.objective:.4f}",
            f"training {self._error} {self._shown(event.training_error)}",
        ]
        if event.development_error is not None:
            parts.append(f"development {self._error} {self._shown(event.development_error)}")
        parts += [f"{name} {value:.4g}" for name, value in event.metrics.items()]
        parts.append(f"{event.examples_per_second:,.0f} examples/s")
        self._print("  ".join(parts))

    def _stop(self, event: Stopped) -> None:
        self.__exit__()
        best = f"; the model is that of epoch {event.best_epoch}" if event.best_epoch else ""
        reasons = {
            "early": "stopped early: no epoch was better for long",
            "interrupted": "interrupted",
            "non-finite": "stopped: a value was not finite",
        }
        if event.reason in reasons:
            self._print(f"{reasons[event.reason]}, after {event.step:,} steps{best}")

    def _shown(self, error: float) -> str:
        return f"{100 * error:.2f} %" if self._task == "classification" else f"{error:.4g}"

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"
