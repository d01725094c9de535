"""The common part of the recipes that read texts word by word: ``tagger``, ``text-classify``."""

from __future__ import annotations

from clearprop.data import Dataset
from clearprop.recipes.recipe import SequenceRecipe

STEPS = 600


class WordRecipe(SequenceRecipe):
    """A network that reads texts word by word."""

    def default_epochs(self, steps: int) -> int:
        """Return enough epochs for about `STEPS` training steps, but at most 30.

        There are many words and few texts: more epochs would only memorize the training texts.
        """
        return min(30, max(3, round(STEPS / steps)))


def unknown_fraction(part: Dataset) -> float:
    """Return the fraction of the words of a part that are "<unk>"."""
    return float((part.inputs == 1).sum() / max(1, (part.inputs > 0).sum()))


def compared(own: float, other: float, name: str) -> str:
    """Return a line that says which accuracy is better and by how much.

    >>> compared(0.91, 0.9, "counting")
    '1.0 points better than counting: 91.0 % of the test part against 90.0 %'
    """
    points = abs(own - other) * 100
    which = "better than" if own > other else "worse than" if own < other else "away from"
    return (
        f"{points:.1f} points {which} {name}: {own * 100:.1f} % of the test part "
        f"against {other * 100:.1f} %"
    )
