"""Accuracy against the number of labelled samples, for several ways to learn from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clearprop.glass.style import Drawing, canvas, drawn, marked_line


@drawn
def accuracy_by_samples(
    samples: tuple[int, ...],
    found: Mapping[str, list[list[float]]],
    *,
    title: str,
    axis: str,
    caption: str,
) -> Drawing:
    """Draw accuracy against the number of samples: a line for each way, a faint mark per draw.

    Args:
        samples: their numbers.
        found: by way, the accuracies of all draws for each of these numbers.
        title: of the drawing.
        axis: what the numbers count.
        caption: of the drawing.
    """
    figure, axes = canvas(width=7.2, height=4.4)
    for i, (way, accuracies) in enumerate(found.items()):
        style = marked_line(i)
        axes.plot(samples, [np.mean(draws) for draws in accuracies], label=way, **style)
        for count, draws in zip(samples, accuracies, strict=True):
            axes.plot(
                [count] * len(draws), draws, style["marker"], color=style["color"], alpha=0.25
            )
    axes.set_xscale("log")
    axes.set_xticks(samples, [str(count) for count in samples])
    axes.minorticks_off()
    axes.set_xlabel(axis)
    axes.set_ylabel("accuracy")
    figure.legend(loc="outside right upper")
    return Drawing(title, figure, caption)
