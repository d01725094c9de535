"""The predictions of a model: confusion matrix, predicted against true numbers, worst mistakes.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from clearprop.data.fitted_columns import FittedColumn, features_of
from clearprop.data.sources import evenly_spaced
from clearprop.glass.chart import Chart
from clearprop.glass.pictures import data_address, is_picture
from clearprop.glass.subject import Subject
from clearprop.glass.wording import cell, count, number, percent

LARGEST_TABLE = 20
MOST_PAIRS = 5
WORST_PICTURES = 18
WORST_ROWS = 8
SHOWN_FEATURES = 12
SCATTERED = 800
LONGEST_TEXT = 160
OTHERS = "others"
NEW_CATEGORY = "(not in training)"
UNDEFINED = "–"
"""Stands for the recall of a class without examples, and the precision of one never predicted."""


@dataclass(frozen=True)
class ConfusionCell:
    """One cell of the confusion matrix: how many examples, and how strong its color is."""

    examples: int
    strength: float
    right: bool


@dataclass(frozen=True)
class ConfusionRow:
    """One true class: its cells, its recall and its precision.

    Attributes:
        name: of the class.
        cells: one for each predicted class.
        recall: fraction of its examples that are predicted as this class; a dash without examples.
        precision: fraction of the predictions of this class that are right; a dash where the class
            is never predicted.
    """

    name: str
    cells: tuple[ConfusionCell, ...]
    recall: str
    precision: str


@dataclass(frozen=True)
class ConfusionSection:
    """The part of the report about right and wrong classes.

    Attributes:
        rows: one for each true class; where there are many, the most frequent ones.
        counted: which examples the whole matrix counts, and how many.
        pairs: the most frequent mistakes in words.
        names: of the classes.
        note: which classes of how many are shown; "" where all are.
        signs: what the signs for white space mean; "" where there are none.
    """

    rows: tuple[ConfusionRow, ...]
    counted: str
    pairs: tuple[str, ...]
    names: tuple[str, ...]
    note: str
    signs: str


@dataclass(frozen=True)
class Mistake:
    """One example with a wrong or inaccurate prediction, as a picture, a text or values.

    `rebuilt` is the output as a picture, where the output is one.
    """

    picture: str
    rebuilt: str
    text: str
    values: tuple[str, ...]
    truth: str
    predicted: str
    confidence: str
    name: str


@dataclass(frozen=True)
class MistakesSection:
    """The part of the report about the worst mistakes.

    Attributes:
        mistakes: the worst first.
        noun: for one example.
        columns: names of their values, where they are neither pictures nor texts.
        columns_note: how many of the columns are shown; "" where all are.
        wrong: the number of all wrong predictions; None for regression.
        pixelated: whether the pictures are small enough to show single pixels.
        title: of the section.
    """

    mistakes: tuple[Mistake, ...]
    noun: str
    columns: tuple[str, ...]
    columns_note: str
    wrong: int | None
    pixelated: bool
    title: str


@dataclass(frozen=True)
class FitSection:
    """The part of the report about predicted numbers: chart, explained variance, largest error.

    `note` says which of the examples and of the outputs are in the chart; "" where all are.
    """

    chart: Markup
    note: str
    explained: str
    largest: str


def confusion_section(subject: Subject) -> ConfusionSection | None:
    """Return the confusion matrix, or None where the task is not a classification.

    In sequences each place with a label counts.
    """
    table = subject.evaluation.confusion
    of_places = table is None
    if of_places:
        table = _of_places(subject)
    if table is None or not table.any():
        return None
    names = tuple(subject.class_name(i) for i in range(len(table)))
    kept, note = np.arange(len(table)), ""
    if len(table) > LARGEST_TABLE:
        kept = np.sort(np.argsort(-table.sum(axis=1), kind="stable")[: LARGEST_TABLE - 1])
        note = f"The {len(kept)} most frequent of {len(table)} classes are shown."
    whose = f"{subject.part} {subject.noun}" if subject.part != "given" else subject.noun
    places = f"{count(int(table.sum()), 'place')} of the " if of_places else "the "
    return ConfusionSection(
        rows=_confusion_rows(table, names, kept),
        counted=places + count(len(subject), whose),
        pairs=_pairs(table, names),
        names=tuple(names[i] for i in kept) + ((OTHERS,) if note else ()),
        note=note,
        signs=_signs(names[i] for i in kept),
    )


def _signs(names: Iterable[str]) -> str:
    """Return what the signs for white space in some names mean.

    >>> _signs(["a", "␣"])
    '␣ is a space.'
    """
    shown = "".join(names)
    meanings = {"␣": "a space", "⏎": "the end of a line", "⇥": "a tabulator"}
    found = [f"{sign} is {meaning}" for sign, meaning in meanings.items() if sign in shown]
    return f"{', '.join(found)}." if found else ""


def _pairs(table: NDArray[np.int64], names: tuple[str, ...]) -> tuple[str, ...]:
    wrong = table - np.diag(np.diag(table))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    more = int((wrong > 0).sum()) - MOST_PAIRS
    left_out = (f"and {count(more, 'more pair')} of classes, no more often",) if more > 0 else ()
    pairs = tuple(
        f"{names[t]} is predicted as {names[a]} in {wrong[t, a]:,} of "
        f"{count(int(table[t].sum()), 'case')} ({percent(wrong[t, a] / table[t].sum())})"
        for t, a in (divmod(int(place), len(table)) for place in order)
        if wrong[t, a]
    )
    return pairs + left_out


def _of_places(subject: Subject) -> NDArray[np.int64] | None:
    """Return the confusion matrix of sequences, (N, T, K) outputs against (N, T) labels."""
    outputs, targets = subject.evaluation.outputs, np.asarray(subject.targets)
    labels = targets.dtype.kind in "iu" and outputs.ndim == targets.ndim + 1 > 2
    if not labels or outputs.shape[:-1] != targets.shape:
        return None
    counted = targets >= 0
    K = outputs.shape[-1]
    pairs = targets[counted].astype(np.int64) * K + outputs.argmax(axis=-1)[counted]
    return np.bincount(pairs, minlength=K * K).reshape(K, K)


def _confusion_rows(
    table: NDArray[np.int64], names: tuple[str, ...], kept: NDArray[np.intp]
) -> tuple[ConfusionRow, ...]:
    """Return the rows of the kept classes; the last cell counts predictions of all others."""
    shown = table[np.ix_(kept, kept)]
    if len(kept) < len(table):
        rest = table[kept].sum(axis=1, keepdims=True) - shown.sum(axis=1, keepdims=True)
        shown = np.concatenate([shown, rest], axis=1)
    most = max(1, int((shown - np.eye(*shown.shape, dtype=np.int64) * shown).max()))
    rows = []
    for place, (true, counts) in enumerate(zip(kept, shown, strict=True)):
        examples, right = int(counts.sum()), int(counts[place])
        cells = tuple(
            # Mistakes have a color scale of their own, because they are few.
            ConfusionCell(int(n), float(n / max(1, examples)), True)
            if predicted == place
            else ConfusionCell(int(n), float(np.sqrt(n / most)), False)
            for predicted, n in enumerate(counts)
        )
        predicted_so = int(table[:, true].sum())
        recall, precision = _fraction(right, examples), _fraction(right, predicted_so)
        rows.append(ConfusionRow(names[true], cells, recall, precision))
    return tuple(rows)


def _fraction(part: int, whole: int) -> str:
    """Return a fraction as text; a dash where the whole is 0, as the fraction is undefined then."""
    return percent(part / whole) if whole else UNDEFINED


def mistakes_section(subject: Subject) -> MistakesSection | None:
    """Return the examples with the largest loss among the wrong predictions, the largest first."""
    outputs = subject.evaluation.outputs
    pictures = is_picture(subject.input_shape)
    rebuilt = pictures and subject.reconstructs
    if outputs.ndim != 2 and not rebuilt:
        return None
    classifies = subject.evaluation.confusion is not None
    if not classifies and subject.loss.threshold:
        return None
    candidates = np.arange(len(subject))
    if classifies:
        candidates = candidates[subject.predictions != subject.truths]
    worst = candidates[np.argsort(-subject.losses_by_example[candidates], kind="stable")]
    worst = worst[: WORST_PICTURES if pictures else WORST_ROWS]
    columns, columns_note = ((), "") if pictures else _columns(subject)
    if not pictures and subject.text(0) is not None:
        columns, columns_note = ("text",), ""
    return MistakesSection(
        mistakes=tuple(_mistake(subject, int(row), pictures) for row in worst),
        noun=subject.noun,
        columns=columns,
        columns_note=columns_note,
        wrong=len(candidates) if classifies else None,
        pixelated=pictures and max(subject.input_shape[:2]) <= 64,
        title="Worst reconstructions" if subject.reconstructs else "Worst mistakes",
    )


def _mistake(subject: Subject, row: int, pictures: bool) -> Mistake:
    predicted, truth = subject.prediction_texts(row)
    confidence = ""
    if subject.evaluation.confusion is None:
        target = np.asarray(subject.targets[row], np.float64).reshape(-1)
        output = np.asarray(subject.evaluation.outputs[row], np.float64).reshape(-1)
        confidence = cell(float(np.sqrt(np.mean((output - target) ** 2))), 5)
    elif subject.chances is not None:
        confidence = percent(float(subject.chances[row, subject.predictions[row]]))
    text = None if pictures else subject.text(row)
    return Mistake(
        picture=data_address(subject.picture(row)) if pictures else "",
        rebuilt=data_address(subject.reconstruction(row))
        if pictures and subject.reconstructs
        else "",
        text=shortened(text) if text is not None else "",
        values=() if pictures or text is not None else _values(subject, row),
        truth=truth,
        predicted=predicted,
        confidence=confidence,
        name=subject.called(row),
    )


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return the beginning of a text, cut between two words.

    >>> shortened("to be or not to be", 10)
    'to be or ...'
    """
    if len(text) <= longest:
        return text
    return f"{text[: longest + 1].rpartition(' ')[0] or text[:longest]} ..."


