"""What the page gets to know of runs, as JSON; curves and pictures are binary frames.

`tools/studio_types.py` makes the types of the page (`studio-ui/src/runs/messages.ts`) from this
file. Numbers that are not finite are null.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from clearprop.studio.playground.messages import PageFinding

RunState = Literal["running", "interrupted", "finished", "early", "non-finite", "damaged", "study"]


class RunSummary(Struct, frozen=True):
    """A run as the list shows it.

    Attributes:
        name: of its folder, below the folder of all runs.
        version: changes whenever something of the run has changed.
        recipe: by which it was made; "" where it was made in Python.
        data: name of its data set.
        model: the class of its model.
        state: "early" stopped early; a "study" has a report and no single model.
        about: a sentence or two about the state: why it is damaged, where a number was not finite.
        live: whether a process is working in its folder now.
        holder: which process, in words; "" where there is none.
        started: when, in seconds since 1970.
        seconds: how long its epochs took.
        step: training steps made.
        last_step: training steps of the whole run, as far as that is known.
        epoch: epochs made.
        epochs: of the whole run.
        objective: mean training loss of the last epoch, or of the last steps before the first.
        training_error: of the last epoch.
        development_error: after it.
        best_error: the least development error.
        best_epoch: the epoch of that error.
        error: what the errors are called.
        task: "classification" (errors are fractions), else "regression".
        parameters: numbers that are trained.
        parent: of a fork: the name of the run that it left, where that is in the list.
        left_at: of a fork: the step at which it left its parent.
        sparkline: the objective over the run, in a few points.
    """

    name: str
    version: int
    recipe: str
    data: str
    model: str
    state: RunState
    about: str
    live: bool
    holder: str
    started: float | None
    seconds: float
    step: int
    last_step: int
    epoch: int
    epochs: int
    objective: float | None
    training_error: float | None
    development_error: float | None
    best_error: float | None
    best_epoch: int | None
    error: str
    task: str
    parameters: int
    parent: str | None
    left_at: int | None
    sparkline: list[float | None]


class RunList(Struct, frozen=True):
    """All runs, or those that have changed.

    Attributes:
        folder: of the runs, as the user gave it.
        version: of this list.
        runs: those that are new or have changed.
        gone: names of runs that are no longer there.
        refused: folders that are not shown, with the reason.
        waiting: how many folders were not read yet; they come with the next answer.
        whole: whether these are all runs, so that the page forgets others.
    """

    folder: str
    version: int
    runs: list[RunSummary]
    gone: list[str]
    refused: list[str]
    waiting: int
    whole: bool


class NamedNumber(Struct, frozen=True):
    """A final number of a run, such as the accuracy on the test part."""

    name: str
    value: float | None


FilmKind = Literal[
    "weights", "statistics", "arrays", "pass", "map", "samples", "machine", "episode"
]


class FilmEntry(Struct, frozen=True):
    """Something that a run keeps or can show for several steps.

    Attributes:
        kind: "weights" of snapshots and checkpoints; "statistics" and "arrays" that were recorded
            of layers; "pass" of one example through the model of each snapshot; the "map" of a
            self-organizing map, the "samples" of a generator, the filters and reconstructions of a
            Boltzmann "machine", an "episode" of a Q-network.
        title: for the list.
        about: what it shows, in a sentence or two.
        steps: training steps that have a picture, in their order.
        names: what can be chosen, such as parameters or layers; empty where there is no choice.
        shapes: of each of these.
        hint: how to get more pictures, where there are few; else "".
    """

    kind: FilmKind
    title: str
    about: str
    steps: list[int]
    names: list[str]
    shapes: list[list[int]]
    hint: str


class RunDetail(Struct, frozen=True):
    """One run.

    Attributes:
        summary: as in the list.
        results: the final numbers that the command wrote.
        configuration: all settings, by dotted name.
        machine: where it was made, in words.
        damage: what is damaged, in sentences.
        report: whether it has a report.
        model: whether it has a trained model.
        readable: whether its configuration and its events can be read.
        films: what it can show over its steps.
        best_step: training steps up to the end of the best epoch; null without one.
        stopped_step: the step in which a number was not finite; null where all were.
        resume: the command that goes on with the run where it was interrupted, for a shell.
        forks: names of the runs that left this one.
        compared: names of other runs of the same recipe, the latest first.
    """

    summary: RunSummary
    results: list[NamedNumber]
    configuration: list[tuple[str, str]]
    machine: str
    damage: list[str]
    report: bool
    model: bool
    readable: bool
    films: list[FilmEntry]
    best_step: int | None
    stopped_step: int | None
    resume: str
    forks: list[str]
    compared: list[str]


class SettingRow(Struct, frozen=True):
    """A setting in which runs differ.

    Attributes:
        name: of the setting, such as "learning_rate" or "optimizer.beta1".
        values: of each run, as text; "" where it has none.
        chosen: whether it is a value of the recipe; else it follows from those.
    """

    name: str
    values: list[str]
    chosen: bool


class ResultRow(Struct, frozen=True):
    """A number of several runs.

    Attributes:
        name: in words.
        values: of each run.
        best: place of the best one; null where neither more nor less is better, or all are equal.
    """

    name: str
    values: list[float | None]
    best: int | None


class RunComparison(Struct, frozen=True):
    """Several runs side by side.

    Attributes:
        runs: in the order in which they were asked for.
        settings: in which they differ.
        results: their numbers.
        remarks: what makes a comparison unfair, such as other data.
    """

    runs: list[RunSummary]
    settings: list[SettingRow]
    results: list[ResultRow]
    remarks: list[str]


class RunDiagnosis(Struct, frozen=True):
    """What keeps a run from learning, as `diagnose` says it.

    Attributes:
        run: whose.
        version: of the run.
        ready: whether the diagnosis is there; else the page asks again.
        summary: in one sentence.
        findings: faults before notes, the strongest evidence first.
        checked: what was looked for, and what could not be, in sentences.
        with_data: whether the examples of the run were looked at too.
        remark: why they were not; "" where they were.
    """

    run: str
    version: int
    ready: bool
    summary: str
    findings: list[PageFinding]
    checked: str
    with_data: bool
    remark: str
