"""How the model answered: confusion matrix, predicted against true numbers, the worst mistakes.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from clearprop.glass.chart import Chart
from clearprop.glass.pictures import data_address, is_picture
from clearprop.glass.subject import Subject
from clearprop.glass.wording import count, number, percent

LARGEST_TABLE = 20
WORST_PICTURES = 18
WORST_ROWS = 8
SHOWN_FEATURES = 8
SCATTERED = 800


@dataclass(frozen=True)
class Cell:
    """One cell of the confusion matrix: how many, and how strongly it is colored."""

    examples: int
    strength: float
    right: bool


@dataclass(frozen=True)
class ConfusionRow:
    """One true class: its cells, how many examples it has, and the shares that were right.

    Attributes:
        name: of the class.
        cells: one for each answer.
        examples: how many there are.
        recall: share of its examples that were recognized.
        precision: share of the answers of this class that were right.
    """

    name: str
    cells: tuple[Cell, ...]
    examples: int
    recall: str
    precision: str


@dataclass(frozen=True)
class ConfusionSection:
    """What the report shows of right and wrong classes.

    Attributes:
        rows: one for each true class; none where there are too many for a table.
        total: examples in the whole matrix.
        pairs: the most frequent mistakes in words.
        names: of the classes.
    """

    rows: tuple[ConfusionRow, ...]
    total: int
    pairs: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Mistake:
    """One answer far from the truth: the example as a picture or as values, and what was said."""

    picture: str
    values: tuple[str, ...]
    truth: str
    answer: str
    confidence: str
    row: int


@dataclass(frozen=True)
class MistakesSection:
    """What the report shows of the worst mistakes.

    Attributes:
        mistakes: the worst first.
        columns: names of their values, where they are no pictures.
        wrong: how many there are in all; None for regression.
        pixelated: whether the pictures are so small that their pixels shall be seen.
    """

    mistakes: tuple[Mistake, ...]
    columns: tuple[str, ...]
    wrong: int | None
    pixelated: bool


@dataclass(frozen=True)
class FitSection:
    """What the report shows of predicted numbers: the chart, and what is explained."""

    chart: Markup
    explained: str
    largest: str


def confusion_section(subject: Subject) -> ConfusionSection | None:
    """Return the confusion matrix, or None where the task is no classification."""
    table = subject.evaluation.confusion
    if table is None:
        return None
    names = tuple(subject.class_name(i) for i in range(len(table)))
    wrong = table - np.diag(np.diag(table))
    rows: tuple[ConfusionRow, ...] = ()
    if len(table) <= LARGEST_TABLE:
        rows = tuple(_confusion_row(table, i, name) for i, name in enumerate(names))
    order = np.argsort(-wrong, axis=None, kind="stable")[:5]
    pairs = [divmod(int(place), len(table)) for place in order]
    return ConfusionSection(
        rows=rows,
        total=int(table.sum()),
        pairs=tuple(
            f"{names[t]} was taken for {names[a]} {_times(int(wrong[t, a]))}, "
            f"{percent(wrong[t, a] / table[t].sum())} of all {names[t]}"
            for t, a in pairs
            if wrong[t, a]
        ),
        names=names,
    )


def _times(n: int) -> str:
    return "once" if n == 1 else "twice" if n == 2 else count(n, "time")


def _confusion_row(table: NDArray[np.int64], true: int, name: str) -> ConfusionRow:
    row, right = table[true], int(table[true, true])
    wrong = table - np.diag(np.diag(table))
    cells = tuple(
        Cell(
            int(n),
            # Mistakes are few beside right answers: they have a scale of their own, by square root.
            float(n / max(1, row.sum()))
            if answer == true
            else float(np.sqrt(n / max(1, wrong.max()))),
            answer == true,
        )
        for answer, n in enumerate(row)
    )
    answered = int(table[:, true].sum())
    return ConfusionRow(
        name,
        cells,
        int(row.sum()),
        percent(right / row.sum()) if row.sum() else "",
        percent(right / answered) if answered else "",
    )


def mistakes_section(subject: Subject) -> MistakesSection | None:
    """Return the answers that were furthest from the truth, the worst first."""
    outputs = subject.evaluation.outputs
    if outputs.ndim != 2 or (subject.evaluation.confusion is None and subject.loss.threshold):
        return None
    classifies = subject.evaluation.confusion is not None
    pictures = is_picture(subject.input_shape)
    if classifies:
        candidates = np.flatnonzero(subject.answers != subject.truths)
    else:
        candidates = np.arange(len(subject))
    worst = candidates[np.argsort(-subject.losses_by_example[candidates], kind="stable")]
    worst = worst[: WORST_PICTURES if pictures else WORST_ROWS]
    columns = () if pictures else _columns(subject)
    return MistakesSection(
        mistakes=tuple(_mistake(subject, int(row), pictures) for row in worst),
        columns=columns,
        wrong=len(candidates) if classifies else None,
        pixelated=pictures and max(subject.input_shape[:2]) <= 64,
    )


def _mistake(subject: Subject, row: int, pictures: bool) -> Mistake:
    confidence = ""
    if subject.evaluation.confusion is not None:
        truth, answer = (subject.class_name(int(x[row])) for x in (subject.truths, subject.answers))
        if subject.chances is not None:
            confidence = percent(float(subject.chances[row, subject.answers[row]]))
    else:
        target = np.asarray(subject.targets[row], np.float64).reshape(-1)
        output = np.asarray(subject.evaluation.outputs[row], np.float64).reshape(-1)
        truth, answer = (", ".join(number(v) for v in x[:4]) for x in (target, output))
        confidence = number(float(np.sqrt(np.mean((output - target) ** 2))))
    raw = subject.raw_inputs(np.array([row]))[0]
    return Mistake(
        picture=data_address(subject.picture(row)) if pictures else "",
        values=() if pictures else tuple(number(float(v)) for v in raw.ravel()[:SHOWN_FEATURES]),
        truth=truth,
        answer=answer,
        confidence=confidence,
        row=row,
    )


def _columns(subject: Subject) -> tuple[str, ...]:
    width = int(np.prod(subject.input_shape))
    return tuple(feature_name(subject, i) for i in range(min(width, SHOWN_FEATURES)))


def feature_name(subject: Subject, i: int) -> str:
    """Return what an entry of the input is called."""
    names = subject.feature_names
    return names[i] if names is not None and i < len(names) else f"x{i + 1}"


def fit_section(subject: Subject) -> FitSection | None:
    """Return predicted against true numbers, or None where the task is no regression."""
    evaluation = subject.evaluation
    if evaluation.confusion is not None or subject.loss.task != "regression":
        return None
    true = np.asarray(subject.targets, np.float64)
    said = np.asarray(evaluation.outputs, np.float64)
    if true.size != said.size:
        return None
    true, said = true.reshape(len(true), -1), said.reshape(len(said), -1)
    rest = ((said - true) ** 2).sum()
    whole = ((true - true.mean(axis=0)) ** 2).sum()
    worst = int(np.abs(said - true).max(axis=1).argmax())
    return FitSection(
        chart=_scatter(true[:, 0], said[:, 0]),
        explained=percent(1 - float(rest / whole)) if whole and rest < whole else "nothing",
        largest=number(float(np.abs(said - true)[worst].max())),
    )


def _scatter(true: NDArray[np.float64], said: NDArray[np.float64]) -> Markup:
    low, high = float(min(true.min(), said.min())), float(max(true.max(), said.max()))
    room = (high - low) * 0.05 or 1.0
    span = (low - room, high + room)
    chart = Chart(
        span,
        span,
        f"Predicted against true values of {count(len(true), 'example')}",
        width=460,
        height=430,
    )
    chart.axes("true value", "predicted value")
    line = np.array(span)
    chart.line(line, line, "diagonal")
    rows = np.unique(np.linspace(0, len(true) - 1, min(len(true), SCATTERED)).astype(int))
    for t, s in zip(true[rows], said[rows], strict=True):
        word = f"true {number(t)}, predicted {number(s)}"
        chart.point(float(chart.px(t)), float(chart.py(s)), "dot", word, 3)
    return chart.svg
