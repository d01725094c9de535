"""What the view of the backward pass sends and gets, as JSON.

`tools/studio_types.py` makes the types of the page (`studio-ui/src/backward/messages.ts`) from this
file. The error signal of a value v is dE/dv; E is the result of the pass.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from clearprop.studio.playground.messages import Finite, Seed, Short

Digits = Annotated[int, Meta(ge=2, le=12)]
Detail = Literal["neurons", "gates"]
NodeKind = Literal["input", "weight", "target", "gate", "result"]
UnitKind = Literal["input", "neuron", "loss", "target"]
StepPhase = Literal["start", "forward", "loss", "seed", "backward", "update"]
AskedFor = Literal["value", "error", "update"]
Verdict = Literal["right", "carried", "wrong", "empty"]

USUAL_DIGITS = 4

MOST_PASSES = 200
"""How many steps of gradient descent a view may follow."""

MOST_ANSWERS = 2_000

LONGEST_ANSWER = 64
"""The most characters of one answer."""

WIDEST = 200
"""The most units of a layer; a network with more has more parameters than a view shows."""

Row = Annotated[tuple[Finite, ...], Meta(max_length=WIDEST)]


# --- what is worked out --------------------------------------------------------------------------


class NamedPage(Struct, tag="page", frozen=True, forbid_unknown_fields=True):
    """An example of the lectures, or with a seed an exercise with numbers of its own.

    Attributes:
        name: "gate" or "2-2-1", with a seed also "network" or other sizes.
        seed: of the exercise; null for the example of the lectures.
    """

    name: Short
    seed: Seed | None = None


class SentLayer(Struct, frozen=True, forbid_unknown_fields=True):
    """A layer: y = activation(x W + b).

    Attributes:
        weight: W, (units of the layer before, units).
        bias: b, (units,).
        activation: its name; "identity" for none.
    """

    weight: Annotated[tuple[Row, ...], Meta(min_length=1, max_length=WIDEST)]
    bias: Row | None
    activation: Short


class SentNetwork(Struct, tag="network", frozen=True, forbid_unknown_fields=True):
    """A network with an example, such as the playground has them now; numbers of 32 bits.

    Attributes:
        layers: hidden layers, then the output.
        input: the example as the first layer takes it.
        target: a number; of "cross_entropy" the number of the class, from 0.
        loss: its name.
        learning_rate: of the step of gradient descent after the pass.
        features: the names of the inputs; empty for none.
    """

    layers: Annotated[tuple[SentLayer, ...], Meta(min_length=1, max_length=16)]
    input: Row
    target: Finite
    loss: Short
    learning_rate: Finite
    features: Annotated[
        tuple[Annotated[str, Meta(max_length=256)], ...], Meta(max_length=WIDEST)
    ] = ()


class RunExample(Struct, tag="run", frozen=True, forbid_unknown_fields=True):
    """A recorded run with one example.

    Attributes:
        run: the name of the run's folder.
        example: its number in the held-out part.
    """

    run: Annotated[str, Meta(min_length=1, max_length=256)]
    example: Annotated[int, Meta(ge=0)] = 0


PassSource = NamedPage | SentNetwork | RunExample


class TraceWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for a pass step by step; answered by `PassTrace`.

    Attributes:
        source: what is worked out.
        digits: significant digits of the shown numbers.
        detail: "neurons" shows the operations of the network, "gates" splits them into sums and
            products; a function has only gates.
        number: 1 is the first pass; each later one has the weights after another step.
    """

    source: PassSource
    digits: Digits = USUAL_DIGITS
    detail: Detail | None = None
    number: Annotated[int, Meta(ge=1, le=MOST_PASSES)] = 1


class MarkWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for the marks of some answers; answered by `AnswerMarks`.

    Attributes:
        source: what was worked out.
        answers: what was written, by the number of the gap as text.
        of: "sheet": the gaps of the exercise; "steps": those of the pass step by step.
        digits: of the page that asks.
        detail: of the pass that is asked about.
        number: of the pass that is asked about.
    """

    source: PassSource
    answers: Annotated[
        dict[Short, Annotated[str, Meta(max_length=LONGEST_ANSWER)]],
        Meta(max_length=MOST_ANSWERS),
    ]
    of: Literal["sheet", "steps"] = "sheet"
    digits: Digits = USUAL_DIGITS
    detail: Detail | None = None
    number: Annotated[int, Meta(ge=1, le=MOST_PASSES)] = 1


# --- a pass step by step -------------------------------------------------------------------------


class WrittenNumber(Struct, frozen=True):
    """A number as it is shown.

    Attributes:
        value: unrounded; null where it is not finite.
        text: rounded.
        mathml: the same in MathML.
    """

    value: float | None
    text: str
    mathml: str


class WrittenEquation(Struct, frozen=True):
    """name = symbols = numbers = result; the parts are MathML.

    Attributes:
        name: the quantity.
        symbols: right sides with symbols, in their order.
        numbers: the last of them with numbers; null where it would repeat the result.
        result: the value.
        text: all of it as plain text, for screen readers and copies.
        question: the part of the text before the numbers.
    """

    name: str
    symbols: tuple[str, ...]
    numbers: str | None
    result: WrittenNumber
    text: str
    question: str


class PassNode(Struct, frozen=True):
    """One number of the pass: a given one, or the result of an operation.

    Attributes:
        name: as plain text, such as "h1".
        label: its name in MathML.
        kind: what it is.
        operation: the operation that computed it; "" for a given number.
        sign: what stands in its circle, such as "×" or "+1"; its name for a given number.
        about: where it comes from, in words: a path, "input" or "target"; "" where nothing is
            known.
        tape: its position on the tape; the sweep goes from the highest to the lowest.
        value: computed in the forward pass.
        error: dE/dvalue; null for a target, which gets no error signal.
        forward: how its value is computed; null for a given number.
        total: how its error signal is the sum of what arrives; null where only one link arrives.
        column: of the drawing, from the left.
        row: of the drawing, from the top.
        changes: whether the step of gradient descent changes it.
    """

    name: str
    label: str
    kind: NodeKind
    operation: str
    sign: str
    about: str
    tape: int
    value: WrittenNumber
    error: WrittenNumber | None
    forward: WrittenEquation | None
    total: WrittenEquation | None
    column: int
    row: float
    changes: bool


class PassLink(Struct, frozen=True):
    """A number that is an input of an operation.

    Attributes:
        source: the node of the number.
        user: the node of the operation.
        slope: the local derivative of the user by the source; null for a link without one.
        passed: error signal of the user times local derivative, which flows back; null for a link
            without one.
        local: how the local derivative is computed; null for a link without one.
        backward: the chain rule at this link; null for a link without one.
    """

    source: int
    user: int
    slope: WrittenNumber | None
    passed: WrittenNumber | None
    local: WrittenEquation | None
    backward: WrittenEquation | None


class PassUnit(Struct, frozen=True):
    """A circle of the drawing as neurons.

    Attributes:
        kind: what it is; "loss" holds everything behind the outputs.
        nodes: those inside, in the order of computation; the last is its output.
        bias: the node of its bias.
        column: of the drawing, from the left.
        row: of the drawing, from the top.
    """

    kind: UnitKind
    nodes: tuple[int, ...]
    bias: int | None
    column: int
    row: float


class UnitWire(Struct, frozen=True):
    """A link between two circles.

    Attributes:
        source: the unit.
        user: the unit that it leads to.
        weight: the node of its weight; null for a link without one.
        links: the links that it stands for, that of the weight too.
    """

    source: int
    user: int
    weight: int | None
    links: tuple[int, ...]


class PassQuestion(Struct, frozen=True):
    """A number that a student can work out before it is shown.

    Attributes:
        gap: its number among all questions.
        name: of the quantity.
        label: its name in MathML.
        node: whose value, error signal or new value is asked for.
        asked: which of these.
        link: of a part of an error signal: through which link; null for the others.
    """

    gap: int
    name: str
    label: str
    node: int
    asked: AskedFor
    link: int | None = None


class WeightChange(Struct, frozen=True):
    """How the step of gradient descent changes a number.

    Attributes:
        node: which.
        equation: w' = w - eta dE/dw.
    """

    node: int
    equation: WrittenEquation


class PassStep(Struct, frozen=True):
    """One step of the view.

    Attributes:
        phase: "start" shows the given numbers, "seed" is dE/dE = 1.
        node: which is computed, or whose error signal is complete and handed on; null for others.
        links: through which the value comes, or the error signals flow.
        complete: nodes whose error signals are complete after it.
        sentence: what happens.
        questions: what can be asked before it.
    """

    phase: StepPhase
    node: int | None
    links: tuple[int, ...]
    complete: tuple[int, ...]
    sentence: str
    questions: tuple[PassQuestion, ...]


class PassOutput(Struct, frozen=True):
    """An output or the result, before and after the step of gradient descent.

    Attributes:
        label: its name in MathML.
        name: as plain text.
        before: in this pass.
        after: in the next.
    """

    label: str
    name: str
    before: WrittenNumber
    after: WrittenNumber


class PassTrace(Struct, frozen=True):
    """A pass in single numbers, forward and back.

    Attributes:
        title: what is worked out.
        intro: paragraphs about it.
        notes: pairs of a heading and a text.
        digits: of the shown numbers.
        detail: which operations are shown.
        details: which can be shown.
        without: why there is no other; "" where there is.
        number: of the pass, from 1.
        result: the node that is differentiated.
        rate: the learning rate; null where there is no step of gradient descent.
        nodes: in the order of computation, given numbers first.
        links: of all nodes.
        units: circles of the drawing as neurons; empty where the network has none.
        wires: links between them.
        steps: of the view.
        changes: what the step of gradient descent changes.
        outputs: before and after this step.
    """

    title: str
    intro: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    digits: int
    detail: Detail
    details: tuple[Detail, ...]
    without: str
    number: int
    result: int
    rate: WrittenNumber | None
    nodes: tuple[PassNode, ...]
    links: tuple[PassLink, ...]
    units: tuple[PassUnit, ...]
    wires: tuple[UnitWire, ...]
    steps: tuple[PassStep, ...]
    changes: tuple[WeightChange, ...]
    outputs: tuple[PassOutput, ...]


# --- exercises -----------------------------------------------------------------------------------


class PassPage(Struct, frozen=True):
    """A page that can be opened by its name.

    Attributes:
        name: of the page.
        seeded: whether a seed draws its numbers.
        title: for a button.
        about: one sentence.
    """

    name: str
    seeded: bool
    title: str
    about: str


class SheetLine(Struct, frozen=True):
    """A quantity of an exercise.

    Attributes:
        gap: its number; 0 for a given number.
        name: as plain text.
        label: its name in MathML.
        formula: in MathML; of a given number, the number.
        text: the same as plain text.
        about: where it comes from.
    """

    gap: int
    name: str
    label: str
    formula: str
    text: str
    about: str


class SheetPart(Struct, frozen=True):
    """A part of an exercise."""

    heading: str
    text: str
    lines: tuple[SheetLine, ...]


class ExerciseSheet(Struct, frozen=True):
    """An exercise to fill in on the page.

    Attributes:
        title: what is worked out.
        intro: paragraphs about it.
        how: how answers are written.
        parts: in the order of the calculation.
    """

    title: str
    intro: tuple[str, ...]
    how: str
    parts: tuple[SheetPart, ...]


class AnswerMark(Struct, frozen=True):
    """The mark of one answer.

    Attributes:
        gap: of the quantity.
        name: of the quantity.
        verdict: "carried" is right after an earlier mistake.
        kind: of the mistake; "" where there is none.
        about: what this kind of mistake is.
        hint: what is probably wrong; "" where it is not known.
        expected: the true value.
    """

    gap: int
    name: str
    verdict: Verdict
    kind: str
    about: str
    hint: str
    expected: WrittenNumber


class AnswerMarks(Struct, frozen=True):
    """The marks of answers.

    Attributes:
        answers: in the order of the gaps.
        good: how many are right, or right after an earlier mistake.
        of: how many were answered.
    """

    answers: tuple[AnswerMark, ...]
    good: int
    of: int
