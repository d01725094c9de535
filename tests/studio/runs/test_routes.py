"""The addresses of the runs, as a page asks for them; and the list that comes by itself."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import pytest

from clearprop import nn
from clearprop.studio.runs.messages import RunDetail, RunDiagnosis, RunList, RunSummary
from clearprop.studio.runs.routes import SANDBOX, routes
from clearprop.training import EpochDone, fit
from tests.studio.conftest import Client, Started
from tests.studio.runs.conftest import Made, Shelf, frame_of


@pytest.fixture
def client(shelf: Shelf, start: Started) -> Client:
    return start(parts=routes(shelf.root))


def test_the_list(shelf: Shelf, client: Client) -> None:
    shelf.put("xor")
    reply = client("/api/runs")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    found = msgspec.json.decode(reply.body, type=RunList)
    assert [run.name for run in found.runs] == ["xor"]
    later = msgspec.json.decode(client(f"/api/runs?since={found.version}").body, type=RunList)
    assert later.runs == []


def test_every_answer_of_a_run(shelf: Shelf, client: Client) -> None:
    shelf.put("xor", "some name & more/xor")
    name = quote("some name & more/xor", safe="")
    detail = msgspec.json.decode(client(f"/api/runs/detail?run={name}").body, type=RunDetail)
    assert detail.summary.name == "some name & more/xor"
    curves = frame_of(client(f"/api/runs/curves?run={name}").body)
    assert curves.header["run"] == "some name & more/xor"
    film = f"/api/runs/frame?run={name}&film=weights&step=10&of=layers.0.weight"
    assert frame_of(client(film).body).header["step"] == 10
    found = client(f"/api/runs/diagnosis?run={name}")
    assert msgspec.json.decode(found.body, type=RunDiagnosis).ready
    assert client(f"/api/runs/damage?run={name}").json == []
    assert client(f"/api/runs/report?run={name}").status == 404


def test_a_report_gets_no_rights(shelf: Shelf, client: Client) -> None:
    folder = shelf.put("xor")
    (folder / "report.html").write_text("<script>alert(1)</script>")
    reply = client("/api/runs/report?run=xor")
    assert reply.body == b"<script>alert(1)</script>"
    assert reply.headers["content-security-policy"] == SANDBOX
    assert "sandbox allow-scripts" in SANDBOX
    assert "allow-same-origin" not in SANDBOX


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("detail", 404),
        ("detail?run=..", 404),
        ("detail?run=%2e%2e%2fsecret", 404),
        ("detail?run=xor%00", 404),
        (f"detail?run={'x' * 2000}", 400),
        ("report?run=../../etc/passwd", 404),
        ("curves?run=xor/../xor", 404),
        ("frame?run=xor&film=weights&step=-1&of=layers.0.weight", 400),
        ("frame?run=xor&film=weights&step=1e9&of=layers.0.weight", 400),
        ("frame?run=xor&film=weights&step=999&of=layers.0.weight", 400),
        ("frame?run=xor&film=weights&step=0&of=../x", 400),
        ("frame?run=xor&film=../weights&step=0", 400),
        ("compare?run=xor", 400),
        ("compare?run=xor&run=nothing", 404),
        ("diagnosis?run=nothing", 404),
        ("damage?run=nothing", 404),
    ],
)
def test_what_there_is_not_is_said(shelf: Shelf, client: Client, path: str, status: int) -> None:
    shelf.put("xor")
    reply = client(f"/api/runs/{path}")
    assert reply.status == status
    assert reply.json["type"] == "problem"
    assert reply.json["message"]
    assert b"Traceback" not in reply.body


def receive(socket: Any, seconds: float = 30.0) -> RunList:
    return msgspec.json.decode(socket.recv(timeout=seconds), type=RunList)


def test_live_runs_appear_and_grow_by_themselves(shelf: Shelf, client: Client) -> None:
    data = np.eye(4, dtype=np.float32), np.arange(4)
    may_end = threading.Event()

    def slowly(event: object) -> None:
        if isinstance(event, EpochDone):
            may_end.wait(0.3)  # epochs of a moment are written together

    def train() -> None:
        fit(
            nn.Linear(4, 4),
            data,
            epochs=200,
            folder=shelf.root / "elsewhere",
            progress=False,
            on_event=slowly,
        )

    with client.talk("/ws/runs") as socket:
        first = receive(socket)
        assert first.whole
        assert first.runs == []
        thread = threading.Thread(target=train)
        thread.start()
        try:
            seen: list[RunSummary] = []
            while not any(run.epoch > 1 for run in seen):
                seen += receive(socket).runs
            assert {run.state for run in seen} == {"running"}
            assert all(run.live for run in seen)
        finally:
            may_end.set()
            thread.join()
        ended = seen[-1]
        while ended.state == "running" or ended.live:
            ended = receive(socket).runs[-1]
        assert (ended.state, ended.epoch) == ("finished", 200)


def test_a_change_is_told_within_a_second_or_so(shelf: Shelf, client: Client, made: Made) -> None:
    made("xor")
    with client.talk("/ws/runs") as socket:
        receive(socket)
        shelf.put("xor")
        begun = time.monotonic()
        assert receive(socket).runs
        assert time.monotonic() - begun < 10  # 0.7 s where nothing else runs


def test_many_pages_watch_and_leave(shelf: Shelf, client: Client) -> None:
    shelf.put("xor")
    with ExitStack() as stack:
        sockets = [stack.enter_context(client.talk("/ws/runs")) for _ in range(5)]
        for socket in sockets:
            assert [run.name for run in receive(socket).runs] == ["xor"]
        for socket in sockets[:3]:
            socket.close()
        sockets[3].send("nothing that it knows")
        shelf.put("xor", "another")
        for socket in sockets[3:]:
            assert [run.name for run in receive(socket).runs] == ["another"]
    assert client("/api/runs").status == 200


def test_the_routes_import_nothing_heavy() -> None:
    code = "import sys, clearprop.studio.runs.routes; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
