"""How one entry of a node came about: kernel x patch = sum, a pool of a window, a weighted sum.

Shape letters: K window (one to three axes), C channels, N entries of a weighted sum.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from clearprop.autodiff import OPERATIONS
from clearprop.glass.explain import GlassNode
from clearprop.ops.conv.geometry import Geometry
from clearprop.ops.pool import counted_entries, geometry_of_pool
from clearprop.studio.frames import pack
from clearprop.studio.models.headers import CellKind, CellOperand, CellShown
from clearprop.studio.models.passes import ViewedPass, entry, fields_of, finite_or_none

Numbers = NDArray[np.float32]
Place = tuple[int, ...]

AXES = {1: ("rows",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
"""The names of the axes of places."""

MOST_TERMS = 100_000
"""A weighted sum of more terms is explained by its equations alone."""


@dataclass(frozen=True, eq=False)
class Window:
    """The entries of an input that a window covers at one place.

    Attributes:
        places: along each axis the numbers of the input's rows, also those in the padding.
        inside: (*K,), False in the padding.
        patch: (*K, C), 0 in the padding.
    """

    places: tuple[NDArray[np.int32], ...]
    inside: NDArray[np.bool_]
    patch: Numbers

    @classmethod
    def at(cls, x: NDArray[Any], geometry: Geometry, place: Place, channels: slice) -> Window:
        """Return the window of an output's place.

        Args:
            x: the input of one example, (*sizes, C).
            geometry: of the windows.
            place: of the output, without batch and channel.
            channels: those that it reads.
        """
        places = tuple(
            (at * s - before + d * np.arange(taps)).astype(np.int32)
            for at, s, (before, _), d, taps in zip(
                place,
                geometry.stride,
                geometry.padding,
                geometry.dilation,
                geometry.window,
                strict=True,
            )
        )
        there = [(p >= 0) & (p < n) for p, n in zip(places, geometry.sizes, strict=True)]
        inside = np.asarray(np.stack(np.meshgrid(*there, indexing="ij")).all(axis=0))
        clipped = [np.clip(p, 0, n - 1) for p, n in zip(places, geometry.sizes, strict=True)]
        patch = np.asarray(x, np.float32)[np.ix_(*clipped)][..., channels]
        return cls(places, inside, np.where(inside[..., None], patch, 0).astype(np.float32))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The places and the mask for a frame."""
        named = dict(zip(AXES[len(self.places)], self.places, strict=True))
        return {"inside": self.inside.astype(np.uint8), **named}


def geometry_of(node: GlassNode) -> Geometry:
    """Return how the window of a convolution or a pool moves over its input."""
    options = node.parameters
    shape = _shape_of_input(node, 0)
    if node.operation != "convolution":
        return geometry_of_pool(shape, node.operation, options)
    return Geometry.of(
        shape[1:-1],
        _shape_of_input(node, 1)[:-2],
        stride=cast(Any, options.get("stride", 1)),
        padding=cast(Any, options.get("padding", 0)),
        dilation=cast(Any, options.get("dilation", 1)),
        where=node.name,
    )


def _shape_of_input(node: GlassNode, i: int) -> Place:
    source = node.sources[i]
    return (
        node.glass[source].shape
        if source is not None
        else np.shape(cast(Any, node.input_values[i]))
    )


def winner_of(window: Window) -> Place:
    """Return which entry of a window of one channel is the largest, the one that gets the error.

    NaN wins, as in the operation; of several largest ones it is the first.
    """
    sizes = np.where(window.inside, window.patch[..., 0], -np.inf)
    best = int(sizes.argmax()) if not np.isnan(sizes).any() else int(np.isnan(sizes).argmax())
    return tuple(int(k) for k in np.unravel_index(best, sizes.shape))


def entries_of(node: GlassNode, geometry: Geometry, place: Place) -> int:
    """Return by how many entries an average pool divides the sum of its window at a place."""
    counts = counted_entries(geometry, bool(node.parameters.get("count_padding", True)))
    return math.prod(int(of_axis[k]) for of_axis, k in zip(counts, place, strict=True))


