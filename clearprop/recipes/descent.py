"""The study ``descent``: the paths of optimizers down the same surface, drawn.

Shape letters: D weights (1 or 2), R rates, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import optim
from clearprop.autodiff import check_gradients, value_and_grad
from clearprop.errors import ConfigurationError
from clearprop.glass.style import INK, Drawing, axes_grid, canvas, drawn, line, marked_line
from clearprop.recipes.columns import aligned
from clearprop.recipes.configuration import Count, Listed, OrNone, PositiveFraction, Rate, one_of
from clearprop.recipes.recipe import OptimizerName
from clearprop.recipes.study import Findings, Study
from clearprop.recipes.surfaces import SURFACES, Height, Surface, find_surface

RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""The learning rates to try for each optimizer, unless a rate is given."""
SIDE = 160

MARKED = 12
"""Of a path with more points, every twelfth has a mark."""

CLASSICAL = ("adadelta", "adagrad", "adam", "adamw", "momentum", "nesterov", "rmsprop", "sgd")
"""The optimizers that are compared unless others are named: a picture has room for eight paths."""


@dataclass(frozen=True, eq=False)
class Trail:
    """The path of one optimizer down a surface.

    Attributes:
        optimizer: its name.
        rate: its learning rate.
        points: the start and the weights after each step, (T + 1, D).
        heights: the height at each point, (T + 1,).
    """

    optimizer: str
    rate: float
    points: NDArray[np.float64]
    heights: NDArray[np.float64]

    def steps_to(self, height: float) -> int | None:
        """Return the step from which the path stays at or below a height; None if it does not."""
        above = np.flatnonzero(~(self.heights <= height))
        arrived = int(above[-1]) + 1 if len(above) else 0
        return arrived if arrived < len(self.heights) else None


class DescentStudy(Study):
    """Compare gradient descent and other optimizers on one surface, from one start.

    The surfaces are parabola (one weight, the lecture's x^2 + 3), ravine, rosenbrock, beale,
    saddle, and diabetes (the loss of two weights on real data). In Python `descend` takes any
    function.

    Attributes:
        surface: parabola, ravine, rosenbrock, beale, saddle or diabetes.
        rules: names of optimizers, such as sgd or adam; by default the eight classical ones.
        learning_rate: for all optimizers; none tries ten rates and takes the best for each.
        start: one number for each weight; by default that of the surface.
        steps: number of steps.
        tolerance: a path arrives when at most this fraction of its height at the start is left.

    >>> DescentStudy.of({"surface": "ravine", "rules": "sgd,adam", "start": "-4,1"}).start
    (-4.0, 1.0)
    """

    surface: Annotated[str, one_of("surface", SURFACES.keys)] = "ravine"
    rules: Annotated[tuple[OptimizerName, ...], Listed] = ()
    learning_rate: Annotated[Rate | None, OrNone] = None
    start: Annotated[tuple[float, ...], Listed] = ()
    steps: Annotated[Count, Field(le=100_000)] = 300
    tolerance: PositiveFraction = 0.01

    def carry_out(self, progress: bool = True) -> Findings:
        """Descend with each optimizer; return the table of steps and the drawings."""
        surface = find_surface(self.surface)
        return compare(
            surface,
            self.rules or CLASSICAL,
            start=self.start or surface.start,
            rates=RATES if self.learning_rate is None else (self.learning_rate,),
            steps=self.steps,
            tolerance=self.tolerance,
        )


def compare(
    surface: Surface,
    optimizers: Sequence[str],
    *,
    start: Sequence[float] | None = None,
    rates: Sequence[float] = RATES,
    steps: int = 300,
    tolerance: float = 0.01,
) -> Findings:
    """Descend a surface with several optimizers, each at the rate that arrives first.

    Args:
        surface: from `find_surface`, or a `Surface` of your own function.
        optimizers: their names.
        start: D numbers; None takes the start of the surface.
        rates: learning rates to choose from.
        steps: T.
        tolerance: a path arrives when at most this fraction of its height at the start is left.

    Raises:
        ConfigurationError: the start does not have one number for each weight.
    """
    begin = tuple(surface.start if start is None else start)
    if len(begin) != len(surface.low):
        raise ConfigurationError(
            "the start needs one number for each weight",
            where=surface.name,
            given=", ".join(f"{x:g}" for x in begin),
            expected=f"{len(surface.low)}",
        )
    trails = []
    goal = 0.0
    for optimizer in optimizers:
        tried = descend(surface.height, begin, optimizer, rates, steps)
        goal = surface.lowest + tolerance * (float(tried[0].heights[0]) - surface.lowest)
        trails.append(min(tried, key=lambda trail: _merit(trail, goal)))
    measures = {}
    for trail in trails:
        arrived = trail.steps_to(goal)
        if arrived is not None:
            measures[f"{trail.optimizer}: steps"] = float(arrived)
        measures[f"{trail.optimizer}: height"] = float(trail.heights[-1])
    lines = [
        f"{surface.name}: {surface.equation}",
        _gradient_line(surface, begin),
        "",
        *_table(trails, goal, tolerance, len(rates) > 1),
    ]
    paths = _on_curve if len(begin) == 1 else _on_contours
    return Findings(lines, measures, [paths(surface, trails), _by_step(surface, trails)])


