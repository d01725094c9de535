"""The report of a run: one HTML file that says what happened, outside and inside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.files import write_atomically, write_output
from clearprop.glass.boundary_section import boundary_section
from clearprop.glass.chart import mark
from clearprop.glass.curves import FEW, best_epoch, curves_section, error_text, measures_itself
from clearprop.glass.diagnosis.diagnose import diagnosis_of
from clearprop.glass.diagnosis.finding import Diagnosis
from clearprop.glass.example_trace import example_trace
from clearprop.glass.findings import picture
from clearprop.glass.page import render_page, version
from clearprop.glass.predictions import confusion_section, fit_section, mistakes_section
from clearprop.glass.style import Drawing
from clearprop.glass.subject import EvaluationData, Subject, gather
from clearprop.glass.weights import filter_pictures, weight_table
from clearprop.glass.wording import count, duration, flat, measure, number, percent, without_folders
from clearprop.nn.recording import LossLike
from clearprop.training import Run

NAME = "report.html"


@dataclass(frozen=True)
class Figure:
    """One number of the report's head: its name, its value, and a remark."""

    label: str
    value: str
    remark: str = ""


def write_report(
    run: Run | Path | str,
    data: EvaluationData = None,
    path: Path | str | None = None,
    *,
    title: str | None = None,
    loss: LossLike | None = None,
    remarks: Sequence[str] = (),
    measures: Mapping[str, float] | None = None,
    drawings: Sequence[Drawing] = (),
) -> Path:
    """Write the report of a run as one HTML file, as a whole or not at all, and return its path.

    The file needs no network and no other file. It shows the findings of a diagnosis, the three
    learning curves, the predictions, the worst mistakes, what the layers look for, the trace of
    one example with the error signal of every layer, the layers, the configuration and the
    machine; for inputs of one or two numbers it also shows the function or the decision boundary.
    A section that does not fit the data is left out.

    Args:
        run: what `fit` returned, or the folder of a run that has ended.
        data: the ``Splits`` of the run, of which the test part is evaluated (the development part
            where there is none, else the training part); one of their parts; or (inputs, targets).
            Without it the report shows only what the run itself recorded.
        path: of the file; by default ``report.html`` in the run's folder.
        title: by default the recipe or the model, and the data.
        loss: for a run whose loss was a function of the user's.
        remarks: lines below the result, such as those of a recipe.
        measures: further numbers for the head, by name.
        drawings: further pictures.

    Raises:
        ConfigurationError: the run has no folder and no path is given; or its loss is not known.
        RunError: the folder holds no run; the disk is full.
        CheckpointError: the model in the folder is missing or damaged.

    >>> import tempfile
    >>> from clearprop.training import fit
    >>> gates = (np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0]))
    >>> model = nn.Sequential([nn.Linear(2, 8), "tanh", nn.Linear(8, 2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = fit(model, gates, epochs=2, batch_size=4, progress=False)
    ...     page = write_report(run, gates, f"{folder}/report.html").read_text()
    >>> "Decision boundary" in page
    True
    """
    subject = gather(run, data, loss)
    is_in_folder = path is None
    if path is None:
        folder = run.folder if isinstance(run, Run) else Path(run)
        if folder is None:
            raise ConfigurationError(
                "this run has no folder, so its report needs a path",
                fix="write_report(run, data, path='report.html')",
            )
        path = folder / NAME
    evaluated = subject.is_evaluated
    found = _shareable(diagnosis_of(subject, subject.data, subject.loss), subject.config)
    page = render_page(
        "report.html",
        title=title or _title(subject),
        subject=subject,
        result=_result(subject),
        ending=_ending(subject),
        trouble=_trouble(subject),
        remarks=list(remarks),
        figures=_figures(subject, measures or {}),
        drawings=[picture(drawing) for drawing in drawings],
        diagnosis=found,
        curves=curves_section(subject, [finding.kind for finding in found.faults]),
        confusion=confusion_section(subject) if evaluated else None,
        fit=fit_section(subject) if evaluated else None,
        mistakes=mistakes_section(subject) if evaluated else None,
        boundary=boundary_section(subject) if evaluated else None,
        filters=filter_pictures(subject),
        weights=weight_table(subject),
        trace=example_trace(subject) if evaluated else None,
        layers=_layers(subject),
        configuration=_configuration(subject.config),
        machine=_machine(subject.config),
        spent=_spent(subject),
        mark=mark,
    )
    place = Path(path)
    if is_in_folder:
        write_atomically(place, page)
    else:
        write_output(place, page)
    return place


