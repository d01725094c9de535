"""The study ``approximate``: one hidden layer comes as near to a function as it has units for.

Shape letters: N points, H hidden units, R attempts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clearprop import ops, optim
from clearprop.autodiff import value_and_grad
from clearprop.errors import ConfigurationError, DataError
from clearprop.glass.style import INK, SOFT, Drawing, axes_grid, canvas, drawn, line, marked_line
from clearprop.optim import schedules
from clearprop.recipes.choice import DataSource
from clearprop.recipes.configuration import Count, Listed, Rate, one_of
from clearprop.recipes.study import Findings, Study

Floats = NDArray[np.float64]
Unit = Literal["relu", "sigmoid"]

FUNCTIONS: Mapping[str, tuple[str, float, float, Callable[[Floats], Floats]]] = MappingProxyType(
    {
        "cubic": ("x^3 + x^2 - x - 1", -2.0, 2.0, lambda x: x**3 + x**2 - x - 1),
        "sine": ("sin(pi x)", -2.0, 2.0, lambda x: np.sin(np.pi * x)),
        "absolute": ("|x|", -1.0, 1.0, np.abs),
        "step": ("1 where x >= 0, else 0", -1.0, 1.0, lambda x: (x >= 0).astype(float)),
        "chirp": ("sin(6 x^2)", 0.0, 2.0, lambda x: np.sin(6 * x**2)),
    }
)
"""Functions by name: equation, from where, to where, and the function."""

UNITS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {"relu": lambda z: np.maximum(z, 0), "sigmoid": special.expit}
)
"""f in double precision, for the least squares."""

POINTS = 401
ATTEMPTS = 3

LECTURE = (
    # weight, bias, and the sign with which the unit is taken
    (-5.0, -7.7, -1.0),
    (-1.2, -1.3, -1.0),
    (1.2, 1.0, -1.0),
    (1.2, -0.2, 1.0),
    (2.0, -1.1, 1.0),
    (5.0, -5.0, 1.0),
)
"""The lecture's six rectified linear units, whose sum is near x^3 + x^2 - x - 1 on [-2, 2]."""


def six_units(x: ArrayLike) -> Floats:
    """Return what each of the lecture's six units adds at some points, (N,) -> (N, 6).

    >>> six_units([0.0, 1.0, -1.5]).sum(axis=1).round(6).tolist()
    [-1.0, -0.3, -0.5]
    """
    weights, biases, signs = np.array(LECTURE).T
    return np.asarray(signs * np.maximum(np.asarray(x)[..., None] * weights + biases, 0))


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be approximated, at points.

    Attributes:
        name: of it.
        x: (N,), rising.
        y: (N,).
        axes: names of x and y.
    """

    name: str
    x: Floats
    y: Floats
    axes: tuple[str, str] = ("x", "y")


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """The sum y = sum_j alpha_j f(w_j x + theta_j), for x scaled to [-1, 1].

    Attributes:
        w: (H,).
        theta: (H,).
        alpha: (H,).
    """

    w: Floats
    theta: Floats
    alpha: Floats

    def hidden(self, x: Floats, unit: str) -> Floats:
        """Return f(w_j x + theta_j), (N, H)."""
        return UNITS[unit](x[:, None] * self.w + self.theta)


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained layer beside its target.

    Attributes:
        unit: name of f.
        layer: what was trained.
        values: what it gives at the target's points, (N,).
        error: root mean square distance from the target.
        largest: greatest distance.
    """

    unit: str
    layer: HiddenLayer
    values: Floats
    error: float
    largest: float

    @property
    def width(self) -> int:
        """Number of hidden units."""
        return len(self.layer.w)


