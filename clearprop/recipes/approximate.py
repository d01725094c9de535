"""The study ``approximate``: one hidden layer approximates a function, better with more units.

Shape letters: N points, H hidden units, R attempts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

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
from clearprop.recipes.columns import aligned
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
"""Functions by name: the equation, the two ends of the interval, and the function."""

UNITS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {"relu": lambda z: np.maximum(z, 0), "sigmoid": special.expit}
)
"""f in double precision, for the method of least squares."""

POINTS = 401
ATTEMPTS = 3

LECTURE = (
    # weight, bias, and the sign of the unit in the sum
    (-5.0, -7.7, -1.0),
    (-1.2, -1.3, -1.0),
    (1.2, 1.0, -1.0),
    (1.2, -0.2, 1.0),
    (2.0, -1.1, 1.0),
    (5.0, -5.0, 1.0),
)
"""The lecture's six rectified linear units; their sum is near x^3 + x^2 - x - 1 on [-2, 2]."""


def six_units(x: ArrayLike) -> Floats:
    """Return the term of each of the lecture's six units in the sum, (N,) -> (N, 6).

    >>> six_units([0.0, 1.0, -1.5]).sum(axis=1).round(6).tolist()
    [-1.0, -0.3, -0.5]
    """
    weights, biases, signs = np.array(LECTURE).T
    return np.asarray(signs * np.maximum(np.asarray(x)[..., None] * weights + biases, 0))


class Target(NamedTuple):
    """A function to approximate, given at points.

    Attributes:
        name: of the function.
        x: (N,), rising.
        y: (N,).
        axes: names of x and y.
    """

    name: str
    x: Floats
    y: Floats
    axes: tuple[str, str] = ("x", "y")


class HiddenLayer(NamedTuple):
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


class Fit(NamedTuple):
    """A trained layer and its distance from the target.

    Attributes:
        layer: the trained units.
        values: its outputs at the target's points, (N,).
        error: root mean square distance from the target.
        largest: the largest distance.
    """

    layer: HiddenLayer
    values: Floats
    error: float
    largest: float


Fits = Mapping[tuple[str, int], Fit]
"""A fit for each kind of unit and each width."""


class ApproximateStudy(Study):
    """A function of one number is approximated by more and more hidden units.

    First come the lecture's six rectified linear units, which were chosen by hand. Then sums
    y = sum_j alpha_j f(w_j x + theta_j), the form of Cybenko's theorem, are trained.

    Attributes:
        data: a table with one input column; its target is approximated instead of a function.
        function: cubic, sine, absolute, step or chirp.
        units: the function f: "relu", "sigmoid" or both.
        widths: the numbers of units to try.
        steps: training steps for each width.
        learning_rate: of Adam at the beginning; it falls to 0.

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
        """Return the function to approximate.

        Raises:
            ConfigurationError: the table does not have one input column of numbers and one target.
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
                "the data needs one number for x and one for y",
                where=table.name,
                given=f"a data set for {table.task}, examples of shape {inputs.shape[1:]}",
                expected="a table of two columns of numbers",
                fix="leave columns out: --set data.ignore=...",
            )
        if table.columns is not None and table.columns[0].categories is not None:
            raise ConfigurationError(
                "the data needs one number for x",
                where=table.name,
                given=f"the column {table.columns[0].name!r}, which holds names",
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
        """Train every width with every kind of unit; return errors and drawings."""
        target = self.target()
        fits: dict[tuple[str, int], Fit] = {}
        for unit in self.units:
            narrower: Fit | None = None
            for width in sorted(set(self.widths)):
                narrower = fits[unit, width] = fit_layer(
                    target, unit, width, self.steps, self.learning_rate, self.seed, narrower
                )
        lines, drawings = [], []
        if self.data.name is None and self.function == "cubic":
            lines += [*_lecture_lines(), ""]
            drawings.append(_draw_lecture())
        lines += [target.name, *_table(fits)]
        measures = {f"{unit}, {width} units": fit.error for (unit, width), fit in fits.items()}
        return Findings(lines, measures, [*drawings, _draw_fits(target, fits), _draw_errors(fits)])


def fit_layer(
    target: Target,
    unit: str,
    width: int,
    steps: int,
    learning_rate: float,
    seed: int = 0,
    narrower: Fit | None = None,
) -> Fit:
    """Train y = sum_j alpha_j f(w_j x + theta_j) with H units to approximate a target.

    Adam trains a few attempts together on all points. One attempt starts with the units of a
    narrower layer. Then the method of least squares computes the alpha of each attempt, because the
    sum is linear in alpha, and the best attempt is returned. The narrower layer is one of the
    candidates, so a wider fit is never worse.

    Args:
        target: the function to approximate.
        unit: the function f: "relu" or "sigmoid".
        width: H.
        steps: number of training steps.
        learning_rate: at the beginning; it falls to 0 as a cosine.
        seed: of the initial values.
        narrower: a fit with fewer units, or none.

    >>> x = np.linspace(-1, 1, 21)
    >>> fit_layer(Target("absolute", x, np.abs(x)), "relu", 8, 300, 0.05).error < 0.03
    True

    Source: the form is that of Cybenko (1989), *Approximation by superpositions of a sigmoidal
    function*; the theorem says that such a sum exists, not that training finds it.
    """
    x = 2 * (target.x - target.x[0]) / max(np.ptp(target.x), 1e-12) - 1
    middle, spread = target.y.mean(), target.y.std() or 1.0
    y = (target.y - middle) / spread
    starts = _starts(width, unit, seed, None if narrower is None else narrower.layer)
    trained = _trained(x, y, unit, starts, steps, learning_rate)
    layers = [_solved(layer, x, y, unit) for layer in [*trained, starts[0]]]
    # Without a better attempt the narrower fit stays as it is.
    layers += [starts[0]] if narrower is not None else []
    best = min(layers, key=lambda layer: _distance(layer, x, y, unit))
    values = best.hidden(x, unit) @ best.alpha * spread + middle
    error = np.abs(values - target.y)
    return Fit(best, values, float(np.sqrt((error**2).mean())), float(error.max()))


def _distance(layer: HiddenLayer, x: Floats, y: Floats, unit: str) -> float:
    return float(((layer.hidden(x, unit) @ layer.alpha - y) ** 2).mean())


def _solved(layer: HiddenLayer, x: Floats, y: Floats, unit: str) -> HiddenLayer:
    """Return the layer with the alpha of least squares, if that is nearer to the target."""
    alpha = np.linalg.lstsq(layer.hidden(x, unit), y, rcond=1e-9)[0]
    solved = HiddenLayer(layer.w, layer.theta, np.asarray(alpha, np.float64))
    return min((solved, layer), key=lambda one: _distance(one, x, y, unit))


def _starts(width: int, unit: str, seed: int, narrower: HiddenLayer | None) -> list[HiddenLayer]:
    """Return initial values: the bends lie evenly on [-1, 1], each unit rises or falls."""
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
    optimizer = optim.adam(schedules.cosine(learning_rate, steps))
    xs, ys = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)

    def objective(layer: HiddenLayer) -> Any:
        hidden = ops.ACTIVATIONS[unit](xs[:, None] * layer.w + layer.theta)
        error = hidden @ layer.alpha - ys
        return (error * error).mean() / 2

    def attempt(layer: HiddenLayer) -> Any:
        def step(carry: Any, _: None) -> Any:
            layer, state = carry
            gradient = value_and_grad(objective)(layer)[1]
            updates, state = optimizer.update(gradient, state, layer)
            return (optim.apply(layer, updates), state), None

        return jax.lax.scan(step, (layer, optimizer.init(layer)), None, length=steps)[0][0]

    stacked = jax.tree.map(lambda *values: jnp.asarray(np.stack(values), jnp.float32), *starts)
    found = jax.jit(jax.vmap(attempt))(stacked)
    columns = (np.asarray(values, np.float64) for values in found)
    return [HiddenLayer(*values) for values in zip(*columns, strict=True)]


