"""One pass of a network for one input, with every number that a page may ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.glass.explain import Glass, GlassNode, explain
from clearprop.glass.explain.sample import layouts
from clearprop.glass.nodes import program as programs
from clearprop.glass.nodes.array_summary import ArraySummary
from clearprop.glass.nodes.values import Values
from clearprop.memory import shown_size
from clearprop.nn.definitions import ENDS
from clearprop.studio.frames import pack
from clearprop.studio.models.aim import Aim, Outcome, aim_of, outcome_of, with_prediction
from clearprop.studio.models.graph import traced
from clearprop.studio.models.headers import (
    STATISTICS,
    ArrayShown,
    NumbersShown,
    PassShown,
    What,
)
from clearprop.studio.models.messages import PassRequest, WhyShown, WhyStep
from clearprop.studio.models.numbers import (
    Layout,
    codes_of,
    saturated_fraction,
    shown,
    statistics,
)
from clearprop.studio.models.opened import Opened

MOST_PARTS = 4
"""Arrays of a pass that do not fit into the memory at once are computed in so many parts."""

MOST_NUMBERS = 1 << 20
"""The most exact floats of one request."""


@dataclass(frozen=True, eq=False)
class ViewedPass:
    """A pass that is looked at.

    Attributes:
        name: for all requests about it.
        opened: the network.
        aim: its input and its target.
        glass: every number of it.
        outcome: what the network predicts.
    """

    name: str
    opened: Opened
    aim: Aim
    glass: Glass
    outcome: Outcome

    @classmethod
    def of(cls, name: str, opened: Opened, request: PassRequest) -> ViewedPass:
        """Return the pass that is asked for.

        Raises:
            ClearpropError: there is no such example, the input cannot be read, or the numbers of
                the pass do not fit into the memory.
        """
        aim = aim_of(opened, request)
        glass = _glass(opened, aim)
        output = _output(glass)
        if aim.is_open and output is not None:
            aim = with_prediction(opened, aim, np.asarray(output.value))
            glass = _glass(opened, aim)
            output = _output(glass)
        made = np.asarray(output.value) if output is not None else None
        return cls(name, opened, aim, glass, outcome_of(opened, aim, made))

    def again(self, model: nn.Module) -> ViewedPass:
        """Return the pass of the same input through the same network with other weights.

        A target that is the prediction is found anew. It takes milliseconds: nothing is checked,
        and the memory for the arrays is not asked for again.

        Args:
            model: of the same class and shapes.
        """
        opened = replace(self.opened, subject=replace(self.opened.subject, model=model))
        aim, glass = self.aim, self._swept(model, self.aim)
        output = _output(glass)
        if aim.assumed and output is not None and opened.output == "class":
            aim = with_prediction(opened, aim, np.asarray(output.value))
            if not np.array_equal(aim.y, self.aim.y):
                glass = self._swept(model, aim)
                output = _output(glass)
        made = np.asarray(output.value) if output is not None else None
        return ViewedPass(self.name, opened, aim, glass, outcome_of(opened, aim, made))

    def _swept(self, model: nn.Module, aim: Aim) -> Glass:
        program, arrays = programs.prepare(model, aim.x, aim.y, self.opened.loss, False, None)
        return Glass(Values(program, arrays, self.glass.values.budget))

    @property
    def size(self) -> int:
        """Bytes of all its arrays."""
        return self.glass.values.program.size

    @property
    def has_own_graph(self) -> bool:
        """Whether its graph differs from that of the examples."""
        own, usual = self.glass.values.program, traced(self.opened)
        if own is usual:
            return False
        known = [(spec.name, spec.shape) for spec in usual.graph.nodes]
        return known != [(spec.name, spec.shape) for spec in own.graph.nodes]

    @property
    def output(self) -> GlassNode | None:
        """The node of the network's output; None where the pass has no single one."""
        return _output(self.glass)

    def node(self, number: int) -> GlassNode:
        """Return a node by its number.

        Raises:
            ConfigurationError: there is none.
        """
        if not 0 <= number < len(self.glass):
            raise ConfigurationError(
                "the pass has no such node",
                given=str(number),
                expected=f"0 to {len(self.glass) - 1}",
            )
        return self.glass[number]

    def shown(self) -> PassShown:
        """Return the header of the frame "pass"."""
        objective = self.glass.objective
        return PassShown(
            pass_id=self.name,
            source=self.opened.entry.id,
            example=self.aim.row,
            title=self.aim.title,
            objective=objective if math.isfinite(objective) else None,
            target=self.outcome.target,
            prediction=self.outcome.prediction,
            right=self.outcome.right,
            chances=self.outcome.chances,
            picture=self.aim.picture,
            own_graph=self.has_own_graph,
            remarks=(*self.opened.remarks, *self.aim.remarks),
        )

    def frame(self) -> bytes:
        """Return the frame "pass"."""
        rows = [_statistics_of(node) for node in self.glass]
        value, error = (np.array(part, np.float32) for part in zip(*rows, strict=True))
        return pack("pass", fields_of(self.shown()), {"value": value, "error": error})

    def array(self, number: int, what: What = "value", given: int = 0, first: int = 0) -> bytes:
        """Return the frame "array" of a node.

        Args:
            number: of the node.
            what: see `ArrayShown`.
            given: which input, for "passed" and "local".
            first: number of the first tile.

        Raises:
            ConfigurationError: there is no such node, input or array.
        """
        node = self.node(number)
        values = self._values(node, what, given)
        place = node.index
        if what == "passed":
            source = node.sources[given]
            place = -1 if source is None else source
        part = shown(values, self._layout(place), first)
        codes, limit = codes_of(part.entries)
        header = ArrayShown(
            pass_id=self.name,
            node=number,
            what=what,
            shape=tuple(values.shape),
            tile_axes=part.axes.tiles,
            row_axes=part.axes.rows,
            column_axes=part.axes.columns,
            wrap=part.axes.wrap,
            first=first,
            tiles=part.tiles,
            factor=part.factor,
            limit=limit,
        )
        arrays: dict[str, NDArray[Any]] = {"codes": codes, "numbers": part.entries}
        return pack("array", fields_of(header), arrays)

    def numbers(self, number: int, what: What, given: int, index: str) -> bytes:
        """Return the frame "numbers": exact floats of a node.

        Args:
            number: of the node.
            what: see `ArrayShown`.
            given: which input, for "passed" and "local".
            index: one number for each axis, or ":" for all of it, such as "0,3,:,2".

        Raises:
            ConfigurationError: there is no such node, input or entry, or it is too much.
        """
        values = self._values(self.node(number), what, given)
        part = np.asarray(values[_slices(index, values.shape)])
        if part.size > MOST_NUMBERS:
            raise ConfigurationError(
                "these are too many numbers for one request",
                given=f"{part.size:,}",
                expected=f"at most {MOST_NUMBERS:,}",
                fix="ask for a slice",
            )
        header = NumbersShown(self.name, number, what, index, tuple(values.shape))
        return pack("numbers", fields_of(header), {"numbers": _plain(part)})

    def why(self, number: int, index: str = "") -> WhyShown:
        """Return why the error signal of a node, or of one of its entries, has its size.

        Raises:
            ConfigurationError: there is no such node or entry, or it carries no error signal.
        """
        node = self.node(number)
        place = entry(index, node.shape) if index else None
        found = self.glass.why(node.name, place)
        return WhyShown(
            node=number,
            verdict=found.verdict,
            norm=finite_or_none(found.norm),
            culprit=self.glass[found.culprit].index if found.culprit is not None else None,
            reason=found.reason,
            steps=tuple(
                WhyStep(
                    self.glass[step.name].index,
                    step.name,
                    finite_or_none(step.factor),
                    finite_or_none(step.norm),
                )
                for step in found.steps
            ),
        )

    def equations(self, number: int, index: str) -> str:
        """Return the chain rule at an entry of a node, with symbols and with its numbers.

        Raises:
            ConfigurationError: there is no such node or entry.
        """
        node = self.node(number)
        return str(self.glass.equations(node, entry(index, node.shape)))

    def _layout(self, number: int) -> Layout:
        known: dict[int, Any] = layouts(self.glass.nodes)
        layout: Layout = known.get(number, "")
        return layout

    def _values(self, node: GlassNode, what: What, given: int) -> NDArray[Any]:
        """Return an array of a node: its value, its error signal, or one of an input."""
        if what == "value":
            return np.asarray(node.value)
        if what == "error":
            if (error := node.error) is None:
                raise _nothing(node, "it carries no error signal")
            return np.asarray(error)
        if not 0 <= given < len(node.sources):
            raise _nothing(node, f"it has {len(node.sources)} inputs, counted from 0")
        if what == "passed":
            if (passed := node.passed(given)) is None:
                raise _nothing(node, f"it passes nothing to its input {given}")
            return np.asarray(passed)
        local = node.local(given)
        if local is None or not hasattr(local, "dtype"):
            raise _nothing(node, "its derivative is a table, not one number for each entry")
        return np.asarray(local)