class ApproximateStudy(Study):
    """A function of one number is approximated by more and more hidden units.

    First the lecture's six rectified linear units, which somebody chose; then sums
    y = sum_j alpha_j f(w_j x + theta_j), the form of Cybenko's theorem, which are trained.

    Attributes:
        data: a table with one input column, whose target is approximated instead of a function.
        function: cubic, sine, absolute, step or chirp.
        units: f, "relu", "sigmoid" or both.
        widths: how many units, one after the other.
        steps: training steps of each width.
        learning_rate: of Adam at the beginning; it falls to nothing.

    >>> ApproximateStudy.of({"function": "sine", "widths": "2,4"}).widths
    (2, 4)
    """

    data: DataSource = DataSource()
    function: Annotated[str, one_of("function", FUNCTIONS.keys)] = "cubic"
    units: Annotated[tuple[Unit, ...], Listed] = ("relu", "sigmoid")
    widths: Annotated[tuple[Count, ...], Listed] = (1, 2, 4, 8, 16, 32, 64)
    steps: Count = 2000
    learning_rate: Rate = 0.02

    def target(self) -> Target:
        """Return what is to be approximated.

        Raises:
            ConfigurationError: the table has not one input column of numbers and one target.
            DataError: a value is missing.
        """
        if self.data.name is None:
            equation, low, high, function = FUNCTIONS[self.function]
            x = np.linspace(low, high, POINTS)
            return Target(f"{self.function}: {equation}", x, function(x))
        table, described = self.data.load(())
        inputs, targets = np.asarray(table.inputs), np.asarray(table.targets)
        numeric = table.task == "regression" and inputs.dtype.kind in "iuf"
        if not numeric or inputs[0].size != 1 or targets[0].size != 1:
            raise ConfigurationError(
                "what is approximated has one number for x and one for y",
                where=table.name,
                given=f"a set for {table.task}, examples of shape {inputs.shape[1:]}",
                expected="a table of two columns of numbers",
                fix="leave columns out: --set data.ignore=...",
            )
        if table.columns is not None and table.columns[0].categories is not None:
            raise ConfigurationError(
                "what is approximated has one number for x",
                where=table.name,
                given=f"the column {table.columns[0].name!r} of names",
            )
        if np.isnan(inputs).any():
            raise DataError(
                "a value of x is missing",
                where=f"{table.name}, example {int(np.isnan(inputs).argmax()) + 1}",
                fix="fill the cell, or leave the row out",
            )
        x, y = inputs.reshape(-1).astype(np.float64), targets.reshape(-1).astype(np.float64)
        order = np.argsort(x, kind="stable")
        names = (table.feature_names or ("x",))[0], self.data.target or "y"
        return Target(described, x[order], y[order], names)

    def carry_out(self, progress: bool = True) -> Findings:
        """Train every width with every kind of unit; return errors and pictures."""
        target = self.target()
        fits: list[Fit] = []
        for unit in self.units:
            narrower: Fit | None = None
            for width in sorted(set(self.widths)):
                narrower = fit_layer(
                    target, unit, width, self.steps, self.learning_rate, self.seed, narrower
                )
                fits.append(narrower)
        lines, drawings = [], []
        if self.data.name is None and self.function == "cubic":
            lines += [*_lecture_lines(), ""]
            drawings.append(_draw_lecture())
        lines += [target.name, *_table(fits, self.units)]
        measures = {f"{fit.unit}, {fit.width} units": fit.error for fit in fits}
        drawings += [_draw_fits(target, fits, self.units), _draw_errors(fits, self.units)]
        return Findings(lines, measures, drawings)


