"""Take the pictures of the studio that stand in its page of the documentation.

``python -m tools.studio_pictures`` starts the studio on runs that it makes, drives the page in
Chromium, and writes ``docs/images/studio-*.png``. It needs the built page (``make studio``).
"""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
COLORS = 256

RUNS = (
    ("train", "xor", "--set", "snapshots=log", "--no-report"),
    ("train", "lenet5", "--data", "digits", "--set", "epochs=4", "--set", "snapshots=log"),
    ("train", "som", "--set", "snapshots=log", "--no-report"),
)
TEXTS = (
    ("train", "char-lstm", "--set", "epochs=4", "--set", "hidden_size=96", "--no-report"),
    ("train", "char-gpt", "--set", "epochs=6", "--set", "width=64", "--no-report"),
)
TEXT = "text=The+value+of+the+attribute+is+a+list"


def playground(page: Any) -> None:
    """Train on the circle until the boundary is closed, and point at a unit."""
    page.get_by_role("button", name="Play", exact=True).click()
    wait(page, "Number(document.querySelector('.counters dd').textContent) > 75")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.wait_for_timeout(8000)  # the diagnosis


def gate(page: Any) -> None:
    """Go to the middle of the backward pass."""
    for _ in range(13):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(150)


def look(page: Any) -> None:
    """Wait until what was asked for has arrived."""
    page.wait_for_timeout(6000)


PICTURES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "playground": ("#/playground", playground),
    "backward": ("#/backward?page=gate", gate),
    "vision": ("#/vision?source=run:lenet5-1&example=worst&at=6.5.4.4", look),
    "sequence": (f"#/sequence?source=run:char-gpt-1&{TEXT}&show=error&head=9", look),
    "recurrent": (f"#/sequence?source=run:char-lstm-1&{TEXT}&units=error", look),
    "runs": ("#/runs?run=lenet5-1", look),
    "models": ("#/models?source=run:lenet5-1&at=layers.1.conv2", look),
}


def wait(page: Any, expression: str) -> None:
    """Wait until an expression of JavaScript is true; the page's policy forbids Playwright's own.

    Raises:
        TimeoutError: it is not within a minute.
    """
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(expression)
        page.wait_for_timeout(50)


def save(page: Any, name: str) -> None:
    """Write the picture of a page with few colors, so that the file is small."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    target = IMAGES / f"studio-{name}.png"
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(target.name, f"{target.stat().st_size / 1000:.0f} kB")


def main() -> int:
    """Take all pictures, or those that are named; return the exit code."""
    wanted = sys.argv[1:] or list(PICTURES)
    command = [sys.executable, "-m", "clearprop"]
    with tempfile.TemporaryDirectory() as folder:
        pictures = RUNS if {"vision", "runs", "models"} & set(wanted) else ()
        texts = TEXTS if {"sequence", "recurrent"} & set(wanted) else ()
        for arguments in (*pictures, *texts):
            subprocess.run([*command, *arguments], cwd=folder, check=True)
        server = subprocess.Popen(
            [*command, "studio", "--no-browser", "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        address = server.stdout.readline().split()[1]
        with sync_playwright() as started:
            own = shutil.which("chromium")
            browser = started.chromium.launch(executable_path=own, args=["--no-sandbox"])
            for name in wanted:
                view, drive = PICTURES[name]
                page = browser.new_page(viewport=SIZE)
                page.goto(f"{address}{view}")
                page.wait_for_timeout(5000)
                drive(page)
                save(page, name)
                page.close()
            browser.close()
        server.send_signal(signal.SIGINT)
        server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