def cell_frame(seen: ViewedPass, number: int, index: str) -> bytes:
    """Return the frame "cell" of one entry of a node.

    Raises:
        ConfigurationError: there is no such node or entry.
    """
    node = seen.node(number)
    place = entry(index, node.shape)
    made = _Cell(seen, node, place)
    summed = made.summed
    if summed is not None:
        return made.weighted(*summed)
    if node.operation == "convolution":
        return made.convolution()
    if node.operation in ("max_pool", "average_pool"):
        return made.pool()
    row = OPERATIONS.get(node.operation)
    if row is not None and row.stacks is True:
        return made.frame("entrywise", operands=made.operands())
    return made.frame("other", text=str(seen.glass.equations(node, place)))


class _Cell:
    """One entry of a node.

    Args:
        seen: the pass.
        node: whose entry it is.
        place: its index.
    """

    def __init__(self, seen: ViewedPass, node: GlassNode, place: Place) -> None:
        self.seen = seen
        self.node = node
        self.place = place
        self.value = float(np.asarray(node.value)[place])
        error = node.error
        self.error = None if error is None else float(np.asarray(error)[place])

    def frame(
        self,
        kind: CellKind,
        arrays: Mapping[str, NDArray[Any]] | None = None,
        **known: Any,
    ) -> bytes:
        """Return the frame of the entry."""
        header = CellShown(
            pass_id=self.seen.name,
            node=self.node.index,
            cell_kind=kind,
            index=self.place,
            value=finite_or_none(self.value),
            error=finite_or_none(self.error),
            **known,
        )
        return pack("cell", fields_of(header), dict(arrays or {}))

    # -- windows ----------------------------------------------------------------------------------

    def convolution(self) -> bytes:
        """Return the frame of an entry of a convolution: kernel x patch = sum."""
        x, kernel, *rest = (None if v is None else np.asarray(v) for v in self.node.input_values)
        assert x is not None
        assert kernel is not None
        weights = kernel[..., self.place[-1]].astype(np.float32)
        options = self.node.parameters
        groups = int(cast("int", options.get("groups", 1)))
        of_group = weights.shape[-1]
        group = self.place[-1] // (kernel.shape[-1] // groups)
        channels = slice(group * of_group, (group + 1) * of_group)
        geometry = geometry_of(self.node)
        window = Window.at(x[self.place[0]], geometry, self.place[1:-1], channels)
        product = window.patch * weights
        bias = rest[0] if rest else None
        added = None if bias is None else float(bias[self.place[-1]])
        error = self.error or 0.0
        inside = window.inside[..., None]
        arrays = {
            "patch": window.patch,
            "kernel": weights,
            "product": product,
            "channels": np.arange(channels.start, channels.stop, dtype=np.int32),
            # What falls on the padding is passed to nobody.
            "passed": np.where(inside, error * weights, 0).astype(np.float32),
            "gradient": (error * window.patch).astype(np.float32),
            **window.arrays,
        }
        total = float(product.sum(dtype=np.float64)) + (added or 0.0)
        sources = self.node.sources
        return self.frame(
            "convolution",
            arrays,
            total=finite_or_none(total),
            bias=added,
            source=sources[0],
            weights=sources[1],
        )

    def pool(self) -> bytes:
        """Return the frame of an entry of a pool: which entry of the window won, or the mean."""
        x = np.asarray(self.node.input_values[0])
        geometry = geometry_of(self.node)
        channel = self.place[-1]
        window = Window.at(
            x[self.place[0]], geometry, self.place[1:-1], slice(channel, channel + 1)
        )
        patch, inside = window.patch[..., 0], window.inside
        error = self.error or 0.0
        winner: Place | None = None
        if self.node.operation == "max_pool":
            winner = winner_of(window)
            total = float(patch[winner])
            passed = np.zeros(patch.shape, np.float32)
            passed[winner] = error
        else:
            entries = entries_of(self.node, geometry, self.place[1:-1])
            total = float(patch.sum(dtype=np.float64)) / entries
            passed = np.where(inside, error / entries, 0).astype(np.float32)
        kind: CellKind = "max_pool" if winner is not None else "average_pool"
        arrays = {"patch": patch, "passed": passed, **window.arrays}
        return self.frame(
            kind, arrays, total=finite_or_none(total), winner=winner, source=self.node.sources[0]
        )

    # -- sums -------------------------------------------------------------------------------------

    @property
    def summed(self) -> tuple[GlassNode, float | None] | None:
        """The matrix product that the entry is, with the bias that is added to it; else None."""
        node = self.node
        if node.operation == "matmul":
            return (node, None) if _is_product(node) else None
        if node.operation != "add" or len(node.inputs) != 2:
            return None
        for product, other in itertools.permutations(node.inputs):
            if (
                isinstance(product, GlassNode)
                and product.operation == "matmul"
                and product.shape == node.shape
                and isinstance(other, GlassNode)
                and other.operation == "parameter"
                and other.shape == node.shape[-1:]
                and _is_product(product)
            ):
                return product, float(np.asarray(other.value)[self.place[-1]])
        return None

    def weighted(self, product: GlassNode, bias: float | None) -> bytes:
        """Return the frame of an entry of a matrix product: input x weight = sum."""
        left, right = (np.asarray(v, np.float32) for v in product.input_values)
        *places, i, j = (*self.place,) if len(self.place) > 1 else (0, *self.place)
        given = left[_broadcast_place(tuple(places), left.shape[:-2])][i]
        weights = right[_broadcast_place(tuple(places), right.shape[:-2])][:, j]
        error = self.error or 0.0
        terms = given * weights
        total = float(terms.sum(dtype=np.float64)) + (bias or 0.0)
        arrays = {
            "input": given,
            "weight": weights,
            "product": terms,
            "passed": (error * weights).astype(np.float32),
            "gradient": (error * given).astype(np.float32),
        }
        sources = product.sources
        return self.frame(
            "weighted_sum",
            arrays,
            total=finite_or_none(total),
            bias=bias,
            source=sources[0],
            weights=sources[1],
        )

    # -- entry by entry ---------------------------------------------------------------------------

    def operands(self) -> tuple[CellOperand, ...]:
        """Return the inputs of an entrywise operation at the entry."""
        found = []
        for k, given in enumerate(self.node.input_values):
            if given is None:
                continue
            array = np.asarray(given)
            place = _broadcast_place(self.place, array.shape)
            local = self.node.local(k)
            slope = float(np.asarray(local)[self.place]) if hasattr(local, "dtype") else None
            source = self.node.sources[k]
            passed = None if slope is None or self.error is None else slope * self.error
            found.append(
                CellOperand(
                    node=source,
                    name=f"constant {k}" if source is None else self.seen.glass[source].name,
                    index=place,
                    value=finite_or_none(float(array[place])),
                    local=finite_or_none(slope),
                    passed=finite_or_none(passed),
                )
            )
        return tuple(found)


def _is_product(node: GlassNode) -> bool:
    """Say whether a product of matrices is one that a page can show, term by term."""
    left, right = (np.asarray(v).shape for v in node.input_values)
    return len(left) >= 2 and len(right) >= 2 and left[-1] <= MOST_TERMS


def _broadcast_place(place: Place, shape: Sequence[int]) -> Place:
    """Return the index of the entry of a broadcast array that an entry of the result reads.

    >>> _broadcast_place((2, 3), (4,)), _broadcast_place((2, 3), (1, 4))
    ((3,), (0, 3))
    """
    last = place[len(place) - len(shape) :] if shape else ()
    return tuple(0 if size == 1 else k for k, size in zip(last, shape, strict=True))