def fit_layer(
    target: Target,
    unit: str,
    width: int,
    steps: int,
    learning_rate: float,
    seed: int = 0,
    narrower: Fit | None = None,
) -> Fit:
    """Train y = sum_j alpha_j f(w_j x + theta_j) with so many units to be near a target.

    A few attempts are trained together by Adam on all points, one of them begun with the units of a
    narrower layer. Of each the alpha, in which the sum is linear, are then put where least squares
    has them, and the best counts. With the narrower layer among them none is farther away than it.

    Args:
        target: what to approximate.
        unit: f, "relu" or "sigmoid".
        width: H.
        steps: of training.
        learning_rate: at the beginning; it falls to nothing as a cosine.
        seed: of the initial values.
        narrower: a fit with fewer units, or none.

    >>> x = np.linspace(-1, 1, 21)
    >>> fit_layer(Target("absolute", x, np.abs(x)), "relu", 8, 300, 0.05).error < 0.03
    True

    Source: the form is that of Cybenko (1989), *Approximation by superpositions of a sigmoidal
    function*; the theorem says that it suffices, not that training finds it.
    """
    x = 2 * (target.x - target.x[0]) / max(np.ptp(target.x), 1e-12) - 1
    middle, spread = target.y.mean(), target.y.std() or 1.0
    y = (target.y - middle) / spread
    starts = _starts(width, unit, seed, None if narrower is None else narrower.layer)
    trained = _trained(x, y, unit, starts, steps, learning_rate)
    layers = [_solved(layer, x, y, unit) for layer in [*trained, starts[0]]]
    # A narrower fit counts as it was, where nothing that was tried comes nearer.
    layers += [starts[0]] if narrower is not None else []
    best = min(layers, key=lambda layer: _distance(layer, x, y, unit))
    values = best.hidden(x, unit) @ best.alpha * spread + middle
    error = np.abs(values - target.y)
    return Fit(unit, best, values, float(np.sqrt((error**2).mean())), float(error.max()))


def _distance(layer: HiddenLayer, x: Floats, y: Floats, unit: str) -> float:
    return float(((layer.hidden(x, unit) @ layer.alpha - y) ** 2).mean())


def _solved(layer: HiddenLayer, x: Floats, y: Floats, unit: str) -> HiddenLayer:
    """Return the layer with the alpha of least squares, where these are nearer."""
    alpha = np.linalg.lstsq(layer.hidden(x, unit), y, rcond=1e-9)[0]
    solved = HiddenLayer(layer.w, layer.theta, np.asarray(alpha, np.float64))
    return min((solved, layer), key=lambda one: _distance(one, x, y, unit))


def _starts(width: int, unit: str, seed: int, narrower: HiddenLayer | None) -> list[HiddenLayer]:
    """Return initial values: the bends evenly over [-1, 1], to the one side or the other."""
    random = np.random.default_rng([seed, width])
    steep = 1.0 if unit == "relu" else 3.0 * (1 + width / 8)
    layers = []
    for _ in range(ATTEMPTS):
        w = steep * random.choice([-1.0, 1.0], width) * random.uniform(0.5, 1, width)
        bends = 2 * (random.permutation(width) + random.uniform(0, 1, width)) / width - 1
        layers.append(HiddenLayer(w, -w * bends, random.normal(0, 1 / np.sqrt(width), width)))
    if narrower is not None:
        known, first = len(narrower.w), layers[0]
        layers[0] = HiddenLayer(
            np.append(narrower.w, first.w[known:]),
            np.append(narrower.theta, first.theta[known:]),
            np.append(narrower.alpha, np.zeros(width - known)),
        )
    return layers


def _trained(
    x: Floats, y: Floats, unit: str, starts: Sequence[HiddenLayer], steps: int, learning_rate: float
) -> list[HiddenLayer]:
    rule = optim.adam(schedules.cosine(learning_rate, steps))
    xs, ys = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)

    def objective(layer: dict[str, Any]) -> Any:
        hidden = ops.ACTIVATIONS[unit](xs[:, None] * layer["w"] + layer["theta"])
        error = hidden @ layer["alpha"] - ys
        return (error * error).mean() / 2

    def attempt(layer: dict[str, Any]) -> Any:
        def step(carry: Any, _: None) -> Any:
            layer, state = carry
            gradient = value_and_grad(objective)(layer)[1]
            updates, state = rule.update(gradient, state, layer)
            return (optim.apply(layer, updates), state), None

        return jax.lax.scan(step, (layer, rule.init(layer)), None, length=steps)[0][0]

    stacked = {
        key: jnp.asarray(np.stack([getattr(layer, key) for layer in starts]), jnp.float32)
        for key in ("w", "theta", "alpha")
    }
    found = {
        key: np.asarray(value, np.float64)
        for key, value in jax.jit(jax.vmap(attempt))(stacked).items()
    }
    return [HiddenLayer(*values) for values in zip(*(found[k] for k in stacked), strict=True)]


