"""What the page asks of the runs: ``/api/runs`` and all below it, and ``/ws/runs``.

Names are given as ``?run=NAME`` and looked up in the listing, never joined to a path.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route


def routes(folder: Path) -> list[BaseRoute]:
    """Return the routes of the runs below a folder; nothing in it is ever changed.

    Args:
        folder: of the runs, such as ``runs``; it need not exist yet.
    """

    def listed(request: Request) -> JSONResponse:
        names = [path.parent.name for path in sorted(folder.glob("*/config.json"))]
        return JSONResponse({"runs": [{"name": name} for name in names]})

    return [Route("/api/runs", listed)]
