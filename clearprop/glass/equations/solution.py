"""`worked_solution`: every number of a small network's step, as a handout writes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clearprop import nn, tree
from clearprop.errors import ConfigurationError
from clearprop.glass.equations import handout
from clearprop.glass.equations.expression import (
    Expression,
    Symbol,
    product,
    substitute,
    total,
)
from clearprop.glass.equations.grading import Grade, grade_by
from clearprop.glass.equations.naming import RATE
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.passes import Pass, exact_array, pass_of_function, pass_of_model
from clearprop.glass.equations.scalars import Place, Scalar, place_of
from clearprop.glass.equations.sheet import LECTURE_DIGITS, GateRow, Line, Section, Sheet
from clearprop.nn.recording import LossLike


@dataclass(frozen=True, eq=False)
class DescentStep:
    """The passes of a worked solution.

    Attributes:
        first: the pass with the given numbers.
        again: the pass after the update; None without a learning rate.
        rate: the learning rate, eta; None where it was left out.
        repeat: works out the step that follows, from the new numbers.
    """

    first: Pass
    again: Pass | None
    rate: float | None
    repeat: Callable[[], WorkedSolution]


@dataclass(frozen=True)
class WorkedSolution:
    """A whole step worked out: forward, backward, update, and forward again.

    ``markdown``, ``latex`` (a document that loads only amsmath) and ``html`` (one page that loads
    nothing) have the same content; `str()` is the Markdown. `values` has every number unrounded.

    Attributes:
        sheet: the content.
        step: the passes that it writes out.
    """

    sheet: Sheet
    step: DescentStep = field(repr=False, compare=False)

    @property
    def values(self) -> dict[str, float]:
        """Every quantity by name, unrounded: ``h1``, ``dE/dw1``, ``w1'``."""
        return {line.name: line.value for line in self.sheet.lines()}

    @property
    def markdown(self) -> str:
        """The handout in Markdown, with equations in plain text that can be filled in."""
        return handout.as_markdown(self.sheet)

    @property
    def latex(self) -> str:
        """The handout as a complete LaTeX document."""
        return handout.as_latex(self.sheet)

    @property
    def html(self) -> str:
        """The handout as one HTML page."""
        return handout.as_html(self.sheet)

    def blank(self) -> WorkedSolution:
        """Return the exercise, with numbered gaps in the place of the results."""
        return replace(self, sheet=self.sheet.exercise())

    def grade(self, filled: str) -> Grade:
        """Grade a filled copy of the exercise in Markdown by this solution.

        Raises:
            DataError: the text has none of the gaps.
        """
        return grade_by(self.sheet, filled)

    def write(self, path: Path | str) -> Path:
        """Write the handout in the format of the suffix: .md, .tex or .html.

        Raises:
            ConfigurationError: the path has another suffix.
        """
        place = Path(path)
        forms = {".md": self.markdown, ".tex": self.latex, ".html": self.html}
        if place.suffix not in forms:
            raise ConfigurationError(
                "a handout is Markdown, LaTeX or HTML",
                given=place.name,
                expected=f"a name that ends in {', '.join(forms)}",
            )
        from clearprop.files import write_output

        write_output(place, forms[place.suffix])
        return place

    def __str__(self) -> str:
        return self.markdown

    def _repr_html_(self) -> str:
        return self.html


def worked_solution(
    model: nn.Module | Callable[..., object],
    x: object,
    target: object = None,
    learning_rate: float | None = None,
    loss: LossLike = "squared_error",
    *,
    digits: int = LECTURE_DIGITS,
    title: str | None = None,
    names: Mapping[str, str] | None = None,
) -> WorkedSolution:
    """Write out one step of gradient descent of a small network, number by number.

    The handout has the forward pass, the backward pass, the update w' = w - eta dE/dw and a second
    forward pass. All numbers are computed in double precision and shown rounded.

    Args:
        model: a network with at most 200 parameters, or a plain function of named numbers, such
            as ``lambda w, x: 1 / (1 + ops.exp(-w * x))``. A function is worked out gate by gate.
        x: an example, with or without the batch axis; for a function, its numbers by name.
        target: in the form that the loss takes; a function has none.
        learning_rate: eta. A function may leave it out; the handout then has no update.
        loss: of a model; a function has none.
        digits: significant digits that are shown, 2 to 12.
        title: of the handout.
        names: other names for quantities, such as {"x1": "A"}.

    Raises:
        ModelError: the model is too large or not initialized.
        ShapeError: the example does not fit the model.
        ConfigurationError: an argument is missing, or a name is not allowed.

    >>> from clearprop import ops
    >>> gate = worked_solution(lambda w, x: ops.sigmoid(w * x), {"w": 2.0, "x": -1.0})
    >>> print(f"{gate.values['df/dw']:.6f}")
    -0.104994
    """
    _check_step(learning_rate, digits)
    renamed = names or {}
    next_model, next_x = model, x
    if not isinstance(model, nn.Module) and callable(model):
        first = _of_function(model, x, target, renamed)
        again = None
        if learning_rate is not None:
            assert isinstance(x, Mapping)
            next_x = {name: x[name] - learning_rate * e for name, e in _errors(first).items()}
            again = pass_of_function(model, next_x, renamed)
        heading = title or "A function, gate by gate"
    else:
        if target is None or learning_rate is None:
            missing = "target" if target is None else "learning_rate"
            raise ConfigurationError(f"the step of a network needs a {missing}")
        first = pass_of_model(model, x, target, loss, renamed)
        changed = _stepped(model, first, learning_rate)
        again = pass_of_model(model, x, target, loss, renamed, changed)
        next_model = tree.replace(model, changed)
        heading = title or "One step of a network"
    sheet = _SheetWriter(first, again, learning_rate, digits).sheet(heading)

    def repeat() -> WorkedSolution:
        return worked_solution(
            next_model, next_x, target, learning_rate, loss,
            digits=digits, title=title, names=names,
        )  # fmt: skip

    return WorkedSolution(sheet.numbered(), DescentStep(first, again, learning_rate, repeat))


