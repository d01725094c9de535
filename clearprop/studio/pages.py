"""The files of the page: `studio-ui` is built into ``static`` beside this file."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from clearprop.errors import RunError
from clearprop.studio.answers import MISSING
from clearprop.studio.problems import RequestError

STATIC = Path(__file__).with_name("static")
INDEX, ASSETS = "index.html", "assets"
COMMAND = "make studio"

# What the system calls these kinds differs; a browser runs no script that is called plain text.
KINDS = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

FOREVER = "public, max-age=31536000, immutable"
"""The name of an asset holds a hash of its content, so what has a name never changes."""

NAME = re.compile(r"\w[\w.-]*", re.ASCII)


def built_file(name: str, static: Path = STATIC) -> Path:
    """Return the path of a built file of the page.

    Raises:
        RunError: it is missing; the error names the command that brings it.
    """
    file = static / name
    if not file.is_file():
        raise RunError(
            "the page of the studio is missing: it is built from the folder studio-ui by Node.js",
            where=str(file),
            fix=f"{COMMAND} (in the folder of the sources), which installs Node.js if none is "
            "found; or install a wheel of clearprop, which contains the page",
        )
    return file


def check_page(static: Path = STATIC) -> None:
    """Check that the page has been built.

    Raises:
        RunError: it is missing.
    """
    built_file(INDEX, static)


class Pages:
    """Serves the page and its assets.

    Args:
        static: the folder of the built page.
    """

    def __init__(self, static: Path = STATIC) -> None:
        self.static = static

    async def index(self, request: Request) -> Response:
        """Answer with the page; a browser asks each time whether it has changed."""
        del request
        return self._file(self.static / INDEX, "no-cache")

    async def asset(self, request: Request) -> Response:
        """Answer with a script, a style or a picture of the page.

        Raises:
            RequestError: the page has no such file.
        """
        name = request.path_params["name"]
        file = self.static / ASSETS / name if NAME.fullmatch(name) else None
        if file is None or file.suffix not in KINDS or file.is_symlink():
            raise _missing(name)
        return self._file(file, FOREVER)

    def _file(self, path: Path, cache: str) -> Response:
        if not path.is_file():
            raise _missing(path.name)
        return FileResponse(path, headers={"cache-control": cache}, media_type=KINDS[path.suffix])


def _missing(name: str) -> RequestError:
    return RequestError(
        MISSING,
        "the page has no such file",
        where=name,
        fix="load the page again; if it was built again meanwhile, its files have other names",
    )
