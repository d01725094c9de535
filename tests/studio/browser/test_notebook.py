"""The widget, in a page that gives it what a notebook gives: the messages of a kernel."""

from __future__ import annotations

import base64
import json
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.studio.notebook import FRAME, PAGE
from clearprop.studio.pages import STATIC
from clearprop.studio.server import StudioServer

pytestmark = pytest.mark.slow

HOST = "http://notebook.example/"
"""No secure context: a notebook may be reached by plain HTTP."""

PAGE_OF_HOST = """<!doctype html><meta charset="utf-8"><title>notebook</title>
<style>body { background: #fff; color: #111; margin: 8px; }</style>
<div id="cell"></div>
<script type="module">
  import widget from "./widget.js";
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const signs = (buffer) => Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one));
  const text = (buffer) => btoa(signs(buffer).join(""));
  const listeners = new Set();
  const model = {
    send: (content, _, buffers = []) => toKernel(JSON.stringify([content, buffers.map(text)])),
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
  };
  window.leave = widget.render({ model, el: document.getElementById("cell") });
  setInterval(async () => {
    for (const [content, buffers] of JSON.parse(await fromKernel()))
      for (const listener of listeners)
        listener(content, buffers.map((one) => new DataView(bytes(one).buffer)));
  }, 20);
</script>"""


class Notebook:
    """A page with the widget in it, and the widget."""

    def __init__(self, page: Any, server: StudioServer) -> None:
        self.page = page
        self.widget = server.widget(height=760)
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        keep = lambda content, buffers=(): self._messages.put((content, buffers))  # noqa: E731
        self.widget.send = keep  # type: ignore[method-assign]
        self.widget._channel._send = keep
        page.expose_function("toKernel", self._to_kernel)
        page.expose_function("fromKernel", self._from_kernel)
        page.route(HOST + "**", self._serve)
        page.goto(HOST)
        self.frame = page.frame_locator(".clearprop-studio iframe")

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            self.page.wait_for_timeout(20)

    def _serve(self, route: Any) -> None:
        if route.request.url == HOST:
            route.fulfill(body=PAGE_OF_HOST, content_type="text/html")
        else:
            body = (STATIC / FRAME).read_text(encoding="utf-8")
            route.fulfill(body=body, content_type="text/javascript")

    def _to_kernel(self, text: str) -> None:
        content, buffers = json.loads(text)
        decoded = [base64.b64decode(one) for one in buffers]
        self.widget._handle_custom_msg(content, decoded)

    def _from_kernel(self) -> str:
        found = []
        while not self._messages.empty():
            content, buffers = self._messages.get()
            found.append((content, [base64.b64encode(one).decode() for one in buffers]))
        return json.dumps(found)


@pytest.fixture(autouse=True)
def built() -> None:
    if not (STATIC / PAGE).is_file():
        pytest.skip("the page of the studio is not built: make studio")


@pytest.fixture
def playground(page: Any) -> Iterator[Notebook]:
    with cp.studio(port=0, browser=False) as server:
        yield Notebook(page, server)


def test_a_network_trains_in_a_cell(playground: Notebook) -> None:
    frame = playground.frame
    frame.get_by_role("button", name="Play").click(timeout=60_000)
    frame.get_by_role("button", name="Pause").wait_for(timeout=60_000)
    step = frame.locator("dt:has-text('Step') + dd").first
    playground.until(lambda: int(step.inner_text().replace(",", "")) > 300)
    frame.get_by_role("button", name="Pause").click()
    frame.get_by_role("button", name="Play").wait_for()
    playground.page.evaluate("() => { leave(); document.getElementById('cell').remove(); }")
    playground.until(lambda: not playground.widget._channel._sockets)
    playground.page.wait_for_timeout(2000)  # a page that is left does not connect again
    assert not playground.widget._channel._sockets


def test_a_model_of_ones_own_in_a_cell(page: Any) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    data = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 0])
    with cp.studio(model, data, port=0, browser=False) as server:
        notebook = Notebook(page, server)
        notebook.frame.get_by_text("43 parameters").wait_for(timeout=60_000)
        notebook.frame.get_by_text("example 0").first.wait_for()
        link = page.get_by_role("link", name="Open in a tab").get_attribute("href")
        assert link == server.url
        notebook.widget.close()
        notebook.until(lambda: not notebook.widget._channel._sockets)
