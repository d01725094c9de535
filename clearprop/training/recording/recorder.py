"""Recording during training: which layers and parameters, how often, and the recorder.

Shape letters: R recorded steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop import bounds, tree
from clearprop.errors import ConfigurationError
from clearprop.memory import refuse, shown_size
from clearprop.training.algorithm import Differentiable, TrainState
from clearprop.training.callback import Portion, Position
from clearprop.training.compiled_steps import CompiledSteps
from clearprop.training.recording.observation import Observed, Observer, Recordable
from clearprop.training.recording.recordings import Layout

EVERY = 50
"""With it the statistics of every layer cost about 8 % of the training time of LeNet-5."""
STATISTICS, ARRAYS = "statistics", "arrays"


@dataclass(frozen=True)
class Record:
    """What `fit` records: which layers and parameters, and how often.

    For a layer its output and the error signal at its output are recorded; for a parameter its
    value, its gradient and the length of its update over the length of its value. The values inside
    a loop over time (`nn.LSTM`, `nn.GRU`, `nn.RNN`) are not recorded, only the layer's outputs.

    Attributes:
        patterns: paths of layers and parameters, with ``*``, ``?``, ``[ab]``. A path includes
            everything below it, as in ``freeze``. ``"*"`` is everything; the output of the whole
            model is called "model".
        what: "statistics", or "arrays" for the whole arrays besides.
        every: steps from one recorded step to the next, starting with step 0. Recording a step
            takes about as long as four steps.
        limit: bytes that the recording may take; None for half of the free bytes.

    Raises:
        ConfigurationError: a value of the wrong kind or out of its range.

    >>> Record(["layers.*"], every=100)
    Record(patterns=('layers.*',), what='statistics', every=100, limit=None)
    """

    patterns: tuple[str, ...]
    what: str = STATISTICS
    every: int = EVERY
    limit: int | None = None

    def __init__(
        self,
        patterns: str | Iterable[str],
        what: str = STATISTICS,
        every: int = EVERY,
        limit: int | None = None,
    ) -> None:
        chosen = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        if not chosen or not all(isinstance(pattern, str) and pattern for pattern in chosen):
            raise ConfigurationError(
                "nothing is named to record",
                where="record",
                given=repr(patterns)[:80],
                expected="patterns of layer and parameter paths",
                fix='record=["*"] records everything',
            )
        if what not in (STATISTICS, ARRAYS):
            raise ConfigurationError(
                "this cannot be recorded",
                where="record",
                given=f"what={what!r}",
                expected="'statistics' or 'arrays'",
            )
        for name, value in (("every", every), ("limit", limit)):
            if value is not None or name == "every":
                bounds.whole(value, name, where="record")
        object.__setattr__(self, "patterns", chosen)
        object.__setattr__(self, "what", what)
        object.__setattr__(self, "every", every)
        object.__setattr__(self, "limit", limit)

    @classmethod
    def of(cls, given: Record | str | Iterable[str] | None) -> Record | None:
        """Return a record from patterns alone; None from nothing."""
        if given is None or isinstance(given, Record):
            return given
        patterns = (given,) if isinstance(given, str) else tuple(given)
        return cls(patterns) if patterns else None

    def as_dict(self) -> dict[str, object]:
        """Return this as plain data."""
        return {"patterns": list(self.patterns), "what": self.what, "every": self.every}

    def rows(self, first: int, last: int) -> int:
        """Return how many steps are recorded from step ``first`` to before step ``last``.

        >>> Record("*").rows(0, 150), Record("*").rows(5, 151)
        (3, 3)
        """
        return -(-last // self.every) - -(-first // self.every)

    def selected(self, known: Iterable[Recordable]) -> tuple[Recordable, ...]:
        """Return the recordables that match a pattern, in their order.

        Raises:
            ConfigurationError: a pattern matches nothing; the nearest name is suggested.
        """
        recordables = tuple(known)
        paths = {one.name: _path(one.name) for one in recordables}
        every = dict.fromkeys([*paths.values(), *paths])
        try:
            matched = set(tree.match(every, self.patterns))
        except ConfigurationError as error:
            error.where = "record"
            raise
        return tuple(s for s in recordables if s.name in matched or paths[s.name] in matched)


def _path(name: str) -> str:
    """Return the path of the layer from a name with the number of a call or of an output.

    >>> _path("layers.1#2"), _path("encoder:0")
    ('layers.1', 'encoder')
    """
    return re.split("[#:]", name)[0]


class Recorder:
    """Records a run: it observes the step from the state before it, every so many steps.

    Args:
        record: what is recorded, and how often.
        layout: of the rows.
        algorithm: whose steps are recorded.
        compiled: its compiled calls.
        keep: keeps a row.
    """

    def __init__(
        self,
        record: Record,
        layout: Layout,
        algorithm: Differentiable,
        compiled: CompiledSteps,
        keep: Callable[[NDArray[np.void]], None],
    ) -> None:
        self._every = record.every
        self._layout = layout
        self._observe = Observer(algorithm, compiled, layout.recordables, layout.arrays)
        self._keep = keep

    def next_after(self, step: int) -> int | None:
        """Return the first recorded step after a step."""
        return (step // self._every + 1) * self._every

    def before_step(self, state: TrainState, position: Position, upcoming: Portion | None) -> None:
        """Record the step ahead, if it is due."""
        if upcoming is None or position.step % self._every:
            return
        self._keep(self._row(position.step, self._observe(state, *upcoming)))

    def _row(self, step: int, seen: Observed) -> NDArray[np.void]:
        row = np.zeros((), self._layout.row)
        row["step"] = step
        row["statistics"] = seen.statistics
        row["ratios"] = seen.ratios
        for i, array in enumerate(seen.arrays):
            row[f"array{i}"] = np.nan
            row[f"array{i}"][tuple(slice(n) for n in array.shape)] = array
        return row


def check_size(record: Record, layout: Layout, steps: int, folder: Path | None) -> None:
    """Raise unless the recording of a whole run fits into memory, or onto the disk of a folder.

    Args:
        record: what is recorded.
        layout: of its rows.
        steps: training steps of the whole run.
        folder: where the run is written; None keeps the recording in memory.

    Raises:
        ConfigurationError: it does not. The message says its size, and what would fit.
    """
    size, rows = layout.row.itemsize, -(-steps // record.every)
    refuse(
        "the recording",
        size * rows,
        record.limit,
        folder,
        given=f"{rows:,} recorded steps of {shown_size(size)}, {len(layout.recordables)} names, "
        f"every={record.every}",
        fix=lambda limit: _smaller(record, layout, steps, limit),
    )


def _smaller(record: Record, layout: Layout, steps: int, limit: int) -> str:
    proposals = []
    if layout.arrays:
        numbers = Layout(layout.recordables, arrays=False).row.itemsize * -(-steps // record.every)
        if numbers <= limit:
            proposals.append(f"what='statistics' ({shown_size(numbers)})")
    fitting = limit // layout.row.itemsize
    if fitting:
        proposals.append(f"every={-(-steps // fitting)}")
    largest = max(layout.recordables, key=lambda one: int(np.prod(one.shape)))
    if layout.arrays:
        part = 8 * int(np.prod(largest.shape)) / layout.row.itemsize
        proposals.append(f"patterns without {largest.name!r} ({part:.0%} of it)")
    elif not fitting:
        proposals.append("fewer patterns")
    return "; or ".join(proposals)
