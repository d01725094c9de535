"""What the settings of the playground can be chosen from, with a sentence for each.

The sentences are the first ones of the docstrings, so that the page says what the reference says.
"""

from __future__ import annotations

import functools
import inspect
from typing import get_args

from clearprop import nn, ops, optim
from clearprop.nn.losses import of_classes, of_numbers
from clearprop.optim import schedules
from clearprop.studio.playground import datasets
from clearprop.studio.playground.choices import (
    Catalog,
    Choice,
    LossChoice,
    OptimizerChoice,
    PageDataChoice,
    TaskName,
)
from clearprop.studio.playground.docstrings import constants_of, first_sentence
from clearprop.studio.playground.messages import DataKind
from clearprop.studio.playground.network import (
    HIDDEN_ACTIVATIONS,
    INITIALIZERS,
    OUTPUTS,
    makes_initializer,
)
from clearprop.studio.playground.point_set import FEATURES
from clearprop.studio.playground.updates import (
    RATE_OF,
    every_optimizer,
    has_rate,
    options_of_optimizer,
    options_of_schedule,
    takes_penalties,
)

EVERY_TASK: tuple[TaskName, ...] = get_args(TaskName)
CLASSES: tuple[TaskName, ...] = ("two classes", "several classes")

OWN_DATA = (
    PageDataChoice(
        "table",
        "Your own table: two of its columns, or its two principal components.",
        EVERY_TASK,
        ("table", "columns", "target", "examples"),
    ),
    PageDataChoice("drawn", "Points that you draw into the picture.", EVERY_TASK, ("points",)),
)
"""The kinds of examples that are not made by a formula."""


@functools.cache
def catalog() -> Catalog:
    """Return everything that the settings can be chosen from.

    >>> [one.name for one in catalog().schedules][:2]
    ['constant', 'step']
    """
    return Catalog(
        data=tuple(_data()),
        features=tuple(Choice(name, about) for name, (about, _) in FEATURES.items()),
        activations=tuple(
            Choice(name, first_sentence(ops.ACTIVATIONS[name].forward))
            for name in HIDDEN_ACTIVATIONS
        ),
        losses=tuple(_losses()),
        optimizers=tuple(map(_optimizer, every_optimizer())),
        schedules=tuple(
            Choice(
                name,
                first_sentence(getattr(schedules, name)),
                tuple(options_of_schedule(name)),
            )
            for name in RATE_OF
        ),
        initializers=tuple(Choice(name, _initializer(name)) for name in INITIALIZERS),
    )


def _data() -> list[PageDataChoice]:
    found = []
    for name in get_args(DataKind):
        kind = datasets.KINDS.get(name)
        if kind is None:
            continue
        uses = ("examples", "noise", "classes") if kind.chosen else ("examples", "noise")
        tasks: tuple[TaskName, ...] = ("regression",)
        if kind.chosen:
            tasks = CLASSES
        elif kind.classes:
            tasks = ("two classes",)
        found.append(PageDataChoice(name, kind.about, tasks, uses))
    return [*found, *OWN_DATA]


def _losses() -> list[LossChoice]:
    said = {**constants_of(of_numbers), **constants_of(of_classes)}
    found = []
    for name, tasks in OUTPUTS.items():
        made = getattr(of_numbers, name, None)
        about = said[name] if name in said else first_sentence(made).replace("Return the", "The")
        outputs = {task: activation for task, (_, activation) in tasks.items()}
        found.append(LossChoice(nn.find_loss(name).name, about, outputs))
    return found


def _initializer(name: str) -> str:
    function = INITIALIZERS[name]
    about = first_sentence(function)
    if not makes_initializer(function):
        return about
    ((option, parameter),) = inspect.signature(function).parameters.items()
    return f"{about.rstrip('.')}, with {option} = {parameter.default:g}."


def _optimizer(name: str) -> OptimizerChoice:
    function = getattr(optim, name)
    rate = None
    if has_rate(name):
        rate = float(inspect.signature(function).parameters["learning_rate"].default)
    return OptimizerChoice(
        name,
        first_sentence(function),
        rate,
        takes_penalties(name),
        tuple(options_of_optimizer(name)),
    )
