"""A browser that opens the studio of this working tree, as a person does.

``page`` is a page of a headless Chromium with no address yet; ``studio`` is the address of a
running server. A test fails where the page logs an error, throws one, or breaks a rule of its
policy. ``axe`` says what keeps people with disabilities from using the page.

The policy of the page allows no script from outside, so ``page.wait_for_function`` fails: use
`until`, or the locators, which wait by themselves.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clearprop.studio.pages import INDEX, STATIC

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).parents[3]
AXE = ROOT / "studio-ui" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 800}

Axe = Callable[..., None]


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start ``clearprop studio`` as a process of its own; its address without a view."""
    with serving(tmp_path_factory.mktemp("studio")) as address:
        yield address


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Start ``clearprop studio`` in a folder as a process of its own, and yield its address."""
    if not (STATIC / INDEX).is_file():
        pytest.skip("the page of the studio is not built: make studio")
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", "studio", "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        cwd=folder,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process, process.stdout:
        line = process.stdout.readline()
        assert line.startswith("studio  http://"), line
        yield line.split()[1]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium: that of the system, else that of ``playwright install chromium``."""
    own = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    # The sandbox needs rights that root in a container does not have.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        try:
            chromium = started.chromium.launch(executable_path=own, args=arguments)
        except playwright.Error as error:
            reason = str(error).strip().splitlines()[0]
            pytest.skip(f"no Chromium (`playwright install chromium` brings one): {reason}")
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Open a page of 1280 x 800; the test fails where the page complains."""
    context = browser.new_context(viewport=DESKTOP)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: _note(complaints, said))
    opened.on("pageerror", lambda error: complaints.append(f"thrown: {error}"))
    yield opened
    context.close()
    assert complaints == []


def _note(complaints: list[str], said: Any) -> None:
    if said.type in ("error", "warning"):
        complaints.append(f"{said.type}: {said.text} ({said.location.get('url', '')})")


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Return a check that a page has no violation of the rules of accessibility.

    It takes the page, and the selector of the part to look at (all of it).
    """
    if not AXE.is_file():
        pytest.skip("axe-core is missing: make studio")
    source = AXE.read_text(encoding="utf-8")

    def check(page: Any, selector: str = "html") -> None:
        page.evaluate(source)  # unlike a script of the page, this is not under its policy
        found = page.evaluate("selector => axe.run(selector)", selector)
        assert found["passes"], "axe looked at nothing"
        told = [
            f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
            for one in found["violations"]
        ]
        assert told == []

    return check


def until(page: Any, expression: str, argument: object = None, seconds: float = 10.0) -> Any:
    """Wait until an expression of JavaScript is true, and return its value."""
    end = time.monotonic() + seconds
    while not (value := page.evaluate(expression, argument)):
        assert time.monotonic() < end, f"not so within {seconds:g} s: {expression}"
        page.wait_for_timeout(20)
    return value


def first_paint(page: Any) -> float:
    """Return after how many milliseconds the page showed something."""
    entries = "performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)"
    until(page, f"{entries}.length")
    times: list[float] = page.evaluate(entries)
    return times[0]