def _glass(opened: Opened, aim: Aim) -> Glass:
    """Return the pass, whose arrays fit into the memory, at least in a few parts.

    Raises:
        ConfigurationError: they do not.
    """
    target = aim.provisional if aim.is_open else aim.y
    glass = explain(opened.model, aim.x, target, opened.loss)
    size, limit = glass.values.program.size, programs.budget()
    if size > MOST_PARTS * limit:
        raise ConfigurationError(
            "the numbers of this pass do not fit into the memory",
            where=opened.entry.title,
            given=f"{len(glass):,} nodes, which take {shown_size(size)}",
            expected=f"at most {shown_size(MOST_PARTS * limit)}",
            fix="take a shorter or smaller input; the graph can be looked at without a pass",
        )
    return glass


def _output(glass: Glass) -> GlassNode | None:
    index = glass.structure.layers.get("")
    return None if index is None else glass[index]


def _statistics_of(node: GlassNode) -> tuple[list[float], list[float]]:
    size = int(np.prod(node.shape, dtype=np.int64))
    saturated = math.nan
    if node.operation in ENDS and node.glass.values.fits:
        saturated = saturated_fraction(node.operation, np.asarray(node.value))
    value = statistics(node.summary, size, saturated)
    arrived: ArraySummary | None = node.error_summary
    if arrived is None:
        return value, [math.nan] * len(STATISTICS)
    return value, statistics(arrived, size)


