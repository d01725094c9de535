"""A page for tests: it asks a session that trains LeNet-5, and keeps what the session sends."""

from __future__ import annotations

import queue
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import msgspec
from numpy.typing import NDArray

from clearprop.studio.frames import unpack
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.models.routes import Desk
from clearprop.studio.vision import messages as m
from clearprop.studio.vision.session import VisionSession

Kind = TypeVar("Kind", bound=m.Answer)

PATIENCE = 180.0


class Picture(NamedTuple):
    """A frame, read."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def layer(self, title: str) -> int:
        """The number of a layer by the end of its path."""
        ends = [layer["title"].rpartition(".")[2] for layer in self.header["layers"]]
        return ends.index(title)


class VisionPage:
    """A session, and all that it has sent."""

    def __init__(self) -> None:
        self.desk = Desk(Path("no-such-folder"))
        self.received: list[m.Answer | Picture] = []
        self._sent: queue.SimpleQueue[m.Answer | bytes] = queue.SimpleQueue()
        self.session = VisionSession(self._sent.put, self.desk)

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
        # The answers come in order. A speed that cannot be is refused, and changes nothing.
        self.session.ask(m.StepOnce("example"))
        self.until(lambda x: getattr(x, "request", "") == "step" and isinstance(x, m.Problem))
        self.received.pop()
        self.until(lambda x: isinstance(x, m.Playing))
        self.received.pop()
        return self.received[begun:]

    def until(self, wanted: Any, patience: float = PATIENCE) -> None:
        """Receive until something is as wanted."""
        end = time.monotonic() + patience
        while True:
            item = self._sent.get(timeout=max(0.1, end - time.monotonic()))
            self.received.append(Picture(*unpack(item)) if isinstance(item, bytes) else item)
            if wanted(self.received[-1]):
                return

    def last(self, kind: type[Kind]) -> Kind:
        """Return the last answer of a kind."""
        return next(item for item in reversed(self.received) if isinstance(item, kind))

    @property
    def picture(self) -> Picture:
        """The last picture."""
        return next(item for item in reversed(self.received) if isinstance(item, Picture))

    def viewed(self, **wanted: Any) -> Any:
        """Return the pass of the offered network for an input, as another view would see it."""
        source = self.picture.header["source"]
        assert source is not None
        frame = self.desk.ask(lambda v: v.begin(PassRequest(source, **wanted))).result()
        name = unpack(frame)[0]["pass_id"]
        return self.desk.ask(lambda v: v.seen(name)).result()


def problems(items: list[m.Answer | Picture]) -> list[m.Problem]:
    """Return the problems among what was sent."""
    return [item for item in items if isinstance(item, m.Problem)]
