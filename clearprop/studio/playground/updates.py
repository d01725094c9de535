"""The optimizer of the playground: by its name, with a schedule of its rate and with penalties."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from clearprop import optim
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.optim import configuration, schedules
from clearprop.studio.playground.choices import NumberOption
from clearprop.studio.playground.docstrings import arguments_of
from clearprop.studio.playground.messages import Settings

RATE_OF = {
    "constant": "value",
    "step": "initial",
    "exponential": "initial",
    "cosine": "initial",
    "cosine_restarts": "initial",
    "polynomial": "initial",
    "warmup": "then",
    "cyclic": "highest",
    "one_cycle": "highest",
}
"""The schedules that need plain numbers alone, and which of them is the learning rate."""

UNFIT_SCHEDULES = {"piecewise": "it takes lists of numbers"}

SUGGESTED = {
    ("step", "every"): 250.0,
    ("exponential", "every"): 250.0,
    ("exponential", "factor"): 0.5,
    ("cosine", "steps"): 2500.0,
    ("cosine_restarts", "steps"): 250.0,
    ("polynomial", "steps"): 2500.0,
    ("warmup", "steps"): 250.0,
    ("cyclic", "lowest"): 0.001,
    ("one_cycle", "steps"): 2500.0,
}
"""Options that have no default, or one for longer runs: 250 steps are 10 epochs of 25 steps."""

UNREAD = {("cyclic", "factor")}
"""Options that are read only together with an option that is no number."""

KINDS_OF_NUMBERS: dict[str, Literal["number", "whole", "switch"]] = {
    "float": "number",
    "int": "whole",
    "bool": "switch",
}

ON_OR_OFF = (0.0, 1.0)


def every_optimizer() -> list[str]:
    """Return the names of all optimizers: those that need gradients alone, and the others."""
    return [*optim.optimizer_names(), *optim.second_order_names()]


def number_options(function: Callable[..., Any], without: str) -> list[NumberOption]:
    """Return the options of an optimizer or a schedule that are plain numbers.

    Args:
        function: that makes it.
        without: an option that is given otherwise.

    >>> [one.name for one in number_options(optim.momentum, "learning_rate")]
    ['momentum']
    """
    said = arguments_of(function)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind = KINDS_OF_NUMBERS.get(str(parameter.annotation))
        key = function.__name__, name
        if kind is None or name == without or key in UNREAD:
            continue
        default = SUGGESTED.get(key, parameter.default)
        about = said.get(name, "")
        if other := re.fullmatch(r"as in (\w+)\.", about):
            about = arguments_of(getattr(optim, other[1])).get(name, about)
        found.append(NumberOption(name, kind, float(default), about))
    return found


def options_of_optimizer(name: str) -> list[NumberOption]:
    """Return the further numbers of an optimizer.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if name not in every_optimizer():
        raise unknown_name("optimizer", name, every_optimizer(), where="optimizer")
    return number_options(getattr(optim, name), "learning_rate")


def options_of_schedule(name: str) -> list[NumberOption]:
    """Return the further numbers of a schedule.

    Raises:
        ConfigurationError: there is none of this name, or it needs more than numbers.
    """
    if name in UNFIT_SCHEDULES:
        raise ConfigurationError(
            f"this schedule cannot be chosen here: {UNFIT_SCHEDULES[name]}",
            where="schedule",
            given=name,
            expected=f"one of {', '.join(RATE_OF)}",
            fix="schedule='step'",
        )
    if name not in RATE_OF:
        raise unknown_name("schedule", name, RATE_OF, where="schedule")
    return number_options(getattr(schedules, name), RATE_OF[name])


def has_rate(optimizer: str) -> bool:
    """Return whether an optimizer has a learning rate."""
    return "learning_rate" in configuration.options_of(optimizer)


def takes_penalties(optimizer: str) -> bool:
    """Return whether penalties can be added to the gradients of an optimizer."""
    return optimizer not in optim.second_order_names()


def optimizer_of(settings: Settings) -> optim.Optimizer:
    """Return the optimizer of some settings, with its schedule and with penalties on weights.

    L2 adds l2 w to the gradient of each weight, L1 adds l1 sign(w); biases have no penalty. So it
    is in TensorFlow Playground.

    Raises:
        ConfigurationError: an unknown name or option, a value out of its range, or a penalty or a
            schedule that the optimizer does not take.
    """
    name = settings.optimizer.name
    options = _checked(settings.optimizer.options, options_of_optimizer(name), f"optimizer {name}")
    rate = _rate(settings)
    if has_rate(name):
        made = optim.create(name, rate, **options)
    elif isinstance(rate, float):
        made = optim.create(name, **options)
    else:
        raise ConfigurationError(
            f"{name} has no learning rate, which a schedule could change",
            where="schedule",
            given=settings.schedule.name,
            fix="schedule='constant'",
        )
    penalties = []
    if settings.l2:
        penalties.append(optim.add_decayed_weights(settings.l2, min_ndim=2))
    if settings.l1:
        penalties.append(optim.add_l1_penalty(settings.l1, min_ndim=2))
    if penalties and not takes_penalties(name):
        raise ConfigurationError(
            f"{name} computes the loss itself, and a penalty on gradients does not belong to it",
            where="l2" if settings.l2 else "l1",
            given=f"l1={settings.l1:g}, l2={settings.l2:g}",
            fix="l1=0.0, l2=0.0; or another optimizer, such as 'adam'",
        )
    return optim.chain(*penalties, made) if penalties else made


def _rate(settings: Settings) -> float | optim.Schedule:
    name = settings.schedule.name
    known = options_of_schedule(name)
    options = _checked(settings.schedule.options, known, f"schedule {name}")
    if name == "constant":
        return float(settings.learning_rate)
    usual = {one.name: one.default for one in known if (name, one.name) in SUGGESTED}
    options = {**_checked(usual, known, name), **options}
    make: Callable[..., optim.Schedule] = getattr(schedules, name)
    return make(**{RATE_OF[name]: float(settings.learning_rate)}, **options)


def _checked(
    given: Mapping[str, float], known: list[NumberOption], where: str
) -> dict[str, float | int | bool]:
    """Return options as the library takes them.

    Raises:
        ConfigurationError: an unknown option, or a number of another kind.
    """
    kinds = {one.name: one.kind for one in known}
    found: dict[str, float | int | bool] = {}
    for name, value in given.items():
        if name not in kinds:
            raise unknown_name("option", name, kinds, where=where)
        kind = kinds[name]
        if kind == "number":
            found[name] = float(value)
        elif kind == "switch" and value in ON_OR_OFF:
            found[name] = bool(value)
        elif kind == "whole" and value == int(value):
            found[name] = int(value)
        else:
            raise ConfigurationError(
                f"{name} is out of range",
                where=where,
                given=f"{value:g}",
                expected="0 for off or 1 for on" if kind == "switch" else "a whole number",
                fix=f"{name}=1" if kind == "switch" else f"{name}={round(value)}",
            )
    return found
