"""The studio inside a notebook: a widget whose page reaches the kernel by the widget's messages.

So it works where the kernel runs on another machine too. It needs the extra
``clearprop[notebook]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path

import anywidget
from starlette.types import ASGIApp

from clearprop.studio.channel import BEAT, Channel
from clearprop.studio.pages import built_file

PAGE, FRAME = "notebook.html", "widget.js"
"""The built files: the page in one file, and what shows it in a cell."""


class StudioWidget(anywidget.AnyWidget):
    """Shows a studio in the cell of a notebook.

    Args:
        app: the application of the studio.
        loop: that runs, in another thread: the application works there.
        home: the address of the studio for a browser on this machine.
        view: what the page opens, such as "#/playground".
        height: of the widget, in pixels of the page.

    Raises:
        RunError: the page is not built.
    """

    def __init__(
        self,
        app: ASGIApp,
        loop: asyncio.AbstractEventLoop,
        home: str,
        view: str = "",
        height: int = 720,
    ) -> None:
        self._greeting = {"type": "page", "home": home, "view": view, "height": height}
        _built(PAGE)
        super().__init__(_esm=_built(FRAME))
        # It sends from the thread of the studio too, as kernels allow.
        self._channel = Channel(app, loop, self.send)
        self._is_closed = False
        self.on_msg(self._take)
        with contextlib.suppress(RuntimeError):  # no kernel runs here
            self._beat(asyncio.get_running_loop())

    def _beat(self, kernel: asyncio.AbstractEventLoop) -> None:
        if not self._is_closed:
            self._channel.beat()
            kernel.call_later(BEAT, self._beat, kernel)

    def close(self) -> None:
        """Close the widget, and the connections of its pages; the studio goes on."""
        if hasattr(self, "_channel"):
            self._is_closed = True
            self._channel.close()
        super().close()

    def _take(self, widget: object, content: object, buffers: Sequence[memoryview]) -> None:
        """Take a message: a page asks for itself, or for what the application answers."""
        del widget
        if content == {"type": "page"}:
            # No traits of the widget: those are saved in the file of the notebook.
            self.send(self._greeting, [_built(PAGE).encode()])
        else:
            self._channel.take(content, buffers)


def _built(name: str) -> str:
    return _read(built_file(name))


@functools.cache
def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")
