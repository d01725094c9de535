"""The classroom file from a disk: no server, no network, and everything in it works."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.studio.export import CLASSROOM, export_page
from clearprop.studio.pages import STATIC
from clearprop.studio.playground.messages import DataSettings, LayerSettings, Settings
from clearprop.training.recording.recorder import Record
from tests.studio.browser.conftest import Axe, until

MOST_BYTES = 1_000_000

READY = "document.querySelector('button.play')?.disabled === false"
STEP = "Number(document.querySelectorAll('.counters dd')[1].textContent.replaceAll(',', ''))"
OBJECTIVE = "Number(document.querySelector('.curves dd').textContent)"

Open = Callable[..., list[str]]


@pytest.fixture
def opened(page: Any) -> Open:
    """Return a function that opens a file without a network; it returns what the page asks for."""

    def open_file(file: Path, state: str = "") -> list[str]:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.context.set_offline(True)
        page.goto(f"{file.as_uri()}{state}")
        return asked

    return open_file


@pytest.fixture(scope="module")
def classroom() -> Path:
    """The file as it is built."""
    file = STATIC / CLASSROOM
    if not file.is_file():
        pytest.skip("the classroom file is not built: make studio")
    return file


@pytest.fixture(scope="module")
def recorded(classroom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a small recorded run in it."""
    folder = tmp_path_factory.mktemp("exported")
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3)).astype(np.float32)
    cp.fit(
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)),
        x,
        (x.sum(axis=1) > 0).astype(np.int32),
        epochs=6,
        batch_size=10,
        dev=0.25,
        folder=folder / "small-1",
        record=Record("*", what="arrays", every=2),
        snapshots=2,
        progress=False,
    )
    return export_page(folder / "class.html", folder / "small-1")


def local(asked: list[str]) -> bool:
    """Say whether a page has asked for nothing but its own file and what is made in it."""
    return all(url.startswith(("file:", "blob:", "data:")) for url in asked) and len(asked) > 0


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def settled(page: Any) -> None:
    """Wait until a change of the settings has reached the engine."""
    until(page, "document.querySelector('.playground').ariaBusy === 'false'")


