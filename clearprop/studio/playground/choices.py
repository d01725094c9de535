"""What the playground's settings can be chosen from, as plain data for the page's menus.

`clearprop.studio.playground.catalog` fills it from the library; the page gets it as JSON from
``GET /api/playground/catalog``. `tools/studio_types.py` makes the types of the page from this file.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from clearprop.studio.playground.messages import DataKind

TaskName = Literal["two classes", "several classes", "regression"]


class NumberOption(Struct, frozen=True):
    """A number that an optimizer or a schedule takes.

    Attributes:
        name: the key in the options of the settings.
        kind: "number", "whole", or "switch": 0 for off and 1 for on.
        default: what it is unless given.
        about: what it does, in a few words; may be empty.
    """

    name: str
    kind: Literal["number", "whole", "switch"]
    default: float
    about: str


class Choice(Struct, frozen=True):
    """An entry of a menu.

    Attributes:
        name: as the settings take it.
        about: one sentence; it may hold an equation between backquotes.
        options: further numbers of it.
    """

    name: str
    about: str
    options: tuple[NumberOption, ...] = ()


class PageDataChoice(Struct, frozen=True):
    """A kind of examples.

    Attributes:
        name: as the settings take it.
        about: one sentence.
        tasks: of which task they can be: "blobs" is of two classes or of several.
        uses: the fields of `DataSettings` that it reads, beside ``test`` and ``seed``.
    """

    name: DataKind
    about: str
    tasks: tuple[TaskName, ...]
    uses: tuple[str, ...]


class LossChoice(Struct, frozen=True):
    """A loss.

    Attributes:
        name: as the settings take it.
        about: its equation, and what it is for.
        outputs: for each task that it fits, the activation of the output layer.
    """

    name: str
    about: str
    outputs: dict[str, str]


class OptimizerChoice(Struct, frozen=True):
    """An optimizer.

    Attributes:
        name: as the settings take it.
        about: one sentence.
        learning_rate: its usual one; None for an optimizer that has none.
        takes_penalties: whether l1 and l2 can be added to its gradients.
        options: further numbers of it.
    """

    name: str
    about: str
    learning_rate: float | None
    takes_penalties: bool
    options: tuple[NumberOption, ...] = ()


class Catalog(Struct, frozen=True):
    """Everything that the settings can be chosen from."""

    data: tuple[PageDataChoice, ...]
    features: tuple[Choice, ...]
    activations: tuple[Choice, ...]
    losses: tuple[LossChoice, ...]
    optimizers: tuple[OptimizerChoice, ...]
    schedules: tuple[Choice, ...]
    initializers: tuple[Choice, ...]
