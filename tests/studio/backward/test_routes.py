"""The backward pass over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.routing import Mount

from clearprop.studio.backward.routes import LONGEST_BODY, routes
from tests.studio.conftest import Client, Reply, Started

NETWORK = {
    "type": "network",
    "layers": [
        {"weight": [[0.1, 0.4], [0.8, 0.6]], "bias": [0.0, 0.1], "activation": "tanh"},
        {"weight": [[0.3], [0.9]], "bias": None, "activation": "tanh"},
    ],
    "input": [0.35, 0.9],
    "target": -1,
    "loss": "squared_error",
    "learning_rate": 0.03,
}


class Asker:
    """Asks a studio for what stands below ``/api/backward``."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str, **query: str) -> Reply:
        return self.client(f"/api/backward/{path}{f'?{urlencode(query)}' if query else ''}")

    def post(self, path: str, body: object) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client(f"/api/backward/{path}", "POST", raw)


@pytest.fixture(scope="module")
def ask(start: Started) -> Asker:
    """Start a studio with the routes of the backward pass."""
    return Asker(start(parts=[Mount("/api/backward", routes=routes())]))


def test_the_lectures_are_the_first_two_pages(ask: Asker) -> None:
    found = ask.get("pages").json
    assert [(one["name"], one["seeded"]) for one in found[:2]] == [
        ("gate", False),
        ("2-2-1", False),
    ]
    for page in found:
        seed = "?seed=2" if page["seeded"] else ""
        assert ask.get(f"pages/{page['name']}{seed}").status == 200


def test_a_trace_by_name(ask: Asker) -> None:
    trace = ask.get("pages/gate?digits=2").json
    assert {n["name"]: n["error"]["text"] for n in trace["nodes"]}["w0"] == "-0.20"
    assert trace["details"] == ["gates"]
    detail = ask.get("pages/2-2-1?detail=gates").json["detail"]
    assert detail == "gates"
    second = ask.get("pages/2-2-1?pass=2&digits=6").json
    assert {n["name"]: n["value"]["text"] for n in second["nodes"]}["y"] == "0.682019"


def test_a_trace_of_a_network(ask: Asker) -> None:
    for detail in ("neurons", "gates"):
        answer = ask.post("trace", {"source": NETWORK, "detail": detail})
        assert answer.status == 200
        assert answer.json["detail"] == detail


def test_pages_to_print_have_their_style_and_no_script(ask: Asker) -> None:
    for path in ("pages/gate/worked", "pages/2-2-1/blank?seed=4", "blank"):
        query = {} if "pages" in path else {"source": json.dumps(NETWORK)}
        answer = ask.get(path, **query)
        assert answer.status == 200
        text = answer.body.decode()
        assert text.startswith("<!DOCTYPE html>")
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'unsafe-inline'"
        )
        assert "<script" not in text
    markdown = ask.get("pages/2-2-1/blank?format=md")
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert "(1) ____" in markdown.body.decode()


def test_a_filled_exercise_is_marked(ask: Asker) -> None:
    sheet = ask.get("pages/gate/sheet").json
    (first, *_) = (line for part in sheet["parts"] for line in part["lines"] if line["gap"])
    assert first["name"] == "g1"
    answers = {"1": "-2", "2": "-6"}
    marks = ask.post("pages/gate/grade", {"answers": answers}).json
    assert [mark["verdict"] for mark in marks["answers"]] == ["right", "wrong"]
    assert marks["answers"][1]["kind"] == "sign"
    assert (marks["good"], marks["of"]) == (1, 2)
    source = {"type": "page", "name": "gate"}
    assert ask.post("grade", {"source": source, "answers": answers}).json == marks


def test_a_step_of_a_later_pass_is_marked_by_its_numbers(ask: Asker) -> None:
    asked = {"of": "steps", "number": 2, "answers": {"1": "0.7526"}}
    trace = ask.get("pages/2-2-1?pass=2").json
    (question, *_) = (q for step in trace["steps"] for q in step["questions"])
    assert (question["gap"], question["name"]) == (1, "z1")
    marks = ask.post("pages/2-2-1/grade", asked).json
    (z1,) = marks["answers"]
    expected = next(n for n in trace["nodes"] if n["name"] == "z1")["value"]
    assert z1["expected"] == expected
    right = {"of": "steps", "number": 2, "answers": {"1": expected["text"]}}
    assert ask.post("pages/2-2-1/grade", right).json["good"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "pages/nothing",
        "pages/gate?digits=1",
        "pages/gate?digits=x",
        "pages/gate?seed=-1",
        "pages/gate?seed=99999999999999999",
        "pages/gate?pass=0",
        "pages/2-2-1?pass=100000",
        "pages/2-2-1?detail=atoms",
        "worked?source=%7B",
        "worked?source=[]",
        "sheet?source=%7B%22type%22%3A%22run%22%2C%22run%22%3A%22..%22%7D",
    ],
)
def test_a_wrong_address_is_told(ask: Asker, path: str) -> None:
    answer = ask.get(path)
    assert answer.status == 400
    assert answer.json["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("trace", b"{"),
        ("trace", b"[" * 100_000),
        ("trace", b'{"source": 3}'),
        ("trace", json.dumps({"source": NETWORK | {"other": 1}}).encode()),
        ("trace", json.dumps({"source": NETWORK | {"target": 1e300}}).encode()),
        ("trace", json.dumps({"source": NETWORK | {"layers": []}}).encode()),
        ("grade", b"{}"),
        ("pages/gate/grade", b'{"answers": {"1": 2}}'),
        ("pages/gate/grade", b"[]"),
        ("pages/gate/grade", json.dumps({"answers": {"1": "1" * 65}}).encode()),
        ("pages/gate/grade", json.dumps({"answers": {"1000": "1"}}).encode()),
    ],
)
def test_a_wrong_request_is_told(ask: Asker, path: str, body: bytes) -> None:
    answer = ask.post(path, body)
    assert answer.status == 400
    assert answer.json["message"]


def test_a_request_that_is_too_long_is_refused(ask: Asker) -> None:
    answer = ask.post("trace", b" " * (LONGEST_BODY + 1))
    assert answer.status == 413


def test_a_network_that_does_not_fit_is_answered_with_what_fits(ask: Asker) -> None:
    wide: dict[str, Any] = {"weight": [[0.1] * 150] * 2, "bias": None, "activation": "tanh"}
    answer = ask.post("trace", {"source": NETWORK | {"layers": [wide]}})
    assert answer.status == 400
    problem = answer.json
    assert (problem["given"], problem["expected"]) == ("300 parameters", "at most 200")


def test_the_routes_can_be_made_without_jax() -> None:
    code = "import sys; from clearprop.studio.backward.routes import routes; routes(); " + (
        "assert 'jax' not in sys.modules, 'jax is imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
