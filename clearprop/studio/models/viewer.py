"""What the views of any model ask for, with the networks and passes that are kept for later."""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

from clearprop.errors import ConfigurationError
from clearprop.glass.nodes import program as programs
from clearprop.glass.pictures import data_address
from clearprop.programs import make_room_for_programs
from clearprop.studio.models.back import back_frame
from clearprop.studio.models.cell import cell_frame
from clearprop.studio.models.graph import network_graph
from clearprop.studio.models.headers import What
from clearprop.studio.models.maps import field_frame, maps_frame
from clearprop.studio.models.messages import (
    ExampleEntry,
    ExampleList,
    NetworkGraph,
    PassRequest,
    SourceList,
    WhyShown,
)
from clearprop.studio.models.opened import Opened, thumbnail
from clearprop.studio.models.passes import ViewedPass
from clearprop.studio.models.sequence import sequence_frame
from clearprop.studio.models.sources import Sources

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")

MOST_OPEN = 4
MOST_PASSES = 8
MOST_REQUESTS = 500
"""So many passes can be asked for again after their numbers were dropped."""

LARGEST_REQUESTS = 64 * 2**20
"""What these passes were made for takes so many bytes at most: pictures are large."""

MOST_EXAMPLES = 60
"""The most examples of one page of the list."""


