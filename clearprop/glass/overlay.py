"""The curves of a run and of its forks in one picture: what a change would have made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clearprop.errors import ConfigurationError
from clearprop.glass.style import COLORS, DASHES, INK, MARKERS, SOFT, Drawing, axes_grid, drawn
from clearprop.training import History, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@drawn
def overlay(run: Run, *forks: Run) -> Drawing:
    """Draw the objective and the errors of a run, and of its forks from where they left it.

    Args:
        run: the parent.
        forks: runs that left it, as `Run.fork` gives them.

    Raises:
        ConfigurationError: there are no forks, or one that left no run.

    >>> import numpy as np
    >>> from clearprop import nn, training
    >>> data = np.eye(4, dtype=np.float32), np.arange(4)
    >>> run = training.fit(nn.Linear(4, 4), data, epochs=9, snapshots=[3], progress=False)
    >>> overlay(run, run.fork(3, learning_rate=0.1)).title
    'A run and its forks'
    """
    if not forks or any(fork.config.get("parent") is None for fork in forks):
        raise ConfigurationError(
            "there is no fork to lay over the run",
            given=f"{len(forks)} runs, of which not every one left another",
            fix="overlay(run, run.fork(step, learning_rate=...))",
        )
    figure, (left, right) = axes_grid(1, 2, width=9.6, height=3.8)
    judged = bool(len(run.history)) and bool(np.isfinite(run.history.development_error).any())
    error = "development_error" if judged else "training_error"
    for number, (name, curves) in enumerate(run.history_with(*forks).items()):
        for axes, column in ((left, "objective"), (right, error)):
            _line(axes, curves, column, number, name)
    for fork in forks:
        for axes in (left, right):
            axes.axvline(fork.first_step, color=SOFT, linewidth=0.9, linestyle=(0, (2, 2)))
    left.set(title="Objective", xlabel="training steps", ylabel="mean loss of an epoch")
    shown = error.replace("_", " ")
    right.set(title=shown.capitalize(), xlabel="training steps", ylabel=shown)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return Drawing(
        "A run and its forks",
        figure,
        "Each fork begins where the run was at the dotted line, with its weights and what its "
        "optimizer remembered; from there on only what is named differs.",
    )


def _line(axes: Axes, history: History, column: str, number: int, name: str) -> None:
    place = number % len(COLORS)
    axes.plot(
        history.step,
        getattr(history, column),
        color=COLORS[place] if number else INK,
        linestyle=DASHES[place],
        marker=MARKERS[place],
        markevery=max(1, len(history) // 12),
        label=name,
    )
