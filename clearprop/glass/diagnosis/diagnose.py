"""`diagnose`: what holds a run or a model back, ranked, each with its evidence and its fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clearprop import (
    models,  # noqa: F401 - a saved model names its class, which has to be known
    nn,
)
from clearprop.errors import ConfigurationError, kind_of
from clearprop.glass.diagnosis import (  # noqa: F401 - these fill the table of rules
    of_curves,
    of_data,
    of_signals,
    of_weights,
)
from clearprop.glass.diagnosis.facts import (
    Facts,
    Given,
    Remembered,
    Trained,
    facts_of_model,
    facts_of_run,
)
from clearprop.glass.diagnosis.finding import Diagnosis, Finding
from clearprop.glass.diagnosis.kinds import KINDS, SYMPTOMS
from clearprop.glass.diagnosis.rules import MOST_OF_A_NOTE, NEEDS, RULES
from clearprop.nn.recording import LossLike
from clearprop.training import Run
from clearprop.training.training_data import Development

WITH_ITS_CAUSE = (*SYMPTOMS, "overfitting")
"""Kinds that are gone with their cause, or cannot be judged before it is."""


def diagnose(
    run_or_model: Run | nn.Module | Path | str,
    data: Given = None,
    loss: LossLike | None = None,
    *,
    dev: Development = None,
) -> Diagnosis:
    """Return what holds a run or a model back: findings ranked by the weight of their evidence.

    Of a run the curves, the losses, the weights and how far they went are looked at; with its data
    also one pass of some examples through the network and back, and the examples themselves. Of a
    model alone, what can be known before training: initial values, scales and error signals by
    depth, unscaled inputs, copies, rare classes. Nothing is changed.

    Args:
        run_or_model: what `fit` returned, the folder of a run, or a model, with values or without.
        data: as `fit` took them: ``Splits``, a ``Dataset``, or ``(inputs, targets)``. Without it
            only what the run itself knows is told.
        loss: for a run whose loss was a function of the user's; for a model, by default
            cross-entropy where targets are labels, squared error where they are numbers.
        dev: as `fit` took it, for data given as arrays.

    Raises:
        ConfigurationError: this is neither a run nor a model, or the data is of no known form.
        DataError: there are no examples, or inputs and targets do not fit together.
        ShapeError: the examples do not fit the model; the layer is named.
        RunError: the folder holds no run.
        CheckpointError: its model is damaged.

    >>> import numpy as np
    >>> from clearprop.nn import Linear, Sequential, initializers
    >>> same = initializers.constant(0.1)
    >>> layers = Linear(4, 8, weight_init=same), "tanh", Linear(8, 3, weight_init=same)
    >>> model = Sequential(layers)
    >>> found = diagnose(model)
    >>> print(found.findings[0].place)
    Units begin alike: layers.0.weight
    >>> found.findings[0].evidence
    {'fraction': 1.0, 'units': 8}
    """
    if isinstance(run_or_model, nn.Module):
        return diagnosis(facts_of_model(run_or_model, data, dev, loss))
    if isinstance(run_or_model, Path | str):
        return diagnosis(facts_of_run(Remembered.of(run_or_model), data, dev, loss))
    if isinstance(run_or_model, Run):
        return diagnosis(facts_of_run(run_or_model, data, dev, loss))
    raise ConfigurationError(
        "this cannot be diagnosed",
        given=kind_of(run_or_model),
        expected="what fit returned, the folder of a run, or a model",
    )


def diagnosis_of(run: Trained, data: Given, loss: LossLike | None = None) -> Diagnosis:
    """Return the findings about whatever tells what a run tells, as a report's subject does."""
    return diagnosis(facts_of_run(run, data, None, loss))


def diagnosis(facts: Facts) -> Diagnosis:
    """Return the findings of all rules about some facts, the weightiest first."""
    findings: list[Finding] = []
    skipped: dict[str, str] = {}
    for one in RULES:
        if why := one.lacks(facts):
            skipped[one.kind] = (
                NEEDS["run"] if facts.run is None and "history" in one.needs else why
            )
        elif (finding := one.look(facts)) is not None:
            findings.append(finding)
    checked = tuple(kind for kind in KINDS if kind not in skipped)
    return Diagnosis(ranked(findings), checked, skipped)


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings by weight; what follows from another one's fault becomes a note.

    A cause explains a consequence, whichever weighs more: kinds say what follows from them.
    """
    faults = {finding.kind for finding in findings if finding.grade == "fault"}
    shown = []
    for finding in findings:
        causes = [kind for kind in faults if finding.kind in KINDS[kind].explains]
        # Of two that explain each other the one that is listed first is the cause.
        causes = [
            kind for kind in causes
            if kind not in KINDS[finding.kind].explains or _place(kind) < _place(finding.kind)
        ]  # fmt: skip
        if finding.grade == "fault" and causes:
            cause = min(causes, key=_place)
            finding = replace(finding, grade="note", follows=cause,
                              weight=min(finding.weight / 2, MOST_OF_A_NOTE))  # fmt: skip
            if finding.kind in WITH_ITS_CAUSE:
                # Its own fix would be a call with the fault still in it.
                finding = replace(finding, fix=f"# fix that first: {KINDS[cause].title}")
        shown.append(finding)
    order = sorted(shown, key=lambda f: (f.grade != "fault", -f.weight, _place(f.kind)))
    return tuple(order)


def _place(kind: str) -> int:
    return list(KINDS).index(kind)
