"""The page opens, its tabs work, and nothing in it keeps people from using it."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from tests.studio.browser.conftest import ROOT, Axe, first_paint, until

TABS = re.findall(r'^    title: "(.+)",$', (ROOT / "studio-ui/src/views.ts").read_text(), re.M)


def test_the_page_opens(page: Any, studio: str, capsys: pytest.CaptureFixture[str]) -> None:
    page.goto(studio)
    page.get_by_role("navigation", name="Views").wait_for()
    assert page.title().endswith("clearprop studio")
    with capsys.disabled():
        sys.stdout.write(f" first paint after {first_paint(page):.0f} ms ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_opens_and_can_be_used_by_everybody(
    page: Any, studio: str, axe: Axe, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(studio)
    assert len(TABS) >= 2
    for title in TABS:
        tab = page.get_by_role("navigation", name="Views").get_by_role(
            "link", name=title, exact=True
        )
        tab.click()
        until(page, "title => document.title.startsWith(title)", title)
        assert tab.get_attribute("aria-current") == "page"
        page.get_by_text("Loading…", exact=True).wait_for(state="detached")
        axe(page)


def test_the_keyboard_reaches_the_page(page: Any, studio: str) -> None:
    page.goto(studio)
    page.get_by_role("navigation", name="Views").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
