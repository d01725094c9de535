"""The addresses of the view of pictures, as a browser asks them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from clearprop.studio.app import parts_of
from tests.studio.conftest import Client, Started


@pytest.fixture(scope="module")
def ask(start: Started, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return start(parts=parts_of(Path(tmp_path_factory.mktemp("runs"))))


def test_the_choices(ask: Client) -> None:
    found = ask("/api/vision/choices").json
    assert [one["name"] for one in found["data"]] == ["digits", "fashion-mnist", "mnist"]


def test_a_session_answers_over_its_websocket(ask: Client) -> None:
    with ask.talk("/ws/vision") as talk:
        talk.send('{"type": "play"}')
        told = msgspec.json.decode(talk.recv(timeout=60))
        assert (told["message"], told["request"]) == ("there is no run yet", "play")
        assert msgspec.json.decode(talk.recv(timeout=60))["type"] == "playing"
        talk.send('{"type": "train", "settings": {"data": "anything"}}')
        told = msgspec.json.decode(talk.recv(timeout=60))
        assert told["message"] == "the studio does not understand this request"
