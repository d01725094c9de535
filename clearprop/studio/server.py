"""The server of the studio: it listens on this machine, or with a token on others too."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import functools
import html
import importlib.util
import ipaddress
import os
import secrets
import socket
import sys
import threading
import webbrowser
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import uvicorn

from clearprop.errors import ConfigurationError, RunError
from clearprop.studio.app import Studio
from clearprop.studio.connection import LONGEST_REQUEST
from clearprop.studio.guard import TOKEN, hosts_of

if TYPE_CHECKING:
    from clearprop.studio.notebook import StudioWidget

ADDRESS = "127.0.0.1"
FIRST_PORT, PORTS = 8150, 50
LAST_PORT = 65_535
GRACE = 2
"""So many seconds the connections have to end."""

CLOSING = 60.0
"""So many seconds a session may take to come to its end: a network is being compiled."""

START = 30.0
"""So many seconds a server in a thread may take until it listens."""

WITHOUT_WIDGET = "With <code>pip install 'clearprop[notebook]'</code> it is shown here."

DOCUMENTATION = ("192.0.2.1", 9)
"""An address that belongs to nobody (RFC 5737); nothing is sent to it."""


class Place(NamedTuple):
    """Where a server listens.

    Attributes:
        address: of this machine.
        port: its port.
        token: that it demands; None on a loopback address.
    """

    address: str
    port: int
    token: str | None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Addresses with their port, as a browser names them."""
        return hosts_of(self.address, self.port)

    def url(self, view: str = "") -> str:
        """Return the address for a browser.

        Args:
            view: what it opens, such as "#/playground".

        >>> Place("127.0.0.1", 8150, None).url("#/backward")
        'http://127.0.0.1:8150/#/backward'
        """
        name = _name_for_others(self.address)
        shown = f"[{name}]" if ":" in name else name
        query = "" if self.token is None else f"?{TOKEN}={quote(self.token)}"
        return f"http://{shown}:{self.port}/{query}{view}"


class StudioServer:
    """The server of a studio; `run` serves in this thread, `start` in another one.

    Args:
        studio: what it serves.
        address: of this machine, where it listens.
        port: its port; None takes the first free one from 8150 on.
        view: what the address of the page opens, such as "#/playground".

    Raises:
        ConfigurationError: this machine does not have the address, or the port is no port.
        RunError: the port is not free.
    """

    def __init__(
        self, studio: Studio, address: str = ADDRESS, port: int | None = None, view: str = ""
    ) -> None:
        self._listening = _listen(address, port)
        token = None if is_loopback(address) else secrets.token_urlsafe(24)
        self.place = Place(address, self._listening.getsockname()[1], token)
        self.url = self.place.url(view)
        """The address for a browser."""
        self.view = view
        self.studio = studio
        self._server = _Announcing(_config(studio, self.place))
        self._thread: threading.Thread | None = None

    def run(self, *, browser: bool = False) -> None:
        """Serve until Ctrl-C.

        Args:
            browser: whether to open the page.

        Raises:
            KeyboardInterrupt: it was pressed; the connections are closed before.
        """
        if browser:
            threading.Thread(target=self._open_browser, name="studio browser", daemon=True).start()
        self._serve()

    def start(self, *, browser: bool = False) -> None:
        """Serve in another thread, and return as soon as the server listens.

        Raises:
            RunError: it does not.
        """
        self._thread = threading.Thread(target=self._serve, name="studio", daemon=True)
        self._thread.start()
        # Python would crash in a session that trains while the program ends.
        atexit.register(self.close)
        if not self._server.announced.wait(START):
            raise RunError("the server of the studio did not start", where=self.url)
        if browser:
            open_browser(self.url)

    def close(self) -> None:
        """End the server, and with it the sessions of all pages; closing it again does nothing."""
        self._server.should_exit = True
        atexit.unregister(self.close)
        if self._thread is None:
            self._listening.close()
            self.studio.close()
        elif self._thread is not threading.current_thread():
            self._thread.join()
            self.studio.wait(CLOSING)

    def wait(self) -> None:
        """Wait until the server has ended, as a program does whose only purpose it is."""
        with contextlib.suppress(KeyboardInterrupt), self:
            while self._thread is not None and self._thread.is_alive():
                self._thread.join(1.0)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of its thread.

        Raises:
            RunError: it does not serve.
        """
        if not self.is_open or self._server.loop is None:
            raise RunError("the studio is closed", where=self.url, fix="cp.studio(...) opens one")
        return self._server.loop

    @property
    def is_open(self) -> bool:
        """Whether it serves."""
        return self._thread is not None and self._thread.is_alive()

    def __enter__(self) -> StudioServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<the studio at {self.url}>" if self.is_open else "<the studio, closed>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the page in the cell of a notebook; without the extra for it, a link."""
        if self.is_open and importlib.util.find_spec("anywidget") is not None:
            return self._shown._repr_mimebundle_(**options)
        return {"text/plain": repr(self), "text/html": self._link()}

    def widget(self, height: int = 720) -> StudioWidget:
        """Return a widget that shows the page in a notebook; it needs ``clearprop[notebook]``.

        Args:
            height: in pixels of the page.

        Raises:
            RunError: the studio is closed, or its page is not built.
            ModuleNotFoundError: the extra is missing.
        """
        from clearprop.studio.notebook import StudioWidget

        app, home = self.studio.unguarded(), self.place.url()
        return StudioWidget(app, self.loop, home, self.view, height)

    @functools.cached_property
    def _shown(self) -> StudioWidget:
        """The widget of all cells that show this studio."""
        return self.widget()

    def _link(self) -> str:
        if not self.is_open:
            return "<p>The studio is closed.</p>"
        url = html.escape(self.url, quote=True)
        link = f'<a href="{url}" target="_blank" rel="noopener">{url}</a>'
        return f"<p>The studio: {link}. {WITHOUT_WIDGET}</p>"

    def _serve(self) -> None:
        work = self._server.serve(sockets=[self._listening])
        try:
            asyncio.run(work)
        finally:
            work.close()  # Ctrl-C may come before its first step; Python would warn about it
            self._listening.close()
            self.studio.close()

    def _open_browser(self) -> None:
        if self._server.announced.wait(START):
            open_browser(self.url)