def _check_step(learning_rate: float | None, digits: int) -> None:
    if learning_rate is not None and not math.isfinite(learning_rate):
        raise ConfigurationError("the learning rate is a number", given=f"{learning_rate}")
    if not 2 <= digits <= 12:
        raise ConfigurationError(
            "a handout shows 2 to 12 significant digits", given=f"digits={digits}"
        )


def _of_function(
    function: Callable[..., object], x: object, target: object, renamed: Mapping[str, str]
) -> Pass:
    if not isinstance(x, Mapping):
        raise ConfigurationError(
            "the inputs of a function are given by name",
            given=type(x).__name__,
            fix='cp.worked_solution(f, {"w": 2.0, "x": -1.0})',
        )
    if target is not None:
        raise ConfigurationError("a function has no target: make the target a part of the function")
    return pass_of_function(function, x, renamed)


def _errors(first: Pass) -> dict[str, float]:
    """Return the error signals of a function's inputs."""
    known = {scalar.place: scalar.error for scalar in first.scalars}
    return {name: known.get(place, 0.0) for place, name in first.given.inputs.items()}


def _stepped(model: nn.Module, first: Pass, rate: float) -> dict[str, Any]:
    """Return the parameters after the step, by path."""
    errors = {scalar.place: scalar.error for scalar in first.scalars}
    changed = {path: exact_array(leaf) for path, leaf in nn.parameters(model).items()}
    for place, path in first.given.learned.items():
        changed[path.partition("[")[0]][place[2]] -= rate * errors.get(place, 0.0)
    return changed


# --- the sheet -----------------------------------------------------------------------------------


