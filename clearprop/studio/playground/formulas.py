"""The formulas of one unit with the numbers of one example: forward, and back from the loss.

Names: z and y are the unit's total input and value, w1, w2, ... and b its weights and bias, h1, h2,
... the values of the layer before (features in the first layer), v1, v2, ... the weights to the
units behind it, whose total inputs are z1, z2, ...; t is the target and E the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.glass.equations.application import Application, Operand
from clearprop.glass.equations.equation import Equation
from clearprop.glass.equations.expression import (
    SHOWN_TERMS,
    Expression,
    Symbol,
    call,
    largest,
    long_sum,
)
from clearprop.glass.equations.notation import MATHML, mathml_name, write
from clearprop.glass.equations.numbers import plain
from clearprop.glass.equations.templates import formula, local_formula
from clearprop.studio.playground.loss_formulas import LOSS_ROWS, Compared, UnsafePowersError
from clearprop.studio.playground.messages import DenseLayer, Formula
from clearprop.studio.playground.network import OutputLayer
from clearprop.studio.playground.probe import ExampleNumbers, LayerNumbers

COMPARING = "log_softmax"
"""The one activation of outputs that takes all units of the layer together."""

FEATURE_FORMULAS: dict[str, Callable[[Symbol, Symbol], Expression]] = {
    "x1": lambda x1, x2: x1,
    "x2": lambda x1, x2: x2,
    "x1^2": lambda x1, x2: x1**2,
    "x2^2": lambda x1, x2: x2**2,
    "x1*x2": lambda x1, x2: x1 * x2,
    "sin(x1)": lambda x1, x2: call("sin", x1),
    "sin(x2)": lambda x1, x2: call("sin", x2),
}
"""The features of a point as formulas."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """Writes the formulas of the units of a network.

    Attributes:
        features: names of the inputs.
        layers: hidden layers and the output.
        loss: by its name.
        output: what the loss asks of the output layer.
    """

    features: tuple[str, ...]
    layers: tuple[DenseLayer, ...]
    loss: str
    output: OutputLayer

    def of_loss(self) -> str:
        """Return the formula of the loss with symbols, as MathML."""
        letter = "y" if self.layers[-1].activation != "identity" else "z"
        several = self.output.units > 1
        names = [f"{letter}{k + 1}" if several else letter for k in range(self.output.units)]
        outputs = [Symbol(name, 0.5) for name in names]
        compared = Compared(outputs, Symbol("t", 0.0))
        written = LOSS_ROWS[self.loss].value(compared)
        text = write(written, MATHML)
        if several:  # the output of the right class: z with the index t
            first = mathml_name(names[0])
            right = f"<msub><mi>{letter}</mi><mi>t</mi></msub>"
            head, _, tail = text.rpartition(first)
            text = f"{head}{right}{tail}"
        return f"<math><mrow><mi>E</mi><mo>=</mo>{text}</mrow></math>"

    def explained(
        self,
        layer: int,
        unit: int,
        place: NDArray[np.floating],
        target: float,
        weights: Sequence[tuple[NDArray[Any], NDArray[Any]]],
        numbers: ExampleNumbers,
    ) -> tuple[tuple[Formula, ...], tuple[Formula, ...]]:
        """Return the formulas of a unit, forward and backward.

        Args:
            layer: 0 is the first hidden layer, the last is the output.
            unit: in the layer.
            place: x1 and x2 of the example.
            target: as the loss takes it; for several outputs the number of the class.
            weights: W and b of each layer.
            numbers: of the example.
        """
        explained = _Unit(self, layer, unit, place, target, weights, numbers)
        return tuple(explained.forward()), tuple(explained.backward())


@dataclass(frozen=True, eq=False)
class _Unit:
    network: Explainer
    layer: int
    unit: int
    place: NDArray[np.floating]
    target: float
    weights: Sequence[tuple[NDArray[Any], NDArray[Any]]]
    numbers: ExampleNumbers

    @property
    def own(self) -> LayerNumbers:
        return self.numbers.layers[self.layer]

    @property
    def activation(self) -> str:
        return self.network.layers[self.layer].activation

    @property
    def is_output(self) -> bool:
        return self.layer == len(self.network.layers) - 1

    @property
    def mark(self) -> str:
        """The number in the names of this unit: only outputs are compared with each other."""
        several = self.is_output and self.network.output.units > 1
        return str(self.unit + 1) if several else ""

    @property
    def z(self) -> Symbol:
        return self._symbol("z", self.own.preactivation)

    @property
    def y(self) -> Symbol:
        return self._symbol("y", self.own.value)

    def _symbol(self, letter: str, values: NDArray[Any]) -> Symbol:
        return Symbol(f"{letter}{self.mark}", plain(values[self.unit]))

    def inputs(self) -> list[Expression]:
        """Return what the unit reads: features of the point, or values of the layer before."""
        if self.layer == 0:
            x1, x2 = (Symbol(f"x{i + 1}", plain(x)) for i, x in enumerate(self.place))
            return [FEATURE_FORMULAS[name](x1, x2) for name in self.network.features]
        before = self.numbers.layers[self.layer - 1].value
        return [Symbol(f"h{i + 1}", plain(value)) for i, value in enumerate(before)]

    # --- forward ---------------------------------------------------------------------------------

    def forward(self) -> list[Formula]:
        weight, bias = (part[..., self.unit] for part in self.weights[self.layer])
        terms = [Symbol(f"w{i + 1}", plain(weight[i])) * x for i, x in enumerate(self.inputs())]
        total = long_sum(terms) + Symbol("b", plain(bias))
        made = [
            _formula("total input: the weighted sum of what the unit reads, and its bias",
                     Equation(self.z.name, (total,), self.z.amount)),
        ]  # fmt: skip
        if not (self.is_output and self.activation == "identity"):
            made.append(_formula(f"value: {self.activation} of the total input", self._value()))
        if self.is_output:
            loss = float(self.numbers.loss)
            written = _written(lambda: LOSS_ROWS[self.network.loss].value(self._compared()))
            made.append(_formula("loss of this example", _equation("E", written, loss)))
        return made

    def _value(self) -> Equation:
        if self.activation == COMPARING:
            scores = self._scores("z", self.own.preactivation)
            every = Compared(scores, Symbol("t", float(self.unit)))
            written = _written(lambda: -LOSS_ROWS["cross_entropy"].value(every))
        else:
            written = formula(self._application(), ())
        remark = "" if written is not None else f"{self.activation}({self.z.name})"
        return Equation(self.y.name, () if written is None else (written,), self.y.amount, remark)

    def _application(self) -> Application:
        operand = Operand(np.asarray(self.z.amount), lambda index: self.z)
        return Application(self.activation, {}, (operand,), 0, (), lambda output, index: self.y)

    def _scores(self, letter: str, values: NDArray[Any]) -> list[Symbol]:
        several = self.network.output.units > 1
        return [
            Symbol(f"{letter}{k + 1}" if several else letter, plain(value))
            for k, value in enumerate(values)
        ]

    def _compared(self) -> Compared:
        last = self.numbers.layers[-1]
        letter = "z" if self.network.layers[-1].activation == "identity" else "y"
        return Compared(self._scores(letter, last.value), Symbol("t", self.target))

    # --- backward --------------------------------------------------------------------------------

    def backward(self) -> list[Formula]:
        error, delta = (plain(part[self.unit]) for part in (self.own.error, self.own.delta))
        above = f"dE/d{self.y.name}"
        below = f"dE/d{self.z.name}"
        made = []
        direct = self.is_output and self.activation == "identity"
        if self.is_output:
            slope = _written(
                lambda: LOSS_ROWS[self.network.loss].slope(self._compared(), self.unit)
            )
            name, title = (below, "total input") if direct else (above, "value")
            made.append(_formula(f"error signal of the {title}: the derivative of the loss",
                                 _equation(name, slope, error)))  # fmt: skip
        else:
            made.append(_formula("error signal of the value: from every unit that reads it",
                                 Equation(above, (self._from_users(),), error)))  # fmt: skip
        if not direct:
            made += self._through(above, below, error, delta)
        return made + self._gradients(below, delta)

    def _from_users(self) -> Expression:
        weight = self.weights[self.layer + 1][0][self.unit]
        deltas = self.numbers.layers[self.layer + 1].delta
        return long_sum([
            Symbol(f"dE/dz{k + 1}", plain(delta)) * Symbol(f"v{k + 1}", plain(weight[k]))
            for k, delta in enumerate(deltas)
        ])  # fmt: skip

    def _through(self, above: str, below: str, error: float, delta: float) -> list[Formula]:
        """Return local derivative and error signal of the total input."""
        title = "error signal of the total input"
        if self.activation == COMPARING:
            errors = self._scores("dE/dy", self.own.error)
            whole = Symbol(above, error) - call("exp", self.y) * long_sum(errors)
            return [_formula(title, Equation(below, (whole,), delta))]
        name = f"d{self.y.name}/d{self.z.name}"
        slope = plain(self.own.slope[self.unit])
        written = local_formula(self._application(), (), 0, ())
        if written is not None and not np.isclose(written.value, slope, rtol=1e-3, atol=1e-6):
            written = None
        remark = "" if written is not None else f"the rule of {self.activation}"
        local = Equation(name, () if written is None else (written,), slope, remark)
        product = Symbol(above, error) * Symbol(name, slope)
        return [
            _formula(f"local derivative of {self.activation}", local),
            _formula(title, Equation(below, (product,), delta)),
        ]

    def _gradients(self, below: str, delta: float) -> list[Formula]:
        error = Symbol(below, delta)
        gradient = self.own.weight_gradient[:, self.unit]
        shown = sorted(largest(gradient, SHOWN_TERMS))
        inputs = self.inputs()
        made = [
            _formula(
                f"gradient of the weight w{i + 1}",
                Equation(f"dE/dw{i + 1}", (error * inputs[i],), plain(gradient[i])),
            )
            for i in shown
        ]
        own = Equation("dE/db", (error,), plain(self.own.bias_gradient[self.unit]))
        return [*made, _formula("gradient of the bias", own)]


def _written(make: Callable[[], Expression]) -> Expression | None:
    try:
        return make()
    except UnsafePowersError:
        return None


def _equation(name: str, written: Expression | None, value: float) -> Equation:
    if written is not None:
        return Equation(name, (written,), value)
    return Equation(name, (), value, "computed without the powers of e, which would overflow")


def _formula(title: str, equation: Equation) -> Formula:
    """Return an equation as the page shows it: a name, then its right sides."""
    sides = "".join(f"<mo>=</mo><mrow>{side}</mrow>" for side in equation.sides(MATHML))
    mathml = f'<math display="block"><mrow>{mathml_name(equation.name)}{sides}</mrow></math>'
    rests = [s.name for s in equation.symbols() if s.name.startswith("rest")]
    notes = [
        *([equation.remark] if equation.remark else []),
        *(f"{name}: the other {name.removeprefix('rest')} terms, as one number" for name in rests),
    ]
    return Formula(f"{title} ({'; '.join(notes)})" if notes else title, mathml, equation.text())
