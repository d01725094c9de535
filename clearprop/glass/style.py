"""The one style of the pictures that matplotlib draws, and how they leave as files.

Lines differ in color, dash and marker at once, so that a picture can be read by color-blind eyes
and in gray.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

INK, SOFT, LINE = "#1c232b", "#55606b", "#d5dae0"
COLORS = ("#155291", "#de6818", "#2f7d5b", "#7a4a9e", "#a3336a", "#55606b", "#b8860b", "#17a2b8")
"""Of lines, in their order: blue, orange, green, violet, plum, slate, ocher, cyan."""
DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)), (0, (3, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SURFACE = "cividis"
"""The color map of heights: even in gray."""
SIGNED = "PuOr_r"
"""The color map of numbers around zero."""
DOTS_PER_INCH = 160


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture with what it is called and what to see in it.

    Attributes:
        title: a few words; they name its file too.
        figure: as matplotlib drew it.
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
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        file = io.BytesIO()
        FigureCanvasAgg(self.figure)
        self.figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return file.getvalue()


def drawn(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function draw in the style of the house: everything that it makes follows it.

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


def canvas(
    rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 4.0, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure with its axes, to be drawn on within `drawn`.

    Args:
        rows: of axes.
        columns: of axes.
        width: of the figure in inches.
        height: of the figure in inches.
        options: for matplotlib's ``Figure.subplots``, such as ``sharey=True``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def line(index: int) -> dict[str, Any]:
    """Return color and dash of the line of this number, for matplotlib's ``plot``.

    >>> line(1)
    {'color': '#de6818', 'linestyle': '--'}
    """
    return {"color": COLORS[index % len(COLORS)], "linestyle": DASHES[index % len(DASHES)]}


def marked_line(index: int) -> dict[str, Any]:
    """Return color, dash and marker of the line of this number."""
    return {**line(index), "marker": MARKERS[index % len(MARKERS)]}


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