def test_the_file_is_small(classroom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = classroom.stat().st_size
    with capsys.disabled():
        sys.stdout.write(f" the classroom file has {size:,} bytes ")
    assert size < MOST_BYTES


def test_it_trains_steps_and_goes_back(
    page: Any, opened: Open, classroom: Path, axe: Axe, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = opened(classroom)
    until(page, READY)
    button(page, "Step: epoch").click()
    until(page, f"{STEP} === 25")
    first = until(page, OBJECTIVE)
    page.get_by_label("Speed").select_option("full")
    button(page, "Play").click()
    until(page, f"{STEP} > 20000", seconds=60)
    button(page, "Pause").click()
    until(page, f"{OBJECTIVE} < {first / 10}")
    at = page.evaluate(STEP)
    seconds = float(page.locator(".counters .time dd").inner_text().split()[0])
    with capsys.disabled():
        sys.stdout.write(f" {at / seconds:,.0f} steps a second in the worker ")
    axe(page)
    page.get_by_label("Back", exact=True).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    until(page, f"{STEP} === 0")
    assert local(asked), asked


def test_a_weight_can_be_changed_and_training_goes_on(
    page: Any, opened: Open, classroom: Path
) -> None:
    opened(classroom)
    until(page, READY)
    button(page, "Unit 2 of layer 1").click()
    card = page.get_by_role("article", name="Unit 2 of layer 1")
    card.locator("math").nth(3).wait_for()  # forward and backward, with the numbers in them
    card.get_by_role("button", name=re.compile("Change the weight from x₁")).click()
    card = page.get_by_role("article", name="Weight from x₁ to unit 2 of layer 1")
    editor = card.get_by_role("spinbutton")
    editor.fill("2.5")
    until(page, "document.querySelector('.place dd').textContent === '2.5'")
    button(page, "Step: batch").click()
    until(page, f"{STEP} === 1")
    assert float(editor.input_value()) != 2.5
    assert abs(float(editor.input_value()) - 2.5) < 0.5


@pytest.mark.slow
def test_every_choice_of_the_menus_trains(page: Any, opened: Open, classroom: Path) -> None:
    opened(classroom)
    until(page, READY)
    for label in ("Optimizer", "Schedule", "Activation", "Loss", "Initial weights"):
        menu = page.get_by_label(label, exact=True)
        values = menu.evaluate("menu => [...menu.options].map(option => option.value)")
        assert len(values) > 3, label
        for value in values:
            menu.select_option(value)
            settled(page)
            before = page.evaluate(STEP)
            button(page, "Step: epoch").click()
            until(page, f"{STEP} !== {before}")
            assert page.get_by_role("alert").count() == 0, f"{label} {value}"
        menu.select_option(values[0] if label != "Optimizer" else "sgd")


def test_the_lectures_pages_step_ask_and_mark(
    page: Any, opened: Open, classroom: Path, axe: Axe
) -> None:
    asked = opened(classroom, "#/backward?page=2-2-1")
    page.get_by_role("button", name="Next").wait_for()
    page.keyboard.press("End")
    page.get_by_text("0.2723").first.wait_for()  # w1' of the lecture, without rounding on the way
    page.get_by_label("Ask me").check()
    button(page, "First step").click()
    page.get_by_role("button", name="Next").click()
    answer = page.get_by_label("What is the value", exact=False)
    answer.fill("0.9")
    button(page, "Check").click()
    page.get_by_text("Not yet.").wait_for()
    answer.fill("0.755")
    button(page, "Check").click()
    page.get_by_text("1 right").wait_for()
    axe(page)
    button(page, "Exercise").click()
    page.get_by_label(re.compile("^z1 =")).fill("0.755")
    button(page, "Check").click()
    page.get_by_test_id("result").get_by_text(re.compile(r"^1 of \d+ right")).wait_for()
    axe(page)
    with page.context.expect_page() as printed:
        page.get_by_role("link", name="Blank exercise").click()
    printed.value.get_by_role("heading", name="The 2-2-1 network").wait_for()
    assert local(asked), asked


def test_the_playgrounds_own_network_is_followed_back(
    page: Any, opened: Open, classroom: Path, axe: Axe
) -> None:
    opened(classroom)
    until(page, READY)
    button(page, "Step: epoch").click()
    until(page, f"{STEP} === 25")
    loss = page.locator(".example span").inner_text().rpartition("loss")[2].strip()
    button(page, "Backward pass").click()
    page.get_by_role("button", name="Next").wait_for()
    page.keyboard.press("End")
    page.get_by_text("Each weight moves against its gradient").first.wait_for()
    page.get_by_text("All numbers in a table").click()
    shown = page.locator("tr[data-row=E] .value").inner_text()
    assert float(loss) == pytest.approx(float(shown), rel=0.01)
    axe(page)


def test_exported_settings_and_hidden_parts(
    page: Any, opened: Open, classroom: Path, tmp_path: Path
) -> None:
    settings = Settings(
        DataSettings("blobs", classes=3), layers=(LayerSettings(5, "relu"),), loss="cross_entropy"
    )
    file = export_page(tmp_path / "class.html", settings=settings, hide=["features", "past"])
    opened(file)
    until(page, READY)
    assert page.get_by_text("cloud 3").count() == 1
    assert button(page, "Fork").count() == 0
    button(page, "Step: epoch").click()
    until(page, f"{STEP} === 25")
    assert page.get_by_label("Loss", exact=True).input_value() == "cross_entropy"


def test_a_copy_is_saved_as_it_is_shown(
    page: Any, opened: Open, recorded: Path, tmp_path: Path
) -> None:
    opened(recorded, "#/playground?data=xor&rate=0.1")
    until(page, READY)
    button(page, "Share").click()
    page.get_by_role("checkbox", name=re.compile("^Changing weights")).check()
    with page.expect_download() as download:
        button(page, "Save as a file").click()
    file = tmp_path / "mailed.html"
    download.value.save_as(file)
    page.goto(file.as_uri())
    until(page, READY)
    assert "data=xor&rate=0.1&hide=edit" in page.url
    assert button(page, "Exclusive-or").get_attribute("aria-pressed") == "true"
    page.get_by_role("link", name="Recorded run").click()
    page.get_by_role("slider", name="Step of training").wait_for()
    # A copy of a copy is the same file.
    page.get_by_role("link", name="Playground").click()
    until(page, READY)
    button(page, "Share").click()
    with page.expect_download() as download:
        button(page, "Save as a file").click()
    assert abs(len(Path(download.value.path()).read_bytes()) - file.stat().st_size) < 100


def test_a_recorded_run_is_looked_at_step_by_step(
    page: Any, opened: Open, recorded: Path, axe: Axe
) -> None:
    asked = opened(recorded)
    slider = page.get_by_role("slider", name="Step of training")
    slider.wait_for()
    assert page.get_by_role("heading", name="small-1").count() == 1
    shown = page.get_by_role("img", name="layers.0.weight at step")
    shown.first.wait_for()
    last = page.locator("output").inner_text()
    slider.focus()
    page.keyboard.press("Home")
    until(page, "document.querySelector('output').textContent.trim() === 'step 0'")
    assert last != "step 0"
    page.get_by_text("Recorded values").click()
    page.get_by_label("Layer or parameter").select_option("layers.1")
    page.get_by_text("Error signals", exact=True).click()
    page.get_by_role("img", name="layers.1 at step").first.wait_for()
    axe(page)
    page.get_by_label("Example", exact=False).fill("99")
    page.keyboard.press("Enter")
    page.get_by_text("this file does not hold example 99").wait_for()
    page.get_by_role("link", name="Playground").click()
    until(page, READY)
    assert local(asked), asked
