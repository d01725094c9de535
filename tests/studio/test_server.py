"""Where the studio listens, how it starts, and how it ends."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from clearprop.errors import ConfigurationError, RunError
from clearprop.studio import server as servers
from clearprop.studio.app import Engine, Studio
from clearprop.studio.pages import INDEX, STATIC, Pages
from clearprop.studio.server import Place, StudioServer, is_loopback
from tests.studio.conftest import AboutEcho, Client, Echo

ROOT = Path(__file__).parents[2]


def studio(static: Path) -> Studio:
    return Studio(Pages(static), Engine(Echo, AboutEcho, lambda: None))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_free(static: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "FIRST_PORT", taken)
    with StudioServer(studio(static)) as server:
        assert taken < server.place.port < taken + servers.PORTS
        assert server.url == f"http://127.0.0.1:{server.place.port}/"
    with pytest.raises(RunError, match=r"(?s)the port is taken.*choose another port: --port"):
        StudioServer(studio(static), port=taken)
    monkeypatch.setattr(servers, "PORTS", 1)
    with pytest.raises(RunError, match=r"(?s)no port is free.*are taken"):
        StudioServer(studio(static))


@pytest.mark.parametrize(
    ("address", "port", "message"),
    [
        ("127.0.0.1", -1, "there is no such port"),
        ("127.0.0.1", 65_536, "there is no such port"),
        ("192.0.2.7", 0, "this machine does not have this address"),
        ("no host", 0, "this machine does not have this address"),
        ("", -1, "there is no such port"),
    ],
)
def test_where_nobody_can_listen(static: Path, address: str, port: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        StudioServer(studio(static), address, port)


def test_other_machines_need_the_token(static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_name_for_others", lambda address: "192.0.2.7")
    with StudioServer(studio(static), "0.0.0.0", 0, "#/playground") as server:
        assert server.place.token is not None
        query = f"?token={server.place.token}"
        assert server.url == f"http://192.0.2.7:{server.place.port}/{query}#/playground"


def test_addresses_of_this_machine_only() -> None:
    assert all(is_loopback(one) for one in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(one) for one in ("0.0.0.0", "::", "10.0.0.1", "localhost.x", ""))
    assert Place("::1", 8150, None).url() == "http://[::1]:8150/"
    assert "[::1]:8150" in Place("::1", 8150, None).hosts


def test_a_server_in_a_thread(static: Path) -> None:
    others = set(threading.enumerate())  # other tests may leave threads that end later
    made = studio(static)
    server = StudioServer(made, port=0, view="#/backward")
    assert repr(server) == "<the studio, closed>"
    server.start()
    client = Client(server)
    assert client("/").status == 200
    assert repr(server) == f"<the studio at {server.url}>"
    assert server.url.endswith("/#/backward")
    with client.talk() as talk:
        talk.send('{"type":"play"}')
        talk.recv()
        server.close()
        server.close()
    assert not server.is_open
    assert not made.tables.folder.exists()
    assert all(not one.is_open for one in Echo.opened)
    left = set(threading.enumerate()) - others
    assert [one.name for one in left if one.name.startswith("studio")] == []
    with pytest.raises(ConnectionRefusedError):
        client("/")


def test_a_server_that_was_never_started(static: Path) -> None:
    made = studio(static)
    with StudioServer(made, port=0) as server:
        assert made.tables.folder.exists()
    assert not made.tables.folder.exists()
    with StudioServer(studio(static), port=server.place.port):
        pass  # the port is free again


def test_the_browser_is_opened_once_the_server_answers(
    static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    with StudioServer(studio(static), port=0) as server:
        server.start(browser=True)
        assert opened == [server.url]
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    servers.open_browser("http://127.0.0.1:1/")
    assert len(opened) == 1  # a browser of the terminal would take the terminal away


# --- the command ---------------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="the system has no SIGINT for one process")
usual = pytest.mark.usefixtures("usual_handler")


@pytest.fixture
def usual_handler() -> Iterator[None]:
    # A shell starts background processes with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the page of the studio is not built: make studio")
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", "studio", "--no-browser", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
    )
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], 60)[0]
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert "Traceback" not in said, said
    return process.returncode, said


@posix
@usual
@pytest.mark.parametrize("serves", [True, False])
def test_the_command_ends_as_the_others_do(tmp_path: Path, serves: bool) -> None:
    with command(tmp_path) as (process, line):
        found = re.fullmatch(r"studio  http://127\.0\.0\.1:(\d+)/\n", line)
        assert found
        if serves:
            assert urllib.request.urlopen(line.split()[1], timeout=30).status == 200
        code, said = interrupted(process)  # else it is only about to begin
        assert code == 130
        assert said.removeprefix("Ctrl-C ends it\n") == "interrupted\n"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0


@posix
@usual
@pytest.mark.parametrize("wait", [0.0, 0.6, 2.0])
def test_the_command_ends_with_a_page_open(tmp_path: Path, wait: float) -> None:
    with command(tmp_path) as (process, line):
        host = line.split("http://")[1].strip("/\n")
        with connect(f"ws://{host}/ws/playground", origin=f"http://{host}") as talk:
            talk.send('{"type":"configure","settings":{}}')
            time.sleep(wait)  # the engine is imported, or trains
            begun = time.monotonic()
            assert interrupted(process)[0] == 130
            assert time.monotonic() - begun < 20
    assert not list(tmp_path.iterdir())


@posix
@usual
def test_the_command_is_ended_by_the_system(tmp_path: Path) -> None:
    with command(tmp_path) as (process, _):
        process.terminate()
        _, said = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGTERM
        assert "Traceback" not in said


SERVED = """
import sys, time
from pathlib import Path
from clearprop.cli import main
from clearprop.studio import server

def served(self, *, browser=False):
    heavy = {"jax", "polars", "sklearn", "matplotlib", "scipy"} & set(sys.modules)
    sys.exit(f"imported before the page is served: {heavy}" if heavy else 7)

server.StudioServer.run = served
sys.exit(main(["studio", "--no-browser", "--port", "0"]))
"""


def test_the_page_is_served_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the page of the studio is not built: make studio")
    done = subprocess.run(
        [sys.executable, "-c", SERVED],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (7, "Ctrl-C ends it\n")
