from __future__ import annotations

import math

import numpy as np
import pytest

from clearprop.training.events import (
    Checkpointed,
    EpochDone,
    EpochsDone,
    Event,
    NonFinite,
    RunStarted,
    StepsDone,
    Stopped,
    as_it_went,
    from_line,
    read_lines,
    to_line,
    to_lines,
)
from clearprop.training.run import History

STARTED = RunStarted(0, 3, 10, 32, 320, 40, 51, 1, "classification")
EVERY_KIND: list[Event] = [
    STARTED,
    StepsDone(10, 1, 0.1 + 0.2, 1e-3, np.ones(10, np.float32)),
    EpochDone(1, 10, 1 / 3, 0.25, None, None, 1e-3, 2.0, 160.0),
    Checkpointed(10, "step-000000000010.safetensors"),
    NonFinite(11, 2, "layers.2", "going forward, log gave NaN"),
    Stopped("finished", 30, 3, 2),
]


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: type(event).__name__)
def test_an_event_is_read_back_as_it_was(event: Event) -> None:
    assert from_line(to_line(event)) == event


def test_numbers_that_are_not_finite_survive() -> None:
    back = from_line(to_line(StepsDone(1, 1, math.nan, math.inf)))
    assert isinstance(back, StepsDone)
    assert math.isnan(back.objective)
    assert back.seconds == math.inf


def test_the_torn_last_line_of_a_crash_is_passed_over() -> None:
    lines = [to_line(event) for event in EVERY_KIND]
    for cut in range(1, len(lines[-1])):
        assert list(read_lines([*lines[:-1], lines[-1][:cut]])) == EVERY_KIND[:-1]


def test_what_a_newer_version_wrote_is_passed_over() -> None:
    assert from_line('{"event": "Teleported", "step": 3}') is None
    assert from_line('{"event": "Checkpointed", "step": 3, "file": "a", "moon": 1}') is None


def test_a_resumption_takes_back_what_came_after_its_checkpoint() -> None:
    first = [STARTED, StepsDone(10, 1, 1.0, 0.1), Checkpointed(10, "a"), StepsDone(20, 2, 2.0, 0.1)]
    again = RunStarted(10, 3, 10, 32, 320, 40, 51, 1, "classification")
    second = [again, StepsDone(20, 2, 3.0, 0.1), Stopped("finished", 20, 2, None)]
    assert as_it_went([*first, *second]) == [*first[:3], *second]


EPOCHS: list[Event] = [
    EpochDone(e, 10 * e, 1 / e, 0.25, None, 0.5, 1e-3, 2.0, 160.0, {"recall": 0.1 * e})
    for e in (1, 2, 3)
]


def test_short_epochs_share_a_line_and_make_the_same_history() -> None:
    text = to_lines([STARTED, *EPOCHS, Stopped("finished", 30, 3, None)])
    assert text.count("\n") == 3
    together = History.of(read_lines(text.splitlines()))
    alone = History.of(EPOCHS)
    for name in ("epoch", "step", "objective", "development_error", "development_objective"):
        assert np.array_equal(getattr(together, name), getattr(alone, name), equal_nan=True)
        assert getattr(together, name).dtype == getattr(alone, name).dtype
    assert together.metrics["recall"].tolist() == alone.metrics["recall"].tolist()


def test_epochs_with_other_metrics_are_other_lines() -> None:
    other = EpochDone(4, 40, 0.1, 0.2, None, 0.5, 1e-3, 2.0, 160.0, {"precision": 0.9})
    text = to_lines([*EPOCHS, other])
    assert text.count("\n") == 2
    history = History.of(read_lines(text.splitlines()))
    assert np.isnan(history.metrics["precision"]).tolist() == [True, True, True, False]
    assert np.isnan(history.metrics["recall"]).tolist() == [False, False, False, True]


def test_a_resumption_takes_back_the_later_epochs_of_a_line() -> None:
    again = RunStarted(20, 3, 10, 32, 320, 40, 51, 1, "classification")
    lines = to_lines([STARTED, *EPOCHS]) + to_lines([again, EPOCHS[2]])
    kept = as_it_went(read_lines(lines.splitlines()))
    assert History.of(kept).epoch.tolist() == [1, 2, 3]
    assert as_it_went([EpochsDone({"step": [30]}), again]) == [again]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "Checkpointed", "step": "x", "file": "a"}',
        '{"event": "Checkpointed", "step": 1e300, "file": "a"}',
        '{"event": "Checkpointed", "step": -1, "file": "a"}',
        '{"event": "Checkpointed", "step": 1, "file": ["a"]}',
        to_line(EPOCHS[0]).replace('"epoch": 1', '"epoch": 99999999999999999999'),
        to_line(EPOCHS[0]).replace('{"recall": 0.1}', '{"recall": [0.1]}'),
        to_lines(EPOCHS).replace("[10, 20, 30]", "[10, 20, 99999999999999999999]"),
        to_lines(EPOCHS).replace('"training_error": 0.25', '"training_error": [0, {}, 1]'),
        '{"event": "EpochsDone"}',
        '{"event": "EpochsDone", "epoch": 3}',
        to_lines(EPOCHS).replace("[1, 2, 3]", "[1, 2]"),
        to_lines(EPOCHS).replace("[1, 2, 3]", '[1, "x", 3]'),
        to_lines(EPOCHS).replace("[10, 20, 30]", "[10, 2.5, 30]"),
        to_lines(EPOCHS).replace("[1, 2, 3]", "[]"),
        "[" * 100_000,
        "7",
    ],
)
def test_a_line_of_epochs_that_is_none_is_passed_over(line: str) -> None:
    assert list(read_lines([line])) == []