def entry(index: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return one entry's index from text.

    Raises:
        ConfigurationError: there is no such entry.

    >>> entry("0,3", (1, 5))
    (0, 3)
    """
    place = _slices(index, shape)
    if any(isinstance(part, slice) for part in place):
        raise _no_entry(index, shape)
    return tuple(int(part) for part in place if isinstance(part, int))


def _slices(index: str, shape: tuple[int, ...]) -> tuple[int | slice, ...]:
    parts = [part.strip() for part in index.split(",")] if index.strip() else []
    if len(parts) != len(shape):
        raise _no_entry(index, shape)
    found: list[int | slice] = []
    for part, size in zip(parts, shape, strict=True):
        if part == ":":
            found.append(slice(None))
        elif part.isascii() and part.isdecimal() and int(part) < size:
            found.append(int(part))
        else:
            raise _no_entry(index, shape)
    return tuple(found)


def _no_entry(index: str, shape: tuple[int, ...]) -> ConfigurationError:
    return ConfigurationError(
        "there is no such entry",
        given=index[:80],
        expected=f"one number for each axis of {shape}",
    )


def _nothing(node: GlassNode, why: str) -> ConfigurationError:
    return ConfigurationError("there is no such array", where=node.name, given=why)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers in a type that a frame has."""
    kinds: dict[str, type[np.generic]] = {"b": np.uint8, "i": np.int32, "u": np.int32}
    return values.astype(kinds.get(values.dtype.kind, np.float32))


def finite_or_none(x: float | None) -> float | None:
    """Return a number for a header; None where it is not finite, as JSON has no such numbers.

    >>> finite_or_none(2.0), finite_or_none(math.inf), finite_or_none(None)
    (2.0, None, None)
    """
    return None if x is None or not math.isfinite(x) else x


def fields_of(header: Any) -> dict[str, Any]:
    """Return the fields of a header for `pack`."""
    return {name: getattr(header, name) for name in header.__struct_fields__}