def _values(subject: Subject, row: int) -> tuple[str, ...]:
    raw = subject.raw_inputs(np.array([row]))[0].ravel()
    if _is_series(subject):
        return tuple(cell(float(value)) for value in raw[-SHOWN_FEATURES:])
    table = _table(subject)
    if not table:
        return tuple(cell(float(value)) for value in raw[:SHOWN_FEATURES])
    return tuple(_table_values(raw, table)[:SHOWN_FEATURES])


def _table(subject: Subject) -> tuple[FittedColumn, ...]:
    """Return the columns of the user's table; none for other inputs."""
    columns = subject.preprocessor.columns if subject.preprocessor is not None else ()
    features = sum(len(features_of(column)) for column in columns)
    return columns if subject.input_shape == (features,) else ()


def _table_values(raw: NDArray[np.number], columns: Sequence[FittedColumn]) -> list[str]:
    """Return a row of a table as it was before its categories became features of 0 and 1."""
    found, place = [], 0
    for column in columns:
        if column.categories is None:
            found.append(cell(float(raw[place])))
            place += 1
            continue
        ones = np.flatnonzero(raw[place : place + len(column.categories)] > 0.5)
        found.append(column.categories[int(ones[0])] if len(ones) else NEW_CATEGORY)
        place += len(column.categories)
    return found


