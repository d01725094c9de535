"""Lessons beside the views."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.studio.browser.conftest import Axe, until

pytestmark = pytest.mark.slow

FIRST = "01-sigmoid-gate-and-2-2-1"


def test_a_lesson_stays_beside_every_view(studio: str, page: Any, axe: Axe) -> None:
    page.goto(f"{studio}#/backward?page=gate")
    page.get_by_role("button", name="Lesson", exact=True).click()
    lesson = page.get_by_role("complementary", name="Lesson")
    lesson.get_by_role("heading", name="One rule").wait_for()
    assert f"lesson={FIRST}" in page.url
    page.get_by_role("button", name="Next").wait_for()
    axe(page)
    page.get_by_role("link", name="Playground").click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    lesson.get_by_role("heading", name="One rule").wait_for()
    until(page, "name => location.hash.includes(name)", f"lesson={FIRST}")
    lesson.get_by_role("button", name="Close the lesson").click()
    lesson.wait_for(state="detached")
    until(page, "() => !location.hash.includes('lesson')")


def test_the_page_shows_what_a_lesson_is_about(studio: str, page: Any) -> None:
    page.goto(f"{studio}#/backward?page=gate&lesson={FIRST}")
    lesson = page.get_by_role("complementary", name="Lesson")
    lesson.get_by_role("combobox").select_option(label="4 · Hidden units as half-planes")
    lesson.get_by_role("heading", name="XOR by hand").wait_for()
    lesson.get_by_role("link", name="Show it in the page").click()
    page.get_by_role("group", name="Hidden layers").get_by_text("hidden layer").wait_for()
    until(page, "() => location.hash.includes('data=xor') && location.hash.includes('lesson=04')")


def test_a_lesson_that_cannot_be_loaded(studio: str, browser: Any) -> None:
    page = browser.new_page()  # the browser writes what it cannot load into the console
    page.goto(f"{studio}#/backward?page=gate&lesson={FIRST}")
    lesson = page.get_by_role("complementary", name="Lesson")
    lesson.get_by_role("heading", name="One rule").wait_for()
    page.route(re.compile("/assets/04-"), lambda route: route.abort())
    lesson.get_by_role("combobox").select_option(label="4 · Hidden units as half-planes")
    lesson.get_by_role("alert").wait_for()
    assert "cannot be loaded" in lesson.get_by_role("alert").inner_text()
    assert lesson.get_by_role("heading", name="One rule").count() == 0
    lesson.get_by_role("combobox").select_option(index=0)
    lesson.get_by_role("heading", name="One rule").wait_for()
    assert lesson.get_by_role("alert").count() == 0
    page.close()


@pytest.mark.parametrize("view", ["playground", "backward", "vision", "sequence", "models"])
def test_both_fit_beside_each_other(studio: str, page: Any, view: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{studio}#/{view}?lesson={FIRST}")
    page.get_by_role("complementary", name="Lesson").wait_for()
    page.locator("main select, main button").first.wait_for(timeout=30_000)
    page.wait_for_timeout(500)
    wider = page.evaluate(
        "() => { const main = document.querySelector('main');"
        " return [document.documentElement.scrollWidth - innerWidth,"
        " main.scrollWidth - main.clientWidth]; }"
    )
    assert wider == [0, 0]
