"""A page for tests: it asks a session that trains, and keeps what the session sends."""

from __future__ import annotations

import queue
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from clearprop.studio.live_session import LiveSession, Send
from clearprop.studio.playground.messages import Problem

Kind = TypeVar("Kind")
Picture = TypeVar("Picture")


class SessionPage(ABC, Generic[Picture]):
    """A session, and all that it has sent.

    Args:
        session: begins a session that sends to the page.
        requests: the type of all requests, as the server reads them.
        picture: reads a frame.
    """

    patience = 180.0
    """Seconds within which an answer comes, on a busy machine."""

    def __init__(
        self,
        session: Callable[[Send], LiveSession[Any, Any]],
        requests: Any,
        picture: Callable[[bytes], Picture],
    ) -> None:
        self.received: list[Any] = []
        self._requests = requests
        self._picture = picture
        self._sent: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.session = session(self._sent.put)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.close()

    def ask(self, *requests: Any) -> list[Any]:
        """Ask, and return what was sent until all was answered."""
        begun = len(self.received)
        for request in requests:
            text = msgspec.json.encode(request)
            assert msgspec.json.decode(text, type=self._requests) == request
            self.session.ask(request)
        self._await_answers(requests)
        return self.received[begun:]

    @abstractmethod
    def _await_answers(self, requests: tuple[Any, ...]) -> None:
        """Ask for something that changes nothing, and receive until it is answered.

        The answers come in order; those to this request are taken out again.
        """

    def until(self, wanted: Callable[[Any], object]) -> None:
        """Receive until something is as wanted."""
        end = time.monotonic() + self.patience
        while not wanted(self._receive(max(0.1, end - time.monotonic()))):
            pass

    def receive_for(self, seconds: float) -> list[Any]:
        """Receive for a time."""
        begun, end = len(self.received), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self._receive(left)
            except queue.Empty:
                break
        return self.received[begun:]

    def _receive(self, seconds: float) -> Any:
        item = self._sent.get(timeout=seconds)
        if isinstance(item, bytes):
            self.received.append(self._picture(item))
        else:
            msgspec.json.encode(item)  # what cannot be sent is an error here
            self.received.append(item)
        return self.received[-1]

    def last(self, kind: type[Kind]) -> Kind:
        """Return the last answer of a kind."""
        return next(item for item in reversed(self.received) if isinstance(item, kind))

    @property
    def picture(self) -> Picture:
        """The last picture."""
        found: Picture = next(
            item for item in reversed(self.received) if not isinstance(item, msgspec.Struct)
        )
        return found


def problems(items: list[Any]) -> list[Problem]:
    """Return the problems among what was sent."""
    return [item for item in items if isinstance(item, Problem)]
