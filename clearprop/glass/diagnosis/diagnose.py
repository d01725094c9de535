"""`diagnose`: what keeps a run or a model from learning, with the evidence and a fix."""

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
    of_adversarial,
    of_codes,
    of_curves,
    of_data,
    of_initial_values,
    of_layers,
    of_leaks,
    of_normalization,
    of_optimizer,
    of_outputs,
    of_signals,
    of_targets,
    of_values,
    of_weights,
)
from clearprop.glass.diagnosis.facts import Facts, Given
from clearprop.glass.diagnosis.finding import Diagnosis, Finding
from clearprop.glass.diagnosis.gathering import facts_of_model, facts_of_run
from clearprop.glass.diagnosis.kinds import KINDS, SYMPTOMS
from clearprop.glass.diagnosis.rules import RULES
from clearprop.glass.diagnosis.trained import Trained, TrainedInFolder
from clearprop.nn.recording import LossLike
from clearprop.programs import make_room_for_programs
from clearprop.training import Run
from clearprop.training.training_data import Development

WITH_ITS_CAUSE = (*SYMPTOMS, "overfitting")
"""Kinds that disappear with their cause, or cannot be diagnosed before it is fixed."""


def diagnose(
    run_or_model: Run | nn.Module | Path | str,
    data: Given = None,
    loss: LossLike | None = None,
    *,
    dev: Development = None,
    trials: bool = False,
) -> Diagnosis:
    """Return what keeps a run or a model from learning: findings, the strongest evidence first.

    For a run, the curves, the losses, the weights and their distance from the initial values are
    examined; with its data, also the examples themselves and the outputs and error signals of the
    layers for some of them. For a model alone, everything that can be known before training is
    examined: initial values, scales, error signals by depth, copies and rare classes. Nothing is
    changed.

    Args:
        run_or_model: what `fit` returned, the folder of a run, or a model, with values or without.
        data: as for `fit`: ``Splits``, a ``Dataset``, or ``(inputs, targets)``. Without it only
            what the run has stored is examined.
        loss: needed for a run whose loss was a function of your own; for a model, the default is
            cross-entropy where targets are labels, squared error where they are numbers.
        dev: as for `fit`, for data given as arrays.
        trials: also train for 50 steps with other optimizers and batch sizes, from the same first
            values, to see whether they suit the task better. This takes some seconds.

    Raises:
        ConfigurationError: this is neither a run nor a model, or the data has no known form.
        DataError: there are no examples, or inputs and targets do not fit together.
        ShapeError: the examples do not fit the model; the layer is named.
        RunError: the folder contains no run.
        CheckpointError: its model is damaged.

    >>> import numpy as np
    >>> from clearprop.nn import Linear, Sequential, initializers
    >>> same = initializers.constant(0.1)
    >>> layers = Linear(4, 8, weight_init=same), "tanh", Linear(8, 3, weight_init=same)
    >>> model = Sequential(layers)
    >>> found = diagnose(model)
    >>> print(found.findings[0].place)
    Units start with equal weights: layers.0.weight, layers.2.weight
    >>> found.findings[0].evidence["units"]
    8
    """
    asked = True if trials else None
    if isinstance(run_or_model, nn.Module):
        return diagnosis(facts_of_model(run_or_model, data, dev, loss))
    if isinstance(run_or_model, Run | Path | str):
        run = run_or_model if isinstance(run_or_model, Run) else TrainedInFolder.of(run_or_model)
        return diagnosis(replace(facts_of_run(run, data, dev, loss), trials=asked))
    raise ConfigurationError(
        "this cannot be diagnosed",
        given=kind_of(run_or_model),
        expected="what fit returned, the folder of a run, or a model",
    )


def diagnosis_of(run: Trained, data: Given, loss: LossLike | None = None) -> Diagnosis:
    """Return the findings about a run in any of its forms, such as a report's subject."""
    return diagnosis(facts_of_run(run, data, None, loss))


def diagnosis(facts: Facts) -> Diagnosis:
    """Return the findings of all rules about some facts."""
    make_room_for_programs()
    rules = [one for one in RULES if one.concerns(facts)]
    skipped = {one.kind: why for one in rules if (why := one.lacks(facts))}
    findings = [one.find(facts) for one in rules if one.kind not in skipped]
    looked = {one.kind for one in rules} - skipped.keys()
    checked = tuple(kind for kind in KINDS if kind in looked)
    return Diagnosis(ranked([f for f in findings if f is not None]), checked, skipped)


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings by weight, faults first; the consequence of another fault becomes a note.

    `KINDS` says which kinds a fault explains. It explains them whichever of the two weighs more.
    """
    place = list(KINDS).index
    faults = {finding.kind for finding in findings if finding.grade == "fault"}
    shown = []
    for finding in findings:
        kind = finding.kind
        # Of two kinds that explain each other, the one that is listed first is the cause.
        causes = [
            cause for cause in KINDS
            if cause in faults and kind in KINDS[cause].explains
            and (cause not in KINDS[kind].explains or place(cause) < place(kind))
        ]  # fmt: skip
        if finding.grade == "fault" and causes:
            finding = finding.as_note(follows=causes[0])
            if kind in WITH_ITS_CAUSE:
                # Its own fix would be a call of `fit` that still has the fault in it.
                finding = replace(finding, fix=f"# fix this first: {KINDS[causes[0]].title}")
        shown.append(finding)
    return tuple(sorted(shown, key=lambda f: (f.grade != "fault", -f.weight, place(f.kind))))
