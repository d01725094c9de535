"""The runs as a person looks at them: list, one run, its films, a comparison, and live runs."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from clearprop import nn
from clearprop.recipes.experiment import prepare
from clearprop.training import EpochDone, fit
from tests.studio.browser.conftest import Axe, serving, until

pytestmark = pytest.mark.slow

MADE = 90.0
"""Seconds within which a picture is made for the first time, on a busy machine."""

PHONE = {"width": 390, "height": 844}
VALUES = {"epochs": 80, "snapshots": "log", "record": ["layers.*"], "record_every": 10}


class Served(NamedTuple):
    """A studio with some runs: its address, and their folder."""

    address: str
    runs: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start a studio on a folder with an xor, its fork, a map, and a damaged run."""
    folder = tmp_path_factory.mktemp("studio")
    runs = folder / "runs"
    parent = prepare("xor", VALUES)
    parent.train(folder=runs / "xor-1", progress=False)
    parent.fork(runs / "xor-1", 20, {"learning_rate": 0.2}, folder=runs / "fork", progress=False)
    prepare("som", {"rows": 4, "columns": 4, "epochs": 3, "snapshots": 1}).train(
        folder=runs / "som-1", progress=False
    )
    shutil.copytree(runs / "xor-1", runs / "cut")
    losses = runs / "cut" / "losses.f32"
    losses.write_bytes(losses.read_bytes()[:60])
    with serving(folder) as address:
        yield Served(address, runs)


def opened(page: Any, served: Served, values: str = "") -> None:
    page.goto(f"{served.address}#/runs{values}")
    page.get_by_role("heading", level=1).wait_for(timeout=1000 * MADE)


def names(page: Any) -> list[str]:
    found: list[str] = page.locator("tbody td.name a").all_text_contents()
    return found


def picture(page: Any) -> str:
    """Return the picture of the film."""
    found: str = page.evaluate("document.querySelector('.picture canvas').toDataURL()")
    return found


# --- the list ------------------------------------------------------------------------------------


def test_the_list_is_sorted_and_searched(page: Any, served: Served) -> None:
    opened(page, served)
    until(page, "document.querySelectorAll('tbody tr').length === 4", seconds=MADE)
    page.get_by_role("button", name="Run", exact=True).click()
    assert names(page) == ["cut", "fork", "som-1", "xor-1"]
    page.get_by_role("button", name="Run", exact=True).click()
    assert names(page) == ["xor-1", "som-1", "fork", "cut"]
    header = page.get_by_role("columnheader", name="Run")
    assert header.get_attribute("aria-sort") == "descending"
    page.get_by_label("Search the runs").fill("som digits")
    assert names(page) == ["som-1"]
    page.get_by_label("Search the runs").fill("")
    page.get_by_text("With trouble", exact=True).click()
    assert names(page) == ["cut"]
    assert "damaged" in page.locator("tbody tr").text_content()


def test_a_live_run_appears_and_grows_by_itself(page: Any, served: Served) -> None:
    opened(page, served)
    until(page, "document.querySelectorAll('tbody tr').length === 4", seconds=MADE)
    may_end = threading.Event()
    folder = served.runs / "live"

    def slowly(event: object) -> None:
        if isinstance(event, EpochDone) and not may_end.is_set():
            may_end.wait(0.4)

    def train() -> None:
        data = np.eye(4, dtype=np.float32), np.arange(4)
        model = nn.Linear(4, 4)
        fit(model, data, epochs=400, folder=folder, progress=False, on_event=slowly)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        row = page.locator("tbody tr", has=page.get_by_role("link", name="live", exact=True))
        row.get_by_text("running").wait_for(timeout=1000 * MADE)
        epoch = row.locator("td.epoch span").nth(1)
        before = int((epoch.text_content() or "0").split()[0])
        for _ in range(100):
            page.wait_for_timeout(100)
            if int((epoch.text_content() or "0").split()[0]) > before:
                break
        else:
            pytest.fail("the epochs do not grow")
    finally:
        may_end.set()
        thread.join()
    row.get_by_text("finished").wait_for(timeout=1000 * MADE)
    shutil.rmtree(folder)
    row.wait_for(state="detached", timeout=1000 * MADE)


def test_an_empty_folder_says_how_to_make_a_run(page: Any, tmp_path: Path, axe: Axe) -> None:
    with serving(tmp_path) as address:
        page.goto(f"{address}#/runs")
        page.get_by_role("heading", name="No runs yet").wait_for(timeout=1000 * MADE)
        assert page.get_by_text("clearprop train xor", exact=True).is_visible()
        axe(page)


# --- one run -------------------------------------------------------------------------------------


def test_a_run_is_opened_from_the_list(page: Any, served: Served) -> None:
    opened(page, served)
    page.get_by_role("link", name="fork", exact=True).click(timeout=1000 * MADE)
    page.get_by_role("heading", name="fork", level=1).wait_for()
    assert "it left xor-1 at step 20" in page.locator("header .facts").nth(1).text_content()
    page.get_by_role("link", name="xor-1", exact=True).click()
    page.get_by_role("heading", name="xor-1", level=1).wait_for()
    assert page.url.endswith("?run=xor-1")
    page.go_back()
    page.get_by_role("heading", name="fork", level=1).wait_for()


