from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from clearprop import nn, ops
from clearprop.training import fit
from clearprop.training.events import EpochDone, NonFinite, RunStarted, StepsDone, Stopped
from clearprop.training.progress import Reporter

STARTED = RunStarted(0, 3, 10, 32, 320, 40, 51, 2, "classification")


def epoch(number: int) -> EpochDone:
    return EpochDone(number, 10 * number, 0.5, 0.25, 0.3, 0.6, 0.1, 2.0, 160.0)


def shown(*events: Any, terminal: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    with Reporter(console) as report:
        for event in events:
            report(event)
    return text.getvalue()


def test_plain_lines_where_there_is_no_terminal() -> None:
    text = shown(STARTED, epoch(1), epoch(2), epoch(3), Stopped("early", 30, 3, 2), terminal=False)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0].endswith("over 2 devices")
    assert lines[-1] == (
        "stopped early: no epoch was better for long, after 30 steps; the model is that of epoch 2"
    )
    # Epochs within two seconds of each other share a line; the last one is always printed.
    assert [line.split()[1] for line in lines[1:-1]] == ["1/3", "3/3"]
    assert "development error 30.00 %" in lines[1]


def test_a_bar_on_a_terminal() -> None:
    text = shown(STARTED, StepsDone(5, 1, 0.7, 0.1), epoch(1), terminal=True)
    assert "\x1b" in text
    assert "5/30" in text or "0/30" in text
    assert "160 examples/s" in text


def test_what_went_wrong_is_told() -> None:
    text = shown(STARTED, NonFinite(7, 1, "layers.2", "log gave NaN"), terminal=False)
    assert "step 7 (epoch 1) went wrong in layers.2: log gave NaN" in text


def test_regression_errors_are_no_shares() -> None:
    started = RunStarted(0, 1, 10, 32, 320, 40, 51, 1, "regression")
    assert "training error 0.25 " in shown(started, epoch(1), terminal=False)


def test_fit_writes_plain_lines_to_standard_error(capsys: Any, xor: Any) -> None:
    model = nn.Sequential([nn.Linear(2, 4), ops.tanh, nn.Linear(4, 2)])
    fit(model, xor, epochs=2, batch_size=4)
    written = capsys.readouterr()
    assert written.out == ""
    assert "training 22 parameters on 4 examples" in written.err
    assert "epoch 2/2" in written.err
