"""What can be asked for over HTTP, and how errors are told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clearprop.cli import FAULT, main
from clearprop.errors import DataError
from clearprop.studio import pages
from clearprop.studio.app import ENGINE, Engine, Studio, parts_of
from clearprop.studio.pages import Pages
from clearprop.studio.problems import RequestError
from clearprop.studio.server import StudioServer
from tests.studio.conftest import AboutEcho, Client, Echo, Started

RAISED = {
    "data": DataError("the cell is empty", where="t.csv, line 3", given="''", fix="fill it"),
    "gone": RequestError(404, "there is no such run", where="caf\udce9"),
    "full": MemoryError(),
    "bug": ZeroDivisionError("by zero"),
}


async def raises(request: Request) -> Response:
    raise RAISED[request.path_params["which"]]


def raises_in_a_thread(request: Request) -> Response:
    raise RAISED[request.path_params["which"]]


@pytest.fixture(scope="module")
def failing(start: Started) -> Client:
    return start(parts=[Route("/a/{which}", raises), Route("/t/{which}", raises_in_a_thread)])


@pytest.mark.parametrize("path", ["/a", "/t"])
@pytest.mark.parametrize(
    ("which", "status", "message", "where"),
    [
        ("data", 400, "the cell is empty", "t.csv, line 3"),
        ("gone", 404, "there is no such run", "caf?"),
        ("full", 503, "the memory is full", None),
        ("bug", 500, "this is a bug in clearprop", None),
    ],
)
def test_what_a_route_raises_is_told(
    failing: Client,
    capfd: pytest.CaptureFixture[str],
    path: str,
    which: str,
    status: int,
    message: str,
    where: str | None,
) -> None:
    answer = failing(f"{path}/{which}")
    assert answer.status == status
    assert (answer.json["message"], answer.json["where"]) == (message, where)
    assert answer.headers["x-content-type-options"] == "nosniff"
    said = capfd.readouterr().err
    assert ("ZeroDivisionError: by zero" in said) == (which == "bug")
    assert (said == "") == (which != "bug")
    assert failing("/").status == 200


def test_the_catalog_is_that_of_the_engine(client: Client) -> None:
    answer = client("/api/playground/catalog")
    assert answer.json == {"name": "echo"}
    assert answer.headers["cache-control"] == "no-store"


def test_the_engine_is_imported_after_the_page_is_served(start: Started) -> None:
    imported = threading.Event()
    times: list[int] = []

    def preload() -> None:
        times.append(1)
        imported.set()

    client = start(Engine(Echo, AboutEcho, preload))
    client("/api/playground/catalog")
    assert not imported.wait(0.1)
    client("/")
    assert imported.wait(10)
    client("/")
    assert times == [1]


def test_an_engine_that_cannot_be_imported(
    start: Started, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ImportError("no engine")

    client = start(Engine(Echo, AboutEcho, broken))
    assert client("/").status == 200
    end = time.monotonic() + 10
    while "no engine" not in (said := capfd.readouterr().err) and time.monotonic() < end:
        time.sleep(0.01)
    assert "no engine" in said


def test_the_views_have_their_addresses(tmp_path: Path, start: Started) -> None:
    client = start(parts=parts_of(tmp_path))
    assert client("/api/runs").json["runs"] == []
    assert client("/api/backward/pages").status == 200
    assert client("/api/models/sources").json["sources"]


def test_the_engine_of_the_playground(static: Path) -> None:
    with StudioServer(Studio(Pages(static), ENGINE), port=0) as server:
        server.start()
        catalog = Client(server)("/api/playground/catalog")
        assert catalog.status == 200
        names = {one["name"] for one in catalog.json["optimizers"]}
        assert {"sgd", "adam"} <= names


def test_the_command_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages.check_page, "__defaults__", (tmp_path,))
    assert main(["studio"]) == FAULT
    said = capsys.readouterr()
    assert said.out == ""
    assert "the page of the studio is missing" in said.err
    assert "fix:      make studio" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet"], "did you mean 'lenet5'?"),
        (["--port", "x"], "invalid int value: 'x'"),
        (["--port", "70000"], "there is no such port"),
        (["--address", "192.0.2.7"], "this machine does not have this address"),
        (["--brwser"], "unknown option '--brwser'"),
        (["mlp", "xor"], "one argument too many"),
    ],
)
def test_a_wrong_command(
    static: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setattr(pages.check_page, "__defaults__", (static,))
    assert main(["studio", *arguments]) == FAULT
    assert message in capsys.readouterr().err
