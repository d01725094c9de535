"""A pass step by step: its numbers, its links, and what happens in which order.

Forward steps have the order of the tape, backward steps that of the sweep: from the last operation
to the first. At its step an operation hands its error signal, which is complete, on to its inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from clearprop.glass.equations.expression import (
    Apply,
    Expression,
    Symbol,
    call,
    joined,
    product,
    substitute,
    total,
)
from clearprop.glass.equations.passes import Pass
from clearprop.glass.equations.scalars import Place, Scalar, place_of
from clearprop.glass.equations.sheet import Line, Section, Sheet
from clearprop.glass.equations.solution import WorkedSolution
from clearprop.studio.backward.gate_words import used
from clearprop.studio.backward.gates import Elementary, elementary
from clearprop.studio.backward.messages import Detail


@dataclass(frozen=True, eq=False)
class FlowLink:
    """A number that is an input of an operation.

    Attributes:
        source: the number.
        user: what the operation computed.
        slope: the local derivative; None where no error signal passes, as to a target.
        formula: of the local derivative; None where it has none.
    """

    source: Place
    user: Place
    slope: float | None
    formula: Expression | None


@dataclass(frozen=True, eq=False)
class FlowVisit:
    """What the sweep does at one operation.

    Attributes:
        user: whose error signal is complete.
        links: through which it is handed on, by their numbers.
        complete: the numbers whose error signals are complete after it.
    """

    user: Place
    links: tuple[int, ...]
    complete: tuple[Place, ...]


@dataclass(frozen=True, eq=False)
class Flow:
    """A pass with its links, and the order of the sweep.

    Attributes:
        solution: that works the pass out.
        run: the pass as it is shown.
        detail: which operations are shown.
        without: why they are not shown gate by gate; "" where nothing is in the way.
        targets: the places of the targets.
        outputs: the places of the outputs; empty for a function.
        scalars: the numbers by place, given ones first.
        links: in the order of their users.
    """

    solution: WorkedSolution
    run: Pass
    detail: Detail
    without: str
    targets: frozenset[Place]
    outputs: tuple[Place, ...]
    scalars: Mapping[Place, Scalar] = field(init=False)
    links: tuple[FlowLink, ...] = field(init=False)

    def __post_init__(self) -> None:
        by_place = {scalar.place: scalar for scalar in self.run.scalars}
        object.__setattr__(self, "scalars", by_place)
        object.__setattr__(self, "links", tuple(self._links()))

    @classmethod
    def of(cls, solution: WorkedSolution, detail: Detail | None = None) -> Flow:
        """Return the flow of a worked solution; a detail that it does not have is another one."""
        own = solution.step.first
        targets, outputs = frozenset(own.scalars.targets), own.scalars.outputs
        if not own.given.learned:
            return cls(solution, own, "gates", "", targets, outputs)
        split = elementary(own)
        why = split if isinstance(split, str) else ""
        if detail == "gates" and isinstance(split, Elementary):
            return cls(solution, split.written, "gates", why, split.targets, split.outputs)
        return cls(solution, own, "neurons", why, targets, outputs)

    @property
    def details(self) -> tuple[Detail, ...]:
        """Which details can be shown."""
        if not self.run.given.learned:
            return ("gates",)
        return ("neurons",) if self.without else ("neurons", "gates")

    @functools.cached_property
    def reached(self) -> set[Place]:
        """The places that an error signal reaches."""
        return self.run.scalars.reached()

    @property
    def result(self) -> Place:
        """The place of E."""
        return self.run.scalars.result

    def name(self, place: Place) -> str:
        """Return the name of a number."""
        return self.run.names[place]

    def error_name(self, place: Place) -> str:
        """Return the name of an error signal."""
        return f"d{self.run.result}/d{self.name(place)}"

    @functools.cached_property
    def changing(self) -> frozenset[Place]:
        """The places of the numbers that gradient descent changes.

        A number on which E does not depend, such as a weight before a step function, is none of
        the pass.
        """
        if self.solution.step.rate is None:
            return frozenset()
        return frozenset(self.run.given.learned or self.run.given.inputs) & self.scalars.keys()

    @functools.cached_property
    def arriving(self) -> dict[Place, tuple[int, ...]]:
        """The links through which each error signal arrives, in the order of the sweep."""
        found: dict[Place, tuple[int, ...]] = dict.fromkeys(self.scalars, ())
        for visit in self.visits:
            for number in visit.links:
                found[self.links[number].source] += (number,)
        return found

    @functools.cached_property
    def visits(self) -> tuple[FlowVisit, ...]:
        """The operations in the order of the sweep."""
        of_user: dict[Place, list[int]] = {}
        missing: dict[Place, int] = {}
        for number, link in enumerate(self.links):
            if link.slope is not None:
                of_user.setdefault(link.user, []).append(number)
                missing[link.source] = missing.get(link.source, 0) + 1
        made = []
        for place in self.swept:
            complete = []
            for number in of_user.get(place, ()):
                source = self.links[number].source
                missing[source] -= 1
                if not missing[source]:
                    complete.append(source)
            made.append(FlowVisit(place, tuple(of_user.get(place, ())), tuple(complete)))
        return tuple(made)

    @property
    def swept(self) -> list[Place]:
        """The results of operations in the order of the sweep; arrays keep their order inside."""
        computed = [p for p, s in self.scalars.items() if s.operation and p in self.reached]
        return sorted(computed, key=lambda place: -place[0])

    def _links(self) -> Iterator[FlowLink]:
        for user, scalar in self.scalars.items():
            sources = [place_of(symbol) for symbol in used(scalar)]
            sources += [place for place in scalar.numeric if place not in sources]
            for source in sources:
                is_passed = user in self.reached and source not in self.targets
                slope = scalar.numeric.get(source) if is_passed else None
                yield FlowLink(source, user, slope, scalar.slopes.get(source))

    # --- formulas --------------------------------------------------------------------------------

    def named(self, formula: Expression) -> Expression:
        """Return a formula with the names of its numbers."""

        def name(symbol: Symbol) -> Expression | None:
            if symbol.key is None:
                return None
            return Symbol(self.name(place_of(symbol)), symbol.value)

        return substitute(formula, name)

    def forward(self, scalar: Scalar) -> Expression:
        """Return the formula of a value; without one, its operation as a function."""
        if scalar.formula is not None:
            return self.named(scalar.formula)
        return call(scalar.operation, *(self._symbol(place) for place in scalar.numeric))

    def _symbol(self, place: Place) -> Symbol:
        return Symbol(self.name(place), self.scalars[place].value)

    def error(self, place: Place) -> Symbol:
        """Return the symbol of an error signal."""
        return Symbol(self.error_name(place), self.scalars[place].error)

    def slope(self, link: FlowLink) -> Symbol:
        """Return the symbol of a local derivative."""
        assert link.slope is not None
        return Symbol(f"d{self.name(link.user)}/d{self.name(link.source)}", link.slope)

    def factor(self, link: FlowLink) -> Expression:
        """Return the formula of a local derivative; without one, its symbol."""
        return self.slope(link) if link.formula is None else self.named(link.formula)

    def chain(self, link: FlowLink) -> Expression:
        """Return error signal times local derivative, both as symbols."""
        return joined("*", [self.error(link.user), self.slope(link)])

    def written(self, link: FlowLink) -> Expression:
        """Return error signal times the formula of the local derivative, also where that is 1."""
        factor = self.factor(link)
        inner = isinstance(factor, Apply) and factor.operation == "*"
        factors = factor.arguments if isinstance(factor, Apply) and inner else (factor,)
        return joined("*", [self.error(link.user), *factors])

    def passed(self, link: FlowLink) -> float:
        """Return what a link hands back."""
        assert link.slope is not None
        return self.scalars[link.user].error * link.slope

    # --- questions -------------------------------------------------------------------------------

    def part_name(self, link: FlowLink) -> str:
        """Return the name of a part of an error signal."""
        return f"{self.error_name(link.source)} through {self.name(link.user)}"

    def sheet(self) -> Sheet:
        """Return everything that can be asked, as an exercise with numbered gaps."""
        given = [
            Line(self.name(place), scalar.value, about=self.about(place))
            for place, scalar in self.scalars.items()
            if not scalar.operation
        ]
        lines = [*given, *self._forward_lines(), *self._backward_lines(), *self._update_lines()]
        own = self.solution.sheet
        return replace(own, sections=(Section("", "", tuple(lines)),)).numbered()

    def about(self, place: Place) -> str:
        """Return where a given number comes from."""
        if place in self.targets:
            return "target"
        given = self.run.given
        if not given.learned:
            return ""
        return given.learned.get(place, "input")

    def _forward_lines(self) -> Iterator[Line]:
        for place, scalar in self.scalars.items():
            if scalar.formula is not None:
                yield Line(self.name(place), scalar.value, self.named(scalar.formula))

    def _backward_lines(self) -> Iterator[Line]:
        """Yield the parts and the sums of all error signals, in the order of the sweep."""
        arrived: dict[Place, list[Expression]] = {}
        for visit in self.visits:
            for number in visit.links:
                link = self.links[number]
                if link.formula is None:
                    yield Line(self.slope(link).name, self.slope(link).value)
                part = product([self.error(link.user), self.factor(link)])
                before = arrived.setdefault(link.source, [])
                if len(self.arriving[link.source]) == 1:
                    yield Line(self.error_name(link.source), self.error(link.source).value, part)
                    continue
                yield Line(self.part_name(link), self.passed(link), part)
                before.append(Symbol(self.part_name(link), self.passed(link)))
                if len(before) == len(self.arriving[link.source]):
                    name = self.error_name(link.source)
                    yield Line(name, self.error(link.source).value, total(before))

    def _update_lines(self) -> Iterator[Line]:
        changed = {f"{self.name(place)}'" for place in self.changing}
        yield from (line for line in self.solution.sheet.lines() if line.name in changed)