def descend(
    function: Height, start: Sequence[float], optimizer: str, rates: Sequence[float], steps: int
) -> list[Trail]:
    """Return the path of one optimizer down a function, for each of several rates.

    w <- w + update; the optimizer computes the update from the gradient of back-propagation. A step
    of L-BFGS is one line search.

    Args:
        function: w (D,) -> a scalar, built from clearprop operations.
        start: D numbers.
        optimizer: its name.
        rates: learning rates; a constant rate only scales the updates.
        steps: T.

    >>> (trail,) = descend(lambda w: w[0] ** 2 + 3, (5.0,), "sgd", (0.1,), 2)
    >>> trail.points[:, 0].round(4).tolist(), trail.heights.round(4).tolist()
    ([5.0, 4.0, 3.2], [28.0, 19.0, 13.24])
    """
    made = optim.create(optimizer, learning_rate=1.0)
    objective = optim.BatchObjective(
        lambda at: function(at["w"]), value_and_grad(lambda at: function(at["w"]))
    )

    def along(rate: Any) -> Any:
        def moves(w: Any, state: Any, gradient: Any) -> Any:
            given = {"w": gradient}, state, {"w": w}
            if made.update_on is None:
                updates, state = made.update(*given)
                return rate * updates["w"], state
            # A line search is not proportional to its first rate.
            rated = optim.create(optimizer, optim.Schedule(lambda t: rate), iterations=1)
            assert rated.update_on is not None
            updates, state = rated.update_on(*given, objective)
            return updates["w"], state

        def step(carry: Any, _: None) -> Any:
            w, state = carry
            value, gradient = value_and_grad(function)(w)
            move, state = moves(w, state, gradient)
            moved = w + move
            # A path that diverges stops, so that it never holds NaN.
            kept = jnp.where(jnp.isfinite(moved) & (jnp.abs(moved) < 1e6), moved, w)
            return (kept, state), (w, value)

        first = jnp.asarray(start, jnp.float32)
        (last, _), (points, heights) = jax.lax.scan(
            step, (first, made.init({"w": first})), None, length=steps
        )
        return jnp.vstack([points, last[None]]), jnp.append(heights, function(last))

    points, heights = jax.jit(jax.vmap(along))(jnp.asarray(rates, jnp.float32))
    return [
        Trail(optimizer, float(rate), np.asarray(p, np.float64), np.asarray(h, np.float64))
        for rate, p, h in zip(rates, points, heights, strict=True)
    ]


def _merit(trail: Trail, goal: float) -> tuple[float, float]:
    arrived = trail.steps_to(goal)
    last = float(trail.heights[-1])
    return (np.inf if arrived is None else arrived), (last if np.isfinite(last) else np.inf)


def _gradient_line(surface: Surface, start: tuple[float, ...]) -> str:
    """Return a line with the gradient at the start, by the tape and by small steps."""
    found = check_gradients(
        surface.height, jnp.asarray(start, jnp.float32), order=1, tolerance=np.inf
    )
    found.sort(key=lambda check: check.index)
    tape = ", ".join(f"{check.analytic:.6g}" for check in found)
    small = ", ".join(f"{check.numeric:.6g}" for check in found)
    worst = max(check.error for check in found)
    place = ", ".join(f"{x:g}" for x in start)
    return (
        f"gradient at ({place}) by the tape ({tape}), by small steps ({small}): "
        f"difference {worst:.0e}"
    )


