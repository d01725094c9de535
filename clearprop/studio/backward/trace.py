"""A pass as the page draws it: nodes, links, circles and steps, with every number written out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from clearprop.glass.equations.expression import Expression, Symbol, joined
from clearprop.glass.equations.notation import MATHML, TEXT, mathml_name
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.scalars import Place
from clearprop.glass.equations.sheet import Line
from clearprop.studio.backward.flow import Flow, FlowLink, FlowVisit
from clearprop.studio.backward.gate_words import GateWords, gate_words
from clearprop.studio.backward.layout import columns, rows
from clearprop.studio.backward.messages import (
    AskedFor,
    NodeKind,
    PassLink,
    PassNode,
    PassOutput,
    PassQuestion,
    PassStep,
    PassTrace,
    StepPhase,
    WeightChange,
    WrittenEquation,
    WrittenNumber,
)
from clearprop.studio.backward.units import neurons

_Asked: TypeAlias = tuple[str, Place, AskedFor, int | None]
"""(name, place, what is asked for, link of a part)."""

_START = "These numbers are given. The pass computes all others, one gate after the other."


def written_number(value: float, digits: int) -> WrittenNumber:
    """Return a number as it is shown.

    >>> written_number(-0.25, 4).text
    '-0.25'
    """
    text = significant(value, digits)
    shown = f"<mrow>{MATHML.signed(text)}</mrow>"
    return WrittenNumber(value if math.isfinite(value) else None, text, shown)


def in_words(about: str) -> str:
    """Return where a number comes from, for someone who does not know the paths of a model.

    >>> in_words("layers.0.weight[0,1]"), in_words("layers.2.bias[0]"), in_words("target")
    ('weight of layers.0, from input 1 to unit 2', 'bias of layers.2, unit 1', 'target')
    """
    weight = re.fullmatch(r"(.+)\.weight\[(\d+),(\d+)\]", about)
    if weight is not None:
        source, unit = int(weight[2]) + 1, int(weight[3]) + 1
        return f"weight of {weight[1]}, from input {source} to unit {unit}"
    bias = re.fullmatch(r"(.+)\.bias\[(\d+)\]", about)
    return about if bias is None else f"bias of {bias[1]}, unit {int(bias[2]) + 1}"


def traced(flow: Flow, number: int = 1, features: Sequence[str] = ()) -> PassTrace:
    """Return a pass as plain data.

    Args:
        flow: the pass.
        number: of the pass, from 1.
        features: the names of the inputs, where they have others than the pass gives them.
    """
    return _TraceWriter(flow, features).trace(number)


class _TraceWriter:
    def __init__(self, flow: Flow, features: Sequence[str]) -> None:
        self.flow = flow
        self.digits = flow.solution.sheet.digits
        self.places = list(flow.scalars)
        self.numbers = {place: i for i, place in enumerate(self.places)}
        self.lines = {line.name: line for line in flow.sheet().lines()}
        inputs = list(flow.run.given.inputs)
        self.features = dict(zip(inputs, features, strict=False))
        self.in_loss = self._behind_outputs()

    def trace(self, number: int) -> PassTrace:
        """Return the whole trace."""
        flow, sheet, rate = self.flow, self.flow.solution.sheet, self.flow.solution.step.rate
        ends = [(self.numbers[link.source], self.numbers[link.user]) for link in flow.links]
        is_drawn = flow.detail == "neurons"
        units, wires = neurons(flow.run, ends, self.numbers) if is_drawn else ((), ())
        return PassTrace(
            title=sheet.title,
            intro=sheet.intro[:-1],  # the last one is about rounding on paper
            notes=sheet.notes,
            digits=self.digits,
            detail=flow.detail,
            details=flow.details,
            without=flow.without,
            number=number,
            result=self.numbers[flow.result],
            rate=None if rate is None else self._number(rate),
            nodes=tuple(self._nodes(ends)),
            links=tuple(map(self._link, flow.links)),
            units=units,
            wires=wires,
            steps=tuple(self._steps()),
            changes=tuple(self._changes()),
            outputs=tuple(self._outputs()),
        )

    # --- numbers and equations -------------------------------------------------------------------

    def _number(self, value: float) -> WrittenNumber:
        return written_number(value, self.digits)

    def _equation(
        self, name: str | Expression, formulas: Sequence[Expression], value: float
    ) -> WrittenEquation:
        """Return an equation; a quantity without a name has a formula in its place."""
        title, plain = (
            (mathml_name(name), name)
            if isinstance(name, str)
            else (MATHML.sides([name], None, "")[0], TEXT.sides([name], None, "")[0])
        )
        result = self._number(value)
        forms = []
        for notation in (MATHML, TEXT):
            symbols = notation.sides(formulas, None, result.text)[:-1]
            every = notation.sides(
                formulas, lambda s: significant(s.value, self.digits), result.text
            )
            # The last side is the result; the one before has numbers where the formula has symbols.
            numbers = every[-2] if len(every) > len(symbols) + 1 else None
            forms.append((symbols, numbers))
        (symbols, numbers), (text_symbols, text_numbers) = forms
        question = " = ".join([plain, *text_symbols])
        sides = [question, *([text_numbers] if text_numbers else []), result.text]
        return WrittenEquation(title, tuple(symbols), numbers, result, " = ".join(sides), question)

    # --- nodes and links -------------------------------------------------------------------------

    def _nodes(self, ends: Sequence[tuple[int, int]]) -> Iterator[PassNode]:
        inputs: list[list[int]] = [[] for _ in self.places]
        for source, user in ends:
            inputs[user].append(source)
        column = columns(inputs)
        row = rows(inputs, column, self.numbers[self.flow.result])
        for number, place in enumerate(self.places):
            scalar = self.flow.scalars[place]
            is_target = place in self.flow.targets
            yield PassNode(
                name=self.flow.name(place),
                label=mathml_name(self.flow.name(place)),
                kind=self._kind(place),
                operation=scalar.operation,
                sign=self._words(place).sign if scalar.operation else self.flow.name(place),
                about=self._about(place),
                tape=place[0],
                value=self._number(scalar.value),
                error=None if is_target else self._number(scalar.error),
                forward=self._forward(place) if scalar.operation else None,
                total=self._total(place),
                column=column[number],
                row=row[number],
                changes=place in self.flow.changing,
            )

    def _kind(self, place: Place) -> NodeKind:
        if place == self.flow.result:
            return "result"
        if self.flow.scalars[place].operation:
            return "gate"
        if place in self.flow.targets:
            return "target"
        return "weight" if place in self.flow.run.given.learned else "input"

    def _about(self, place: Place) -> str:
        if place in self.features:
            return self.features[place]
        if self.flow.scalars[place].operation:
            return self.flow.scalars[place].layer
        return in_words(self.flow.about(place))

    def _words(self, place: Place) -> GateWords:
        names = [self.flow.name(k.source) for k in self.flow.links if k.user == place]
        return gate_words(self.flow.scalars[place], self.flow.name(place), names)

    def _forward(self, place: Place) -> WrittenEquation:
        scalar = self.flow.scalars[place]
        return self._equation(self.flow.name(place), [self.flow.forward(scalar)], scalar.value)

    def _total(self, place: Place) -> WrittenEquation | None:
        """Return the sum of what arrives, where that is more than one part."""
        found = [self.flow.links[i] for i in self.flow.arriving[place]]
        if len(found) < 2:
            return None
        parts = [Symbol("", self.flow.passed(link)) for link in found]
        chain = joined("+", [self.flow.chain(link) for link in found])
        made = self._equation(self.flow.error_name(place), [chain], self.flow.scalars[place].error)
        (numbers, text) = (
            n.sides([joined("+", parts)], lambda s: significant(s.value, self.digits), "")[1]
            for n in (MATHML, TEXT)
        )
        said = f"{made.question} = {text} = {made.result.text}"
        return WrittenEquation(made.name, made.symbols, numbers, made.result, said, made.question)

    def _link(self, link: FlowLink) -> PassLink:
        source, user = self.numbers[link.source], self.numbers[link.user]
        if link.slope is None:
            return PassLink(source, user, None, None, None, None)
        flow, passed, slope = self.flow, self.flow.passed(link), self.flow.slope(link)
        is_alone = len(flow.arriving[link.source]) == 1
        chain = flow.chain(link)
        written = flow.written(link)
        return PassLink(
            source,
            user,
            self._number(link.slope),
            self._number(passed),
            self._equation(slope.name, [flow.factor(link)], link.slope),
            self._equation(flow.error_name(link.source), [chain, written], passed)
            if is_alone
            else self._equation(chain, [written], passed),
        )

    # --- steps -----------------------------------------------------------------------------------

    def _behind_outputs(self) -> set[Place]:
        """Return the places of what is computed from the outputs: the loss."""
        found: set[Place] = set()
        for link in self.flow.links:  # in the order of the tape
            if link.source in found or link.source in self.flow.outputs:
                found.add(link.user)
        return found | ({self.flow.result} if self.flow.outputs else set())

    def _steps(self) -> Iterator[PassStep]:
        flow = self.flow
        yield PassStep("start", None, (), (), _START, ())
        for place, scalar in flow.scalars.items():
            if scalar.operation:
                links = tuple(i for i, link in enumerate(flow.links) if link.user == place)
                phase: StepPhase = "loss" if place in self.in_loss else "forward"
                asked = self._questions([(flow.name(place), place, "value", None)])
                said = self._words(place).forward
                yield PassStep(phase, self.numbers[place], links, (), said, asked)
        end = self.numbers[flow.result]
        name = flow.error_name(flow.result)
        said = f"The backward pass begins at {flow.name(flow.result)}: {name} = 1."
        yield PassStep("seed", end, (), (end,), said, ())
        yield from (self._backward(visit) for visit in flow.visits)
        if flow.changing:
            yield self._update()

    def _backward(self, visit: FlowVisit) -> PassStep:
        flow = self.flow
        asked: list[_Asked] = []
        for number in visit.links:
            link = flow.links[number]
            source = link.source
            if len(flow.arriving[source]) == 1:
                asked.append((flow.error_name(source), source, "error", None))
                continue
            asked.append((flow.part_name(link), source, "error", number))
            if flow.arriving[source][-1] == number:
                asked.append((flow.error_name(source), source, "error", None))
        sentences = [self._words(visit.user).backward, *self._arrivals(visit)]
        if any(k.user == visit.user and k.source in flow.targets for k in flow.links):
            sentences.append("The target is a constant: no error signal goes to it.")
        return PassStep(
            "backward",
            self.numbers[visit.user],
            visit.links,
            tuple(self.numbers[place] for place in visit.complete),
            " ".join(sentences),
            self._questions(asked),
        )

    def _arrivals(self, visit: FlowVisit) -> Iterator[str]:
        """Yield sentences about inputs that are used more than once."""
        for number in visit.links:
            source = self.flow.links[number].source
            ways = self.flow.arriving[source]
            if len(ways) < 2:
                continue
            name, seen = self.flow.name(source), ways.index(number) + 1
            if seen == len(ways):
                times = "twice" if len(ways) == 2 else f"{len(ways)} times"
                yield f"{name} is used {times}: its error signal is the sum of all its parts."
            else:
                yield f"This is part {seen} of {len(ways)} for {name}."

    def _update(self) -> PassStep:
        flow = self.flow
        changed = [place for place in self.places if place in flow.changing]
        asked = self._questions(
            [(f"{flow.name(place)}'", place, "update", None) for place in changed]
        )
        said = (
            "Each weight moves against its gradient: the new weight is the old one minus the "
            "learning rate times its error signal."
        )
        if not flow.run.given.learned:
            said = said.replace("weight", "number")
        return PassStep("update", None, (), (), said, asked)

    def _questions(self, asked: Sequence[_Asked]) -> tuple[PassQuestion, ...]:
        found = []
        for name, place, kind, link in asked:
            line = self.lines.get(name)
            if line is None or not line.gap:
                continue  # without a formula a number cannot be worked out
            label = mathml_name(name.partition(" ")[0])
            if link is not None:
                label = MATHML.sides([self.flow.chain(self.flow.links[link])], None, "")[0]
            found.append(PassQuestion(line.gap, name, label, self.numbers[place], kind, link))
        return tuple(found)

    # --- the step of gradient descent ------------------------------------------------------------

    def _changes(self) -> Iterator[WeightChange]:
        for place in self.places:
            line: Line | None = self.lines.get(f"{self.flow.name(place)}'")
            if place in self.flow.changing and line is not None and line.formula is not None:
                made = self._equation(line.name, [line.formula], line.value)
                yield WeightChange(self.numbers[place], made)

    def _outputs(self) -> Iterator[PassOutput]:
        step = self.flow.solution.step
        if step.again is None:
            return
        first, again = (
            {run.names[s.place]: s.value for s in run.scalars} for run in (step.first, step.again)
        )
        for place in (*self.flow.outputs, self.flow.result):
            name = self.flow.name(place)
            yield PassOutput(
                mathml_name(name), name, self._number(first[name]), self._number(again[name])
            )
