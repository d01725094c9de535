"""The page of LeNet-5 for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from clearprop.studio.frames import unpack
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.models.routes import Desk
from clearprop.studio.vision import messages as m
from clearprop.studio.vision.session import VisionSession
from tests.studio.session_page import SessionPage


class Picture(NamedTuple):
    """A frame, read."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def layer(self, title: str) -> int:
        """The number of a layer by the end of its path."""
        ends = [layer["title"].rpartition(".")[2] for layer in self.header["layers"]]
        return ends.index(title)


class VisionPage(SessionPage[Picture]):
    """A session that trains LeNet-5, and all that it has sent."""

    def __init__(self) -> None:
        self.desk = Desk(Path("no-such-folder"))
        super().__init__(
            lambda send: VisionSession(send, self.desk), m.Request, lambda x: Picture(*unpack(x))
        )

    def _await_answers(self, requests: tuple[m.Request, ...]) -> None:
        # A step with an example is refused here.
        self.session.ask(m.StepOnce("example"))
        self.until(lambda x: getattr(x, "request", "") == "step" and isinstance(x, m.Problem))
        self.received.pop()
        self.until(lambda x: isinstance(x, m.Playing))
        self.received.pop()

    def viewed(self, **wanted: Any) -> Any:
        """Return the pass of the offered network for an input, as another view would see it."""
        source = self.picture.header["source"]
        assert source is not None
        frame = self.desk.ask(lambda v: v.begin(PassRequest(source, **wanted))).result()
        name = unpack(frame)[0]["pass_id"]
        return self.desk.ask(lambda v: v.seen(name)).result()
