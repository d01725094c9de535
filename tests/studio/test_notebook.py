"""The widget of a notebook: what it keeps in the file, and what it answers its page."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clearprop.errors import RunError
from clearprop.studio import pages
from clearprop.studio.notebook import FRAME, PAGE, StudioWidget
from clearprop.studio.server import StudioServer
from tests.studio.conftest import Client, Started
from tests.studio.test_connection import until


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / PAGE).write_text("<!doctype html><title>page é</title>", encoding="utf-8")
    (tmp_path / FRAME).write_text("export default {};", encoding="utf-8")
    monkeypatch.setattr(pages.built_file, "__defaults__", (tmp_path,))
    return tmp_path


@pytest.fixture
def widget(built: Path, client: Client) -> Iterator[StudioWidget]:
    del built
    made: StudioWidget = client.server.widget(height=500)
    yield made
    made.close()


def messages_of(widget: StudioWidget, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    keep = lambda content, buffers=None: sent.append((content, buffers))  # noqa: E731
    monkeypatch.setattr(widget, "send", keep)
    monkeypatch.setattr(widget._channel, "_send", keep)
    return sent


def test_the_file_of_the_notebook_keeps_no_page(widget: StudioWidget) -> None:
    state = widget.get_state()
    assert state["_esm"] == "export default {};"
    assert "page é" not in repr(state)


def test_the_page_and_its_answers_come_as_messages(
    widget: StudioWidget, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = messages_of(widget, monkeypatch)
    widget._handle_custom_msg({"type": "page"}, [])
    greeting = {"type": "page", "home": client.server.url, "view": "", "height": 500}
    assert sent.pop() == (greeting, ["<!doctype html><title>page é</title>".encode()])
    asked = {
        "type": "ask",
        "id": "1",
        "method": "GET",
        "path": "api/playground/catalog",
        "kind": "",
    }
    widget._handle_custom_msg(asked, [])
    assert until(lambda: bool(sent))
    content, [body] = sent.pop()
    assert (content["id"], content["status"]) == ("1", 200)
    assert body == client("/api/playground/catalog").body


def test_a_cell_shows_the_widget_or_else_a_link(
    built: Path, start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    del built
    server = start().server
    shown, _ = server._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    find = importlib.util.find_spec
    without = lambda name: None if name == "anywidget" else find(name)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without)
    shown = server._repr_mimebundle_()
    assert f'href="{server.url}"' in shown["text/html"]
    assert "clearprop[notebook]" in shown["text/html"]
    server.close()
    assert server._repr_mimebundle_()["text/html"] == "<p>The studio is closed.</p>"


def test_a_closed_server_has_no_widget(built: Path, start: Started) -> None:
    del built
    server: StudioServer = start().server
    server.close()
    with pytest.raises(RunError, match="the studio is closed"):
        server.widget()


def test_a_page_that_is_not_built_is_named(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages.built_file, "__defaults__", (tmp_path,))
    with pytest.raises(RunError, match="make studio"):
        client.server.widget()
