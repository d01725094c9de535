"""The questions: their programs are faulty and mendable as said, and the judge is strict."""

import math
from collections.abc import Sequence
from types import ModuleType

import pytest

from benchmarks.questions import catalog
from benchmarks.questions.fourth import catalog as fourth
from benchmarks.questions.judge import (
    NAMED,
    NOTHING,
    SOMETHING_ELSE,
    attempt,
    compared,
    judge_program,
    refused,
    says,
    score,
)
from benchmarks.questions.question import Question, Worry
from benchmarks.questions.second import catalog as second
from benchmarks.questions.third import catalog as third

QUESTIONS = (*catalog.QUESTIONS, *second.QUESTIONS, *third.QUESTIONS, *fourth.QUESTIONS)
WORRIES = (*catalog.WORRIES, *second.WORRIES, *third.WORRIES, *fourth.WORRIES)

QUICK = {
    "softmax of one",  # trains in vain
    "numbers from one",  # is refused
    "reshaped table",  # learns, but worse
    "white is 255",
    "forgotten minus",
    "frozen without weights",
    "square feet",
    "one output and cross-entropy",
    "line between rings",
    "dummies",
    "ridge of ten",
    "three clouds",
}


def by_name(cases: Sequence[Question | Worry]) -> list[object]:
    return [
        pytest.param(case, id=case.name, marks=[] if case.name in QUICK else [pytest.mark.slow])
        for case in cases
    ]


@pytest.mark.parametrize(
    "one", [catalog, second, third, fourth], ids=["first", "second", "third", "fourth"]
)
def test_each_set_has_thirty_faulty_programs_and_ten_healthy_ones(one: ModuleType) -> None:
    assert (len(one.QUESTIONS), len(one.WORRIES)) == (30, 10)


def test_no_name_is_used_twice() -> None:
    names = [question.name for question in QUESTIONS] + [worry.name for worry in WORRIES]
    assert len(set(names)) == len(names)


def test_every_other_cause_has_an_answer_that_would_count() -> None:
    without = [q.name for q in QUESTIONS if not q.right and not q.words]
    # No kind of finding is about running statistics, or targets among the inputs.
    assert without == ["slow statistics", "attention to the future"]
    assert [q.name for q in QUESTIONS if set(q.right) & set(q.follows)] == []


@pytest.mark.parametrize("question", by_name(QUESTIONS))
def test_the_posted_program_is_clearly_worse(question: Question) -> None:
    posted, corrected = question.program(False), question.program(True)
    assert score(posted, attempt(posted)) >= question.faulty
    assert score(corrected, attempt(corrected)) <= question.corrected
    assert question.faulty > question.corrected


@pytest.mark.parametrize("worry", by_name(WORRIES))
def test_a_program_in_which_nothing_is_wrong_trains_well(worry: Worry) -> None:
    program = worry.program()
    assert score(program, attempt(program)) <= worry.reached


def test_only_the_first_fault_names_the_cause() -> None:
    right, true = {"rate_too_high"}, {"dead_units"}
    assert compared("q", [], right, true).outcome == NOTHING
    assert compared("q", ["rate_too_high", "dead_units"], right, true).outcome == NAMED
    assert compared("q", ["dead_units", "rate_too_high"], right, true).outcome == SOMETHING_ELSE


def test_a_fault_that_is_not_there_is_wrong_even_beside_the_cause() -> None:
    verdict = compared("q", ["rate_too_high", "overfitting"], {"rate_too_high"}, set())
    assert (verdict.outcome, verdict.wrong) == (NAMED, ("overfitting",))


def test_a_refusal_counts_only_if_it_says_the_cause() -> None:
    text = "data: a label is out of range\n  expected: 0 to 2"
    assert says(text, ("label", "0 to 2|1 to 3"))
    assert refused("q", text, ("label", "0 to 2")).outcome == NAMED
    other = refused("q", text, ("softmax",))
    assert (other.outcome, other.wrong) == (SOMETHING_ELSE, ("data: a label is out of range",))
    assert refused("q", text, ()).outcome == SOMETHING_ELSE


def test_a_program_that_is_refused_has_no_score() -> None:
    question = next(q for q in QUESTIONS if q.name == "numbers from one")
    verdict, reached = judge_program("q", question.program(False), words=question.words)
    assert (verdict.outcome, reached) == (NAMED, math.inf)
