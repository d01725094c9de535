"""The view of any network as a person uses it: by pointer, by keyboard, and by its address."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.studio.browser.conftest import Axe, until

pytestmark = pytest.mark.slow

COMPILED = 90.0
"""Seconds within which the pass of a small network is there, on a busy machine."""

LENET = "source=network:lenet5"
PASS = "document.querySelector('section.pass')"


def opened(page: Any, studio: str, state: str = LENET, *, passed: bool = True) -> None:
    """Open the view, and wait for the graph, and for its pass."""
    page.goto(f"{studio}#/models?{state}")
    page.get_by_text("operations for one").wait_for(timeout=1000 * COMPILED)
    if passed:
        until(page, PASS, seconds=COMPILED)


def graph(page: Any) -> Any:
    return page.get_by_role("application")


def heading(page: Any) -> str:
    text: str = page.locator(".details h2").inner_text()
    return text


def rows(page: Any) -> list[str]:
    if not page.locator("[role=tree]").count():
        page.get_by_text("Outline", exact=True).click()
    found: list[str] = page.locator("[role=treeitem] span").all_inner_texts()
    return found


def look(page: Any, words: str) -> None:
    """Find something by the search."""
    page.get_by_role("combobox", name="Search").fill(words)
    page.keyboard.press("Enter")
    page.locator(".details h2").wait_for()


def picture(page: Any) -> Any:
    page.locator(".details .picture").wait_for(timeout=1000 * COMPILED)
    return page.locator(".details .picture")


def said(page: Any) -> str:
    text: str = page.locator(".details .whole p").inner_text()
    return text


# --- the graph -----------------------------------------------------------------------------------


def test_the_keyboard_walks_opens_and_folds(page: Any, studio: str) -> None:
    opened(page, studio, passed=False)
    graph(page).focus()
    for key, expected in (
        ("ArrowDown", "input"),
        ("ArrowDown", "conv1"),
        ("ArrowDown", "activation #1"),
        ("ArrowUp", "conv1"),
        ("End", "loss"),
    ):
        page.keyboard.press(key)
        assert heading(page) == expected
    look(page, "hidden1")
    graph(page).focus()
    page.keyboard.press("Enter")
    assert {"matmul", "add"} <= set(rows(page))
    graph(page).focus()
    page.keyboard.press("Enter")
    assert "matmul" not in rows(page)


def test_the_outline_is_the_graph_as_a_list(page: Any, studio: str) -> None:
    opened(page, studio, passed=False)
    assert rows(page)[:4] == ["input", "conv1", "activation #1", "pool1"]
    page.get_by_role("treeitem", name=re.compile("hidden1")).click()
    page.keyboard.press("ArrowRight")
    assert "matmul" in rows(page)
    page.keyboard.press("ArrowRight")
    selected = page.locator("[aria-selected=true][role=treeitem]")
    assert selected.inner_text().split()[0] == "matmul"
    assert selected.get_attribute("aria-level") == "2"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "matmul" not in rows(page)


def test_resnet_50_folds_and_opens(page: Any, studio: str) -> None:
    opened(page, studio, "source=network:resnet50", passed=False)
    assert rows(page) == [
        *("input", "conv", "norm", "activation", "stored", "pool"),
        *("stages.0", "stages.1", "stages.2", "stages.3", "mean", "output", "loss"),
    ]
    page.get_by_role("button", name="Open all").click()
    until(page, "document.querySelectorAll('[role=treeitem]').length > 400")
    page.get_by_role("button", name="Fold all").click()
    until(page, "document.querySelectorAll('[role=treeitem]').length === 13")
    # A pass of so large a network is made only when it is asked for.
    assert page.locator("section.pass").count() == 0
    page.get_by_role("button", name="Compute a pass").wait_for()


def test_drag_wheel_and_double_click(page: Any, studio: str) -> None:
    opened(page, studio)
    canvas = page.locator(".canvas canvas")

    def pixels() -> bytes:
        page.wait_for_timeout(200)
        shot: bytes = canvas.screenshot()
        return shot

    seen = [pixels()]
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 40, steps=4)
    page.mouse.up()
    seen.append(pixels())
    page.mouse.wheel(0, -300)
    seen.append(pixels())
    page.get_by_role("button", name="Zoom out").click()
    seen.append(pixels())
    assert len(set(seen)) == len(seen)
    assert page.locator(".details h2").count() == 0  # a drag is no click
    graph(page).focus()
    page.keyboard.press("0")
    look(page, "hidden2")
    # What is chosen has been brought into view: a double click where it is opens it.
    page.get_by_role("button", name="Open", exact=True).click()
    assert "matmul" in rows(page)


def test_the_search_marks_and_goes_there(page: Any, studio: str) -> None:
    opened(page, studio, passed=False)
    search = page.get_by_role("combobox", name="Search")
    search.fill("conv2")
    page.get_by_role("option", name=re.compile(r"^conv2\.weight")).click()
    assert heading(page) == "conv2.weight"
    search.fill("nothing of this name")
    page.get_by_text("Nothing is called so.").wait_for()


def test_the_address_keeps_what_is_seen(page: Any, studio: str) -> None:
    opened(page, studio, f"{LENET}&example=5")
    look(page, "hidden1/matmul")
    page.wait_for_timeout(200)
    address = page.url
    assert "example=5" in address
    page.goto("about:blank")
    page.goto(address)
    page.locator(".details h2").wait_for(timeout=1000 * COMPILED)
    assert heading(page) == "hidden1/matmul"
    until(page, PASS, seconds=COMPILED)
    assert "example 5 of digits" in page.locator("section.pass").inner_text()


# --- numbers -------------------------------------------------------------------------------------


def test_the_number_under_the_pointer_is_exact(page: Any, studio: str) -> None:
    opened(page, studio)
    look(page, "conv2")
    box = picture(page).bounding_box()
    picture(page).hover(position={"x": box["width"] * 0.31, "y": box["height"] * 0.4})
    shown = re.fullmatch(r"\[(\d+), (\d+), (\d+)\] = (−?[\d.]+)", said(page))
    assert shown is not None, said(page)
    row, column, channel = (int(part) for part in shown.groups()[:3])
    exact = page.evaluate(
        """async ([node, index]) => {
          const answer = await fetch(`api/models/numbers?pass_id=1&node=${node}&index=${index}`);
          const bytes = await answer.arrayBuffer();
          const length = new DataView(bytes).getUint32(0, true);
          const start = Math.ceil((4 + length) / 8) * 8;
          return new Float32Array(bytes, start, 1)[0];
        }""",
        [_node(page, "conv2/convolution"), f"0,{row},{column},{channel}"],
    )
    assert float(shown[4].replace("−", "-")) == pytest.approx(exact, rel=1e-5)


def _node(page: Any, name: str) -> int:
    found: int = page.evaluate(
        """async (name) => {
          const graph = await (await fetch("api/models/graph?source=network:lenet5")).json();
          return graph.nodes.findIndex((node) => node.name === name);
        }""",
        name,
    )
    return found


def test_a_click_shows_how_a_number_came_about(page: Any, studio: str) -> None:
    opened(page, studio)
    look(page, "conv2")
    picture(page).click(position={"x": 30, "y": 30})
    card = page.get_by_role("region", name="How one number came about")
    card.wait_for()
    value = re.search(r"= (−?[\d.]+)", card.locator("h3").inner_text())
    total = re.search(r"add up to (−?\d+\.?\d*)", card.inner_text())
    assert value is not None
    assert total is not None
    assert float(value[1].replace("−", "-")) == pytest.approx(
        float(total[1].replace("−", "-")), abs=1e-4
    )
    assert card.get_by_text("kernel").count() >= 1
    card.get_by_role("button", name="Look at the weights").click()
    assert heading(page) == "conv2.weight"
    page.get_by_text("Gradient", exact=True).click()
    picture(page).wait_for()


def test_the_arrow_keys_read_numbers(page: Any, studio: str) -> None:
    opened(page, studio)
    look(page, "hidden2")
    picture(page).focus()
    page.keyboard.press("ArrowRight")
    first = said(page)
    page.keyboard.press("ArrowRight")
    assert first.startswith("[0] =")
    assert said(page).startswith("[1] =")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="How one number came about").wait_for()


def test_why(page: Any, studio: str) -> None:
    opened(page, studio)
    look(page, "conv1.weight")
    page.get_by_role("button", name="Why is the gradient so?").click()
    page.get_by_text(re.compile("The gradient is healthy")).wait_for(timeout=30_000)
    page.get_by_text("The way from E back").click()
    page.get_by_role("button", name="output/matmul").click()
    assert heading(page) == "output/matmul"
    assert "matmul" in rows(page)  # the layer around it was opened


# --- what the pass is made for -------------------------------------------------------------------


def test_examples_and_the_worst_mistake(page: Any, studio: str) -> None:
    opened(page, studio)
    line = page.locator("section.pass")
    page.get_by_role("button", name="Next example").click()
    page.get_by_text("example 1 of digits").wait_for()
    page.get_by_role("button", name="List of examples").click()
    page.get_by_role("dialog", name="Examples").get_by_role("button").nth(7).click()
    page.get_by_text("example 7 of digits").wait_for()
    page.get_by_role("button", name="Worst mistake").click()
    page.get_by_text(re.compile("^example .*largest loss")).wait_for(timeout=60_000)
    assert "Wrong" in line.inner_text()


def test_a_picture_of_ones_own(page: Any, studio: str, tmp_path: Path) -> None:
    opened(page, studio)
    made = io.BytesIO()
    Image.fromarray(np.full((50, 30), 200, np.uint8)).save(made, "PNG")
    (tmp_path / "mine.png").write_bytes(made.getvalue())
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.png")
    page.get_by_text("your picture").wait_for(timeout=60_000)
    assert page.locator("section.pass img").count() == 1


def test_a_text_of_ones_own(page: Any, studio: str) -> None:
    opened(page, studio, "source=network:gpt")
    page.get_by_label("Your text").fill("for x in")
    page.keyboard.press("Enter")
    page.get_by_text("your text").wait_for(timeout=1000 * COMPILED)
    look(page, "blocks.0.attention/attend.1")
    picture(page).hover(position={"x": 5, "y": 5})
    assert said(page) == "[0, 0, 0] = 1"  # the first place can only look at itself


# --- for everyone --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anyone_out(page: Any, studio: str, axe: Axe, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, studio)
    look(page, "conv2")
    picture(page).click(position={"x": 30, "y": 30})
    page.get_by_role("region", name="How one number came about").wait_for()
    axe(page)
    rows(page)
    axe(page)


@pytest.mark.parametrize("size", [(1024, 768), (390, 844)])
def test_nothing_is_cut_off(page: Any, studio: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, studio)
    look(page, "conv2")
    picture(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size[0]
    if size[0] > 800:
        assert page.evaluate("document.documentElement.scrollHeight") <= size[1]
