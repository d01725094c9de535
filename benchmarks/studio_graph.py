"""Frames per second of the studio's graph: ResNet-50, opened down to its operations.

``python -m benchmarks.studio_graph`` starts the studio, opens the page in a headless Chromium, and
moves the graph as a hand does: it drags, turns the wheel, and does both, while the network is
folded and while all of it is open. The page itself takes the times of its pictures. Chromium has no
graphics processor here, so that its own drawing is part of them.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from clearprop.studio.app import ENGINE, Studio, parts_of
from clearprop.studio.pages import STATIC, Pages
from clearprop.studio.server import StudioServer

SOURCE = "network:resnet50"
SIZES = {"desktop": (1280, 800), "large": (1920, 1080)}
SECONDS = 4.0
GOAL = 30.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

# The page moves the graph itself, as often as a good mouse does: messages from outside would come
# too seldom on a busy machine. It counts a picture where it has drawn since the last one, not where
# nothing had to change.
MOVE = """([movement, seconds]) => new Promise((done) => {
  const target = document.querySelector(".canvas");
  const box = target.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const pointer = (kind, dx, dy) =>
    target.dispatchEvent(new PointerEvent(kind, {
      pointerId: 7, pointerType: "mouse", button: 0, buttons: 1, bubbles: true,
      clientX: x + dx, clientY: y + dy,
    }));
  const wheel = (deltaY) =>
    target.dispatchEvent(new WheelEvent("wheel", {
      deltaY, bubbles: true, cancelable: true, clientX: x, clientY: y,
    }));
  const draw = CanvasRenderingContext2D.prototype.restore;
  const times = [];
  let drawn = false;
  CanvasRenderingContext2D.prototype.restore = function () {
    drawn = true;
    return draw.call(this);
  };
  const began = performance.now();
  const passed = () => (performance.now() - began) / 1000;
  if (movement !== "wheel") pointer("pointerdown", 0, 0);
  const hand = setInterval(() => {
    const t = passed();
    if (movement !== "wheel") pointer("pointermove", 200 * Math.sin(3 * t), 150 * Math.sin(6 * t));
    if (movement !== "drag") wheel(60 * Math.cos(2 * t));
  }, 8);
  const tick = (now) => {
    if (drawn) times.push(now);
    drawn = false;
    if (passed() < seconds) requestAnimationFrame(tick);
    else {
      clearInterval(hand);
      pointer("pointerup", 0, 0);
      CanvasRenderingContext2D.prototype.restore = draw;
      done(times);
    }
  };
  requestAnimationFrame(tick);
})"""
MOVEMENTS = ("drag", "wheel", "both")


@dataclass(frozen=True)
class Figures:
    """What was measured in one movement.

    Attributes:
        window: size of the screen.
        opened: "folded", or "all" down to the operations.
        movement: "drag", "wheel" or "both".
        boxes: that the graph has.
        pictures: that were drawn.
        per_second: how many of them, while the hand moved.
        median: milliseconds from one picture to the next.
        slowest: the same of the slowest in a hundred.
        processor: milliseconds of processor time that the browser took for a picture, all its
            processes together; it does not depend on what else the machine does. None where the
            system does not say it.
    """

    window: str
    opened: str
    movement: str
    boxes: int
    pictures: int
    per_second: float
    median: float
    slowest: float
    processor: float | None = None


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studio_graph", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each movement")
    parser.add_argument("--json", type=Path, help="write the figures into this file")
    arguments = parser.parse_args(given)
    if not (STATIC / "index.html").is_file():
        print("the page of the studio is not built: make studio", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        server = StudioServer(Studio(Pages(STATIC), ENGINE, parts_of(Path(folder))), port=0)
        server.start()
        try:
            found = measured(server.url, arguments.seconds)
        finally:
            server.close()
    print(table(found))
    if arguments.json is not None:
        text = json.dumps([asdict(one) for one in found], indent=2)
        arguments.json.write_text(f"{text}\n", encoding="utf-8")
    slow = [one for one in found if one.per_second < GOAL]
    said = f"{len(slow)} of {len(found)} movements miss" if slow else "every movement reaches"
    print(f"{said} the goal of {GOAL:.0f} pictures a second")
    return 0


def measured(address: str, seconds: float) -> list[Figures]:
    """Return the figures of every movement, in windows of both sizes.

    Args:
        address: of the studio.
        seconds: of each movement.
    """
    from playwright.sync_api import sync_playwright

    own = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    found = []
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=own, args=["--no-sandbox"] if is_root else []
        )
        for window, (width, height) in SIZES.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            page = context.new_page()
            page.goto(f"{address}#/models?source={SOURCE}")
            page.get_by_text("operations for one").wait_for(timeout=120_000)
            for opened in ("folded", "all"):
                if opened == "all":
                    page.get_by_role("button", name="Open all").click()
                page.get_by_role("button", name="Fit").click()
                boxes = _boxes(page)
                for movement in MOVEMENTS:
                    time.sleep(0.5)
                    before = _processor_time()
                    times = page.evaluate(MOVE, [movement, seconds])
                    taken = _processor_time() - before
                    figures = _figures(window, opened, movement, boxes, times)
                    each = round(1000 * taken / len(times), 1) if taken and times else None
                    found.append(replace(figures, processor=each))
            context.close()
        browser.close()
    return found


def _processor_time() -> float:
    """Return the processor seconds that the browser has taken; 0 where they are not known."""
    parents: dict[int, tuple[int, str, float]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            name, _, rest = file.read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            ticks = int(fields[11]) + int(fields[12])
            parents[int(file.parent.name)] = (int(fields[1]), name, ticks / TICKS)

    def is_ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid][0]
        return pid == os.getpid()

    return sum(
        taken for pid, (_, name, taken) in parents.items() if "chrom" in name and is_ours(pid)
    )


def _boxes(page: Any) -> int:
    """Return how many rows the outline has: it is the same as the graph."""
    page.get_by_text("Outline", exact=True).click()
    count = int(page.locator("[role=treeitem]").count())
    page.get_by_text("Details", exact=True).click()
    return count


def _figures(
    window: str, opened: str, movement: str, boxes: int, times: Sequence[float]
) -> Figures:
    apart = [after - before for before, after in itertools.pairwise(times)]
    if not apart:
        return Figures(window, opened, movement, boxes, len(times), 0.0, math.inf, math.inf)
    ordered = sorted(apart)
    return Figures(
        window,
        opened,
        movement,
        boxes,
        len(times),
        round(1000 * len(apart) / (times[-1] - times[0]), 1),
        round(statistics.median(apart), 1),
        round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
    )


def table(found: Sequence[Figures]) -> str:
    """Return the figures as lines."""
    lines = [
        "ResNet-50 in a headless Chromium, without a graphics processor",
        f"{'window':<10}{'opened':<9}{'movement':<10}{'boxes':>6}{'pictures/s':>12}"
        f"{'median ms':>11}{'slowest 1% ms':>15}{'processor ms':>14}",
    ]
    lines += [
        f"{one.window:<10}{one.opened:<9}{one.movement:<10}{one.boxes:>6}{one.per_second:>12.1f}"
        f"{one.median:>11.1f}{one.slowest:>15.1f}{one.processor or math.nan:>14.1f}"
        for one in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
