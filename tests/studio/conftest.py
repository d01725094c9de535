"""A studio with an engine that only repeats what it is asked, on a port of its own."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from clearprop import nn
from clearprop.studio import server as servers
from clearprop.studio.app import Engine, Studio
from clearprop.studio.connection import Send
from clearprop.studio.pages import Pages
from clearprop.studio.playground import messages
from clearprop.studio.server import StudioServer
from clearprop.studio.uploads import UploadedTables
from clearprop.training import Run, fit

SECRET = "const hidden = 1;"


class Echo:
    """A session that answers each request with the request."""

    opened: ClassVar[list[Echo]] = []

    def __init__(self, send: Send, tables: UploadedTables) -> None:
        self.send = send
        self.tables = tables
        self.is_open = True
        Echo.opened.append(self)

    def ask(self, request: messages.Request) -> None:
        self.send(request)

    def close(self) -> None:
        self.is_open = False


class AboutEcho(msgspec.Struct):
    name: str = "echo"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Client:
    """Asks a server as a browser would, or as none would."""

    def __init__(self, server: StudioServer) -> None:
        self.server = server
        self.port = server.place.port
        self.host = f"127.0.0.1:{self.port}"
        self.origin = f"http://{self.host}"

    def __call__(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with closing(connection):
            own = {"Origin": self.origin} if method != "GET" else {}
            connection.request(method, path, body, {**own, **(headers or {})})  # type: ignore[arg-type]
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())

    def raw(self, *lines: str) -> Reply:
        """Send lines as they are, which Python's client might refuse."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.connect()
            connection.sock.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = http.client.HTTPResponse(connection.sock)
            answer.begin()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())

    def talk(
        self, path: str = "/ws/playground", host: str | None = None, **options: Any
    ) -> ClientConnection:
        options = {"origin": self.origin, "max_size": None, **options}
        return connect(f"ws://{host or self.host}{path}", **options)


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with one script, as the build makes it."""
    folder = tmp_path_factory.mktemp("page") / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>studio</title>", encoding="utf-8")
    (folder / "assets" / "index-a1_b2.js").write_text("void 0;", encoding="utf-8")
    (folder / "assets" / "notes.txt").write_text("not a part of the page", encoding="utf-8")
    (folder.parent / "secret.js").write_text(SECRET, encoding="utf-8")
    return folder


Started = Callable[..., Client]


def small_run(folder: Path) -> Run:
    """Train a run of two epochs into a folder."""
    data = np.eye(4, dtype=np.float32), np.arange(4)
    return fit(nn.Linear(4, 4), data, epochs=2, folder=folder, progress=False)


@pytest.fixture(scope="module")
def start(static: Path) -> Iterator[Started]:
    """Start studios, which end with the module."""
    running: list[StudioServer] = []

    def started(engine: Engine | None = None, parts: Any = (), pages: Path = static) -> Client:
        echo = engine or Engine(Echo, AboutEcho, lambda: None)
        server = StudioServer(Studio(Pages(pages), echo, parts), port=0)
        server.start()
        running.append(server)
        return Client(server)

    yield started
    for server in running:
        server.close()


@pytest.fixture(scope="module")
def client(start: Started) -> Client:
    """Start a studio on a loopback address."""
    return start()


@pytest.fixture(scope="module")
def guarded(start: Started) -> Client:
    """Start a studio that demands its token, as on an address that others can reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(servers, "is_loopback", lambda address: False)
        return start()
