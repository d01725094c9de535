"""The folder of a run as the studio may read it: plain files inside the folder of all runs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from clearprop.errors import RunError
from clearprop.training.run_config import CONFIG
from clearprop.training.run_folder import (
    CHECKPOINTS,
    EVENTS,
    FROZEN,
    LOCK,
    LOSSES,
    MODEL,
    RECORDINGS,
    SNAPSHOTS,
)
from clearprop.training.storage.summed import SUFFIX

REPORT = "report.html"

WATCHED = (
    *(CONFIG, EVENTS, EVENTS + SUFFIX, LOSSES, LOSSES + SUFFIX, MODEL, REPORT, LOCK),
    *(SNAPSHOTS, CHECKPOINTS, RECORDINGS),
)
"""The files and folders whose size and time say whether a run has changed."""

FileMark = tuple[int, int, int, int]
"""Number, size, time of change and kind of a file."""

Signature = dict[str, FileMark | None]


@dataclass(frozen=True)
class RunPlace:
    """The folder of a run.

    Attributes:
        root: the folder of all runs, without links in it.
        name: path of the run below it, with "/" between its parts.
    """

    root: Path
    name: str

    @classmethod
    def of(cls, folder: Path, name: str) -> RunPlace:
        """Return the place of a run: a real folder below that of all runs, of plain files.

        Raises:
            RunError: there is none of this name, or a part of it is a link to elsewhere.
        """
        place = cls(Path(os.path.realpath(folder)), name)
        is_below = all(part not in ("", ".", "..") for part in name.split("/"))
        if (
            not is_below
            or not place.path.is_dir()
            or os.path.realpath(place.path) != str(place.path)
        ):
            raise RunError(
                "there is no run of this name", given=name, expected="a folder of the runs"
            )
        place.check()
        return place

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / self.name

    def signature(self) -> Signature:
        """Return what changes with every change of the run."""
        folder = f"{self.root}/{self.name}/"
        return {name: _mark(folder + name) for name in WATCHED}

    def check(self) -> None:
        """Check that all parts of the run are plain files or folders within that of all runs.

        Raises:
            RunError: one is a link to elsewhere, a device or a pipe.
        """
        for name in (*WATCHED, FROZEN):
            self.inside(name)

    def inside(self, name: str) -> Path:
        """Return the path of a file or folder of the run, which need not exist.

        Raises:
            RunError: it is a link to elsewhere, a device or a pipe.
        """
        path = self.path / name
        try:
            found = path.lstat()
        except OSError:
            return path
        if stat.S_ISLNK(found.st_mode):
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(self.root):
                raise RunError(
                    "the studio does not follow a link to a place outside the folder of the runs",
                    where=f"{self.name}/{name}",
                    fix="copy the run with the contents of its files: cp -RL",
                )
            found = target.stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise RunError(
                "the studio reads plain files only",
                where=f"{self.name}/{name}",
                given="a device, a pipe or a socket",
            )
        return path


def _mark(path: str) -> FileMark | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, stat.S_IFMT(found.st_mode)
