"""A page's WebSocket: whatever it sends is answered, and its end is the end of its session."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from clearprop.errors import ConfigurationError
from clearprop.studio import connection as connections
from clearprop.studio.app import Engine
from clearprop.studio.connection import LONGEST_REQUEST, Send
from clearprop.studio.frames import pack, unpack
from clearprop.studio.playground.messages import Explain, Script
from tests.studio.conftest import AboutEcho, Client, Echo, Started


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TAGS = st.sampled_from(["configure", "play", "edit", "explain", "choose", "back", "nothing", ""])
NEARLY = st.builds(
    lambda tag, rest: {"type": tag, **rest},
    TAGS,
    st.dictionaries(
        st.sampled_from(["settings", "path", "index", "value", "layer", "unit", "step"]), JSON
    ),
)


def test_a_request_is_answered(client: Client) -> None:
    with client.talk() as talk:
        talk.send('{"type":"explain","layer":1,"unit":2}')
        assert msgspec.json.decode(talk.recv(), type=Explain) == Explain(1, 2)


@settings(max_examples=60)
@given(sent=st.lists(JSON | NEARLY, min_size=1, max_size=5))
def test_any_json_is_answered(client: Client, sent: list[Any]) -> None:
    with client.talk() as talk:
        for value in sent:
            talk.send(msgspec.json.encode(value).decode())
            answer = msgspec.json.decode(talk.recv(timeout=10))
            if answer["type"] == "problem":
                assert answer["message"] == "the studio does not understand this request"
                tag = value.get("type") if isinstance(value, dict) else None
                assert answer["request"] == (tag[:64] if isinstance(tag, str) else None)
            else:
                assert answer["type"] == value["type"]
        talk.send('{"type":"play"}')
        assert talk.recv(timeout=10) == '{"type":"play"}'


@settings(max_examples=60)
@given(sent=st.lists(st.binary(max_size=300) | st.text(max_size=300), min_size=1, max_size=5))
def test_any_text_and_any_bytes_are_answered(client: Client, sent: list[str | bytes]) -> None:
    with client.talk() as talk:
        for value in sent:
            talk.send(value)
            assert msgspec.json.decode(talk.recv(timeout=10))["type"] == "problem"
        talk.send('{"type":"play"}')
        assert talk.recv(timeout=10) == '{"type":"play"}'


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"type":' * 50_000,
        '{"type":"back","step":' + "9" * 10_000 + "}",
        '{"type":"back","step":1e400}',
        '{"type":"\\ud800"}',
        '{"type":"back","step":-1}',
        '{"type":"play","extra":1}',
        '{"type":"play","type":"pause"}',
    ],
)
def test_odd_json_is_answered(client: Client, text: str) -> None:
    with client.talk() as talk:
        talk.send(text)
        assert msgspec.json.decode(talk.recv(timeout=10))["type"] in ("problem", "pause")
        talk.send('{"type":"play"}')
        assert talk.recv(timeout=10) == '{"type":"play"}'


def test_a_message_that_is_too_long_ends_the_connection_only(client: Client) -> None:
    with client.talk() as talk:
        with contextlib.suppress(ConnectionClosed):  # while the end of it is being sent
            talk.send("x" * (LONGEST_REQUEST + 1))
        with pytest.raises(ConnectionClosed) as caught:
            talk.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009  # too big
    test_a_request_is_answered(client)


UPGRADE = """\
GET /ws/playground HTTP/1.1
Host: {host}
Origin: http://{host}
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

"""


@given(st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_frame_of_websocket(client: Client, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", client.port)) as raw:
        raw.sendall(UPGRADE.format(host=client.host).replace("\n", "\r\n").encode())
        assert b"101 Switching" in raw.recv(4096)
        raw.sendall(sent)
    assert client("/").status == 200


def test_a_page_that_closes_ends_its_session(start: Started) -> None:
    client = start()
    Echo.opened.clear()
    with client.talk() as first, client.talk() as second:
        first.send('{"type":"play"}')
        first.recv()
        second.send('{"type":"pause"}')
        assert second.recv() == '{"type":"pause"}'  # each page has a session of its own
        assert [one.is_open for one in Echo.opened] == [True, True]
        second.socket.close()  # as where the browser is killed
        assert until(lambda: [one.is_open for one in Echo.opened] == [True, False])
        first.send('{"type":"play"}')
        assert first.recv() == '{"type":"play"}'
    assert until(lambda: not any(one.is_open for one in Echo.opened))


class Broken(Echo):
    def ask(self, request: object) -> None:
        if getattr(request, "unit", None) == "batch":
            raise ConfigurationError("there is no batch", where="step", fix="epoch")
        raise ZeroDivisionError("a bug\nof two lines")


def test_what_a_session_raises_is_told(start: Started, capfd: pytest.CaptureFixture[str]) -> None:
    with start(Engine(Broken, AboutEcho, lambda: None)).talk() as talk:
        talk.send('{"type":"step","unit":"batch"}')
        told = msgspec.json.decode(talk.recv())
        assert (told["message"], told["where"], told["fix"], told["request"]) == (
            *("there is no batch", "step", "epoch", "step"),
        )
        assert capfd.readouterr().err == ""
        talk.send('{"type":"play"}')
        told = msgspec.json.decode(talk.recv())
        assert told["message"] == "this is a bug in clearprop"
        assert told["given"] == "ZeroDivisionError: a bug of two lines"
    said = capfd.readouterr().err
    assert "ZeroDivisionError: a bug" in said  # the developers need the lines
    assert "this is a bug in clearprop" in said


def test_a_session_that_cannot_begin(start: Started, capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(send: Send, tables: object) -> Echo:
        raise MemoryError

    with start(Engine(refuse, AboutEcho, lambda: None)).talk() as talk:
        assert msgspec.json.decode(talk.recv())["message"] == "the memory is full"
        with pytest.raises(ConnectionClosed):
            talk.recv(timeout=10)
    assert capfd.readouterr().err == ""


def test_too_many_pages(start: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_SESSIONS", 2)
    client = start()
    with client.talk() as first, client.talk():
        first.send('{"type":"play"}')
        first.recv()
        with client.talk() as third:
            assert "too many pages" in str(third.recv())
            with pytest.raises(ConnectionClosed):
                third.recv(timeout=10)
    assert until(lambda: works(client))


def works(client: Client) -> bool:
    with client.talk() as talk:
        talk.send('{"type":"play"}')
        return talk.recv() == '{"type":"play"}'


class Fast(Echo):
    """Sends frames in a thread as fast as it can, and an answer after every tenth."""

    def ask(self, request: object) -> None:
        threading.Thread(target=self._train, daemon=True).start()

    def _train(self) -> None:
        for step in range(400):
            values = {"heat": np.zeros(50_000, np.uint8)}
            self.send(pack("picture", {"step": step, "first": step == 0}, values))
            if step % 10 == 0:
                self.send(Script(str(step)))


def test_a_slow_page_gets_every_answer_and_the_last_frame(start: Started) -> None:
    with start(Engine(Fast, AboutEcho, lambda: None)).talk() as talk:
        talk.send('{"type":"play"}')
        time.sleep(1.0)  # meanwhile the buffers of the system are full
        answers, steps = [], []
        while len(answers) < 40 or steps[-1] < 399:
            got = talk.recv(timeout=10)
            if isinstance(got, bytes):
                steps.append(unpack(got)[0]["step"])
            else:
                answers.append(int(msgspec.json.decode(got)["source"]))
        assert answers == list(range(0, 400, 10))
        assert steps == sorted(steps)
        assert (steps[0], steps[-1]) == (0, 399)
        assert len(steps) < 300
