"""The studio inside a notebook: a widget whose page reaches the kernel by the widget's messages.

It works wherever widgets do: JupyterLab and Notebook, Visual Studio Code, Colab, also where the
kernel runs on another machine. It needs the extra ``clearprop[notebook]``.
"""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import traitlets

from clearprop.studio.channel import Channel
from clearprop.studio.pages import built_file
from clearprop.studio.server import StudioServer

PAGE, FRAME = "notebook.html", "widget.js"
"""The built files: the page in one file, and what shows it in a cell."""


class StudioWidget(anywidget.AnyWidget):
    """Shows a studio in the cell of a notebook.

    Args:
        server: of the studio; it serves.
        height: of the widget, in pixels of the page.

    Raises:
        RunError: the page is not built.
    """

    view = traitlets.Unicode("").tag(sync=True)
    home = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(720).tag(sync=True)

    def __init__(self, server: StudioServer, *, height: int = 720) -> None:
        self._page = _built(PAGE).encode()
        super().__init__(
            _esm=_built(FRAME),
            view=server.view,
            home=server.place.url(),
            height=height,
        )
        self._channel = Channel(server.studio.unguarded(), server.loop, self.send)
        self.on_msg(self._take)

    def close(self) -> None:
        """Close the widget, and the connections of its pages; the server goes on."""
        if hasattr(self, "_channel"):
            self._channel.close()
        super().close()

    def _take(self, widget: object, content: object, buffers: Sequence[memoryview]) -> None:
        """Take a message: a page asks for itself, or for what the application answers."""
        del widget
        if content == {"type": "page"}:
            # Not a trait: those are saved in the file of the notebook.
            self.send({"type": "page"}, [self._page])
        else:
            self._channel.take(content, buffers)


def _built(name: str) -> str:
    return built_file(name).read_text(encoding="utf-8")
