"""Written numbers and formulas can be read by Python and by the parser of the marking."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.glass.equations.expression import (
    Expression,
    Number,
    Symbol,
    call,
    derivative,
    long_sum,
)
from clearprop.glass.equations.expression import evaluate as evaluate_formula
from clearprop.glass.equations.notation import LATEX, MATHML, TEXT, latex_name, mathml_name, write
from clearprop.glass.equations.numbers import at_quantum, fitting, significant
from clearprop.glass.equations.parsing import parse
from tests.glass.equations.reading import evaluate, last_unit

NAMES = ("x", "w1", "dE/dh2", "y'")
numbers = st.floats(-9, 9).map(lambda value: round(value, 3))
leaves = st.one_of(
    st.tuples(st.sampled_from(NAMES), numbers).map(lambda pair: Symbol(*pair)),
    numbers.map(Number),
)


def grown(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] / (1 + p[1] ** 2)),
        inner.map(lambda x: -x),
        inner.map(lambda x: x**2),
        inner.map(lambda x: call("tanh", x)),
        pairs.map(lambda p: call("max", *p)),
    )


formulas = st.recursive(leaves, grown, max_leaves=12)


@given(formulas)
def test_a_formula_with_numbers_is_arithmetic_of_the_same_value(formula: Expression) -> None:
    text = write(formula, TEXT, lambda symbol: significant(symbol.value, 17))
    assert evaluate(text) == pytest.approx(formula.value, rel=1e-9, abs=1e-12)


@given(formulas)
def test_a_formula_is_read_as_it_was_written(formula: Expression) -> None:
    values: dict[str, float] = {name: place + 0.5 for place, name in enumerate(NAMES)}
    read = parse(write(formula, TEXT), values.__getitem__)
    meant = evaluate_formula(formula, lambda symbol: values[symbol.name])
    assert read.value == pytest.approx(meant, rel=1e-9, abs=1e-9)


@given(formulas)
def test_typeset_formulas_are_well_formed(formula: Expression) -> None:
    for shown in (None, lambda symbol: significant(symbol.value, 4)):
        latex = write(formula, LATEX, shown)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")
        open_tags = re.findall(r"<(\w+)[ >]", mathml := write(formula, MATHML, shown))
        assert sorted(open_tags) == sorted(re.findall(r"</(\w+)>", mathml))


@given(formulas, st.integers(2, 8))
def test_the_chosen_digits_let_the_equation_hold(formula: Expression, digits: int) -> None:
    shown, result = fitting(formula, formula.value, digits)
    printed = evaluate(write(formula, TEXT, shown))
    assert abs(printed - float(result)) <= 0.5001 * last_unit(result) + 1e-12 * abs(printed)


x = Symbol("x", 0.3)
SLOPES: list[tuple[Any, float]] = [
    (lambda z: z * z * 3, 1.8),
    (lambda z: 2 / z, -2 / 0.09),
    (lambda z: (z - 1) ** 3, 3 * 0.49),
    (lambda z: call("exp", -z), -math.exp(-0.3)),
    (lambda z: call("log", 1 + z), 1 / 1.3),
    (lambda z: call("sqrt", z), 0.5 / math.sqrt(0.3)),
    (lambda z: call("sin", z) * call("cos", z), math.cos(0.6)),
    (lambda z: call("sigmoid", 2 * z), 2 * 0.6456563 * (1 - 0.6456563)),
    (lambda z: 2**z if isinstance(z, float) else Number(2.0) ** z, math.log(2) * 2**0.3),
    (lambda z: call("abs", -z), 1.0),
    (lambda z: call("relu", z) + call("relu", -z), 1.0),
]


@pytest.mark.parametrize(("formula", "slope"), SLOPES)
def test_derivatives_of_formulas(formula: Any, slope: float) -> None:
    found = derivative(formula(x), "x")
    assert found is not None
    assert found.value == pytest.approx(slope, rel=1e-6)


def test_a_maximum_has_no_derivative_by_rule() -> None:
    assert derivative(call("max", x, 1.0), "x") is None
    assert derivative(Number(3.0), "x") == Number(0.0)


def test_a_long_sum_keeps_its_value() -> None:
    terms = [Symbol(f"x{i}", (-1.0) ** i * i) for i in range(30)]
    assert long_sum(terms).value == pytest.approx(sum(t.value for t in terms))
    assert long_sum(terms[:8]).value == sum(t.value for t in terms[:8])


def test_names_in_three_notations() -> None:
    assert latex_name("w0") == "w_{0}"
    assert latex_name("rate_of") == r"\mathrm{rate\_of}"
    assert latex_name("eta") == r"\eta"
    assert mathml_name("dE/dw1'") == (
        "<mfrac><mrow><mo>∂</mo><mi>E</mi></mrow>"
        "<mrow><mo>∂</mo><msup><msub><mi>w</mi><mn>1</mn></msub><mo>′</mo></msup></mrow></mfrac>"
    )
    assert "<mi>a" in mathml_name("a<b")
    assert "<b" not in mathml_name("a<b")


def test_numbers_far_from_one() -> None:
    assert significant(1.23456e-9, 3) == "1.23e-9"
    assert significant(-12345678.0, 3) == "-1.23e7"
    assert significant(9.9996, 4) == "10.00"
    assert at_quantum(0.00999996, -7) == "0.0100000"
    assert write(Symbol("x", 1e-9), LATEX, lambda s: significant(s.value, 3)) == r"1 \cdot 10^{-9}"
