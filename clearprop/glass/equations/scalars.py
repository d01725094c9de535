"""A small pass, number by number: every entry of every value is a quantity of its own.

The pass is recorded on a tape in double precision. An entry that is only moved (by a reshape, or a
sum of one term) is no new quantity.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import Node, Tape, Traced, sweep
from clearprop.autodiff.shapes import ArrayLike
from clearprop.autodiff.sweep import errors_of_inputs
from clearprop.errors import ShapeError
from clearprop.glass.equations.application import Application, Index, Operand
from clearprop.glass.equations.expression import Expression, Number, Symbol, symbols
from clearprop.glass.equations.moved import MOVING
from clearprop.glass.equations.templates import formula, local_formula

Place: TypeAlias = tuple[int, int, Index]
"""(node, output, index) of an entry on the tape."""

MOST_SCALARS = 1_500
"""The most numbers of a pass that is written out."""

_HANDING_ON = MOVING | {"sum", "mean", "max", "min"}


@dataclass(frozen=True)
class Scalar:
    """One number of a pass.

    Attributes:
        place: of the number on the tape.
        value: the number itself.
        error: dE/dvalue.
        operation: the operation that computed it; "" for a given number.
        layer: the path of the layer in which it was computed.
        formula: of other numbers, by their places; None where there is no formula.
        slopes: the formulas of its local derivatives, by the place of the number that it depends
            on; None where there is no formula.
        numeric: the values of its local derivatives.
    """

    place: Place
    value: float
    error: float
    operation: str = ""
    layer: str = ""
    formula: Expression | None = None
    slopes: Mapping[Place, Expression | None] = field(default_factory=dict)
    numeric: Mapping[Place, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scalars:
    """A pass in single numbers, in the order of computation.

    Attributes:
        all: the numbers, the given ones first.
        result: the place of E.
        outputs: the places of the model's outputs.
        targets: the places of the targets.
    """

    all: tuple[Scalar, ...]
    result: Place
    outputs: tuple[Place, ...] = ()
    targets: tuple[Place, ...] = ()

    def __iter__(self) -> Iterator[Scalar]:
        return iter(self.all)

    def reached(self) -> set[Place]:
        """Return the places that an error signal reaches; others occur in local derivatives."""
        by_place = {scalar.place: scalar for scalar in self.all}
        found, waiting = set[Place](), [self.result]
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += by_place[place].slopes
        return found


class Expansion:
    """Splits the nodes of a tape into single numbers.

    Args:
        tape: on which the pass was recorded.
        result: the last value of the pass, E.
        targets: a constant of the pass with these values is named as the target.
    """

    def __init__(self, tape: Tape, result: Traced, targets: ArrayLike | None = None) -> None:
        check_size(tape)
        self.tape = tape
        self.result = result
        self.targets = None if targets is None else np.asarray(targets)
        self.errors = sweep(tape, [(result, jnp.ones((), result.dtype))])
        self.known: dict[Place, Expression] = {}
        self.scalars: dict[Place, Scalar] = {}
        self.target_places: list[Place] = []

    def run(self, outputs: object = ()) -> Scalars:
        """Return the numbers that the result depends on."""
        for n, node in enumerate(self.tape.nodes):
            for k in reversed(range(len(node.outputs))):
                self._expand(n, k, node)
        end = self.place(self.result.node, self.result.output, ())
        places = [
            self.place(y.node, y.output, at)
            for y in jax.tree.leaves(outputs)
            if hasattr(y, "tape")
            for at in itertools.product(*map(range, y.shape))
        ]
        # The formula of a loss may not contain a target of 0 or 1; the target is given anyway.
        needed = self._needed(end).union(self.target_places)
        kept = [s for place, s in self.scalars.items() if place in needed]
        return Scalars(
            tuple(sorted(kept, key=lambda s: s.operation != "")),
            end,
            tuple(place for place in places if place in needed),
            tuple(self.target_places),
        )

    def place(self, n: int, k: int, at: Index) -> Place:
        """Return the place of the number in an entry, also where the number was only moved."""
        found = self.known[n, k, at]
        assert isinstance(found, Symbol)
        return place_of(found)

    def _expand(self, n: int, k: int, node: Node) -> None:
        values = np.asarray(node.outputs[k])
        if not np.issubdtype(values.dtype, np.floating):
            for at in itertools.product(*map(range, values.shape)):
                self.known[n, k, at] = Number(float(values[at]))
            return
        arrived = self.errors.get((n, k))
        errors = np.zeros(values.shape) if arrived is None else np.asarray(arrived)
        use = None if node.operation is None else self._application(n, k, node)
        for at in itertools.product(*map(range, values.shape)):
            place = (n, k, at)
            made = Scalar(place, float(values[at]), float(errors[at]))
            if use is not None:
                written = formula(use, at)
                if isinstance(written, Symbol | Number) and use.operation in _HANDING_ON:
                    self.known[place] = written
                    continue
                made = self._computed(made, node, use, written)
            self.known[place] = Symbol("", made.value, place)
            self.scalars[place] = made

    def _application(self, n: int, k: int, node: Node) -> Application:
        operands = tuple(
            None if x is None else self._operand(n, i, x, node.parents[i])
            for i, x in enumerate(node.inputs)
        )

        def result(output: int, at: Index) -> Expression:
            value = float(np.asarray(node.outputs[output])[at])
            return self.known.get((n, output, at), Symbol("", value, (n, output, at)))

        assert node.operation is not None
        shape = tuple(node.outputs[k].shape)
        return Application(
            node.operation.name, node.parameters, operands, k, shape, result, shown=None
        )

    def _operand(self, n: int, i: int, x: Any, parent: tuple[int, int] | None) -> Operand:
        array = np.asarray(x)
        if parent is not None:
            return Operand(array, lambda at: self.known[(*parent, at)])
        if self._is_target(array):
            return Operand(array, lambda at: self._target(array, at))
        return Operand(array, lambda at: Number(float(array[at])))

    def _is_target(self, array: Any) -> bool:
        t = self.targets
        if t is None or not np.issubdtype(t.dtype, np.floating):
            return False
        same = array.ndim > 0 and array.size == t.size
        return bool(same and np.array_equal(array.ravel(), t.ravel()))

    def _target(self, array: Any, at: Index) -> Symbol:
        place: Place = (-1, 0, (int(np.ravel_multi_index(at, array.shape)),))
        if place not in self.scalars:
            self.scalars[place] = Scalar(place, float(array[at]), math.nan)
            self.target_places.append(place)
        return Symbol("", float(array[at]), place)

    def _computed(
        self, made: Scalar, node: Node, use: Application, written: Expression | None
    ) -> Scalar:
        """Return a number with its formula and its local derivatives."""
        at = made.place[2]
        if written is not None and any(symbol.key is None for symbol in symbols(written)):
            written = None  # it contains a mean or a score, which is no number of the tape
        numeric = self._numeric(node, use, at, written)
        slopes: dict[Place, Expression | None] = {}
        for place, (number, i, where) in numeric.items():
            slope = None if written is None else local_formula(use, at, i, where)
            slopes[place] = slope if slope and _equal(slope.value, number) else None
        return replace(
            made,
            operation=use.operation,
            layer=node.layer,
            formula=written,
            slopes=slopes,
            numeric={place: number for place, (number, _, _) in numeric.items()},
        )

    def _numeric(
        self, node: Node, use: Application, at: Index, written: Expression | None
    ) -> dict[Place, tuple[float, int, Index]]:
        """Return by place the local derivative that the rule computes, an input and its index."""
        found: dict[Place, tuple[float, int, Index]] = {}
        if node.operation is None or not node.operation.differentiable:
            return found
        arrived: list[Any] = [None] * len(node.outputs)
        y = node.outputs[use.output]
        unit = np.zeros(y.shape, y.dtype)
        unit[at] = 1
        arrived[use.output] = jnp.asarray(unit)
        in_formula = set() if written is None else {s.key for s in symbols(written)}
        for i, slopes in enumerate(errors_of_inputs(node, arrived)):
            if slopes is None or use.inputs[i] is None:
                continue
            array = np.asarray(slopes)
            for where in itertools.product(*map(range, array.shape)):
                entry = use.operand(i).entry(where)
                if isinstance(entry, Symbol) and (array[where] != 0 or entry.key in in_formula):
                    place = place_of(entry)
                    before = found.get(place, (0.0, i, where))
                    found[place] = (before[0] + float(array[where]), *before[1:])
        return found

    def _needed(self, end: Place) -> set[Place]:
        """Return the places of all numbers that the result or its error signals depend on."""
        found, waiting = set[Place](), [end]
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            found.add(place)
            scalar = self.scalars[place]
            waiting += list(scalar.slopes)
            # The local derivative of a softmax has the other outputs in it.
            for written in (scalar.formula, *scalar.slopes.values()):
                if written is not None:
                    waiting += [place_of(s) for s in symbols(written)]
        return found


def place_of(symbol: Symbol) -> Place:
    """Return the place of the number that a symbol of an expanded formula names."""
    return cast(Place, symbol.key)


def check_size(tape: Tape) -> None:
    """Check that a pass is small enough to be written out.

    Raises:
        ShapeError: it has too many numbers.
    """
    size = sum(math.prod(v.shape) for node in tape.nodes for v in node.outputs)
    if size > MOST_SCALARS:
        raise ShapeError(
            "the pass holds too many numbers to be written out one by one",
            given=f"{size:,} numbers",
            expected=f"at most {MOST_SCALARS:,}",
            fix="take one example and a smaller network; "
            "glass.equations(node) shows any entry of a large one",
        )


def _equal(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))


def on_tape(
    compute: Callable[[Tape], tuple[Traced, object]], targets: ArrayLike | None = None
) -> Scalars:
    """Run a pass in double precision and return its numbers.

    Args:
        compute: records the pass; it returns the result and the model's outputs.
        targets: a constant of the pass with these values is named as the target.
    """
    tape = Tape()
    with jax.enable_x64(True):
        try:
            result, outputs = compute(tape)
            return Expansion(tape, result, targets).run(outputs)
        finally:
            tape.closed = True
