"""The backward pass as a person uses it: step by step, with questions, and as an exercise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.studio.browser.conftest import Axe, until

pytestmark = pytest.mark.slow

LOADED = 60_000
"""Milliseconds within which the first pass is worked out, on a busy machine."""

SIZES = [(1280, 800), (1024, 768), (390, 844)]


def opened(page: Any, studio: str, state: str) -> None:
    page.goto(f"{studio}#/backward?{state}")
    page.locator("[aria-label='Drawing of the pass'] svg, .exercise").first.wait_for(timeout=LOADED)


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def figures(page: Any, kind: str) -> dict[str, str]:
    """Return the numbers of the drawing, by their names."""
    found = page.locator(f".room .figure.{kind}").all()
    return {
        one.get_attribute("data-name"): one.evaluate("e => e.firstChild.data").replace("−", "-")
        for one in found
    }


def position(page: Any) -> int:
    return int(page.get_by_label("Step", exact=True).input_value())


def to_the_end(page: Any) -> None:
    last = int(page.get_by_label("Step", exact=True).get_attribute("max"))
    for step in range(position(page), last):
        button(page, "Next").click()
        until(page, f"document.querySelector('.track input').valueAsNumber === {step + 1}")


# --- the lectures' pages -------------------------------------------------------------------------


def test_the_gate_ends_with_the_numbers_of_the_lecture(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate&digits=2")
    assert figures(page, "value") == {"w0": "2", "x0": "-1", "w1": "-3", "x1": "-2", "w2": "-3"}
    assert figures(page, "error") == {}
    to_the_end(page)
    values = figures(page, "value")
    assert [values[f"g{i}"] for i in range(1, 8)] == ["-2", "6", "4", "1", "-1", "0.37", "1.4"]
    assert values["f"] == "0.73"
    assert figures(page, "error") == {
        "df/df": "1", "df/dg7": "-0.53", "df/dg6": "-0.53", "df/dg5": "-0.20", "df/dg4": "0.20",
        "df/dg3": "0.20", "df/dw2": "0.20", "df/dg2": "0.20", "df/dg1": "0.20",
        "df/dw1": "-0.39", "df/dx1": "-0.59", "df/dw0": "-0.20", "df/dx0": "0.39",
    }  # fmt: skip
    assert button(page, "Next").is_disabled()


def test_a_number_is_hidden_until_its_step(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate")
    for count in range(1, 9):
        button(page, "Next").click()
        until(page, f"document.querySelectorAll('.room .figure.value').length === {5 + count}")
    assert figures(page, "error") == {}
    table = page.locator("details table")
    page.get_by_text("All numbers in a table").click()
    row = table.locator("[data-row=g1] td")
    assert [cell.inner_text() for cell in row.all()[1:]] == ["−2", "·"]


def test_each_step_says_what_happens(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate&digits=2&step=13")
    button(page, "Next").click()
    panel = page.get_by_role("region", name="This step")
    panel.get_by_text(
        "The error signal at the sum is handed to both inputs unchanged: the local derivative of "
        "+ is 1."
    ).wait_for()
    texts = [row.get_attribute("data-text") for row in panel.locator(".equation").all()]
    assert texts == [
        "df/dg3 = df/dg4 * dg4/dg3 = df/dg4 * 1 = 0.20 * 1 = 0.20",
        "df/dw2 = df/dg4 * dg4/dw2 = df/dg4 * 1 = 0.20 * 1 = 0.20",
    ]
    assert page.locator(".room [data-node=g4].active").count() == 1
    assert page.locator(".room .flow.back").count() == 2
    said = page.locator("p[role=status][aria-live]")
    told = "document.querySelector('p[role=status][aria-live]').textContent"
    until(page, f"{told}.includes('handed to both inputs unchanged')")
    assert "df/dw2 = df/dg4" in said.inner_text()


def test_the_2_2_1_network_steps_to_the_update_and_into_the_next_pass(
    page: Any, studio: str
) -> None:
    opened(page, studio, "page=2-2-1&digits=6")
    to_the_end(page)
    values = figures(page, "value")
    assert (values["h1"], values["h2"], values["y"]) == ("0.680267", "0.663739", "0.690283")
    new = {
        one.get_attribute("data-name"): one.inner_text()
        for one in page.locator(".update .new").all()
    }
    assert new == {
        "w1'": "0.272326", "w2'": "0.872998", "w3'": "0.0990709", "w4'": "0.797611",
        "w5'": "0.397140", "w6'": "0.592646",
    }  # fmt: skip
    assert page.locator("[data-next=y]").inner_text() == "0.682019"
    button(page, "Next pass with the new weights").click()
    page.get_by_text("Pass 2").wait_for()
    until(page, "document.querySelector('.track input').valueAsNumber === 0")
    assert figures(page, "value")["w1"] == "0.272326"
    assert "y" not in figures(page, "value")
    to_the_end(page)
    assert figures(page, "value")["y"] == "0.682019"
    button(page, "Pass before").click()
    until(page, "!document.body.textContent.includes('Pass 2')")
    assert figures(page, "value")["w1"] == "0.3"


def test_neurons_and_gates_show_the_same_error_signals(page: Any, studio: str) -> None:
    opened(page, studio, "page=2-2-1&step=15")
    assert page.locator(".room .unit.neuron").count() == 3
    neurons = figures(page, "error")
    page.get_by_text("Gates", exact=True).click()
    until(page, "document.querySelectorAll('.room .node').length === 24")
    assert position(page) == 0
    page.keyboard.press("End")
    page.locator(".update").wait_for()
    gates = figures(page, "error")
    assert neurons.items() <= gates.items()
    parts = figures(page, "part")
    assert len(parts) >= 2  # A and B are used by two products each


# --- moving through the pass ---------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.track input').valueAsNumber === 2")
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('.track input').valueAsNumber === 1")
    page.keyboard.press("End")
    until(page, "document.querySelector('.track input').valueAsNumber === 17")
    page.keyboard.press("Home")
    until(page, "document.querySelector('.track input').valueAsNumber === 0")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Next":
            break
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.track input').valueAsNumber === 1")
    page.get_by_label("Step", exact=True).focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.track input').valueAsNumber === 2")


def test_play_moves_on_until_it_is_paused(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate")
    page.get_by_label("Speed").select_option("4")
    page.locator("#main").focus()
    page.keyboard.press("Space")
    until(page, "document.querySelector('.track input').valueAsNumber >= 3", seconds=30)
    page.keyboard.press("Space")
    at = position(page)
    page.wait_for_timeout(900)
    assert position(page) == at


def test_the_address_has_the_state(page: Any, studio: str) -> None:
    opened(page, studio, "page=2-2-1&detail=gates&digits=3&step=20&show=numbers")
    assert position(page) == 20
    assert figures(page, "value")["y"] == "0.690"
    page.keyboard.press("ArrowRight")
    until(page, "location.hash.includes('step=21')")
    page.reload()
    page.locator("[aria-label='Drawing of the pass'] svg").wait_for()
    until(page, "document.querySelector('.track input')?.valueAsNumber === 21")
    assert page.locator(".room .node").count() == 24


def test_another_seed_gives_another_exercise(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate")
    page.get_by_label("What is worked out").select_option("seed 2-2-1")
    page.locator(".room [data-unit=h2]").wait_for(timeout=LOADED)
    first = figures(page, "value")
    button(page, "Another").click()
    until(page, "location.hash.includes('seed=2')")
    until(page, "!document.querySelector('.stage').classList.contains('busy')", seconds=60)
    second = figures(page, "value")
    assert first.keys() == second.keys()
    assert first != second


def test_the_layout_does_not_jump_between_steps(page: Any, studio: str) -> None:
    box = """() => ['.stage', '.track', '.panel'].map(name => {
        const at = document.querySelector(name).getBoundingClientRect();
        return [at.x, at.y, at.width, at.height].map(Math.round).join(' ');
    }).join('|')"""
    for width, height in SIZES[:2]:
        page.set_viewport_size({"width": width, "height": height})
        for state in ("page=gate&step=0", "page=2-2-1&step=0"):
            opened(page, studio, state)
            until(page, "document.querySelector('.track input').valueAsNumber === 0")
            before = page.evaluate(box)
            last = int(page.get_by_label("Step", exact=True).get_attribute("max"))
            for step in range(last):
                page.keyboard.press("ArrowRight")
                until(page, f"document.querySelector('.track input').valueAsNumber === {step + 1}")
                assert page.evaluate(box) == before
            size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            assert page.evaluate(size) == [width, height]


# --- questions -----------------------------------------------------------------------------------


def answer(page: Any, text: str) -> None:
    field = page.locator(".question input")
    field.fill(text)
    field.press("Enter")


def test_ask_me_marks_each_number_before_it_is_shown(page: Any, studio: str) -> None:
    opened(page, studio, "page=2-2-1")
    page.get_by_label("Ask me").check()
    button(page, "Next").click()
    page.get_by_text("What is the value").wait_for()
    assert "z1" not in figures(page, "value")
    answer(page, "0.835")
    page.get_by_text("Not yet.").wait_for()
    assert position(page) == 0
    answer(page, "0.755")
    until(page, "document.querySelector('.track input').valueAsNumber === 1")
    assert figures(page, "value")["z1"] == "0.755"
    page.keyboard.press("ArrowRight")
    page.locator(".question input").wait_for()
    button(page, "Formula").click()
    formula = page.locator(".question .equation")
    assert formula.get_attribute("data-text") == "z2 = A * w5 + B * w6"
    button(page, "Show me").click()
    until(page, "document.querySelector('.track input').valueAsNumber === 2")
    assert page.get_by_test_id("score").inner_text() == "1 right, 1 shown"


def test_a_mistake_in_an_error_signal_is_named(page: Any, studio: str) -> None:
    opened(page, studio, "page=2-2-1&ask=1&step=9")
    page.keyboard.press("ArrowRight")
    page.get_by_text("What is the error signal").wait_for()
    answer(page, "0.1903")
    page.get_by_text("the sigmoid's derivative y * (1 - y) is missing").wait_for()
    answer(page, "0.0407")
    until(page, "document.querySelector('.track input').valueAsNumber === 10")
    assert figures(page, "error")["dE/dz3"] == "0.04068"
    # The next step has four numbers; each is shown as it is answered.
    page.keyboard.press("ArrowRight")
    for count, text in enumerate(("0.0122", "0.0277", "0.0366", "0.0270"), start=1):
        page.get_by_text(f"{count} of 4 in this step").wait_for()
        answer(page, text)
    until(page, "document.querySelector('.track input').valueAsNumber === 11")
    assert page.get_by_test_id("score").inner_text() == "5 right, 0 shown"


# --- the exercise --------------------------------------------------------------------------------


def gap(page: Any, name: str) -> Any:
    return page.get_by_label(re.compile(rf"^{re.escape(name)} ="))


def verdict(page: Any, name: str) -> str | None:
    line = page.locator(".line", has=gap(page, name))
    found: str | None = line.get_attribute("data-verdict")
    return found


def test_the_exercise_marks_itself(page: Any, studio: str) -> None:
    opened(page, studio, "page=2-2-1&mode=exercise")
    assert button(page, "Check").is_disabled()
    filled = {"z1": "0.755", "z2": "0.86", "h2": "0.70", "y": "0,69", "dE/dy": "-0.19"}
    for name, text in filled.items():
        gap(page, name).fill(text)
    button(page, "Check").click()
    result = page.get_by_test_id("result")
    page.get_by_text(
        "3 of 32 right (1 after an earlier mistake), 2 wrong, 27 to do."
    ).first.wait_for()
    assert {name: verdict(page, name) for name in filled} == {
        "z1": "right", "z2": "wrong", "h2": "carried", "y": "right", "dE/dy": "wrong",
    }  # fmt: skip
    wrong = page.locator(".line", has=gap(page, "dE/dy"))
    assert "the other sign" in wrong.inner_text() or "the sign is not" in wrong.inner_text()
    wrong.get_by_role("button", name="show").click()
    assert "0.1903" in wrong.inner_text()
    gap(page, "dE/dy").fill("0.1903")
    assert verdict(page, "dE/dy") is None  # a changed answer has no mark
    gap(page, "dE/dy").press("Enter")
    until(page, "document.querySelector('[data-testid=result]').textContent.startsWith('4 of 32')")
    assert result.inner_text().endswith("1 wrong, 27 to do.")


def test_answers_stay_when_the_page_is_loaded_again(page: Any, studio: str) -> None:
    opened(page, studio, "page=gate&seed=3&mode=exercise")
    gap(page, "g1").fill("12")
    page.reload()
    page.locator(".exercise").wait_for(timeout=LOADED)
    assert gap(page, "g1").input_value() == "12"
    button(page, "Another").click()
    until(page, "location.hash.includes('seed=4')")
    until(page, "document.querySelector('.exercise input')?.value === ''", seconds=60)
    opened(page, studio, "page=gate&seed=3&mode=exercise")
    until(page, "document.querySelector('.exercise input')?.value === '12'", seconds=60)
    button(page, "Clear all").click()
    assert gap(page, "g1").input_value() == ""


@pytest.mark.parametrize(
    ("link", "word"), [("Worked solution", "worked"), ("Blank exercise", "Exercise")]
)
def test_pages_to_print_are_one_click_away(page: Any, studio: str, link: str, word: str) -> None:
    opened(page, studio, "page=2-2-1&digits=3")
    with page.expect_popup() as popup:
        page.get_by_role("link", name=link).click()
    printed = popup.value
    printed.wait_for_load_state()
    assert printed.locator("h1").inner_text() == "The 2-2-1 network"
    assert word.lower() in printed.locator(".over").inner_text().lower()
    assert printed.evaluate(
        "getComputedStyle(document.querySelector('.lines')).borderCollapse"
    ) == ("collapse")
    assert ("0.690" in printed.content()) == (link == "Worked solution")


# --- from the playground -------------------------------------------------------------------------


def test_the_network_of_the_playground_is_followed(page: Any, studio: str) -> None:
    page.goto(f"{studio}#/playground")
    until(page, "document.querySelector('button.play')?.disabled === false", seconds=60)
    until(page, "document.querySelector('.playground').ariaBusy === 'false'", seconds=60)
    told = page.locator(".example span").inner_text()
    loss = re.search(r"loss\s+([\d.e−-]+)", told)
    assert loss is not None
    button(page, "Backward pass").click()
    page.locator("[aria-label='Drawing of the pass'] svg").wait_for(timeout=LOADED)
    assert page.get_by_role("heading", level=1).inner_text() == "The network of the playground"
    assert page.locator(".room .unit.neuron").count() == 7
    page.keyboard.press("End")
    page.locator(".update").wait_for()
    value = figures(page, "value")["E"]
    assert float(value) == pytest.approx(float(loss[1].replace("−", "-")), rel=0.01)
    page.reload()
    page.locator(".room .unit").first.wait_for(timeout=LOADED)


# --- for everyone --------------------------------------------------------------------------------

STATES = [
    "page=gate&step=14",
    "page=2-2-1&step=16",
    "page=2-2-1&detail=gates&step=20&show=formulas",
    "page=2-2-1&ask=1&step=2",
    "page=gate&mode=exercise",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_the_page_can_be_used_by_everyone(
    browser: Any, studio: str, axe: Axe, state: str, scheme: str, tmp_path: Path
) -> None:
    for width, height in (SIZES[0], SIZES[2]):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        page = context.new_page()
        opened(page, studio, state)
        if "ask=1" in state:
            button(page, "Next").click()
            answer(page, "1")
            page.get_by_text("Not yet.").wait_for()
        if "exercise" in state:
            page.locator(".exercise input").first.fill("1")
            button(page, "Check").click()
            page.locator("[data-verdict=wrong]").wait_for()
        if "exercise" not in state:
            page.get_by_text("All numbers in a table").click()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{state} is {wide} pixels wide"
        axe(page)
        context.close()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("page=nothing", "Unknown exercise 'nothing'"),
        ("run=nothing", "There is no run of this name"),
        ("page=playground", "There is no network of the playground any more"),
    ],
)
def test_what_cannot_be_shown_is_told(browser: Any, studio: str, state: str, words: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{studio}#/backward?{state}")
    problem = page.get_by_role("alert")
    problem.wait_for(timeout=LOADED)
    assert words.lower() in problem.inner_text().lower()
    # Another page can be chosen, and the problem goes.
    page.get_by_label("What is worked out").select_option("2-2-1")
    page.locator(".room [data-unit=h2]").wait_for(timeout=LOADED)
    assert problem.count() == 0
    context.close()


def test_a_phone_steps_by_touch(browser: Any, studio: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    opened(page, studio, "page=gate&digits=2")
    for step in range(17):
        button(page, "Next").tap()
        until(page, f"document.querySelector('.track input').valueAsNumber === {step + 1}")
    assert figures(page, "error")["df/dx1"] == "-0.59"
    context.close()
