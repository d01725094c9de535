"""The numbers of a worked solution are those of the lectures, `cp.grad` and small steps."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, ops, tree
from clearprop.errors import ClearpropError, ConfigurationError, ModelError, ShapeError
from clearprop.glass.equations import LECTURES, lecture, worked_solution
from tests.glass.equations.reading import (
    evaluate,
    last_unit,
    right_sides,
    rounding,
    with_numbers,
)

DOCS = Path(__file__).parents[3] / "docs" / "worked"


def small() -> nn.Module:
    return nn.Sequential([nn.Linear(3, 4), "tanh", nn.Linear(4, 2)]).init(5)


def test_the_two_two_one_network_of_the_lectures() -> None:
    values = lecture("2-2-1").values
    expected = {
        "h1": 0.680267, "h2": 0.663739, "y": 0.690283, "w1'": 0.272326, "w2'": 0.872998,
        "w3'": 0.099071, "w4'": 0.797611, "w5'": 0.397140, "w6'": 0.592646, "y'": 0.682019,
    }  # fmt: skip
    assert {name: round(values[name], 6) for name in expected} == expected


def test_the_sigmoid_gate_of_the_lectures() -> None:
    values = lecture("gate").values
    shown = {"g4": "1.00", "f": "0.73", "df/dg7": "-0.53", "df/dg6": "-0.53", "df/dg5": "-0.20"}
    shown |= {"df/dg4": "0.20", "df/dw0": "-0.20", "df/dx0": "0.39", "df/dw1": "-0.39"}
    shown |= {"df/dx1": "-0.59", "df/dw2": "0.20"}
    assert {name: f"{values[name]:.2f}" for name in shown} == shown


@pytest.mark.parametrize("name", LECTURES)
def test_the_pages_are_what_the_command_writes(name: str, tmp_path: Path) -> None:
    made = lecture(name).write(tmp_path / f"{name}.md")
    page = DOCS / f"{name}.md"
    assert page.read_bytes() == made.read_bytes(), f"clearprop worked {name} --output {page}"


@pytest.mark.parametrize("name", LECTURES)
def test_every_line_comes_to_its_value(name: str) -> None:
    for line in lecture(name).sheet.lines():
        if line.formula is not None:
            assert line.formula.value == pytest.approx(line.value, rel=1e-12)


def test_the_numbers_are_those_of_grad_and_of_small_steps() -> None:
    model, x, t = small(), np.array([0.5, -1.0, 2.0]), np.array([0.2, -0.4])
    values = worked_solution(model, x, t, 0.1).values

    def error(parameters: Any) -> Any:
        y = tree.replace(model, parameters)(jnp.asarray(x)[None])
        return 0.5 * ops.sum(ops.square(y - jnp.asarray(t)))

    with jax.enable_x64(True):
        weights = {
            path: jnp.asarray([float(str(v)) for v in np.asarray(leaf).ravel()]).reshape(leaf.shape)
            for path, leaf in nn.parameters(model).items()
        }
        gradient = cp.grad(error)(weights)
        at = weights["layers.0.weight"]
        steps = [error(weights | {"layers.0.weight": at.at[1, 2].add(h)}) for h in (1e-6, -1e-6)]
    names = {"w": ("layers.0.weight", "layers.2.weight"), "b": ("layers.0.bias", "layers.2.bias")}
    for letter, paths in names.items():
        expected = np.concatenate([np.asarray(gradient[path]).ravel() for path in paths])
        found = [values[f"dE/d{letter}{i}"] for i in range(1, len(expected) + 1)]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert values["dE/dw7"] == pytest.approx(float(steps[0] - steps[1]) / 2e-6, rel=1e-6)
    assert values["E'"] < values["E"]
    assert values["w7'"] == pytest.approx(values["w7"] - 0.1 * values["dE/dw7"], rel=1e-14)


@pytest.mark.parametrize(
    ("layers", "x", "target", "loss"),
    [
        (["relu", nn.LayerNorm(2), nn.Linear(2, 3)], [0.5, -1.0], 2, "cross_entropy"),
        ([nn.Reshape((2, 1)), nn.Conv1d(1, 2, 2), nn.Flatten(), "tanh", nn.Linear(2, 1)],
         [[0.5, 1.0]], 1.0, "binary_cross_entropy"),
        ([nn.Linear(2, 3), "log_softmax"], [0.5, -1.0], np.array([1]), "nll"),
    ],
)  # fmt: skip
def test_other_networks(layers: Any, x: Any, target: Any, loss: str) -> None:
    model = nn.Sequential(layers).init(3)
    solution = worked_solution(model, x, target, 0.5, loss)
    given = {line.name: line.value for line in solution.sheet.lines() if line.formula is None}
    for line in solution.sheet.lines():
        if line.formula is not None:
            assert line.formula.value == pytest.approx(line.value, rel=1e-10, abs=1e-14)
        assert math.isfinite(line.value)
    assert given["eta"] == 0.5
    learned = [name for name in given if re.fullmatch(r"[wb]\d+", name)]
    assert len(learned) >= 5
    for name in learned:
        assert {f"dE/d{name}", f"{name}'"} <= solution.values.keys()
    again = solution.grade(solution.blank().markdown.replace("____", "1.0"))
    assert len(again.answers) == sum(line.gap > 0 for line in solution.sheet.lines())


def test_a_function_takes_a_step_too() -> None:
    def g(w: Any, x: Any) -> Any:
        return (w * x - 1) ** 2

    values = worked_solution(g, {"w": 2.0, "x": 3.0}, learning_rate=0.01).values
    assert (values["g"], values["dg/dw"], values["dg/dx"]) == (25.0, 30.0, 20.0)
    assert values["w'"] == pytest.approx(1.7)
    assert values["g'"] == pytest.approx((1.7 * 2.8 - 1) ** 2)


def test_numbers_are_rounded_as_a_lecture_would() -> None:
    text = lecture("2-2-1").markdown
    assert "shown with 4 significant digits" in text
    assert "= 0.6803 * 0.3 + 0.6637 * 0.9\n   = 0.8014" in text
    assert "dE/dz3 = dE/dy * y * (1 - y)" in text
    assert "\n   = 0.755\n" in text
    assert "0.68027" in lecture("2-2-1", 5).markdown


def test_a_blank_copy_tells_no_answer() -> None:
    for name in LECTURES:
        solution = lecture(name)
        blank = solution.blank()
        gaps = [line for line in solution.sheet.lines() if line.gap]
        text = blank.markdown
        assert [int(n) for n in re.findall(r"= \((\d+)\) ____", text)] == list(
            range(1, len(gaps) + 1)
        )
        for form in (text, blank.latex, blank.html):
            assert "0.1966" not in form
            assert "0.6803" not in form
            assert "glance" not in form
        assert blank.latex.count("underline") == len(gaps)
        assert blank.html.count('class="gap"') == len(gaps)


def test_the_latex_is_a_whole_document() -> None:
    for name in LECTURES:
        text = lecture(name).latex
        assert re.findall(r"\\usepackage\{(\w+)\}", text) == ["amsmath"]
        assert text.startswith(r"\documentclass")
        assert text.rstrip().endswith(r"\end{document}")
        assert text.count("{") == text.count("}")
        assert text.count(r"\left(") == text.count(r"\right)")
        for environment in ("document", "align*", "tabular"):
            begun = text.count(rf"\begin{{{environment}}}")
            assert begun == text.count(rf"\end{{{environment}}}")


def test_long_sums_are_broken_in_latex() -> None:
    model = nn.Linear(20, 1).init(0)
    text = worked_solution(model, np.linspace(-1, 1, 20), 0.5, 0.1).latex
    assert r"&\quad + " in text
    assert max(map(len, text.splitlines())) < 250


def test_the_page_stands_alone_and_escapes() -> None:
    page = worked_solution(lambda w: w * w, {"w": 3.0}, title="<b>A & B</b>").html
    assert "<b>A" not in page
    assert "&lt;b&gt;A &amp; B" in page
    assert not re.search(r"(src|href)=\"http", page)
    assert page.count("<math") == page.count("</math>")


def test_what_is_not_a_number_is_shown_as_such() -> None:
    solution = worked_solution(small(), [math.nan, 1.0, 2.0], [0.0, 1.0], 0.1)
    assert "= nan" in solution.markdown
    assert "NaN" in solution.latex
    assert solution.html
    infinite = worked_solution(lambda x: 1 / x, {"x": 0.0})
    assert infinite.values["f"] == math.inf
    assert "-inf" in infinite.markdown


def test_files_have_three_forms(tmp_path: Path) -> None:
    for suffix in ("md", "tex", "html"):
        assert lecture("gate").write(tmp_path / f"a.{suffix}").stat().st_size > 1000
    with pytest.raises(ConfigurationError, match="Markdown, LaTeX or HTML"):
        lecture("gate").write(tmp_path / "a.pdf")


def untrained() -> nn.Module:
    return nn.Linear(2, 1)


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: worked_solution(nn.Linear(30, 30).init(0), [1.0] * 30, [0.0] * 30, 1.0),
         ModelError, "at most 200"),
        (lambda: worked_solution(untrained(), [1.0, 2.0], 0.5, 1.0), ModelError, "no values yet"),
        (lambda: worked_solution(small(), [1.0, 2.0], [0.0, 1.0], 1.0), ShapeError, "3"),
        (lambda: worked_solution(small(), [], [0.0, 1.0], 1.0), ShapeError, "no numbers"),
        (lambda: worked_solution(small(), np.zeros((0, 3)), np.zeros((0, 2)), 1.0), ShapeError,
         "no numbers"),
        (lambda: worked_solution(small(), np.ones((90, 3)), np.ones((90, 2)), 1.0), ShapeError,
         "too many numbers"),
        (lambda: worked_solution(small(), [1.0], None, 1.0), ConfigurationError, "target"),
        (lambda: worked_solution(small(), [1.0, 2.0, 3.0], [1.0, 1.0]), ConfigurationError,
         "learning_rate"),
        (lambda: worked_solution(small(), [1.0, 2.0, 3.0], [1.0, 1.0], math.nan),
         ConfigurationError, "rate"),
        (lambda: worked_solution(small(), [1.0, 2.0, 3.0], [1.0, 1.0], 1.0, digits=1),
         ConfigurationError, "2 to 12"),
        (lambda: worked_solution(small(), [1.0, 2.0, 3.0], [1.0, 1.0], 1.0, names={"x4": "A"}),
         ConfigurationError, "unknown quantity 'x4'"),
        (lambda: worked_solution(lambda x: x * x, {"x": 1.0, "y": 2.0}), TypeError, "y"),
        (lambda: worked_solution(lambda exp: exp * 2, {"exp": 1.0}), ConfigurationError, "name"),
        (lambda: worked_solution(lambda x: x, {"x": [1.0, 2.0]}), ConfigurationError, "single"),
        (lambda: worked_solution(lambda x: 3.0, {"x": 1.0}), ShapeError, "no single number"),
        (lambda: worked_solution(lambda x: x, 1.0), ConfigurationError, "by name"),
        (lambda: worked_solution(3, [1.0]), ClearpropError, "target"),
        (lambda: lecture("gatte"), ConfigurationError, "did you mean 'gate'"),
    ],
)  # fmt: skip
def test_bad_input(call: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        call()


def test_names_are_ones_own() -> None:
    solution = worked_solution(nn.Linear(1, 1).init(0), [2.0], 1.0, 0.1, names={"x1": "A"})
    assert solution.values["A"] == 2.0
    assert "A * w1" in solution.markdown
    with pytest.raises(ConfigurationError, match="two quantities"):
        worked_solution(nn.Linear(1, 1).init(0), [2.0], 1.0, 0.1, names={"x1": "w1"})


@pytest.mark.parametrize("digits", [3, 4, 7])
@pytest.mark.parametrize("name", LECTURES)
def test_the_printed_text_is_arithmetic(name: str, digits: int) -> None:
    solution = lecture(name, digits)
    equations = right_sides(
        "\n".join(re.findall(r"```text\n(.*?)```", solution.markdown, re.DOTALL))
    )
    unrounded = {quantity: repr(value) for quantity, value in solution.values.items()}
    printed: dict[str, str] = {}
    for line, sides in zip(solution.sheet.lines(), equations, strict=True):
        printed[line.name] = sides[-1]
        unit = last_unit(sides[-1])
        exact = evaluate(with_numbers(sides[0], unrounded))
        assert abs(exact - float(sides[-1])) <= 0.5001 * unit, (line.name, sides)
        # The side with numbers has the printed values: it is off by their rounding alone.
        if len(sides) > 1:
            value = evaluate(sides[1])
            assert value == pytest.approx(evaluate(with_numbers(sides[0], printed)), rel=1e-12)
            allowed = 0.5001 * unit + 1.01 * rounding(sides[1])
            assert abs(value - float(sides[-1])) <= allowed, (line.name, sides)


def test_the_readers_of_printed_formulas_read() -> None:
    names = {"x": "0.3333", "dE/dy": "2", "h1'": "-0.5"}
    assert with_numbers("sigmoid(x) * h1' - dE/dy", names) == "sigmoid((0.3333)) * (-0.5) - (2)"
    assert rounding("0.50 * 4.0") == pytest.approx(0.5 * 0.05 + 4 * 0.005)
    assert rounding("2 * 3") == 0.0


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_target_that_the_loss_does_not_show_is_given_all_the_same(target: float) -> None:
    neuron = nn.Sequential([nn.Linear(2, 1, bias=False), "sigmoid"]).init(0)
    worked = worked_solution(neuron, [0.35, 0.9], [target], 0.1, loss="log_loss")
    given = {line.name: line for line in worked.sheet.sections[0].lines}
    assert (given["t"].value, given["t"].about) == (target, "target")
    assert f"the target is {target:g}" in worked.markdown
    y = worked.values["y"]
    assert worked.values["E"] == pytest.approx(-math.log(y if target else 1 - y))
    assert worked.values["dE/dw1"] == pytest.approx((y - target) * 0.35)
    assert worked.grade(worked.blank().markdown).mark == 0.0