class Viewer:
    """Everything that a view can ask for. It is not safe for several threads at once.

    Args:
        sources: what can be looked at.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._opened: _Recent[str, tuple[object, Opened]] = _Recent(MOST_OPEN)
        self._graphs: _Recent[str, tuple[Opened, NetworkGraph]] = _Recent(MOST_OPEN)
        self._passes: _Recent[str, ViewedPass] = _Recent(MOST_PASSES)
        self._requests: _Recent[str, tuple[object, bytes]] = _Recent(
            MOST_REQUESTS, LARGEST_REQUESTS, lambda kept: len(kept[1])
        )
        self._numbers = itertools.count(1)

    # -- networks ---------------------------------------------------------------------------------

    def listed(self) -> SourceList:
        """Return everything that can be looked at."""
        return self.sources.listed()

    def graph(self, source: str, pass_id: str = "") -> NetworkGraph:
        """Return the graph of a network, or with ``pass_id`` that of one of its passes."""
        if pass_id:
            seen = self.seen(pass_id)
            return network_graph(seen.opened, seen.glass.values.program)
        opened = self.opened(source)
        kept = self._graphs.get(source)
        if kept is None or kept[0] is not opened:
            kept = (opened, network_graph(opened))
            self._graphs.keep(source, kept)
        return kept[1]

    def examples(
        self, source: str, start: int = 0, count: int = 12, label: int | None = None
    ) -> ExampleList:
        """Return some of the examples of a network.

        Args:
            source: id of the network.
            start: place of the first in the list.
            count: how many.
            label: number of the class that they are of; None takes all.

        Raises:
            ConfigurationError: there is no such class.
        """
        opened = self.opened(source)
        every = range(len(opened)) if label is None else opened.of_class(label)
        first = max(0, min(start, max(0, len(every) - 1)))
        last = min(len(every), first + max(1, min(count, MOST_EXAMPLES)))
        rows = every[first:last]
        return ExampleList(tuple(_listed(opened, int(row)) for row in rows), first, len(every))

    def opened(self, source: str) -> Opened:
        """Return a network by its id; it stays open for the next requests.

        Raises:
            ClearpropError: there is none, or it cannot be read.
        """
        now = self.sources.version(source)
        kept = self._opened.get(source)
        if kept is None or kept[0] != now:
            kept = (now, self.sources.open(source))
            self._opened.keep(source, kept)
        return kept[1]

    # -- passes -----------------------------------------------------------------------------------

    def begin(self, request: PassRequest) -> bytes:
        """Make a pass, and return its frame "pass"."""
        name = str(next(self._numbers))
        made = self._made(name, request)
        content = msgspec.msgpack.encode(request)
        self._requests.keep(name, (self.sources.version(request.source), content))
        return made.frame()

    def seen(self, pass_id: str) -> ViewedPass:
        """Return a pass; one that was dropped is made again.

        Raises:
            ConfigurationError: it is not known, or its network has changed since it was dropped.
        """
        kept = self._passes.get(pass_id)
        if kept is not None:
            return kept
        version, content = self._requests.get(pass_id) or (None, None)
        request = msgspec.msgpack.decode(content, type=PassRequest) if content else None
        if request is None or version != self.sources.version(request.source):
            raise ConfigurationError(
                "this pass is no longer known", given=pass_id, fix="choose the example again"
            )
        return self._made(pass_id, request)

    def array(
        self, pass_id: str, node: int, what: What = "value", given: int = 0, first: int = 0
    ) -> bytes:
        """Return the frame "array"; see `ViewedPass.array`."""
        return self.seen(pass_id).array(node, what, given, first)

    def numbers(
        self, pass_id: str, node: int, what: What = "value", given: int = 0, index: str = ""
    ) -> bytes:
        """Return the frame "numbers"; see `ViewedPass.numbers`."""
        return self.seen(pass_id).numbers(node, what, given, index)

    def why(self, pass_id: str, node: int, index: str = "") -> WhyShown:
        """Return why an error signal has its size; see `ViewedPass.why`."""
        return self.seen(pass_id).why(node, index)

    def equations(self, pass_id: str, node: int, index: str) -> str:
        """Return the chain rule at an entry of a node, with symbols and with its numbers."""
        return self.seen(pass_id).equations(node, index)

    def cell(self, pass_id: str, node: int, index: str) -> bytes:
        """Return the frame "cell"; see `cell_frame`."""
        return cell_frame(self.seen(pass_id), node, index)

    def back(self, pass_id: str, node: int, index: str) -> bytes:
        """Return the frame "back"; see `back_frame`."""
        return back_frame(self.seen(pass_id), node, index)

    def field(self, pass_id: str, group: int, index: str) -> bytes:
        """Return the frame "field"; see `field_frame`."""
        return field_frame(self.seen(pass_id), group, index)

    def maps(self, pass_id: str) -> bytes:
        """Return the frame "maps"; see `maps_frame`."""
        return maps_frame(self.seen(pass_id))

    def sequence(self, pass_id: str) -> bytes:
        """Return the frame "sequence"; see `sequence_frame`."""
        return sequence_frame(self.seen(pass_id))

    def _made(self, name: str, request: PassRequest) -> ViewedPass:
        make_room_for_programs()
        made = ViewedPass.of(name, self.opened(request.source), request)
        self._passes.keep(name, made)
        while sum(each.size for each in self._passes.kept) > programs.budget():
            if not self._passes.drop_oldest():
                break
        return made


class _Recent(Generic[Key, Kept]):
    """The things that were used last, by key.

    Args:
        most: how many are kept.
        most_bytes: how large all of them are; the newest is kept in any case.
        size: returns the bytes of one of them.
    """

    def __init__(
        self,
        most: int,
        most_bytes: float = math.inf,
        size: Callable[[Kept], int] = lambda kept: 0,
    ) -> None:
        self._most, self._most_bytes, self._size = most, most_bytes, size
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0

    @property
    def kept(self) -> list[Kept]:
        """All of them, the one that was not used for the longest time first."""
        return list(self._kept.values())

    def get(self, key: Key) -> Kept | None:
        """Return a thing that is used now, or None where it is not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: Key, thing: Kept) -> None:
        """Keep a thing as the one that was used last."""
        if key in self._kept:
            self._bytes -= self._size(self._kept.pop(key))
        self._kept[key] = thing
        self._bytes += self._size(thing)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            if not self.drop_oldest():
                break

    def drop_oldest(self) -> bool:
        """Drop the thing that was not used for the longest time, unless it is the only one."""
        if len(self._kept) < 2:
            return False
        self._bytes -= self._size(self._kept.popitem(last=False)[1])
        return True


def _listed(opened: Opened, row: int) -> ExampleEntry:
    pixels = thumbnail(opened, row)
    target = opened.target_text(row)
    picture = data_address(pixels) if pixels is not None else None
    return ExampleEntry(row, opened.subject.called(row), target, picture)
