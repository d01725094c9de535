"""The session of one page that trains LeNet-5 and shows what is in it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from clearprop.errors import ConfigurationError
from clearprop.programs import make_room_for_programs
from clearprop.studio.live_session import LiveSession, Send
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.playground.messages import PageBack, Pause, StepOnce
from clearprop.studio.vision.messages import LookAt, OfferNow, Request, TrainLeNet, TrainSettings
from clearprop.studio.vision.trained_network import TrainedNetwork


class Asks(Protocol):
    """What has tasks done with the viewer of all networks: `Desk`."""

    def ask(self, task: Callable[[Any], Any]) -> Future[Any]:
        """Have something done, and return what will hold its result."""


class VisionSession(LiveSession[Request, TrainedNetwork]):
    """Trains for one page, and offers the network as it is now to the views of any model.

    Args:
        send: takes answers and frames, from the session's thread; it may drop frames.
        desk: to which the network is offered.
    """

    replaced = (TrainLeNet, LookAt, OfferNow)

    def __init__(self, send: Send, desk: Asks) -> None:
        self._desk = desk
        self._runs = 0
        super().__init__("vision", send)

    def _do(self, request: Request) -> None:
        match request:
            case TrainLeNet():
                self._train(request.settings)
            case LookAt():
                self._look(request.at)
            case OfferNow():
                self._send_offered(self._shown)
            case Pause():
                self._pause()
                self._show(self._shown)
            case StepOnce():
                if request.unit == "example":
                    raise ConfigurationError(
                        "a step takes a batch here: the examples to look at are not learned from",
                        where="step",
                        given="example",
                        expected="batch or epoch",
                    )
                self._advance(to_epoch=request.unit == "epoch")
            case PageBack():
                self._back(request.step)

    def _show(self, run: TrainedNetwork) -> None:
        curves = run.curves.taken()
        if curves is not None:
            self._send(curves)
        if self._playing:
            self._send(run.picture())
        else:
            self._send_offered(run)

    def _send_offered(self, run: TrainedNetwork, *, first: bool = False) -> None:
        """Offer the network as it is now, and show it; the page may ask for its cells then."""
        given, source = run.offer(), run.source
        self._desk.ask(lambda viewer: viewer.sources.offer(given, source))
        self._send(run.picture(first=first, is_offered=True))

    def _train(self, settings: TrainSettings) -> None:
        make_room_for_programs()
        self._tell_playing(compiling=True)
        run = TrainedNetwork.begun(self._runs, settings)
        self._withdraw()
        self._runs += 1
        self._follow(run)
        self._send(run.ready())
        self._send_offered(run, first=True)
        self._tell_playing()
        run.compile_end_of_epoch()

    def _look(self, request: PassRequest) -> None:
        run = self._shown
        run.look(request)
        self._show(run)

    def _ended(self) -> None:
        self._withdraw()

    def _withdraw(self) -> None:
        """Take the network back that is offered; nobody looks at it any more."""
        if self._run is not None:
            self._run.close()
            source = self._run.source
            self._desk.ask(lambda viewer: viewer.sources.withdraw(source))
