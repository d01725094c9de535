"""Snapshots: the whole state of training at chosen steps, to look at again or to go on from."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from clearprop import backend, tree
from clearprop.errors import ConfigurationError
from clearprop.memory import refuse, shown_size
from clearprop.training.algorithm import TrainState
from clearprop.training.callback import Portion, Position
from clearprop.training.storage.checkpoint import SavedState

LOG = "log"
Given = int | str | Iterable[int] | None
"""What `fit` takes: steps, every how many of them, "log", or nothing."""


@dataclass(frozen=True)
class Snapshots:
    """The steps of which the state is kept.

    Attributes:
        given: the steps; a number for every so many; or "log" for 0, 1, 2, 5, 10, 20, 50, ...

    Raises:
        ConfigurationError: it is none of these.
    """

    given: int | str | tuple[int, ...]

    def __post_init__(self) -> None:
        given = self.given
        steps = given if isinstance(given, tuple) else (given,)
        lowest = 0 if isinstance(given, tuple) else 1
        numbers = all(isinstance(s, int) and not isinstance(s, bool) and s >= lowest for s in steps)
        if not steps or (given != LOG and not numbers):
            raise ConfigurationError(
                "these are no steps",
                where="snapshots",
                given=repr(given)[:80],
                expected='whole numbers from 0 up, one for every so many steps, or "log"',
            )

    @classmethod
    def of(cls, given: Given) -> Snapshots | None:
        """Return what is meant; None for nothing."""
        if given is None:
            return None
        if isinstance(given, str) or not isinstance(given, Iterable):
            return cls(_whole(given))
        steps = tuple(map(_whole, given))
        return cls(steps) if steps else None

    def as_plain(self) -> object:
        """Return this as plain data."""
        return list(self.given) if isinstance(self.given, tuple) else self.given

    def steps(self, last: int) -> Sequence[int]:
        """Return the steps, in their order, of a run of so many.

        Raises:
            ConfigurationError: a step is beyond the last.

        >>> Snapshots("log").steps(60), Snapshots(25).steps(60), Snapshots((0, 60)).steps(60)
        ((0, 1, 2, 5, 10, 20, 50), range(0, 61, 25), (0, 60))
        """
        if isinstance(self.given, int):
            return range(0, last + 1, self.given)
        if isinstance(self.given, str):
            powers = range(len(str(last)))
            return (0, *(k * 10**p for p in powers for k in (1, 2, 5) if k * 10**p <= last))
        beyond = [step for step in self.given if step > last]
        if beyond:
            raise ConfigurationError(
                "a snapshot is asked for after the end of the run",
                where="snapshots",
                given=f"step {beyond[0]}",
                expected=f"steps from 0 to {last}, which is the state after the last",
            )
        return tuple(sorted(set(self.given)))

    def check_size(self, size: int, first: int, last: int, folder: Path | None) -> None:
        """Raise unless they fit into the memory, or onto the disk.

        Args:
            size: of one of them, in bytes.
            first: the step at which the run begins.
            last: that at which it ends.
            folder: where the run is written; None keeps them in memory.

        Raises:
            ConfigurationError: they do not; their size is said, and what would fit.
        """
        steps = self.steps(last)
        count = len(steps) - bisect_left(steps, first)
        refuse(
            f"{count:,} snapshots",
            size * count,
            None,
            folder,
            given=f"snapshots={self.as_plain()!r}"[:80] + f", of {shown_size(size)} each",
            fix=lambda limit: _fewer(limit // size, last - first),
        )


def _whole(given: Any) -> Any:
    """Return a whole number of any kind, one of NumPy's too, as Python's; all else as it is."""
    if isinstance(given, bool):
        return given
    try:
        return operator.index(given)
    except TypeError:
        return given


def _fewer(fitting: int, last: int) -> str:
    if not fitting:
        return "leave them out: not one would fit"
    return f"snapshots={max(1, -(-(last + 1) // fitting))}, which makes {fitting} at most"


def check_kept(step: int, known: Sequence[int]) -> None:
    """Raise unless the state at a step is among those that were kept.

    Raises:
        ConfigurationError: it is not; those nearest to it are named.
    """
    if step in known:
        return
    near = sorted(known, key=lambda other: abs(other - step))[:3]
    raise ConfigurationError(
        f"the state at step {step} was not kept",
        expected=f"one of the {len(known)} steps that were" if known else "a snapshot",
        fix=f"the nearest are {', '.join(map(str, sorted(near)))}"
        if near
        else "fit(..., snapshots=[...]) keeps the state at these steps, and so does "
        "clearprop train NAME --set snapshots=log",
    )


class SnapshotStore(Protocol):
    """Keeps snapshots: `SnapshotsInMemory`, or a `StateFolder`."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of those that there are, in their order."""

    def add(self, state: TrainState, position: Position) -> object:
        """Keep one more."""

    def load(self, step: int) -> SavedState:
        """Return one that there is."""


class SnapshotsInMemory:
    """Keeps snapshots in memory."""

    def __init__(self) -> None:
        self._kept: dict[int, SavedState] = {}

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of those that there are, in their order."""
        return tuple(sorted(self._kept))

    def add(self, state: TrainState, position: Position) -> None:
        """Keep one more."""
        # Copies: what `device_get` gives may be the very memory that the next steps write on.
        arrays = tree.flatten_with_paths(jax.tree.map(np.array, backend.fetch(state)))
        self._kept[position.step] = SavedState(arrays, asdict(position), f"step {position.step}")

    def load(self, step: int) -> SavedState:
        """Return one that there is."""
        kept = self._kept[step]
        return kept._replace(arrays={path: np.array(x) for path, x in kept.arrays.items()})


class Snapshotter:
    """Keeps the state of a run at the steps that were asked for.

    Args:
        steps: in their order.
        store: where to.
    """

    def __init__(self, steps: Sequence[int], store: SnapshotStore) -> None:
        self._steps = steps
        self._store = store

    def next_after(self, step: int) -> int | None:
        """Return the next step of which the state is kept."""
        later = bisect_right(self._steps, step)
        return self._steps[later] if later < len(self._steps) else None

    def before_step(self, state: TrainState, position: Position, upcoming: Portion | None) -> None:
        """Keep the state, if that of this step is wanted."""
        at = bisect_right(self._steps, position.step)
        if at and self._steps[at - 1] == position.step:
            self._store.add(state, position)
