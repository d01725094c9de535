"""The common style of the pictures that matplotlib draws, and how they are saved.

Lines differ in color, dash and marker at once, so that color-blind readers can read a picture, and
so that it can be printed in gray.
"""

from __future__ import annotations

import functools
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypedDict, TypeVar

import numpy as np

from clearprop.errors import unknown_name
from clearprop.files import write_output
from clearprop.glass import colors
from clearprop.glass.pictures import png_address

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

INK, SOFT, LINE = "#1c232b", "#55606b", "#d5dae0"
COLORS = ("#155291", "#de6818", "#2f7d5b", "#7a4a9e", "#a3336a", "#55606b", "#b8860b", "#17a2b8")
"""The colors of lines in order: blue, orange, green, violet, plum, slate, ocher, cyan."""
Dash: TypeAlias = str | tuple[int, tuple[int, ...]]
DASHES: tuple[Dash, ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (6, 1, 1, 1, 1, 1)),
    (0, (1, 1)),
    (0, (8, 3)),
    (0, (3, 1)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SURFACE = "cividis"
"""The color map of heights, whose steps look even in gray too."""
DOTS_PER_INCH = 160
FORMATS = ("pdf", "png", "svg")
"""The formats of files that a drawing can be saved as."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture with a title and a caption.

    Attributes:
        title: a few words, from which the name of its file is made.
        figure: of matplotlib.
        caption: what to look for.
    """

    title: str
    figure: Figure
    caption: str

    @property
    def file_name(self) -> str:
        """The title as the name of a picture file."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") + ".png"

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        return self._written("png", {"Software": None})

    def save(self, path: Path | str) -> Path:
        """Write the picture as a PNG, SVG or PDF file, and return its path.

        Args:
            path: of the file, whose ending sets the format; or a folder, in which the file gets its
                name from the title.

        Raises:
            ConfigurationError: the ending is of another format.
            RunError: the file cannot be written.
        """
        place = Path(path)
        place = place / self.file_name if place.is_dir() else place
        kind = place.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            raise unknown_name("kind of picture", kind, FORMATS, where=place.name)
        # No time and no program name, so that the same picture gives the same file.
        date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {"Software": None})
        write_output(place, self._written(kind, date))
        return place

    def _written(self, kind: str, metadata: dict[str, None]) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        file = io.BytesIO()
        FigureCanvasAgg(self.figure)
        self.figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Return what a notebook shows: the picture, under its title and above its caption."""
        png = self.png()
        address = png_address(png)
        title, caption = html.escape(self.title), html.escape(self.caption)
        page = (
            f'<figure style="margin:0"><strong>{title}</strong><br>'
            f'<img src="{address}" alt="{title}" width="{page_width(png)}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
        data = address.partition(",")[2]
        return {"text/plain": repr(self), "text/html": page, "image/png": data}

    def __repr__(self) -> str:
        return f"<Drawing {self.title!r}: {self.caption}>"


def page_width(png: bytes) -> int:
    """Return the width of a drawing's PNG file on a page, in CSS pixels."""
    # Bytes 16 to 19 of a PNG file are its width; 96 CSS pixels are an inch.
    return round(int.from_bytes(png[16:20], "big") * 96 / DOTS_PER_INCH)


def drawn(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in the common style of all pictures.

    >>> @drawn
    ... def parabola():
    ...     figure, axes = canvas()
    ...     axes.plot([-1, 0, 1], [1, 0, 1])
    ...     return Drawing("A parabola", figure, "its lowest point")
    >>> parabola().file_name
    'a-parabola.png'
    """

    @functools.wraps(function)
    def styled(*inputs: P.args, **options: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(_settings()):
            return function(*inputs, **options)

    return styled


def canvas(*, width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes, for use in a function with `drawn`.

    Args:
        width: of the figure in inches.
        height: of the figure in inches.
    """
    figure, grid = axes_grid(1, 1, width=width, height=height)
    return figure, grid[0]


def axes_grid(
    rows: int,
    columns: int,
    *,
    width: float = 6.4,
    height: float = 4.0,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, row by row, for use in a function with `drawn`.

    Args:
        rows: of axes.
        columns: of axes.
        width: of the figure in inches.
        height: of the figure in inches.
        sharex: whether all axes have the same horizontal limits.
        sharey: whether all axes have the same vertical limits.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False)
    return figure, list(grid.flat)


class LineStyle(TypedDict):
    """The style of one of several lines, for matplotlib's ``plot``."""

    color: str
    linestyle: Dash


class MarkedLineStyle(LineStyle):
    """The style of a line with marks at its points."""

    marker: str


def line(index: int) -> LineStyle:
    """Return color and dash of the line with this number, for matplotlib's ``plot``.

    From the ninth line on a color comes again with another dash.

    >>> line(1), line(9)
    ({'color': '#de6818', 'linestyle': '--'}, {'color': '#de6818', 'linestyle': '-.'})
    """
    dash = (index + index // len(COLORS)) % len(DASHES)
    return {"color": COLORS[index % len(COLORS)], "linestyle": DASHES[dash]}


def marked_line(index: int) -> MarkedLineStyle:
    """Return color, dash and marker of the line with this number."""
    return {**line(index), "marker": MARKERS[(index + 2 * (index // len(COLORS))) % len(MARKERS)]}


@functools.cache
def rising() -> Colormap:
    """Return the color map of numbers from zero on: larger numbers are darker."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(colors.rising(np.linspace(0, 1, 256)) / 255, name="rising")


@functools.cache
def signed() -> Colormap:
    """Return the color map of numbers around zero: dark blue below it, orange above."""
    from matplotlib.colors import ListedColormap

    made = ListedColormap(colors.diverging(np.linspace(-1, 1, 255), 1.0) / 255, name="signed")
    return made.with_extremes(bad="#808080")


@functools.cache
def _settings() -> Any:
    from matplotlib.rcsetup import cycler

    return {
        "axes.edgecolor": SOFT,
        "axes.labelcolor": INK,
        "axes.prop_cycle": cycler(color=COLORS),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "figure.facecolor": "white",
        "font.size": 10,
        "grid.color": LINE,
        "grid.linewidth": 0.7,
        "image.cmap": SURFACE,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "text.color": INK,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
    }