def test_scrubbing_shows_the_weights_of_each_step(page: Any, served: Served) -> None:
    opened(page, served, "?run=xor-1&film=weights&of=layers.0.weight")
    page.get_by_text("being made").wait_for(state="detached", timeout=1000 * MADE)
    until(page, "document.querySelector('.picture canvas')?.width === 8", seconds=MADE)
    slider = page.get_by_label("Step of training")
    assert slider.get_attribute("aria-valuetext") == "step 80"
    last = picture(page)
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "step 0"
    until(page, "document.querySelector('.picture:not(.old)')")
    first = picture(page)
    assert first != last
    assert "at=0" in page.url
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "step 1"
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "document.querySelector('.player input').ariaValueText === 'step 80'", seconds=30)
    until(page, "document.querySelector('.player button').ariaLabel === 'Play'")
    assert picture(page) == last


def test_the_number_under_the_pointer_is_the_weight(page: Any, served: Served) -> None:
    from clearprop.training import load_model

    weight = np.asarray(nn.parameters(load_model(served.runs / "xor-1"))["layers.0.weight"])
    opened(page, served, "?run=xor-1&film=weights&of=layers.0.weight")
    until(page, "document.querySelector('.picture canvas')?.width === 8", seconds=MADE)
    heat = page.get_by_role("img", name=re.compile("layers.0.weight at step 80"))
    heat.focus()
    for _ in range(4):
        heat.press("ArrowRight")  # the first press goes to the first number
    heat.press("ArrowDown")
    said = page.locator(".picture p").first.text_content()
    assert said.startswith("input 1, unit 3: ")
    shown = float(said.rpartition(": ")[2].replace("−", "-"))
    assert shown == pytest.approx(float(weight[1, 3]), rel=1e-4)


def test_layers_over_time_and_one_example(page: Any, served: Served) -> None:
    opened(page, served, "?run=xor-1&film=statistics")
    page.get_by_role("img", name=re.compile("Error signal of layers.0")).wait_for(
        timeout=1000 * MADE
    )
    page.get_by_text("One example", exact=True).click()
    page.get_by_role("columnheader", name="Error signal").wait_for(timeout=1000 * MADE)
    assert page.locator(".picture tbody th").first.text_content().startswith("input")
    number = page.get_by_role("spinbutton", name="Example")
    number.fill("3")
    number.press("Enter")
    page.locator(".picture dd", has_text="3 of 4").wait_for(timeout=1000 * MADE)


def test_a_map_plays(page: Any, served: Served) -> None:
    opened(page, served, "?run=som-1")
    for view, text in (("Distances", "from 0 to"), ("Hits", "of 16 units"), ("Classes", "%")):
        page.get_by_text(view, exact=True).click(timeout=1000 * MADE)
        page.locator(".picture p", has_text=text).wait_for(timeout=1000 * MADE)
    assert page.locator(".picture polygon").count() == 16
    page.get_by_role("img", name=re.compile("The map")).press("ArrowRight")
    page.locator(".picture p", has_text="unit 0, 0").wait_for()


def test_the_diagnosis_and_its_mend(page: Any, served: Served) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, served, "?run=fork")
    panel = page.get_by_role("region", name="Diagnosis")
    panel.get_by_text("What was looked for").wait_for(timeout=1000 * MADE)
    panel.get_by_text("looking at the examples").wait_for(state="detached", timeout=1000 * MADE)
    mends = panel.get_by_role("button", name="Copy the mend")
    for i in range(mends.count()):
        mends.nth(i).click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == panel.locator("pre").nth(i).text_content()


def test_a_damaged_run_says_what_is_damaged(page: Any, served: Served) -> None:
    opened(page, served, "?run=cut")
    told = page.locator(".about.bad")
    told.get_by_text("losses.f32").wait_for(timeout=1000 * MADE)
    assert "missing" in told.text_content()
    assert page.get_by_role("img", name=re.compile("Objective of cut")).is_visible()


# --- several runs --------------------------------------------------------------------------------


def test_two_runs_are_compared(page: Any, served: Served) -> None:
    opened(page, served)
    page.get_by_label("Compare xor-1").check(timeout=1000 * MADE)
    assert page.get_by_role("button", name="Compare", exact=True).is_disabled()
    page.get_by_label("Compare fork").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("heading", name="2 runs compared").wait_for()
    row = page.get_by_role("row", name=re.compile("^learning_rate"))
    row.wait_for(timeout=1000 * MADE)
    assert row.get_by_role("cell").all_text_contents() == ["0.05", "0.2"]
    objective = page.get_by_role("row", name=re.compile("^Objective"))
    assert objective.get_by_role("cell").count() == 2
    page.get_by_text("Step", exact=True).click()
    assert "x=step" in page.url
    assert page.get_by_role("img", name=re.compile("Objective of xor-1, fork")).is_visible()


# --- for everybody -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "values",
    [
        "",
        "?run=xor-1",
        "?run=xor-1&film=weights",
        "?run=xor-1&film=statistics",
        "?run=som-1",
        "?run=cut",
        "?compare=xor-1&compare=fork",
    ],
)
def test_nothing_keeps_people_from_using_it(
    page: Any, served: Served, axe: Axe, values: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, served, values)
    page.get_by_text("Loading").first.wait_for(state="detached", timeout=1000 * MADE)
    page.wait_for_timeout(1500)
    axe(page)


@pytest.mark.parametrize("values", ["", "?run=xor-1", "?compare=xor-1&compare=fork"])
def test_a_phone_shows_it_without_scrolling_sideways(
    page: Any, served: Served, values: str
) -> None:
    page.set_viewport_size(PHONE)
    opened(page, served, values)
    page.wait_for_timeout(1500)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
