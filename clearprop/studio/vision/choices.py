"""What the settings of the view of pictures can be chosen from, with a sentence for each."""

from __future__ import annotations

from typing import get_args

from clearprop import optim
from clearprop.data.mnist import IDX_SETS, at_hand
from clearprop.optim.creation import rated_names
from clearprop.recipes.recipe import ScheduleName
from clearprop.studio.playground.catalog import catalog
from clearprop.studio.playground.choices import Choice
from clearprop.studio.playground.docstrings import first_sentence
from clearprop.studio.vision.messages import DataName, DataOffered, VisionChoices

DATA: dict[DataName, tuple[str, str]] = {
    "digits": ("Digits", "1,797 handwritten digits of 8 x 8 pixels, each enlarged to 32 x 32."),
    "fashion-mnist": ("Fashion-MNIST", "70,000 pictures of clothes, 28 x 28 pixels."),
    "mnist": ("MNIST", "70,000 handwritten digits of 28 x 28 pixels."),
}

SCHEDULES = {
    "constant": "The rate stays as it is.",
    "cosine": "The rate falls to 0 along a cosine.",
    "one-cycle": "The rate rises over the first part of the run, then falls to 0.",
    "warm-restarts": "The rate falls to 0 three times, each time over twice as many steps.",
    "cyclic": "The rate rises and falls three times, each time half as high.",
}


def choices() -> VisionChoices:
    """Return what the settings can be chosen from.

    >>> [one.name for one in choices().data]
    ['digits', 'fashion-mnist', 'mnist']
    """
    return VisionChoices(
        data=tuple(
            DataOffered(
                name,
                title,
                about,
                name not in IDX_SETS or at_hand(IDX_SETS[name]),
            )
            for name, (title, about) in DATA.items()
        ),
        activations=catalog().activations,
        optimizers=tuple(
            Choice(name, first_sentence(getattr(optim, name)))
            for name in rated_names()
            # It needs all examples in each step, and the recipe has weight decay.
            if name != "lbfgs"
        ),
        schedules=tuple(Choice(name, SCHEDULES[name]) for name in get_args(ScheduleName)),
    )
