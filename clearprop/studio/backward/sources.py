"""What can be worked out step by step: a page by its name, a sent network, a recorded run."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn, tree
from clearprop.data.download import without_downloads
from clearprop.errors import ConfigurationError, RunError, ShapeError
from clearprop.glass.equations.exercises import EXERCISES, SIZES, exercise
from clearprop.glass.equations.lectures import LECTURES, lecture
from clearprop.glass.equations.passes import check_model
from clearprop.glass.equations.solution import WorkedSolution, worked_solution
from clearprop.glass.subject import gather
from clearprop.recipes.experiment import of_run
from clearprop.studio.backward.messages import (
    NamedPage,
    PassPage,
    PassSource,
    RunExample,
    SentLayer,
    SentNetwork,
)
from clearprop.studio.runs.place import RunPlace
from clearprop.training import load_model
from clearprop.training.run_config import read_config

REMEMBERED = 64
"""How many worked solutions are kept."""

RUN_RATE = 0.1
"""The learning rate of the step after a run's pass, where the run recorded none."""

_LECTURE_PAGES = (
    ("gate", "Sigmoid gate", "One neuron with two inputs as a graph of gates, from the lectures."),
    ("2-2-1", "2-2-1 network", "One step of the lectures' network of sigmoid neurons."),
)


def pages() -> tuple[PassPage, ...]:
    """Return the pages that can be opened by name: the lectures' first.

    >>> [page.name for page in pages()]
    ['gate', '2-2-1', 'gate', 'network', '2-2-1', '3-2-1', '2-3-1']
    """
    drawn = {name: about for name, about in EXERCISES.items() if name == "gate"}
    drawn |= EXERCISES | {size: f"one step of a network of {size} units" for size in SIZES}
    titles = {"gate": "A neuron, gate by gate", "network": "A small network"}
    return (
        *(PassPage(name, False, title, about) for name, title, about in _LECTURE_PAGES),
        *(
            PassPage(name, True, titles.get(name, f"A {name} network"), f"Exercise: {about}.")
            for name, about in drawn.items()
        ),
    )


def solution(
    source: PassSource, digits: int, runs: Path | None = None, number: int = 1
) -> WorkedSolution:
    """Work out a pass and the step after it.

    Args:
        source: what is worked out.
        digits: significant digits of the shown numbers.
        runs: the folder of the runs.
        number: of the pass, from 1; each later one has the weights after another step.

    Raises:
        ConfigurationError: there is no such page, activation or loss.
        ModelError: the network is too large.
        RunError: there is no such run.
        ShapeError: the layers, the example and the loss do not fit together.
    """
    if isinstance(source, RunExample):
        # A run may have been trained further meanwhile: its solutions are not kept.
        found = _of_run(source, digits, runs)
        for _ in range(number - 1):
            found = found.step.repeat()
        return found
    for earlier in range(1, number):  # keeps the depth of the recursion at 2
        _kept(source, digits, earlier)
    return _kept(source, digits, number)


@functools.lru_cache(REMEMBERED)
def _kept(source: NamedPage | SentNetwork, digits: int, number: int) -> WorkedSolution:
    if number > 1:
        return _kept(source, digits, number - 1).step.repeat()
    if isinstance(source, SentNetwork):
        return _of_network(source, digits)
    if source.seed is None and source.name in LECTURES:
        return lecture(source.name, digits)
    return exercise(source.name, source.seed or 0, digits=digits)


def _of_network(sent: SentNetwork, digits: int) -> WorkedSolution:
    model = network(sent)
    check_model(model)
    made = worked_solution(
        model,
        np.asarray(sent.input, np.float32),
        target_for(sent.loss, sent.target),
        sent.learning_rate,
        sent.loss,
        digits=digits,
        title="The network of the playground",
    )
    intro = (
        "The loss is that of one example, without penalties and dropout. The step after the pass "
        "is plain gradient descent with the learning rate of the settings."
    )
    return replace(made, sheet=replace(made.sheet, intro=(intro, *made.sheet.intro)))


