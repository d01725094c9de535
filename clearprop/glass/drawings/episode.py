"""An episode as an animated picture: what happened, and what the network expected of each action.

Shape letters: T steps, S variables of a state, A actions.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from clearprop import nn
from clearprop.data.environments import Environment, EpisodeTrace, GymnasiumEnvironment, trace
from clearprop.glass.style import COLORS, INK, LINE, SOFT, Drawing, axes_grid, drawn, line

WIDTH, HEIGHT, BARS = 640, 400, 110
"""Pixels of a frame; the bars of the values stand below the picture."""

MOST_FRAMES = 60
FRAME_SECONDS = 0.06
REST_SECONDS = 1.5
"""The last frame stands still for so long."""

STILLS = 6

Floats = NDArray[np.floating]
Painter = Callable[[ImageDraw.ImageDraw, Floats], None]


@dataclass(frozen=True, eq=False)
class MovingDrawing(Drawing):
    """A drawing whose PNG file moves, as an animated PNG; its figure is a row of still pictures.

    Attributes:
        frames: the pictures.
    """

    frames: tuple[Image.Image, ...] = field(default=())

    def _written(self, kind: str, metadata: dict[str, None]) -> bytes:
        if kind != "png":
            return super()._written(kind, metadata)
        times = [round(1000 * FRAME_SECONDS)] * len(self.frames)
        times[-1] = round(1000 * REST_SECONDS)
        file = io.BytesIO()
        first, rest = self.frames[0], list(self.frames[1:])
        first.save(file, "PNG", save_all=True, append_images=rest, duration=times, loop=0)
        return file.getvalue()


@drawn
def episode_of(model: nn.Module, environment: Environment, key: jax.Array) -> Drawing:
    """Draw an episode in which the best action is always taken.

    The bars below a picture are the values of the actions in this state. An environment without a
    picture is drawn as its observations over time.

    Args:
        model: a Q-network.
        environment: in which it acts.
        key: decides where the episode begins.
    """
    network: Any = jax.jit(model)
    played = trace(environment, lambda seen: network(seen).argmax(axis=1), key)
    steps = len(played.actions)
    title = f"An episode of {steps} steps in {environment.name}, return {played.rewards.sum():g}"
    scene = _scene_of(environment, played)
    if scene is None:
        return _lines(title, environment, played)
    values = np.asarray(network(jnp.asarray(played.observations)), np.float64)
    shown = np.unique(np.linspace(0, steps - 1, min(steps, MOST_FRAMES)).round().astype(int))
    reach = (float(min(values.min(), 0)), float(max(values.max(), 0)))
    frames = [
        _frame(environment, scene(t), values[t], int(played.actions[t]), t, reach) for t in shown
    ]
    figure, grid = axes_grid(2, STILLS // 2, width=7.2, height=4.2)
    for axes, k in zip(grid, np.linspace(0, len(frames) - 1, STILLS).astype(int), strict=True):
        axes.imshow(np.asarray(frames[k].convert("RGB")))
        axes.axis("off")
    caption = (
        "The bars are the return that the network expects after each action, discounted; the dark "
        "bar is the action that was taken. A bar that falls before the end of the episode says "
        "that the network saw the end coming."
    )
    return MovingDrawing(title, figure, caption, tuple(frames))


def _lines(title: str, environment: Environment, played: EpisodeTrace) -> Drawing:
    figure, grid = axes_grid(1, 1, width=7.2, height=3.4)
    for i, name in enumerate(environment.observations):
        grid[0].plot(played.observations[:, i], label=name, **line(i))
    grid[0].set_xlabel("step")
    grid[0].legend()
    return Drawing(title, figure, "What the network saw in each step.")


def _scene_of(
    environment: Environment, played: EpisodeTrace
) -> Callable[[int], Image.Image] | None:
    """Return what paints the state before a step, twice as large as it is shown, if anything."""
    paint = PAINTERS.get(environment.name)
    if paint is not None:

        def painted(t: int) -> Image.Image:
            image = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), "white")
            paint(ImageDraw.Draw(image), np.asarray(played.variables[t], np.float64))
            return image

        return painted
    if not isinstance(environment, GymnasiumEnvironment):
        return None
    pictures = environment.pictures(played.variables[-1], len(played.actions))
    return None if pictures is None else lambda t: _placed(pictures[t])


def _placed(picture: NDArray[np.uint8]) -> Image.Image:
    """Return a picture of gymnasium in the middle of a frame, above the bars."""
    image = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), "white")
    found = Image.fromarray(picture)
    share = min(2 * WIDTH / found.width, (2 * (HEIGHT - BARS) - 20) / found.height)
    found = found.resize((round(found.width * share), round(found.height * share)))
    image.paste(found, (WIDTH - found.width // 2, 0))
    return image


def _frame(
    environment: Environment,
    image: Image.Image,
    values: Floats,
    taken: int,
    step: int,
    reach: tuple[float, float],
) -> Image.Image:
    # Twice as large, then halved: the edges become smooth.
    pen = ImageDraw.Draw(image)
    _bars(pen, environment.actions, values, taken, reach)
    pen.text((24, 20), f"step {step}", fill=SOFT, font=ImageFont.load_default(44))
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(32)


def _bars(
    pen: ImageDraw.ImageDraw,
    names: Sequence[str],
    values: Floats,
    taken: int,
    reach: tuple[float, float],
) -> None:
    """Draw a bar for the value of each action, all from the same zero."""
    top, height = 2 * (HEIGHT - BARS), 2 * BARS / len(names)
    left, right = 380, 2 * WIDTH - 190
    low, high = reach
    scale = (right - left) / max(high - low, 1e-9)
    zero = left - low * scale
    font = ImageFont.load_default(min(44, round(height) - 4))
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y = top + i * height
        ends = sorted((zero, zero + value * scale))
        color = COLORS[0] if i == taken else "#a9c1d9"
        pen.rectangle((ends[0], y + 8, ends[1], y + height - 8), fill=color)
        middle = y + height / 2
        pen.text((24, middle), name, fill=INK, font=font, anchor="lm")
        pen.text((2 * WIDTH - 24, middle), f"{value:.1f}", fill=INK, font=font, anchor="rm")


def _cart_pole(pen: ImageDraw.ImageDraw, variables: Floats) -> None:
    x, angle = variables[0], variables[2]
    unit, ground = 2 * WIDTH / 5.2, 2 * (HEIGHT - BARS) - 50
    middle = WIDTH + x * unit
    pen.line((0, ground, 2 * WIDTH, ground), fill=LINE, width=4)
    for limit in (-2.4, 2.4):
        edge = WIDTH + limit * unit
        pen.line((edge, ground - 20, edge, ground + 20), fill=SOFT, width=4)
    pen.rectangle((middle - 60, ground - 50, middle + 60, ground - 8), fill=INK)
    # The angle is small: the pole is drawn with its true angle and twice its length.
    tip = (middle + 380 * math.sin(angle), ground - 50 - 380 * math.cos(angle))
    pen.line((middle, ground - 50, *tip), fill=COLORS[1], width=20)


def _mountain_car(pen: ImageDraw.ImageDraw, variables: Floats) -> None:
    def place(x: float) -> tuple[float, float]:
        return (x + 1.2) / 1.8 * 2 * WIDTH, 500 - 200 * math.sin(3 * x) - 60 - 120

    ways = [place(x) for x in np.linspace(-1.2, 0.6, 160)]
    pen.line(ways, fill=SOFT, width=6, joint="curve")
    flag = place(0.5)
    pen.line((*flag, flag[0], flag[1] - 90), fill=INK, width=6)
    pen.polygon(
        ((flag[0], flag[1] - 90), (flag[0] + 50, flag[1] - 70), (flag[0], flag[1] - 50)),
        fill=COLORS[2],
    )
    x, y = place(float(variables[0]))
    pen.ellipse((x - 26, y - 56, x + 26, y - 4), fill=COLORS[1])


def _acrobot(pen: ImageDraw.ImageDraw, variables: Floats) -> None:
    unit, top = 125.0, 290.0
    first, second = variables[0], variables[0] + variables[1]
    elbow = (WIDTH + unit * math.sin(first), top + unit * math.cos(first))
    tip = (elbow[0] + unit * math.sin(second), elbow[1] + unit * math.cos(second))
    pen.line((WIDTH - 400, top - unit, WIDTH + 400, top - unit), fill=COLORS[2], width=4)
    pen.line((WIDTH, top, *elbow), fill=INK, width=22)
    pen.line((*elbow, *tip), fill=COLORS[1], width=22)
    for x, y in ((WIDTH, top), elbow):
        pen.ellipse((x - 15, y - 15, x + 15, y + 15), fill=SOFT)


PAINTERS: dict[str, Painter] = {
    "CartPole-v1": _cart_pole,
    "MountainCar-v0": _mountain_car,
    "Acrobot-v1": _acrobot,
}
