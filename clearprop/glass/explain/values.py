"""The numbers of one pass: computed when they are first asked for, all at once where they fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.glass.explain import program as programs
from clearprop.glass.explain.graph import Slot
from clearprop.glass.explain.program import Program
from clearprop.glass.explain.summary import Summary, summary_from, summary_of

Array = jax.Array


class Values:
    """The arrays of one pass by slot.

    Where all of them fit into the budget, the first question computes them all in one call. Where
    they do not, the pass is cut into parts that fit, each computed when it is asked for, and the
    oldest parts are given up for new ones.

    Attributes:
        program: the pass.
        given: what goes into it.
    """

    def __init__(self, program: Program, given: Sequence[Any]) -> None:
        self.program = program
        self.given = given
        self._budget = programs.budget()
        self._parts = _cut(program.sizes, self._budget)
        self._part_of = {n: part for part in self._parts for n in part}
        self._upright: set[int] = set()
        self._summaries: dict[int, Summary] = {}
        self._kept: OrderedDict[range, dict[int, Any]] = OrderedDict()

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

    def _computed(self, number: int) -> dict[int, Any]:
        """Return the part of the pass in which a variable stands, as it was computed."""
        part = self._part_of[number]
        if part not in self._kept:
            self._make_room(part)
            self._kept[part] = self.program.arrays(self.given, part)
            self._upright -= {*part}
        self._kept.move_to_end(part)
        return self._kept[part]

    def summary(self, slot: Slot) -> Summary:
        """Return an array in a few numbers; where not all fit, none has to be kept for it."""
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

    def product(self, place: Any, i: int, vector: Any, transposed: bool) -> Array:
        """Return a vector's product with a Jacobian: see `Program.product`."""
        product: Array = self.program.product(self.given, place, i, vector, transposed)
        return product

    def _make_room(self, part: range) -> None:
        sizes = self.program.sizes
        needed = sum(sizes[n] for n in part)
        while self._kept and needed + sum(sizes[n] for p in self._kept for n in p) > self._budget:
            self._kept.popitem(last=False)


def _cut(sizes: Sequence[int], budget: int) -> list[range]:
    """Cut arrays in their order into parts that fit; one that is too large alone is a part."""
    parts, start, total = [], 0, 0
    for number, size in enumerate(sizes):
        if total and total + size > budget:
            parts.append(range(start, number))
            start, total = number, 0
        total += size
    parts.append(range(start, len(sizes)))
    return parts
