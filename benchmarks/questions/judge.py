"""Runs the programs, asks `cp.diagnose` about each, and compares its answer with the cause.

The rules of the comparison are strict. A cause is named if the kind of the *first* fault is one of
those that a reader fixed for it, or if `fit` refuses the program with an error that says it. A
fault whose kind is neither the cause nor a true consequence of it is wrong. So is every fault
about a program in which nothing is wrong.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Set
from dataclasses import dataclass

import clearprop as cp
from benchmarks.questions.question import Program, Question, Worry
from clearprop.errors import ClearpropError
from clearprop.glass.diagnosis import Diagnosis, Finding
from clearprop.training import DivergedError, Run

NAMED = "named"
SOMETHING_ELSE = "something else"
NOTHING = "nothing"

FAULT = 0.5
"""The smallest weight of a finding that is a fault."""


@dataclass(frozen=True)
class Attempt:
    """What became of a program.

    Attributes:
        run: the run, up to its end or to where it stopped; None where `fit` refused the program.
        refusal: the text of the error with which `fit` refused it; "" where it did not.
    """

    run: Run | None
    refusal: str = ""


def attempt(program: Program) -> Attempt:
    """Train a program as its asker did, who overlooks warnings."""
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            run = cp.fit(
                program.model,
                program.train,
                loss=program.loss,
                epochs=program.epochs,
                dev=0 if program.dev is None else program.dev,
                progress=False,
                **program.options,
            )
    except DivergedError as error:
        return Attempt(error.run)
    except ClearpropError as error:
        return Attempt(None, str(error))
    return Attempt(run)


def score(program: Program, attempted: Attempt) -> float:
    """Return the error on the test examples, or infinity where the program stopped."""
    run = attempted.run
    if run is None or run.non_finite is not None:
        return math.inf
    reached = program.score(cp.predict(run.model, program.test[0]), program.test[1])
    return reached - run.history.development_error[-1] if program.promised else reached


def diagnosis(program: Program, run: Run) -> Diagnosis:
    """Return what `cp.diagnose` finds about the run of a program, with its data and loss."""
    return cp.diagnose(run, program.train, program.loss, dev=program.dev)


def faults(found: Diagnosis) -> list[Finding]:
    """Return the findings that are faults, in the order of the diagnosis."""
    return [finding for finding in found.findings if finding.weight >= FAULT]


@dataclass(frozen=True)
class Verdict:
    """How the answer of `cp.diagnose` compares with the cause.

    Attributes:
        name: of the question.
        outcome: "named", "something else" or "nothing".
        found: the kinds of all faults, the first one first; or the first line of a refusal.
        wrong: those of them that are not true of the program.
    """

    name: str
    outcome: str
    found: tuple[str, ...]
    wrong: tuple[str, ...]


def says(text: str, words: tuple[str, ...]) -> bool:
    """Return whether a text contains one of the words of each entry, in any case of letters.

    >>> says("a label is out of range, expected: 0 to 2", ("label", "0 to 2|1 to 3"))
    True
    >>> says("a label is out of range", ()), says("a label", ("label", "0 to 2"))
    (False, False)
    """
    low = text.lower()
    return bool(words) and all(any(w in low for w in entry.split("|")) for entry in words)


def compared(name: str, kinds: list[str], right: Set[str], true: Set[str]) -> Verdict:
    """Return the verdict about the kinds of the faults that were found.

    >>> compared("q", ["rate_too_high", "dead_units"], {"rate_too_high"}, {"dead_units"}).outcome
    'named'
    >>> verdict = compared("q", ["overfitting", "rate_too_high"], {"rate_too_high"}, set())
    >>> verdict.outcome, verdict.wrong
    ('something else', ('overfitting',))
    """
    outcome = NOTHING if not kinds else NAMED if kinds[0] in right else SOMETHING_ELSE
    wrong = tuple(kind for kind in kinds if kind not in right and kind not in true)
    return Verdict(name, outcome, tuple(kinds), wrong)


def refused(name: str, refusal: str, words: tuple[str, ...]) -> Verdict:
    """Return the verdict about the error with which `fit` refused a program."""
    line = (refusal.splitlines()[0],)
    if says(refusal, words):
        return Verdict(name, NAMED, line, ())
    return Verdict(name, SOMETHING_ELSE, line, line)


def judge_program(
    name: str,
    program: Program,
    right: Set[str] = frozenset(),
    true: Set[str] = frozenset(),
    words: tuple[str, ...] = (),
) -> tuple[Verdict, float]:
    """Train and diagnose a program; return the verdict and the program's score."""
    attempted = attempt(program)
    if attempted.run is None:
        return refused(name, attempted.refusal, words), math.inf
    kinds = [fault.kind for fault in faults(diagnosis(program, attempted.run))]
    return compared(name, kinds, right, true), score(program, attempted)


def judge(question: Question) -> tuple[Verdict, Verdict]:
    """Return the verdicts about the posted program and about the corrected one."""
    posted, _ = judge_program(
        question.name, question.program(False), question.right, question.follows, question.words
    )
    corrected, _ = judge_program(question.name, question.program(True), true=question.remains)
    return posted, corrected


def judge_worry(worry: Worry) -> Verdict:
    """Return the verdict about a program in which nothing is wrong."""
    verdict, _ = judge_program(worry.name, worry.program())
    return verdict