class _Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.announced = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.announced.set()


def _config(studio: Studio, place: Place) -> uvicorn.Config:
    return uvicorn.Config(
        studio.app(place.hosts, place.token),
        # What is optional in uvicorn is not asked for, so that it is the same on all machines.
        loop="asyncio",
        http="h11",
        ws="websockets-sansio",
        ws_max_size=LONGEST_REQUEST,
        ws_per_message_deflate=False,  # packing frames would take longer than sending them
        ws_ping_timeout=60.0,  # a browser delays what a hidden page does
        lifespan="on",
        log_config=None,
        log_level="critical",  # errors are told to the page, and bugs are shown by `show_bug`
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def is_loopback(address: str) -> bool:
    """Say whether only this machine can reach an address.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if address == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(address).is_loopback
    return False


def _listen(address: str, port: int | None) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigurationError: this machine does not have the address, or the port is no port.
        RunError: no port is free.
    """
    if port is not None and not 0 <= port <= LAST_PORT:
        raise ConfigurationError(
            "there is no such port",
            where="--port",
            given=str(port),
            expected=f"a number from 1 to {LAST_PORT}; 0 takes any that is free",
        )
    ports = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for one in ports:
        try:
            return _bound(address, one)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            raise _refused(address, one, error) from error
    raise RunError(
        "no port is free",
        where=address,
        given=f"{ports[0]} to {ports[-1]} are taken",
        fix="end another studio, or choose a port: --port 9000",
    )


def _bound(address: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        ADDRESS if address == "localhost" else address, port, type=socket.SOCK_STREAM
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows it would let two servers have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()
    except BaseException:
        listening.close()
        raise
    return listening


def _refused(address: str, port: int, error: OSError) -> RunError | ConfigurationError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return ConfigurationError(
            "this machine does not have this address",
            where="--address",
            given=address,
            expected="127.0.0.1 for this machine only, 0.0.0.0 for all its addresses",
        )
    taken = error.errno == errno.EADDRINUSE
    return RunError(
        "the port is taken by another program" if taken else "the port cannot be opened",
        where=f"{address}:{port}",
        given=error.strerror or str(error),
        fix="choose another port: --port 9000, or leave it out",
    )


def _name_for_others(address: str) -> str:
    """Return an address under which a browser reaches this machine."""
    if address not in ("0.0.0.0", "::"):
        return address
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.suppress(OSError), datagrams:
        datagrams.connect(DOCUMENTATION)  # this only chooses a way; nothing is sent
        name: str = datagrams.getsockname()[0]
        return name
    return socket.gethostname()


def open_browser(url: str) -> None:
    """Open an address in a browser with windows, where there is one.

    A browser of the terminal would take the terminal away from the command.
    """
    shows = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"} & os.environ.keys()
    if sys.platform in ("win32", "darwin") or shows:
        with contextlib.suppress(webbrowser.Error, OSError):
            webbrowser.open(url)