def _shareable(found: Diagnosis, config: Mapping[str, Any]) -> Diagnosis:
    """Return a diagnosis whose commands name no folders of this machine."""
    recipe = config.get("notes", {}).get("recipe")
    data = recipe.get("values", {}).get("data") if isinstance(recipe, Mapping) else None
    name = str(data.get("name") or "") if isinstance(data, Mapping) else ""
    shown = str(without_folders(name))
    if shown == name:
        return found
    findings = tuple(replace(f, fix=f.fix.replace(name, shown)) for f in found)
    return replace(found, findings=findings)


def _title(subject: Subject) -> str:
    recipe = subject.config.get("notes", {}).get("recipe")
    name = recipe.get("name") if isinstance(recipe, dict) else recipe
    name = str(name) if name else type(subject.model).__name__
    known = subject.data_name not in ("", "data")
    return f"{name} on {without_folders(subject.data_name)}" if known else name


def _result(subject: Subject) -> str:
    if not len(subject):
        return ""
    evaluation = subject.evaluation
    nouns = f"{subject.noun}s"
    of = f"{subject.part} {nouns}" if subject.part != "given" else f"{nouns} given"
    if evaluation.accuracy is not None and evaluation.examples == 1:
        right = "right" if evaluation.accuracy == 1 else "wrong"
        return f"The prediction for the only one of the {of} is {right}, which says almost nothing."
    few = ""
    if evaluation.examples < FEW:
        few = f" {evaluation.examples} {nouns} are few: others may give another result."
    if evaluation.accuracy is not None:
        right = percent(evaluation.accuracy)
        return f"{right} of the predictions for {evaluation.examples:,} {of} are right.{few}"
    error = error_text(subject, evaluation.error)
    return f"The {evaluation.error_name} on the {evaluation.examples:,} {of} is {error}.{few}"


def _ending(subject: Subject) -> str:
    stopped = subject.stopped
    if stopped is None:
        return "The run has not ended: it is still training, or was cut off. It can be resumed."
    after = f"after {count(stopped.epoch, 'epoch')}"
    settings = subject.config.get("settings") or {}
    monitor, wanted = settings.get("monitor"), count(int(settings.get("epochs") or 0), "epoch")
    watched = monitor.replace("_", " ") if monitor else None
    why = f"{watched} was no longer better" if watched else "the development error no longer fell"
    words = {
        "finished": f"Trained for {count(stopped.epoch, 'epoch')}",
        "early": f"Stopped early {after}, as {why}",
        "interrupted": f"Stopped after {stopped.epoch:,} of {wanted}; it can be resumed",
        "non-finite": f"Broken off {after}",
    }
    text = words.get(stopped.reason, f"Ended ({stopped.reason}) {after}")
    if stopped.best_epoch is not None and stopped.epoch > 1:
        best = f"the best one{f' by {watched}' if watched else ''}"
        return f"{text}; the model has the weights of epoch {stopped.best_epoch}, {best}."
    return f"{text}."


def _trouble(subject: Subject) -> str:
    found = subject.non_finite
    if found is None:
        if len(subject) and not subject.is_evaluated:
            return "The network's outputs are not finite, so no predictions are shown."
        return ""
    return (
        f"In step {found.step:,} (epoch {found.epoch}) a number was not finite for the first time, "
        f"at {found.place}: {found.cause}." + (f" What helps: {found.mend}." if found.mend else "")
    )


def _figures(subject: Subject, measures: Mapping[str, float]) -> list[Figure]:
    found = []
    if len(subject):
        evaluation = subject.evaluation
        label, value = evaluation.error_name, error_text(subject, evaluation.error)
        if evaluation.accuracy is not None:
            label, value = "accuracy", percent(evaluation.accuracy)
        of = f"of {count(evaluation.examples, subject.noun)}"
        name = label if subject.part == "given" else f"{subject.part} {label}"
        found.append(Figure(name, value, of))
    history, best = subject.history, best_epoch(subject)
    if best is not None and (history.epoch == best).any():
        error = float(history.development_error[history.epoch == best][0])
        label = "best development error" if len(history) > 1 else "development error"
        found.append(Figure(label, error_text(subject, error), f"after epoch {best}"))
    parameters = sum(int(w.size) for w in nn.parameters(subject.model).values())
    found.append(Figure("parameters", f"{parameters:,}", type(subject.model).__name__))
    if len(history):
        seconds = float(np.nansum(history.seconds))
        steps = count(int(history.step[-1]), "step")
        found.append(Figure("training time", duration(seconds), steps))
    for name, column in history.metrics.items() if not measures_itself(subject) else ():
        shown = number(float(column[-1])) if np.isfinite(column[-1]) else "not defined"
        of = "development set, " if np.isfinite(history.development_error).any() else ""
        after = f"{of}after epoch {int(history.epoch[-1])}"
        found.append(Figure(name.replace("_", " "), shown, after))
    return found + [Figure(name, measure(name, value)) for name, value in measures.items()]


