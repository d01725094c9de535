"""The page of the playground for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.studio.frames import unpack
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.prepared import StoredTable
from clearprop.studio.playground.session import Session
from tests.studio.session_page import SessionPage

SMALL = m.Settings(data=m.DataSettings(examples=40, test=0.25), batch_size=8, epochs=50)
"""30 examples to train with, 4 steps of an epoch."""


class Picture:
    """A frame, as the page reads it."""

    def __init__(self, frame: bytes) -> None:
        header, self.arrays = unpack(frame)
        assert header.pop("kind") == "picture"
        self.header: dict[str, Any] = header
        self.step: int = header["step"]
        self.run: int = header["run"]

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return the weights and biases by the paths of the parameters."""
        found = {}
        for name, array in self.arrays.items():
            word, _, number = name.partition(".")
            if word in ("weight", "bias"):
                found[f"layers.{2 * int(number)}.{word}"] = array
        return found


class Page(SessionPage[Picture]):
    """A session of the playground, and all that it has sent."""

    def __init__(self, tables: dict[str, StoredTable] | None = None) -> None:
        super().__init__(lambda send: Session(send, tables or {}), m.Request, Picture)

    def _await_answers(self, requests: tuple[m.Request, ...]) -> None:
        self.session.ask(m.WriteScript())
        for _ in range(1 + sum(isinstance(request, m.WriteScript) for request in requests)):
            self.until(lambda x: isinstance(x, m.Script) or getattr(x, "request", "") == "script")
        last = self.received.pop()
        if isinstance(last, m.Script):
            self.script = last.source


def same_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all weights are the same, bit for bit."""
    assert one.keys() == other.keys()
    return all(np.array_equal(one[path], other[path]) for path in one)
