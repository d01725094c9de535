"""The game of two players over the epochs: their objectives, and what reaches the generator."""

from __future__ import annotations

import numpy as np

from clearprop.errors import ConfigurationError
from clearprop.glass.style import Drawing, axes_grid, drawn, line
from clearprop.training import History

PANELS = (
    ("what each player minimizes", ("generator objective", "discriminator objective")),
    ("judged rightly", ("real accuracy", "generated accuracy")),
    ("error signal at the generator's output", ("error at the generator",)),
    ("samples compared with the data", ("precision", "coverage")),
)
"""The title of each panel, and the measures of an epoch that it shows."""


@drawn
def played_game(history: History) -> Drawing:
    """Draw what an adversarial run measured at the end of every epoch, in four panels.

    Args:
        history: of a run of `Adversarial`.

    Raises:
        ConfigurationError: the run has no such measures.
    """
    missing = [name for _, names in PANELS for name in names if name not in history.metrics]
    if missing:
        raise ConfigurationError(
            "this run has no measures of two players",
            given=f"no {missing[0]}",
            expected="the history of a run of algorithms.Adversarial",
        )
    figure, grid = axes_grid(2, 2, width=7.6, height=5.2, sharex=True)
    for axes, (title, names) in zip(grid, PANELS, strict=True):
        for i, name in enumerate(names):
            label = name.removesuffix(" objective").removesuffix(" accuracy")
            axes.plot(history.epoch, history.metrics[name], label=label, **line(i))
        axes.set_title(title)
        if len(names) > 1:
            axes.legend(fontsize=9)
    grid[1].set_ylim(-0.03, 1.03)
    grid[3].set_ylim(-0.03, 1.03)
    values = history.metrics["error at the generator"]
    finite = values[np.isfinite(values) & (values > 0)]
    if len(finite) and finite.max() > 20 * finite.min():
        grid[2].set_yscale("log")
    for axes in grid[2:]:
        axes.set_xlabel("epoch")
    return Drawing(
        "The game of the two players",
        figure,
        "Neither objective has to fall: each player's task becomes harder as the other improves. "
        "Where nobody can tell real from generated, the discriminator judges half of each rightly, "
        "and its logistic objective is 2 log 2 = 1.39. The generator learns only while an error "
        "signal reaches its output. Precision is the share of samples that look real, coverage the "
        "share of the data that is reached: samples that look real and cover little are mode "
        "collapse.",
    )
