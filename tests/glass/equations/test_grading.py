"""The marking of a filled exercise uses the exercise's own numbers, and names each mistake."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import pytest

from clearprop.errors import DataError
from clearprop.glass.equations import WorkedSolution, grade, lecture
from clearprop.glass.equations.grading import Filled
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.parsing import parse


@functools.cache
def network() -> WorkedSolution:
    return lecture("2-2-1")


def filled(
    answers: Mapping[str, str], digits: int = 4, solution: WorkedSolution | None = None
) -> str:
    """Fill an exercise in with true values, but for some of its quantities."""
    solution = solution or network()
    lines = {line.gap: line for line in solution.sheet.lines() if line.gap}

    def answer(match: re.Match[str]) -> str:
        line = lines[int(match[1])]
        return f"= ({match[1]}) {answers.get(line.name, significant(line.value, digits))}"

    return re.sub(r"= \((\d+)\) ____", answer, solution.blank().markdown)


def verdict(name: str, answer: str) -> tuple[str, str]:
    marked = {a.name: a for a in grade(filled({name: answer}, digits=7)).answers}[name]
    return marked.verdict, marked.likely


@pytest.mark.parametrize("digits", [2, 3, 4, 8, 12])
def test_a_true_copy_is_right_whatever_its_digits(digits: int) -> None:
    for name in ("2-2-1", "gate"):
        solution = lecture(name)
        text = filled({}, digits, solution)
        assert grade(text).mark == solution.grade(text).mark == 1.0


def test_an_empty_copy_is_empty() -> None:
    marked = grade(network().blank().markdown)
    assert marked.count("empty") == len(marked.answers) == 32
    assert marked.mark == 0.0
    assert str(marked).endswith("mark: 0 of 32 (0 %): 0 right, 0 carried, 0 wrong, 32 empty")


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("dE/dy", "-0.1903", "the size is right, the sign is not"),
        ("w1'", "0.3277", "the step goes the wrong way"),
        ("w1'", "0.02767", "the step alone"),
        ("dE/dz3", "0.190283", "the sigmoid's derivative y * (1 - y) is missing"),
        ("dE/dz1", "0.0122", "the sigmoid's derivative h1 * (1 - h1) is missing"),
        ("dE/dz3", "0.13135", "the factor 1 - y is missing"),
        ("E", "0.03621", "it is not divided by 2"),
        ("E", "0.09514", "the power 2 is missing"),
        ("z1", "0.72", "the term A * w3 is missing"),
        ("h1", "0.755", "sigmoid is missing"),
        ("z1'", "0.755", "the values of the first pass"),
        ("w1'", "0.272392", "rounded too early"),
        ("h1", "0.7", "too few digits"),
        ("h1", "two thirds", "no number"),
        ("h1", "2/3", "no number"),
        ("dE/dw1", "0.05535", "a factor of 2"),
        ("h1", "0.123", ""),
    ],
)
def test_the_likely_mistake_is_named(name: str, answer: str, said: str) -> None:
    found, likely = verdict(name, answer)
    assert found == "wrong"
    assert said in likely
    assert said or not likely


def test_a_forgotten_learning_rate() -> None:
    text = "w = 2\neta = 0.1\ndE/dw = 3\nw' = w - eta * dE/dw = (1) -1.0"
    assert grade(text).answers[0].likely == "the learning rate eta is missing"


def test_what_follows_from_a_mistake_counts() -> None:
    text = "x = 2\ny = x^2 = (1) 5.0\nz = 3 * y = (2) 15.0\nu = z - x = (3) 13.0\nv = x + 1 = (4)"
    marked = grade(text)
    assert [a.verdict for a in marked.answers] == ["wrong", "carried", "carried", "empty"]
    assert "it follows from your y" in marked.answers[1].likely
    assert marked.mark == 0.5
    assert "(1) y: wrong, 5.0 is given and 4 expected" in str(marked)


def test_rounding_on_the_way_is_told_apart_from_a_mistake() -> None:
    text = "x = 0.755\nh = sigmoid(x) = (1) 0.68\nz = 0.3 * h = (2) 0.2040"
    marked = grade(text)
    assert [a.verdict for a in marked.answers] == ["right", "wrong"]
    assert marked.answers[1].likely.startswith("rounded too early")


@pytest.mark.parametrize(
    "answer", ["0.6803", "0,6803", " 0.680267 ", "6.803e-1", "+0.68", "0.6803__"]
)
def test_numbers_may_be_written_in_several_ways(answer: str) -> None:
    assert verdict("h1", answer)[0] == "right"


def test_a_solution_grades_by_its_own_answers() -> None:
    text = filled({"h1": "0.123"})
    forged = text.replace("h1 = sigmoid(z1)", "h1 = 0.123")
    assert {a.name: a.verdict for a in grade(forged).answers}["h1"] == "right"
    assert {a.name: a.verdict for a in network().grade(forged).answers}["h1"] == "wrong"


def test_editors_may_change_line_ends_and_spaces() -> None:
    text = filled({}).replace("\n", "\r\n").replace(" = (", "  =  (")
    assert grade(text).mark == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no gaps"),
        ("# a page\n\nwith words", "no gaps"),
        ("x = 2\ny = x + q = (1) 3", "'q' has no value before this line"),
        ("x = __import__('os').getcwd() = (1) 3", "line 1"),
        ("x = (2 = (1) 3", "a bracket is not closed"),
        ("x = 2 3 = (1) 3", "one too many"),
        ("x = = (1) 3", "ends too early"),
        ("x = 2\ny = x = (1) 2\nz = x = (1) 2", "twice"),
        ("x = " + "(" * 100 + "1" + ")" * 100 + " = (1) 3", "too deep"),
        ("x = " + "-" * 5000 + "1 = (1) 3", "too deep"),
        ("x = 1 * " + "-" * 5000 + "1 = (1) 3", "too deep"),
        ("x = " + "1+" * 50_000 + "1 = (1) 3", "too long"),
        ("x" * 1_000_001, "too long"),
        ("x = exp(1, 2) = (1) 3", "takes one number"),
    ],
)
def test_a_sheet_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        grade(text)


def test_numbers_without_bounds_are_no_trouble() -> None:
    marked = grade(
        "x = 9^9^9\ny = x * 1e308 * 10 = (1) inf\nz = 1 / 0 = (2) 5".replace("9^9^9", "9^9")
    )
    assert [a.verdict for a in marked.answers] == ["right", "wrong"]
    written = {"inf": "right", "+inf": "right", "-inf": "wrong", "nan": "wrong", "1e999": "wrong"}
    for answer, verdict in written.items():
        assert grade(f"x = 10^400 = (1) {answer}").answers[0].verdict == verdict


@pytest.mark.parametrize("answer", ["nan", "inf", "-inf", "1e999"])
def test_a_sheet_full_of_no_numbers_has_no_marks(answer: str) -> None:
    text = network().blank().markdown.replace("____", answer)
    for marked in (grade(text), network().grade(text)):
        assert marked.count("wrong") == len(marked.answers) == 32
        assert marked.mark == 0.0


def test_nothing_follows_from_an_answer_without_bounds() -> None:
    marked = grade("x = 2\ny = x^2 = (1) inf\nz = sigmoid(y) = (2) 1.000")
    assert [a.verdict for a in marked.answers] == ["wrong", "wrong"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("a * -b", -6), ("a / -b * a", -4 / 3), ("-a * -b^2", 18), ("a * --b", 6), ("a - -b", 5)],
)
def test_a_factor_may_have_a_sign(text: str, value: float) -> None:
    assert parse(text, {"a": 2.0, "b": 3.0}.__getitem__).value == pytest.approx(value)


def test_an_answer_is_read_with_its_unit() -> None:
    read = Filled.read("-1.250e-3")
    assert read is not None
    assert (read.value, read.digits) == (-0.00125, 4)
    assert read.unit == pytest.approx(1e-6)
    assert read.means(-0.0012504)
    assert not read.means(-0.0012506)
    assert Filled.read("1" * 100) is None