def _table(trails: list[Trail], goal: float, tolerance: float, chosen: bool) -> list[str]:
    rows = [("optimizer", "best rate" if chosen else "rate", "steps", "height at the end")]
    for trail in sorted(trails, key=lambda trail: _merit(trail, goal)):
        arrived = trail.steps_to(goal)
        steps = "-" if arrived is None else f"{arrived}"
        rows.append((trail.optimizer, f"{trail.rate:g}", steps, f"{trail.heights[-1]:.4g}"))
    return [
        *aligned(rows),
        "",
        f"steps: until the height above the lowest point stays at or below {100 * tolerance:g} % "
        f"of its value at the start: {goal:.4g} or less",
    ]


@drawn
def _on_curve(surface: Surface, trails: list[Trail]) -> Drawing:
    columns = min(4, len(trails))
    rows = -(-len(trails) // columns)
    figure, panels = axes_grid(rows, columns, width=2.6 * columns + 0.6, height=2.3 * rows + 0.4,
                            sharex=True, sharey=True)  # fmt: skip
    xs = np.linspace(surface.low[0], surface.high[0], SIDE)
    ys = [float(surface.height(jnp.asarray([x], jnp.float32))) for x in xs]
    for index, axes in enumerate(panels):
        if index >= len(trails):
            axes.set_axis_off()
            continue
        trail = trails[index]
        axes.plot(xs, ys, color=INK, linewidth=1.0)
        axes.plot(trail.points[:, 0], trail.heights, **marked_line(index), alpha=0.8)
        axes.set(title=f"{trail.optimizer}, rate {trail.rate:g}",
                 xlim=(surface.low[0], surface.high[0]),
                 ylim=(min(ys) - 0.05 * np.ptp(ys), max(ys)))  # fmt: skip
    figure.supxlabel(surface.axes[0])
    return Drawing(
        f"Paths down the {surface.name}",
        figure,
        f"{surface.equation}. Each mark is a step. Short steps are slow; a step that is too "
        "long jumps over the lowest point to the other side.",
    )


@drawn
def _on_contours(surface: Surface, trails: list[Trail]) -> Drawing:
    from matplotlib.colors import PowerNorm

    figure, axes = canvas(width=7.6, height=5.4)
    across, up = (np.linspace(surface.low[i], surface.high[i], SIDE) for i in range(2))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
    heights = np.asarray(jax.jit(jax.vmap(surface.height))(grid), np.float64).reshape(SIDE, SIDE)
    above = heights - min(surface.lowest, float(heights.min()))
    levels = np.geomspace(max(above.max() * 1e-4, 1e-6), above.max(), 18)
    axes.contourf(
        across,
        up,
        above,
        levels=[0, *levels],
        norm=PowerNorm(0.25, vmin=0, vmax=above.max()),
        alpha=0.55,
    )
    axes.contour(across, up, above, levels=levels, colors=[INK], linewidths=0.5, alpha=0.5)
    few = MARKED if max(len(trail.points) for trail in trails) > MARKED else 1
    for index, trail in enumerate(trails):
        axes.plot(*trail.points.T, **marked_line(index), markevery=few, linewidth=1.6,
                  label=f"{trail.optimizer}, {trail.rate:g}")  # fmt: skip
    axes.plot(*trails[0].points[0], "*", color="white", markeredgecolor=INK, markersize=15)
    axes.set(xlim=(surface.low[0], surface.high[0]), ylim=(surface.low[1], surface.high[1]),
             xlabel=surface.axes[0], ylabel=surface.axes[1])  # fmt: skip
    axes.grid(visible=False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="optimizer, rate")
    return Drawing(
        f"Paths down the {surface.name}",
        figure,
        f"{surface.equation}. {_starts(trails, few)}"
        "A step of plain descent crosses the line of equal height at a right angle.",
    )


def _starts(trails: list[Trail], every: int) -> str:
    """Return where the paths start, and which steps have a mark."""
    all_paths = "All paths start" if len(trails) > 1 else "The path starts"
    steps = "every twelfth step" if every == MARKED else "each step"
    return f"{all_paths} at the star; a mark shows {steps}. "


@drawn
def _by_step(surface: Surface, trails: list[Trail]) -> Drawing:
    figure, axes = canvas(width=6.8, height=4.0)
    for index, trail in enumerate(trails):
        above = np.maximum(trail.heights - surface.lowest, 1e-12)
        axes.plot(above, **line(index), label=trail.optimizer)
    start = max(float(trails[0].heights[0]) - surface.lowest, 1e-9)
    axes.set(yscale="log", ylim=(start * 1e-6, start * 10), xlabel="step",
             ylabel="height above the lowest point")  # fmt: skip
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return Drawing(
        f"Height by step on the {surface.name}",
        figure,
        "On a falling straight line every step reduces the height by the same fraction.",
    )
