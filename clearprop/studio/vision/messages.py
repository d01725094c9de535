"""The messages between the page's view of pictures and the session that trains for it.

`tools/studio_types.py` makes the types of the page (`studio-ui/src/vision/messages.ts`) from this
file. What changes with every picture is a binary frame: see `headers.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from clearprop.studio.models.messages import PassRequest
from clearprop.studio.playground.choices import Choice
from clearprop.studio.playground.messages import (
    Curves,
    PageBack,
    Pause,
    Play,
    Playing,
    Problem,
    Seed,
    Short,
    Speed,
    StepOnce,
)

DataName = Literal["digits", "fashion-mnist", "mnist"]


class TrainSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What LeNet-5 is trained on, and how: the keys of the recipe lenet5.

    Attributes:
        data: the data set by its name.
        activation: of the hidden units.
        pooling: "max" or "average".
        optimizer: by its name.
        learning_rate: with a schedule its highest value.
        schedule: how the rate changes over the run.
        batch_size: examples of a step; null takes the recipe's.
        epochs: after which training ends; null takes the recipe's.
        seed: of the split, the first weights and the order of the examples.
    """

    data: DataName = "digits"
    activation: Short = "relu"
    pooling: Literal["max", "average"] = "max"
    optimizer: Short = "adam"
    learning_rate: Annotated[float, Meta(gt=0.0, le=100.0)] = 0.004
    schedule: Short = "one-cycle"
    batch_size: Annotated[int, Meta(ge=1, le=4096)] | None = None
    epochs: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    seed: Seed = 0


# --- from the page to the session ----------------------------------------------------------------


class TrainLeNet(Struct, tag="train", frozen=True, forbid_unknown_fields=True):
    """Begin anew with these settings, at step 0 and paused; answered by `NetworkReady`."""

    settings: TrainSettings


class LookAt(Struct, tag="look", frozen=True, forbid_unknown_fields=True):
    """Show this input in the following frames; answered by a frame. ``source`` is not read."""

    at: PassRequest


class OfferNow(Struct, tag="offer", frozen=True, forbid_unknown_fields=True):
    """Answer with a frame that has a ``source``, also while training goes on."""


Request = TrainLeNet | LookAt | OfferNow | Play | Pause | Speed | StepOnce | PageBack


# --- from the session to the page ----------------------------------------------------------------


class NetworkReady(Struct, tag="ready", frozen=True):
    """The network is ready; a frame of it follows.

    Attributes:
        run: its number in this session.
        source: its id in the views of any model, once a frame has named it.
        settings: as they were taken, with batch size and epochs.
        steps_per_epoch: how many.
        error: what the error of the curves is: "error rate".
        classes: their names.
        examples: how many can be looked at.
        training: how many are learned from.
        part: what the examples that can be looked at are: "test".
        shape: height, width and channels of a picture.
        command: that trains the same network into the run folder.
    """

    run: int
    source: str
    settings: TrainSettings
    steps_per_epoch: int
    error: str
    classes: tuple[str, ...]
    examples: int
    training: int
    part: str
    shape: tuple[int, int, int]
    command: str


Answer = NetworkReady | Playing | Curves | Problem


# --- answers over HTTP ---------------------------------------------------------------------------


class DataOffered(Struct, frozen=True):
    """A data set.

    Attributes:
        name: as the settings take it.
        title: for the menu.
        about: one sentence.
        is_at_hand: whether it is on this machine.
    """

    name: DataName
    title: str
    about: str
    is_at_hand: bool


class VisionChoices(Struct, frozen=True):
    """What the settings can be chosen from."""

    data: tuple[DataOffered, ...]
    activations: tuple[Choice, ...]
    optimizers: tuple[Choice, ...]
    schedules: tuple[Choice, ...]
