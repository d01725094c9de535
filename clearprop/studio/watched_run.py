"""A run that is trained while a page looks at it: its curves, its past and its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from clearprop.studio.thinned_curves import ThinnedCurves
from clearprop.training import EpochDone, LiveRun


@dataclass(eq=False)
class WatchedRun:
    """A live run, and what the page knows of it.

    Attributes:
        number: of the run in its session.
        live: the run.
        is_warm: whether its steps are compiled.
        last: the last epoch, at first that of the parent; None before the first.
        seconds: of training so far, those of its parent too.
        curves: the points of the learning curves.
    """

    number: int
    live: LiveRun
    is_warm: bool = field(default=False, kw_only=True)
    last: EpochDone | None = field(default=None, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)
    curves: ThinnedCurves = field(init=False)

    def __post_init__(self) -> None:
        self.curves = ThinnedCurves(self.number)
        self._before = self.last
        self._clock: dict[int, float] = {self.live.step: self.seconds}

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return self.live.setup.steps_per_epoch

    @property
    def first_call(self) -> int:
        """How many steps the first call takes, before their speed is known."""
        return self.steps_per_epoch

    def advance(self, steps: int) -> float:
        """Take so many steps, fewer where the run ends; return the seconds that they took."""
        began = time.perf_counter()
        for event in self.live.advance(steps):
            if isinstance(event, EpochDone):
                self.curves.add(event)
                self.last = event
        self.is_warm = True
        took = time.perf_counter() - began
        self.seconds += took
        self.keep()
        return took

    def keep(self) -> None:
        """Keep the state, to go back to it."""
        self.live.keep()
        kept = set(self.live.steps)
        self._clock = {step: s for step, s in self._clock.items() if step in kept}
        self._clock[self.live.step] = self.seconds

    def back(self, step: int) -> None:
        """Return to the kept state nearest to a step."""
        nearest = min(self.live.steps, key=lambda kept: (abs(kept - step), kept))
        self.live.back(nearest)
        self.curves.forget_after(nearest)
        self.seconds = self._clock.get(nearest, self.seconds)
        epochs = self.live.epochs
        self.last = epochs[-1] if epochs else self._before

    @property
    def end(self) -> tuple[str | None, str | None]:
        """Why the run cannot go on, and a sentence about it; None where it can."""
        ended = self.live.ended
        if ended is None:
            return None, None
        broken = self.live.non_finite
        if broken is None:
            epochs = self.live.setup.config.epochs
            return ended.reason, f"All {epochs:,} epochs are trained{self._more}."
        place = f"{broken.place}: " if broken.place else ""
        mend = f" Mend: {broken.mend}." if broken.mend else ""
        return (
            ended.reason,
            f"In step {broken.step:,} a number was not finite any more. {place}{broken.cause}."
            f"{mend} The weights are those before this step.",
        )

    @property
    def _more(self) -> str:
        """How more epochs can be trained, as the end of a sentence."""
        return ""
