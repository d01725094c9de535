"""What a notebook shows of a run, an evaluation, a diagnosis and the answer of `why`."""

from __future__ import annotations

import functools

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.glass.curves import curves_section
from clearprop.glass.diagnosis import Diagnosis
from clearprop.glass.explain import Why
from clearprop.glass.page import environment
from clearprop.glass.subject import gather
from clearprop.glass.wording import number, percent
from clearprop.training import Run
from clearprop.training.evaluation import Evaluation

MOST_CLASSES = 12
"""With more classes, a table of all pairs is too wide for a notebook; the report has it."""


@functools.singledispatch
def html(value: object) -> str:
    """Return the HTML of a value."""
    raise TypeError(f"there is no view of {type(value).__name__}")


def _page(kind: str, **values: object) -> str:
    return environment().get_template("notebook.html").render(kind=kind, **values)


@html.register
def _run(run: Run) -> str:
    curves, drawn = run.history, None
    if len(curves):
        try:
            drawn = curves_section(gather(run, None, run.loss))
        except ClearpropError:  # such as a run without a loss, whose curves are only in its folder
            drawn = None
    fraction = run.loss is not None and run.loss.task == "classification"
    text = percent if fraction else number
    rows = [("epochs", f"{run.stopped.epoch:,}"), ("ended", run.stopped.reason)]
    if len(curves):
        rows.append(("training error", text(float(curves.training_error[-1]))))
        if np.isfinite(curves.development_error).any():
            best = int(np.nanargmin(curves.development_error))
            error = text(float(curves.development_error[best]))
            rows.append(("lowest development error", f"{error}, epoch {int(curves.epoch[best])}"))
    if run.folder is not None:
        rows.append(("folder", run.folder.name))
    return _page("run", rows=rows, curves=drawn, title=f"Run of {type(run.model).__name__}")


@html.register
def _evaluation(found: Evaluation) -> str:
    text = percent if found.confusion is not None else number
    table = found.confusion
    names = found.class_names or tuple(map(str, range(len(table) if table is not None else 0)))
    shown = table is not None and len(table) <= MOST_CLASSES
    rows = [("examples", f"{found.examples:,}"), (found.error_name, text(found.error)),
            ("objective", number(found.objective)),
            *((name, number(value)) for name, value in found.metrics.items())]  # fmt: skip
    kept = table.tolist() if table is not None and shown else None
    return _page("evaluation", rows=rows, names=names, table=kept)


@html.register
def _diagnosis(found: Diagnosis) -> str:
    return _page("diagnosis", value=found)


@html.register
def _why(found: Why) -> str:
    entry = found.name if found.index is None else f"{found.name}{list(found.index)}"
    steps = [(step.name, number(step.factor), number(step.norm)) for step in found.steps]
    return _page("why", value=found, entry=entry, steps=steps)
