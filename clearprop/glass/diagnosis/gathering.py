"""The facts about a run or a model, gathered from what `diagnose` was given."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, cast

from clearprop import nn
from clearprop.data import Dataset, Splits
from clearprop.data.forms import as_array
from clearprop.errors import ClearpropError, ConfigurationError, kind_of
from clearprop.glass.diagnosis.facts import Facts, Given
from clearprop.glass.diagnosis.trained import Trained
from clearprop.nn.recording import LossLike
from clearprop.training import Run
from clearprop.training.batch_stream import is_batches, read_all
from clearprop.training.given import as_prepared
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.own_loss import suited_to
from clearprop.training.training_data import Data, Development, Split, TrainingData, gather
from clearprop.training.weights import counted, of_config
from clearprop.training.without_targets import reported_loss


def facts_of_run(
    run: Trained, data: Given = None, dev: Development = None, loss: LossLike | None = None
) -> Facts:
    """Return the facts about a run.

    Raises:
        ConfigurationError: the data has no known form.
        DataError: there are no examples, or inputs and targets do not fit.
    """
    name = run.config.get("loss", "")
    if (reported := reported_loss(run.config)) is not None:
        return Facts(run, run.model, reported, run.preprocessor)
    if loss is None:
        loss = name if name in nn.LOSSES else run.loss if isinstance(run, Run) else None
    chosen = nn.find_loss(loss) if loss is not None else None
    if chosen is not None and chosen.name == name:
        chosen = of_config(run.config).loss(chosen)
    facts = _with_data(Facts(run, run.model, chosen, run.preprocessor), data, dev)
    # A run that took an own loss for a number has a curve of its values, and not of wrong classes.
    return facts if run.config.get("task") != "classification" else _suited(facts)


def facts_of_model(
    model: nn.Module, data: Given = None, dev: Development = None, loss: LossLike | None = None
) -> Facts:
    """Return the facts about a model; one without values gets the initial values of seed 0.

    Raises:
        ConfigurationError: the data has no known form.
        DataError: there are no examples, or inputs and targets do not fit.
    """
    data = read_all(data) if is_batches(data) else data
    chosen = nn.find_loss(loss) if loss is not None else _likely_loss(data)
    model = model if nn.is_initialized(model) else model.init(0)
    return _suited(_with_data(Facts(None, model, chosen), data, dev))


def _suited(facts: Facts) -> Facts:
    """Return the facts with what is found out about a loss that is a function."""
    if facts.loss is None or facts.part is None or facts.model is None:
        return facts
    inputs = ModelInputs(facts.preprocessor)
    return replace(facts, loss=suited_to(facts.loss, facts.model, inputs, facts.part))


def _likely_loss(data: Given) -> nn.Loss | None:
    if data is None:
        return None
    part = data.train if isinstance(data, Splits) else data
    targets = as_array(part.targets if isinstance(part, Dataset) else part[1])
    return nn.find_loss("cross_entropy" if targets.dtype.kind in "iubU" else "squared_error")


def _with_data(facts: Facts, data: Given, dev: Development) -> Facts:
    if data is None:
        return facts
    data = read_all(data) if is_batches(data) else data
    if not isinstance(data, Splits | Dataset | tuple | list):
        raise ConfigurationError(
            "this is no data to diagnose with",
            given=kind_of(data),
            expected="the Splits or the Dataset of the run, or (inputs, targets)",
        )
    preprocessor = facts.preprocessor
    is_pair = isinstance(data, tuple | list) and len(data) == 2
    if is_pair and preprocessor is not None:
        data = as_prepared(cast("tuple[Any, Any]", data), preprocessor)
        dev = as_prepared((dev[0], dev[1]), preprocessor) if isinstance(dev, tuple) else dev
    seed = facts.settings.get("seed", 0)
    fraction = dev if isinstance(dev, float) else None
    if dev is None and (fraction := _held_out_fraction(facts, data)) is not None:
        dev = fraction
    ours = None
    if isinstance(data, Dataset) and (data.preprocessor or preprocessor):
        if data.preprocessor is None:
            # The data set as the run has split it, unless the run was trained on another one.
            with contextlib.suppress(ClearpropError):
                ours = _gathered(facts, data, dev, seed)
        if ours is None or replace(facts, part=ours.train).train is None:
            ready = data if preprocessor is None else data.preprocessed(preprocessor)
            part = Split(ready.name, ready.inputs, ready.targets, ready)
            ours = TrainingData(part, None, ready.preprocessor, ready.class_names)
    else:
        ours = _gathered(facts, data, dev, seed)
    given = data.train if isinstance(data, Splits) else data
    preprocessor = preprocessor or ours.preprocessor
    # What keeps names only says nothing about how the inputs of arrays are scaled.
    names_only = is_pair and preprocessor is not None and not preprocessor.changes_numbers
    named = given if isinstance(given, Dataset) else preprocessor
    return replace(
        facts,
        preprocessor=None if names_only else preprocessor,
        part=ours.train,
        dev=ours.dev,
        dev_fraction=fraction,
        class_names=ours.class_names or (preprocessor.class_names if preprocessor else None),
        feature_names=named.feature_names if named is not None else None,
    )


def _gathered(facts: Facts, data: Data, dev: Development, seed: int) -> TrainingData:
    """Return the examples of a run, without the label that it did not count."""
    found, ignored = gather(data, dev, seed), of_config(facts.config).ignore_index
    if ignored is None or facts.loss is None:
        return found
    held = counted(found.dev, ignored, facts.loss) if found.dev is not None else None
    return replace(found, train=counted(found.train, ignored, facts.loss), dev=held)


def _held_out_fraction(facts: Facts, data: Given) -> float | None:
    """Return the fraction that a run held out of these arrays itself; None where it did not."""
    known = facts.config.get("data", {})
    if not facts.held_out or isinstance(data, Splits | Dataset) or data is None:
        return None
    whole = gather(data, None, 0).train
    if len(whole) != known.get("examples", 0) + facts.held_out:
        return None
    exact, seed = facts.held_out / len(whole), facts.settings.get("seed", 0)
    # The run was probably given a number with few digits.
    tried = dict.fromkeys([*(float(f"{exact:.{digits}g}") for digits in (1, 2, 3)), exact])
    for fraction in (one for one in tried if 0 < one < 1):
        if gather(data, fraction, seed).train.fingerprint() == known.get("fingerprint"):
            return fraction
    return None