def _columns(subject: Subject) -> tuple[tuple[str, ...], str]:
    """Return the names of the columns that are shown, and a note where these are not all."""
    table = _table(subject)
    of = len(table) or int(np.prod(subject.input_shape))
    width = min(of, SHOWN_FEATURES)
    if _is_series(subject):  # the end of a window matters most for the next value
        names = [f"{back} before" for back in range(width, 0, -1)]
        which = "last"
    else:
        names = [table[i].name if table else subject.feature_name(i) for i in range(width)]
        which = "first"
    noun = "columns" if table else "values"
    note = f"The {which} {width} of {of:,} {noun} of an example are shown." if width < of else ""
    return tuple(names), note


def _is_series(subject: Subject) -> bool:
    return subject.noun == "window" and subject.input_shape[1:] == (1,)


def fit_section(subject: Subject) -> FitSection | None:
    """Return predicted against true numbers, or None where the task is not a regression."""
    evaluation = subject.evaluation
    if evaluation.confusion is not None or subject.loss.task != "regression":
        return None
    true = np.asarray(subject.targets, np.float64)
    predicted = np.asarray(evaluation.outputs, np.float64)
    if true.size != predicted.size:
        return None
    true, predicted = (values.reshape(len(true), -1) for values in (true, predicted))
    drawn = min(len(true), SCATTERED)
    note = f"{drawn} of the {len(true):,} examples are drawn. " if drawn < len(true) else ""
    shown = 0
    if true.shape[1] > 1 and subject.reconstructs:
        shown = int(true.var(axis=0).argmax())
        note += (
            f"The chart shows number {shown} of the {true.shape[1]} numbers of an example, from 0 "
            "on: the one that varies most. "
        )
    elif true.shape[1] > 1:
        note += f"The chart shows the first of {true.shape[1]} numbers of an example. "
    errors = predicted - true
    rest = (errors**2).sum()
    whole = ((true - true.mean(axis=0)) ** 2).sum()
    return FitSection(
        chart=_scatter(np.stack([true[:, shown], predicted[:, shown]], axis=1)),
        note=note,
        explained=percent(1 - float(rest / whole)) if whole and rest < whole else "nothing",
        largest=number(float(np.abs(errors).max())),
    )


def _scatter(pairs: NDArray[np.float64]) -> Markup:
    """Return the chart of pairs (N, 2) of a true and a predicted number."""
    low, high = float(pairs.min()), float(pairs.max())
    room = (high - low) * 0.05 or 1.0
    span = (low - room, high + room)
    chart = Chart(
        span,
        span,
        f"Predicted against true values of {count(len(pairs), 'example')}",
        width=460,
        height=430,
    )
    chart.axes("true value", "predicted value")
    line = np.array(span)
    chart.line(line, line, "diagonal")
    for t, s in evenly_spaced(pairs, SCATTERED).tolist():
        word = f"true {cell(t, 5)}, predicted {cell(s, 5)}"
        chart.point(float(chart.px(t)), float(chart.py(s)), "dot", word, 3)
    return chart.svg
