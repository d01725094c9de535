"""A page for tests: it asks a session, and keeps what the session sends."""

from __future__ import annotations

import queue
import time
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from clearprop.studio.frames import unpack
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.prepared import StoredTable
from clearprop.studio.playground.session import Session

Kind = TypeVar("Kind", bound=m.Answer)

PATIENCE = 120.0

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


class Page:
    """A session, and all that it has sent."""

    def __init__(self, tables: dict[str, StoredTable] | None = None) -> None:
        self.received: list[m.Answer | Picture] = []
        self._sent: queue.SimpleQueue[m.Answer | bytes] = queue.SimpleQueue()
        self.session = Session(self._sent.put, tables or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    def ask(self, *requests: m.Request) -> list[m.Answer | Picture]:
        """Ask, and return what was sent until all was answered."""
        begun = len(self.received)
        for request in requests:
            text = msgspec.json.encode(request)
            assert msgspec.json.decode(text, type=m.Request) == request
            self.session.ask(request)
        # The answers come in order: that to this request, or its refusal, is the last.
        self.session.ask(m.WriteScript())
        for _ in range(1 + sum(isinstance(request, m.WriteScript) for request in requests)):
            self.until(lambda x: isinstance(x, m.Script) or getattr(x, "request", "") == "script")
        last = self.received.pop()
        if isinstance(last, m.Script):
            self.script = last.source
        return self.received[begun:]

    def until(self, wanted: Any, patience: float = PATIENCE) -> None:
        """Receive until something is as wanted."""
        end = time.monotonic() + patience
        while True:
            item = self._sent.get(timeout=max(0.1, end - time.monotonic()))
            self.received.append(self._checked(item))
            if wanted(self.received[-1]):
                return

    def receive_for(self, seconds: float) -> list[m.Answer | Picture]:
        """Receive for a time."""
        begun, end = len(self.received), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self.received.append(self._checked(self._sent.get(timeout=left)))
            except queue.Empty:
                break
        return self.received[begun:]

    def _checked(self, item: m.Answer | bytes) -> m.Answer | Picture:
        if isinstance(item, bytes):
            return Picture(item)
        msgspec.json.encode(item)
        return item

    def last(self, kind: type[Kind]) -> Kind:
        """Return the last answer of a kind."""
        return next(item for item in reversed(self.received) if isinstance(item, kind))

    @property
    def picture(self) -> Picture:
        """The last picture."""
        return next(item for item in reversed(self.received) if isinstance(item, Picture))


def problems(items: list[m.Answer | Picture]) -> list[m.Problem]:
    """Return the problems among what was sent."""
    return [item for item in items if isinstance(item, m.Problem)]


def same_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all weights are the same, bit for bit."""
    assert one.keys() == other.keys()
    return all(np.array_equal(one[path], other[path]) for path in one)