def _lecture_lines() -> list[str]:
    x = np.linspace(-2, 2, POINTS)
    distance = np.abs(six_units(x).sum(axis=1) - FUNCTIONS["cubic"][3](x))
    marks = (0.0, 1.0, -1.5)
    values = six_units(marks).sum(axis=1)
    said = ", ".join(f"Z({x:g}) = {z:.3g}" for x, z in zip(marks, values, strict=True))
    return [
        f"the lecture's six rectified linear units: {said};",
        f"from x^3 + x^2 - x - 1 they are {np.sqrt((distance**2).mean()):.3g} away (root mean "
        f"square), at most {distance.max():.3g}",
    ]


def _table(fits: Sequence[Fit], units: Sequence[str]) -> list[str]:
    head = ["units"] + [text for unit in units for text in (f"{unit}", f"{unit} at most")]
    rows = [head]
    for width in sorted({fit.width for fit in fits}):
        row = [f"{width}"]
        for unit in units:
            fit = next(f for f in fits if (f.unit, f.width) == (unit, width))
            row += [f"{fit.error:.3g}", f"{fit.largest:.3g}"]
        rows.append(row)
    columns = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, columns, strict=True)) for row in rows]
    return ["distance from it, root mean square and at most:", "", *lines]


@drawn
def _draw_lecture() -> Drawing:
    x = np.linspace(-2, 2, POINTS)
    parts = six_units(x)
    figure, axes = canvas(width=6.6, height=4.2)
    for index in range(6):
        w, b, sign = LECTURE[index]
        name = f"{'-' if sign < 0 else '+'} relu({w:g} x {b:+g})"
        axes.plot(x, parts[:, index], **line(index), linewidth=1.2, label=name)
    axes.plot(x, FUNCTIONS["cubic"][3](x), color=SOFT, linewidth=4, alpha=0.5, label="the cubic")
    axes.plot(x, parts.sum(axis=1), color=INK, linewidth=2, label="their sum Z")
    axes.set(xlabel="x", ylim=(-5, 9))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return Drawing(
        "Six rectified linear units and a cubic",
        figure,
        "Each unit is level on one side of its bend; their sum follows x^3 + x^2 - x - 1 in "
        "straight pieces.",
    )


@drawn
def _draw_fits(target: Target, fits: Sequence[Fit], units: Sequence[str]) -> Drawing:
    shown = sorted({fit.width for fit in fits})
    shown = shown if len(shown) <= 4 else [shown[i] for i in (0, 1, len(shown) // 2, -1)]
    figure, panels = axes_grid(len(units), len(shown), width=2.6 * len(shown) + 0.6,
                            height=2.4 * len(units) + 0.4, sharex=True,
                            sharey=True)  # fmt: skip
    for axes, (unit, width) in zip(panels, itertools.product(units, shown), strict=True):
        fit = next(f for f in fits if (f.unit, f.width) == (unit, width))
        axes.plot(target.x, target.y, color=SOFT, linewidth=4, alpha=0.45)
        axes.plot(target.x, fit.values, color=line(0)["color"], linewidth=1.6)
        axes.set_title(f"{width} {unit} {'unit' if width == 1 else 'units'}")
    figure.supxlabel(target.axes[0])
    figure.supylabel(target.axes[1])
    return Drawing("Fits by width", figure, "Thick and gray what is approximated, thin the fit.")


@drawn
def _draw_errors(fits: Sequence[Fit], units: Sequence[str]) -> Drawing:
    figure, axes = canvas(width=6.0, height=4.0)
    for index, unit in enumerate(units):
        mine = sorted((fit.width, fit.error) for fit in fits if fit.unit == unit)
        axes.plot(*np.array(mine).T, **marked_line(index), label=unit)
    axes.set(xscale="log", yscale="log", xlabel="hidden units",
             ylabel="root mean square distance")  # fmt: skip
    axes.legend()
    return Drawing(
        "Error by width",
        figure,
        "The theorem promises that the error can be made as small as one likes; how fast it falls "
        "depends on the function and on the units.",
    )
