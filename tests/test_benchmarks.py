"""The benchmarks run; no test asserts a time."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import kept, material, report, startup
from benchmarks.configurations import CONFIGURATIONS, Configuration
from benchmarks.interpreters import Interpreters
from benchmarks.measurement import HERE, Measurement, Timing, measure
from benchmarks.seat import SideError
from benchmarks.sides import GOAL, OURS, SIDES, find
from benchmarks.turns import Finished, Turns

SMALL = Configuration(
    name="small",
    title="64-16-10 network on digits",
    network="mlp",
    sizes=(64, 16, 10),
    activation="tanh",
    data="digits",
    examples=600,
    batch_size=100,
    optimizer="adam",
    learning_rate=0.01,
    check_passes=3,
    goal=1.0,
)


@pytest.mark.slow
def test_sides_take_turns_and_learn_alike() -> None:
    sides = [find(OURS), find("scikit-learn")]
    if Interpreters().why_not(find(GOAL).library) is None:
        sides.append(find(GOAL))
    measured = measure(SMALL, sides, rounds=2, seconds=0.0, core_count=2)
    assert measured.absent == {}
    assert [timing.side for timing in measured.timings] == [side.name for side in sides]
    for timing in measured.timings:
        assert len(timing.steps) == 2
        assert min(timing.steps) > 0
        assert measured.is_alike(timing.side), f"{timing.side}: {timing.loss}"
        assert measured.ratio(timing.side) > 0


def test_a_side_that_fails_is_said_to_have_failed() -> None:
    wrong = Configuration(**{**vars(SMALL), "optimizer": "none-such"})
    measured = measure(wrong, [find("scikit-learn")], rounds=1, seconds=0.0, core_count=1)
    assert measured.timings == []
    assert measured.absent["scikit-learn"].startswith("failed: AttributeError")


@pytest.mark.slow
def test_a_start_is_measured_with_and_without_kept_programs() -> None:
    sides = [OURS, startup.KEPT]
    starts = startup.measure(sides, SMALL, rounds=2, core_count=2, interpreters=HERE)
    assert [len(starts[name]) for name in sides] == [2, 2]
    for each in (*starts[OURS], *starts[startup.KEPT]):
        assert each.seconds > 0
        assert each.processor > 0
    shown = io.StringIO()
    Console(file=shown, width=118).print(startup.table(starts))
    assert startup.KEPT in shown.getvalue()


def test_a_start_that_fails_is_an_error() -> None:
    wrong = Configuration(**{**vars(SMALL), "optimizer": "none-such"})
    with pytest.raises(SideError, match="one of adadelta"):
        startup.measure([OURS], wrong, rounds=1, core_count=2, interpreters=HERE)


def measurement(goal: float, others: float = 0.0) -> Measurement:
    timings = [
        Timing(OURS, loss=0.5, start_seconds=1.0, steps=[2.0, 1.0, 3.0], others=[others]),
        Timing(GOAL, loss=0.6, start_seconds=1.0, steps=[2.0, 4.0, 9.0]),
    ]
    return Measurement(Configuration(**{**vars(SMALL), "goal": goal}), timings, {"x": "absent"})


def test_ratios_are_those_of_medians() -> None:
    measured = measurement(goal=2.0)
    assert measured.ratio(GOAL) == 2.0
    assert measured.spread(GOAL) == (1.0, 4.0)
    assert not measured.is_alike(GOAL)


@pytest.mark.parametrize(
    ("goal", "others", "verdict"),
    [(2.0, 0.0, "met"), (2.1, 0.0, "missed"), (2.0, 0.5, "disturbed")],
)
def test_verdict(goal: float, others: float, verdict: str) -> None:
    text = io.StringIO()
    report.show_goals([measurement(goal, others)], Console(file=text, width=200))
    assert verdict in text.getvalue()


def test_table_and_file(tmp_path: Path) -> None:
    text = io.StringIO()
    report.show(measurement(1.0), Console(file=text, width=200))
    assert "2.00 x" in text.getvalue()
    assert "differs" in text.getvalue()
    assert "without x: absent" in text.getvalue()
    report.write([measurement(1.0)], 2, HERE, tmp_path / "results" / "one.json")
    written = json.loads((tmp_path / "results" / "one.json").read_text())
    assert written["measurements"]["small"]["sides"][GOAL]["ratio"] == 2.0


@pytest.mark.parametrize(
    ("theirs", "fell"),
    [([2.0, 4.0, 9.0], []), ([2.0, 2.0, 2.9], []), ([0.9, 1.0, 1.4], ["2.00 x fell to 0.50 x"])],
)
def test_what_fell_by_more_than_the_spread_is_named(
    theirs: list[float], fell: list[str], tmp_path: Path
) -> None:
    report.write([measurement(1.0)], 2, HERE, tmp_path / "kept.json")
    now = measurement(1.0)
    now.timings[1].steps[:] = theirs
    text = io.StringIO()
    status = kept.show(kept.read(tmp_path / "kept.json"), [now], Console(file=text, width=200))
    assert status == len(fell)
    assert all(each in text.getvalue() for each in fell)
    assert f"1 ratios compared with the earlier run, {len(fell)} fell" in text.getvalue()


def test_a_ratio_that_was_not_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text('{"measurements": {}}')
    text = io.StringIO()
    now = [measurement(1.0)]
    assert kept.show(kept.read(tmp_path / "kept.json"), now, Console(file=text, width=200)) == 1
    assert f"small, {GOAL}: the earlier run has no ratio" in text.getvalue()
    with pytest.raises(SystemExit, match="does not hold measurements"):
        kept.read(tmp_path / "none.json")


def test_a_side_that_was_measured_earlier_and_is_gone_is_named(tmp_path: Path) -> None:
    report.write([measurement(1.0)], 2, HERE, tmp_path / "kept.json")
    text = io.StringIO()
    now = measurement(1.0)
    now.timings.pop()
    now.absent[GOAL] = "it crashed"
    status = kept.show(kept.read(tmp_path / "kept.json"), [now], Console(file=text, width=200))
    assert status == 1
    assert f"small, {GOAL}: measured earlier, not now (it crashed)" in text.getvalue()


def test_the_sides_of_a_library_have_an_interpreter_of_their_own(tmp_path: Path) -> None:
    elsewhere = Interpreters({"torch": str(tmp_path / "python")})
    assert elsewhere.why_not("clearprop") is None
    assert "does not run" in (elsewhere.why_not("torch") or "")
    same = Interpreters({"numpy": sys.executable})
    assert same.versions("numpy")["numpy"] == np.__version__
    measured = measure(
        SMALL, [find(GOAL)], rounds=1, seconds=0.0, core_count=1, interpreters=elsewhere
    )
    assert "does not run" in measured.absent[GOAL]


def test_turns_count_passes_from_pause_to_pause() -> None:
    answers = io.StringIO()
    turns = Turns(io.StringIO("0\n0\n"), answers, check_passes=2)
    turns.wait()
    for loss, may_pause in ((3.0, True), (2.0, False), (1.0, True), (0.5, False)):
        turns.passed(loss, may_pause=may_pause)
    with pytest.raises(Finished):
        turns.passed(0.4)
    first, second = map(json.loads, answers.getvalue().splitlines())
    assert first["losses"] == [3.0, 2.0]
    assert second["passes"] == 2


@pytest.mark.parametrize("name", ["mlp64", "lenet128"])
def test_first_weights_have_the_shapes_of_the_model(name: str) -> None:
    from clearprop import nn
    from clearprop.models import MLP, LeNet5

    configuration = CONFIGURATIONS[name]
    model = LeNet5() if configuration.network == "lenet5" else MLP(configuration.sizes)
    shapes = [array.shape for pair in material.first_weights(configuration) for array in pair]
    assert [array.shape for array in nn.parameters(model.init(0)).values()] == shapes


def test_every_side_has_a_name_of_its_own() -> None:
    assert len({side.name for side in SIDES}) == len(SIDES)
