"""The page of a study: its findings as text and pictures, in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clearprop.files import write_atomically
from clearprop.glass.page import render_page
from clearprop.glass.pictures import png_address
from clearprop.glass.style import Drawing, page_width
from clearprop.glass.wording import flat, without_folders


@dataclass(frozen=True)
class Picture:
    """A drawing inside a page.

    Attributes:
        title: of the drawing.
        caption: what to look for.
        source: the picture as a data address.
        width: in CSS pixels.
    """

    title: str
    caption: str
    source: str
    width: int


def picture(drawing: Drawing) -> Picture:
    """Return a drawing for a page."""
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
    """Write lines and pictures as one HTML file that needs no network, and return its path.

    Args:
        path: of the file.
        title: of the study.
        lines: the findings, shown with their columns.
        drawings: pictures with their captions.
        configuration: the settings of the study.

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
