"""What waits to be sent to a page: answers all of them, frames only the newest."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import NamedTuple

import msgspec

from clearprop.studio.frames import unpack

MOST_FRAMES = 2
"""So many frames wait at most: an older one shows what is over."""

MOST_BYTES = 32 << 20
"""A page for which more waits has stopped reading."""


class Waiting(NamedTuple):
    """Something that waits.

    Attributes:
        content: a text, or the bytes of a frame.
        kind: of a frame: newer ones of its kind may push it out; "" for what is never left out.
    """

    content: str | bytes
    kind: str


class Outbox:
    """Takes answers and frames from any thread, and hands them to the connection in their order.

    A frame is left out where `MOST_FRAMES` newer ones wait. The first frame of a run is kept, as
    the later ones do not repeat what it has. Frames whose network is offered as a source are a
    kind of their own: the page has asked for them, and others do not take their place.

    Args:
        loop: in which `next` is awaited.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting = deque[Waiting]()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._closed = False
        self.overfull = asyncio.Event()
        """Set where so much waits that nobody can be reading."""
        self.dropped = 0
        """How many frames were left out."""

    def put(self, item: msgspec.Struct | bytes) -> None:
        """Add an answer or a frame; nothing is kept for a connection that is closed."""
        if isinstance(item, bytes):
            new = Waiting(item, _kind_of(item))
        else:
            new = Waiting(msgspec.json.encode(item).decode(), "")
        with self._lock:
            if self._closed:
                return
            if new.kind:
                self._make_room(new.kind)
            self._waiting.append(new)
            self._bytes += len(new.content)
            is_overfull = self._bytes > MOST_BYTES
        self._wake(self.overfull if is_overfull else self._filled)

    def _make_room(self, kind: str) -> None:
        frames = [place for place, one in enumerate(self._waiting) if one.kind == kind]
        if len(frames) >= MOST_FRAMES:
            self._bytes -= len(self._waiting[frames[0]].content)
            del self._waiting[frames[0]]
            self.dropped += 1

    async def next(self) -> str | bytes | None:
        """Return what comes next, as soon as there is something; None after `close`."""
        while True:
            with self._lock:
                if self._closed:
                    return None
                if self._waiting:
                    content = self._waiting.popleft().content
                    self._bytes -= len(content)
                    return content
                self._filled.clear()
            await self._filled.wait()

    def close(self) -> None:
        """Forget what waits, and take nothing more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._bytes = 0
        self._wake(self._filled)

    def _wake(self, event: asyncio.Event) -> None:
        try:
            self._loop.call_soon_threadsafe(event.set)
        except RuntimeError:  # the loop has ended, and with it the connection
            self._closed = True


def _kind_of(frame: bytes) -> str:
    header, _ = unpack(frame)
    if header.get("first"):
        return ""
    return "picture" if header.get("source") is None else "offered"
