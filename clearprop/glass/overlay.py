"""The curves of a run and of its forks in one picture: the effect of a change."""

from __future__ import annotations

import numpy as np

from clearprop.errors import ConfigurationError
from clearprop.glass.style import INK, SOFT, Drawing, axes_grid, drawn, marked_line
from clearprop.training import Run


@drawn
def overlay(run: Run, *forks: Run) -> Drawing:
    """Draw the objective and the error of a run and of its forks.

    Args:
        run: the parent.
        forks: its forks, from `Run.fork`.

    Raises:
        ConfigurationError: there are no forks, or one of the runs is no fork.

    >>> import numpy as np
    >>> from clearprop import nn, training
    >>> data = np.eye(4, dtype=np.float32), np.arange(4)
    >>> run = training.fit(nn.Linear(4, 4), data, epochs=9, snapshots=[3], progress=False)
    >>> overlay(run, run.fork(3, learning_rate=0.1)).title
    'A run and its forks'
    """
    if not forks or any(fork.config.get("parent") is None for fork in forks):
        raise ConfigurationError(
            "there is no fork to draw with the run",
            given=f"{len(forks)} runs, of which not every one is a fork",
            fix="overlay(run, run.fork(step, learning_rate=...))",
        )
    figure, (left, right) = axes_grid(1, 2, width=9.6, height=3.8)
    held_out = bool(np.isfinite(run.history.development_error).any())
    error = "development_error" if held_out else "training_error"
    for number, (name, history) in enumerate(run.history_with(*forks).items()):
        style = marked_line(number)
        if number == 0:
            style["color"] = INK
        for axes, column in ((left, "objective"), (right, error)):
            axes.plot(history.step, getattr(history, column), **style, label=name,
                      markevery=max(1, len(history) // 12))  # fmt: skip
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
        "Each fork starts at a dotted line with the weights and the optimizer state of the run; "
        "after it, only the named settings differ.",
    )
