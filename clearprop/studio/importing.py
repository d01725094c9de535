"""One thread of the studio at a time imports what it needs.

Some packages import parts of each other. Where two threads begin at different ends, Python avoids
the deadlock by giving one of them a module that is only half made, and its import fails.
"""

from __future__ import annotations

import threading

IMPORTS = threading.RLock()
"""Held while a request, or the thread that prepares for requests, imports parts of clearprop."""
