"""The addresses below /api/models, as a browser asks them, and as nobody should."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.routing import Mount

from clearprop import models, nn
from clearprop.studio.models import worker as workers
from clearprop.studio.models.routes import Desk
from clearprop.studio.models.sources import Offer
from clearprop.studio.models.worker import Worker
from clearprop.studio.problems import RequestError
from tests.studio.conftest import Client, Reply, Started
from tests.studio.models.conftest import ALPHABET, letters, read


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    windows, preprocessor = letters()
    gpt = models.GPT(len(ALPHABET), 10, 8, layers=1, heads=2).init(0)
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    small = nn.Sequential([nn.Conv2d(1, 2, 3), "relu", nn.Flatten(), nn.Linear(72, 2)]).init(0)
    return Desk(
        tmp_path_factory.mktemp("runs"),
        offers=[
            Offer("letters", gpt, "sequence_cross_entropy", preprocessor, windows),
            Offer("<img src=x>", small, data=(x, np.array([0, 1, 0]))),
        ],
    )


@pytest.fixture(scope="module")
def ask(desk: Desk, start: Started) -> Client:
    return start(parts=[Mount("/api/models", routes=desk.routes())])


def begun(ask: Client, **wanted: Any) -> Reply:
    return ask("/api/models/pass", "POST", json.dumps(wanted))


def test_a_page_that_looks_at_a_network(ask: Client) -> None:
    listed = ask("/api/models/sources").json["sources"]
    assert [entry["id"] for entry in listed[:2]] == ["object:0", "object:1"]
    assert listed[1]["title"] == "<img src=x>"
    graph = ask("/api/models/graph?source=object:1").json
    assert graph["picture_shape"] == [8, 8, 1]
    examples = ask("/api/models/examples?source=object:1&count=2").json
    assert (examples["total"], len(examples["examples"])) == (3, 2)
    reply = begun(ask, source="object:1", example=1)
    assert reply.headers["content-type"] == "application/octet-stream"
    name = read(reply.body).header["pass_id"]
    number = next(k for k, n in enumerate(graph["nodes"]) if n["operation"] == "convolution")
    about = f"pass_id={name}&node={number}"
    shown = read(ask(f"/api/models/array?{about}&what=error").body)
    assert shown.arrays["codes"].shape == (2, 6, 6)
    exact = read(ask(f"/api/models/numbers?{about}&index=0,1,2,:").body)
    assert exact.arrays["numbers"].shape == (2,)
    assert ask(f"/api/models/why?{about}").json["verdict"]
    cell = read(ask(f"/api/models/cell?{about}&index=0,1,2,1").body)
    assert cell.header["value"] == pytest.approx(float(exact.arrays["numbers"][1]))
    assert "forward" in ask(f"/api/models/equations?{about}&index=0,1,2,1").json["text"]
    assert read(ask(f"/api/models/maps?pass_id={name}").body).header["layers"]
    group = next(k for k, g in enumerate(graph["groups"]) if g["kind"] == "Conv2d")
    field = read(ask(f"/api/models/field?pass_id={name}&group={group}&index=0,1,2,1").body)
    assert field.header["box"] == [[1, 3], [2, 4]]


def test_a_page_that_looks_at_a_sequence(ask: Client) -> None:
    name = read(begun(ask, source="object:0", text="abc").body).header["pass_id"]
    frame = read(ask(f"/api/models/sequence?pass_id={name}").body)
    assert frame.header["tokens"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "query",
    [
        "graph",
        "graph?source=object:9",
        "graph?source=run:../../etc",
        "graph?source=" + "x" * 5000,
        "examples?source=object:1&start=-1",
        "examples?source=object:1&count=1e9",
        "array?pass_id=77&node=1",
        "array?pass_id=1&node=-1",
        "array?pass_id=1&node=1&what=password",
        "array?pass_id=1&node=99999999999999999999",
        "numbers?pass_id=1&node=1&index=0,__import__",
        "cell?pass_id=1&node=11&index=0",
        "field?pass_id=1&group=x&index=0",
        "maps",
        "why?pass_id=1",
    ],
)
def test_requests_that_make_no_sense_are_problems(ask: Client, query: str) -> None:
    begun(ask, source="object:1", example=0)
    reply = ask(f"/api/models/{query}")
    assert reply.status == 400, query
    assert reply.json["type"] == "problem"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"source": 3}',
        '{"source": "object:1", "example": -1}',
        '{"source": "object:1", "example": 1e30}',
        '{"source": "object:1", "path": "/etc/passwd"}',
        '{"source": "object:1", "text": "abc"}',
        '{"source": "object:1", "picture": "AAAA"}',
        '{"source": "object:1", "pixels": {"shape": [8, 8, 9], "data": ""}}',
        '{"source": "object:1", "numbers": ["a"]}',
        '{"source": "object:0", "text": ""}',
    ],
)
def test_passes_that_make_no_sense_are_problems(ask: Client, body: str) -> None:
    reply = ask("/api/models/pass", "POST", body)
    assert reply.status == 400
    assert reply.json["type"] == "problem"


def test_a_picture_that_is_too_large(ask: Client) -> None:
    reply = ask("/api/models/pass", "POST", b'{"source": "' + b"x" * 9_000_000)
    assert reply.status == 413


def test_a_pass_that_was_dropped_is_made_again(ask: Client) -> None:
    first = read(begun(ask, source="object:1", example=0).body)
    name = first.header["pass_id"]
    for row in range(10):
        begun(ask, source="object:1", example=row % 3)
    again = read(ask(f"/api/models/numbers?pass_id={name}&node=0&index=0,0,0,1").body)
    assert again.arrays["numbers"].shape == ()


def test_the_routes_do_not_import_jax() -> None:
    program = """
import sys
from pathlib import Path
from clearprop.studio.models.routes import routes
routes(Path("runs"))
assert "jax" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])


def test_an_offer_from_another_thread(desk: Desk, ask: Client) -> None:
    x = np.ones((1, 2), np.float32)
    offer = Offer("live", nn.Linear(2, 2).init(0), data=(x, np.array([1])))
    source = desk.ask(lambda viewer: viewer.sources.offer(offer)).result(60)
    assert ask(f"/api/models/graph?source={source}").json["model"] == "Linear"


def test_a_worker_does_one_task_after_another() -> None:
    worker, order = Worker("test"), []
    gate = threading.Event()
    first = worker.submit(lambda: gate.wait(10))
    futures = [worker.submit(lambda k=k: order.append(k)) for k in range(5)]  # type: ignore[misc]
    futures[2].cancel()
    gate.set()
    assert first.result(10)
    for k, future in enumerate(futures):
        if k != 2:
            future.result(10)
    assert order == [0, 1, 3, 4]
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).result(10)
    assert worker.submit(lambda: 7).result(10) == 7


def test_a_worker_with_too_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MOST_WAITING", 3)
    worker, gate = Worker("test"), threading.Event()
    worker.submit(lambda: gate.wait(10))
    time.sleep(0.1)
    for _ in range(3):
        worker.submit(lambda: None)
    with pytest.raises(RequestError, match="too much to compute"):
        worker.submit(lambda: None)
    gate.set()