def network(sent: SentNetwork) -> nn.Sequential:
    """Return the model that a page describes, with parameters of 32 bits.

    Raises:
        ConfigurationError: an activation is unknown.
        ShapeError: a layer does not fit the one before it.
    """
    layers: list[Any] = []
    values: dict[str, Any] = {}
    width = len(sent.input)
    for number, layer in enumerate(sent.layers):
        weight, bias = _arrays(layer, width, f"layers.{number}")
        path = f"layers.{len(layers)}"
        width = weight.shape[1]
        layers.append(nn.Linear(*weight.shape, bias=bias is not None))
        values[f"{path}.weight"] = weight
        if bias is not None:
            values[f"{path}.bias"] = bias
        if layer.activation != "identity":
            layers.append(layer.activation)
    return tree.replace(nn.Sequential(layers).init(0), values)


def _arrays(layer: SentLayer, width: int, where: str) -> tuple[Any, Any]:
    widths = {len(row) for row in layer.weight}
    units = min(widths)
    fits = len(layer.weight) == width and len(widths) == 1 and units > 0
    if not fits or (layer.bias is not None and len(layer.bias) != units):
        raise ShapeError(
            "the weights of a layer do not fit the layer before it",
            where=where,
            given=f"{len(layer.weight)} rows of {sorted(widths)} weights"
            + ("" if layer.bias is None else f", {len(layer.bias)} biases"),
            expected=f"{width} rows of one length, and as many biases as a row has weights",
        )
    bias = None if layer.bias is None else np.asarray(layer.bias, np.float32)
    return np.asarray(layer.weight, np.float32), bias


def target_for(loss: str, target: float) -> Any:
    """Return a target in the form that a loss takes: a class is a whole number.

    Raises:
        ConfigurationError: there is no such loss, or the class is no whole number.
    """
    found = nn.find_loss(loss)
    if found.task != "classification" or found.threshold is not None:
        return np.float32(target)
    if target != int(target) or target < 0:
        raise ConfigurationError(
            f"the target of {loss} is a class", given=f"{target}", expected="a whole number from 0"
        )
    return np.array([int(target)])


def _of_run(source: RunExample, digits: int, runs: Path | None) -> WorkedSolution:
    folder = _folder(source.run, runs)
    model = load_model(folder)
    check_model(model)  # before its data are read
    with without_downloads():
        subject = gather(folder, of_run(read_config(folder), str(folder)).splits)
    if source.example >= len(subject):
        raise ConfigurationError(
            "the run has no such example",
            where=source.run,
            given=f"{source.example}",
            expected=f"a number from 0 to {len(subject) - 1}, of the {subject.part} part",
        )
    x, y = subject.model_examples(np.array([source.example]))
    rate = _rate(subject.history.learning_rate)
    made = worked_solution(
        subject.model, x, y, RUN_RATE if rate is None else rate, subject.loss, digits=digits,
        title=f"{source.run}: {subject.part} {subject.noun} {subject.called(source.example)}",
    )  # fmt: skip
    name = subject.config.get("optimizer", {}).get("name", "")
    intro = "The step after the pass is plain gradient descent" + (
        f", whatever the run itself used; its learning rate is {RUN_RATE}."
        if rate is None
        else f" with the last learning rate of the run, which used {name or 'an optimizer'}."
    )
    return replace(made, sheet=replace(made.sheet, intro=(intro, *made.sheet.intro)))


def _folder(name: str, runs: Path | None) -> Path:
    if runs is None:
        raise RunError("there is no run of this name", given=name, expected="a folder of the runs")
    return RunPlace.of(runs, name).path


def _rate(rates: NDArray[np.floating]) -> float | None:
    """Return the learning rate after the last epoch; None where none was recorded."""
    last = float(rates[-1]) if len(rates) else math.nan
    return last if math.isfinite(last) else None
