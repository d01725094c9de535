"""The numbers of one pass: computed when they are first read, all at once if memory allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.glass.nodes import program as programs
from clearprop.glass.nodes.array_summary import ArraySummary, summary_from, summary_of
from clearprop.glass.nodes.graph import Link, Slot, Spec
from clearprop.glass.nodes.program import Program

Array = jax.Array
T = TypeVar("T")


class Values:
    """The arrays of one pass by slot.

    If all of them fit into the memory budget, the first access computes them all in one call. If
    they do not, they are divided into parts that fit. A part is computed when one of its arrays is
    read, and the parts that were not read for the longest time are dropped.

    Args:
        program: the traced pass.
        given: the arrays that it takes.
        budget: bytes that the arrays may take; None asks how much memory there is, which takes
            longer than a small pass.

    Attributes:
        program: the traced pass.
        given: the arrays that it takes.
        budget: bytes that the arrays may take.
    """

    def __init__(self, program: Program, given: Sequence[Array], budget: int | None = None) -> None:
        self.program = program
        self.given = given
        self.budget = programs.budget() if budget is None else budget
        self._parts = _cut(program.sizes, self.budget)
        self._part_of = {n: part for part in self._parts for n in part}
        self._upright: set[int] = set()
        self._summaries: dict[int, ArraySummary] = {}
        self._kept: OrderedDict[range, dict[int, Array]] = OrderedDict()

    @property
    def fits(self) -> bool:
        """Whether all arrays are kept at once."""
        return len(self._parts) == 1

    def __getitem__(self, slot: Slot) -> Array:
        number = self.program.variable_of[slot.number]
        if number in self.program.given:
            return jnp.asarray(self.given[self.program.given[number]])
        part = self._computed(number)
        if number not in self._upright and self.program.is_turned(number):
            part[number] = jnp.transpose(part[number], (3, 0, 1, 2))
            self._upright.add(number)
        found: Array = part[number]
        return found

    def _computed(self, number: int) -> dict[int, Array]:
        """Return the part with a variable, each array in the layout in which it was computed."""
        part = self._part_of[number]
        if part not in self._kept:
            self._make_room(part)
            self._kept[part] = self.program.arrays(self.given, part)
            self._upright -= {*part}
        self._kept.move_to_end(part)
        return self._kept[part]

    def summary(self, slot: Slot) -> ArraySummary:
        """Return an array in a few numbers; if not all arrays fit, no array is kept for this."""
        number = self.program.variable_of[slot.number]
        if number not in self._summaries:
            if number in self.program.given:
                self._summaries[number] = summary_of(self[slot])
            elif self.fits:
                self._summaries[number] = summary_of(self._computed(number)[number])
            else:
                numbers = self.program.summaries(self.given)
                self._summaries = dict(enumerate(map(summary_from, np.asarray(numbers))))
        return self._summaries[number]

    def error(self, spec: Spec) -> Array | None:
        """Return the error signal of a node: see `GlassNode.error`."""
        if spec.error is not None:
            return self[spec.error]
        return jnp.zeros(spec.shape, spec.dtype) if spec.carries_error else None

    def inputs(self, spec: Spec) -> tuple[Array | float | None, ...]:
        """Return the values of a node's inputs: arrays, numbers or None."""
        nodes = self.program.graph.nodes
        return tuple(
            self.plain(nodes[x.index].value if isinstance(x, Link) else x) for x in spec.inputs
        )

    def siblings(self, spec: Spec) -> tuple[Spec, ...]:
        """Return all outputs of a node's operation, its own among them."""
        first = spec.index - spec.output
        return self.program.graph.nodes[first : first + spec.outputs]

    def parameters(self, spec: Spec) -> dict[str, object]:
        """Return the static parameters of a node's operation."""
        found: dict[str, object] = jax.tree.map(self.plain, spec.parameters)
        return found

    def plain(self, given: T | Slot) -> T | Array:
        """Return the array of a slot; anything else as it is."""
        return self[given] if isinstance(given, Slot) else given

    def _make_room(self, part: range) -> None:
        sizes = self.program.sizes
        needed = sum(sizes[n] for n in part)
        while self._kept and needed + sum(sizes[n] for p in self._kept for n in p) > self.budget:
            self._kept.popitem(last=False)


def _cut(sizes: Sequence[int], budget: int) -> list[range]:
    """Divide arrays in their order into parts that fit; an array that is too large is one part."""
    parts, start, total = [], 0, 0
    for number, size in enumerate(sizes):
        if total and total + size > budget:
            parts.append(range(start, number))
            start, total = number, 0
        total += size
    parts.append(range(start, len(sizes)))
    return parts
