"""A run in one line of the list: its state, its last numbers, and how its objective went."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.recipes.experiment import RECIPE
from clearprop.studio.problems import plain
from clearprop.studio.runs.messages import RunState, RunSummary
from clearprop.studio.runs.reader import RunReader

SPARKLINE = 32
"""Points of the small curve."""

LAST_LOSSES = 50
"""Before the first epoch ends, the objective is the mean of so many steps."""

ENDS: tuple[str, ...] = ("finished", "early", "interrupted", "non-finite")


def summary_of(reader: RunReader, version: int, parent: str | None) -> RunSummary:
    """Return a run as the list shows it.

    Args:
        reader: of the run.
        version: of the list.
        parent: the name of the run that it left, where that is in the list.
    """
    state, about = state_of(reader)
    history, begun, config = reader.history, reader.begun, reader.config
    settings = _section(config, "settings")
    epochs = begun.epochs if begun is not None else int(settings.get("epochs") or 0)
    development, last = history.development_error, len(history) - 1
    best = int(np.nanargmin(development)) if np.isfinite(development).any() else None
    forked = config.get("parent") is not None
    return RunSummary(
        name=reader.place.name,
        version=version,
        recipe=recipe_name(config),
        data=str(_section(config, "data").get("name") or ""),
        model=_model_name(config),
        state=state,
        about=str(plain(about)),
        live=reader.holder is not None,
        holder=_holder(reader),
        started=reader.started,
        seconds=float(np.nansum(history.seconds)),
        step=reader.step,
        last_step=begun.epochs * begun.steps_per_epoch if begun is not None else 0,
        epoch=int(history.epoch[last]) if len(history) else 0,
        epochs=epochs,
        objective=_objective(reader),
        training_error=_finite(history.training_error[last]) if len(history) else None,
        development_error=_finite(development[last]) if len(history) else None,
        best_error=_finite(development[best]) if best is not None else None,
        best_epoch=int(history.epoch[best]) if best is not None else None,
        error=str(plain(begun.error)) if begun is not None else "error",
        task=str(plain(begun.task)) if begun is not None else str(config.get("task") or ""),
        parameters=begun.parameters if begun is not None else 0,
        parent=parent,
        left_at=reader.first_step if forked else None,
        sparkline=sparkline(history.objective if len(history) > 1 else reader.losses),
    )


def state_of(reader: RunReader) -> tuple[RunState, str]:
    """Return the state of a run, and what there is to say about it."""
    resume = resume_command(reader.place.name)
    if reader.is_study:
        return "study", "A study compares several models; its report shows the result."
    if reader.problem is not None:
        return "damaged", _sentence(str(reader.problem.problem), reader.problem.given)
    if reader.damage:
        return "damaged", " ".join(_sentence(text) for text in reader.damage)
    stopped, trouble = reader.stopped, reader.non_finite
    if reader.holder is not None and stopped is None:
        return "running", "" if reader.step else "The first steps are being compiled."
    if stopped is None:
        return "interrupted", f"It was cut off. To go on with it: {resume}"
    if trouble is not None:
        where = f"in step {trouble.step:,}: {trouble.place}: {trouble.cause}"
        return "non-finite", _sentence(f"A number was not finite {where}", trouble.mend or None)
    reason = stopped.reason if stopped.reason in ENDS else "finished"
    about = ""
    if reason == "interrupted":
        about = f"To go on with it: {resume}"
    elif stopped.best_epoch is not None:
        about = f"The model has the weights of epoch {stopped.best_epoch}, the best one."
    state: RunState = next(one for one in get_args(RunState) if one == reason)
    return state, about


def resume_command(name: str) -> str:
    """Return the command that goes on with a run, for a shell.

    >>> resume_command("my run")
    "clearprop resume 'my run'"
    """
    return f"clearprop resume {shlex.quote(name)}"


def recipe_name(config: Mapping[str, Any]) -> str:
    """Return the name of the recipe that made a run; "" where it was made in Python."""
    return str(_section(_section(config, "notes"), RECIPE).get("name") or "")


def sparkline(values: NDArray[np.floating]) -> list[float | None]:
    """Return a curve as `SPARKLINE` means of its parts; None where one is not finite.

    >>> sparkline(np.array([4.0, 2.0, np.inf]))
    [4.0, 2.0, None]
    """
    if len(values) > SPARKLINE:
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.array([p.mean(dtype=np.float64) for p in np.array_split(values, SPARKLINE)])
    return [_finite(float(x)) for x in values]


def _objective(reader: RunReader) -> float | None:
    if len(reader.history):
        return _finite(reader.history.objective[-1])
    last = reader.losses[-LAST_LOSSES:]
    return _finite(float(last.mean(dtype=np.float64))) if len(last) else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _holder(reader: RunReader) -> str:
    holder = reader.holder
    return str(plain(f"process {holder.process} on {holder.host}")) if holder is not None else ""


def _model_name(config: Mapping[str, Any]) -> str:
    structure = _section(config, "model").get("structure")
    return str(structure.get("class") or "") if isinstance(structure, Mapping) else ""


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}


def _sentence(text: str, more: str | None = None) -> str:
    """Return a sentence or two; the name of a file at the beginning stays as it is."""
    begins_with_file = "." in text.partition(":")[0].strip(".")
    whole = (text if begins_with_file else text[:1].upper() + text[1:]).rstrip(".")
    return f"{whole}. {_sentence(more)}" if more else f"{whole}."
