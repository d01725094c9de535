"""What a Q-network expects over a plane of states, and which action it takes there.

Shape letters: P points along each side, S variables of a state, A actions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data.environments import Environment, EquationEnvironment
from clearprop.errors import ConfigurationError
from clearprop.glass.style import COLORS, SURFACE, Drawing, axes_grid, drawn

POINTS = 120


class Plane(NamedTuple):
    """A plane of states: two variables move, the others are 0.

    Attributes:
        variables: their places in a state.
        names: of the two.
        low: where they begin.
        high: where they end.
    """

    variables: tuple[int, int]
    names: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]


PLANES = {
    "CartPole-v1": Plane((2, 3), ("angle", "angular velocity"), (-0.21, -2.0), (0.21, 2.0)),
    "MountainCar-v0": Plane((0, 1), ("position", "velocity"), (-1.2, -0.07), (0.6, 0.07)),
    "Acrobot-v1": Plane((0, 1), ("angle 1", "angle 2"), (-3.14, -3.14), (3.14, 3.14)),
}
"""The plane that is drawn of each environment."""


def values_over(
    model: nn.Module, environment: EquationEnvironment, plane: Plane, points: int = POINTS
) -> NDArray[np.float64]:
    """Return the values of all actions over a plane, (P, P, A); the first axis is the second name.

    >>> from clearprop import models
    >>> from clearprop.data.environments import find_environment
    >>> environment = find_environment("MountainCar-v0")
    >>> model = models.QNetwork(2, 3).init(0)
    >>> values_over(model, environment, PLANES[environment.name], 5).shape
    (5, 5, 3)
    """
    size = len(environment.first(jax.random.key(0)))
    sides = [np.linspace(a, b, points) for a, b in zip(plane.low, plane.high, strict=True)]
    grid = np.meshgrid(*sides)
    states = np.zeros((points * points, size), np.float32)
    for variable, column in zip(plane.variables, grid, strict=True):
        states[:, variable] = column.ravel()
    network: Any = model
    values = network(jax.vmap(environment.observed)(jnp.asarray(states)))
    return np.asarray(values, np.float64).reshape(points, points, -1)


@drawn
def action_values(model: nn.Module, environment: Environment) -> Drawing:
    """Draw the value of the best action and the best action itself, over a plane of states.

    Args:
        model: a Q-network.
        environment: one of `PLANES`.

    Raises:
        ConfigurationError: no plane is known for the environment.
    """
    plane = PLANES.get(environment.name)
    if plane is None or not isinstance(environment, EquationEnvironment):
        raise ConfigurationError(
            "no plane of states is known for this environment",
            given=environment.name,
            expected=f"one of {', '.join(PLANES)}",
        )
    values = values_over(model, environment, plane)
    extent = (plane.low[0], plane.high[0], plane.low[1], plane.high[1])
    figure, (left, right) = axes_grid(1, 2, width=7.4, height=3.5)
    image = left.imshow(
        values.max(axis=2), extent=extent, origin="lower", aspect="auto", cmap=SURFACE
    )
    figure.colorbar(image, ax=left)
    left.set_title("value of the best action")
    _draw_actions(right, values.argmax(axis=2), environment.actions, extent)
    for axes in (left, right):
        axes.grid(False)
        axes.set_xlabel(plane.names[0])
    left.set_ylabel(plane.names[1])
    return Drawing(
        f"What the network expects in {environment.name}",
        figure,
        "Left: the discounted return that it expects where it takes the best action. Right: this "
        "action. The other variables are 0. Where two actions meet, both have the same value.",
    )


def _draw_actions(
    axes: Any, best: NDArray[np.integer], names: tuple[str, ...], extent: Any
) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colors = [COLORS[i % len(COLORS)] for i in range(len(names))]
    axes.imshow(
        best,
        extent=extent,
        origin="lower",
        aspect="auto",
        cmap=ListedColormap(colors),
        vmin=-0.5,
        vmax=len(names) - 0.5,
        interpolation="nearest",
    )
    axes.set_title("best action")
    patches = [Patch(color=color, label=name) for color, name in zip(colors, names, strict=True)]
    axes.legend(handles=patches, loc="lower left", frameon=True, facecolor="white")
