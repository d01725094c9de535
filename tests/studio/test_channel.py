"""The studio over messages: what HTTP and WebSockets answer, the messages answer too."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clearprop.studio.app import Engine
from clearprop.studio.channel import AHEAD, SILENT_BEATS, Channel
from clearprop.studio.connection import Send
from clearprop.studio.frames import pack
from tests.studio.conftest import AboutEcho, Client, Echo, Started
from tests.studio.test_connection import until


class Page:
    """The other end of a channel."""

    def __init__(self, client: Client) -> None:
        self.told: list[tuple[dict[str, Any], Sequence[bytes]]] = []
        self.channel = Channel(client.server.studio.unguarded(), client.server.loop, self._keep)

    def _keep(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.told.append((content, buffers))

    def ask(self, path: str, method: str = "GET", body: bytes = b"", kind: str = "") -> Any:
        message = {"type": "ask", "id": path, "method": method, "path": path, "kind": kind}
        self.channel.take(message, [body] if body else [])
        found: list[tuple[dict[str, Any], Sequence[bytes]]] = []

        def came() -> bool:
            found[:] = [one for one in self.told if one[0]["id"] == path]
            return bool(found)

        assert until(came)
        return found[0]

    def kinds(self, name: str) -> list[str]:
        return [content["type"] for content, _ in list(self.told) if content["id"] == name]


@pytest.fixture
def page(client: Client) -> Page:
    return Page(client)


@pytest.mark.parametrize("path", ["/api/playground/catalog", "api/runs", "/", "/api/none"])
def test_an_answer_is_that_of_http(page: Page, client: Client, path: str) -> None:
    content, buffers = page.ask(path)
    over_http = client("/" + path.lstrip("/"))
    assert content["status"] == over_http.status
    assert content["kind"] == over_http.headers.get("content-type", "")
    assert b"".join(buffers) == over_http.body


def test_a_table_is_uploaded(page: Page) -> None:
    table = b"a,b\n1,2\n3,4\n5,6\n"
    content, [answer] = page.ask("/api/tables?name=m%C3%A4dchen.csv", "POST", table, "text/csv")
    assert content["status"] == 201, answer
    found = msgspec.json.decode(answer)
    assert found["name"] == "mädchen.csv"


def test_a_socket_opens_talks_and_closes(page: Page) -> None:
    before = len(Echo.opened)
    page.channel.take({"type": "connect", "id": "one", "path": "ws/playground"})
    assert until(lambda: page.kinds("one") == ["open"])
    assert until(lambda: len(Echo.opened) == before + 1)
    text = '{"type":"explain","layer":1,"unit":2}'
    page.channel.take({"type": "say", "id": "one", "text": text})
    assert until(lambda: len(page.kinds("one")) == 2)
    answer = json.loads(page.told[-1][0]["text"])
    assert (answer["type"], answer["layer"], answer["unit"]) == ("explain", 1, 2)
    page.channel.take({"type": "leave", "id": "one"})
    assert until(lambda: page.kinds("one")[-1] == "closed")
    assert until(lambda: not Echo.opened[-1].is_open)
    page.channel.take({"type": "say", "id": "one", "text": text})  # to nobody


def test_a_name_opens_one_socket(page: Page) -> None:
    for _ in range(2):
        page.channel.take({"type": "connect", "id": "same", "path": "ws/playground"})
    assert until(lambda: sorted(page.kinds("same")) == ["closed", "open"])
    page.channel.close()
    assert until(lambda: page.kinds("same").count("closed") == 2)


class Sprinkler:
    """A session that sends a frame every few milliseconds."""

    def __init__(self, send: Send) -> None:
        self._end = threading.Event()

        def sprinkle() -> None:
            while not self._end.wait(0.005):
                send(pack("drop", {}, {}))

        threading.Thread(target=sprinkle, daemon=True).start()

    def ask(self, request: object) -> None:
        del request

    def close(self) -> None:
        self._end.set()


@pytest.fixture
def sprinkled(start: Started) -> Page:
    engine = Engine(lambda send, tables: Sprinkler(send), AboutEcho, lambda: None)
    return Page(start(engine))


def test_frames_wait_until_the_page_has_those_before(sprinkled: Page) -> None:
    sprinkled.channel.take({"type": "connect", "id": "slow", "path": "ws/playground"})
    frames: Callable[[], int] = lambda: sprinkled.kinds("slow").count("frame")  # noqa: E731
    assert until(lambda: frames() == AHEAD)
    assert not until(lambda: frames() > AHEAD, 0.3)
    for _ in range(3):
        sprinkled.channel.take({"type": "got", "id": "slow"})
    assert until(lambda: frames() == AHEAD + 3)
    assert not until(lambda: frames() > AHEAD + 3, 0.3)


def test_a_silent_page_is_gone_after_some_beats(page: Page) -> None:
    for name in ("gone", "there"):
        page.channel.take({"type": "connect", "id": name, "path": "ws/playground"})
    for _ in range(SILENT_BEATS):
        page.channel.beat()
        page.channel.take({"type": "beat", "ids": ["there", "of another kernel"]})
    assert until(lambda: page.kinds("there") == page.kinds("gone") == ["open"])
    page.channel.beat()
    assert until(lambda: page.kinds("gone") == ["open", "closed"])
    assert page.kinds("there") == ["open"]


def test_frames_wait_for_a_kernel_that_is_busy(sprinkled: Page) -> None:
    sprinkled.channel.take({"type": "connect", "id": "busy", "path": "ws/playground"})
    assert until(lambda: sprinkled.kinds("busy").count("frame") == AHEAD)
    assert not until(lambda: "closed" in sprinkled.kinds("busy"), 0.5)  # whatever the time


def test_a_question_that_is_dropped_is_told_so(start: Started) -> None:
    begun, told = threading.Event(), threading.Event()

    async def wait_for_the_end(request: Request) -> Response:
        begun.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        told.set()
        return Response(status_code=204)

    page = Page(start(parts=[Route("/api/slow", wait_for_the_end)]))
    page.channel.take({"type": "ask", "id": "slow", "method": "GET", "path": "api/slow"})
    assert begun.wait(10)
    page.channel.take({"type": "drop", "id": "another"})
    assert not told.wait(0.1)
    page.channel.take({"type": "drop", "id": "slow"})
    assert told.wait(10)


def test_a_bug_is_shown(start: Started, capsys: pytest.CaptureFixture[str]) -> None:
    def raises(send: Send, tables: object) -> Sprinkler:
        raise AssertionError("a bug in the session")

    page = Page(start(Engine(raises, AboutEcho, lambda: None)))
    page.channel.take({"type": "connect", "id": "bug", "path": "ws/playground"})
    assert until(lambda: "closed" in page.kinds("bug"))
    assert "a bug in the session" in capsys.readouterr().err + str(page.told)


@pytest.mark.parametrize(
    "content",
    [None, "ask", {}, {"type": "ask"}, {"type": "open", "id": "1"}, {"type": "say", "id": 1}],
)
def test_what_is_no_message_is_refused(page: Page, content: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        page.channel.take(content)


def test_a_closed_studio_says_so(start: Started) -> None:
    client = start()
    page = Page(client)
    client.server.close()
    content, [body] = page.ask("/api/playground/catalog")
    assert content["status"] == 503
    assert msgspec.json.decode(body)["message"] == "the studio is closed"
    page.channel.take({"type": "connect", "id": "late", "path": "ws/playground"})
    assert page.kinds("late") == ["closed"]
    page.channel.close()
