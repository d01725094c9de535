"""The exercise on the page, and the marks of right and wrong answers."""

from __future__ import annotations

import pytest

from clearprop.errors import ConfigurationError
from clearprop.glass.equations import exercise, lecture
from clearprop.glass.equations.sheet import Sheet
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import AnswerMark
from clearprop.studio.backward.sheets import exercise_sheet, marked


def gaps(sheet: Sheet) -> dict[str, int]:
    return {line.name: line.gap for line in sheet.lines() if line.gap}


def mark_of(sheet: Sheet, name: str, text: str, **others: str) -> AnswerMark:
    known = gaps(sheet)
    answers = {str(known[other]): given for other, given in others.items()}
    found = marked(sheet, answers | {str(known[name]): text}).answers
    return next(mark for mark in found if mark.name == name)


def test_an_exercise_shows_no_result() -> None:
    sheet = exercise_sheet(lecture("2-2-1").sheet)
    lines = [line for part in sheet.parts for line in part.lines]
    given = {line.name: line.text for line in lines if not line.gap}
    assert given == {
        "eta": "1", "w3": "0.1", "w5": "0.4", "w4": "0.8", "w6": "0.6", "w1": "0.3", "w2": "0.9",
        "A": "0.35", "B": "0.9", "t": "0.5",
    }  # fmt: skip
    assert [line.gap for line in lines if line.gap] == list(range(1, 33))
    shown = " ".join([*(line.formula + line.text for line in lines), *sheet.intro])
    assert "0.6803" not in shown
    assert "0.6903" not in shown


@pytest.mark.parametrize("digits", [2, 3, 4, 6])
def test_the_true_numbers_are_right_however_they_are_rounded(digits: int) -> None:
    for sheet in (exercise("network", 5).sheet, Flow.of(exercise("network", 5)).sheet()):
        answers = {
            str(line.gap): f"{line.value:.{digits - 1}e}" for line in sheet.lines() if line.gap
        }
        found = marked(sheet, answers)
        assert {mark.verdict for mark in found.answers} == {"right"}
        assert found.good == found.of == len(answers)


def test_every_other_sign_is_found() -> None:
    sheet = lecture("2-2-1").sheet
    for line in sheet.lines():
        if line.gap:
            mark = mark_of(sheet, line.name, f"{-line.value:.6g}")
            assert (mark.verdict, mark.kind) == ("wrong", "sign"), line.name
            assert mark.about == "the other sign"


def test_a_mistake_is_named() -> None:
    sheet = lecture("2-2-1").sheet
    missing = mark_of(sheet, "dE/dz3", "0.1903")
    assert (missing.verdict, missing.kind) == ("wrong", "derivative")
    assert "derivative" in missing.hint
    update = mark_of(sheet, "w1'", "0.3277")
    assert (update.verdict, update.kind) == ("wrong", "update")


def test_what_follows_from_a_mistake_is_carried() -> None:
    sheet = lecture("2-2-1").sheet
    mark = mark_of(sheet, "h1", "0.69", z1="0.80")
    assert mark.verdict == "carried"
    assert mark.hint == "it follows from your z1"


def test_a_step_is_marked_with_the_steps_before_it() -> None:
    sheet = Flow.of(lecture("2-2-1"), "gates").sheet()
    assert mark_of(sheet, "z1", "0.835", g1="0.115").verdict == "carried"
    part = "dE/dA through g1"
    assert mark_of(sheet, part, "0.0002654").verdict == "right"
    wrong = mark_of(sheet, part, "0.002654")
    assert (wrong.verdict, wrong.kind) == ("wrong", "missing")


@pytest.mark.parametrize("text", ["two", "1/3", "0x10", "1e", "<b>"])
def test_what_is_no_number_is_wrong(text: str) -> None:
    mark = mark_of(lecture("gate").sheet, "g1", text)
    assert (mark.verdict, mark.kind) == ("wrong", "no number")


def test_a_comma_and_a_minus_sign_of_the_keyboard_of_a_phone_are_understood() -> None:
    assert mark_of(lecture("gate").sheet, "f", "0,731").verdict == "right"
    assert mark_of(lecture("gate").sheet, "g1", "\u22122").verdict == "right"


def test_empty_answers_are_not_marked() -> None:
    found = marked(lecture("gate").sheet, {"1": " ", "2": ""})
    assert (found.answers, found.good, found.of) == ((), 0, 0)


def test_an_answer_to_no_gap_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="belongs to no gap"):
        marked(lecture("gate").sheet, {"99": "1"})
