"""The end of a script: it waits there for the studios that it has opened."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import weakref

# Both ask to be told of the end of the program when they are imported, which fails once it ends.
from concurrent.futures import process, thread

from clearprop.studio.server import StudioServer

LOOKS_AFTER = 0.2
"""So many seconds pass until it is looked again whether a studio is open."""

_waited_for: weakref.WeakSet[StudioServer] = weakref.WeakSet()
_needed_first = (process, thread)


def is_interactive() -> bool:
    """Whether somebody types the program line by line: at a prompt, or in a notebook."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive) or "ipykernel" in sys.modules


def wait_at_the_end(server: StudioServer) -> None:
    """Make the program wait at its end until the server is closed, or Ctrl-C is pressed."""
    if not _waited_for:
        # What `atexit` calls would be too late: pools of threads take no more work by then.
        getattr(threading, "_register_atexit")(_wait)  # noqa: B009 - no stub has it
    _waited_for.add(server)


def _wait() -> None:
    """Wait for all studios that are open, unless an error has ended the program."""
    servers = [server for server in _waited_for if server.is_open]
    if not servers or hasattr(sys, "last_value"):
        return
    sys.stderr.write("The program is at its end; the studio stays open until Ctrl-C.\n")
    with contextlib.suppress(KeyboardInterrupt):
        while any(server.is_open for server in servers):
            time.sleep(LOOKS_AFTER)
    for server in servers:
        server.close()
