"""Downloads with a checksum and a progress bar; no other module of the package uses the network."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.errors import DataError

if TYPE_CHECKING:
    from rich.progress import Progress

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 16

_is_allowed: ContextVar[bool] = ContextVar("downloads", default=True)


@contextmanager
def without_downloads() -> Iterator[None]:
    """Let `download` refuse within this block and thread, as where there is no network."""
    token = _is_allowed.set(False)
    try:
        yield
    finally:
        _is_allowed.reset(token)


def may_download() -> bool:
    """Return False within `without_downloads`."""
    return _is_allowed.get()


def cache_folder() -> Path:
    """Return the user's cache folder of clearprop; it depends on the operating system."""
    import pooch

    return Path(pooch.os_cache("clearprop"))


def download(addresses: Sequence[str], target: Path, *, sha256: str) -> Path:
    """Download a file from the first address that gives it with the right checksum.

    A file that is already there with this checksum is not downloaded again. A file gets its name
    only when it is complete and checked.

    Raises:
        DataError: no address gave the file, or it cannot be written; or downloads are off.
    """
    if not may_download():
        raise DataError(
            f"{target.name} could not be downloaded",
            where=str(target.parent),
            given="it is not on this machine, and nothing is downloaded without being asked for",
        )
    import pooch

    failures: list[str] = []
    for address in addresses:
        try:
            with _progress(target.name) as bar, _quiet(pooch.get_logger()):
                fetched = pooch.retrieve(
                    address,
                    known_hash=f"sha256:{sha256}",
                    fname=target.name,
                    path=target.parent,
                    downloader=pooch.HTTPDownloader(
                        progressbar=bar, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_SECONDS
                    ),
                )
            return Path(fetched)
        # An error of requests is an OSError, a wrong checksum a ValueError.
        except (OSError, ValueError) as error:
            failures.append(f"{address}: {_first_line(error)}")
    raise DataError(
        f"{target.name} could not be downloaded",
        where=str(target.parent),
        given="; ".join(failures),
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValueError) and "hash" in str(error):
        return "the checksum is wrong, so the file was not kept"
    reason = str(error).splitlines()[0] if str(error) else "no reason given"
    return f"{type(error).__name__}: {reason}"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _progress(name: str) -> Iterator[RichBar | bool]:
    """Yield the progress bar for pooch; without a terminal print one line and yield False."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        sys.stderr.write(f"downloading {name}\n")
        yield False
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        yield RichBar(progress, name)


class RichBar:
    """A rich progress bar with the four members that pooch needs.

    Args:
        progress: rich's display.
        name: the name of the file.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        self.total = 0
        """How many bytes there are; pooch sets it."""
        self._progress = progress
        self._task = progress.add_task(name, total=None)

    def update(self, count: int) -> None:
        """Advance by so many bytes."""
        self._progress.update(self._task, total=self.total or None, advance=count)

    def reset(self) -> None:
        """Go back to the start."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """End the bar; its display closes itself."""
