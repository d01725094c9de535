"""The picture of a range test: the loss at every learning rate."""

from __future__ import annotations

from clearprop.glass.style import INK, SOFT, Drawing, canvas, drawn, line
from clearprop.training.range_test import SAFE, RangeTest


@drawn
def learning_rates(found: RangeTest) -> Drawing:
    """Draw the losses of a range test over the learning rate.

    Args:
        found: from `training.find_learning_rate`.

    >>> import numpy as np
    >>> from clearprop import nn, training
    >>> data = np.eye(4, dtype=np.float32), np.arange(4)
    >>> learning_rates(training.find_learning_rate(nn.Linear(4, 4), data)).title
    'The loss at every learning rate'
    """
    figure, axes = canvas(width=6.8, height=4.0)
    axes.plot(found.rates, found.losses, color=SOFT, linewidth=0.9, label="of the batch")
    axes.plot(found.rates, found.smoothed, **line(0), label="mean around it")
    marks = (("falls fastest", found.steepest, 1), ("lowest", found.lowest, 2))
    for name, rate, number in marks:
        if rate is not None:
            axes.axvline(rate, **line(number), linewidth=1.2, label=f"{name}: {rate:.2g}")
    if found.suggested is not None:
        axes.axvline(found.suggested, color=INK, linewidth=1.2,
                     label=f"suggested: {found.suggested:.2g}")  # fmt: skip
    # The last losses may be far above all others.
    top = max(found.smoothed.max(initial=0), found.losses[:1].max(initial=0))
    bottom = found.losses.min(initial=top)
    room = 0.06 * (top - bottom) or 1.0
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(bottom - room, top + room))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    if found.suggested is None:
        text = "The loss did not fall at any of these rates, so the test suggests none."
    else:
        text = (
            "The rate rises in every step, from left to right. Where it is too low the loss stays, "
            "and where it is too high the loss rises. The suggested rate is the one at the lowest "
            f"mean, divided by {SAFE:g}."
        )
    return Drawing("The loss at every learning rate", figure, text)
