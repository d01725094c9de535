"""The geometry of windows: sizes, strides, padding and dilation of convolutions and pools.

A window has f taps that are d apart (dilation), and moves by s (stride) along an axis of n entries
and p entries of padding at both ends together. It stops at (n + p - d (f - 1) - 1) // s + 1 places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from clearprop.errors import ConfigurationError, ShapeError

Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | str | Sequence[int] | Sequence[tuple[int, int]]
Pairs: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Geometry:
    """How a window moves over an input; each attribute has one entry for each axis.

    Attributes:
        sizes: of the input.
        window: taps of the window.
        stride: from one place of the window to the next.
        padding: zeros (before, after) the input.
        dilation: from one tap to the next.
        added: how much of the padding at the end is only there so that no entry is left out; none
            where it is empty.
    """

    sizes: tuple[int, ...]
    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]
    added: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        sizes: Sequence[int],
        window: Sequence[int],
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        where: str,
    ) -> Geometry:
        """Return the geometry of the arguments that a user writes.

        Raises:
            ConfigurationError: a stride, dilation or padding that is not allowed.
            ShapeError: the window does not fit into the input; the message has the arithmetic.
        """
        axes = len(sizes)
        strides = per_axis(stride, axes, name="stride", where=where)
        dilations = per_axis(dilation, axes, name="dilation", where=where)
        taps = tuple(window)
        pairs = pad_pairs(padding, sizes, taps, strides, dilations, where=where)
        rows = zip(sizes, taps, strides, pairs, dilations, strict=True)
        for axis, (n, f, s, p, d) in enumerate(rows):
            try:
                output_size(n, f, stride=s, padding=p, dilation=d)
            except ShapeError as error:
                error.where = where if axes == 1 else f"{where}, spatial axis {axis}"
                raise
        return cls(tuple(sizes), taps, strides, pairs, dilations)

    def covering(self) -> Geometry:
        """Return the geometry with padding at the end for a last window that begins in the input.

        >>> pairs = Geometry.of([5], [2], stride=2, where="max_pool")
        >>> pairs.outputs, pairs.covering().outputs, pairs.covering().padding
        ((2,), (3,), ((0, 1),))
        """
        padding, added = [], []
        rows = zip(self.sizes, self.padding, self.reach, self.stride, strict=True)
        for n, (before, after), r, s in rows:
            places = -(-(n + before + after - r) // s) + 1
            places -= (places - 1) * s >= n + before
            more = max(0, (places - 1) * s + r - n - before - after)
            padding.append((before, after + more))
            added.append(more)
        return replace(self, padding=tuple(padding), added=tuple(added))

    @property
    def reach(self) -> tuple[int, ...]:
        """How many entries the window spans, from its first tap to its last."""
        pairs = zip(self.window, self.dilation, strict=True)
        return tuple(d * (f - 1) + 1 for f, d in pairs)

    @property
    def outputs(self) -> tuple[int, ...]:
        """Places at which the window stops."""
        return tuple(
            (n + sum(p) - r) // s + 1
            for n, p, r, s in zip(self.sizes, self.padding, self.reach, self.stride, strict=True)
        )

    @property
    def taps(self) -> int:
        """Entries of the window."""
        return math.prod(self.window)


def output_size(
    size: int,
    window: int,
    *,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int = 1,
) -> int:
    """Return at how many places a window stops along an axis.

    The number is (size + before + after - dilation (window - 1) - 1) // stride + 1, which is
    size - window + 1 for stride 1, dilation 1 and no padding.

    Args:
        size: entries of the axis.
        window: taps of the window or kernel.
        stride: entries from one place to the next.
        padding: zeros at each end, or (before, after).
        dilation: entries from one tap to the next.

    Raises:
        ShapeError: the window reaches over more entries than there are.
        ConfigurationError: a stride, dilation or window below 1.

    >>> output_size(7, 3), output_size(7, 3, stride=2), output_size(7, 3, padding=1)
    (5, 3, 7)
    >>> output_size(4, 7, padding=1)
    Traceback (most recent call last):
        ...
    clearprop.errors.ShapeError: the window is larger than its input
      given:    4 entries + 1 + 1 of padding = 6, a window that reaches over 1 * (7 - 1) + 1 = 7
      expected: (4 + 1 + 1 - 1 * (7 - 1) - 1) // 1 + 1 = 0 places to be at least 1
      fix:      pad by 1 more, take a smaller window, or give a larger input
    """
    before, after = (padding, padding) if isinstance(padding, int) else padding
    for name, value in (("window", window), ("stride", stride), ("dilation", dilation)):
        if value < 1:
            raise _below_one(name, value)
    reach, room = dilation * (window - 1) + 1, size + before + after
    if reach > room:
        arithmetic = f"({size} + {before} + {after} - {dilation} * ({window} - 1) - 1) // {stride}"
        raise ShapeError(
            "the window is larger than its input",
            given=f"{size} entries + {before} + {after} of padding = {room}, a window that "
            f"reaches over {dilation} * ({window} - 1) + 1 = {reach}",
            expected=f"{arithmetic} + 1 = {(room - reach) // stride + 1} places to be at least 1",
            fix=f"pad by {reach - room} more, take a smaller window, or give a larger input",
        )
    return (room - reach) // stride + 1


def per_axis(value: Size, axes: int, *, name: str, where: str) -> tuple[int, ...]:
    """Return one number for each axis, from one number for all axes or one for each.

    Raises:
        ConfigurationError: there are more or fewer numbers than axes, or one is below 1.

    >>> per_axis(2, 3, name="stride", where="max_pool")
    (2, 2, 2)
    """
    values = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(values) != axes:
        raise ConfigurationError(
            f"{name} needs one number, or one for each of {axes} axes",
            where=where,
            given=f"{name}={value}",
        )
    for number in values:
        if number < 1:
            raise _below_one(name, number, where)
    return values


def pad_pairs(
    padding: Padding,
    sizes: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    *,
    where: str,
) -> Pairs:
    """Return the zeros (before, after) each axis.

    "same" gives ceil(size / stride) places, for every window; if the number of zeros is odd, the
    end gets one more.

    Raises:
        ConfigurationError: the padding has another form, or is below 0.

    >>> pad_pairs("same", [5], [4], [2], [1], where="convolution")
    ((1, 2),)
    """
    axes = len(sizes)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * axes
        if padding == "same":
            rows = zip(sizes, window, stride, dilation, strict=True)
            totals = [max((-(-n // s) - 1) * s + d * (f - 1) + 1 - n, 0) for n, f, s, d in rows]
            return tuple((total // 2, total - total // 2) for total in totals)
        raise _no_padding(padding, axes, where)
    given = [padding] * axes if isinstance(padding, int) else padding
    pairs = tuple((entry, entry) if isinstance(entry, int) else entry for entry in given)
    if len(pairs) != axes or any(min(pair) < 0 for pair in pairs):
        raise _no_padding(padding, axes, where)
    return pairs


def _below_one(name: str, value: int, where: str | None = None) -> ConfigurationError:
    return ConfigurationError(
        f"{name} must be at least 1",
        where=where,
        given=f"{name}={value}",
        fix=f"{name}=1 moves the window by one entry" if name == "stride" else f"{name}=1",
    )


def _no_padding(padding: Padding, axes: int, where: str) -> ConfigurationError:
    return ConfigurationError(
        "the padding has no known form",
        where=where,
        given=f"padding={padding!r}",
        expected=f"'same', 'valid', a number from 0 up, or a number or a pair (before, after) "
        f"for each of {axes} axes",
    )
