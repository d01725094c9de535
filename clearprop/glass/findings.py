"""The page of a study: what was found, as text and pictures, in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearprop.glass.page import render_page
from clearprop.glass.pictures import png_address
from clearprop.glass.style import Drawing, page_width
from clearprop.glass.wording import flat, without_folders
from clearprop.training.files import write_atomically


@dataclass(frozen=True)
class Picture:
    """A drawing as a page holds it.

    Attributes:
        title: a few words.
        caption: what to look for.
        source: the picture itself, as a data URL.
        width: in CSS pixels.
    """

    title: str
    caption: str
    source: str
    width: int


def picture(drawing: Drawing) -> Picture:
    """Return a drawing as a page holds it."""
    png = drawing.png()
    return Picture(drawing.title, drawing.caption, png_address(png), page_width(png))


def write_findings(
    path: Path,
    *,
    title: str,
    lines: Sequence[str],
    drawings: Sequence[Drawing] = (),
    configuration: Mapping[str, object] | None = None,
) -> Path:
    """Write lines and pictures as one HTML file that needs no network, and return its place.

    Args:
        path: of the file.
        title: what was studied.
        lines: what was found; they keep their columns.
        drawings: pictures with their captions.
        configuration: what was asked for.

    Raises:
        RunError: the disk is full.
    """
    page = render_page(
        "findings.html",
        title=title,
        lines=list(lines),
        pictures=[picture(drawing) for drawing in drawings],
        configuration=flat(without_folders(dict(configuration or {}))),
    )
    write_atomically(path, page)
    return path
