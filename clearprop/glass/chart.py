"""Charts as SVG text: axes, lines, points and bands that a page's style sheet colors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import ArrayLike, NDArray

from clearprop.glass.wording import cell, number

Points = NDArray[np.number]

LETTER = 8.5
"""The width of a digit in a label, with the larger letters of a narrow screen."""


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from low to high, at most a given count.

    >>> ticks(0, 10, most=6), ticks(0.13, 0.97, most=5)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.2, 0.4, 0.6, 0.8])
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power * m for m in (1, 2, 5, 10, 20, 50)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            # Where the range is hardly wider than the spacing of floats, a product leaves it.
            return [min(max(round(i * step, 12), low), high) for i in range(first, last + 1)]
    return [low]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Return the labels of ticks: so many digits that they differ, and years as they are.

    >>> tick_texts([1985.0, 1990.0]), tick_texts([0.0, 200000.0]), tick_texts([0.05, 0.1])
    (['1985', '1990'], ['0', '200,000'], ['0.05', '0.1'])
    """
    largest = max(map(abs, values), default=0.0)
    steps = [b - a for a, b in itertools.pairwise(values) if b > a]
    if not 1e-4 <= largest < 1e9 or min(steps, default=largest) < 1e-4:
        return [cell(value, 8) if 1 <= largest < 1e9 else number(value) for value in values]
    decimals = max(0, math.ceil(-math.log10(min(steps, default=largest)) - 1e-9))
    separator = "," if largest >= 10_000 else ""
    texts = [f"{value:{separator}.{decimals}f}" for value in values]
    return [text.rstrip("0").rstrip(".") if "." in text else text for text in texts]


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten from low to high, with 2 and 5 between where they are few.

    >>> log_ticks(0.05, 3), log_ticks(1e-6, 1)
    ([0.05, 0.1, 0.2, 0.5, 1.0, 2.0], [1e-06, 0.0001, 0.01, 1.0])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    few = last - first <= 3
    every = 1 if few else -(-(last - first) // 5)
    powers = range(first, last + 1, every)
    found = [float(f"{m}e{p}") for p in powers for m in ((1, 2, 5) if few else (1,))]
    return [t for t in found if low * 0.999 <= t <= high * 1.001]


def mark(px: float, py: float, kind: str, word: str = "", r: float = 4, shape: int = 0) -> Markup:
    """Return a mark as SVG: disk, square, triangle, diamond, cross or down triangle, 0 to 5.

    >>> mark(8, 8, "dot")
    Markup('<circle class="dot" cx="8.0" cy="8.0" r="4"></circle>')
    """
    arm = f"{r / 1.5:.2f}"
    path = {
        1: f"M{px - r:.1f} {py - r:.1f}h{2 * r:g}v{2 * r:g}h{-2 * r:g}Z",
        2: f"M{px:.1f} {py - 1.2 * r:.1f}l{1.2 * r:g} {2.1 * r:g}h{-2.4 * r:g}Z",
        3: f"M{px:.1f} {py - 1.3 * r:.1f}l{1.3 * r:g} {1.3 * r:g}l{-1.3 * r:g} {1.3 * r:g}"
        f"l{-1.3 * r:g} {-1.3 * r:g}Z",
        4: f"M{px - r / 3:.1f} {py - r:.1f}h{arm}v{arm}h{arm}v{arm}h-{arm}v{arm}h-{arm}v-{arm}"
        f"h-{arm}v-{arm}h{arm}Z",
        5: f"M{px:.1f} {py + 1.2 * r:.1f}l{1.2 * r:g} {-2.1 * r:g}h{-2.4 * r:g}Z",
    }.get(shape)
    title = f"<title>{escape(word)}</title>" if word else ""
    if path is None:
        return Markup(
            f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="{r:g}">{title}</circle>'
        )
    return Markup(f'<path class="{kind}" d="{path}">{title}</path>')


@dataclass
class Chart:
    """A picture with two axes, drawn element by element; `svg` is the result.

    Attributes:
        x: the ends of the horizontal axis.
        y: the ends of the vertical axis.
        title: the description for screen readers.
        log: whether the vertical axis is logarithmic.
        width: of the whole, in pixels of the picture.
        height: of the whole.
        right: the margin for labels at the ends of lines.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    title: str
    log: bool = False
    width: float = 500
    height: float = 300
    left: float = 52
    right: float = 20
    top: float = 26
    bottom: float = 40
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make room for the labels of the vertical axis, unless a smaller margin was given."""
        if self.left >= Chart.left:
            longest = max(map(len, self._y_ticks[1]), default=0)
            self.left = max(self.left, LETTER * longest + 10)

    @property
    def _y_ticks(self) -> tuple[list[float], list[str]]:
        if self.log:
            values = log_ticks(*self.y)
            return values, [number(value) for value in values]
        values = ticks(*self.y)
        return values, tick_texts(values)

    @property
    def _x_ticks(self) -> tuple[list[float], list[str]]:
        """As many ticks as fit beside each other with their labels."""
        dense = ticks(*self.x, most=8)
        fewer = [ticks(*self.x, most=most) for most in range(7, 1, -1)]
        thinned = [dense[::every] for every in range(2, len(dense))]
        for values in (dense, *fewer, *thinned):
            texts = tick_texts(values)
            room = np.diff(self.px(values)).min(initial=math.inf)
            enough = len(values) >= min(2, len(dense))
            if enough and (max(map(len, texts), default=0) + 1) * LETTER <= room:
                return values, texts
        return dense[:1], tick_texts(dense[:1])

    def px(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the horizontal place of a value, in pixels from the left."""
        low, high = self.x
        inner = self.width - self.left - self.right
        return np.asarray(self.left + (np.asarray(x) - low) / ((high - low) or 1.0) * inner)

    def py(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return the vertical place of a value, in pixels from the top."""
        low, high = (math.log10(v) for v in self.y) if self.log else self.y
        values = np.log10(np.maximum(y, self.y[0] / 10)) if self.log else np.asarray(y)
        inner = self.height - self.top - self.bottom
        up = (values - low) / ((high - low) or 1.0) * inner
        return np.asarray(self.height - self.bottom - up)

    def axes(self, x_label: str, y_label: str, *, unit: str = "", grid: bool = True) -> None:
        """Draw grid, tick labels and the names of both axes."""
        bottom, end = self.height - self.bottom, self.width - self.right
        for value, words in zip(*self._y_ticks, strict=True):
            at = float(self.py(value))
            line = f"M{self.left:g} {at:.1f}H{end:g}" if grid else f"M{self.left:g} {at:.1f}h-4"
            self.parts.append(
                f'<path class="{"grid" if grid else "axis"}" d="{line}"/>'
                f'<text class="tick" x="{self.left - 7:g}" y="{at + 4:.1f}" text-anchor="end">'
                f"{words}{unit}</text>"
            )
        for value, words in zip(*self._x_ticks, strict=True):
            at = float(self.px(value))
            self.parts.append(
                f'<path class="axis" d="M{at:.1f} {bottom:g}v4"/>'
                f'<text class="tick" x="{at:.1f}" y="{bottom + 17:g}" text-anchor="middle">'
                f"{words}</text>"
            )
        middle = (self.left + end) / 2
        self.parts.append(
            f'<path class="axis" d="M{self.left:g} {bottom:g}H{end:g}"/>'
            f'<text class="label" x="{middle:g}" y="{self.height - 5:g}" text-anchor="middle">'
            f"{escape(x_label)}</text>"
            f'<text class="label" x="6" y="13">{escape(y_label)}</text>'
        )

    def line(self, x: Points, y: Points, kind: str, marks: Sequence[str] | None = None) -> None:
        """Draw a line through the finite points; `marks` are texts that points show on hover."""
        known = np.isfinite(y)
        xs, ys = self.px(x[known]), self.py(y[known])
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(xs, ys, strict=True))
        if len(xs) > 1:
            self.parts.append(f'<path class="line {kind}" d="M{path}"/>')
        if marks is not None or len(xs) == 1:
            words = [marks[int(i)] for i in np.flatnonzero(known)] if marks is not None else [""]
            for a, b, word in zip(xs, ys, words, strict=True):
                self.point(a, b, f"mark {kind}", word, 3)

    def point(
        self, px: float, py: float, kind: str, word: str = "", radius: float = 4, shape: int = 0
    ) -> None:
        """Draw a mark at a place given in pixels, with a text to show on hover; see `mark`."""
        self.parts.append(mark(px, py, kind, word, radius, shape))

    def band(self, x: Points, low: Points, high: Points, kind: str) -> None:
        """Fill the area between two lines."""
        there = [f"{a:.1f} {b:.1f}" for a, b in zip(self.px(x), self.py(high), strict=True)]
        back = [f"{a:.1f} {b:.1f}" for a, b in zip(self.px(x), self.py(low), strict=True)]
        self.parts.append(f'<path class="band {kind}" d="M{"L".join(there + back[::-1])}Z"/>')

    def text(self, px: float, py: float, words: str, kind: str, anchor: str = "start") -> None:
        """Write words at a place given in pixels."""
        self.parts.append(
            f'<text class="{kind}" x="{px:.1f}" y="{py:.1f}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def end_labels(self, ends: Sequence[tuple[float, str, str]]) -> None:
        """Name lines at their right ends, (value, words, kind) each, without overlap."""
        placed = sorted(((float(self.py(v)), words, kind) for v, words, kind in ends))
        places, above = [], -math.inf
        for at, _, _ in placed:
            above = max(at, above + 16)
            places.append(above)
        limit = self.height - self.bottom - 6  # below it are the labels of the axis
        for i in reversed(range(len(places))):
            places[i] = min(places[i], limit)
            limit = places[i] - 16
        for at, (_, words, kind) in zip(places, placed, strict=True):
            self.text(self.width - self.right + 10, at + 4, words, f"name {kind}")

    @property
    def svg(self) -> Markup:
        """The whole as an inline SVG element."""
        # Every text from outside was escaped where it was added.
        return Markup(
            f'<svg class="chart" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{escape(self.title)}">{"".join(self.parts)}</svg>'
        )
