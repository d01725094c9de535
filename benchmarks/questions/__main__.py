"""``python -m benchmarks.questions [--set NAME] [--only NAME ...]``: asks `cp.diagnose`."""

from __future__ import annotations

import argparse
from collections import Counter

from benchmarks.questions import catalog
from benchmarks.questions.fourth import catalog as fourth_catalog
from benchmarks.questions.judge import NAMED, NOTHING, SOMETHING_ELSE, Verdict, judge, judge_worry
from benchmarks.questions.second import catalog as second_catalog
from benchmarks.questions.third import catalog as third_catalog

SETS = {
    "first": (catalog.QUESTIONS, catalog.WORRIES),
    "second": (second_catalog.QUESTIONS, second_catalog.WORRIES),
    "third": (third_catalog.QUESTIONS, third_catalog.WORRIES),
    "fourth": (fourth_catalog.QUESTIONS, fourth_catalog.WORRIES),
}


def line(verdict: Verdict, outcome: str) -> str:
    """Return a verdict in one line."""
    found = ", ".join(verdict.found) or "no fault"
    wrong = f"   WRONG: {', '.join(verdict.wrong)}" if verdict.wrong else ""
    return f"  {verdict.name:26} {outcome:15} {found}{wrong}"


def main() -> None:
    """Print the verdict about each program, and the totals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="one question; repeatable")
    parser.add_argument("--set", choices=SETS, default="first", help="which set; first by default")
    options = parser.parse_args()
    only = options.only
    questions, worries = SETS[options.set]
    names = {question.name for question in questions} | {worry.name for worry in worries}
    if unknown := sorted(set(only or ()) - names):
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(sorted(names))}")

    outcomes: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    print("Programs with a fault, as they were posted and corrected:")
    for question in questions:
        if only is None or question.name in only:
            posted, corrected = judge(question)
            outcomes[posted.outcome] += 1
            wrong["posted"] += len(posted.wrong)
            wrong["corrected"] += len(corrected.wrong)
            print(line(posted, posted.outcome), flush=True)
            if corrected.found:
                print(line(corrected, "corrected"), flush=True)

    print("Programs in which nothing is wrong:")
    for worry in worries:
        if only is None or worry.name in only:
            verdict = judge_worry(worry)
            wrong["healthy"] += len(verdict.wrong)
            print(line(verdict, ""), flush=True)

    print(
        f"Of {outcomes.total()} causes: {outcomes[NAMED]} named, {outcomes[SOMETHING_ELSE]} times "
        f"something else, {outcomes[NOTHING]} times nothing.\n"
        f"Wrong faults: {wrong['posted']} about posted programs, {wrong['corrected']} about "
        f"corrected ones, {wrong['healthy']} about programs in which nothing is wrong."
    )


if __name__ == "__main__":
    main()