def _lecture_lines() -> list[str]:
    x = np.linspace(-2, 2, POINTS)
    distance = np.abs(six_units(x).sum(axis=1) - FUNCTIONS["cubic"][3](x))
    marks = (0.0, 1.0, -1.5)
    values = six_units(marks).sum(axis=1)
    shown = ", ".join(f"Z({x:g}) = {z:.3g}" for x, z in zip(marks, values, strict=True))
    return [
        f"the lecture's six rectified linear units: {shown};",
        f"distance from x^3 + x^2 - x - 1: {np.sqrt((distance**2).mean()):.3g} (root mean square), "
        f"at most {distance.max():.3g}",
    ]


def _table(fits: Fits) -> list[str]:
    units, widths = _units_and_widths(fits)
    rows = [("units", *(head for unit in units for head in (unit, f"{unit} at most")))]
    for width in widths:
        cells = [(f"{fits[u, width].error:.3g}", f"{fits[u, width].largest:.3g}") for u in units]
        rows.append((f"{width}", *itertools.chain(*cells)))
    return ["root mean square distance and largest distance:", "", *aligned(rows, right=True)]


def _units_and_widths(fits: Fits) -> tuple[list[str], list[int]]:
    return list(dict.fromkeys(unit for unit, _ in fits)), sorted({width for _, width in fits})


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
        "Each unit is 0 on one side of its bend. The sum of the units follows x^3 + x^2 - x - 1 "
        "in straight pieces.",
    )


@drawn
def _draw_fits(target: Target, fits: Fits) -> Drawing:
    units, shown = _units_and_widths(fits)
    shown = shown if len(shown) <= 4 else [shown[i] for i in (0, 1, len(shown) // 2, -1)]
    figure, panels = axes_grid(len(units), len(shown), width=2.6 * len(shown) + 0.6,
                            height=2.4 * len(units) + 0.4, sharex=True,
                            sharey=True)  # fmt: skip
    for axes, (unit, width) in zip(panels, itertools.product(units, shown), strict=True):
        axes.plot(target.x, target.y, color=SOFT, linewidth=4, alpha=0.45)
        axes.plot(target.x, fits[unit, width].values, color=line(0)["color"], linewidth=1.6)
        axes.set_title(f"{width} {unit} {'unit' if width == 1 else 'units'}")
    figure.supxlabel(target.axes[0])
    figure.supylabel(target.axes[1])
    return Drawing("Fits by width", figure, "Thick and gray: the target. Thin: the fit.")


@drawn
def _draw_errors(fits: Fits) -> Drawing:
    figure, axes = canvas(width=6.0, height=4.0)
    units, widths = _units_and_widths(fits)
    for index, unit in enumerate(units):
        errors = [fits[unit, width].error for width in widths]
        axes.plot(widths, errors, **marked_line(index), label=unit)
    axes.set(xscale="log", yscale="log", xlabel="hidden units",
             ylabel="root mean square distance")  # fmt: skip
    axes.legend()
    return Drawing(
        "Error by width",
        figure,
        "By the theorem enough units make the error as small as one wants. How fast it falls "
        "depends on the function and on the units.",
    )
