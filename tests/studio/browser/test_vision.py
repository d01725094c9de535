"""The view of pictures as a person uses it: a run, a drawing, cells, and a training in the page."""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import clearprop as cp
from clearprop import data
from clearprop.recipes.experiment import prepare
from tests.studio.browser.conftest import Axe, serving, until

pytestmark = pytest.mark.slow

COMPILED = 120.0
"""Seconds within which LeNet-5 and its pass are compiled, on a busy machine."""

STEP = "Number(document.querySelectorAll('.counters dd')[1].textContent.replaceAll(',', ''))"
READY = "document.querySelector('.transport button.play')?.disabled === false"


class Served(NamedTuple):
    address: str
    folder: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start a studio on a folder with a LeNet-5 that has learned a little."""
    folder = tmp_path_factory.mktemp("studio")
    values = {"data": {"name": "digits"}, "epochs": 6}
    prepare("lenet5", values).train(folder=folder / "runs" / "lenet5-1", progress=False)
    with serving(folder) as address:
        yield Served(address, folder / "runs" / "lenet5-1")


def opened(page: Any, served: Served, state: str = "source=run:lenet5-1") -> None:
    """Open the view, and wait for the layers."""
    page.goto(f"{served.address}#/vision?{state}")
    page.locator(".layers .maps").first.wait_for(timeout=1000 * COMPILED)
    page.wait_for_timeout(200)


def training(page: Any, served: Served, state: str = "") -> None:
    opened(page, served, state)
    until(page, READY, seconds=COMPILED)


def maps(page: Any, title: str) -> Any:
    return page.get_by_role("application", name=re.compile(rf"Cells of {re.escape(title)}\."))


def choose(page: Any, title: str, x: float, y: float) -> str:
    """Click a point of a column; return the heading of the card."""
    maps(page, title).click(position={"x": x, "y": y})
    card = page.get_by_role("article", name="How one number came about")
    card.get_by_role("heading").wait_for(timeout=1000 * COMPILED)
    page.wait_for_timeout(300)
    text: str = card.get_by_role("heading").inner_text()
    return text


def card(page: Any) -> str:
    text: str = page.get_by_role("article", name="How one number came about").inner_text()
    return text.replace("−", "-")


def number_in(text: str, pattern: str) -> float:
    found = re.search(pattern.replace("#", r"(-?[\d.,]+(?:e-?\d+)?)"), text)
    assert found, f"{pattern} is not in {text}"
    return float(found[1].rstrip(".").replace(",", ""))


def turn(page: Any, way: str) -> None:
    page.get_by_text(way, exact=True).click()
    page.wait_for_timeout(200)


@pytest.fixture(scope="module")
def glass(served: Served) -> Any:
    """The pass of the first test example by the library."""
    test = prepare("lenet5", {"data": {"name": "digits"}}).splits.test
    assert test is not None
    model = cp.load(served.folder)
    prepared = test.preprocessor.apply(test.inputs[:1])
    return cp.explain(model.model, prepared, test.targets[:1])


# --- a run ---------------------------------------------------------------------------------------


def test_a_run_is_chosen_and_its_cells_are_those_of_the_library(
    page: Any, served: Served, glass: Any
) -> None:
    training(page, served)
    page.get_by_label("Network", exact=True).select_option("run:lenet5-1")
    until(page, "!document.querySelector('.transport')")
    page.locator(".layers .maps").first.wait_for(timeout=1000 * COMPILED)
    heading = choose(page, "conv2 + relu", 20, 20)
    found = re.search(r"map (\d+), row (\d+), column (\d+)", heading)
    assert found
    k, i, j = map(int, found.groups())
    sum_ = float(glass["layers.1.conv2"].value[0, i, j, k])
    value = float(glass["layers.1.activation#2"].value[0, i, j, k])
    text = card(page)
    assert number_in(text, "add up to #: conv2") == pytest.approx(sum_, rel=1e-4)
    assert number_in(text, r"value #, error") == pytest.approx(value, abs=1e-5)
    bias = number_in(text, "the bias # add up")
    shares = shares_of(page)
    assert len(shares) == 6
    assert sum(shares) + bias == pytest.approx(sum_, abs=0.02)
    turn(page, "Backward")
    error = float(glass["layers.1.activation#2"].error[0, i, j, k])
    assert number_in(card(page), r"error signal of conv2 \+ relu is #\.") == pytest.approx(
        error, rel=1e-4, abs=1e-9
    )


def shares_of(page: Any) -> list[float]:
    texts: list[str] = page.locator(".shares .total").all_inner_texts()
    return [float(text.replace("−", "-").replace(",", "")) for text in texts]


def test_error_signals_come_back_through_the_kernel(page: Any, served: Served, glass: Any) -> None:
    opened(page, served, "source=run:lenet5-1&way=back")
    heading = choose(page, "pool1", 25, 25)
    found = re.search(r"map (\d+), row (\d+), column (\d+)", heading)
    assert found
    k, i, j = map(int, found.groups())
    error = float(glass["layers.1.pool1"].error[0, i, j, k])
    assert number_in(card(page), r"error signal of pool1 is #\.") == pytest.approx(error, rel=1e-4)
    shares = shares_of(page)
    assert len(shares) == 16
    assert sum(shares) == pytest.approx(error, rel=0.02, abs=16 * 5e-3 * max(map(abs, shares)))


def test_the_pointer_frames_what_a_cell_reads(page: Any, served: Served) -> None:
    opened(page, served)
    before = page.locator(".input .maps canvas").screenshot()
    box = maps(page, "pool2").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)
    said = page.locator(".layers .said")
    until(page, "document.querySelector('.layers .said').textContent.includes('pool2')")
    assert re.search(r"pool2, map 0, row \d, column \d: value .+, error signal ", said.inner_text())
    assert page.locator(".input .maps canvas").screenshot() != before
    page.mouse.move(box["x"] + 12, box["y"] - 60)
    until(page, "document.querySelector('.layers .said').textContent.trim() === ''")
    assert page.locator(".input .maps canvas").screenshot() == before


def test_the_keyboard_goes_from_cell_to_cell(page: Any, served: Served) -> None:
    opened(page, served)
    page.get_by_label("Every operation").focus()
    page.keyboard.press("Tab")  # the first column
    said = page.locator(".layers .said")
    for key, place in (
        ("ArrowRight", "map 0, row 0, column 1"),
        ("ArrowDown", "map 0, row 1, column 1"),
        ("PageDown", "map 1, row 1, column 1"),
        ("End", "map 1, row 27, column 27"),
        ("ArrowRight", "map 1, row 27, column 27"),
    ):
        page.keyboard.press(key)
        assert place in said.inner_text()
    page.keyboard.press("Enter")
    article = page.get_by_role("article", name="How one number came about")
    article.wait_for(timeout=1000 * COMPILED)
    assert "conv1 + relu, map 1, row 27, column 27" in article.inner_text()
    page.keyboard.press("Escape")
    article.wait_for(state="detached")


def test_units_and_the_output(page: Any, served: Served) -> None:
    opened(page, served, "source=run:lenet5-1&example=worst")
    assert "Wrong:" in page.locator(".input .result").inner_text()
    assert choose(page, "hidden1 + relu", 15, 60).startswith("hidden1 + relu, unit")
    assert "map " in page.locator(".terms tbody th").first.inner_text()
    page.get_by_role("button", name=re.compile("the target: how its number came about")).click()
    until(page, "document.querySelector('article h2').textContent.startsWith('output, class')")
    turn(page, "Backward")
    text = card(page)
    assert "passes back the probability minus 1" in text
    assert number_in(text, "- 1 = #") == pytest.approx(
        number_in(text, "this is the target: # - 1") - 1, abs=1e-5
    )
    # With the predicted class as the target, next to nothing comes back.
    predicted = page.locator(".input .result b").nth(1).inner_text()
    page.get_by_label("Compare with").select_option(label=predicted)
    until(page, "!document.querySelector('.input .result').textContent.includes('Wrong')")


def test_every_operation_has_a_column(page: Any, served: Served) -> None:
    opened(page, served)
    assert page.locator(".layers .column").count() == 6
    page.get_by_label("Every operation").check()
    until(page, "document.querySelectorAll('.layers .column').length > 8")
    assert "every=1" in page.url
    page.get_by_text("Values", exact=True).click()
    assert "show=value" in page.url


def test_the_address_brings_the_same_cell_back(page: Any, served: Served) -> None:
    opened(page, served, "source=run:lenet5-1&example=7")
    heading = choose(page, "pool1", 30, 30)
    turn(page, "Backward")
    text = card(page)
    page.reload()
    page.get_by_role("article", name="How one number came about").wait_for(timeout=1000 * COMPILED)
    page.wait_for_timeout(300)
    assert heading in card(page)
    assert card(page) == text
    assert page.get_by_label("Example of 180").input_value() == "7"


def test_a_network_that_reads_no_pictures(page: Any, served: Served) -> None:
    page.goto(f"{served.address}#/vision?source=network:gpt")
    page.get_by_text("This network takes no pictures.").wait_for(timeout=1000 * COMPILED)


# --- pictures of one's own -----------------------------------------------------------------------


def test_a_digit_is_drawn(page: Any, served: Served) -> None:
    opened(page, served)
    page.get_by_text("Draw", exact=True).click()
    box = page.locator(".pad canvas").bounding_box()
    places = [(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]
    for k, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if k == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_text("It is cut to its ink, scaled").wait_for()
    until(page, "document.querySelector('.input .result').textContent.includes('predicted 7')")
    page.get_by_label("Compare with").select_option(label="1")
    until(page, "document.querySelector('.input .result').textContent.includes('target 1')")
    assert "Wrong:" in page.locator(".input .result").inner_text()
    page.reload()  # The drawing is in no address; the tab keeps it.
    until(
        page,
        "document.querySelector('.input .result')?.textContent.includes('target 1')",
        seconds=COMPILED,
    )
    page.get_by_text("It is cut to its ink, scaled").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Draw here.").wait_for()
    page.get_by_text("Example", exact=True).click()
    until(page, "document.querySelector('.input .result').textContent.includes('target 0')")
    page.reload()
    until(
        page,
        "document.querySelector('.input .result')?.textContent.includes('target 0')",
        seconds=COMPILED,
    )


def own_file(digit: int) -> bytes:
    """A digit of the data as a photograph of a sheet might show it: large, dark on white."""
    digits = data.load("digits")
    row = int(np.flatnonzero(digits.targets == digit)[3])
    ink = np.kron(digits.inputs[row, :, :, 0].astype(int) * 15, np.ones((20, 20), int))
    sheet = np.full((400, 500), 250, np.uint8)
    sheet[120:280, 200:360] -= ink.astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG")
    return file.getvalue()


def test_a_picture_is_chosen_or_dropped(page: Any, served: Served) -> None:
    opened(page, served)
    page.get_by_text("File", exact=True).click()
    page.locator("input[type=file]").set_input_files(
        {"name": "four.png", "mimeType": "image/png", "buffer": own_file(4)}
    )
    until(page, "document.querySelector('.input .result').textContent.includes('predicted 4')")
    page.locator(".drop").evaluate(
        """(element, text) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const given = new DataTransfer();
          given.items.add(new File([bytes], "zero.png", { type: "image/png" }));
          element.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true }));
        }""",
        base64.b64encode(own_file(0)).decode(),
    )
    until(page, "document.querySelector('.input .result').textContent.includes('predicted 0')")
    page.locator("input[type=file]").set_input_files(
        {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    page.get_by_text("This is no picture that the browser can read.").wait_for()


def test_examples_of_a_class(page: Any, served: Served) -> None:
    opened(page, served)
    page.get_by_label("Class", exact=True).select_option(label="6")
    until(page, "document.querySelector('.input .pages').textContent.includes(' of 1')")
    page.get_by_role("button", name=re.compile(r"example \d+, 6$")).nth(2).click()
    until(page, "document.querySelector('.input .result').textContent.includes('target 6')")
    page.get_by_role("button", name="Next example").click()


# --- training in the page ------------------------------------------------------------------------


def step(page: Any, unit: str) -> int:
    before = page.evaluate(STEP)
    page.get_by_role("button", name=f"Step: {unit}").click()
    until(page, f"{STEP} > {before}", seconds=COMPILED)
    taken: int = page.evaluate(STEP)
    return taken


def test_training_in_the_page(
    page: Any, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    training(page, served)
    page.get_by_text("Filters", exact=True).click()
    assert step(page, "batch") == 1
    filters = page.locator(".panel canvas").first
    first = filters.screenshot()
    assert step(page, "batch") == 2
    assert filters.screenshot() != first
    assert step(page, "epoch") == 45
    slider = page.get_by_label("Back", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    until(page, f"{STEP} === 0", seconds=COMPILED)
    page.get_by_role("button", name="Train", exact=True).click()
    until(page, f"{STEP} > 50", seconds=COMPILED)
    # A picture is drawn whenever the step counter changes.
    page.evaluate(
        """window.pictures = 0;
        new MutationObserver(() => window.pictures++).observe(
          document.querySelectorAll('.counters dd')[1], { characterData: true, subtree: true })"""
    )
    page.wait_for_timeout(2000)
    rate = page.evaluate("window.pictures") / 2
    with capsys.disabled():
        sys.stdout.write(f" {rate:.0f} pictures a second while it trains ")
    # The card follows while it trains, and the input is not locked.
    page.get_by_text("Cell", exact=True).click()
    choose(page, "conv2 + relu", 20, 60)
    texts = set()
    for _ in range(8):
        texts.add(card(page))
        page.wait_for_timeout(300)
    assert len(texts) > 1
    page.get_by_role("button", name="Next example").click()
    until(page, "document.querySelector('[aria-label^=\"Example of\"]').value === '1'")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Train", exact=True).wait_for()
    page.get_by_text("Filters", exact=True).click()
    assert page.locator(".curves dd").nth(1).inner_text() != "–"


def test_settings_begin_anew_and_name_the_command(page: Any, served: Served) -> None:
    training(page, served)
    step(page, "batch")
    page.get_by_role("button", name="Settings of the training").click()
    page.get_by_label("Pooling").select_option("average")
    until(page, READY, seconds=COMPILED)
    until(page, f"{STEP} === 0")
    assert "pooling=average" in page.url
    command = page.locator("[popover] pre").inner_text()
    assert command == "clearprop train lenet5 --data digits --set pooling=average"


def test_a_rate_that_is_too_large_is_explained(page: Any, served: Served) -> None:
    training(page, served, "optimizer=sgd&schedule=constant&rate=100")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Training has stopped: a number is not finite.").wait_for(
        timeout=1000 * COMPILED
    )


# --- everybody -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_from_using_it(
    page: Any, served: Served, axe: Axe, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, served, "source=run:lenet5-1&example=worst")
    choose(page, "conv2 + relu", 20, 20)
    axe(page)
    turn(page, "Backward")
    page.get_by_text("Draw", exact=True).click()
    axe(page)
    page.get_by_text("Filters", exact=True).click()
    page.get_by_text("File", exact=True).click()
    axe(page)


def test_training_for_everybody(page: Any, served: Served, axe: Axe) -> None:
    training(page, served)
    page.get_by_role("button", name="Settings of the training").click()
    axe(page)


def test_on_a_phone(browser: Any, served: Served) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    opened(page, served)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    column = maps(page, "conv1 + relu")
    column.scroll_into_view_if_needed()
    box = column.bounding_box()
    page.touchscreen.tap(box["x"] + 30, box["y"] + 30)
    page.get_by_role("article", name="How one number came about").wait_for(timeout=1000 * COMPILED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