class _SheetWriter:
    """Makes the sections of a handout from the numbers of two passes."""

    def __init__(self, first: Pass, again: Pass | None, rate: float | None, digits: int) -> None:
        self.first = first
        self.again = again
        self.rate = rate
        self.digits = digits
        self.names = first.names
        self.result = first.result
        self.is_function = not first.given.learned
        given = first.given
        self.learned = given.inputs if self.is_function else given.learned

    def sheet(self, title: str) -> Sheet:
        """Return the content of the handout."""
        backward = tuple(self._backward())
        forward = tuple(self._forward(self.first, ""))
        about_given = f"The error is {self.result}. The step is meant to reduce it."
        if self.is_function:
            about_given = ""
        sections = [
            Section("What is given", about_given, tuple(self._given())),
            Section("Forward pass", "Each value follows from the values before it.", forward),
            Section(
                "Backward pass",
                f"The error signal of a value v is d{self.result}/dv. It is a sum over all values "
                "that v is used for: the error signal of each times its local derivative by v.",
                backward,
            ),
        ]
        if self.rate is not None and self.again is not None:
            sections += self._step(self.rate, self.again)
        return Sheet(
            title=title,
            intro=(
                "Every number is computed in full precision and shown with "
                f"{self.digits} significant digits.",
            ),
            sections=tuple(section for section in sections if section.lines),
            gates=tuple(self._gates()) if self.is_function else (),
            notes=(),
            footer="",
            digits=self.digits,
        )

    def _error_name(self, place: Place) -> str:
        return f"d{self.result}/d{self.names[place]}"

    def _named(self, expression: Expression, names: Mapping[Place, str], mark: str) -> Expression:
        """Return a formula with names for its places; a mark follows the names that change."""

        def name(symbol: Symbol) -> Expression | None:
            if symbol.key is None:
                return None
            place = place_of(symbol)
            return Symbol(f"{names[place]}{mark if self._changes(place) else ''}", symbol.value)

        return substitute(expression, name)

    def _changes(self, place: Place) -> bool:
        """Return whether a number changes in the second pass."""
        is_given = place in self.first.given.inputs or place[0] < 0
        return place in self.learned or not is_given

    def _given(self) -> Iterator[Line]:
        if self.rate is not None:
            yield Line(RATE, self.rate, about="learning rate")
        for scalar in self.first.scalars:
            if scalar.operation:
                continue
            about = ""
            if not self.is_function:
                otherwise = "target" if scalar.place[0] < 0 else "input"
                about = self.learned.get(scalar.place, otherwise)
            yield Line(self.names[scalar.place], scalar.value, about=about)

    def _forward(self, run: Pass, mark: str) -> Iterator[Line]:
        for scalar in run.scalars:
            if not scalar.operation:
                continue
            name = f"{run.names[scalar.place]}{mark}"
            about = f"{scalar.layer}, {scalar.operation}" if scalar.layer else scalar.operation
            if scalar.formula is None:
                yield Line(name, scalar.value, None, f"given: {scalar.operation}")
            else:
                formula = self._named(scalar.formula, run.names, mark)
                yield Line(name, scalar.value, formula, about)

    def _backward(self) -> Iterator[Line]:
        """Yield the error signals from the result backward, each after those that it needs."""
        scalars = {scalar.place: scalar for scalar in self.first.scalars}
        wanted = self._wanted(scalars)
        users: dict[Place, list[Scalar]] = {place: [] for place in scalars}
        for scalar in scalars.values():
            for place in scalar.slopes:
                if place in users:
                    users[place].append(scalar)
        waiting = {place: sum(u.place in wanted for u in users[place]) for place in scalars}
        ready = [self.first.scalars.result]
        while ready:
            done = scalars[ready.pop(0)]
            if done.place != self.first.scalars.result:
                yield from self._error(done, users[done.place], wanted)
            for place in done.slopes:
                if place in wanted:
                    waiting[place] -= 1
                    if not waiting[place]:
                        ready.append(place)

    def _wanted(self, scalars: Mapping[Place, Scalar]) -> set[Place]:
        """Return the parameters' places and those that their error signals depend on."""
        found: set[Place] = set()
        for place, scalar in scalars.items():
            if place in self.learned or any(source in found for source in scalar.slopes):
                found.add(place)
        return found & self.first.scalars.reached()

    def _error(self, scalar: Scalar, users: list[Scalar], wanted: set[Place]) -> Iterator[Line]:
        terms = []
        for user in users:
            if user.place not in wanted:
                continue
            slope = user.slopes[scalar.place]
            if slope is None:
                name = f"d{self.names[user.place]}/d{self.names[scalar.place]}"
                number = Symbol(name, user.numeric[scalar.place])
                yield Line(name, number.value, None, f"given: the rule of {user.operation}")
                factor: Expression = number
            else:
                factor = self._named(slope, self.names, "")
            if user.place == self.first.scalars.result:
                terms.append(factor)
            else:
                error = Symbol(self._error_name(user.place), user.error)
                terms.append(product([error, factor]))
        yield Line(self._error_name(scalar.place), scalar.error, total(terms))

    def _step(self, rate: float, again: Pass) -> Iterator[Section]:
        lines = []
        values = {scalar.place: scalar.value for scalar in again.scalars}
        for scalar in self.first.scalars:
            if scalar.place not in self.learned:
                continue
            name, error = self.names[scalar.place], self._error_name(scalar.place)
            before = Symbol(name, scalar.value)
            formula = before - Symbol(RATE, rate) * Symbol(error, scalar.error)
            lines.append(Line(f"{name}'", values.get(scalar.place, before.value), formula))
        text = "Gradient descent, w' = w - eta dE/dw, with the old values on the right."
        if self.is_function:
            text = f"One step of gradient descent on {self.result}."
        yield Section("Update", text, tuple(lines))
        text = "The same computation with the new values."
        forward = tuple(self._forward(again, "'"))
        yield Section("Second forward pass", text, forward, self._comment(again))

    def _comment(self, again: Pass) -> str:
        before = {s.place: s.value for s in self.first.scalars}
        after = {s.place: s.value for s in again.scalars}
        end = self.first.scalars.result
        verb = "rose" if after[end] > before[end] else "stayed"
        if after[end] < before[end]:
            verb = "fell"
        sentences = [f"{self.result} {verb}: {self._move(before[end], after[end])}."]
        outputs, targets = self.first.scalars.outputs, self.first.scalars.targets
        if len(outputs) == len(targets):
            for y, t in zip(outputs, targets, strict=True):
                sentences.append(
                    f"The output {self.names[y]} went {self._move(before[y], after[y])}, and the "
                    f"target is {significant(before[t], self.digits)}."
                )
        return " ".join(sentences)

    def _move(self, before: float, after: float) -> str:
        return f"from {significant(before, self.digits)} to {significant(after, self.digits)}"

    def _gates(self) -> Iterator[GateRow]:
        for scalar in self.first.scalars:
            if scalar.operation:
                name = self.names[scalar.place]
                slopes = tuple(
                    (f"d{name}/d{self.names[place]}", number)
                    for place, number in scalar.numeric.items()
                )
                formula = scalar.formula and self._named(scalar.formula, self.names, "")
                yield GateRow(name, scalar.operation, formula, scalar.value, slopes, scalar.error)