def _layers(subject: Subject) -> nn.Summary | None:
    preprocessor = subject.preprocessor
    shape = getattr(subject.model, "input_shape", None) or subject.input_shape
    shape = shape or (preprocessor.encoded_shape if preprocessor else ())
    if not shape or isinstance(shape, dict):
        return None
    tokens = len(subject) and np.asarray(subject.inputs[:1]).dtype.kind in "iu"
    prepared = preprocessor is not None and preprocessor.kind != "tokens"
    try:
        dtype = np.int32 if tokens and not prepared else np.float32
        return nn.summary(subject.model, shape, dtype=dtype)
    except ClearpropError:
        return None


def _configuration(config: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    plain = without_folders(config)
    notes = dict(plain.get("notes", {}))
    recipe = notes.pop("recipe", None)
    values = recipe.get("values", {}) if isinstance(recipe, dict) else {}
    columns = notes.pop("columns", [])
    plan = plain.get("plan") or {}
    sections = {
        "Recipe": values,
        "Settings": plain.get("settings"),
        "Loss": {"loss": plain.get("loss")},
        "Metrics": ", ".join(plain.get("metrics") or ()) or None,
        "Weights": {k: v for k, v in (plain.get("weights") or {}).items() if v is not None},
        "Optimizer": plain.get("optimizer"),
        "Data": plain.get("data"),
        # Calls that end within an epoch have no whole ones.
        "Plan of the compiled calls": {k: v for k, v in plan.items() if v != 0 or v is False},
    }
    found = {
        name: flat(section if isinstance(section, dict) else {"": section})
        for name, section in sections.items()
    }
    found["Columns of the table"] = [_column(line) for line in columns]
    found["Notes"] = [row for name, note in notes.items() for row in _noted(name, note)]
    return [(name, rows) for name, rows in found.items() if rows]


def _column(line: str) -> tuple[str, str]:
    """Return the name of a column and what it was taken for; "" and the line for a note.

    >>> _column("age  number    1 to 9"), _column("id   left out")
    (('age', 'number: 1 to 9'), ('id', 'left out'))
    """
    name, *taken = re.split(r"\s{2,}", line.strip(), maxsplit=2)
    return (name, ": ".join(taken)) if taken else ("", line)


def _noted(name: str, note: object) -> list[tuple[str, str]]:
    """Return a note as rows; each sentence of several is a row without a name."""
    return [("", str(one)) for one in note] if isinstance(note, list) else flat({name: note})


def _machine(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the run noted of its machine: no names of people, no folders."""
    noted = config.get("machine") or {}
    labels = {
        "python": "Python",
        "jax": "JAX",
        "cores": "processor cores",
        "platform": "platform",
        "kind": "kind of device",
        "devices": "devices for each batch",
        "system": "system",
    }
    return [
        ("clearprop", version()),
        *((labels[key], str(noted[key])) for key in labels if key in noted),
    ]


def _spent(subject: Subject) -> list[tuple[str, str]]:
    history = subject.history
    if not len(history):
        return []
    seconds = float(np.nansum(history.seconds))
    steps = int(history.step[-1])
    rows = [
        ("in all", duration(seconds)),
        ("per epoch (median)", duration(float(np.nanmedian(history.seconds)))),
        ("steps", f"{steps:,}"),
    ]
    if steps and seconds > 0:
        rows.append(("per step", f"{number(1000 * seconds / steps)} ms, evaluation included"))
    examples = subject.config.get("data", {}).get("examples")
    if examples and seconds > 0:
        rate = examples * len(history) / seconds
        rows.append(("examples per second", number(rate)))
    return rows
